"""How registries are asked: tries, challenges, origins, tokens, TLS, and what of oras is leaned on."""

from __future__ import annotations

import json
import random
import re
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import hypothesis
import pytest
import urllib3
from hypothesis import example
from hypothesis import strategies as st

from packaging_kit import Blob, Digest, Settings
from packaging_kit.errors import Answer, PackagingKitError, RegistryError, RequestError
from packaging_kit.operations.registries import list_tags, resolve
from packaging_kit.stores.registry.answers import discard, read_limited
from packaging_kit.stores.registry.challenges import Challenge, parse_challenges, scope_of
from packaging_kit.stores.registry.credentials import Credential
from packaging_kit.stores.registry.options import RegistryOptions
from packaging_kit.stores.registry.origin import Address, Origin, is_less_public, join
from packaging_kit.stores.registry.retries import Tries, parse_retry_after
from packaging_kit.stores.registry.tokens import Tokens
from packaging_kit.stores.registry.transport import Transport
from tests import conftest
from tests.hostile import (
    CONTENT,
    PASSWORD,
    REPOSITORY,
    TAG,
    USER,
    Torrent,
    known,
    make_tls,
    named,
    pull,
    pull_refused,
    put,
    refused,
)
from tests.registry import Basic, Bearer, Fault, Kind, Registry, Tls
from tests.repositories import registry_options, registry_place, registry_store
from tests.timing import AT_ONCE, LINEAR

NOW = datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC)
SCOPES = scope_of(REPOSITORY, "pull")
ANSWER = Answer(method="GET", path="/v2/")

# --- tries ---


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("007", 7.0),
        ("99999999999", 99999999999.0),
        ("9" * 5000, 999999999999.0),
        ("Wed, 01 Jul 2026 12:00:30 GMT", 30.0),
        ("Wed, 01 Jul 2026 14:00:30 +0200", 30.0),
        ("Wednesday, 01-Jul-26 12:00:30 GMT", 30.0),
        ("Wed, 01 Jul 2026 12:00:30", 30.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("-5", None),
        ("1.5", None),
        ("1e3", None),
        ("+7", None),
        ("²", None),
        ("٣", None),
        ("", None),
        ("soon\x80", None),
        ("Wed, 99 Jul 2026 12:00:30 GMT", None),
        ("Wed, 01 Jul 99999 12:00:30 GMT", None),
        ("Wed, 01 Jul 2026 12:00:30 +9999999999", None),
    ],
)
def test_retry_after(text: str | None, seconds: float | None) -> None:
    assert parse_retry_after(text, NOW) == seconds


DATE_LIKE = st.lists(
    st.sampled_from(["Wed, ", "01 ", "Jul ", "2026 ", "12:00:30 ", "GMT", "+9999", "-", ":", "99999999999", " ", "\0"])
).map("".join)


@hypothesis.given(st.text() | DATE_LIKE)
@example("Wed, 01 Jul 2026 12:00:30 +" + "9" * 400)
@example("0 Jan 0 0:0:0 -9999")
def test_any_retry_after_is_a_wait_or_nothing(text: str) -> None:
    seconds = parse_retry_after(text, NOW)

    assert seconds is None or seconds >= 0


def test_waits_double_up_to_a_limit_with_a_random_half() -> None:
    tries = Tries(RegistryOptions(tries=9, backoff=1.0, patience=1e9))
    waits = [tries.next_wait() for _ in range(8)]

    bounds = [1, 2, 4, 8, 15, 15, 15, 15]
    assert all(wait is not None and bound / 2 <= wait <= bound for wait, bound in zip(waits, bounds, strict=True))
    assert (tries.next_wait(), tries.attempt) == (None, 9)


def test_longer_wait_that_the_registry_asks_for_counts() -> None:
    assert Tries(RegistryOptions()).next_wait("30") == 30.0


def test_wait_that_patience_does_not_allow_is_not_begun() -> None:
    assert Tries(RegistryOptions()).next_wait("61") is None


