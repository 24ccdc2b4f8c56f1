"""What the repositories of `upload_gate.py` hold: uploads that wait for a manifest, and what was accepted.

It is a file of its own because a registry has a database and a store in its place, while the gate can stay as it is.
Names are in memory. Content is in files: each upload is one, in a folder that is emptied at the start, and what was
accepted is kept in fragments, for all repositories together, by `serve_split.py`.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from hashlib import file_digest
from pathlib import Path
from typing import Any

from serve_split import CHUNK_SIZE, SplitStore, iter_plain, map_file

from packaging_kit import BlobSource, Descriptor, Digest, NotFoundError

Read = Callable[[int, int], Iterator[bytes]]
MOST_VALUES = 200_000

_ANY_DIGEST = re.compile(r"sha256:[0-9a-f]{64}(?![0-9a-f])|sha512:[0-9a-f]{128}(?![0-9a-f])")


def read_fields(raw: bytes) -> dict[str, Any]:
    """What a document says, before anybody has looked at it: nothing of it counts until it was validated."""
    if raw.count(b",") + raw.count(b"[") + raw.count(b"{") > MOST_VALUES:
        return {}  # which is no manifest of anything; in memory it takes forty times its size
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def iter_entries(fields: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Descriptors of the blobs that a manifest names."""
    layers = fields.get("layers")
    for entry in (fields.get("config"), *(layers if isinstance(layers, list) else ())):
        if isinstance(entry, dict):
            yield entry


def digests_in(raw: bytes) -> set[Digest]:
    """Every digest that stands anywhere in a document, whatever it is."""
    return {Digest(text) for text in _ANY_DIGEST.findall(raw.decode("latin-1"))}


def documents_in(raw: bytes) -> set[Digest]:
    """The manifests in an index that was validated; none, where it is a manifest itself."""
    return {Digest(entry["digest"]) for entry in read_fields(raw).get("manifests", ())}


@dataclass(slots=True)
class Upload:
    """A file in the quarantine. Whoever takes it out of its dictionary has it alone."""

    path: Path
    size: int = 0
    touched: float = field(default_factory=time.monotonic)

    @property
    def id(self) -> str:
        return self.path.name

    def digest(self, algorithm: str) -> Digest:
        with self.path.open("rb") as file:
            return Digest.from_hasher(file_digest(file, algorithm), algorithm)

    def append(self, chunks: Iterable[bytes]) -> None:
        with self.path.open("ab") as file:
            for chunk in chunks:
                file.write(chunk)
                self.size += len(chunk)
        self.touched = time.monotonic()

    def iter_range(self, start: int, end: int | None) -> Iterator[bytes]:
        left = (self.size if end is None else end) - start
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                while left > 0 and (chunk := file.read(min(left, CHUNK_SIZE))):
                    left -= len(chunk)
                    yield chunk
        except FileNotFoundError as exc:
            raise NotFoundError("not-found", "the upload is no longer there") from exc

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the gate knows of a manifest that it accepts.

    Attributes:
        binaries: layers that were read as Wasm; nobody looked into others, and they are kept as they are.
        is_early: it is a skeleton artifact that something else has to confirm.
        is_followed: the manifests in it, if it is an index, were looked into: it confirms those that were early.
    """

    binaries: frozenset[Digest]
    is_early: bool
    is_followed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An accepted manifest: what lists say of it, and what it names."""

    listed: dict[str, Any]
    blobs: frozenset[Digest]
    subject: str | None

    @classmethod
    def of(cls, raw: bytes, digest: Digest, media_type: str) -> Entry:
        """The entry of a manifest that was validated."""
        fields = read_fields(raw)
        artifact_type = fields.get("artifactType") or fields.get("config", {}).get("mediaType")
        listed = {"mediaType": media_type, "digest": digest.value, "size": len(raw)}
        more = {"artifactType": artifact_type, "annotations": fields.get("annotations")}
        return cls(
            listed=listed | {name: value for name, value in more.items() if value},
            blobs=frozenset(Digest(entry["digest"]) for entry in iter_entries(fields)),
            subject=(fields.get("subject") or {}).get("digest"),
        )

    @property
    def is_split(self) -> bool:
        return str(self.listed.get("artifactType")).startswith("application/vnd.packaging-kit.")


