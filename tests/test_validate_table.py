"""The table of bad documents: each gives exactly its codes, where and in the order in which it has to."""

from __future__ import annotations

from collections import Counter

import pytest

from packaging_kit.validate.catalog import CODES
from tests.bad_documents import CASES
from tests.bad_documents.case import Case

_LEAST = 120


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_exactly_what_is_wrong_is_found(case: Case) -> None:
    assert case.miss() is None


def test_every_code_has_a_case() -> None:
    found = {wanted.code for case in CASES for wanted in case.finds}

    assert set(CODES) - found == set()


def test_names_of_cases_are_unique() -> None:
    repeated = [name for name, count in Counter(case.name for case in CASES).items() if count > 1]

    assert repeated == []


def test_there_are_as_many_bad_documents_as_were_promised() -> None:
    bad = [case for case in CASES if case.finds]

    assert len(bad) >= _LEAST
