"""The facts in `docs/reliability.md`; what stands around them there is written by people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.machine import describe_machine
from tests.campaign.outcome import Outcome

BEGIN = "<!-- facts: written by `make campaign` -->"
END = "<!-- end of facts -->"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One campaign that held.

    Attributes:
        name: of its module.
        outcomes: what it came to.
        seconds: how long it took.
    """

    name: str
    outcomes: tuple[Outcome, ...]
    seconds: float


def outcome_line(outcome: Outcome) -> str:
    """One figure in one line of text."""
    return f"{outcome.tried:>8,}  {outcome.name}: {outcome.result}"


def write_facts(page: Path, runs: Sequence[Run], seed: int, folder: Path) -> None:
    """Put the facts of a full run between the marks of the page."""
    before, _, rest = page.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    facts = "\n".join(_facts(runs, seed, folder))
    page.write_text(f"{before}{BEGIN}\n\n{facts}\n\n{END}{after}", "utf-8")


def _facts(runs: Sequence[Run], seed: int, folder: Path) -> Iterator[str]:
    minutes = sum(run.seconds for run in runs) / 60
    tried = sum(outcome.tried for run in runs for outcome in run.outcomes)
    yield f"{tried:,} trials in {minutes:.0f} minutes, seed {seed}. Every one of them held."
    yield ""
    yield "| campaign | tried | what | what came of it |"
    yield "|---|---:|---|---|"
    for run in runs:
        for outcome in run.outcomes:
            yield f"| `{run.name}` | {outcome.tried:,} | {outcome.name} | {outcome.result} |"
    yield ""
    yield "| campaign | seconds |"
    yield "|---|---:|"
    yield from (f"| `{run.name}` | {run.seconds:.0f} |" for run in runs)
    yield ""
    yield "| machine | |"
    yield "|---|---|"
    yield from (f"| {what} | {which} |" for what, which in describe_machine(folder).items())
