"""oras: each fault that it has and we don't (docs/security.md, "oras"), and what is leaned on is as it was."""

from __future__ import annotations

import inspect
import re
import time
import tomllib
from collections.abc import Iterator
from http.client import HTTPResponse
from importlib.metadata import version
from pathlib import Path

import oras.container
import oras.provider
import pytest
import requests
import urllib3

from packaging_kit import Blob, Digest, LayoutPlace, Settings
from packaging_kit.errors import RequestError
from packaging_kit.limits import MIB
from packaging_kit.oci.media_types import WASM
from packaging_kit.operations.copy import copy
from packaging_kit.stores.registry.answers import discard
from packaging_kit.stores.registry.challenges import scope_of
from packaging_kit.stores.registry.connections import watch
from packaging_kit.stores.registry.credentials import Credential, CredentialFiles, CredentialStore
from packaging_kit.stores.registry.options import RegistryOptions
from packaging_kit.stores.registry.transport import Transport
from tests import conftest
from tests.hostile import (
    CONTENT,
    PASSWORD,
    REPOSITORY,
    TAG,
    USER,
    descriptor,
    known,
    manifest,
    pull,
    pull_refused,
    put,
    refused,
)
from tests.registry import Basic, Bearer, Fault, Kind, Origin, Registry, Request, Response
from tests.repositories import registry_options, registry_place, registry_store
from tests.timing import AT_ONCE


def test_method_of_oras_that_is_overridden_is_as_it_was() -> None:
    parameters = inspect.signature(oras.provider.Registry.do_request).parameters
    ours = inspect.signature(Transport.do_request).parameters

    assert list(parameters) == ["self", "url", "method", "data", "headers", "json", "stream"]
    assert list(ours)[: len(parameters)] == list(parameters)
    assert {name: value.default for name, value in parameters.items() if name not in ("self", "url")} == {
        "method": "GET",
        "data": None,
        "headers": None,
        "json": None,
        "stream": False,
    }


def test_registry_of_oras_has_what_is_used_of_it() -> None:
    plain = oras.provider.Registry(hostname="registry.test", insecure=True, tls_verify=True)

    assert (plain.hostname, plain.prefix, isinstance(plain.session, requests.Session)) == (
        "registry.test",
        "http",
        True,
    )


@pytest.mark.parametrize("host", ["registry.test:443", "127.0.0.1:5000", "localhost:5000", "[::1]:5000"])
def test_container_of_oras_makes_the_urls_of_the_specification(host: str) -> None:
    container = oras.container.Container(f"{host}/a/b")
    digest = f"sha256:{'a' * 64}"

    assert (
        container.get_blob_url(digest),
        container.upload_blob_url(),
        container.tags_url(),
        container.manifest_url("v"),
        container.manifest_url(digest),
    ) == (
        f"{host}/v2/a/b/blobs/{digest}",
        f"{host}/v2/a/b/blobs/uploads/",
        f"{host}/v2/a/b/tags/list",
        f"{host}/v2/a/b/manifests/v",
        f"{host}/v2/a/b/manifests/{digest}",
    )


