"""The report of a run: lines for the terminal, `results.json`, `performance.md` and its chart."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from bench.chart import draw_chart
from bench.figure import Figure, Unit
from bench.series import Series
from bench.setup import Scale

_TITLES: Final[Mapping[str, str]] = {
    "digest": "`digest` of a large application",
    "whole": "`pack` and `unpack`, form `whole`",
    "forms": "The other forms and commands, for information",
    "memory": "Memory",
    "startup": "Start-up",
    "small": "Very many small components in one layout",
    "ranges": "Ranges of a whole, read from its fragments",
    "registry": "Registries",
    "validation": "Validation of a component of 18 MB",
    "towers": "Deep towers",
    "sections": "Very many sections",
    "refusals": "Refused at once",
    "linear": "Linear in size and in depth",
}

_VERDICTS: Final = {True: "met", False: "missed", None: ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """All figures of one run, and where they come from."""

    machine: Mapping[str, str]
    scale: Scale
    figures: tuple[Figure, ...]


def write_report(run: Run, *, results: Path, pages: Path) -> None:
    """Write `results.json` into one folder, `performance.md` and `performance.svg` into another."""
    (results / "results.json").write_text(_to_json(run), "utf-8")
    (pages / "performance.svg").write_text(draw_chart(run.figures), "utf-8")
    (pages / "performance.md").write_text("\n".join(_page(run)) + "\n", "utf-8")


def figure_line(figure: Figure) -> str:
    """One figure in one line of text."""
    value = f"{format_value(figure.value, figure.unit):>9}"
    typical = "" if figure.typical is None else f"median {format_value(figure.typical, figure.unit)}"
    bar = "" if figure.bar is None else f"at most {format_value(figure.bar, figure.unit)}"
    return f"{figure.name:<66} {value}  {typical:<16} {bar:<17} {verdict(figure)}".rstrip()


def verdict(figure: Figure) -> str:
    """What is to be said of a figure and its bar."""
    return "met by the least alone" if figure.is_close else _VERDICTS[figure.is_met]


def format_value(value: float, unit: Unit) -> str:
    """A value as people read it."""
    if unit is Unit.RATIO:
        return f"{value:.2f}"
    return f"{value:.{2 if unit is Unit.SECONDS else 0}f} {unit.value}"


def _to_json(run: Run) -> str:
    """The run as JSON, one figure to a line."""
    head = {"machine": dict(run.machine), "scale": asdict(run.scale)}
    figures = ",\n".join(json.dumps(_figure_json(figure), ensure_ascii=False) for figure in run.figures)
    return f'{json.dumps(head, ensure_ascii=False, indent=1)[:-2]},\n "figures": [\n{figures}\n ]\n}}\n'


def _figure_json(figure: Figure) -> dict[str, Any]:
    series = [
        {
            "name": one.name,
            "min": round(one.least, 4),
            "median": round(one.median, 4),
            "max": round(one.most, 4),
            "seconds": [round(seconds, 4) for seconds in one.seconds],
        }
        for one in figure.series
    ]
    return {**asdict(figure), "unit": figure.unit.value, "met": figure.is_met, "series": series}


def _page(run: Run) -> Iterator[str]:
    scale = run.scale
    judged = [figure for figure in run.figures if figure.bar is not None]
    missed = [figure.name for figure in judged if not figure.is_met]
    close = [figure.name for figure in judged if figure.is_close]
    yield "# Performance"
    yield ""
    yield "Written by `make bench` (`python -m bench.run`); don't edit it. The raw numbers are in"
    yield "[bench/results.json](../bench/results.json)."
    yield ""
    yield f"{len(judged) - len(missed)} of {len(judged)} bars are met in this run."
    if missed:
        yield f"Missed: {'; '.join(missed)}."
    if close:
        yield f"Met by the shortest times but not by the medians: {'; '.join(close)}."
    yield ""
    yield "![Each figure as a share of its bar](performance.svg)"
    yield ""
    yield from _machine(run.machine)
    yield from _method(scale)
    for group, title in _TITLES.items():
        figures = [figure for figure in run.figures if figure.group == group]
        if figures:
            yield from _section(title, figures)


def _machine(machine: Mapping[str, str]) -> Iterator[str]:
    yield "## Machine"
    yield ""
    yield "| what | which |"
    yield "|---|---|"
    for what, which in machine.items():
        yield f"| {what} | {which} |"
    yield ""


def _method(scale: Scale) -> Iterator[str]:
    yield from f"""\
