"""A process that dies, and a disk that loses what was not flushed, at every change that a command makes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from random import Random

from packaging_kit.stores.layout import is_layout
from tests.campaign.disk import Disk, Loss, Tree, read_tree, write_tree
from tests.campaign.flips import fast_folder
from tests.campaign.outcome import Outcome
from tests.campaign.program import Ended, run_program
from tests.campaign.recovery import Reference, check_way_on, is_answered, make_reference
from tests.campaign.scenarios import PACK_NEW, SCENARIOS, Scenario
from tests.campaign.system import Crash, Operation, threads, watching

PROCESSES = 2
ENDS = 10
"""How many of the first and last changes are looked at more often: folders are made, and names are given."""

# More than 16 MiB in one blob: it is flushed by a thread while it is written.
FLUSHED = replace(
    PACK_NEW,
    name="pack what is flushed while it is written",
    command="pack app.wasm -o a/layout --form whole",
    size=6_000_000,
)


def run(seed: int, *, full: bool, folder: Path) -> list[Outcome]:
    """End every command before and after each of its changes, or at a few of them."""
    work = partial(_run_scenario, seed=seed, full=full, folder=folder)
    if not full:
        return [work(scenario) for scenario in SCENARIOS]
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        return list(pool.map(work, (FLUSHED, *SCENARIOS)))


def _run_scenario(scenario: Scenario, *, seed: int, full: bool, folder: Path) -> Outcome:
    random = Random(f"{seed} {scenario.name}")
    with fast_folder(folder) as fast:
        crashes = Crashes(make_reference(scenario, fast), fast, seed)
        points = [(number, allowed) for number in range(crashes.count_changes() + 1) for allowed in (False, True)]
        if not full:
            points = [random.choice(some) for some in (points[:ENDS], points[-ENDS:], points[-ENDS:], points)]
        for number, allowed in points:
            crashes.check_point(number, with_threads=allowed)
        return crashes.outcome()


@dataclass(slots=True)
class _Recorder:
    """Keeps a model of the disk; lets the process die in place of one of the changes.

    Attributes:
        disk: the model.
        point: number of that change; `None` for none.
        changes: how many there were.
    """

    disk: Disk
    point: int | None = None
    changes: int = 0

    def before(self, operation: Operation) -> None:
        if operation.is_change:
            if self.changes == self.point:
                raise Crash
            self.changes += 1

    def after(self, operation: Operation) -> None:
        self.disk.apply(operation)


@dataclass(slots=True)
class Crashes:
    """The crashes of one command.

    Attributes:
        reference: the command.
        space: for folders.
        seed: of what is lost by chance.
        points: how many crashes there were.
        states: how many distinct states of the disk were checked.
    """

    reference: Reference
    space: Path
    seed: int
    points: int = 0
    states: int = 0
    _seen: set[tuple[bool, frozenset[tuple[str, bytes | None]]]] = field(default_factory=set)
    _folders: Iterator[int] = field(default_factory=count)

    def count_changes(self) -> int:
        """How many changes the command makes."""
        with self._crash(None, with_threads=False) as (_, recorder, ended):
            assert ended is not None
            return recorder.changes

    def check_point(self, point: int, *, with_threads: bool) -> None:
        """Let the command die before one of its changes, and look at all that this may lead to.

        Args:
            with_threads: the changes come in an order of their own.
        """
        self.points += 1
        with _saying(f"{self.reference.scenario.name}, dead before change {point}, threads: {with_threads}"):
            with self._crash(point, with_threads=with_threads) as (folder, recorder, ended):
                assert read_tree(folder) == recorder.disk.tree(Loss.NOTHING), "a change was not seen"
                self._check_losses(recorder.disk, is_done=ended is not None)
                with _saying("the command ran again"):
                    self._go_on(folder, recorder.disk, self.reference.scenario.command, is_done=True)
            afterwards = self.reference.scenario.afterwards
            if afterwards is not None and afterwards.startswith("gc"):
                with self._crash(point, with_threads=with_threads) as (folder, recorder, _):
                    if is_layout(folder / afterwards.removeprefix("gc ")):
                        with _saying("gc ran next"):
                            self._go_on(folder, recorder.disk, afterwards, is_done=False)

    def outcome(self) -> Outcome:
        result = f"after {self.points} crashes: the old state or the new one, every byte right, nothing left over"
        return Outcome(name=f"states of the disk: {self.reference.scenario.name}", tried=self.states, result=result)

    @contextmanager
    def _crash(self, point: int | None, *, with_threads: bool) -> Iterator[tuple[Path, _Recorder, Ended | None]]:
        """What a crash leaves; `None` where the command came to its end before."""
        folder = self.reference.copy(self._new_folder())
        recorder = _Recorder(Disk(folder), point)
        ended = None
        with threads(allowed=with_threads), watching(folder, recorder), suppress(Crash):
            ended = self.reference.run(folder)
        assert ended is None or ended.exit == 0, ended.stderr
        yield folder, recorder, ended
        shutil.rmtree(folder)

    def _go_on(self, folder: Path, disk: Disk, command: str, *, is_done: bool) -> None:
        """Run a command where the process was killed; when it ended well, the power fails."""
        state = self.reference.state(folder)
        with watching(folder, _Recorder(disk)):
            ended = run_program(command, folder)
        assert is_answered(self.reference, ended, state), ended.stderr
        self._check_losses(disk, is_done=is_done and ended.exit == 0)

    def _check_losses(self, disk: Disk, *, is_done: bool) -> None:
        """Check what the disk may be like after the power failed, or after nothing of that kind."""
        random = Random(f"{self.seed} {self.reference.scenario.name} {self.points}")
        for loss in (*Loss, Loss.SOME, Loss.SOME):
            tree = disk.tree(loss, random)
            key = (is_done, frozenset(tree.items()))
            if key not in self._seen:
                self._seen.add(key)
                with _saying(f"the disk lost {loss.value}"):
                    self._check_state(tree, is_done=is_done)

    def _check_state(self, tree: Tree, *, is_done: bool) -> None:
        self.states += 1
        folder = self._new_folder()
        write_tree(tree, folder)
        state = self.reference.state(folder)
        assert state == self.reference.new or not is_done, "what the command had said is not so"
        check_way_on(self.reference, folder, state)
        shutil.rmtree(folder)

    def _new_folder(self) -> Path:
        return self.space / str(next(self._folders))


@contextmanager
def _saying(what: str) -> Iterator[None]:
    """Say in which case an error arose."""
    try:
        yield
    except Exception as exc:
        exc.add_note(what)
        raise
