"""The first eight bytes of a binary (Component Model, Binary.md, "Component Definitions")."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from packaging_kit.errors import WasmFormatError

MAGIC: Final = b"\0asm"
PREAMBLE_SIZE: Final = 8
CORE_MODULE_PREAMBLE: Final = MAGIC + b"\x01\x00\x00\x00"
COMPONENT_PREAMBLE: Final = MAGIC + b"\x0d\x00\x01\x00"
SKELETON_PREAMBLE: Final = MAGIC + b"\x0d\x00\x03\x00"
"""A component's, with bit 0x0002 of the layer set (docs/format.md, "External sections")."""


class Kind(Enum):
    """What a whole is."""

    CORE_MODULE = "module"
    COMPONENT = "component"


@dataclass(frozen=True, slots=True)
class Preamble:
    """Version and layer, as they stand in the binary."""

    version: int
    layer: int

    @classmethod
    def parse(cls, data: bytes | memoryview) -> Preamble:
        """Read it from the beginning of `data`.

        Raises:
            WasmFormatError: `wasm-malformed`, for other magic or fewer than eight bytes.
        """
        head = bytes(data[:PREAMBLE_SIZE])
        if head[:4] != MAGIC[: len(head)]:
            raise WasmFormatError("wasm-malformed", "the input does not begin with the Wasm magic", offset=0)
        if len(head) < PREAMBLE_SIZE:
            raise WasmFormatError("wasm-malformed", "the input ends inside the preamble", offset=len(head))
        return cls(int.from_bytes(head[4:6], "little"), int.from_bytes(head[6:8], "little"))


def parse_kind(data: bytes | memoryview) -> Kind:
    """What the whole that begins with these bytes is.

    Raises:
        WasmFormatError: `wasm-malformed` where it is no Wasm, `wasm-unsupported` for another version
            or layer than those of a core module (1, 0) and a component (0x0d, 1).
    """
    preamble = Preamble.parse(data)
    hint: str | None = None
    match preamble:
        case Preamble(version=1, layer=0):
            return Kind.CORE_MODULE
        case Preamble(version=0x0D, layer=1):
            return Kind.COMPONENT
        case Preamble(version=0x0D, layer=3):
            hint = "this is a skeleton: `reassemble` makes the component from it"
    raise WasmFormatError(
        "wasm-unsupported",
        f"version {preamble.version:#x} with layer {preamble.layer} is neither a core module nor a component",
        offset=4,
        hint=hint,
    )
