"""Content that is missing, or other than its descriptor says."""

from __future__ import annotations

from typing import Final

from packaging_kit.digest import Digest
from packaging_kit.errors import DocumentError
from packaging_kit.limits import MAX_MANIFEST_SIZE
from packaging_kit.oci.media_types import DOCKER_MANIFEST, EMPTY, IMAGE_INDEX, IMAGE_MANIFEST, WASM_CONFIG
from tests.bad_documents.builders import (
    EMPTY_JSON,
    NOTHING,
    TEXT,
    Blobs,
    Json,
    artifact,
    blobs_of,
    descriptor,
    index,
    manifest,
    oci,
    oci_index,
    raw_of,
    wasm_config,
    wasm_layer,
    wasm_manifest,
)
from tests.bad_documents.case import Case, Input, Upload, case, error

OTHER: Final = b"other  \n"
CONFIG: Final = raw_of(wasm_config())
DAMAGED: Final = NOTHING[:-1] + b"\1"


def without(*missing: bytes, value: Json = None) -> Input:
    """A manifest, of whose content this is not there."""
    held = {digest: blob for digest, blob in blobs_of(OTHER).items() if blob not in missing}
    return oci(manifest() if value is None else value, source=Blobs(held))


def damaged(blob: bytes, by: bytes, algorithm: str = "sha256") -> Input:
    """The artifact of a component, of which one blob was changed where it is stored."""
    held = blobs_of(CONFIG, NOTHING) | {Digest.of(blob, algorithm).value: by}
    layer = wasm_layer() | {"digest": Digest.of(NOTHING, algorithm).value}
    config = raw_of(wasm_config(layerDigests=[layer["digest"]]))
    held |= {Digest.of(config).value: config} if blob != CONFIG else {}
    return Upload(raw=raw_of(wasm_manifest(CONFIG if blob == CONFIG else config, layer)), source=Blobs(held))


class Refusing(Blobs):
    """A source that has everything, and can't put together one thing."""

    def read_blob(self, digest: Digest, *, size: int | None = None, max_size: int = MAX_MANIFEST_SIZE) -> bytes:
        raise DocumentError("split-too-many-fragments", "the split needs a document of 10002 entries")


CASES: Final[tuple[Case, ...]] = (
    case("a config that is not there is missing", lambda: without(EMPTY_JSON), error("not-found", says="is not there")),
    case("a layer that is not there is missing", lambda: without(TEXT), error("not-found")),
    case(
        "config and layers that are not there are each missing",
        lambda: without(EMPTY_JSON, TEXT, value=manifest(layers=[descriptor(), descriptor(OTHER), descriptor()])),
        error("not-found"),
        error("not-found"),
        error("not-found"),
    ),
    case(
        "a subject may come later",
        lambda: oci(manifest(subject=descriptor(b"not there", IMAGE_MANIFEST))),
    ),
    case(
        "a manifest that an index names is looked for as anything is",
        lambda: oci_index(index(descriptor(OTHER, IMAGE_MANIFEST))),
        error("not-found", part="index"),
    ),
    case(
        "a Wasm artifact's layer that is not there is missing once",
        lambda: artifact(source=Blobs(blobs_of(CONFIG))),
        error("not-found", part="binary"),
    ),
    case(
        "a Wasm artifact's config that is not there is missing once",
        lambda: artifact(source=Blobs(blobs_of(NOTHING))),
        error("not-found", part="config"),
    ),
    case(
        "a size that is not the blob's is wrong",
        lambda: oci(manifest(layers=[descriptor(size=6)])),
        error("size-mismatch"),
    ),
    case(
        "a Wasm artifact's layer of another size is not read",
        lambda: artifact(layers=[wasm_layer(size=9)]),
        error("size-mismatch", part="binary"),
    ),
    case(
        "a Wasm artifact's config of another size is not read",
        lambda: artifact(fields={"config": descriptor(CONFIG, WASM_CONFIG, size=7)}),
        error("size-mismatch", part="config"),
    ),
    case(
        "a Wasm artifact's config of more bytes than are read is not read",
        lambda: artifact(config=CONFIG + b" " * (5 << 20)),
        error("document-too-large", part="config"),
    ),
    case(
        "a layer with one byte changed is damaged, and has no other defect",
        lambda: damaged(NOTHING, DAMAGED),
        error("digest-mismatch", part="binary", says="expected sha256:"),
    ),
    case(
        "a layer with other sections is damaged",
        lambda: damaged(NOTHING, b"\0asm\x01\0\0\0"),
        error("digest-mismatch", part="binary"),
    ),
    case(
        "a layer that is named by sha512 and was changed is damaged",
        lambda: damaged(NOTHING, b"\0asm\x01\0\0\0", "sha512"),
        error("digest-mismatch", part="binary"),
    ),
    case(
        "a layer that is named by sha512 is read",
        lambda: damaged(NOTHING, NOTHING, "sha512"),
    ),
    case(
        "a config with one byte changed is damaged",
        lambda: damaged(CONFIG, CONFIG.replace(b"wasip2", b"wasip1")),
        error("digest-mismatch", part="config"),
    ),
    case(
        "a split that registries would not take is told as that",
        lambda: artifact(source=Refusing(blobs_of(CONFIG, NOTHING))),
        error("split-too-many-fragments", part="config"),
    ),
    case(
        "a document in an index that was changed is damaged",
        lambda: Upload(
            raw=raw_of(index(descriptor(EMPTY_JSON, DOCKER_MANIFEST), descriptor(EMPTY_JSON, EMPTY))),
            media_type=IMAGE_INDEX,
            source=Blobs({Digest.of(EMPTY_JSON).value: b"[]"}),
        ),
        error("digest-mismatch"),
    ),
)
