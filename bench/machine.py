"""The machine and the tools of a run; no names of hosts, people or folders."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from packaging_kit import __version__


def describe_machine(folder: Path) -> Mapping[str, str]:
    """What the figures depend on; `folder` is where the files are."""
    processor = _find("/proc/cpuinfo", r"model name\s*:\s*(.*)")
    memory = int(_find("/proc/meminfo", r"MemTotal:\s*(\d+)")) / (1 << 20)
    return {
        "processor": f"{processor}, {len(os.sched_getaffinity(0))} cores",
        "memory": f"{memory:.0f} GiB",
        "file system": _lines("df", "--output=fstype", str(folder))[1],
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packaging-kit": __version__,
        "openssl": _lines("openssl", "version")[0].partition(" (")[0],
        "cp and sync": _lines("cp", "--version")[0],
    }


def _find(path: str, pattern: str) -> str:
    match = re.search(pattern, Path(path).read_text("utf-8"))
    assert match, f"{path} has no {pattern}"
    return match[1].strip()


def _lines(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
