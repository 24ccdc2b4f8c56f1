"""What the sections of a component's root skeleton say, as far as there is not too much of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from packaging_kit.artifact.annotations import SECTION_NAMES, Metadata, metadata_of
from packaging_kit.blobs import Chunk
from packaging_kit.errors import WasmFormatError
from packaging_kit.limits import MAX_EXTERNS, MAX_MANIFEST_SIZE, MIB
from packaging_kit.wasm.custom import iter_custom_sections
from packaging_kit.wasm.leb128 import decode_u32
from packaging_kit.wasm.reader import Reader
from packaging_kit.wasm.sections import SectionId, iter_sections

_UNKNOWN_SECTIONS: Final = frozenset(range(13, 256)) - {SectionId.EXTERNAL}
_EXTERNS: Final = frozenset((SectionId.IMPORT, SectionId.EXPORT))
_TYPES: Final = frozenset((SectionId.TYPE, SectionId.ALIAS))
_MOST_OF_TYPES: Final = 1 * MIB  # bytes of a component's types: worked out they take a hundred times as many


def check_names(skeleton: Chunk) -> None:
    """Refuse to read more names and types than any component has: each takes far more memory than its bytes.

    Raises:
        WasmFormatError: `wasm-malformed` for the framing; `wasm-extern-unknown`.
    """
    counts = sizes = types = 0
    for section in iter_sections(skeleton, ids=_EXTERNS | _TYPES):
        if section.id in _TYPES:
            types += section.size
        else:
            sizes += section.size
            counts += _count(Reader(skeleton, section.contents, section.end))
        if counts > MAX_EXTERNS or sizes > MAX_MANIFEST_SIZE or types > _MOST_OF_TYPES:
            message = "there are too many imports, exports or types to be read"
            raise WasmFormatError("wasm-extern-unknown", message, offset=section.start)


def _count(reader: Reader) -> int:
    try:
        return reader.count()
    except WasmFormatError:
        return 0  # who reads it says what is wrong


def iter_unknown(skeleton: Chunk) -> Iterator[tuple[int, int]]:
    """Id of each section at the top level whose meaning is not known, and its offset in the whole."""
    grown = 0  # bytes that the whole has more than the skeleton, so far
    for section in iter_sections(skeleton, ids=_UNKNOWN_SECTIONS | {SectionId.EXTERNAL}):
        if section.id == SectionId.EXTERNAL:
            # Its contents begin with the original id, a prefix of one byte and the original size field.
            size, end = decode_u32(skeleton, section.contents + 2, section.end)
            grown += end - section.contents - 1 + size - (section.end - section.start)
        else:
            yield section.id, section.start + grown


def iter_metadata(skeleton: Chunk) -> Iterator[tuple[str, Chunk]]:
    """Name and contents of each custom section that becomes an annotation."""
    for custom in iter_custom_sections(skeleton, iter_sections(skeleton), SECTION_NAMES):
        yield custom.name, skeleton[custom.start : custom.end]


def fitting_metadata(sections: Mapping[str, Chunk | None]) -> Metadata:
    """What custom sections say, as far as one manifest can hold all of it."""
    left = MAX_MANIFEST_SIZE
    taken: dict[str, Chunk | None] = {}
    for name, contents in sections.items():
        size = 0 if contents is None else len(contents)
        taken[name] = contents if size <= left else None
        left -= size if size <= left else 0
    return metadata_of(taken)
