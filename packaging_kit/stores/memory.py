"""A repository in memory: for tests, and for programs that keep small things."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager

from packaging_kit.blobs import Blob, Chunk, check_blob
from packaging_kit.digest import Digest
from packaging_kit.document import Document
from packaging_kit.errors import NotFoundError
from packaging_kit.oci.index import Index
from packaging_kit.stores.indexed import IndexedStore


class MemoryStore(IndexedStore):
    """A dictionary of blobs, and an index."""

    def __init__(self) -> None:
        self._blobs: dict[Digest, bytes] = {}
        self._index = Index(manifests=()).to_document()

    def blob_size(self, digest: Digest) -> int:
        return len(self._get(digest))

    def iter_blob_unverified(self, digest: Digest, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        yield self._get(digest)[start:end]

    def iter_blobs(self) -> Iterator[Blob]:
        for digest in sorted(self._blobs):
            yield Blob(digest, len(self._blobs[digest]))

    def holds_blob(self, blob: Blob) -> bool:
        held = self._blobs.get(blob.digest)
        return held is not None and _blob_of(held, blob.digest.algorithm) == blob

    def write_blob(self, chunks: Iterable[Chunk], expected: Blob | None = None) -> Blob:
        if expected is not None and self.holds_blob(expected):
            return expected
        data = b"".join(chunks)
        blob = _blob_of(data, "sha256" if expected is None else expected.digest.algorithm)
        if expected is not None:
            check_blob(blob, digest=expected.digest, size=expected.size, what="the content")
        self._blobs[blob.digest] = data
        return blob

    @contextmanager
    def writing(self) -> Iterator[None]:
        yield

    def index_version(self) -> Hashable:
        return self._index.raw

    def load_index(self) -> Document[Index]:
        return self._index

    def change_index(self, change: Callable[[Index], Index]) -> None:
        self._index = change(self._index.value).to_document()

    def _get(self, digest: Digest) -> bytes:
        if digest not in self._blobs:
            raise NotFoundError("not-found", f"the blob {digest} is not there")
        return self._blobs[digest]


def _blob_of(data: bytes, algorithm: str) -> Blob:
    return Blob(Digest.of(data, algorithm), len(data))
