"""What tests of hostile registries share: a secret to look for, certificates, artifacts, pulls, and names of hosts."""

from __future__ import annotations

import base64
import json
import resource
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from packaging_kit import Output, Settings
from packaging_kit.digest import Digest
from packaging_kit.errors import PackagingKitError
from packaging_kit.oci.media_types import IMAGE_MANIFEST, WASM, WASM_CONFIG
from packaging_kit.operations.unpack import unpack
from packaging_kit.stores.registry.options import RegistryOptions
from tests.real.needs import need_tool
from tests.registry import Origin, Registry, Tls
from tests.registry.listener import Connection, Listener
from tests.repositories import registry_options, registry_place

if TYPE_CHECKING:
    from typing import Self

USER: Final = "alice"
PASSWORD: Final = "s3cr3t-MARKER"
BASIC: Final = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
SECRETS: Final = (PASSWORD, BASIC, "token-")
"""What nobody else may see; tokens of the test's registry begin like the last."""

REPOSITORY: Final = "a/app"
TAG: Final = "v"
CONTENT: Final = b"\0asm\x0d\0\1\0" + b"the content of a component" * 100
CONFIG: Final = b'{"architecture":"wasm","os":"wasip2"}'
OUTPUT: Final = "app.wasm"

_EXTENSIONS = "subjectAltName={names}\nbasicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\n"


def known(**options: Any) -> RegistryOptions:
    """Options with the user and password that the registries of these tests take."""
    return registry_options(user=USER, password=PASSWORD, **options)


def descriptor(data: bytes, media_type: str, **fields: Any) -> dict[str, Any]:
    """A descriptor of `data`, or one that lies in the given fields."""
    return {"mediaType": media_type, "digest": Digest.of(data).value, "size": len(data)} | fields


def manifest(layer: Mapping[str, Any] | None = None, **fields: Any) -> bytes:
    """The manifest of a component of today, or one that lies."""
    value = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "config": descriptor(CONFIG, WASM_CONFIG),
        "layers": [descriptor(CONTENT, WASM) if layer is None else dict(layer)],
    }
    return json.dumps(value | fields).encode()


def put(registry: Registry, raw: bytes | None = None, *, content: bytes | None = CONTENT) -> str:
    """Have a registry hold a component under the tag, and give the manifest's digest."""
    registry.put_blob(REPOSITORY, CONFIG)
    if content is not None:
        registry.put_blob(REPOSITORY, content)
    return registry.put_manifest(REPOSITORY, manifest() if raw is None else raw, IMAGE_MANIFEST, TAG)


def pull(host: str, folder: Path, options: RegistryOptions | None = None, digest: Digest | None = None) -> bytes:
    """The bytes of the component, by its tag or digest."""
    place = registry_place(host, REPOSITORY, None if digest else TAG, digest)
    unpack(place, Output(name=str(folder / OUTPUT)), Settings(temporary=folder, registry=options or known()))
    return (folder / OUTPUT).read_bytes()


def refused(call: Callable[[], object]) -> str:
    """The code of the error that a call ends in; whatever it says must not tell the secrets."""
    with pytest.raises(PackagingKitError) as caught:
        call()
    error = caught.value
    said = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error)) + str(error.hint)
    assert not [secret for secret in SECRETS if secret in said]
    return error.code


def pull_refused(host: str, folder: Path, options: RegistryOptions | None = None, **rest: Any) -> str:
    """The code that a pull ends with; nothing may be left of it."""
    code = refused(lambda: pull(host, folder, options, **rest))
    assert sorted(path.name for path in folder.iterdir() if path.suffix not in (".pem", ".key", ".cnf")) == []
    return code


def was_told(origin: Origin) -> bool:
    """Whether a server was sent anything that only the registry may see."""
    named = any({"authorization", "cookie", "proxy-authorization"} & set(seen.headers) for seen in origin.requests)
    return named or any(origin.saw(secret) for secret in SECRETS)


def make_tls(folder: Path, name: str, *names: str, days: int = 2) -> Tls:
    """A certificate for these names, as `IP:127.0.0.1` and `DNS:localhost`, that vouches for itself."""
    openssl = need_tool("openssl")
    made = Tls(certificate=folder / f"{name}.pem", key=folder / f"{name}.key")
    extensions = folder / f"{name}.cnf"
    extensions.write_text(_EXTENSIONS.format(names=",".join(names)), encoding="ascii")
    request = _openssl(
        openssl, "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=test", "-keyout", made.key
    )
    signed = ("-req", "-days", str(days), "-signkey", made.key, "-extfile", extensions, "-out", made.certificate)
    _openssl(openssl, "x509", *signed, given=request)
    return made


def _openssl(openssl: Path, *arguments: str | Path, given: bytes = b"") -> bytes:
    return subprocess.run([openssl, *arguments], input=given, check=True, capture_output=True).stdout


@contextmanager
def named(monkeypatch: pytest.MonkeyPatch, *hosts: str) -> Iterator[None]:
    """Have names of hosts lead to this machine, as a hosts file would."""
    real = socket.getaddrinfo

    def look_up(host: Any, *args: Any, **options: Any) -> Any:
        return real("127.0.0.1" if host in hosts else host, *args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(socket, "getaddrinfo", look_up)
        yield


class Torrent:
    """A server that answers every request with a beginning, and then with the same piece for ever, if there is one.

    Args:
        interval: seconds between two pieces.
    """

    def __init__(self, beginning: bytes, piece: bytes = b"", *, interval: float = 0.0) -> None:
        self._beginning = beginning
        self._pieces = piece if interval else piece * max(1, (1 << 16) // max(len(piece), 1))
        self._interval = interval
        self._listener = Listener(self._serve, host="127.0.0.1", tls=None)
        self.host = f"127.0.0.1:{self._listener.port}"

    def __enter__(self) -> Self:
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.stop()

    def _serve(self, connection: Connection) -> None:
        for request in connection.iter_requests():
            request.body.discard()
            connection.send(self._beginning)
            if not self._pieces:
                connection.close()
            while self._pieces and not connection.stopping.wait(self._interval):
                connection.send(self._pieces)


_GROWTH = """
import sys
from tests.hostile import peak
from {module} import {function}

before = peak()
{function}(*sys.argv[1:])
print(peak() - before)
"""

ALLOWED_GROWTH: Final = 100 << 20
SECONDS: Final = 300


def peak() -> int:
    """Bytes of memory that this process had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def growth(function: Callable[..., object], *arguments: str) -> int:
    """Bytes that another process grows by while it runs a function of a test module, which has to end soon."""
    script = _GROWTH.format(module=function.__module__, function=function.__name__)
    command = [sys.executable, "-c", script, *arguments]
    checkout = Path(__file__).resolve().parents[1]
    done = subprocess.run(command, capture_output=True, text=True, cwd=checkout, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)
