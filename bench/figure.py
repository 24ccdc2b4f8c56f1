"""Figures: what was measured, and the bar that it is held against."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from bench.series import Line, Series


class Unit(Enum):
    """What a figure's value counts."""

    RATIO = "times"
    SECONDS = "s"
    MEGABYTES = "MB"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure.

    Attributes:
        group: of figures that were measured together.
        name: what was measured.
        unit: of `value`, `typical` and `bar`.
        value: the judged one: a ratio of minima, the least time, the largest memory.
        typical: the ratio of medians or the median, where there is one.
        bar: the most that is good; `None` for what is told as information.
        against: what it is a ratio to, or what else the bar means.
        series: the times behind it.
        points: of a line, as x and seconds.
        line: that was fitted to them.
    """

    group: str
    name: str
    unit: Unit
    value: float
    typical: float | None = None
    bar: float | None = None
    against: str = ""
    series: tuple[Series, ...] = ()
    points: tuple[tuple[float, float], ...] = ()
    line: Line | None = None

    @property
    def is_met(self) -> bool | None:
        """Whether the value is within the bar; `None` without one."""
        return None if self.bar is None else self.value <= self.bar

    @property
    def is_close(self) -> bool:
        """Whether the shortest times are within the bar, and the medians are not."""
        return self.is_met is True and self.typical is not None and self.typical > (self.bar or 0)
