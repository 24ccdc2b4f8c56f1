"""Hostile registries and credentials: nobody but the registry that one is for ever sees it (docs/security.md)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from packaging_kit import Blob, Digest, LayoutPlace, Settings
from packaging_kit.errors import Answer, RegistryError
from packaging_kit.oci.media_types import IMAGE_MANIFEST, WASM
from packaging_kit.oci.reference import Reference
from packaging_kit.operations.copy import copy
from packaging_kit.operations.registries import list_tags, login
from packaging_kit.stores.registry.challenges import scope_of
from packaging_kit.stores.registry.credentials import Credential, CredentialFiles, CredentialStore
from packaging_kit.stores.registry.options import RequestEvent
from packaging_kit.stores.registry.origin import Address
from packaging_kit.stores.registry.origin import Origin as HttpOrigin
from packaging_kit.stores.registry.tokens import Tokens
from packaging_kit.stores.registry.transport import Transport
from tests.conftest import REPOSITORY as CHECKOUT
from tests.hostile import (
    BASIC,
    CONTENT,
    PASSWORD,
    REPOSITORY,
    SECRETS,
    TAG,
    USER,
    descriptor,
    known,
    make_tls,
    manifest,
    named,
    pull,
    pull_refused,
    put,
    refused,
    was_told,
)
from tests.registry import Basic, Bearer, Behaviour, Fault, Kind, Origin, Registry, Request, Response, Tls
from tests.registry.messages import json_response
from tests.repositories import pack, registry_options, registry_place, registry_store, sample

BASIC_AUTH = Basic(user=USER, password=PASSWORD)
BEARER = Bearer(user=USER, password=PASSWORD)
SCOPES = scope_of(REPOSITORY, "pull")
ANSWER = Answer(method="GET", path="/v2/")
BLOBS = f"/v2/{REPOSITORY}/blobs/sha256"


def ask_who_you_are(request: Request) -> Response:
    """The answer of a server that would like to be told a password."""
    return Response(status=401, headers=(("WWW-Authenticate", 'Basic realm="tell me"'),))


@pytest.fixture
def other() -> Iterator[Origin]:
    """Another host, which asks for a password."""
    with Origin(ask_who_you_are, host="127.0.0.2") as origin:
        yield origin


@pytest.fixture
def registry() -> Iterator[Registry]:
    """A registry that wants a password, and that the password is for."""
    with Registry(auth=BASIC_AUTH) as running:
        put(running)
        yield running


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """A certificate for all names that these tests use."""
    names = ("IP:127.0.0.1", "IP:127.0.0.2", "DNS:localhost", "DNS:registry.test", "DNS:auth.test")
    return make_tls(tmp_path_factory.mktemp("tls"), "server", *names)


def push(registry: Registry, folder: Path) -> None:
    """Push a component from a layout, as form `whole`."""
    layout = LayoutPlace(folder=folder / "layout", tag=TAG)
    pack(LayoutPlace(folder=folder / "layout"), sample(), tag=TAG)
    copy(layout, registry_place(registry.host, "a/new", TAG), Settings(temporary=folder, registry=known()))


# --- token services ---


def test_token_realm_at_another_host_is_not_asked_on_the_word_of_plain_http(other: Origin, tmp_path: Path) -> None:
    with Registry(auth=Bearer(user=USER, password=PASSWORD, realm=f"{other.url}/token")) as registry:
        put(registry)
        code = pull_refused(registry.host, tmp_path)

    assert (code, other.requests) == ("registry-untrusted", ())


def test_token_realm_at_another_port_of_the_host_is_not_asked(tmp_path: Path) -> None:
    with Origin() as other, Registry(auth=Bearer(realm=f"{other.url}/token")) as registry:
        put(registry)
        code = pull_refused(registry.host, tmp_path)

    assert (code, other.requests) == ("registry-untrusted", ())


def test_token_realm_over_http_is_not_asked_for_a_registry_that_speaks_https(tls: Tls, tmp_path: Path) -> None:
    with Origin() as other, Registry(auth=Bearer(realm=f"{other.url}/token"), tls=tls) as registry:
        put(registry)
        code = pull_refused(registry.host, tmp_path, known(ca_file=tls.certificate))

    assert (code, other.requests) == ("registry-untrusted", ())


PUBLIC = ip_address("93.184.215.14")
PRIVATE_REALMS = {
    "no URL": "token",
    "no scheme": "//auth.test/token",
    "another scheme": "ftp://auth.test/token",
    "a file": "file:///etc/passwd",
    "nothing": "",
    "user and password": "https://registry.test:443@auth.test/token",
    "user": "https://registry.test@auth.test/token",
    "backslash": "https://registry.test\\@auth.test/token",
    "white space": "https://auth.test/to ken",
    "tab": "https://auth.te\tst/token",
    "not ASCII": "https://auth.tеst/token",
    "percent": "https://auth%2etest/token",
    "http": "http://registry.test/token",
    "address": "https://93.184.215.15/token",
    "loopback": "https://127.0.0.1/token",
    "link-local": "https://169.254.169.254/latest/meta-data",
    "IPv6 loopback": "https://[::1]/token",
    "IPv6 of IPv4": "https://[::ffff:127.0.0.1]/token",
    "name of this machine": "https://localhost/token",
    "octal": "https://0177.0.0.1/token",
    "decimal": "https://2130706433/token",
    "short": "https://127.1/token",
    "private by DNS": "https://private.test/token",
    "link-local by DNS": "https://link-local.test/token",
    "of a cloud by DNS": "https://cloud.test/token",
    "6to4 by DNS": "https://6to4.test/token",
    "NAT64 by DNS": "https://nat64.test/token",
    "one of two by DNS": "https://both.test/token",
}
ADDRESSES = {
    "registry.test": (PUBLIC,),
    "auth.test": (ip_address("93.184.215.15"),),
    "private.test": (ip_address("10.0.0.7"),),
    "link-local.test": (ip_address("169.254.169.254"),),
    "cloud.test": (ip_address("168.63.129.16"),),
    "6to4.test": (ip_address("2002:7f00:1::"),),
    "nat64.test": (ip_address("64:ff9b::a9fe:a9fe"),),
    "both.test": (PUBLIC, ip_address("192.168.1.1")),
    "localhost": (ip_address("127.0.0.1"),),
    "0177.0.0.1": (ip_address("127.0.0.1"),),
    "2130706433": (ip_address("127.0.0.1"),),
    "127.1": (ip_address("127.0.0.1"),),
}


def look_up(host: str) -> tuple[Address, ...]:
    """What a name server would say."""
    return ADDRESSES.get(host) or (ip_address(host.strip("[]")),)


class Service:
    """A token service that notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None, str | None]] = []

    def __call__(self, url: str, *, form: str | None, authorization: str | None) -> bytes:
        self.asked.append((url, form, authorization))
        return b'{"token":"given"}'


