"""The registry that other tests are run against does what a registry does, and breaks what it is told to."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from http.client import HTTPConnection, HTTPException, HTTPSConnection, IncompleteRead
from pathlib import Path

import pytest

from packaging_kit.digest import Digest
from packaging_kit.oci.media_types import IMAGE_INDEX, IMAGE_MANIFEST
from tests.registry import (
    EVERY_FAULT,
    Basic,
    Bearer,
    Behaviour,
    Chance,
    Fault,
    Headers,
    Kind,
    Origin,
    Registry,
    Response,
    Tls,
)
from tests.timing import AT_ONCE

CONTENT = b"the content of a blob"
DIGEST = Digest.of(CONTENT).value
ABSENT = Digest.of(b"absent").value
BLOB = f"/v2/a/blobs/{DIGEST}"
UPLOADS = "/v2/a/blobs/uploads/"
MANIFEST = json.dumps({"schemaVersion": 2, "config": {"digest": DIGEST, "size": len(CONTENT)}, "layers": []}).encode()
MANIFEST_DIGEST = Digest.of(MANIFEST).value
TYPED = {"Content-Type": IMAGE_MANIFEST}


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Headers
    body: bytes

    @property
    def code(self) -> str:
        """The first error's."""
        return str(json.loads(self.body)["errors"][0]["code"])


