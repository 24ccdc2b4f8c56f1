"""What manifests and indexes of every kind name: enough to walk, copy and sweep what others wrote."""

from __future__ import annotations

from typing import Any

import pytest

from packaging_kit.digest import Digest
from packaging_kit.document import dump_json
from packaging_kit.errors import DocumentError
from packaging_kit.limits import MAX_MANIFEST_ENTRIES, MAX_MANIFEST_SIZE
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.links import Links, check_entry, is_document, manifest_links, read_links
from packaging_kit.oci.media_types import (
    ARTIFACT_MANIFEST,
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    DOCUMENTS,
    EMPTY,
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    INDEXES,
    WASM,
    WASM_CONFIG,
)

Json = Any
OTHER = "application/vnd.example"


def thing(name: str, media_type: str = WASM) -> Descriptor:
    return Descriptor(media_type=media_type, digest=Digest.of(name.encode()), size=len(name))


CONFIG, FIRST, SECOND = thing("config", WASM_CONFIG), thing("first"), thing("second", OTHER)
INNER, OUTER = thing("inner", IMAGE_MANIFEST), thing("outer", IMAGE_INDEX)
SUBJECT = thing("subject", IMAGE_MANIFEST)
LAYERS: Json = {"layers": [FIRST.to_json(), SECOND.to_json()]}
WITH_CONFIG: Json = {"config": CONFIG.to_json(), **LAYERS}
ENTRIES: Json = {"manifests": [INNER.to_json(), OUTER.to_json()]}
MINIMAL: dict[str, Json] = {
    IMAGE_MANIFEST: {"schemaVersion": 2, **WITH_CONFIG},
    IMAGE_INDEX: {"schemaVersion": 2, **ENTRIES},
    DOCKER_MANIFEST: {"schemaVersion": 2, "mediaType": DOCKER_MANIFEST, **WITH_CONFIG},
    DOCKER_INDEX: {"schemaVersion": 2, "mediaType": DOCKER_INDEX, **ENTRIES},
    ARTIFACT_MANIFEST: {"mediaType": ARTIFACT_MANIFEST, "artifactType": OTHER, "blobs": LAYERS["layers"]},
}


def links(value: Json, media_type: str) -> Links:
    return read_links(dump_json(value), media_type)


@pytest.mark.parametrize("media_type", sorted(DOCUMENTS))
def test_document_names_its_content_in_order(media_type: str) -> None:
    content = {
        IMAGE_MANIFEST: (CONFIG, FIRST, SECOND),
        DOCKER_MANIFEST: (CONFIG, FIRST, SECOND),
        ARTIFACT_MANIFEST: (FIRST, SECOND),
        IMAGE_INDEX: (INNER, OUTER),
        DOCKER_INDEX: (INNER, OUTER),
    }

    assert (is_document(media_type), links(MINIMAL[media_type], media_type).content) == (True, content[media_type])


@pytest.mark.parametrize("media_type", sorted(DOCUMENTS))
def test_subject_does_not_belong_to_the_content(media_type: str) -> None:
    without, given = MINIMAL[media_type], {**MINIMAL[media_type], "subject": SUBJECT.to_json()}

    assert (links(without, media_type).subject, links(given, media_type).subject) == (None, SUBJECT)
    assert links(given, media_type).content == links(without, media_type).content


@pytest.mark.parametrize("media_type", sorted(DOCUMENTS))
def test_null_in_place_of_a_subject_or_type_is_none(media_type: str) -> None:
    found = links({**MINIMAL[media_type], "subject": None, "mediaType": None}, media_type)

    assert found == links(MINIMAL[media_type], media_type)


@pytest.mark.parametrize(
    ("media_type", "own", "derived"),
    [
        (IMAGE_MANIFEST, None, WASM_CONFIG),
        (IMAGE_MANIFEST, OTHER, OTHER),
        (IMAGE_INDEX, None, None),
        (IMAGE_INDEX, OTHER, OTHER),
        (ARTIFACT_MANIFEST, OTHER, OTHER),
        (DOCKER_INDEX, None, None),
    ],
)
def test_artifact_type_is_the_own_one_or_else_that_of_the_config(
    media_type: str, own: str | None, derived: str | None
) -> None:
    found = links({**MINIMAL[media_type], "artifactType": own}, media_type)

    assert (found.own_artifact_type, found.artifact_type) == (own, derived)


