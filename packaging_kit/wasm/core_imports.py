"""What a core module imports (core spec, 5.5.5 Import Section)."""

from __future__ import annotations

from typing import Final

from packaging_kit.errors import WasmFormatError
from packaging_kit.limits import MAX_EXTERNS
from packaging_kit.wasm.core_types import skip_extern_type
from packaging_kit.wasm.reader import Reader

IMPORT_SECTION: Final = 2
"""Its id in a core module, which is not that in a component."""


def read_core_imports(contents: bytes) -> tuple[str, ...]:
    """The imports of one import section, each as `module/name`, in binary order.

    Raises:
        WasmFormatError: `wasm-extern-unknown`, with an offset in the contents.
    """
    reader = Reader(contents, 0, len(contents))
    names = []
    try:
        for _ in range(reader.count(MAX_EXTERNS)):
            names.append(f"{reader.name()}/{reader.name()}")
            skip_extern_type(reader)
        if not reader.at_end:
            raise reader.malformed("bytes after the last import of a section")
    except WasmFormatError as exc:
        message = f"imports can't be read: {exc.message}"
        raise WasmFormatError("wasm-extern-unknown", message, offset=exc.offset) from exc
    return tuple(names)
