"""Copies between every pair of stores: what goes along, what stays, and what is wrong with which side."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import packaging_kit
from packaging_kit import ArchiveStore, Blob, Digest, Form, LayoutPlace, LayoutStore, MemoryStore
from packaging_kit.artifact.pack import Labels, Packed, make_whole_artifact, pack_split, pack_whole
from packaging_kit.blobs import Chunk
from packaging_kit.document import dump_json
from packaging_kit.errors import ContentError, NotFoundError, PackagingKitError, RequestError, UnavailableError
from packaging_kit.fragments.explode import explode
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.layout import Tagged
from packaging_kit.oci.media_types import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    REF_NAME,
    SKELETON_ARTIFACT,
    SPLIT_INDEX,
    WASM,
    WASM_CONFIG,
)
from packaging_kit.oci.wasm_config import ComponentConfig
from packaging_kit.operations.pack import write_content, write_documents
from packaging_kit.operations.places import LocalPlace, RepositoryPlace, with_tag
from packaging_kit.stores.indexed import IndexedStore
from packaging_kit.stores.scratch import FileScratch
from packaging_kit.transfer.copy import Copied, ReferrerChoice, copy
from packaging_kit.transfer.progress import NO_PROGRESS, OnBytes
from tests.repositories import (
    PLACE_KINDS,
    SETTINGS,
    SIGNATURE,
    TAG,
    PlaceKind,
    add_entries,
    attach,
    blobs,
    blobs_of,
    content,
    files,
    index,
    index_of,
    make_place,
    manifest,
    pack,
    sample,
    sign,
    sign_place,
    tag,
    unpack,
    write,
    write_document,
)

MakeStore = Callable[[str], IndexedStore]
KINDS = ("memory", "layout", "archive")
PAIRS = tuple(itertools.product(KINDS, KINDS))
PLACE_PAIRS = tuple(itertools.product(PLACE_KINDS, PLACE_KINDS))
SPLIT_FORMS = (Form.MAPPED, Form.SPLIT, Form.BOTH)


@pytest.fixture
def make(tmp_path: Path) -> Iterator[MakeStore]:
    """Makes new stores of a kind."""
    count = itertools.count()
    with ExitStack() as stack:

        def make_store(kind: str) -> IndexedStore:
            path = tmp_path / f"{kind}{next(count)}"
            if kind == "memory":
                return MemoryStore()
            if kind == "layout":
                return LayoutStore(path)
            scratch = stack.enter_context(FileScratch())
            return stack.enter_context(ArchiveStore(path.with_suffix(".tar"), scratch, may_be_new=True))

        yield make_store


@pytest.fixture(params=PAIRS, ids="-to-".join)
def stores(request: pytest.FixtureRequest, make: MakeStore) -> tuple[IndexedStore, IndexedStore]:
    """A source and a destination, both empty."""
    here, there = request.param
    return make(here), make(there)


def put_component(store: IndexedStore, form: Form, name: str = TAG) -> Packed:
    """Pack a component into any store."""
    data = sample(name)
    exploded = explode(data)
    config = ComponentConfig(exports=(), imports=(), target=None)
    whole = make_whole_artifact(Blob(exploded.digest, exploded.size), config, Labels(title="app.wasm"))
    packed = pack_whole(whole) if form is Form.WHOLE else pack_split(form, whole, exploded)
    if packed.stores_whole:
        store.write_blob((data,), whole.layer)
    write_content(packed, exploded, store, NO_PROGRESS)
    write_documents(packed, store)
    store.put([Tagged(name, packed.tagged, packed.untagged)], force=False)
    return packed


def copy_tag(
    source: IndexedStore,
    sink: IndexedStore,
    name: str = TAG,
    *,
    referrers: ReferrerChoice = ReferrerChoice.AUTO,
    force: bool = False,
    side_by_side: int = 1,
) -> Copied:
    wanted = [(name, source.find(name))]
    return copy(source, sink, wanted, referrers=referrers, force=force, side_by_side=side_by_side)


class Heard:
    """Remembers how many bytes it was told of, and may do something each time."""

    def __init__(self, on_bytes: OnBytes | None = None) -> None:
        self.sizes: list[int] = []
        self._on_bytes = on_bytes

    def start(self, what: str, total: int | None) -> None: ...

    def advance(self, size: int) -> None:
        self.sizes.append(size)
        if self._on_bytes is not None:
            self._on_bytes(size)

    def part(self, what: str, total: int) -> OnBytes:
        return self.advance


@pytest.mark.parametrize("form", Form)
def test_copy_is_what_packing_there_would_have_given(
    form: Form, stores: tuple[IndexedStore, IndexedStore], make: MakeStore
) -> None:
    source, sink = stores
    put_component(source, form)
    packed_there = make("memory")
    put_component(packed_there, form)

    copy_tag(source, sink)

    assert sink.read_index().raw == packed_there.read_index().raw
    assert blobs(sink) == blobs(packed_there)


@pytest.mark.parametrize("form", Form)
def test_copy_with_referrers_is_the_same_again(form: Form, stores: tuple[IndexedStore, IndexedStore]) -> None:
    source, sink = stores
    put_component(source, form)

    copy_tag(source, sink, referrers=ReferrerChoice.ALL)

    assert (sink.read_index().raw, blobs(sink)) == (source.read_index().raw, blobs(source))


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (ReferrerChoice.NEVER, []),
        (ReferrerChoice.AUTO, [SKELETON_ARTIFACT, SPLIT_INDEX]),
        (ReferrerChoice.ALWAYS, [SKELETON_ARTIFACT, SPLIT_INDEX]),
        (ReferrerChoice.ALL, [SIGNATURE, SKELETON_ARTIFACT, SPLIT_INDEX]),
    ],
)
def test_referrers_go_along_as_chosen(
    choice: ReferrerChoice, expected: list[str], stores: tuple[IndexedStore, IndexedStore]
) -> None:
    source, sink = stores
    packed = put_component(source, Form.BOTH)
    sign(source, packed.tagged)

    copied = copy_tag(source, sink, referrers=choice)

    found = [entry.artifact_type for entry in sink.referrers(packed.tagged.digest)]
    assert (sorted(map(str, found)), copied.left) == (sorted(expected), ())


class Forgetful(MemoryStore):
    """Finds no referrers again, unless that is asked for."""

    def takes_referrers(self, *, always: bool) -> bool:
        return always


@pytest.mark.parametrize("choice", ReferrerChoice)
def test_referrers_that_would_not_be_found_again_are_left_and_told(choice: ReferrerChoice) -> None:
    source, sink = MemoryStore(), Forgetful()
    packed = put_component(source, Form.MAPPED)

    copied = copy_tag(source, sink, referrers=choice)

    goes_along = choice in (ReferrerChoice.ALWAYS, ReferrerChoice.ALL)
    assert copied.left == (packed.untagged if choice is ReferrerChoice.AUTO else ())
    assert copied.things[0].untagged == (packed.untagged if goes_along else ())
    assert (packed.untagged[0].digest in blobs(sink)) == goes_along


@pytest.mark.parametrize("form", Form)
def test_copy_side_by_side_is_the_same(form: Form, stores: tuple[IndexedStore, IndexedStore]) -> None:
    source, sink = stores
    put_component(source, form)

    copied = copy_tag(source, sink, referrers=ReferrerChoice.ALL, side_by_side=4)

    assert (sink.read_index().raw, blobs(sink)) == (source.read_index().raw, blobs(source))
    assert {blob.digest for blob in copied.written} == set(blobs(source))


def test_other_referrers_stay_behind(stores: tuple[IndexedStore, IndexedStore]) -> None:
    source, sink = stores
    packed = put_component(source, Form.MAPPED)
    sign(source, packed.tagged)
    sign(source, packed.untagged[0])

    copied = copy_tag(source, sink)

    assert [entry.artifact_type for entry in copied.things[0].untagged] == [SKELETON_ARTIFACT]
    assert set(blobs(sink)) == content(source, packed.tagged, *packed.untagged)


def test_all_referrers_go_along_and_theirs_too(stores: tuple[IndexedStore, IndexedStore]) -> None:
    source, sink = stores
    packed = put_component(source, Form.SPLIT)
    signed = packed.tagged
    for number in range(4):
        signed = sign(source, signed, f"{number}")
    index_signed = sign(source, write_document(source, index(packed.tagged)))
    # What is attached to a part, and to the whole whose manifest is inside the split, belongs to it too.
    part = sign(source, next(entry for entry in parts_of(source, packed) if entry.artifact_type == WASM_CONFIG))
    whole = sign(source, packed.whole.descriptor)

    copied = copy_tag(source, sink, referrers=ReferrerChoice.ALL)

    found = {entry.digest for entry in copied.things[0].untagged}
    assert len(found) == 6
    assert {signed.digest, part.digest, whole.digest} <= found
    assert index_signed.digest not in blobs(sink)


def parts_of(store: IndexedStore, packed: Packed) -> list[Descriptor]:
    value = json.loads(store.read_blob(packed.tagged.digest))
    return [
        replace(packed.tagged, media_type=e["mediaType"], digest=Digest(e["digest"]), size=e["size"], artifact_type=t)
        for e in value["manifests"]
        if (t := e["artifactType"])
    ]


def test_split_takes_no_skeleton_of_another_form_along(stores: tuple[IndexedStore, IndexedStore]) -> None:
    source, sink = stores
    put_component(source, Form.BOTH)
    split = put_component_under(source, Form.SPLIT, "split")

    copied = copy_tag(source, sink, "split")

    assert (copied.things[0].untagged, set(blobs(sink))) == ((), content(source, split.tagged))


def put_component_under(store: IndexedStore, form: Form, name: str) -> Packed:
    """The component that `put_component` packs, under another tag."""
    other = MemoryStore()
    packed = put_component(other, form)
    for blob, data in blobs(other).items():
        store.write_blob((data,), Blob(blob, len(data)))
    store.put([Tagged(name, packed.tagged, packed.untagged)], force=False)
    return packed


def test_signature_in_a_list_of_another_tool_goes_along_and_gets_an_entry(
    stores: tuple[IndexedStore, IndexedStore],
) -> None:
    source, sink = stores
    packed = put_component(source, Form.WHOLE)
    signature = sign(source, packed.tagged)
    listed = write_document(source, index(replace(signature, annotations={"a": "b"})))
    source.change_index(lambda old: replace(old, manifests=old.manifests[:1]))
    tag(source, listed, packed.tagged.digest.value.replace(":", "-"))

    copied = copy_tag(source, sink, referrers=ReferrerChoice.ALL)

    assert copied.things[0].untagged == (signature,)
    assert sink.referrers(packed.tagged.digest) == (signature,)
    assert sink.tags() == (TAG,)


def put_image(store: IndexedStore) -> Descriptor:
    """What other tools write: an index in an index, sha512, documents of Docker, a document as a layer."""
    config = write(store, b'{"architecture":"amd64"}', "application/vnd.docker.container.image.v1+json")
    layer = write(store, b"layer", "application/vnd.docker.image.rootfs.diff.tar.gzip")
    docker = write_document(store, manifest(config, layer, mediaType=DOCKER_MANIFEST), media_type=DOCKER_MANIFEST)
    older = write_document(store, index(docker, mediaType=DOCKER_INDEX), media_type=DOCKER_INDEX)
    strong = write(store, b"strong", WASM, "sha512")
    config512 = write(store, b"{}", WASM_CONFIG, "sha512")
    strongest = write_document(store, manifest(config512, strong, more={"a": [1]}), algorithm="sha512")
    as_layer = replace(strongest, media_type="application/octet-stream")
    boxed = write_document(store, manifest(config, as_layer, strong))
    inner = write_document(store, index(strongest, boxed, annotations={"k": "v"}))
    platform = {"platform": {"architecture": "wasm", "os": "wasip2"}}
    return write_document(store, index(boxed, inner, replace(older, others=platform), more=1))


def test_images_of_other_tools_arrive_byte_for_byte(stores: tuple[IndexedStore, IndexedStore]) -> None:
    source, sink = stores
    entry = put_image(source)
    tag(source, entry, TAG)

    copied = copy_tag(source, sink)

    assert blobs(sink) == blobs(source)
    assert len(copied.written) == len(blobs(source)) == 10
    assert sink.find(TAG).digest == entry.digest


def test_blob_that_is_a_layer_first_and_a_manifest_later_is_followed(
    stores: tuple[IndexedStore, IndexedStore],
) -> None:
    source, sink = stores
    config = write(source, b"{}", WASM_CONFIG)
    inner = write_document(source, manifest(config, write(source, b"only here", WASM)))
    outer = write_document(source, manifest(config, replace(inner, media_type=WASM)))
    tag(source, write_document(source, index(outer, inner)), TAG)
    sign(source, inner)

    copied = copy_tag(source, sink, referrers=ReferrerChoice.ALL)

    assert set(blobs(sink)) == set(blobs(source))
    assert len(copied.things[0].untagged) == 1


def test_entry_says_what_the_document_says_and_no_more(stores: tuple[IndexedStore, IndexedStore]) -> None:
    source, sink = stores
    config = write(source, b"{}", WASM_CONFIG)
    plain = write_document(source, manifest(config, write(source, b"a", WASM)))
    typed = write_document(source, manifest(config, write(source, b"b", WASM), artifactType="application/x.own"))
    chatter = {"artifactType": "application/x.lie", "platform": {"architecture": "a", "os": "b"}, "urls": ["u"]}
    for name, entry in (("plain", plain), ("typed", typed)):
        annotations = {REF_NAME: name, "org.opencontainers.image.created": "today"}
        add_entries(source, entry.to_json() | chatter | {"annotations": annotations})

    copy(
        source,
        sink,
        [(name, source.find(name)) for name in ("plain", "typed")],
        referrers=ReferrerChoice.AUTO,
        force=False,
    )

    assert json.loads(sink.read_index().raw)["manifests"] == [
        plain.to_json() | {"annotations": {REF_NAME: "plain"}},
        typed.to_json() | {"annotations": {REF_NAME: "typed"}, "artifactType": "application/x.own"},
    ]


def test_thing_that_stands_in_an_index_only_is_named_without_its_platform(
    stores: tuple[IndexedStore, IndexedStore],
) -> None:
    source, sink = stores
    packed = put_component(source, Form.SPLIT)
    part = parts_of(source, packed)[1]

    copy(source, sink, [("module", source.find(digest=part.digest))], referrers=ReferrerChoice.AUTO, force=False)

    entry = {"digest": part.digest.value, "mediaType": IMAGE_MANIFEST, "size": part.size}
    assert json.loads(sink.read_index().raw)["manifests"] == [entry | {"annotations": {REF_NAME: "module"}}]


class Counting(MemoryStore):
    """Remembers which blobs were read."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[Digest] = []

    def iter_blob_unverified(self, digest: Digest, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        self.read.append(digest)
        return super().iter_blob_unverified(digest, start, end)


class CountingLayout(LayoutStore):
    """The same, in a folder; and which blobs were asked for their bytes by being written."""

    read: list[Digest] = []  # noqa: RUF012 - replaced by each test

    def iter_blob_unverified(self, digest: Digest, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        self.read.append(digest)
        return super().iter_blob_unverified(digest, start, end)


@pytest.mark.parametrize("form", SPLIT_FORMS)
def test_every_blob_is_read_once_from_the_source(form: Form, tmp_path: Path) -> None:
    source = Counting()
    put_component(source, form)
    source.referrers(Digest.of(b""))  # which reads the entries of the index
    source.read.clear()

    copied = copy_tag(source, LayoutStore(tmp_path / "layout"), referrers=ReferrerChoice.ALL)

    assert sorted(set(source.read)) == sorted(blob.digest for blob in copied.written)
    assert len(source.read) == len(copied.written) + 1  # its own document is read again when it gets its name


@pytest.mark.parametrize("form", SPLIT_FORMS)
def test_what_is_there_already_is_only_checked(form: Form, tmp_path: Path) -> None:
    source = Counting()
    packed = put_component(source, form)
    sink = CountingLayout(tmp_path / "layout")
    copy_tag(source, sink, referrers=ReferrerChoice.ALL)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "layout").rglob("*") if path.is_file()}
    source.read, sink.read = [], []

    copied = copy_tag(source, sink, referrers=ReferrerChoice.ALL)

    documents = {node.digest for node in (packed.tagged, *packed.untagged, *content_documents(source, packed))}
    held = sorted(blob.digest for blob in copied.held)
    assert copied.written == ()
    assert set(source.read) <= documents
    assert sorted(set(sink.read)) == held
    assert len(sink.read) <= len(held) + 1  # a whole's manifest is a blob of its skeleton artifact too
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "layout").rglob("*") if path.is_file()} == before


