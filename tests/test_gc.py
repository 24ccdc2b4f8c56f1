"""`gc`: what goes, what stays, and when it had better not begin."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import packaging_kit
from packaging_kit import ArchivePlace, Digest, Form, LayoutPlace, LayoutStore, Swept
from packaging_kit.errors import NotFoundError, RequestError, StoreError
from packaging_kit.limits import MAX_INDEX_DEPTH
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.layout import Tagged
from packaging_kit.oci.manifest import Manifest, describe_manifest
from packaging_kit.oci.media_types import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    EMPTY,
    IMAGE_MANIFEST,
    SKELETON_ARTIFACT,
    WHOLE_MANIFEST,
)
from packaging_kit.operations.places import RepositoryPlace
from packaging_kit.stores.atomic import AtomicFile
from packaging_kit.transfer.progress import NoProgress
from tests.layouts import Entry, HandMade, blob_path, entries, read_document, tagged
from tests.repositories import SETTINGS, files, pack, sample

SIGNATURE = "application/vnd.example.signature"


def packed(folder: Path, form: Form = Form.BOTH, data: bytes | None = None, tag: str = "v") -> LayoutPlace:
    pack(LayoutPlace(folder=folder), sample() if data is None else data, form, tag)
    return LayoutPlace(folder=folder)


def untag(folder: Path, tag: str) -> None:
    packaging_kit.untag(LayoutPlace(folder=folder, tag=tag), SETTINGS)


def gc(place: RepositoryPlace, *, dry_run: bool = False, force: bool = False) -> Swept:
    return packaging_kit.gc(place, dry_run=dry_run, force=force)


def blobs(folder: Path) -> set[str]:
    return {path.as_posix().rpartition("blobs/")[2].replace("/", ":") for path in folder.glob("blobs/*/*")}


def digests(*of: Entry) -> set[str]:
    return {entry["digest"] for entry in of}


def content(folder: Path, entry: Entry) -> set[str]:
    """Digests of a manifest and of what it names."""
    document = read_document(folder, entry)
    return digests(entry, document["config"], *document["layers"])


@pytest.mark.parametrize("gone", Form)
@pytest.mark.parametrize("kept", Form)
def test_layout_is_left_as_if_what_went_had_never_been_there(kept: Form, gone: Form, tmp_path: Path) -> None:
    place = packed(tmp_path / "layout", kept, sample("kept"), "kept")
    packed(tmp_path / "layout", gone, sample("gone"), "gone")
    packed(tmp_path / "expected", kept, sample("kept"), "kept")
    untag(place.folder, "gone")
    gc(place)

    assert files(place.folder) == files(tmp_path / "expected")


def test_what_goes_and_what_stays_is_told(tmp_path: Path) -> None:
    layout = HandMade(tmp_path)
    kept, gone, spare = layout.manifest(layout.blob(b"kept")), layout.manifest(layout.blob(b"gone")), layout.blob(b"x")
    place = layout.name(tagged(kept, "v"), gone)
    swept = gc(place)
    expected = digests(gone, spare) | {Digest.of(b"gone").value}

    assert [digest.value for digest in swept.entries] == [gone["digest"]]
    assert [blob.digest.value for blob in swept.blobs] == sorted(expected)
    assert (swept.size, swept.kept, swept.is_dry_run) == (gone["size"] + 4 + 1, 3, False)


def test_dry_run_tells_the_same_and_changes_nothing(tmp_path: Path) -> None:
    place = packed(tmp_path, tag="a")
    packed(tmp_path, Form.MAPPED, sample("b"), "b")
    untag(tmp_path, "b")
    (tmp_path / "blobs" / "sha256" / ".pkit-1-1").write_bytes(b"stale")
    before = files(tmp_path)
    planned = gc(place, dry_run=True)
    after = files(tmp_path)
    swept = gc(place)

    assert (after, planned.is_dry_run, len(planned.blobs) > 0) == (before, True, True)
    assert (planned.entries, planned.blobs, planned.kept) == (swept.entries, swept.blobs, swept.kept)


def test_second_sweep_finds_nothing(tmp_path: Path) -> None:
    place = packed(tmp_path)
    packed(tmp_path, Form.SPLIT, sample("b"), "b")
    untag(tmp_path, "b")
    gc(place)
    before = files(tmp_path)
    swept = gc(place)

    assert (swept.entries, swept.blobs, files(tmp_path)) == ((), (), before)


def test_what_a_moved_tag_named_goes(tmp_path: Path) -> None:
    place = packed(tmp_path / "layout")
    pack(place, sample("b"), Form.MAPPED, "v", force=True)
    packed(tmp_path / "expected", Form.MAPPED, sample("b"))
    gc(place)

    assert files(place.folder) == files(tmp_path / "expected")


def test_index_of_which_nothing_goes_keeps_its_bytes(tmp_path: Path) -> None:
    layout = HandMade(tmp_path)
    first, second = (layout.manifest(layout.blob(text)) for text in (b"first", b"second"))
    place = layout.name(tagged(second, "v2"), tagged(first, "v1"), annotations={"note": "theirs"})
    before = (tmp_path / "index.json").read_bytes()
    layout.blob(b"spare")
    swept = gc(place)

    assert (len(swept.blobs), (tmp_path / "index.json").read_bytes()) == (1, before)


# What is no layout, or names one thing in it.


def test_only_a_layout_folder_as_a_whole_is_swept(tmp_path: Path) -> None:
    place = packed(tmp_path / "layout")
    archive = ArchivePlace(file=tmp_path / "layout.tar")
    packaging_kit.copy(place, archive, SETTINGS, every_tag=True)
    named = LayoutPlace(folder=place.folder, digest=Digest(entries(place.folder)[0]["digest"]))
    raised = []
    for wrong in (archive, LayoutPlace(folder=place.folder, tag="v"), named):
        with pytest.raises(RequestError) as error:
            gc(wrong)
        raised.append(error.value.code)

    assert raised == ["place-unclear"] * 3


def test_layout_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as error:
        gc(LayoutPlace(folder=tmp_path / "missing"))

    assert (error.value.code, list(tmp_path.iterdir())) == ("not-found", [])


@pytest.mark.parametrize("index", [None, b"", b"{", b'{"schemaVersion":2}'], ids=["none", "empty", "cut", "another"])
def test_layout_whose_index_cannot_be_read_is_left_alone(index: bytes | None, tmp_path: Path) -> None:
    place = packed(tmp_path)
    (tmp_path / "index.json").unlink()
    if index is not None:
        (tmp_path / "index.json").write_bytes(index)
    before = files(tmp_path)

    with pytest.raises(StoreError) as error:
        gc(place)

    assert (error.value.code, files(tmp_path)) == ("layout-invalid", before)


@pytest.mark.parametrize("dry_run", [False, True])
def test_layout_without_any_tag_is_left_alone(dry_run: bool, tmp_path: Path) -> None:
    layout = HandMade(tmp_path)
    place = layout.name(layout.manifest(layout.blob(b"layer")))
    before = files(tmp_path)

    with pytest.raises(StoreError) as error:
        gc(place, dry_run=dry_run)

    assert (error.value.code, files(tmp_path)) == ("nothing-tagged", before)


def test_layout_without_any_tag_is_swept_by_force(tmp_path: Path) -> None:
    layout = HandMade(tmp_path)
    place = layout.name(layout.manifest(layout.blob(b"layer")))
    gc(place, force=True)

    assert (entries(tmp_path), blobs(tmp_path)) == ([], set())


def test_layout_whose_last_tag_was_taken_away_is_swept(tmp_path: Path) -> None:
    place = packed(tmp_path)
    untag(tmp_path, "v")
    gc(place)

    assert (entries(tmp_path), blobs(tmp_path)) == ([], set())


# Damage.


def _nested(layout: HandMade) -> Entry:
    entry = layout.manifest(layout.blob(b"deep"))
    for _ in range(MAX_INDEX_DEPTH + 1):
        entry = layout.index(entry)
    return entry


def _without(layout: HandMade, entry: Entry) -> Entry:
    blob_path(layout.folder, entry).unlink()
    return entry


def _flipped(layout: HandMade, entry: Entry) -> Entry:
    path = blob_path(layout.folder, entry)
    path.write_bytes(path.read_bytes().replace(b"{", b"[", 1))
    return entry


DAMAGED: dict[str, Callable[[HandMade], Entry]] = {
    "flipped manifest": lambda layout: tagged(_flipped(layout, layout.manifest()), "v"),
    "missing manifest": lambda layout: tagged(_without(layout, layout.manifest()), "v"),
    "missing manifest in an index": lambda layout: tagged(layout.index(_without(layout, layout.manifest())), "v"),
    "invalid manifest": lambda layout: tagged(layout.blob(b"{}", IMAGE_MANIFEST), "v"),
    "manifest of another size": lambda layout: tagged(layout.manifest() | {"size": 5}, "v"),
    "missing referrer": lambda layout: _without(layout, layout.manifest(artifactType=SIGNATURE)),
    "flipped index": lambda layout: _flipped(layout, layout.index()),
    "entry of another type": lambda layout: layout.blob(b"layer"),
    "tag of another type": lambda layout: tagged(layout.blob(b"layer"), "v"),
    "index of something else": lambda layout: tagged(layout.index(layout.blob(b"layer")), "v"),
    "indexes too deep": lambda layout: tagged(_nested(layout), "v"),
}


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_layout_is_left_alone(damage: str, dry_run: bool, tmp_path: Path) -> None:
    layout = HandMade(tmp_path)
    place = layout.name(DAMAGED[damage](layout), tagged(layout.manifest(layout.blob(b"other")), "other"))
    layout.blob(b"spare")
    before = files(tmp_path)

    with pytest.raises(StoreError) as error:
        gc(place, dry_run=dry_run)

    assert (error.value.code, "verify" in str(error.value.hint), files(tmp_path)) == ("layout-damaged", True, before)


@pytest.mark.parametrize("damage", DAMAGED)
def test_what_stops_a_sweep_is_found_by_verify(damage: str, tmp_path: Path) -> None:
    layout = HandMade(tmp_path)
    place = layout.name(DAMAGED[damage](layout), tagged(layout.manifest(layout.blob(b"other")), "other"))

    assert packaging_kit.verify(place, SETTINGS).problems != ()


@pytest.mark.parametrize("role", ["config", "layer"])
def test_blob_that_leads_nowhere_may_be_damaged_or_missing(role: str, tmp_path: Path) -> None:
    layout = HandMade(tmp_path)
    layers = {"config": layout.blob(b"config"), "layer": layout.blob(b"layer")}
    damaged = layout.manifest(layers["layer"], layout.blob(b"another layer"), config=layers["config"])
    place = layout.name(tagged(damaged, "v"))
    blob_path(tmp_path, layers[role]).write_bytes(b"damaged")
    swept = gc(place)

    assert (swept.blobs, swept.kept) == ((), 4)


# What stays.


def signed(layout: HandMade, subject: Entry, text: bytes) -> Entry:
    plain = {name: subject[name] for name in ("mediaType", "digest", "size")}
    return layout.manifest(layout.blob(text), artifactType=SIGNATURE, subject=plain)


def test_referrers_of_referrers_stay_in_any_order(tmp_path: Path) -> None:
    layout = HandMade(tmp_path)
    chain = [layout.manifest(layout.blob(b"layer"))]
    for number in range(5):
        chain.append(signed(layout, chain[-1], str(number).encode()))
    for number, order in enumerate((chain, chain[::-1])):
        place = layout.name(*(tagged(entry, "v") if entry is chain[0] else entry for entry in order))
        swept = gc(place)

        assert (swept.entries, swept.blobs, len(entries(tmp_path))) == ((), (), 6), number


def test_referrer_of_what_goes_goes_with_all_that_refers_to_it(tmp_path: Path) -> None:
    layout = HandMade(tmp_path)
    kept, gone = (layout.manifest(layout.blob(text)) for text in (b"kept", b"gone"))
    of_kept = signed(layout, kept, b"stays")
    of_gone = signed(layout, gone, b"goes")
    place = layout.name(tagged(kept, "v"), gone, of_kept, of_gone, signed(layout, of_gone, b"goes too"))
    gc(place)

    assert digests(*entries(tmp_path)) == digests(kept, of_kept)
    assert blobs(tmp_path) == content(tmp_path, kept) | content(tmp_path, of_kept)


def test_referrer_of_something_inside_an_index_stays(tmp_path: Path) -> None:
    layout = HandMade(tmp_path)
    inside = layout.manifest(layout.blob(b"inside"))
    signature = signed(layout, inside, b"signature")
    place = layout.name(tagged(layout.index(layout.index(inside)), "v"), signature)
    swept = gc(place)

    assert (swept.entries, swept.blobs) == ((), ())


def test_signature_of_a_whole_stays_where_only_its_split_is_left(tmp_path: Path) -> None:
    place = packed(tmp_path, Form.MAPPED)
    layout, whole = HandMade(tmp_path), entries(tmp_path)[0]
    signature = signed(layout, whole, b"signature")
    layout.name(*entries(tmp_path), signature)
    packaging_kit.convert(LayoutPlace(folder=tmp_path, tag="v"), Form.SPLIT, SETTINGS)
    gc(place)

    assert signature["digest"] in digests(*entries(tmp_path))
    assert content(tmp_path, signature) | digests(whole) <= blobs(tmp_path)


@pytest.mark.parametrize("tag", ["a", "z"])
def test_manifest_that_is_met_as_a_layer_too_keeps_its_content(tag: str, tmp_path: Path) -> None:
    layout = HandMade(tmp_path)
    whole = layout.manifest(layout.blob(b"layer"))
    carrier = layout.manifest({**whole, "mediaType": WHOLE_MANIFEST}, artifactType=SKELETON_ARTIFACT)
    place = layout.name(tagged(carrier, "m"), tagged(whole, tag))
    swept = gc(place)

    assert (swept.blobs, content(tmp_path, whole) <= blobs(tmp_path)) == ((), True)


def test_manifest_that_is_met_as_a_layer_only_does_not_keep_its_content(tmp_path: Path) -> None:
    layout = HandMade(tmp_path)
    layer = layout.blob(b"layer")
    whole = layout.manifest(layer)
    place = layout.name(tagged(layout.manifest({**whole, "mediaType": WHOLE_MANIFEST}), "v"))
    gc(place)

    assert (whole["digest"] in blobs(tmp_path), layer["digest"] in blobs(tmp_path)) == (True, False)


def test_entry_without_a_tag_that_an_index_names_too_goes_and_its_content_stays(tmp_path: Path) -> None:
    layout = HandMade(tmp_path)
    inside = layout.manifest(layout.blob(b"inside"))
    outside = layout.index(inside)
    place = layout.name(tagged(outside, "v"), inside)
    swept = gc(place)

    assert (digests(*entries(tmp_path)), swept.blobs) == (digests(outside), ())


@pytest.mark.parametrize("is_there", [True, False], ids=["with its subject", "without its subject"])
def test_list_of_referrers_under_a_fallback_tag_stays(is_there: bool, tmp_path: Path) -> None:
    layout = HandMade(tmp_path)
    whole, other = layout.manifest(layout.blob(b"layer")), layout.manifest(layout.blob(b"other"))
    signature = signed(layout, whole, b"signature")
    fallback = tagged(layout.index(signature), whole["digest"].replace(":", "-"))
    place = layout.name(tagged(other, "other"), fallback, *([tagged(whole, "v")] if is_there else []))
    gc(place)

    assert content(tmp_path, signature) <= blobs(tmp_path)
    assert (whole["digest"] in blobs(tmp_path), fallback in entries(tmp_path)) == (is_there, True)


def test_documents_of_docker_keep_their_content(tmp_path: Path) -> None:
    layout = HandMade(tmp_path)
    manifest = layout.manifest(layout.blob(b"layer"), mediaType=DOCKER_MANIFEST)
    place = layout.name(tagged(layout.index(layout.index(manifest, mediaType=DOCKER_INDEX)), "v"))
    swept = gc(place)

    assert (swept.blobs, swept.kept) == ((), 5)


def test_blobs_of_sha512_stay_and_go_like_all_others(tmp_path: Path) -> None:
    layout = HandMade(tmp_path)
    layer, spare = (layout.blob(text, algorithm="sha512") for text in (b"layer", b"spare"))
    manifest = layout.manifest(layer, algorithm="sha512")
    place = layout.name(tagged(manifest, "v"))
    swept = gc(place)

    assert [blob.digest.value for blob in swept.blobs] == [spare["digest"]]
    assert blobs(tmp_path) == content(tmp_path, manifest)


def test_entries_of_others_that_stay_keep_what_they_say(tmp_path: Path) -> None:
    layout = HandMade(tmp_path)
    whole = layout.manifest(layout.blob(b"layer"))
    signature = signed(layout, whole, b"signature") | {"annotations": {"note": "theirs"}, "platform": {"os": "x"}}
    place = layout.name(tagged(whole, "v"), signature, layout.manifest(layout.blob(b"gone")), annotations={"a": "b"})
    gc(place)

    assert entries(tmp_path) == [tagged(whole, "v"), signature]
    assert json.loads((tmp_path / "index.json").read_bytes())["annotations"] == {"a": "b"}


# Files that are no blobs.


def test_temporary_files_that_nobody_writes_go(tmp_path: Path) -> None:
    place = packed(tmp_path)
    before = files(tmp_path)
    for folder in (tmp_path, tmp_path / "blobs" / "sha256"):
        (folder / ".pkit-1234-5").write_bytes(b"stale")
    gc(place)

    assert files(tmp_path) == before


def test_temporary_file_that_is_being_written_stays(tmp_path: Path) -> None:
    place = packed(tmp_path / "layout")
    folder = place.folder / "blobs" / "sha256"
    with AtomicFile(folder) as file:
        file.write(b"blob")
        gc(place)
        file.publish(folder / "published")

    assert (folder / "published").read_bytes() == b"blob"


def test_files_that_are_not_named_as_blobs_stay(tmp_path: Path) -> None:
    place = packed(tmp_path)
    sha256 = tmp_path / "blobs" / "sha256"
    for path in (
        tmp_path / "notes.txt",
        tmp_path / ".pkit-notes",
        tmp_path / "blobs" / "notes.txt",
        sha256 / "notes.txt",
        sha256 / ("A" * 64),
        sha256 / ("a" * 63),
        tmp_path / "blobs" / "md5" / ("a" * 32),
        sha256 / ("b" * 64) / "folder",
    ):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"mine")
    (sha256 / ("c" * 64)).symlink_to(tmp_path / "notes.txt")
    before = files(tmp_path)
    swept = gc(place)

    assert (swept.blobs, files(tmp_path)) == ((), before)


# Others at work.


class _Sweeper(threading.Thread):
    """Sweeps in a thread of its own."""

    swept: Swept

    def __init__(self, place: LayoutPlace) -> None:
        super().__init__(daemon=True)
        self.place = place

    def run(self) -> None:
        self.swept = gc(self.place)

    def is_waiting(self) -> bool:
        """Whether it goes on waiting for a while."""
        self.join(0.3)
        return self.is_alive()


def test_blob_that_has_no_name_yet_is_safe_while_its_writer_is_at_work(tmp_path: Path) -> None:
    place = packed(tmp_path)
    store = LayoutStore.open(tmp_path)
    sweeper = _Sweeper(place)
    with store.writing():
        blob = store.write_blob((b"no name yet",))
        sweeper.start()
        is_waiting = sweeper.is_waiting()
        is_there = store.holds_blob(blob)
    sweeper.join(60)

    assert (is_waiting, is_there) == (True, True)
    assert [swept.digest for swept in sweeper.swept.blobs] == [blob.digest]


def test_thing_that_gets_its_name_while_a_sweep_waits_stays(tmp_path: Path) -> None:
    place = packed(tmp_path, Form.WHOLE)
    store = LayoutStore.open(tmp_path)
    sweeper = _Sweeper(place)
    with store.writing():
        blob = store.write_blob((b"{}",))
        layer = Descriptor(media_type=EMPTY, digest=blob.digest, size=blob.size)
        manifest = Manifest(config=layer, layers=(layer,)).to_document()
        store.write_blob((manifest.raw,))
        sweeper.start()
        is_waiting = sweeper.is_waiting()
        store.put([Tagged("new", describe_manifest(manifest))], force=False)
    sweeper.join(60)

    assert (is_waiting, {blob.digest.value, manifest.digest.value} <= blobs(tmp_path)) == (True, True)


def test_writer_that_comes_while_a_sweep_waits_begins_after_it(tmp_path: Path) -> None:
    place = packed(tmp_path)
    store = LayoutStore.open(tmp_path)
    sweeper = _Sweeper(place)
    writer = threading.Thread(target=packed, args=(tmp_path, Form.SPLIT, sample("new"), "new"), daemon=True)
    with store.writing():
        store.write_blob((b"no name",))
        sweeper.start()
        is_waiting = sweeper.is_waiting()
        writer.start()
        writer.join(0.3)
        is_waiting = is_waiting and writer.is_alive()
    sweeper.join(60)
    writer.join(60)
    found = packaging_kit.verify(place, SETTINGS)

    assert (is_waiting, found.problems, found.unreferenced, found.tags) == (True, (), (), 2)


class _SweepsOnTheWay(NoProgress):
    """Starts a sweep when the first blob is done."""

    def __init__(self, place: LayoutPlace) -> None:
        self.sweeper = _Sweeper(place)
        self.has_waited: bool | None = None

    def start(self, what: str, total: int | None) -> None:
        pass

    def advance(self, count: int) -> None:
        if self.has_waited is None:
            self.sweeper.start()
            self.has_waited = self.sweeper.is_waiting()


def test_blob_that_a_copy_finds_there_without_a_name_is_safe_until_it_has_one(tmp_path: Path) -> None:
    source, place = packed(tmp_path / "source"), packed(tmp_path / "layout")
    packed(place.folder, Form.WHOLE, sample("other"), "other")
    untag(place.folder, "v")
    progress = _SweepsOnTheWay(place)
    packaging_kit.copy(LayoutPlace(folder=source.folder, tag="v"), place, SETTINGS, progress=progress)
    progress.sweeper.join(60)

    assert (progress.has_waited, packaging_kit.verify(place, SETTINGS).problems) == (True, ())
