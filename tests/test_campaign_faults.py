"""Slices of the campaigns `faults` and `full_disk`."""

from __future__ import annotations

import errno
import sys
from pathlib import Path

import pytest

from tests.campaign import faults, full_disk
from tests.real.needs import lacking

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="its operations are others")

SEED = 20261121


def test_operation_that_fails_is_reported_and_loses_nothing(tmp_path: Path) -> None:
    outcomes = faults.run(SEED, full=False, folder=tmp_path)

    assert sum(outcome.tried for outcome in outcomes) >= 100


def test_disk_that_is_full_is_reported_and_loses_nothing(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    try:
        with full_disk.mounted(disk):
            outcomes = full_disk.fill(disk, SEED, full=False, folder=tmp_path)
    except full_disk.MountError as exc:
        if exc.errno == errno.EPERM:
            pytest.skip(str(exc))
        lacking(str(exc))

    assert all(outcome.tried for outcome in outcomes)
