"""The program, run in this process, so that what it asks of the system can be seen and answered."""

from __future__ import annotations

import functools
import io
import shlex
import sys
import traceback
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from typer import main as typer_main

from packaging_kit.cli import app

_get_command = functools.cache(typer_main.get_command)  # it would be made anew every time, which takes the longest


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended.

    Attributes:
        exit: its exit code; `None` where an exception came through.
        stderr: what it said, or that exception's traceback.
    """

    exit: int | None
    stderr: str


def run_program(command: str, folder: Path) -> Ended:
    """Run a command in `folder`, as `packaging-kit COMMAND` does; only a `Crash` comes through."""
    said = io.BytesIO()
    stdout, stderr = (io.TextIOWrapper(raw, "utf-8", write_through=True) for raw in (io.BytesIO(), said))
    hook = sys.excepthook
    code: int | None = None
    with (
        chdir(folder),
        mock.patch.object(sys, "argv", ["packaging-kit", *shlex.split(command)]),
        mock.patch.object(typer_main, "get_command", _get_command),
        redirect_stdout(stdout),
        redirect_stderr(stderr),
    ):
        try:
            app.run()
        except SystemExit as exc:
            code = 0 if exc.code is None else int(exc.code)
        except Exception:  # noqa: BLE001 - whatever it is, it is the finding
            stderr.write(traceback.format_exc())
        finally:
            sys.excepthook = hook
    return Ended(exit=code, stderr=said.getvalue().decode())
