"""Uploads as the distribution spec has them: chunks, limits, the quarantine, names and paths."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Final

import pytest

from packaging_kit import Digest
from tests.conftest import SEEDS
from tests.gate.artifacts import MISSING, RUST, lying, make, sample, upload
from tests.gate.serving import SECONDS, Gate, begin, serve


def test_upload_comes_in_chunks(gate: Gate) -> None:
    data, location = bytes(range(256)) * 40, begin(gate)
    first = gate.ask("PATCH", location, data[:4000], Content_Range="0-3999")
    told = gate.ask("GET", location)
    second = gate.ask("PATCH", location, data[4000:9000])
    done = gate.ask("PUT", f"{location}?digest={Digest.of(data)}", data[9000:], Content_Range=f"9000-{len(data) - 1}")

    assert [(answer.status, answer.headers.get("Range")) for answer in (first, told, second)] == [
        (202, "0-3999"),
        (204, "0-3999"),
        (202, "0-8999"),
    ]
    assert (done.status, done.headers["Location"]) == (201, f"/v2/app/blobs/{Digest.of(data)}")
    assert gate.ask("GET", f"app/blobs/{Digest.of(data)}").body == data
    assert gate.ask("GET", location).code == (404, "BLOB_UPLOAD_UNKNOWN")


def test_chunk_out_of_order_changes_nothing(gate: Gate) -> None:
    data, location = b"0123456789", begin(gate)
    gate.ask("PATCH", location, data[:4])
    refused = [gate.ask("PATCH", location, b"xx", Content_Range=text) for text in ("5-6", "0-1", "x", "4-")]
    done = gate.ask("PUT", f"{location}?digest={Digest.of(data)}", data[4:])

    assert {(answer.code, answer.headers["Range"]) for answer in refused} == {((416, "BLOB_UPLOAD_INVALID"), "0-3")}
    assert done.status == 201


def test_chunk_of_another_size_than_it_says_ends_the_upload(gate: Gate) -> None:
    location = begin(gate)
    refused = gate.ask("PATCH", location, b"1234", Content_Range="0-9")

    assert refused.code == (400, "SIZE_INVALID")
    assert gate.ask("PATCH", location, b"1234").code == (404, "BLOB_UPLOAD_UNKNOWN")
    assert gate.waiting() == []


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


def put_request(gate: Gate, digest: Digest, *lines: bytes, body: bytes = b"") -> bytes:
    location = begin(gate)
    head = f"PUT /v2/{location}?digest={digest} HTTP/1.1\r\nHost: x\r\n".encode()
    return head + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def test_body_whose_size_is_not_told_ahead_comes_in_chunks(gate: Gate) -> None:
    data = bytes(range(256)) * 9000
    body = chunked(data[:1], data[1:1_500_000], data[1_500_000:])
    answer = gate.raw(put_request(gate, Digest.of(data), b"Transfer-Encoding: chunked", body=body))

    assert answer.startswith(b"HTTP/1.1 201 ")
    assert gate.ask("GET", f"app/blobs/{Digest.of(data)}").body == data


UNCLEAR: Final = (
    ((b"Transfer-Encoding: chunked", b"Content-Length: 4"), b"data"),
    ((b"Transfer-Encoding: gzip, chunked",), b"data"),
    ((b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"), b"data"),
    ((b"Transfer-Encoding: identity",), b"data"),
    ((b"Transfer-Encoding: chunked",), b"4\r\ndata\r\n"),
    ((b"Transfer-Encoding: chunked",), b"4\r\ndata5\r\n"),
    ((b"Transfer-Encoding: chunked",), b"4\ndata\n0\n\n"),
    ((b"Transfer-Encoding: chunked",), b"-4\r\ndata\r\n0\r\n\r\n"),
    ((b"Transfer-Encoding: chunked",), b"0x4\r\ndata\r\n0\r\n\r\n"),
    ((b"Transfer-Encoding: chunked",), b"4\r\ndata\r\n0\r\nmore"),
    ((b"Transfer-Encoding: chunked",), b"fffffffffffffff\r\ndata\r\n0\r\n\r\n"),
    ((b"Transfer-Encoding: chunked",), b"ffffffffffffffffff\r\ndata\r\n0\r\n\r\n"),
    ((b"Transfer-Encoding: chunked",), b"4" * 5000),
    ((b"Transfer-Encoding: chunked",), b""),
    ((b"Content-Length: 5",), b"data"),
    ((b"Content-Length: -4",), b"data"),
    ((b"Content-Length: +4",), b"data"),
    ((b"Content-Length: 4", b"Content-Length: 4"), b"data"),
    ((b"Content-Length: 4, 4",), b"data"),
    ((b"Content-Length: 1073741825",), b"data"),
    ((b"Content-Length: 999999999999999999",), b"data"),
    ((b"Content-Length: " + b"9" * 5000,), b"data"),
)


@pytest.mark.parametrize(("lines", "body"), UNCLEAR)
def test_upload_whose_size_is_not_clear_or_not_right_leaves_nothing(
    lines: tuple[bytes, ...], body: bytes, gate: Gate
) -> None:
    answer = gate.raw(put_request(gate, Digest.of(b"data"), *lines, body=body))
    head, _, text = answer.partition(b"\r\n\r\n")

    assert head[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 411", b"HTTP/1.1 413")
    assert json.loads(text)["errors"][0]["code"] == "SIZE_INVALID"
    assert b"Connection: close" in head
    assert gate.ask("GET", f"app/blobs/{Digest.of(b'data')}").status == 404
    assert (gate.waiting(), gate.server.repositories["app"].uploads) == ([], {})


def test_upload_in_many_pieces_is_no_way_around_the_limit(
    example: ModuleType, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(example, "MOST_UPLOADED", 10)
    location = begin(gate)
    answers = [gate.ask("PATCH", location, b"12345").status for _ in "abc"]

    assert answers == [202, 202, 413]
    assert gate.waiting() == []


def test_manifest_that_is_too_large_is_refused(gate: Gate) -> None:
    head = b"PUT /v2/app/manifests/v1 HTTP/1.1\r\nHost: x\r\n"
    told = gate.raw(head + b"Content-Length: 4194305\r\n\r\n")
    found_out = gate.raw(head + b"Transfer-Encoding: chunked\r\n\r\n400001\r\n")

    assert [answer[:13] for answer in (told, found_out)] == [b"HTTP/1.1 413 "] * 2


def test_client_that_stops_in_the_middle_leaves_nothing(gate: Gate) -> None:
    location = begin(gate)
    with socket.create_connection(("127.0.0.1", gate.server.server_port), timeout=SECONDS) as connection:
        connection.sendall(f"PATCH /v2/{location} HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n".encode())
        connection.sendall(b"x" * 3_000_000)
        wait_until(lambda: gate.waiting() != [])
    wait_until(lambda: gate.waiting() == [])

    assert gate.ask("GET", location).code == (404, "BLOB_UPLOAD_UNKNOWN")


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_upload_under_another_digest_is_refused_and_nothing_is_kept(gate: Gate) -> None:
    refused = gate.put_blob(b"data", digest=Digest.of(b"other"))

    assert refused.code == (400, "DIGEST_INVALID")
    assert gate.statuses(Digest.of(b"data"), Digest.of(b"other")) == {404}
    assert gate.waiting() == []


def test_manifest_under_another_digest_is_refused(gate: Gate, tmp_path: Path) -> None:
    good = make(RUST, tmp_path)

    assert upload(gate, good, tag=Digest.of(b"other").value).code == (400, "DIGEST_INVALID")


@pytest.mark.parametrize("data", [b"", b"{}", b"x" * 3_000_000])
def test_upload_is_held_once_however_many_bring_it_at_the_same_time(data: bytes, gate: Gate) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: gate.put_blob(data).status, range(16)))

    assert answers == [201] * 16
    assert len(gate.waiting()) == 1
    assert gate.ask("GET", f"app/blobs/{Digest.of(data)}").body == data


def test_requests_that_add_to_one_upload_at_the_same_time_never_mix(gate: Gate) -> None:
    location = begin(gate)
    pieces = [bytes([65 + number]) * 300_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda piece: gate.ask("PATCH", location, piece).status, pieces))
    taken = answers.count(202)
    (file,) = gate.waiting()
    text = file.read_bytes()

    assert set(answers) <= {202, 404}
    assert taken >= 1
    assert len(text) == taken * 300_000
    assert all(len(set(text[at : at + 300_000])) == 1 for at in range(0, len(text), 300_000))


def test_many_push_at_the_same_time(gate: Gate, tmp_path: Path) -> None:
    apps = [make(sample(name), tmp_path) for name in ("a", "b", "c")]
    jobs = [(app, f"team/app{number % 2}", f"v{number}") for number, app in enumerate(apps * 4)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda job: upload(gate, *job).status, jobs))
    served = [gate.ask("GET", f"{job[1]}/blobs/{Digest.of(job[0].layer)}").body == job[0].layer for job in jobs]

    assert set(answers) == {201}
    assert set(served) == {True}
    assert gate.waiting() == []


def test_good_and_bad_of_the_same_content_at_the_same_time_never_serve_the_bad(gate: Gate, tmp_path: Path) -> None:
    good = make(sample(), tmp_path)
    bad = lying(good)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda each: upload(gate, each, tag=each.digest.hex[:9]).status, [good, bad] * 8))

    # What is good may be refused for want of what went with the bad; whoever comes again gets it in.
    assert set(answers[1::2]) == {400}
    assert gate.statuses(bad.digest, Digest.of(bad.config)) == {404}
    assert upload(gate, good).status == 201


# The quarantine.


def test_blob_is_seen_in_its_own_repository_alone(gate: Gate, tmp_path: Path) -> None:
    good = make(RUST, tmp_path)
    digest = Digest.of(good.layer)
    gate.put_blob(good.layer, "a")
    waiting = (gate.statuses(digest, repository="a"), gate.statuses(digest, repository="b"))
    upload(gate, good, "a")

    assert waiting == ({200, 404}, {404})
    assert gate.statuses(*good.digests, repository="b") == {404}
    gate.put_blob(good.config, "b")
    assert gate.put_manifest(good.manifest, "b").code == (400, MISSING)


def test_mount_is_answered_by_an_upload(gate: Gate, tmp_path: Path) -> None:
    good = make(RUST, tmp_path)
    upload(gate, good, "a")
    answer = gate.ask("POST", f"b/blobs/uploads/?mount={Digest.of(good.layer)}&from=a")

    assert answer.status == 202
    assert gate.ask("GET", f"b/blobs/{Digest.of(good.layer)}").status == 404
    assert gate.ask("GET", answer.headers["Location"].removeprefix("/v2/")).status == 204


def test_blob_of_an_accepted_manifest_is_not_held_again(gate: Gate, tmp_path: Path) -> None:
    good = make(RUST, tmp_path)
    upload(gate, good)

    assert gate.put_blob(good.layer).status == 201
    assert gate.waiting() == []


def test_what_nobody_comes_back_for_is_thrown_away(
    example: ModuleType, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate.put_blob(b"data")
    gate.ask("PATCH", begin(gate), b"more")
    before = len(gate.waiting())
    monkeypatch.setattr(example, "WAITS_SECONDS", -1.0)
    begin(gate, "other")

    assert (before, gate.waiting()) == (2, [])
    assert gate.ask("GET", f"app/blobs/{Digest.of(b'data')}").status == 404


def test_what_waited_when_the_registry_ended_is_thrown_away(example: ModuleType, tmp_path: Path) -> None:
    for _ in range(2):
        for gate in serve(example.GateServer(tmp_path / "gate"), tmp_path / "gate"):
            before = gate.waiting()
            gate.put_blob(b"data")

            assert (before, len(gate.waiting())) == ([], 1)


# Paths.


NO_PATHS: Final = (
    "../app/blobs/{digest}",
    "..%2fapp/blobs/{digest}",
    "app/../app/blobs/{digest}",
    "App/blobs/{digest}",
    "/blobs/{digest}",
    "app//blobs/{digest}",
    "app/blobs/{digest}/",
    "app/blobs/uploads/../../../../etc/passwd",
    "app/blobs/uploads/..%2f..%2fetc",
    "app/blobs/uploads/" + "A" * 32,
    "app/manifests/",
    "app/manifests/a/b",
    "a-" * 5000 + "/blobs/{digest}",
    "app",
    "app/tags",
    "_catalog",
)


@pytest.mark.parametrize("path", NO_PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST", "PATCH"])
def test_path_that_is_none_of_the_specification_is_not_found(
    method: str, path: str, gate: Gate, tmp_path: Path
) -> None:
    answer = gate.ask(method, path.format(digest=Digest.of(b"data")), b"data" if method[0] == "P" else None)
    outside = [each for each in tmp_path.iterdir() if each.name != "gate"]

    assert answer.status == 404
    assert (gate.kept(), gate.waiting(), outside) == (set(), [], [])


@pytest.mark.parametrize("tag", ["..", ".", ".hidden", "-x", "a" * 129, "%2e%2e", "a%2fb", "a%00", "caf%c3%a9", "a b"])
def test_text_that_is_no_tag_is_refused(tag: str, gate: Gate, tmp_path: Path) -> None:
    good = make(RUST, tmp_path)
    tag = tag.replace(" ", "%20")

    assert upload(gate, good, tag=tag).code == (400, "TAG_INVALID")
    assert gate.ask("GET", f"app/manifests/{tag}").code == (404, "MANIFEST_UNKNOWN")


@pytest.mark.parametrize("digest", ["sha256:", "sha256:" + "A" * 64, "md5:" + "0" * 32, "sha256:..%2f..%2fx", ":"])
def test_text_that_is_no_digest_is_refused(digest: str, gate: Gate, tmp_path: Path) -> None:
    answers = [
        gate.ask("GET", f"app/blobs/{digest}"),
        gate.ask("GET", f"app/referrers/{digest}"),
        gate.ask("POST", f"app/blobs/uploads/?digest={digest}", b"data"),
        gate.ask("PUT", f"{begin(gate)}?digest={digest}", b"data"),
        gate.ask("PUT", begin(gate), b"data"),
        gate.put_manifest(b"{}", reference=digest),
    ]

    assert {answer.code for answer in answers} == {(400, "DIGEST_INVALID")}
    assert gate.waiting() == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "app/blobs/uploads/" + "0" * 32),
        ("PUT", "app/blobs/uploads/"),
        ("PATCH", "app/blobs/uploads/"),
        ("PUT", "app/blobs/{digest}"),
        ("POST", "app/manifests/v1"),
        ("PATCH", "app/manifests/v1"),
        ("PUT", "app/tags/list"),
    ],
)
def test_method_that_a_path_does_not_have_is_refused(method: str, path: str, gate: Gate) -> None:
    answer = gate.ask(method, path.format(digest=Digest.of(b"data")), b"data")

    assert answer.code == (405, "UNSUPPORTED")


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_upload_that_was_not_begun_here_is_unknown(method: str, gate: Gate) -> None:
    elsewhere = begin(gate, "other").rpartition("/")[2]
    answers = [gate.ask(method, f"app/blobs/uploads/{each}", b"data") for each in ("0" * 32, elsewhere)]

    assert [answer.code for answer in answers] == [(404, "BLOB_UPLOAD_UNKNOWN")] * 2


def test_beginning_of_an_upload_with_a_body_is_no_second_request(gate: Gate) -> None:
    inner = b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n"
    head = b"POST /v2/app/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: %d\r\n\r\n"
    answers = [gate.raw(head % len(inner) + inner), gate.raw(head.replace(b": 0", b": %d", 1) % (5, 5) + inner)]

    assert [answer.count(b"HTTP/1.1 ") for answer in answers] == [1, 1]


def test_server_is_alive_after_garbage(gate: Gate) -> None:
    for seed in SEEDS:
        gate.raw(Random(seed).randbytes(200) + b"\r\n\r\n")

    assert gate.ask("GET", "").status == 200