@pytest.mark.parametrize("blobs", [{}, {"blobs": None}, {"blobs": []}], ids=["left out", "null", "empty"])
def test_artifact_manifest_may_have_no_blobs(blobs: Json) -> None:
    value = {"mediaType": ARTIFACT_MANIFEST, "artifactType": OTHER, "subject": SUBJECT.to_json(), **blobs}
    found = links(value, ARTIFACT_MANIFEST)

    assert (found.content, found.subject) == ((), SUBJECT)


@pytest.mark.parametrize("media_type", sorted(DOCUMENTS - {ARTIFACT_MANIFEST}))
@pytest.mark.parametrize("is_null", [True, False], ids=["null", "left out"])
def test_no_other_document_may_leave_out_what_it_names(media_type: str, is_null: bool) -> None:
    name = "manifests" if media_type in INDEXES else "layers"
    value = {key: item for key, item in MINIMAL[media_type].items() if key != name} | ({name: None} if is_null else {})

    with pytest.raises(DocumentError) as error:
        links(value, media_type)

    assert (error.value.code, error.value.json_path) == ("document-invalid", name)


def test_manifest_that_is_read_as_one_names_the_same() -> None:
    raw = dump_json(MINIMAL[IMAGE_MANIFEST])

    assert manifest_links(raw) == read_links(raw, IMAGE_MANIFEST)


@pytest.mark.parametrize("media_type", [WASM, WASM_CONFIG, EMPTY, OTHER, "", "application/json", f"{IMAGE_MANIFEST} "])
def test_what_is_no_document_names_nothing(media_type: str) -> None:
    with pytest.raises(DocumentError) as error:
        links(MINIMAL[IMAGE_MANIFEST], media_type)

    assert (is_document(media_type), error.value.code) == (False, "media-type-unexpected")


@pytest.mark.parametrize("media_type", sorted(INDEXES))
def test_index_that_names_what_is_no_document_is_refused_with_its_place(media_type: str) -> None:
    value = {**MINIMAL[media_type], "manifests": [INNER.to_json(), FIRST.to_json()]}

    with pytest.raises(DocumentError) as error:
        links(value, media_type)

    assert (error.value.code, error.value.json_path) == ("media-type-unexpected", "manifests[1].mediaType")


def test_entry_that_is_no_document_is_refused_with_its_place() -> None:
    for entry in (INNER, OUTER):
        check_entry(entry, "manifests[0]")

    with pytest.raises(DocumentError) as error:
        check_entry(FIRST, "manifests[7]")

    assert (error.value.code, error.value.json_path) == ("media-type-unexpected", "manifests[7].mediaType")


@pytest.mark.parametrize(
    ("media_type", "name"),
    [
        (IMAGE_MANIFEST, "manifests"),
        (DOCKER_MANIFEST, "manifests"),
        (ARTIFACT_MANIFEST, "manifests"),
        (ARTIFACT_MANIFEST, "layers"),
        (ARTIFACT_MANIFEST, "config"),
        (IMAGE_INDEX, "layers"),
        (IMAGE_INDEX, "config"),
        (DOCKER_INDEX, "layers"),
        (DOCKER_INDEX, "config"),
    ],
)
def test_document_that_others_could_take_for_another_kind_is_refused(media_type: str, name: str) -> None:
    value = {**MINIMAL[media_type], name: {**WITH_CONFIG, **ENTRIES}[name]}

    with pytest.raises(DocumentError) as error:
        links(value, media_type)

    assert (error.value.code, error.value.json_path) == ("document-invalid", name)


@pytest.mark.parametrize("media_type", sorted(DOCUMENTS))
def test_document_that_calls_itself_something_else_is_refused(media_type: str) -> None:
    for other in (*sorted(DOCUMENTS - {media_type}), OTHER, 1):
        with pytest.raises(DocumentError) as error:
            links({**MINIMAL[media_type], "mediaType": other}, media_type)

        assert (error.value.code, error.value.json_path) == ("document-invalid", "mediaType")