def tokens_of(service: Service, origin: str = "https://registry.test") -> Tokens:
    """What the registry at `origin` gets to see, where addresses are looked up in a table."""
    credential = Credential(username=USER, secret=PASSWORD)

    return Tokens(HttpOrigin.of(origin), lambda: credential, service, look_up)


@pytest.mark.parametrize("realm", PRIVATE_REALMS.values(), ids=PRIVATE_REALMS)
def test_token_realm_that_is_no_service_of_the_registrys_is_not_asked(realm: str) -> None:
    service = Service()
    challenge = f'Bearer realm="{realm}",service="s"'
    code = refused(lambda: tokens_of(service).renew(challenge, SCOPES, None, ANSWER))

    assert (code, service.asked) == ("registry-untrusted", [])


def test_token_service_that_the_registry_names_over_https_is_told_the_credential() -> None:
    service = Service()
    header = tokens_of(service).renew('Bearer realm="https://auth.test/token"', SCOPES, None, ANSWER)

    assert header == "Bearer given"
    assert [(url.partition("?")[0], auth) for url, _, auth in service.asked] == [
        ("https://auth.test/token", f"Basic {BASIC}")
    ]


def test_token_service_that_leads_elsewhere_is_not_followed(other: Origin, tmp_path: Path) -> None:
    with Registry(auth=BEARER) as registry:
        put(registry)
        registry.script([Fault(kind=Kind.REDIRECT_AWAY, path="^/token", location=other.url)])
        code = pull_refused(registry.host, tmp_path)

    assert (code, other.requests) == ("registry-refused", ())


