"""Who is at work on a folder: advisory locks that end with the process, and what a killed one left.

Locks are taken on folders themselves, so nothing has to be put into a layout for them. Where a system
or file system has no such locks, a file `.pkit-lock` in the folder takes their place.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

HAS_FLOCK: bool
try:
    import fcntl

    HAS_FLOCK = True
except ImportError:  # Windows
    HAS_FLOCK = False

TEMPORARY_PREFIX: Final = ".pkit-"
"""Names of files that are being written begin like this; readers pass over them."""
LOCK_FILE: Final = TEMPORARY_PREFIX + "lock"

_TEMPORARY = re.compile(re.escape(TEMPORARY_PREFIX) + r"\d+-\d+")
_NO_LOCKS = frozenset((errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EBADF, errno.EINVAL, errno.ENOSYS))


def close(handle: int) -> None:
    """Close it: an error then comes too late to matter, since what counts was flushed or read before."""
    with suppress(OSError):
        os.close(handle)


@contextmanager
def folder_lock(folder: Path, *, shared: bool = False) -> Iterator[None]:
    """Wait until nobody else holds a lock on `folder`, or only shared ones, and hold it.

    Raises:
        OSError: where the folder can't be locked at all.
    """
    handle = _lock_folder(folder, shared=shared)
    if handle is None:
        handle = _lock_file(folder, shared=shared)
    try:
        yield
    finally:
        close(handle)  # which ends the lock


def _lock_folder(folder: Path, *, shared: bool) -> int | None:
    """A locked handle of the folder; `None` where a folder can't be locked here."""
    if not HAS_FLOCK:
        return None
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
    except OSError as exc:
        close(handle)
        if exc.errno in _NO_LOCKS:  # network file systems, some of them
            return None
        raise
    except BaseException:
        close(handle)
        raise
    return handle


def _lock_file(folder: Path, *, shared: bool) -> int:
    """A locked handle of a file in the folder, which stays there: who waits for it has it open."""
    handle = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
    try:
        _wait_for(handle, shared=shared)
    except BaseException:
        close(handle)
        raise
    return handle


if sys.platform == "win32":
    import msvcrt

    def _wait_for(handle: int, *, shared: bool) -> None:  # Windows' C library has no shared locks
        while True:
            try:
                msvcrt.locking(handle, msvcrt.LK_LOCK, 1)  # gives up after ten seconds
            except OSError as exc:
                if exc.errno != errno.EDEADLOCK:
                    raise
            else:
                return

else:

    def _wait_for(handle: int, *, shared: bool) -> None:
        fcntl.lockf(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)


def mark_in_use(path: str, handle: int) -> bool:
    """Keep a temporary file that was just made from being swept; false where that came too late.

    Raises:
        OSError: where it can't be told.
    """
    if not HAS_FLOCK:
        return True  # Windows removes no file that is open
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False  # whoever sweeps has it, and removes the file
    except OSError as exc:
        if exc.errno not in _NO_LOCKS:
            raise
        return True  # `sweep` can't have a lock here either, and leaves all files alone
    try:
        return os.lstat(path).st_ino == os.fstat(handle).st_ino
    except FileNotFoundError:
        return False


def sweep(folder: Path) -> None:
    """Remove the temporary files in `folder` that no process writes any longer, as far as that can be done."""
    with suppress(OSError):
        with os.scandir(folder) as entries:
            stale = [entry.path for entry in entries if _TEMPORARY.fullmatch(entry.name)]
        for path in stale:
            with suppress(OSError):
                _remove_unused(path)


def _remove_unused(path: str) -> None:
    if not stat.S_ISREG(os.lstat(path).st_mode):
        return
    if not HAS_FLOCK:
        Path(path).unlink()
        return
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.lstat(path).st_ino == os.fstat(handle).st_ino:
            Path(path).unlink()
    finally:
        close(handle)
