"""Conversions between the forms: the whole artifact stays, and all else is as if it had been packed so."""

from __future__ import annotations

import itertools
import json
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import packaging_kit
from packaging_kit import Converted, Digest, Form, LayoutPlace, LayoutStore
from packaging_kit.artifact.unpack import find_component
from packaging_kit.document import dump_json
from packaging_kit.errors import ContentError, DocumentError, NotFoundError, PackagingKitError, RequestError
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.layout import LAYOUT_FILE
from packaging_kit.oci.media_types import (
    IMAGE_MANIFEST,
    REF_NAME,
    SKELETON_ARTIFACT,
    SPLIT_INDEX,
    TITLE,
    WASM,
    WASM_CONFIG,
    WASM_CONFIGS,
    WASM_LAYERS,
)
from packaging_kit.operations.places import LocalPlace, with_tag
from packaging_kit.operations.repositories import open_local_sink, open_source
from packaging_kit.stores.memory import MemoryStore
from packaging_kit.transfer.copy import ReferrerChoice, copy
from packaging_kit.transfer.progress import NoProgress
from tests.repositories import (
    PLACE_KINDS,
    SETTINGS,
    SIGNATURE,
    TAG,
    PlaceKind,
    blobs_of,
    files,
    index,
    index_of,
    make_place,
    manifest,
    pack,
    sample,
    sign_place,
    tag,
    unpack,
    write,
    write_document,
)
from tests.strategies import CORE_MODULE, component, module, section

FORM_PAIRS = tuple(itertools.product(Form, Form))
PLACE_PAIRS = tuple(itertools.product(PLACE_KINDS, PLACE_KINDS))
OF_A_FORM = (SKELETON_ARTIFACT, SPLIT_INDEX)


def convert(place: LocalPlace, form: Form, destination: LocalPlace | None = None, *, force: bool = False) -> Converted:
    return packaging_kit.convert(place, form, SETTINGS, destination=destination, force=force)


def whole_manifest(place: LocalPlace) -> Digest:
    """The digest of the whole artifact's manifest, stored or restored."""
    with open_source(place, SETTINGS) as store:
        return find_component(store, store.find(place.tag, place.digest)).manifest.digest


def without_tag(place: LocalPlace) -> LocalPlace:
    return replace(place, tag=None)


def packed_as(form: Form, folder: Path, data: bytes | None = None) -> dict[str, bytes]:
    """The files of a new layout with one component in it."""
    pack(LayoutPlace(folder=folder), sample() if data is None else data, form)
    return files(folder)


def foreign(entries: tuple[Descriptor, ...]) -> list[Digest]:
    """What others attached, among referrers that were reported."""
    return [entry.digest for entry in entries if entry.artifact_type not in OF_A_FORM]


@pytest.mark.parametrize(("before", "after"), FORM_PAIRS)
def test_layout_that_is_converted_and_swept_is_the_one_that_packing_gives(
    before: Form, after: Form, tmp_path: Path
) -> None:
    place = LayoutPlace(folder=tmp_path / "layout", tag=TAG)
    pack(place, sample(), before)
    whole = whole_manifest(place)

    converted = convert(place, after)
    packaging_kit.gc(without_tag(place))

    assert files(place.folder) == packed_as(after, tmp_path / "packed")
    assert unpack(place, tmp_path / "out") == sample()
    assert (converted.manifest, whole_manifest(place), converted.form) == (whole, whole, after)


@pytest.mark.parametrize(("here", "there"), PLACE_PAIRS)
@pytest.mark.parametrize(("before", "after"), FORM_PAIRS)
def test_conversion_elsewhere_gives_what_packing_there_gives(
    before: Form, after: Form, here: PlaceKind, there: PlaceKind, tmp_path: Path
) -> None:
    source, sink = make_place(here, tmp_path / "a", TAG), make_place(there, tmp_path / "b", TAG)
    pack(source, sample(), before)
    left_as_it_was = index_of(source), blobs_of(source)
    packed_there = make_place(there, tmp_path / "packed")
    packed = pack(packed_there, sample(), after)

    converted = convert(source, after, without_tag(sink))

    assert (index_of(sink), blobs_of(sink)) == (index_of(packed_there), blobs_of(packed_there))
    assert (index_of(source), blobs_of(source)) == left_as_it_was
    assert unpack(sink, tmp_path / "out") == sample()
    assert (converted.tag, converted.digest, converted.form) == (TAG, packed.digest, after)


