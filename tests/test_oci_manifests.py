"""Descriptors, manifests and indexes: what is refused, with the path of the field; what survives."""

from __future__ import annotations

from typing import Any

import pytest

from packaging_kit.blobs import Blob
from packaging_kit.digest import Digest
from packaging_kit.document import dump_json
from packaging_kit.errors import DocumentError
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.fields import Fields
from packaging_kit.oci.index import Index, describe_index, parse_index
from packaging_kit.oci.manifest import Manifest, describe_manifest, parse_manifest
from packaging_kit.oci.media_types import EMPTY, IMAGE_INDEX, IMAGE_MANIFEST, WASM, WASM_CONFIG

Json = Any

DIGEST = "sha256:" + "0a" * 32
DESCRIPTOR: Json = {"mediaType": WASM, "digest": DIGEST, "size": 7}
CONFIG: Json = {"mediaType": WASM_CONFIG, "digest": DIGEST, "size": 9}
MANIFEST: Json = {"schemaVersion": 2, "mediaType": IMAGE_MANIFEST, "config": CONFIG, "layers": [DESCRIPTOR]}
INDEX: Json = {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [DESCRIPTOR | {"mediaType": IMAGE_MANIFEST}]}


def _manifest_error(**changes: Json) -> tuple[str, str]:
    value = {name: field for name, field in (MANIFEST | changes).items() if field is not ...}
    with pytest.raises(DocumentError) as error:
        parse_manifest(dump_json(value))
    return error.value.code, error.value.json_path


def _index_error(**changes: Json) -> tuple[str, str]:
    value = {name: field for name, field in (INDEX | changes).items() if field is not ...}
    with pytest.raises(DocumentError) as error:
        parse_index(dump_json(value))
    return error.value.code, error.value.json_path


def test_descriptor_is_its_fields() -> None:
    value = DESCRIPTOR | {"annotations": {"a": "b"}, "artifactType": "x/y"}
    descriptor = Descriptor.from_json(Fields(value))

    assert (descriptor.blob, descriptor.annotations, descriptor.artifact_type) == (
        Blob(Digest(DIGEST), 7),
        {"a": "b"},
        "x/y",
    )


def test_fields_of_a_descriptor_that_have_no_meaning_here_survive() -> None:
    value = DESCRIPTOR | {"urls": ["https://x"], "data": "e30=", "platform": {"os": "wasi"}, "com.example": [1, None]}

    assert Descriptor.from_json(Fields(value)).to_json() == value


def test_descriptor_that_we_make_has_nothing_but_what_is_set() -> None:
    descriptor = Descriptor(media_type=WASM, digest=Digest(DIGEST), size=7)

    assert descriptor.to_json() == DESCRIPTOR


BAD_DESCRIPTORS = {
    "no media type": ({"mediaType": ...}, "mediaType"),
    "a media type that is no text": ({"mediaType": 1}, "mediaType"),
    "no digest": ({"digest": ...}, "digest"),
    "a digest in capitals": ({"digest": DIGEST.upper()}, "digest"),
    "a short digest": ({"digest": DIGEST[:-1]}, "digest"),
    "a digest with a newline": ({"digest": DIGEST + "\n"}, "digest"),
    "a digest with a path": ({"digest": "sha256:../../etc/passwd"}, "digest"),
    "no size": ({"size": ...}, "size"),
    "a negative size": ({"size": -1}, "size"),
    "a size that is true": ({"size": True}, "size"),
    "a size that is a float": ({"size": 7.0}, "size"),
    "a size that is a text": ({"size": "7"}, "size"),
    "a size of null": ({"size": None}, "size"),
    "annotations that are a list": ({"annotations": ["a"]}, "annotations"),
    "an annotation that is a number": ({"annotations": {"a": 1}}, "annotations"),
    "an annotation that is null": ({"annotations": {"a": None}}, "annotations"),
    "an artifact type that is a list": ({"artifactType": []}, "artifactType"),
}


@pytest.mark.parametrize(("changes", "path"), BAD_DESCRIPTORS.values(), ids=BAD_DESCRIPTORS)
def test_bad_descriptor_is_refused_wherever_it_stands(changes: Json, path: str) -> None:
    bad = {name: value for name, value in (DESCRIPTOR | changes).items() if value is not ...}

    assert [
        _manifest_error(config=bad),
        _manifest_error(layers=[DESCRIPTOR, bad]),
        _manifest_error(subject=bad),
        _index_error(manifests=[DESCRIPTOR, bad]),
        _index_error(subject=bad),
    ] == [
        ("document-invalid", f"config.{path}"),
        ("document-invalid", f"layers[1].{path}"),
        ("document-invalid", f"subject.{path}"),
        ("document-invalid", f"manifests[1].{path}"),
        ("document-invalid", f"subject.{path}"),
    ]


def test_size_beyond_63_bits_is_refused() -> None:
    raw = dump_json(MANIFEST).replace(b'"size":7', b'"size":9223372036854775808')

    with pytest.raises(DocumentError) as error:
        parse_manifest(raw)

    assert error.value.code == "document-invalid"


