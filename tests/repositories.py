"""Layouts, archives and registries with components in them, and with what others put beside those."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import packaging_kit
from packaging_kit import ArchivePlace, Digest, Form, Input, LayoutPlace, Output, PackOptions, PackResult, Settings
from packaging_kit.artifact.graph import iter_contained
from packaging_kit.blobs import BlobSource
from packaging_kit.document import dump_json
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.index import Index, parse_index
from packaging_kit.oci.layout import Tagged
from packaging_kit.oci.media_types import IMAGE_INDEX, IMAGE_MANIFEST
from packaging_kit.oci.reference import Reference
from packaging_kit.operations.places import LocalPlace, RegistryPlace, RepositoryPlace, as_local
from packaging_kit.operations.repositories import open_local_sink, open_local_source, open_registry
from packaging_kit.stores.indexed import IndexedStore
from packaging_kit.stores.registry.credentials import Credential
from packaging_kit.stores.registry.options import RegistryOptions
from packaging_kit.stores.registry.store import RegistryStore
from tests.strategies import component, custom, module, section

SETTINGS = Settings()
SIGNATURE = "application/vnd.example.signature"
TAG = "v"

PlaceKind = Literal["layout", "archive"]
PLACE_KINDS: tuple[PlaceKind, ...] = ("layout", "archive")


def sample(name: str = "a") -> bytes:
    """A component with two shared modules, one of them twice, one of its own, and a nested component."""
    return component(
        section(1, module(5000, "shared")),
        section(4, component(section(1, module(6000, "nested")), custom("component-name", b"\0\4deep"))),
        section(1, module(4096 + 100 * len(name), name), width=5),
        section(1, module(5000, "shared")),
        custom("note", name.encode()),
    )


def make_place(kind: PlaceKind, path: Path, tag: str | None = None) -> LocalPlace:
    """A layout folder at `path`, or an archive beside it."""
    if kind == "layout":
        return LayoutPlace(folder=path, tag=tag)
    return ArchivePlace(file=path.with_name(f"{path.name}.tar"), tag=tag)


def pack(place: RepositoryPlace, data: bytes, form: Form = Form.SPLIT, tag: str = TAG, **options: Any) -> PackResult:
    """Pack one binary."""
    source = Input(name="-", stream=io.BytesIO(data))
    (result,) = packaging_kit.pack([source], as_local(place), PackOptions(form=form, tag=tag, **options), SETTINGS)
    return result


def registry_options(
    *, user: str | None = None, password: str | None = None, ca_file: Path | None = None, **options: Any
) -> RegistryOptions:
    """Options that wait for nothing longer than tests can."""
    given = None if user is None else Credential(username=user, secret=password or "")
    quick: dict[str, Any] = {"backoff": 0.01, "connect_timeout": 10.0, "read_timeout": 10.0}
    return RegistryOptions(given=given, ca_file=ca_file, **(quick | options))


def registry_place(host: str, repository: str, tag: str | None = None, digest: Digest | None = None) -> RegistryPlace:
    return RegistryPlace(reference=Reference(host=host, repository=repository, tag=tag, digest=digest))


def registry_store(
    host: str, repository: str, options: RegistryOptions | None = None, *, mounts: tuple[str, ...] = ()
) -> RegistryStore:
    """A repository in a registry, as every command opens it."""
    settings = Settings(registry=options or registry_options())
    return open_registry(registry_place(host, repository), settings, mounts=mounts)


def unpack(place: RepositoryPlace, path: Path, settings: Settings = SETTINGS) -> bytes:
    """The bytes that the component at `place` has."""
    packaging_kit.unpack(place, Output(name=str(path), force=True), settings)
    return path.read_bytes()


def files(folder: Path) -> dict[str, bytes]:
    """Every file below `folder`."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def blobs(store: IndexedStore) -> dict[Digest, bytes]:
    """Everything that a store holds, verified."""
    return {blob.digest: read(store, blob.digest, blob.size) for blob in store.iter_blobs()}