@pytest.mark.parametrize("token", ["a\r\nX-Injected: 1", "a b", "a\0", "a\n", "é", "", 7, None, ["a"], "x" * 65537])
def test_token_that_no_header_can_carry_is_refused(token: object, tmp_path: Path) -> None:
    with Registry(auth=BEARER) as registry:
        put(registry)
        registry.script([Fault(kind=Kind.ANSWER, path="^/token", answer=json_response({"token": token}))])
        code = pull_refused(registry.host, tmp_path)

    assert code == "registry-answer-invalid"


def test_names_in_a_challenge_add_nothing_to_the_query_of_the_token_service() -> None:
    service = Service()
    challenge = 'Bearer realm="https://auth.test/token",service="s&scope=repository:b:push&x=\r\nHost: evil"'
    tokens_of(service).renew(challenge, SCOPES, None, ANSWER)
    ((url, _, _),) = service.asked

    assert (url.count("scope="), "\r" in url, "service=s%26scope%3D" in url) == (1, False, True)


def test_token_of_one_scope_is_not_sent_with_another(tmp_path: Path) -> None:
    with Registry(auth=BEARER) as registry:
        put(registry)
        pull(registry.host, tmp_path)
        push(registry, tmp_path)
        sent = [(seen.headers["authorization"], seen.path) for seen in registry.requests if "token-" in str(seen.head)]
        asked = [seen for seen in registry.requests if seen.path == "/token"]

    repositories = {token: {path.split("/")[3] for at, path in sent if at == token} for token, _ in sent}
    assert len(asked) > 1
    assert all(len(found) == 1 for found in repositories.values())


IDENTITY = Credential(username="<token>", secret=PASSWORD, is_identity_token=True)


def test_identity_token_is_sent_in_a_form_and_stands_in_no_url(tmp_path: Path) -> None:
    with Registry(auth=Bearer(refresh_token=PASSWORD)) as registry:
        put(registry)
        pull(registry.host, tmp_path, replace(known(), given=IDENTITY))
        shown = [seen.method for seen in registry.requests if PASSWORD.encode() in (seen.body or b"")]
        heads = [seen for seen in registry.requests if PASSWORD.encode() in seen.head]

    assert (shown, heads) == (["POST"], [])


def test_identity_token_is_never_sent_as_a_password(registry: Registry, tmp_path: Path) -> None:
    code = pull_refused(registry.host, tmp_path, replace(known(), given=IDENTITY))

    assert code == "registry-unauthorized"
    assert not [seen for seen in registry.requests if "authorization" in seen.headers]


# --- redirects, upload locations, next pages ---


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_to_another_host_carries_no_credential(registry: Registry, status: int, tmp_path: Path) -> None:
    with Origin(registry.answer, host="127.0.0.2") as storage:
        registry.script([Fault(kind=Kind.REDIRECT_AWAY, path=BLOBS, status=status, location=storage.url, times=None)])
        content = pull(registry.host, tmp_path)

    assert content == CONTENT
    assert (bool(storage.requests), was_told(storage)) == (True, False)


def test_redirect_to_another_port_of_the_host_carries_no_credential(registry: Registry, tmp_path: Path) -> None:
    with Origin(registry.answer) as storage:
        registry.script([Fault(kind=Kind.REDIRECT_AWAY, path=BLOBS, location=storage.url, times=None)])
        content = pull(registry.host, tmp_path)

    assert (content, bool(storage.requests), was_told(storage)) == (CONTENT, True, False)


