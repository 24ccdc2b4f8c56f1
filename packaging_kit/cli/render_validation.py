"""What `validate` prints: as lines for people, and as values for JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from packaging_kit.cli.render import WIDTH, several, short
from packaging_kit.cli.terminal import printable

if TYPE_CHECKING:
    # Only named here: a command must not pay for importing the operations of the others.
    from packaging_kit.validate.engine import EngineIdentity
    from packaging_kit.validate.outcome import Outcome
    from packaging_kit.validate.problem import Problem, Where
    from packaging_kit.validate.report import CheckedBinary, Report

_MOST_TEXT = 2000  # characters of one text from an input; `--json` has all of it


def report_json(report: Report) -> dict[str, Any]:
    """`schemas/report.json`."""
    return report.to_json()


def report_lines(report: Report) -> Iterator[str]:
    """A report for people, readable at 80 columns: what was validated, what is wrong in which part, the verdict."""
    yield from _facts(report)
    yield ""
    for heading, problems in _by_part(report.problems).items():
        yield heading
        for problem in problems:
            yield from _problem_lines(problem)
        yield ""
    yield _verdict(report)


def _facts(report: Report) -> Iterator[str]:
    if report.subject:
        yield f"input   {_shown(report.subject)}"
    yield f"profile {report.profile.value}"
    if report.media_type:
        yield f"type    {_shown(report.media_type)}"
    yield "digest  " + ("could not be read" if report.digest is None else str(report.digest))
    for binary in report.binaries:
        yield from _binary_facts(binary, report)
    yield from _wrapped(f"engine  {_judge(report.engine)}", " " * 8)


def _binary_facts(binary: CheckedBinary, report: Report) -> Iterator[str]:
    yield f"{'kind':<8}{_shown(binary.kind)}"
    yield f"size    {binary.whole.size:,} bytes"
    if binary.whole.digest != report.digest:
        yield f"whole   {binary.whole.digest}"
    yield f"root    {binary.root}"
    if binary.manifest not in (None, report.digest):
        yield f"oci     {binary.manifest}"


def _judge(engine: EngineIdentity | None) -> str:
    if engine is None:
        return "none: nothing judged the inside of binaries"
    features = " ".join(engine.features) or "its default features"
    return _shown(f"{engine.name} {engine.version} with {features}")


def _by_part(problems: Iterable[Problem]) -> dict[str, list[Problem]]:
    """Problems by what they are in, in the order in which it was first met."""
    grouped: dict[str, list[Problem]] = {}
    for problem in problems:
        where = problem.where
        digest = "" if where.digest is None else f" {short(where.digest)}"
        grouped.setdefault(_shown(where.part) + digest, []).append(problem)
    return grouped


def _problem_lines(problem: Problem) -> Iterator[str]:
    place = _place(problem.where)
    yield f"  {problem.level.value}[{_shown(problem.code)}]{place and ' '}{place}"
    yield from _wrapped(_shown(problem.message), " " * 4, is_first_indented=True)
    if problem.hint is not None:
        yield from _wrapped(f"hint: {_shown(problem.hint)}", " " * 4, is_first_indented=True)


def _place(where: Where) -> str:
    """The place inside the part."""
    words = [f"`{_shown(where.json_path)}`"] if where.json_path else []
    if where.offset is not None:
        words.append(f"at offset {where.offset:#x}")
    return " ".join(words)


def _verdict(report: Report) -> str:
    if not report.is_clean:
        return f"not clean: {_counted(report)}"
    unjudged = "" if report.engine is not None else f"; {_unjudged(report)}"
    return f"clean: {_counted(report)}{unjudged}"


def _unjudged(report: Report) -> str:
    return "no engine judged the binary" if report.binaries else "no binary was looked at"


def _counted(report: Report) -> str:
    """`2 errors, 1 note`, or that there is nothing."""
    counts = ((len(report.errors), "error"), (len(report.notes), "note"))
    said = [several(count, what) for count, what in counts if count]
    if report.unlisted:
        said.append(f"{report.unlisted:,} more not listed")
    return ", ".join(said) or "no problem found"


def outcome_line(outcome: Outcome) -> str:
    """One line of result for one input of many; the first word is for scripts."""
    from packaging_kit.validate.report import Report

    subject, result = _shown(outcome.subject), outcome.result
    if not isinstance(result, Report):
        return f"unknown  {subject}  error[{_shown(result.code)}]: {_shown(str(result))}"
    return f"{'clean' if result.is_clean else 'failed':<7}  {subject}  {_counted(result)}"


def summary_line(outcomes: Sequence[Outcome]) -> str:
    """What all inputs came to, in one line."""
    from packaging_kit.validate.report import Report

    reports = [outcome.result for outcome in outcomes if isinstance(outcome.result, Report)]
    clean = sum(report.is_clean for report in reports)
    said = [f"{clean:,} clean"]
    if len(reports) > clean:
        errors = sum(len(report.errors) for report in reports)
        unlisted = sum(report.unlisted for report in reports)
        more = f" and {unlisted:,} not listed" if unlisted else ""
        said.append(f"{len(reports) - clean:,} failed ({several(errors, 'error')}{more})")
    if len(outcomes) > len(reports):
        said.append(f"{len(outcomes) - len(reports):,} could not be looked at")
    judges = sorted({_named(report.engine) for report in reports if report.binaries})
    judged = f"; judged by {', '.join(judges)}" if judges else ""
    return f"{several(len(outcomes), 'input')}: {', '.join(said)}{judged}"


def _named(engine: EngineIdentity | None) -> str:
    return "no engine" if engine is None else _shown(" ".join((engine.name, engine.version, *engine.features)))


def _shown(text: str) -> str:
    return printable(text) if len(text) <= _MOST_TEXT else f"{printable(text[:_MOST_TEXT])}…"


def _wrapped(text: str, indent: str, *, is_first_indented: bool = False) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent if is_first_indented else "",
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
