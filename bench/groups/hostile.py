"""Inputs made to be slow: deep towers, a million sections, sizes that are lies, a bomb of skeletons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from bench.figure import Figure, Unit
from bench.inputs import MB, claims_4_gib, tiny_sections, tower
from bench.process import Command, peak_of
from bench.series import fit_line
from bench.setup import Setup

SLOW_BAR: Final = 2.0
REFUSAL_BAR: Final = 1.0
REFUSAL_MEMORY_BAR: Final = 100.0
GROWTH_BAR: Final = 1.25

_BOMB: Final = Path(__file__).resolve().parents[2] / "fixtures" / "vectors" / "skeletons" / "bomb"
_SHARES: Final = (1 / 8, 1 / 4, 1 / 2, 1)  # of the largest tower, for the line in size
_STEPS: Final = (1 / 9, 3 / 9, 5 / 9, 7 / 9, 1)  # of the deepest, for the line in depth
_LEAST: Final = 1e-3  # seconds: what is left when start-up is taken from a run that did next to nothing


def towers(setup: Setup) -> Iterator[Figure]:
    """Components inside each other, with and without something to split out at the bottom."""
    for with_module in (False, True):
        path = _tower(setup, setup.scale.tower, setup.scale.depth, with_module=with_module)
        commands = _reading(setup, path)
        if with_module:
            commands += [setup.pack(path, "mapped"), setup.explode(path)]
            commands += [setup.unpack(path, "split"), setup.reassemble(path)]
        yield from _times(setup, "towers", commands, SLOW_BAR, _tower_name(setup, with_module=with_module))


def sections(setup: Setup) -> Iterator[Figure]:
    """A component of very many sections with nothing in them."""
    path = setup.make("tiny-sections", tiny_sections(setup.scale.sections))
    commands = [*_reading(setup, path), setup.pack(path, "whole"), setup.pack(path, "mapped"), setup.explode(path)]
    yield from _times(setup, "sections", commands, SLOW_BAR, f"{setup.scale.sections:,} tiny sections")


def refusals(setup: Setup) -> Iterator[Figure]:
    """What has to be refused at once."""
    path = setup.make("claims-4-gib", claims_4_gib())
    packed, exploded, bombed = setup.path("packed"), setup.path("exploded"), setup.path("bombed.wasm")
    lies = "a section of 20 bytes claims 4 GiB"
    refused = [
        setup.program("digest", path, name="digest FILE", exit_code=1),
        setup.program("digest", "-", name="digest -", piped=path, exit_code=1),
        setup.program("inspect", path, name="inspect", exit_code=1),
        setup.program("explode", path, "-o", exploded, name="explode", makes=exploded, exit_code=1),
        setup.program("pack", path, "-o", packed, name="pack", makes=packed, exit_code=1),
    ]
    bomb = setup.program("reassemble", _BOMB, "-o", bombed, name="reassemble", makes=bombed, exit_code=1)
    for commands, what in ((refused, lies), ([bomb], "the bomb of skeletons")):
        yield from _times(setup, "refusals", commands, REFUSAL_BAR, what)
        for command in commands:
            peak = max(peak_of(command).total for _ in range(setup.scale.watched))
            yield Figure(
                group="refusals",
                name=f"{what}: {command.name}",
                unit=Unit.MEGABYTES,
                value=peak / MB,
                bar=REFUSAL_MEMORY_BAR,
                against="all memory, with mapped files",
            )


def linear(setup: Setup) -> Iterator[Figure]:
    """That time grows no faster than size, at one depth, nor than depth, where every level adds as many bytes."""
    scale = setup.scale
    sizes = [(int(scale.line * share), scale.depth) for share in _SHARES]
    depths = [(int(scale.line * step), round(scale.depth * step)) for step in _STEPS]
    for with_module in (False, True):
        what = "with a module" if with_module else "without a module"
        for axis, shapes in (("size", sizes), ("depth", depths)):
            xs = [size / MB if axis == "size" else depth for size, depth in shapes]
            paths = [_tower(setup, size, depth, with_module=with_module) for size, depth in shapes]
            for make in (setup.digest, setup.inspect):
                yield _growth(setup, [make(path) for path in paths], xs, f"in {axis}, tower {what}")


def _growth(setup: Setup, commands: Sequence[Command], xs: Sequence[float], what: str) -> Figure:
    """How much more time each unit takes at the largest than at the smallest: 1 for a straight line, 8 for a square."""
    *series, startup = setup.interleave([*commands, setup.startup])
    points = tuple((x, one.least) for x, one in zip(xs, series, strict=True))
    per_unit = [max(seconds - startup.least, _LEAST) / x for x, seconds in points]
    return Figure(
        group="linear",
        name=f"{series[0].name}, {what}",
        unit=Unit.RATIO,
        value=per_unit[-1] / per_unit[0],
        bar=GROWTH_BAR,
        against="each unit of the smallest",
        points=points,
        line=fit_line(points),
    )


def _times(setup: Setup, group: str, commands: Sequence[Command], bar: float, what: str) -> Iterator[Figure]:
    for series in setup.interleave(commands):
        yield Figure(
            group=group,
            name=f"{what}: {series.name}",
            unit=Unit.SECONDS,
            value=series.least,
            typical=series.median,
            bar=bar,
            against="start-up included",
            series=(series,),
        )


def _reading(setup: Setup, path: Path) -> list[Command]:
    return [setup.digest(path), setup.digest_piped(path), setup.inspect(path)]


def _tower(setup: Setup, size: int, depth: int, *, with_module: bool) -> Path:
    name = f"tower-{size}-{depth}" + ("-module" if with_module else "")
    return setup.make(name, tower(size, depth, with_module=with_module))


def _tower_name(setup: Setup, *, with_module: bool) -> str:
    scale = setup.scale
    return f"{scale.tower // MB} MB nested {scale.depth} deep" + (", a module at the bottom" if with_module else "")
