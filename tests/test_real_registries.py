"""The real registries of the tests: they start, let in whom they should, tell what was asked, and stop."""

from __future__ import annotations

import json
import os
import ssl
import urllib.error
import urllib.request
from email.message import Message
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.real.registries import Running, start
from tests.real.registry_kinds import KINDS, PASSWORD, USER, Auth
from tests.real.token_server import REFRESH_TOKEN, REGISTRY_LEEWAY, TokenServer, basic

SECURED: tuple[tuple[str, Auth | None, bool], ...] = (
    ("distribution", None, True),
    ("distribution", "basic", False),
    ("distribution", "basic", True),
    ("ociregistry", None, True),
    ("ociregistry", "basic", False),
    ("ociregistry", "basic", True),
)
PULL = "repository:private/hello:pull"


def ask(
    registry: Running, path: str, authorization: str | None = None, *, method: str = "GET", data: bytes | None = None
) -> tuple[int, Message, bytes]:
    return ask_url(f"{registry.scheme}://{registry.host}{path}", registry.ca_file, authorization, method, data)


def ask_url(
    url: str,
    ca_file: Path | None,
    authorization: str | None = None,
    method: str = "GET",
    data: bytes | None = None,
) -> tuple[int, Message, bytes]:
    context = None if ca_file is None else ssl.create_default_context(cafile=str(ca_file))
    request = urllib.request.Request(url, method=method, data=data)
    if authorization is not None:
        request.add_header("Authorization", authorization)
    try:
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, exc.headers, exc.read()


def token_of(tokens: TokenServer, ca_file: Path | None, *scopes: str, authorization: str | None = None) -> str:
    query = urlencode([("scope", scope) for scope in scopes])
    status, _, body = ask_url(f"{tokens.realm}?{query}", ca_file, authorization)

    assert status == 200
    return str(json.loads(body)["token"])


@pytest.mark.parametrize("name", KINDS)
def test_registry_answers_on_loopback_and_stops(name: str, tmp_path: Path) -> None:
    with start(name, tmp_path) as registry:
        assert registry.host.startswith("127.0.0.1:")
        assert ask(registry, "/v2/")[0] == 200
    with pytest.raises(urllib.error.URLError):
        ask(registry, "/v2/")
    with pytest.raises(ProcessLookupError):
        os.kill(registry.process_id, 0)


@pytest.mark.parametrize("name", KINDS)
def test_two_run_side_by_side(name: str, tmp_path: Path) -> None:
    with start(name, tmp_path / "one") as one, start(name, tmp_path / "two") as two:
        assert one.host != two.host
        assert ask(one, "/v2/")[0] == ask(two, "/v2/")[0] == 200


@pytest.mark.parametrize("name", KINDS)
def test_it_writes_into_its_folder_only_where_it_stores_files(name: str, tmp_path: Path) -> None:
    with start(name, tmp_path / "registry") as registry:
        status, headers, _ = ask(registry, "/v2/a/blobs/uploads/", method="POST", data=b"")

        assert (status, "Location" in headers) == (202, True)
        assert [path.name for path in tmp_path.iterdir()] == ["registry"]
        assert (registry.storage is not None) == KINDS[name].stores_files
        assert registry.storage is None or list(registry.storage.rglob("_uploads"))


@pytest.mark.parametrize(("name", "auth", "tls"), SECURED)
def test_credentials_and_certificate_are_asked_for(name: str, auth: Auth | None, tls: bool, tmp_path: Path) -> None:
    with start(name, tmp_path, auth=auth, tls=tls) as registry:
        nobody, headers, _ = ask(registry, "/v2/")
        stranger, _, _ = ask(registry, "/v2/", basic(USER, "wrong"))
        user, _, _ = ask(registry, "/v2/", basic(USER, PASSWORD))
        port = registry.host.rpartition(":")[2]
        by_name, _, _ = ask_url(f"{registry.scheme}://localhost:{port}/v2/", registry.ca_file)

    assert (registry.user, registry.password) == ((None, None) if auth is None else (USER, PASSWORD))
    assert (nobody, stranger, user, by_name) == ((200,) * 4 if auth is None else (401, 401, 200, 401))
    assert headers.get("WWW-Authenticate", "").partition(" ")[0] == ("" if auth is None else "Basic")


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.has_tls])
def test_certificate_is_trusted_by_nobody_else(name: str, tmp_path: Path) -> None:
    with start(name, tmp_path, tls=True) as registry, pytest.raises(urllib.error.URLError, match="self-signed"):
        ask_url(f"https://{registry.host}/v2/", None)


