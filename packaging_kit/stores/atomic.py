"""Files that are either all there or not there: written aside, flushed, then given their name."""

from __future__ import annotations

import itertools
import os
import stat
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from packaging_kit.blobs import Blob, Chunk
from packaging_kit.digest import Digest, SideHasher
from packaging_kit.errors import StoreError
from packaging_kit.limits import MIB
from packaging_kit.stores.files import StrPath, io_errors, is_there, status_of, sync_folder
from packaging_kit.stores.locks import HAS_FLOCK, TEMPORARY_PREFIX, close, mark_in_use

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # asked for before each use

if TYPE_CHECKING:
    from typing import Self

_FLUSH_SIZE: Final = 16 * MIB

_counter = itertools.count()


class AtomicFile:
    """A file that is written under a temporary name beside its final one.

    Used in a `with` statement; without `publish` nothing is left behind.

    Raises:
        UnavailableError: `io-error` from every method.
    """

    def __init__(self, folder: StrPath) -> None:
        with io_errors(folder):
            self._path, self._handle = _create(os.fspath(folder))
        self._flusher = _Flusher(self._handle)
        self._is_open = True
        self._is_published = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        if not self._is_published:
            with suppress(OSError):
                os.unlink(self._path)

    def write(self, data: Chunk) -> None:
        with io_errors(self._path):
            view = memoryview(data)
            while view:
                written = os.write(self._handle, view)
                self._flusher.wrote(written)
                view = view[written:]

    def publish(self, path: StrPath, *, replace: bool = True) -> None:
        """Flush to the disk, then give the file its name, in the folder where it is.

        Raises:
            StoreError: `output-exists`, where `path` exists and may not be replaced.
        """
        with io_errors(path):
            if replace:
                self._take_mode_of(path)
            self._flusher.finish()
            _sync(self._handle)
            if not HAS_FLOCK:
                self._close()  # Windows renames no file that is open; elsewhere its lock keeps it from being swept
            if replace:
                os.replace(self._path, path)
            elif not _link(self._path, path):
                raise StoreError("output-exists", f"`{path}` exists", hint="`--force` replaces it")
            self._is_published = True
            self._close()

    def _take_mode_of(self, path: StrPath) -> None:
        """What only some may read stays so when it is replaced."""
        status = status_of(path)
        if status is not None and stat.S_ISREG(status.st_mode) and hasattr(os, "fchmod"):
            os.fchmod(self._handle, stat.S_IMODE(status.st_mode))

    def _close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._flusher.wait()
            close(self._handle)


class _Flusher:
    """Has a large file flushed while it is written, so that little is left to wait for at its end."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._unflushed = 0
        self._thread: threading.Thread | None = None
        self._error: OSError | None = None

    def wrote(self, size: int) -> None:
        """So many more bytes were written."""
        self._unflushed += size
        if self._unflushed >= _FLUSH_SIZE and (self._thread is None or not self._thread.is_alive()):
            self._unflushed = 0
            thread = threading.Thread(target=self._flush, daemon=True)
            with suppress(RuntimeError):  # the system gives no more threads: then all is flushed at the end
                thread.start()
                self._thread = thread

    def wait(self) -> None:
        """Until the handle is no longer used."""
        if self._thread is not None:
            self._thread.join()

    def finish(self) -> None:
        """Wait, and raise what went wrong: the operating system tells it only once."""
        self.wait()
        if self._error is not None:
            raise self._error

    def _flush(self) -> None:
        try:
            os.fsync(self._handle)
        except OSError as exc:
            self._error = exc


def write_chunks(file: AtomicFile, chunks: Iterable[Chunk], algorithm: str = "sha256") -> Blob:
    """Write `chunks`, and hash them at the same time."""
    with SideHasher(algorithm) as hasher:
        size = 0
        for chunk in chunks:
            hasher.update(chunk)
            file.write(chunk)
            size += len(chunk)
        return Blob(Digest.from_hasher(hasher, algorithm), size)


def _create(folder: str) -> tuple[str, int]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    while True:
        path = os.path.join(folder, f"{TEMPORARY_PREFIX}{os.getpid()}-{next(_counter)}")
        try:
            handle = os.open(path, flags, 0o666)
        except FileExistsError:
            continue  # left behind by a process that had this id and was killed
        try:
            if mark_in_use(path, handle):
                return path, handle
        except OSError:
            close(handle)
            with suppress(OSError):
                os.unlink(path)
            raise
        close(handle)


def _sync(handle: int) -> None:
    """Flush a file to the medium itself: on macOS `fsync` stops at the disk's own cache."""
    full_sync: int | None = getattr(fcntl, "F_FULLFSYNC", None)
    if fcntl is not None and full_sync is not None:
        with suppress(OSError):  # not on every file system; what follows is
            fcntl.fcntl(handle, full_sync)
            return
    os.fsync(handle)


def _link(temporary: str, path: StrPath) -> bool:
    """Rename without replacing; false where `path` exists."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError:
        # No hard links on this file system: what is left is not atomic, but replaces nothing that was there.
        if is_there(path):
            return False
        os.replace(temporary, path)
        return True
    with suppress(OSError):
        os.unlink(temporary)  # the file has its name; another one left over is swept some day
    return True


def write_file(path: Path, data: bytes, *, replace: bool = True) -> None:
    """Write a small file atomically and durably."""
    with AtomicFile(path.parent) as file:
        file.write(data)
        file.publish(path, replace=replace)
    sync_folder(path.parent)