@pytest.mark.parametrize("retry_after", [b"99999999999", b"61", b"Fri, 31 Dec 9999 23:59:59 GMT"])
def test_registry_that_asks_for_a_long_wait_is_not_waited_for(retry_after: bytes, tmp_path: Path) -> None:
    began = time.monotonic()
    with Registry() as registry:
        registry.script([Fault(kind=Kind.STATUS, status=429, retry_after=retry_after, times=None)])
        code = pull_refused(registry.host, tmp_path)

        assert (code, len(registry.requests)) == ("registry-failed", 2)
    assert time.monotonic() - began < AT_ONCE


# --- challenges ---


@pytest.mark.parametrize(
    ("text", "challenges"),
    [
        ("", []),
        ("Basic", [("basic", {})]),
        ('Basic realm="a"', [("basic", {"realm": "a"})]),
        ("BASIC realm=a", [("basic", {"realm": "a"})]),
        (
            'Bearer realm="https://a/t",service="s",scope="repository:a/b:pull,push"',
            [("bearer", {"realm": "https://a/t", "service": "s", "scope": "repository:a/b:pull,push"})],
        ),
        ('Bearer Realm = "a" , SERVICE= s', [("bearer", {"realm": "a", "service": "s"})]),
        ('Basic realm="a", Bearer realm="b"', [("basic", {"realm": "a"}), ("bearer", {"realm": "b"})]),
        ('Bearer realm="b", Basic', [("bearer", {"realm": "b"}), ("basic", {})]),
        ("Negotiate, Basic realm=a", [("negotiate", {}), ("basic", {"realm": "a"})]),
        (", ,Basic realm=a,,", [("basic", {"realm": "a"})]),
        (r'Basic realm="a \"b\" \\c"', [("basic", {"realm": r'a "b" \c'})]),
        ('Basic realm="a, Bearer realm=evil"', [("basic", {"realm": "a, Bearer realm=evil"})]),
        ('Bearer scope="a",scope="b"', [("bearer", {"scope": "a b"})]),
        ('Basic realm="open', [("basic", {})]),
        ('"', []),
        ("=", []),
    ],
)
def test_challenges(text: str, challenges: list[tuple[str, dict[str, str]]]) -> None:
    assert parse_challenges(text) == tuple(Challenge(scheme, fields) for scheme, fields in challenges)


PIECES = st.lists(
    st.sampled_from(['"', "\\", ",", "=", " ", "\t", "a", "realm", "Basic", "Bearer", "\n", "é", 'realm="x"', ";"])
).map("".join)


@hypothesis.given(st.text() | PIECES)
def test_any_text_is_challenges_or_none(text: str) -> None:
    for challenge in parse_challenges(text):
        assert challenge.scheme == challenge.scheme.lower() != ""


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "a ",
        "a=",
        "a=b",
        "a=b,",
        "a b,",
        'a="',
        '"',
        "\\",
        'a="\\',
        ",",
        " ",
        "\t,",
        'a="b"',
        "a ,",
        'a=" a="',
        ", a",
    ],
)
@pytest.mark.parametrize("beginning", ["", "a ", 'a x="', "a,"])
def test_long_header_takes_no_time(beginning: str, piece: str) -> None:
    text = (beginning + piece * (1 << 16))[: 1 << 16]
    began = time.thread_time()
    parse_challenges(text)

    assert time.thread_time() - began < LINEAR


# --- origins ---


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://a/x", Origin("https", "a", 443)),
        ("http://a", Origin("http", "a", 80)),
        ("https://A.B:443/", Origin("https", "a.b", 443)),
        ("https://a:/x", Origin("https", "a", 443)),
        ("HTTPS://a/x", Origin("https", "a", 443)),
        ("https://a:8443/x?y#z", Origin("https", "a", 8443)),
        ("https://[::1]:5000/x", Origin("https", "[::1]", 5000)),
        ("https://[2001:DB8::1]/x", Origin("https", "[2001:db8::1]", 443)),
        ("https://127.0.0.1/x", Origin("https", "127.0.0.1", 443)),
        ("https://a?x@b", Origin("https", "a", 443)),
        ("https://a#x@b", Origin("https", "a", 443)),
    ],
)
def test_origin_of(url: str, origin: Origin) -> None:
    assert Origin.of(url) == origin