class Repository(BlobSource):
    """What one name has. As a source of blobs: what its manifests may name, and nothing of other repositories."""

    def __init__(self, store: SplitStore) -> None:
        self.uploads: dict[str, Upload] = {}  # not complete
        self.waiting: dict[Digest, Upload] = {}  # for a manifest that names them
        self.manifests: dict[Digest, Entry] = {}
        self.early: dict[Digest, float] = {}  # skeleton artifacts that what they belong to has to confirm, by when
        self.tags: dict[str, Digest] = {}
        # On one manifest at a time: nobody takes away what the decision on another stands on.
        self.deciding = threading.Lock()
        self._blobs: set[Digest] = set()
        self._store = store

    def __contains__(self, digest: Digest) -> bool:
        return digest in self._blobs or digest in self.waiting

    def open(self, digest: Digest) -> tuple[int, Read]:
        """Size of a blob, and what reads it from a start to an end."""
        if digest in self._blobs:
            return self._store.open(digest)
        if (upload := self.waiting.get(digest)) is None:
            raise NotFoundError("not-found", f"the blob {digest} is not there")
        upload.touched = time.monotonic()
        return upload.size, partial(iter_plain, self, digest, upload.size)

    def blob_size(self, digest: Digest) -> int:
        return self.open(digest)[0]

    def iter_blob_unverified(self, digest: Digest, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        if digest not in self._blobs and (upload := self.waiting.get(digest)) is not None:
            return upload.iter_range(start, end)
        size, read = self.open(digest)
        return read(start, size if end is None else min(end, size))

    def read_document(self, descriptor: Descriptor) -> bytes:
        """A manifest that was accepted, for an index that names it."""
        if descriptor.digest not in self.manifests:
            raise NotFoundError("not-found", f"the manifest {descriptor.digest} is not there")
        size, read = self._store.open(descriptor.digest)
        return b"".join(read(0, size))

    def split_of(self, digest: Digest) -> list[Descriptor]:
        """Skeletons and split indexes that were pushed before the whole that they refer to."""
        return [
            Descriptor(
                media_type=entry.listed["mediaType"],
                digest=each,
                size=entry.listed["size"],
                artifact_type=entry.listed["artifactType"],
            )
            for each, entry in self.manifests.items()
            if entry.is_split and entry.subject == digest.value
        ]

    def hold(self, digest: Digest, upload: Upload) -> None:
        """Let a complete upload wait. One that is there stays: somebody may be reading it."""
        held = None if digest in self._blobs else self.waiting.setdefault(digest, upload)
        if held is not None:
            held.touched = time.monotonic()
        if held is not upload:
            upload.discard()

    def keep(self, raw: bytes, digest: Digest, media_type: str, tag: str | None, verdict: Verdict) -> Entry:
        """Store a manifest and what it names, then give them their names."""
        entry = Entry.of(raw, digest, media_type)
        for blob in entry.blobs - self._blobs:
            if (upload := self.waiting.get(blob)) is None:
                raise NotFoundError("not-found", f"the blob {blob} is not there")
            with upload.path.open("rb") as file:
                self._store.add(blob, map_file(file), is_exploded=blob in verdict.binaries)
            self._read_back(blob)
        self._store.add(digest, memoryview(raw), is_exploded=False)
        self._blobs |= entry.blobs
        self.manifests[digest] = entry
        followed = documents_in(raw) if verdict.is_followed else set()
        for each in followed | {split.digest for split in self.split_of(digest)}:
            self.early.pop(each, None)
        if verdict.is_early:
            self.early[digest] = time.monotonic()
        if tag is not None:
            self.tags[tag] = digest
        self._discard(entry.blobs)
        return entry

    def _read_back(self, digest: Digest) -> None:
        """What comes out from now on is what was validated."""
        hasher, (size, read) = digest.hasher(), self._store.open(digest)
        for chunk in read(0, size):
            hasher.update(chunk)
        digest.check(hasher)

    def refuse(self, raw: bytes, digest: Digest) -> None:
        """Throw away what waited for a manifest, and its split, which was pushed before it."""
        named = digests_in(raw)
        self._discard(named)
        if digest not in self.manifests:  # or it is only a tag that it may not have
            self._forget({*(split.digest for split in self.split_of(digest)), *(named & self.early.keys())})

    def sweep(self, oldest: float) -> None:
        """Throw away what nobody came back for."""
        if not self.deciding.acquire(blocking=False):
            return  # another time
        try:
            for key in [key for key, upload in [*self.uploads.items()] if upload.touched < oldest]:
                if (upload := self.uploads.pop(key, None)) is not None:
                    upload.discard()
            self._discard([digest for digest, upload in [*self.waiting.items()] if upload.touched < oldest])
            self._forget({digest for digest, accepted in self.early.items() if accepted < oldest})
        finally:
            self.deciding.release()

    def _discard(self, digests: Iterable[Digest]) -> None:
        for digest in digests:
            if (upload := self.waiting.pop(digest, None)) is not None:
                upload.discard()

    def _forget(self, digests: set[Digest]) -> None:
        for digest in digests - set(self.tags.values()):
            self.manifests.pop(digest, None)
            self.early.pop(digest, None)
        self._blobs = {blob for entry in self.manifests.values() for blob in entry.blobs}