@pytest.mark.parametrize(("before", "after"), FORM_PAIRS)
def test_archive_is_converted_in_its_place(before: Form, after: Form, tmp_path: Path) -> None:
    place, packed = make_place("archive", tmp_path / "a", TAG), make_place("archive", tmp_path / "packed")
    pack(place, sample(), before)
    pack(packed, sample(), after)

    convert(place, after)

    assert index_of(place) == index_of(packed)
    assert blobs_of(packed).items() <= blobs_of(place).items()
    assert unpack(place, tmp_path / "out") == sample()
    assert packaging_kit.verify(without_tag(place), SETTINGS).problems == ()


@settings(max_examples=20)
@given(forms=st.lists(st.sampled_from(Form), min_size=2, max_size=6))
def test_only_the_last_of_many_conversions_counts(forms: list[Form], tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("forms")
    place = LayoutPlace(folder=folder / "layout", tag=TAG)
    pack(place, sample(), forms[0])

    for form in forms[1:]:
        convert(place, form)
    packaging_kit.gc(without_tag(place))

    assert files(place.folder) == packed_as(forms[-1], folder / "packed")
    shutil.rmtree(folder)


def test_sweep_waits_until_what_was_converted_has_its_name(tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "layout", tag=TAG)
    pack(place, sample(), Form.WHOLE)
    sweeper = threading.Thread(target=lambda: packaging_kit.gc(without_tag(place)))

    class Sweeping(NoProgress):
        """Sweeps when half of the fragments are written, as another process might."""

        left = 0

        def start(self, name: str, size: int | None) -> None:
            self.left = (size or 0) // 2

        def advance(self, size: int) -> None:
            self.left -= size
            if self.left < 0 and not sweeper.ident:
                sweeper.start()
                sweeper.join(0.3)

    packaging_kit.convert(place, Form.SPLIT, SETTINGS, progress=Sweeping())
    sweeper.join()

    assert packaging_kit.verify(without_tag(place), SETTINGS).problems == ()
    assert unpack(place, tmp_path / "out") == sample()


@pytest.mark.parametrize("form", Form)
def test_conversion_to_the_same_form_changes_no_file(form: Form, tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "layout", tag=TAG)
    pack(place, sample(), form)
    before = {path: path.stat().st_mtime_ns for path in place.folder.rglob("*") if path.is_file()}

    convert(place, form)

    assert {path: path.stat().st_mtime_ns for path in place.folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(("before", "after"), FORM_PAIRS)
def test_signature_of_the_whole_stays_where_it_is_converted_in_place(before: Form, after: Form, tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "layout", tag=TAG)
    pack(place, sample(), Form.WHOLE)
    signature = sign_place(place, whole_manifest(place))
    of_signature = sign_place(place, signature.digest, "of the signature")
    convert(place, before)

    converted = convert(place, after)
    packaging_kit.gc(without_tag(place))

    assert (foreign(converted.kept), foreign(converted.left)) == ([signature.digest], [])
    assert {signature.digest, of_signature.digest} <= set(blobs_of(place))
    assert packaging_kit.verify(without_tag(place), SETTINGS).problems == ()
    assert [signature.digest] == [
        entry.digest
        for entry in LayoutStore(place.folder).referrers(whole_manifest(place))
        if entry.artifact_type == SIGNATURE
    ]


@pytest.mark.parametrize(("before", "after"), FORM_PAIRS)
def test_signature_is_left_behind_and_reported_where_it_is_converted_elsewhere(
    before: Form, after: Form, tmp_path: Path
) -> None:
    source, sink = make_place("layout", tmp_path / "a", TAG), make_place("archive", tmp_path / "b", TAG)
    pack(source, sample(), before)
    signature = sign_place(source, whole_manifest(source)) if before is not Form.SPLIT else sign_whole(source, tmp_path)
    before_files = files(tmp_path / "a")

    converted = convert(source, after, sink)

    assert (foreign(converted.kept), foreign(converted.left)) == ([], [signature.digest])
    assert signature.digest not in blobs_of(sink)
    assert files(tmp_path / "a") == before_files


def sign_whole(place: LocalPlace, folder: Path) -> Descriptor:
    """Sign the whole artifact of a split, whose manifest is inside it."""
    with open_local_sink(place, SETTINGS) as store:
        document = find_component(store, store.find(place.tag)).manifest
        store.write_blob((document.raw,))
    return sign_place(place, document.digest)


def test_signature_that_is_at_the_destination_is_reported_as_kept(tmp_path: Path) -> None:
    source, sink = make_place("layout", tmp_path / "a", TAG), make_place("layout", tmp_path / "b", TAG)
    pack(source, sample(), Form.WHOLE)
    signature = sign_place(source)
    packaging_kit.copy(source, sink, SETTINGS, referrers=ReferrerChoice.ALL)

    converted = convert(source, Form.SPLIT, sink, force=True)

    assert (foreign(converted.kept), foreign(converted.left)) == ([signature.digest], [])


@pytest.mark.parametrize("after", [Form.WHOLE, Form.MAPPED, Form.BOTH])
def test_signature_of_a_split_index_does_not_count_for_another_form(after: Form, tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "layout", tag=TAG)
    split = pack(place, sample(), Form.SPLIT).digest
    with open_local_sink(place, SETTINGS) as store:
        subject = store.find(TAG)
        signature = write_document(
            store, manifest(write(store, b"{}", WASM_CONFIG), subject=subject, artifactType=SIGNATURE)
        )
        store.change_index(lambda old: replace(old, manifests=(*old.manifests, signature)))

    converted = convert(place, after)
    packaging_kit.gc(without_tag(place))

    assert (foreign(converted.kept), foreign(converted.left)) == ([], [signature.digest])
    assert {split, signature.digest} & set(blobs_of(place)) == set()


@pytest.mark.parametrize(("before", "after"), FORM_PAIRS)
def test_other_tag_of_the_same_whole_keeps_its_form(before: Form, after: Form, tmp_path: Path) -> None:
    place, expected = LayoutPlace(folder=tmp_path / "layout", tag=TAG), LayoutPlace(folder=tmp_path / "expected")
    pack(place, sample(), before)
    packaging_kit.copy(place, with_tag(place, "second"), SETTINGS)
    pack(expected, sample(), before, "second")
    pack(expected, sample(), after, TAG)

    convert(place, after)
    packaging_kit.gc(without_tag(place))
    packaging_kit.gc(expected)

    assert files(place.folder) == files(expected.folder)
    assert unpack(with_tag(place, "second"), tmp_path / "out") == sample()
    assert packaging_kit.verify(without_tag(place), SETTINGS).problems == ()


@pytest.mark.parametrize(("before", "after"), FORM_PAIRS)
def test_other_components_in_the_layout_are_left_alone(before: Form, after: Form, tmp_path: Path) -> None:
    place, expected = LayoutPlace(folder=tmp_path / "layout", tag=TAG), LayoutPlace(folder=tmp_path / "expected")
    for name, form in zip(("b", "c", "d", "e"), Form, strict=True):
        pack(place, sample(name), form, name)
        pack(expected, sample(name), form, name)
    pack(place, sample(), before)
    pack(expected, sample(), after)

    convert(place, after)
    packaging_kit.gc(without_tag(place))

    assert files(place.folder) == files(expected.folder)


@pytest.mark.parametrize("kind", PLACE_KINDS)
@pytest.mark.parametrize(("before", "after"), FORM_PAIRS)
def test_conversion_under_another_tag_of_the_same_repository_leaves_the_first(
    before: Form, after: Form, kind: PlaceKind, tmp_path: Path
) -> None:
    place, expected = make_place(kind, tmp_path / "a", TAG), make_place(kind, tmp_path / "expected")
    pack(place, sample(), before)
    pack(expected, sample(), before)
    pack(expected, sample(), after, "second")

    convert(place, after, with_tag(place, "second"))

    assert (index_of(place), blobs_of(place)) == (index_of(expected), blobs_of(expected))


@pytest.mark.parametrize("data", [CORE_MODULE, module(9000), component(), component(section(1, module(4095)))])
@pytest.mark.parametrize("form", Form)
def test_what_has_nothing_to_split_stays_whole(form: Form, data: bytes, tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "layout", tag=TAG)
    pack(place, data, Form.WHOLE)
    before = files(place.folder)

    converted = convert(place, form)

    assert (converted.form, files(place.folder)) == (Form.WHOLE, before)
    assert (converted.whole.digest, converted.whole.size) == (Digest.of(data), len(data))


OLDER_CONFIG = (
    b'{ "created": "2024-01-01T00:00:00Z", "author": null, "architecture": "wasm", "os": "wasip2", "more": [],'
    b' "layerDigests": ["sha256:%s"], "component": null }' % (b"0" * 64)
)


def put_older(
    place: LayoutPlace, config_type: str, layer_type: str, data: bytes, algorithm: str = "sha256", **fields: Any
) -> Descriptor:
    """An artifact as older tools wrote it, in a layout that they might have written."""
    store = LayoutStore(place.folder)
    config = write(store, OLDER_CONFIG, config_type)
    layer = replace(write(store, data, layer_type, algorithm), annotations={TITLE: "old.wasm"})
    entry = write_document(store, manifest(config, layer, annotations={"a": "b"}, **fields))
    entry = replace(entry, artifact_type=fields.get("artifactType"))
    tag(store, entry, place.tag or TAG)
    return entry


@pytest.mark.parametrize("layer_type", sorted(WASM_LAYERS))
@pytest.mark.parametrize("config_type", sorted(WASM_CONFIGS))
@pytest.mark.parametrize("own_type", [None, "application/vnd.example.module.v1"])
def test_artifact_of_an_older_tool_is_the_same_in_every_form(
    config_type: str, layer_type: str, own_type: str | None, tmp_path: Path
) -> None:
    place = LayoutPlace(folder=tmp_path / "layout", tag=TAG)
    fields = {} if own_type is None else {"artifactType": own_type}
    entry = put_older(place, config_type, layer_type, sample(), **fields)
    before = files(place.folder)

    for form in (Form.BOTH, Form.MAPPED, Form.SPLIT):
        converted = convert(place, form)

        assert (converted.manifest, whole_manifest(place), converted.form) == (entry.digest, entry.digest, form)
        assert unpack(place, tmp_path / "out") == sample()
        assert packaging_kit.verify(without_tag(place), SETTINGS).problems == ()
    convert(place, Form.WHOLE)
    packaging_kit.gc(without_tag(place))

    assert files(place.folder) == before


@pytest.mark.parametrize("form", Form)
def test_whole_that_is_named_by_sha512_is_the_same_in_every_form(form: Form, tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "layout", tag=TAG)
    entry = put_older(place, WASM_CONFIG, WASM, sample(), "sha512")

    converted = convert(place, form)
    packaging_kit.gc(without_tag(place))
    again = convert(place, Form.WHOLE)

    assert (converted.manifest, again.manifest, again.digest) == (entry.digest,) * 3
    assert (converted.whole.digest.algorithm, unpack(place, tmp_path / "out")) == ("sha512", sample())


def test_index_around_one_manifest_gives_way_to_the_artifact_itself(tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "layout", tag="old")
    entry = put_older(place, WASM_CONFIG, WASM, sample())
    store = LayoutStore(place.folder)
    tag(store, write_document(store, index(entry)), TAG)

    converted = convert(with_tag(place, TAG), Form.MAPPED)

    assert (converted.digest, converted.manifest) == (entry.digest, entry.digest)
    assert named(place) == {"old": entry.digest, TAG: entry.digest}


def named(place: LayoutPlace) -> dict[str, Digest]:
    entries = json.loads(index_of(place))["manifests"]
    return {e["annotations"][REF_NAME]: Digest(e["digest"]) for e in entries if "annotations" in e}


def test_signed_artifact_that_refers_to_something_itself_still_does(tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "layout", tag=TAG)
    subject = Descriptor(media_type=IMAGE_MANIFEST, digest=Digest.of(b"elsewhere"), size=9)
    entry = put_older(place, WASM_CONFIG, WASM, sample(), subject=subject)

    convert(place, Form.SPLIT)
    convert(place, Form.WHOLE)

    assert [found.digest for found in LayoutStore(place.folder).referrers(subject.digest)] == [entry.digest]


@pytest.mark.parametrize("form", [Form.MAPPED, Form.BOTH])
def test_split_of_an_artifact_that_refers_to_something_itself_is_copied_with_it(form: Form, tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "layout", tag=TAG)
    subject = Descriptor(media_type=IMAGE_MANIFEST, digest=Digest.of(b"elsewhere"), size=9)
    entry = put_older(place, WASM_CONFIG, WASM, sample(), subject=subject)
    source, sink = LayoutStore(place.folder), MemoryStore()
    convert(place, form)
    split = source.referrers(entry.digest)
    copy(source, sink, [(TAG, source.find(TAG))], referrers=ReferrerChoice.AUTO, force=False)

    assert len(split) == (1 if form is Form.MAPPED else 2)
    assert sink.referrers(entry.digest) == split


@pytest.mark.parametrize(("before", "after"), FORM_PAIRS)
def test_thing_that_is_named_by_digest_is_converted_under_its_tag(before: Form, after: Form, tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "layout", tag=TAG)
    digest = pack(place, sample(), before).digest
    pack(place, sample("b"), Form.MAPPED, "other")

    converted = convert(LayoutPlace(folder=place.folder, digest=digest), after)

    assert (converted.tag, named(place)[TAG], converted.form) == (TAG, converted.digest, after)


@pytest.mark.parametrize("count", [0, 2])
def test_tag_has_to_be_said_where_a_digest_has_none_or_more_than_one(count: int, tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "layout", tag=TAG)
    digest = pack(place, sample(), Form.MAPPED).digest
    store = LayoutStore(place.folder)
    if count:
        packaging_kit.copy(place, with_tag(place, "second"), SETTINGS)
    else:
        store.change_index(lambda old: replace(old, manifests=tuple(replace(e, annotations={}) for e in old.manifests)))
    by_digest = LayoutPlace(folder=place.folder, digest=digest)
    before = files(place.folder)

    with pytest.raises(RequestError) as error:
        convert(by_digest, Form.SPLIT)
    refused = files(place.folder)
    converted = convert(by_digest, Form.SPLIT, LayoutPlace(folder=tmp_path / "b", tag="said"))

    assert (error.value.code, refused) == ("tag-missing", before)
    assert (converted.tag, files(tmp_path / "b")) == ("said", said_split(tmp_path / "packed"))


def said_split(folder: Path) -> dict[str, bytes]:
    pack(LayoutPlace(folder=folder), sample(), Form.SPLIT, "said")
    return files(folder)


def test_only_entry_without_a_tag_is_converted_elsewhere(tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "a")
    pack(place, sample(), Form.SPLIT)
    LayoutStore(place.folder).change_index(
        lambda old: replace(old, manifests=tuple(replace(entry, annotations={}) for entry in old.manifests))
    )

    convert(place, Form.BOTH, LayoutPlace(folder=tmp_path / "b", tag=TAG))

    assert files(tmp_path / "b") == packed_as(Form.BOTH, tmp_path / "packed")


def test_only_one_fragment_is_converted_as_the_artifact_that_it_is(tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "a")
    pack(place, sample(), Form.SPLIT)
    store = LayoutStore(place.folder)
    fragment = json.loads(store.read_blob(store.find(TAG).digest))["manifests"][1]

    source = LayoutPlace(folder=place.folder, digest=Digest(fragment["digest"]))
    converted = convert(source, Form.SPLIT, LayoutPlace(folder=tmp_path / "b", tag="module"))

    assert (converted.form, converted.digest.value) == (Form.WHOLE, fragment["digest"])
    assert unpack(LayoutPlace(folder=tmp_path / "b"), tmp_path / "out") == module(5000, "shared")


def too_many_modules() -> bytes:
    return component(*(section(1, module(4096, str(number))) for number in range(10_000)))


def test_form_that_registries_would_not_take_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "a", tag=TAG)
    pack(place, too_many_modules(), Form.WHOLE)
    before = sorted(files(place.folder))
    codes = []
    for destination in (None, LayoutPlace(folder=tmp_path / "b")):
        with pytest.raises(DocumentError) as error:
            convert(place, Form.SPLIT, destination)
        codes.append(error.value.code)

    assert codes == ["split-too-many-fragments"] * 2
    assert (sorted(files(place.folder)), (tmp_path / "b").exists()) == (before, False)


def damage(change: Callable[[bytes], bytes] | None, path: Path) -> None:
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change(path.read_bytes()))


