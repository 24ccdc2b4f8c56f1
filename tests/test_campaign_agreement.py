"""A slice of the campaign `agreement`, and that it would notice if we took what is invalid."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campaign import agreement
from tests.campaign.agreement import Comparison, Kind, compare, make_outcome
from tests.strategies import component, section, vector


def test_engine_takes_nothing_that_the_tool_refuses(tmp_path: Path) -> None:
    fixtures, mutations = agreement.run(20261128, full=False, folder=tmp_path)

    assert fixtures.tried > 100
    assert mutations.tried == agreement.MUTATIONS_OF_A_SLICE


def test_mutations_are_the_same_every_time_and_often_valid() -> None:
    first = [agreement.mutation(1, number) for number in range(50)]

    assert first == [agreement.mutation(1, number) for number in range(50)]
    assert first != [agreement.mutation(2, number) for number in range(50)]


def test_what_is_valid_to_us_alone_ends_the_campaign() -> None:
    with pytest.raises(AssertionError):
        make_outcome("some", [Comparison("1", Kind.MISSED, "a rule that we lack")])


def test_what_is_known_to_be_taken_is_counted() -> None:
    (known,) = agreement.KNOWN

    outcome = make_outcome("some", [Comparison("1", Kind.MISSED, known)])

    assert f"1 {known}" in outcome.result


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (component(), Kind.BOTH_VALID),
        (component(section(2, vector(b"\0\x09\0"))), Kind.BOTH_INVALID),
        (b"(component)", Kind.BOTH_INVALID),
    ],
)
def test_verdicts_are_compared(data: bytes, kind: Kind) -> None:
    assert compare("one", data).kind is kind
