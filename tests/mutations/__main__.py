"""Judge every mutant of the rules, and print the score.

    python -m tests.mutations [--jobs 2] [--only NAME] [--every N] [--verbose]

Exit code 1 where less than 95 % are killed, where a rule can be taken away unnoticed, or where the list of equivalent
mutants (`equivalent.toml`) names one that is killed or no longer there.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from tests.mutations.judge import Verdict, judge, time_cases
from tests.mutations.mutants import MODULES, Mutant, mutants_of

LIST: Final = Path(__file__).with_name("equivalent.toml")
LEAST: Final = 0.95

Key = tuple[str, str, str]

_order: tuple[str, ...] = ()
_killers: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2, help="processes side by side")
    parser.add_argument("--only", default="", help="mutants of modules or functions whose name holds this")
    parser.add_argument("--every", type=int, default=1, help="one mutant of so many")
    parser.add_argument("--verbose", action="store_true", help="print what killed each")
    given = parser.parse_args(arguments)
    mutants = [each for path in MODULES for each in mutants_of(path) if given.only in f"{path.name}/{each.function}"]
    mutants = mutants[:: given.every]
    start = time.monotonic()
    verdicts = list(judge_all(mutants, jobs=given.jobs))
    if given.verbose:
        for verdict in verdicts:
            print(f"{verdict.mutant}: {verdict.killer or 'SURVIVED'}")
    is_good = report(verdicts, equivalent(), is_whole=not given.only and given.every == 1)
    print(f"{time.monotonic() - start:.0f} seconds")
    return 0 if is_good else 1


def equivalent() -> dict[Key, str]:
    """Mutants that do what the original does, and why."""
    entries = tomllib.loads(LIST.read_text())["mutant"]
    return {(entry["module"], entry["function"], entry["change"]): entry["reason"] for entry in entries}


def judge_all(mutants: Sequence[Mutant], *, jobs: int) -> Iterator[Verdict]:
    """The verdicts, in order."""
    global _order
    _order = time_cases()
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        yield from pool.imap(_judge_one, mutants, chunksize=4)


def _judge_one(mutant: Mutant) -> Verdict:
    """What killed the last mutants of the same function is tried first."""
    known = _killers[mutant.path.name, mutant.function]
    first = [name for name in reversed(known) if name in _order]
    verdict = judge(mutant, [*first, *(name for name in _order if name not in known)])
    if verdict.killer is not None:
        known.pop(verdict.killer, None)
        known[verdict.killer] = None
    return verdict


def report(verdicts: Sequence[Verdict], listed: dict[Key, str], *, is_whole: bool) -> bool:
    """Print what came of it; whether it is good enough."""
    real = [verdict for verdict in verdicts if verdict.mutant.key not in listed]
    counts: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for verdict in real:
        counts[verdict.mutant.path.name, verdict.mutant.function].append(verdict.is_killed)
    for (module, function), killed in sorted(counts.items()):
        print(f"{module:24} {function or 'constants':28} {sum(killed):4} of {len(killed)}")
    survivors = [verdict.mutant for verdict in real if not verdict.is_killed]
    for mutant in survivors:
        print(f"survived: {mutant}")
    wrong = [verdict for verdict in verdicts if verdict.mutant.key in listed and verdict.is_killed]
    for verdict in wrong:
        print(f"not equivalent, for `{verdict.killer}` kills it: {verdict.mutant}")
    gone = set(listed) - {verdict.mutant.key for verdict in verdicts} if is_whole else set()
    for key in sorted(gone):
        print(f"in the list and not there: {key}")
    removals = [verdict for verdict in real if verdict.mutant.is_removal]
    removed = sum(verdict.is_killed for verdict in removals)
    score = sum(verdict.is_killed for verdict in real) / max(1, len(real))
    print(f"rules taken away: {removed} of {len(removals)} noticed")
    print(
        f"{len(real) - len(survivors)} of {len(real)} killed, {score:.1%}; {len(verdicts) - len(real)} are equivalent"
    )
    return score >= LEAST and removed == len(removals) and not wrong and not gone


if __name__ == "__main__":
    sys.exit(main())
