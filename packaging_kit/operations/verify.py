"""`verify`: every byte that a repository holds for what is named in it, read and checked."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from packaging_kit.artifact.graph import check_depth, read_node
from packaging_kit.blobs import Blob
from packaging_kit.digest import Digest
from packaging_kit.errors import ContentError, DocumentError, NotFoundError, PackagingKitError
from packaging_kit.limits import KIB
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.index import Index
from packaging_kit.oci.links import Links, check_entry
from packaging_kit.oci.media_types import REF_NAME
from packaging_kit.oci.repository import RepositorySource
from packaging_kit.operations.document_checks import Check, check_document, read_through
from packaging_kit.operations.places import RepositoryPlace
from packaging_kit.operations.repositories import open_source
from packaging_kit.operations.settings import Settings, side_by_side
from packaging_kit.stores.indexed import IndexedStore
from packaging_kit.stores.workers import Workers
from packaging_kit.transfer.progress import NO_PROGRESS, Progress

_WORTH_A_THREAD = 256 * KIB
_DAMAGE = (NotFoundError, ContentError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that is wrong.

    Attributes:
        code: as the errors have.
        where: a digest, or the place of an entry in `index.json`.
        message: one sentence.
        tags: those that are touched by it, sorted; empty where only untagged things are.
    """

    code: str
    where: str
    message: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What was looked at, and what is wrong.

    Attributes:
        tags: number of tags that were followed.
        blobs: number of distinct blobs that were read.
        size: of those, in bytes.
        components: number of splits that were put together, or compared with their whole.
        problems: in the order of `index.json`.
        unreferenced: blobs that nothing leads to; they harm nobody, and `gc` removes them. Empty where a
            document can't be read: nobody knows what it leads to.
    """

    tags: int
    blobs: int
    size: int
    components: int
    problems: tuple[Problem, ...]
    unreferenced: tuple[Blob, ...]


def verify(place: RepositoryPlace, settings: Settings, progress: Progress = NO_PROGRESS) -> Verification:
    """Check all that is named at `place`; with a tag or digest, that and what refers to it.

    Every blob is hashed, every document read, every split form put together and compared with the digest of
    its whole; memory does not grow with the size of what is checked.

    Raises:
        NotFoundError: `not-found`.
        StoreError: `layout-invalid`, where there is no index to begin from.
        UnavailableError: `io-error`, from the index itself.
    """
    with open_source(place, settings) as store:
        work = _Work(store, settings)
        is_all = place.tag is None and place.digest is None
        is_indexed = isinstance(store, IndexedStore)
        index = store.read_index().value if isinstance(store, IndexedStore) else _index_of(store, place)
        if is_all:
            work.follow(work.check_index(index), with_referrers=not is_indexed)
        else:
            work.follow([_Step(store.find(place.tag, place.digest))], with_referrers=True)
        work.run(progress)
        held = store.iter_blobs() if isinstance(store, IndexedStore) and is_all else ()
        return work.report(index, held)


def _index_of(store: RepositorySource, place: RepositoryPlace) -> Index:
    """The index that a registry's repository would have as a layout, as far as `place` asks for it."""
    if place.digest is not None:
        return Index(manifests=())
    tags = store.tags() if place.tag is None else (place.tag,)
    return Index(manifests=tuple(replace(store.find(tag), annotations={REF_NAME: tag}) for tag in tags))


@dataclass(frozen=True, slots=True)
class _Step:
    """A descriptor to look at.

    Attributes:
        descriptor: of what is to be looked at.
        entry: its place in `index.json`, where it stands there.
        parent: the document that it stands in otherwise.
        depth: number of documents around it.
    """

    descriptor: Descriptor
    entry: str = ""
    parent: Descriptor | None = None
    depth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """Something that takes long: a blob to hash, or a document to check against what it stands for."""

    blob: Blob
    size: int
    work: Callable[[], None]
    say: Callable[[Blob, PackagingKitError], None]


def _do(job: _Job, progress: Progress) -> PackagingKitError | None:
    """What is wrong, if anything."""
    try:
        job.work()
    except PackagingKitError as exc:
        return exc
    finally:
        progress.advance(job.size)
    return None