@pytest.mark.parametrize("form", [Form.WHOLE, Form.SPLIT])
@pytest.mark.parametrize("elsewhere", [False, True])
@pytest.mark.parametrize(
    "change", [None, lambda data: data[:-1], lambda data: data[:-1] + bytes([data[-1] ^ 1])], ids=["gone", "cut", "bit"]
)
def test_damaged_source_is_refused_and_nothing_changes(
    form: Form, elsewhere: bool, change: Callable[[bytes], bytes] | None, tmp_path: Path
) -> None:
    place = LayoutPlace(folder=tmp_path / "a", tag=TAG)
    packed_as(form, place.folder)
    target = LayoutPlace(folder=tmp_path / "b") if elsewhere else None
    outcomes = set()
    for name, data in files(place.folder).items():
        if name.startswith("blobs/") and is_needed(place, name):
            damage(change, place.folder / name)
            damaged = files(place.folder)
            with pytest.raises(PackagingKitError) as error:
                convert(place, Form.BOTH, target)
            outcomes.add(type(error.value))

            assert (files(place.folder), (tmp_path / "b").exists()) == (damaged, False)
            (place.folder / name).write_bytes(data)

    assert outcomes <= {ContentError, NotFoundError}
    assert len(outcomes) == 1


def is_needed(place: LayoutPlace, name: str) -> bool:
    """Whether the whole can't be told without the blob: a fragment's own manifest and config only help others."""
    raw = (place.folder / name).read_bytes()
    return b"wasip1" not in raw and b"sha256-" not in raw and raw != b"{}"


