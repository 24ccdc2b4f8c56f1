"""The example of a registry's blob end: any range of a whole out of its fragments, and nothing wrong as complete."""

from __future__ import annotations

import ast
import hashlib
import http.client
import importlib.util
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pytest

from packaging_kit import Digest, explode, open_whole
from tests.conftest import FIXTURES, REPOSITORY, SEEDS
from tests.gate.serving import exchange
from tests.strategies import CORE_MODULE, component, custom, module, section

EXAMPLE = REPOSITORY / "docs" / "examples" / "serve_split.py"
BLOCK = 1 << 18  # bytes that are checked at a time
WHOLE = component(
    section(1, module(3 * BLOCK + 17, "large")),
    custom("note", b"n" * 1000),
    section(4, component(section(1, module(5000, "nested")), custom("inner", b"i" * 300)), width=5),
    section(1, module(BLOCK, "exact")),
    section(1, module(5000, "nested")),
    section(1, module(2 * BLOCK - 5, "last")),
)
BLOBS = "/v2/app/blobs/"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("serve_split", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running example, and its folder."""

    port: int
    folder: Path

    def path_of(self, digest: Digest) -> Path:
        return self.folder / "blobs" / digest.algorithm / digest.hex

    def held(self) -> set[Digest]:
        return {
            Digest(f"{path.parent.name}:{path.name}") for path in (self.folder / "blobs").rglob("*") if path.is_file()
        }


@pytest.fixture
def server(example: ModuleType, tmp_path: Path) -> Iterator[Server]:
    with example.BlobServer(tmp_path / "blobs-of-it") as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Server(port=running.server_port, folder=tmp_path / "blobs-of-it")
        running.shutdown()
        thread.join()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; `body` is all that was promised, or `None` where less came."""

    status: int
    headers: Mapping[str, str]
    body: bytes | None

    @property
    def error(self) -> str:
        """The code of the only error."""
        assert self.body is not None
        (found,) = json.loads(self.body)["errors"]
        assert set(found) == {"code", "message"}
        return str(found["code"])


def ask(
    server: Server, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.request(method, path, body=body, headers=dict(headers or {}))
        response = connection.getresponse()
        try:
            found: bytes | None = response.read()
        except http.client.IncompleteRead:
            found = None
        return Answer(status=response.status, headers=dict(response.headers.items()), body=found)
    finally:
        connection.close()


def get(server: Server, digest: Digest, byte_range: str | None = None) -> Answer:
    return ask(server, "GET", f"{BLOBS}{digest}", headers={} if byte_range is None else {"Range": byte_range})


def upload(server: Server, data: bytes, digest: Digest | str | None = None) -> Answer:
    return ask(server, "POST", f"{BLOBS}uploads/?digest={digest or Digest.of(data)}", data)


def raw(server: Server, request: bytes) -> bytes:
    return exchange(server.port, request)


@pytest.mark.parametrize("data", [WHOLE, (FIXTURES / "real" / "composed.wasm").read_bytes()])
def test_whole_is_served_though_the_folder_never_holds_it(server: Server, data: bytes) -> None:
    digest = Digest.of(data)

    uploaded = upload(server, data)
    served = get(server, digest)

    exploded = explode(data)
    assert (uploaded.status, uploaded.headers["Location"]) == (201, f"{BLOBS}{digest}")
    assert (served.status, served.body == data) == (200, True)
    assert served.headers["Docker-Content-Digest"] == digest.value
    assert server.held() == {exploded.root, *(fragment.digest for fragment in exploded.fragments)}


def test_head_tells_the_size_and_sends_nothing(server: Server) -> None:
    upload(server, WHOLE)

    answer = ask(server, "HEAD", f"{BLOBS}{Digest.of(WHOLE)}", headers={"Range": "bytes=0-1"})

    assert (answer.status, answer.headers["Content-Length"], answer.body) == (200, str(len(WHOLE)), b"")
    assert answer.headers["Accept-Ranges"] == "bytes"


def places() -> list[int]:
    """Where something begins or ends: spans of the whole, and blocks in its modules."""
    spans = open_whole(explode(WHOLE).root, explode(WHOLE)).spans
    found = {0, len(WHOLE), *(span.start for span in spans)}
    return sorted(found | {at for span in spans for at in range(span.start, span.end, BLOCK)})


def test_any_range_is_the_one_of_the_file(server: Server) -> None:
    upload(server, WHOLE)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    wrong = []
    for seed in SEEDS:
        random = Random(seed)
        for _ in range(8):
            near = sorted(min(max(random.choice(places()) + random.randint(-2, 2), 0), len(WHOLE) - 1) for _ in "ab")
            anywhere = sorted(random.randrange(len(WHOLE)) for _ in "ab")
            start, end = random.choice((near, anywhere, [anywhere[0], min(anywhere[0] + 40, len(WHOLE) - 1)]))
            connection.request("GET", f"{BLOBS}{Digest.of(WHOLE)}", headers={"Range": f"bytes={start}-{end}"})
            response = connection.getresponse()
            body = response.read()
            told = response.headers["Content-Range"], response.headers["Content-Length"]
            expected = f"bytes {start}-{end}/{len(WHOLE)}", str(end + 1 - start)
            if (response.status, told, body) != (206, expected, WHOLE[start : end + 1]):
                wrong.append((start, end, response.status, told))
    connection.close()

    assert wrong == []


def test_many_ask_at_the_same_time(server: Server) -> None:
    upload(server, WHOLE)
    random = Random(0)
    wanted = [sorted(random.randrange(len(WHOLE)) for _ in "ab") for _ in range(60)]

    with ThreadPoolExecutor(8) as pool:
        bodies = list(pool.map(lambda ends: get(server, Digest.of(WHOLE), f"bytes={ends[0]}-{ends[1]}").body, wanted))

    assert bodies == [WHOLE[start : end + 1] for start, end in wanted]


SIZE = len(WHOLE)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, SIZE),
        ("bytes=100-", 100, SIZE),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
        ("bytes=-1", SIZE - 1, SIZE),
        ("bytes=-100", SIZE - 100, SIZE),
        (f"bytes=-{SIZE + 5}", 0, SIZE),
        (f"bytes=5-{SIZE + 5}", 5, SIZE),
        (f"bytes=5-{10**17}", 5, SIZE),
        ("BYTES=5-6", 5, 7),
        ("bytes=0000000005-06", 5, 7),
    ],
)
def test_range_may_leave_an_end_open(server: Server, text: str, start: int, end: int) -> None:
    upload(server, WHOLE)

    answer = get(server, Digest.of(WHOLE), text)

    assert (answer.status, answer.headers["Content-Range"]) == (206, f"bytes {start}-{end - 1}/{SIZE}")
    assert answer.body == WHOLE[start:end]


