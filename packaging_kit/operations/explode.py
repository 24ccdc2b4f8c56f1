"""`explode`: a file's skeletons and fragments as plain files."""

from __future__ import annotations

from pathlib import Path

from packaging_kit.blobs import Blob
from packaging_kit.fragments.explode import explode
from packaging_kit.operations.digest import SplitSummary, summarise
from packaging_kit.operations.inputs import Input, open_view
from packaging_kit.operations.settings import Settings
from packaging_kit.stores.exploded import ExplodedFolder
from packaging_kit.stores.files import make_folder
from packaging_kit.transfer.progress import NO_PROGRESS, Progress, tell


def explode_file(source: Input, into: Path, settings: Settings, progress: Progress = NO_PROGRESS) -> SplitSummary:
    """Write a file's skeletons and fragments to a folder, and the root last.

    Raises:
        WasmFormatError: where it can't be split; then nothing was written.
        StoreError: `output-exists`, where the folder holds another root.
        UnavailableError: `io-error`, `input-changed`.
    """
    with open_view(source, settings.temporary) as view:
        progress.start(f"read {source.name}", len(view))
        exploded = explode(view, on_bytes=progress.advance)
        folder = ExplodedFolder(into)
        folder.check_root(exploded.root)
        make_folder(into)
        blobs = [Blob(exploded.root, exploded.skeleton_size)]
        blobs += [Blob(fragment.digest, fragment.size) for fragment in exploded.fragments]
        progress.start(f"write {into}", sum(blob.size for blob in blobs))
        for blob in blobs:
            folder.write_blob(tell(exploded.iter_blob_unverified(blob.digest), progress), blob)
        summary = summarise(exploded)
    folder.write_root(summary.root)
    return summary
