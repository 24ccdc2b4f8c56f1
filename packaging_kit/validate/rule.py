"""Rules: one small pure function and one code each, which say themselves what they are for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

from packaging_kit.limits import MAX_PROBLEMS
from packaging_kit.validate.problem import Level, Problem, Where

S = TypeVar("S")


class Finding(NamedTuple):
    """What a rule finds; its code, level and hint are the rule's.

    Attributes:
        json_path: the field; empty for the document itself.
        message: one sentence, as in `Problem`.
        offset: in bytes, where it is about bytes.
    """

    json_path: str
    message: str
    offset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Generic[S]):
    """One rule.

    Attributes:
        code: kebab-case, stable.
        what: what it finds, as the rest of "It finds …".
        why: the reason, with the clause of the specification that it stands on.
        example: something that it finds.
        find: the findings in a subject, in the order of the input.
        level: of what it finds.
        hint: how to mend it.
    """

    code: str
    what: str
    why: str
    example: str
    find: Callable[[S], Iterable[Finding]]
    level: Level = Level.ERROR
    hint: str | None = None

    def problem(self, finding: Finding, part: Where) -> Problem:
        """A finding of this rule in `part`."""
        where = Where(part=part.part, digest=part.digest, json_path=finding.json_path, offset=finding.offset)
        return Problem(code=self.code, where=where, message=finding.message, level=self.level, hint=self.hint)


def rule(
    code: str, *, what: str, why: str, example: str, level: Level = Level.ERROR, hint: str | None = None
) -> Callable[[Callable[[S], Iterable[Finding]]], Rule[S]]:
    """Make a rule of the function that finds what is against it."""

    def make(find: Callable[[S], Iterable[Finding]]) -> Rule[S]:
        return Rule(code=code, what=what, why=why, example=example, find=find, level=level, hint=hint)

    return make


def apply(rules: Iterable[Rule[S]], subject: S, part: Where) -> Iterator[Problem]:
    """What `rules` find in a subject, rule by rule; of each not more than a report lists, and one to say so."""
    for each in rules:
        for finding in islice(each.find(subject), MAX_PROBLEMS + 1):
            yield each.problem(finding, part)
