"""What a campaign came to: the lines of `docs/reliability.md`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One figure.

    Attributes:
        name: what was tried, as the document says it.
        tried: how many states, faults, flips, steps or reads.
        result: what came of them, in a few words and numbers; only of what held: a campaign raises otherwise.
    """

    name: str
    tried: int
    result: str
