"""`digest`, `explode` and `reassemble`: the canonical split of files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from packaging_kit.blobs import Blob
from packaging_kit.digest import Digest
from packaging_kit.errors import NotFoundError, RequestError
from packaging_kit.fragments.explode import explode, explode_chunks
from packaging_kit.fragments.exploded import Exploded
from packaging_kit.fragments.reassemble import reassemble
from packaging_kit.operations.inputs import Input, open_chunks, open_view
from packaging_kit.operations.outputs import Expected, Output, write_output
from packaging_kit.operations.progress import NO_PROGRESS, Progress, tell
from packaging_kit.operations.settings import Settings
from packaging_kit.stores.exploded import ExplodedFolder
from packaging_kit.stores.files import make_folder
from packaging_kit.stores.scratch import FileScratch


@dataclass(frozen=True, slots=True, kw_only=True)
class FragmentSummary:
    """One distinct fragment: digest and size of its blob, and `module` or `component`."""

    digest: Digest
    size: int
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSummary:
    """What a whole splits into.

    Attributes:
        whole: digest and size of the whole.
        skeleton: digest and size of the root skeleton; the digest is the root.
        fragments: distinct ones, as first met.
    """

    whole: Blob
    skeleton: Blob
    fragments: tuple[FragmentSummary, ...]

    @property
    def root(self) -> Digest:
        return self.skeleton.digest


def digest_file(source: Input, settings: Settings) -> SplitSummary:
    """What a file splits into, without writing anything; it is read once.

    Raises:
        WasmFormatError: where it can't be split.
        UnavailableError: `io-error`, `input-changed`.
    """
    with open_chunks(source) as (view, chunks):
        exploded = explode_chunks(chunks, FileScratch(settings.temporary)) if view is None else explode(view)
        return _summarise(exploded)


def explode_file(source: Input, into: Path, settings: Settings, progress: Progress = NO_PROGRESS) -> SplitSummary:
    """Write a file's skeletons and fragments to a folder, and the root last.

    Raises:
        WasmFormatError: where it can't be split; then nothing was written.
        StoreError: `output-exists`, where the folder holds another root.
        UnavailableError: `io-error`, `input-changed`.
    """
    with open_view(source, settings.temporary) as view:
        exploded = explode(view)
        folder = ExplodedFolder(into)
        folder.check_root(exploded.root)
        make_folder(into)
        blobs = [Blob(exploded.root, exploded.skeleton_size)]
        blobs += [Blob(fragment.digest, fragment.size) for fragment in exploded.fragments]
        progress.start("explode", sum(blob.size for blob in blobs))
        for blob in blobs:
            folder.write_blob(tell(exploded.iter_blob_unverified(blob.digest), progress), blob)
        summary = _summarise(exploded)
    folder.write_root(summary.root)
    return summary


def reassemble_folder(
    folder: Path, output: Output, settings: Settings, *, expect: Digest | None = None, progress: Progress = NO_PROGRESS
) -> Blob:
    """Write the whole that a folder's root stands for.

    Args:
        expect: digest of the whole, where the caller knows it.

    Raises:
        RequestError: `digest-invalid`, where another algorithm than sha256 is expected.
        SkeletonError: `skeleton-not-canonical`, `skeleton-too-large`.
        NotFoundError: `not-found`, `fragment-missing`.
        ContentError: `digest-mismatch`, `size-mismatch`.
        StoreError: `output-exists`, `layout-invalid`.
        UnavailableError: `io-error`.
    """
    if expect is not None and expect.algorithm != "sha256":
        raise RequestError("digest-invalid", f"`{expect}` is no sha256 digest, and no other is computed")
    store = ExplodedFolder(folder)
    try:
        root = store.read_root()
    except NotFoundError as exc:
        raise NotFoundError("not-found", f"`{folder}` holds no exploded component: no `root` in it") from exc
    output.check()
    progress.start("reassemble", None)
    chunks = reassemble(root, store, FileScratch(settings.temporary))
    return write_output(tell(chunks, progress), output, settings.temporary, Expected(digest=expect))


def _summarise(exploded: Exploded) -> SplitSummary:
    return SplitSummary(
        whole=Blob(exploded.digest, exploded.size),
        skeleton=Blob(exploded.root, exploded.skeleton_size),
        fragments=tuple(
            FragmentSummary(digest=fragment.digest, size=fragment.size, kind=fragment.kind.value)
            for fragment in exploded.fragments
        ),
    )
