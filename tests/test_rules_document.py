"""`docs/rules.md` lists the rules as they are: what stands below its marker is made from them.

`make bless` rewrites it; read the diff.
"""

import os
import re
from collections.abc import Iterator
from typing import Any

from packaging_kit.validate.catalog import GROUPS
from packaging_kit.validate.policy import ALWAYS_ERRORS
from packaging_kit.validate.rule import Rule
from tests.conftest import REPOSITORY

DOCUMENT = REPOSITORY / "docs" / "rules.md"
MARKER = "<!-- What follows is made from the rules; `make bless` writes it. -->\n"


def test_document_lists_every_rule_as_it_is() -> None:
    written, marker, listed = DOCUMENT.read_text(encoding="utf-8").partition(MARKER)

    expected = "".join(f"{line}\n" for line in lines())
    if os.environ.get("BLESS"):
        DOCUMENT.write_text(written + MARKER + expected, encoding="utf-8")
        marker, listed = MARKER, expected
    assert marker == MARKER
    assert listed == expected


def lines() -> Iterator[str]:
    for title, rules in GROUPS.items():
        yield ""
        yield f"## {title}"
        for code in dict.fromkeys(rule.code for rule in rules):
            yield from rule_lines([rule for rule in rules if rule.code == code])


def rule_lines(rules: list[Rule[Any]]) -> Iterator[str]:
    """One code; where several rules stand for it, the first says what it is about, and others what they add."""
    first = rules[0]
    yield ""
    yield f"### `{first.code}`"
    yield ""
    yield f"*{first.level.value}* — {sentence(first.what)}"
    for other in rules[1:]:
        if other.what != first.what:
            yield f"Or {other.what}."
    yield ""
    yield f"- Why: {first.why}."
    yield f"- It finds: {as_code(first.example)}"
    if first.hint is not None:
        yield f"- Hint: {first.hint}."


def sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def as_code(example: str) -> str:
    """An example that is text of a document as such; one in words as words."""
    document, comma, words = example.partition("}, ")
    if example.startswith(("{", "[")):
        return f"`{document}{'}' if comma else ''}`{', ' + words if comma else ''}"
    return example


def test_document_names_every_rule_that_is_always_an_error() -> None:
    written, _, _ = DOCUMENT.read_text(encoding="utf-8").partition(MARKER)
    (paragraph,) = (each for each in written.split("\n\n") if each.startswith("A rule can't be made a note"))

    assert set(re.findall(r"`([a-z0-9-]+)`", paragraph)) == ALWAYS_ERRORS
