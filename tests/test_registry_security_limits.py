"""Hostile registries and limits: no answer takes memory or time without end (docs/security.md, "Limits")."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from packaging_kit import Digest, LayoutPlace, Settings
from packaging_kit.errors import PackagingKitError
from packaging_kit.limits import MAX_MANIFEST_SIZE, MIB
from packaging_kit.oci.media_types import IMAGE_INDEX, IMAGE_MANIFEST
from packaging_kit.operations.copy import copy
from packaging_kit.operations.registries import list_tags
from packaging_kit.stores.registry import listings
from tests.hostile import (
    ALLOWED_GROWTH,
    CONTENT,
    PASSWORD,
    REPOSITORY,
    TAG,
    USER,
    Torrent,
    growth,
    known,
    pull,
    put,
    refused,
)
from tests.registry import Bearer, Fault, Kind, Origin, Registry, Request, Response
from tests.registry.messages import json_response
from tests.repositories import pack, registry_options, registry_place, registry_store, sample
from tests.timing import AT_ONCE

CODES = {
    "registry-answer-invalid",
    "registry-answer-too-large",
    "registry-denied",
    "registry-failed",
    "registry-refused",
    "registry-timeout",
    "registry-unauthorized",
    "registry-unreachable",
    "document-invalid",
    "document-too-large",
    "listing-too-long",
    "not-found",
    "size-mismatch",
}
QUICK = registry_options(tries=2, read_timeout=1.0)


# What another process does, whose memory is measured.


def pulls(host: str, expected: str = "") -> str:
    with tempfile.TemporaryDirectory() as folder:
        code = refused(lambda: pull(host, Path(folder), known(tries=2, read_timeout=1.0)))
        assert list(Path(folder).iterdir()) == []
    assert code == (expected or code)
    return code


def lists(host: str, expected: str = "") -> str:
    code = refused(lambda: list_tags(registry_place(host, REPOSITORY), Settings(registry=QUICK)))
    assert code == (expected or code)
    return code


def finds_referrers(host: str) -> str:
    """A registry that knows nothing of referrers, or has none, is no error."""
    try:
        registry_store(host, REPOSITORY, QUICK).referrers(Digest.of(CONTENT))
    except PackagingKitError as exc:
        return exc.code
    return "not-found"


def pushes(host: str) -> str:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pack(LayoutPlace(folder=folder / "layout"), sample())
        place = LayoutPlace(folder=folder / "layout", tag=TAG)
        settings = Settings(temporary=folder, registry=QUICK)
        return refused(lambda: copy(place, registry_place(host, REPOSITORY, TAG), settings))


def lists_all(host: str) -> None:
    list_tags(registry_place(host, REPOSITORY), Settings(registry=QUICK))


EVERYTHING: tuple[Callable[[str], str], ...] = (pulls, lists, finds_referrers, pushes)

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
TORRENTS = {
    "body": (OK + b"\r\n", b"{"),
    "body of a declared size": (OK + b"Content-Length: 4611686018427387904\r\n\r\n", b" "),
    "chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"ff\r\n" + b" " * 255 + b"\r\n"),
    "small chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "extensions of chunks": (OK + b"Transfer-Encoding: chunked\r\n\r\n1", b";x=y"),
    "trailers": (OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
    "interim answers": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "interim answers with headers": (b"", b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n"),
    "headers": (OK, b"X-Filler: y\r\n"),
    "long headers": (OK, b"X-Filler: " + b"y" * 60000 + b"\r\n"),
    "one header": (OK + b"X: ", b"y"),
    "folded header": (OK + b"X: y\r\n", b" y\r\n"),
    "status line": (b"HTTP/1.1 200 ", b"O"),
    "no HTTP": (b"", b"\0"),
    "body of a redirect": (b"HTTP/1.1 302 Found\r\nLocation: /v2/x\r\n\r\n", b"x"),
    "body of a refusal": (b"HTTP/1.1 403 Forbidden\r\n\r\n", b"x"),
    "body of a failure": (b"HTTP/1.1 503 Busy\r\n\r\n", b"x"),
    "body of a challenge": (b'HTTP/1.1 401 Who\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n', b"x"),
    "body of a 404": (b"HTTP/1.1 404 Not Found\r\n\r\n", b"x"),
    "body of a 202": (b"HTTP/1.1 202 Accepted\r\nLocation: /v2/x\r\n\r\n", b"x"),
    "body of a 206": (b"HTTP/1.1 206 Partial\r\nContent-Range: bytes 0-9/10\r\n\r\n", b"x"),
    "packed": (OK + b"Content-Encoding: gzip\r\n\r\n", bytes(64)),
}


def test_answers_without_end_take_no_memory_and_little_time() -> None:
    """Every kind of command against every kind of answer, in one process: the most that any of them takes counts."""
    with ExitStack() as servers:
        hosts = [f"{name}={servers.enter_context(Torrent(*torrent)).host}" for name, torrent in TORRENTS.items()]
        grown = growth(does_everything, *hosts)

    assert grown < ALLOWED_GROWTH


def does_everything(*hosts: str) -> None:
    for named in hosts:
        name, _, host = named.rpartition("=")
        for command in EVERYTHING:
            began = time.monotonic()
            outcome = "" if command(host) in CODES else "ended otherwise"
            seconds = time.monotonic() - began
            assert (outcome, seconds < AT_ONCE) == ("", True), f"{name}: {command.__name__}: {outcome} {seconds}"


@pytest.mark.parametrize("declared", [None, 1 << 62])
def test_content_without_end_takes_no_memory(declared: int | None) -> None:
    with ExitStack() as running:
        hosts = []
        for where in ("/token", "/manifests/", "/blobs/"):
            registry = running.enter_context(Registry(auth=Bearer(user=USER, password=PASSWORD)))
            put(registry)
            registry.script([Fault(kind=Kind.ENDLESS, path=where, method="GET", times=None, declared_size=declared)])
            hosts.append(registry.host)
        grown = growth(pulls_each, *hosts)

    assert grown < ALLOWED_GROWTH


def pulls_each(*hosts: str) -> None:
    for host in hosts:
        assert pulls(host) in ("registry-answer-too-large", "size-mismatch", "registry-unreachable")


@pytest.mark.parametrize("command", [pulls, lists])
def test_headers_that_are_huge_are_refused(command: Callable[..., None]) -> None:
    with Registry() as registry:
        put(registry)
        registry.script([Fault(kind=Kind.HUGE_HEADERS, times=None)])
        grown = growth(command, registry.host, "registry-answer-too-large")

    assert grown < ALLOWED_GROWTH


# --- listings ---


def pages(make: Callable[[int], object], request: Request, size: int | None = None) -> Response:
    """A page that links to the next one, whatever page it is."""
    number = int(request.query.get("page", "0"))
    link = ("Link", f'<{request.path}?page={number + 1}>; rel="next"')
    return json_response(make(number), 200, link)


def no_tags(number: int) -> object:
    return {"tags": []}


def many_tags(number: int) -> object:
    return {"tags": [f"{number}-{entry}".ljust(128, "x") for entry in range(30_000)]}


def short_tags(number: int) -> object:
    return {"tags": [f"{number * 300_000 + entry:x}" for entry in range(300_000)]}


def many_referrers(number: int) -> object:
    entries = [
        {"mediaType": IMAGE_MANIFEST, "digest": f"sha256:{number * 9_000 + entry:064x}", "size": 1}
        for entry in range(9_000)
    ]
    return {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": entries}


def test_pages_without_end_are_not_all_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listings, "MAX_PAGES", 20)  # all ten thousand take a while
    with Origin(partial(pages, no_tags)) as origin:
        code = refused(lambda: lists_all(origin.host))

        assert (code, len(origin.requests)) == ("registry-answer-invalid", 21)


@pytest.mark.parametrize("make", [many_tags, short_tags])
def test_tags_without_end_take_no_memory(make: Callable[[int], object]) -> None:
    with Origin(partial(pages, make)) as origin:
        grown = growth(lists, origin.host)

    assert grown < ALLOWED_GROWTH


def test_referrers_without_end_take_no_memory() -> None:
    with Origin(partial(pages, many_referrers)) as origin:
        grown = growth(finds_referrers, origin.host)

    assert grown < ALLOWED_GROWTH


@pytest.mark.parametrize("next_page", ["?page=0", "?page=1", "", "#x", "?page=1#y"])
def test_pages_in_a_circle_are_left(next_page: str) -> None:
    link = ("Link", f'</v2/{REPOSITORY}/tags/list{next_page}>; rel="next"')
    with Origin(lambda request: json_response({"tags": ["v"]}, 200, link)) as origin:
        code = refused(lambda: lists_all(origin.host))

        assert (code, len(origin.requests) < 5) == ("registry-answer-invalid", True)


@pytest.mark.parametrize(
    "link", [",", "<", ">", "<>", "<;>", ";" * 9000, "<x>;" * 2000, ", " * 9000, '<x>; rel="next', "<x>; rel"]
)
def test_link_that_cannot_be_read_ends_the_listing_or_is_refused(link: str) -> None:
    with Origin(lambda request: json_response({"tags": ["v"]}, 200, ("Link", link))) as origin:
        try:
            lists_all(origin.host)
            code = ""
        except PackagingKitError as exc:
            code = exc.code

    assert code in ("", "registry-answer-invalid", "registry-untrusted")


# --- documents ---


def of_empty(item: bytes) -> bytes:
    count = (MAX_MANIFEST_SIZE - 100) // (len(item) + 1)
    return b'{"schemaVersion":2,"manifests":[' + b",".join([item] * count) + b"]}"


DOCUMENTS = {
    "objects": of_empty(b"{}"),
    "arrays": of_empty(b"[]"),
    "numbers": of_empty(b"1000"),
    "texts": of_empty(b'"a"'),
    "escapes": b'{"mediaType":"' + b"\\u00e9" * 600_000 + b'"}',
    "names": b'{"schemaVersion":2' + b"".join(b',"%x":0' % number for number in range(400_000)) + b"}",
    "annotations": json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": IMAGE_INDEX,
            "manifests": [],
            "annotations": {str(n): "" for n in range(300_000)},
        }
    ).encode(),
    "entries": json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": IMAGE_INDEX,
            "manifests": [
                {"mediaType": IMAGE_MANIFEST, "digest": f"sha256:{n:064x}", "size": 1, "annotations": {}}
                for n in range(20_000)
            ],
        }
    ).encode(),
}


@pytest.mark.parametrize("media_type", [IMAGE_INDEX, IMAGE_MANIFEST])
def test_documents_of_the_largest_size_take_little_memory(media_type: str) -> None:
    with ExitStack() as running:
        answers = [Response(headers=(("Content-Type", media_type),), body=raw) for raw in DOCUMENTS.values()]
        hosts = [running.enter_context(Origin(partial(_same, answer))).host for answer in answers]
        grown = growth(reads_each, *hosts)

    assert [name for name, raw in DOCUMENTS.items() if len(raw) > MAX_MANIFEST_SIZE] == []
    assert grown < ALLOWED_GROWTH


def _same(answer: Response, request: Request) -> Response:
    return answer


def reads_each(*hosts: str) -> None:
    """Whatever they are, they are no components."""
    for host in hosts:
        pulls(host)
        finds_referrers(host)


def test_document_that_is_too_large_is_refused() -> None:
    raw = b'{"schemaVersion":2}' + b" " * MAX_MANIFEST_SIZE
    with Origin(lambda request: Response(headers=(("Content-Type", IMAGE_INDEX),), body=raw)) as origin:
        grown = growth(pulls, origin.host, "registry-answer-too-large")

    assert grown < ALLOWED_GROWTH


# --- time ---

SLOW = registry_options(tries=1, read_timeout=0.5, patience=1.0)


@pytest.mark.parametrize(
    "name", ["body", "body of a redirect", "body of a refusal", "headers", "one header", "interim answers", "chunks"]
)
def test_answer_that_comes_byte_by_byte_is_given_up(name: str, tmp_path: Path) -> None:
    beginning, piece = TORRENTS[name]
    began = time.monotonic()
    with Torrent(beginning, piece[:1] if name != "interim answers" else piece, interval=0.05) as server:
        code = refused(lambda: pull(server.host, tmp_path, SLOW))
        seconds = time.monotonic() - began

    assert code in CODES
    assert seconds < AT_ONCE


def test_answer_that_is_slow_and_not_too_slow_is_read(tmp_path: Path) -> None:
    with Registry() as registry:
        put(registry)
        # Every byte of the manifest by itself, in less than the time limit for one and in more than it for all.
        registry.script([Fault(kind=Kind.DRIP, path="/manifests/", interval=0.002)])
        content = pull(registry.host, tmp_path, replace(SLOW, read_timeout=0.5))

    assert content == CONTENT


def test_registry_that_says_nothing_is_given_up_after_the_time_limit(tmp_path: Path) -> None:
    began = time.monotonic()
    with Registry() as registry:
        registry.script([Fault(kind=Kind.STALL, times=None)])
        code = refused(lambda: pull(registry.host, tmp_path, SLOW))
        seconds = time.monotonic() - began

    assert (code, seconds < AT_ONCE) == ("registry-timeout", True)


def test_redirects_in_a_circle_are_left(tmp_path: Path) -> None:
    with Registry() as registry:
        put(registry)
        registry.script([Fault(kind=Kind.REDIRECT_HERE, path="/manifests/", times=None)])
        code = refused(lambda: pull(registry.host, tmp_path))
        asked = [seen for seen in registry.requests if "/manifests/" in seen.path]

    assert (code, len(asked)) == ("registry-answer-invalid", 11)


def test_registry_that_always_wants_another_token_is_left(tmp_path: Path) -> None:
    with Registry(auth=Bearer(user=USER, password=PASSWORD)) as registry:
        put(registry)
        registry.script([Fault(kind=Kind.EXPIRED, path="/v2/", times=None)])
        code = refused(lambda: pull(registry.host, tmp_path))
        tokens = [seen for seen in registry.requests if seen.path == "/token"]

    assert (code, len(tokens)) == ("registry-unauthorized", 2)


def test_upload_that_is_sent_somewhere_else_each_time_ends() -> None:
    content = bytes(MIB)

    def lead_on(request: Request) -> Response:
        request.body.discard()
        if request.method == "HEAD":
            return Response(status=404)
        return Response(status=202, headers=(("Location", f"{request.path}1"), ("Range", "0-0")))

    with Origin(lead_on) as origin:
        store = registry_store(origin.host, REPOSITORY, QUICK)
        code = refused(lambda: store.write_blob((content,)))

    assert code in CODES