class Client(HTTPConnection):
    """A connection that is kept open."""

    def ask(self, method: str, target: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
        self.request(method, target, body, headers or {})
        response = self.getresponse()
        return Answer(response.status, Headers(tuple(response.getheaders())), response.read())


@pytest.fixture
def start() -> Iterator[Callable[..., tuple[Registry, Client]]]:
    """Makes a registry and a client of it; it holds a blob and a tagged manifest."""
    ending: list[Callable[[], None]] = []

    def make(behaviour: Behaviour | None = None, auth: Basic | Bearer | None = None) -> tuple[Registry, Client]:
        registry = Registry(behaviour or Behaviour(), auth).__enter__()
        client = Client(registry.host, timeout=5)
        ending.extend((client.close, registry.__exit__))
        registry.put_blob("a", CONTENT)
        registry.put_manifest("a", MANIFEST, IMAGE_MANIFEST, "one")
        return registry, client

    yield make
    for end in ending:
        end()


Start = Callable[..., tuple[Registry, Client]]


class TestBlobs:
    def test_blob_is_read_whole_and_asked_for(self, start: Start) -> None:
        _, client = start()

        assert client.ask("GET", "/v2/").status == 200
        head, got = client.ask("HEAD", BLOB), client.ask("GET", BLOB)
        assert (head.status, head.body, head.headers["content-length"]) == (200, b"", str(len(CONTENT)))
        assert (got.status, got.body, got.headers["docker-content-digest"]) == (200, CONTENT, DIGEST)

    @pytest.mark.parametrize(
        ("text", "status", "body"),
        [
            ("bytes=4-10", 206, CONTENT[4:11]),
            ("bytes=4-", 206, CONTENT[4:]),
            ("bytes=-4", 206, CONTENT[-4:]),
            ("bytes=4-999", 206, CONTENT[4:]),
            ("bytes=4-2", 200, CONTENT),
            ("bytes=0-1,3-4", 200, CONTENT),
        ],
    )
    def test_range_of_a_blob_is_read(self, start: Start, text: str, status: int, body: bytes) -> None:
        _, client = start()
        got = client.ask("GET", BLOB, headers={"Range": text})

        assert (got.status, got.body) == (status, body)

    def test_range_past_the_end_is_refused(self, start: Start) -> None:
        _, client = start()
        got = client.ask("GET", BLOB, headers={"Range": "bytes=21-"})

        assert (got.status, got.headers["content-range"]) == (416, "bytes */21")

    def test_range_is_ignored_where_there_are_none(self, start: Start) -> None:
        _, client = start(Behaviour(ranges=False))

        assert client.ask("GET", BLOB, headers={"Range": "bytes=4-"}).status == 200

    def test_what_is_not_there_says_so(self, start: Start) -> None:
        _, client = start()

        for target, status, code in (
            (f"/v2/a/blobs/{ABSENT}", 404, "BLOB_UNKNOWN"),
            (f"/v2/none/blobs/{ABSENT}", 404, "NAME_UNKNOWN"),
            ("/v2/a/blobs/sha256:0", 400, "DIGEST_INVALID"),
            ("/v2/a/manifests/none", 404, "MANIFEST_UNKNOWN"),
            ("/v2/none/manifests/one", 404, "NAME_UNKNOWN"),
            ("/v2/A/manifests/one", 400, "NAME_INVALID"),
        ):
            got = client.ask("GET", target)
            assert (target, got.status, got.code) == (target, status, code)

    def test_deleted_blob_is_gone(self, start: Start) -> None:
        registry, client = start()

        assert client.ask("DELETE", BLOB).status == 202
        assert (client.ask("GET", BLOB).status, registry.missing("a")) == (404, [DIGEST])


class TestUploads:
    def test_upload_at_once_and_in_chunks(self, start: Start) -> None:
        registry, client = start()
        data = CONTENT * 2
        digest = Digest.of(data, "sha512").value
        location = client.ask("POST", UPLOADS).headers["location"]
        first = client.ask("PATCH", location, data[:9], {"Content-Range": "0-8"})
        twice = client.ask("PATCH", location, data[:9], {"Content-Range": "0-8"})
        told = client.ask("GET", location)
        done = client.ask("PUT", f"{location}?digest={digest}", data[9:])

        assert (first.status, first.headers["range"], twice.status, twice.headers["range"]) == (202, "0-8", 416, "0-8")
        assert (told.status, told.headers["range"], done.status) == (204, "0-8", 201)
        assert (registry.blobs("a")[digest], client.ask("GET", done.headers["location"]).body) == (data, data)
        assert client.ask("PUT", f"{location}?digest={digest}").code == "BLOB_UPLOAD_UNKNOWN"

    def test_upload_with_another_digest_is_refused(self, start: Start) -> None:
        registry, client = start()
        location = client.ask("POST", UPLOADS).headers["location"]

        assert client.ask("PUT", f"{location}?digest={ABSENT}", b"other").code == "DIGEST_INVALID"
        assert list(registry.blobs("a")) == [DIGEST]

    def test_upload_is_cancelled(self, start: Start) -> None:
        registry, client = start()
        location = client.ask("POST", UPLOADS).headers["location"]

        assert (client.ask("DELETE", location).status, dict(registry.uploads("a"))) == (204, {})

    @pytest.mark.parametrize(("can", "status"), [(True, 201), (False, 202)])
    def test_single_post(self, start: Start, can: bool, status: int) -> None:
        registry, client = start(Behaviour(single_post=can))
        got = client.ask("POST", f"/v2/b/blobs/uploads/?digest={DIGEST}", CONTENT)

        assert (got.status, list(registry.blobs("b"))) == (status, [DIGEST] if can else [])

    @pytest.mark.parametrize(
        ("can", "query", "status"),
        [(True, "&from=a", 201), (True, "", 201), (True, "&from=c", 202), (False, "&from=a", 202)],
    )
    def test_mount(self, start: Start, can: bool, query: str, status: int) -> None:
        registry, client = start(Behaviour(mount=can))
        got = client.ask("POST", f"/v2/b/blobs/uploads/?mount={DIGEST}{query}")

        assert (got.status, DIGEST in registry.blobs("b")) == (status, status == 201)

    @pytest.mark.parametrize("method", ["PATCH", "PUT"])
    def test_what_arrived_of_a_body_that_was_broken_off_is_kept(self, start: Start, method: str) -> None:
        registry, client = start()
        location = client.ask("POST", UPLOADS).headers["location"]
        head = f"{method} {location}?digest={DIGEST} HTTP/1.1\r\nContent-Length: {len(CONTENT)}\r\n\r\n"
        with _connect(registry) as broken:
            broken.sendall(head.encode() + CONTENT[:8])
        _wait_until(lambda: registry.uploads("a")["upload-1"] == CONTENT[:8])

        assert client.ask("GET", location).headers["range"] == "0-7"
        assert client.ask("PUT", f"{location}?digest={DIGEST}", CONTENT[8:]).status == 201

    def test_chunks_with_transfer_encoding_and_expectation(self, start: Start) -> None:
        registry, client = start()
        location = client.ask("POST", UPLOADS).headers["location"]
        client.request("PATCH", location, iter((b"one", b"two")), encode_chunked=True)
        client.getresponse().read()
        with _connect(registry) as raw:
            raw.sendall(f"PATCH {location} HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n".encode())
            word = raw.recv(100)
            raw.sendall(b"three")
            answer = raw.recv(1000)

        assert (word, answer[:12]) == (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 202")
        assert registry.uploads("a")["upload-1"] == b"onetwothree"

    def test_locations_are_absolute_and_carry_a_query_that_must_come_back(self, start: Start) -> None:
        registry, client = start(Behaviour(absolute_locations=True, location_query="_state=x{offset}"))
        location = client.ask("POST", UPLOADS).headers["location"]
        next_one = client.ask("PATCH", location, CONTENT).headers["location"]

        assert location == f"{registry.url}{UPLOADS}upload-1?_state=x0"
        assert next_one.endswith("?_state=x21")
        assert client.ask("PUT", f"{UPLOADS}upload-1?digest={DIGEST}").code == "BLOB_UPLOAD_INVALID"
        assert client.ask("PUT", f"{next_one}&digest={DIGEST}").status == 201

    def test_least_chunk_and_largest_bodies(self, start: Start) -> None:
        _, client = start(Behaviour(chunk_min_length=8, max_put=9, max_patch=10))
        begun = client.ask("POST", UPLOADS)
        location = begun.headers["location"]

        assert begun.headers["oci-chunk-min-length"] == "8"
        assert client.ask("POST", f"{UPLOADS}?digest={DIGEST}", CONTENT).status == 413
        assert client.ask("PUT", f"{location}?digest={DIGEST}", CONTENT).status == 413
        assert client.ask("PATCH", location, CONTENT[:11]).status == 413
        assert [client.ask("PATCH", location, b"x" * size).status for size in (8, 10, 7, 8)] == [202, 202, 202, 400]


class TestManifests:
    def test_manifest_is_read_as_it_was_pushed(self, start: Start) -> None:
        registry, client = start()
        data = b" " + MANIFEST
        digest = Digest.of(data, "sha512").value
        tagged = client.ask("PUT", "/v2/a/manifests/two", data, TYPED)
        by_digest = client.ask("PUT", f"/v2/a/manifests/{digest}", data, TYPED)
        got = client.ask("GET", "/v2/a/manifests/two")

        assert (tagged.status, tagged.headers["docker-content-digest"]) == (201, Digest.of(data).value)
        assert (by_digest.status, client.ask("GET", by_digest.headers["location"]).body) == (201, data)
        assert (got.body, got.headers["content-type"]) == (data, IMAGE_MANIFEST)
        assert (sorted(registry.tags("a")), registry.missing("a")) == (["one", "two"], [])

    @pytest.mark.parametrize(
        ("reference", "data", "media_type", "status", "code"),
        [
            ("two", b"{", IMAGE_MANIFEST, 400, "MANIFEST_INVALID"),
            ("two", MANIFEST, "text/plain", 400, "MANIFEST_INVALID"),
            ("two", MANIFEST.replace(DIGEST.encode(), ABSENT.encode()), IMAGE_MANIFEST, 400, "MANIFEST_BLOB_UNKNOWN"),
            ("two", MANIFEST + b" " * (4 << 20), IMAGE_MANIFEST, 413, "SIZE_INVALID"),
            (ABSENT, MANIFEST, IMAGE_MANIFEST, 400, "DIGEST_INVALID"),
            ("-two", MANIFEST, IMAGE_MANIFEST, 400, "TAG_INVALID"),
        ],
    )
    def test_bad_manifest_is_refused(
        self, start: Start, reference: str, data: bytes, media_type: str, status: int, code: str
    ) -> None:
        registry, client = start()
        got = client.ask("PUT", f"/v2/a/manifests/{reference}", data, {"Content-Type": media_type})

        assert (got.status, got.code, list(registry.manifests("a"))) == (status, code, [MANIFEST_DIGEST])

    def test_manifest_is_found_only_by_who_accepts_it(self, start: Start) -> None:
        _, client = start(Behaviour(accept_needed=True))
        accept = {"Accept": f"text/plain, {IMAGE_MANIFEST};q=1"}

        assert client.ask("GET", "/v2/a/manifests/one").status == 404
        assert client.ask("GET", "/v2/a/manifests/one", headers=accept).status == 200

    def test_tag_and_manifest_are_deleted(self, start: Start) -> None:
        registry, client = start()
        registry.put_manifest("a", MANIFEST, IMAGE_MANIFEST, "two")

        assert client.ask("DELETE", "/v2/a/manifests/two").status == 202
        assert dict(registry.tags("a")) == {"one": MANIFEST_DIGEST}
        assert client.ask("DELETE", f"/v2/a/manifests/{MANIFEST_DIGEST}").status == 202
        assert (registry.tags("a"), registry.manifests("a")) == ({}, {})

    def test_tags_come_in_pages(self, start: Start) -> None:
        registry, client = start(Behaviour(tags_page=2))
        for tag in "abc":
            registry.put_manifest("a", MANIFEST, IMAGE_MANIFEST, tag)
        first = client.ask("GET", "/v2/a/tags/list?n=7")
        second = client.ask("GET", "/v2/a/tags/list?last=b")

        assert (json.loads(first.body), first.headers["link"]) == (
            {"name": "a", "tags": ["a", "b"]},
            '</v2/a/tags/list?n=2&last=b>; rel="next"',
        )
        assert (json.loads(second.body)["tags"], "link" in second.headers) == (["c", "one"], False)

    def test_closure_of_an_index_is_looked_at(self, start: Start) -> None:
        registry, _ = start()
        entry = {"mediaType": IMAGE_MANIFEST, "digest": MANIFEST_DIGEST, "size": len(MANIFEST)}
        index = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
        registry.put_manifest("a", index, IMAGE_INDEX, "index")
        before = registry.missing("a")
        registry.damage("a", DIGEST, b"other")

        assert (before, registry.missing("a")) == ([], [DIGEST])


class TestReferrers:
    def push(self, client: Client, artifact_type: str) -> Answer:
        value = json.loads(MANIFEST) | {"artifactType": artifact_type, "subject": {"digest": MANIFEST_DIGEST}}
        return client.ask("PUT", f"/v2/a/manifests/{artifact_type}", json.dumps(value).encode(), TYPED)

    def test_referrers_are_listed_and_filtered(self, start: Start) -> None:
        _, client = start(Behaviour(referrers_page=1))
        pushed = [self.push(client, artifact_type) for artifact_type in ("x", "y")]
        target: str | None = f"/v2/a/referrers/{MANIFEST_DIGEST}"
        filtered = client.ask("GET", f"{target}?artifactType=y")
        listed = []
        while target:
            got = client.ask("GET", target)
            listed += [entry["artifactType"] for entry in json.loads(got.body)["manifests"]]
            target = got.headers["link"].split(">")[0][1:] if "link" in got.headers else None

        assert [answer.headers["oci-subject"] for answer in pushed] == [MANIFEST_DIGEST] * 2
        assert (sorted(listed), filtered.headers["oci-filters-applied"]) == (["x", "y"], "artifactType")
        assert [entry["artifactType"] for entry in json.loads(filtered.body)["manifests"]] == ["y"]
        assert json.loads(client.ask("GET", f"/v2/none/referrers/{ABSENT}").body)["manifests"] == []

    def test_registry_without_referrers(self, start: Start) -> None:
        _, client = start(Behaviour(referrers=False))
        pushed = self.push(client, "x")
        got = client.ask("GET", f"/v2/a/referrers/{MANIFEST_DIGEST}")

        assert ("oci-subject" in pushed.headers, got.status) == (False, 404)
        assert got.headers["content-type"].startswith("text/plain")

    def test_registry_that_does_not_filter(self, start: Start) -> None:
        _, client = start(Behaviour(referrers_filter=False))
        self.push(client, "x")
        got = client.ask("GET", f"/v2/a/referrers/{MANIFEST_DIGEST}?artifactType=y")

        assert ("oci-filters-applied" in got.headers, len(json.loads(got.body)["manifests"])) == (False, 1)


def _ask_once(server: Registry | Origin, target: str, headers: dict[str, str] | None = None) -> Answer:
    with closing(Client(server.host, timeout=5)) as client:
        return client.ask("GET", target, headers=headers)


def _basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


class TestAuthentication:
    def test_password(self, start: Start) -> None:
        _, client = start(auth=Basic(user="me", password="secret"))
        refused = client.ask("GET", BLOB)

        assert (refused.status, refused.headers["www-authenticate"][:6]) == (401, "Basic ")
        assert client.ask("GET", BLOB, headers=_basic("me", "wrong")).status == 401
        assert client.ask("GET", BLOB, headers=_basic("me", "secret")).status == 200

    def token(self, client: Client, *scopes: str, headers: dict[str, str] | None = None) -> dict[str, str]:
        query = "&".join(f"scope={scope}" for scope in scopes)
        value = json.loads(client.ask("GET", f"/token?{query}", headers=headers).body)
        return {"Authorization": f"Bearer {value['token']}"}

    def test_token_is_good_for_its_repository_and_actions_and_so_many_requests(self, start: Start) -> None:
        registry, client = start(auth=Bearer(uses=2))
        challenge = client.ask("GET", BLOB).headers["www-authenticate"]
        token = self.token(client, "repository:a:pull", headers=_basic("user", "password"))
        statuses = [client.ask("POST", UPLOADS, headers=token).status]
        statuses += [client.ask("GET", "/v2/b/tags/list", headers=token).status]
        statuses += [client.ask("GET", BLOB, headers=token).status for _ in range(3)]

        assert challenge == (f'Bearer realm="{registry.url}/token",service="registry.test",scope="repository:a:pull"')
        assert statuses == [401, 401, 200, 200, 401]

    def test_mount_needs_both_repositories(self, start: Start) -> None:
        _, client = start(auth=Bearer(anonymous=("pull", "push")))
        target = f"/v2/b/blobs/uploads/?mount={DIGEST}&from=a"
        one = self.token(client, "repository:b:pull,push")
        both = self.token(client, "repository:b:pull,push", "repository:a:pull")

        assert [client.ask("POST", target, headers=token).status for token in (one, both)] == [401, 201]

    def test_who_is_nobody_gets_what_nobody_may_have(self, start: Start) -> None:
        registry, client = start(auth=Bearer(anonymous=("pull",)))
        token = self.token(client, "repository:a:pull,push")
        statuses = [client.ask("GET", BLOB, headers=token).status, client.ask("POST", UPLOADS, headers=token).status]
        registry.expire_tokens()

        assert (statuses, client.ask("GET", BLOB, headers=token).status) == ([200, 401], 401)
        assert client.ask("GET", "/token", headers=_basic("user", "wrong")).status == 401

    def test_refresh_token_is_exchanged(self, start: Start) -> None:
        _, client = start(auth=Bearer(refresh_token="fresh", answers=("access_token", "token"), expires_in=60))
        form = b"grant_type=refresh_token&refresh_token=%s&scope=repository:a:pull"
        got = json.loads(client.ask("POST", "/token", form % b"fresh").body)
        token = {"Authorization": f"Bearer {got['access_token']}"}

        assert (got["token"], got["expires_in"], got["refresh_token"]) == (got["access_token"], 60, "fresh")
        assert (client.ask("GET", BLOB, headers=token).status, client.ask("POST", "/token", form % b"x").status) == (
            200,
            401,
        )

    def test_tokens_may_come_from_another_origin(self) -> None:
        with (
            Origin(lambda request: registry.answer_token(request), host="127.0.0.2") as realm,
            Registry(auth=Bearer(realm=f"{realm.url}/token", anonymous=("pull",))) as registry,
        ):
            challenge = _ask_once(registry, "/v2/").headers["www-authenticate"]
            answer = _ask_once(realm, "/token?scope=x", _basic("user", "password"))

        assert (realm.url in challenge, "token" in json.loads(answer.body)) == (True, True)
        assert (realm.saw("Basic dXNlcj"), realm.saw("Bearer"), realm.requests[0].query) == (True, False, "scope=x")


def _wait_until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.001)


def _connect(registry: Registry) -> socket.socket:
    host, _, port = registry.host.partition(":")
    return socket.create_connection((host, int(port)), timeout=5)


def _patience(fault: Fault) -> float:
    """Seconds that a client waits: answers that don't come are not waited for long."""
    return 0.1 if "STALL" in fault.kind.name else 5


class TestFaults:
    """Each is done to one request; the next is as it should be."""

    def break_once(self, start: Start, fault: Fault, auth: Bearer | None = None) -> tuple[Registry, Client]:
        registry, client = start(auth=auth)
        registry.script([fault])
        client.timeout = _patience(fault)
        return registry, client

    @pytest.mark.parametrize(
        ("kind", "error"),
        [
            (Kind.RESET_BEFORE_BODY, ConnectionResetError),
            (Kind.RESET_AFTER, ConnectionResetError),
            (Kind.RESET_IN_ANSWER, (ConnectionResetError, IncompleteRead)),
            (Kind.STALL_BEFORE_BODY, TimeoutError),
            (Kind.STALL, TimeoutError),
            (Kind.STALL_IN_ANSWER, TimeoutError),
            (Kind.TRUNCATED, IncompleteRead),
        ],
    )
    def test_answer_that_does_not_come(self, start: Start, kind: Kind, error: type[Exception]) -> None:
        registry, client = self.break_once(start, Fault(kind=kind))

        with pytest.raises(error):
            client.ask("GET", BLOB)
        client.close()

        assert (client.ask("GET", BLOB).body, registry.faults_happened) == (CONTENT, 1)
        assert registry.requests[0].fault == kind.value

    @pytest.mark.parametrize("method", ["HEAD", "POST"])
    def test_answer_without_a_body_breaks_in_its_head(self, start: Start, method: str) -> None:
        registry, _ = self.break_once(start, Fault(kind=Kind.TRUNCATED))
        with _connect(registry) as raw:
            raw.sendall(f"{method} {UPLOADS if method == 'POST' else BLOB} HTTP/1.1\r\n\r\n".encode())
            received = raw.makefile("rb").read()

        assert (received[:8], b"\r\n\r\n" in received) == (b"HTTP/1.1", False)

    def test_body_that_arrived_before_a_reset_is_kept(self, start: Start) -> None:
        registry, client = self.break_once(start, Fault(kind=Kind.RESET_IN_REQUEST, method="PATCH"))
        location = client.ask("POST", UPLOADS).headers["location"]
        with pytest.raises(ConnectionError):
            client.ask("PATCH", location, CONTENT)
        client.close()

        assert client.ask("GET", location).headers["range"] == "0-9"
        assert (registry.requests[1].body_size, registry.requests[1].status) == (10, None)

    @pytest.mark.parametrize(("kind", "kept"), [(Kind.RESET_BEFORE_BODY, b""), (Kind.RESET_AFTER, CONTENT)])
    def test_reset_is_before_or_after_the_effect(self, start: Start, kind: Kind, kept: bytes) -> None:
        registry, client = self.break_once(start, Fault(kind=kind, method="PATCH"))
        location = client.ask("POST", UPLOADS).headers["location"]
        with pytest.raises(ConnectionError):
            client.ask("PATCH", location, CONTENT)

        assert registry.uploads("a")["upload-1"] == kept

    @pytest.mark.parametrize(("processed", "kept"), [(False, b""), (True, CONTENT)])
    def test_error_is_instead_of_the_effect_or_after_it(self, start: Start, processed: bool, kept: bytes) -> None:
        fault = Fault(kind=Kind.STATUS, status=503, method="PATCH", processed=processed)
        registry, client = self.break_once(start, fault)
        location = client.ask("POST", UPLOADS).headers["location"]

        assert (client.ask("PATCH", location, CONTENT).status, registry.uploads("a")["upload-1"]) == (503, kept)

    def test_stalled_server_does_not_take_the_body(self, start: Start) -> None:
        _, client = self.break_once(start, Fault(kind=Kind.STALL_BEFORE_BODY, method="PATCH"))
        location = client.ask("POST", UPLOADS).headers["location"]
        client.close()

        with pytest.raises(TimeoutError):
            client.ask("PATCH", location, bytes(32 << 20))

    def test_refusal_may_come_before_the_body_is_read(self, start: Start) -> None:
        registry, client = self.break_once(start, Fault(kind=Kind.REFUSED_EARLY, status=413))
        with pytest.raises(ConnectionError):
            client.ask("POST", UPLOADS, bytes(32 << 20))
        with _connect(registry) as raw:
            registry.script([Fault(kind=Kind.REFUSED_EARLY, status=413)])
            raw.sendall(f"POST {UPLOADS} HTTP/1.1\r\nContent-Length: 9\r\n\r\n".encode())
            received = raw.makefile("rb").read()

        assert (received[:12], b"Connection: close" in received) == (b"HTTP/1.1 413", True)
        assert (registry.requests[0].status, registry.requests[0].body_size) == (413, 0)

    @pytest.mark.parametrize(
        ("kind", "body"),
        [
            (Kind.WRONG_BYTES, b"the contenu of a blob"),
            (Kind.LONGER, CONTENT + b"and more"),
            (Kind.SHORTER, CONTENT[:10]),
            (Kind.DRIP, CONTENT),
        ],
    )
    def test_other_content(self, start: Start, kind: Kind, body: bytes) -> None:
        _, client = self.break_once(start, Fault(kind=kind, interval=0.0001))
        got = client.ask("GET", BLOB)

        assert (got.status, got.body, got.headers["content-length"]) == (200, body, str(len(body)))

    def test_other_headers(self, start: Start) -> None:
        registry, client = start()
        lie = (("Location", "http://127.0.0.2/"),)
        kinds = (Fault(kind=Kind.WRONG_TYPE), Fault(kind=Kind.WRONG_DIGEST), Fault(kind=Kind.WITH_HEADERS, headers=lie))
        answers = []
        for fault in kinds:
            registry.script([fault])
            answers.append(client.ask("GET", BLOB))

        assert [answer.body for answer in answers] == [CONTENT] * 3
        assert answers[0].headers["content-type"] == "text/html"
        assert answers[1].headers["docker-content-digest"] != DIGEST
        assert answers[2].headers["location"] == "http://127.0.0.2/"

    def test_expired_token(self, start: Start) -> None:
        _, client = self.break_once(start, Fault(kind=Kind.EXPIRED))
        got = client.ask("GET", BLOB)

        assert (got.status, 'error="invalid_token"' in got.headers["www-authenticate"]) == (401, True)
        assert client.ask("GET", "/token?scope=repository:a:pull").status == 200

    def test_not_found(self, start: Start) -> None:
        registry, client = start()
        registry.script([Fault(kind=Kind.NOT_FOUND, times=2)])

        assert [client.ask(*request).code for request in (("POST", UPLOADS), ("GET", BLOB))] == [
            "BLOB_UPLOAD_UNKNOWN",
            "UNKNOWN",
        ]

    @pytest.mark.parametrize("status", [408, 416, 429, 500, 502, 503, 504])
    def test_status(self, start: Start, status: int) -> None:
        _, client = self.break_once(start, Fault(kind=Kind.STATUS, status=status, retry_after=b"\x80 soon"))
        got = client.ask("GET", BLOB)

        assert (got.status, got.headers["retry-after"], client.ask("GET", BLOB).status) == (status, "\x80 soon", 200)

    def test_redirect_to_the_same_origin(self, start: Start) -> None:
        _, client = self.break_once(start, Fault(kind=Kind.REDIRECT_HERE, path="uploads"))
        moved = client.ask("POST", f"{UPLOADS}?digest={DIGEST}", CONTENT)
        done = client.ask("POST", moved.headers["location"], CONTENT)

        assert (moved.status, moved.headers["location"].startswith("/"), done.status) == (307, True, 201)

    def test_redirect_to_another_origin(self, start: Start) -> None:
        registry, client = start()
        with Origin(registry.answer, host="127.0.0.2") as origin:
            registry.script([Fault(kind=Kind.REDIRECT_AWAY, location=origin.url, path="/blobs/", times=None)])
            moved = client.ask("GET", BLOB)
            got = _ask_once(origin, BLOB, {"Authorization": "Bearer secret"})

        assert (moved.status, moved.headers["location"], got.body) == (307, origin.url + BLOB, CONTENT)
        assert (origin.saw("secret"), origin.requests[0].headers["authorization"]) == (True, "Bearer secret")

    def test_answer_twice_is_taken_for_the_next_one(self, start: Start) -> None:
        _, client = self.break_once(start, Fault(kind=Kind.LATE_DUPLICATE))
        client.ask("GET", BLOB)

        assert client.ask("GET", "/v2/").body == CONTENT

    def test_answer_twice_at_once(self, start: Start) -> None:
        registry, _ = self.break_once(start, Fault(kind=Kind.DUPLICATE))
        with _connect(registry) as raw:
            raw.sendall(f"GET {BLOB} HTTP/1.1\r\nConnection: close\r\n\r\n".encode())
            received = raw.makefile("rb").read()

        assert (received.count(b"HTTP/1.1 200"), received.count(CONTENT)) == (2, 2)

    @pytest.mark.parametrize("declared", [None, 1 << 62])
    def test_endless_body(self, start: Start, declared: int | None) -> None:
        _, client = self.break_once(start, Fault(kind=Kind.ENDLESS, declared_size=declared))
        client.request("GET", BLOB)
        response = client.getresponse()

        assert (len(response.read(5 << 20)), response.status) == (5 << 20, 200)

    def test_huge_headers(self, start: Start) -> None:
        _, client = self.break_once(start, Fault(kind=Kind.HUGE_HEADERS))

        assert len(str(client.ask("GET", BLOB).headers)) > 1 << 20

    def test_any_answer(self, start: Start) -> None:
        _, client = self.break_once(start, Fault(kind=Kind.ANSWER, answer=Response(status=418, body=b"tea")))

        assert client.ask("GET", BLOB).body == b"tea"


class TestScripts:
    def test_fault_comes_at_its_request_and_so_often(self, start: Start) -> None:
        registry, client = start()
        registry.script(
            [
                Fault(kind=Kind.STATUS, status=500, method="GET", path="/blobs/", at=1, times=2),
                Fault(kind=Kind.STATUS, status=502, at=5, times=None),
            ]
        )
        asked = [("GET", BLOB), ("HEAD", BLOB), ("GET", BLOB), ("GET", BLOB), ("GET", BLOB), ("GET", BLOB)]

        assert [client.ask(*each).status for each in (*asked, asked[0])] == [200, 200, 500, 500, 200, 502, 502]

    def test_script_may_be_a_function(self, start: Start) -> None:
        registry, client = start()
        registry.script(lambda request, number: Fault(kind=Kind.STATUS, status=500) if number == 1 else None)

        assert [client.ask("GET", BLOB).status for _ in range(3)] == [200, 500, 200]

    def test_chance_is_the_same_for_the_same_seed(self, start: Start) -> None:
        registry, client = start()
        seen = []
        for seed in (1, 1, 2):
            registry.script(Chance(0.5, [Fault(kind=Kind.STATUS, status=500)], seed=seed))
            seen.append([client.ask("GET", BLOB).status for _ in range(40)])

        assert (seen[0] == seen[1], seen[0] == seen[2], set(seen[0])) == (True, False, {200, 500})

    def test_every_fault_can_be_had_at_every_request_of_a_recorded_run(self, start: Start) -> None:
        registry, client = start()

        def push() -> None:
            begun = client.ask("POST", UPLOADS)
            client.ask("PUT", f"{begun.headers['location']}?digest={DIGEST}", CONTENT)
            client.ask("PUT", "/v2/a/manifests/two", MANIFEST, TYPED)

        push()
        clean = registry.requests
        for position in range(len(clean)):
            for fault in EVERY_FAULT:
                registry.script([fault.at_request(clean, position)])
                client.timeout = _patience(fault)
                try:
                    push()
                except (OSError, HTTPException, KeyError):
                    pass  # this client bears nothing
                client.close()

                assert registry.faults_happened == 1, (fault.label, position)

    def test_requests_are_recorded(self, start: Start) -> None:
        registry, client = start()
        client.ask("POST", f"{UPLOADS}?digest={DIGEST}", CONTENT, {"X-Name": "value"})
        _ask_once(registry, BLOB)
        first, second = registry.requests

        assert (first.method, first.path, first.query, first.status) == ("POST", UPLOADS, f"digest={DIGEST}", 201)
        assert (first.body, first.body_size, first.body_digest) == (CONTENT, len(CONTENT), DIGEST)
        assert (first.headers["x-name"], b"X-Name: value\r\n" in first.head) == ("value", True)
        assert (first.connection, second.connection) == (0, 1)


def test_who_speaks_tls_to_a_plain_server_is_told_at_once(start: Start) -> None:
    registry, _ = start()

    with _connect(registry) as plain, pytest.raises(ssl.SSLError):
        ssl.create_default_context().wrap_socket(plain, server_hostname="127.0.0.1")


def test_starting_and_stopping_take_no_time_whatever_hangs() -> None:
    began = time.monotonic()
    registry = Registry().__enter__()
    started = time.monotonic()
    registry.script([Fault(kind=kind, times=1) for kind in (Kind.STALL, Kind.STALL_BEFORE_BODY, Kind.ENDLESS)])
    clients = [_connect(registry) for _ in range(5)]
    for client in clients[:4]:
        client.sendall(b"GET /v2/ HTTP/1.1\r\n\r\n")
    _wait_until(lambda: len(registry.requests) == 4)
    stopping = time.monotonic()
    registry.__exit__()
    stopped = time.monotonic()
    for client in clients:
        client.close()

    # It takes two milliseconds; what waits for those that hang waits without end.
    assert (started - began < AT_ONCE, stopped - stopping < AT_ONCE) == (True, True)


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    """A certificate that vouches for itself, good for servers and clients."""
    if shutil.which("openssl") is None:
        pytest.skip("`openssl` makes the certificate")
    made = Tls(certificate=tmp_path / "certificate.pem", key=tmp_path / "key.pem")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test"
    subprocess.run(
        [*command.split(), "-addext", "subjectAltName=IP:127.0.0.1", "-out", made.certificate, "-keyout", made.key],
        check=True,
        capture_output=True,
    )
    return made


def test_tls(tls: Tls) -> None:
    trusting = ssl.create_default_context(cafile=tls.certificate)
    with Registry(tls=tls) as registry:
        registry.put_blob("a", CONTENT)
        registry.script([Fault(kind=Kind.RESET_AFTER, at=1), Fault(kind=Kind.STALL, at=2)])
        client = HTTPSConnection(registry.host, timeout=0.5, context=trusting)
        client.request("GET", BLOB)
        got = client.getresponse().read()
        for error in (OSError, TimeoutError):
            client.request("GET", BLOB)
            with pytest.raises(error):
                client.getresponse()
            client.close()
        plain = _ask_once(registry, BLOB)
        hanging = _connect(registry)
        stopping = time.monotonic()
    stopped = time.monotonic()
    hanging.close()

    assert (plain.status, b"HTTPS" in plain.body) == (400, True)
    assert (got, registry.url[:8], stopped - stopping < AT_ONCE) == (CONTENT, "https://", True)


def test_client_certificate(tls: Tls) -> None:
    unknown = ssl.create_default_context(cafile=tls.certificate)
    known = ssl.create_default_context(cafile=tls.certificate)
    known.load_cert_chain(tls.certificate, tls.key)
    answers = []
    with Registry(tls=replace(tls, client_ca=tls.certificate)) as registry:
        for context in (unknown, known):
            with closing(HTTPSConnection(registry.host, timeout=5, context=context)) as client:
                try:
                    client.request("GET", "/v2/")
                    answers.append(client.getresponse().status)
                except OSError:
                    answers.append(0)

    assert answers == [0, 200]
