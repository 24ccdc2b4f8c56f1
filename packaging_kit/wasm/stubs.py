"""Stubs of core modules: `core:moduletype` of Binary.md, made out of a module's bytes.

Why a type and not a module whose bodies are `unreachable`: a module's types, imports and exports are all that a
component sees of it, and in a type there is nothing to compile, and no index of anything that was left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from packaging_kit.errors import WasmFormatError
from packaging_kit.wasm.core_declarations import read_core_declarations
from packaging_kit.wasm.leb128 import encode_u32

MAX_DECLARATIONS: Final = 100_000
"""Declarations of one module type; engines take no more (wasmparser, limits.rs)."""

_MODULE_TYPE: Final = b"\x50"
_IMPORT, _TYPE, _EXPORT = b"\x00", b"\x01", b"\x03"


@dataclass(frozen=True, slots=True)
class Stub:
    """What stands for a core module.

    Attributes:
        module_type: its `core:moduletype`.
        weight: at least what engines take for the size of this type, of which they bound the sum in one component.
    """

    module_type: bytes
    weight: int


def make_stub(data: bytes) -> Stub:
    """The stub of the core module `data`, with its types, imports and exports, in their order.

    Raises:
        WasmFormatError: `wasm-malformed` where they can't be read, which those of a valid module can;
            `wasm-too-large` where they are more than a module type may have.
    """
    declared = read_core_declarations(data)
    externs = len(declared.imports) + len(declared.exports)
    count = len(declared.types) + externs
    if count > MAX_DECLARATIONS:
        raise WasmFormatError("wasm-too-large", f"a module type can't have {count} declarations", offset=0)
    parts = [_MODULE_TYPE + encode_u32(count)]
    parts += (_TYPE + each for each in declared.types)
    parts += (_IMPORT + each for each in declared.imports)
    parts += (_EXPORT + each for each in declared.exports)
    largest = max(map(len, declared.types), default=0)
    return Stub(module_type=b"".join(parts), weight=count + externs * largest)
