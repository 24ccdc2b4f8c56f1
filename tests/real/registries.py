"""Real registries on loopback, started for a test and stopped after it.

    with start("distribution", tmp_path, auth="basic", tls=True) as registry:
        ... registry.host, registry.user, registry.password, registry.ca_file

Each writes into the given folder only, listens on 127.0.0.1 on a port that was free, and leaves its log there.
"""

from __future__ import annotations

import http.client
import os
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Final

from tests.real.certificates import make_certificate
from tests.real.needs import need_tool
from tests.real.registry_kinds import KINDS, PASSWORD, USER, Auth, Kind, Setting
from tests.real.token_server import TokenServer

START_SECONDS: Final = 30
LOG_SECONDS: Final = 10
STOP_SECONDS: Final = 1  # a graceful one waits for requests that never come
_PORT_TRIES: Final = 5
_LOG_NAME: Final = "registry.log"
_LISTENING: Final = re.compile(r"listening (?:on |addr=)?(127\.0\.0\.1:[0-9]+)\b")
_MARKS: Final = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Logged:
    """A request as a registry logged it: `target` is path and query, `body_size` None where it doesn't tell."""

    method: str
    target: str
    status: int
    body_size: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A registry that answers.

    Attributes:
        host: `127.0.0.1:PORT`; its certificate is good for `localhost` too.
        user: None where everybody may do everything, as `password`.
        ca_file: what its certificate is verified with; None for http.
        storage: the folder that holds `docker/registry/v2/`, for those that have it.
        tokens: the token server that it sends clients to.
    """

    kind: Kind
    host: str
    scheme: str
    user: str | None
    password: str | None
    ca_file: Path | None
    storage: Path | None
    tokens: TokenServer | None
    log_file: Path
    process_id: int

    def log(self) -> str:
        """What it wrote so far; where it logs requests, all that were answered before are in it."""
        if self.kind.logs is not None:
            mark = f"/v2/?mark={next(_MARKS)}"
            _ask(self.host, mark, self.ca_file)
            _wait(lambda: f"{mark} " in _read(self.log_file))
        return _read(self.log_file)

    def requests(self) -> tuple[Logged, ...]:
        """All requests so far but those for `/v2/`, as logged."""
        if self.kind.logs is None:
            raise ValueError(f"{self.kind.tool} logs no requests")
        found = (match.groups() for match in self.kind.logs.finditer(self.log()))
        return tuple(
            Logged(method=method, target=target, status=int(status), body_size=int(size[0]) if size else None)
            for method, target, status, *size in found
            if target.partition("?")[0] != "/v2/"
        )


@contextmanager
def start(
    name: str, folder: Path, *, auth: Auth | None = None, tls: bool = False, flags: tuple[str, ...] = ()
) -> Iterator[Running]:
    """Run a registry of `KINDS`; where its program is missing the test ends, as `need_tool` says.

    Args:
        flags: more arguments for ociregistry, as `-no-referrers`.
    """
    kind = KINDS[name]
    if (auth is not None and auth not in kind.auths) or (tls and not kind.has_tls):
        raise ValueError(f"{name} can't be started with auth={auth!r} and tls={tls!r}")
    setting = Setting(program=need_tool(kind.tool), folder=folder, flags=flags, auth=auth)
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        if tls:
            setting = replace(setting, certificate=make_certificate(need_tool("openssl"), folder, "server"))
        if auth == "token":
            signer = make_certificate(need_tool("openssl"), folder, "token")
            tokens = TokenServer(signer, user=USER, password=PASSWORD, tls=setting.certificate)
            setting = replace(setting, tokens=stack.enter_context(tokens))
        process, host = _launch(kind, setting)
        stack.callback(_stop, process)
        yield Running(
            kind=kind,
            host=host,
            scheme="https" if tls else "http",
            user=None if auth is None else USER,
            password=None if auth is None else PASSWORD,
            ca_file=_ca_file(setting),
            storage=setting.storage if kind.stores_files else None,
            tokens=setting.tokens,
            log_file=folder / _LOG_NAME,
            process_id=process.pid,
        )


def _launch(kind: Kind, setting: Setting) -> tuple[subprocess.Popen[bytes], str]:
    """The process of a registry that answers, and where."""
    for _ in range(1 if kind.picks_port else _PORT_TRIES):  # a port that is free now may be taken before it is used
        setting = setting if kind.picks_port else replace(setting, port=_free_port())
        process = _start_process(kind, setting)
        host = None
        try:
            host = _host_that_answers(process, setting)
        finally:
            if host is None:
                _stop(process)
        if host is not None:
            return process, host
    raise RuntimeError(f"{kind.tool} does not start:\n{_read(setting.folder / _LOG_NAME)}")


def _start_process(kind: Kind, setting: Setting) -> subprocess.Popen[bytes]:
    command, environment = kind.command(setting)
    # nothing else of the developer's: these programs read settings from it
    environment |= {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(setting.folder)}
    with (setting.folder / _LOG_NAME).open("wb") as log:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=setting.folder
        )


def _host_that_answers(process: subprocess.Popen[bytes], setting: Setting) -> str | None:
    """Where it listens, once it does; None where it ended or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        match = _LISTENING.search(_read(setting.folder / _LOG_NAME))
        if match is not None and _ask(match[1], "/v2/", _ca_file(setting)) in (200, 401):
            return match[1]
        time.sleep(0.01)
    return None


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _ask(host: str, target: str, ca_file: Path | None) -> int | None:
    """The status of the answer; None where there is none."""
    if ca_file is None:
        connection = http.client.HTTPConnection(host, timeout=START_SECONDS)
    else:
        context = ssl.create_default_context(cafile=str(ca_file))
        connection = http.client.HTTPSConnection(host, timeout=START_SECONDS, context=context)
    try:
        connection.request("GET", target)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _wait(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LOG_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError("a registry did not log a request that it answered")
        time.sleep(0.005)


def _read(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")


def _ca_file(setting: Setting) -> Path | None:
    return None if setting.certificate is None else setting.certificate.file


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
