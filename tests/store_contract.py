"""What every store of blobs and every repository has to do; each one's tests subclass this and supply the fixtures."""

from __future__ import annotations

import hashlib
import json
from abc import abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Protocol

import pytest

from packaging_kit.blobs import Blob, BlobSink, BlobSource
from packaging_kit.digest import ALGORITHMS, Digest
from packaging_kit.document import dump_json
from packaging_kit.errors import ContentError, NotFoundError, RegistryError, RequestError, StoreError
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.index import Index
from packaging_kit.oci.layout import Tagged, fallback_tag
from packaging_kit.oci.media_types import (
    EMPTY,
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    REF_NAME,
    SKELETON_ARTIFACT,
    SPLIT_INDEX,
    WASM,
    WASM_CONFIG,
)
from packaging_kit.oci.repository import DocumentSource, RepositorySink, RepositorySource
from packaging_kit.stores.indexed import IndexedStore
from packaging_kit.stores.memory import MemoryStore

CONTENT = b"the content of a blob"
LARGE = hashlib.sha256(b"large").digest() * (3 << 15)  # 3 MiB: more than one piece
SIGNATURE = "application/vnd.example.signature"

Json = Any


class Store(BlobSource, BlobSink, Protocol):
    """Both ends."""


class Repository(RepositorySource, RepositorySink, Protocol):
    """Both ends, with names."""


Make = Callable[[str], Any]
"""Makes a repository by a name, empty at first; for the same name, another object for the same one."""


def blob_of(data: bytes, algorithm: str = "sha256") -> Blob:
    return Blob(Digest.of(data, algorithm), len(data))


def describe(raw: bytes, media_type: str, artifact_type: str | None = None) -> Descriptor:
    return Descriptor(media_type=media_type, digest=Digest.of(raw), size=len(raw), artifact_type=artifact_type)


def store_document(store: RepositorySink, value: Json, media_type: str, artifact_type: str | None = None) -> Descriptor:
    """Write a document, and describe it."""
    raw = dump_json(value)
    entry = describe(raw, media_type, artifact_type)
    store.write_document(entry, raw)
    return entry


def store_manifest(
    store: RepositorySink, name: str, *, subject: Descriptor | None = None, **fields: Json
) -> Descriptor:
    """Write a manifest with what it names, and describe it."""
    config = store.write_blob((b"{}",))
    layer = store.write_blob((name.encode(),))
    value = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "config": {"mediaType": WASM_CONFIG, "digest": config.digest.value, "size": config.size},
        "layers": [{"mediaType": WASM, "digest": layer.digest.value, "size": layer.size}],
    }
    if subject is not None:
        value["subject"] = plain(subject).to_json()
    return store_document(store, value | fields, IMAGE_MANIFEST, fields.get("artifactType"))


def store_index(store: RepositorySink, *entries: Descriptor, **fields: Json) -> Descriptor:
    """Write an index, and describe it."""
    value = {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [entry.to_json() for entry in entries]}
    return store_document(store, value | fields, IMAGE_INDEX, fields.get("artifactType"))


def plain(entry: Descriptor) -> Descriptor:
    """The descriptor with nothing that may be left out."""
    return Descriptor(media_type=entry.media_type, digest=entry.digest, size=entry.size)


def of_tag(entry: Descriptor, tag: str) -> Descriptor:
    return replace(entry, annotations={REF_NAME: tag})


def entries_of(store: IndexedStore) -> tuple[Descriptor, ...]:
    return store.read_index().value.manifests