## How it was measured

- Every command ran as a whole process, {scale.repetitions} times or more (the column *runs*) after a first run that
  does not count. The commands of one section ran in turn, forwards and backwards (A B C, C B A, ...), so that what else
  the machine did fell on all of them alike. Inputs were in the page cache; what was written was removed, and the disk
  flushed, before the next run.
- A ratio is to the tool named beside it, in the same run. Noise only ever adds time, so the ratio of the shortest times
  (*least*) is the one that is judged; the ratio of the medians stands beside it. From both sides of the ratios of large
  files the start-up was taken: of `packaging-kit --version`, and of `openssl version`.
- `cp, sync, openssl dgst -sha256` means the three one after the other: the file is copied, the copy flushed to the disk
  (`sync FILE`), the file digested. `packaging-kit` flushes what it writes too (`fsync` of files and folders).
- Memory is the most that was seen of `RssAnon` plus `RssShmem` in `/proc/PID/status`, read every millisecond in
  {scale.watched} runs; for refusals all memory (`VmHWM`).
- The application is a component of {scale.large:,} bytes with 40 core modules, from {_smallest(scale)} to
  {_largest(scale)}, in a tree of seven components. The towers have an equal part of their bytes in a custom section on
  every level. All inputs come from `bench/inputs.py`, the same bytes everywhere.
- Linear: the shortest times of towers from 1/8 or 1/9 of {scale.line // 1_000_000} MB up, start-up aside, divided by
  the size or the depth; *least* is this at the largest as a ratio to the smallest (1 for a straight line, 8 or 9 for a
  square). In depth, every level adds as many bytes.
- MB is 1,000,000 bytes.
""".splitlines()
    yield ""


def _smallest(scale: Scale) -> str:
    return f"{max(scale.large // 22_140, 4096) / 1000:.0f} kB"


def _largest(scale: Scale) -> str:
    return f"{scale.large // 22_140 * 1600 / 1_000_000:.0f} MB"


def _section(title: str, figures: list[Figure]) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    yield "| what | against | least | median | bar | |"
    yield "|---|---|---:|---:|---:|---|"
    for figure in figures:
        typical = "" if figure.typical is None else format_value(figure.typical, figure.unit)
        bar = "" if figure.bar is None else format_value(figure.bar, figure.unit)
        value = format_value(figure.value, figure.unit)
        yield f"| {figure.name} | {figure.against} | {value} | {typical} | {bar} | {verdict(figure)} |"
    yield ""
    yield from _series([one for figure in figures for one in figure.series])
    yield from _lines(figures)


def _series(series: list[Series]) -> Iterator[str]:
    if not series:
        return
    yield "| seconds of | min | median | max | runs |"
    yield "|---|---:|---:|---:|---:|"
    for one in series:
        yield f"| {one.name} | {one.least:.3f} | {one.median:.3f} | {one.most:.3f} | {len(one.seconds)} |"
    yield ""


def _lines(figures: list[Figure]) -> Iterator[str]:
    lined = [(figure, figure.line) for figure in figures if figure.line is not None]
    if not lined:
        return
    yield "| what | shortest times | line | R² | largest distance |"
    yield "|---|---|---|---:|---:|"
    for figure, line in lined:
        unit = "MB" if " in size" in figure.name else "level"
        points = ", ".join(f"{x:g} {unit}: {seconds:.3f} s" for x, seconds in figure.points)
        equation = f"{line.intercept:.3f} s + {line.slope * 1000:.3f} ms for each {unit}"
        yield f"| {figure.name} | {points} | {equation} | {line.r_squared:.3f} | {line.deviation:.1%} |"
    yield ""
