"""Only what is missing: a whole put together from its skeletons, the modules that are held, and ranges of the rest."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from packaging_kit.artifact.graph import Node
from packaging_kit.artifact.unpack import only_layer, restore_component, skeleton_root
from packaging_kit.blobs import Blob, BlobSource, Chunk, Scratch, check_size
from packaging_kit.digest import Digest
from packaging_kit.errors import DocumentError, PackagingKitError
from packaging_kit.fragments.plan import Plan, make_plan
from packaging_kit.fragments.spans import Span, SpanKind
from packaging_kit.limits import CHUNK_SIZE, MODULE_THRESHOLD
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.manifest import Manifest, parse_manifest
from packaging_kit.oci.media_types import IMAGE_MANIFEST, SKELETON, WHOLE_CONFIG, WHOLE_MANIFEST
from packaging_kit.oci.repository import DocumentSource, RepositorySink, RepositorySource
from packaging_kit.stores.indexed import IndexedStore
from packaging_kit.stores.workers import Job, Reads

if TYPE_CHECKING:
    from typing import Self

_MOST_RANGES = 32  # where `Range` is ignored, each of them costs all that comes before it
_MOST_AHEAD = 4  # ranges of one whole that are held in memory, each of at most 1 MiB

_OF_SKELETONS = (SKELETON, WHOLE_CONFIG, WHOLE_MANIFEST)


class Range(NamedTuple):
    """Bytes of a whole that have to be fetched."""

    start: int
    end: int


class Wholes:
    """The layers of a source that may be put together, by the manifests that were met.

    Attributes:
        held: where pieces of them may be; `None` where none can be, or where to fetch is no cheaper.
    """

    def __init__(self, source: RepositorySource, sink: RepositorySink) -> None:
        is_far = not isinstance(source, IndexedStore)
        self.held = sink if is_far and isinstance(sink, IndexedStore) and _has_entries(sink) else None
        self._manifests: dict[Blob, Descriptor] = {}

    def note(self, node: Node) -> None:
        """Look at what was met: a Wasm artifact names a layer."""
        if self.held is None or node.raw is None or node.descriptor.media_type != IMAGE_MANIFEST:
            return
        try:
            manifest = parse_manifest(node.raw).value
            layer = only_layer(manifest)
        except DocumentError:
            return
        if manifest.subject is None:
            self._manifests.setdefault(layer.blob, node.descriptor)

    def manifest_of(self, layer: Blob) -> Descriptor | None:
        """The manifest whose layer this is, where that is missing in the destination."""
        manifest = self._manifests.get(layer)
        if manifest is None or self.held is None or _has(self.held, layer):
            return None
        return manifest


def read_skeletons(source: DocumentSource, entries: Sequence[Descriptor]) -> Iterator[Manifest]:
    """Skeleton artifacts, in the order of their entries; without those that can't be read."""
    for entry in entries:
        try:
            manifest = parse_manifest(source.read_document(entry)).value
        except PackagingKitError:
            continue  # which is for who copies it to report
        yield manifest


