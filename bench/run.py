"""`python -m bench.run`: measures, prints a table, and writes what `docs/performance.md` shows."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.figure import Figure
from bench.groups import GROUPS
from bench.machine import describe_machine
from bench.process import remove
from bench.report import Run, figure_line, write_report
from bench.setup import FULL, QUICK, Setup

_ROOT: Final = Path(__file__).resolve().parents[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks; 0 where every bar is met, otherwise 1."""
    options = _parse(arguments)
    setup = Setup(folder=options.folder / "run", scale=QUICK if options.quick else FULL)
    setup.folder.mkdir(parents=True, exist_ok=True)
    os.environ["TMPDIR"] = str(setup.folder)  # so that everything is written to one disk
    try:
        figures = _measure(setup, options.only or list(GROUPS))
        run = Run(machine=describe_machine(setup.folder), scale=setup.scale, figures=figures)
    finally:
        if not options.keep:
            remove(setup.folder)
    _write(run, options)
    missed = [figure for figure in figures if figure.is_met is False]
    print(f"\n{len(figures)} figures, " + (f"{len(missed)} bars missed" if setup.scale.is_judged else "not judged"))
    return 1 if missed else 0


def _measure(setup: Setup, names: Sequence[str]) -> tuple[Figure, ...]:
    figures = []
    for name in names:
        print(f"\n{name}")
        for measured in GROUPS[name](setup):
            figure = measured if setup.scale.is_judged else replace(measured, bar=None)
            figures.append(figure)
            print(f"  {figure_line(figure)}", flush=True)
    return tuple(figures)


def _write(run: Run, options: argparse.Namespace) -> None:
    """Write the report: where it was asked for, and after a full run into the repository."""
    if options.into is not None:
        options.into.mkdir(parents=True, exist_ok=True)
        write_report(run, results=options.into, pages=options.into)
    elif not options.quick and not options.only:
        write_report(run, results=_ROOT / "bench", pages=_ROOT / "docs")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=main.__doc__)
    parser.add_argument("--quick", action="store_true", help="small files, few repetitions: shows only that it runs")
    parser.add_argument("--only", action="append", choices=list(GROUPS), help="one group of figures; may be repeated")
    parser.add_argument("--folder", type=Path, default=_ROOT / ".cache" / "bench", help="for the files; takes 20 GB")
    parser.add_argument("--keep", action="store_true", help="leave the files for the next run")
    parser.add_argument("--into", type=Path, help="write the report there, in place of the repository")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
