"""A slice of the campaign `flips`."""

from __future__ import annotations

from pathlib import Path

from tests.campaign import flips


def test_flipped_bit_is_reported_and_never_gives_wrong_bytes(tmp_path: Path) -> None:
    (outcome,) = flips.run(20261121, full=False, folder=tmp_path)

    assert outcome.tried >= 600