NO_URLS = [
    "",
    "a",
    "/x",
    "//a/x",
    "https:",
    "https:///x",
    "https:a/x",
    "ftp://a/x",
    "file:///x",
    "javascript:alert(1)",
    "https://user@a/x",
    "https://user:password@a/x",
    "https://@a/x",
    "https://a@/x",
    "https://a\\@b/x",
    "https://a\\b/x",
    "https:\\\\a\\x",
    "https:/\\a/x",
    "https://a\t.b/x",
    "https://a\n/x",
    "https://a/\r\nHost: b",
    "https://a b/x",
    " https://a/x",
    "https://a/ x",
    "https://é/x",
    "https://a/é",
    "https://a%2eb/x",
    "https://a%00/x",
    "https://a:x/",
    "https://a:99999/",
    "https://a:-1/",
    "https://a:80:90/",
    "https://a:٣/",
    "https://[::1/x",
    "https://::1/x",
    "https://[::1]x/",
    "https://[fe80::1%25eth0]/x",
    "https://[v1.a]/x",
    "https://.a/x",
    "https://a./x",
    "https://-a/x",
    "https://a。b/x",
    "https://ａ/x",
    "https://a/" + "x" * 9000,
]


@pytest.mark.parametrize("url", NO_URLS)
def test_what_parsers_read_differently_has_no_origin(url: str) -> None:
    with pytest.raises(RequestError) as caught:
        Origin.of(url)

    assert caught.value.code == "url-invalid"


URL_LIKE = st.lists(
    st.sampled_from(
        [
            *"ab.:/@\\?#[]%&;=+-_ \t\n1é",
            "https://",
            "http://",
            "HTTP://",
            "//",
            "..",
            "%2f",
            ":443",
            ":80",
            "[::1]",
            "@a",
            "127.0.0.1",
        ]
    ),
    max_size=12,
).map("".join)


@hypothesis.given(st.builds("{}{}".format, st.sampled_from(["", "http://", "https://", "//"]), URL_LIKE))
def test_who_sends_a_request_reads_a_url_as_who_checks_it(url: str) -> None:
    try:
        origin = Origin.of(url)
    except RequestError:
        return
    read = urllib3.util.parse_url(url)
    ports = {"http": 80, "https": 443}

    assert read.scheme is not None
    assert origin == Origin(read.scheme, str(read.host), ports[read.scheme] if read.port is None else read.port)
    assert read.auth is None


@hypothesis.given(URL_LIKE)
def test_place_that_an_answer_names_has_an_origin_or_is_refused(location: str) -> None:
    base = "https://registry.test/v2/a/blobs/uploads/1?x=y"
    try:
        url = join(base, location)
        origin = Origin.of(url)
    except RequestError:
        return

    assert "#" not in url
    names_another = re.match(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//", location)
    assert origin == Origin.of(base) or names_another or location.lower().startswith(("http:", "https:"))


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/v2/b", "https://a:5000/v2/b"),
        ("b", "https://a:5000/v2/b"),
        ("?x=y", "https://a:5000/v2/x?x=y"),
        ("../../../../b", "https://a:5000/b"),
        ("//b/c", "https://b/c"),
        ("http://b/c", "http://b/c"),
        ("/b#c", "https://a:5000/b"),
    ],
)
def test_join(location: str, url: str) -> None:
    assert join("https://a:5000/v2/x?y", location) == url


