"""What a registry holds: repositories with blobs, manifests, tags and uploads that are not finished."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from packaging_kit.oci.media_types import DOCUMENTS

Json = Any
Content = bytes | bytearray


@dataclass(frozen=True, slots=True)
class Manifest:
    """A document as it was pushed."""

    raw: bytes
    media_type: str

    @property
    def value(self) -> dict[str, Json]:
        """What it says; nothing, where it is no object."""
        try:
            value = json.loads(self.raw)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}


@dataclass(slots=True)
class Upload:
    """Content that is on its way; the lock is held by the request that adds to it."""

    id: str
    data: bytearray = field(default_factory=bytearray)
    queries: set[str] = field(default_factory=set)
    has_short_chunk: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(slots=True)
class Repository:
    """What one name holds."""

    blobs: dict[str, Content] = field(default_factory=dict)
    manifests: dict[str, Manifest] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    uploads: dict[str, Upload] = field(default_factory=dict)

    def find(self, reference: str) -> tuple[str, Manifest] | None:
        """The manifest with this digest or tag, and its digest."""
        digest = reference if is_digest(reference) else self.tags.get(reference, "")
        manifest = self.manifests.get(digest)
        return None if manifest is None else (digest, manifest)

    def put_manifest(self, raw: bytes, media_type: str, *, digest: str, tag: str | None) -> None:
        self.manifests[digest] = Manifest(raw, media_type)
        if tag is not None:
            self.tags[tag] = digest

    def remove_manifest(self, reference: str) -> bool:
        """Remove a tag, or a manifest with all its tags; whether it was there."""
        if not is_digest(reference):
            return self.tags.pop(reference, None) is not None
        self.tags = {tag: digest for tag, digest in self.tags.items() if digest != reference}
        return self.manifests.pop(reference, None) is not None

    def holds(self, entry: dict[str, Json]) -> bool:
        """Whether what a descriptor names is there."""
        digest = entry.get("digest", "")
        return digest in self.manifests or (entry.get("mediaType") not in DOCUMENTS and digest in self.blobs)

    def missing(self) -> list[str]:
        """The digests that a tag leads to and that are not there, or whose content is not theirs."""
        found = {}
        seen: set[str] = set()
        waiting: list[dict[str, Json]] = [{"digest": digest} for digest in self.tags.values()]
        while waiting:
            entry = waiting.pop()
            digest = entry.get("digest", "")
            if digest in seen:
                continue
            seen.add(digest)
            manifest = self.manifests.get(digest)
            content = self.blobs.get(digest) if manifest is None else manifest.raw
            if content is None or not (self.holds(entry) and digest_like(content, digest) == digest):
                found[digest] = True
            if manifest is not None:
                waiting.extend(children(manifest))
        return sorted(found)


class State:
    """All repositories; `lock` is held while they are read or changed."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.repositories: dict[str, Repository] = {}
        self._uploads = 0

    def repository(self, name: str) -> Repository:
        """The repository with this name, made where there is none."""
        with self.lock:
            return self.repositories.setdefault(name, Repository())

    def start_upload(self, name: str) -> Upload:
        """A new upload; its id is the same in every run with the same requests."""
        with self.lock:
            self._uploads += 1
            upload = Upload(f"upload-{self._uploads}")
            self.repository(name).uploads[upload.id] = upload
            return upload

    def finish_upload(self, name: str, upload: Upload, digest: str | None) -> None:
        """End an upload: its content becomes a blob, or is forgotten where no digest is given."""
        with self.lock:
            repository = self.repository(name)
            repository.uploads.pop(upload.id, None)
            if digest is not None:
                repository.blobs[digest] = upload.data

    def find_blob(self, name: str, digest: str) -> Content | None:
        with self.lock:
            return self.repositories[name].blobs.get(digest) if name in self.repositories else None


def children(manifest: Manifest) -> Iterator[dict[str, Json]]:
    """The descriptors of what a document is made of; its subject is none of them."""
    value = manifest.value
    for entry in (value.get("config"), *_list(value, "layers"), *_list(value, "manifests"), *_list(value, "blobs")):
        if isinstance(entry, dict) and isinstance(entry.get("digest"), str):
            yield entry


def _list(value: dict[str, Json], name: str) -> list[Json]:
    found = value.get(name)
    return found if isinstance(found, list) else []


def is_digest(text: str) -> bool:
    return ":" in text


def digest_like(data: Content, digest: str) -> str:
    """The digest of `data` by the algorithm of another digest."""
    algorithm = digest.partition(":")[0]
    return f"{algorithm}:{hashlib.new(algorithm, data, usedforsecurity=True).hexdigest()}"
