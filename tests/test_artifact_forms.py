"""The documents of every form: what points to what, in which order, and what is refused as too large."""

from __future__ import annotations

import json
from typing import Any

import pytest

from packaging_kit.artifact.pack import Form, Labels, Packed, make_whole_artifact, pack_split, pack_whole
from packaging_kit.blobs import Blob
from packaging_kit.digest import Digest
from packaging_kit.errors import DocumentError
from packaging_kit.fragments.explode import explode
from packaging_kit.fragments.exploded import Exploded
from packaging_kit.oci.wasm_config import ComponentConfig
from tests.strategies import MODULES, component, custom, section

Json = Any

INNER = component(section(1, MODULES[1]), section(1, MODULES[0]))
WHOLE = component(section(1, MODULES[0]), section(4, INNER), section(1, MODULES[2]), section(4, INNER))
KIT = "application/vnd.packaging-kit.component."
SPLITTING = (Form.MAPPED, Form.SPLIT, Form.BOTH)


def _pack(form: Form, whole: bytes = WHOLE) -> tuple[Packed, Exploded]:
    exploded = explode(whole)
    artifact = make_whole_artifact(
        Blob(exploded.digest, exploded.size), ComponentConfig(exports=("e",), imports=()), Labels(title="x.wasm")
    )
    packed = pack_whole(artifact) if form is Form.WHOLE else pack_split(form, artifact, exploded)
    return packed, exploded


def _documents(packed: Packed) -> dict[str, Json]:
    """Every document by its digest."""
    return {Digest.of(raw).value: json.loads(raw) for raw in packed.documents}


def _of_type(packed: Packed, artifact_type: str) -> Json:
    (found,) = (value for value in _documents(packed).values() if value.get("artifactType") == KIT + artifact_type)
    return found


def _skeletons(packed: Packed) -> Json:
    return _of_type(packed, "skeleton.v0")


def _index(packed: Packed) -> Json:
    return _of_type(packed, "split.v0")


@pytest.mark.parametrize("form", Form)
def test_every_document_comes_after_what_it_points_to(form: Form) -> None:
    packed, _ = _pack(form)
    documents = _documents(packed)
    order = list(documents)
    forward = [
        (number, order.index(child["digest"]))
        for number, value in enumerate(documents.values())
        for child in (*value.get("layers", ()), *value.get("manifests", ()), value.get("config"), value.get("subject"))
        if child and child["digest"] in documents and order.index(child["digest"]) >= number
    ]

    assert forward == []


@pytest.mark.parametrize("form", Form)
def test_tag_points_to_the_whole_artifact_but_in_form_split(form: Form) -> None:
    packed, _ = _pack(form)
    tagged = _documents(packed)[packed.tagged.digest.value]

    assert ("layers" in tagged, packed.tagged == packed.whole.descriptor) == ((form is not Form.SPLIT,) * 2)


@pytest.mark.parametrize("form", Form)
def test_whole_manifest_is_the_same_in_every_form(form: Form) -> None:
    assert _pack(form)[0].whole.manifest.raw == _pack(Form.WHOLE)[0].whole.manifest.raw


@pytest.mark.parametrize(
    ("form", "skeletons_refer", "index_refers"),
    [(Form.MAPPED, True, None), (Form.SPLIT, False, False), (Form.BOTH, True, True)],
)
def test_subject_is_the_whole_manifest_where_that_is_stored(
    form: Form, skeletons_refer: bool, index_refers: bool | None
) -> None:
    packed, _ = _pack(form)
    whole = packed.whole.descriptor.to_json()
    index = _index(packed).get("subject") if index_refers is not None else None

    assert (_skeletons(packed).get("subject"), index) == (
        whole if skeletons_refer else None,
        whole if index_refers else None,
    )


@pytest.mark.parametrize(
    ("form", "types"),
    [(Form.WHOLE, []), (Form.MAPPED, ["skeleton.v0"]), (Form.SPLIT, []), (Form.BOTH, ["skeleton.v0", "split.v0"])],
)
def test_untagged_entries_are_the_referrers(form: Form, types: list[str]) -> None:
    packed, _ = _pack(form)

    assert [entry.artifact_type for entry in packed.untagged] == [KIT + name for name in types]


@pytest.mark.parametrize("form", SPLITTING)
def test_skeleton_artifact_lists_the_root_then_nested_skeletons_then_what_restores_the_whole(form: Form) -> None:
    packed, exploded = _pack(form)
    layers = [(layer["mediaType"], layer["digest"]) for layer in _skeletons(packed)["layers"]]
    nested = explode(INNER).root

    assert layers == [
        (KIT + "skeleton.v0+wasm", exploded.root.value),
        (KIT + "skeleton.v0+wasm", nested.value),
        (KIT + "whole-config.v0+json", Digest.of(packed.whole.config).value),
        (KIT + "whole-manifest.v0+json", packed.whole.manifest.digest.value),
    ]


@pytest.mark.parametrize("form", SPLITTING)
def test_skeleton_artifact_has_the_empty_config_without_data_and_no_annotations(form: Form) -> None:
    document = _skeletons(_pack(form)[0])
    empty = Digest.of(b"{}").value

    assert (document["config"], "annotations" in document) == (
        {"mediaType": "application/vnd.oci.empty.v1+json", "digest": empty, "size": 2},
        False,
    )


