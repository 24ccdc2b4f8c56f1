"""Runs what a user would type, in a folder of its own with the fixtures in it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.real.certificates import make_certificate
from tests.registry import Basic, Bearer, Behaviour, Fault, Kind, Registry, Tls

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


@contextmanager
def serve(settings: str, folder: Path) -> Iterator[Registry]:
    """A registry as a JSON text has it: `auth` (`basic`, `bearer`), `tls`, `behaviour`, `faults`; all may be left out.

    With `tls` its certificate is in `folder`, as `registry.pem`.
    """
    wanted = json.loads(settings)
    auth = {None: None, "basic": Basic(), "bearer": Bearer(), "pull": Bearer(anonymous=("pull",))}[wanted.get("auth")]
    tls = None
    if wanted.get("tls"):
        certificate = make_certificate(Path(shutil.which("openssl") or "openssl"), folder, "registry")
        tls = Tls(certificate=certificate.file, key=certificate.key_file)
    with Registry(Behaviour(**wanted.get("behaviour", {})), auth, tls) as registry:
        registry.script([Fault(**fault | {"kind": Kind[fault["kind"]]}) for fault in wanted.get("faults", ())])
        yield registry


def run(script: str, folder: Path, registry: Registry | None = None) -> Outcome:
    """Run a script of `sh` in `folder`, with the program of this environment first on PATH.

    The registry is `$REGISTRY` in it, and `REGISTRY` in what it printed.
    """
    kept = ("SYSTEMROOT", "TMPDIR")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment |= {
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "80",
        # Nobody's own credentials.
        "HOME": str(folder),
        "DOCKER_CONFIG": ".docker",
    }
    if registry is not None:
        environment["REGISTRY"] = registry.host
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
        stdout=_shown(result.stdout, registry),
        stderr=_shown(result.stderr, registry),
        exit=result.returncode,
    )


def _shown(printed: bytes, registry: Registry | None) -> str:
    text = printed.decode(errors="backslashreplace")
    return text if registry is None else text.replace(registry.host, "REGISTRY")
