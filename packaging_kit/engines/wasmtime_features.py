"""Which proposals the engine `wasmtime` can switch, and which of the others it takes (tried with wasmtime 50).

The names are those of `wasm-tools validate --features`, and so is what holds where nothing is switched.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from packaging_kit.errors import RequestError

DEFAULTS: Final = MappingProxyType({"wasm_component_model_map": True, "wasm_component_model_implements": True})
"""Properties of `wasmtime.Config` that make its defaults those of `wasm-tools` 1.263; in all others they agree."""

SWITCHES: Final = MappingProxyType(
    {
        "bulk-memory": "wasm_bulk_memory",
        "cm-implements": "wasm_component_model_implements",
        "cm-map": "wasm_component_model_map",
        "component-model": "wasm_component_model",
        "custom-page-sizes": "wasm_custom_page_sizes",
        "exceptions": "wasm_exceptions",
        "function-references": "wasm_function_references",
        "gc": "wasm_gc",
        "memory64": "wasm_memory64",
        "multi-memory": "wasm_multi_memory",
        "multi-value": "wasm_multi_value",
        "relaxed-simd": "wasm_relaxed_simd",
        "simd": "wasm_simd",
        "stack-switching": "wasm_stack_switching",
        "tail-call": "wasm_tail_call",
        "threads": "wasm_threads",
        "wide-arithmetic": "wasm_wide_arithmetic",
    }
)
"""The property of `wasmtime.Config` for each feature that it switches.

`Config` has none for `reference-types` that could be used: without it no engine can be made, and the library ends the
whole process instead of raising an error.
"""

_ALWAYS: Final = frozenset(
    (
        "bulk-memory-opt",
        "call-indirect-overlong",
        "cm-async",
        "compact-imports",
        "extended-const",
        "floats",
        "gc-types",
        "mutable-global",
        "reference-types",
        "saturating-float-to-int",
        "sign-extension",
    )
)
_NEVER: Final = frozenset(
    (
        "acquire-release-atomics",
        "cm-accessors",
        "cm-async-stackful",
        "cm-canon-names",
        "cm-error-context",
        "cm-fixed-length-lists",
        "cm-forward",
        "cm-gc",
        "cm-more-async-builtins",
        "cm-nested-names",
        "cm-threading",
        "cm-values",
        "cm64",
        "custom-descriptors",
        "legacy-exceptions",
        "memory-control",
        "multibyte-array-access",
        "shared-everything-threads",
    )
)


def named_features(asked: tuple[str, ...]) -> tuple[str, ...]:
    """The features that are not as the library has them: those of `DEFAULTS`, then those that were asked for."""
    names = {name.lstrip("+-") for name in asked}
    own = (name for name, switch in SWITCHES.items() if switch in DEFAULTS and name not in names)
    return (*(f"+{name}" for name in own), *asked)


def parse_switches(features: tuple[str, ...]) -> Mapping[str, bool]:
    """The properties of `wasmtime.Config` to set, for features as `+name` and `-name`; the last of a name counts.

    Raises:
        RequestError: `engine-feature-unknown`, also for one that is known and can't be switched.
    """
    properties = dict(DEFAULTS)
    for feature in features:
        sign, name = feature[:1], feature[1:]
        if sign in ("+", "-") and name in SWITCHES:
            properties[SWITCHES[name]] = sign == "+"
        elif not (sign == "+" and name in _ALWAYS) and not (sign == "-" and name in _NEVER):
            raise _unknown(feature)
    if properties.get("wasm_simd") is False:
        properties["wasm_relaxed_simd"] = False  # it has no vectors to work on, and no engine is made with it
    return MappingProxyType(properties)


def _unknown(feature: str) -> RequestError:
    names = ", ".join(f"`{name}`" for name in SWITCHES)
    known = feature[1:] in _ALWAYS | _NEVER
    what = f"can't switch the feature `{feature}`" if known else f"knows no feature `{feature}`"
    hint = f"the engine `wasm-tools` takes others; with `+` or `-` before it, this one switches {names}"
    return RequestError("engine-feature-unknown", f"the engine `wasmtime` {what}", hint=hint)
