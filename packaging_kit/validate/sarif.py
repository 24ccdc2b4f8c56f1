"""Outcomes of validation as SARIF 2.1.0, within what code scanning of GitHub takes.

SARIF: https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/sarif-v2.1.0-errata01-os-complete.html
GitHub: https://docs.github.com/en/code-security/reference/code-scanning/sarif-files/sarif-support
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from packaging_kit.digest import Digest
from packaging_kit.errors import PackagingKitError
from packaging_kit.validate.outcome import Outcome, problems_of, visible
from packaging_kit.validate.problem import Level, Problem, Where
from packaging_kit.validate.report import Report
from packaging_kit.validate.rule import Rule

MOST_RESULTS = 25_000
"""GitHub refuses a run of more."""

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_MOST_TEXT = 1024  # characters that GitHub takes as a description; what comes from inputs is held to it too
_ROOT = "%SRCROOT%"  # the name by which GitHub knows the root of the checkout
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/@")


class _Found(NamedTuple):
    subject: str
    problem: Problem


def to_sarif(outcomes: Iterable[Outcome], rules: Sequence[Rule[Any]], tool_version: str) -> dict[str, Any]:
    """One SARIF log with one run.

    An input that could not be looked at makes the invocation one that failed, with a notification. It is a result
    too, as GitHub reads results alone: without one, the alerts of that input would be closed.

    Args:
        outcomes: of the inputs, in their order.
        rules: all that may apply. Each is described, whether something is against it or not: GitHub wants the
            rules of two uploads to differ only where the version of the tool does.
        tool_version: of this package.
    """
    outcomes = tuple(outcomes)
    found = [_Found(outcome.subject, problem) for outcome in outcomes for problem in _problems(outcome)]
    kept = _most_important(found)
    descriptors = _descriptors(rules, kept)
    index_of = {descriptor["id"]: index for index, descriptor in enumerate(descriptors)}
    run = {
        "tool": {"driver": {"name": "packaging-kit", "version": visible(tool_version), "rules": descriptors}},
        "invocations": [_invocation(outcomes, left_out=len(found) - len(kept))],
        "originalUriBaseIds": {_ROOT: {"description": _message("the folder that the inputs were named in")}},
        "artifacts": _artifacts(outcomes),
        "results": list(_results(kept, index_of)),
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _problems(outcome: Outcome) -> tuple[Problem, ...]:
    error = outcome.result
    if isinstance(error, Report):
        return problems_of(error)
    message = f"could not be validated: {error}"
    return (Problem(code=error.code, where=Where(part="input"), message=message, hint=error.hint),)


def _most_important(found: list[_Found]) -> list[_Found]:
    """As many as a run may have: where there are more, errors come before notes."""
    if len(found) <= MOST_RESULTS:
        return found
    return sorted(found, key=lambda each: each.problem.level is Level.NOTE)[:MOST_RESULTS]


def _descriptors(rules: Iterable[Rule[Any]], found: Iterable[_Found]) -> list[dict[str, Any]]:
    """The rules, each once, then what was found with a code that is no rule's."""
    described: dict[str, dict[str, Any]] = {}
    for rule in rules:
        described.setdefault(visible(rule.code), _rule_descriptor(rule))
    for each in found:
        described.setdefault(visible(each.problem.code), _bare_descriptor(each.problem))
    return list(described.values())


def _rule_descriptor(rule: Rule[Any]) -> dict[str, Any]:
    example = f"For example: {rule.example}"
    return _descriptor(
        rule.code,
        rule.level,
        what=rule.what,
        why=rule.why,
        advice=f"{rule.hint}\n\n{example}" if rule.hint else example,
    )


def _bare_descriptor(problem: Problem) -> dict[str, Any]:
    why = "No rule: an error that was met while the input was looked at, or a count of what is not listed."
    return _descriptor(problem.code, problem.level, what=problem.code, why=why, advice="The message says more.")


def _descriptor(code: str, level: Level, *, what: str, why: str, advice: str) -> dict[str, Any]:
    return {
        "id": visible(code),
        "shortDescription": _message(what),
        "fullDescription": _message(why),
        # The only text that may have paragraphs.
        "help": {"text": "\n".join(_text(line) for line in advice.split("\n"))},
        "defaultConfiguration": {"level": level.value},
    }


def _results(found: Iterable[_Found], index_of: dict[str, int]) -> Iterator[dict[str, Any]]:
    seen: Counter[tuple[str, str]] = Counter()
    for subject, problem in found:
        fingerprint = _fingerprint(problem)
        seen[subject, fingerprint] += 1
        code = visible(problem.code)
        yield {
            "ruleId": code,
            "ruleIndex": index_of[code],
            "level": problem.level.value,
            "message": _message(f"{problem.message} ({problem.where})" + (f". {problem.hint}" if problem.hint else "")),
            "locations": [
                _location(subject) | {"logicalLocations": [{"fullyQualifiedName": _cut(visible(str(problem.where)))}]}
            ],
            # The only one that GitHub reads, in the form that it computes itself: what it is, and the how many-th.
            "partialFingerprints": {"primaryLocationLineHash": f"{fingerprint}:{seen[subject, fingerprint]}"},
            "properties": _clean_values(problem.where.to_json()),
        }