@pytest.mark.parametrize("media_type", sorted(DOCUMENTS))
@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"1", b'{"a":1,"a":2}', b"\xff", b"[" * 1000])
def test_what_is_not_an_object_is_refused(raw: bytes, media_type: str) -> None:
    with pytest.raises(DocumentError) as error:
        read_links(raw, media_type)

    assert error.value.code == "document-invalid"


NO_DESCRIPTORS: dict[str, Json] = {
    "an object": {},
    "text": "sha256",
    "an array of text": ["sha256"],
    "an array of null": [None],
    "no digest": [{"mediaType": IMAGE_MANIFEST, "size": 1}],
    "no size": [{"mediaType": IMAGE_MANIFEST, "digest": FIRST.digest.value}],
    "no type": [{"digest": FIRST.digest.value, "size": 1}],
    "a path for a digest": [{"mediaType": IMAGE_MANIFEST, "digest": "sha256:../../../etc/passwd", "size": 1}],
    "a negative size": [{"mediaType": IMAGE_MANIFEST, "digest": FIRST.digest.value, "size": -1}],
}


@pytest.mark.parametrize(
    ("media_type", "name"),
    [
        (IMAGE_MANIFEST, "layers"),
        (DOCKER_MANIFEST, "layers"),
        (IMAGE_INDEX, "manifests"),
        (DOCKER_INDEX, "manifests"),
        (ARTIFACT_MANIFEST, "blobs"),
    ],
)
@pytest.mark.parametrize("value", NO_DESCRIPTORS.values(), ids=NO_DESCRIPTORS)
def test_what_is_no_array_of_descriptors_is_refused_with_its_place(media_type: str, name: str, value: Json) -> None:
    with pytest.raises(DocumentError) as error:
        links({**MINIMAL[media_type], name: value}, media_type)

    assert (error.value.code, error.value.json_path.startswith(name)) == ("document-invalid", True)


@pytest.mark.parametrize("media_type", [IMAGE_MANIFEST, DOCKER_MANIFEST])
def test_manifest_without_a_config_is_refused(media_type: str) -> None:
    value = {name: item for name, item in MINIMAL[media_type].items() if name != "config"}

    with pytest.raises(DocumentError) as error:
        links(value, media_type)

    assert (error.value.code, error.value.json_path) == ("document-invalid", "config")


@pytest.mark.parametrize("media_type", sorted(DOCUMENTS))
def test_subject_that_is_no_descriptor_is_refused(media_type: str) -> None:
    subjects: list[Json] = [{}, [], "sha256", {"digest": SUBJECT.digest.value}]
    for subject in subjects:
        with pytest.raises(DocumentError) as error:
            links({**MINIMAL[media_type], "subject": subject}, media_type)

        assert (error.value.code, error.value.json_path.startswith("subject")) == ("document-invalid", True)


@pytest.mark.parametrize(
    ("media_type", "name"), [(IMAGE_INDEX, "manifests"), (DOCKER_INDEX, "manifests"), (ARTIFACT_MANIFEST, "blobs")]
)
def test_more_entries_than_registries_take_are_refused(media_type: str, name: str) -> None:
    most = [INNER.to_json()] * MAX_MANIFEST_ENTRIES
    taken = links({**MINIMAL[media_type], name: most}, media_type)

    with pytest.raises(DocumentError) as error:
        links({**MINIMAL[media_type], name: [*most, INNER.to_json()]}, media_type)

    assert (len(taken.content), error.value.code) == (MAX_MANIFEST_ENTRIES, "document-too-large")


@pytest.mark.parametrize("media_type", sorted(DOCUMENTS))
def test_document_that_is_larger_than_registries_take_is_refused(media_type: str) -> None:
    raw = dump_json(MINIMAL[media_type])

    with pytest.raises(DocumentError) as error:
        read_links(raw + b" " * (MAX_MANIFEST_SIZE + 1 - len(raw)), media_type)

    assert error.value.code == "document-too-large"