def _table(here: str, there: str) -> Callable[[str], tuple[Address, ...]]:
    texts = {"here": here, "there": there}
    return lambda host: tuple(map(ip_address, texts[host].split()))


PUBLIC, PRIVATE, OWN = "93.184.215.14", "10.1.2.3", "127.0.0.1"


@pytest.mark.parametrize(
    ("registry", "target", "is_less"),
    [
        (PUBLIC, "1.1.1.1", False),
        (PUBLIC, "2606:4700::1111", False),
        (PUBLIC, PRIVATE, True),
        (PUBLIC, "172.16.0.1", True),
        (PUBLIC, "192.168.0.1", True),
        (PUBLIC, "100.64.0.1", True),
        (PUBLIC, "fd00::1", True),
        (PUBLIC, "fec0::1", True),
        (PUBLIC, OWN, True),
        (PUBLIC, "0.0.0.0", True),
        (PUBLIC, "::", True),
        (PUBLIC, "::1", True),
        (PUBLIC, "169.254.169.254", True),
        (PUBLIC, "fe80::1", True),
        (PUBLIC, "::ffff:10.0.0.1", True),
        (PUBLIC, "::10.0.0.1", True),
        (PUBLIC, "2002:0a00:0001::", True),
        (PUBLIC, "2002:0808:0808::", False),
        (PUBLIC, "64:ff9b::10.0.0.1", True),
        (PUBLIC, "64:ff9b::8.8.8.8", False),
        (PUBLIC, "64:ff9b:1::10.0.0.1", True),
        (PUBLIC, "2001:0:7f00:1::", True),
        (PUBLIC, "168.63.129.16", True),
        (PUBLIC, f"1.1.1.1 {PRIVATE}", True),
        (PUBLIC, "", False),
        ("", PRIVATE, True),
        (PRIVATE, "192.168.0.1", False),
        (PRIVATE, PUBLIC, False),
        (PRIVATE, OWN, True),
        (PRIVATE, "169.254.169.254", True),
        (PRIVATE, "100.100.100.200", True),
        (PRIVATE, "fd00:ec2::254", True),
        (OWN, "127.0.0.2", False),
        (OWN, PRIVATE, False),
    ],
)
def test_network_that_a_registry_is_not_in_itself(registry: str, target: str, is_less: bool) -> None:
    here, there = Origin("https", "here", 443), Origin("https", "there", 443)

    assert is_less_public(there, here, _table(registry, target)) == is_less


# --- tokens ---


class Service:
    """A token service that counts, and takes its time."""

    def __init__(self, answer: Callable[[int], object], seconds: float = 0.0) -> None:
        self._answer = answer
        self._seconds = seconds
        self.asked: list[str] = []

    def __call__(self, url: str, *, form: str | None, authorization: str | None) -> bytes:
        self.asked.append(form or url)
        time.sleep(self._seconds)
        return json.dumps(self._answer(len(self.asked))).encode()


def numbered(number: int) -> object:
    return {"token": f"t{number}"}


CHALLENGE = 'Bearer realm="https://registry.test/token",service="s"'


def tokens_of(service: Service, credential: Credential | None = None) -> Tokens:
    return Tokens(Origin("https", "registry.test", 443), lambda: credential, service, lambda host: ())


def test_nothing_is_proved_to_who_does_not_ask() -> None:
    service = Service(numbered)

    assert (tokens_of(service).header(SCOPES), service.asked) == (None, [])


def test_many_threads_fetch_one_token() -> None:
    service = Service(numbered, seconds=0.05)
    tokens = tokens_of(service)
    with ThreadPoolExecutor(16) as pool:
        headers = set(pool.map(lambda _: tokens.renew(CHALLENGE, SCOPES, None, ANSWER), range(16)))

    assert (headers, len(service.asked)) == ({"Bearer t1"}, 1)


