"""Problems as they come in: counted, and listed up to a limit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from packaging_kit.limits import MAX_PROBLEMS
from packaging_kit.validate.problem import Level, Problem


@dataclass(slots=True)
class Findings:
    """The problems of one validation.

    Attributes:
        levels: by code, where a policy has others than the rules.
        problems: those that are listed; errors come before notes where there are too many.
        unlisted: further errors and notes; of what a rule finds in one document without end, there are more.
        serious: how many of all are errors by their rules: what may be looked into is not for a policy to say.
    """

    levels: Mapping[str, Level]
    problems: list[Problem] = field(default_factory=list)
    unlisted: int = 0
    serious: int = 0
    _notes: int = 0

    def extend(self, problems: Iterable[Problem]) -> int:
        """Add problems; how many of them are errors by their rules."""
        before = self.serious
        for problem in problems:
            level = self.levels.get(problem.code, problem.level)
            self.serious += problem.level is Level.ERROR
            # A verdict that is missing is never left out: it decides on what the whole comes to.
            is_kept = len(self.problems) < MAX_PROBLEMS or problem.code.startswith("engine-")
            if is_kept or (level is Level.ERROR and self._drop_note()):
                self.problems.append(problem if level is problem.level else replace(problem, level=level))
                self._notes += level is Level.NOTE
            else:
                self.unlisted += 1
        return self.serious - before

    def _drop_note(self) -> bool:
        """Make room for an error: notes are not what anything fails for. Whether there was one to drop."""
        if not self._notes:
            return False
        last = max(number for number, problem in enumerate(self.problems) if problem.level is Level.NOTE)
        del self.problems[last]
        self._notes -= 1
        self.unlisted += 1
        return True
