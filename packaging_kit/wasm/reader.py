"""A cursor over the contents of one section, bounded by its end."""

from __future__ import annotations

from packaging_kit.errors import WasmFormatError
from packaging_kit.limits import MAX_NAME_SIZE, MAX_U32
from packaging_kit.wasm.leb128 import decode_u32


class Reader:
    """Reads values one after the other from `data[start:end]`; offsets in errors are absolute.

    Raises:
        WasmFormatError: `wasm-malformed` from every method, where the value is cut off or of wrong form.
    """

    def __init__(self, data: bytes | memoryview, start: int, end: int) -> None:
        self.data = data
        self.position = start
        self.end = end

    @property
    def at_end(self) -> bool:
        return self.position >= self.end

    def peek(self) -> int:
        """The next byte, which stays."""
        if self.position >= self.end:
            raise self.malformed("unexpected end of the section")
        return self.data[self.position]

    def byte(self) -> int:
        value = self.peek()
        self.position += 1
        return value

    def u32(self) -> int:
        value, self.position = decode_u32(self.data, self.position, self.end)
        return value

    def count(self, max_count: int = MAX_U32) -> int:
        """The length of a vector whose elements take at least one byte each."""
        at = self.position
        value = self.u32()
        if value > max_count:
            raise self.malformed(f"a vector of {value} elements is longer than {max_count}", at)
        if value > self.end - self.position:
            raise self.malformed(f"a vector of {value} elements does not fit into its section", at)
        return value

    def name(self, max_size: int = MAX_NAME_SIZE) -> str:
        """A length and that many bytes of UTF-8 (core spec, 5.2.4 Names)."""
        at = self.position
        size = self.u32()
        if size > max_size:
            raise self.malformed(f"a name of {size} bytes is longer than {max_size}", at)
        raw = self.take(size)
        try:
            return raw.decode()
        except UnicodeDecodeError as exc:
            raise self.malformed("a name is not valid UTF-8", at) from exc

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        if size > self.end - self.position:
            raise self.malformed(f"{size} bytes run past the end of the section")
        start = self.position
        self.position += size
        return bytes(self.data[start : self.position])

    def malformed(self, message: str, offset: int | None = None) -> WasmFormatError:
        """The error for what was read at `offset`, or here."""
        return WasmFormatError("wasm-malformed", message, offset=self.position if offset is None else offset)