def test_token_that_was_refused_is_renewed_once_for_all() -> None:
    service = Service(numbered)
    tokens = tokens_of(service)
    first = tokens.renew(CHALLENGE, SCOPES, None, ANSWER)
    with ThreadPoolExecutor(8) as pool:
        headers = set(pool.map(lambda _: tokens.renew(CHALLENGE, SCOPES, first, ANSWER), range(8)))

    assert (first, headers, len(service.asked)) == ("Bearer t1", {"Bearer t2"}, 2)


def test_same_token_again_is_no_other_one() -> None:
    tokens = tokens_of(Service(lambda number: {"token": "same"}))
    first = tokens.renew(CHALLENGE, SCOPES, None, ANSWER)

    assert (first, tokens.renew(CHALLENGE, SCOPES, first, ANSWER)) == ("Bearer same", None)


@pytest.mark.parametrize(
    ("expires_in", "asked"),
    [(0.01, 2), (3600, 1), (0, 1), (-5, 1), (None, 1), (True, 1), ("soon", 1), (1e300, 1), ([], 1), (60.5, 1)],
)
def test_token_is_used_until_it_expires(expires_in: object, asked: int) -> None:
    service = Service(lambda number: {"token": f"t{number}", "expires_in": expires_in})
    tokens = tokens_of(service)
    tokens.renew(CHALLENGE, SCOPES, None, ANSWER)
    time.sleep(0.02)
    tokens.header(SCOPES)

    assert len(service.asked) == asked


def test_each_scope_has_its_token() -> None:
    service = Service(numbered)
    tokens = tokens_of(service)
    scopes = [SCOPES, scope_of(REPOSITORY, "pull", "push"), scope_of("b", "pull"), SCOPES | scope_of("b", "pull")]
    headers = [tokens.renew(CHALLENGE, scope, None, ANSWER) for scope in scopes]
    again = [tokens.header(scope) for scope in scopes]

    assert headers == again == ["Bearer t1", "Bearer t2", "Bearer t3", "Bearer t4"]


def test_scope_of_the_challenge_is_asked_for_as_well() -> None:
    service = Service(numbered)
    tokens_of(service).renew(f'{CHALLENGE},scope="repository:a/app:pull registry:catalog:*"', SCOPES, None, ANSWER)

    assert service.asked == [
        "https://registry.test/token?service=s&scope=registry%3Acatalog%3A%2A&scope=repository%3Aa%2Fapp%3Apull"
    ]


@pytest.mark.parametrize("field", ["token", "access_token"])
def test_token_may_have_either_name(field: str) -> None:
    tokens = tokens_of(Service(lambda number: {field: "t"}))

    assert tokens.renew(CHALLENGE, SCOPES, None, ANSWER) == "Bearer t"


@pytest.mark.parametrize("answer", [None, [], "t", 7, {}, {"token": {}}, {"token": "a b"}, {"token": "a\n"}])
def test_answer_without_a_token_is_refused(answer: object) -> None:
    tokens = tokens_of(Service(lambda number: answer))

    assert refused(lambda: tokens.renew(CHALLENGE, SCOPES, None, ANSWER)) == "registry-answer-invalid"


@pytest.mark.parametrize("challenge", ["", "Negotiate", "Digest realm=x", "\0", '"'])
def test_challenge_that_nobody_can_meet_is_left(challenge: str) -> None:
    service = Service(numbered)
    credential = Credential(username=USER, secret=PASSWORD)

    assert tokens_of(service, credential).renew(challenge, SCOPES, None, ANSWER) is None


def test_bearer_goes_before_basic() -> None:
    credential = Credential(username=USER, secret=PASSWORD)
    header = tokens_of(Service(numbered), credential).renew(f"Basic realm=x, {CHALLENGE}", SCOPES, None, ANSWER)

    assert header == "Bearer t1"


# --- TLS, and http ---


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tls]:
    folder = tmp_path_factory.mktemp("certificates")
    here = ("IP:127.0.0.1", "DNS:localhost", "DNS:registry.test")
    return {
        "good": make_tls(folder, "good", *here),
        "other": make_tls(folder, "other", *here),
        "another name": make_tls(folder, "name", "DNS:else.test"),
        "expired": make_tls(folder, "expired", *here, days=-1),
    }