@pytest.mark.parametrize("name", [name for name, kind in KINDS.items() if kind.logs is not None])
def test_requests_are_read_from_the_log(name: str, tmp_path: Path) -> None:
    with start(name, tmp_path) as registry:
        ask(registry, "/v2/a/blobs/uploads/?x=1", method="POST", data=b"")
        ask(registry, "/v2/a/tags/list")
        requests = registry.requests()

    assert [(each.method, each.target, each.status) for each in requests] == [
        ("POST", "/v2/a/blobs/uploads/?x=1", 202),
        ("GET", "/v2/a/tags/list", requests[1].status),
    ]


def test_ociregistry_logs_the_size_of_what_it_got(tmp_path: Path) -> None:
    with start("ociregistry", tmp_path) as registry:
        _, headers, _ = ask(registry, "/v2/a/blobs/uploads/", method="POST", data=b"")
        ask(registry, headers["Location"], method="PATCH", data=b"12345")

        assert [each.body_size for each in registry.requests()] == [0, 5]


def test_ociregistry_can_lack_what_others_lack(tmp_path: Path) -> None:
    path = f"/v2/a/referrers/sha256:{'0' * 64}"
    with start("ociregistry", tmp_path / "with") as registry:
        ask(registry, "/v2/a/blobs/uploads/", method="POST", data=b"")
        status_with = ask(registry, path)[0]
    with start("ociregistry", tmp_path / "without", flags=("-no-referrers",)) as registry:
        ask(registry, "/v2/a/blobs/uploads/", method="POST", data=b"")
        status_without = ask(registry, path)[0]

    assert (status_with, status_without) == (200, 404)


@pytest.mark.parametrize("tls", [False, True])
def test_distribution_takes_the_tokens_of_our_server(tls: bool, tmp_path: Path) -> None:
    with start("distribution", tmp_path, auth="token", tls=tls) as registry:
        assert registry.tokens is not None
        status, headers, _ = ask(registry, "/v2/private/hello/tags/list")
        challenge = headers["WWW-Authenticate"]
        token = token_of(registry.tokens, registry.ca_file, PULL, authorization=basic(USER, PASSWORD))
        with_token, _, _ = ask(registry, "/v2/private/hello/tags/list", f"Bearer {token}")
        anonymous = token_of(registry.tokens, registry.ca_file, PULL)
        refused, _, _ = ask(registry, "/v2/private/hello/tags/list", f"Bearer {anonymous}")
        public = token_of(registry.tokens, registry.ca_file, "repository:public/hello:pull,push", PULL)
        pulled, _, _ = ask(registry, "/v2/public/hello/tags/list", f"Bearer {public}")
        pushed, _, _ = ask(registry, "/v2/public/hello/blobs/uploads/", f"Bearer {public}", method="POST", data=b"")

    assert status == 401
    assert challenge.startswith(f'Bearer realm="{registry.tokens.realm}",service=')
    assert registry.tokens.realm.startswith("https:" if tls else "http:")
    assert (with_token, refused, pulled, pushed) == (404, 401, 404, 401)


def test_distribution_refuses_a_token_that_ran_out(tmp_path: Path) -> None:
    with start("distribution", tmp_path, auth="token") as registry:
        assert registry.tokens is not None
        registry.tokens.lifetime = -REGISTRY_LEEWAY - 2
        token = token_of(registry.tokens, None, PULL, authorization=basic(USER, PASSWORD))

        assert ask(registry, "/v2/private/hello/tags/list", f"Bearer {token}")[0] == 401


def test_token_server_records_requests_and_takes_scopes_in_both_forms(tmp_path: Path) -> None:
    with start("distribution", tmp_path, auth="token") as registry:
        assert registry.tokens is not None
        token_of(registry.tokens, None, "repository:a:pull", "repository:b:pull repository:c:pull")
        wrong, _, _ = ask_url(registry.tokens.realm, None, basic(USER, "wrong"))
        requests = registry.tokens.requests

    assert requests[0].scopes == ("repository:a:pull", "repository:b:pull", "repository:c:pull")
    assert [request.authorization for request in requests] == [None, basic(USER, "wrong")]
    assert wrong == 401


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"grant_type": "password", "username": USER, "password": PASSWORD}, 200),
        ({"grant_type": "password", "username": USER, "password": "wrong"}, 401),
        ({"grant_type": "refresh_token", "refresh_token": REFRESH_TOKEN}, 200),
        ({"grant_type": "refresh_token", "refresh_token": "another"}, 401),
        ({"username": USER, "password": PASSWORD}, 401),
    ],
)
def test_token_server_takes_posts(fields: dict[str, str], status: int, tmp_path: Path) -> None:
    with start("distribution", tmp_path, auth="token") as registry:
        assert registry.tokens is not None
        form = urlencode(fields | {"scope": PULL, "access_type": "offline"}).encode()
        answered, _, body = ask_url(registry.tokens.realm, None, None, "POST", form)

    assert answered == status
    assert ("refresh_token" in json.loads(body)) == (status == 200)
