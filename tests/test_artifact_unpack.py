"""From a descriptor to the component: every form, artifacts of older tools, and every refusal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from packaging_kit.artifact.pack import Form, Labels, Packed, make_whole_artifact, pack_split, pack_whole
from packaging_kit.artifact.unpack import StoredComponent, find_component
from packaging_kit.blobs import Blob
from packaging_kit.digest import Digest
from packaging_kit.document import dump_json
from packaging_kit.errors import ContentError, DocumentError, NotFoundError, PackagingKitError
from packaging_kit.fragments.explode import explode
from packaging_kit.fragments.reassemble import reassemble
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.fields import Fields
from packaging_kit.oci.media_types import IMAGE_INDEX, IMAGE_MANIFEST, SKELETON_ARTIFACT, SPLIT_INDEX, WASM, WASM_CONFIG
from packaging_kit.oci.wasm_config import ComponentConfig
from packaging_kit.stores.memory import MemoryStore
from tests.strategies import MODULES, component, section, store_of

Json = Any

WHOLE = component(section(1, MODULES[0]), section(4, component(section(1, MODULES[1]))))
KIT = "application/vnd.packaging-kit.component."


def _pack(form: Form) -> tuple[Packed, MemoryStore]:
    exploded = explode(WHOLE)
    labels = Labels(title="x.wasm", author="A", annotations={"a": "ü"})
    artifact = make_whole_artifact(
        Blob(exploded.digest, exploded.size), ComponentConfig(exports=("e",), imports=("i",)), labels
    )
    packed = pack_whole(artifact) if form is Form.WHOLE else pack_split(form, artifact, exploded)
    store = store_of(*packed.documents)
    blobs = [fragment.digest for fragment in packed.fragments]
    blobs += [packed.root] if packed.root is not None else []
    blobs += [exploded.digest] if packed.stores_whole else []
    for digest in blobs:
        store.write_blob(exploded.iter_blob_unverified(digest))
    return packed, store


def _bytes_of(found: StoredComponent, store: MemoryStore) -> bytes:
    if found.root is not None:
        return b"".join(reassemble(found.root, store))
    return store.read_blob(found.layer.digest, size=found.layer.size)


@pytest.mark.parametrize("form", Form)
def test_component_is_found_in_every_form(form: Form) -> None:
    packed, store = _pack(form)
    found = find_component(store, packed.tagged)

    assert (_bytes_of(found, store), found.layer.blob) == (WHOLE, Blob(Digest.of(WHOLE), len(WHOLE)))


@pytest.mark.parametrize("form", Form)
def test_manifest_and_config_of_the_whole_are_restored_byte_for_byte(form: Form) -> None:
    packed, store = _pack(form)
    found = find_component(store, packed.tagged)

    assert (found.manifest.raw, found.config) == (packed.whole.manifest.raw, packed.whole.config)


@pytest.mark.parametrize("form", [Form.SPLIT, Form.BOTH])
def test_component_is_found_from_its_split_index_alone(form: Form) -> None:
    packed, store = _pack(form)
    index = packed.tagged if form is Form.SPLIT else packed.untagged[1]
    found = find_component(store, index)

    assert (found.root, found.manifest.raw) == (explode(WHOLE).root, packed.whole.manifest.raw)


def put(store: MemoryStore, value: Json, media_type: str = IMAGE_MANIFEST) -> Descriptor:
    """Write a document, and describe it."""
    blob = store.write_blob((dump_json(value),))
    return Descriptor(media_type=media_type, digest=blob.digest, size=blob.size)


def describe(store: MemoryStore, data: bytes, media_type: str, **others: Json) -> Json:
    """Write a blob, and describe it as JSON."""
    blob = store.write_blob((data,))
    return {"mediaType": media_type, "digest": blob.digest.value, "size": blob.size} | others


def manifest(store: MemoryStore, **changes: Json) -> Json:
    """A Wasm artifact's manifest; fields that are `...` are left out."""
    value = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "config": describe(store, b"{}", WASM_CONFIG),
        "layers": [describe(store, WHOLE, WASM)],
    } | changes
    return {name: field for name, field in value.items() if field is not ...}


