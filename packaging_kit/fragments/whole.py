"""The whole as something to read from at any place, out of fragments and without writing it."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator

from packaging_kit.blobs import BlobSource, Scratch
from packaging_kit.digest import Digest
from packaging_kit.errors import ContentError
from packaging_kit.fragments.plan import check_module_head, check_modules, make_plan, verify_core_module
from packaging_kit.fragments.spans import Span, SpanKind
from packaging_kit.limits import KIB, MAX_WHOLE_SIZE
from packaging_kit.wasm.preamble import PREAMBLE_SIZE

_BLOCK = 256 * KIB


class Whole:
    """A whole in fragments.

    Attributes:
        size: in bytes.
        spans: the byte ranges that tile it.
    """

    def __init__(self, root: Digest, source: BlobSource, scratch: Scratch | None, max_size: int) -> None:
        self._plan = make_plan(root, source, scratch, max_size=max_size)
        check_modules(self._plan, source)
        verify_core_module(self._plan, source)
        self.size = self._plan.size
        self.spans: tuple[Span, ...] = tuple(self._plan.iter_spans())
        self._starts = [span.start for span in self.spans]
        self._source = source
        self._blobs: dict[Digest, _VerifiedBlob] = {}

    def read(self, start: int, end: int) -> bytes:
        """The bytes `start:end`, verified; fewer where the whole ends before.

        Raises:
            ContentError: `digest-mismatch`, `size-mismatch`, where a fragment is damaged.
            NotFoundError: `not-found`, where a fragment is gone.
        """
        return b"".join(self.iter_range(start, end))

    def iter_range(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes `start:end`, verified, in pieces of at most 256 KiB."""
        end = min(end, self.size)
        position = max(start, 0)
        while position < end:
            span = self.spans[bisect_right(self._starts, position) - 1]
            # As far as the next block: each block is read and checked once.
            stop = min(span.end, end, position + _BLOCK - (position - span.start) % _BLOCK)
            yield self._read_span(span, position - span.start, stop - span.start)
            position = stop

    def _read_span(self, span: Span, start: int, end: int) -> bytes:
        if span.header:
            return span.header[start:end]
        if span.kind is SpanKind.MODULE or self._plan.is_core_module:
            return self._blob(span).read(start, end)
        return bytes(self._plan.literal(span.digest, span.offset + start, span.offset + end))

    def _blob(self, span: Span) -> _VerifiedBlob:
        if span.digest not in self._blobs:
            blob = _VerifiedBlob(self._source, span.digest, span.end - span.start)
            check_module_head(blob.read(0, PREAMBLE_SIZE), span.digest, self._plan)
            self._blobs[span.digest] = blob
        return self._blobs[span.digest]


class _VerifiedBlob:
    """A blob that is read at any place, and checked at every read.

    It is read through once; the digests of its blocks that this leaves behind are what later reads are
    checked against, so that a file that changes in between is noticed.
    """

    def __init__(self, source: BlobSource, digest: Digest, size: int) -> None:
        self._source = source
        self._digest = digest
        self._size = size
        self._blocks = [hashlib.sha256(block).digest() for block in _iter_blocks(source.iter_blob(digest, size=size))]

    def read(self, start: int, end: int) -> bytes:
        first = start // _BLOCK
        last = min(-(-end // _BLOCK) * _BLOCK, self._size)
        chunks = self._source.iter_blob_unverified(self._digest, first * _BLOCK, last)
        data = b"".join(chunks)
        for index, at in enumerate(range(0, last - first * _BLOCK, _BLOCK), first):
            block = memoryview(data)[at : at + _BLOCK]
            if hashlib.sha256(block).digest() != self._blocks[index]:
                raise ContentError(
                    "digest-mismatch",
                    "a fragment changed while it was read",
                    expected=self._blocks[index].hex(),
                    actual=hashlib.sha256(block).hexdigest(),
                    digest=self._digest.value,
                )
        return data[start - first * _BLOCK : end - first * _BLOCK]


def _iter_blocks(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Cut `chunks` again, into blocks."""
    rest = b""
    for chunk in chunks:
        rest = rest + chunk if rest else chunk
        whole_blocks = len(rest) // _BLOCK * _BLOCK
        for at in range(0, whole_blocks, _BLOCK):
            yield rest[at : at + _BLOCK]
        rest = rest[whole_blocks:]
    if rest:
        yield rest


def open_whole(
    root: Digest, source: BlobSource, scratch: Scratch | None = None, *, max_size: int = MAX_WHOLE_SIZE
) -> Whole:
    """Open the whole that `root` stands for; raises as `reassemble` does."""
    return Whole(root, source, scratch, max_size)
