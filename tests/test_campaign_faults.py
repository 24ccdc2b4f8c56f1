"""Slices of the campaigns `faults` and `full_disk`."""

from __future__ import annotations

import errno
import os
import sys
import threading
from pathlib import Path

import pytest

from packaging_kit.errors import UnavailableError
from packaging_kit.stores.atomic import AtomicFile
from tests.campaign import faults, full_disk
from tests.campaign.system import Operation, watching
from tests.real.needs import lacking

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="its operations are others")

SEED = 20261121


def test_operation_that_fails_is_reported_and_loses_nothing(tmp_path: Path) -> None:
    outcomes = faults.run(SEED, full=False, folder=tmp_path)

    assert sum(outcome.tried for outcome in outcomes) >= 100


class FailingInBackground:
    """Lets what another thread flushes fail."""

    def before(self, operation: Operation) -> None:
        if operation.name == "fsync" and threading.current_thread() is not threading.main_thread():
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def after(self, operation: Operation) -> None:
        """It did not fail."""


def test_flush_that_fails_in_the_background_is_an_error(tmp_path: Path) -> None:
    with watching(tmp_path, FailingInBackground()), AtomicFile(tmp_path) as file:
        file.write(bytes(17 << 20))
        with pytest.raises(UnavailableError) as error:
            file.publish(tmp_path / "file")

    assert (error.value.code, list(tmp_path.iterdir())) == ("io-error", [])


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
