"""Every operation of every command that writes fails, in every way that systems know."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from random import Random

from packaging_kit.cli.exit_codes import ExitCode
from tests.campaign.disk import read_tree
from tests.campaign.flips import fast_folder
from tests.campaign.outcome import Outcome
from tests.campaign.program import Ended
from tests.campaign.recovery import Reference, check_tidy, check_way_on, leftovers, make_reference
from tests.campaign.scenarios import SCENARIOS, Scenario
from tests.campaign.system import Operation, threads, watching

SLICE = 12
"""Faults of each command."""
PROCESSES = 2

ERRORS = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EMFILE, errno.EACCES, errno.EROFS, errno.EINTR)
SHORT_WRITE = 0
# Whoever is told of such an error and goes on says that something was written which may not be there.
_NEVER_HARMLESS = ("write", "fsync", "rename", "mkdir")
MOST_OPERATIONS = 5_000
_REPORT = re.compile(r"error\[(io-error|input-changed)\]: .*\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What goes wrong.

    Attributes:
        number: of the operation.
        error: number of the error; `SHORT_WRITE` where a write takes a part only.
        is_lasting: all operations of the same name fail from then on.
        with_threads: the operations come in an order of their own.
    """

    number: int
    error: int
    is_lasting: bool = False
    with_threads: bool = False


@dataclass(slots=True)
class _Failing:
    """Lets operations fail.

    Attributes:
        fault: what goes wrong; `None` for nothing.
        names: of all operations, in their order.
        failed: the name of what failed.
    """

    fault: Fault | None
    names: list[str] = field(default_factory=list)
    failed: str = ""

    def before(self, operation: Operation) -> int | None:
        self.names.append(operation.name)
        assert len(self.names) < MOST_OPERATIONS, "it goes on for ever"
        if self.fault is None or not self._is_due(operation):
            return None
        self.failed = operation.name
        if self.fault.error == SHORT_WRITE:
            return max(1, len(operation.data) // 2)
        raise OSError(self.fault.error, os.strerror(self.fault.error), str(operation.path))

    def after(self, operation: Operation) -> None:
        """It did not fail."""

    def _is_due(self, operation: Operation) -> bool:
        assert self.fault is not None
        number = len(self.names) - 1
        return number == self.fault.number or (self.fault.is_lasting and operation.name == self.failed)


def run(seed: int, *, full: bool, folder: Path) -> list[Outcome]:
    """Let every operation of every command fail in every way, or some."""
    work = partial(_run_scenario, seed=seed, full=full, folder=folder)
    if not full:
        return [work(scenario) for scenario in SCENARIOS]
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        return list(pool.map(work, SCENARIOS))


def _run_scenario(scenario: Scenario, *, seed: int, full: bool, folder: Path) -> Outcome:
    random = Random(f"{seed} {scenario.name}")
    with fast_folder(folder) as fast:
        faults = Faults(make_reference(scenario, fast), fast / "0")
        every = tuple(_iter_faults(faults.operations(), random))
        for fault in every if full else random.sample(every, SLICE):
            faults.check(fault)
        return faults.outcome()


def _iter_faults(names: list[str], random: Random) -> Iterator[Fault]:
    """Every error for every operation; and one error for each that lasts, and one while threads are at work."""
    for number, name in enumerate(names):
        errors = (*ERRORS, SHORT_WRITE) if name == "write" else ERRORS
        yield from (Fault(number=number, error=error) for error in errors)
        yield Fault(number=number, error=random.choice(errors), is_lasting=True)
        yield Fault(number=number, error=random.choice(errors), with_threads=True)


@dataclass(slots=True)
class Faults:
    """The faults of one command.

    Attributes:
        reference: the command.
        folder: where it is run.
        counts: by what came of them.
    """

    reference: Reference
    folder: Path
    counts: Counter[str] = field(default_factory=Counter)
    _checked: set[frozenset[tuple[str, bytes | None]]] = field(default_factory=set)

    def operations(self) -> list[str]:
        """The names of all operations of the command."""
        watched = _Failing(None)
        self.reference.copy(self.folder)
        with threads(allowed=False), watching(self.folder, watched):
            assert self.reference.run(self.folder).exit == ExitCode.DONE
        shutil.rmtree(self.folder)
        return watched.names

    def check(self, fault: Fault) -> None:
        """Run the command with a fault: it says so or succeeds, and loses nothing either way."""
        failing = _Failing(fault)
        self.reference.copy(self.folder)
        try:
            with threads(allowed=fault.with_threads), watching(self.folder, failing) as watch:
                ended = self.reference.run(self.folder)
                assert watch.opened == {}, "handles stay open"
            result = self._judge(ended, failing.failed)
            is_short = fault.error == SHORT_WRITE
            assert result != "harmless" or is_short or failing.failed not in _NEVER_HARMLESS, "it passes over an error"
            self.counts[result] += 1
        except Exception as exc:
            exc.add_note(f"{self.reference.scenario.name}: {fault}, at `{failing.failed}`")
            raise
        finally:
            shutil.rmtree(self.folder)

    def outcome(self) -> Outcome:
        result = (
            f"{self.counts['refused']} ended with exit code 3 and the old state, {self.counts['done']} with exit code "
            f"3 when the new one was there, {self.counts['harmless']} did no harm"
        )
        return Outcome(name=f"faults: {self.reference.scenario.name}", tried=self.counts.total(), result=result)

    def _judge(self, ended: Ended, failed: str) -> str:
        assert failed == "unlink" or leftovers(self.folder) == [], f"left over: {leftovers(self.folder)}"
        state = self.reference.state(self.folder)
        if ended.exit == ExitCode.DONE:
            assert state == self.reference.new, "it did not do what it says"
            check_tidy(self.reference, self.folder)
            return "harmless"
        assert ended.exit == ExitCode.COULD_NOT, f"it ends with {ended.exit}: {ended.stderr}"
        assert _REPORT.fullmatch(ended.stderr), ended.stderr
        tree = frozenset(read_tree(self.folder).items())
        if tree not in self._checked:
            self._checked.add(tree)
            check_way_on(self.reference, self.folder, state)
        return "refused" if state == self.reference.old else "done"
