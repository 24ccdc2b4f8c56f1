"""Core types inside component types, passed over (core spec 5.3, with the forms of WebAssembly 3.0).

`core:type` of Binary.md may hold a whole module type; a WIT package holds none of these, but what is
beside one must not make it unreadable.
"""

from __future__ import annotations

from packaging_kit.wasm.reader import Reader


def skip_core_type(reader: Reader) -> None:
    """`core:type`: a recursive type, or a module type."""
    match reader.peek():
        case 0x50:
            reader.byte()
            for _ in range(reader.count()):
                _skip_module_declaration(reader)
        case 0x00:
            reader.byte()
            skip_recursive_type(reader)
        case _:
            skip_recursive_type(reader)


def _skip_module_declaration(reader: Reader) -> None:
    form = reader.byte()
    match form:
        case 0x00:
            reader.name()
            reader.name()
            skip_extern_type(reader)
        case 0x01:
            skip_recursive_type(reader)
        case 0x02:
            reader.take(2)
            reader.u32()
            reader.u32()
        case 0x03:
            reader.name()
            skip_extern_type(reader)
        case _:
            raise reader.malformed(f"unknown module declaration {form:#04x}", reader.position - 1)


def skip_extern_type(reader: Reader) -> None:
    """`externtype`: what a core import or export is (core spec 5.3.18)."""
    form = reader.byte()
    match form:
        case 0x00:  # func
            reader.u32()
        case 0x01:  # table
            skip_value_type(reader)
            skip_limits(reader)
        case 0x02:  # memory
            skip_limits(reader)
        case 0x03:  # global
            skip_value_type(reader)
            reader.byte()
        case 0x04:  # tag
            reader.byte()
            reader.u32()
        case _:
            raise reader.malformed(f"unknown core import or export {form:#04x}", reader.position - 1)


def skip_limits(reader: Reader) -> None:
    """`core:limits` of a memory or table; `core:memtype` is nothing else."""
    flags = reader.byte()
    skip_leb128(reader)
    if flags & 0x01:
        skip_leb128(reader)
    if flags & 0x08:  # custom page size
        reader.u32()


def skip_recursive_type(reader: Reader) -> None:
    """`core:rectype`, as it stands in a core module."""
    if reader.peek() == 0x4E:  # rec group
        reader.byte()
        for _ in range(reader.count()):
            _skip_sub_type(reader)
    else:
        _skip_sub_type(reader)


def _skip_sub_type(reader: Reader) -> None:
    if reader.peek() in (0x4F, 0x50):  # sub final, sub
        reader.byte()
        for _ in range(reader.count()):
            reader.u32()
    _skip_composite_type(reader)


def _skip_composite_type(reader: Reader) -> None:
    opcode = reader.byte()
    if opcode == 0x65:  # shared
        opcode = reader.byte()
    for prefix in (0x4C, 0x4D):  # describes, descriptor
        if opcode == prefix:
            reader.u32()
            opcode = reader.byte()
    match opcode:
        case 0x60:  # func
            for _ in range(2):
                for _ in range(reader.count()):
                    skip_value_type(reader)
        case 0x5F:  # struct
            for _ in range(reader.count()):
                _skip_field_type(reader)
        case 0x5E:  # array
            _skip_field_type(reader)
        case 0x5D:  # cont
            skip_leb128(reader)
        case _:
            raise reader.malformed(f"unknown core type {opcode:#04x}", reader.position - 1)


def _skip_field_type(reader: Reader) -> None:
    skip_value_type(reader)  # the packed types i8 and i16 are one byte each, as the others are
    reader.byte()


def skip_value_type(reader: Reader) -> None:
    """`core:valtype`, which is a reference in a table."""
    if reader.peek() in (0x63, 0x64):  # ref null, ref
        reader.byte()
        skip_heap_type(reader)
    elif reader.peek() == 0x65:  # shared
        reader.take(2)
    else:
        reader.byte()


def skip_heap_type(reader: Reader) -> None:
    """`core:heaptype`."""
    match reader.peek():
        case 0x65:  # shared
            reader.take(2)
        case 0x62:  # exact
            reader.byte()
            reader.u32()
        case _:
            skip_leb128(reader)


def skip_leb128(reader: Reader) -> None:
    """A number of up to 64 bits, signed or not."""
    at = reader.position
    for _ in range(10):
        if reader.byte() < 0x80:
            return
    raise reader.malformed("a LEB128 number takes more than ten bytes", at)
