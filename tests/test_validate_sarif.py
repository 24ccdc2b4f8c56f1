"""Outcomes as SARIF: what each part says, what GitHub asks for, and any text in any field."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from packaging_kit.blobs import Blob
from packaging_kit.digest import Digest
from packaging_kit.errors import ContentError, NotFoundError, PackagingKitError, UnavailableError
from packaging_kit.validate.engine import EngineIdentity
from packaging_kit.validate.outcome import UNLISTED, Outcome
from packaging_kit.validate.problem import Level, Problem, Where
from packaging_kit.validate.report import CheckedBinary, Profile, Report
from packaging_kit.validate.rule import Finding, Rule, rule
from packaging_kit.validate.sarif import MOST_RESULTS, to_sarif, uri_of
from tests.real.needs import need_tool

DIGEST = Digest("sha256:" + 64 * "a")
OTHER = Digest("sha512:" + 128 * "b")
IMAGE_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
ENGINE = EngineIdentity(name="wasm-tools", version="1.263.0", features=("+gc", "-threads"))


@rule(
    "manifest-layers",
    what="a manifest that has not exactly one layer",
    why="The CNCF layout has one layer.",
    example="`layers: []`",
    hint="pack the component with `packaging-kit pack`",
)
def one_layer(_subject: object) -> Iterable[Finding]:
    return ()


@rule(
    "imports-order",
    what="imports in another order than in the binary",
    why="{imports} are a set.",
    example="`b`, `a`",
    level=Level.NOTE,
)
def same_order(_subject: object) -> Iterable[Finding]:
    return ()


RULES: tuple[Rule[Any], ...] = (one_layer, same_order)

LAYERS = Problem(
    code="manifest-layers",
    where=Where(part="manifest", digest=DIGEST, json_path="layers"),
    message="the manifest has 2 layers",
    hint="pack the component with `packaging-kit pack`",
)
BINARY = Problem(
    code="wasm-malformed", where=Where(part="binary", digest=OTHER, offset=31), message="a section runs past the end"
)
ORDER = Problem(
    code="imports-order",
    where=Where(part="config", json_path="component.imports"),
    message="the imports are in another order",
    level=Level.NOTE,
)
ERROR = UnavailableError("engine-timeout", "`wasm-tools` took too long", hint="give it more time")


def report(*problems: Problem, subject: str = "app.wasm", unlisted: int = 0) -> Report:
    return Report(
        subject=subject,
        profile=Profile.CNCF,
        media_type=IMAGE_MANIFEST,
        digest=DIGEST,
        engine=ENGINE,
        binaries=(CheckedBinary(kind="component", whole=Blob(OTHER, 18_071_234), root=DIGEST, manifest=DIGEST),),
        problems=problems,
        unlisted=unlisted,
    )


def outcome(*problems: Problem, subject: str = "app.wasm", unlisted: int = 0) -> Outcome:
    return Outcome(subject, report(*problems, subject=subject, unlisted=unlisted))


def any_text(*, min_size: int = 0) -> st.SearchStrategy[str]:
    """Text of every kind: control, surrogate, bidirectional, emoji, what means something in XML or SARIF, long."""
    awkward = "\0\t\n\r\x1b\x7f\x85\u061c\u200b\u200d\u2028\u202e\u2066\ufeff\ufffe\uffff\ud800\udc80\udfff\U000e0041"
    characters = st.one_of(st.characters(), st.sampled_from(awkward + "\U0001f600e\u0301<>&\"'{}[]()\\%#?:/]]>"))
    short = st.text(characters, min_size=min_size, max_size=30)
    marks = st.sampled_from(
        ("[x](http://example.com)", "{0}", "]]>", "[[ATTACHMENT|/etc/passwd]]", "\x1b[31m", "//h/a")
    )
    long = st.builds(lambda text, times: (text + "x") * times, short, st.integers(30, 300))
    return st.one_of(short, marks, long)


def codes() -> st.SearchStrategy[str]:
    return st.sampled_from(("manifest-layers", "imports-order", "wasm-malformed", "layer-2-missing"))


def digests() -> st.SearchStrategy[Digest]:
    return st.binary(min_size=32, max_size=32).map(Digest.from_raw) | st.just(OTHER)


def problems() -> st.SearchStrategy[Problem]:
    offsets = st.none() | st.integers(0, 2**63)
    where = st.builds(
        Where, part=any_text(min_size=1), digest=st.none() | digests(), json_path=any_text(), offset=offsets
    )
    hints = st.none() | any_text(min_size=1)
    return st.builds(
        Problem,
        code=codes(),
        where=where,
        message=any_text(min_size=1),
        level=st.sampled_from(Level),
        hint=hints,
    )


def reports() -> st.SearchStrategy[Report]:
    names = any_text(min_size=1)
    engines = st.builds(EngineIdentity, name=names, version=names, features=st.lists(names, max_size=2).map(tuple))
    binaries = st.builds(
        CheckedBinary,
        kind=st.sampled_from(("component", "wit-package", "module")),
        whole=st.builds(Blob, digests(), st.integers(8, 2**63)),
        root=digests(),
        manifest=st.none() | digests(),
    )
    return st.builds(
        Report,
        subject=any_text(),
        profile=st.sampled_from(Profile),
        media_type=any_text(),
        digest=st.none() | digests(),
        engine=st.none() | engines,
        binaries=st.lists(binaries, max_size=2).map(tuple),
        problems=st.lists(problems(), max_size=5).map(tuple),
        unlisted=st.sampled_from((0, 0, 1, 5000)),
    )


def errors() -> st.SearchStrategy[PackagingKitError]:
    hints = st.none() | any_text()
    return st.one_of(
        st.builds(UnavailableError, codes(), any_text(), hint=hints),
        st.builds(NotFoundError, codes(), any_text(), hint=hints),
        st.builds(ContentError, codes(), any_text(), expected=any_text(), actual=st.integers(0)),
    )


def outcomes() -> st.SearchStrategy[list[Outcome]]:
    return st.lists(st.builds(Outcome, any_text(), reports() | errors()), max_size=4)


def run_of(*given_outcomes: Outcome) -> dict[str, Any]:
    (run,) = to_sarif(given_outcomes, RULES, "0.1.0")["runs"]
    assert isinstance(run, dict)
    return run


def test_problem_is_a_result_with_its_place_and_what_to_do_about_it() -> None:
    (result,) = run_of(outcome(LAYERS))["results"]

    assert result == {
        "ruleId": "manifest-layers",
        "ruleIndex": 0,
        "level": "error",
        "message": {
            "text": "the manifest has 2 layers (manifest layers). pack the component with `packaging-kit pack`"
        },
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": "app.wasm", "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": 1, "startColumn": 1, "endLine": 1, "endColumn": 1},
                },
                "logicalLocations": [{"fullyQualifiedName": "manifest layers"}],
            }
        ],
        "partialFingerprints": {"primaryLocationLineHash": "462e1e84567ca406:1"},
        "properties": {"part": "manifest", "digest": DIGEST.value, "json_path": "layers"},
    }


def test_every_rule_is_described_whether_it_finds_something_or_not() -> None:
    rules = run_of(outcome())["tool"]["driver"]["rules"]

    assert rules == [
        {
            "id": "manifest-layers",
            "shortDescription": {"text": "a manifest that has not exactly one layer"},
            "fullDescription": {"text": "The CNCF layout has one layer."},
            "help": {"text": "pack the component with `packaging-kit pack`\n\nFor example: `layers: []`"},
            "defaultConfiguration": {"level": "error"},
        },
        {
            "id": "imports-order",
            "shortDescription": {"text": "imports in another order than in the binary"},
            "fullDescription": {"text": "{{imports}} are a set."},
            "help": {"text": "For example: `b`, `a`"},
            "defaultConfiguration": {"level": "note"},
        },
    ]


def test_rule_that_is_given_twice_is_described_once() -> None:
    driver = to_sarif((), (*RULES, one_layer), "0.1.0")["runs"][0]["tool"]["driver"]

    assert [described["id"] for described in driver["rules"]] == ["manifest-layers", "imports-order"]


def test_result_points_at_its_rule_and_a_code_without_one_gets_one() -> None:
    run = run_of(outcome(BINARY, ORDER), outcome(BINARY, LAYERS))
    rules = run["tool"]["driver"]["rules"]

    assert [described["id"] for described in rules] == ["manifest-layers", "imports-order", "wasm-malformed"]
    assert [result["ruleIndex"] for result in run["results"]] == [2, 1, 2, 0]
    assert [result["level"] for result in run["results"]] == ["error", "note", "error", "error"]
    assert rules[2]["defaultConfiguration"] == {"level": "error"}


def test_offset_and_digest_of_a_binary_are_properties() -> None:
    (result,) = run_of(outcome(BINARY))["results"]

    assert result["properties"] == {"part": "binary", "digest": OTHER.value, "offset": 31}
    assert result["message"] == {"text": "a section runs past the end (binary at offset 0x1f)"}


def test_log_names_its_version_and_the_tool() -> None:
    log = to_sarif((), (), "1.2.3")
    (run,) = log["runs"]

    assert (log["version"], log["$schema"].rpartition("/")[2]) == ("2.1.0", "sarif-schema-2.1.0.json")
    assert run["tool"]["driver"] == {"name": "packaging-kit", "version": "1.2.3", "rules": []}
    assert run["results"] == []


def test_clean_input_is_a_run_that_succeeded_and_says_who_judged() -> None:
    run = run_of(outcome())

    assert run["invocations"] == [{"executionSuccessful": True, "toolExecutionNotifications": []}]
    assert run["results"] == []
    assert run["artifacts"] == [
        {
            "location": {"uri": "app.wasm", "uriBaseId": "%SRCROOT%"},
            "roles": ["analysisTarget"],
            "hashes": {"sha-256": 64 * "a"},
            "properties": {
                "clean": True,
                "profile": "cncf",
                "media_type": IMAGE_MANIFEST,
                "engine": {"name": "wasm-tools", "version": "1.263.0", "features": ["+gc", "-threads"]},
            },
        }
    ]


def test_input_named_twice_is_one_artifact() -> None:
    assert len(run_of(outcome(), outcome(), outcome(subject="b"))["artifacts"]) == 2


def test_input_that_could_not_be_looked_at_is_a_failed_run_with_a_notification() -> None:
    (invocation,) = run_of(outcome(), Outcome("oci:dir:v1", ERROR))["invocations"]
    (notification,) = invocation["toolExecutionNotifications"]

    assert invocation["executionSuccessful"] is False
    assert notification["descriptor"] == {"id": "engine-timeout"}
    assert notification["level"] == "error"
    assert notification["message"] == {"text": "`wasm-tools` took too long. give it more time"}
    assert notification["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "oci%3Adir%3Av1"


def test_input_that_could_not_be_looked_at_is_a_result_for_readers_of_results_alone() -> None:
    run = run_of(Outcome("oci:dir:v1", ERROR))
    (result,) = run["results"]

    assert (result["ruleId"], result["level"]) == ("engine-timeout", "error")
    assert result["message"]["text"].startswith("could not be validated: `wasm-tools` took too long")
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "engine-timeout"


def test_details_of_an_error_are_properties_of_its_notification() -> None:
    error = ContentError("size-mismatch", "the blob has another size", expected=7, actual=9)
    (notification,) = run_of(Outcome("a", error))["invocations"][0]["toolExecutionNotifications"]

    assert notification["properties"] == {"expected": 7, "actual": 9}


@pytest.mark.parametrize(
    ("unlisted", "said"),
    [(1, "1 further problem is not listed"), (1200, "1,200 further problems are not listed")],
)
def test_what_a_report_does_not_list_fails_where_something_does(unlisted: int, said: str) -> None:
    for problem, level in ((LAYERS, "error"), (ORDER, "note")):
        results = run_of(outcome(problem, unlisted=unlisted))["results"]

        assert [(result["ruleId"], result["level"]) for result in results] == [
            (problem.code, level),
            (UNLISTED, level),
        ]
        assert results[1]["message"]["text"] == f"{said} (report)"


@pytest.mark.parametrize(
    ("subject", "uri"),
    [
        ("app.wasm", "app.wasm"),
        ("./build/app.wasm", "build/app.wasm"),
        (".//./build", "build"),
        ("../a b/%41.wasm", "../a%20b/%2541.wasm"),
        ("/srv/ä.wasm", "file:///srv/%C3%A4.wasm"),
        ("oci:dir:v1", "oci%3Adir%3Av1"),
        ("oci:/srv/dir@sha256:ab", "oci%3A/srv/dir@sha256%3Aab"),
        ("docker://localhost:5000/repo:1.0", "docker%3A//localhost%3A5000/repo%3A1.0"),
        ("a?b#c[d]\\e", "a%3Fb%23c%5Bd%5D%5Ce"),
        ("-", "-"),
        ("", "."),
        ("./", "."),
        ("not-utf8-\udcff", "not-utf8-%FF"),
        ("lone-\ud800", "lone-%ED%A0%80"),
    ],
)
def test_uri_of_an_input_has_no_scheme_but_file(subject: str, uri: str) -> None:
    assert uri_of(subject) == uri


def test_absolute_path_needs_no_base() -> None:
    (result,) = run_of(outcome(LAYERS, subject="/a"))["results"]

    assert result["locations"][0]["physicalLocation"]["artifactLocation"] == {"uri": "file:///a"}


def fingerprints(*given_outcomes: Outcome) -> list[str]:
    return [result["partialFingerprints"]["primaryLocationLineHash"] for result in run_of(*given_outcomes)["results"]]


def moved(problem: Problem) -> Problem:
    """The same defect of another build."""
    where = Where(part=problem.where.part, digest=OTHER, json_path=problem.where.json_path, offset=77)
    return Problem(code=problem.code, where=where, message="said otherwise")


def test_fingerprint_of_a_defect_stays_from_build_to_build() -> None:
    assert fingerprints(outcome(LAYERS), outcome(BINARY)) == fingerprints(
        outcome(moved(LAYERS)), outcome(moved(BINARY))
    )


def test_fingerprints_of_one_input_differ() -> None:
    elsewhere = Problem(code=LAYERS.code, where=Where(part="manifest", json_path="config"), message="m")
    part = Problem(code=LAYERS.code, where=Where(part="config", json_path="layers"), message="m")
    found = fingerprints(outcome(LAYERS, LAYERS, BINARY, elsewhere, part))

    assert len(set(found)) == 5
    assert [found[1].endswith(":2"), found[1][:-1] == found[0][:-1]] == [True, True]


def test_same_defect_of_two_inputs_has_one_fingerprint() -> None:
    assert len(set(fingerprints(outcome(LAYERS), outcome(LAYERS, subject="b.wasm")))) == 1


def message_of(text: str) -> str:
    problem = Problem(code="a-b", where=Where(part="manifest"), message=text)
    found = run_of(outcome(problem))["results"][0]["message"]["text"]
    return str(found).removesuffix(" (manifest)")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a {0} b", "a {{0}} b"),
        ("see [this](http://example.com)", "see [this] (http://example.com)"),
        ("layers[0]", "layers[0]"),
        ("\x1b[31mred\u202e\ud800\n", "\\x1b[31mred\\u202e\\ud800\\n"),
        ("\U0001f600", "\U0001f600"),
    ],
)
def test_message_is_neither_placeholder_nor_link_nor_unseen(text: str, said: str) -> None:
    assert message_of(text) == said


def test_long_message_is_cut_where_no_brace_is_torn() -> None:
    found = [message_of("x" * length + "{" * 2000) for length in (0, 1)]

    assert found == [511 * "{{" + "…", "x" + 511 * "{{" + "…"]


def test_message_of_1024_characters_is_whole() -> None:
    text = "x" * (1024 - len(" (manifest)"))

    assert message_of(text) == text


def test_run_has_no_more_results_than_github_takes_and_errors_come_first() -> None:
    notes = [ORDER] * (MOST_RESULTS - 1)
    run = run_of(outcome(*notes), outcome(LAYERS, BINARY))
    results = run["results"]

    assert len(results) == MOST_RESULTS == 25_000
    assert [result["ruleId"] for result in results[:3]] == ["manifest-layers", "wasm-malformed", "imports-order"]
    assert run["invocations"] == [
        {
            "executionSuccessful": True,
            "toolExecutionNotifications": [
                {"level": "warning", "message": {"text": "a run takes 25,000 results; left out: 1"}}
            ],
        }
    ]


URI_REFERENCE = re.compile(r"(file:///)?([A-Za-z0-9._~@/-]|%[0-9A-F]{2})+")


UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def texts_of(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from texts_of(inner)


@given(outcomes())
def test_any_text_in_any_field_gives_a_log_that_github_takes(given_outcomes: list[Outcome]) -> None:
    log = to_sarif(given_outcomes, RULES, "0.1.0")
    (run,) = log["runs"]
    rules, results = run["tool"]["driver"]["rules"], run["results"]
    places = [result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in results]

    texts = [text for part in (rules, [result["message"] for result in results]) for text in texts_of(part)]

    assert all(URI_REFERENCE.fullmatch(uri) and not uri.startswith("//") for uri in places)
    assert [rules[result["ruleIndex"]]["id"] for result in results] == [result["ruleId"] for result in results]
    assert all(0 < len(text) <= 1024 for text in texts)
    assert not any("](" in text for text in texts)
    assert not any(UNSEEN.search(text) for text in texts_of([results, run["artifacts"], run["invocations"]]))


@given(outcomes())
def test_what_is_not_clean_is_never_a_clean_run(given_outcomes: list[Outcome]) -> None:
    run = run_of(*given_outcomes)
    could_all_be_looked_at = all(isinstance(each.result, Report) for each in given_outcomes)

    assert any(result["level"] == "error" for result in run["results"]) != all(each.is_clean for each in given_outcomes)
    assert run["invocations"][0]["executionSuccessful"] == could_all_be_looked_at


@given(outcomes())
def test_same_outcomes_give_the_same_log(given_outcomes: list[Outcome]) -> None:
    logs = [json.dumps(to_sarif(given_outcomes, RULES, "0.1.0")) for _ in range(2)]

    assert logs[0] == logs[1]


@pytest.fixture(scope="module")
def schema() -> Draft4Validator:
    """The schema of OASIS, as a package of Microsoft for tests carries it."""
    file = need_tool("jest-sarif") / "lib" / "schemas" / "sarif-2.1.0-rtm.5.json"
    return Draft4Validator(json.loads(file.read_text(encoding="utf-8")))


def test_schema_of_sarif_refuses_what_is_none(schema: Draft4Validator) -> None:
    log = to_sarif([outcome(LAYERS)], RULES, "0.1.0")
    log["runs"][0]["results"][0]["level"] = "fatal"

    assert not schema.is_valid(log)


@given(outcomes())
def test_log_is_valid_against_the_schema_of_sarif(schema: Draft4Validator, given_outcomes: list[Outcome]) -> None:
    log = json.loads(json.dumps(to_sarif(given_outcomes, RULES, "0.1.0")))

    assert [problem.message for problem in schema.iter_errors(log)] == []
