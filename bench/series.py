"""Repeated measurements, and what can be said of them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from bench.process import Command, seconds_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One command's times.

    Attributes:
        name: of the command.
        seconds: of every repetition, in the order in which they ran.
    """

    name: str
    seconds: tuple[float, ...]

    @property
    def least(self) -> float:
        return min(self.seconds)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def most(self) -> float:
        return max(self.seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The straight line that fits points best (least squares).

    Attributes:
        slope: seconds for one more of what is on the x axis.
        intercept: seconds at 0.
        r_squared: share of the variance that the line explains.
        deviation: the largest distance of a point from the line, as a share of the line's value there.
    """

    slope: float
    intercept: float
    r_squared: float
    deviation: float


def interleave(commands: Sequence[Command], repetitions: int, uncounted: int) -> tuple[Series, ...]:
    """Run the commands in turn, so that what else the machine does falls on all of them alike.

    Every second round goes backwards (A B C, C B A, ...): a command may find the machine in another state
    after one command than after another.

    Args:
        uncounted: rounds before those that count; they bring inputs and programs into the page cache.
    """
    times: dict[Command, list[float]] = {command: [] for command in commands}
    for number in range(uncounted + repetitions):
        for command in reversed(commands) if number % 2 else commands:
            times[command].append(seconds_of(command))
    return tuple(Series(name=command.name, seconds=tuple(times[command][uncounted:])) for command in commands)


def fit_line(points: Sequence[tuple[float, float]]) -> Line:
    """Fit a line to points of x and seconds."""
    xs, ys = zip(*points, strict=True)
    slope, intercept = statistics.linear_regression(xs, ys)
    mean = statistics.fmean(ys)
    residuals = [y - (slope * x + intercept) for x, y in points]
    variance = sum((y - mean) ** 2 for y in ys)
    return Line(
        slope=slope,
        intercept=intercept,
        r_squared=1 - sum(residual**2 for residual in residuals) / variance if variance else 1.0,
        deviation=max(abs(residual) / abs(y - residual) for residual, y in zip(residuals, ys, strict=True)),
    )
