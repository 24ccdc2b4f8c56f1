"""Copy: named things, with all that belongs to them, from any repository to any other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from packaging_kit.artifact.graph import Node, iter_contained, read_node
from packaging_kit.blobs import Blob, BlobSource, Chunk
from packaging_kit.digest import Digest
from packaging_kit.errors import DocumentError, PackagingKitError
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.layout import Tagged
from packaging_kit.oci.links import check_entry
from packaging_kit.oci.media_types import SKELETON_ARTIFACT, WHOLE_MANIFEST
from packaging_kit.oci.repository import RepositorySink, RepositorySource

OnBytes = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What a copy did.

    Attributes:
        things: what was named in the destination.
        written: blobs that were not there.
        held: blobs that were there already.
    """

    things: tuple[Tagged, ...]
    written: tuple[Blob, ...]
    held: tuple[Blob, ...]


def copy(
    source: RepositorySource,
    sink: RepositorySink,
    wanted: Sequence[tuple[str, Descriptor]],
    *,
    referrers: bool,
    force: bool,
    on_bytes: OnBytes | None = None,
) -> Copied:
    """Copy things with what they contain and their skeletons; what is there already is not written again.

    All of them get their tags, or none. Documents are copied byte for byte.

    Args:
        wanted: a tag in the destination, and what it shall name.
        referrers: copy everything that refers to them too, not only our skeletons.
        on_bytes: is told of the size of every blob that is done.

    Raises:
        PackagingKitError: as source and sink raise; `side` says which of them it was.
    """
    work = _Copy(source=source, sink=sink, all_referrers=referrers, on_bytes=on_bytes)
    with side("source"):
        for tag, descriptor in wanted:
            _check_walkable(tag, descriptor)
    with side("destination"), sink.writing():
        things = [Tagged(tag, *work.copy_thing(descriptor)) for tag, descriptor in wanted]
        sink.put(things, force=force)
    return Copied(things=tuple(things), written=tuple(work.written), held=tuple(work.held))


@dataclass(slots=True, kw_only=True)
class _Copy:
    source: RepositorySource
    sink: RepositorySink
    all_referrers: bool
    on_bytes: OnBytes | None
    written: list[Blob] = field(default_factory=list)
    held: list[Blob] = field(default_factory=list)
    _done: set[Blob] = field(default_factory=set)
    _nodes: dict[tuple[Blob, str], Node] = field(default_factory=dict)  # without the bytes

    def copy_thing(self, descriptor: Descriptor) -> tuple[Descriptor, tuple[Descriptor, ...]]:
        """Copy one thing and what is attached to it; their entries in an index."""
        entry, pending = self._copy_one(descriptor)
        attached: dict[Digest, Descriptor] = {}
        while pending:
            referrer = pending.pop()
            if referrer.digest != entry.digest and referrer.digest not in attached:
                attached[referrer.digest], found = self._copy_one(referrer)
                pending += found
        return entry, tuple(attached[digest] for digest in sorted(attached))

    def _copy_one(self, descriptor: Descriptor) -> tuple[Descriptor, list[Descriptor]]:
        """Copy what belongs to `descriptor`; its entry in an index, and what refers to any part of it."""
        entry = _plain(descriptor)
        referrers: list[Descriptor] = []
        for node in self._iter_source(descriptor):
            # What another thing contains too was copied with it, but what is attached to it belongs to both.
            if node.descriptor.blob not in self._done:
                self._copy_blob(node)
                self._done.add(node.descriptor.blob)
            referrers += self._find_referrers(node)
            if node.descriptor.digest == descriptor.digest and node.links is not None:
                entry = replace(entry, artifact_type=node.links.own_artifact_type)
        return entry, referrers

    def _copy_blob(self, node: Node) -> None:
        # Not `holds_blob`: only what is written is safe from a sweep. Who holds it already takes no chunks.
        blob = node.descriptor.blob
        chunks = _Chunks(self._iter_source_blob(blob) if node.raw is None else (node.raw,))
        self.sink.write_blob(chunks, blob)
        (self.written if chunks.were_taken else self.held).append(blob)
        if self.on_bytes is not None:
            self.on_bytes(blob.size)

    def _iter_source(self, descriptor: Descriptor) -> Iterator[Node]:
        nodes = iter_contained(self.source, descriptor, read=self._read)
        while True:
            with side("source"):
                node = next(nodes, None)
            if node is None:
                return
            yield node

    def _read(self, source: BlobSource, descriptor: Descriptor) -> Node:
        """A node; a document that belongs to many things is read once."""
        key = (descriptor.blob, descriptor.media_type)
        if key in self._nodes:
            return self._nodes[key]
        node = read_node(source, descriptor)
        self._nodes[key] = replace(node, raw=None)
        return node

    def _iter_source_blob(self, blob: Blob) -> Iterator[bytes]:
        with side("source"):
            yield from self.source.iter_blob(blob.digest, size=blob.size)

    def _find_referrers(self, node: Node) -> Iterator[Descriptor]:
        """What refers to one thing; to a whole whose manifest travels inside its split, others may refer too."""
        is_inside = self.all_referrers and node.descriptor.media_type == WHOLE_MANIFEST
        if node.links is None and not is_inside:
            return
        with side("source"):
            found = self.source.referrers(node.descriptor.digest)
        yield from (entry for entry in found if self.all_referrers or entry.artifact_type == SKELETON_ARTIFACT)


class _Chunks:
    """Chunks of a blob, which remember whether anybody asked for them."""

    def __init__(self, chunks: Iterable[Chunk]) -> None:
        self._chunks = chunks
        self.were_taken = False

    def __iter__(self) -> Iterator[Chunk]:
        self.were_taken = True
        return iter(self._chunks)


def _check_walkable(tag: str, descriptor: Descriptor) -> None:
    """Refuse what nobody could follow: the copy would lack what it contains."""
    try:
        check_entry(descriptor)
    except DocumentError as exc:
        exc.subject = tag
        raise


def _plain(descriptor: Descriptor) -> Descriptor:
    """The descriptor without what it said in another index."""
    return Descriptor(media_type=descriptor.media_type, digest=descriptor.digest, size=descriptor.size)


@contextmanager
def side(name: str) -> Iterator[None]:
    """Say in errors at which side they arose, `source` or `destination`."""
    try:
        yield
    except PackagingKitError as exc:
        exc.side = exc.side or name
        raise
