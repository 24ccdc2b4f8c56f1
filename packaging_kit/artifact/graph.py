"""Walking a store from a descriptor to everything that belongs to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from packaging_kit.digest import Digest
from packaging_kit.errors import DocumentError
from packaging_kit.limits import MAX_INDEX_DEPTH
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.index import Index
from packaging_kit.oci.links import Links, check_entry, is_document, read_links
from packaging_kit.oci.media_types import REF_NAME
from packaging_kit.oci.repository import DocumentSource


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


def read_node(source: DocumentSource, descriptor: Descriptor) -> Node:
    """Look at one thing.

    Raises:
        DocumentError: `document-invalid`, `document-too-large`, `media-type-unexpected`.
        NotFoundError: `not-found`.
        ContentError: `digest-mismatch`, `size-mismatch`.
    """
    if not is_document(descriptor.media_type):
        return Node(descriptor=descriptor, raw=None, links=None)
    raw = source.read_document(descriptor)
    return Node(descriptor=descriptor, raw=raw, links=read_links(raw, descriptor.media_type))


def check_depth(depth: int) -> None:
    """Refuse what stands in more documents than anyone writes.

    Raises:
        DocumentError: `document-invalid`.
    """
    if depth > MAX_INDEX_DEPTH:
        raise DocumentError("document-invalid", f"indexes nest deeper than {MAX_INDEX_DEPTH} levels")


Seen = set[tuple[Digest, str]]
"""Digest and media type of what was met: a manifest may be met as a plain blob first (docs/format.md, 11.5)."""


def iter_contained(
    source: DocumentSource,
    root: Descriptor,
    seen: Seen | None = None,
    *,
    read: Callable[[DocumentSource, Descriptor], Node] = read_node,
) -> Iterator[Node]:
    """Everything that belongs to `root`, each thing once and before what names it; `root` comes last.

    Subjects are not followed: what a document refers to does not belong to it. Raises as `read_node` does.

    Args:
        seen: what is passed over, with what belongs to it; what is met is added.
        read: looks at one thing.
    """
    seen = set() if seen is None else seen
    pending: list[tuple[Node, Iterator[Descriptor]]] = []
    descriptor: Descriptor | None = root
    while descriptor is not None or pending:
        if descriptor is not None and (descriptor.digest, descriptor.media_type) not in seen:
            seen.add((descriptor.digest, descriptor.media_type))
            check_depth(len(pending))
            node = read(source, descriptor)
            pending.append((node, iter(() if node.links is None else node.links.content)))
        if not pending:
            return
        node, content = pending[-1]
        descriptor = next(content, None)
        if descriptor is None:
            pending.pop()
            yield node


@dataclass(frozen=True, slots=True)
class Reachable:
    """What a sweep has to keep.

    Attributes:
        blobs: digests of everything that is reached.
        entries: digests of the untagged entries among it.
    """

    blobs: frozenset[Digest]
    entries: frozenset[Digest]


def find_reachable(source: DocumentSource, index: Index) -> Reachable:
    """What is reached from the tags of `index`, and from what refers to anything that is reached.

    Every document on the way has to be readable: nobody knows what a damaged one would have kept. Raises as
    `read_node` does.
    """
    seen: Seen = set()
    reached: set[Digest] = set()
    entries: set[Digest] = set()
    waiting = _by_subject(source, index)
    pending = [entry for entry in index.manifests if REF_NAME in entry.annotations]
    while pending:
        entry = pending.pop()
        for node in iter_contained(source, entry, seen):
            reached.add(node.descriptor.digest)
            for referrer in waiting.pop(node.descriptor.digest, ()):
                entries.add(referrer.digest)
                pending.append(referrer)
    return Reachable(frozenset(reached), frozenset(entries))


def _by_subject(source: DocumentSource, index: Index) -> dict[Digest, list[Descriptor]]:
    """The untagged entries of an index by what they refer to."""
    found: dict[Digest, list[Descriptor]] = {}
    for number, entry in enumerate(index.manifests):
        check_entry(entry, f"manifests[{number}]")
        if REF_NAME not in entry.annotations:
            links = read_node(source, entry).links
            if links is not None and links.subject is not None:
                found.setdefault(links.subject.digest, []).append(entry)
    return found