def test_who_a_redirect_leads_to_may_ask_for_a_password_in_vain(
    registry: Registry, other: Origin, tmp_path: Path
) -> None:
    registry.script([Fault(kind=Kind.REDIRECT_AWAY, path=BLOBS, location=other.url, times=None)])
    code = pull_refused(registry.host, tmp_path)

    assert (code, bool(other.requests), was_told(other)) == ("registry-unauthorized", True, False)


def test_redirect_that_leads_back_carries_no_credential_either(registry: Registry, tmp_path: Path) -> None:
    def back(request: Request) -> Response:
        return Response(status=307, headers=(("Location", registry.url + request.target),))

    with Origin(back, host="127.0.0.2") as away:
        registry.script([Fault(kind=Kind.REDIRECT_AWAY, path=f"{BLOBS}:{Digest.of(CONTENT).hex}", location=away.url)])
        code = pull_refused(registry.host, tmp_path)
        came_back = [seen for seen in registry.requests if Digest.of(CONTENT).hex in seen.path and seen.fault is None]

    assert (code, bool(away.requests), was_told(away)) == ("registry-unauthorized", True, False)
    assert [seen for seen in came_back if "authorization" in seen.headers] == []


def test_redirect_from_https_to_http_is_not_followed(tls: Tls, other: Origin, tmp_path: Path) -> None:
    with Registry(auth=BASIC_AUTH, tls=tls) as registry:
        put(registry)
        registry.script([Fault(kind=Kind.REDIRECT_AWAY, path=BLOBS, location=other.url, times=None)])
        code = pull_refused(registry.host, tmp_path, known(ca_file=tls.certificate))

    assert (code, other.requests) == ("registry-untrusted", ())


LEADS = {
    "https://10.0.0.7/x": "registry-untrusted",
    "https://169.254.169.254/latest/meta-data": "registry-untrusted",
    "https://private.test/x": "registry-untrusted",
    "https://both.test/x": "registry-untrusted",
    "http://registry.test/x": "registry-untrusted",
    "https://localhost/x": "registry-untrusted",
    "https://2130706433/x": "registry-untrusted",
    "https://user@registry.test/x": "registry-answer-invalid",
    "https://registry.test\\@evil.test/x": "registry-answer-invalid",
    "\\\\evil.test/x": "registry-answer-invalid",
    "file:///etc/passwd": "registry-answer-invalid",
    "gopher://evil.test/": "registry-answer-invalid",
    "https://[::1": "registry-answer-invalid",
    "https://evil.test:99999/": "registry-answer-invalid",
    "/" + "a" * 9000: "registry-answer-invalid",
}


