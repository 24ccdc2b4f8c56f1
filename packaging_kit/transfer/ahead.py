"""Reading documents ahead: while one is looked at, the next ones are fetched."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING

from packaging_kit.artifact.graph import Node, read_node
from packaging_kit.errors import PackagingKitError
from packaging_kit.limits import MAX_MANIFEST_SIZE, MIB
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.links import is_document
from packaging_kit.oci.repository import DocumentSource
from packaging_kit.stores.workers import Job, Reads

if TYPE_CHECKING:
    from typing import Self

_MOST_BYTES = 16 * MIB  # of documents that wait to be looked at

_Key = tuple[str, str, int]


class Ahead:
    """Nodes of a source, in the order in which a walk comes to them; used in a `with` statement.

    Args:
        side_by_side: requests at a time; with one, nothing is read ahead.
    """

    def __init__(self, source: DocumentSource, side_by_side: int) -> None:
        self._source = source
        self._most = side_by_side
        self._reads: Reads[Node] = Reads(side_by_side)
        self._upcoming: deque[Descriptor] = deque()
        self._coming: dict[_Key, Job[Node | PackagingKitError]] = {}
        self._bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self._reads.__exit__(error)

    def read(self, descriptor: Descriptor) -> Node:
        """One node; begins to read the documents that it names. Raises as `read_node` does."""
        if self._most == 1 or not is_document(descriptor.media_type):
            return read_node(self._source, descriptor)
        coming = self._coming.pop(_key(descriptor), None)
        if coming is None:
            node = read_node(self._source, descriptor)
        else:
            self._bytes -= descriptor.size
            node = self._reads.take(coming)
        if node.links is not None:
            # They are walked next, before what was to come until now.
            self._upcoming.extendleft(reversed([c for c in node.links.content if is_document(c.media_type)]))
        self._begin()
        return node

    def pass_over(self, descriptor: Descriptor) -> None:
        """Nobody will ask for this one: it is known already."""
        if self._coming.pop(_key(descriptor), None) is not None:
            self._bytes -= descriptor.size
        if self._upcoming and self._upcoming[0] == descriptor:
            self._upcoming.popleft()
        self._begin()

    def _begin(self) -> None:
        while self._upcoming and len(self._coming) < self._most:
            descriptor = self._upcoming[0]
            if descriptor.size > MAX_MANIFEST_SIZE or self._bytes + descriptor.size > _MOST_BYTES:
                return
            self._upcoming.popleft()
            if _key(descriptor) not in self._coming:
                self._coming[_key(descriptor)] = self._reads.begin(partial(read_node, self._source, descriptor))
                self._bytes += descriptor.size


def _key(descriptor: Descriptor) -> _Key:
    return descriptor.digest.value, descriptor.media_type, descriptor.size
