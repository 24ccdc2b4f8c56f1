"""Manifests and indexes that are wrong whatever they are for."""

from __future__ import annotations

from typing import Final

from packaging_kit.blobs import BlobSource
from packaging_kit.oci.media_types import DOCKER_INDEX, DOCKER_MANIFEST, EMPTY, IMAGE_INDEX, IMAGE_MANIFEST
from packaging_kit.stores.memory import MemoryStore
from packaging_kit.validate.report import Profile
from tests.bad_documents.builders import (
    ABSENT,
    EMPTY_JSON,
    NOTHING,
    TEXT,
    Json,
    artifact,
    descriptor,
    index,
    manifest,
    oci,
    oci_index,
    raw_of,
    store,
    wasm_config,
    wasm_layer,
)
from tests.bad_documents.case import Case, Input, Upload, case, error, note

PLAIN: Final = raw_of(manifest())
WHOLE: Final = artifact()
WHOLE_ENTRY: Final = descriptor(WHOLE.raw, IMAGE_MANIFEST)
NO_TYPE: Final = raw_of(manifest(mediaType=ABSENT))


def layer(**changes: Json) -> Input:
    """A manifest whose one layer is other than it should be."""
    return oci(manifest(layers=[descriptor(**changes)]))


def platform(**changes: Json) -> Input:
    """An index whose one entry has such a platform."""
    fields = {"architecture": "amd64", "os": "linux"} | changes
    value = {name: text for name, text in fields.items() if text is not ABSENT}
    return oci_index(index(descriptor(PLAIN, IMAGE_MANIFEST, platform=value)), PLAIN)


def nested_index(levels: int) -> Upload:
    """Indexes inside each other, with the Wasm artifact in the innermost."""
    blobs = [WHOLE.raw]
    raw = raw_of(index(descriptor(WHOLE.raw, IMAGE_MANIFEST)))
    for _ in range(levels - 1):
        blobs.append(raw)
        raw = raw_of(index(descriptor(raw, IMAGE_INDEX)))
    return Upload(raw=raw, media_type=IMAGE_INDEX, source=store(*blobs, raw_of(wasm_config()), NOTHING))


MIXED: Final = (
    case(
        "a manifest with `manifests` is a document of two kinds",
        lambda: oci(manifest(manifests=[])),
        error("document-kinds-mixed", "manifests", says="a manifest has no"),
    ),
    case(
        "an index with `layers` is a document of two kinds",
        lambda: oci_index(index(layers=[])),
        error("document-kinds-mixed", "layers", part="index", says="an index has no"),
    ),
    case(
        "an index with `config` is a document of two kinds, even with the empty one",
        lambda: oci_index(index(config=descriptor(EMPTY_JSON, EMPTY))),
        error("document-kinds-mixed", "config", part="index"),
    ),
    case(
        "an index with `layers` and `config` is told twice",
        lambda: oci_index(index(config={}, layers=None)),
        error("document-kinds-mixed", "layers", part="index"),
        error("document-kinds-mixed", "config", part="index"),
    ),
)

NAMES: Final = (
    case(
        "a manifest with `Layers` beside its layers has two of them to some readers",
        lambda: oci(manifest(Layers=[])),
        error("member-name-case", "Layers", says="some readers take `Layers` for `layers`"),
    ),
    case(
        "an index with `MediaType` has two of them to some readers",
        lambda: oci_index(index(MediaType=IMAGE_INDEX)),
        error("member-name-case", "MediaType", part="index", says="for `mediaType`"),
    ),
    case(
        "a letter that is folded into an `s` makes a name of it",
        lambda: oci(manifest(**{"layer\u017f": []})),
        error("member-name-case", "layer\u017f", says="for `layers`"),
    ),
    case(
        "a manifest with the name that indexes have in upper case may be read as one",
        lambda: oci(manifest(MANIFESTS=[], ARTIFACTTYPE="a/b")),
        error("member-name-case", "ARTIFACTTYPE"),
        error("member-name-case", "MANIFESTS"),
    ),
    case(
        "the names that configs have in upper case are no names of a manifest",
        lambda: oci(manifest(OS="linux", Created="", Layer=[], Digest="")),
    ),
    case(
        "annotations whose keys differ in case alone are two",
        lambda: oci(manifest(annotations={"com.example.layers": "a", "com.example.Layers": "b", "Com.example.a": "c"})),
    ),
)

