"""Builders of what is right, each with arguments that make it wrong in one place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from packaging_kit.blobs import Blob, BlobSource
from packaging_kit.digest import Digest
from packaging_kit.document import dump_json
from packaging_kit.errors import NotFoundError
from packaging_kit.oci.media_types import EMPTY, IMAGE_INDEX, IMAGE_MANIFEST, TITLE, WASM, WASM_CONFIG
from packaging_kit.stores.memory import MemoryStore
from packaging_kit.validate.report import Profile
from tests.bad_documents.case import Upload
from tests.conftest import FIXTURES
from tests.strategies import COMPONENT, CORE_MODULE, custom, leb128, section, text, vector

Json = Any

ABSENT: Final = object()
"""The value of a member that is to be left out."""

EMPTY_JSON: Final = b"{}"
TEXT: Final = b"a text\n"
MODULE: Final = CORE_MODULE
"""The smallest core module."""
NOTHING: Final = COMPONENT
"""The smallest component."""
CREATED: Final = "1970-01-01T00:00:00Z"


def fixture(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def changed(value: Mapping[str, Json], changes: Mapping[str, Json]) -> dict[str, Json]:
    """Members with others in their place, or without them."""
    return {name: member for name, member in (dict(value) | dict(changes)).items() if member is not ABSENT}


def descriptor(
    data: bytes = TEXT, media_type: str = "text/plain", algorithm: str = "sha256", **changes: Json
) -> dict[str, Json]:
    """What names `data`."""
    value = {"mediaType": media_type, "digest": Digest.of(data, algorithm).value, "size": len(data)}
    return changed(value, changes)


def manifest(**changes: Json) -> dict[str, Json]:
    """The manifest of an artifact that has nothing to do with Wasm: the empty config, a text as its layer."""
    value = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "artifactType": "application/vnd.example.text",
        "config": descriptor(EMPTY_JSON, EMPTY),
        "layers": [descriptor()],
    }
    return changed(value, changes)


def index(*manifests: Json, **changes: Json) -> dict[str, Json]:
    """An index of others."""
    return changed({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": list(manifests)}, changes)


def raw_of(value: Json) -> bytes:
    return value if isinstance(value, bytes) else dump_json(value)


def store(*blobs: bytes, algorithm: str = "sha256") -> MemoryStore:
    """A store of these, of the empty config and of the text."""
    made = MemoryStore()
    for blob in (EMPTY_JSON, TEXT, *blobs):
        made.write_blob((blob,))
        if algorithm != "sha256":
            made.write_blob((blob,), _named(blob, algorithm))
    return made


def _named(blob: bytes, algorithm: str) -> Blob:
    return Blob(Digest.of(blob, algorithm), len(blob))


def oci(value: Json, *blobs: bytes, **options: Any) -> Upload:
    """A document as anything that the image spec allows, not as a Wasm artifact."""
    given: dict[str, Any] = {"profile": Profile.OCI, "source": store(*blobs)}
    return Upload(raw=raw_of(value), **(given | options))


def oci_index(value: Json, *blobs: bytes, **options: Any) -> Upload:
    return oci(value, *blobs, media_type=IMAGE_INDEX, **options)


def wasm_config(data: bytes = NOTHING, *, component: Mapping[str, Json] | None = None, **changes: Json) -> Json:
    """The config of a binary without imports and exports.

    Args:
        component: other members of `component`.
    """
    is_module = data.startswith(CORE_MODULE)
    names = changed({"exports": [], "imports": [], "target": None}, component or {})
    value = {
        "created": CREATED,
        "author": None,
        "architecture": "wasm",
        "os": "wasip1" if is_module else "wasip2",
        "layerDigests": [Digest.of(data).value],
        "component": None if is_module else names,
    }
    return changed(value, changes)


def wasm_layer(data: bytes = NOTHING, title: Json = "app.wasm", **changes: Json) -> dict[str, Json]:
    return changed(descriptor(data, WASM, annotations={TITLE: title}), changes)


def wasm_manifest(raw: bytes, /, *layers: Json, **changes: Json) -> dict[str, Json]:
    value = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "config": descriptor(raw, WASM_CONFIG),
        "layers": list(layers),
    }
    return changed(value, changes)


def artifact(
    data: bytes = NOTHING,
    config: Json = None,
    *,
    layers: Sequence[Json] | None = None,
    fields: Mapping[str, Json] | None = None,
    blobs: Sequence[bytes] = (),
    **options: Any,
) -> Upload:
    """The whole artifact of a binary, as the CNCF layout has it.

    Args:
        config: members, or bytes.
        layers: in place of the one of the binary.
        fields: members of the manifest that are other than those.
        options: of the upload.
    """
    raw = raw_of(wasm_config(data) if config is None else config)
    entries = [wasm_layer(data)] if layers is None else layers
    value = wasm_manifest(raw, *entries, **(fields or {}))
    return Upload(raw=raw_of(value), **({"source": store(raw, data, *blobs)} | options))


def config_of(data: bytes, imports: Sequence[str] = (), exports: Sequence[str] = (), **changes: Json) -> Json:
    """The config of a component with these names."""
    return wasm_config(data, component={"imports": list(imports), "exports": list(exports)}, **changes)


FUNC: Final = b"\x01\0"
INSTANCE: Final = b"\x05\0"
CORE_MODULE_TYPE: Final = b"\0\x11\0"
COMPONENT_TYPE: Final = b"\x04\0"
VALUE: Final = b"\x02\x73"


def imports(*names: str, kind: bytes = INSTANCE) -> bytes:
    """The import section of a component; it is well framed, and what it names is nowhere."""
    return section(10, vector(*(b"\0" + text(name) + kind for name in names)))


def exports(*names: str, kind: bytes = b"\x05\0") -> bytes:
    """The export section of a component, likewise."""
    return section(11, vector(*(b"\0" + text(name) + kind + b"\0" for name in names)))


def core_module(*import_names: tuple[str, str], size: int = 0, sections: bytes = b"") -> bytes:
    """A core module that is well framed, of at least `size` bytes."""
    made = CORE_MODULE
    if import_names:
        made += section(1, vector(b"\x60\0\0"))
        made += section(2, vector(*(text(first) + text(second) + b"\0\0" for first, second in import_names)))
    made += sections
    missing = size - len(made) - len(custom("filler", b""))
    if missing > 0:
        made += custom("filler", bytes(missing - (len(leb128(missing + 7)) - 1)))
    return made


class Blobs(BlobSource):
    """Content under whatever digests, right or wrong; no source of documents."""

    def __init__(self, blobs: Mapping[str, bytes]) -> None:
        self._blobs = blobs

    def blob_size(self, digest: Digest) -> int:
        return len(self._get(digest))

    def iter_blob_unverified(self, digest: Digest, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        yield self._get(digest)[start:end]

    def _get(self, digest: Digest) -> bytes:
        if digest.value not in self._blobs:
            raise NotFoundError("not-found", f"the blob {digest} is not there")
        return self._blobs[digest.value]


def blobs_of(*blobs: bytes) -> dict[str, bytes]:
    """Content under its digests."""
    return {Digest.of(blob).value: blob for blob in (EMPTY_JSON, TEXT, *blobs)}
