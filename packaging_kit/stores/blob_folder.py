"""A folder with `blobs/ALGORITHM/HEX`: what OCI layouts and exploded components have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from packaging_kit.blobs import Blob, BlobSink, BlobSource, Chunk, check_blob
from packaging_kit.digest import ALGORITHMS, Digest
from packaging_kit.errors import ContentError, NotFoundError, RequestError, StoreError
from packaging_kit.stores.files import (
    AtomicFile,
    io_errors,
    iter_plain,
    list_plain,
    make_folder,
    plain_size,
    sync_folder,
    write_chunks,
)


class BlobFolder(BlobSource, BlobSink):
    """Blobs as plain files.

    What is written gets its name when it is complete and flushed; `flush` makes the names durable.

    Raises:
        StoreError: `layout-invalid`, where something is no plain file or folder.
        UnavailableError: `io-error`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._unflushed: set[Path] = set()

    def blob_path(self, digest: Digest) -> Path:
        """Where the blob is or would be."""
        return self.folder / "blobs" / digest.algorithm / digest.hex

    def blob_size(self, digest: Digest) -> int:
        with _named(digest):
            return plain_size(self._checked_path(digest))

    def iter_blob_unverified(self, digest: Digest, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        with _named(digest):
            yield from iter_plain(self._checked_path(digest), start, end)

    def holds_blob(self, blob: Blob) -> bool:
        try:
            for _ in self.iter_blob(blob.digest, size=blob.size):
                pass
        except (NotFoundError, ContentError):
            return False
        return True

    def write_blob(self, chunks: Iterable[Chunk], expected: Blob | None = None) -> Blob:
        algorithm = "sha256" if expected is None else expected.digest.algorithm
        folder = self.folder / "blobs" / algorithm
        if expected is not None and self.holds_blob(expected):
            # Whoever wrote it may not have come to making its name durable.
            self._unflushed.add(folder)
            return expected
        check_no_link(folder)
        make_folder(folder)
        with AtomicFile(folder) as file:
            blob = write_chunks(file, chunks, algorithm)
            if expected is not None:
                check_blob(blob, digest=expected.digest, size=expected.size, what="the content")
            file.publish(self.blob_path(blob.digest))
        self._unflushed.add(folder)
        return blob

    def iter_blobs(self) -> Iterator[Blob]:
        """Everything that has the name of a blob, with the size that it has; not verified."""
        for folder in self.blob_folders():
            check_no_link(folder)
            for name, size in list_plain(folder):
                with suppress(RequestError):  # not named by a digest: nobody reads it as a blob
                    yield Blob(Digest(f"{folder.name}:{name}"), size)

    def blob_folders(self) -> Iterator[Path]:
        """The folders that blobs stand in."""
        for algorithm in ALGORITHMS:
            yield self.folder / "blobs" / algorithm

    def remove_blobs(self, digests: Iterable[Digest]) -> None:
        """Remove the files of blobs, durably; those that are not there are passed over."""
        folders: set[Path] = set()
        for digest in digests:
            path = self._checked_path(digest)
            with io_errors(path):
                path.unlink(missing_ok=True)
            folders.add(path.parent)
        for folder in folders:
            sync_folder(folder)

    def flush(self) -> None:
        """Make the names of all blobs that were written durable."""
        for folder in tuple(self._unflushed):
            sync_folder(folder)
            self._unflushed.discard(folder)

    def _checked_path(self, digest: Digest) -> Path:
        path = self.blob_path(digest)
        check_no_link(path.parent)
        return path


def check_no_link(folder: Path) -> None:
    """Refuse `blobs` or `blobs/sha256` that leads elsewhere."""
    for path in (folder.parent, folder):
        with io_errors(path):
            if path.is_symlink():
                raise StoreError("layout-invalid", f"`{path}` is a link")


@contextmanager
def _named(digest: Digest) -> Iterator[None]:
    """Say which blob is not there, in place of which file."""
    try:
        yield
    except NotFoundError as exc:
        raise NotFoundError("not-found", f"the blob {digest} is not there") from exc