def test_certificate_that_leads_to_the_given_ones_is_trusted(certificates: dict[str, Tls], tmp_path: Path) -> None:
    tls = certificates["good"]
    with Registry(tls=tls) as registry:
        put(registry)

        assert pull(registry.host, tmp_path, registry_options(ca_file=tls.certificate)) == CONTENT


@pytest.mark.parametrize(
    ("served", "trusted"), [("good", None), ("good", "other"), ("another name", "another name"), ("expired", "expired")]
)
def test_certificate_that_is_not_trusted_is_refused_at_once(
    served: str, trusted: str | None, certificates: dict[str, Tls], tmp_path: Path
) -> None:
    ca_file = None if trusted is None else certificates[trusted].certificate
    with Registry(tls=certificates[served]) as registry:
        put(registry)
        with pytest.raises(RegistryError) as caught:
            pull(registry.host, tmp_path, known(ca_file=ca_file))

        assert (caught.value.code, "--ca-file" in str(caught.value.hint)) == ("registry-tls", True)
        assert [seen.path for seen in registry.requests if seen.status == 200] == []


def test_environment_changes_nothing_about_trust(
    certificates: dict[str, Tls], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = tmp_path / "keys.pem"
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(certificates["good"].certificate))
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
    with Registry(tls=certificates["good"]) as registry:
        code = pull_refused(registry.host, tmp_path, registry_options())

    assert (code, keys.exists()) == ("registry-tls", False)


def test_client_certificate_is_shown_where_one_is_given(certificates: dict[str, Tls], tmp_path: Path) -> None:
    tls = replace(certificates["good"], client_ca=certificates["other"].certificate)
    shown = certificates["other"]
    without = registry_options(ca_file=tls.certificate, tries=2)
    with Registry(tls=tls) as registry:
        put(registry)
        code = pull_refused(registry.host, tmp_path, without)
        with_one = replace(without, client_certificate=shown.certificate, client_key=shown.key)
        content = pull(registry.host, tmp_path, with_one)

    assert (code, content) == ("registry-unreachable", CONTENT)


GIVEN: dict[str, Callable[[Path], RegistryOptions]] = {
    "authorities": lambda path: replace(registry_options(), ca_file=path),
    "own": lambda path: replace(registry_options(), client_certificate=path),
}


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize(
    ("content", "code"), [(b"", "certificate-invalid"), (b"\xff", "certificate-invalid"), (None, "io-error")]
)
def test_certificate_file_that_cannot_be_used_is_named(
    given: str, content: bytes | None, code: str, tmp_path: Path
) -> None:
    path = tmp_path / "given.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PackagingKitError) as caught:
        resolve(registry_place("registry.test:1", REPOSITORY, TAG), Settings(registry=GIVEN[given](path)))

    assert (caught.value.code, str(path) in caught.value.message) == (code, True)


@pytest.mark.parametrize("is_secure", [False, True])
def test_registry_on_this_machine_is_asked_as_it_speaks(is_secure: bool, certificates: dict[str, Tls]) -> None:
    good = certificates["good"]
    with Registry(tls=good if is_secure else None) as registry:
        put(registry)
        store = registry_store(
            registry.host, REPOSITORY, registry_options(ca_file=good.certificate if is_secure else None)
        )
        store.find(TAG)

        assert store.transport.prefix == ("https" if is_secure else "http")


def test_registry_on_this_machine_is_asked_how_it_speaks_without_a_credential() -> None:
    with Registry(auth=Basic(user=USER, password=PASSWORD)) as registry:
        put(registry)
        registry_store(registry.host, REPOSITORY, known()).find(TAG)

        assert "authorization" not in registry.requests[0].headers


