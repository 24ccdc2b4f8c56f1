"""Constant expressions of a core module, passed over (core spec, 5.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from packaging_kit.wasm.core_types import skip_heap_type, skip_leb128
from packaging_kit.wasm.reader import Reader

_END: Final = 0x0B


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
    0x23: skip_leb128,  # global.get
    0x41: skip_leb128,  # i32.const
    0x42: skip_leb128,  # i64.const
    0x43: _skip_bytes(4),  # f32.const
    0x44: _skip_bytes(8),  # f64.const
    **dict.fromkeys((0x6A, 0x6B, 0x6C, 0x7C, 0x7D, 0x7E), _skip_nothing),  # add, sub, mul
    0xD0: skip_heap_type,  # ref.null
    0xD2: skip_leb128,  # ref.func
}
_PREFIXED: Final[dict[int, dict[int, Callable[[Reader], None]]]] = {
    0xFB: {
        # struct.new, array.new, each also with defaults, and with a descriptor
        **dict.fromkeys((0x00, 0x01, 0x06, 0x07, 0x20, 0x21), skip_leb128),
        0x08: _skip_two_indices,  # array.new_fixed
        **dict.fromkeys((0x1A, 0x1B, 0x1C), _skip_nothing),  # any.convert_extern, extern.convert_any, ref.i31
    },
    0xFD: {0x0C: _skip_bytes(16)},  # v128.const
}
