"""Commands as whole processes: how long they take, and how much memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

_POLL_INTERVAL: Final = 0.001
_ANONYMOUS: Final = ("RssAnon:", "RssShmem:")
_TOTAL: Final = "VmHWM:"


class CommandError(Exception):
    """A command ended in another way than it should; there is nothing to measure then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What is measured.

    Attributes:
        name: for people.
        steps: argument vectors, run one after the other.
        piped: a file that comes to standard input through a pipe; for one step.
        outputs: files and folders that it makes; removed before each run and after it.
        exit_code: of every step.
    """

    name: str
    steps: tuple[tuple[str, ...], ...]
    piped: Path | None = None
    outputs: tuple[Path, ...] = ()
    exit_code: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """The most memory that a process held at one time, in bytes.

    Attributes:
        anonymous: without mapped files (`RssAnon` and `RssShmem`, polled).
        total: with mapped files, as the kernel counted it (`VmHWM`).
    """

    anonymous: int
    total: int


def seconds_of(command: Command) -> float:
    """Run a command once; the time from its start to its end, its outputs flushed as far as it does that."""
    with _clean(command), _stdin(command) as stdin, tempfile.TemporaryFile() as messages:
        start = time.perf_counter()
        codes = [
            subprocess.run(step, stdin=stdin, stdout=subprocess.DEVNULL, stderr=messages, check=False).returncode
            for step in command.steps
        ]
        seconds = time.perf_counter() - start
        for code in codes:
            _check(command, code, messages)
    return seconds


def peak_of(command: Command) -> Peak:
    """Run a command of one step, and watch its memory."""
    (step,) = command.steps
    anonymous = total = 0
    with _clean(command), _stdin(command) as stdin, tempfile.TemporaryFile() as messages:
        process = subprocess.Popen(step, stdin=stdin, stdout=subprocess.DEVNULL, stderr=messages)
        while process.poll() is None:
            now = _read_memory(process.pid)
            anonymous, total = max(anonymous, now.anonymous), max(total, now.total)
            time.sleep(_POLL_INTERVAL)
        _check(command, process.returncode, messages)
    return Peak(anonymous=anonymous, total=total)


def remove(path: Path) -> None:
    """Remove a file or folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def _clean(command: Command) -> Iterator[None]:
    """Nothing of an earlier run is there, nor on its way to the disk."""
    _remove_outputs(command)
    if command.outputs:
        os.sync()
    try:
        yield
    finally:
        _remove_outputs(command)


def _remove_outputs(command: Command) -> None:
    for path in command.outputs:
        remove(path)


@contextmanager
def _stdin(command: Command) -> Iterator[int | IO[bytes]]:
    if command.piped is None:
        yield subprocess.DEVNULL
        return
    with subprocess.Popen(("cat", str(command.piped)), stdout=subprocess.PIPE) as source:
        assert source.stdout is not None
        yield source.stdout


def _check(command: Command, code: int, messages: IO[bytes]) -> None:
    if code == command.exit_code:
        return
    messages.seek(0)
    raise CommandError(f"{command.name} ended with {code}, not {command.exit_code}: {messages.read().decode()}")


def _read_memory(pid: int) -> Peak:
    """What a process holds now; zeros where it has just ended (`proc_pid_status(5)`)."""
    anonymous = total = 0
    try:
        lines = Path(f"/proc/{pid}/status").read_text("ascii", "replace").splitlines()
    except ProcessLookupError:
        lines = []
    for line in lines:
        name, *values = line.split()
        if name in _ANONYMOUS:
            anonymous += int(values[0]) * 1024
        elif name == _TOTAL:
            total = int(values[0]) * 1024
    return Peak(anonymous=anonymous, total=total)