class StoreContract:
    """Behaviour of a `BlobSource` that is a `BlobSink` too.

    Attributes:
        algorithms: of digests that blobs may have here.
        tells_algorithms_apart: a blob can be had only by the digest that it was written by.
        looks_into_blobs: tells damage by the bytes and not only by the size.
        heals: writes what is there already again, where it can tell that it is damaged.
    """

    algorithms: tuple[str, ...] = ALGORITHMS
    tells_algorithms_apart = True
    looks_into_blobs = True
    heals = True

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError("each implementation supplies its own")

    @abstractmethod
    def damage(self, store: Store, digest: Digest, data: bytes) -> None:
        """Put other bytes in place of a blob's, as a failing disk would."""

    @abstractmethod
    def held(self, store: Store, *asked: bytes) -> list[bytes]:
        """The content of everything that the store holds; of one that can't list it, what it holds of `asked`."""

    def later(self, store: Store) -> Store:
        """The store as it is found by the next one who writes to it."""
        return store

    @pytest.mark.parametrize("data", [b"", b"x", CONTENT, LARGE], ids=["empty", "one byte", "small", "large"])
    def test_blob_that_was_written_is_read(self, store: Store, data: bytes) -> None:
        blob = store.write_blob((data,))

        assert (blob, b"".join(store.iter_blob(blob.digest, size=blob.size)), store.blob_size(blob.digest)) == (
            blob_of(data),
            data,
            len(data),
        )

    def test_blob_is_the_same_however_its_bytes_come(self, store: Store) -> None:
        pieces = (CONTENT[:3], memoryview(CONTENT)[3:10], b"", CONTENT[10:])

        assert store.write_blob(iter(pieces)) == blob_of(CONTENT)
        assert store.read_blob(Digest.of(CONTENT)) == CONTENT

    def test_blob_that_was_written_twice_is_held_once(self, store: Store) -> None:
        store.write_blob((CONTENT,))
        store.write_blob((CONTENT,), blob_of(CONTENT))
        store.write_blob((CONTENT,))

        assert self.held(store, CONTENT) == [CONTENT]

    def test_content_that_is_there_already_is_not_read_again(self, store: Store) -> None:
        unread: Iterator[bytes] = (pytest.fail("nobody needs it") for _ in range(1))
        store.write_blob((CONTENT,))

        assert self.later(store).write_blob(unread, blob_of(CONTENT)) == blob_of(CONTENT)

    def test_blob_that_was_never_written_is_not_found(self, store: Store) -> None:
        store.write_blob((CONTENT,))
        missing = Digest.of(b"missing")

        for read in (store.blob_size, store.read_blob, lambda digest: b"".join(store.iter_blob_unverified(digest))):
            with pytest.raises(NotFoundError) as error:
                read(missing)

            assert (error.value.code, missing.value in error.value.message) == ("not-found", True)

    @pytest.mark.parametrize(
        ("start", "end"), [(0, None), (0, 0), (0, 5), (5, 10), (5, None), (20, 21), (0, 999), (21, 30), (50, 60)]
    )
    def test_range_is_a_slice(self, store: Store, start: int, end: int | None) -> None:
        store.write_blob((b"a blob before",))
        blob = store.write_blob((CONTENT,))
        store.write_blob((b"a blob after",))

        assert b"".join(store.iter_blob_unverified(blob.digest, start, end)) == CONTENT[start:end]

    @pytest.mark.parametrize(("start", "end"), [(0, 1 << 20), ((1 << 20) - 1, (1 << 20) + 1), (1, (3 << 20) - 1)])
    def test_range_of_a_large_blob_is_a_slice(self, store: Store, start: int, end: int) -> None:
        blob = store.write_blob((LARGE,))
        store.write_blob((b"a blob after",))

        assert b"".join(store.iter_blob_unverified(blob.digest, start, end)) == LARGE[start:end]

    @pytest.mark.parametrize(
        "other",
        [b"", CONTENT[:-1], CONTENT[:-1] + b"B", CONTENT + b"!", LARGE],
        ids=["emptied", "cut", "a byte changed", "longer", "replaced"],
    )
    def test_damaged_blob_is_never_read_as_if_it_were_right(self, store: Store, other: bytes) -> None:
        blob = store.write_blob((CONTENT,))
        self.damage(store, blob.digest, other)

        with pytest.raises(ContentError) as with_size:
            b"".join(store.iter_blob(blob.digest, size=blob.size))
        with pytest.raises(ContentError) as without:
            store.read_blob(blob.digest)

        sized = "digest-mismatch" if len(other) == len(CONTENT) else "size-mismatch"
        assert (with_size.value.code, without.value.code) == (sized, "digest-mismatch")

    def test_blob_of_another_size_than_told_is_not_read(self, store: Store) -> None:
        blob = store.write_blob((CONTENT,))

        for size in (0, blob.size - 1, blob.size + 1):
            with pytest.raises(ContentError) as error:
                store.read_blob(blob.digest, size=size)

            assert error.value.code == "size-mismatch"

    def test_blob_that_is_larger_than_the_reader_takes_is_not_read(self, store: Store) -> None:
        blob = store.write_blob((CONTENT,))

        with pytest.raises(ContentError) as error:
            store.read_blob(blob.digest, max_size=blob.size - 1)

        assert error.value.code == "size-mismatch"

    @pytest.mark.parametrize("other", [CONTENT[:-1], CONTENT[:-1] + b"B", CONTENT + b"!", b""])
    def test_content_that_is_not_what_was_expected_is_not_written(self, store: Store, other: bytes) -> None:
        with pytest.raises(ContentError) as error:
            store.write_blob((other,), blob_of(CONTENT))

        assert (error.value.code in ("digest-mismatch", "size-mismatch"), self.held(store, other, CONTENT)) == (
            True,
            [],
        )

    def test_content_of_another_size_than_expected_says_so(self, store: Store) -> None:
        with pytest.raises(ContentError) as error:
            store.write_blob((CONTENT,), Blob(Digest.of(CONTENT), len(CONTENT) + 1))

        assert (error.value.code, self.held(store, CONTENT)) == ("size-mismatch", [])

    def test_content_whose_reading_fails_is_not_written(self, store: Store) -> None:
        def failing() -> Iterator[bytes]:
            yield CONTENT
            raise RuntimeError("the other side is gone")

        with pytest.raises(RuntimeError):
            store.write_blob(failing())

        assert self.held(store, CONTENT) == []

    def test_blob_is_held_when_exactly_its_bytes_are_there(self, store: Store) -> None:
        before = store.holds_blob(blob_of(CONTENT))
        store.write_blob((CONTENT,))

        assert (before, store.holds_blob(blob_of(CONTENT)), store.holds_blob(Blob(Digest.of(CONTENT), 1))) == (
            False,
            True,
            False,
        )

    def test_damaged_blob_is_not_held(self, store: Store) -> None:
        blob = store.write_blob((CONTENT,))
        self.damage(store, blob.digest, CONTENT[:-1] + b"B")
        by_bytes = store.holds_blob(blob)
        self.damage(store, blob.digest, CONTENT[:-1])

        assert (by_bytes, store.holds_blob(blob)) == (not self.looks_into_blobs, False)

    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    @pytest.mark.parametrize("data", [b"", CONTENT, LARGE], ids=["empty", "small", "large"])
    def test_blob_is_written_and_read_under_the_algorithm_of_its_digest(
        self, store: Store, data: bytes, algorithm: str
    ) -> None:
        blob = blob_of(data, algorithm)
        if algorithm not in self.algorithms:
            with pytest.raises(RegistryError) as refused:
                store.write_blob((data,), blob)

            assert refused.value.code == "registry-refused"
            return
        written = store.write_blob((data,), blob)
        others = [Digest.of(data, other) for other in ALGORITHMS if other != algorithm]

        assert (written, store.read_blob(blob.digest, max_size=len(LARGE)), store.holds_blob(blob)) == (
            blob,
            data,
            True,
        )
        for other in others if self.tells_algorithms_apart else ():
            with pytest.raises(NotFoundError) as error:
                store.blob_size(other)

            assert error.value.code == "not-found"

    def test_content_that_is_not_of_an_expected_sha512_digest_is_not_written(self, store: Store) -> None:
        other = CONTENT[:-1] + b"B"
        with pytest.raises(ContentError) as error:
            store.write_blob((other,), blob_of(CONTENT, "sha512"))

        assert (error.value.code, self.held(store, other, CONTENT)) == ("digest-mismatch", [])

    def test_damaged_blob_of_a_sha512_digest_is_not_read(self, store: Store) -> None:
        if "sha512" not in self.algorithms:
            return  # it is never there, as the test before the last one shows
        blob = store.write_blob((CONTENT,), blob_of(CONTENT, "sha512"))
        self.damage(store, blob.digest, CONTENT[:-1] + b"B")

        with pytest.raises(ContentError) as error:
            store.read_blob(blob.digest)

        assert (error.value.code, store.holds_blob(blob)) == ("digest-mismatch", not self.looks_into_blobs)

    @pytest.mark.parametrize("expected", [None, blob_of(CONTENT)], ids=["unknown", "expected"])
    def test_writing_again_heals_a_damaged_blob(self, store: Store, expected: Blob | None) -> None:
        blob = store.write_blob((CONTENT,))
        self.damage(store, blob.digest, b"damaged")
        store.write_blob((CONTENT,), expected)

        assert _read_or_code(store, blob.digest) == (CONTENT if self.heals else "digest-mismatch")


