"""Component types, as far as a WIT package needs them (Binary.md, "Type Definitions").

Only what counts in the type index space and the exports of component and instance types is kept;
every other form is passed over. Nested types are walked with a stack of our own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from packaging_kit.limits import MAX_TYPE_DEPTH, MAX_TYPES
from packaging_kit.wasm.core_types import skip_core_type
from packaging_kit.wasm.externs import (
    CORE_SORTS,
    PRIMITIVE_TYPES,
    Sort,
    read_extern_name,
    read_extern_type,
    skip_value_type,
)
from packaging_kit.wasm.reader import Reader


class TypeKind(Enum):
    """What a type index stands for; `OTHER` is everything that is no component or instance type."""

    COMPONENT = "component"
    INSTANCE = "instance"
    OTHER = "other"


@dataclass(slots=True)
class TypeDefinition:
    """One entry of a type index space.

    Attributes:
        kind: a component type, an instance type or something else.
        exports: name, sort and type index of each export of a component or instance type.
        types: the type index space inside it.
    """

    kind: TypeKind
    exports: list[tuple[str, Sort, int | None]] = field(default_factory=list)
    types: list[TypeDefinition] = field(default_factory=list)


@dataclass(slots=True)
class _Scope:
    definition: TypeDefinition
    declarations: int


_OTHER: Final = TypeDefinition(TypeKind.OTHER)
_COMPONENT_TYPE: Final = 0x41
_INSTANCE_TYPE: Final = 0x42


def read_type_section(reader: Reader) -> list[TypeDefinition]:
    """The types that one type section defines.

    Raises:
        WasmFormatError: `wasm-malformed`, for a form that this library does not know, a cut section,
            trailing bytes, or more than 100 levels of types.
    """
    section = TypeDefinition(TypeKind.OTHER)
    scopes = [_Scope(section, reader.count(MAX_TYPES))]
    declared = 0
    while scopes:
        scope = scopes[-1]
        if scope.declarations == 0:
            scopes.pop()
            continue
        scope.declarations -= 1
        declared += 1
        if declared > MAX_TYPES:
            raise reader.malformed(f"a section declares more than {MAX_TYPES} types")
        inner = _read_type(reader, scope) if len(scopes) == 1 else _read_declaration(reader, scope)
        if inner is not None:
            if len(scopes) > MAX_TYPE_DEPTH:
                raise reader.malformed(f"types nest deeper than {MAX_TYPE_DEPTH} levels")
            scopes.append(inner)
    if not reader.at_end:
        raise reader.malformed("bytes after the last type of a section")
    return section.types


def read_alias(reader: Reader) -> Sort:
    """One `alias`: the sort whose index space it adds to."""
    at = reader.position
    code = reader.byte()
    if code == Sort.CORE and (core_sort := reader.byte()) not in CORE_SORTS:
        raise reader.malformed(f"unknown core sort {core_sort:#04x}", at)
    if code > Sort.INSTANCE:
        raise reader.malformed(f"unknown sort {code:#04x}", at)
    target = reader.byte()
    if target > 0x02:
        raise reader.malformed(f"unknown alias target {target:#04x}", reader.position - 1)
    reader.u32()
    if target == 0x02:
        reader.u32()
    else:
        reader.name()
    return Sort(code)


def _read_declaration(reader: Reader, scope: _Scope) -> _Scope | None:
    """One `componentdecl` or `instancedecl`; the scope that it opens, where it does."""
    form = reader.byte()
    match form:
        case 0x00:
            skip_core_type(reader)
        case 0x01:
            return _read_type(reader, scope)
        case 0x02:
            if read_alias(reader) == Sort.TYPE:
                scope.definition.types.append(_OTHER)
        case 0x03 | 0x04:
            name = read_extern_name(reader).name
            extern_type = read_extern_type(reader)
            if extern_type.sort == Sort.TYPE:
                scope.definition.types.append(_aliased(scope.definition.types, extern_type.index))
            if form == 0x04:
                scope.definition.exports.append((name, extern_type.sort, extern_type.index))
        case _:
            raise reader.malformed(f"unknown declaration {form:#04x}", reader.position - 1)
    return None


def _aliased(types: list[TypeDefinition], index: int | None) -> TypeDefinition:
    return types[index] if index is not None and index < len(types) else _OTHER


def _read_type(reader: Reader, scope: _Scope) -> _Scope | None:
    """One `type`, added to the scope's index space; the scope that it opens, where it does."""
    opcode = reader.byte()
    if opcode in (_COMPONENT_TYPE, _INSTANCE_TYPE):
        kind = TypeKind.COMPONENT if opcode == _COMPONENT_TYPE else TypeKind.INSTANCE
        definition = TypeDefinition(kind)
        scope.definition.types.append(definition)
        return _Scope(definition, reader.count())
    scope.definition.types.append(_OTHER)
    if opcode in PRIMITIVE_TYPES:
        return None
    skip = _TYPE_FORMS.get(opcode)
    if skip is None:
        raise reader.malformed(f"unknown type {opcode:#04x}", reader.position - 1)
    skip(reader)
    return None


def _vector(*items: Callable[[Reader], object]) -> Callable[[Reader], None]:
    def skip(reader: Reader) -> None:
        for _ in range(reader.count()):
            for item in items:
                item(reader)

    return skip


def _sequence(*items: Callable[[Reader], object]) -> Callable[[Reader], None]:
    def skip(reader: Reader) -> None:
        for item in items:
            item(reader)

    return skip


def _optional(item: Callable[[Reader], object]) -> Callable[[Reader], None]:
    def skip(reader: Reader) -> None:
        present = reader.byte()
        if present > 0x01:
            raise reader.malformed(f"unknown optional form {present:#04x}", reader.position - 1)
        if present:
            item(reader)

    return skip


def _zero(reader: Reader) -> None:
    if reader.byte() != 0x00:
        raise reader.malformed("a zero byte is required", reader.position - 1)


def _result_list(reader: Reader) -> None:
    form = reader.byte()
    if form == 0x00:
        skip_value_type(reader)
    elif form == 0x01:
        _zero(reader)
    else:
        raise reader.malformed(f"unknown result list {form:#04x}", reader.position - 1)


_LABELLED_TYPES = _vector(Reader.name, skip_value_type)
_FUNCTION = _sequence(_LABELLED_TYPES, _result_list)
_OPTIONAL_TYPE = _optional(skip_value_type)

_TYPE_FORMS: Final[dict[int, Callable[[Reader], object]]] = {
    0x72: _LABELLED_TYPES,  # record
    0x71: _vector(Reader.name, _OPTIONAL_TYPE, _zero),  # variant
    0x70: skip_value_type,  # list
    0x67: _sequence(skip_value_type, Reader.u32),  # list of fixed length
    0x6F: _vector(skip_value_type),  # tuple
    0x6E: _vector(Reader.name),  # flags
    0x6D: _vector(Reader.name),  # enum
    0x6B: skip_value_type,  # option
    0x6A: _sequence(_OPTIONAL_TYPE, _OPTIONAL_TYPE),  # result
    0x69: Reader.u32,  # own
    0x68: Reader.u32,  # borrow
    0x66: _OPTIONAL_TYPE,  # stream
    0x65: _OPTIONAL_TYPE,  # future
    0x63: _sequence(skip_value_type, skip_value_type),  # map
    0x3F: _sequence(Reader.byte, _optional(Reader.u32)),  # resource; its representation is i32 or i64
    0x40: _FUNCTION,
    0x43: _FUNCTION,  # async
}
