"""The catalog of rules: every rule is in it, says what it is for, and has a code that means one thing."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

import pytest

import packaging_kit.validate.rules
from packaging_kit.validate.catalog import CODES, GROUPS, RULES
from packaging_kit.validate.rule import Rule
from packaging_kit.validate.rules import artifact_rules
from tests.conftest import REPOSITORY

EVERYWHERE: Final = {"member-name-case", "document-too-large"}
"""Codes that are about whatever is JSON, and stand in the group of each."""

CODE: Final = re.compile(r"[a-z]+(?:-[a-z0-9]+)+")
CATALOGUED: Final[tuple[Rule[Any], ...]] = tuple(rule for rules in GROUPS.values() for rule in rules)
DIFFERENT: Final = {
    # What is expected depends on the profile: the types of the layout, or those that Wasm artifacts ever had.
    "media-type-unexpected": {artifact_rules.media_types.what, artifact_rules.media_types_leniently.what},
}
"""Codes of rules of which each says in its own words what it finds, and those."""

SOURCES: Final = (
    "spec",  # of images, distribution, core Wasm
    "encoding/json",
    "RFC ",
    "CNCF ",
    "CVE-",
    "SPDX ",
    "Binary.md",
    "Explainer.md",
    "tool-conventions",
    "docs/format.md",
    "Semantic Versioning",
    "the policy of the registry",
)
"""What a rule may stand on."""

OWN: Final = {
    # Nothing but this program's own promise: what was not checked is not called clean, and no limit is passed.
    "document-too-many-entries",
    "document-type-unknown",
    "document-invalid",
    "index-no-component",
    "config-names-partial",
    "config-names-order",
    "media-type-older",
    "engine-missing",
    "engine-timeout",
    "engine-failed",
}
"""Codes of rules that stand on no specification."""

ERRORS: Final = {
    # Errors of the layers below, which are findings here: they keep code and meaning (docs/errors.md).
    *("not-found", "digest-mismatch", "size-mismatch"),
    *("wasm-malformed", "wasm-unsupported", "wasm-reserved-section", "wasm-too-deep", "wasm-too-large"),
    *("skeleton-not-canonical", "skeleton-too-large", "fragment-missing", "split-too-many-fragments"),
    *("document-invalid", "document-too-large"),
    *("layers-not-one", "media-type-unexpected"),
    *("engine-missing", "engine-timeout", "engine-failed"),
}
"""Codes that rules share with errors, of the same meaning."""


def iter_rules() -> Iterator[tuple[str, Rule[Any]]]:
    """Every rule that a module under `rules` holds, with its place."""
    for module in pkgutil.iter_modules(packaging_kit.validate.rules.__path__):
        members = vars(importlib.import_module(f"{packaging_kit.validate.rules.__name__}.{module.name}"))
        yield from ((f"{module.name}.{name}", value) for name, value in members.items() if isinstance(value, Rule))


def test_every_rule_is_in_the_catalog() -> None:
    missing = [place for place, rule in iter_rules() if not any(rule is each for each in CATALOGUED)]

    assert missing == []


def test_catalog_holds_nothing_but_those_rules() -> None:
    known = [rule for _, rule in iter_rules()]
    strange = [rule.code for rule in CATALOGUED if not any(rule is each for each in known)]

    assert strange == []


def test_every_code_is_listed_once() -> None:
    assert len(CODES) == len(set(CODES)) == len(RULES)
    assert set(CODES) == {rule.code for rule in CATALOGUED}


@pytest.mark.parametrize("code", CODES)
def test_code_is_kebab_case(code: str) -> None:
    assert CODE.fullmatch(code)


def test_rules_of_one_code_find_one_thing() -> None:
    meanings: dict[str, set[str]] = defaultdict(set)
    for rule in CATALOGUED:
        meanings[rule.code].add(rule.what)
    several = {code: found for code, found in meanings.items() if len(found) > 1}

    assert several == DIFFERENT


def test_rules_of_one_code_matter_equally() -> None:
    levels: dict[str, set[str]] = defaultdict(set)
    for rule in CATALOGUED:
        levels[rule.code].add(rule.level.value)

    assert [code for code, found in levels.items() if len(found) > 1] == []


def test_code_stands_in_one_group() -> None:
    groups: dict[str, set[str]] = defaultdict(set)
    for name, rules in GROUPS.items():
        for rule in rules:
            groups[rule.code].add(name)

    assert {code for code, found in groups.items() if len(found) > 1} == EVERYWHERE


@pytest.mark.parametrize("rule", CATALOGUED, ids=lambda rule: rule.code)
@pytest.mark.parametrize("name", ["what", "why", "example"])
def test_rule_says_it_on_one_line(rule: Rule[Any], name: str) -> None:
    text = getattr(rule, name)

    assert text == text.strip() != ""
    assert len(text.splitlines()) == 1
    assert text.isprintable()


@pytest.mark.parametrize("rule", CATALOGUED, ids=lambda rule: rule.code)
def test_hint_is_one_line_where_there_is_one(rule: Rule[Any]) -> None:
    hint = rule.hint

    assert hint is None or (hint.isprintable() and hint == hint.strip() != "")


@pytest.mark.parametrize("rule", CATALOGUED, ids=lambda rule: rule.code)
def test_reason_names_what_the_rule_stands_on(rule: Rule[Any]) -> None:
    has_source = any(source in rule.why for source in SOURCES)

    assert has_source or rule.code in OWN


def test_rules_without_a_source_are_still_there() -> None:
    assert OWN - set(CODES) == set()


@pytest.mark.parametrize("rule", CATALOGUED, ids=lambda rule: rule.code)
def test_what_is_found_is_the_rest_of_a_sentence(rule: Rule[Any]) -> None:
    assert not rule.what.endswith(".")
    assert rule.what[0] in "`" or rule.what[0].islower()


def errors_listed() -> dict[str, str]:
    """Codes of docs/errors.md, with their meaning."""
    text = (REPOSITORY / "docs" / "errors.md").read_text()
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| [0-9] \|[^|]*\| (.*?) \|", text, re.MULTILINE)
    return dict(rows)


def test_code_that_is_an_errors_too_means_the_same() -> None:
    shared = set(CODES) & set(errors_listed())

    assert shared - ERRORS == set()


def test_codes_that_are_said_to_be_shared_are_rules() -> None:
    assert ERRORS - set(CODES) == set()
