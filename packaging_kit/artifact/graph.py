"""Walking a store from a descriptor to everything that belongs to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from packaging_kit.blobs import BlobSource
from packaging_kit.digest import Digest
from packaging_kit.errors import DocumentError
from packaging_kit.limits import MAX_INDEX_DEPTH
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.links import Links, is_document, read_links


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One thing that was met.

    Attributes:
        descriptor: that named it.
        raw: the bytes of a document, verified; `None` for other blobs, which were not looked at.
        links: what a document names; `None` for other blobs.
    """

    descriptor: Descriptor
    raw: bytes | None
    links: Links | None


def read_node(source: BlobSource, descriptor: Descriptor) -> Node:
    """Look at one thing.

    Raises:
        DocumentError: `document-invalid`, `document-too-large`, `media-type-unexpected`.
        NotFoundError: `not-found`.
        ContentError: `digest-mismatch`, `size-mismatch`.
    """
    if not is_document(descriptor.media_type):
        return Node(descriptor=descriptor, raw=None, links=None)
    raw = source.read_blob(descriptor.digest, size=descriptor.size)
    return Node(descriptor=descriptor, raw=raw, links=read_links(raw, descriptor.media_type))


Seen = set[tuple[Digest, str]]
"""Digest and media type of what was met: a manifest may be met as a plain blob first (docs/format.md, 11.4)."""


def iter_contained(source: BlobSource, root: Descriptor, seen: Seen | None = None) -> Iterator[Node]:
    """Everything that belongs to `root`, each thing once and before what names it; `root` comes last.

    Subjects are not followed: what a document refers to does not belong to it. Raises as `read_node` does.

    Args:
        seen: what is passed over, with what belongs to it; what is met is added.
    """
    seen = set() if seen is None else seen
    pending: list[tuple[Node, Iterator[Descriptor]]] = []
    descriptor: Descriptor | None = root
    while descriptor is not None or pending:
        if descriptor is not None and (descriptor.digest, descriptor.media_type) not in seen:
            seen.add((descriptor.digest, descriptor.media_type))
            if len(pending) > MAX_INDEX_DEPTH:
                raise DocumentError("document-invalid", f"indexes nest deeper than {MAX_INDEX_DEPTH} levels")
            node = read_node(source, descriptor)
            pending.append((node, iter(() if node.links is None else node.links.content)))
        if not pending:
            return
        node, content = pending[-1]
        descriptor = next(content, None)
        if descriptor is None:
            pending.pop()
            yield node