@pytest.mark.parametrize("text", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 5}", f"bytes={10**17}-", "bytes=-0"])
def test_range_outside_is_not_satisfied(server: Server, text: str) -> None:
    upload(server, WHOLE)

    answer = get(server, Digest.of(WHOLE), text)

    assert (answer.status, answer.headers["Content-Range"], answer.error) == (416, f"bytes */{SIZE}", "SIZE_INVALID")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=5",
        "bytes=6-5",
        "bytes=0-1,3-4",
        "bytes=0-1, ",
        "bytes = 0-1",
        "bytes=0 - 1",
        "bytes=+0-1",
        "bytes=0x0-0x1",
        "bytes=--1",
        "bytes=1-2-3",
        "items=0-1",
        f"bytes={'9' * 19}-",
        f"bytes=-{'9' * 4000}",
        "bytes=\u00b2-\u00b3",
    ],
)
def test_range_that_is_not_understood_gives_all(server: Server, text: str) -> None:
    upload(server, WHOLE)

    answer = get(server, Digest.of(WHOLE), text)

    assert (answer.status, answer.body == WHOLE, answer.headers.get("Content-Range")) == (200, True, None)


def test_two_range_headers_give_all(server: Server) -> None:
    upload(server, WHOLE)
    headers = b"Host: x\r\nConnection: close\r\nRange: bytes=0-1\r\nRange: bytes=3-4\r\n\r\n"

    answer = raw(server, b"GET %s%s HTTP/1.1\r\n" % (BLOBS.encode(), Digest.of(WHOLE).value.encode()) + headers)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(WHOLE)


PLAIN = (b"", b"{}", b"not wasm", component(section(0x5E, b"")), bytes(range(256)) * 20_000)


@pytest.mark.parametrize("data", [*PLAIN, CORE_MODULE, module(3_000_000), component()])
def test_blob_without_fragments_is_kept_and_served_as_it_is(server: Server, data: bytes) -> None:
    uploaded = upload(server, data)
    served = get(server, Digest.of(data))
    random = Random(0)
    parts = [sorted(random.randrange(len(data)) for _ in "ab") for _ in range(10) if data]
    ranges = [get(server, Digest.of(data), f"bytes={start}-{end}") for start, end in parts]

    assert (uploaded.status, served.status, served.body, server.held()) == (201, 200, data, {Digest.of(data)})
    assert [(answer.status, answer.body) for answer in ranges] == [(206, data[s : e + 1]) for s, e in parts]


