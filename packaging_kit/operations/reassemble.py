"""`reassemble`: the whole out of a folder that `explode` wrote."""

from __future__ import annotations

from pathlib import Path

from packaging_kit.blobs import Blob
from packaging_kit.digest import Digest
from packaging_kit.errors import NotFoundError, RequestError
from packaging_kit.fragments.reassemble import reassemble
from packaging_kit.operations.outputs import Expected, Output, write_output
from packaging_kit.operations.settings import Settings
from packaging_kit.stores.exploded import ExplodedFolder
from packaging_kit.stores.scratch import FileScratch
from packaging_kit.transfer.progress import NO_PROGRESS, Progress, tell


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
    progress.start("reassemble", None)
    with FileScratch(settings.temporary) as scratch:
        chunks = reassemble(root, store, scratch)
        return write_output(tell(chunks, progress), output, settings.temporary, Expected(digest=expect))
