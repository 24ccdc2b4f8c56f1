"""A folder with `blobs/ALGORITHM/HEX`: what OCI layouts and exploded components have in common."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType

from packaging_kit.blobs import Blob, BlobSink, BlobSource, Chunk, check_blob
from packaging_kit.digest import ALGORITHMS, Digest
from packaging_kit.errors import ContentError, NotFoundError, RequestError, StoreError
from packaging_kit.stores.atomic import AtomicFile, write_chunks
from packaging_kit.stores.files import io_errors, is_link, iter_plain, list_plain, make_folder, plain_size, sync_folder
from packaging_kit.stores.locks import sweep
from packaging_kit.stores.publishing import Publisher


class BlobFolder(BlobSource, BlobSink):
    """Blobs as plain files.

    What is written gets its name when it is complete and flushed; `flush` makes the names durable. Several
    threads may write at a time.

    Raises:
        StoreError: `layout-invalid`, where something is no plain file or folder.
        UnavailableError: `io-error`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._folders = {algorithm: folder / "blobs" / algorithm for algorithm in ALGORITHMS}
        self._made: set[Path] = set()
        self._unflushed: set[Path] = set()
        self._publisher: Publisher | None = None
        self._publishing_for: int | None = None  # the thread that has the publisher
        self._preparing = threading.RLock()

    def blob_path(self, digest: Digest) -> Path:
        """Where the blob is or would be."""
        return self._folders[digest.algorithm] / digest.hex

    def blob_size(self, digest: Digest) -> int:
        self._settle(digest)
        with _named(digest):
            return plain_size(self._checked_path(digest))

    def iter_blob_unverified(self, digest: Digest, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        self._settle(digest)
        with _named(digest):
            yield from iter_plain(self._checked_path(digest), start, end)

    def holds_blob(self, blob: Blob) -> bool:
        waiting = None if self._publisher is None else self._publisher.waiting(blob.digest)
        if waiting is not None:
            return waiting == blob
        if not os.path.lexists(self._path(blob.digest)):
            return False  # the usual case, told quickly
        try:
            for _ in self.iter_blob(blob.digest, size=blob.size):
                pass
        except (NotFoundError, ContentError):
            return False
        return True

    def write_blob(self, chunks: Iterable[Chunk], expected: Blob | None = None) -> Blob:
        algorithm = "sha256" if expected is None else expected.digest.algorithm
        folder = self._folders[algorithm]
        self._make_folder(folder)
        if expected is not None and self.holds_blob(expected):
            # Whoever wrote it may not have come to making its name durable.
            self._unflushed.add(folder)
            return expected
        self._unflushed.add(folder)
        with ExitStack() as stack:
            file = stack.enter_context(AtomicFile(folder))
            blob = write_chunks(file, chunks, algorithm)
            if expected is not None:
                check_blob(blob, digest=expected.digest, size=expected.size, what="the content")
            # Threads that write side by side wait for the disk side by side anyway.
            if self._publisher is None or self._publishing_for != threading.get_ident():
                file.publish(self._path(blob.digest))
            else:
                self._publisher.publish(file, self._path(blob.digest), blob)
                stack.pop_all()  # the publisher's now
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
        yield from self._folders.values()

    def remove_blobs(self, digests: Iterable[Digest]) -> None:
        """Remove the files of blobs, durably; those that are not there are passed over."""
        folders: set[Path] = set()
        for digest in digests:
            path = self._checked_path(digest)
            with io_errors(path), suppress(FileNotFoundError):
                os.unlink(path)
            folders.add(self._folders[digest.algorithm])
        for folder in folders:
            sync_folder(folder)

    def flush(self) -> None:
        """Make the names of all blobs that were written durable."""
        if self._publisher is not None:
            self._publisher.finish()
        for folder in tuple(self._unflushed):
            sync_folder(folder)
            self._unflushed.discard(folder)

    def sweep(self) -> None:
        """Remove what writers left behind that were killed."""
        sweep(self.folder)
        for folder in self.blob_folders():
            sweep(folder)

    def _make_folder(self, folder: Path) -> None:
        """Make one of the folders of blobs, the first time; writers that were killed may have left something."""
        check_no_link(folder)
        with self._preparing:
            if folder not in self._made:
                make_folder(folder)
                self.sweep()
                self._made.add(folder)

    def _settle(self, digest: Digest) -> None:
        if self._publisher is not None and self._publisher.waiting(digest) is not None:
            self._publisher.finish()

    def _path(self, digest: Digest) -> str:
        return f"{self._folders[digest.algorithm]}{os.sep}{digest.hex}"

    def _checked_path(self, digest: Digest) -> str:
        check_no_link(self._folders[digest.algorithm])
        return self._path(digest)


def check_no_link(folder: Path) -> None:
    """Refuse `blobs` or `blobs/sha256` that leads elsewhere."""
    for path in (os.path.dirname(folder), folder):
        with io_errors(path):
            if is_link(path):
                raise StoreError("layout-invalid", f"`{path}` is a link")


class _named:  # noqa: N801 - used as a function
    """Say which blob is not there, in place of which file; used in a `with` statement."""

    __slots__ = ("_digest",)

    def __init__(self, digest: Digest) -> None:
        self._digest = digest

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, _type: type[BaseException] | None, exc: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if isinstance(exc, NotFoundError):
            raise NotFoundError("not-found", f"the blob {self._digest} is not there") from exc