BAD_MANIFESTS = {
    "no schema version": ({"schemaVersion": ...}, "schemaVersion"),
    "schema version 1": ({"schemaVersion": 1}, "schemaVersion"),
    "schema version 2.0": ({"schemaVersion": 2.0}, "schemaVersion"),
    "schema version true": ({"schemaVersion": True}, "schemaVersion"),
    "schema version as a text": ({"schemaVersion": "2"}, "schemaVersion"),
    "the media type of an index": ({"mediaType": IMAGE_INDEX}, "mediaType"),
    "a media type of Docker": (
        {"mediaType": "application/vnd.docker.distribution.manifest.v2+json"},
        "mediaType",
    ),
    "manifests beside layers": ({"manifests": []}, "manifests"),
    "no config": ({"config": ...}, "config"),
    "a config that is a list": ({"config": [CONFIG]}, "config"),
    "no layers": ({"layers": ...}, "layers"),
    "layers that are an object": ({"layers": {}}, "layers"),
    "a layer that is a text": ({"layers": ["x"]}, "layers[0]"),
    "a layer that is null": ({"layers": [None]}, "layers[0]"),
    "annotations that are a list": ({"annotations": []}, "annotations"),
    "a subject that is a text": ({"subject": "x"}, "subject"),
}


@pytest.mark.parametrize(("changes", "path"), BAD_MANIFESTS.values(), ids=BAD_MANIFESTS)
def test_bad_manifest_is_refused_with_the_path_of_the_field(changes: Json, path: str) -> None:
    assert _manifest_error(**changes) == ("document-invalid", path)


BAD_INDEXES = {
    "the media type of a manifest": ({"mediaType": IMAGE_MANIFEST}, "mediaType"),
    "layers": ({"layers": []}, "layers"),
    "a config": ({"config": CONFIG}, "config"),
    "no manifests": ({"manifests": ...}, "manifests"),
    "manifests that are null": ({"manifests": None}, "manifests"),
    "schema version 3": ({"schemaVersion": 3}, "schemaVersion"),
}


@pytest.mark.parametrize(("changes", "path"), BAD_INDEXES.values(), ids=BAD_INDEXES)
def test_bad_index_is_refused_with_the_path_of_the_field(changes: Json, path: str) -> None:
    assert _index_error(**changes) == ("document-invalid", path)


@pytest.mark.parametrize("raw", [b"[]", b"null", b'"x"', b"2"])
def test_document_that_is_no_object_is_refused(raw: bytes) -> None:
    with pytest.raises(DocumentError) as manifest:
        parse_manifest(raw)
    with pytest.raises(DocumentError) as index:
        parse_index(raw)

    assert [manifest.value.code, index.value.code] == ["document-invalid"] * 2


def test_more_than_10000_entries_are_too_many() -> None:
    assert _manifest_error(layers=[{}] * 10_001) == ("document-too-large", "layers")
    assert _index_error(manifests=[{}] * 10_001) == ("document-too-large", "manifests")


def test_own_media_type_may_be_absent() -> None:
    manifest = {name: value for name, value in MANIFEST.items() if name != "mediaType"}
    index = {name: value for name, value in INDEX.items() if name != "mediaType"}

    assert len(parse_manifest(dump_json(manifest)).value.layers) == len(parse_index(dump_json(index)).value.manifests)


def test_manifest_keeps_its_raw_bytes() -> None:
    raw = b" " + dump_json(MANIFEST | {"com.example": {"kept": [1, 2.5]}}).replace(b",", b" , ")
    document = parse_manifest(raw)

    assert (document.raw, document.digest, document.size) == (raw, Digest.of(raw), len(raw))


def test_index_that_is_written_again_keeps_fields_that_have_no_meaning_here() -> None:
    value = INDEX | {"com.example": {"kept": [1]}, "annotations": {"a": "b"}, "artifactType": "x/y"}
    raw = dump_json(value | {"subject": DESCRIPTOR})

    assert parse_index(raw).value.to_document().raw == raw


def test_manifest_is_written_with_what_is_set_and_nothing_else() -> None:
    config = Descriptor(media_type=EMPTY, digest=Digest(DIGEST), size=2)

    written = Manifest(config=config, layers=()).to_document().raw

    assert (
        written
        == (
            f'{{"config":{{"digest":"{DIGEST}","mediaType":"{EMPTY}","size":2}},"layers":[],'
            f'"mediaType":"{IMAGE_MANIFEST}","schemaVersion":2}}'
        ).encode()
    )


def test_manifest_that_is_read_and_written_is_the_same() -> None:
    value = MANIFEST | {"annotations": {"z": "ü", "a": "\n"}, "artifactType": "x/y", "subject": DESCRIPTOR}

    assert parse_manifest(dump_json(value)).value.to_document().raw == dump_json(value)


def test_artifact_type_of_a_manifest_is_its_own_or_its_configs_media_type() -> None:
    own = parse_manifest(dump_json(MANIFEST | {"artifactType": "x/y"})).value
    derived = parse_manifest(dump_json(MANIFEST)).value

    assert (own.derived_artifact_type, derived.derived_artifact_type) == ("x/y", WASM_CONFIG)


def test_document_describes_itself_by_its_raw_bytes() -> None:
    manifest, index = parse_manifest(dump_json(MANIFEST)), parse_index(dump_json(INDEX))

    assert (describe_manifest(manifest, "x/y"), describe_index(index)) == (
        Descriptor(media_type=IMAGE_MANIFEST, digest=manifest.digest, size=manifest.size, artifact_type="x/y"),
        Descriptor(media_type=IMAGE_INDEX, digest=index.digest, size=index.size),
    )


def test_empty_index_is_an_index() -> None:
    assert parse_index(Index(manifests=()).to_document().raw).value == Index(manifests=())