def content_of(skeletons: Manifest) -> Iterator[Blob]:
    """The blobs that have to be there to make a plan of a skeleton artifact."""
    return (layer.blob for layer in skeletons.layers if layer.media_type in _OF_SKELETONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """How a whole is put together.

    Attributes:
        ranges: what has to be fetched, in order.
    """

    layer: Blob
    ranges: tuple[Range, ...]
    _plan: Plan
    _held: BlobSource

    def iter_chunks(self, fetcher: Fetcher) -> Iterator[Chunk]:
        """The whole's bytes; nothing but the modules that are held is verified.

        Raises:
            PackagingKitError: as source and destination raise.
        """
        fetched = fetcher.iter_ranges(self.layer.digest, self.ranges)
        starts = {each.start: each for each in self.ranges}
        position = 0
        for span in self._plan.iter_spans():
            if span.start < position:
                continue  # it came with a range
            if span.start in starts:
                yield from next(fetched)
                position = starts[span.start].end
            else:
                yield from self._iter_span(span)

    def _iter_span(self, span: Span) -> Iterator[Chunk]:
        if span.header:
            yield span.header
        elif span.kind is SpanKind.MODULE:
            yield from self._held.iter_blob(span.digest, size=span.end - span.start)
        else:
            last = span.offset + span.end - span.start
            for start in range(span.offset, last, CHUNK_SIZE):
                yield self._plan.literal(span.digest, start, min(start + CHUNK_SIZE, last))


def find_assembly(
    layer: Blob, manifest: Descriptor, skeletons: Sequence[Manifest], held: DocumentSource, scratch: Scratch
) -> Assembly | None:
    """How to put a layer together; `None` where no module of it is held, or no skeleton can be used.

    Args:
        manifest: of the whole artifact, which the skeletons have to restore.
        skeletons: artifacts that refer to it, whose content is in `held`; the first that can be used is.
        scratch: where the skeletons' bytes are kept.
    """
    for artifact in skeletons:
        try:
            if restore_component(held, artifact).manifest.digest != manifest.digest:
                continue
            plan = make_plan(skeleton_root(artifact), held, scratch)
            check_size(plan.size, layer.size)
        except PackagingKitError:
            continue  # another may be intact, and the whole can be fetched in any case
        modules = {digest for digest, size in plan.module_sizes.items() if _has(held, Blob(digest, size))}
        if not modules:
            return None
        return Assembly(layer=layer, ranges=_ranges(plan, modules), _plan=plan, _held=held)
    return None


class Fetcher:
    """Reads ranges of blobs, small ones ahead and side by side; used in a `with` statement.

    Args:
        side_by_side: requests at a time; with one, nothing is read ahead.
    """

    def __init__(self, source: BlobSource, side_by_side: int) -> None:
        self._source = source
        self._most = min(side_by_side, _MOST_AHEAD)
        self._reads: Reads[bytes] = Reads(side_by_side)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self._reads.__exit__(error)

    def iter_ranges(self, digest: Digest, ranges: Sequence[Range]) -> Iterator[Iterator[bytes]]:
        """The bytes of each range as they are there, one range after the other."""
        coming: deque[Job[bytes | PackagingKitError] | None] = deque()
        for number, (start, end) in enumerate(ranges):
            for ahead in ranges[number + len(coming) : number + self._most]:
                is_small = self._most > 1 and ahead.end - ahead.start <= CHUNK_SIZE
                coming.append(self._reads.begin(partial(self._read, digest, *ahead)) if is_small else None)
            job = coming.popleft()
            if job is None:
                yield self._source.iter_blob_unverified(digest, start, end)
            else:
                yield iter((self._reads.take(job),))

    def _read(self, digest: Digest, start: int, end: int) -> bytes:
        return b"".join(self._source.iter_blob_unverified(digest, start, end))


def _ranges(plan: Plan, held: set[Digest]) -> tuple[Range, ...]:
    """What has to be fetched; what lies between two modules and is smaller than any module comes along."""
    found: list[Range] = []
    for span in plan.iter_spans():
        if span.kind is SpanKind.LITERAL or span.digest in held:
            continue
        if found and span.start - found[-1].end < MODULE_THRESHOLD:
            found[-1] = Range(found[-1].start, span.end)
        else:
            found.append(Range(span.start, span.end))
    return tuple(_fewer(found)) if found else ()


def _fewer(ranges: Sequence[Range]) -> Iterator[Range]:
    """The same where they are not too many; otherwise only the widest gaps between them are left."""
    gaps = sorted(range(1, len(ranges)), key=lambda at: ranges[at - 1].end - ranges[at].start)
    firsts = sorted((0, *gaps[: _MOST_RANGES - 1]))
    for first, after in zip(firsts, (*firsts[1:], len(ranges)), strict=True):
        yield Range(ranges[first].start, ranges[after - 1].end)


def _has(store: BlobSource, blob: Blob) -> bool:
    """Whether something of this name and size is there; its bytes are checked when they are read."""
    try:
        return store.blob_size(blob.digest) == blob.size
    except PackagingKitError:
        return False


def _has_entries(store: IndexedStore) -> bool:
    try:
        return bool(store.read_index().value.manifests)
    except PackagingKitError:
        return False  # it is new, or what is wrong with it is found when it is written to