def test_name_that_leads_to_this_machine_is_asked_by_https_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with Registry(auth=Basic(user=USER, password=PASSWORD)) as registry, named(monkeypatch, "registry.test"):
        put(registry)
        host = registry.host.replace("127.0.0.1", "registry.test")
        with pytest.raises(RegistryError) as caught:
            pull(host, tmp_path, known())

        assert (caught.value.code, "--plain-http" in str(caught.value.hint)) == ("registry-unreachable", True)
        assert registry.requests == ()


def test_name_is_asked_by_http_where_that_was_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with Registry() as registry, named(monkeypatch, "registry.test", "other.test"):
        put(registry)
        host = registry.host.replace("127.0.0.1", "registry.test")
        options = registry_options(plain_http=frozenset((host,)))
        content = pull(host, tmp_path, options)
        code = refused(lambda: registry_store(host.replace("registry", "other"), REPOSITORY, options).find(TAG))

    assert (content, code) == (CONTENT, "registry-unreachable")


def test_registry_that_stops_speaking_https_is_not_asked_by_http(certificates: dict[str, Tls], tmp_path: Path) -> None:
    options = registry_options(ca_file=certificates["good"].certificate, tries=2)
    with Registry(tls=certificates["good"]) as registry:
        put(registry)
        store = registry_store(registry.host, REPOSITORY, options)
        store.find(TAG)
        registry.script([Fault(kind=Kind.RESET_AFTER, times=None)])
        code = refused(lambda: store.find(TAG))

    assert (code, store.transport.prefix) == ("registry-unreachable", "https")


@pytest.mark.parametrize(
    "host", ["registry.test:1", "127.0.0.1:1", "[::1]:1", "localhost:1", "256.256.256.256:1", "a..b:1"]
)
def test_host_that_nobody_answers_at_is_unreachable(host: str) -> None:
    transport = Transport(host, registry_options(tries=2), lambda: None)

    def ask() -> None:
        transport.settle()
        transport.do_request(f"{transport.prefix}://{host}/v2/")

    assert refused(ask) == "registry-unreachable"


# --- stopping ---


def test_nothing_is_begun_once_it_was_stopped() -> None:
    stopped = threading.Event()
    with Registry() as registry:
        transport = Transport(registry.host, registry_options(), lambda: None, stopped=stopped)
        transport.settle()
        registry.forget_requests()
        stopped.set()
        code = refused(lambda: transport.do_request(f"{registry.url}/v2/"))

        assert (code, registry.requests) == ("registry-failed", ())


def test_wait_for_another_try_ends_when_it_is_stopped() -> None:
    stopped = threading.Event()
    options = registry_options(backoff=60.0)
    with Registry() as registry:
        registry.script([Fault(kind=Kind.STATUS, status=503, path="/manifests/", times=None)])
        transport = Transport(registry.host, options, lambda: None, stopped=stopped)
        transport.settle()
        threading.Timer(0.1, stopped.set).start()
        began = time.monotonic()
        code = refused(lambda: transport.do_request(f"{registry.url}/v2/a/manifests/v"))

    assert (code, time.monotonic() - began < AT_ONCE) == ("registry-failed", True)


# --- whatever comes over the wire ---

GOOD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\nLink: </x>; rel=next\r\n\r\n"
    b'{"tags": ["v"]}'
)
PIECES_OF_ANSWERS = (
    *(b"HTTP/1.1 ", b"HTTP/0.9 ", b"HTTP/9.9 ", b"200", b"401", b"302", b"206", b"101", b"099", b"1000", b" OK"),
    *(b"\r\n", b"\n", b"\r", b"\0", b"\x1b", b"\xff", b": ", b":", b" ", b"\t", b"-1", b"99999999999999999999"),
    *(b"Content-Length", b"Transfer-Encoding", b"chunked", b"gzip", b"Connection", b"close", b"Content-Type"),
    *(b"Location", b"http://[", b"//evil@x", b"WWW-Authenticate", b"Bearer realm=", b"Basic", b"Link", b"<"),
    *(b">; rel=next", b"Set-Cookie", b"a=b; Expires=", b"Retry-After", b"=?utf-8?q?=", b"Content-Range", b"bytes 0-"),
    *(b"Docker-Content-Digest", b"sha256:", b"0\r\n\r\n", b"f" * 40, b"{", b'"tags"'),
)