@dataclass(slots=True)
class _Work:
    store: RepositorySource
    settings: Settings
    found: list[tuple[Blob | None, str, PackagingKitError]] = field(default_factory=list)
    _said: set[Blob | None] = field(default_factory=set)  # what `found` is about
    _blobs: dict[Digest, dict[Blob, None]] = field(default_factory=dict)  # with every size that is stated
    _names: dict[Digest, tuple[Digest, ...]] = field(default_factory=dict)  # what each document names
    _artifact_types: dict[Digest, str | None] = field(default_factory=dict)
    _unread: set[Digest] = field(default_factory=set)  # documents
    _parents: dict[Blob, set[Blob]] = field(default_factory=dict)
    _subjects: dict[Blob, Digest] = field(default_factory=dict)
    _leaves: dict[Blob, None] = field(default_factory=dict)  # what is no document, in the order of the index
    _checks: list[_Job] = field(default_factory=list)
    _consequences: list[tuple[Blob, PackagingKitError]] = field(default_factory=list)

    def check_index(self, index: Index) -> list[_Step]:
        """Say what is wrong with an index that is readable; its entries, as far as they can be followed."""
        if not index.has_media_type and index.others:
            name = min(index.others)
            self._say(
                None,
                "index.json",
                DocumentError("document-invalid", f"it has no `mediaType`, but a member `{name[:200]}`"),
            )
        steps = []
        for number, entry in enumerate(index.manifests):
            try:
                check_entry(entry, f"manifests[{number}]")
                steps.append(_Step(entry, f"manifests[{number}]"))
            except DocumentError as exc:
                self._say(entry.blob, f"index.json manifests[{number}]", exc)
                self._blobs.setdefault(entry.digest, {})[entry.blob] = None
                self._unread.add(entry.digest)
        return steps

    def follow(self, entries: list[_Step], *, with_referrers: bool) -> None:
        """Read every document that is reached, and note what else there is to check."""
        seen: set[tuple[Blob, str]] = set()
        pending = entries[::-1]
        while pending:
            step = pending.pop()
            descriptor = step.descriptor
            key = (descriptor.blob, descriptor.media_type)
            if key not in seen:
                seen.add(key)
                self._blobs.setdefault(descriptor.digest, {})[descriptor.blob] = None
                links = self._look(step)
                if links is not None:
                    pending += self._next_steps(step, links, with_referrers=with_referrers)[::-1]
            self._check_artifact_type(step)

    def run(self, progress: Progress) -> None:
        """Hash the blobs, and put the splits together; large ones side by side."""
        jobs = [*map(self._hash, self._leaves), *self._checks]
        progress.start("verify", sum(job.size for job in jobs))
        is_near = isinstance(self.store, IndexedStore)
        count = (os.cpu_count() or 1) if is_near else side_by_side(self.settings)
        small: dict[int, PackagingKitError | None] = {}
        with Workers[PackagingKitError | None](count, threading.Event()) as workers:
            for number, job in enumerate(jobs):
                if is_near and job.size < _WORTH_A_THREAD:
                    small[number] = _do(job, progress)
                else:
                    workers.submit(partial(_do, job, progress))
            large = iter(workers.finish())
        for number, job in enumerate(jobs):
            error = small[number] if number in small else next(large)
            if error is not None:
                job.say(job.blob, error)

    def report(self, index: Index, held: Iterable[Blob]) -> Verification:
        tagged: dict[Blob, list[str]] = {}
        for entry in index.manifests:
            if REF_NAME in entry.annotations:
                tagged.setdefault(entry.blob, []).append(entry.annotations[REF_NAME])
        # What contains something damaged fails with it, and that is said once.
        damaged = self._around(
            {blob for blob, _, error in self.found if blob is not None and isinstance(error, _DAMAGE)}
        )
        for blob, error in self._consequences:
            if blob not in damaged:
                self._say(blob, blob.digest.value, error)
        return Verification(
            tags=sum(len(tags) for blob, tags in tagged.items() if blob.digest in self._blobs),
            blobs=len(self._blobs),
            size=sum(next(iter(known)).size for known in self._blobs.values()),
            components=len(self._checks),
            problems=tuple(
                Problem(code=error.code, where=where, message=str(error), tags=self._touched(blob, tagged))
                for blob, where, error in self.found
            ),
            unreferenced=tuple(b for b in held if b.digest not in self._blobs) if not self._unread else (),
        )

    def _say(self, blob: Blob | None, where: str, error: PackagingKitError) -> None:
        self.found.append((blob, where, error))
        self._said.add(blob)

    def _say_of_check(self, blob: Blob, error: PackagingKitError) -> None:
        if isinstance(error, _DAMAGE):
            self._consequences.append((blob, error))
        else:
            self._say(blob, blob.digest.value, error)

    def _say_of_leaf(self, blob: Blob, error: PackagingKitError) -> None:
        if blob not in self._said:  # which it is where it is a document too
            self._say(blob, blob.digest.value, error)

    def _look(self, step: _Step) -> Links | None:
        """Read a document, or note that a blob has to be hashed; `None` where there is nothing to follow."""
        descriptor = step.descriptor
        try:
            check_depth(step.depth)
            node = read_node(self.store, descriptor)
        except PackagingKitError as exc:
            self._say(descriptor.blob, f"index.json {step.entry}" if step.entry else descriptor.digest.value, exc)
            self._unread.add(descriptor.digest)
            return None
        if node.links is None:
            self._leaves[descriptor.blob] = None
            return None
        self._names[descriptor.digest] = tuple(child.digest for child in node.links.content)
        self._artifact_types[descriptor.digest] = node.links.artifact_type
        try:
            check = check_document(node, self.store, self.settings.temporary)
            if check is not None:
                self._add_check(descriptor, *check)
        except PackagingKitError as exc:
            self._say_of_check(descriptor.blob, exc)
        return node.links

    def _add_check(self, descriptor: Descriptor, size: int, check: Check) -> None:
        def work() -> None:
            check(self._named(descriptor))

        self._checks.append(_Job(blob=descriptor.blob, size=size, work=work, say=self._say_of_check))

    def _next_steps(self, step: _Step, links: Links, *, with_referrers: bool) -> list[_Step]:
        descriptor = step.descriptor
        for child in links.content:
            self._parents.setdefault(child.blob, set()).add(descriptor.blob)
        if links.subject is not None:
            self._subjects[descriptor.blob] = links.subject.digest
        steps = [_Step(child, parent=descriptor, depth=step.depth + 1) for child in links.content]
        if with_referrers:
            steps += [_Step(entry) for entry in self.store.referrers(descriptor.digest)]
        return steps

    def _hash(self, blob: Blob) -> _Job:
        def work() -> None:
            read_through(self.store.iter_blob(blob.digest, size=blob.size))

        return _Job(blob=blob, size=blob.size, work=work, say=self._say_of_leaf)

    def _check_artifact_type(self, step: _Step) -> None:
        descriptor, said = step.descriptor, step.descriptor.artifact_type
        if said in (None, self._artifact_types.get(descriptor.digest, said)):
            return
        holder = step.parent or descriptor
        error = DocumentError(
            "document-invalid",
            f"it calls {descriptor.digest} `{said[:200]}`, which is of another artifact type",
            json_path="artifactType",
        )
        self._say(holder.blob, f"index.json {step.entry}" if step.entry else holder.digest.value, error)

    def _named(self, descriptor: Descriptor) -> set[Digest] | None:
        """All that the documents in `descriptor` name; `None` where one of them could not be read."""
        found: set[Digest] = set()
        pending = {descriptor.digest}
        while pending:
            found |= pending
            pending = {name for digest in pending for name in self._names.get(digest, ())} - found
        return found if self._unread.isdisjoint(found) else None

    def _around(self, blobs: Iterable[Blob]) -> set[Blob]:
        """These, the documents that contain them, and what those refer to."""
        found = set(blobs)
        pending = list(found)
        while pending:
            current = pending.pop()
            more = self._parents.get(current, set()).union(self._subject_of(current)) - found
            pending += more
            found |= more
        return found

    def _subject_of(self, blob: Blob) -> Iterable[Blob]:
        subject = self._subjects.get(blob)
        return () if subject is None else self._blobs.get(subject, ())

    def _touched(self, blob: Blob | None, tagged: Mapping[Blob, list[str]]) -> tuple[str, ...]:
        """The tags from which a blob is reached, or whose things it refers to; all of them for the index itself."""
        around = tagged.keys() if blob is None else tagged.keys() & self._around((blob,))
        return tuple(sorted({tag for known in around for tag in tagged[known]}))