def content_documents(store: IndexedStore, packed: Packed) -> list[Descriptor]:
    if packed.tagged.media_type == IMAGE_INDEX:
        return parts_of(store, packed)
    found = [entry for entry in packed.untagged if entry.artifact_type == SPLIT_INDEX]
    return [part for entry in found for part in parts_of(store, replace_tagged(packed, entry))]


def replace_tagged(packed: Packed, entry: Descriptor) -> Packed:
    return replace(packed, tagged=entry)


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_is_missing_is_written(kind: str, make: MakeStore) -> None:
    source, sink = make("memory"), make(kind)
    put_component(source, Form.SPLIT, "a")
    put_component(source, Form.SPLIT, "other")
    copy_tag(source, sink, "a")

    copied = copy_tag(source, sink, "other")

    shared = content(source, source.find("a")) & content(source, source.find("other"))
    assert {blob.digest for blob in copied.held} == shared
    assert {blob.digest for blob in copied.written} == content(source, source.find("other")) - shared
    assert len(shared) > 4


def test_damaged_blob_of_the_destination_is_written_again(make: MakeStore) -> None:
    source, sink = make("memory"), make("layout")
    assert isinstance(sink, LayoutStore)
    packed = put_component(source, Form.SPLIT)
    copy_tag(source, sink)
    path = sink.blob_path(packed.fragments[0].digest)
    path.write_bytes(bytes(path.stat().st_size))

    copied = copy_tag(source, sink)

    assert [blob.digest for blob in copied.written] == [packed.fragments[0].digest]
    assert blobs(sink) == blobs(source)


