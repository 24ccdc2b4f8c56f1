"""Statistics: every number worked out here a second time, and skeletons that are not to be believed."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import packaging_kit
from packaging_kit import Digest, Form, LayoutPlace, LayoutStore, Sharing
from packaging_kit.document import dump_json
from packaging_kit.errors import ContentError, NotFoundError, PackagingKitError
from packaging_kit.fragments.explode import explode
from packaging_kit.oci.media_types import SKELETON, SKELETON_ARTIFACT, WASM, WASM_CONFIG
from packaging_kit.operations.places import RepositoryPlace, with_tag
from packaging_kit.operations.stats import ModuleUse
from packaging_kit.stores.indexed import IndexedStore
from tests import shell
from tests.repositories import (
    PLACE_KINDS,
    SETTINGS,
    TAG,
    PlaceKind,
    attach,
    blobs_of,
    index,
    make_place,
    manifest,
    pack,
    sample,
    tag,
    write,
    write_document,
)
from tests.strategies import Tree, component, module, section, split_trees, trees

NAMES = ("a", "b", "other", "d")


def stats(*places: RepositoryPlace) -> Sharing:
    return packaging_kit.stats(places, SETTINGS)


def expected(stored: int, others: int, components: Mapping[str, bytes]) -> Sharing:
    """What `stats` has to say of components, added up by hand from what they explode into."""
    pieces: dict[Digest, int] = {}
    modules: dict[Digest, int] = {}
    copies: Counter[Digest] = Counter()
    users: dict[Digest, list[str]] = {}
    for name, data in components.items():
        exploded = explode(data)
        pieces |= {exploded.root: len(exploded.skeleton)}
        pieces |= {fragment.digest: fragment.size for fragment in exploded.fragments}
        of_this = {fragment.digest: fragment.size for fragment in exploded.core_modules}
        modules |= of_this
        # A module has no bytes in common with another by chance: it stands where its bytes stand.
        copies.update({digest: data.count(read_fragment(data, digest)) for digest in of_this})
        for digest in of_this:
            users.setdefault(digest, []).append(name)
    uses = [
        ModuleUse(digest=digest, size=size, copies=copies[digest], components=tuple(sorted(users[digest])))
        for digest, size in modules.items()
    ]
    return Sharing(
        components=len(components),
        others=others,
        packed=sum(len(data) for data in components.values()),
        stored=stored,
        split=sum(pieces.values()),
        modules=tuple(sorted(uses, key=lambda use: (-use.size * (use.copies - 1), -use.size, use.digest))),
    )


def read_fragment(data: bytes, digest: Digest) -> bytes:
    return explode(data).read_blob(digest)


def stored_in(*places: RepositoryPlace) -> int:
    return sum(len(data) for place in places for data in blobs_of(place).values())


@pytest.mark.parametrize("kind", PLACE_KINDS)
def test_components_in_mixed_forms_are_counted(kind: PlaceKind, tmp_path: Path) -> None:
    place = make_place(kind, tmp_path / "a")
    for name, form in zip(NAMES, Form, strict=True):
        pack(place, sample(name), form, name)

    sharing = stats(place)

    assert sharing == expected(stored_in(place), 0, {str(with_tag(place, name)): sample(name) for name in NAMES})
    assert sharing.saved == sharing.packed - sharing.stored


@pytest.mark.parametrize("form", Form)
def test_form_makes_no_difference_but_to_what_is_stored(form: Form, tmp_path: Path) -> None:
    place, whole = LayoutPlace(folder=tmp_path / "a"), LayoutPlace(folder=tmp_path / "whole")
    for name in NAMES:
        pack(place, sample(name), form, name)
        pack(whole, sample(name), Form.WHOLE, name)

    found, other = stats(place), stats(whole)

    assert replace(found, stored=0, modules=()) == replace(other, stored=0, modules=())
    assert [(use.digest, use.copies) for use in found.modules] == [(use.digest, use.copies) for use in other.modules]


def test_places_of_several_kinds_are_counted_together(tmp_path: Path) -> None:
    places = [make_place(kind, tmp_path / name) for kind, name in product(PLACE_KINDS, "xy")]
    components = {}
    for place, name, form in zip(places, NAMES, Form, strict=True):
        pack(place, sample(name), form, name)
        components[str(with_tag(place, name))] = sample(name)

    sharing = stats(*places)

    assert sharing == expected(stored_in(*places), 0, components)
    assert max(len(use.components) for use in sharing.modules) == 4


def test_place_that_is_given_twice_is_counted_once(tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "a")
    pack(place, sample())

    assert stats(place, place, with_tag(place, TAG)) == stats(place)


def test_one_component_under_two_tags_is_two_components(tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "a")
    pack(place, sample())
    packaging_kit.copy(place, with_tag(place, "second"), SETTINGS)

    sharing = stats(place)

    components = {str(with_tag(place, name)): sample() for name in (TAG, "second")}
    assert sharing == expected(stored_in(place), 0, components)


@pytest.mark.parametrize("form", Form)
def test_only_what_a_place_names_is_counted(form: Form, tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "a", tag=TAG)
    digest = pack(place, sample(), form).digest
    pack(place, sample("other"), form, "other")
    by_digest = LayoutPlace(folder=place.folder, digest=digest)

    assert stats(place) == expected(0, 0, {str(place): sample()})
    assert stats(by_digest) == expected(0, 0, {str(by_digest): sample()})


@pytest.mark.parametrize("inside", [{"tag": "no"}, {"digest": Digest.of(b"no")}])
def test_what_a_place_names_has_to_be_there(inside: dict[str, object], tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "a")
    pack(place, sample())

    with pytest.raises(NotFoundError) as error:
        stats(replace(place, **inside))  # type: ignore[arg-type]  # one of its fields

    assert error.value.code == "not-found"


def test_layout_without_tags_has_no_components(tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "a", tag=TAG)
    pack(place, sample())
    packaging_kit.untag(place, SETTINGS)

    sharing = stats(LayoutPlace(folder=place.folder))

    assert sharing == expected(stored_in(place), 0, {})


def put_others(store: IndexedStore) -> int:
    """Images of other kinds, each under a tag; how many."""
    config = write(store, b"{}", "application/vnd.oci.image.config.v1+json")
    tar = write(store, b"tar", "application/vnd.oci.image.layer.v1.tar+gzip")
    wasm = write(store, sample(), WASM)
    image = write_document(store, manifest(config, tar))
    others = [
        image,
        write_document(store, manifest(config, tar, tar)),
        write_document(store, manifest(config)),
        write_document(store, manifest(config, wasm, wasm)),
        write_document(store, manifest(write(store, b"{}", "application/vnd.cncf.helm.config.v1+json"), wasm)),
        write_document(store, index(image, image)),
        write_document(store, index()),
        write_document(store, manifest(config, tar, artifactType=SKELETON_ARTIFACT)),
    ]
    for number, entry in enumerate(others):
        tag(store, entry, f"image-{number}")
    return len(others)


def test_images_of_another_kind_are_counted_as_others(tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "a")
    pack(place, sample())
    count = put_others(LayoutStore(place.folder))

    sharing = stats(place)

    assert sharing == expected(stored_in(place), count, {str(with_tag(place, TAG)): sample()})


def test_list_of_referrers_is_neither_a_component_nor_anything_else(tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "a")
    digest = pack(place, sample(), Form.MAPPED).digest
    store = LayoutStore(place.folder)
    tag(store, write_document(store, index(store.referrers(digest)[0])), digest.value.replace(":", "-"))

    sharing = stats(place)

    assert (sharing.components, sharing.others) == (1, 0)


def test_core_module_that_stands_alone_and_in_a_component_is_needed_once(tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "a")
    pack(place, module(5000), tag="module")
    pack(place, component(section(1, module(5000))), tag="component")

    sharing = stats(place)

    assert sharing.split == 5000 + explode(component(section(1, module(5000)))).skeleton_size
    assert [(use.copies, len(use.components)) for use in sharing.modules] == [(1, 1)]


def test_component_without_fragments_needs_all_of_its_bytes(tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "a")
    pack(place, component(section(1, module(4000))))

    sharing = stats(place)

    assert (sharing.split, sharing.packed, sharing.modules) == (4011, 4011, ())


@settings(max_examples=40)
@given(packed=st.lists(st.tuples(trees() | split_trees(), st.sampled_from(Form)), min_size=1, max_size=4))
def test_any_components_are_counted_as_the_second_split_says(
    packed: list[tuple[Tree, Form]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("stats")
    place = LayoutPlace(folder=folder / "a")
    pieces: dict[bytes, int] = {}
    copies: Counter[bytes] = Counter()
    for number, (tree, form) in enumerate(packed):
        pack(place, tree.encode(), form, f"t{number}", imports=(), exports=())
        split = tree.split()
        pieces |= {data: len(data) for data in (split.skeleton, *split.fragments.values())}
        copies.update(data for _, data in tree.iter_modules())

    sharing = stats(place)

    assert sharing.components == len(packed)
    assert sharing.packed == sum(len(tree.encode()) for tree, _ in packed)
    assert sharing.split == sum(pieces.values())
    assert sharing.stored == stored_in(place)
    assert {use.digest: (use.size, use.copies) for use in sharing.modules} == {
        Digest.of(data): (len(data), count) for data, count in copies.items()
    }
    shutil.rmtree(folder)


# Skeletons: what is stored beside a whole is read in its place, and may be damaged or of something else.


def blob_path(place: LayoutPlace, digest: Digest) -> Path:
    return LayoutStore(place.folder).blob_path(digest)


def test_component_whose_skeleton_is_stored_is_not_read_itself(tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "a")
    pack(place, sample(), Form.MAPPED)
    stored = stored_in(place)
    blob_path(place, Digest.of(sample())).write_bytes(bytes(len(sample())))

    assert stats(place) == expected(stored, 0, {str(with_tag(place, TAG)): sample()})


@pytest.mark.parametrize(
    ("data", "code"), [(sample("b"), "digest-mismatch"), (sample("longer"), "size-mismatch"), (b"", "size-mismatch")]
)
def test_component_without_a_skeleton_is_read_and_checked(data: bytes, code: str, tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "a")
    pack(place, sample(), Form.WHOLE)
    blob_path(place, Digest.of(sample())).write_bytes(data)

    with pytest.raises(PackagingKitError) as error:
        stats(place)

    assert (error.value.code, error.value.subject) == (code, str(with_tag(place, TAG)))


DAMAGES: Mapping[str, Callable[[Path], object]] = {
    "gone": Path.unlink,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "changed": lambda path: path.write_bytes(path.read_bytes()[:-1] + b"!"),
    "emptied": lambda path: path.write_bytes(b""),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("form", [Form.MAPPED, Form.BOTH])
def test_damaged_skeleton_artifact_is_not_believed(damage: str, form: Form, tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "a")
    digest = pack(place, sample(), form).digest
    store = LayoutStore(place.folder)
    (artifact,) = (entry for entry in store.referrers(digest) if entry.artifact_type == SKELETON_ARTIFACT)
    exploded = explode(sample())
    for damaged in (artifact.digest, exploded.root, exploded.components[0].digest):
        path = blob_path(place, damaged)
        intact = path.read_bytes()
        DAMAGES[damage](path)
        stored = sum(path.stat().st_size for path in (place.folder / "blobs").rglob("*") if path.is_file())

        assert stats(place) == expected(stored, 0, {str(with_tag(place, TAG)): sample()})
        path.write_bytes(intact)


def attach_skeleton(
    place: LayoutPlace, name: str, change: Callable[[dict[str, list[dict[str, object]]]], object]
) -> None:
    """Let a changed skeleton artifact, of the component that is packed under `name`, stand for the one of `TAG`."""
    store = LayoutStore(place.folder)
    subject = store.find(TAG)
    (own,) = (e for e in store.referrers(store.find(name).digest) if e.artifact_type == SKELETON_ARTIFACT)
    value = json.loads(store.read_blob(own.digest))
    value["subject"] = replace(subject, annotations={}).to_json()
    change(value)
    for entry in store.referrers(subject.digest):
        blob_path(place, entry.digest).unlink()
    attach(store, write_document(store, value), SKELETON_ARTIFACT)


def keep(_: object) -> None:
    return None


def drop_whole_documents(value: dict[str, list[dict[str, object]]]) -> None:
    value["layers"] = [layer for layer in value["layers"] if layer["mediaType"] == SKELETON]


@pytest.mark.parametrize("change", [keep, drop_whole_documents])
@pytest.mark.parametrize("other", ["b", "longer name"])
def test_skeleton_artifact_of_another_component_is_not_believed(
    other: str, change: Callable[[object], object], tmp_path: Path
) -> None:
    place = LayoutPlace(folder=tmp_path / "a")
    pack(place, sample("a"), Form.MAPPED)
    pack(place, sample(other), Form.MAPPED, "other")
    attach_skeleton(place, "other", change)

    sharing = stats(with_tag(place, TAG))

    assert (len(sample("a")) == len(sample(other))) == (other == "b")
    assert sharing == expected(0, 0, {str(with_tag(place, TAG)): sample("a")})


def test_skeleton_of_another_size_is_not_believed_even_where_it_states_this_whole(tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "a")
    pack(place, sample("a"), Form.MAPPED)
    pack(place, sample("longer name"), Form.MAPPED, "other")
    root = explode(sample("longer name"))

    def name_other_root(value: dict[str, list[dict[str, object]]]) -> None:
        value["layers"][0] |= {"digest": root.root.value, "size": root.skeleton_size}

    attach_skeleton(place, TAG, name_other_root)

    assert stats(with_tag(place, TAG)) == expected(0, 0, {str(with_tag(place, TAG)): sample("a")})


def test_intact_skeleton_is_found_behind_a_wrong_one(tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "a")
    digest = pack(place, sample("a"), Form.MAPPED).digest
    store = LayoutStore(place.folder)
    subject = replace(store.find(TAG), annotations={})
    (right,) = store.referrers(digest)
    config = write(store, b"{}", WASM_CONFIG)
    wrong = [
        write_document(store, manifest(config, subject=subject, artifactType=SKELETON_ARTIFACT, n=n)) for n in range(20)
    ]
    for entry in wrong:
        attach(store, entry, SKELETON_ARTIFACT)
    blob_path(place, Digest.of(sample("a"))).unlink()

    sharing = stats(with_tag(place, TAG))

    assert min(entry.digest for entry in wrong) < right.digest
    assert sharing == expected(0, 0, {str(with_tag(place, TAG)): sample("a")})


def test_split_that_states_another_size_of_its_whole_is_refused(tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "a")
    pack(place, sample(), Form.SPLIT)
    lie_about_the_size(place)

    with pytest.raises(ContentError) as error:
        stats(place)

    assert (error.value.code, error.value.subject) == ("size-mismatch", str(with_tag(place, TAG)))


def lie_about_the_size(place: LayoutPlace) -> None:
    """Write all documents of a split again, around a whole manifest with another size of the layer."""
    store = LayoutStore(place.folder)
    index_entry = store.find(TAG)
    split = json.loads(store.read_blob(index_entry.digest))
    skeletons = json.loads(store.read_blob(Digest(split["manifests"][0]["digest"])))
    whole = json.loads(store.read_blob(Digest(skeletons["layers"][-1]["digest"])))
    whole["layers"][0]["size"] += 1
    for holder, value in ((skeletons["layers"][-1], whole), (split["manifests"][0], skeletons)):
        raw = dump_json(value)
        blob = store.write_blob((raw,))
        holder |= {"digest": blob.digest.value, "size": blob.size}
    entry = write_document(store, split)
    store.change_index(
        lambda old: replace(old, manifests=(replace(index_entry, digest=entry.digest, size=entry.size),))
    )


def test_error_names_the_component_that_it_is_about(tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "a")
    subjects = []
    pack(place, sample("b"), Form.SPLIT, "b")
    for form in Form:
        pack(place, sample("a"), form, "a", force=True)
        path = blob_path(place, LayoutStore(place.folder).find("a").digest)
        intact = path.read_bytes()
        path.unlink()
        with pytest.raises(NotFoundError) as error:
            stats(place)
        subjects.append(error.value.subject)
        path.write_bytes(intact)

    assert subjects == [str(with_tag(place, "a"))] * 4


def test_modules_that_save_most_come_first(tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "a")
    often, large, rare = module(4096, "often"), module(20_000, "large"), module(9000, "rare")
    pack(place, component(*(section(1, data) for data in (rare, large, often, often, often))))

    uses = stats(place).modules

    assert [(use.digest, use.saved) for use in uses] == [
        (Digest.of(often), 2 * 4096),
        (Digest.of(large), 0),
        (Digest.of(rare), 0),
    ]


def test_command_lists_the_components_that_use_a_module(tmp_path: Path) -> None:
    places = [make_place("layout", tmp_path / "a"), make_place("archive", tmp_path / "b")]
    pack(places[0], sample("a"), Form.SPLIT, "v1")
    pack(places[0], component(section(1, module(5000, "shared"))), Form.MAPPED, "v2")
    pack(places[0], component(section(1, module(5000, "other"))), Form.MAPPED, "v3")
    pack(places[1], sample("b"), Form.WHOLE, "v4")
    digest = Digest.of(module(5000, "shared"))

    found = shell.run(f"packaging-kit stats a b.tar --uses {digest}", tmp_path)
    missing = shell.run(f"packaging-kit stats a b.tar --uses {Digest.of(b'')}", tmp_path)

    assert (found.stdout.splitlines(), found.exit) == (["oci-archive:b.tar:v4", "oci:a:v1", "oci:a:v2"], 0)
    assert (missing.stdout, missing.exit) == ("", 1)
