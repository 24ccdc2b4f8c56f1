"""The library `wasmtime`, met at this one edge: what it says of a binary as a defect, all else as our error."""

from __future__ import annotations

import ctypes
import importlib.metadata
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from packaging_kit.engines.messages import WASMTIME_HINT, one_line
from packaging_kit.errors import UnavailableError
from packaging_kit.validate.engine import Defect

if TYPE_CHECKING:
    import wasmtime

_HEADING = "failed to parse WebAssembly module\n\nCaused by:\n"
_BETWEEN = "; "  # lines of a message, which stand beside each other
_OFFSET = re.compile(r"\(at offset 0x([0-9a-f]{1,16})\)\s*\Z")

# What its Python code may raise beside its own error: a wheel for another system, a version with other names.
_NOT_THERE = (ImportError, OSError, RuntimeError)
_UNEXPECTED = (
    ctypes.ArgumentError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


class WasmtimeLibrary:
    """The library with one configuration.

    Attributes:
        version: of the package.

    Args:
        switches: properties of `wasmtime.Config`; only such as go together, or it ends the process.

    Raises:
        UnavailableError: `engine-missing`, `engine-failed`.
    """

    def __init__(self, switches: Mapping[str, bool]) -> None:
        try:
            import wasmtime
            import wasmtime.component

            self.version = importlib.metadata.version("wasmtime")
        except _NOT_THERE as exc:
            raise UnavailableError(
                "engine-missing", f"the engine `wasmtime` can't be imported: {exc}", hint=WASMTIME_HINT
            ) from exc
        self._library = wasmtime
        self._switches = switches
        self._parallel = self._make_engine(is_parallel=True)
        self._sequential: wasmtime.Engine | None = None

    def find_in_module(self, data: bytes) -> Defect | None:
        """What is wrong with a core module; `data` begins as one does."""
        validate = self._library.Module.validate
        defect = self._judge(lambda: validate(self._parallel, data))
        if defect is None:
            return None
        # With several threads it is chance which of several defects is the one that is told.
        engine = self._sequential = self._sequential or self._make_engine(is_parallel=False)
        return self._judge(lambda: validate(engine, data)) or defect

    def find_in_component(self, data: bytes) -> Defect | None:
        """What is wrong with a component, which is compiled."""
        return self._judge(lambda: self._library.component.Component(self._parallel, data).close())

    def _judge(self, judge: Callable[[], None]) -> Defect | None:
        try:
            judge()
        except self._library.WasmtimeError as exc:
            return parse_defect(str(exc))
        except _UNEXPECTED as exc:
            raise _failed(exc) from exc
        return None

    def _make_engine(self, *, is_parallel: bool) -> wasmtime.Engine:
        try:
            config = self._library.Config()
            config.parallel_compilation = is_parallel
            for name, is_on in self._switches.items():
                setattr(config, name, is_on)
            return self._library.Engine(config)
        except (self._library.WasmtimeError, *_UNEXPECTED) as exc:
            raise _failed(exc) from exc


def parse_defect(text: str) -> Defect:
    """What the library says of a binary that is not valid.

    It ends in an offset: what does not is about something else. A name of the binary may be part of it, with whatever
    stands in that name, so the offset is looked for at the very end.

    Raises:
        UnavailableError: `engine-failed`.
    """
    offset = _OFFSET.search(text)
    if offset is None:
        raise UnavailableError("engine-failed", f"the engine `wasmtime` failed: {one_line(text, _BETWEEN)}")
    return Defect(one_line(text[: offset.start()].removeprefix(_HEADING), _BETWEEN), int(offset[1], 16))


def _failed(exc: BaseException) -> UnavailableError:
    return UnavailableError(
        "engine-failed", f"the engine `wasmtime` failed: {one_line(str(exc) or repr(exc), _BETWEEN)}"
    )