def test_shared_content_of_two_tags_is_copied_once(stores: tuple[IndexedStore, IndexedStore]) -> None:
    source, sink = stores
    put_component(source, Form.SPLIT, "a")
    put_component(source, Form.SPLIT, "other")

    copied = copy(
        source, sink, [(name, source.find(name)) for name in source.tags()], referrers=ReferrerChoice.AUTO, force=False
    )

    assert len(copied.written) == len(blobs(source))
    assert (sink.read_index().raw, blobs(sink)) == (source.read_index().raw, blobs(source))


def test_two_tags_of_one_whole_both_get_its_skeleton(stores: tuple[IndexedStore, IndexedStore]) -> None:
    source, sink = stores
    packed = put_component(source, Form.MAPPED)
    tag(source, packed.tagged, "second")

    copied = copy(
        source, sink, [(name, source.find(name)) for name in source.tags()], referrers=ReferrerChoice.AUTO, force=False
    )

    assert [len(thing.untagged) for thing in copied.things] == [1, 1]
    assert sink.read_index().raw == source.read_index().raw


def test_progress_hears_of_every_blob(make: MakeStore) -> None:
    source = make("memory")
    put_component(source, Form.BOTH)
    heard = Heard()

    copy(
        source,
        make("memory"),
        [(TAG, source.find(TAG))],
        referrers=ReferrerChoice.ALL,
        force=False,
        progress=heard,
    )

    assert sum(heard.sizes) == sum(len(data) for data in blobs(source).values())