SHAPES: Final = (
    case(
        "a manifest with members that are not known is taken",
        lambda: oci(manifest(more=[None], layers=[descriptor(x={})])),
    ),
    case("an index without entries is taken", lambda: oci_index(index())),
    case(
        "an empty object misses all that a manifest needs",
        lambda: oci(b"{}"),
        error("document-schema", "schemaVersion"),
        error("document-schema", "config"),
        error("document-schema", "layers"),
        note("media-type-absent", "mediaType"),
    ),
    case(
        "an index without `manifests` misses them",
        lambda: oci_index(index(manifests=ABSENT)),
        error("document-schema", "manifests", part="index", says="it is missing"),
    ),
    case(
        "a schema version other than 2 is of another time",
        lambda: oci(manifest(schemaVersion=1)),
        error("document-schema", "schemaVersion", says="`2` is expected"),
    ),
    case(
        "a schema version that is a fraction is none",
        lambda: oci(PLAIN.replace(b'"schemaVersion":2', b'"schemaVersion":2.0')),
        error("document-schema", "schemaVersion"),
    ),
    case(
        "a schema version that is another fraction is told once",
        lambda: oci(manifest(schemaVersion=2.5)),
        error("document-schema", "schemaVersion"),
    ),
    case(
        "a schema version that is a text is none",
        lambda: oci_index(index(schemaVersion="2")),
        error("document-schema", "schemaVersion", part="index"),
    ),
    case(
        "a media type that is null is no text",
        lambda: oci(manifest(mediaType=None)),
        error("document-schema", "mediaType"),
    ),
    case(
        "an artifact type that is a number is no text",
        lambda: oci(manifest(artifactType=1)),
        error("document-schema", "artifactType"),
    ),
    case(
        "a config that is a text is no descriptor",
        lambda: oci(manifest(config="{}")),
        error("document-schema", "config"),
    ),
    case(
        "a subject that is null is no descriptor",
        lambda: oci(manifest(subject=None)),
        error("document-schema", "subject"),
    ),
    case(
        "a subject without its members misses them",
        lambda: oci(manifest(subject={})),
        error("document-schema", "subject.mediaType"),
        error("document-schema", "subject.digest"),
        error("document-schema", "subject.size"),
    ),
    case(
        "layers that are an object are no array",
        lambda: oci(manifest(layers={"a": 1})),
        error("document-schema", "layers", says="an array is expected"),
    ),
    case("layers that are a number are no array", lambda: oci(manifest(layers=1)), error("document-schema", "layers")),
    case(
        "a layer that is a text is no descriptor",
        lambda: oci(manifest(layers=[descriptor(), "sha256"])),
        error("document-schema", "layers[1]", says="an object is expected"),
    ),
    case(
        "annotations that are an array are no object",
        lambda: oci(manifest(annotations=[])),
        error("document-schema", "annotations"),
    ),
    case(
        "an annotation that is a number is no text",
        lambda: oci(manifest(annotations={"com.example.a": 1, "com.example.b": "c"})),
        error("document-schema", "annotations.com.example.a"),
    ),
    case(
        "a layer without a media type misses it",
        lambda: layer(mediaType=ABSENT),
        error("document-schema", "layers[0].mediaType"),
    ),
    case(
        "a layer without a digest misses it", lambda: layer(digest=ABSENT), error("document-schema", "layers[0].digest")
    ),
    case("a layer without a size misses it", lambda: layer(size=ABSENT), error("document-schema", "layers[0].size")),
    case(
        "a layer without media type and size misses both",
        lambda: layer(mediaType=ABSENT, size=ABSENT),
        error("document-schema", "layers[0].mediaType"),
        error("document-schema", "layers[0].size"),
    ),
    case(
        "a layer's media type that is null is no text",
        lambda: layer(mediaType=None),
        error("document-schema", "layers[0].mediaType"),
    ),
    case(
        "a layer's digest that is a number is no text",
        lambda: layer(digest=1),
        error("document-schema", "layers[0].digest"),
    ),
    case(
        "a layer's artifact type that is a number is no text",
        lambda: layer(artifactType=1),
        error("document-schema", "layers[0].artifactType"),
    ),
    case(
        "a layer's annotations that are a text are no object",
        lambda: layer(annotations="a"),
        error("document-schema", "layers[0].annotations"),
    ),
    case(
        "a layer's annotation that is null is no text",
        lambda: layer(annotations={"com.example.b": "c", "com.example.a": None}),
        error("document-schema", "layers[0].annotations.com.example.a"),
    ),
    case(
        "a layer's embedded content that is a number is no text",
        lambda: oci(manifest(layers=[descriptor() | {"data": 1}])),
        error("document-schema", "layers[0].data"),
    ),
    case(
        "a layer's URL that is a number is no text, and is a URL none the less",
        lambda: layer(urls=[1]),
        error("document-schema", "layers[0].urls[0]"),
        error("descriptor-urls", "layers[0].urls"),
    ),
    case(
        "an entry's media type that is a number is no text",
        lambda: oci_index(index(descriptor(PLAIN, mediaType=1)), PLAIN),
        error("document-schema", "manifests[0].mediaType", part="index"),
    ),
    case("a platform of today is taken", lambda: platform(variant="v8", **{"os.version": "10", "os.features": ["a"]})),
    case(
        "a platform with `Architecture` beside its architecture has two of them to some readers",
        lambda: platform(Architecture="amd64"),
        error("member-name-case", "manifests[0].platform.Architecture", part="index", says="for `architecture`"),
    ),
    case(
        "a platform without an operating system misses it",
        lambda: platform(os=ABSENT),
        error("document-schema", "manifests[0].platform.os", part="index"),
    ),
    case(
        "a platform's variant that is a number is no text",
        lambda: platform(variant=8),
        error("document-schema", "manifests[0].platform.variant", part="index"),
    ),
    case(
        "a platform's feature that is a number is no text",
        lambda: platform(**{"os.features": ["a", 1]}),
        error("document-schema", "manifests[0].platform.os.features[1]", part="index"),
    ),
)

