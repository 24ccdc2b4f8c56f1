"""Types, limits and initialisers of a core module, passed over (core spec, 5.3 and 5.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from packaging_kit.wasm.core_types import skip_core_type
from packaging_kit.wasm.reader import Reader

_SUB: Final = 0x50
_HAS_MAXIMUM: Final = 0x01
_HAS_PAGE_SIZE: Final = 0x08
_END: Final = 0x0B


def skip_recursive_type(reader: Reader) -> None:
    """`core:rectype`, as it stands in a core module."""
    if reader.peek() == _SUB:  # a component would take it for the beginning of a module type
        reader.byte()
        for _ in range(reader.count()):
            reader.u32()
    if reader.peek() in (0x00, _SUB):
        raise reader.malformed(f"unknown core type {reader.peek():#04x}")
    skip_core_type(reader)


def skip_value_type(reader: Reader) -> None:
    """`core:valtype`, which is a reference in a table."""
    form = reader.byte()
    if form in (0x63, 0x64):  # ref null, ref
        _skip_heap_type(reader)
    elif form == 0x65:  # shared
        reader.byte()


def skip_limits(reader: Reader) -> None:
    """`core:limits` of a memory or table; `core:memtype` is nothing else."""
    flags = reader.byte()
    _skip_leb128(reader)
    if flags & _HAS_MAXIMUM:
        _skip_leb128(reader)
    if flags & _HAS_PAGE_SIZE:
        reader.u32()


def skip_initializer(reader: Reader) -> None:
    """A constant expression, the `end` at its end included."""
    while (opcode := reader.byte()) != _END:
        if opcode in _PREFIXED:
            at, second = reader.position, reader.u32()
            skip = _PREFIXED[opcode].get(second)
        else:
            at, skip = reader.position - 1, _INSTRUCTIONS.get(opcode)
        if skip is None:
            raise reader.malformed(f"unknown instruction {opcode:#04x} in a constant expression", at)
        skip(reader)


def _skip_heap_type(reader: Reader) -> None:
    match reader.peek():
        case 0x65:  # shared
            reader.take(2)
        case 0x62:  # exact
            reader.byte()
            reader.u32()
        case _:
            _skip_leb128(reader)


def _skip_leb128(reader: Reader) -> None:
    """A number of up to 64 bits, signed or not."""
    at = reader.position
    for _ in range(10):
        if reader.byte() < 0x80:
            return
    raise reader.malformed("a LEB128 number takes more than ten bytes", at)


def _skip_nothing(reader: Reader) -> None:
    pass


def _skip_bytes(size: int) -> Callable[[Reader], None]:
    def skip(reader: Reader) -> None:
        reader.take(size)

    return skip


def _skip_two_indices(reader: Reader) -> None:
    reader.u32()
    reader.u32()


_INSTRUCTIONS: Final[dict[int, Callable[[Reader], None]]] = {
    0x23: _skip_leb128,  # global.get
    0x41: _skip_leb128,  # i32.const
    0x42: _skip_leb128,  # i64.const
    0x43: _skip_bytes(4),  # f32.const
    0x44: _skip_bytes(8),  # f64.const
    **dict.fromkeys((0x6A, 0x6B, 0x6C, 0x7C, 0x7D, 0x7E), _skip_nothing),  # add, sub, mul
    0xD0: _skip_heap_type,  # ref.null
    0xD2: _skip_leb128,  # ref.func
}
_PREFIXED: Final[dict[int, dict[int, Callable[[Reader], None]]]] = {
    0xFB: {
        # struct.new, array.new, each also with defaults, and with a descriptor
        **dict.fromkeys((0x00, 0x01, 0x06, 0x07, 0x20, 0x21), _skip_leb128),
        0x08: _skip_two_indices,  # array.new_fixed
        **dict.fromkeys((0x1A, 0x1B, 0x1C), _skip_nothing),  # any.convert_extern, extern.convert_any, ref.i31
    },
    0xFD: {0x0C: _skip_bytes(16)},  # v128.const
}
