"""What `validate` prints: reports and outcomes as lines that a terminal can be given, and as JSON."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given

from packaging_kit.blobs import Blob
from packaging_kit.cli.render_validation import outcome_line, report_json, report_lines, summary_line
from packaging_kit.validate.outcome import Outcome, visible
from packaging_kit.validate.problem import Problem, Where
from packaging_kit.validate.report import CheckedBinary, Profile, Report
from tests.schema_checks import validator
from tests.test_validate_sarif import (
    BINARY,
    DIGEST,
    ENGINE,
    ERROR,
    LAYERS,
    ORDER,
    OTHER,
    outcome,
    outcomes,
    report,
    reports,
)

BLANK = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180f\u2800\u3164\ufe00\ufe0f\uffa0\U000e0100\U000e01ef"
"""Characters that Python calls printable, most of them, and that show nothing."""

JUDGED = "; judged by wasm-tools 1.263.0 +gc -threads"

BARE = Report(
    subject="",
    profile=Profile.OCI,
    media_type="",
    digest=None,
    engine=None,
    binaries=(),
    problems=(),
)


def test_report_says_what_was_judged_what_is_wrong_and_the_verdict() -> None:
    again = replace(LAYERS, where=replace(LAYERS.where, json_path="layers[1].size"), hint=None)
    found = list(report_lines(report(LAYERS, ORDER, BINARY, again)))

    assert found == [
        "input   app.wasm",
        "profile cncf",
        "type    application/vnd.oci.image.manifest.v1+json",
        f"digest  {DIGEST}",
        "kind    component",
        "size    18,071,234 bytes",
        f"whole   {OTHER}",
        f"root    {DIGEST}",
        "engine  wasm-tools 1.263.0 with +gc -threads",
        "",
        "manifest aaaaaaaaaaaa",
        "  error[manifest-layers] `layers`",
        "    the manifest has 2 layers",
        "    hint: pack the component with `packaging-kit pack`",
        "  error[manifest-layers] `layers[1].size`",
        "    the manifest has 2 layers",
        "",
        "config",
        "  note[imports-order] `component.imports`",
        "    the imports are in another order",
        "",
        "binary bbbbbbbbbbbb",
        "  error[wasm-malformed] at offset 0x1f",
        "    a section runs past the end",
        "",
        "not clean: 3 errors, 1 note",
    ]


def test_report_about_nothing_that_could_be_read() -> None:
    assert list(report_lines(BARE)) == [
        "profile oci",
        "digest  could not be read",
        "engine  none: nothing judged the inside of binaries",
        "",
        "clean: no problem found; no binary was looked at",
    ]


def test_digests_of_a_file_are_said_once_and_those_of_others_each() -> None:
    file = CheckedBinary(kind="module", whole=Blob(DIGEST, 8), root=DIGEST)
    packed = CheckedBinary(kind="module", whole=Blob(DIGEST, 8), root=DIGEST, manifest=OTHER)
    found = [list(report_lines(replace(report(), binaries=(binary,))))[4:-3] for binary in (file, packed)]

    assert found == [
        ["kind    module", "size    8 bytes", f"root    {DIGEST}"],
        ["kind    module", "size    8 bytes", f"root    {DIGEST}", f"oci     {OTHER}"],
    ]


def test_offset_is_said_after_the_field() -> None:
    problem = Problem(code="a-b", where=Where(part="index", json_path="manifests", offset=4096), message="m")

    assert list(report_lines(report(problem)))[-4] == "  error[a-b] `manifests` at offset 0x1000"


def test_problems_are_grouped_by_document() -> None:
    other = replace(LAYERS, where=replace(LAYERS.where, digest=OTHER))
    found = list(report_lines(report(LAYERS, other, LAYERS)))

    assert [line for line in found if line.startswith("manifest")] == ["manifest aaaaaaaaaaaa", "manifest bbbbbbbbbbbb"]


@pytest.mark.parametrize(
    ("judged", "verdict"),
    [
        (report(), "clean: no problem found"),
        (report(ORDER), "clean: 1 note"),
        (report(ORDER, ORDER, LAYERS), "not clean: 1 error, 2 notes"),
        (report(ORDER, unlisted=1200), "clean: 1 note, 1,200 more not listed"),
        (report(LAYERS, unlisted=1), "not clean: 1 error, 1 more not listed"),
        (replace(report(), engine=None), "clean: no problem found; no engine judged the binary"),
        (replace(report(LAYERS), engine=None), "not clean: 1 error"),
    ],
)
def test_last_line_is_the_verdict(judged: Report, verdict: str) -> None:
    assert list(report_lines(judged))[-1] == verdict


def test_engine_without_features_has_those_of_its_version() -> None:
    judged = replace(report(), engine=replace(ENGINE, features=()))

    assert "engine  wasm-tools 1.263.0 with its default features" in report_lines(judged)


def test_sentences_are_wrapped_at_80_columns() -> None:
    sentence = " ".join(["words"] * 40)
    problem = Problem(code="a-b", where=Where(part="config"), message=sentence, hint=sentence)
    found = [line for line in report_lines(report(problem)) if "words" in line]

    assert [max(map(len, found)) <= 80, len(found)] == [True, 8]
    assert all(line.startswith("    ") for line in found)


@pytest.mark.parametrize("character", [*BLANK])
def test_characters_that_show_nothing_are_escaped(character: str) -> None:
    escaped = character.encode("unicode_escape").decode()
    problem = Problem(code="a-b", where=Where(part="config"), message=f"`a{character}`")

    assert f"    `a{escaped}`" in list(report_lines(report(problem)))
    assert outcome_line(outcome(subject=f"a{character}")) == f"clean    a{escaped}  no problem found"
    assert visible(f"a{character}") == f"a{escaped}"


def test_characters_beside_those_that_show_nothing_are_shown() -> None:
    subject = "a\u2801\u3163\ufe10 ü é 語"

    assert outcome_line(outcome(subject=subject)) == f"clean    {subject}  no problem found"
    assert visible(subject) == subject


def test_very_long_text_is_cut() -> None:
    problem = Problem(code="a-b", where=Where(part="config"), message=3000 * "x")

    assert list(report_lines(report(problem)))[-3] == f"    {2000 * 'x'}…"


@pytest.mark.parametrize(
    ("given_outcome", "line"),
    [
        (outcome(), "clean    app.wasm  no problem found"),
        (outcome(ORDER), "clean    app.wasm  1 note"),
        (outcome(LAYERS, BINARY, ORDER), "failed   app.wasm  2 errors, 1 note"),
        (outcome(LAYERS, unlisted=7), "failed   app.wasm  1 error, 7 more not listed"),
        (Outcome("oci:d:v1", ERROR), "unknown  oci:d:v1  error[engine-timeout]: `wasm-tools` took too long"),
        (outcome(subject="\x1b[31m\u202ea\nb"), "clean    \\x1b[31m\\u202ea\\nb  no problem found"),
    ],
)
def test_outcome_is_one_line(given_outcome: Outcome, line: str) -> None:
    assert outcome_line(given_outcome) == line


@pytest.mark.parametrize(
    ("given_outcomes", "line"),
    [
        ([], "0 inputs: 0 clean"),
        ([outcome()], f"1 input: 1 clean{JUDGED}"),
        ([outcome(ORDER), outcome()], f"2 inputs: 2 clean{JUDGED}"),
        ([outcome(LAYERS)], f"1 input: 0 clean, 1 failed (1 error){JUDGED}"),
        (
            [outcome(), outcome(LAYERS, BINARY), outcome(LAYERS, unlisted=5), Outcome("a", ERROR)],
            f"4 inputs: 1 clean, 2 failed (3 errors and 5 not listed), 1 could not be looked at{JUDGED}",
        ),
    ],
)
def test_summary_counts_every_input_once(given_outcomes: list[Outcome], line: str) -> None:
    assert summary_line(given_outcomes) == line


@given(reports())
def test_any_report_gives_lines_that_a_terminal_can_be_given(given_report: Report) -> None:
    found = list(report_lines(given_report))

    assert all(line.isprintable() for line in found)
    assert found[-1].startswith("clean: " if given_report.is_clean else "not clean: ")
    assert sum(line.startswith(("  error[", "  note[")) for line in found) >= len(given_report.problems)


@given(reports())
def test_sentence_is_wider_than_a_terminal_only_for_one_word(given_report: Report) -> None:
    sentences = [line for line in report_lines(given_report) if line.startswith("    ")]

    assert [line for line in sentences if len(line) > 80 and " " in line.strip()] == []


@given(outcomes())
def test_any_outcome_gives_one_printable_line(given_outcomes: list[Outcome]) -> None:
    found = [*map(outcome_line, given_outcomes), summary_line(given_outcomes)]

    assert all(line.isprintable() for line in found)
    assert [line.split()[0] == "clean" for line in found[:-1]] == [each.is_clean for each in given_outcomes]


@given(reports())
def test_json_of_any_report_is_what_the_schema_says(given_report: Report) -> None:
    assert [problem.message for problem in validator("report").iter_errors(report_json(given_report))] == []


@pytest.mark.parametrize(
    ("judged", "said"),
    [
        (report(LAYERS), {"clean": True}),
        (report(LAYERS, unlisted=1), {"clean": True}),
        (report(ORDER), {"clean": False}),
        (report(), {"clean": False}),
        (report(LAYERS), {"unlisted": -1}),
    ],
)
def test_schema_refuses_a_report_that_contradicts_itself(judged: Report, said: dict[str, object]) -> None:
    document = report_json(judged)

    assert [validator("report").is_valid(each) for each in (document, document | said)] == [True, False]


@given(reports())
def test_same_report_gives_the_same_lines(given_report: Report) -> None:
    assert list(report_lines(given_report)) == list(report_lines(given_report))
