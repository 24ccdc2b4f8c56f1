"""Repositories in real registries: the same contract over each, as people run them."""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
import requests
import urllib3
from requests.adapters import BaseAdapter, HTTPAdapter

from packaging_kit.digest import Digest
from packaging_kit.errors import NotFoundError, RegistryError
from packaging_kit.stores.registry.options import RegistryOptions
from packaging_kit.stores.registry.store import RegistryStore
from tests.real.registries import Running, start
from tests.real.registry_kinds import Auth
from tests.repositories import registry_options, registry_store
from tests.store_contract import CONTENT, Make, Repository, RepositoryContract, Store
from tests.test_stores_registry import named

SERVERS: Final[dict[str, tuple[str, Auth | None, bool]]] = {
    "distribution": ("distribution", None, False),
    "distribution-basic-tls": ("distribution", "basic", True),
    "distribution-token-tls": ("distribution", "token", True),
    "ociregistry": ("ociregistry", None, False),
    "ferro": ("ferro", None, False),
    "docker-registry": ("docker-registry", None, False),
}

_numbers = itertools.count()


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A registry that runs for all tests of a process, each of which has repositories of its own.

    Attributes:
        folder: what it writes is below it.
        damaged: what was damaged, and what it was before.
    """

    running: Running
    options: RegistryOptions
    folder: Path
    damaged: dict[Path, bytes] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.running.kind.tool

    def file_of(self, repository: str, digest: Digest) -> Path:
        """The file that holds a blob."""
        if self.name == "ferro-oci-server":
            return self.folder / "storage" / digest.algorithm / digest.hex[:2] / digest.hex[2:]
        root = self.folder / "storage" / "docker" / "registry" / "v2"
        link = root / "repositories" / repository / "_layers" / digest.algorithm / digest.hex / "link"
        kept = Digest(link.read_text())  # by another algorithm, it may be
        return root / "blobs" / kept.algorithm / kept.hex[:2] / kept.hex / "data"

    def clean(self) -> None:
        """Undo what one test did that another one would see, as repositories share their blobs."""
        for path, data in self.damaged.items():
            path.write_bytes(data)
        self.damaged.clear()
        if self.name == "ferro-oci-server":  # where every repository has the blobs of all
            for path in self.folder.glob("storage/sha*/*/*"):
                path.unlink()


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    kind, auth, tls = SERVERS[request.param]
    folder = tmp_path_factory.mktemp("registry")
    with start(kind, folder, auth=auth, tls=tls) as running:
        options = registry_options(user=running.user, password=running.password, ca_file=running.ca_file)
        yield Server(running=running, options=options, folder=folder)


class Spoiled(HTTPAdapter):
    """Damages a blob on the way from a registry that keeps everything in memory."""

    def __init__(self, digest: Digest, data: bytes, others: BaseAdapter) -> None:
        super().__init__()
        self._digest = digest
        self._data = data
        self._others = others

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        if request.method not in ("GET", "HEAD") or not str(request.url).endswith(f"/blobs/{self._digest}"):
            return self._others.send(request, *args, **options)
        raw = urllib3.HTTPResponse(
            io.BytesIO(b"" if request.method == "HEAD" else self._data),
            headers={"Content-Length": str(len(self._data))},
            status=200,
            preload_content=False,
            request_method=request.method,
        )
        return self.build_response(request, raw)


class TestRealRegistry(RepositoryContract):
    looks_into_blobs = False
    server: Server
    prefix: str

    @pytest.fixture
    def make_store(self, server: Server) -> Iterator[Make]:
        self.server = server
        self.prefix = f"t{next(_numbers)}"
        self.lists_referrers = server.running.kind.has_referrers
        self.algorithms = ("sha256", "sha512") if server.running.kind.keeps_sha512 else ("sha256",)
        self.tells_algorithms_apart = server.name not in ("registry", "docker-registry")
        self.heals = server.name == "ferro-oci-server"
        # It empties the note that a blob is there before it writes it anew, and then finds nothing in it.
        self.takes_the_same_at_once = server.name != "docker-registry"
        yield lambda name: registry_store(server.running.host, f"{self.prefix}/{name}", server.options)
        server.clean()

    def damage(self, store: Store, digest: Digest, data: bytes) -> None:
        assert isinstance(store, RegistryStore)
        if self.server.name == "ociregistry":
            session = store.transport.session
            session.mount("http://", Spoiled(digest, data, session.get_adapter("http://")))
            return
        path = self.server.file_of(f"{self.prefix}/store", digest)
        self.server.damaged.setdefault(path, path.read_bytes())
        path.write_bytes(data)

    def held(self, store: Store, *asked: bytes) -> list[bytes]:
        found = []
        for data in asked:
            for algorithm in self.algorithms if self.tells_algorithms_apart else ("sha256",):
                try:
                    found.append(store.read_blob(Digest.of(data, algorithm)))
                except NotFoundError:
                    continue
        return found

    def later(self, store: Store) -> Store:
        assert isinstance(store, RegistryStore)
        return named(store)

    def test_what_is_no_document_is_not_found_by_digest(self, repository: Repository) -> None:
        if self.server.name != "docker-registry":
            super().test_what_is_no_document_is_not_found_by_digest(repository)
            return
        blob = repository.write_blob((CONTENT,))

        # It takes any blob for a manifest, and fails to read it.
        with pytest.raises(RegistryError) as error:
            repository.find(digest=blob.digest)
        with pytest.raises(NotFoundError):
            repository.find(digest=Digest.of(b"missing"))

        assert (error.value.code, error.value.answer.status) == ("registry-failed", 500)