def test_each_fragment_is_a_blob_too(server: Server) -> None:
    upload(server, WHOLE)
    exploded = explode(WHOLE)

    served = {fragment.digest: get(server, fragment.digest).body for fragment in exploded.fragments}

    assert served == {fragment.digest: exploded.read_blob(fragment.digest) for fragment in exploded.fragments}


def test_module_that_two_components_share_is_there_once(server: Server) -> None:
    first, second = (component(section(1, module(5000, "shared")), section(1, module(6000, own))) for own in "ab")

    upload(server, first)
    upload(server, second)

    assert len(server.held()) == 5
    assert (get(server, Digest.of(first)).body, get(server, Digest.of(second)).body) == (first, second)


def test_upload_may_begin_with_a_request_of_its_own(server: Server) -> None:
    begun = ask(server, "POST", f"{BLOBS}uploads/")
    location = begun.headers["Location"]

    done = ask(server, "PUT", f"{location}?digest={Digest.of(WHOLE)}", WHOLE)

    assert (begun.status, location.startswith(f"{BLOBS}uploads/"), done.status) == (202, True, 201)
    assert get(server, Digest.of(WHOLE)).body == WHOLE


def test_whole_is_served_under_sha512_where_it_was_uploaded_so(server: Server) -> None:
    digest = Digest("sha512:" + hashlib.sha512(WHOLE).hexdigest())

    uploaded = upload(server, WHOLE, digest)

    assert (uploaded.status, get(server, digest).body == WHOLE) == (201, True)
    assert get(server, Digest.of(WHOLE)).status == 404


@pytest.mark.parametrize("data", [WHOLE, b"not wasm", b""])
@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_upload_under_another_digest_is_refused_and_nothing_is_kept(
    server: Server, data: bytes, algorithm: str
) -> None:
    digest = Digest.of(b"other", algorithm)

    refused = upload(server, data, digest)

    assert (refused.status, refused.error) == (400, "DIGEST_INVALID")
    assert (get(server, digest).status, get(server, Digest.of(data)).status, server.held()) == (404, 404, set())


BAD_DIGESTS = (
    "sha256:",
    "sha256:" + "0" * 63,
    "sha256:" + "A" * 64,
    "md5:" + "0" * 32,
    "sha256:" + "0" * 64 + "%0a",
    "..%2f..%2fetc%2fpasswd",
    "x",
)


@pytest.mark.parametrize("digest", BAD_DIGESTS)
def test_text_that_is_no_digest_is_refused(server: Server, digest: str) -> None:
    answers = [ask(server, "GET", f"{BLOBS}{digest}"), upload(server, b"data", digest)]

    assert [(answer.status, answer.error) for answer in answers] == [(400, "DIGEST_INVALID")] * 2
    assert server.held() == set()


def test_upload_with_no_digest_or_with_two_is_refused(server: Server) -> None:
    location = ask(server, "POST", f"{BLOBS}uploads/").headers["Location"]
    twice = f"?digest={Digest.of(b'data')}&digest={Digest.of(b'data')}"
    answers = [
        ask(server, "PUT", location, b"data"),
        ask(server, "PUT", f"{location}?digest=", b"data"),
        ask(server, "PUT", location + twice, b"data"),
        ask(server, "POST", f"{BLOBS}uploads/{twice}", b"data"),
    ]

    assert [(answer.status, answer.error) for answer in answers] == [(400, "DIGEST_INVALID")] * 4


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (b"", 411),
        (b"Content-Length: -1\r\n", 411),
        (b"Content-Length: +8\r\n", 411),
        (b"Content-Length: 0x8\r\n", 411),
        (b"Content-Length: 8, 8\r\n", 411),
        (b"Content-Length: 8\r\nContent-Length: 8\r\n", 411),
        (b"Content-Length: 8\r\nContent-Length: 9\r\n", 411),
        (b"Content-Length: \xb2\r\n", 411),
        (b"Content-Length:\r\n", 411),
        (b"Content-Length: " + b"9" * 5000 + b"\r\n", 411),
        (b"Transfer-Encoding: chunked\r\n", 411),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 8\r\n", 411),
        (b"Content-Length: 1073741825\r\n", 413),
        (b"Content-Length: 999999999999999999\r\n", 413),
        (b"Content-Length: 9\r\n", 400),
        (b"Content-Length: 1073741824\r\n", 400),
    ],
)
def test_upload_whose_size_is_not_clear_or_not_right_is_refused(server: Server, headers: bytes, status: int) -> None:
    head = f"POST {BLOBS}uploads/?digest={Digest.of(b'not wasm')} HTTP/1.1\r\nHost: x\r\n".encode()

    answer = raw(server, head + headers + b"\r\nnot wasm")

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"Connection: close" in head
    assert json.loads(body)["errors"][0]["code"] == "SIZE_INVALID"
    assert server.held() == set()


