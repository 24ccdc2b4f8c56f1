"""Start-up: what a command costs that has next to nothing to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bench.figure import Figure, Unit
from bench.inputs import KB, component, custom_section
from bench.setup import Setup

STARTUP_BAR: Final = 1.3

_TIMES_AS_OFTEN: Final = 4  # short runs need more repetitions


def startup(setup: Setup) -> Iterator[Figure]:
    """`--version`, and `digest` of a small file, against a typer program with one empty command."""
    path = setup.make("small", component(custom_section(KB - 12, 0)))
    commands = [setup.startup, setup.digest(path), setup.typer]
    *measured, typer = setup.interleave(commands, times=_TIMES_AS_OFTEN)
    for series, name in zip(measured, ("packaging-kit --version", "digest of 1 kB"), strict=True):
        yield Figure(
            group="startup",
            name=name,
            unit=Unit.RATIO,
            value=series.least / typer.least,
            typical=series.median / typer.median,
            bar=STARTUP_BAR,
            against="typer program with one empty command",
            series=(series, typer) if series is measured[0] else (series,),
        )
