"""What is written to the terminal: escaped text, errors, progress."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

from packaging_kit.artifact.titles import UNSEEN
from packaging_kit.cli.exit_codes import ExitCode
from packaging_kit.errors import PackagingKitError, UnavailableError

if TYPE_CHECKING:
    from typing import Self

    import rich.progress

    from packaging_kit.stores.registry.options import RequestEvent

_SIGPIPE = 13
_SHOW_AFTER = 1.0  # seconds of work


def prepare_streams() -> None:
    """Make the standard streams such that printing fails only where data would be lost."""
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - open until the process ends
    if sys.stdout is None:
        # A file opened later could take its place, and be written into.
        print_note("error[io-error]: standard output is closed")
        sys.exit(ExitCode.COULD_NOT)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # What the terminal's encoding lacks is escaped.
            stream.reconfigure(errors="backslashreplace")


def flush_output() -> bool:
    """Whether everything printed has reached standard output; what is wrong is reported."""
    try:
        sys.stdout.flush()
    except OSError as exc:
        if isinstance(exc, BrokenPipeError):
            _end_quietly()
        print_error(_output_error(exc))
        # The interpreter flushes once more when it ends, and would complain again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True


def _end_quietly() -> NoReturn:
    """The reader went away, and needs to be told nothing; the exit code is that of who is ended by it."""
    # The interpreter flushes once more when it ends, and would complain again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(128 + _SIGPIPE)


def _output_error(exc: OSError) -> UnavailableError:
    return UnavailableError("io-error", f"standard output: {(exc.strerror or str(exc)).lower()}")


def _write_error(line: str) -> None:
    with suppress(OSError):  # there is nowhere left to say it; the exit code does
        sys.stderr.write(line + "\n")


def printable(text: str) -> str:
    """`text` with every control, ANSI, bidirectional or otherwise invisible character escaped."""
    if not text.isprintable():
        text = "".join(character if character.isprintable() else _escape(character) for character in text)
    return text if text.isascii() else UNSEEN.sub(lambda found: _escape(found[0]), text)


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def print_data(line: str) -> None:
    """One line of data on standard output.

    Raises:
        UnavailableError: `io-error`.
    """
    try:
        sys.stdout.write(line + "\n")
    except BrokenPipeError:
        _end_quietly()
    except OSError as exc:
        raise _output_error(exc) from exc


def print_json(value: object) -> None:
    """One JSON document on a line of standard output; ASCII, so that it is safe on any terminal."""
    print_data(_dump(value))


def _dump(value: object) -> str:
    import json  # here, because the command line must start quickly

    return json.dumps(value, separators=(",", ":"))


def print_note(line: str) -> None:
    """One line for people, on standard error."""
    _write_error(printable(line))


def print_error(error: PackagingKitError, *, as_json: bool = False) -> None:
    """One error on standard error, as lines for people or as one JSON object."""
    if as_json:
        found: dict[str, Any] = {"code": error.code, "message": error.message, **error.details()}
        if error.hint is not None:
            found["hint"] = error.hint
        if error.subject is not None:
            found["file"] = error.subject
        if error.side is not None:
            found["side"] = error.side
        _write_error(_dump({"error": found}))
        return
    is_said = error.subject is None or f"`{error.subject}`" in error.message
    about = "" if is_said else f"`{error.subject}`: "
    side = "" if error.side is None else f"{error.side}: "
    print_note(f"error[{error.code}]: {side}{about}{error}")
    if error.hint is not None:
        print_note(f"hint: {error.hint}")


_SAYING = threading.Lock()


def print_request(event: RequestEvent) -> None:
    """One line about a request, from any thread: what went over the wire, and nothing secret."""
    words = [event.method, event.host + event.path]
    words.append("failed" if event.status is None else str(event.status))
    if event.sent:
        words.append(f"sent {event.sent:,} B")
    if event.received:
        words.append(f"{event.received:,} B")
    words.append(f"{event.seconds:.3f} s")
    if event.attempt > 1:
        words.append(f"try {event.attempt}")
    if event.error is not None:
        words.append(f"({event.error})")
    with _SAYING:
        print_note(f"> {' '.join(words)}")


class TerminalProgress:
    """A bar on standard error, for work longer than a second, on a terminal only."""

    def __init__(self, *, is_wanted: bool) -> None:
        self._is_wanted = is_wanted and sys.stderr.isatty()
        self._began = time.monotonic()
        self._what = ""
        self._total: int | None = None
        self._done = 0
        self._bar: rich.progress.Progress | None = None
        self._task: rich.progress.TaskID | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _value: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def start(self, what: str, total: int | None) -> None:
        with self._lock:
            self._what, self._total, self._done = printable(what), total, 0
            if self._bar is not None and self._task is not None:
                # Anew: a bar that had a total keeps it when there is none any more.
                self._bar.remove_task(self._task)
                self._task = self._bar.add_task(self._what, total=total)

    def advance(self, size: int) -> None:
        if not self._is_wanted:
            return
        with self._lock:
            self._done += size
            if self._bar is None and time.monotonic() - self._began >= _SHOW_AFTER:
                self._show()
            if self._bar is not None and self._task is not None:
                self._bar.update(self._task, completed=self._done)

    def part(self, what: str, total: int) -> Callable[[int], None]:
        """A part that goes on beside others; it has a bar of its own while there is a bar at all."""
        if not self._is_wanted:
            return self.advance
        done = 0
        task: rich.progress.TaskID | None = None

        def advance(size: int) -> None:
            nonlocal done, task
            done += size
            self.advance(size)
            with self._lock:
                if self._bar is None:
                    return
                is_under_way = 0 < done < total
                if task is None and is_under_way:
                    task = self._bar.add_task(printable(what), total=total)
                if task is not None and is_under_way:
                    self._bar.update(task, completed=done)
                elif task is not None:
                    # Done, or to be begun anew; bars that nobody sees would still be drawn.
                    self._bar.remove_task(task)
                    task = None

        return advance

    def _show(self) -> None:
        # Imported when first needed: the command line must start quickly.
        from rich import progress
        from rich.console import Console

        self._bar = progress.Progress(
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(),
            progress.DownloadColumn(binary_units=True),
            progress.TransferSpeedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task(self._what, total=self._total)
        self._bar.start()