def test_version_of_oras_has_an_upper_bound_that_holds_the_one_installed() -> None:
    project = tomllib.loads((conftest.REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (bound,) = (entry for entry in project["dependencies"] if entry.startswith("oras"))
    match = re.fullmatch(r"oras>=(\d+)\.(\d+)\.(\d+),<(\d+)\.(\d+)\.(\d+)", bound)

    assert match is not None
    least, above = tuple(map(int, match.groups()[:3])), tuple(map(int, match.groups()[3:]))
    assert least <= tuple(map(int, version("oras").split("."))) < above


def test_methods_of_http_client_that_are_watched_are_there() -> None:
    """Were one renamed, it would be watched no longer."""
    assert all(hasattr(HTTPResponse, name) for name in ("begin", "_read_next_chunk_size", "_read_and_discard_trailer"))
    manager = urllib3.PoolManager()
    watch(manager)
    pools = [manager.connection_from_url(f"{scheme}://a.test") for scheme in ("http", "https")]
    assert [issubclass(vars(pool.ConnectionCls)["response_class"], HTTPResponse) for pool in pools] == [True, True]


def test_download_is_checked_against_its_digest(tmp_path: Path) -> None:
    with Registry() as registry:
        put(registry)
        registry.damage(REPOSITORY, Digest.of(CONTENT).value, bytes(len(CONTENT)))

        assert pull_refused(registry.host, tmp_path) == "digest-mismatch"


def test_refusal_without_a_credential_is_not_tried_again(tmp_path: Path) -> None:
    with Registry(auth=Basic()) as registry:
        code = pull_refused(registry.host, tmp_path, registry_options())

        assert (code, len(registry.requests)) == ("registry-unauthorized", 2)


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_failure_is_tried_again(status: int, tmp_path: Path) -> None:
    with Registry() as registry:
        put(registry)
        registry.script([Fault(kind=Kind.STATUS, status=status, path="/manifests/", times=4, retry_after=b"0")])

        assert pull(registry.host, tmp_path) == CONTENT


@pytest.mark.parametrize("status", [400, 403, 404, 405, 410, 418, 451])
def test_refusal_is_not_tried_again(status: int, tmp_path: Path) -> None:
    with Registry() as registry:
        registry.script([Fault(kind=Kind.STATUS, status=status, path="/manifests/", times=None)])
        pull_refused(registry.host, tmp_path)

        assert len([seen for seen in registry.requests if "/manifests/" in seen.path]) == 1


def test_wait_that_the_registry_asks_for_is_kept(tmp_path: Path) -> None:
    began = time.monotonic()
    with Registry() as registry:
        put(registry)
        registry.script([Fault(kind=Kind.STATUS, status=429, path="/manifests/", retry_after=b"1")])
        pull(registry.host, tmp_path)

    assert time.monotonic() - began >= 1.0


def test_password_is_not_sent_to_the_realm_of_a_basic_challenge(tmp_path: Path) -> None:
    with Origin(host="127.0.0.2") as other, Registry() as registry:
        challenge = ("WWW-Authenticate", f'Basic realm="{other.url}/token"')
        answer = Response(status=401, headers=(challenge,))
        registry.script([Fault(kind=Kind.ANSWER, path="/v2/a", answer=answer, times=None)])
        code = pull_refused(registry.host, tmp_path, known())

        assert (code, other.requests) == ("registry-unauthorized", ())


def test_token_of_one_repository_is_not_used_for_another() -> None:
    with Registry(auth=Bearer(user=USER, password=PASSWORD)) as registry:
        put(registry)
        transport = registry_store(registry.host, REPOSITORY, known()).transport
        transport.settle()
        for repository in ("a/app", "b", "a/app", "b"):
            url = f"{registry.url}/v2/{repository}/tags/list"
            discard(transport.do_request(url, scopes=scope_of(repository, "pull")))
        sent = {
            (seen.path.split("/")[2:-2][-1], seen.headers["authorization"])
            for seen in registry.requests
            if "authorization" in seen.headers and seen.path != "/token"
        }

    assert sent == {("app", "Bearer token-1"), ("b", "Bearer token-2")}


def test_credential_does_not_follow_a_next_page() -> None:
    with Origin(host="127.0.0.2") as other, Registry(auth=Basic(user=USER, password=PASSWORD)) as registry:
        put(registry)
        link = (("Link", f'<{other.url}/next>; rel="next"'),)
        registry.script([Fault(kind=Kind.WITH_HEADERS, path="/tags/list", headers=link, times=None)])
        code = refused(registry_store(registry.host, REPOSITORY, known()).tags)

        assert (code, other.requests) == ("registry-untrusted", ())


def test_answer_that_does_not_come_is_not_waited_for(tmp_path: Path) -> None:
    began = time.monotonic()
    with Registry() as registry:
        registry.script([Fault(kind=Kind.STALL, times=None)])
        code = pull_refused(registry.host, tmp_path, registry_options(read_timeout=0.2, tries=2))

    assert (code, time.monotonic() - began < AT_ONCE) == ("registry-timeout", True)


def test_every_time_limit_has_a_default() -> None:
    options = RegistryOptions()

    assert (0 < options.connect_timeout <= 60, 0 < options.read_timeout <= 60, 0 < options.patience <= 60) == (
        True,
        True,
        True,
    )


class Counted:
    """A blob that is made as it is read, and says how much of it was made at most ahead of what was sent."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.made = 0

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(self.size // MIB):
            self.made += MIB
            yield bytes(MIB)


def test_blob_is_not_read_whole_before_it_is_pushed() -> None:
    size = 32 * MIB
    content = Counted(size)
    made_at_first_byte: list[int] = []

    def take(request: Request) -> Response:
        if request.method == "PUT":
            for _ in request.body.iter_pieces():
                made_at_first_byte.append(content.made)
            return Response(status=201)
        return Response(status=202 if request.method == "POST" else 404, headers=(("Location", f"{request.path}1"),))

    with Origin(take) as origin:
        registry_store(origin.host, REPOSITORY).write_blob(content, Blob(Digest.of(bytes(size)), size))

    assert made_at_first_byte[0] < size // 2


def test_hostile_digest_writes_nothing_outside_the_layout(tmp_path: Path) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    layer = descriptor(CONTENT, WASM, digest="sha256:../../../outside")
    with Registry() as registry:
        put(registry, manifest(layer))
        destination = LayoutPlace(folder=folder / "layout", tag=TAG)
        source = registry_place(registry.host, REPOSITORY, TAG)
        code = refused(lambda: copy(source, destination, Settings(registry=known())))

    assert (code, [path.name for path in tmp_path.iterdir()]) == ("document-invalid", ["inside"])


def test_home_folder_is_not_read_where_other_files_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text('{"auths":{"registry.test":{"auth":"YTpi"}}}')
    named_one = tmp_path / "named.json"
    named_one.write_text('{"auths":{"registry.test":{"auth":"YzpkZA=="}}}')
    monkeypatch.setenv("HOME", str(tmp_path))
    found = CredentialStore(CredentialFiles(read=(named_one,))).find("registry.test")

    assert found == Credential(username="c", secret="dd")
    assert CredentialStore(CredentialFiles()).find("registry.test") is None


@pytest.mark.parametrize("repository", ["A", "a:v", "a@b", "../a", "a//b", "a/", "", "a?b"])
def test_name_that_oras_reads_otherwise_is_refused(repository: str) -> None:
    transport = Transport("registry.test", registry_options(), lambda: None)
    try:
        container = transport.container(repository)
    except (RequestError, ValueError):
        return

    assert container.get_blob_url("d") == f"registry.test:443/v2/{repository}/blobs/d"