def read(source: BlobSource, digest: Digest, size: int | None = None) -> bytes:
    """One blob, verified."""
    return b"".join(source.iter_blob(digest, size=size))


def content(store: IndexedStore, *roots: Descriptor) -> set[Digest]:
    """Digests of everything that belongs to `roots`."""
    return {node.descriptor.digest for root in roots for node in iter_contained(store, root)}


def index_of(place: RepositoryPlace) -> bytes:
    """The `index.json` of a place."""
    with open_local_source(as_local(place), SETTINGS) as store:
        return store.read_index().raw


def blobs_of(place: RepositoryPlace) -> dict[Digest, bytes]:
    """Everything that a place holds, verified."""
    with open_local_source(as_local(place), SETTINGS) as store:
        return blobs(store)


def write(store: IndexedStore, data: bytes, media_type: str, algorithm: str = "sha256") -> Descriptor:
    """Write a blob, and describe it."""
    blob = packaging_kit.Blob(Digest.of(data, algorithm), len(data))
    store.write_blob((data,), blob)
    return Descriptor(media_type=media_type, digest=blob.digest, size=blob.size)


def write_document(
    store: IndexedStore, value: Mapping[str, Any], *, media_type: str | None = None, algorithm: str = "sha256"
) -> Descriptor:
    """Write a document of others, in a form in which we never write one, and describe it."""
    raw = json.dumps(value, indent=3).encode() + b"\n"
    return write(store, raw, media_type or str(value["mediaType"]), algorithm)


def manifest(
    config: Descriptor, *layers: Descriptor, subject: Descriptor | None = None, **fields: Any
) -> dict[str, Any]:
    """An image manifest as JSON."""
    value: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "config": config.to_json(),
        "layers": [layer.to_json() for layer in layers],
    }
    if subject is not None:
        value["subject"] = subject.to_json()
    return value | fields


def index(*manifests: Descriptor, **fields: Any) -> dict[str, Any]:
    """An image index as JSON."""
    entries = [entry.to_json() for entry in manifests]
    return {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": entries} | fields


def sign(store: IndexedStore, subject: Descriptor, text: str = "signed") -> Descriptor:
    """Attach a signature as others do, by a manifest with a subject, and put its entry into the index."""
    empty = write(store, b"{}", "application/vnd.oci.empty.v1+json")
    layer = write(store, text.encode(), "application/vnd.example.signature.v1+json")
    plain = Descriptor(media_type=subject.media_type, digest=subject.digest, size=subject.size)
    signature = write_document(store, manifest(empty, layer, subject=plain, artifactType=SIGNATURE))
    return attach(store, signature, SIGNATURE)


def attach(store: IndexedStore, referrer: Descriptor, artifact_type: str | None = None) -> Descriptor:
    """Put an untagged entry into the index."""
    entry = Descriptor(
        media_type=referrer.media_type, digest=referrer.digest, size=referrer.size, artifact_type=artifact_type
    )
    add_entries(store, entry.to_json())
    store.put((), force=False)  # which sorts
    return entry


def add_entries(store: IndexedStore, *entries: Mapping[str, Any]) -> None:
    """Put entries into the index as they are."""

    def change(old: Index) -> Index:
        value = json.loads(old.to_document().raw)
        value["manifests"] += [dict(entry) for entry in entries]
        return parse_index(dump_json(value)).value

    store.change_index(change)


def tag(store: IndexedStore, entry: Descriptor, name: str) -> None:
    """Give something a name."""
    store.put([Tagged(name, entry)], force=False)


def sign_place(place: RepositoryPlace, digest: Digest | None = None, text: str = "signed") -> Descriptor:
    """Attach a signature to what a place names, or to an image manifest in it."""
    with open_local_sink(as_local(place), SETTINGS) as store:
        if digest is None:
            return sign(store, store.find(place.tag), text)
        subject = Descriptor(media_type=IMAGE_MANIFEST, digest=digest, size=store.blob_size(digest))
        return sign(store, subject, text)
