"""Repositories in registries: the contract, over a registry that behaves in many ways."""

from __future__ import annotations

import hashlib
import itertools
import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from packaging_kit import Form, LayoutPlace, Settings
from packaging_kit.digest import Digest
from packaging_kit.document import dump_json
from packaging_kit.errors import ContentError, RegistryError, StoreError
from packaging_kit.limits import KIB, MIB
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.layout import Tagged, fallback_tag
from packaging_kit.oci.media_types import DOCUMENTS, IMAGE_INDEX, SKELETON_ARTIFACT
from packaging_kit.oci.reference import Reference
from packaging_kit.operations.copy import copy as copy_place
from packaging_kit.stores.memory import MemoryStore
from packaging_kit.stores.registry.options import RegistryOptions
from packaging_kit.stores.registry.store import RegistryStore
from packaging_kit.transfer.copy import ReferrerChoice
from tests.conftest import REPOSITORY as CHECKOUT
from tests.real.certificates import make_certificate
from tests.real.needs import need_tool
from tests.registry import Basic, Bearer, Behaviour, Fault, Kind, Origin, Registry, Request, Response, Tls
from tests.registry.auth import Auth
from tests.registry.behaviour import GOOD
from tests.registry.messages import json_response
from tests.registry.state import children
from tests.repositories import pack, registry_options, registry_place, registry_store, sample
from tests.store_contract import SIGNATURE, Make, RepositoryContract, Store, blob_of, plain, store_manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a registry behaves, and what has to be said to get along with it."""

    behaviour: Behaviour = GOOD
    auth: Auth = None
    is_secure: bool = False
    chunk_size: int = 16 * MIB


WAYS: Final = {
    "all": Way(),
    "as-distribution": Way(
        behaviour=Behaviour(
            referrers=False,
            absolute_locations=True,
            location_query="_state=s{offset}",
            single_post=False,
            accept_needed=True,
        )
    ),
    "pages-of-two": Way(behaviour=Behaviour(tags_page=2, referrers_page=2, referrers_filter=False)),
    "no-ranges": Way(behaviour=Behaviour(ranges=False, mount=False, digest_header=False)),
    "in-parts": Way(
        behaviour=Behaviour(chunk_min_length=64 * KIB, max_put=256 * KIB, max_patch=MIB), chunk_size=512 * KIB
    ),
    "basic": Way(auth=Basic()),
    "bearer": Way(auth=Bearer(expires_in=60)),
    "tls": Way(is_secure=True),
    "tls-bearer": Way(auth=Bearer(), is_secure=True, behaviour=Behaviour(referrers=False)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A registry that runs, and how it is talked to."""

    registry: Registry
    options: RegistryOptions


@contextmanager
def run(way: Way, folder: Path) -> Iterator[Running]:
    """A registry that behaves in one of the ways."""
    tls = None
    if way.is_secure:
        made = make_certificate(need_tool("openssl"), folder, "server")
        tls = Tls(certificate=made.file, key=made.key_file)
    user, password = (None, None) if way.auth is None else (way.auth.user, way.auth.password)
    options = registry_options(
        user=user, password=password, ca_file=None if tls is None else tls.certificate, chunk_size=way.chunk_size
    )
    with Registry(way.behaviour, auth=way.auth, tls=tls) as registry:
        yield Running(registry=registry, options=options)


def named(store: RegistryStore) -> RegistryStore:
    """Give something in it a name, so that it is no new repository; another object for it."""
    store.put([Tagged("named", store_manifest(store, "named"))], force=False)
    return RegistryStore(store.transport, Reference(host="host", repository=store._repository))


_numbers = itertools.count()