TYPES: Final = (
    case(
        "a manifest that calls itself an index is read as two kinds of thing",
        lambda: oci(manifest(mediaType=IMAGE_INDEX)),
        error("media-type-mismatch", "mediaType"),
    ),
    case(
        "an index that calls itself a manifest is read as two kinds of thing",
        lambda: oci_index(index(mediaType=IMAGE_MANIFEST)),
        error("media-type-mismatch", "mediaType", part="index"),
    ),
    case(
        "a manifest in an index that is not of the type it was described with is found there",
        lambda: _in_index(manifest(mediaType=DOCKER_MANIFEST)),
        error("media-type-mismatch", "mediaType"),
    ),
    case(
        "a Docker manifest is taken where anything is",
        lambda: oci(manifest(mediaType=DOCKER_MANIFEST), media_type=DOCKER_MANIFEST),
    ),
    case(
        "a manifest need not say what it is",
        lambda: oci(manifest(mediaType=ABSENT)),
        note("media-type-absent", "mediaType"),
    ),
    case(
        "an index need not say what it is",
        lambda: oci_index(index(mediaType=ABSENT)),
        note("media-type-absent", "mediaType", part="index"),
    ),
    case(
        "an artifact type without a slash is none",
        lambda: oci(manifest(artifactType="sbom")),
        error("artifact-type-form", "artifactType"),
    ),
    case(
        "an index's artifact type with a line break is none",
        lambda: oci_index(index(artifactType="a/b\n")),
        error("artifact-type-form", "artifactType", part="index"),
    ),
    case(
        "an artifact type of the longest names is taken", lambda: oci(manifest(artifactType=f"{'a' * 127}/{'b' * 127}"))
    ),
    case(
        "an artifact type of a longer name is none",
        lambda: oci(manifest(artifactType=f"a/{'b' * 128}")),
        error("artifact-type-form", "artifactType"),
    ),
    case(
        "the empty config without an artifact type says nothing",
        lambda: oci(manifest(artifactType=ABSENT)),
        error("artifact-type-missing", "artifactType"),
    ),
    case(
        "the empty config with an empty artifact type says nothing",
        lambda: oci(manifest(artifactType="")),
        error("artifact-type-form", "artifactType"),
        error("artifact-type-missing", "artifactType"),
    ),
    case(
        "another config without an artifact type says what it is",
        lambda: oci(manifest(artifactType=ABSENT, config=descriptor(mediaType="application/vnd.example.config"))),
    ),
)

ENTRIES: Final = (
    case(
        "a manifest without layers is not portable",
        lambda: oci(manifest(layers=[])),
        note("manifest-no-layers", "layers"),
    ),
    case(
        "ten thousand layers are taken",
        lambda: oci(manifest(layers=[descriptor()] * 10_000)),
    ),
    case(
        "a layer more than ten thousand is too many, and none of them is looked at",
        lambda: oci(manifest(layers=[descriptor(urls=["a:"])] + [descriptor()] * 10_000)),
        error("document-too-many-entries", "layers"),
    ),
    case(
        "an entry more than ten thousand is too many",
        lambda: oci_index(index(*[descriptor()] * 10_001)),
        error("document-too-many-entries", "manifests", part="index"),
    ),
)


def _in_index(value: Json) -> Input:
    raw = raw_of(value)
    source = store(raw)
    return Upload(raw=raw_of(index(descriptor(raw, IMAGE_MANIFEST))), media_type=IMAGE_INDEX, source=source)


