"""Builds real components from the sources in `apps/` with real tools, and keeps them in `.cache/components/`.

    python -m tests.real.components build NAME -o FILE
    python -m tests.real.components list

None of them is committed: they have 12 to 18 MB, and two builds of one source differ in some bytes, so
no test may fix their digests. A build is kept under the digest of what it was made from: the tools, their
versions, the sources.
"""

import argparse
import contextlib
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging_kit.stores.locks import folder_lock
from tests.real import tools

APPS = Path(__file__).resolve().parent / "apps"
CACHE = tools.REPOSITORY / ".cache" / "components"
BUILD_SECONDS = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """One component: its source below `apps/`, and what builds it; several may share a folder and its WIT."""

    name: str
    folder: str
    source: str
    world: str
    needs: tuple[str, ...]
    command: Callable[["App", Path], list[str]]

    @property
    def path(self) -> Path:
        return APPS / self.folder

    def iter_sources(self) -> Iterator[Path]:
        """Every file that the result depends on, in a fixed order."""
        files = (path for path in self.path.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        yield from sorted(path for path in files if path.parent != self.path or path.stem == Path(self.source).stem)
        if "node" in self.needs:
            yield APPS / "componentize.mjs"


def available(name: str) -> str | None:
    """Why the component cannot be built here, in one line; None where it can."""
    for tool in APP_TABLE[name].needs:
        reason = tools.why_missing(tool)
        if reason is not None:
            return f"`{tool}`: {reason}"
    return None


def build(name: str) -> Path:
    """The component, built now or by an earlier run.

    Raises:
        tools.ToolError: a tool is missing, or the build failed.
    """
    reason = available(name)
    if reason is not None:
        raise tools.ToolError(f"cannot build `{name}`: {reason}")
    app = APP_TABLE[name]
    kept = CACHE / f"{name}-{_cache_key(app)}.wasm"
    if not kept.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with folder_lock(CACHE):  # another process may be building the same
            if not kept.exists():
                with _temporary_output() as output:
                    _run(app.command(app, output), name=name)
                    output.replace(kept)
    return kept


def _cache_key(app: App) -> str:
    versions = {}
    for tool in app.needs:
        found = tools.look_for(tool)
        # node runs the builder, but nothing of it ends up in the component
        if isinstance(found, tools.Found) and tool != "node":
            versions[tool] = found.version
    sources = {
        path.relative_to(APPS).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in app.iter_sources()
    }
    made_from = json.dumps([app.source, app.world, versions, sources], sort_keys=True)
    return hashlib.sha256(made_from.encode()).hexdigest()[:16]


@contextlib.contextmanager
def _temporary_output() -> Iterator[Path]:
    """A place to build at, in the cache's own folder so that a rename finishes it."""
    with tempfile.TemporaryDirectory(prefix=".building-", dir=CACHE) as folder:
        yield Path(folder) / "component.wasm"


def _run(command: list[str], *, name: str) -> None:
    try:
        result = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=tools.tool_environment(),
            timeout=BUILD_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        raise tools.ToolError(f"building `{name}`: {exc}") from exc
    if result.returncode != 0:
        tail = "\n    ".join(result.stdout.decode(errors="replace").strip().splitlines()[-8:])
        raise tools.ToolError(f"building `{name}`: exit {result.returncode}\n    {tail}")


def _found(name: str) -> str:
    path = tools.find_tool(name)
    if path is None:
        raise tools.ToolError(f"`{name}`: {tools.why_missing(name)}")
    return str(path)


def _componentize_py(app: App, output: Path) -> list[str]:
    builder = [
        _found("componentize-py"),
        "--quiet",
        "--wit-path",
        str(app.path / "wit"),
        "--world",
        app.world,
    ]
    return [*builder, "componentize", app.source, "--python-path", str(app.path), "--output", str(output)]


def _componentize_js(app: App, output: Path) -> list[str]:
    builder = [_found("node"), str(APPS / "componentize.mjs"), _found("componentize-js")]
    return [*builder, str(app.path / app.source), str(app.path / "wit"), app.world, str(output)]


def _python_app(name: str, source: str, world: str, folder: str | None = None) -> App:
    needs = ("componentize-py",)
    return App(name=name, folder=folder or name, source=source, world=world, needs=needs, command=_componentize_py)


def _python_tool(what: str) -> App:
    return _python_app(f"python-{what}-tool", f"{what}_app", f"{what}-tool", "python-tools")


def _javascript_app(name: str, world: str) -> App:
    needs = ("node", "componentize-js", "jco")
    return App(name=name, folder=name, source="app.js", world=world, needs=needs, command=_componentize_js)


_TOOLS = ("slug", "table", "date", "word", "sum", "checksum", "markup", "number", "difference", "relay")

APP_TABLE: Mapping[str, App] = {
    app.name: app
    for app in (
        _python_app("python-greeter", "greeter_app", "greeter"),
        _python_app("python-report", "report_app", "report"),
        _javascript_app("javascript-greeter", "greeter"),
        _javascript_app("javascript-site", "site"),
        *(_python_tool(what) for what in _TOOLS),
    )
}

NAMES = ("python-greeter", "python-report", "javascript-greeter", "javascript-site")
"""Those that every test of real components takes."""

PYTHON_NAMES = tuple(name for name in APP_TABLE if name.startswith("python-"))
"""Twelve that share an interpreter and its library; `python-relay-tool` imports what `python-greeter` exports."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.real.components", description="Real components.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="print the names, and why one cannot be built here")
    build_parser = commands.add_parser("build", help="build one component")
    build_parser.add_argument("name", choices=tuple(APP_TABLE))
    build_parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    if arguments.command == "list":
        for name in APP_TABLE:
            print(f"{name}: {available(name) or 'can be built'}")
        return 0
    try:
        shutil.copyfile(build(arguments.name), arguments.output)
    except (tools.ToolError, OSError) as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