@pytest.mark.parametrize("location", LEADS)
def test_redirect_to_where_no_registry_may_lead_is_refused(
    location: str, tls: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Registry(tls=tls) as registry, named(monkeypatch, "registry.test"):
        answer = Response(status=302, headers=(("Location", location),))
        registry.script([Fault(kind=Kind.ANSWER, answer=answer, times=None)])
        host = registry.host.replace("127.0.0.1", "registry.test")
        transport = Transport(host, known(ca_file=tls.certificate), lambda: None, resolve=look_up)
        code = refused(lambda: transport.do_request(f"https://{host}/v2/x"))

    assert (code, len(registry.requests)) == (LEADS[location], 1)


def test_upload_location_at_another_host_gets_no_credential(registry: Registry, tmp_path: Path) -> None:
    def take(request: Request) -> Response:
        request.body.discard()
        return Response(status=201)

    with Origin(take, host="127.0.0.2") as storage:
        away = (("Location", f"{storage.url}/upload"),)
        registry.script([Fault(kind=Kind.WITH_HEADERS, method="POST", headers=away, times=None)])
        refused(lambda: push(registry, tmp_path))  # as it never comes to be in the registry

    assert (bool(storage.requests), was_told(storage)) == (True, False)
    assert registry.tags("a/new") == {}


def test_upload_location_over_http_of_a_registry_that_speaks_https_gets_nothing(
    tls: Tls, other: Origin, tmp_path: Path
) -> None:
    options = known(ca_file=tls.certificate)
    with Registry(auth=BASIC_AUTH, tls=tls) as registry:
        registry.script([Fault(kind=Kind.WITH_HEADERS, method="POST", headers=(("Location", f"{other.url}/x"),))])
        store = registry_store(registry.host, REPOSITORY, options)
        code = refused(lambda: store.write_blob((CONTENT,), Blob(Digest.of(CONTENT), len(CONTENT))))

    assert (code, other.requests) == ("registry-untrusted", ())


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_redirect_of_an_upload_to_another_host_is_not_followed(
    method: str, registry: Registry, other: Origin, tmp_path: Path
) -> None:
    registry.script([Fault(kind=Kind.REDIRECT_AWAY, method=method, location=other.url)])
    code = refused(lambda: push(registry, tmp_path))

    assert (code, other.requests, registry.tags("a/new")) == ("registry-untrusted", (), {})


def test_next_page_at_another_host_is_not_asked_for(registry: Registry, other: Origin) -> None:
    link = (("Link", f'<{other.url}/v2/{REPOSITORY}/tags/list>; rel="next"'),)
    registry.script([Fault(kind=Kind.WITH_HEADERS, path="/tags/list", headers=link, times=None)])
    place = registry_place(registry.host, REPOSITORY)
    code = refused(lambda: list_tags(place, Settings(registry=known())))

    assert (code, other.requests) == ("registry-untrusted", ())


def test_next_page_of_referrers_at_another_host_is_not_asked_for(registry: Registry, other: Origin) -> None:
    link = (("Link", f"<{other.url}/x>; rel=next"),)
    registry.script([Fault(kind=Kind.WITH_HEADERS, path="/referrers/", headers=link, times=None)])
    store = registry_store(registry.host, REPOSITORY, known())
    code = refused(lambda: store.referrers(Digest.of(manifest())))

    assert (code, other.requests) == ("registry-untrusted", ())


def test_urls_in_a_descriptor_are_never_followed(registry: Registry, other: Origin, tmp_path: Path) -> None:
    absent = b"what only another host has"
    layer = descriptor(absent, WASM, urls=[f"{other.url}/layer"])
    registry.put_manifest(REPOSITORY, manifest(layer), IMAGE_MANIFEST, TAG)
    code = pull_refused(registry.host, tmp_path)

    assert (code, other.requests) == ("not-found", ())


# --- what a session would do by itself ---


def test_cookies_are_not_kept(registry: Registry, tmp_path: Path) -> None:
    cookie = (("Set-Cookie", "tracked=1; Path=/; Domain=127.0.0.1"),)
    registry.script([Fault(kind=Kind.WITH_HEADERS, headers=cookie, times=None)])
    pull(registry.host, tmp_path)

    assert len(registry.requests) > 2
    assert not [seen for seen in registry.requests if "cookie" in seen.headers]


def test_netrc_is_not_read(registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc.pem"
    netrc.write_text(f"machine 127.0.0.1 login {USER} password {PASSWORD}\n")
    monkeypatch.setenv("NETRC", str(netrc))
    code = pull_refused(registry.host, tmp_path, registry_options())

    assert code == "registry-unauthorized"
    assert not [seen for seen in registry.requests if "authorization" in seen.headers]


def test_proxies_of_the_environment_are_not_asked(
    registry: Registry, other: Origin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, other.url)

    assert (pull(registry.host, tmp_path), other.requests) == (CONTENT, ())


def test_password_of_a_proxy_goes_to_the_proxy_alone(registry: Registry, tmp_path: Path) -> None:
    def forward(request: Request) -> Response:
        return Response(status=502)

    with Origin(forward, host="127.0.0.2") as proxy:
        url = proxy.url.replace("http://", f"http://{USER}:{PASSWORD}@")
        through = registry_options(proxies={"http": url}, tries=1)
        codes = [pull_refused(registry.host, tmp_path, through)]
        proxied = was_told(proxy)
        codes.append(pull_refused(registry.host, tmp_path, replace(through, no_proxy="127.0.0.1")))

    assert proxied
    assert not [seen for seen in registry.requests if PASSWORD.encode() in seen.head or BASIC.encode() in seen.head]
    assert codes == ["registry-failed", "registry-unauthorized"]


@pytest.mark.parametrize("target", ["https://169.254.169.254/", "https://10.0.0.7/", "https://localhost/"])
def test_proxy_is_not_asked_for_what_the_registry_may_not_lead_to(target: str) -> None:
    options = registry_options(proxies={"all": "http://proxy.test:3128"})
    transport = Transport("registry.test", options, lambda: None, resolve=lambda host: ())
    with pytest.raises(RegistryError) as caught:
        transport._check_target(target, "GET")

    assert caught.value.code == "registry-untrusted"


# --- whose credential it is ---


def stored(folder: Path, content: object) -> CredentialFiles:
    path = folder / "config.pem"
    path.write_text(json.dumps(content))
    return CredentialFiles(read=(path,), write=path, path=str(folder))


@pytest.mark.parametrize(
    "key",
    ["127.0.0.1", "127.0.0.1:1", "localhost:{port}", "127.0.0.2:{port}", "docker.io", "https://index.docker.io/v1/"],
)
def test_credential_of_another_host_or_port_is_not_sent(key: str, registry: Registry, tmp_path: Path) -> None:
    files = stored(tmp_path, {"auths": {key.format(port=registry.host.rpartition(":")[2]): {"auth": BASIC}}})
    code = pull_refused(registry.host, tmp_path, registry_options(credentials=files))

    assert code == "registry-unauthorized"
    assert not [seen for seen in registry.requests if "authorization" in seen.headers]


@pytest.mark.parametrize("host", ["evildocker.io", "docker.io.evil.test", "index.docker.io.evil.test", "my-docker.io"])
def test_host_whose_name_looks_like_dockers_gets_nothing_of_dockers(host: str, tmp_path: Path) -> None:
    files = stored(tmp_path, {"auths": {"https://index.docker.io/v1/": {"auth": BASIC}}})
    reference = Reference.parse(f"{host}/library/app")

    assert (reference.host, reference.api_host) == (host, host)
    assert CredentialStore(files).find(host) is None


@pytest.mark.parametrize("fields", [{"credsStore": "absent"}, {"credHelpers": {"{host}": "absent"}}])
def test_helper_that_cannot_be_run_keeps_a_password_from_going_anywhere(
    fields: dict[str, Any], registry: Registry, tmp_path: Path
) -> None:
    named_here = json.loads(json.dumps(fields).replace("{host}", registry.host))
    files = stored(tmp_path, {**named_here, "auths": {"https://index.docker.io/v1/": {"auth": BASIC}}})
    code = pull_refused(registry.host, tmp_path, registry_options(credentials=files))

    assert code == "credential-helper-failed"
    assert not [seen for seen in registry.requests if "authorization" in seen.headers]


@pytest.mark.parametrize("name", ["../../bin/sh", "/bin/sh", "a b", "x;y", "a\nb", "..\\evil"])
def test_helper_is_named_and_never_a_path(name: str, registry: Registry, tmp_path: Path) -> None:
    options = registry_options(credentials=stored(tmp_path, {"credsStore": name}))

    assert pull_refused(registry.host, tmp_path, options) == "credentials-invalid"


def test_one_credential_is_not_shown_to_two_registries(registry: Registry, tmp_path: Path) -> None:
    with Registry(auth=BASIC_AUTH) as second:
        source, destination = (registry_place(at.host, REPOSITORY, TAG) for at in (registry, second))
        code = refused(lambda: copy(source, destination, Settings(registry=known())))

    assert (code, second.requests) == ("credential-ambiguous", ())


def test_credential_is_shown_to_nobody_who_does_not_ask(tmp_path: Path) -> None:
    with Registry() as registry:
        put(registry)
        pull(registry.host, tmp_path)

    assert not [seen for seen in registry.requests if "authorization" in seen.headers]


def test_login_that_is_refused_is_kept_nowhere(tmp_path: Path) -> None:
    files = stored(tmp_path, {})
    with Registry(auth=Basic(user=USER, password="another")) as registry:
        credential = Credential(username=USER, secret=PASSWORD)
        settings = Settings(registry=registry_options(credentials=files))
        code = refused(lambda: login(registry.host, credential, settings))

    assert code == "registry-unauthorized"
    assert CredentialStore(files).find(registry.host) is None


# --- what is told to others ---


FAILURES: dict[str, Fault] = {
    "refused": Fault(kind=Kind.STATUS, status=403, times=None, path=BLOBS),
    "failed": Fault(kind=Kind.STATUS, status=500, times=None, path=BLOBS),
    "reset": Fault(kind=Kind.RESET_AFTER, times=None, path=BLOBS),
    "truncated": Fault(kind=Kind.TRUNCATED, times=None, path=BLOBS),
    "expired": Fault(kind=Kind.EXPIRED, times=None, path=BLOBS),
    "wrong": Fault(kind=Kind.WRONG_BYTES, times=None, path=BLOBS),
    "no token": Fault(kind=Kind.STATUS, status=403, times=None, path="^/token"),
    "token service reset": Fault(kind=Kind.RESET_AFTER, times=None, path="^/token"),
    "echo": Fault(
        kind=Kind.ANSWER,
        times=None,
        path=BLOBS,
        answer=json_response({"errors": [{"code": "DENIED", "message": "no"}]}, 403),
    ),
}


@pytest.mark.parametrize("fault", FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("auth", [BASIC_AUTH, BEARER], ids=["basic", "bearer"])
def test_no_error_and_no_event_tells_a_secret(
    fault: Fault, auth: Basic | Bearer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    events: list[RequestEvent] = []
    with Registry(auth=auth, behaviour=Behaviour(location_query="_state=token-state")) as registry:
        put(registry)
        registry.script([fault])
        options = known(on_request=events.append, tries=2, read_timeout=1.0)
        code = refused(lambda: pull(registry.host, tmp_path, options)) if not _is_right(fault, auth) else ""
    said = repr(events) + caplog.text

    assert code or _is_right(fault, auth)
    assert [secret for secret in (*SECRETS, "_state") if secret in said] == []


def _is_right(fault: Fault, auth: Basic | Bearer) -> bool:
    """A password needs no token service."""
    return "token" in fault.path and isinstance(auth, Basic)


def test_query_of_a_location_stands_in_no_error(tmp_path: Path) -> None:
    signed = (("Location", "http://127.0.0.1:1/storage?X-Amz-Signature=token-signed"),)
    with Registry() as registry:
        put(registry)
        answer = Response(status=307, headers=signed)
        registry.script([Fault(kind=Kind.ANSWER, answer=answer, path=BLOBS, times=None)])
        code = pull_refused(registry.host, tmp_path, registry_options(tries=2))

    assert code == "registry-unreachable"


def test_credential_is_in_no_text_of_what_holds_it(registry: Registry) -> None:
    options = known()
    store = registry_store(registry.host, REPOSITORY, options)
    store.find(TAG)
    texts = (repr(options), repr(store), repr(store.transport), repr(store.transport.tokens))

    assert [text for text in texts if any(secret in text for secret in SECRETS)] == []


def test_document_names_tests_that_exist() -> None:
    files = sorted((CHECKOUT / "tests").glob("test_registry_*.py"))
    there = {name for path in files for name in re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8"))}
    told = set(re.findall(r"`(test_\w+)`", (CHECKOUT / "docs" / "security.md").read_text(encoding="utf-8")))

    assert len(told) > 50
    assert told - there == set()
