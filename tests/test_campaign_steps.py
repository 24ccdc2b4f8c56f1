"""A slice of the campaign `steps`."""

from __future__ import annotations

from pathlib import Path

from tests.campaign import steps


def test_layout_is_as_a_model_has_it_after_every_step(tmp_path: Path) -> None:
    (outcome,) = steps.run(20261121, full=False, folder=tmp_path)

    assert outcome.tried == 150