@pytest.fixture(scope="module", params=WAYS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with run(WAYS[request.param], tmp_path_factory.mktemp("registry")) as running:
        yield running


class TestRegistryStore(RepositoryContract):
    looks_into_blobs = False
    running: Running
    prefix: str

    @pytest.fixture
    def make_store(self, server: Running) -> Make:
        self.running = server
        self.prefix = f"t{next(_numbers)}"
        self.lists_referrers = server.registry.behaviour.referrers
        return lambda name: registry_store(server.registry.host, f"{self.prefix}/{name}", server.options)

    def damage(self, store: Store, digest: Digest, data: bytes) -> None:
        self.running.registry.damage(f"{self.prefix}/store", digest.value, data)

    def held(self, store: Store, *asked: bytes) -> list[bytes]:
        return list(self.running.registry.blobs(f"{self.prefix}/store").values())

    def later(self, store: Store) -> Store:
        assert isinstance(store, RegistryStore)
        return named(store)


SIZE = 4 * MIB
CONTENT = random.Random(5).randbytes(SIZE)
BLOB = blob_of(CONTENT)
PIECES = tuple(CONTENT[start : start + 64 * KIB] for start in range(0, SIZE, 64 * KIB))
REPOSITORY = "a/b"
UPLOADS = f"/v2/{REPOSITORY}/blobs/uploads/"
AS_DISTRIBUTION = WAYS["as-distribution"].behaviour


@pytest.fixture
def registry() -> Iterator[Registry]:
    with Registry() as registry:
        yield registry


def open_store(registry: Registry, repository: str = REPOSITORY, *mounts: str, **options: Any) -> RegistryStore:
    return registry_store(registry.host, repository, registry_options(**options), mounts=mounts)


def sent(registry: Registry, *methods: str) -> list[tuple[str, int, int | None]]:
    """Method, bytes of the body that arrived, and status of the requests that upload."""
    return [
        (each.method, each.body_size, each.status)
        for each in registry.requests
        if "/blobs/uploads/" in each.path and each.method in (methods or ("POST", "PATCH", "PUT", "GET"))
    ]


def blob_bytes(registry: Registry) -> int:
    """How many bytes of blobs were sent to the registry."""
    return sum(size for _, size, _ in sent(registry))


def written(registry: Registry) -> list[str]:
    """What was written, in order: the last part of each path, `blob` for an upload that was ended."""
    return [
        "blob" if "/blobs/" in each.path else each.path.rpartition("/")[2]
        for each in registry.requests
        if each.method == "PUT" and each.status == 201
    ]


@pytest.mark.parametrize("cut_at", [1, 64 * KIB, MIB + 7, SIZE - 1])
@pytest.mark.parametrize("behaviour", [Behaviour(), AS_DISTRIBUTION], ids=["all", "as-distribution"])
def test_upload_that_broke_goes_on_where_the_registry_says(cut_at: int, behaviour: Behaviour) -> None:
    with Registry(behaviour) as registry:
        registry.script([Fault(kind=Kind.RESET_IN_REQUEST, method="PUT", path="/blobs/uploads/", cut_at=cut_at)])
        open_store(registry).write_blob(PIECES, BLOB)
        rest = [each for each in registry.requests if each.method == "PATCH"]

        assert registry.blobs(REPOSITORY) == {BLOB.digest.value: CONTENT}
        if cut_at == 1:  # `0-0` may be said of nothing too, so it began anew
            assert rest == []
        else:
            assert [(each.headers.get("content-range"), each.body_size) for each in rest] == [
                (f"{cut_at}-{SIZE - 1}", SIZE - cut_at)
            ]
            assert blob_bytes(registry) == SIZE


def test_upload_that_breaks_again_and_again_ends_as_an_error(registry: Registry) -> None:
    fault = Fault(kind=Kind.RESET_BEFORE_BODY, path=UPLOADS, times=None)
    registry.script([fault])

    with pytest.raises(RegistryError) as error:
        open_store(registry, tries=3).write_blob(PIECES, BLOB)

    assert (error.value.code, registry.blobs(REPOSITORY)) == ("registry-unreachable", {})


def test_upload_that_the_registry_lost_begins_anew(registry: Registry) -> None:
    faults = [
        Fault(kind=Kind.RESET_IN_REQUEST, method="PUT", path=UPLOADS, cut_at=MIB),
        Fault(kind=Kind.NOT_FOUND, method="GET", path=UPLOADS),
    ]
    registry.script(faults)
    open_store(registry).write_blob(PIECES, BLOB)

    assert [method for method, _, _ in sent(registry)] == ["POST", "PUT", "GET", "POST", "PUT"]
    assert registry.blobs(REPOSITORY) == {BLOB.digest.value: CONTENT}


def test_upload_whose_answer_was_lost_is_not_sent_again(registry: Registry) -> None:
    registry.script([Fault(kind=Kind.RESET_AFTER, method="PUT", path=UPLOADS)])
    open_store(registry).write_blob(PIECES, BLOB)

    assert (blob_bytes(registry), set(registry.blobs(REPOSITORY))) == (SIZE, {BLOB.digest.value})


def test_content_that_can_be_read_only_once_survives_a_break(registry: Registry) -> None:
    registry.script([Fault(kind=Kind.RESET_IN_REQUEST, method="PUT", path=UPLOADS, cut_at=MIB)])
    open_store(registry).write_blob(iter(PIECES), BLOB)

    assert registry.blobs(REPOSITORY) == {BLOB.digest.value: CONTENT}


@pytest.mark.parametrize("kind", [Kind.RESET_IN_ANSWER, Kind.TRUNCATED])
@pytest.mark.parametrize("ranges", [True, False])
def test_download_that_broke_goes_on_and_is_right(kind: Kind, ranges: bool) -> None:
    with Registry(Behaviour(ranges=ranges)) as registry:
        registry.put_blob(REPOSITORY, CONTENT)
        registry.script(
            [Fault(kind=kind, method="GET", path="/blobs/", cut_at=cut, at=at) for at, cut in enumerate((MIB, 5))]
        )
        data = b"".join(open_store(registry).iter_blob(BLOB.digest, size=BLOB.size))
        asked = [
            each.headers.get("range") for each in registry.requests if each.method == "GET" if "/blobs/" in each.path
        ]

    positions = [0 if each is None else int(each.removeprefix("bytes=").removesuffix("-")) for each in asked]
    assert (data, len(positions), positions) == (CONTENT, 3, sorted(positions))
    if kind is Kind.TRUNCATED:  # while a reset may take away what had arrived
        assert positions == [0, MIB, MIB + 5 if ranges else MIB]


def test_range_that_broke_goes_on_to_its_end_and_no_further(registry: Registry) -> None:
    registry.put_blob(REPOSITORY, CONTENT)
    registry.script([Fault(kind=Kind.TRUNCATED, method="GET", path="/blobs/", cut_at=100)])

    assert b"".join(open_store(registry).iter_blob_unverified(BLOB.digest, 1000, MIB)) == CONTENT[1000:MIB]
    assert [each.headers.get("range") for each in registry.requests if each.headers.get("range")] == [
        f"bytes=1000-{MIB - 1}",
        f"bytes=1100-{MIB - 1}",
    ]


def test_bytes_that_changed_between_two_tries_are_noticed(registry: Registry) -> None:
    registry.put_blob(REPOSITORY, CONTENT)
    registry.script([Fault(kind=Kind.TRUNCATED, method="GET", path="/blobs/", cut_at=MIB)])
    read = open_store(registry).iter_blob(BLOB.digest, size=BLOB.size)
    next(read)
    registry.damage(REPOSITORY, BLOB.digest.value, bytes(SIZE))

    with pytest.raises(ContentError) as error:
        list(read)

    assert error.value.code == "digest-mismatch"


@pytest.mark.parametrize(
    ("behaviour", "chunk_size", "expected"),
    [
        (Behaviour(max_put=MIB), 16 * MIB, [2 * MIB] * 2),
        (Behaviour(max_put=MIB, max_patch=MIB), MIB, [MIB] * 4),
        (Behaviour(max_put=MIB, max_patch=MIB, chunk_min_length=MIB), 64 * KIB, [MIB] * 4),
        (Behaviour(max_put=MIB, max_patch=MIB), 4 * MIB, [MIB] * 4),
    ],
    ids=["two parts", "parts", "parts as large as wanted", "parts that had to be halved"],
)
def test_blob_that_is_too_large_for_one_request_is_sent_in_parts(
    behaviour: Behaviour, chunk_size: int, expected: list[int]
) -> None:
    with Registry(behaviour) as registry:
        open_store(registry, chunk_size=chunk_size).write_blob(PIECES, BLOB)
        taken = [size for _, size, status in sent(registry, "PATCH") if status == 202]

        assert (registry.blobs(REPOSITORY), taken) == ({BLOB.digest.value: CONTENT}, expected)


@pytest.mark.parametrize("least", [None, MIB])
def test_blob_that_no_request_is_small_enough_for_is_refused(least: int | None) -> None:
    with Registry(Behaviour(max_put=0, max_patch=1000, chunk_min_length=least)) as registry:
        with pytest.raises(RegistryError) as error:
            open_store(registry).write_blob(PIECES, BLOB)

        assert (error.value.code, error.value.answer.status, registry.blobs(REPOSITORY)) == (
            "registry-refused",
            413,
            {},
        )


def test_blob_of_a_neighbour_is_mounted(registry: Registry) -> None:
    registry.put_blob("c/d", CONTENT)
    open_store(registry, REPOSITORY, "no/such", "c/d").write_blob(PIECES, BLOB)

    assert (registry.blobs(REPOSITORY), blob_bytes(registry)) == ({BLOB.digest.value: CONTENT}, 0)


@pytest.mark.parametrize(
    ("behaviour", "fault"),
    [
        (Behaviour(mount=False), None),
        (Behaviour(), Fault(kind=Kind.NOT_FOUND, path="mount=")),
        (Behaviour(), Fault(kind=Kind.STATUS, status=405, path="mount=")),
        (Behaviour(), Fault(kind=Kind.STATUS, status=403, path="mount=")),
    ],
    ids=["an upload instead", "not found", "not known", "not allowed"],
)
def test_blob_that_cannot_be_mounted_is_sent(behaviour: Behaviour, fault: Fault | None) -> None:
    with Registry(behaviour) as registry:
        registry.put_blob("c/d", CONTENT)
        registry.script([] if fault is None else [fault])
        open_store(registry, REPOSITORY, "c/d").write_blob(PIECES, BLOB)

        assert (registry.blobs(REPOSITORY), blob_bytes(registry)) == ({BLOB.digest.value: CONTENT}, SIZE)


def test_neighbour_that_may_not_be_read_is_passed_over() -> None:
    auth = Bearer(anonymous=("pull", "push"))
    with Registry(auth=auth) as registry:
        open_store(registry, REPOSITORY, "c/d").write_blob(PIECES, BLOB)

        assert registry.blobs(REPOSITORY) == {BLOB.digest.value: CONTENT}


def test_large_blob_is_asked_for_before_it_is_sent(registry: Registry) -> None:
    registry.put_blob(REPOSITORY, CONTENT)
    open_store(registry).write_blob((pytest.fail("nobody needs it") for _ in range(1)), BLOB)

    assert (sent(registry), [each.method for each in registry.requests if "/blobs/" in each.path]) == ([], ["HEAD"])


@pytest.mark.parametrize("behaviour", [Behaviour(), AS_DISTRIBUTION], ids=["all", "as-distribution"])
@pytest.mark.parametrize("form", Form)
def test_pushing_the_same_again_sends_nothing(form: Form, behaviour: Behaviour, tmp_path: Path) -> None:
    source = LayoutPlace(folder=tmp_path / "layout", tag="v")
    pack(source, sample(), form)
    with Registry(behaviour) as registry:
        settings = Settings(registry=registry_options())
        place = registry_place(registry.host, REPOSITORY, "v")
        copy_place(source, place, settings, referrers=ReferrerChoice.ALWAYS)
        before = registry.manifests(REPOSITORY), registry.tags(REPOSITORY), registry.blobs(REPOSITORY)
        registry.forget_requests()
        again = copy_place(source, place, settings, referrers=ReferrerChoice.ALWAYS)
        changing = [each.target for each in registry.requests if each.method not in ("GET", "HEAD")]

        assert (again.written, changing) == ((), [])
        assert (registry.manifests(REPOSITORY), registry.tags(REPOSITORY), registry.blobs(REPOSITORY)) == before


@pytest.mark.parametrize("form", Form)
def test_pushing_beside_it_mounts_every_blob(form: Form, registry: Registry, tmp_path: Path) -> None:
    source = LayoutPlace(folder=tmp_path / "layout", tag="v")
    pack(source, sample(), form)
    settings = Settings(registry=registry_options())
    first, second = (registry_place(registry.host, name, "v") for name in (REPOSITORY, "c/d"))
    copy_place(source, first, settings)
    registry.forget_requests()
    copy_place(source, second, settings, mounts=(REPOSITORY,))
    from_a_layout = blob_bytes(registry)
    copy_place(first, registry_place(registry.host, "e/f", "v"), settings)

    assert (from_a_layout, blob_bytes(registry)) == (0, 0)
    assert registry.blobs("e/f") == registry.blobs("c/d") == registry.blobs(REPOSITORY)


@pytest.mark.parametrize("behaviour", [Behaviour(), AS_DISTRIBUTION], ids=["all", "as-distribution"])
@pytest.mark.parametrize("form", Form)
def test_names_come_last_and_referrers_before_them(form: Form, behaviour: Behaviour, tmp_path: Path) -> None:
    source = LayoutPlace(folder=tmp_path / "layout", tag="v")
    digest = pack(source, sample(), form).digest
    with Registry(behaviour) as registry:
        place = registry_place(registry.host, REPOSITORY, "v")
        copied = copy_place(source, place, Settings(registry=registry_options()), referrers=ReferrerChoice.ALWAYS)
        order = [name for name in written(registry) if name != "blob"]
        manifests = registry.manifests(REPOSITORY)
        missing = registry.missing(REPOSITORY)

    # Children before parents, and the tag only after everything: once, and not by its digest too.
    assert (order[-1], order.count("v"), digest.value in order, missing) == ("v", 1, False, [])
    by_digest = [name for name in order if ":" in name]
    assert len(by_digest) == len(set(by_digest)) == len(manifests) - 1 - (not behaviour.referrers and form in LISTED)
    positions = {name: position for position, name in enumerate(order)} | {digest.value: len(order) - 1}
    for name, manifest in manifests.items():
        for child in children(manifest):
            if child["mediaType"] in DOCUMENTS and child["digest"] in positions and name in positions:
                assert positions[child["digest"]] < positions[name]
    referrers = [entry.digest.value for thing in copied.things for entry in thing.untagged]
    assert all(positions[each] < positions["v"] for each in referrers)


LISTED = (Form.MAPPED, Form.BOTH)


@pytest.mark.parametrize("choice", [ReferrerChoice.AUTO, ReferrerChoice.ALWAYS])
@pytest.mark.parametrize("has_api", [True, False])
def test_skeleton_is_left_out_only_where_nobody_would_find_it(
    choice: ReferrerChoice, has_api: bool, tmp_path: Path
) -> None:
    source = LayoutPlace(folder=tmp_path / "layout", tag="v")
    digest = pack(source, sample(), Form.MAPPED).digest
    with Registry(Behaviour(referrers=has_api)) as registry:
        place = registry_place(registry.host, REPOSITORY, "v")
        copied = copy_place(source, place, Settings(registry=registry_options()), referrers=choice)
        tags = set(registry.tags(REPOSITORY))
        found = open_store(registry).referrers(digest)

    is_left = not has_api and choice is ReferrerChoice.AUTO
    has_list = not has_api and choice is ReferrerChoice.ALWAYS
    assert [entry.artifact_type for entry in copied.left] == [SKELETON_ARTIFACT] * is_left
    assert [entry.artifact_type for entry in found] == [SKELETON_ARTIFACT] * (not is_left)
    assert tags == {"v"} | ({fallback_tag(digest)} if has_list else set())


def refer(registry: Registry, subject: Descriptor, name: str) -> Descriptor:
    """Write a referrer from a store of its own, as another process would."""
    store = open_store(registry)
    assert store.takes_referrers(always=True)
    entry = store_manifest(store, name, subject=subject, artifactType=SIGNATURE)
    store.put([Tagged(f"of-{name}", subject)], force=False)
    return entry


@pytest.fixture
def listing() -> Iterator[tuple[Registry, Descriptor]]:
    """A registry that lists referrers by a tag only, and a manifest in it."""
    with Registry(Behaviour(referrers=False)) as registry:
        store = open_store(registry)
        entry = store_manifest(store, "a")
        store.put([Tagged("v1", entry)], force=False)
        yield registry, entry


def listed(registry: Registry, subject: Descriptor) -> dict[str, Any]:
    """What stands under the fallback tag."""
    digest = registry.tags(REPOSITORY)[fallback_tag(subject.digest)]
    return registry.manifests(REPOSITORY)[digest].value


def test_list_under_the_fallback_tag_is_read_merged_written_and_read_again(
    listing: tuple[Registry, Descriptor],
) -> None:
    registry, subject = listing
    first = refer(registry, subject, "r")
    registry.forget_requests()
    second = refer(registry, subject, "s")
    path = f"/v2/{REPOSITORY}/manifests/{fallback_tag(subject.digest)}"
    entries = [entry.to_json() for entry in (first, second)]

    assert [each.method for each in registry.requests if each.path == path] == ["GET", "PUT", "GET"]
    assert listed(registry, subject)["manifests"] == entries


def test_list_of_others_keeps_what_they_wrote(listing: tuple[Registry, Descriptor]) -> None:
    registry, subject = listing
    registry.put_blob(REPOSITORY, b"x")
    stray = {"mediaType": "application/vnd.example+json", "digest": Digest.of(b"x").value, "size": 1, "data": "eA=="}
    theirs = {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [stray], "annotations": {"a": "b"}, "x": 1}
    registry.put_manifest(REPOSITORY, dump_json(theirs), IMAGE_INDEX, fallback_tag(subject.digest))
    added = refer(registry, subject, "r")

    assert listed(registry, subject) == theirs | {"manifests": [stray, added.to_json()]}


def test_two_who_list_at_once_lose_nothing(listing: tuple[Registry, Descriptor]) -> None:
    registry, subject = listing
    with ThreadPoolExecutor(2) as pool:
        added = list(pool.map(lambda number: refer(registry, subject, f"r{number}"), range(8)))
    found = open_store(registry).referrers(subject.digest)

    assert {entry.digest for entry in found} == {entry.digest for entry in added}


def test_many_stores_that_list_at_once_lose_nothing(listing: tuple[Registry, Descriptor]) -> None:
    registry, subject = listing
    # The worst order there is: what the first one wrote is overwritten by who had read before it.
    tag = fallback_tag(subject.digest)
    ours, theirs = open_store(registry), open_store(registry)
    overwritten: list[int] = []

    def overwrite_once(request: Request, _number: int) -> Fault | None:
        if request.method == "PUT" and request.path.endswith(tag) and not overwritten:
            overwritten.append(1)
            return None
        if request.method == "GET" and request.path.endswith(tag) and overwritten == [1]:
            overwritten.append(2)
            index = dump_json({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [other.to_json()]})
            registry.put_manifest(REPOSITORY, index, IMAGE_INDEX, tag)
        return None

    other = store_manifest(theirs, "other", subject=subject, artifactType=SIGNATURE)
    registry.script(overwrite_once)
    assert ours.takes_referrers(always=True)
    mine = store_manifest(ours, "mine", subject=subject, artifactType=SIGNATURE)
    ours.put([Tagged("v1", subject)], force=False)

    assert overwritten == [1, 2]
    assert {entry.digest for entry in ours.referrers(subject.digest)} == {mine.digest, other.digest}


def test_referrers_of_a_repository_that_is_not_there_yet_tell_that_there_is_an_api(registry: Registry) -> None:
    unknown = json_response({"errors": [{"code": "NAME_UNKNOWN", "message": "no such repository"}]}, 404)
    registry.script([Fault(kind=Kind.ANSWER, path="/referrers/", answer=unknown)])

    assert open_store(registry).takes_referrers(always=False)


@pytest.mark.parametrize(
    "answer",
    [
        Response(status=404, headers=(("Content-Type", "text/plain"),), body=b"404 page not found\n"),
        Response(status=200, headers=(("Content-Type", "text/html"),), body=b"<html>Welcome</html>"),
        json_response({"errors": [{"code": "UNSUPPORTED"}]}, 405),
        json_response({"errors": [{"code": "MANIFEST_UNKNOWN"}]}, 404),
    ],
    ids=["not found", "a page for people", "not supported", "another code"],
)
def test_registry_that_does_not_know_referrers_has_no_api(answer: Response, registry: Registry) -> None:
    registry.script([Fault(kind=Kind.ANSWER, path="/referrers/", answer=answer, times=None)])
    store = open_store(registry)

    assert (store.takes_referrers(always=False), store.referrers(BLOB.digest)) == (False, ())


def test_registry_that_notes_a_referrer_gets_no_list(registry: Registry) -> None:
    store = open_store(registry)
    entry = store_manifest(store, "a")
    store.put([Tagged("v1", entry)], force=False)
    refer(registry, entry, "r")

    assert set(registry.tags(REPOSITORY)) == {"v1", "of-r"}


def test_tag_that_exists_is_told_before_anything_is_named(registry: Registry) -> None:
    store = open_store(registry)
    entry, other = store_manifest(store, "a"), store_manifest(store, "b")
    store.put([Tagged("v1", entry)], force=False)
    registry.forget_requests()

    with pytest.raises(StoreError) as error:
        store.put([Tagged("v0", other), Tagged("v1", other)], force=False)

    assert (error.value.code, written(registry)) == ("tag-exists", [])


def test_document_whose_content_is_not_there_is_refused(registry: Registry) -> None:
    store, elsewhere = open_store(registry), MemoryStore()
    entry = store_manifest(elsewhere, "a")

    with pytest.raises(RegistryError) as error:
        store.write_document(entry, elsewhere.read_document(entry))

    assert (error.value.code, error.value.answer.registry_codes) == ("registry-refused", ("MANIFEST_BLOB_UNKNOWN",))


@pytest.mark.parametrize("behaviour", [Behaviour(tags_page=2), Behaviour(tags_page=3, absolute_locations=True)])
def test_tags_on_many_pages_are_all_told(behaviour: Behaviour) -> None:
    with Registry(behaviour) as registry:
        store = open_store(registry)
        entry = store_manifest(store, "a")
        store.put([Tagged(f"v{number:02}", entry) for number in range(11)], force=False)

        assert store.tags() == tuple(f"v{number:02}" for number in range(11))


def test_token_that_is_good_for_few_requests_is_renewed() -> None:
    auth = Bearer(uses=2)
    with Registry(auth=auth) as registry:
        store = open_store(registry, user=auth.user, password=auth.password)
        entry = store_manifest(store, "a")
        store.put([Tagged("v1", entry)], force=False)

        assert plain(store.find("v1")) == entry


_PEAK = """
import resource, sys
from packaging_kit.blobs import Blob
from packaging_kit.digest import Digest
from tests.repositories import registry_store

host, what, digest, size = sys.argv[1:]
store, blob = registry_store(host, "a/b"), Blob(Digest(digest), int(size))
piece = bytes(1 << 20)


class Content:
    def __iter__(self):
        return (piece for _ in range(blob.size // len(piece)))


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


store.holds_blob(Blob(Digest.of(b""), 0))
before = peak()
if what == "push":
    store.write_blob(Content(), blob)
else:
    assert sum(map(len, store.iter_blob(blob.digest, size=blob.size))) == blob.size
print(peak() - before)
"""


class Sink:
    """Takes uploads, and keeps only their digest."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    def __call__(self, request: Request) -> Response:
        if request.method == "POST":
            return Response(status=202, headers=(("Location", f"{request.path}1"),))
        if request.method != "PUT":
            return Response(status=404)
        hasher = hashlib.sha256()
        for piece in request.body.iter_pieces():
            hasher.update(piece)
        self.taken.append(f"sha256:{hasher.hexdigest()}")
        return Response(status=201)


@pytest.mark.parametrize("what", ["push", "pull"])
def test_memory_does_not_grow_with_the_blob(what: str) -> None:
    size = 256 * MIB
    content, sink = bytes(size), Sink()
    digest = Digest.of(content).value
    with Registry() as registry, Origin(sink) as origin:
        if what == "pull":
            registry.put_blob(REPOSITORY, content)
        host = origin.host if what == "push" else registry.host
        command = [sys.executable, "-c", _PEAK, host, what, digest, str(size)]
        grown = int(subprocess.run(command, check=True, capture_output=True, text=True, cwd=CHECKOUT).stdout)

    assert sink.taken == ([digest] if what == "push" else [])
    assert grown < 24 * MIB
