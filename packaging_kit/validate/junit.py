"""Outcomes of validation as JUnit XML, the form in which CI systems read results of tests.

There is no one standard: this keeps to what Jenkins, GitLab and the actions of GitHub agree on
(https://docs.gitlab.com/ci/testing/unit_test_reports/, https://github.com/testmoapp/junitxml).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from xml.etree import ElementTree

from packaging_kit.errors import PackagingKitError
from packaging_kit.validate.outcome import Outcome, problems_of, visible
from packaging_kit.validate.problem import Level, Problem
from packaging_kit.validate.report import Report

PASSED = "validate"
"""The name of the one test case of an input that is clean."""

_MOST_SUMMARY = 200  # characters of a message that is shown in one line


def to_junit(outcomes: Iterable[Outcome]) -> bytes:
    """One document: a suite for each input, and in it a case for each code that was found.

    A clean input has one case, which passes; one that could not be looked at has one with an `<error>`. Notes are
    the `<system-out>` of the first case: only there does every reader look. No time and no host are written.
    """
    root = ElementTree.Element("testsuites", {"name": "packaging-kit validate"})
    root.extend(_suite(outcome) for outcome in outcomes)
    _count(root)
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _suite(outcome: Outcome) -> ElementTree.Element:
    name = _text(outcome.subject)
    suite = ElementTree.Element("testsuite", {"name": name})
    if isinstance(outcome.result, PackagingKitError):
        suite.append(_refused(name, outcome.result))
    else:
        suite.append(_properties(outcome.result))
        suite.extend(_cases(name, outcome.result))
    _count(suite)
    return suite


def _count(element: ElementTree.Element) -> None:
    for key, what in (("tests", "testcase"), ("failures", "failure"), ("errors", "error")):
        element.set(key, str(sum(1 for _ in element.iter(what))))


def _refused(suite: str, error: PackagingKitError) -> ElementTree.Element:
    case = _case(suite, _text(error.code))
    found = ElementTree.SubElement(case, "error", {"type": _text(error.code), "message": _summary(str(error))})
    found.text = _lines(chain((str(error),), _hints(error.hint)))
    return case


def _properties(report: Report) -> ElementTree.Element:
    """What was judged, and by whom: an answer without the engine and its features is none."""
    engine = report.engine
    judge = "none" if engine is None else " ".join((engine.name, engine.version, *engine.features))
    said = {
        "profile": report.profile.value,
        "media-type": report.media_type,
        "digest": "" if report.digest is None else report.digest.value,
        "engine": judge,
    }
    properties = ElementTree.Element("properties")
    for name, value in said.items():
        ElementTree.SubElement(properties, "property", {"name": name, "value": _text(value)})
    return properties


def _cases(suite: str, report: Report) -> list[ElementTree.Element]:
    problems = problems_of(report)
    by_code: dict[str, list[Problem]] = {}
    for problem in problems:
        if problem.level is Level.ERROR:
            by_code.setdefault(_text(problem.code), []).append(problem)
    cases = [_failed(suite, code, found) for code, found in by_code.items()] or [_case(suite, PASSED)]
    notes = [f"note[{problem.code}]: {_said(problem)}" for problem in problems if problem.level is Level.NOTE]
    if notes:
        ElementTree.SubElement(cases[0], "system-out").text = _lines(notes)
    return cases


def _failed(suite: str, code: str, found: Sequence[Problem]) -> ElementTree.Element:
    case = _case(suite, code)
    first = _summary(found[0].message)
    message = first if len(found) == 1 else f"{first} (and {len(found) - 1:,} more)"
    failure = ElementTree.SubElement(case, "failure", {"type": code, "message": message})
    # Most often all are of one rule, and so is what to do about them.
    failure.text = _lines(chain(map(_said, found), _hints(*dict.fromkeys(problem.hint for problem in found))))
    return case


def _case(suite: str, name: str) -> ElementTree.Element:
    # GitLab groups by `classname`, and drops a case whose name in it is not the first.
    return ElementTree.Element("testcase", {"classname": suite, "name": name})


def _said(problem: Problem) -> str:
    digest = "" if problem.where.digest is None else f" in {problem.where.digest}"
    return f"{problem.message} ({problem.where}{digest})"


def _hints(*hints: str | None) -> Iterator[str]:
    return (f"hint: {hint}" for hint in hints if hint)


def _lines(texts: Iterable[str]) -> str:
    return "\n".join(map(_text, texts))


def _text(text: str) -> str:
    # Jenkins and GitLab fetch the file that such a mark in an output names.
    return visible(text).replace("[[ATTACHMENT|", "[ [ATTACHMENT|")


def _summary(text: str) -> str:
    shown = _text(text)
    return shown if len(shown) <= _MOST_SUMMARY else shown[: _MOST_SUMMARY - 1] + "…"