def test_tag_that_names_something_else_stays(stores: tuple[IndexedStore, IndexedStore]) -> None:
    source, sink = stores
    put_component(source, Form.SPLIT)
    tag(sink, put_image(sink), TAG)
    before = sink.read_index().raw

    with pytest.raises(PackagingKitError) as error:
        copy_tag(source, sink)

    assert (error.value.code, error.value.side) == ("tag-exists", "destination")
    assert sink.read_index().raw == before


def test_tag_that_names_something_else_is_moved_by_force(stores: tuple[IndexedStore, IndexedStore]) -> None:
    source, sink = stores
    put_component(source, Form.SPLIT)
    tag(sink, put_image(sink), TAG)

    copy_tag(source, sink, force=True)

    assert sink.read_index().raw == source.read_index().raw


def test_of_several_things_none_gets_its_tag_where_one_tag_is_taken(make: MakeStore) -> None:
    source, sink = make("layout"), make("layout")
    for name in ("a", "b", "c"):
        put_component(source, Form.SPLIT, name)
    tag(sink, put_image(sink), "b")
    before = sink.read_index().raw

    with pytest.raises(PackagingKitError):
        copy(
            source,
            sink,
            [(name, source.find(name)) for name in source.tags()],
            referrers=ReferrerChoice.AUTO,
            force=False,
        )

    assert sink.read_index().raw == before


