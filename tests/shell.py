"""Runs what a user would type, in a folder of its own with the fixtures in it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]

SECONDS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a script printed, and its exit code."""

    stdout: str
    stderr: str
    exit: int


def prepare(folder: Path) -> Path:
    """A folder that looks like the top of a checkout: `fixtures/` is in it."""
    (folder / "fixtures").symlink_to(REPOSITORY / "fixtures")
    return folder


def run(script: str, folder: Path) -> Outcome:
    """Run a script of `sh` in `folder`, with the program of this environment first on PATH."""
    kept = ("HOME", "SYSTEMROOT", "TMPDIR")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment |= {
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "80",
    }
    result = subprocess.run(
        ["sh", "-c", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    return Outcome(
        stdout=result.stdout.decode(errors="backslashreplace"),
        stderr=result.stderr.decode(errors="backslashreplace"),
        exit=result.returncode,
    )
