"""Outcomes of the validation of many inputs, and their texts as other programs may be given them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging_kit.errors import PackagingKitError
from packaging_kit.validate.problem import Level, Problem, Where
from packaging_kit.validate.report import Report

UNLISTED = "problems-unlisted"
"""The code of what stands for the problems that a report counts and does not list."""

# A fixed table, not `str.isprintable`: the same input gives the same bytes under every Python. It holds every
# character that XML 1.0 does not allow, and those that nobody sees or that change the order of what is seen.
_INVISIBLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    r"\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f\U000e0100-\U000e01ef]"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one input among many.

    Attributes:
        subject: the place or file as it was named.
        result: its report, or the error on account of which it could not be looked at.
    """

    subject: str
    result: Report | PackagingKitError

    @property
    def is_clean(self) -> bool:
        """It was looked at, and nothing was found that fails."""
        return isinstance(self.result, Report) and self.result.is_clean


def problems_of(report: Report) -> tuple[Problem, ...]:
    """The problems of a report, and one more for those that it does not list: they must not be lost on the way."""
    if not report.unlisted:
        return report.problems
    said = "1 further problem is" if report.unlisted == 1 else f"{report.unlisted:,} further problems are"
    level = Level.NOTE if report.is_clean else Level.ERROR
    where = Where(part="report")
    return *report.problems, Problem(code=UNLISTED, where=where, message=f"{said} not listed", level=level)


def visible(text: str) -> str:
    """`text` with every control, surrogate and bidirectional or unseen character escaped."""
    return _INVISIBLE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)
