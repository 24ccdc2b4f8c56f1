"""A slice of the campaign `ranges`."""

from __future__ import annotations

from pathlib import Path

from tests.campaign import ranges


def test_any_range_of_a_whole_in_fragments_has_the_bytes_of_the_file(tmp_path: Path) -> None:
    (outcome,) = ranges.run(20261121, full=False, folder=tmp_path)

    assert outcome.tried == 300
