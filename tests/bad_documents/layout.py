"""A packed layout of the format's vectors, in memory, of which one thing is changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from packaging_kit.digest import Digest
from packaging_kit.document import dump_json
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.fields import Fields
from packaging_kit.oci.media_types import (
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    REF_NAME,
    SKELETON,
    SKELETON_ARTIFACT,
    SPLIT_INDEX,
    WASM_CONFIG,
    WHOLE_CONFIG,
    WHOLE_MANIFEST,
)
from packaging_kit.stores.memory import MemoryStore
from tests.bad_documents.builders import Blobs, Json
from tests.bad_documents.case import Upload
from tests.conftest import VECTORS

OCI: Final = VECTORS / "oci"
COMPONENT: Final = "component-nested"
"""Two modules, one of them in a nested component."""


class Layout:
    """What packing wrote, by digest.

    Args:
        form: `mapped`, `split` or `both`.
        name: of the vector.
    """

    def __init__(self, form: str, name: str = COMPONENT) -> None:
        folder = OCI / name / form
        self.blobs = {f"sha256:{path.name}": path.read_bytes() for path in (folder / "blobs" / "sha256").iterdir()}
        self.entries: list[Json] = json.loads((folder / "index.json").read_bytes())["manifests"]
        self.damaged: dict[str, bytes] = {}

    def upload(self, **options: Any) -> Upload:
        """What the tag names, and what refers to it."""
        (tagged,) = [entry for entry in self.entries if REF_NAME in entry.get("annotations", {})]
        others = [entry for entry in self.entries if entry is not tagged]
        referrers = tuple(Descriptor.from_json(Fields(entry)) for entry in others)
        given = {"media_type": tagged["mediaType"], "referrers": referrers, "source": self.source()} | options
        return Upload(raw=self.blobs[tagged["digest"]], **given)

    def upload_of(self, digest: str, **options: Any) -> Upload:
        """One document by itself."""
        return Upload(raw=self.blobs[digest], **({"source": self.source()} | options))

    def entry(self, digest: str) -> Json:
        """A descriptor of a document."""
        value = self.value(digest)
        media_type = IMAGE_INDEX if "manifests" in value else IMAGE_MANIFEST
        return {"digest": digest, "mediaType": media_type, "size": len(self.blobs[digest])}

    def source(self) -> Blobs | MemoryStore:
        if self.damaged:
            return Blobs(self.blobs | self.damaged)
        store = MemoryStore()
        for blob in self.blobs.values():
            store.write_blob((blob,))
        return store

    @property
    def skeletons(self) -> str:
        """The skeleton artifact."""
        return self._of_type(SKELETON_ARTIFACT)

    @property
    def index(self) -> str:
        """The split index."""
        return self._of_type(SPLIT_INDEX)

    @property
    def roots(self) -> list[str]:
        """The skeletons, root first."""
        return [layer["digest"] for layer in self.value(self.skeletons)["layers"] if layer["mediaType"] == SKELETON]

    @property
    def whole_manifest(self) -> str:
        return self._layer(WHOLE_MANIFEST)

    @property
    def whole_config(self) -> str:
        return self._layer(WHOLE_CONFIG)

    @property
    def whole(self) -> str:
        """The layer of the whole artifact."""
        return str(self.value(self.whole_manifest)["layers"][0]["digest"])

    @property
    def fragment_artifacts(self) -> list[str]:
        return [entry["digest"] for entry in self.value(self.index)["manifests"][1:]]

    def fragment_config(self, number: int) -> str:
        return str(self.value(self.fragment_artifacts[number])["config"]["digest"])

    def module(self, number: int) -> str:
        return str(self.value(self.fragment_artifacts[number])["layers"][0]["digest"])

    def value(self, digest: str) -> Json:
        return json.loads(self.blobs[digest])

    def add(self, raw: bytes, media_type: str) -> Json:
        """Store a blob that nothing names yet; a descriptor of it."""
        digest = Digest.of(raw).value
        self.blobs[digest] = raw
        return {"digest": digest, "mediaType": media_type, "size": len(raw)}

    def change(self, digest: str, **fields: Json) -> Layout:
        """Change members of a document, and all documents that name it."""
        return self.replace(digest, lambda value: value | fields)

    def replace(self, digest: str, make: Callable[[Json], Json | bytes]) -> Layout:
        """Put another document in the place of one, and change all documents that name it."""
        made = make(self.value(digest))
        raw = made if isinstance(made, bytes) else dump_json(made)
        new = self.add(raw, "")
        for name, blob in list(self.blobs.items()):
            value = json.loads(blob) if blob[:1] == b"{" else None
            if value is not None and _rename(value, digest, new):
                self.replace(name, lambda _, value=value: value)  # type: ignore[misc]
        _rename(self.entries, digest, new)
        return self

    def drop(self, *digests: str) -> Layout:
        """Leave blobs out."""
        for digest in digests:
            del self.blobs[digest]
        return self

    def damage(self, digest: str) -> Layout:
        """Change the last byte of a blob where it is stored."""
        raw = self.blobs[digest]
        self.damaged[digest] = raw[:-1] + bytes([raw[-1] ^ 1])
        return self

    def _of_type(self, artifact_type: str) -> str:
        (found,) = {
            entry["digest"]
            for entry in (*self.entries, *self._index_entries())
            if self._type_of(entry["digest"]) == artifact_type
        }
        return str(found)

    def _index_entries(self) -> Iterator[Json]:
        for entry in self.entries:
            if entry["mediaType"] == IMAGE_INDEX:
                yield from self.value(entry["digest"])["manifests"]

    def _type_of(self, digest: str) -> str:
        value = self.value(digest)
        return str(value.get("artifactType") or value.get("config", {}).get("mediaType", WASM_CONFIG))

    def _layer(self, media_type: str) -> str:
        (found,) = [
            layer["digest"] for layer in self.value(self.skeletons)["layers"] if layer["mediaType"] == media_type
        ]
        return str(found)


def _rename(value: Json, digest: str, new: Json) -> bool:
    """Let every descriptor that names `digest` name something else; whether there was one."""
    items = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    is_found = isinstance(value, dict) and value.get("digest") == digest
    if is_found:
        value |= {"digest": new["digest"], "size": new["size"]}
    inner = [_rename(item, digest, new) for item in items]  # all of them, not up to the first
    return is_found or any(inner)
