"""How often registries are asked: never more than was agreed; and what the campaigns of requests would notice."""

from __future__ import annotations

import hashlib
import random
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from packaging_kit import Digest
from packaging_kit.blobs import Blob, Chunk
from packaging_kit.errors import Answer, ContentError, RegistryError
from packaging_kit.limits import KIB, MIB
from packaging_kit.stores.registry import retries
from packaging_kit.stores.registry.answers import BrokenError
from packaging_kit.stores.registry.options import RegistryOptions
from packaging_kit.stores.registry.retries import Tries
from tests.campaign.requests import is_about, missing_of
from tests.registry import Bearer, Behaviour, Fault, Kind, Registry, Request
from tests.registry.messages import json_response
from tests.repositories import registry_options, registry_store
from tests.store_contract import blob_of
from tests.timing import AT_ONCE

REPOSITORY = "a/b"
NEIGHBOUR = "c/d"
UPLOADS = f"/v2/{REPOSITORY}/blobs/uploads/"
CONTENT = random.Random(7).randbytes(2 * MIB)
BLOB = blob_of(CONTENT)
TRIES = RegistryOptions().tries


class Chunks:
    """The content in pieces; counts what is read of it.

    Args:
        breaks: it is the answer of a registry, and always breaks in the middle.
    """

    def __init__(self, *, breaks: bool = False) -> None:
        self.read = 0
        self.begun = 0
        self._breaks = breaks

    def __iter__(self) -> Iterator[Chunk]:
        self.begun += 1
        for start in range(0, len(CONTENT), 32 * KIB):
            if self._breaks and start >= MIB:
                raise BrokenError("registry-unreachable", "the source broke", answer=Answer(method="GET", path="/v2/"))
            self.read += 32 * KIB
            yield CONTENT[start : start + 32 * KIB]


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as registry:
        yield registry


def counts(registry: Registry) -> Counter[tuple[str, str]]:
    """How often each resource was asked for; all uploads are one."""
    return Counter((each.method, UPLOADS if each.path.startswith(UPLOADS) else each.path) for each in registry.requests)


def read_broken(registry: Registry) -> str:
    with pytest.raises(RegistryError) as error:
        list(registry_store(registry.host, REPOSITORY, registry_options(backoff=0.001)).iter_blob(BLOB.digest))
    return error.value.code


# --- patience ---


def test_registry_that_was_slow_for_as_long_as_it_may_is_asked_again(registry: Registry) -> None:
    registry.put_blob(REPOSITORY, CONTENT)
    registry.script([Fault(kind=Kind.STALL, method="HEAD")])
    defaults = RegistryOptions()
    scale = 0.3 / defaults.read_timeout
    options = registry_options(
        read_timeout=defaults.read_timeout * scale,
        patience=defaults.patience * scale,
        backoff=defaults.backoff * scale,
    )

    assert registry_store(registry.host, REPOSITORY, options).blob_size(BLOB.digest) == BLOB.size


def test_patience_ends_though_tries_are_left(registry: Registry) -> None:
    registry.script([Fault(kind=Kind.STALL, method="HEAD", times=None)])
    options = registry_options(read_timeout=0.3, patience=0.3, backoff=0.001)
    began = time.monotonic()
    with pytest.raises(RegistryError) as error:
        registry_store(registry.host, REPOSITORY, options).blob_size(BLOB.digest)

    assert (error.value.code, counts(registry)["HEAD", f"/v2/{REPOSITORY}/blobs/{BLOB.digest}"]) == (
        "registry-timeout",
        2,
    )
    assert time.monotonic() - began < AT_ONCE


# --- tries of one request ---