class Broken(MemoryStore):
    """Gives wrong bytes for one blob, or none."""

    def __init__(self, digest: Digest, data: bytes | None) -> None:
        super().__init__()
        self._digest = digest
        self._data = data

    def blob_size(self, digest: Digest) -> int:
        if digest == self._digest and self._data is None:
            raise NotFoundError("not-found", f"the blob {digest} is not there")
        return super().blob_size(digest)

    def iter_blob_unverified(self, digest: Digest, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        if digest != self._digest:
            yield from super().iter_blob_unverified(digest, start, end)
        elif self._data is None:
            raise NotFoundError("not-found", f"the blob {digest} is not there")
        else:
            yield self._data[start:end]


def refill(store: MemoryStore, other: MemoryStore) -> None:
    """Give `store` all that `other` holds."""
    for digest, data in blobs(other).items():
        store.write_blob((data,), Blob(digest, len(data)))
    store.change_index(lambda _: other.read_index().value)


DAMAGES: Mapping[str, tuple[Callable[[bytes], bytes | None], str]] = {
    "other-bytes": (lambda data: bytes([data[0] ^ 1]) + data[1:], "digest-mismatch"),
    "cut-short": (lambda data: data[:-1], "size-mismatch"),
    "longer": (lambda data: data + b"\0", "size-mismatch"),
    "missing": (lambda _: None, "not-found"),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_whatever_is_wrong_in_the_source_nothing_is_named_in_the_destination(
    damage: str, kind: str, make: MakeStore
) -> None:
    change, code = DAMAGES[damage]
    intact = MemoryStore()
    packed = put_component(intact, Form.SPLIT)
    outcomes = set()
    for digest, data in blobs(intact).items():
        source, sink = Broken(digest, change(data)), make(kind)
        refill(source, intact)
        with pytest.raises(PackagingKitError) as error:
            copy(source, sink, [(TAG, packed.tagged)], referrers=ReferrerChoice.ALL, force=False)
        outcomes.add((error.value.code, error.value.side))
        is_new = not isinstance(sink, MemoryStore)
        if is_new:
            with pytest.raises(PackagingKitError):
                sink.read_index()
        else:
            assert sink.read_index().value.manifests == ()

    assert outcomes == {(code, "source")}


@pytest.mark.parametrize("kind", PLACE_KINDS)
def test_bit_that_flipped_on_the_disk_of_the_source_is_noticed(kind: PlaceKind, tmp_path: Path) -> None:
    source = make_place(kind, tmp_path / "a", TAG)
    pack(source, sample(), Form.SPLIT)
    outcomes = []
    for digest, data in blobs_of(source).items():
        path = (tmp_path / "a.tar") if kind == "archive" else tmp_path / "a" / "blobs" / "sha256" / digest.hex
        intact = path.read_bytes()
        at = intact.index(data) + len(data) // 2
        path.write_bytes(intact[:at] + bytes([intact[at] ^ 1]) + intact[at + 1 :])
        sink = tmp_path / digest.hex
        with pytest.raises(ContentError) as error:
            packaging_kit.copy(source, LayoutPlace(folder=sink), SETTINGS)
        outcomes.append((error.value.code, error.value.side, (sink / "index.json").exists()))
        path.write_bytes(intact)

    assert set(outcomes) == {("digest-mismatch", "source", False)}


def test_descriptor_that_gives_a_copied_blob_another_size_is_refused(
    stores: tuple[IndexedStore, IndexedStore],
) -> None:
    source, sink = stores
    config = write(source, b"{}", WASM_CONFIG)
    layer = write(source, b"layer", WASM)
    lie = replace(layer, size=4, media_type="application/octet-stream")
    tag(source, write_document(source, manifest(config, layer, lie)), TAG)

    with pytest.raises(ContentError) as error:
        copy_tag(source, sink)

    assert (error.value.code, error.value.side) == ("size-mismatch", "source")


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (b"{", "document-invalid"),
        (dump_json({"schemaVersion": 2}), "document-invalid"),
        (dump_json(index(mediaType=IMAGE_MANIFEST)), "document-invalid"),
        (b" " * (4 << 20) + b"{}", "size-mismatch"),
    ],
)
def test_document_of_the_source_that_cannot_be_read_is_refused(document: bytes, code: str, make: MakeStore) -> None:
    source, sink = make("layout"), make("memory")
    tag(source, write(source, document, IMAGE_INDEX), TAG)

    with pytest.raises(PackagingKitError) as error:
        copy_tag(source, sink)

    assert (error.value.code, error.value.side, sink.tags()) == (code, "source", ())


def test_index_that_names_what_is_no_document_is_refused(make: MakeStore) -> None:
    source, sink = make("layout"), make("memory")
    tag(source, write_document(source, index(write(source, b"blob", WASM))), TAG)

    with pytest.raises(PackagingKitError) as error:
        copy_tag(source, sink)

    assert (error.value.code, error.value.side) == ("media-type-unexpected", "source")


@pytest.mark.parametrize(("depth", "is_taken"), [(15, True), (17, False), (500, False)])
def test_indexes_that_nest_without_end_are_refused(depth: int, is_taken: bool, make: MakeStore) -> None:
    source, sink = make("memory"), make("memory")
    entry = write_document(source, manifest(write(source, b"{}", WASM_CONFIG)))
    for _ in range(depth):
        entry = write_document(source, index(entry))
    tag(source, entry, TAG)

    outcomes: set[tuple[str, str | None]] = set()
    try:
        copy_tag(source, sink)
    except PackagingKitError as exc:
        outcomes.add((exc.code, exc.side))

    assert outcomes == (set() if is_taken else {("document-invalid", "source")})


