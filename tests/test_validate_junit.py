"""Outcomes as JUnit XML: what CI systems read, and any text in any field."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given

from packaging_kit.errors import ContentError
from packaging_kit.validate.junit import to_junit
from packaging_kit.validate.outcome import UNLISTED, Outcome, visible
from packaging_kit.validate.problem import Problem, Where
from packaging_kit.validate.report import Profile, Report
from tests.test_validate_sarif import BINARY, DIGEST, ERROR, LAYERS, ORDER, OTHER, outcome, outcomes

PROPERTIES = f"""\
    <properties>
      <property name="profile" value="cncf" />
      <property name="media-type" value="application/vnd.oci.image.manifest.v1+json" />
      <property name="digest" value="{DIGEST}" />
      <property name="engine" value="wasm-tools 1.263.0 +gc -threads" />
    </properties>
"""


def suites(*given_outcomes: Outcome) -> ElementTree.Element:
    return ElementTree.fromstring(to_junit(given_outcomes))


def suite(*problems: Problem, unlisted: int = 0) -> ElementTree.Element:
    (found,) = suites(outcome(*problems, unlisted=unlisted))
    return found


def case_names(found: ElementTree.Element) -> list[str | None]:
    return [case.get("name") for case in found.iter("testcase")]


def counts(element: ElementTree.Element) -> tuple[str | None, ...]:
    return element.get("tests"), element.get("failures"), element.get("errors")


def text_of(element: ElementTree.Element, path: str) -> str:
    found = element.findtext(path)
    assert found is not None
    return found


def test_document_of_many_inputs() -> None:
    again = Problem(code=LAYERS.code, where=Where(part="config"), message="another", hint=LAYERS.hint)
    document = to_junit((outcome(LAYERS, ORDER, BINARY, again), outcome(subject="b.wasm"), Outcome("oci:d:v1", ERROR)))

    assert document.decode("utf-8") == (
        "<?xml version='1.0' encoding='utf-8'?>\n"
        '<testsuites name="packaging-kit validate" tests="4" failures="2" errors="1">\n'
        '  <testsuite name="app.wasm" tests="2" failures="2" errors="0">\n'
        f"{PROPERTIES}"
        '    <testcase classname="app.wasm" name="manifest-layers">\n'
        '      <failure type="manifest-layers" message="the manifest has 2 layers (and 1 more)">'
        f"the manifest has 2 layers (manifest layers in {DIGEST})\n"
        "another (config)\n"
        "hint: pack the component with `packaging-kit pack`</failure>\n"
        "      <system-out>"
        "note[imports-order]: the imports are in another order (config component.imports)</system-out>\n"
        "    </testcase>\n"
        '    <testcase classname="app.wasm" name="wasm-malformed">\n'
        '      <failure type="wasm-malformed" message="a section runs past the end">'
        f"a section runs past the end (binary at offset 0x1f in {OTHER})</failure>\n"
        "    </testcase>\n"
        "  </testsuite>\n"
        '  <testsuite name="b.wasm" tests="1" failures="0" errors="0">\n'
        f"{PROPERTIES}"
        '    <testcase classname="b.wasm" name="validate" />\n'
        "  </testsuite>\n"
        '  <testsuite name="oci:d:v1" tests="1" failures="0" errors="1">\n'
        '    <testcase classname="oci:d:v1" name="engine-timeout">\n'
        '      <error type="engine-timeout" message="`wasm-tools` took too long">'
        "`wasm-tools` took too long\n"
        "hint: give it more time</error>\n"
        "    </testcase>\n"
        "  </testsuite>\n"
        "</testsuites>\n"
    )


def test_no_input_gives_a_document_without_suites() -> None:
    found = suites()

    assert (found.tag, len(found), counts(found)) == ("testsuites", 0, ("0", "0", "0"))


def test_notes_alone_pass_and_are_the_output_of_the_case() -> None:
    found = suite(ORDER, ORDER)

    assert counts(found) == ("1", "0", "0")
    assert case_names(found) == ["validate"]
    assert text_of(found, "testcase/system-out").splitlines() == 2 * [
        "note[imports-order]: the imports are in another order (config component.imports)"
    ]


def test_what_a_report_does_not_list_fails_where_something_does() -> None:
    found = suite(LAYERS, unlisted=3)

    assert counts(found) == ("2", "2", "0")
    assert case_names(found) == [LAYERS.code, UNLISTED]
    assert counts(suite(ORDER, unlisted=3)) == ("1", "0", "0")


def test_hints_that_differ_are_all_said() -> None:
    other = Problem(code=LAYERS.code, where=LAYERS.where, message="m", hint="another")
    bare = Problem(code=LAYERS.code, where=LAYERS.where, message="m")
    found = suite(LAYERS, other, bare, LAYERS)

    assert text_of(found, "testcase/failure").splitlines()[-2:] == [f"hint: {LAYERS.hint}", "hint: another"]


def test_place_of_an_error_is_said() -> None:
    error = ContentError("size-mismatch", "the blob has another size", expected=7, actual=9)
    found = suites(Outcome("a", error))

    assert text_of(found, "testsuite/testcase/error") == "the blob has another size (expected 7, got 9)"


def test_report_without_engine_and_digest_says_so() -> None:
    report = Report(
        subject="a",
        profile=Profile.OCI,
        media_type="",
        digest=None,
        engine=None,
        binaries=(),
        problems=(),
    )
    found = suites(Outcome("a", report))

    said = {each.get("name"): each.get("value") for each in found.iter("property")}
    assert said == {"profile": "oci", "media-type": "", "digest": "", "engine": "none"}


def message_of(text: str) -> str | None:
    failure = suite(Problem(code="a-b", where=Where(part="manifest"), message=text)).find("testcase/failure")
    assert failure is not None
    assert failure.text is not None
    return failure.text.removesuffix(" (manifest)")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\0b\x1b[31m\x7f", "a\\x00b\\x1b[31m\\x7f"),
        ("\ud800 \udcff", "\\ud800 \\udcff"),
        ("\ufffe\uffff", "\\ufffe\\uffff"),
        ("\u202eevil", "\\u202eevil"),
        ("a\r\n\tb", "a\\r\\n\\tb"),
        ("<b> & ]]> \"'", "<b> & ]]> \"'"),
        ("\U0001f600\U0010ffff", "\U0001f600\U0010ffff"),
        ("[[ATTACHMENT|/etc/passwd]]", "[ [ATTACHMENT|/etc/passwd]]"),
    ],
)
def test_what_xml_has_no_place_for_is_escaped_and_the_rest_kept(text: str, said: str) -> None:
    assert message_of(text) == said


UNSEEN = (
    "\0\x1f\x7f\x9f\u061c\u200b\u200f\u2028\u202e\u2060\u206f"
    "\ud800\udfff\ufeff\ufff9\ufffb\ufffe\uffff\U000e0000\U000e007f"
)
BESIDE = (
    " ~\xa0\u061b\u061d\u200a\u2010\u2027\u202f\u205f\u2070\ud7ff\ue000\ufefe\uff00\ufff8\ufffc\U000dffff\U000e0080"
)


def test_every_range_of_unseen_characters_is_escaped_and_what_is_beside_it_kept() -> None:
    assert [len(visible(character)) > 1 for character in UNSEEN] == [True] * len(UNSEEN)
    assert visible(BESIDE) == BESIDE


def test_long_message_is_whole_in_the_text_and_cut_in_the_attribute() -> None:
    text = 5000 * "x"
    failure = suite(Problem(code="a-b", where=Where(part="manifest"), message=text)).find("testcase/failure")

    assert failure is not None
    assert failure.text == f"{text} (manifest)"
    assert failure.get("message") == 199 * "x" + "…"


NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@given(outcomes())
def test_any_text_in_any_field_gives_a_document(given_outcomes: list[Outcome]) -> None:
    document = to_junit(given_outcomes)
    root = ElementTree.fromstring(document)

    assert NOT_IN_XML.search(document.decode("utf-8")) is None
    assert [found.tag for found in root] == ["testsuite"] * len(given_outcomes)
    assert b"[[ATTACHMENT" not in document


@given(outcomes())
def test_counts_are_those_of_the_cases(given_outcomes: list[Outcome]) -> None:
    root = suites(*given_outcomes)

    for found in (root, *root):
        cases = list(found.iter("testcase"))
        failed = [case for case in cases if case.find("failure") is not None]
        refused = [case for case in cases if case.find("error") is not None]

        assert counts(found) == (str(len(cases)), str(len(failed)), str(len(refused)))


@given(outcomes())
def test_suite_fails_unless_its_input_is_clean(given_outcomes: list[Outcome]) -> None:
    root = suites(*given_outcomes)

    passed = [counts(found)[1:] == ("0", "0") and len(case_names(found)) == 1 for found in root]
    assert passed == [each.is_clean for each in given_outcomes]


@given(outcomes())
def test_names_of_cases_in_a_suite_differ(given_outcomes: list[Outcome]) -> None:
    names = [case_names(found) for found in suites(*given_outcomes)]

    assert [len(set(each)) for each in names] == [len(each) for each in names]


@given(outcomes())
def test_every_problem_is_said_in_the_suite_of_its_input(given_outcomes: list[Outcome]) -> None:
    for each, found in zip(given_outcomes, suites(*given_outcomes), strict=True):
        if isinstance(each.result, Report):
            said = "".join(found.itertext())
            problems = each.result.problems
            wanted = [visible(problem.message).replace("[[ATTACHMENT|", "[ [ATTACHMENT|") for problem in problems]

            assert [message for message in wanted if message not in said] == []


@given(outcomes())
def test_same_outcomes_give_the_same_bytes(given_outcomes: list[Outcome]) -> None:
    assert to_junit(given_outcomes) == to_junit(given_outcomes)
