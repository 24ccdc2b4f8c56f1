"""The edge of the operating system: everything that a program does to files below one folder, seen before it is done.

For a time it stands in for functions of `os`, `fcntl`, `io` and `mmap` themselves, so whatever is built on them is
seen too. Nothing else is touched: other folders and other handles go straight to the system.
"""

from __future__ import annotations

import builtins
import io
import mmap
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol
from unittest import mock

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]  # asked for before each use

Call = Callable[..., Any]

_NOT_MODELLED: Final = ("chmod", "ftruncate", "rmdir", "symlink", "truncate", "utime")
_BY_PATH: Final = ("open", "stat", "lstat", "unlink", "remove", "mkdir", "scandir", "listdir", "readlink", "access")
_BY_TWO_PATHS: Final = ("rename", "replace", "link")
_BY_HANDLE: Final = ("close", "dup", "fchmod", "fstat", "fsync", "fdatasync", "lseek", "pread", "read", "write")
_BY_LOCK: Final = ("flock", "lockf", "fcntl")
_SAME: Final = {"remove": "unlink", "replace": "rename", "fdatasync": "fsync", "lockf": "flock"}


class Crash(BaseException):
    """The process is dead: nothing that it still does reaches the system."""


@contextmanager
def threads(*, allowed: bool) -> Iterator[None]:
    """Let the system refuse new threads, so that all is done in one order, the same every time; or let it not."""

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    if allowed:
        yield
    else:
        with mock.patch.object(threading.Thread, "start", refuse):
            yield


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that is asked of the system.

    Attributes:
        name: of the function; those that do the same have one name.
        path: what it is about; of a handle, what was opened.
        target: the other path, of `rename` and `link`.
        handle: that it works on.
        flags: of `open`.
        data: that is to be written.
        result: what it gave, where that is a number.
    """

    name: str
    path: Path
    target: Path | None = None
    handle: int | None = None
    flags: int = 0
    data: bytes = b""
    result: int = 0

    @property
    def is_change(self) -> bool:
        """Whether the disk may hold something else afterwards, or hold it more durably."""
        creates = self.name == "open" and bool(self.flags & (os.O_CREAT | os.O_TRUNC))
        return creates or self.name in ("write", "fsync", "rename", "link", "unlink", "mkdir")


class Observer(Protocol):
    """Is told of every operation, one at a time, whatever thread it comes from."""

    def before(self, operation: Operation) -> int | None:
        """May raise in place of it; a number is how many bytes of a `write` are taken."""

    def after(self, operation: Operation) -> None:
        """It was done."""


@dataclass(slots=True)
class Watch:
    """What is watched, and what is open there.

    Attributes:
        folder: everything below it is seen.
        observer: is told of it.
        opened: handles, and what they were opened for.
        is_dead: a `Crash` was raised.
    """

    folder: Path
    observer: Observer
    opened: dict[int, Path] = field(default_factory=dict)
    is_dead: bool = False
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def find(self, path: Any) -> Path | None:
        """The path, where it is below the folder; of a handle, what it was opened for."""
        if isinstance(path, int):
            return self.opened.get(path)
        absolute = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - what `Path` asks the system would be seen
        is_below = absolute == str(self.folder) or absolute.startswith(f"{self.folder}{os.sep}")
        return Path(absolute) if is_below else None

    def do(self, operation: Operation, call: Callable[[int | None], Any]) -> Any:
        """Let the observer decide, then do it."""
        with self._lock:
            if self.is_dead:
                raise Crash
            try:
                taken = self.observer.before(operation)
            except Crash:
                self.is_dead = True
                raise
            result = call(taken)
            if operation.name in ("open", "dup"):
                self.opened[result] = operation.path
            if isinstance(result, int):
                operation = replace(operation, result=result)
            self.observer.after(operation)
            return result

    def close(self, handle: int, path: Path, call: Call) -> None:
        """Close it in any case: so do systems that report an error, and so ends a process that dies."""
        with self._lock:
            self.opened.pop(handle, None)
            try:
                if not self.is_dead:
                    self.do(Operation(name="close", path=path, handle=handle), lambda _: None)
            finally:
                call()


@contextmanager
def watching(folder: Path, observer: Observer) -> Iterator[Watch]:
    """Tell `observer` of every operation below `folder`."""
    watch = Watch(folder=folder, observer=observer)
    hooks = threading.excepthook, sys.unraisablehook
    with ExitStack() as patches:
        threading.excepthook = _unless_crash(threading.excepthook)
        sys.unraisablehook = _unless_crash(sys.unraisablehook)
        try:
            for owner, name, stand_in in tuple(_stand_ins(watch)):
                patches.callback(setattr, owner, name, getattr(owner, name))
                setattr(owner, name, stand_in)
            yield watch
        finally:
            patches.close()
            threading.excepthook, sys.unraisablehook = hooks


def _stand_ins(watch: Watch) -> Iterator[tuple[Any, str, Call]]:
    for name in (*_BY_PATH, *_NOT_MODELLED):
        yield os, name, _by_path(watch, name, getattr(os, name))
    for name in _BY_TWO_PATHS:
        yield os, name, _by_two_paths(watch, name, getattr(os, name))
    for name in _BY_HANDLE:
        if hasattr(os, name):
            yield os, name, _by_handle(watch, name, getattr(os, name))
    for name in _BY_LOCK if fcntl is not None else ():
        yield fcntl, name, _by_handle(watch, name, getattr(fcntl, name))
    yield mmap, "mmap", _by_handle(watch, "mmap", mmap.mmap)
    for owner in (io, builtins):
        yield owner, "open", _opening(watch, io.open)


def _by_path(watch: Watch, name: str, real: Call) -> Call:
    def stand_in(path: Any = ".", *args: Any, **kwargs: Any) -> Any:
        found = watch.find(path)
        if found is None:
            return real(path, *args, **kwargs)
        assert name not in _NOT_MODELLED, f"`{name}` is nothing that a disk here knows"
        flags = (args or (kwargs.get("flags", 0),))[0] if name == "open" else 0
        operation = Operation(name=_SAME.get(name, name), path=found, flags=flags)
        return watch.do(operation, lambda _: real(path, *args, **kwargs))

    return stand_in


def _by_two_paths(watch: Watch, name: str, real: Call) -> Call:
    def stand_in(path: Any, target: Any, **kwargs: Any) -> Any:
        found, other = watch.find(path), watch.find(target)
        if found is None or other is None:
            return real(path, target, **kwargs)
        operation = Operation(name=_SAME.get(name, name), path=found, target=other)
        return watch.do(operation, lambda _: real(path, target, **kwargs))

    return stand_in


def _by_handle(watch: Watch, name: str, real: Call) -> Call:
    def stand_in(handle: int, *args: Any, **kwargs: Any) -> Any:
        found = watch.opened.get(handle)
        if found is None:
            return real(handle, *args, **kwargs)
        if name == "close":
            return watch.close(handle, found, lambda: real(handle))
        if name == "write":
            data = bytes(args[0])
            operation = Operation(name=name, path=found, handle=handle, data=data)
            return watch.do(operation, lambda taken: real(handle, data[:taken]))
        is_full_sync = name == "fcntl" and args[0] == getattr(fcntl, "F_FULLFSYNC", None)
        shown = "fsync" if is_full_sync else _SAME.get(name, name)
        operation = Operation(name=shown, path=found, handle=handle)
        return watch.do(operation, lambda _: real(handle, *args, **kwargs))

    return stand_in


def _opening(watch: Watch, real: Call) -> Call:
    def stand_in(path: Any, mode: str = "r", buffering: int = -1, *args: Any, **kwargs: Any) -> Any:
        if watch.find(path) is None:
            return real(path, mode, buffering, *args, **kwargs)
        assert buffering == 0, "files with a buffer are not seen"
        return _SeenFile(watch, path, mode, kwargs.get("opener"))

    return stand_in


class _SeenFile(io.FileIO):
    """A file without a buffer; its calls go straight to the system, so they are told of here."""

    def __init__(self, watch: Watch, path: Any, mode: str, opener: Call | None) -> None:
        self._watch = watch
        self._path = watch.find(path) or Path()
        super().__init__(path, mode, opener=opener or (lambda name, flags: os.open(name, flags, 0o666)))

    def read(self, size: int | None = -1, /) -> bytes:
        return self._do("read", lambda: super(_SeenFile, self).read(size))  # type: ignore[no-any-return]

    def readall(self) -> bytes:
        return self._do("read", super().readall)  # type: ignore[no-any-return]

    def readinto(self, buffer: Any, /) -> int:
        return self._do("read", lambda: super(_SeenFile, self).readinto(buffer))  # type: ignore[no-any-return]

    def write(self, data: Any, /) -> int:
        held = bytes(data)
        operation = Operation(name="write", path=self._path, handle=self.fileno(), data=held)
        return self._watch.do(operation, lambda taken: super(_SeenFile, self).write(held[:taken]))  # type: ignore[no-any-return]

    def close(self) -> None:
        if not self.closed:
            self._watch.close(self.fileno(), self._path, super().close)

    def _do(self, name: str, call: Call) -> Any:
        operation = Operation(name=name, path=self._path, handle=self.fileno())
        return self._watch.do(operation, lambda _: call())


def _unless_crash(hook: Call) -> Call:
    """Where an exception ends that nobody can catch, a `Crash` is nothing to report."""

    def reporting(unhandled: Any) -> None:
        if not (unhandled.exc_type is not None and issubclass(unhandled.exc_type, Crash)):
            hook(unhandled)

    return reporting
