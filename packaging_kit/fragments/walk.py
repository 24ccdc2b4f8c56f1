"""The walk over a component's binary framing, chunk by chunk, at every depth.

It decodes no index and keeps no bytes: a `Visitor` is told what is met. The result does not depend on
how the input is cut, and nothing recurses.
"""

from __future__ import annotations

from typing import Final

from packaging_kit.blobs import Chunk
from packaging_kit.errors import WasmFormatError
from packaging_kit.limits import MAX_DEPTH, MAX_WHOLE_SIZE, MODULE_THRESHOLD
from packaging_kit.wasm.leb128 import MAX_WIDTH, decode_u32
from packaging_kit.wasm.preamble import COMPONENT_PREAMBLE, CORE_MODULE_PREAMBLE, PREAMBLE_SIZE
from packaging_kit.wasm.sections import Section, SectionId, runs_past_end

_LOOKAHEAD: Final = 1 + MAX_WIDTH + PREAMBLE_SIZE
"""Bytes that must be at hand to read a section's header and the preamble after it."""

_ENDLESS: Final = 1 << 63


class Visitor:
    """What a walk tells; every method but `external` does nothing unless it is overridden."""

    def literal(self, data: Chunk) -> None:
        """The next bytes of the input that are not contents of a module to be split out."""

    def module_begin(self, section: Section) -> None:
        """A core module section that is split out begins."""

    def module_bytes(self, data: Chunk) -> None:
        """The next bytes of its contents."""

    def module_end(self, section: Section) -> None:
        """All of its contents were told."""

    def component_begin(self, section: Section) -> None:
        """A component section begins; what follows is inside it."""

    def component_end(self, section: Section) -> None:
        """The innermost component ends."""

    def external(self, data: Chunk, base: int, section: Section) -> None:
        """A section with the id of external sections, all of it at `data`, which begins at offset `base`."""
        raise WasmFormatError(
            "wasm-reserved-section", "section id 0x5e is reserved for the canonical split", offset=section.start
        )


class Walk:
    """Feeds a component to a visitor.

    The first eight bytes are the caller's to check, and are passed over.

    Args:
        max_size: of the whole, in bytes.
        size: of the whole, where it is known: then a section that runs past it is found at its header.

    Raises:
        WasmFormatError: `wasm-malformed`, `wasm-too-deep`, `wasm-too-large`, and what the visitor raises.
    """

    def __init__(self, visitor: Visitor, *, max_size: int = MAX_WHOLE_SIZE, size: int | None = None) -> None:
        self._visitor = visitor
        self._max_size = max_size
        self._offset = 0  # of the first byte that was not walked yet
        self._position = PREAMBLE_SIZE  # where the next section header stands
        self._tail = b""  # bytes of a header that was cut
        self._ends = [_ENDLESS if size is None else size]  # of the open components, the root first
        self._components: list[Section] = []  # those but the root
        self._module: Section | None = None  # the module that is being told

    def feed(self, data: Chunk, *, final: bool = False) -> None:
        """Walk over the next bytes of the input; `final` where no more will come.

        With the whole input at once (`final` on the first call) nothing is copied.
        """
        if self._tail:
            data = self._tail + bytes(data)
            self._tail = b""
        size = self._offset + len(data)
        check_whole_size(size, self._max_size)
        if final:
            self._ends[0] = size
        self._walk(data, final=final)
        if final and (self._position != size or len(self._ends) > 1 or self._module is not None):
            raise WasmFormatError("wasm-malformed", "the input ends inside a section", offset=size)

    def _walk(self, data: Chunk, *, final: bool) -> None:
        base = self._offset
        told = self._tell_module(data, base)
        position = self._position - base
        end = self._ends[-1] - base
        here = len(data)  # an open component's end may lie beyond it
        last_header = here if final else here - _LOOKAHEAD + 1
        while True:
            while position == end and self._components and position <= len(data):
                self._tell_literal(data[told:position])
                told = position
                self._ends.pop()
                self._visitor.component_end(self._components.pop())
                end = self._ends[-1] - base
            if position >= last_header:
                break
            # The common case inline: a component may have a million sections.
            contents = position + 2
            if contents <= end and contents <= here and (size := data[position + 1]) < 0x80:
                section_end = contents + size
            else:
                size, contents = decode_u32(data, position + 1, min(end, here), base)
                section_end = contents + size
            if section_end > end:
                raise runs_past_end(size, base + position + 1)
            section_id = data[position]
            if section_id == SectionId.CORE_MODULE and size >= MODULE_THRESHOLD:
                _check_preamble(data, base, contents, size, CORE_MODULE_PREAMBLE)
                self._tell_literal(data[told:contents])
                self._module = Section(section_id, base + position, base + contents, base + section_end)
                self._visitor.module_begin(self._module)
                told = self._tell_module(data, base)
                position = section_end
            elif section_id == SectionId.COMPONENT:
                _check_preamble(data, base, contents, size, COMPONENT_PREAMBLE)
                self._open(Section(section_id, base + position, base + contents, base + section_end))
                position = contents + PREAMBLE_SIZE
                end = section_end
            elif section_id == SectionId.EXTERNAL:
                section = Section(section_id, base + position, base + contents, base + section_end)
                self._visitor.external(data, base, section)
                position = section_end
            else:
                position = section_end
        self._position = base + position
        walked = len(data)
        if position < walked and not final:
            walked = position
            self._tail = bytes(data[position:])
        self._tell_literal(data[told:walked])
        self._offset = base + walked

    def _open(self, section: Section) -> None:
        if len(self._ends) > MAX_DEPTH:
            raise WasmFormatError(
                "wasm-too-deep", f"components nest deeper than {MAX_DEPTH} levels", offset=section.start
            )
        self._ends.append(section.end)
        self._components.append(section)
        self._visitor.component_begin(section)

    def _tell_literal(self, data: Chunk) -> None:
        if data:
            self._visitor.literal(data)

    def _tell_module(self, data: Chunk, base: int) -> int:
        """Tell what `data` has of the open module's contents; returns the position after it in `data`."""
        module = self._module
        if module is None:
            return 0
        start = max(module.contents - base, 0)
        end = min(module.end - base, len(data))
        self._visitor.module_bytes(data[start:end])
        if end == module.end - base:
            self._module = None
            self._visitor.module_end(module)
        return end


def check_whole_size(size: int, max_size: int) -> None:
    """Refuse a whole of more than `max_size` bytes.

    Raises:
        WasmFormatError: `wasm-too-large`.
    """
    if size > max_size:
        raise WasmFormatError("wasm-too-large", f"the input has more than {max_size} bytes", offset=max_size)


def _check_preamble(data: Chunk, base: int, contents: int, size: int, preamble: bytes) -> None:
    if size < PREAMBLE_SIZE or data[contents : contents + PREAMBLE_SIZE] != preamble:
        what = "core module" if preamble is CORE_MODULE_PREAMBLE else "component"
        raise WasmFormatError(
            "wasm-malformed", f"the contents of a {what} section are no {what}", offset=base + contents
        )
