"""Names of what a component imports and exports (Binary.md, "Import and Export Definitions")."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

from packaging_kit.errors import WasmFormatError
from packaging_kit.limits import MAX_EXTERNS
from packaging_kit.wasm.reader import Reader
from packaging_kit.wasm.sections import Section


class Sort(IntEnum):
    """`sort` of a component-level definition; `CORE` is followed by a `core:sort`."""

    CORE = 0x00
    FUNC = 0x01
    VALUE = 0x02
    TYPE = 0x03
    COMPONENT = 0x04
    INSTANCE = 0x05


CORE_SORT_MODULE: Final = 0x11
CORE_SORTS: Final = frozenset((0x00, 0x01, 0x02, 0x03, 0x04, 0x10, CORE_SORT_MODULE, 0x12))

PRIMITIVE_TYPES: Final = frozenset((*range(0x73, 0x80), 0x64))
"""Opcodes of `primvaltype`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extern:
    """One import or export.

    Attributes:
        name: its `externname`, a `versionsuffix` attribute joined to it.
        implements: id of the interface that stands behind a plain name; empty where the name is the interface's own.
        sort: what it is.
        index: in the index space of its sort; for an import, of its type where it has one.
        offset: absolute, of the first byte of the definition.
    """

    name: str
    implements: str = ""
    sort: Sort
    index: int | None
    offset: int


@dataclass(frozen=True, slots=True)
class ExternType:
    """An `externtype`: what kind of thing, and the index of its type where it has one."""

    sort: Sort
    index: int | None


def read_imports(data: bytes | memoryview, section: Section) -> tuple[Extern, ...]:
    """The imports of one import section, in binary order.

    Raises:
        WasmFormatError: `wasm-extern-unknown`, for a form that this library does not know, a cut
            section, or bytes after the last import.
    """
    return _read_section(data, section, _read_import)


def read_exports(data: bytes | memoryview, section: Section) -> tuple[Extern, ...]:
    """The exports of one export section, in binary order; raises as `read_imports` does."""
    return _read_section(data, section, _read_export)


class ExternName(NamedTuple):
    """A name, and the interface that it implements; empty for none."""

    name: str
    implements: str = ""


def read_extern_name(reader: Reader) -> ExternName:
    """`nameattributes`: the name, with a `versionsuffix` joined to it; what is no part of names is passed over.

    Beside `implements` the suffix of a name without a version belongs to the interface that is named there.
    """
    form = reader.byte()
    if form > 0x02:
        raise reader.malformed(f"unknown form {form:#04x} of a name", reader.position - 1)
    name = reader.name()
    if form != 0x02:
        return ExternName(name)
    suffix = implements = ""
    for _ in range(reader.count()):
        attribute = reader.byte()
        if attribute > 0x02:
            raise reader.malformed(f"unknown name attribute {attribute:#04x}", reader.position - 1)
        value = reader.name()
        if attribute == 0x00:
            implements = value
        elif attribute == 0x01:
            suffix = value
    if implements and "@" not in name:
        return ExternName(name, implements + suffix)
    return ExternName(name + suffix, implements)


def read_extern_type(reader: Reader) -> ExternType:
    """`externtype`. A value is read as wasm-tools writes it: `0x02`, then its type."""
    sort = _read_sort(reader)
    match sort:
        case Sort.VALUE:
            skip_value_type(reader)
            return ExternType(sort, None)
        case Sort.TYPE:
            bound = reader.byte()
            if bound > 0x01:
                raise reader.malformed(f"unknown type bound {bound:#04x}", reader.position - 1)
            return ExternType(sort, reader.u32() if bound == 0x00 else None)
        case _:
            return ExternType(sort, reader.u32())


def skip_value_type(reader: Reader) -> None:
    """`valtype`: a primitive type, or the index of a defined one (a non-negative s33)."""
    if reader.peek() in PRIMITIVE_TYPES:
        reader.byte()
        return
    at = reader.position
    for _ in range(5):
        byte = reader.byte()
        if byte < 0x80:
            if byte & 0x40:
                raise reader.malformed("unknown value type", at)
            return
    raise reader.malformed("a type index takes more than five bytes", at)


def _read_sort(reader: Reader) -> Sort:
    at = reader.position
    code = reader.byte()
    if code == Sort.CORE and (core_sort := reader.byte()) != CORE_SORT_MODULE:
        raise reader.malformed(f"unknown core sort {core_sort:#04x} of an import or export", at)
    try:
        return Sort(code)
    except ValueError as exc:
        raise reader.malformed(f"unknown sort {code:#04x}", at) from exc


def _read_import(reader: Reader) -> Extern:
    offset = reader.position
    name, implements = read_extern_name(reader)
    extern_type = read_extern_type(reader)
    return Extern(name=name, implements=implements, sort=extern_type.sort, index=extern_type.index, offset=offset)


def _read_export(reader: Reader) -> Extern:
    offset = reader.position
    name, implements = read_extern_name(reader)
    sort = _read_sort(reader)
    index = reader.u32()
    ascribed = reader.byte()
    if ascribed == 0x01:
        read_extern_type(reader)
    elif ascribed != 0x00:
        raise reader.malformed(f"unknown form {ascribed:#04x} of an export's type", reader.position - 1)
    return Extern(name=name, implements=implements, sort=sort, index=index, offset=offset)


def _read_section(data: bytes | memoryview, section: Section, read: Callable[[Reader], Extern]) -> tuple[Extern, ...]:
    reader = Reader(data, section.contents, section.end)
    try:
        externs = tuple(read(reader) for _ in range(reader.count(MAX_EXTERNS)))
        if not reader.at_end:
            raise reader.malformed("bytes after the last import or export of a section")
    except WasmFormatError as exc:
        # The framing is sound: what can't be read is a form newer than this library, or a broken one.
        raise WasmFormatError(
            "wasm-extern-unknown",
            f"imports or exports can't be read: {exc.message}",
            offset=exc.offset,
            hint="state them with `--imports` and `--exports`",
        ) from exc
    return externs
