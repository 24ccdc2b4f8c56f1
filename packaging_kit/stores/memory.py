"""Blobs in memory: for tests, and for programs that keep small things."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from packaging_kit.blobs import Blob, BlobSink, BlobSource, Chunk, check_blob
from packaging_kit.digest import Digest
from packaging_kit.errors import NotFoundError


class MemoryStore(BlobSource, BlobSink):
    """A dictionary of blobs."""

    def __init__(self) -> None:
        self._blobs: dict[Digest, bytes] = {}

    def blob_size(self, digest: Digest) -> int:
        return len(self._get(digest))

    def iter_blob_unverified(self, digest: Digest, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        yield self._get(digest)[start:end]

    def holds_blob(self, blob: Blob) -> bool:
        held = self._blobs.get(blob.digest)
        return held is not None and Blob(Digest.of(held), len(held)) == blob

    def write_blob(self, chunks: Iterable[Chunk], expected: Blob | None = None) -> Blob:
        data = b"".join(chunks)
        blob = Blob(Digest.of(data), len(data))
        if expected is not None:
            check_blob(blob, digest=expected.digest, size=expected.size, what="the content")
        self._blobs[blob.digest] = data
        return blob

    def _get(self, digest: Digest) -> bytes:
        if digest not in self._blobs:
            raise NotFoundError("not-found", f"the blob {digest} is not there")
        return self._blobs[digest]