def test_upload_that_is_longer_than_it_says_is_no_second_request(server: Server) -> None:
    data = b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n"
    head = f"POST {BLOBS}uploads/?digest={Digest.of(b'')} HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n".encode()

    answer = raw(server, head + data)

    assert (answer.count(b"HTTP/1.1 "), answer[:13]) == (1, b"HTTP/1.1 400 ")


@pytest.mark.parametrize("more", [b"Content-Length: 30\r\n", b"Transfer-Encoding: chunked\r\n"])
@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_body_of_a_read_is_no_second_request(server: Server, more: bytes, method: bytes) -> None:
    request = method + b" /v2/ HTTP/1.1\r\nHost: x\r\n"

    answer = raw(server, request + more + b"\r\n" + request + b"\r\n")

    assert answer.count(b"HTTP/1.1 200 ") == 1


def test_several_requests_share_a_connection(server: Server) -> None:
    answer = raw(server, b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n" * 3)

    assert answer.count(b"HTTP/1.1 200 ") == 3


def test_blob_that_is_not_there_is_unknown(server: Server) -> None:
    answers = [get(server, Digest.of(b"")), get(server, Digest.of(b"", "sha512"), "bytes=0-")]

    assert [(answer.status, answer.error) for answer in answers] == [(404, "BLOB_UNKNOWN")] * 2


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v2",
        "/v2/app",
        "/v2//blobs/{digest}",
        "/v2/App/blobs/{digest}",
        "/v2/a//b/blobs/{digest}",
        "/v2/../app/blobs/{digest}",
        "/v2/-app/blobs/{digest}",
        "/v2/app/blobs/{digest}/",
        "/v2/app/manifests/latest",
        "/v2/" + "a-" * 5000 + "/blobs/{digest}",
    ],
)
def test_other_paths_are_not_found(server: Server, path: str) -> None:
    upload(server, WHOLE)

    answer = ask(server, "GET", path.format(digest=Digest.of(WHOLE)))

    assert (answer.status, answer.error) == (404, "UNSUPPORTED")


@pytest.mark.parametrize("name", ["a", "a/b/c", "a.b", "a_b", "a__b", "a---b", "0/1"])
def test_name_has_the_form_that_the_distribution_spec_gives_it(server: Server, name: str) -> None:
    uploaded = ask(server, "POST", f"/v2/{name}/blobs/uploads/?digest={Digest.of(WHOLE)}", WHOLE)

    assert uploaded.status == 201
    assert ask(server, "GET", uploaded.headers["Location"]).body == WHOLE


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", BLOBS),
        ("POST", f"{BLOBS}uploads"),
        ("POST", f"{BLOBS}uploads/{'0' * 32}"),
        ("PUT", f"{BLOBS}uploads/"),
        ("PUT", f"{BLOBS}uploads/..%2f"),
    ],
)
def test_upload_to_another_path_is_not_found(server: Server, method: str, path: str) -> None:
    answer = ask(server, method, f"{path}?digest={Digest.of(b'data')}", b"data")

    assert (answer.status, answer.error, server.held()) == (404, "UNSUPPORTED", set())


@pytest.mark.parametrize(
    ("request_", "beginning"),
    [
        (b"DELETE /v2/ HTTP/1.1\r\nHost: x\r\n\r\n", b"HTTP/1.1 501 "),
        (b"GET /v2/ HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", b"HTTP/1.1 431 "),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"HTTP/1.1 414 "),
        (b"GET /v2/ \x00 HTTP/1.1\r\n\r\n", b"HTTP/1.1 400 "),
        # Who does not speak HTTP/1 gets no headers.
        (b"GET /v2/ HTTP/9.9\r\n\r\n", b"{"),
    ],
)
def test_request_that_is_none_is_answered_in_the_same_form(server: Server, request_: bytes, beginning: bytes) -> None:
    answer = raw(server, request_)

    body = answer.partition(b"\r\n\r\n")[2] or answer
    assert json.loads(body)["errors"][0]["code"] == "UNSUPPORTED"
    assert answer.startswith(beginning)


def test_server_is_alive_after_garbage(server: Server) -> None:
    for seed in SEEDS:
        raw(server, Random(seed).randbytes(200) + b"\r\n\r\n")

    assert ask(server, "GET", "/v2/").status == 200