def _read_or_code(store: Store, digest: Digest) -> bytes | str:
    try:
        return store.read_blob(digest)
    except ContentError as exc:
        return exc.code


class RepositoryContract(StoreContract):
    """Behaviour of any store whose content has names.

    Attributes:
        lists_referrers: finds what refers to something without a tag that lists it.
        takes_the_same_at_once: the same content may be written by several at the same moment.
    """

    lists_referrers = True
    takes_the_same_at_once = True

    @pytest.fixture
    def make_store(self) -> Make:
        raise NotImplementedError("each implementation supplies its own")

    @pytest.fixture
    def store(self, make_store: Make) -> Store:
        store: Store = make_store("store")
        return store

    @pytest.fixture
    def repository(self, make_store: Make) -> Repository:
        repository: Repository = make_store("store")
        return repository

    def test_things_that_were_put_are_found_by_their_tags(self, repository: Repository) -> None:
        a, b = store_manifest(repository, "a"), store_manifest(repository, "b")
        repository.put([Tagged("v2", a), Tagged("v1", b)], force=False)

        assert (plain(repository.find("v2")), plain(repository.find("v1"))) == (a, b)
        assert {tag: plain(entry) for tag, entry in repository.tagged().items()} == {"v1": b, "v2": a}

    def test_what_was_put_is_seen_by_another_object(self, repository: Repository, make_store: Make) -> None:
        entry = store_manifest(repository, "a")
        repository.put([Tagged("v1", entry)], force=False)
        other = make_store("store")

        assert (other.tags(), plain(other.find()), other.read_blob(Digest.of(b"a"))) == (("v1",), entry, b"a")

    def test_tags_are_sorted(self, repository: Repository) -> None:
        entry = store_manifest(repository, "a")
        repository.put([Tagged(tag, entry) for tag in ("b", "a.1", "Z", "a", "0")], force=False)

        assert repository.tags() == ("0", "Z", "a", "a.1", "b")

    def test_only_thing_needs_no_name(self, repository: Repository) -> None:
        entry = store_manifest(repository, "a")
        repository.put([Tagged("v1", entry)], force=False)

        assert plain(repository.find()) == entry

    def test_one_of_several_needs_a_name(self, repository: Repository) -> None:
        entry = store_manifest(repository, "a")
        repository.put([Tagged("v1", entry), Tagged("v2", entry)], force=False)

        with pytest.raises(RequestError) as error:
            repository.find()

        hint = error.value.hint or ""
        assert (error.value.code, "v1" in hint, "v2" in hint) == ("tag-ambiguous", True, True)

    def test_repository_that_holds_nothing_has_nothing_to_find(self, repository: Repository) -> None:
        repository.put([], force=False)

        for name in (None, "v1"):
            with pytest.raises(NotFoundError) as error:
                repository.find(name)

            assert error.value.code == "not-found"

    def test_tag_that_nobody_put_is_not_found(self, repository: Repository) -> None:
        repository.put([Tagged("v1", store_manifest(repository, "a"))], force=False)

        with pytest.raises(NotFoundError) as error:
            repository.find("v2")

        assert error.value.code == "not-found"

    def test_list_of_referrers_of_others_is_no_second_thing_to_choose_from(self, repository: Repository) -> None:
        entry = store_manifest(repository, "a")
        listed = store_index(repository, store_manifest(repository, "r"))
        repository.put([Tagged("v1", entry), Tagged(fallback_tag(entry.digest), listed)], force=False)

        assert plain(repository.find()) == entry

    def test_documents_are_found_by_digest_however_deep_they_stand(self, repository: Repository) -> None:
        inner = store_manifest(repository, "a")
        middle = store_index(repository, store_manifest(repository, "b"), inner)
        outer = store_index(repository, store_manifest(repository, "c"), middle)
        repository.put([Tagged("v1", outer)], force=False)

        found = [plain(repository.find(digest=entry.digest)) for entry in (inner, middle, outer)]

        assert found == [inner, middle, outer]

    def test_what_is_no_document_is_not_found_by_digest(self, repository: Repository) -> None:
        repository.put([Tagged("v1", store_manifest(repository, "a"))], force=False)

        for digest in (Digest.of(b"{}"), Digest.of(b"a"), Digest.of(b"missing")):
            with pytest.raises(NotFoundError) as error:
                repository.find(digest=digest)

            assert (error.value.code, digest.value in error.value.message) == ("not-found", True)

    def test_tag_moves_by_force_only_and_none_of_several_where_one_is_taken(self, repository: Repository) -> None:
        entry, other = store_manifest(repository, "a"), store_manifest(repository, "b")
        repository.put([Tagged("v1", entry)], force=False)

        with pytest.raises(StoreError) as error:
            repository.put([Tagged("v0", other), Tagged("v1", other), Tagged("v2", other)], force=False)
        refused = repository.tags(), plain(repository.find("v1"))
        repository.put([Tagged("v1", other)], force=True)

        assert (error.value.code, refused) == ("tag-exists", (("v1",), entry))
        assert (repository.tags(), plain(repository.find("v1"))) == (("v1",), other)

    def test_tag_that_names_the_same_is_in_nobodys_way(self, repository: Repository) -> None:
        entry = store_manifest(repository, "a")
        for tags in (("v1",), ("v1", "v2")):
            repository.put([Tagged(tag, entry) for tag in tags], force=False)

        assert {tag: plain(found) for tag, found in repository.tagged().items()} == {"v1": entry, "v2": entry}

    def test_tag_that_somebody_else_put_is_in_the_way(self, repository: Repository, make_store: Make) -> None:
        entry, other = store_manifest(repository, "a"), store_manifest(repository, "b")
        repository.put([Tagged("v1", entry)], force=False)
        make_store("store").put([Tagged("v2", entry)], force=False)

        with pytest.raises(StoreError) as error:
            repository.put([Tagged("v2", other)], force=False)

        assert (error.value.code, plain(make_store("store").find("v2"))) == ("tag-exists", entry)

    def test_document_is_written_once_and_read_as_it_is(self, repository: Repository) -> None:
        layer = repository.write_blob((CONTENT,))
        value = {
            "mediaType": IMAGE_MANIFEST,
            "schemaVersion": 2,
            "config": {"mediaType": WASM_CONFIG, "digest": layer.digest.value, "size": layer.size},
            "layers": [],
            "com.example": "ü",
        }
        raw = json.dumps(value, indent=3).encode() + b"\n"  # a form in which we never write one
        entry = describe(raw, IMAGE_MANIFEST)

        written = [repository.write_document(entry, raw) for _ in range(2)]
        repository.put([Tagged("v1", entry)], force=False)

        assert (written, repository.read_document(entry), repository.find("v1").digest) == (
            [True, False],
            raw,
            entry.digest,
        )

    def test_document_that_is_not_what_was_said_is_neither_written_nor_read(self, repository: Repository) -> None:
        entry = store_manifest(repository, "a")
        raw = repository.read_document(entry)
        lies = (replace(entry, size=entry.size + 1), replace(entry, digest=Digest.of(b"other")))
        codes = []
        for lie in lies:
            with pytest.raises(ContentError) as error:
                repository.write_document(lie, raw)
            codes.append(error.value.code)
        with pytest.raises(ContentError) as reading:
            repository.read_document(lies[0])
        with pytest.raises(NotFoundError) as missing:
            repository.read_document(lies[1])

        assert set(codes) <= {"digest-mismatch", "size-mismatch"}
        assert (reading.value.code, missing.value.code) == ("size-mismatch", "not-found")

    def test_document_of_what_gets_a_name_comes_from_where_it_is(self, repository: Repository) -> None:
        elsewhere = MemoryStore()
        entry = store_manifest(elsewhere, "a")
        for data in (b"{}", b"a"):
            repository.write_blob((data,), blob_of(data))
        source = Asked(elsewhere)
        for _ in range(2):
            repository.put([Tagged("v1", entry)], force=False, source=source)

        assert (plain(repository.find("v1")), source.asked) == (entry, [entry.digest])
        assert repository.read_document(entry) == elsewhere.read_document(entry)

    def test_nothing_gets_a_name_whose_document_nobody_has(self, repository: Repository) -> None:
        entry = store_manifest(repository, "a")
        repository.put([Tagged("v1", entry)], force=False)
        missing = replace(entry, digest=Digest.of(b"missing"))

        with pytest.raises(NotFoundError) as error:
            repository.put([Tagged("v2", missing)], force=False, source=MemoryStore())

        assert (error.value.code, repository.tags()) == ("not-found", ("v1",))

    def test_nothing_gets_a_name_whose_document_is_another(self, repository: Repository) -> None:
        elsewhere = MemoryStore()
        entry = store_manifest(elsewhere, "a")
        for data in (b"{}", b"a"):
            repository.write_blob((data,), blob_of(data))
        repository.put([Tagged("v1", store_manifest(repository, "b"))], force=False)
        elsewhere._blobs[entry.digest] = bytes(entry.size)

        with pytest.raises(ContentError) as error:
            repository.put([Tagged("v2", entry)], force=False, source=elsewhere)

        assert (error.value.code, repository.tags()) == ("digest-mismatch", ("v1",))

    def test_referrers_are_found_by_their_subject_sorted_by_digest(
        self, repository: Repository, make_store: Make
    ) -> None:
        entry, other = store_manifest(repository, "a"), store_manifest(repository, "b")
        of_entry = attach(repository, *(referring(repository, name, entry) for name in "rstuv"))
        of_other = attach(repository, referring(repository, "w", other))
        repository.put([Tagged("v1", entry, of_entry), Tagged("v2", other, of_other)], force=False)

        for each in (repository, make_store("store")):
            assert each.referrers(entry.digest) == tuple(sorted(of_entry, key=lambda found: found.digest))
            assert each.referrers(other.digest) == of_other

    def test_referrers_that_are_added_later_join_the_others(self, make_store: Make) -> None:
        found: set[Digest] = set()
        for name in "rst":
            each = make_store("store")
            entry = store_manifest(each, "a")
            attached = attach(each, referring(each, name, entry))
            each.put([Tagged("v1", entry, attached)], force=False)
            found.update(referrer.digest for referrer in attached)

        assert {referrer.digest for referrer in make_store("store").referrers(entry.digest)} == found

    def test_referrers_are_asked_for_by_type(self, repository: Repository) -> None:
        entry = store_manifest(repository, "a")
        types = (SIGNATURE, SKELETON_ARTIFACT, SPLIT_INDEX, SIGNATURE)
        attached = attach(repository, *(referring(repository, str(n), entry, own) for n, own in enumerate(types)))
        repository.put([Tagged("v1", entry, attached)], force=False)
        wanted: tuple[tuple[str, ...], ...] = ((SIGNATURE,), (SKELETON_ARTIFACT, SPLIT_INDEX), ("text/x-none",), ())

        for asked in wanted:
            expected = sorted((each for each in attached if each.artifact_type in asked), key=lambda each: each.digest)

            assert repository.referrers(entry.digest, asked) == tuple(expected)

    def test_artifact_type_of_a_referrer_is_its_own_or_that_of_its_config(self, repository: Repository) -> None:
        entry = store_manifest(repository, "a")
        assert repository.takes_referrers(always=True)
        own = store_manifest(repository, "r", subject=entry, artifactType=SIGNATURE)
        derived = store_manifest(repository, "s", subject=entry)
        of_index = store_index(repository, subject=plain(entry).to_json(), artifactType=SPLIT_INDEX)
        untyped = store_index(repository, subject=plain(entry).to_json())
        told = tuple(plain(found) for found in (own, derived, of_index, untyped))
        repository.put([Tagged("v1", entry, told)], force=False)
        types = {found.digest: found.artifact_type for found in repository.referrers(entry.digest)}

        assert types == {
            own.digest: SIGNATURE,
            derived.digest: WASM_CONFIG,
            of_index.digest: SPLIT_INDEX,
            untyped.digest: None,
        }

    def test_what_nothing_refers_to_has_no_referrers(self, repository: Repository) -> None:
        entry = store_manifest(repository, "a")
        repository.put([Tagged("v1", entry)], force=False)

        assert (repository.referrers(entry.digest), repository.referrers(Digest.of(b"missing"))) == ((), ())

    def test_referrer_may_have_a_tag_of_its_own(self, repository: Repository) -> None:
        entry = store_manifest(repository, "a")
        (signature,) = attach(repository, referring(repository, "r", entry))
        repository.put([Tagged("v1", entry), Tagged("v1.sig", signature)], force=False)

        assert repository.referrers(entry.digest) == (signature,)

    def test_referrers_are_taken_by_any_means_where_that_is_asked_for(self, repository: Repository) -> None:
        assert repository.takes_referrers(always=True)
        assert repository.takes_referrers(always=False) == self.lists_referrers

    def test_writing_may_be_nested_and_ends_with_an_error_too(self, repository: Repository) -> None:
        def failing() -> Iterator[bytes]:
            yield CONTENT
            raise RuntimeError("the other side is gone")

        with repository.writing(), repository.writing():
            repository.write_blob((CONTENT,))
        with pytest.raises(RuntimeError), repository.writing():
            repository.write_blob(failing())
        with repository.writing():
            entry = store_manifest(repository, "a")
            repository.put([Tagged("v1", entry)], force=False)
            repository.put([Tagged("v2", entry)], force=False)
        repository.put([Tagged("v3", entry)], force=False)

        assert (repository.tags(), repository.read_blob(Digest.of(CONTENT))) == (("v1", "v2", "v3"), CONTENT)

    def test_many_threads_write_blobs_and_documents_at_once(self, repository: Repository, make_store: Make) -> None:
        shared = [b"shared %d" % number * 1000 for number in range(4)]

        def work(number: int) -> Descriptor:
            for data in (*shared, b"own %d" % number):
                repository.write_blob((data,), blob_of(data))
            store_manifest(repository, "shared")
            return store_manifest(repository, str(number))

        if not self.takes_the_same_at_once:
            for data in (*shared, b"{}", b"shared"):
                repository.write_blob((data,), blob_of(data))
            repository.put([Tagged("first", store_manifest(repository, "shared"))], force=False)
            repository = make_store("store")  # to which it is no new one
        with repository.writing(), ThreadPoolExecutor(8) as pool:
            entries = list(pool.map(work, range(16)))
            repository.put([Tagged(f"v{number}", entry) for number, entry in enumerate(entries)], force=False)
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda number: repository.find(f"v{number}").digest, range(16)))
            read = list(pool.map(lambda data: repository.read_blob(Digest.of(data)), shared * 4))

        assert found == [entry.digest for entry in entries]
        assert read == shared * 4