def test_whole_that_is_no_component_cannot_be_split(tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "a", tag=TAG)
    put_older(place, WASM_CONFIG, WASM, b"no wasm at all")
    before = files(place.folder)

    with pytest.raises(PackagingKitError) as error:
        convert(place, Form.MAPPED)

    assert (error.value.code, files(place.folder)) == ("wasm-malformed", before)


def test_image_of_another_kind_is_refused(tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "a", tag=TAG)
    put_older(place, "application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar", b"tar")
    before = files(place.folder)

    with pytest.raises(DocumentError) as error:
        convert(place, Form.MAPPED)

    assert (error.value.code, files(place.folder)) == ("media-type-unexpected", before)


@pytest.mark.parametrize("kind", PLACE_KINDS)
def test_tag_of_the_destination_is_moved_by_force_only(kind: PlaceKind, tmp_path: Path) -> None:
    source, sink = make_place("layout", tmp_path / "a", TAG), make_place(kind, tmp_path / "b", TAG)
    pack(source, sample(), Form.MAPPED)
    pack(sink, sample("b"), Form.BOTH)
    before = index_of(sink)

    with pytest.raises(PackagingKitError) as error:
        convert(source, Form.SPLIT, sink)
    refused = index_of(sink)
    converted = convert(source, Form.SPLIT, sink, force=True)

    assert (error.value.code, refused) == ("tag-exists", before)
    assert (converted.tag, unpack(sink, tmp_path / "out")) == (TAG, sample())


