"""What a core module declares: its types, imports and exports, each as it is encoded (core spec, 5.5).

Nothing is decoded that does not tell where the next thing begins; bodies and segments are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from packaging_kit.wasm.core_expressions import skip_initializer
from packaging_kit.wasm.core_types import skip_limits, skip_recursive_type, skip_value_type
from packaging_kit.wasm.leb128 import decode_u32, encode_u32
from packaging_kit.wasm.reader import Reader
from packaging_kit.wasm.sections import Section, iter_sections

_TYPES, _IMPORTS, _FUNCTIONS, _TABLES, _MEMORIES, _GLOBALS, _EXPORTS, _TAGS = 1, 2, 3, 4, 5, 6, 7, 13
_SECTIONS: Final = frozenset((_TYPES, _IMPORTS, _FUNCTIONS, _TABLES, _MEMORIES, _GLOBALS, _EXPORTS, _TAGS))

_FUNCTION, _TABLE, _MEMORY, _GLOBAL, _TAG = range(5)  # the forms of `core:externtype`

# Instead of such a form, after an empty name: several imports share their module, or also their type.
_SHARED_MODULE, _SHARED_TYPE = 0x7F, 0x7E

_WITH_INITIALIZER: Final = 0x40


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreDeclarations:
    """The declarations of one core module.

    Attributes:
        types: its recursive types; a group of several is one of them.
        imports: both names and the `core:externtype` of each.
        exports: the name and the `core:externtype` of each.
    """

    types: tuple[bytes, ...]
    imports: tuple[bytes, ...]
    exports: tuple[bytes, ...]


def read_core_declarations(data: bytes) -> CoreDeclarations:
    """Read the core module `data`, whose preamble is passed over.

    Raises:
        WasmFormatError: `wasm-malformed`, where they can't be read; those of a valid module can.
    """
    sections = {section.id: section for section in iter_sections(data, ids=_SECTIONS)}
    module = _CoreModule(data, sections)
    types = tuple(module.iter_types())
    imports = tuple(module.iter_imports())
    module.read_definitions()
    return CoreDeclarations(types=types, imports=imports, exports=tuple(module.iter_exports()))


class _CoreModule:
    """One that is being read, and its index spaces: what it imports, and then what it defines."""

    def __init__(self, data: bytes, sections: dict[int, Section]) -> None:
        self._data = data
        self._sections = sections
        self._functions: list[int] = []  # the index of the type of each
        self._others: dict[int, list[bytes]] = {kind: [] for kind in (_TABLE, _MEMORY, _GLOBAL, _TAG)}

    def iter_types(self) -> Iterator[bytes]:
        reader = self._reader(_TYPES)
        for _ in range(reader.count()):
            start = reader.position
            skip_recursive_type(reader)
            yield self._data[start : reader.position]

    def iter_imports(self) -> Iterator[bytes]:
        """The imports; each of those that share something gets its own."""
        reader = self._reader(_IMPORTS)
        for _ in range(reader.count()):
            start = reader.position
            _skip_name(reader)
            name = reader.position
            _skip_name(reader)
            if reader.position == name + 1 and reader.peek() in (_SHARED_MODULE, _SHARED_TYPE):
                yield from self._iter_shared_imports(reader, self._data[start:name])
            else:
                self._add_import(reader)
                yield self._data[start : reader.position]

    def _iter_shared_imports(self, reader: Reader, module: bytes) -> Iterator[bytes]:
        shared_type = b""
        if reader.byte() == _SHARED_TYPE:
            start = reader.position
            _skip_extern_type(reader)
            shared_type = self._data[start : reader.position]
        for _ in range(reader.count()):
            start = reader.position
            _skip_name(reader)
            self._add_import(Reader(shared_type, 0, len(shared_type)) if shared_type else reader)
            yield module + self._data[start : reader.position] + shared_type

    def _add_import(self, reader: Reader) -> None:
        """Read a `core:externtype` into the index space of its form."""
        form = reader.peek()
        if form == _FUNCTION:
            reader.byte()
            self._functions.append(reader.u32())
            return
        start = reader.position
        _skip_extern_type(reader)
        self._others[form].append(bytes(reader.data[start : reader.position]))

    def read_definitions(self) -> None:
        """Read the sections that define functions, tables, memories, globals and tags."""
        self._functions += self._iter_functions()
        for section_id, kind in ((_TABLES, _TABLE), (_MEMORIES, _MEMORY), (_GLOBALS, _GLOBAL), (_TAGS, _TAG)):
            reader = self._reader(section_id)
            for _ in range(reader.count()):
                self._others[kind].append(bytes((kind,)) + self._take_definition(reader, kind))

    def _iter_functions(self) -> Iterator[int]:
        reader = self._reader(_FUNCTIONS)
        count, position, data, end = reader.count(), reader.position, reader.data, reader.end
        for _ in range(count):
            # The common case inline: there are tens of thousands of them.
            if position < end and (index := data[position]) < 0x80:
                position += 1
            else:
                index, position = decode_u32(data, position, end)
            yield index

    def _take_definition(self, reader: Reader, kind: int) -> bytes:
        """The type of what is defined here, without its form; its initialiser is passed over."""
        has_initializer = kind == _GLOBAL
        if kind == _TABLE and reader.peek() == _WITH_INITIALIZER:
            reader.take(2)
            has_initializer = True
        start = reader.position
        _SKIP_TYPE[kind](reader)
        end = reader.position
        if has_initializer:
            skip_initializer(reader)
        return self._data[start:end]

    def iter_exports(self) -> Iterator[bytes]:
        reader = self._reader(_EXPORTS)
        encoded: dict[int, bytes] = {}  # functions of one type are many
        for _ in range(reader.count()):
            start = reader.position
            _skip_name(reader)
            name = self._data[start : reader.position]
            at, form, index = reader.position, reader.byte(), reader.u32()
            space = self._functions if form == _FUNCTION else self._others.get(form, ())
            if index >= len(space):
                raise reader.malformed(f"an export of form {form:#04x} has no index {index}", at)
            if form != _FUNCTION:
                yield name + self._others[form][index]
                continue
            type_index = self._functions[index]
            if type_index not in encoded:
                encoded[type_index] = bytes((_FUNCTION,)) + encode_u32(type_index)
            yield name + encoded[type_index]

    def _reader(self, section_id: int) -> Reader:
        """At the contents of a section; a vector of no elements where the module has none."""
        section = self._sections.get(section_id)
        return Reader(b"\0", 0, 1) if section is None else Reader(self._data, section.contents, section.end)


def _skip_name(reader: Reader) -> None:
    size = reader.u32()
    if size > reader.end - reader.position:
        raise reader.malformed(f"a name of {size} bytes runs past the end of the section")
    reader.position += size


def _skip_extern_type(reader: Reader) -> None:
    form = reader.byte()
    if form not in _SKIP_TYPE:
        raise reader.malformed(f"unknown core import or export {form:#04x}", reader.position - 1)
    _SKIP_TYPE[form](reader)


def _skip_function(reader: Reader) -> None:
    reader.u32()


def _skip_table(reader: Reader) -> None:
    skip_value_type(reader)
    skip_limits(reader)


def _skip_global(reader: Reader) -> None:
    skip_value_type(reader)
    reader.byte()


def _skip_tag(reader: Reader) -> None:
    reader.byte()
    reader.u32()


_SKIP_TYPE: Final = {
    _FUNCTION: _skip_function,
    _TABLE: _skip_table,
    _MEMORY: skip_limits,
    _GLOBAL: _skip_global,
    _TAG: _skip_tag,
}
