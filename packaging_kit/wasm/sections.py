"""The sections of one module or component, as a flat stream of spans; recursion is left to the caller."""

from __future__ import annotations

from collections.abc import Container, Iterator
from enum import IntEnum
from typing import Final, NamedTuple

from packaging_kit.errors import WasmFormatError
from packaging_kit.wasm.leb128 import decode_u32
from packaging_kit.wasm.preamble import PREAMBLE_SIZE


class SectionId(IntEnum):
    """Section ids of a component that this library looks into (Binary.md, `section`)."""

    CUSTOM = 0
    CORE_MODULE = 1
    COMPONENT = 4
    ALIAS = 6
    TYPE = 7
    IMPORT = 10
    EXPORT = 11
    EXTERNAL = 0x5E


class Section(NamedTuple):
    """Where one section stands; a tuple, because a component may have a million of them.

    Attributes:
        id: the section's id byte.
        start: absolute offset of the id byte.
        contents: absolute offset of the first byte after the size field.
        end: absolute offset after the last byte of the contents.
    """

    id: int
    start: int
    contents: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.contents


ALL_IDS: Final = range(256)

_new = tuple.__new__  # half the time of calling `Section`, which is Python code


def iter_sections(
    data: bytes | memoryview, start: int = 0, end: int | None = None, *, ids: Container[int] = ALL_IDS
) -> Iterator[Section]:
    """Walk the sections of the module or component at `data[start:end]`, its preamble passed over.

    Args:
        ids: of the sections that are wanted; passing over the others is cheap.

    Raises:
        WasmFormatError: `wasm-malformed`, where a size field is none or a section runs past `end`.
    """
    if end is None:
        end = len(data)
    position = start + PREAMBLE_SIZE
    while position < end:
        contents = position + 2
        if contents <= end and (size := data[position + 1]) < 0x80:
            section_end = contents + size
        else:
            size, contents = decode_u32(data, position + 1, end)
            section_end = contents + size
        if section_end > end:
            raise runs_past_end(size, position + 1)
        if (section_id := data[position]) in ids:
            yield _new(Section, (section_id, position, contents, section_end))
        position = section_end


def runs_past_end(size: int, offset: int) -> WasmFormatError:
    """The error for a section of `size` bytes of contents, whose size field stands at `offset`."""
    return WasmFormatError(
        "wasm-malformed", f"a section of {size} bytes runs past the end of what holds it", offset=offset
    )
