"""Files that are either all there or not there: written aside, flushed, then given their name."""

from __future__ import annotations

import errno
import itertools
import os
import stat
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final

from packaging_kit.blobs import Blob, Chunk
from packaging_kit.digest import Digest, SideHasher
from packaging_kit.errors import NotFoundError, StoreError, UnavailableError
from packaging_kit.limits import CHUNK_SIZE, MIB
from packaging_kit.stores.locks import HAS_FLOCK, TEMPORARY_PREFIX, close, mark_in_use

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # asked for before each use

if TYPE_CHECKING:
    from typing import Self

StrPath = str | os.PathLike[str]
"""Blobs are many and small, and making a `Path` costs as much as opening a file."""

_FLUSH_SIZE: Final = 16 * MIB

_counter = itertools.count()
_seeking = threading.Lock()

# Not on every system; without them a link is still refused, by `lstat` before and `fstat` after opening.
_OPEN_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


class io_errors:  # noqa: N801 - used as a function
    """Translate what the operating system says; used in a `with` statement.

    Raises:
        UnavailableError: `io-error`.
    """

    __slots__ = ("_path",)

    def __init__(self, path: StrPath) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, _type: type[BaseException] | None, exc: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if isinstance(exc, OSError):
            raise _io_error(self._path, exc) from exc


def _io_error(path: StrPath, exc: OSError) -> UnavailableError:
    return UnavailableError("io-error", f"`{path}`: {(exc.strerror or str(exc)).lower()}")


def open_plain(path: StrPath) -> int:
    """A file descriptor for reading the plain file at `path`; links, devices and folders are refused.

    Raises:
        NotFoundError: `not-found`.
        StoreError: `layout-invalid`, where it is no plain file.
        UnavailableError: `io-error`.
    """
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise _not_plain(path)
        descriptor = os.open(path, _OPEN_FLAGS)
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise NotFoundError("not-found", f"`{path}` is not there") from exc
    except OSError as exc:
        if exc.errno == errno.ELOOP:
            raise _not_plain(path) from exc
        raise _io_error(path, exc) from exc
    try:
        with io_errors(path):
            is_plain = stat.S_ISREG(os.fstat(descriptor).st_mode)
        if not is_plain:
            raise _not_plain(path)
    except BaseException:
        close(descriptor)
        raise
    return descriptor


def _not_plain(path: StrPath) -> StoreError:
    return StoreError("layout-invalid", f"`{path}` is not a plain file")


