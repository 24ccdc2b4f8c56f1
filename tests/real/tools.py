"""Finds the real tools that tests compare with, and installs them at pinned versions into `.tools/`.

    python -m tests.real.tools install            install what is missing; exit 1 where one cannot be
    python -m tests.real.tools list               every tool: version and place, or why it is missing
    python -m tests.real.tools missing            only the missing ones; exit 1 where there are any
    python -m tests.real.tools requirement NAME   the pinned requirement, as pip takes it

A tool counts when it shows that it is what its name promises, and is at least as new as `Tool.oldest`.
Only `install` starts downloads and builds: finding a tool never does.
"""

import argparse
import functools
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.real.tool_install import REPOSITORY as REPOSITORY
from tests.real.tool_install import ToolError as ToolError
from tests.real.tool_install import tool_environment as tool_environment
from tests.real.tool_table import JCO_VERSION as JCO_VERSION
from tests.real.tool_table import REQUIREMENTS, TOOL_TABLE
from tests.real.tool_table import WASM_TOOLS_VERSION as WASM_TOOLS_VERSION
from tests.real.tool_table import Missing as Missing

BY_US = "not in `.tools/` nor on PATH: `make tools` installs it"
BY_THE_SYSTEM = "not on PATH: it comes with the system's packages (Debian: `apt-get install {name}`)"


@dataclass(frozen=True, slots=True)
class Found:
    """A tool that can be used."""

    path: Path
    version: str


def find_tool(name: str) -> Path | None:
    """The executable, or for an npm package its folder; None where `why_missing` has a reason."""
    result = look_for(name)
    return result.path if isinstance(result, Found) else None


def why_missing(name: str) -> str | None:
    """Why the tool cannot be used, in one line; None where it can."""
    result = look_for(name)
    return result.reason if isinstance(result, Missing) else None


@functools.cache
def look_for(name: str) -> Found | Missing:
    """The first candidate that counts, or the reason against the first that does not."""
    tool = TOOL_TABLE[name]
    reasons = []
    for path in tool.candidates(name):
        version = tool.probe(path)
        if isinstance(version, Missing):
            reasons.append(version.reason)
        elif _version_key(version) < _version_key(tool.oldest):
            reasons.append(f"`{path}` is {version}, older than {tool.oldest}")
        else:
            return Found(path, version)
    nowhere = BY_THE_SYSTEM.format(name=name) if tool.install is None else BY_US
    return Missing(reasons[0] if reasons else nowhere)


def _version_key(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def install_all() -> bool:
    """Install each tool that is missing, one line for each; whether all are there in the end."""
    complete = True
    for name, tool in TOOL_TABLE.items():
        result = look_for(name)
        if isinstance(result, Missing) and tool.install is not None:
            result = _install(name, tool.install)
        if isinstance(result, Missing):
            complete = False
            print(f"error: `{name}` could not be installed: {result.reason}", file=sys.stderr)
        else:
            print(f"{name} {result.version}: {result.path}", flush=True)
    return complete


def _install(name: str, install: Callable[[], None]) -> Found | Missing:
    try:
        install()
    except (ToolError, OSError, subprocess.SubprocessError) as exc:
        return Missing(str(exc))
    look_for.cache_clear()
    return look_for(name)


def show(*, only_missing: bool) -> bool:
    """Print each tool with its version and place, or why it is missing; whether none is."""
    complete = True
    for name in TOOL_TABLE:
        result = look_for(name)
        if isinstance(result, Missing):
            complete = False
            print(f"{name} missing: {result.reason}")
        elif not only_missing:
            print(f"{name} {result.version}: {result.path}")
    return complete


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.real.tools", description="The real tools of the tests.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("install", help="install what is missing into .tools/")
    commands.add_parser("list", help="print every tool, or why it is missing")
    commands.add_parser("missing", help="print the missing tools; exit 1 where there are any")
    requirement = commands.add_parser("requirement", help="print a pinned requirement as pip takes it")
    requirement.add_argument("name", choices=sorted(REQUIREMENTS))
    arguments = parser.parse_args()
    if arguments.command == "requirement":
        print(REQUIREMENTS[arguments.name])
        return 0
    if arguments.command == "install":
        return 0 if install_all() else 1
    complete = show(only_missing=arguments.command == "missing")
    return 0 if complete or arguments.command == "list" else 1


if __name__ == "__main__":
    sys.exit(main())
