"""Copy: named things, with all that belongs to them, from any repository to any other."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial

from packaging_kit.artifact.graph import Node, iter_contained
from packaging_kit.blobs import Blob, Chunk
from packaging_kit.digest import Digest
from packaging_kit.errors import DocumentError, PackagingKitError
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.layout import Tagged
from packaging_kit.oci.links import check_entry
from packaging_kit.oci.manifest import Manifest
from packaging_kit.oci.media_types import IMAGE_MANIFEST, SKELETON_ARTIFACT, SPLIT_INDEX, WASM_CONFIG, WHOLE_MANIFEST
from packaging_kit.oci.repository import DocumentSource, RepositorySink, RepositorySource, TakenChunks
from packaging_kit.stores.scratch import FileScratch
from packaging_kit.stores.workers import Job, Workers
from packaging_kit.transfer.ahead import Ahead
from packaging_kit.transfer.missing import Fetcher, Wholes, content_of, find_assembly, read_skeletons
from packaging_kit.transfer.progress import NO_PROGRESS, Progress


class ReferrerChoice(Enum):
    """Which referrers go along."""

    NEVER = "never"
    """None."""
    AUTO = "auto"
    """Our skeletons and splits, where the destination finds them again."""
    ALWAYS = "always"
    """Our skeletons and splits; where a registry lists none, by a tag (distribution-spec, "Referrers Tag Schema")."""
    ALL = "all"
    """Whatever refers to what is copied, as with `ALWAYS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What a copy did.

    Attributes:
        things: what was named in the destination.
        written: blobs that were not there.
        held: blobs that were there already.
        left: referrers that the destination would not have found again.
    """

    things: tuple[Tagged, ...]
    written: tuple[Blob, ...]
    held: tuple[Blob, ...]
    left: tuple[Descriptor, ...] = ()


_OWN = (SKELETON_ARTIFACT, SPLIT_INDEX)

_Done = tuple[Blob, bool]
"""A blob, and whether it was written."""


def copy(
    source: RepositorySource,
    sink: RepositorySink,
    wanted: Sequence[tuple[str, Descriptor]],
    *,
    referrers: ReferrerChoice,
    force: bool,
    progress: Progress = NO_PROGRESS,
    side_by_side: int = 1,
    stopped: threading.Event | None = None,
) -> Copied:
    """Copy things with what they contain and our other forms of them; what is there already is not written again.

    All of them get their tags, or none, where the destination can do so. Documents are copied byte for byte.

    Args:
        wanted: a tag in the destination, and what it shall name.
        side_by_side: blobs and documents at a time.
        stopped: is set when something failed; whoever waits for a registry looks at it.

    Raises:
        PackagingKitError: as source and sink raise; `side` says which of them it was.
    """
    with side("source"):
        for tag, descriptor in wanted:
            _check_walkable(tag, descriptor)
    workers: Workers[_Done] = Workers(side_by_side, stopped or threading.Event())
    with (
        side("destination"),
        sink.writing(),
        Ahead(source, side_by_side) as ahead,
        Fetcher(source, side_by_side) as fetcher,
        workers,
    ):
        work = _Copy(
            source=source,
            sink=sink,
            choice=referrers,
            progress=progress,
            workers=workers,
            ahead=ahead,
            fetcher=fetcher,
            wholes=Wholes(source, sink),
        )
        things = [Tagged(tag, *work.copy_thing(descriptor)) for tag, descriptor in wanted]
        done = workers.finish()
        roots = _Roots(source)
        sink.put(things, force=force, source=roots)
    done += [(descriptor.blob, descriptor.blob in roots.read) for _, descriptor in wanted]
    is_written: dict[Blob, bool] = {}
    for blob, is_new in done:  # a manifest may be a blob as well, inside of a skeleton artifact
        is_written[blob] = is_new or is_written.get(blob, False)
    return Copied(
        things=tuple(things),
        written=tuple(blob for blob, is_new in is_written.items() if is_new),
        held=tuple(blob for blob, is_new in is_written.items() if not is_new),
        left=tuple((work.left | {entry.digest: entry for entry in sink.left_out()}).values()),
    )


@dataclass(slots=True, kw_only=True)
class _Copy:
    source: RepositorySource
    sink: RepositorySink
    choice: ReferrerChoice
    progress: Progress
    workers: Workers[_Done]
    ahead: Ahead
    fetcher: Fetcher
    wholes: Wholes
    left: dict[Digest, Descriptor] = field(default_factory=dict)
    _done: dict[Blob, Job[_Done]] = field(default_factory=dict)
    _nodes: dict[tuple[Blob, str], Node] = field(default_factory=dict)  # without the bytes
    _of_splits: set[Digest] = field(default_factory=set)  # manifests that no skeleton of ours refers to
    _listed: dict[Digest, tuple[Descriptor, ...]] = field(default_factory=dict)  # referrers that were asked for early

    def copy_thing(self, descriptor: Descriptor) -> tuple[Descriptor, tuple[Descriptor, ...]]:
        """Copy all of one thing but its own document, and what is attached to it; their entries in an index."""
        entry, pending = self._copy_one(descriptor, is_root=True)
        attached: dict[Digest, Descriptor] = {}
        while pending:
            referrer = pending.pop()
            if referrer.digest != entry.digest and referrer.digest not in attached:
                attached[referrer.digest], found = self._copy_one(referrer)
                pending += found
        return entry, tuple(attached[digest] for digest in sorted(attached))

    def _copy_one(self, descriptor: Descriptor, *, is_root: bool = False) -> tuple[Descriptor, list[Descriptor]]:
        """Copy what belongs to `descriptor`; its entry in an index, and what refers to any part of it."""
        entry = _plain(descriptor)
        referrers: list[Descriptor] = []
        for node in self._iter_source(descriptor):
            is_last = node.descriptor.digest == descriptor.digest and node.links is not None
            # What another thing contains too was copied with it, but what is attached to it belongs to both.
            if node.descriptor.blob not in self._done and not (is_root and is_last):
                self._done[node.descriptor.blob] = self.workers.submit(self._job(node))
            referrers += self._find_referrers(node)
            if is_last and node.links is not None:
                entry = replace(entry, artifact_type=node.links.own_artifact_type)
        return entry, referrers

    def _job(self, node: Node) -> partial[_Done]:
        """What writes one blob or document; a document after what it names."""
        if node.raw is None or node.links is None:
            return self._job_of_blob(node.descriptor.blob)
        named = [self._done[child.blob] for child in node.links.content if child.blob in self._done]
        return partial(self._copy_document, node.descriptor, node.raw, named)

    def _job_of_blob(self, blob: Blob) -> partial[_Done]:
        """What writes a blob; a whole after its skeletons, which go along in any case and may spare a part of it."""
        manifest = None if self.choice is ReferrerChoice.NEVER else self.wholes.manifest_of(blob)
        if manifest is None or manifest.digest in self._of_splits:
            return partial(self._copy_blob, blob)
        self._listed[manifest.digest] = found = self._ask_for_referrers(manifest.digest)
        entries = [entry for entry in found if entry.artifact_type == SKELETON_ARTIFACT]
        skeletons = tuple(read_skeletons(self.source, entries))
        needed = dict.fromkeys(each for artifact in skeletons for each in content_of(artifact) if each != blob)
        for each in needed:
            if each not in self._done:
                self._done[each] = self.workers.submit(partial(self._copy_blob, each))
        return partial(self._copy_whole, blob, manifest, skeletons, [self._done[each] for each in needed])

    def _copy_whole(
        self, layer: Blob, manifest: Descriptor, skeletons: tuple[Manifest, ...], needed: list[Job[_Done]]
    ) -> _Done:
        self.workers.wait_for(needed)
        held = self.wholes.held
        with FileScratch() as scratch:
            assembly = held and find_assembly(layer, manifest, skeletons, held, scratch)
            if assembly:
                chunks = TakenChunks(lambda: self._told(layer, assembly.iter_chunks(self.fetcher)))
                try:
                    self.sink.write_blob(chunks, layer)
                except PackagingKitError:
                    # A skeleton that lies, a module that is damaged here, no ranges there: the whole is there as well.
                    if self.workers.stopped.is_set():
                        raise
                else:
                    return layer, chunks.were_taken
        return self._copy_blob(layer)

    def _copy_blob(self, blob: Blob) -> _Done:
        # Not `holds_blob`: only what is written is safe from a sweep. Who holds it already takes no chunks.
        chunks = TakenChunks(lambda: self._iter_source_blob(blob))
        with side("destination"):
            self.sink.write_blob(chunks, blob)
        if not chunks.were_taken:
            self.progress.advance(blob.size)
        return blob, chunks.were_taken

    def _copy_document(self, descriptor: Descriptor, raw: bytes, named: list[Job[_Done]]) -> _Done:
        self.workers.wait_for(named)
        with side("destination"):
            is_new = self.sink.write_document(_plain(descriptor), raw)
        self.progress.advance(len(raw))
        return descriptor.blob, is_new

    def _iter_source(self, descriptor: Descriptor) -> Iterator[Node]:
        nodes = iter_contained(self.source, descriptor, read=self._read)
        while True:
            with side("source"):
                node = next(nodes, None)
            if node is None:
                return
            yield node

    def _read(self, _: DocumentSource, descriptor: Descriptor) -> Node:
        """A node; a document that belongs to many things is read once."""
        key = (descriptor.blob, descriptor.media_type)
        if key in self._nodes:
            self.ahead.pass_over(descriptor)
            return self._nodes[key]
        node = self.ahead.read(descriptor)
        self.wholes.note(node)
        self._nodes[key] = replace(node, raw=None)
        if node.links is not None and node.links.own_artifact_type == SPLIT_INDEX:
            self._of_splits.update(child.digest for child in node.links.content)
        return node

    def _iter_source_blob(self, blob: Blob) -> Iterator[Chunk]:
        with side("source"):
            yield from self._told(blob, self.source.iter_blob(blob.digest, size=blob.size))

    def _told(self, blob: Blob, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
        told = 0
        tell = self.progress.part(blob.digest.hex[:12], blob.size)
        try:
            for chunk in chunks:
                if self.workers.stopped.is_set():
                    return  # too few bytes, which nobody gives a name
                yield chunk
                told += len(chunk)
                tell(len(chunk))
        except BaseException:
            tell(-told)  # another try begins anew
            raise

    def _find_referrers(self, node: Node) -> Iterator[Descriptor]:
        """What refers to one thing; to a whole whose manifest travels inside its split, others may refer too."""
        is_all = self.choice is ReferrerChoice.ALL
        if self.choice is ReferrerChoice.NEVER or not (self._may_have_ours(node) or (is_all and _may_have_any(node))):
            return
        found = self._listed.pop(node.descriptor.digest, None)
        if found is None:
            found = self._ask_for_referrers(node.descriptor.digest)
        if found and not self.sink.takes_referrers(always=self.choice is not ReferrerChoice.AUTO):
            self.left |= {entry.digest: entry for entry in found}
            return
        yield from found

    def _ask_for_referrers(self, subject: Digest) -> tuple[Descriptor, ...]:
        with side("source"):
            return self.source.referrers(subject, None if self.choice is ReferrerChoice.ALL else _OWN)

    def _may_have_ours(self, node: Node) -> bool:
        """Whether a split of ours may refer to it: to nothing that itself refers, unless that is a Wasm artifact."""
        return (
            node.links is not None
            and node.descriptor.media_type == IMAGE_MANIFEST
            and (node.links.subject is None or node.links.artifact_type == WASM_CONFIG)
            and node.descriptor.digest not in self._of_splits
        )


def _may_have_any(node: Node) -> bool:
    return node.links is not None or node.descriptor.media_type == WHOLE_MANIFEST


class _Roots(DocumentSource):
    """The documents of the things that get names, which remembers what was asked for."""

    def __init__(self, source: RepositorySource) -> None:
        self._source = source
        self.read: set[Blob] = set()

    def blob_size(self, digest: Digest) -> int:
        return self._source.blob_size(digest)

    def iter_blob_unverified(self, digest: Digest, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        return self._source.iter_blob_unverified(digest, start, end)

    def read_document(self, descriptor: Descriptor) -> bytes:
        with side("source"):
            raw = self._source.read_document(descriptor)
        self.read.add(descriptor.blob)
        return raw


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
