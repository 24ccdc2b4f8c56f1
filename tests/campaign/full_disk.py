"""A disk that is really full: every command on a small `tmpfs`, with less and less room, and working space on one."""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from random import Random

from packaging_kit.cli.exit_codes import ExitCode
from packaging_kit.stores.layout import LayoutStore
from tests.campaign.kill import PROGRAM
from tests.campaign.outcome import Outcome
from tests.campaign.program import run_program
from tests.campaign.recovery import Reference, check_tidy, check_way_on, leftovers, make_reference
from tests.campaign.scenarios import SCENARIOS, SMALL, write_inputs
from tests.strategies import component, module, section

SIZE = 512 << 10
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
"""What a `tmpfs` gives out."""
SLICE = 3
"""Commands."""
SLICE_STEP = 4
# Above what is held in memory, so that it goes to working space.
LARGE = 6_000_000


def run(seed: int, *, full: bool, folder: Path) -> list[Outcome]:
    """Run every command with every amount of room, or some."""
    disk = folder / "disk"
    disk.mkdir()
    try:
        with mounted(disk):
            return fill(disk, seed, full=full, folder=folder)
    except MountError as exc:
        return [Outcome(name="a full disk", tried=0, result=f"not run: {exc}")]


class MountError(Exception):
    """The system mounts no `tmpfs` for us.

    Attributes:
        errno: why; `None` where it has none.
    """

    def __init__(self, message: str, errno: int | None = None) -> None:
        super().__init__(message)
        self.errno = errno


@contextmanager
def mounted(folder: Path) -> Iterator[None]:
    """A small disk of its own in the place of a folder.

    Raises:
        MountError: where there is none, or we are not permitted to mount it.
    """
    if sys.platform != "linux":
        raise MountError("this system has no `tmpfs`")
    libc = ctypes.CDLL(None, use_errno=True)
    target = os.fsencode(folder)
    if libc.mount(b"none", target, b"tmpfs", ctypes.c_ulong(0), f"size={SIZE}".encode()) != 0:
        errno = ctypes.get_errno()
        raise MountError(f"mounting a `tmpfs`: {os.strerror(errno).lower()}", errno)
    try:
        yield
    finally:
        assert libc.umount2(target, 0) == 0, os.strerror(ctypes.get_errno())


def fill(disk: Path, seed: int, *, full: bool, folder: Path) -> list[Outcome]:
    """Run commands on a disk that is about to be full, and then with working space on it."""
    random = Random(seed)
    counts: Counter[str] = Counter()
    for number, scenario in enumerate(SCENARIOS if full else random.sample(SCENARIOS, SLICE)):
        into = folder / str(number)
        into.mkdir()
        reference = make_reference(scenario, into)
        for pages in count(0 if full else random.randrange(SLICE_STEP), 1 if full else SLICE_STEP):
            ended_as = _run_with_room(reference, disk, pages)
            counts[ended_as] += 1
            if ended_as == "room enough":
                break
    result = (
        f"{counts['refused']} ended with exit code 3 and the old state, {counts['done']} with the new one; with room "
        f"again the new state, nothing left over; {counts['room enough']} had room enough"
    )
    return [
        Outcome(name="commands on a full disk", tried=counts.total(), result=result),
        _pack_until_full(disk),
        _fill_working_space(disk, folder / "working"),
    ]


def _run_with_room(reference: Reference, disk: Path, pages: int) -> str:
    """Run a command with this many pages left on the disk."""
    work, filler = disk / "work", disk / "filler"
    reference.copy(work)
    try:
        state = os.statvfs(disk)
        filler.write_bytes(bytes((state.f_bavail - pages) * PAGE))
        ended = reference.run(work)
        assert leftovers(work) == [], f"left over: {leftovers(work)}"
        state_after = reference.state(work)
        filler.unlink()
        if ended.exit == ExitCode.DONE:
            assert state_after == reference.new, "it did not do what it says"
            check_tidy(reference, work)
            return "room enough"
        assert ended.exit == ExitCode.COULD_NOT, f"it ends with {ended.exit}: {ended.stderr}"
        assert ended.stderr.startswith("error[io-error]: "), ended.stderr
        check_way_on(reference, work, state_after)
    except Exception as exc:
        exc.add_note(f"{reference.scenario.name}, with room for {pages} pages")
        raise
    finally:
        shutil.rmtree(work)
        filler.unlink(missing_ok=True)
    return "refused" if state_after == reference.old else "done"


def _pack_until_full(disk: Path) -> Outcome:
    """Pack one component after the other until there is no room; then make some, and go on."""
    work = disk / "work"
    work.mkdir()
    write_inputs(work, SMALL)
    packed: list[str] = []
    for number in count():
        (work / "one.wasm").write_bytes(component(section(1, module(SMALL, str(number)))))
        ended = run_program(f"pack one.wasm -o layout --tag v{number}", work)
        if ended.exit == ExitCode.DONE:
            packed.append(f"v{number}")
        else:
            break
    assert (ended.exit, leftovers(work)) == (ExitCode.COULD_NOT, []), ended.stderr
    assert ended.stderr.startswith("error[io-error]: "), ended.stderr
    (work / "app.wasm").unlink()
    for command in ("gc layout", "pack plain.wasm -o layout", "verify layout", "gc layout"):
        ended = run_program(command, work)
        assert ended.exit == ExitCode.DONE, f"{command}: {ended.stderr}"
    assert sorted(LayoutStore.open(work / "layout").tags()) == sorted([*packed, "plain"])
    shutil.rmtree(work)
    result = "the next one ended with exit code 3; all tags there, every byte right; with room again one more"
    return Outcome(name="components packed until the disk was full", tried=len(packed), result=result)


def _fill_working_space(disk: Path, folder: Path) -> Outcome:
    """Run commands that need working space, with none but a little on the disk."""
    folder.mkdir()
    write_inputs(folder, LARGE)
    for name in ("app", "plain"):
        assert run_program(f"pack {name}.wasm -o layout", folder).exit == ExitCode.DONE
    before = sorted(folder.rglob("*"))
    commands = ("pack app.wasm -o new.tar", "unpack layout:app -o -", "convert layout:app --form split")
    for command in commands:
        ended = _run_with_working_space(command, folder, disk)
        assert (ended.returncode, ended.stdout, sorted(folder.rglob("*"))) == (ExitCode.COULD_NOT, b"", before)
        assert ended.stderr.startswith(b"error[io-error]: "), ended.stderr
        assert list(disk.iterdir()) == []
    small = ("pack plain.wasm -o new.tar", "unpack layout:plain -o -", "convert layout:plain --form split")
    for command in small:
        assert _run_with_working_space(command, folder, disk).returncode == ExitCode.DONE
    result = "all ended with exit code 3, nothing was written and nothing left over; then smaller ones were done"
    return Outcome(name="commands whose working space is full", tried=len(commands), result=result)


def _run_with_working_space(command: str, folder: Path, disk: Path) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, "TMPDIR": str(disk)}
    return subprocess.run(
        [PROGRAM, *shlex.split(command)], cwd=folder, env=environment, capture_output=True, check=False
    )
