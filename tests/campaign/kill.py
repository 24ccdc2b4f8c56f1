"""The real program, killed at any time: `kill -9` in the middle of every command that writes."""

from __future__ import annotations

import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from tests.campaign.outcome import Outcome
from tests.campaign.recovery import Reference, check_way_on, make_reference
from tests.campaign.scenarios import LARGE, SCENARIOS

PROGRAM = Path(sys.executable).with_name("packaging-kit")
KILLS = 200
EARLY = 0.1
"""Share of the kills that come before anything is written."""
SLICE = 8
SLICE_SCENARIOS = 3
SLICE_SIZE = 1_000_000


def run(seed: int, *, full: bool, folder: Path) -> list[Outcome]:
    """Kill every command many times, or some of them twice."""
    random = Random(seed)
    scenarios = SCENARIOS if full else random.sample(SCENARIOS, SLICE_SCENARIOS)
    total = KILLS if full else SLICE
    counts: Counter[str] = Counter()
    for number, scenario in enumerate(scenarios):
        into = folder / str(number)
        into.mkdir()
        sized = replace(scenario, size=LARGE if full else SLICE_SIZE)
        kills = Kills(make_reference(sized, into), into / "0")
        kills.measure()
        for _ in range(number, total, len(scenarios)):
            kills.check(random)
        counts += kills.counts
        shutil.rmtree(into)
    result = (
        f"{counts['at work']} had begun to write, {counts['before']} had not, {counts['after']} were done: the old "
        "state or the new one, every byte right, nothing left over"
    )
    return [Outcome(name="commands killed (`kill -9`)", tried=counts.total(), result=result)]


@dataclass(slots=True)
class Kills:
    """Kills of one command.

    Attributes:
        reference: the command.
        folder: where it is run.
        counts: by what it was doing.
    """

    reference: Reference
    folder: Path
    counts: Counter[str] = field(default_factory=Counter)
    _seconds: tuple[float, float] = (0, 0)

    def measure(self) -> None:
        """How long the command takes until it begins to write, and from then on."""
        before = _names(self.reference.copy(self.folder))
        began = time.monotonic()
        with _started(self.reference.scenario.command, self.folder) as process:
            _wait_for_change(process, before, self.folder)
            changed = time.monotonic()
            process.wait()
        assert process.returncode == 0
        self._seconds = changed - began, time.monotonic() - changed
        shutil.rmtree(self.folder)

    def check(self, random: Random) -> None:
        """Kill the command, mostly while it writes; then look at what there is."""
        before = _names(self.reference.copy(self.folder))
        until_change, after_change = self._seconds
        is_early = random.random() < EARLY
        delay = random.uniform(0, until_change if is_early else after_change * 1.1)
        with _started(self.reference.scenario.command, self.folder) as process:
            if not is_early:
                _wait_for_change(process, before, self.folder)
            with suppress(subprocess.TimeoutExpired):
                process.wait(delay)
            process.kill()
            stderr = process.communicate()[1]
        assert process.returncode in (0, -signal.SIGKILL), stderr
        try:
            if process.returncode == 0:
                self.counts["after"] += 1
            else:
                self.counts["before" if _names(self.folder) == before else "at work"] += 1
            check_way_on(self.reference, self.folder, self.reference.state(self.folder))
        except Exception as exc:
            exc.add_note(f"{self.reference.scenario.name}, killed after {delay:.4f} s")
            raise
        shutil.rmtree(self.folder)


def _started(command: str, folder: Path) -> subprocess.Popen[bytes]:
    words = [str(PROGRAM), *shlex.split(command)]
    return subprocess.Popen(words, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def _wait_for_change(process: subprocess.Popen[bytes], before: frozenset[str], folder: Path) -> None:
    while process.poll() is None and _names(folder) == before:
        time.sleep(0.0005)


def _names(folder: Path) -> frozenset[str]:
    return frozenset(str(path) for path in folder.rglob("*"))
