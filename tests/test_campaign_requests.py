"""Slices of the campaigns `requests` and `chance`."""

from __future__ import annotations

from pathlib import Path

from tests.campaign import chance, requests


def test_request_that_fails_ends_in_right_bytes_or_a_typed_error(tmp_path: Path) -> None:
    outcomes = requests.run(20261121, full=False, folder=tmp_path)

    assert sum(outcome.tried for outcome in outcomes) == requests.RUNS_OF_A_SLICE


def test_push_and_pull_go_through_though_every_fifth_request_fails(tmp_path: Path) -> None:
    (outcome,) = chance.run(20261121, full=False, folder=tmp_path)

    assert outcome.tried == chance.COMMANDS_OF_A_SLICE
