"""Bytes in memory as a binary that engines judge."""

from __future__ import annotations

from collections.abc import Iterator

from packaging_kit import explode
from packaging_kit.fragments.exploded import Exploded, Fragment
from packaging_kit.validate.engine import Binary
from packaging_kit.wasm.preamble import Kind, parse_kind


class MemoryBinary(Binary):
    """A binary over `data`, which is handed on in pieces.

    Attributes:
        reads: how often a module's bytes were asked for, or the whole's.

    Raises:
        WasmFormatError: it is not well framed.
    """

    def __init__(self, data: bytes, piece_size: int = 1 << 20) -> None:
        self._data = data
        self._piece_size = piece_size
        self._kind = parse_kind(data)
        self._exploded = explode(data) if self._kind is Kind.COMPONENT else None
        self.reads = 0

    @property
    def kind(self) -> Kind:
        return self._kind

    @property
    def size(self) -> int:
        return len(self._data)

    @property
    def exploded(self) -> Exploded | None:
        return self._exploded

    def iter_whole(self) -> Iterator[bytes]:
        return self._iter_range(0, len(self._data))

    def iter_module(self, module: Fragment) -> Iterator[bytes]:
        return self._iter_range(module.contents, module.contents + module.size)

    def _iter_range(self, start: int, end: int) -> Iterator[bytes]:
        self.reads += 1
        for at in range(start, end, self._piece_size):
            yield self._data[at : min(at + self._piece_size, end)]