def test_many_referrers_of_one_thing_are_copied_in_linear_time(make: MakeStore) -> None:
    source, sink = make("memory"), make("memory")
    packed = put_component(source, Form.WHOLE)
    config = write(source, b"{}", WASM_CONFIG)
    entries = [write_document(source, manifest(config, subject=packed.tagged, n=n)) for n in range(3000)]
    add_entries(source, *(entry.to_json() for entry in entries))

    copied = copy_tag(source, sink, referrers=ReferrerChoice.ALL)

    assert len(copied.things[0].untagged) == 3000


class Full(MemoryStore):
    """Takes a few blobs, then no more."""

    left = 3

    def write_blob(self, chunks: Iterable[Chunk], expected: Blob | None = None) -> Blob:
        self.left -= 1
        if self.left < 0:
            raise UnavailableError("io-error", "no space left on device")
        return super().write_blob(chunks, expected)


def test_destination_that_is_full_is_named_as_the_side() -> None:
    source, sink = MemoryStore(), Full()
    put_component(source, Form.SPLIT)

    with pytest.raises(UnavailableError) as error:
        copy_tag(source, sink)

    assert (error.value.code, error.value.side, sink.tags()) == ("io-error", "destination", ())


@pytest.mark.parametrize("kind", PLACE_KINDS)
def test_destination_that_is_below_a_file_is_named_as_the_side(kind: PlaceKind, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    source = make_place("layout", tmp_path / "a", TAG)
    pack(source, sample())

    with pytest.raises(UnavailableError) as error:
        packaging_kit.copy(source, make_place(kind, tmp_path / "file" / "b"), SETTINGS)

    assert (error.value.code, error.value.side) == ("io-error", "destination")


def test_side_is_told_of_what_cannot_be_opened(tmp_path: Path) -> None:
    intact, missing = make_place("layout", tmp_path / "a"), make_place("archive", tmp_path / "missing")
    pack(intact, sample())
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes").write_text("mine")
    tries = [
        (missing, intact, "not-found", "source"),
        (with_tag(intact, "no"), missing, "not-found", "source"),
        (make_place("layout", tmp_path / "other"), missing, "layout-invalid", "source"),
        (intact, make_place("layout", tmp_path / "other"), "layout-invalid", "destination"),
    ]
    outcomes = []
    for source, sink, _, _ in tries:
        with pytest.raises(PackagingKitError) as error:
            packaging_kit.copy(source, sink, SETTINGS)
        outcomes.append((error.value.code, error.value.side))

    assert outcomes == [(code, side) for _, _, code, side in tries]


def test_link_in_the_destination_is_refused(tmp_path: Path) -> None:
    source, sink = make_place("layout", tmp_path / "a"), make_place("layout", tmp_path / "b")
    pack(source, sample("a"), tag="a")
    pack(sink, sample("b"), tag="b")
    (tmp_path / "b" / "blobs" / "sha256").rename(tmp_path / "elsewhere")
    (tmp_path / "b" / "blobs" / "sha256").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(PackagingKitError) as error:
        packaging_kit.copy(source, sink, SETTINGS)

    assert (error.value.code, error.value.side) == ("layout-invalid", "destination")


def test_sweep_waits_for_a_copy_that_found_everything_there(tmp_path: Path) -> None:
    # All blobs are in the destination, and nothing names them but the copy that is on its way.
    source, place = MemoryStore(), LayoutPlace(folder=tmp_path / "layout")
    put_component(source, Form.SPLIT)
    copy_tag(source, LayoutStore(place.folder))
    packaging_kit.untag(replace(place, tag=TAG), SETTINGS)
    sweeper = threading.Thread(target=lambda: packaging_kit.gc(place, force=True))

    def sweep_meanwhile(_: int) -> None:
        if not sweeper.ident:
            sweeper.start()
            sweeper.join(0.3)

    wanted = [(TAG, source.find(TAG))]
    sink, heard = LayoutStore(place.folder), Heard(sweep_meanwhile)
    copied = copy(source, sink, wanted, referrers=ReferrerChoice.AUTO, force=False, progress=heard)
    sweeper.join()

    assert copied.written == ()
    assert packaging_kit.verify(place, SETTINGS).problems == ()
    assert blobs_of(place) == blobs(source)


def test_blob_that_was_there_is_flushed_before_it_gets_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, sink = make_place("layout", tmp_path / "a", TAG), make_place("layout", tmp_path / "b")
    pack(source, sample())
    packaging_kit.copy(source, sink, SETTINGS)
    flushed: list[Path] = []
    monkeypatch.setattr("packaging_kit.stores.blob_folder.sync_folder", flushed.append)

    packaging_kit.copy(source, sink, SETTINGS)

    assert flushed == [tmp_path / "b" / "blobs" / "sha256"]


def test_thing_that_refers_to_what_is_inside_it_is_not_attached_to_itself(
    stores: tuple[IndexedStore, IndexedStore],
) -> None:
    source, sink = stores
    packed = put_component(source, Form.BOTH)
    (split,) = (entry for entry in packed.untagged if entry.artifact_type == SPLIT_INDEX)

    copied = copy(source, sink, [("split", split)], referrers=ReferrerChoice.ALL, force=False)

    assert [entry.artifact_type for entry in copied.things[0].untagged] == [SKELETON_ARTIFACT]
    assert sum(entry.digest == split.digest for entry in sink.read_index().value.manifests) == 1


def test_tag_of_a_place_is_moved_by_force_only(tmp_path: Path) -> None:
    source, sink = make_place("layout", tmp_path / "a", TAG), make_place("archive", tmp_path / "b", TAG)
    pack(source, sample("a"))
    pack(sink, sample("b"))
    before = index_of(sink)

    with pytest.raises(PackagingKitError) as error:
        packaging_kit.copy(source, sink, SETTINGS)
    refused = index_of(sink)
    packaging_kit.copy(source, sink, SETTINGS, force=True)

    assert (error.value.code, error.value.side, refused) == ("tag-exists", "destination", before)
    assert unpack(sink, tmp_path / "out") == sample("a")


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize(("here", "there"), PLACE_PAIRS)
def test_copy_between_places_is_clean_and_gives_the_bytes_back(
    form: Form, here: PlaceKind, there: PlaceKind, tmp_path: Path
) -> None:
    source, sink = make_place(here, tmp_path / "a", TAG), make_place(there, tmp_path / "b", TAG)
    pack(source, sample(), form)
    sign_place(source)

    packaging_kit.copy(source, with_no_tag(sink), SETTINGS, referrers=ReferrerChoice.ALL)
    found = packaging_kit.verify(with_no_tag(sink), SETTINGS)

    assert (found.problems, found.unreferenced) == ((), ())
    assert unpack(sink, tmp_path / "out") == sample()
    assert (index_of(sink), blobs_of(sink)) == (index_of(source), blobs_of(source))


def with_no_tag(place: LocalPlace) -> LocalPlace:
    return replace(place, tag=None)


@pytest.mark.parametrize("kind", PLACE_KINDS)
@pytest.mark.parametrize("form", Form)
def test_thing_gets_another_tag_where_it_is(form: Form, kind: PlaceKind, tmp_path: Path) -> None:
    place = make_place(kind, tmp_path / "a", TAG)
    packed = pack(place, sample(), form)
    before = blobs_of(place)

    copied = packaging_kit.copy(place, with_tag(place, "second"), SETTINGS)

    assert copied.written == ()
    assert blobs_of(place) == before
    assert named(place) == {TAG: packed.digest.value, "second": packed.digest.value}


def named(place: LocalPlace) -> dict[str, str]:
    entries = json.loads(index_of(place))["manifests"]
    return {e["annotations"][REF_NAME]: e["digest"] for e in entries if "annotations" in e}


@pytest.mark.parametrize("kind", PLACE_KINDS)
def test_thing_that_is_copied_onto_itself_changes_nothing(kind: PlaceKind, tmp_path: Path) -> None:
    place = make_place(kind, tmp_path / "a", TAG)
    pack(place, sample(), Form.MAPPED)
    before = files(tmp_path)

    packaging_kit.copy(place, with_no_tag(place), SETTINGS, referrers=ReferrerChoice.ALL)

    assert files(tmp_path) == before


@pytest.mark.parametrize(("here", "there"), PLACE_PAIRS)
def test_every_tag_is_copied(here: PlaceKind, there: PlaceKind, tmp_path: Path) -> None:
    source, sink = make_place(here, tmp_path / "a"), make_place(there, tmp_path / "b")
    for name, form in zip(("a", "b", "other", "d"), Form, strict=True):
        pack(source, sample(name), form, name)
    packaging_kit.copy(with_tag(source, "a"), with_tag(source, "same"), SETTINGS)

    packaging_kit.copy(source, sink, SETTINGS, referrers=ReferrerChoice.ALL, every_tag=True)

    assert (index_of(sink), blobs_of(sink)) == (index_of(source), blobs_of(source))


def test_every_tag_of_others_keeps_its_form(tmp_path: Path) -> None:
    source, sink = make_place("layout", tmp_path / "a"), make_place("archive", tmp_path / "b")
    pack(source, sample())
    store = LayoutStore(tmp_path / "a")
    add_entries(store, store.find(TAG).to_json() | {"annotations": {REF_NAME: "docker.io/library/app:1.0@x"}})

    packaging_kit.copy(source, sink, SETTINGS, every_tag=True)

    assert set(named(sink)) == {TAG, "docker.io/library/app:1.0@x"}


@pytest.mark.parametrize(
    ("source", "sink"),
    [
        (LayoutPlace(folder=Path("a"), tag="v"), LayoutPlace(folder=Path("b"))),
        (LayoutPlace(folder=Path("a"), digest=Digest.of(b"")), LayoutPlace(folder=Path("b"))),
        (LayoutPlace(folder=Path("a")), LayoutPlace(folder=Path("b"), tag="v")),
    ],
)
def test_every_tag_and_one_tag_contradict_each_other(source: RepositoryPlace, sink: RepositoryPlace) -> None:
    with pytest.raises(RequestError) as error:
        packaging_kit.copy(source, sink, SETTINGS, every_tag=True)

    assert error.value.code == "tag-ambiguous"


def test_tag_of_what_is_named_by_digest_is_its_only_one(tmp_path: Path) -> None:
    source, sink = make_place("layout", tmp_path / "a"), make_place("layout", tmp_path / "b")
    digest = pack(source, sample()).digest
    pack(source, sample("b"), tag="b")

    copied = packaging_kit.copy(replace(source, digest=digest), sink, SETTINGS)

    assert [(thing.tag, thing.descriptor.digest) for thing in copied.things] == [(TAG, digest)]


@pytest.mark.parametrize("count", [0, 2])
def test_tag_has_to_be_said_where_there_is_none_or_more_than_one(count: int, tmp_path: Path) -> None:
    source, sink = make_place("layout", tmp_path / "a"), make_place("layout", tmp_path / "b")
    digest = pack(source, sample(), Form.SPLIT).digest
    if count:
        packaging_kit.copy(source, with_tag(source, "second"), SETTINGS)
    else:
        store = LayoutStore(tmp_path / "a")
        store.change_index(lambda old: replace(old, manifests=(replace(old.manifests[0], annotations={}),)))

    with pytest.raises(RequestError) as error:
        packaging_kit.copy(replace(source, digest=digest), sink, SETTINGS)
    copied = packaging_kit.copy(replace(source, digest=digest), with_tag(sink, "said"), SETTINGS)

    assert (error.value.code, error.value.hint) == ("tag-missing", "`oci:DIR:TAG`")
    assert [thing.tag for thing in copied.things] == ["said"]


def test_thing_without_a_tag_that_is_the_only_one_is_copied(tmp_path: Path) -> None:
    source, sink = make_place("layout", tmp_path / "a"), make_place("layout", tmp_path / "b", "said")
    pack(source, sample(), Form.SPLIT)
    store = LayoutStore(tmp_path / "a")
    store.change_index(lambda old: replace(old, manifests=(replace(old.manifests[0], annotations={}),)))

    packaging_kit.copy(source, sink, SETTINGS)

    assert unpack(sink, tmp_path / "out") == sample()


# Any graph of documents: what is copied is the closure, worked out here a second time.

Node = tuple[bool, tuple[int, ...], int | None, bool]
"""Whether it is an index, the numbers of what it contains, of its subject, and whether it uses sha512."""

NODES = st.lists(
    st.tuples(
        st.booleans(),
        st.lists(st.integers(0, 9), max_size=3).map(tuple),
        st.none() | st.integers(0, 9),
        st.booleans(),
    ),
    min_size=1,
    max_size=10,
)


def put_graph(store: IndexedStore, nodes: list[Node]) -> tuple[list[Descriptor], list[set[Digest]]]:
    """Documents that contain and refer to earlier ones, all of them entries; and what belongs to each."""
    config = write(store, b"{}", WASM_CONFIG)
    layers = [write(store, b"layer %d" % number, WASM, ("sha256", "sha512")[number % 2]) for number in range(10)]
    entries: list[Descriptor] = []
    closures: list[set[Digest]] = []
    for number, (is_index, inside, subject, is_strong) in enumerate(nodes):
        fields: dict[str, Any] = {"n": number}
        if subject is not None and subject < number:
            fields["subject"] = entries[subject].to_json()
        if is_index:
            inner = [item for item in inside if item < number]
            value = index(*(entries[item] for item in inner), **fields)
            closure = {digest for item in inner for digest in closures[item]}
        else:
            value = manifest(config, *(layers[item] for item in inside)) | fields
            closure = {config.digest, *(layers[item].digest for item in inside)}
        entries.append(write_document(store, value, algorithm="sha512" if is_strong else "sha256"))
        closures.append(closure | {entries[-1].digest})
    add_entries(store, *(entry.to_json() for entry in entries))
    return entries, closures


def attached_to(number: int, nodes: list[Node], entries: list[Descriptor], closures: list[set[Digest]]) -> set[int]:
    """Numbers of all that refers to what belongs to a node, or to what belongs to those."""
    found = {number}
    while True:
        reached = set().union(*(closures[item] for item in found))
        more = {
            item
            for item, (_, _, subject, _) in enumerate(nodes)
            if subject is not None and subject < item and entries[subject].digest in reached
        }
        if more <= found:
            return found - {number}
        found |= more


@given(nodes=NODES, number=st.integers(0, 9), referrers=st.booleans())
def test_copy_takes_what_belongs_to_a_thing_and_what_refers_to_it(
    nodes: list[Node], number: int, referrers: bool
) -> None:
    source, sink = MemoryStore(), MemoryStore()
    entries, closures = put_graph(source, nodes)
    number = min(number, len(nodes) - 1)
    attached = attached_to(number, nodes, entries, closures) if referrers else set()
    choice = ReferrerChoice.ALL if referrers else ReferrerChoice.NEVER

    copied = copy(source, sink, [(TAG, entries[number])], referrers=choice, force=False)

    expected = closures[number].union(*(closures[item] for item in attached))
    assert set(blobs(sink)) == expected
    assert {entry.digest for entry in copied.things[0].untagged} == {entries[item].digest for item in attached}
    assert {digest: blobs(source)[digest] for digest in expected} == blobs(sink)
    assert sorted(blob.digest for blob in copied.written) == sorted(expected)


def test_signature_has_the_type_that_its_own_manifest_states(make: MakeStore) -> None:
    source, sink = make("layout"), make("archive")
    packed = put_component(source, Form.WHOLE)
    sign(source, packed.tagged)
    source.change_index(
        lambda old: replace(old, manifests=tuple(replace(entry, artifact_type=None) for entry in old.manifests))
    )

    copied = copy_tag(source, sink, referrers=ReferrerChoice.ALL)

    assert [entry.artifact_type for entry in copied.things[0].untagged] == [SIGNATURE]


def test_attached_thing_that_has_no_type_gets_none(make: MakeStore) -> None:
    source, sink = make("layout"), make("archive")
    packed = put_component(source, Form.WHOLE)
    config = write(source, b"{}", WASM_CONFIG)
    attach(source, write_document(source, manifest(config, subject=packed.tagged)), "application/x.lie")

    copied = copy_tag(source, sink, referrers=ReferrerChoice.ALL)

    assert [entry.artifact_type for entry in copied.things[0].untagged] == [None]
