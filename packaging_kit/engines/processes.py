"""Runs a program: input piece by piece, output up to a limit, an end by a time limit, and nothing left behind."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Final, cast

from packaging_kit.limits import KIB, MIB

if TYPE_CHECKING:
    from typing import Self

MAX_OUTPUT_SIZE: Final = 64 * KIB
"""Bytes of a program's output that are kept; the rest is read and thrown away, so that it never waits for us."""

_READ_SIZE = 32 * KIB
_PIPE_SIZE = 1 * MIB  # the most that Linux gives to anybody
_WAITING = 2  # pieces
_GRACE = 1.0  # seconds for pipes to break once a program is killed


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a program ended.

    Attributes:
        status: its exit code, below zero for the signal that ended it; `None` where it ran out of time.
        output: what it wrote to standard output and standard error, as it came; the middle of too much is left out.
        took_all: it refused no part of its input.
    """

    status: int | None
    output: bytes
    took_all: bool


class Program:
    """A program that runs, in a process group of its own; used in a `with` statement, after which it does no more.

    Threads hand it its input and take its output: pipes know no time limit, and while a piece is written the next one
    is made.

    Args:
        command: its absolute path, then its arguments; no shell sees them.
        environment: all of what it is given.

    Raises:
        OSError: it does not start.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            bufsize=0,
            start_new_session=True,  # so that all that it starts can be ended
        )
        self._pieces: queue.Queue[bytes | None] = queue.Queue(_WAITING)
        self._output = bytearray()
        self._refuses = False
        self._reaping = threading.Lock()
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._reaping:
            if self._process.returncode is None:
                _kill(self._process)
        with suppress(queue.Full):
            self._pieces.put(None, timeout=_GRACE)
        for thread in (self._writer, self._watcher):
            if thread.is_alive():
                thread.join(_GRACE)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE)

    def talk(self, pieces: Iterable[bytes], time_limit: float) -> Outcome:
        """Give it its input, and wait for its end.

        Args:
            pieces: the input; what they raise is passed on.
            time_limit: seconds that it may take, those aside in which it waits for a piece to be made.
        """
        self._writer.start()
        self._watcher.start()
        left = time_limit
        for piece in pieces:
            left = self._hand(piece, left)
            if self._refuses or left <= 0:
                break
        left = self._hand(None, left)
        self._watcher.join(left)
        if self._watcher.is_alive():
            return Outcome(status=None, output=b"", took_all=False)
        self._writer.join(_GRACE)
        took_all = not self._refuses and not self._writer.is_alive()
        return Outcome(status=self._process.returncode, output=bytes(self._output), took_all=took_all)

    def _hand(self, piece: bytes | None, left: float) -> float:
        """Have a piece written, `None` for the end, and return what is left of the time."""
        began = time.monotonic()
        with suppress(queue.Full):
            self._pieces.put(piece, timeout=left)
        return max(left - (time.monotonic() - began), 0)

    def _write(self) -> None:
        pipe = cast("IO[bytes]", self._process.stdin)
        try:
            with pipe:
                _widen(pipe)
                while (piece := self._pieces.get()) is not None:
                    rest = memoryview(piece)
                    while rest:
                        rest = rest[pipe.write(rest) :]
        except OSError:
            # It does not want to know; nobody may be left waiting for room in the queue.
            self._refuses = True
            while self._pieces.get() is not None:
                pass

    def _watch(self) -> None:
        with cast("IO[bytes]", self._process.stdout) as pipe:
            while piece := pipe.read(_READ_SIZE):
                self._output += piece
                if len(self._output) > MAX_OUTPUT_SIZE:
                    del self._output[MAX_OUTPUT_SIZE // 2 : -MAX_OUTPUT_SIZE // 2]
        if hasattr(os, "waitid"):
            # Until it is reaped its number is nobody else's, and what it leaves behind can be ended by it.
            with suppress(ChildProcessError):
                os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
            with self._reaping:
                if self._process.returncode is None:
                    _kill(self._process)
                    self._process.wait()
        else:
            self._process.wait()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a program that was not reaped yet, and all that it started."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def _widen(pipe: IO[bytes]) -> None:
    """Let a pipe hold more where that can be said: those who share it take turns less often."""
    if sys.platform == "linux":
        import fcntl

        with suppress(OSError):  # whoever has many pipes gets no more
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