def iter_plain(path: StrPath, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """The bytes `start:end` of the plain file at `path`; raises as `open_plain` does."""
    descriptor = open_plain(path)
    try:
        with io_errors(path):
            if start:
                os.lseek(descriptor, start, os.SEEK_SET)
            left = None if end is None else max(end - start, 0)
            while left is None or left > 0:
                chunk = os.read(descriptor, CHUNK_SIZE if left is None else min(CHUNK_SIZE, left))
                if not chunk:
                    return
                left = None if left is None else left - len(chunk)
                yield chunk
    finally:
        close(descriptor)


def is_there(path: StrPath, *, follow_links: bool = False) -> bool:
    """Whether `path` is anything, or leads to anything; unlike those of `os.path`, an error is not taken for a no.

    Raises:
        OSError: where the system can't tell.
    """
    return _mode(os.stat if follow_links else os.lstat, path) is not None


def is_folder(path: StrPath) -> bool:
    """Whether `path` is or leads to a folder; raises as `is_there` does."""
    return stat.S_ISDIR(_mode(os.stat, path) or 0)


def is_file(path: StrPath) -> bool:
    """Whether `path` is or leads to a plain file; raises as `is_there` does."""
    return stat.S_ISREG(_mode(os.stat, path) or 0)


def is_link(path: StrPath) -> bool:
    """Whether `path` is a symbolic link; raises as `is_there` does."""
    return stat.S_ISLNK(_mode(os.lstat, path) or 0)


def _mode(ask: Callable[[StrPath], os.stat_result], path: StrPath) -> int | None:
    """What `path` is; `None` for nothing."""
    status = _status(ask, path)
    return None if status is None else status.st_mode


def _status(ask: Callable[[StrPath], os.stat_result], path: StrPath) -> os.stat_result | None:
    try:
        return ask(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def read_at(descriptor: int, size: int, position: int) -> bytes:
    """Up to `size` bytes of an open file at `position`, from any thread."""
    if hasattr(os, "pread"):
        return os.pread(descriptor, size, position)
    with _seeking:  # Windows
        os.lseek(descriptor, position, os.SEEK_SET)
        return os.read(descriptor, size)


def plain_size(path: StrPath) -> int:
    """The size of the plain file at `path`; raises as `open_plain` does."""
    descriptor = open_plain(path)
    try:
        with io_errors(path):
            return os.fstat(descriptor).st_size
    finally:
        close(descriptor)


def list_plain(folder: Path) -> list[tuple[str, int]]:
    """Name and size of the plain files in `folder`, sorted; none where it is not there."""
    with io_errors(folder):
        try:
            with os.scandir(folder) as entries:
                return sorted(_iter_sizes(entry for entry in entries if entry.is_file(follow_symlinks=False)))
        except FileNotFoundError:
            return []


def _iter_sizes(entries: Iterable[os.DirEntry[str]]) -> Iterator[tuple[str, int]]:
    for entry in entries:
        with suppress(FileNotFoundError):  # it got another name, or was swept
            yield entry.name, entry.stat().st_size


class AtomicFile:
    """A file that is written under a temporary name beside its final one.

    Used in a `with` statement; without `publish` nothing is left behind.

    Raises:
        UnavailableError: `io-error` from every method.
    """

    def __init__(self, folder: StrPath) -> None:
        with io_errors(folder):
            self._path, self._descriptor = _create(os.fspath(folder))
        self._flusher = _Flusher(self._descriptor)
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
                written = os.write(self._descriptor, view)
                self._flusher.wrote(written)
                view = view[written:]

    def publish(self, path: StrPath, *, replace: bool = True) -> None:
        """Flush to the disk, then give the file its name, in the folder where it is.

        Raises:
            StoreError: `output-exists`, where `path` exists and may not be replaced.
        """
        with io_errors(path):
            self._flusher.finish()
            _sync(self._descriptor)
            if not HAS_FLOCK:
                self._close()  # Windows renames no file that is open; elsewhere its lock keeps it from being swept
            if replace:
                self._take_mode_of(path)
                os.replace(self._path, path)
            elif not _link(self._path, path):
                raise StoreError("output-exists", f"`{path}` exists", hint="`--force` replaces it")
            self._is_published = True
            self._close()

    def _take_mode_of(self, path: StrPath) -> None:
        """What only some may read stays so when it is replaced."""
        status = _status(os.lstat, path)
        if status is not None and stat.S_ISREG(status.st_mode) and self._is_open and hasattr(os, "fchmod"):
            os.fchmod(self._descriptor, stat.S_IMODE(status.st_mode))

    def _close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._flusher.wait()
            close(self._descriptor)


class _Flusher:
    """Has a large file flushed while it is written, so that little is left to wait for at its end."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
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
        """Until the descriptor is no longer used."""
        if self._thread is not None:
            self._thread.join()

    def finish(self) -> None:
        """Wait, and raise what went wrong: the operating system tells it only once."""
        self.wait()
        if self._error is not None:
            raise self._error

    def _flush(self) -> None:
        try:
            os.fsync(self._descriptor)
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
            descriptor = os.open(path, flags, 0o666)
        except FileExistsError:
            continue  # left behind by a process that had this id and was killed
        try:
            if mark_in_use(path, descriptor):
                return path, descriptor
        except OSError:
            close(descriptor)
            with suppress(OSError):
                os.unlink(path)
            raise
        close(descriptor)


def _sync(descriptor: int) -> None:
    """Flush a file to the medium itself: on macOS `fsync` stops at the disk's own cache."""
    full_sync: int | None = getattr(fcntl, "F_FULLFSYNC", None)
    if fcntl is not None and full_sync is not None:
        with suppress(OSError):  # not on every file system; what follows is
            fcntl.fcntl(descriptor, full_sync)
            return
    os.fsync(descriptor)


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


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable, where the operating system can."""
    with io_errors(folder):
        try:
            descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        except PermissionError:
            return  # Windows opens no folders
        try:
            os.fsync(descriptor)
        except OSError as exc:
            if exc.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise
        finally:
            close(descriptor)


def make_folder(folder: Path) -> None:
    """Make `folder` and what it stands in, durably.

    Whoever made what is there already may have been killed before its name was durable. That can be so of the
    innermost one only: nothing is put into a folder before its own name is.
    """
    missing: list[Path] = []
    for path in (folder, *folder.parents):
        with io_errors(path):
            if is_folder(path):
                sync_folder(path.parent)
                break
        missing.append(path)
    for path in reversed(missing):
        with io_errors(path):
            path.mkdir(exist_ok=True)
        sync_folder(path.parent)
