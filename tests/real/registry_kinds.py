"""The registry programs of the tests: how each is started, and what each can do, found by trying."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from tests.real.certificates import Certificate
from tests.real.token_server import ISSUER, SERVICE, TokenServer

Auth = Literal["basic", "token"]

USER: Final = "somebody"
PASSWORD: Final = "opensesame"
_HTPASSWD: Final = f"{USER}:$2y$05$packagingkitpackaging.tKgDoWa6m1GT14kZgtzx2dushjk42b6\n"  # bcrypt of the password

# What follows the status is the size of the answer for the one, and of the request's body for the other.
_ACCESS_LOG: Final = re.compile(r'"([A-Z]+) (\S+) HTTP/[0-9.]+" ([0-9]{3}) ')
_OCIREGISTRY_LOG: Final = re.compile(r"(?m)^[0-9/]+ [0-9:]+ ([A-Z]+) (\S+) ([0-9]{3}) ([0-9]+)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What one registry is started with; `port` is 0 for one that picks its own."""

    program: Path
    folder: Path
    port: int = 0
    flags: tuple[str, ...] = ()
    auth: Auth | None = None
    certificate: Certificate | None = None
    tokens: TokenServer | None = None

    @property
    def storage(self) -> Path:
        return self.folder / "storage"


Command = tuple[list[str], dict[str, str]]
"""A command line, and what it needs in its environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A registry program.

    Attributes:
        tool: its name in the table of tools.
        stores_files: its blobs are files below `docker/registry/v2/blobs/` of its storage.
        picks_port: takes port 0, and tells in its log what became of it.
        logs: finds method, target, status and perhaps size of the body in its log; None where they aren't in it.
        has_mount: takes a blob over from another repository; where not, it goes on with an upload.
        has_tag_pages: gives tags in pages of the wanted size.
        keeps_sha512: a blob pushed by its sha512 digest can be had by it.
        resumes_uploads: tells how much it has of an upload that broke, and goes on from there.
    """

    tool: str
    command: Callable[[Setting], Command]
    auths: tuple[Auth, ...] = ()
    has_tls: bool = False
    stores_files: bool = False
    picks_port: bool = True
    logs: re.Pattern[str] | None = _ACCESS_LOG
    has_referrers: bool = False
    has_range: bool = True
    has_mount: bool = True
    has_tag_delete: bool = True
    has_tag_pages: bool = True
    keeps_sha512: bool = True
    resumes_uploads: bool = True


def _distribution(setting: Setting) -> Command:
    http: dict[str, Any] = {"addr": f"127.0.0.1:{setting.port}"}
    config: dict[str, Any] = {
        "version": "0.1",
        "log": {"level": "info", "accesslog": {"disabled": False}},
        "storage": {"filesystem": {"rootdirectory": str(setting.storage)}, "delete": {"enabled": True}},
        "http": http,
    }
    if setting.certificate is not None:
        http["tls"] = {"certificate": str(setting.certificate.file), "key": str(setting.certificate.key_file)}
    if setting.auth == "basic":
        passwords = setting.folder / "htpasswd"
        passwords.write_text(_HTPASSWD, encoding="ascii")
        config["auth"] = {"htpasswd": {"realm": SERVICE, "path": str(passwords)}}
    if setting.tokens is not None:
        token = {"realm": setting.tokens.realm, "service": SERVICE, "issuer": ISSUER}
        config["auth"] = {"token": token | {"rootcertbundle": str(setting.tokens.signer.file)}}
    file = setting.folder / "registry.yml"
    file.write_text(json.dumps(config), encoding="utf-8")  # which is YAML too
    return [str(setting.program), "serve", str(file)], {"OTEL_TRACES_EXPORTER": "none"}


def _ociregistry(setting: Setting) -> Command:
    command = [str(setting.program), "-listen", f"127.0.0.1:{setting.port}", *setting.flags]
    if setting.auth == "basic":
        command += ["-user", USER, "-password", PASSWORD]
    if setting.certificate is not None:
        command += ["-cert", str(setting.certificate.file), "-key", str(setting.certificate.key_file)]
    return command, {}


def _ferro(setting: Setting) -> Command:
    place = {"FERRO_OCI_LISTEN": f"127.0.0.1:{setting.port}", "FERRO_OCI_STORAGE_DIR": str(setting.storage)}
    return [str(setting.program)], place | {"NO_COLOR": "1"}


KINDS: Final[Mapping[str, Kind]] = {
    "distribution": Kind(
        tool="registry", command=_distribution, auths=("basic", "token"), has_tls=True, stores_files=True
    ),
    "ociregistry": Kind(
        tool="ociregistry",
        command=_ociregistry,
        auths=("basic",),
        has_tls=True,
        logs=_OCIREGISTRY_LOG,
        has_referrers=True,
        keeps_sha512=False,
    ),
    "ferro": Kind(
        tool="ferro-oci-server",
        command=_ferro,
        picks_port=False,
        logs=None,
        has_referrers=True,
        has_range=False,
        has_mount=False,
        has_tag_delete=False,
        resumes_uploads=False,
    ),
    "docker-registry": Kind(
        tool="docker-registry",
        command=_distribution,
        stores_files=True,
        has_tag_delete=False,
        has_tag_pages=False,
        resumes_uploads=False,
    ),
}
