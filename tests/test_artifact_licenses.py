"""SPDX license expressions: what has their form, and what has not."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packaging_kit.artifact.licenses import is_license_expression
from tests.timing import LINEAR

EXPRESSIONS = [
    "MIT",
    "Apache-2.0",
    "GPL-2.0+",
    "GPL-2.0-or-later",
    "0BSD",
    "LicenseRef-mine",
    "LicenseRef-a.b-C",
    "DocumentRef-spdx-tool-1.2:LicenseRef-MIT-Style-2",
    "Apache-2.0 WITH LLVM-exception",
    "GPL-2.0+ WITH Classpath-exception-2.0",
    "MIT AND Apache-2.0",
    "MIT OR Apache-2.0",
    "MIT AND Apache-2.0 OR BSD-3-Clause AND ISC",
    "Apache-2.0 WITH LLVM-exception OR MIT",
    "(MIT)",
    "((MIT))",
    "(MIT OR Apache-2.0) AND ISC",
    "MIT AND (Apache-2.0 OR (BSD-3-Clause AND ISC))",
    "(MIT)AND(ISC)",
    "(Apache-2.0 WITH LLVM-exception)",
]

NO_EXPRESSIONS = [
    "",
    " ",
    "AND",
    "WITH",
    "MIT AND",
    "MIT OR OR ISC",
    "AND MIT",
    "MIT ISC",
    "MIT/Apache-2.0",
    "MIT, Apache-2.0",
    "MIT; ISC",
    "MIT & ISC",
    "MIT and ISC",
    "MIT or ISC",
    "MIT with x",
    "MIT WITH",
    "MIT WITH AND",
    "MIT WITH x WITH y",
    "(MIT) WITH x",
    "MIT WITH (x)",
    "MIT WITH x+",
    "(MIT",
    "MIT)",
    ")MIT(",
    "()",
    "MIT ()",
    "(MIT OR) ISC",
    "Apache 2.0",
    "Apache License, Version 2.0",
    "GPL-2.0++",
    "+",
    "MIT+x",
    "LicenseRef-",
    "LicenseRef-a_b",
    "LicenseRef-mine+",
    "DocumentRef-x:MIT",
    "DocumentRef-:LicenseRef-x",
    "MIT_1",
    "größe",
    "MIT\0",
    "https://example.com/license",
    "see LICENSE file",
]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_expression_is_accepted(text: str) -> None:
    assert is_license_expression(text)


@pytest.mark.parametrize("text", NO_EXPRESSIONS)
def test_text_that_is_no_expression_is_not_accepted(text: str) -> None:
    assert not is_license_expression(text)


_expressions = st.recursive(
    st.sampled_from(("MIT", "GPL-2.0+", "LicenseRef-x", "Apache-2.0 WITH LLVM-exception")),
    lambda inner: (
        st.builds("({})".format, inner) | st.builds("{} {} {}".format, inner, st.sampled_from(("AND", "OR")), inner)
    ),
    max_leaves=8,
)


@given(_expressions)
def test_every_expression_that_the_grammar_makes_is_accepted(text: str) -> None:
    assert is_license_expression(text)


@given(_expressions, st.sampled_from((" AND", " MIT", ")", "(", "/", " WITH")))
def test_expression_with_something_after_it_is_not_accepted(text: str, after: str) -> None:
    # An operator that `WITH` may follow makes no difference: nothing stands after it.
    assert not is_license_expression(text + after)


@given(st.text(max_size=30))
def test_any_text_gives_an_answer(text: str) -> None:
    assert is_license_expression(text) in (True, False)


@pytest.mark.parametrize("text", ["(" * 200_000, "MIT AND " * 100_000, "a" * 1_000_000, " " * 1_000_000 + "("])
def test_long_text_is_answered_in_linear_time(text: str) -> None:
    started = time.thread_time()

    assert not is_license_expression(text) or text.startswith("a")
    assert time.thread_time() - started < LINEAR
