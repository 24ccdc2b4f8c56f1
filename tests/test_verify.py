"""`verify`: what it finds, what it names, and what it lets be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

import packaging_kit
from packaging_kit import ArchivePlace, Digest, Form, LayoutPlace, Verification, explode
from packaging_kit.limits import MAX_INDEX_DEPTH, MAX_MANIFEST_SIZE
from packaging_kit.oci.media_types import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    EMPTY,
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    SKELETON_ARTIFACT,
    SPLIT_INDEX,
    WASM,
    WASM_CONFIG,
    WHOLE_CONFIG,
    WHOLE_MANIFEST,
)
from packaging_kit.operations.places import RepositoryPlace
from packaging_kit.transfer.copy import ReferrerChoice
from packaging_kit.transfer.progress import NoProgress
from tests.layouts import Entry, HandMade, Json, blob_path, change, entries, read_document, replace, tagged
from tests.repositories import SETTINGS, pack, sample
from tests.strategies import component, custom, module, section

SIGNATURE = "application/vnd.example.signature"


def verify(place: RepositoryPlace) -> Verification:
    return packaging_kit.verify(place, SETTINGS)


def codes(place: RepositoryPlace) -> list[str]:
    return [problem.code for problem in verify(place).problems]


def packed(folder: Path, form: Form = Form.BOTH, data: bytes | None = None, tag: str = "v") -> LayoutPlace:
    pack(LayoutPlace(folder=folder), sample() if data is None else data, form, tag)
    return LayoutPlace(folder=folder)


def roles(folder: Path) -> dict[str, Entry]:
    """What each blob is for, in a layout with one component in form `both` or `split`."""
    found: dict[str, Entry] = {}
    for entry in entries(folder):
        found[
            {SKELETON_ARTIFACT: "skeleton artifact", SPLIT_INDEX: "split index"}.get(
                entry.get("artifactType", ""), "manifest"
            )
        ] = entry
    if "skeleton artifact" not in found:
        found["skeleton artifact"] = read_document(folder, found["split index"])["manifests"][0]
    if "manifest" in found:
        whole = read_document(folder, found["manifest"])
        found |= {"config": whole["config"], "layer": whole["layers"][0]}
    skeletons = read_document(folder, found["skeleton artifact"])
    found |= {
        "empty config": skeletons["config"],
        "skeleton": skeletons["layers"][0],
        "nested skeleton": skeletons["layers"][1],
    }
    found |= {"whole config": skeletons["layers"][-2], "whole manifest": skeletons["layers"][-1]}
    if "split index" in found:
        found["fragment manifest"] = read_document(folder, found["split index"])["manifests"][1]
        fragment = read_document(folder, found["fragment manifest"])
        found |= {"fragment config": fragment["config"], "module": fragment["layers"][0]}
    return found


@pytest.mark.parametrize("form", Form)
def test_what_was_packed_has_no_problem(form: Form, tmp_path: Path) -> None:
    place = packed(tmp_path, form)
    found = verify(place)

    assert (found.problems, found.unreferenced, found.tags) == ((), (), 1)


def test_what_was_looked_at_is_counted(tmp_path: Path) -> None:
    place = packed(tmp_path)
    packed(tmp_path, Form.WHOLE, module(100), "w")
    sizes = [path.stat().st_size for path in (tmp_path / "blobs" / "sha256").iterdir()]
    found = verify(place)

    assert (found.tags, found.blobs, found.size, found.components) == (2, len(sizes), sum(sizes), 2)


class _Bytes(NoProgress):
    def __init__(self) -> None:
        self.expected: int | None = 0
        self.heard = 0

    def start(self, what: str, total: int | None) -> None:
        self.expected = total

    def advance(self, count: int) -> None:
        self.heard += count


def test_progress_hears_of_all_that_is_read(tmp_path: Path) -> None:
    progress = _Bytes()
    packaging_kit.verify(packed(tmp_path), SETTINGS, progress)

    assert (progress.heard, progress.heard > len(sample())) == (progress.expected, True)


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def grow(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "flipped": (flip, "digest-mismatch"),
    "cut": (cut, "size-mismatch"),
    "longer": (grow, "size-mismatch"),
    "gone": (Path.unlink, "not-found"),
}
ROLES_OF_BOTH = (
    "manifest",
    "config",
    "layer",
    "skeleton artifact",
    "empty config",
    "skeleton",
    "nested skeleton",
    "split index",
    "fragment manifest",
    "fragment config",
    "module",
)
ROLES_OF_SPLIT = ("whole manifest", "whole config", *ROLES_OF_BOTH[3:])


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("role", ROLES_OF_BOTH)
def test_damaged_blob_is_one_problem_whatever_its_role(role: str, damage: str, tmp_path: Path) -> None:
    place = packed(tmp_path)
    entry = roles(tmp_path)[role]
    make, code = DAMAGES[damage]
    make(blob_path(tmp_path, entry))
    # What a split index refers to, nobody can read any longer.
    tags = () if role == "split index" else ("v",)
    places = {entry["digest"], *(f"index.json manifests[{n}]" for n, e in enumerate(entries(tmp_path)) if e == entry)}
    (problem,) = verify(place).problems

    assert (problem.code, problem.tags, problem.where in places) == (code, tags, True)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("role", ROLES_OF_SPLIT)
def test_damaged_blob_of_a_split_is_one_problem_whatever_its_role(role: str, damage: str, tmp_path: Path) -> None:
    place = packed(tmp_path, Form.SPLIT)
    make, code = DAMAGES[damage]
    make(blob_path(tmp_path, roles(tmp_path)[role]))

    assert [(p.code, p.tags) for p in verify(place).problems] == [(code, ("v",))]


def test_damaged_whole_is_not_held_against_its_skeleton(tmp_path: Path) -> None:
    place = packed(tmp_path, Form.MAPPED)
    layer = roles(tmp_path)["layer"]
    path = blob_path(tmp_path, layer)
    path.write_bytes(b"\0asm\x0d\0\x01\0" + bytes(8) + path.read_bytes()[16:])

    assert [(p.code, p.where) for p in verify(place).problems] == [("digest-mismatch", layer["digest"])]


def test_every_damaged_blob_is_a_problem_of_its_own(tmp_path: Path) -> None:
    place = packed(tmp_path)
    damaged = [roles(tmp_path)[role] for role in ("layer", "module", "nested skeleton", "config")]
    for entry in damaged:
        flip(blob_path(tmp_path, entry))

    assert {p.where for p in verify(place).problems} == {entry["digest"] for entry in damaged}


def test_blob_that_is_no_plain_file_is_a_problem(tmp_path: Path) -> None:
    place = packed(tmp_path / "layout", Form.WHOLE)
    path = blob_path(place.folder, roles_of_whole(place.folder)["layer"])
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")

    assert codes(place) == ["layout-invalid"]


def roles_of_whole(folder: Path) -> dict[str, Entry]:
    (manifest,) = (entry for entry in entries(folder) if "annotations" in entry)
    value = read_document(folder, manifest)
    return {"manifest": manifest, "config": value["config"], "layer": value["layers"][0]}


def test_damaged_blob_of_sha512_is_a_problem(tmp_path: Path) -> None:
    layout = HandMade(tmp_path)
    layer = layout.blob(b"some bytes", algorithm="sha512")
    place = layout.name(tagged(layout.manifest(layer, algorithm="sha512"), "v"))
    before = codes(place)
    flip(blob_path(tmp_path, layer))

    assert (before, codes(place)) == ([], ["digest-mismatch"])


# Documents that are intact and say what is not so.


@pytest.mark.parametrize("error", [-1, 1, 1000])
@pytest.mark.parametrize("role", ["config", "layer"])
def test_wrong_size_in_a_manifest_is_a_problem(role: str, error: int, tmp_path: Path) -> None:
    place = packed(tmp_path, Form.WHOLE)
    known = roles_of_whole(tmp_path)
    wrong = {**known[role], "size": known[role]["size"] + error}
    change(tmp_path, known["manifest"], **({"config": wrong} if role == "config" else {"layers": [wrong]}))

    assert [(p.code, p.where) for p in verify(place).problems] == [("size-mismatch", wrong["digest"])]


@pytest.mark.parametrize("error", [-1, 1])
def test_wrong_size_in_an_entry_is_a_problem(error: int, tmp_path: Path) -> None:
    layout = HandMade(tmp_path)
    entry = layout.manifest(layout.blob(b"layer"))
    place = layout.name(tagged({**entry, "size": entry["size"] + error}, "v"))

    assert [(p.code, p.where) for p in verify(place).problems] == [("size-mismatch", "index.json manifests[0]")]


@pytest.mark.parametrize("first", ["right", "wrong"])
def test_wrong_size_touches_only_the_tags_of_who_states_it(first: str, tmp_path: Path) -> None:
    layout = HandMade(tmp_path)
    layer = layout.blob(b"layer")
    right, wrong = layout.manifest(layer), layout.manifest({**layer, "size": 3})
    named = [tagged(right, "right"), tagged(wrong, "wrong")]
    place = layout.name(*(named if first == "right" else named[::-1]))

    assert [(p.code, p.tags) for p in verify(place).problems] == [("size-mismatch", ("wrong",))]


@pytest.mark.parametrize("role", ["skeleton artifact", "split index"])
def test_wrong_artifact_type_in_an_entry_is_a_problem(role: str, tmp_path: Path) -> None:
    place = packed(tmp_path)
    known, wrong = entries(tmp_path), roles(tmp_path)[role]
    number = known.index(wrong)
    known[number] = {**wrong, "artifactType": "application/vnd.example"}
    HandMade(tmp_path).name(*known)

    assert [(p.code, p.where, p.tags) for p in verify(place).problems] == [
        ("document-invalid", f"index.json manifests[{number}]", ("v",))
    ]


@pytest.mark.parametrize("number", [0, 1])
def test_wrong_artifact_type_in_an_index_is_a_problem_of_the_index(number: int, tmp_path: Path) -> None:
    place = packed(tmp_path, Form.SPLIT)
    manifests = read_document(tmp_path, roles(tmp_path)["split index"])["manifests"]
    # The first skeleton artifact counts, so there has to be one that is called so.
    wrong = {**manifests[number], "artifactType": "application/vnd.example"}
    change(tmp_path, roles(tmp_path)["split index"], manifests=[manifests[0], *manifests[1:], wrong])

    assert [(p.code, p.where, p.tags) for p in verify(place).problems] == [
        ("document-invalid", entries(tmp_path)[0]["digest"], ("v",))
    ]


def test_artifact_type_that_an_entry_leaves_out_is_no_problem(tmp_path: Path) -> None:
    place = packed(tmp_path)
    bare = [{name: value for name, value in entry.items() if name != "artifactType"} for entry in entries(tmp_path)]
    HandMade(tmp_path).name(*bare)

    assert codes(place) == []


@pytest.mark.parametrize(
    ("media_type", "code"),
    [
        (IMAGE_INDEX, "document-invalid"),
        (DOCKER_MANIFEST, "document-invalid"),
        ("application/vnd.oci.image.manifest.v2+json", "media-type-unexpected"),
        (WASM, "media-type-unexpected"),
    ],
)
def test_wrong_media_type_in_an_entry_is_a_problem(media_type: str, code: str, tmp_path: Path) -> None:
    place = packed(tmp_path, Form.WHOLE)
    (entry,) = entries(tmp_path)
    HandMade(tmp_path).name({**entry, "mediaType": media_type})

    assert codes(place) == [code]


def test_index_that_names_what_is_no_document_is_a_problem(tmp_path: Path) -> None:
    layout = HandMade(tmp_path)
    place = layout.name(tagged(layout.index(layout.blob(b"a layer")), "v"))

    assert codes(place) == ["media-type-unexpected"]


INVALID_MANIFESTS: dict[str, bytes] = {
    "empty": b"",
    "no JSON": b"{",
    "no object": b"[]",
    "another version": b'{"schemaVersion":1}',
    "no config": b'{"schemaVersion":2,"layers":[]}',
    "a name twice": b'{"schemaVersion":2,"schemaVersion":2}',
    "too large": b" " * (MAX_MANIFEST_SIZE + 1),
}


@pytest.mark.parametrize("name", INVALID_MANIFESTS)
def test_manifest_that_is_intact_and_invalid_is_a_problem(name: str, tmp_path: Path) -> None:
    layout = HandMade(tmp_path)
    place = layout.name(tagged(layout.blob(INVALID_MANIFESTS[name], IMAGE_MANIFEST), "v"))
    (problem,) = verify(place).problems

    assert (problem.code in ("document-invalid", "size-mismatch"), problem.tags) == (True, ("v",))


@pytest.mark.parametrize(
    ("config", "layers", "code"),
    [
        (b"{}", [WASM], "document-invalid"),
        (b'{"created":"","layerDigests":["sha256:0"]}', [WASM], "document-invalid"),
        (b"no JSON", [WASM], "document-invalid"),
        (b" " * (MAX_MANIFEST_SIZE + 1), [WASM], "size-mismatch"),
        (b'{"created":"","layerDigests":[]}', [WASM, WASM], "layers-not-one"),
        (b'{"created":"","layerDigests":[]}', [], "layers-not-one"),
        (b'{"created":"","layerDigests":[]}', ["application/octet-stream"], "media-type-unexpected"),
    ],
    ids=["no members", "no digest", "no JSON", "too large", "two layers", "no layer", "another layer"],
)
def test_wasm_artifact_that_is_intact_and_invalid_is_a_problem(
    config: bytes, layers: list[str], code: str, tmp_path: Path
) -> None:
    layout = HandMade(tmp_path)
    blobs = [layout.blob(media_type.encode(), media_type) for media_type in layers]
    place = layout.name(tagged(layout.manifest(*blobs, config=layout.blob(config, WASM_CONFIG)), "v"))

    assert [(p.code, p.tags) for p in verify(place).problems] == [(code, ("v",))]


def other_skeleton(data: bytes) -> bytes:
    """The root skeleton of a component with the same modules and one more custom section."""
    exploded = explode(data + custom("more", b"section"))
    return exploded.read_blob(exploded.root)


def test_skeleton_that_is_intact_and_of_another_whole_is_a_problem(tmp_path: Path) -> None:
    place = packed(tmp_path, Form.MAPPED)
    replace(tmp_path, roles_of_mapped(tmp_path)["skeleton"], other_skeleton(sample()))
    (problem,) = verify(place).problems

    assert (problem.code, "has the root" in problem.message, problem.tags) == ("document-invalid", True, ("v",))


def roles_of_mapped(folder: Path) -> dict[str, Entry]:
    (artifact,) = (entry for entry in entries(folder) if entry.get("artifactType") == SKELETON_ARTIFACT)
    layers = read_document(folder, artifact)["layers"]
    return {
        "skeleton artifact": artifact,
        "skeleton": layers[0],
        "nested skeleton": layers[1],
        "whole manifest": layers[-1],
    }


@pytest.mark.parametrize("form", [Form.SPLIT, Form.BOTH])
def test_split_whose_skeleton_gives_another_whole_is_a_problem(form: Form, tmp_path: Path) -> None:
    place = packed(tmp_path, form)
    replace(tmp_path, roles(tmp_path)["skeleton"], other_skeleton(sample()))
    split = roles(tmp_path)["split index"]["digest"]

    assert ("size-mismatch", split) in [(p.code, p.where) for p in verify(place).problems]


def test_split_that_gives_a_whole_of_the_same_size_and_another_digest_is_a_problem(tmp_path: Path) -> None:
    first, second = (component(section(1, module(5000)), custom("x", text)) for text in (b"one", b"two"))
    place = packed(tmp_path, Form.SPLIT, first)
    exploded = explode(second)
    (skeletons,) = (e for e in read_document(tmp_path, entries(tmp_path)[0])["manifests"][:1])
    replace(tmp_path, read_document(tmp_path, skeletons)["layers"][0], exploded.read_blob(exploded.root))

    assert [(p.code, p.where) for p in verify(place).problems] == [("digest-mismatch", entries(tmp_path)[0]["digest"])]


def test_skeleton_that_no_explode_would_have_written_is_a_problem(tmp_path: Path) -> None:
    place = packed(tmp_path, Form.SPLIT)
    replace(tmp_path, roles(tmp_path)["skeleton"], b"\0asm\x0d\0\x03\0" + custom("no", b"external"))

    assert codes(place) == ["skeleton-not-canonical"]


def test_subject_that_is_not_the_whole_that_is_stored_is_a_problem(tmp_path: Path) -> None:
    place = packed(tmp_path, Form.MAPPED)
    packed(tmp_path, Form.WHOLE, module(100), "w")
    other = {name: entries(tmp_path)[1][name] for name in ("mediaType", "digest", "size")}
    change(tmp_path, roles_of_mapped(tmp_path)["skeleton artifact"], subject=other)

    assert [(p.code, p.tags) for p in verify(place).problems] == [("document-invalid", ("w",))]


@pytest.mark.parametrize("media_type", [WHOLE_CONFIG, WHOLE_MANIFEST])
def test_skeleton_artifact_without_what_restores_the_whole_is_a_problem(media_type: str, tmp_path: Path) -> None:
    place = packed(tmp_path, Form.MAPPED)

    def leave_out(value: Json) -> Json:
        return value | {"layers": [layer for layer in value["layers"] if layer["mediaType"] != media_type]}

    replace(tmp_path, roles_of_mapped(tmp_path)["skeleton artifact"], leave_out)

    assert codes(place) == ["document-invalid"]


def test_nested_skeleton_that_is_there_and_not_named_is_a_problem(tmp_path: Path) -> None:
    place = packed(tmp_path, Form.MAPPED)
    nested = roles_of_mapped(tmp_path)["nested skeleton"]

    def leave_out(value: Json) -> Json:
        return value | {"layers": [layer for layer in value["layers"] if layer != nested]}

    replace(tmp_path, roles_of_mapped(tmp_path)["skeleton artifact"], leave_out)
    (problem,) = verify(place).problems

    assert (problem.code, nested["digest"] in problem.message) == ("document-invalid", True)


def test_module_that_is_there_and_not_named_is_a_problem(tmp_path: Path) -> None:
    place = packed(tmp_path, Form.SPLIT)
    module_digest = roles(tmp_path)["module"]["digest"]

    def leave_out(value: Json) -> Json:
        return value | {"manifests": [value["manifests"][0], *value["manifests"][2:]]}

    replace(tmp_path, roles(tmp_path)["split index"], leave_out)
    (problem,) = verify(place).problems

    assert (problem.code, module_digest in problem.message, problem.tags) == ("document-invalid", True, ("v",))


def test_index_file_that_misspells_its_own_type_is_a_problem_of_every_tag(tmp_path: Path) -> None:
    place = packed(tmp_path, Form.WHOLE)
    packed(tmp_path, Form.WHOLE, module(100), "w")
    raw = (tmp_path / "index.json").read_bytes()
    (tmp_path / "index.json").write_bytes(
        raw.replace(b'"mediaType":"%s","schema' % IMAGE_INDEX.encode(), b'"mediaTypf":"x","schema')
    )

    assert [(p.code, p.where, p.tags) for p in verify(place).problems] == [
        ("document-invalid", "index.json", ("v", "w"))
    ]


def test_index_file_of_others_may_leave_its_own_type_out(tmp_path: Path) -> None:
    place = packed(tmp_path, Form.WHOLE)
    (tmp_path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": entries(tmp_path)}, indent=1))

    assert codes(place) == []


# What others write.


def test_damage_inside_indexes_inside_indexes_is_a_problem(tmp_path: Path) -> None:
    layout = HandMade(tmp_path)
    layer = layout.blob(b"deep")
    nested = layout.index(layout.index(layout.index(layout.manifest(layer))))
    place = layout.name(tagged(nested, "deep"), tagged(layout.manifest(layout.blob(b"other")), "other"))
    before = codes(place)
    flip(blob_path(tmp_path, layer))

    assert (before, [(p.code, p.tags) for p in verify(place).problems]) == ([], [("digest-mismatch", ("deep",))])


def nest(layout: HandMade, depth: int) -> Entry:
    entry = layout.manifest(layout.blob(b"deep"))
    for _ in range(depth):
        entry = layout.index(entry)
    return entry


@pytest.mark.parametrize(("depth", "expected"), [(MAX_INDEX_DEPTH - 1, []), (MAX_INDEX_DEPTH, ["document-invalid"])])
def test_indexes_that_nest_deeper_than_gc_follows_them_are_a_problem(
    depth: int, expected: list[str], tmp_path: Path
) -> None:
    layout = HandMade(tmp_path)
    place = layout.name(tagged(nest(layout, depth), "v"))

    assert sorted(set(codes(place))) == expected


def test_damage_in_documents_of_docker_is_a_problem(tmp_path: Path) -> None:
    layout = HandMade(tmp_path)
    layer = layout.blob(b"layer", "application/vnd.docker.image.rootfs.diff.tar.gzip")
    config = layout.blob(b"{}", "application/vnd.docker.container.image.v1+json")
    manifest = layout.manifest(layer, config=config, mediaType=DOCKER_MANIFEST)
    place = layout.name(tagged(layout.index(manifest, mediaType=DOCKER_INDEX), "v"))
    before = codes(place)
    flip(blob_path(tmp_path, layer))

    assert (before, codes(place)) == ([], ["digest-mismatch"])


def test_subject_that_is_not_there_is_no_problem(tmp_path: Path) -> None:
    layout = HandMade(tmp_path)
    subject = {"mediaType": IMAGE_MANIFEST, "digest": Digest.of(b"elsewhere").value, "size": 9}
    place = layout.name(layout.manifest(layout.blob(b"signature"), artifactType=SIGNATURE, subject=subject))

    assert codes(place) == []


def test_skeleton_whose_whole_is_elsewhere_is_no_problem(tmp_path: Path) -> None:
    place = packed(tmp_path, Form.MAPPED)
    HandMade(tmp_path).name(*entries(tmp_path)[1:])
    blob_path(tmp_path, read_document(tmp_path, roles_of_mapped(tmp_path)["whole manifest"])["layers"][0]).unlink()

    assert codes(place) == []


def test_unreferenced_blob_is_listed_and_is_no_problem(tmp_path: Path) -> None:
    place = packed(tmp_path)
    spare = HandMade(tmp_path).blob(b"spare")
    found = verify(place)

    assert (found.problems, [(b.digest.value, b.size) for b in found.unreferenced]) == ((), [(spare["digest"], 5)])


def test_no_blob_is_called_unreferenced_where_a_document_cannot_be_read(tmp_path: Path) -> None:
    place = packed(tmp_path)
    HandMade(tmp_path).blob(b"spare")
    flip(blob_path(tmp_path, roles(tmp_path)["manifest"]))

    assert verify(place).unreferenced == ()


# Which tags are touched.


def test_damage_touches_every_tag_that_shares_the_blob_and_no_other(tmp_path: Path) -> None:
    shared, own = module(5000, "shared"), module(6000, "own")
    place = packed(tmp_path, Form.SPLIT, component(section(1, shared), custom("n", b"a")), "a")
    packed(tmp_path, Form.SPLIT, component(section(1, shared), section(1, own)), "b")
    packed(tmp_path, Form.SPLIT, component(section(1, own)), "c")
    flip(blob_path(tmp_path, {"digest": Digest.of(shared).value}))

    assert [p.tags for p in verify(place).problems] == [("a", "b")]


def test_damage_of_a_referrer_touches_the_tags_of_what_it_refers_to(tmp_path: Path) -> None:
    place = packed(tmp_path, Form.MAPPED, tag="a")
    packed(tmp_path, Form.WHOLE, tag="b")
    packed(tmp_path, Form.WHOLE, module(100), "c")
    flip(blob_path(tmp_path, roles_of_mapped(tmp_path)["skeleton"]))

    assert [p.tags for p in verify(place).problems] == [("a", "b")]


def signed(layout: HandMade, subject: Entry, text: bytes) -> tuple[Entry, Entry]:
    """A signature on something, and its layer."""
    layer = layout.blob(text)
    plain = {name: subject[name] for name in ("mediaType", "digest", "size")}
    return layout.manifest(layer, artifactType=SIGNATURE, subject=plain), layer


def test_damage_of_a_referrer_of_a_referrer_touches_the_tag(tmp_path: Path) -> None:
    layout = HandMade(tmp_path)
    whole = layout.manifest(layout.blob(b"layer"))
    signature, _ = signed(layout, whole, b"first")
    countersignature, layer = signed(layout, signature, b"second")
    place = layout.name(tagged(whole, "v"), signature, countersignature)
    flip(blob_path(tmp_path, layer))

    assert [p.tags for p in verify(place).problems] == [("v",)]


def test_damage_of_what_has_no_tag_touches_none(tmp_path: Path) -> None:
    layout = HandMade(tmp_path)
    layer = layout.blob(b"layer")
    place = layout.name(tagged(layout.manifest(layout.blob(b"other")), "v"), layout.manifest(layer))
    flip(blob_path(tmp_path, layer))

    assert [p.tags for p in verify(place).problems] == [()]


# Places that name one thing.


@pytest.fixture
def three(tmp_path: Path) -> tuple[HandMade, dict[str, Entry]]:
    """A tag with a signature that is signed itself, and another tag; and the layer of each."""
    layout = HandMade(tmp_path)
    layers = {"whole": layout.blob(b"layer"), "other": layout.blob(b"other")}
    whole = layout.manifest(layers["whole"])
    signature, layers["signature"] = signed(layout, whole, b"first")
    countersignature, layers["countersignature"] = signed(layout, signature, b"second")
    other = layout.manifest(layers["other"])
    layout.name(tagged(other, "other"), tagged(whole, "v"), signature, countersignature)
    return layout, layers


@pytest.mark.parametrize("damaged", ["whole", "signature", "countersignature"])
def test_place_with_a_tag_is_looked_at_with_what_refers_to_it(
    damaged: str, three: tuple[HandMade, dict[str, Entry]]
) -> None:
    layout, layers = three
    flip(blob_path(layout.folder, layers[damaged]))
    found = verify(LayoutPlace(folder=layout.folder, tag="v"))

    assert [(p.code, p.tags) for p in found.problems] == [("digest-mismatch", ("v",))]


def test_place_with_a_tag_is_looked_at_alone(three: tuple[HandMade, dict[str, Entry]]) -> None:
    layout, layers = three
    flip(blob_path(layout.folder, layers["other"]))
    layout.blob(b"spare")
    found = verify(LayoutPlace(folder=layout.folder, tag="v"))

    assert (found.problems, found.tags, found.unreferenced) == ((), 1, ())


def test_place_with_a_digest_is_looked_at_alone(three: tuple[HandMade, dict[str, Entry]]) -> None:
    layout, layers = three
    digest = Digest(entries(layout.folder)[2]["digest"])
    flip(blob_path(layout.folder, layers["whole"]))
    before = codes(LayoutPlace(folder=layout.folder, digest=digest))
    flip(blob_path(layout.folder, layers["countersignature"]))

    assert (before, codes(LayoutPlace(folder=layout.folder, digest=digest))) == ([], ["digest-mismatch"])


def test_list_of_referrers_under_a_fallback_tag_is_followed_from_its_subject(tmp_path: Path) -> None:
    layout = HandMade(tmp_path)
    whole = layout.manifest(layout.blob(b"layer"))
    signature, layer = signed(layout, whole, b"signature")
    layout.name(tagged(whole, "v"), tagged(layout.index(signature), whole["digest"].replace(":", "-")))
    flip(blob_path(tmp_path, layer))

    assert codes(LayoutPlace(folder=tmp_path, tag="v")) == ["digest-mismatch"]


# Archives.


def archived(folder: Path) -> ArchivePlace:
    place = ArchivePlace(file=folder / "layout.tar")
    packaging_kit.copy(packed(folder / "layout"), place, SETTINGS, every_tag=True, referrers=ReferrerChoice.ALL)
    return place


def test_archive_has_no_problem(tmp_path: Path) -> None:
    found = verify(archived(tmp_path))

    assert (found.problems, found.unreferenced, found.components) == ((), (), 2)


@pytest.mark.parametrize("role", ["layer", "config", "module", "nested skeleton", "fragment config"])
def test_damage_in_an_archive_is_a_problem(role: str, tmp_path: Path) -> None:
    place = archived(tmp_path)
    entry = roles(tmp_path / "layout")[role]
    raw, data = place.file.read_bytes(), blob_path(tmp_path / "layout", entry).read_bytes()
    place.file.write_bytes(raw.replace(data, bytes([data[0] ^ 1]) + data[1:], 1))

    assert [(p.code, p.where, p.tags) for p in verify(place).problems] == [("digest-mismatch", entry["digest"], ("v",))]


def test_unreferenced_blob_in_an_archive_is_listed(tmp_path: Path) -> None:
    place = archived(tmp_path)
    packaging_kit.untag(ArchivePlace(file=place.file, tag="v"), SETTINGS)
    found = verify(place)

    assert (found.problems, found.tags, len(found.unreferenced) > 0) == ((), 0, True)


def test_config_of_nothing_is_looked_at_too(tmp_path: Path) -> None:
    layout = HandMade(tmp_path)
    empty = layout.blob(b"{}", EMPTY)
    place = layout.name(tagged(layout.manifest(layout.blob(b"layer")), "v"))
    blob_path(tmp_path, empty).unlink()

    assert codes(place) == ["not-found"]