def spoiled(seed: int) -> bytes:
    """An answer in which some pieces were put, cut out or put in another place."""
    chance = random.Random(seed)
    raw = GOOD if chance.random() < 0.7 else b""
    for _ in range(chance.randrange(1, 8)):
        start = chance.randrange(len(raw) + 1)
        end = min(len(raw), start + chance.choice((0, 0, 0, 1, 5, 40)))
        raw = raw[:start] + b"".join(chance.choices(PIECES_OF_ANSWERS, k=chance.randrange(4))) + raw[end:]
    return raw


@pytest.mark.parametrize("seed", conftest.SEEDS)
def test_any_answer_is_a_result_or_our_error(seed: int) -> None:
    settings = Settings(registry=registry_options(tries=2, read_timeout=0.1, backoff=0.001))
    for number in range(10):
        raw = spoiled(seed * 1000 + number) + b"\r\n\r\n"
        with Torrent(raw) as server:
            with suppress(PackagingKitError):
                list_tags(registry_place(server.host, REPOSITORY), settings)
            with suppress(PackagingKitError):
                resolve(registry_place(server.host, REPOSITORY, TAG), settings)


@pytest.mark.parametrize(
    "value",
    [
        "a=b; Expires=" + "Mon " * 9000,
        "a=b; " * 9000,
        ";" * 60000,
        '"' * 60000,
        "a=" + "\\" * 60000,
        "a; Domain=" + "." * 60000,
    ],
)
@pytest.mark.parametrize("name", ["Set-Cookie", "Content-Type", "Link", "WWW-Authenticate", "Retry-After"])
def test_long_header_of_any_name_takes_no_time(name: str, value: str) -> None:
    head = f"HTTP/1.1 401 Who\r\n{name}: {value}\r\nContent-Length: 0\r\n\r\n".encode()
    options = registry_options(tries=1, read_timeout=2.0)
    began = time.process_time()
    with Torrent(head) as server:
        refused(lambda: list_tags(registry_place(server.host, REPOSITORY), Settings(registry=options)))

    assert time.process_time() - began < LINEAR


# --- side by side ---


def test_small_answers_can_be_read_from_many_threads_at_once() -> None:
    with Registry(auth=Bearer(user=USER, password=PASSWORD)) as registry:
        put(registry)
        store = registry_store(registry.host, REPOSITORY, known())
        with ThreadPoolExecutor(8) as pool:
            found = set(pool.map(lambda _: store.find(TAG).digest, range(64)))

    assert len(found) == 1


def test_answer_that_was_discarded_leaves_its_connection_to_the_next() -> None:
    with Registry() as registry:
        transport = Transport(registry.host, registry_options(), lambda: None)
        transport.settle()
        for _ in range(5):
            discard(transport.do_request(f"{registry.url}/v2/a/manifests/absent"))
        read_limited(transport.do_request(f"{registry.url}/v2/"), 100)

        assert len({seen.connection for seen in registry.requests}) == 1


def test_blob_is_written_from_many_threads_with_one_token() -> None:
    with Registry(auth=Bearer(user=USER, password=PASSWORD)) as registry:
        store = registry_store(registry.host, REPOSITORY, known())
        contents = [b"content %d" % number for number in range(16)]
        with ThreadPoolExecutor(8) as pool:
            list(
                pool.map(lambda content: store.write_blob((content,), Blob(Digest.of(content), len(content))), contents)
            )
        asked = [seen.target for seen in registry.requests if seen.path == "/token"]

    assert len(asked) == len(set(asked))