def _fingerprint(problem: Problem) -> str:
    """The same for the same defect of the next build: neither digest nor offset nor message are in it."""
    words = (problem.code, problem.where.part, problem.where.json_path)
    return Digest.of("\0".join(words).encode("utf-8", "surrogatepass")).hex[:16]


def _invocation(outcomes: Iterable[Outcome], *, left_out: int) -> dict[str, Any]:
    failed = [
        _notification(outcome.subject, outcome.result)
        for outcome in outcomes
        if isinstance(outcome.result, PackagingKitError)
    ]
    notifications: list[dict[str, Any]] = list(failed)
    if left_out:
        said = f"a run takes {MOST_RESULTS:,} results; left out: {left_out:,}"
        notifications.append({"level": "warning", "message": _message(said)})
    return {"executionSuccessful": not failed, "toolExecutionNotifications": notifications}


def _notification(subject: str, error: PackagingKitError) -> dict[str, Any]:
    return {
        "descriptor": {"id": visible(error.code)},
        "level": "error",
        "message": _message(f"{error}" + (f". {error.hint}" if error.hint else "")),
        "locations": [_location(subject)],
        "properties": _clean_values(error.details()),
    }


def _artifacts(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """What was looked at, and who judged it: an answer without the engine and its features is none."""
    distinct: dict[str, dict[str, Any]] = {}
    for outcome in outcomes:
        artifact: dict[str, Any] = {"location": _artifact_location(outcome.subject), "roles": ["analysisTarget"]}
        if isinstance(outcome.result, Report):
            artifact |= _judgement(outcome.result)
        distinct.setdefault(repr(artifact), artifact)
    return list(distinct.values())


def _judgement(report: Report) -> dict[str, Any]:
    said = {"clean": report.is_clean, "profile": report.profile.value, "media_type": report.media_type}
    engine = None if report.engine is None else report.engine.to_json()
    properties = {"properties": _clean_values(said | {"engine": engine})}
    if report.digest is None:
        return properties
    # SARIF takes the names of algorithms from the registry of IANA: `sha-256`.
    return properties | {"hashes": {report.digest.algorithm.replace("sha", "sha-"): report.digest.hex}}


def _location(subject: str) -> dict[str, Any]:
    # GitHub shows nothing without a region, and a binary has no lines.
    region = {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 1}
    return {"physicalLocation": {"artifactLocation": _artifact_location(subject), "region": region}}


def _artifact_location(subject: str) -> dict[str, str]:
    uri = uri_of(subject)
    return {"uri": uri} if uri.startswith("file:") else {"uri": uri, "uriBaseId": _ROOT}


def uri_of(subject: str) -> str:
    """The URI reference of an input (RFC 3986): `file:` for an absolute path, relative for everything else.

    Why no `docker:` and `oci:`: GitHub refuses a whole upload for one URI with a scheme other than `file`, and
    takes what comes before any colon for one. So the colons of places are encoded, and nothing else of them changes.
    """
    if subject.startswith("/"):
        return f"file://{_percent_encoded(subject)}"
    while subject.startswith("./"):
        subject = subject[2:].lstrip("/")
    # GitHub takes no empty text; a dot is the folder itself.
    return _percent_encoded(subject) or "."


def _percent_encoded(text: str) -> str:
    try:
        raw = text.encode("utf-8", "surrogateescape")  # the name of a file may be no UTF-8
    except UnicodeEncodeError:
        raw = text.encode("utf-8", "surrogatepass")
    return "".join(chr(byte) if byte in _UNRESERVED else f"%{byte:02X}" for byte in raw)


def _message(text: str) -> dict[str, str]:
    return {"text": _text(text)}


def _text(text: str) -> str:
    """A message string that says just this: no placeholder (3.11.5), no link that an input made up (3.11.6)."""
    literal = visible(text).replace("](", "] (").replace("{", "{{").replace("}", "}}")
    if len(literal) <= _MOST_TEXT:
        return literal
    cut = literal[: _MOST_TEXT - 1]
    braces = len(cut) - len(cut.rstrip("{}"))
    # Braces come in pairs; one alone was cut from its other half.
    return cut[: len(cut) - braces % 2] + "…"


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_TEXT else text[: _MOST_TEXT - 1] + "…"


def _clean_values(value: Any) -> Any:
    """A JSON value of ours whose texts are fit to be shown."""
    if isinstance(value, str):
        return _cut(visible(value))
    if isinstance(value, dict):
        return {key: _clean_values(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_clean_values(inner) for inner in value]
    return value
