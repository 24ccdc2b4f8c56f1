"""The protocols of content: where blobs, manifests and tags come from and go to.

A blob is content by its digest. Stores implement the few unverified primitives; what is
derived from them here verifies, so that every store verifies in the same way.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from packaging_kit.digest import Digest, verified
from packaging_kit.errors import ContentError
from packaging_kit.limits import MAX_MANIFEST_SIZE

Chunk = bytes | memoryview
"""A piece of content; nobody changes it after it was handed on."""


@dataclass(frozen=True, slots=True)
class Blob:
    """What names content: its digest and its size in bytes."""

    digest: Digest
    size: int


def check_blob(actual: Blob, *, digest: Digest | None = None, size: int | None = None, what: str) -> Blob:
    """`actual`, where it is what was expected, as far as that is known.

    Args:
        what: of which content an error speaks.

    Raises:
        ContentError: `size-mismatch` or `digest-mismatch`.
    """
    if size is not None:
        check_size(actual.size, size, what)
    if digest is not None and actual.digest != digest:
        raise ContentError(
            "digest-mismatch", f"{what} has another digest", expected=digest.value, actual=actual.digest.value
        )
    return actual


def check_size(actual: int, expected: int, what: str = "the whole") -> None:
    """Compare sizes, where that can be done before the content is read.

    Raises:
        ContentError: `size-mismatch`.
    """
    if actual != expected:
        raise ContentError("size-mismatch", f"{what} has another size", expected=expected, actual=actual)


def too_large(digest: Digest, limit: int, actual: int) -> ContentError:
    """A blob of more bytes than are read at once."""
    message = "the blob is larger than it may be"
    return ContentError("size-mismatch", message, expected=limit, actual=actual, digest=digest.value)


class BlobSource(Protocol):
    """Where blobs are read from."""

    @abstractmethod
    def blob_size(self, digest: Digest) -> int:
        """The size that the blob has here, in bytes.

        Raises:
            NotFoundError: `not-found`.
        """

    @abstractmethod
    def iter_blob_unverified(self, digest: Digest, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes `start:end` of the blob as they are here; fewer where it is shorter.

        Raises:
            NotFoundError: `not-found`.
        """

    def iter_blob(self, digest: Digest, *, size: int | None = None) -> Iterator[bytes]:
        """The blob's bytes, checked: the last step raises where size or digest is wrong.

        Raises:
            NotFoundError: `not-found`.
            ContentError: `size-mismatch` or `digest-mismatch`.
        """
        return verified(self.iter_blob_unverified(digest), digest, size)

    def read_blob(self, digest: Digest, *, size: int | None = None, max_size: int = MAX_MANIFEST_SIZE) -> bytes:
        """A small blob as a whole, checked; raises as `iter_blob` does.

        Raises:
            ContentError: `size-mismatch` also for more than `max_size` bytes.
        """
        actual = self.blob_size(digest)
        limit = max_size if size is None else min(size, max_size)
        if actual > limit:
            raise too_large(digest, limit, actual)
        if size is not None and actual != size:
            message = "the blob has another size"
            raise ContentError("size-mismatch", message, expected=size, actual=actual, digest=digest.value)
        return b"".join(self.iter_blob(digest, size=actual))


class BlobSink(Protocol):
    """Where blobs are written to."""

    @abstractmethod
    def write_blob(self, chunks: Iterable[Chunk], expected: Blob | None = None) -> Blob:
        """Write a blob under the digest of its bytes; one that is there already stays.

        Args:
            chunks: an iterable that is no iterator may be iterated more than once, where a try fails.
            expected: what it must turn out to be; otherwise nothing is written.

        Raises:
            ContentError: `size-mismatch` or `digest-mismatch`.
            UnavailableError: `io-error`.
        """

    @abstractmethod
    def holds_blob(self, blob: Blob) -> bool:
        """Whether exactly these bytes are there already."""


class Scratch(Protocol):
    """Private working space: bytes that were put there can't be changed by anyone else."""

    @abstractmethod
    def append(self, data: Chunk) -> int:
        """Put `data` at the end; returns the position where it begins."""

    @abstractmethod
    def view(self, start: int, end: int) -> Chunk:
        """The bytes `start:end` of what was put there."""


class MemoryScratch(Scratch):
    """Working space in memory."""

    def __init__(self) -> None:
        self._data = bytearray()

    def append(self, data: Chunk) -> int:
        start = len(self._data)
        self._data += data
        return start

    def view(self, start: int, end: int) -> bytes:
        with memoryview(self._data) as data:
            return bytes(data[start:end])