def index_of(*manifests: Json, **changes: Json) -> Json:
    return {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": list(manifests)} | changes


CONFIGS = [
    "application/vnd.wasm.config.v0+json",
    "application/vnd.wasm.config.v1+json",
    "application/vnd.module.wasm.config.v1+json",
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.oci.empty.v1+json",
]
LAYERS = [
    "application/wasm",
    "application/vnd.wasm.content.layer.v1+wasm",
    "application/vnd.module.wasm.content.layer.v1+wasm",
    "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm",
]


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("layer", LAYERS)
def test_artifact_of_older_tools_is_read(config: str, layer: str) -> None:
    store = MemoryStore()
    value = manifest(store, config=describe(store, b"{}", config), layers=[describe(store, WHOLE, layer)])

    assert _bytes_of(find_component(store, put(store, value)), store) == WHOLE


def test_manifest_without_a_media_type_of_its_own_is_read() -> None:
    store = MemoryStore()

    assert find_component(store, put(store, manifest(store, mediaType=...))).layer.digest == Digest.of(WHOLE)


def test_index_of_others_with_one_manifest_leads_to_it() -> None:
    store = MemoryStore()
    entry = put(store, manifest(store)).to_json() | {"platform": {"architecture": "wasm", "os": "wasip2"}}
    other = describe(store, b"{}", "application/vnd.example+json")

    assert find_component(store, put(store, index_of(other, entry), IMAGE_INDEX)).layer.digest == Digest.of(WHOLE)


@pytest.mark.parametrize("count", [0, 2, 3])
def test_artifact_without_exactly_one_layer_is_refused(count: int) -> None:
    store = MemoryStore()
    value = manifest(store, layers=[describe(store, WHOLE, WASM)] * count)

    with pytest.raises(DocumentError) as error:
        find_component(store, put(store, value))

    assert (error.value.code, error.value.json_path) == ("layers-not-one", "layers")


UNEXPECTED: Mapping[str, Any] = {
    "a config of no Wasm artifact": lambda store: manifest(store, config=describe(store, b"{}", "application/json")),
    "a layer that is no Wasm": lambda store: manifest(store, layers=[describe(store, b"x", "application/gzip")]),
    "a layer of a tar": lambda store: manifest(
        store, layers=[describe(store, b"x", "application/vnd.oci.image.layer.v1.tar+gzip")]
    ),
    "a skeleton artifact": lambda store: manifest(store, artifactType=SKELETON_ARTIFACT),
}


@pytest.mark.parametrize("make", UNEXPECTED.values(), ids=UNEXPECTED)
def test_manifest_of_something_else_is_refused(make: Any) -> None:
    store = MemoryStore()

    with pytest.raises(DocumentError) as error:
        find_component(store, put(store, make(store)))

    assert error.value.code == "media-type-unexpected"


@pytest.mark.parametrize("form", [Form.MAPPED, Form.BOTH])
def test_skeleton_artifact_is_not_the_component(form: Form) -> None:
    packed, store = _pack(form)

    with pytest.raises(DocumentError) as error:
        find_component(store, packed.untagged[0])

    assert error.value.code == "media-type-unexpected"


@pytest.mark.parametrize("media_type", ["application/vnd.docker.distribution.manifest.v2+json", WASM, ""])
def test_descriptor_of_neither_manifest_nor_index_is_refused_unread(media_type: str) -> None:
    blob = Descriptor(media_type=media_type, digest=Digest.of(b"not there"), size=9)

    with pytest.raises(DocumentError) as error:
        find_component(MemoryStore(), blob)

    assert error.value.code == "media-type-unexpected"


@pytest.mark.parametrize("count", [0, 2])
def test_index_of_others_without_exactly_one_manifest_is_refused(count: int) -> None:
    store = MemoryStore()
    entry = put(store, manifest(store)).to_json()

    with pytest.raises(DocumentError) as error:
        find_component(store, put(store, index_of(*[entry] * count), IMAGE_INDEX))

    assert (error.value.code, error.value.json_path) == ("media-type-unexpected", "manifests")


def _split_of(change: Any) -> PackagingKitError:
    """What is said of a split index whose skeleton artifact was changed."""
    packed, store = _pack(Form.SPLIT)
    index = Fields(_parsed(store, packed.tagged))
    skeletons = _parsed(store, Descriptor.from_json(index.objects("manifests")[0]))
    entry = put(store, change(skeletons, store)).to_json() | {"artifactType": SKELETON_ARTIFACT}
    changed = index.values | {"manifests": [entry, *index.values["manifests"][1:]]}
    with pytest.raises(PackagingKitError) as error:
        find_component(store, put(store, changed, IMAGE_INDEX))
    return error.value


def _parsed(store: MemoryStore, descriptor: Descriptor) -> Json:
    return json.loads(store.read_blob(descriptor.digest))


def _without(media_type: str) -> Any:
    def change(skeletons: Json, _: MemoryStore) -> Json:
        kept = [layer for layer in skeletons["layers"] if layer["mediaType"] != KIT + media_type]
        return skeletons | {"layers": kept}

    return change


def _doubled(media_type: str) -> Any:
    def change(skeletons: Json, _: MemoryStore) -> Json:
        more = [layer for layer in skeletons["layers"] if layer["mediaType"] == KIT + media_type]
        return skeletons | {"layers": [*skeletons["layers"], *more]}

    return change


def _other_config(skeletons: Json, store: MemoryStore) -> Json:
    other = describe(store, b'{"other":1}', KIT + "whole-config.v0+json")
    kept = [layer for layer in skeletons["layers"] if layer["mediaType"] != KIT + "whole-config.v0+json"]
    return skeletons | {"layers": [*kept, other]}


@pytest.mark.parametrize(
    "change",
    [
        _without("skeleton.v0+wasm"),
        _without("whole-config.v0+json"),
        _without("whole-manifest.v0+json"),
        _doubled("whole-config.v0+json"),
        _doubled("whole-manifest.v0+json"),
        _other_config,
        lambda skeletons, _: skeletons | {"artifactType": "application/vnd.example"},
    ],
    ids=[
        "no skeletons",
        "no config",
        "no manifest",
        "two configs",
        "two manifests",
        "a config that the manifest does not name",
        "another artifact type of its own",
    ],
)
def test_split_index_whose_skeleton_artifact_does_not_fit_is_refused(change: Any) -> None:
    assert _split_of(change).code == "document-invalid"


def test_split_index_without_a_skeleton_artifact_is_refused() -> None:
    store = MemoryStore()
    value = index_of(put(store, manifest(store)).to_json(), artifactType=SPLIT_INDEX)

    with pytest.raises(DocumentError) as error:
        find_component(store, put(store, value, IMAGE_INDEX))

    assert (error.value.code, error.value.json_path) == ("document-invalid", "manifests")


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"schemaVersion":2}', b"\0asm"])
def test_document_that_cannot_be_read_is_refused(raw: bytes) -> None:
    store = store_of(raw)
    descriptor = Descriptor(media_type=IMAGE_MANIFEST, digest=Digest.of(raw), size=len(raw))

    with pytest.raises(DocumentError) as error:
        find_component(store, descriptor)

    assert error.value.code == "document-invalid"


def test_document_that_is_not_there_is_not_found() -> None:
    with pytest.raises(NotFoundError) as error:
        find_component(MemoryStore(), Descriptor(media_type=IMAGE_MANIFEST, digest=Digest.of(b"x"), size=1))

    assert error.value.code == "not-found"


@pytest.mark.parametrize("size", [0, 1, 5 << 20])
def test_document_of_another_size_than_described_is_refused(size: int) -> None:
    packed, store = _pack(Form.WHOLE)
    wrong = Descriptor(media_type=IMAGE_MANIFEST, digest=packed.tagged.digest, size=size)

    with pytest.raises(ContentError) as error:
        find_component(store, wrong)

    assert error.value.code == "size-mismatch"


def test_document_of_more_than_4_mib_is_not_read() -> None:
    store = store_of(bytes((4 << 20) + 1))
    large = Descriptor(media_type=IMAGE_MANIFEST, digest=Digest.of(bytes((4 << 20) + 1)), size=(4 << 20) + 1)

    with pytest.raises(PackagingKitError) as error:
        find_component(store, large)

    assert error.value.code in ("size-mismatch", "document-too-large")
