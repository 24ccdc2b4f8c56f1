"""Plain files and folders: what is there, reading it, and making names durable."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final

from packaging_kit.errors import NotFoundError, StoreError, UnavailableError
from packaging_kit.limits import CHUNK_SIZE
from packaging_kit.stores.locks import close

StrPath = str | os.PathLike[str]
"""Blobs are many and small, and making a `Path` costs as much as opening a file."""

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
    """A file handle for reading the plain file at `path`; links, devices and folders are refused.

    Raises:
        NotFoundError: `not-found`.
        StoreError: `layout-invalid`, where it is no plain file.
        UnavailableError: `io-error`.
    """
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise _not_plain(path)
        handle = os.open(path, _OPEN_FLAGS)
    except (FileNotFoundError, NotADirectoryError) as exc:
        raise NotFoundError("not-found", f"`{path}` is not there") from exc
    except OSError as exc:
        if exc.errno == errno.ELOOP:
            raise _not_plain(path) from exc
        raise _io_error(path, exc) from exc
    try:
        with io_errors(path):
            is_plain = stat.S_ISREG(os.fstat(handle).st_mode)
        if not is_plain:
            raise _not_plain(path)
    except BaseException:
        close(handle)
        raise
    return handle


def _not_plain(path: StrPath) -> StoreError:
    return StoreError("layout-invalid", f"`{path}` is not a plain file")


def iter_plain(path: StrPath, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """The bytes `start:end` of the plain file at `path`; raises as `open_plain` does."""
    handle = open_plain(path)
    try:
        with io_errors(path):
            if start:
                os.lseek(handle, start, os.SEEK_SET)
            left = None if end is None else max(end - start, 0)
            while left is None or left > 0:
                chunk = os.read(handle, CHUNK_SIZE if left is None else min(CHUNK_SIZE, left))
                if not chunk:
                    return
                left = None if left is None else left - len(chunk)
                yield chunk
    finally:
        close(handle)


def is_there(path: StrPath, *, follow_links: bool = False) -> bool:
    """Whether `path` is anything, or leads to anything; unlike those of `os.path`, an error is not taken for a no.

    Raises:
        OSError: where the system can't tell.
    """
    return status_of(path, follow_links=follow_links) is not None


def is_folder(path: StrPath) -> bool:
    """Whether `path` is or leads to a folder; raises as `is_there` does."""
    return stat.S_ISDIR(_mode(path, follow_links=True))


def is_file(path: StrPath) -> bool:
    """Whether `path` is or leads to a plain file; raises as `is_there` does."""
    return stat.S_ISREG(_mode(path, follow_links=True))


def is_link(path: StrPath) -> bool:
    """Whether `path` is a symbolic link; raises as `is_there` does."""
    return stat.S_ISLNK(_mode(path, follow_links=False))


def _mode(path: StrPath, *, follow_links: bool) -> int:
    """What `path` is; 0 for nothing."""
    status = status_of(path, follow_links=follow_links)
    return 0 if status is None else status.st_mode


def status_of(path: StrPath, *, follow_links: bool = False) -> os.stat_result | None:
    """What the system says of `path`; `None` for nothing. Raises as `is_there` does."""
    try:
        return os.stat(path) if follow_links else os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def read_at(handle: int, size: int, position: int) -> bytes:
    """Up to `size` bytes of an open file at `position`, from any thread."""
    if hasattr(os, "pread"):
        return os.pread(handle, size, position)
    with _seeking:  # Windows
        os.lseek(handle, position, os.SEEK_SET)
        return os.read(handle, size)


def plain_size(path: StrPath) -> int:
    """The size of the plain file at `path`; raises as `open_plain` does."""
    handle = open_plain(path)
    try:
        with io_errors(path):
            return os.fstat(handle).st_size
    finally:
        close(handle)


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


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable, where the operating system can."""
    with io_errors(folder):
        try:
            handle = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        except PermissionError:
            return  # Windows opens no folders
        try:
            os.fsync(handle)
        except OSError as exc:
            if exc.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise
        finally:
            close(handle)


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