@pytest.mark.parametrize(
    "fault",
    [Fault(kind=Kind.RESET_BEFORE_BODY), Fault(kind=Kind.STATUS, status=503)],
    ids=["breaks", "fails"],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_upload_is_tried_as_often_as_agreed_and_no_oftener(registry: Registry, method: str, fault: Fault) -> None:
    registry.script(
        [Fault(kind=fault.kind, status=fault.status, method=method, path="/blobs/uploads/", times=None)],
    )
    with pytest.raises(RegistryError):
        registry_store(registry.host, REPOSITORY, registry_options(backoff=0.001)).write_blob([CONTENT], BLOB)

    assert counts(registry)[method, UPLOADS] == TRIES
    assert max(counts(registry).values()) == TRIES


def test_rest_of_an_upload_that_always_breaks_counts_with_its_beginning(registry: Registry) -> None:
    faults = [
        Fault(kind=Kind.RESET_IN_REQUEST, method=method, path="/blobs/uploads/", cut_at=100 * KIB, times=None)
        for method in ("PUT", "PATCH")
    ]
    registry.script(faults)
    chunks = Chunks()
    with pytest.raises(RegistryError) as error:
        registry_store(registry.host, REPOSITORY, registry_options(backoff=0.001)).write_blob(chunks, BLOB)

    # Each 256 KiB that arrived allow for other tries, and 100 KiB at a time arrive.
    sent = counts(registry)["PUT", UPLOADS] + counts(registry)["PATCH", UPLOADS]
    assert (error.value.code, sent <= TRIES * (BLOB.size // (256 * KIB) + 1)) == ("registry-unreachable", True)


def test_token_service_that_always_breaks_is_asked_as_often_as_agreed() -> None:
    with Registry(auth=Bearer()) as registry:
        registry.script([Fault(kind=Kind.RESET_BEFORE_BODY, path="^/token", times=None)])
        code = read_broken(registry)

        assert (code, counts(registry)["GET", "/token"]) == ("registry-unreachable", TRIES)


def test_source_that_breaks_ends_the_upload_at_once(registry: Registry) -> None:
    chunks = Chunks(breaks=True)
    with pytest.raises(BrokenError, match="the source broke"):
        registry_store(registry.host, REPOSITORY, registry_options(backoff=0.001)).write_blob(chunks, BLOB)

    assert (chunks.begun, counts(registry)["POST", UPLOADS], registry.blobs(REPOSITORY)) == (1, 1, {})


# --- downloads ---


def test_download_that_gives_one_byte_at_a_time_is_given_up(registry: Registry) -> None:
    registry.put_blob(REPOSITORY, CONTENT)
    registry.script([Fault(kind=Kind.TRUNCATED, method="GET", path="/blobs/", cut_at=1, times=None)])
    code = read_broken(registry)

    assert (code, max(counts(registry).values())) == ("registry-unreachable", TRIES)


def test_download_that_breaks_often_but_gets_on_goes_to_its_end(registry: Registry) -> None:
    registry.put_blob(REPOSITORY, CONTENT)
    registry.script([Fault(kind=Kind.TRUNCATED, method="GET", path="/blobs/", cut_at=256 * KIB, times=None)])
    store = registry_store(registry.host, REPOSITORY, registry_options(backoff=0.001))
    breaks = BLOB.size // (256 * KIB)

    assert b"".join(store.iter_blob_unverified(BLOB.digest, 0, BLOB.size)) == CONTENT
    assert TRIES < counts(registry)["GET", f"/v2/{REPOSITORY}/blobs/{BLOB.digest}"] <= breaks


def test_only_a_good_deal_of_bytes_between_two_breaks_begins_the_count_anew() -> None:
    tries = Tries(RegistryOptions(backoff=0.0, tries=3))
    attempts = []
    for position in (10, retries._PROGRESS, retries._PROGRESS + 10, 2 * retries._PROGRESS + 10, 5):
        tries.go_on_from(position)
        tries.next_wait()
        attempts.append(tries.attempt)

    assert attempts == [2, 3, 3, 2, 3]


# --- what is sent ---


@pytest.mark.parametrize("chunks", [Chunks(), (CONTENT,), (memoryview(CONTENT), b"")], ids=["many", "one", "view"])
def test_blob_in_parts_is_read_once(chunks: Chunks | tuple[Chunk, ...]) -> None:
    with Registry(Behaviour(max_put=0, max_patch=100_000)) as registry:
        options = registry_options(backoff=0.001, chunk_size=100_000)
        registry_store(registry.host, REPOSITORY, options).write_blob(chunks, BLOB)

        assert registry.blobs(REPOSITORY) == {BLOB.digest.value: CONTENT}
    if isinstance(chunks, Chunks):
        # Once for what was refused as a whole, of which something may have been on its way.
        assert (chunks.begun, chunks.read <= 2 * BLOB.size) == (2, True)


def test_part_that_broke_is_read_anew_and_those_after_it_are_not() -> None:
    chunks = Chunks()
    with Registry(Behaviour(max_put=0, max_patch=128 * KIB)) as registry:
        registry.script([Fault(kind=Kind.RESET_IN_REQUEST, method="PATCH", path="/blobs/uploads/", at=9, cut_at=1000)])
        options = registry_options(backoff=0.001, chunk_size=128 * KIB)
        registry_store(registry.host, REPOSITORY, options).write_blob(chunks, BLOB)

        assert (registry.blobs(REPOSITORY), chunks.begun) == ({BLOB.digest.value: CONTENT}, 3)


@pytest.mark.parametrize(
    ("chunks", "code"), [([CONTENT[:-1]], "size-mismatch"), ([CONTENT[:-1], b"\0\0"], "size-mismatch")]
)
def test_parts_of_what_is_not_the_blob_are_refused(chunks: list[bytes], code: str) -> None:
    with Registry(Behaviour(max_put=0)) as registry:
        options = registry_options(chunk_size=64 * KIB)
        with pytest.raises(ContentError) as error:
            registry_store(registry.host, REPOSITORY, options).write_blob(chunks, BLOB)

        assert (error.value.code, registry.blobs(REPOSITORY)) == (code, {})


@pytest.mark.parametrize("chunks", [[b"x"], (b"x",), iter([b"x"]), [b"", b"x"]], ids=["list", "tuple", "once", "late"])
def test_content_that_should_be_empty_is_checked(registry: Registry, chunks: list[bytes]) -> None:
    with pytest.raises(ContentError) as error:
        registry_store(registry.host, REPOSITORY).write_blob(chunks, blob_of(b""))

    assert (error.value.code, registry.blobs(REPOSITORY)) == ("size-mismatch", {})


def test_digest_of_something_is_not_that_of_nothing(registry: Registry) -> None:
    with pytest.raises(ContentError) as error:
        registry_store(registry.host, REPOSITORY).write_blob([b""], Blob(Digest.of(b"x"), 0))

    assert (error.value.code, registry.blobs(REPOSITORY)) == ("digest-mismatch", {})


# --- mounts ---


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_neighbour_that_no_token_is_given_for_is_passed_over(status: int) -> None:
    with Registry(auth=Bearer(anonymous=("pull", "push"))) as registry:
        registry.script([Fault(kind=Kind.STATUS, status=status, path=f"^/token.*{NEIGHBOUR}", times=None)])
        store = registry_store(registry.host, REPOSITORY, registry_options(backoff=0.001), mounts=(NEIGHBOUR,))
        store.write_blob([CONTENT], BLOB)

        assert registry.blobs(REPOSITORY) == {BLOB.digest.value: CONTENT}


@pytest.mark.parametrize("status", [202, 307, 400, 500])
def test_answer_to_a_mount_that_leads_nowhere_is_passed_over(registry: Registry, status: int) -> None:
    location = () if status == 202 else (("Location", "http://192.0.2.1/"),)
    answer = json_response({}, status, *location)
    registry.script([Fault(kind=Kind.ANSWER, answer=answer, path="mount=", times=None)])
    store = registry_store(registry.host, REPOSITORY, registry_options(backoff=0.001), mounts=("e/f", NEIGHBOUR))
    store.write_blob([CONTENT], BLOB)

    assert registry.blobs(REPOSITORY) == {BLOB.digest.value: CONTENT}


def test_registry_that_breaks_at_a_mount_is_not_asked_for_another(registry: Registry) -> None:
    registry.script([Fault(kind=Kind.RESET_BEFORE_BODY, method="POST", path="/blobs/uploads/", times=None)])
    store = registry_store(registry.host, REPOSITORY, registry_options(backoff=0.001), mounts=("e/f", NEIGHBOUR))
    with pytest.raises(BrokenError):
        store.write_blob([CONTENT], BLOB)

    assert counts(registry)["POST", UPLOADS] == TRIES


def test_upload_that_a_mount_opened_says_how_large_parts_have_to_be() -> None:
    least = 512 * KIB
    with Registry(Behaviour(mount=False, chunk_min_length=least, max_put=0)) as registry:
        store = registry_store(registry.host, REPOSITORY, registry_options(chunk_size=64 * KIB), mounts=(NEIGHBOUR,))
        begun_by_mount: list[str] = []

        def note(request: Request, number: int) -> Fault | None:
            if request.method == "POST":
                begun_by_mount.append(request.target)
            return None

        registry.script(note)
        store.write_blob([CONTENT], BLOB)
        sizes = {each.body_size for each in registry.requests if each.method == "PATCH"}

        assert ("mount=" in begun_by_mount[0], sizes) == (True, {least})
        assert hashlib.sha256(registry.blobs(REPOSITORY)[BLOB.digest.value]).hexdigest() == BLOB.digest.hex


# --- what the campaign takes for right ---

INDEX = {"index.json": b'{"manifests":[{"digest":"sha256:a"},{"digest":"sha256:b"}]}'}
LONE_INDEX = {"index.json": b'{"manifests":[{"digest":"sha256:a"}]}'}
EXPECTED = {**INDEX, "blobs/sha256/a": b"a", "blobs/sha256/b": b"b", "blobs/sha256/c": b"c"}
OPTIONAL = ("sha256:b", "sha256:c")


@pytest.mark.parametrize(
    ("found", "missing"),
    [
        (EXPECTED, []),
        ({**LONE_INDEX, "blobs/sha256/a": b"a"}, ["blobs/sha256/b", "blobs/sha256/c"]),
    ],
    ids=["all", "without the skeleton"],
)
def test_only_the_skeleton_may_be_missing(found: dict[str, bytes], missing: list[str]) -> None:
    assert missing_of(found, EXPECTED, OPTIONAL) == missing


@pytest.mark.parametrize(
    "found",
    [
        {name: data for name, data in EXPECTED.items() if name != "blobs/sha256/a"},
        {**LONE_INDEX, "blobs/sha256/b": b"b", "blobs/sha256/c": b"c"},
        {**EXPECTED, "blobs/sha256/d": b"d"},
        {**EXPECTED, "blobs/sha256/b": b"?"},
        {**EXPECTED, **LONE_INDEX},
    ],
    ids=["a blob of the artifact", "the same, with its tag alone", "one more", "another content", "an entry"],
)
def test_anything_else_that_is_missing_or_other_is_noticed(found: dict[str, bytes]) -> None:
    with pytest.raises(AssertionError):
        missing_of(found, EXPECTED, OPTIONAL)


def test_skeleton_may_be_missing_only_after_a_fault_of_its_own() -> None:
    paths = ("^/v2/x/referrers/sha256:a", "^/v2/x/manifests/sha256:b", "^/v2/x/manifests/sha256:a", "^/v2/x/tags/list")

    assert [is_about(Fault(kind=Kind.NOT_FOUND, path=path), OPTIONAL) for path in paths] == [True, True, False, False]