def _of_entries(*entries: Json, source: BlobSource | None = None, blobs: tuple[bytes, ...] = ()) -> Input:
    held = store(NO_TYPE, WHOLE.raw, raw_of(wasm_config()), NOTHING, *blobs) if source is None else source
    return Upload(raw=raw_of(index(*entries)), media_type=IMAGE_INDEX, source=held)


def _beside_whole(*entries: Json) -> Input:
    """An index of a Wasm artifact and of others."""
    return _of_entries(WHOLE_ENTRY, *entries)


def _with_layer(*, source: MemoryStore | None = None, **changes: Json) -> Input:
    """An index of two artifacts of one component, the second of which names it otherwise."""
    raw = artifact(layers=[wasm_layer(**changes)]).raw
    if source is not None:
        for document in (raw, WHOLE.raw):
            source.write_blob((document,))
    return _of_entries(WHOLE_ENTRY, descriptor(raw, IMAGE_MANIFEST), source=source, blobs=(raw,))


KINDS: Final = (
    case(
        "a type of which nothing is known can't be looked into",
        lambda: oci(manifest(), media_type="application/json"),
        error("document-type-unknown"),
    ),
    case(
        "a type of which nothing is known can't be a Wasm artifact",
        lambda: artifact(media_type="text/html; charset=utf-8"),
        error("document-type-unknown"),
    ),
    case(
        "a Docker manifest is no Wasm artifact",
        lambda: artifact(fields={"mediaType": DOCKER_MANIFEST}, media_type=DOCKER_MANIFEST),
        error("document-type-unexpected"),
    ),
    case(
        "a Docker index is none of Wasm artifacts",
        lambda: oci(index(mediaType=DOCKER_INDEX), media_type=DOCKER_INDEX, profile=Profile.CNCF),
        error("document-type-unexpected", part="index"),
    ),
    case(
        "an index without entries leads to no Wasm artifact",
        lambda: Upload(raw=raw_of(index()), media_type=IMAGE_INDEX),
        error("index-no-component", "manifests", part="index"),
    ),
    case(
        "an index of other things leads to no Wasm artifact",
        lambda: _in_index(manifest()),
        error("index-no-component", "manifests", part="index"),
    ),
    case("an index leads to a Wasm artifact", lambda: nested_index(1)),
    case(
        "an entry that is no document is there beside a Wasm artifact",
        lambda: _beside_whole(descriptor(), descriptor()),
    ),
    case(
        "an entry that is no document and is not there is missing once",
        lambda: _beside_whole(*[descriptor(b"not there")] * 2),
        error("not-found", part="blob"),
    ),
    case(
        "an entry that is no document and has another size is wrong",
        lambda: _beside_whole(descriptor(size=8)),
        error("size-mismatch", part="blob"),
    ),
    case(
        "what is wrong with an entry that stands twice is told once",
        lambda: _of_entries(*[descriptor(NO_TYPE, IMAGE_MANIFEST)] * 2),
        note("media-type-absent", "mediaType"),
        error("index-no-component", "manifests", part="index"),
    ),
    case("a Wasm artifact that stands twice is one", lambda: _beside_whole(WHOLE_ENTRY)),
    case(
        "an entry that stands again with another size is wrong",
        lambda: _beside_whole(WHOLE_ENTRY | {"size": 7}),
        error("size-mismatch"),
    ),
    case(
        "an entry that stands again with another media type is looked at as that",
        lambda: _beside_whole(WHOLE_ENTRY | {"mediaType": IMAGE_INDEX}),
        error("document-kinds-mixed", "layers", part="index"),
        error("document-kinds-mixed", "config", part="index"),
        error("document-schema", "manifests", part="index"),
        error("media-type-mismatch", "mediaType", part="index"),
    ),
    case(
        "a layer that is named again with another size is wrong",
        lambda: _with_layer(size=9),
        error("size-mismatch", part="binary"),
    ),
    case("a layer that is named again with its size is right", lambda: _with_layer(title="b.wasm")),
    case(
        "a config that two manifests name and nobody has is missing once",
        lambda: _with_layer(source=store(), title="b.wasm"),
        error("not-found", part="binary"),
        error("not-found", part="config"),
    ),
    case("indexes nest at sixteen levels", lambda: nested_index(16)),
    case(
        "indexes nest at no more than sixteen levels",
        lambda: nested_index(17),
        error("document-invalid", part="index", says="deeper than 16 levels"),
    ),
    case(
        "what an index names and nobody has is missing",
        lambda: Upload(
            raw=raw_of(index(descriptor(TEXT, IMAGE_MANIFEST))), media_type=IMAGE_INDEX, source=MemoryStore()
        ),
        error("not-found"),
    ),
)


CASES: Final[tuple[Case, ...]] = (*MIXED, *NAMES, *SHAPES, *TYPES, *ENTRIES, *KINDS)
