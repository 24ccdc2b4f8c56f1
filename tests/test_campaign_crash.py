"""Slices of the campaigns `crash` and `kill`, and the model of the disk that the first one trusts."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.campaign import crash, kill
from tests.campaign.disk import Disk, Loss
from tests.campaign.system import Crash, Operation, watching

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no folder can be flushed there, nor locked")

SEED = 20261121


class Recorder:
    """Feeds a model; the process dies in place of what is named `last`."""

    def __init__(self, disk: Disk, last: str = "") -> None:
        self.disk = disk
        self.last = last

    def before(self, operation: Operation) -> None:
        if operation.name == self.last:
            raise Crash

    def after(self, operation: Operation) -> None:
        self.disk.apply(operation)


def write(path: Path, data: bytes, *, is_flushed: bool) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT)
    os.write(handle, data)
    if is_flushed:
        os.fsync(handle)
    os.close(handle)


def flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def test_command_that_dies_leaves_the_old_state_or_the_new_one_whatever_the_disk_loses(tmp_path: Path) -> None:
    outcomes = crash.run(SEED, full=False, folder=tmp_path)

    assert sum(outcome.tried for outcome in outcomes) >= 50


def test_command_that_is_killed_leaves_the_old_state_or_the_new_one(tmp_path: Path) -> None:
    (outcome,) = kill.run(SEED, full=False, folder=tmp_path)

    assert outcome.tried == kill.SLICE


def test_disk_keeps_what_was_flushed_and_may_lose_the_rest(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    disk = Disk(tmp_path)
    with watching(tmp_path, Recorder(disk)):
        write(tmp_path / "safe", b"safe", is_flushed=True)
        write(tmp_path / "new", b"new", is_flushed=False)
        flush(tmp_path)
        (tmp_path / "new").replace(tmp_path / "old")
        write(tmp_path / "last", b"last", is_flushed=True)

    assert {loss: disk.tree(loss) for loss in Loss if loss is not Loss.SOME} == {
        Loss.NOTHING: {"last": b"last", "old": b"new", "safe": b"safe"},
        Loss.ALL: {"new": b"", "old": b"old", "safe": b"safe"},
        Loss.DATA: {"last": b"last", "old": b"", "safe": b"safe"},
        Loss.ZEROS: {"last": b"last", "old": bytes(3), "safe": b"safe"},
        Loss.NAMES: {"new": b"new", "old": b"old", "safe": b"safe"},
    }


def test_folder_whose_name_was_not_flushed_is_lost_with_all_that_is_in_it(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    with watching(tmp_path, Recorder(disk)):
        (tmp_path / "folder").mkdir()
        write(tmp_path / "folder" / "file", b"safe", is_flushed=True)
        flush(tmp_path / "folder")

    assert (disk.tree(Loss.ALL), disk.tree(Loss.NOTHING)) == ({}, {"folder": None, "folder/file": b"safe"})


def test_process_that_is_dead_changes_nothing_any_more(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with watching(tmp_path, Recorder(Disk(tmp_path), "fsync")):
        with pytest.raises(Crash):
            write(file, b"written", is_flushed=True)
        with pytest.raises(Crash):
            file.unlink()

    assert file.read_bytes() == b"written"
