"""Which engine judges: the one that was asked for, or the best that is there."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from types import MappingProxyType

from packaging_kit.engines.messages import WASMTIME_HINT
from packaging_kit.engines.wasm_tools import INSTALL_HINT, TIME_LIMIT, WasmToolsEngine, check_features, find_wasm_tools
from packaging_kit.errors import RequestError, UnavailableError
from packaging_kit.validate.engine import Engine


class EngineChoice(Enum):
    """What can be asked for."""

    AUTO = "auto"
    WASM_TOOLS = "wasm-tools"
    WASMTIME = "wasmtime"
    NONE = "none"


def choose_engine(
    name: EngineChoice | str,
    *,
    executable: Path | None = None,
    search_path: str | None = None,
    features: tuple[str, ...] = (),
    time_limit: float = TIME_LIMIT,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Engine | None:
    """The engine, which is there; `None` where none is wanted.

    Args:
        name: `auto` is `wasm-tools` where it is found, else `wasmtime` where it can be imported.
        executable: of `wasm-tools`; where it is set, `auto` takes that or nothing.
        search_path: folders where it is looked for otherwise, as the environment variable PATH has them; `None` for
            nowhere.
        features: `+name` and `-name`, as `parse_features` gives them.
        time_limit: seconds that `wasm-tools` may take for one binary.
        environment: that it runs in, and nothing else of this process's.

    Raises:
        RequestError: `engine-unknown`, `engine-feature-unknown`.
        UnavailableError: `engine-missing`; `engine-failed` where no program can be started.
    """
    choice = _parse_choice(name)
    if choice is EngineChoice.NONE:
        return None
    if choice is EngineChoice.WASMTIME:
        return _make_wasmtime(features)
    try:
        found = find_wasm_tools(executable, search_path, environment=environment)
    except UnavailableError as exc:
        if choice is EngineChoice.WASM_TOOLS or executable is not None or exc.code != "engine-missing":
            raise
        if _has_wasmtime():
            return _make_wasmtime(features)
        raise UnavailableError(
            "engine-missing",
            f"neither the engine `wasm-tools` nor the engine `wasmtime` is there: {exc.message}",
            hint=f"{INSTALL_HINT}; {WASMTIME_HINT}",
        ) from exc
    return WasmToolsEngine(
        found.executable, features=features, time_limit=time_limit, environment=environment, version=found.version
    )


def parse_features(text: str) -> tuple[str, ...]:
    """Features as people write them, `gc,-threads,+cm-async`: each with its sign, in order; none for empty text.

    Raises:
        RequestError: `engine-feature-unknown`.
    """
    names = text.split(",") if text else []
    features = tuple(name if name.startswith(("+", "-")) else f"+{name}" for name in names)
    check_features(features)
    return features


def _parse_choice(name: EngineChoice | str) -> EngineChoice:
    try:
        return EngineChoice(name)
    except ValueError as exc:
        names = ", ".join(f"`{choice.value}`" for choice in EngineChoice)
        raise RequestError("engine-unknown", f"there is no engine `{name}`", hint=f"one of {names}") from exc


def _has_wasmtime() -> bool:
    return importlib.util.find_spec("wasmtime") is not None


def _make_wasmtime(features: tuple[str, ...]) -> Engine:
    if not _has_wasmtime():
        raise UnavailableError("engine-missing", "the engine `wasmtime` can't be imported", hint=WASMTIME_HINT)
    from packaging_kit.engines.wasmtime import WasmtimeEngine

    return WasmtimeEngine(features=features)
