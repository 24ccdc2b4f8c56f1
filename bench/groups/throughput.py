"""Large files: `digest`, `pack`, `unpack` and the rest, as ratios to known tools, start-up aside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from bench.figure import Figure, Unit
from bench.inputs import application
from bench.process import Command
from bench.series import Series
from bench.setup import Setup

DIGEST_BAR: Final = 1.1
COPY_BAR: Final = 1.0

_TIMES_AS_OFTEN: Final = 2  # disks are noisier than processors
_LEAST: Final = 1e-4  # seconds: what is left when start-up is taken from a run that did nothing


def digest(setup: Setup) -> Iterator[Figure]:
    """`digest` against one pass of openssl over the same file."""
    path = setup.make("application", application(setup.scale.large))
    yield from _ratios(setup, "digest", [setup.digest(path)], setup.openssl(path), DIGEST_BAR)


def whole(setup: Setup) -> Iterator[Figure]:
    """`pack --form whole` and `unpack` against a durable copy and one pass of openssl."""
    path = setup.make("application", application(setup.scale.large))
    commands = [setup.pack(path, "whole"), setup.unpack(path, "whole")]
    yield from _ratios(setup, "whole", commands, setup.copy_and_digest(path), COPY_BAR, times=_TIMES_AS_OFTEN)


def forms(setup: Setup) -> Iterator[Figure]:
    """Everything else that reads or writes a large file; no bar is set for it."""
    path = setup.make("application", application(setup.scale.large))
    writing = [
        *(setup.pack(path, form) for form in ("mapped", "split", "both")),
        setup.unpack(path, "split"),
        setup.explode(path),
        setup.reassemble(path),
    ]
    yield from _ratios(setup, "forms", writing, setup.copy_and_digest(path), None)
    reading = [setup.digest_piped(path), setup.inspect(path)]
    yield from _ratios(setup, "forms", reading, setup.openssl(path), None)


def _ratios(
    setup: Setup, group: str, commands: Sequence[Command], baseline: Command, bar: float | None, *, times: int = 1
) -> Iterator[Figure]:
    everything = [*commands, baseline, setup.startup, setup.openssl_startup]
    *measured, base, startup, base_startup = setup.interleave(everything, times=times)
    for series in measured:
        yield Figure(
            group=group,
            name=series.name,
            unit=Unit.RATIO,
            value=_aside(series.least, startup.least) / _aside(base.least, base_startup.least),
            typical=_aside(series.median, startup.median) / _aside(base.median, base_startup.median),
            bar=bar,
            against=base.name,
            series=(series, *_once(series, measured, (base, startup, base_startup))),
        )


def _once(series: Series, measured: Sequence[Series], shared: tuple[Series, ...]) -> tuple[Series, ...]:
    """What all figures of a group share stands with the first of them."""
    return shared if series is measured[0] else ()


def _aside(seconds: float, startup: float) -> float:
    return max(seconds - startup, _LEAST)
