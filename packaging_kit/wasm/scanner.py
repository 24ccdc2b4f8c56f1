"""The sections of a core module that comes in pieces: its framing is checked, and of its bytes little is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from packaging_kit.errors import WasmFormatError
from packaging_kit.limits import MAX_SECTIONS
from packaging_kit.wasm.leb128 import MAX_WIDTH, decode_u32
from packaging_kit.wasm.preamble import PREAMBLE_SIZE
from packaging_kit.wasm.sections import runs_past_end

_HEAD: Final = 32
"""Bytes of a section's contents that are at hand when it is asked whether they are wanted."""

_LOOKAHEAD: Final = 1 + MAX_WIDTH + _HEAD

Choose = Callable[[int, bytes], str | None]
"""Section id and the first bytes of its contents: the name under which the contents are kept; `None` for not."""


class SectionScanner:
    """Walks the sections of one core module (core spec, 5.5.2); its preamble is the caller's to check.

    Attributes:
        kept: contents of the sections that were wanted, the last one under each name; `None` for those that are
            larger than `most`.
        kept_at: absolute offsets of those contents, by the same names.
        sections_left: how many more are walked.

    Args:
        choose: says which are wanted.
        most: bytes of one section that are kept.
        start: absolute offset of the module.
        end: absolute offset after it, where that is known.
        sections_left: as many are walked.
        counts: what a section of this id counts for there, where that is more than one.
        entered: id of sections whose contents are sections again, after a preamble.

    Raises:
        WasmFormatError: `wasm-malformed` from `feed` and `finish`, with an absolute offset; `wasm-too-large` from
            both for more sections.
    """

    def __init__(
        self,
        choose: Choose,
        most: int,
        *,
        start: int = 0,
        end: int | None = None,
        sections_left: int = MAX_SECTIONS,
        counts: Mapping[int, int] = MappingProxyType({}),
        entered: int | None = None,
    ) -> None:
        self.kept: dict[str, bytes | None] = {}
        self.kept_at: dict[str, int] = {}
        self.sections_left = sections_left
        self._counts = counts
        self._choose = choose
        self._most = most
        self._end = end
        self._entered = entered
        self._offset = start  # of the first byte that was not scanned
        self._position = start + PREAMBLE_SIZE  # of the next header
        self._tail = b""
        self._open: tuple[str, int, int, bytearray] | None = None  # name, offset of contents and end, what is kept

    def feed(self, data: bytes | memoryview) -> None:
        """The next bytes of the module."""
        self._scan(self._tail + bytes(data) if self._tail else data, is_last=False)

    def finish(self) -> None:
        """No more will come."""
        self._scan(self._tail, is_last=True)
        if self._open is not None or self._position > self._offset:
            raise WasmFormatError("wasm-malformed", "the module ends inside a section", offset=self._offset)

    def _scan(self, data: bytes | memoryview, *, is_last: bool) -> None:
        base = self._offset
        here = base + len(data)
        self._go_on(data, base)
        last = here if is_last else here - _LOOKAHEAD
        while self._position < last:
            self._read_section(data, base)
        self._tail = bytes(data[self._position - base :]) if self._position < here else b""
        self._offset = here - len(self._tail)

    def _read_section(self, data: bytes | memoryview, base: int) -> None:
        at = self._position - base
        contents = at + 2
        if contents <= len(data) and (size := data[at + 1]) < 0x80:
            end = base + contents + size
        else:
            size, contents = decode_u32(data, at + 1, len(data), base)
            end = base + contents + size
        if self._end is not None and end > self._end:
            raise runs_past_end(size, self._position + 1)
        self.sections_left -= self._counts.get(data[at], 1)
        if self.sections_left < 0:
            message = f"it has more than {MAX_SECTIONS} sections"
            for section_id, count in self._counts.items():
                message += f", of which each of id {section_id:#04x} counts as {count}"
            raise WasmFormatError("wasm-too-large", message, offset=self._position)
        if data[at] == self._entered and size >= PREAMBLE_SIZE:
            self._position = base + contents + PREAMBLE_SIZE
            return
        name = self._choose(data[at], bytes(data[contents : min(contents + size, contents + _HEAD)]))
        if name is not None:
            self.kept.pop(name, None)
            self.kept[name] = None
            self.kept_at[name] = base + contents
            if size <= self._most:
                self._open = (name, base + contents, end, bytearray())
                self._go_on(data, base)
        self._position = end

    def _go_on(self, data: bytes | memoryview, base: int) -> None:
        """Keep what `data` has of the section that is wanted."""
        if self._open is None:
            return
        name, contents, end, kept = self._open
        kept += data[contents + len(kept) - base : end - base]
        if contents + len(kept) == end:
            self.kept[name] = bytes(kept)
            self._open = None
