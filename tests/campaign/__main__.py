"""`python -m tests.campaign`: runs the campaigns; in full they also write the facts of `docs/reliability.md`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Final

from tests.campaign.outcome import Outcome
from tests.campaign.report import Run, outcome_line, write_facts

CAMPAIGNS: Final = (
    "crash",
    "kill",
    "faults",
    "full_disk",
    "processes",
    "flips",
    "steps",
    "ranges",
    "requests",
    "chance",
    "agreement",
    "validation",
)
"""The modules beside this one; each has a function `run`."""
SEED: Final = 20261121

_ROOT: Final = Path(__file__).resolve().parents[2]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run campaigns; 0 where all of them hold, otherwise 1."""
    options = _parse(arguments)
    runs = []
    failed = []
    for name in options.names:
        try:
            runs.append(_run(name, options))
        except Exception:  # noqa: BLE001 - the others are still run
            traceback.print_exc()
            failed.append(name)
    print(f"seed {options.seed}: " + (f"failed: {', '.join(failed)}" if failed else "all hold"))
    if options.full and len(runs) == len(CAMPAIGNS):
        write_facts(_ROOT / "docs" / "reliability.md", runs, options.seed, options.folder)
    return 1 if failed else 0


def _run(name: str, options: argparse.Namespace) -> Run:
    print(f"\n{name}", flush=True)
    campaign: Callable[..., list[Outcome]] = import_module(f"tests.campaign.{name}").run
    options.folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        outcomes = tuple(campaign(options.seed, full=options.full, folder=Path(folder)))
    run = Run(name=name, outcomes=outcomes, seconds=time.monotonic() - began)
    for outcome in outcomes:
        print(f"  {outcome_line(outcome)}")
    print(f"  {run.seconds:.0f} s", flush=True)
    return run


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign", description=main.__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", default=CAMPAIGNS, help=", ".join(CAMPAIGNS))
    parser.add_argument("--seed", type=int, default=SEED, help="of what is chosen by chance")
    parser.add_argument(
        "--full", action="store_true", help="all there is to try, not a slice; takes a quarter of an hour"
    )
    parser.add_argument("--folder", type=Path, default=_ROOT / ".cache" / "campaign", help="for files, on a real disk")
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in CAMPAIGNS:
            parser.error(f"`{name}` is no campaign")
    return options


if __name__ == "__main__":
    sys.exit(main())
