"""`verify`: every byte that a repository holds for what is named in it, read and checked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from packaging_kit.artifact.graph import Node, read_node
from packaging_kit.artifact.unpack import find_component, only_layer, restore_component
from packaging_kit.blobs import Blob
from packaging_kit.digest import Digest
from packaging_kit.errors import ContentError, DocumentError, NotFoundError, PackagingKitError, WasmFormatError
from packaging_kit.fragments.explode import explode_chunks
from packaging_kit.limits import KIB
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.index import Index
from packaging_kit.oci.links import check_entry
from packaging_kit.oci.manifest import Manifest, parse_manifest
from packaging_kit.oci.media_types import IMAGE_MANIFEST, REF_NAME, SKELETON_ARTIFACT, SPLIT_INDEX, WASM_CONFIG
from packaging_kit.oci.wasm_config import parse_wasm_config
from packaging_kit.operations.places import RepositoryPlace
from packaging_kit.operations.progress import NO_PROGRESS, Progress
from packaging_kit.operations.repositories import open_source
from packaging_kit.operations.settings import Settings
from packaging_kit.operations.unpack import iter_unhashed
from packaging_kit.stores.indexed import IndexedStore
from packaging_kit.stores.scratch import FileScratch

_WORTH_A_THREAD = 256 * KIB


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
        unreferenced: blobs that nothing leads to; they harm nobody, and `gc` removes them.
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
        index = store.read_index().value
        if place.tag is None and place.digest is None:
            work.check_index(index)
            work.follow(_entries(index), with_referrers=False)
        else:
            descriptor = store.find(place.tag, place.digest)
            work.follow([(descriptor.digest.value, descriptor)], with_referrers=True)
        work.run(progress)
        return work.report(index, is_all=place.tag is None and place.digest is None)


def _entries(index: Index) -> list[tuple[str, Descriptor]]:
    return [(f"index.json manifests[{number}]", entry) for number, entry in enumerate(index.manifests)]


@dataclass(slots=True)
class _Work:
    store: IndexedStore
    settings: Settings
    found: list[tuple[Digest | None, str, PackagingKitError]] = field(default_factory=list)
    blobs: dict[Digest, Blob] = field(default_factory=dict)
    components: int = 0
    _parents: dict[Digest, set[Digest]] = field(default_factory=dict)
    _leaves: dict[Digest, Blob] = field(default_factory=dict)
    _checks: list[tuple[Digest, int, Callable[[], None]]] = field(default_factory=list)

    def check_index(self, index: Index) -> None:
        """What a damaged bit can do to an index that leaves it readable."""
        if not index.has_media_type and index.others:
            name = min(index.others)
            self._say(
                None,
                "index.json",
                DocumentError("document-invalid", f"it has no `mediaType`, but a member `{name[:200]}`"),
            )

    def follow(self, entries: list[tuple[str, Descriptor]], *, with_referrers: bool) -> None:
        """Read every document that is reached, and note what else there is to check."""
        seen: set[tuple[Digest, int, str]] = set()
        pending = list(reversed(entries))
        while pending:
            where, descriptor = pending.pop()
            key = (descriptor.digest, descriptor.size, descriptor.media_type)
            if key in seen:
                continue
            seen.add(key)
            self.blobs.setdefault(descriptor.digest, descriptor.blob)
            node = self._look(where, descriptor)
            if node is None or node.links is None:
                continue
            for child in node.links.content:
                self._parents.setdefault(child.digest, set()).add(descriptor.digest)
            if node.links.subject is not None:
                self._parents.setdefault(descriptor.digest, set()).add(node.links.subject.digest)
            pending += [(descriptor.digest.value, child) for child in reversed(node.links.content)]
            if with_referrers:
                pending += [(entry.digest.value, entry) for entry in self.store.referrers(descriptor.digest)]

    def run(self, progress: Progress) -> None:
        """Hash the blobs, and put the splits together; large ones side by side."""
        jobs = [(blob.digest, blob.size, self._hash(blob)) for blob in self._leaves.values()]
        jobs += self._checks
        progress.start("verify", sum(size for _, size, _ in jobs))
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            started = [(job, pool.submit(job[2]) if job[1] >= _WORTH_A_THREAD else None) for job in jobs]
            try:
                for (digest, size, work), future in started:
                    try:
                        if future is None:
                            work()
                        else:
                            future.result()
                    except PackagingKitError as exc:
                        self._say(digest, digest.value, exc)
                    progress.advance(size)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def report(self, index: Index, *, is_all: bool) -> Verification:
        tagged: dict[Digest, list[str]] = {}
        for entry in index.manifests:
            if REF_NAME in entry.annotations:
                tagged.setdefault(entry.digest, []).append(entry.annotations[REF_NAME])
        held = self.store.iter_blobs() if is_all else ()
        return Verification(
            tags=sum(len(tags) for digest, tags in tagged.items() if digest in self.blobs),
            blobs=len(self.blobs),
            size=sum(blob.size for blob in self.blobs.values()),
            components=self.components,
            problems=tuple(
                Problem(
                    code=error.code,
                    where=where,
                    message=str(error),
                    tags=tuple(sorted(self._touched(digest, tagged))),
                )
                for digest, where, error in self.found
            ),
            unreferenced=tuple(blob for blob in held if blob.digest not in self.blobs),
        )

    def _say(self, digest: Digest | None, where: str, error: PackagingKitError) -> None:
        self.found.append((digest, where, error))

    def _look(self, where: str, descriptor: Descriptor) -> Node | None:
        """Read a document, or note that a blob has to be hashed; `None` where it can't be followed."""
        in_index = where.startswith("index.json")
        try:
            if in_index:
                check_entry(descriptor, where.removeprefix("index.json "))
            node = read_node(self.store, descriptor)
            if node.links is None:
                self._add_leaf(descriptor)
        except PackagingKitError as exc:
            self._say(descriptor.digest, where if in_index else descriptor.digest.value, exc)
            return None
        try:
            self._check_artifact_type(node)
            self._check_document(node)
        except (NotFoundError, ContentError):
            pass  # said where that blob itself is looked at
        except PackagingKitError as exc:
            self._say(descriptor.digest, descriptor.digest.value, exc)
        return node

    def _add_leaf(self, descriptor: Descriptor) -> None:
        known = self._leaves.setdefault(descriptor.digest, descriptor.blob)
        if known.size != descriptor.size:
            raise DocumentError("document-invalid", f"{descriptor.digest} is given two sizes", json_path="size")

    def _check_artifact_type(self, node: Node) -> None:
        said = node.descriptor.artifact_type
        if node.links is not None and said not in (None, node.links.artifact_type):
            raise DocumentError(
                "document-invalid",
                f"a descriptor calls it `{said[:200]}`, but it is of another artifact type",
                json_path="artifactType",
            )

    def _check_document(self, node: Node) -> None:
        descriptor = node.descriptor
        if node.links is None or node.raw is None:
            return
        if node.links.artifact_type == SPLIT_INDEX:
            size = find_component(self.store, descriptor).layer.size
            self._checks.append((descriptor.digest, size, lambda: self._reassemble(descriptor)))
            self.components += 1
        elif descriptor.media_type == IMAGE_MANIFEST:
            manifest = parse_manifest(node.raw).value
            if manifest.artifact_type == SKELETON_ARTIFACT:
                self._add_comparison(descriptor, manifest)
            elif manifest.config.media_type == WASM_CONFIG:
                only_layer(manifest)
                parse_wasm_config(self.store.read_blob(manifest.config.digest, size=manifest.config.size))

    def _add_comparison(self, descriptor: Descriptor, manifest: Manifest) -> None:
        """A skeleton artifact that refers to a whole artifact: the whole has to split into it."""
        component = restore_component(self.store, manifest)
        layer = component.layer
        try:
            if manifest.subject is None or self.store.blob_size(layer.digest) != layer.size:
                return
        except NotFoundError:
            return  # the whole may be elsewhere; a subject need not be there
        self.components += 1
        root = component.root
        self._checks.append((descriptor.digest, layer.size, lambda: self._compare(layer, root)))

    def _hash(self, blob: Blob) -> Callable[[], None]:
        return lambda: _read_through(self.store.iter_blob(blob.digest, size=blob.size))

    def _reassemble(self, descriptor: Descriptor) -> None:
        component = find_component(self.store, descriptor)
        with FileScratch(self.settings.temporary) as scratch:
            _read_through(iter_unhashed(component, self.store, scratch))

    def _compare(self, layer: Descriptor, root: Digest | None) -> None:
        with FileScratch(self.settings.temporary) as scratch:
            chunks = self.store.iter_blob_unverified(layer.digest)
            try:
                exploded = explode_chunks(chunks, scratch)
            except WasmFormatError as exc:
                raise DocumentError("document-invalid", f"the whole that it refers to can't be split: {exc}") from exc
        if exploded.root != root:
            raise DocumentError("document-invalid", f"the whole that it refers to has the root {exploded.root}")

    def _touched(self, digest: Digest | None, tagged: dict[Digest, list[str]]) -> Iterator[str]:
        """The tags from which `digest` is reached, or whose things it refers to."""
        if digest is None:
            yield from {tag for tags in tagged.values() for tag in tags}
            return
        seen = {digest}
        pending = [digest]
        while pending:
            current = pending.pop()
            yield from tagged.get(current, ())
            more = self._parents.get(current, set()) - seen
            seen |= more
            pending += more


def _read_through(chunks: Iterable[bytes]) -> None:
    for _ in chunks:
        pass