@pytest.mark.parametrize("form", [Form.SPLIT, Form.BOTH])
def test_split_index_lists_the_skeleton_artifact_and_then_the_modules_as_first_met(form: Form) -> None:
    packed, _ = _pack(form)
    documents = _documents(packed)
    first, *fragments = _index(packed)["manifests"]
    layers = [documents[entry["digest"]]["layers"][0]["digest"] for entry in fragments]

    assert (documents[first["digest"]], layers) == (
        _skeletons(packed),
        [Digest.of(MODULES[number]).value for number in (0, 1, 2)],
    )


@pytest.mark.parametrize("form", [Form.SPLIT, Form.BOTH])
def test_entries_of_the_split_index_have_a_type_and_no_platform_that_runs(form: Form) -> None:
    first, *fragments = _index(_pack(form)[0])["manifests"]

    assert [entry["platform"] for entry in (first, *fragments)] == [{"architecture": "unknown", "os": "unknown"}] * 4
    assert first["artifactType"] == KIT + "skeleton.v0"
    assert {entry["artifactType"] for entry in fragments} == {"application/vnd.wasm.config.v0+json"}


def test_fragment_artifact_is_the_same_whoever_packs_it() -> None:
    other = component(custom("a", b"b"), section(1, MODULES[0], 5))
    ours, theirs = (set(_pack(Form.SPLIT, whole)[0].documents) for whole in (WHOLE, other))
    manifest = next(raw for raw in ours & theirs if Digest.of(MODULES[0]).hex.encode() in raw and b"layers" in raw)

    assert json.loads(manifest)["layers"] == [
        {
            "annotations": {"org.opencontainers.image.title": f"sha256-{Digest.of(MODULES[0]).hex}.wasm"},
            "digest": Digest.of(MODULES[0]).value,
            "mediaType": "application/wasm",
            "size": len(MODULES[0]),
        }
    ]


@pytest.mark.parametrize(
    ("form", "whole", "root", "fragments"),
    [
        (Form.WHOLE, True, False, 0),
        (Form.MAPPED, True, True, 1),
        (Form.SPLIT, False, True, 4),
        (Form.BOTH, True, True, 4),
    ],
)
def test_form_stores_the_blobs_that_it_needs(form: Form, whole: bool, root: bool, fragments: int) -> None:
    packed, exploded = _pack(form)

    assert (packed.stores_whole, packed.root, len(packed.fragments)) == (
        whole,
        exploded.root if root else None,
        fragments,
    )


@pytest.mark.parametrize("form", SPLITTING)
@pytest.mark.parametrize("whole", [component(), MODULES[0]], ids=["a component", "a core module"])
def test_what_has_nothing_to_split_is_the_whole_artifact_in_every_form(form: Form, whole: bytes) -> None:
    assert _pack(form, whole)[0] == _pack(Form.WHOLE, whole)[0]


def _with_many_modules(count: int) -> Exploded:
    """A component of so many distinct modules; each has only what tells it from the others."""
    tail = bytes(4096 - 12)
    modules = (section(1, b"\0asm\x01\0\0\0" + number.to_bytes(4, "big") + tail) for number in range(count))
    return explode(component(*modules))


def _pack_exploded(form: Form, exploded: Exploded) -> Packed:
    artifact = make_whole_artifact(Blob(exploded.digest, exploded.size), None, Labels(title="x.wasm"))
    return pack_split(form, artifact, exploded)


@pytest.fixture(scope="module")
def most() -> Exploded:
    return _with_many_modules(9_999)


@pytest.fixture(scope="module")
def too_many() -> Exploded:
    return _with_many_modules(10_000)


def test_index_of_10000_entries_can_be_packed(most: Exploded) -> None:
    packed = _pack_exploded(Form.SPLIT, most)

    assert len(_index(packed)["manifests"]) == 10_000


@pytest.mark.parametrize("form", [Form.SPLIT, Form.BOTH])
def test_one_module_more_is_too_many_fragments(form: Form, too_many: Exploded) -> None:
    with pytest.raises(DocumentError) as error:
        _pack_exploded(form, too_many)

    assert (error.value.code, error.value.hint) == ("split-too-many-fragments", "`--form whole`")


def test_modules_are_not_too_many_where_only_skeletons_are_listed(too_many: Exploded) -> None:
    assert len(_skeletons(_pack_exploded(Form.MAPPED, too_many))["layers"]) == 3


@pytest.mark.parametrize("form", SPLITTING)
def test_too_many_skeletons_are_too_many_fragments(form: Form) -> None:
    nested = (section(4, component(custom(str(number), b""), section(1, MODULES[0]))) for number in range(9_998))

    with pytest.raises(DocumentError) as error:
        _pack_exploded(form, explode(component(*nested)))

    assert error.value.code == "split-too-many-fragments"


def test_config_of_more_than_4_mib_is_refused() -> None:
    names = ComponentConfig(exports=tuple("x" * 100_000 for _ in range(42)), imports=())

    with pytest.raises(DocumentError) as error:
        make_whole_artifact(Blob(Digest.of(b""), 0), names, Labels(title="x"))

    assert error.value.code == "document-too-large"


def test_annotations_of_more_than_4_mib_are_refused() -> None:
    labels = Labels(title="x", annotations={"a": "x" * (4 << 20)})

    with pytest.raises(DocumentError) as error:
        make_whole_artifact(Blob(Digest.of(b""), 0), None, labels)

    assert error.value.code == "document-too-large"
