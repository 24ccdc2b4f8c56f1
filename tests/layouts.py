"""Layouts below the library's own writing: put together by hand, or packed and then changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from packaging_kit import LayoutPlace
from packaging_kit.document import dump_json
from packaging_kit.oci.media_types import EMPTY, IMAGE_INDEX, IMAGE_MANIFEST, REF_NAME

Json = Any
Entry = dict[str, Json]
"""A descriptor as JSON."""


def tagged(entry: Entry, tag: str) -> Entry:
    """The entry of a tag."""
    return {**entry, "annotations": {REF_NAME: tag}}


def blob_path(folder: Path, entry: Entry) -> Path:
    return folder / "blobs" / str(entry["digest"]).replace(":", "/")


def read_document(folder: Path, entry: Entry) -> Json:
    return json.loads(blob_path(folder, entry).read_bytes())


def entries(folder: Path) -> list[Entry]:
    """The entries of `index.json`."""
    found: list[Entry] = json.loads((folder / "index.json").read_bytes())["manifests"]
    return found


class HandMade:
    """A layout that is written as it comes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.place = LayoutPlace(folder=folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "oci-layout").write_bytes(b'{"imageLayoutVersion":"1.0.0"}')

    def blob(self, data: bytes, media_type: str = "application/octet-stream", algorithm: str = "sha256") -> Entry:
        digest = f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"
        entry: Entry = {"mediaType": media_type, "digest": digest, "size": len(data)}
        path = blob_path(self.folder, entry)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return entry

    def manifest(self, *layers: Entry, config: Entry | None = None, algorithm: str = "sha256", **fields: Json) -> Entry:
        value: Entry = {"schemaVersion": 2, "mediaType": IMAGE_MANIFEST, "layers": layers}
        value |= {"config": self.blob(b"{}", EMPTY) if config is None else config, **fields}
        return self.blob(dump_json(value), value["mediaType"], algorithm)

    def index(self, *manifests: Entry, **fields: Json) -> Entry:
        value: Entry = {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": manifests, **fields}
        return self.blob(dump_json(value), value["mediaType"])

    def name(self, *manifests: Entry, **fields: Json) -> LayoutPlace:
        """Write `index.json`."""
        value: Entry = {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": manifests, **fields}
        (self.folder / "index.json").write_bytes(dump_json(value))
        return self.place


def replace(folder: Path, old: Entry, data: bytes | Callable[[Json], Json]) -> None:
    """Put other bytes in the place of a blob, and change all documents around it so that they name those.

    Args:
        data: the bytes, or what makes another document of the document.
    """
    raw = data if isinstance(data, bytes) else dump_json(data(read_document(folder, old)))
    new = HandMade(folder).blob(raw)
    for path in (folder / "index.json", *sorted((folder / "blobs" / "sha256").iterdir())):
        if not path.exists() or path.read_bytes()[:1] != b"{":
            continue
        value = json.loads(path.read_bytes())
        named = [entry for entry in _descriptors(value) if entry["digest"] == old["digest"]]
        for entry in named:
            entry |= {"digest": new["digest"], "size": new["size"]}
        if named and path.name == "index.json":
            path.write_bytes(dump_json(value))
        elif named:
            replace(folder, {"digest": f"sha256:{path.name}"}, dump_json(value))
    if old["digest"] != new["digest"]:
        blob_path(folder, old).unlink(missing_ok=True)


def change(folder: Path, old: Entry, **fields: Json) -> None:
    """Change members of a document, and all documents around it."""
    replace(folder, old, lambda value: value | fields)


def _descriptors(value: Json) -> Iterator[Entry]:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in items:
        if isinstance(item, dict) and "digest" in item:
            yield item
        yield from _descriptors(item)