class Asked(DocumentSource):
    """A source that remembers which documents it was asked for."""

    def __init__(self, source: DocumentSource) -> None:
        self._source = source
        self.asked: list[Digest] = []

    def blob_size(self, digest: Digest) -> int:
        return self._source.blob_size(digest)

    def iter_blob_unverified(self, digest: Digest, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        return self._source.iter_blob_unverified(digest, start, end)

    def read_document(self, descriptor: Descriptor) -> bytes:
        self.asked.append(descriptor.digest)
        return self._source.read_document(descriptor)


def referring(
    repository: Repository, name: str, subject: Descriptor, artifact_type: str = SIGNATURE
) -> Callable[[], Descriptor]:
    """What writes a manifest that refers to `subject`."""
    return lambda: store_manifest(repository, name, subject=subject, artifactType=artifact_type)


def attach(repository: Repository, *referrers: Callable[[], Descriptor]) -> tuple[Descriptor, ...]:
    """Write referrers so that they are found again, by whatever means there are."""
    assert repository.takes_referrers(always=True)
    return tuple(write() for write in referrers)


class IndexedContract(RepositoryContract):
    """Behaviour of a repository whose names stand in an `index.json`."""

    @pytest.fixture
    def repository(self, make_store: Make) -> IndexedStore:
        store = make_store("store")
        assert isinstance(store, IndexedStore)
        return store

    @abstractmethod
    def snapshot(self, repository: IndexedStore) -> object:
        """Everything that the repository consists of, byte for byte."""

    def test_thing_that_was_put_is_found_by_its_tag(self, repository: IndexedStore) -> None:
        a, b = store_manifest(repository, "a"), store_manifest(repository, "b")
        repository.put([Tagged("v2", a), Tagged("v1", b)], force=False)

        assert (repository.find("v2"), repository.find("v1")) == (of_tag(a, "v2"), of_tag(b, "v1"))

    def test_tags_and_referrers_are_sorted_in_an_index_that_is_not(self, repository: IndexedStore) -> None:
        entry = store_manifest(repository, "a")
        found = [store_manifest(repository, name, subject=entry, artifactType=SIGNATURE) for name in "rstuvw"]
        backwards = sorted(found, key=lambda referrer: referrer.digest, reverse=True)
        tagged = (of_tag(entry, tag) for tag in ("b", "c", "a"))
        repository.change_index(lambda _: Index(manifests=(*backwards, *tagged)))

        assert (repository.tags(), repository.referrers(entry.digest)) == (("a", "b", "c"), tuple(backwards[::-1]))

    def test_index_is_written_in_the_one_form(self, repository: IndexedStore) -> None:
        a, b = store_manifest(repository, "a"), store_manifest(repository, "b")
        referrer = store_manifest(repository, "r", subject=a, artifactType=SIGNATURE)
        repository.put([Tagged("v2", a, (referrer,)), Tagged("v1", b)], force=False)

        assert repository.read_index().raw == dump_json(
            {
                "manifests": [of_tag(b, "v1").to_json(), of_tag(a, "v2").to_json(), referrer.to_json()],
                "mediaType": IMAGE_INDEX,
                "schemaVersion": 2,
            }
        )

    def test_only_tagged_thing_needs_no_name(self, repository: IndexedStore) -> None:
        entry = store_manifest(repository, "a")
        repository.put([Tagged("v1", entry, (store_manifest(repository, "r", subject=entry),))], force=False)

        assert repository.find() == of_tag(entry, "v1")

    def test_one_of_several_things_needs_a_name(self, repository: IndexedStore) -> None:
        entry = store_manifest(repository, "a")
        repository.put([Tagged("v1", entry), Tagged("v2", entry)], force=False)

        with pytest.raises(RequestError) as error:
            repository.find()

        assert (error.value.code, error.value.hint) == ("tag-ambiguous", "its tags: `v1`, `v2`")

    def test_repository_without_tags_has_nothing_to_find(self, repository: IndexedStore) -> None:
        repository.put([], force=False)

        with pytest.raises(NotFoundError) as error:
            repository.find()

        assert (error.value.code, repository.tags(), entries_of(repository)) == ("not-found", (), ())

    def test_tag_that_is_not_there_is_not_found(self, repository: IndexedStore) -> None:
        repository.put([Tagged("v1", store_manifest(repository, "a"))], force=False)

        with pytest.raises(NotFoundError) as error:
            repository.find("v2")

        assert (error.value.code, error.value.hint) == ("not-found", "its tags: `v1`")

    def test_fallback_tag_is_no_second_thing_to_choose_from(self, repository: IndexedStore) -> None:
        entry = store_manifest(repository, "a")
        listed = store_index(repository, store_manifest(repository, "r", subject=entry))
        repository.put([Tagged("v1", entry), Tagged(fallback_tag(entry.digest), listed)], force=False)

        assert (repository.find().digest, repository.tags()) == (entry.digest, (fallback_tag(entry.digest), "v1"))

    def test_thing_is_found_by_its_digest(self, repository: IndexedStore) -> None:
        entry = store_manifest(repository, "a")
        referrer = store_manifest(repository, "r", subject=entry)
        repository.put([Tagged("v1", entry, (referrer,)), Tagged("v2", store_manifest(repository, "b"))], force=False)

        assert (repository.find(digest=entry.digest), repository.find(digest=referrer.digest)) == (
            of_tag(entry, "v1"),
            referrer,
        )

    def test_thing_is_found_by_its_digest_however_deep_it_stands_in_indexes(self, repository: IndexedStore) -> None:
        inner = store_manifest(repository, "a")
        middle = store_index(repository, store_manifest(repository, "b"), inner)
        outer = store_index(repository, store_manifest(repository, "c"), middle)
        repository.put([Tagged("v1", outer)], force=False)

        assert (repository.find(digest=inner.digest), repository.find(digest=middle.digest)) == (inner, middle)

    def test_what_is_damaged_or_missing_hides_nothing_beside_it(self, repository: IndexedStore) -> None:
        missing = replace(store_manifest(repository, "a"), digest=Digest.of(b"missing"))
        damaged = store_index(repository, store_manifest(repository, "b"))
        inner = store_manifest(repository, "c")
        outer = store_index(repository, missing, damaged, replace(missing, media_type=IMAGE_INDEX), inner)
        repository.put([Tagged("v1", missing), Tagged("v2", damaged), Tagged("v3", outer)], force=False)
        self.damage(repository, damaged.digest, b"{")

        assert repository.find(digest=inner.digest) == inner

    def test_blob_that_is_no_document_is_not_found_by_its_digest(self, repository: IndexedStore) -> None:
        repository.put([Tagged("v1", store_index(repository, store_manifest(repository, "a")))], force=False)

        for digest in (Digest.of(b"{}"), Digest.of(b"a"), Digest.of(b"missing")):
            with pytest.raises(NotFoundError) as error:
                repository.find(digest=digest)

            assert (error.value.code, digest.value in error.value.message) == ("not-found", True)

    def test_tag_that_names_something_else_moves_only_by_force(self, repository: IndexedStore) -> None:
        entry, other = store_manifest(repository, "a"), store_manifest(repository, "b")
        repository.put([Tagged("v1", entry)], force=False)
        before = self.snapshot(repository)

        with pytest.raises(StoreError) as error:
            repository.put([Tagged("v0", other), Tagged("v1", other)], force=False)
        unchanged = self.snapshot(repository) == before
        repository.put([Tagged("v1", other)], force=True)

        assert (error.value.code, unchanged, entries_of(repository)) == ("tag-exists", True, (of_tag(other, "v1"),))

    def test_tag_that_moves_takes_our_own_referrers_along(self, repository: IndexedStore) -> None:
        entry, other = store_manifest(repository, "a"), store_manifest(repository, "b")
        skeleton = store_manifest(repository, "s", subject=entry, artifactType=SKELETON_ARTIFACT)
        split = store_index(repository, artifactType=SPLIT_INDEX, subject=plain(entry).to_json())
        signature = store_manifest(repository, "t", subject=entry, artifactType=SIGNATURE)
        repository.put([Tagged("v1", entry, (skeleton, split, signature))], force=False)
        repository.put([Tagged("v1", other)], force=True)

        assert entries_of(repository) == (of_tag(other, "v1"), signature)

    def test_our_own_referrers_stay_while_another_tag_names_their_subject(self, repository: IndexedStore) -> None:
        entry, other = store_manifest(repository, "a"), store_manifest(repository, "b")
        skeleton = store_manifest(repository, "s", subject=entry, artifactType=SKELETON_ARTIFACT)
        repository.put([Tagged("v1", entry, (skeleton,)), Tagged("v2", entry)], force=False)
        repository.put([Tagged("v1", other)], force=True)

        assert entries_of(repository) == (of_tag(other, "v1"), of_tag(entry, "v2"), skeleton)

    def test_referrer_that_cannot_be_read_stays_and_stops_nothing(self, repository: IndexedStore) -> None:
        entry, other = store_manifest(repository, "a"), store_manifest(repository, "b")
        skeleton = store_manifest(repository, "s", subject=entry, artifactType=SKELETON_ARTIFACT)
        repository.put([Tagged("v1", entry, (skeleton,))], force=False)
        self.damage(repository, skeleton.digest, b"{")
        repository.put([Tagged("v1", other)], force=True)

        assert (entries_of(repository), repository.referrers(entry.digest)) == ((of_tag(other, "v1"), skeleton), ())

    def test_empty_name_that_others_gave_is_a_tag_like_any_other(self, repository: IndexedStore) -> None:
        entry, other = store_manifest(repository, "a"), store_manifest(repository, "b")
        signature = store_manifest(repository, "s", subject=entry, artifactType=SIGNATURE)
        repository.put([Tagged("v1", entry, (signature,))], force=False)
        repository.put([Tagged("", other)], force=True)

        assert entries_of(repository) == (of_tag(other, ""), of_tag(entry, "v1"), signature)

    def test_referrers_are_told_by_their_subject_sorted_by_digest(self, repository: IndexedStore) -> None:
        entry, other = store_manifest(repository, "a"), store_manifest(repository, "b")
        names = ("r", "s", "t", "u", "v")
        of_entry = [store_manifest(repository, name, subject=entry, artifactType=SIGNATURE) for name in names]
        of_other = store_manifest(repository, "w", subject=other, artifactType=SIGNATURE)
        repository.put([Tagged("v1", entry, (of_other, *of_entry))], force=False)

        assert (repository.referrers(entry.digest), repository.referrers(other.digest)) == (
            tuple(sorted(of_entry, key=lambda found: found.digest)),
            (of_other,),
        )

    def test_referrers_are_found_through_the_fallback_tag_of_others(self, repository: IndexedStore) -> None:
        entry, other = store_manifest(repository, "a"), store_manifest(repository, "b")
        signature = store_manifest(repository, "r", subject=entry, artifactType=SIGNATURE)
        stray = store_manifest(repository, "s", subject=other, artifactType=SIGNATURE)
        listed = store_index(repository, replace(signature, annotations={"a": "b"}), stray, entry)
        repository.put([Tagged("v1", entry), Tagged(fallback_tag(entry.digest), listed)], force=False)

        assert (repository.referrers(entry.digest), repository.referrers(other.digest)) == ((signature,), (stray,))

    def test_fallback_tag_of_a_sha512_digest_is_one_too(self, repository: IndexedStore) -> None:
        subject = Descriptor(media_type=IMAGE_MANIFEST, digest=Digest.of(b"whole", "sha512"), size=5)
        signature = store_manifest(repository, "r", subject=subject, artifactType=SIGNATURE)
        repository.put([Tagged(fallback_tag(subject.digest), store_index(repository, signature))], force=False)

        assert repository.referrers(subject.digest) == (signature,)

    def test_referrer_that_is_listed_twice_is_one(self, repository: IndexedStore) -> None:
        entry = store_manifest(repository, "a")
        signature = store_manifest(repository, "r", subject=entry, artifactType=SIGNATURE)
        listed = store_index(repository, signature)
        things = [
            Tagged("v1", entry, (signature,)),
            Tagged("v2", signature),
            Tagged(fallback_tag(entry.digest), listed),
        ]
        repository.put(things, force=False)

        assert repository.referrers(entry.digest) == (signature,)

    @pytest.mark.parametrize("tag", ["v1", "sha256-" + "0" * 63, "sha256-" + "F" * 64, "sha256-" + "0" * 64 + ".sig"])
    def test_index_under_any_other_tag_is_no_list_of_referrers(self, repository: IndexedStore, tag: str) -> None:
        entry = store_manifest(repository, "a")
        listed = store_index(repository, store_manifest(repository, "r", subject=entry))
        repository.put([Tagged(tag, listed)], force=False)

        assert repository.referrers(entry.digest) == ()

    def test_referrers_that_cannot_be_read_are_passed_over(self, repository: IndexedStore) -> None:
        entry = store_manifest(repository, "a")
        good = store_manifest(repository, "r", subject=entry, artifactType=SIGNATURE)
        damaged = store_manifest(repository, "s", subject=entry)
        unknown = replace(store_manifest(repository, "t", subject=entry), media_type="application/vnd.example+json")
        nowhere = replace(good, digest=Digest.of(b"missing"))
        list_of_none = replace(store_index(repository), digest=Digest.of(b"missing too"))
        things = [Tagged("v1", entry, (good, damaged, unknown, nowhere)), Tagged("sha256-" + "0" * 64, list_of_none)]
        repository.put(things, force=False)
        self.damage(repository, damaged.digest, b"{}")

        assert repository.referrers(entry.digest) == (good,)

    def test_tags_that_are_removed_are_gone_with_our_own_referrers(self, repository: IndexedStore) -> None:
        entry, other = store_manifest(repository, "a"), store_manifest(repository, "b")
        skeleton = store_manifest(repository, "s", subject=entry, artifactType=SKELETON_ARTIFACT)
        signature = store_manifest(repository, "t", subject=entry, artifactType=SIGNATURE)
        repository.put([Tagged("v1", entry, (skeleton, signature)), Tagged("v2", entry)], force=False)
        repository.put([Tagged("v3", other), Tagged("v4", other)], force=False)
        repository.remove_tags(("v1", "v3"))
        while_another_tag_is_there = entries_of(repository)
        repository.remove_tags(("v2",))

        assert while_another_tag_is_there == (
            of_tag(entry, "v2"),
            of_tag(other, "v4"),
            *sorted((skeleton, signature), key=lambda found: found.digest),
        )
        assert (entries_of(repository), repository.read_blob(entry.digest) != b"") == (
            (of_tag(other, "v4"), signature),
            True,
        )

    def test_tag_that_is_not_there_cannot_be_removed_and_nothing_is(self, repository: IndexedStore) -> None:
        repository.put([Tagged("v1", store_manifest(repository, "a"))], force=False)
        before = self.snapshot(repository)

        with pytest.raises(NotFoundError) as error:
            repository.remove_tags(("v1", "v2"))

        assert (error.value.code, self.snapshot(repository)) == ("not-found", before)

    def test_change_that_fails_changes_nothing(self, repository: IndexedStore) -> None:
        repository.put([Tagged("v1", store_manifest(repository, "a"))], force=False)
        before = self.snapshot(repository)

        def failing(_: Index) -> Index:
            raise RuntimeError("the caller thought better of it")

        with pytest.raises(RuntimeError):
            repository.change_index(failing)

        assert self.snapshot(repository) == before

    def test_entries_and_fields_of_others_survive(self, repository: IndexedStore) -> None:
        theirs = replace(
            of_tag(store_manifest(repository, "a"), "theirs"),
            annotations={REF_NAME: "theirs", "note": "kept"},
            others={"platform": {"architecture": "wasm", "os": "wasip1"}, "com.example": [1]},
        )
        index = Index(manifests=(theirs,), annotations={"a": "b"}, others={"com.example": 1})
        repository.change_index(lambda _: index)
        mine = store_manifest(repository, "b")
        repository.put([Tagged("mine", mine)], force=False)

        assert repository.read_index().value == replace(index, manifests=(of_tag(mine, "mine"), theirs))

    def test_every_blob_is_told_sorted_and_with_its_size(self, repository: IndexedStore) -> None:
        data = (b"", CONTENT, b"x", LARGE)
        blobs = sorted((blob_of(item, name) for item in data for name in ALGORITHMS), key=lambda blob: blob.digest)
        for item in data:
            for algorithm in ALGORITHMS:
                repository.write_blob((item,), blob_of(item, algorithm))
        before = list(repository.iter_blobs())
        repository.put([], force=False)

        assert (before, list(repository.iter_blobs())) == (blobs, blobs)

    def test_blobs_stay_readable_when_they_have_got_a_name(self, repository: IndexedStore) -> None:
        blobs = [repository.write_blob((data,)) for data in (b"", CONTENT, LARGE)]
        repository.put([Tagged("v1", store_manifest(repository, "a"))], force=False)
        more = repository.write_blob((b"more",))
        again = [b"".join(repository.iter_blob(blob.digest, size=blob.size)) for blob in (*blobs, more)]

        assert again == [b"", CONTENT, LARGE, b"more"]

    def test_blob_that_is_being_read_is_read_to_its_end_whatever_is_put(self, repository: IndexedStore) -> None:
        blob = repository.write_blob((LARGE,))
        repository.put([Tagged("v1", store_manifest(repository, "a"))], force=False)
        chunks = repository.iter_blob(blob.digest, size=blob.size)
        begun = next(chunks)
        repository.put([Tagged("v0", store_manifest(repository, "b"))], force=False)

        assert begun + b"".join(chunks) == LARGE

    def test_putting_the_same_twice_is_the_same_as_once(self, repository: IndexedStore) -> None:
        snapshots = []
        for _ in range(2):
            entry = store_manifest(repository, "a")
            skeleton = store_manifest(repository, "s", subject=entry, artifactType=SKELETON_ARTIFACT)
            repository.put([Tagged("v1", entry, (skeleton,)), Tagged("v2", entry, (skeleton,))], force=False)
            snapshots.append(self.snapshot(repository))

        assert snapshots[0] == snapshots[1]

    def test_same_things_in_any_order_and_in_any_portions_give_the_same_bytes(self, make_store: Make) -> None:
        snapshots = []
        for number, names in enumerate(("abc", "cba", "bca")):
            repository = make_store(f"one by one {number}")
            for name in names:
                repository.put([_thing(repository, name)], force=False)
            snapshots.append(self.snapshot(repository))
            at_once = make_store(f"at once {number}")
            at_once.put([_thing(at_once, name) for name in names], force=False)
            snapshots.append(self.snapshot(at_once))

        assert snapshots == snapshots[:1] * 6

    def test_what_another_object_put_is_neither_lost_nor_hidden(
        self, repository: IndexedStore, make_store: Make
    ) -> None:
        entry = store_manifest(repository, "a")
        repository.put([Tagged("v1", entry)], force=False)
        waiting = repository.write_blob((CONTENT,))
        before = repository.tags(), repository.referrers(entry.digest)
        other = make_store("store")
        signature = store_manifest(other, "r", subject=entry, artifactType=SIGNATURE)
        other.put([Tagged("v2", entry, (signature,))], force=False)
        repository.put([Tagged("v3", entry)], force=False)

        assert before == (("v1",), ())
        assert (repository.tags(), repository.referrers(entry.digest), repository.holds_blob(waiting)) == (
            ("v1", "v2", "v3"),
            (signature,),
            True,
        )


def _thing(repository: IndexedStore, name: str) -> Tagged:
    """A thing with a referrer of its own, and one that the others have too."""
    entry = store_manifest(repository, name)
    skeleton = store_manifest(repository, f"skeleton of {name}", subject=entry, artifactType=SKELETON_ARTIFACT)
    shared = store_manifest(repository, "shared", config={"mediaType": EMPTY, **_empty(repository)})
    return Tagged(f"v-{name}", entry, (shared, skeleton))


def _empty(repository: IndexedStore) -> Json:
    blob = repository.write_blob((b"{}",))
    return {"digest": blob.digest.value, "size": blob.size}