DAMAGES: Mapping[str, Callable[[bytes], bytes | None]] = {
    "bit at the start": lambda data: bytes([data[0] ^ 1]) + data[1:],
    "bit at the end": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "bit in the middle": lambda data: (
        data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :]
    ),
    "cut": lambda data: data[:-1],
    "longer": lambda data: data + b"\0",
    "emptied": lambda _: b"",
    "gone": lambda _: None,
}


def is_right(answer: Answer, expected: bytes) -> bool:
    """Whether the bytes are right, or what came says that they are not."""
    if answer.status in (200, 206):
        return answer.body is None or answer.body == expected
    return answer.status == 500 and answer.error == "UNKNOWN"


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_fragment_never_gives_wrong_bytes_as_complete(server: Server, damage: str) -> None:
    upload(server, WHOLE)
    exploded, digest = explode(WHOLE), Digest.of(WHOLE)
    wrong, complete = [], []
    for fragment in (exploded.root, *(fragment.digest for fragment in exploded.fragments)):
        path = server.path_of(fragment)
        intact = path.read_bytes()
        changed = DAMAGES[damage](intact)
        path.unlink() if changed is None else path.write_bytes(changed)
        answer = get(server, digest)
        wrong += [] if is_right(answer, WHOLE) else [fragment]
        complete += [fragment] if answer.status == 200 and answer.body is not None else []
        for start in places()[:-1:3]:
            part = get(server, digest, f"bytes={start}-{start + 99}")
            wrong += [] if is_right(part, WHOLE[start : start + 100]) else [fragment]
        path.write_bytes(intact)

    assert (wrong, complete) == ([], [])
    assert get(server, digest).body == WHOLE


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("data", [b"not wasm", bytes(range(256)) * 20_000, module(3_000_000)])
def test_damaged_blob_never_gives_wrong_bytes_as_complete(server: Server, damage: str, data: bytes) -> None:
    upload(server, data)
    digest = Digest.of(data)
    changed = DAMAGES[damage](data)
    server.path_of(digest).unlink() if changed is None else server.path_of(digest).write_bytes(changed)
    size = len(data)

    answers = [(get(server, digest), data)]
    for start, end in ((0, 1), (0, size), (size // 2, size // 2 + 2), (size - 1, size), (1 << 20, (1 << 20) + 5)):
        answers.append((get(server, digest, f"bytes={start}-{end - 1}"), data[start:end]))

    taken = [answer for answer, _ in answers if answer.status in (200, 206) and answer.body]
    refused = [answer for answer, _ in answers if answer.status in (404, 416)]
    assert [answer for answer, expected in answers if answer not in refused and not is_right(answer, expected)] == []
    assert [answer.status for answer in taken if answer.body == data] == []


def test_damage_that_is_found_in_time_is_told(server: Server) -> None:
    for data in (b"not wasm", WHOLE):
        upload(server, data)
    server.path_of(Digest.of(b"not wasm")).write_bytes(b"Not wasm")
    server.path_of(explode(WHOLE).fragments[0].digest).unlink()

    answers = [get(server, Digest.of(data), text) for data in (b"not wasm", WHOLE) for text in (None, "bytes=1-2")]

    assert [(answer.status, answer.error) for answer in answers] == [(500, "UNKNOWN")] * 4


@pytest.mark.parametrize("path", ["/v2/", f"{BLOBS}{Digest.of(b'')}", "/v2/nothing"])
def test_head_has_no_body_whatever_comes_of_it(server: Server, path: str) -> None:
    answer = raw(server, f"HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    assert answer.endswith(b"\r\n\r\n")


def test_example_uses_the_public_interface_only() -> None:
    tree = ast.parse(EXAMPLE.read_text())
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {str(node.module) if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imported}
    accessed = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "packaging_kit"
    }
    import packaging_kit

    assert {name for name in names if name.partition(".")[0] not in sys.stdlib_module_names} == {"packaging_kit"}
    assert accessed <= set(packaging_kit.__all__)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[str]:
    """The address of the example, run as its own documentation says."""
    command: list[Any] = [sys.executable, EXAMPLE, tmp_path / "folder"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_commands_of_its_documentation_work(program: str, tmp_path: Path) -> None:
    (tmp_path / "app.wasm").write_bytes(WHOLE)
    shown = [line.strip() for line in EXAMPLE.read_text().splitlines() if line.startswith("    ")]
    first = next(number for number, line in enumerate(shown) if line.startswith("DIGEST="))
    script = "\n".join((f"ADDRESS={program}", "set -e", *shown[first : first + 3]))

    result = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, timeout=60, check=False)

    assert (result.returncode, result.stdout) == (0, WHOLE[100:200])