def test_destination_in_the_same_layout_under_the_same_tag_is_taken(tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "a", tag=TAG)
    pack(place, sample(), Form.MAPPED)
    before = index_of(place)

    with pytest.raises(PackagingKitError) as error:
        convert(place, Form.SPLIT, LayoutPlace(folder=tmp_path / "a"))

    assert (error.value.code, index_of(place)) == ("tag-exists", before)


def test_missing_place_and_missing_tag_are_not_found(tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "a", tag=TAG)
    pack(place, sample())
    missing = (with_tag(place, "no"), LayoutPlace(folder=tmp_path / "no"), make_place("archive", tmp_path / "no"))
    codes = []
    for source in missing:
        with pytest.raises(NotFoundError) as error:
            convert(source, Form.WHOLE, LayoutPlace(folder=tmp_path / "b"))
        codes.append(error.value.code)

    assert (codes, (tmp_path / "b").exists()) == (["not-found"] * 3, False)


def test_layout_of_others_keeps_what_it_says_of_itself(tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "a", tag=TAG)
    pack(place, sample(), Form.MAPPED)
    path = place.folder / "index.json"
    value = json.loads(path.read_bytes()) | {"annotations": {"k": "v"}, "more": [1]}
    value["manifests"][0]["platform"] = {"architecture": "wasm", "os": "wasi"}
    path.write_bytes(json.dumps(value, indent=2).encode())
    (place.folder / "oci-layout").write_bytes(b" " + LAYOUT_FILE)

    convert(place, Form.SPLIT)

    expected = json.loads(packed_as(Form.SPLIT, tmp_path / "packed")["index.json"])
    assert path.read_bytes() == dump_json(expected | {"annotations": {"k": "v"}, "more": [1]})
    assert (place.folder / "oci-layout").read_bytes() == b" " + LAYOUT_FILE
