"""Validation of a real component of 18 MB in a layout, beside `wasm-tools validate` and one pass of openssl."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.figure import Figure, Unit
from bench.process import Command
from bench.series import Series
from bench.setup import Setup
from tests.real import components, tools

WASM_TOOLS_BAR: Final = 1.5
WASMTIME_BAR: Final = 0.35

_COMPONENT: Final = "python-report"
_SMALL: Final = Path(__file__).resolve().parents[2] / "fixtures" / "real" / "c.wasm"
_TIMES_AS_OFTEN: Final = 2  # short runs need more repetitions


def validation(setup: Setup) -> Iterator[Figure]:
    """Each engine on its own, start-up aside: that of the same command on a component of 54 kB, which it validates."""
    large = components.build(_COMPONENT)
    engines = ("wasm-tools", "wasmtime")
    commands = [
        *(_validate(setup, large, engine) for engine in engines),
        *(_validate(setup, _SMALL, engine) for engine in engines),
        _tools(large),
        _tools(_SMALL),
    ]
    with_tools, with_wasmtime, small_tools, small_wasmtime, theirs, their_start = setup.interleave(
        commands, times=_TIMES_AS_OFTEN
    )
    yield Figure(
        group="validation",
        name="validate --engine wasm-tools",
        unit=Unit.RATIO,
        value=(with_tools.least - small_tools.least) / (theirs.least - their_start.least),
        typical=(with_tools.median - small_tools.median) / (theirs.median - their_start.median),
        bar=WASM_TOOLS_BAR,
        against="`wasm-tools validate` and `openssl dgst -sha256`, start-up aside for both",
        series=(with_tools, small_tools, theirs, their_start),
    )
    yield _seconds("validate --engine wasmtime", with_wasmtime, small_wasmtime)


def _seconds(name: str, series: Series, startup: Series) -> Figure:
    return Figure(
        group="validation",
        name=name,
        unit=Unit.SECONDS,
        value=series.least - startup.least,
        typical=series.median - startup.median,
        bar=WASMTIME_BAR,
        against="start-up aside",
        series=(series, startup),
    )


def _validate(setup: Setup, component: Path, engine: str) -> Command:
    place = f"oci:{setup.layout(component, 'mapped')}"
    arguments = ["validate", place, "--engine", engine, "--wasm-tools", str(_path("wasm-tools"))]
    return setup.program(*arguments, name=f"validate --engine {engine} of {component.stat().st_size} bytes")


def _tools(component: Path) -> Command:
    steps = (
        (str(_path("wasm-tools")), "validate", str(component)),
        (str(_path("openssl")), "dgst", "-sha256", str(component)),
    )
    return Command(name=f"wasm-tools and openssl of {component.stat().st_size} bytes", steps=steps)


def _path(name: str) -> Path:
    path = tools.find_tool(name)
    if path is None:
        raise FileNotFoundError(tools.why_missing(name))
    return path
