"""A running gate, and what is asked of it."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from packaging_kit import Digest, Settings
from packaging_kit.oci.media_types import IMAGE_MANIFEST
from tests.conftest import REPOSITORY
from tests.repositories import registry_options

EXAMPLES: Final = REPOSITORY / "docs" / "examples"
FILES: Final = ("serve_split", "quarantine", "upload_gate")
SECONDS: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        (found,) = json.loads(self.body)["errors"]
        return dict(found)

    @property
    def code(self) -> tuple[int, str]:
        return self.status, self.error["code"]


def exchange(port: int, request: bytes) -> bytes:
    """Send bytes as they are, end the sending, and read until the end."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        found = b""
        while chunk := connection.recv(1 << 16):
            found += chunk
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A running example, and its folder."""

    server: Any
    folder: Path

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"

    @property
    def settings(self) -> Settings:
        return Settings(registry=registry_options())

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection(self.host, timeout=SECONDS)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, f"/v2/{path}", body=body, headers=named)
            response = connection.getresponse()
            return Answer(status=response.status, headers=dict(response.headers.items()), body=response.read())
        finally:
            connection.close()

    def raw(self, request: bytes) -> bytes:
        return exchange(self.server.server_port, request)

    def put_blob(self, data: bytes, repository: str = "app", digest: Digest | None = None) -> Answer:
        return self.ask("POST", f"{repository}/blobs/uploads/?digest={digest or Digest.of(data)}", data)

    def put_manifest(
        self, raw: bytes, repository: str = "app", reference: str = "v1", media_type: str = IMAGE_MANIFEST
    ) -> Answer:
        return self.ask("PUT", f"{repository}/manifests/{reference}", raw, Content_Type=media_type)

    def statuses(self, *digests: Digest, repository: str = "app") -> set[int]:
        """What asking for these gives, as blobs and as manifests, by HEAD and by GET."""
        paths = [f"{repository}/{kind}/{digest}" for digest in digests for kind in ("blobs", "manifests")]
        return {self.ask(method, path).status for path in paths for method in ("HEAD", "GET")}

    def kept(self) -> set[Digest]:
        """Digests of the files that are there for good."""
        found = (path for path in (self.folder / "content" / "blobs").rglob("*") if path.is_file())
        return {Digest(f"{path.parent.name}:{path.name}") for path in found}

    def waiting(self) -> list[Path]:
        return sorted((self.folder / "quarantine").iterdir())


def serve(server: Any, folder: Path) -> Iterator[Gate]:
    with server as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            found = Gate(server=running, folder=folder)
            assert found.ask("GET", "").status == 200
            yield found
        finally:
            running.shutdown()
            thread.join()


def begin(gate: Gate, repository: str = "app") -> str:
    answer = gate.ask("POST", f"{repository}/blobs/uploads/")
    assert answer.status == 202
    return answer.headers["Location"].removeprefix("/v2/")
