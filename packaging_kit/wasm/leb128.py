"""Unsigned LEB128 of 32 bits (WebAssembly core spec, 5.2.2 Integers)."""

from __future__ import annotations

from packaging_kit.errors import WasmFormatError
from packaging_kit.limits import MAX_U32

MAX_WIDTH = 5
"""Bytes that a u32 may take: ceil(32 / 7)."""


def decode_u32(data: bytes | memoryview, start: int, end: int, base: int = 0) -> tuple[int, int]:
    """Decode the number at `data[start:end]`.

    Args:
        base: offset of `data[0]` in the outermost input, for errors.

    Returns:
        The value, and the position after its last byte. It may be longer than it need be.

    Raises:
        WasmFormatError: `wasm-malformed`, for more than five bytes, a value above 2^32-1, or a cut.
    """
    value = 0
    for index in range(MAX_WIDTH):
        position = start + index
        if position >= end:
            raise _malformed("a LEB128 number is cut off", base + start)
        byte = data[position]
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            if value > MAX_U32:
                raise _malformed("a LEB128 number is above 2^32-1", base + start)
            return value, position + 1
    raise _malformed("a LEB128 number takes more than five bytes", base + start)


def encode_u32(value: int, width: int = 0) -> bytes:
    """Encode in as few bytes as it takes, or padded to `width` bytes."""
    encoded = bytearray()
    while True:
        byte = value & 0x7F
        value >>= 7
        if not value and len(encoded) + 1 >= width:
            encoded.append(byte)
            return bytes(encoded)
        encoded.append(byte | 0x80)


def minimal_width(value: int) -> int:
    """The number of bytes of the shortest encoding."""
    return max(1, (value.bit_length() + 6) // 7)


def _malformed(message: str, offset: int) -> WasmFormatError:
    return WasmFormatError("wasm-malformed", message, offset=offset)
