"""The bytes of a blob as bodies of requests: read once, checked as they pass, and anew only after a break."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from packaging_kit.blobs import Blob, Chunk
from packaging_kit.digest import verified
from packaging_kit.limits import MIB
from packaging_kit.stores.registry.answers import BrokenError

PIECE: Final = MIB
"""Bytes that are handed on at a time, at most."""

_UNKNOWN: Final = -1


class Content:
    """The bytes of a blob, read once for all parts that follow each other, and checked as they pass.

    Attributes:
        failure: what reading them ended with, where it was a connection: another one than the upload's.
    """

    def __init__(self, blob: Blob, chunks: Iterable[Chunk]) -> None:
        self._blob = blob
        self._chunks = chunks
        self._pieces: Iterator[bytes] = iter(())
        self._rest = b""
        self._position = _UNKNOWN
        self.failure: BrokenError | None = None

    def iter_range(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes `start:end`; read from the beginning only where something else was read before.

        Raises:
            ContentError: `digest-mismatch`, `size-mismatch`; the digest's with the last byte.
            BrokenError: kept as `failure`.
        """
        if start != self._position:
            self._pieces = verified(_cut(self._chunks), self._blob.digest, self._blob.size)
            self._rest, self._position = b"", 0
        try:
            while self._position < end:
                piece = self._read()
                begin, stop = max(start - self._position, 0), min(end - self._position, len(piece))
                self._rest = piece[stop:]
                self._position += stop
                if begin < stop:
                    yield piece[begin:stop]
            if end == self._blob.size:
                next(self._pieces, None)  # which checks the digest, and that there is no more
        except BrokenError as exc:
            self.failure = exc
            raise

    def _read(self) -> bytes:
        """The next bytes; where reading them fails, it begins anew the next time."""
        position, self._position = self._position, _UNKNOWN
        piece = self._rest or next(self._pieces)
        self._position = position
        return piece


def _cut(chunks: Iterable[Chunk]) -> Iterator[bytes]:
    """The same bytes in pieces that don't fill the memory: one chunk may be a whole file."""
    for chunk in chunks:
        yield from (bytes(chunk[start : start + PIECE]) for start in range(0, len(chunk), PIECE))


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes `start:end` of a blob as the body of a request."""

    content: Content
    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start

    def __iter__(self) -> Iterator[bytes]:
        return self.content.iter_range(self.start, self.end)
