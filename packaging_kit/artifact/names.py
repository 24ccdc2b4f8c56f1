"""What a component imports and exports, as its config will say: read, or stated by whoever packs it."""

from __future__ import annotations

from dataclasses import dataclass

from packaging_kit.blobs import Chunk
from packaging_kit.oci.wasm_config import ComponentConfig
from packaging_kit.wasm.interface import read_interface


@dataclass(frozen=True, slots=True)
class StatedNames:
    """Names that are stated, where the binary's can't be read; `None` has them read."""

    imports: tuple[str, ...] | None = None
    exports: tuple[str, ...] | None = None


def read_component_config(data: Chunk, names: StatedNames, target: str | None) -> ComponentConfig:
    """The `component` field of the config of the component `data`, which must be well framed.

    Raises:
        WasmFormatError: `wasm-extern-unknown`, where names have to be read and can't be.
    """
    imports, exports = names.imports, names.exports
    if imports is None or exports is None:
        interface = read_interface(data)
        imports = interface.imports if imports is None else imports
        exports = interface.exports if exports is None else exports
    return ComponentConfig(exports=exports, imports=imports, target=target)
