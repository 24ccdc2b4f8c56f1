"""A slice of the campaign `processes`."""

from __future__ import annotations

from pathlib import Path

from tests.campaign import processes


def test_components_packed_by_several_processes_are_all_there_while_others_read_and_sweep(tmp_path: Path) -> None:
    (outcome,) = processes.run(20261121, full=False, folder=tmp_path)

    assert outcome.tried == 12
