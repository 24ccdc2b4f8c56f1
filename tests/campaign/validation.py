"""Whether any upload, however changed, gives a report or a typed error, soon, and in little memory.

python -m tests.campaign.validation [--mutations N] [--seed N] [--jobs N] [--replay NUMBER]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Final

from jsonschema import Draft202012Validator

from packaging_kit.errors import PackagingKitError
from packaging_kit.oci.media_types import IMAGE_INDEX, IMAGE_MANIFEST
from packaging_kit.schemas import load_schema
from packaging_kit.validate.catalog import CODES
from packaging_kit.validate.policy import Policy
from packaging_kit.validate.report import Profile, Report
from packaging_kit.validate.upload import validate_binary, validate_upload
from tests.campaign.outcome import Outcome
from tests.campaign.uploads import Blobs, Upload, change, choose

MUTATIONS: Final = 200_000
MUTATIONS_OF_A_SLICE: Final = 600
JOBS: Final = 2
SEED: Final = 20261129
SECONDS: Final = 2.0
MEMORY: Final = 100_000_000

_PER_TASK: Final = 250
_LOOK_CLOSELY: Final = 20  # one of so many is validated twice, and its report held against the schema
_STATUS: Final = Path("/proc/self/status")
_RESET: Final = Path("/proc/self/clear_refs")

POLICY: Final = Policy(
    max_whole_size=50_000,
    max_module_size=5000,
    max_manifest_size=800,
    max_modules=2,
    required_annotations=("org.opencontainers.image.source",),
    allowed_imports=("wasi:*", "a:*/b*"),
    denied_imports=("wasi:sockets/*",),
    allowed_licenses=("MIT", "Apache-2.0"),
    semantic_tags=True,
    allowed_created=("1970-01-01T00:00:00Z",),
    split_required=True,
)


@dataclass(slots=True)
class Tally:
    """What came of some mutations.

    Attributes:
        counts: clean, with problems, by the code of a typed error; and by the code of each problem.
        failures: a line for each mutation that must not be.
        seconds: that the longest took, and its number.
        memory: bytes that the largest took beyond what the process had, and its number.
    """

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    seconds: tuple[float, int] = (0.0, -1)
    memory: tuple[int, int] = (0, -1)

    def add(self, other: Tally) -> None:
        self.counts += other.counts
        self.failures += other.failures
        self.seconds = max(self.seconds, other.seconds)
        self.memory = max(self.memory, other.memory)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A mutated upload, and how it is validated."""

    upload: Upload
    profile: Profile
    policy: Policy | None
    media_type: str
    tag: str | None

    def validate(self) -> Report:
        """Validate it once."""
        upload = self.upload
        if not upload.media_type:
            return validate_binary(upload.top, self.policy, profile=self.profile)
        return validate_upload(
            upload.top,
            self.media_type,
            Blobs(upload.blobs),
            self.policy,
            profile=self.profile,
            tag=self.tag,
            referrers=upload.referrers,
        )


def make_case(seed: int, number: int) -> Case:
    """The case of this number."""
    random = Random(f"{seed} {number}")
    upload = change(random, choose(random))
    others = (IMAGE_MANIFEST, IMAGE_INDEX, "application/json", "")
    return Case(
        upload=upload,
        profile=random.choice((Profile.CNCF, Profile.CNCF, *Profile)),
        policy=random.choice((None, None, POLICY)),
        media_type=random.choice(others) if random.random() < 0.05 else upload.media_type,
        tag=random.choice((None, "1.0.0", "latest", "1.0.0_a")),
    )


def try_all(seed: int, numbers: Iterable[int]) -> Tally:
    """Validate the cases of these numbers."""
    tally = Tally()
    for number in numbers:
        try:
            _try_one(make_case(seed, number), number, tally)
        except Exception:  # noqa: BLE001 - what must not be is told with all others
            last = traceback.format_exc().strip().splitlines()[-1]
            tally.failures.append(f"{number}: {last[:300]}")
    return tally


def _try_one(case: Case, number: int, tally: Tally) -> None:
    seconds, memory, result = _measure(case)
    if seconds > SECONDS:
        seconds, memory, result = min(_measure(case), (seconds, memory, result), key=lambda taken: taken[0])
    tally.seconds = max(tally.seconds, (seconds, number))
    tally.memory = max(tally.memory, (memory, number))
    assert seconds < SECONDS, f"it took {seconds:.1f} s"
    assert memory < MEMORY, f"it took {memory:,} bytes"
    if isinstance(result, PackagingKitError):
        tally.counts[f"error {result.code}"] += 1
        return
    tally.counts["clean" if result.is_clean else "with problems"] += 1
    tally.counts.update({f"problem {problem.code}" for problem in result.problems})
    _check(case, result, closely=number % _LOOK_CLOSELY == 0)


def _check(case: Case, report: Report, *, closely: bool) -> None:
    """What holds of every report."""
    document = report.to_json()
    assert json.loads(json.dumps(document)) == document
    assert all(problem.code in CODES and problem.message for problem in report.problems)
    size = sum(map(len, (case.upload.top, *case.upload.blobs.values()))) + sum(
        each.whole.size for each in report.binaries
    )
    assert all(0 <= (problem.where.offset or 0) <= size for problem in report.problems)
    if closely:
        _validator().validate(document)
        assert case.validate() == report


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(load_schema("report"))


def _measure(case: Case) -> tuple[float, int, Report | PackagingKitError]:
    """Seconds, bytes of memory beyond what there was, and what came of it."""
    before = _memory("VmRSS:", reset=True)
    began = time.process_time()
    result: Report | PackagingKitError
    try:
        result = case.validate()
    except PackagingKitError as exc:
        result = exc
    return time.process_time() - began, max(_memory("VmHWM:") - before, 0), result


def _memory(name: str, *, reset: bool = False) -> int:
    """A figure of this process; where there is none, nothing is said of memory."""
    if not _STATUS.exists():
        return 0
    if reset:
        _RESET.write_text("5")  # the peak begins anew
    (line,) = (line for line in _STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) << 10


def _iter_tallies(seed: int, count: int, jobs: int) -> Iterator[Tally]:
    ranges = [range(start, min(start + _PER_TASK, count)) for start in range(0, count, _PER_TASK)]
    if jobs == 1:
        yield from (try_all(seed, each) for each in ranges)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(try_all, [seed] * len(ranges), ranges)


def run(seed: int, *, full: bool, folder: Path) -> list[Outcome]:
    """Two hundred thousand mutations, or a few of them."""
    count, jobs = (MUTATIONS, JOBS) if full else (MUTATIONS_OF_A_SLICE, 1)
    tally = Tally()
    for each in _iter_tallies(seed, count, jobs):
        tally.add(each)
    assert not tally.failures, "\n".join(tally.failures)
    return [Outcome(name="mutated uploads and binaries validated", tried=count, result=describe(tally))]


def describe(tally: Tally) -> str:
    """What they came to, in a line."""
    problems = [code for code in tally.counts if code.startswith("problem ")]
    errors = sum(count for code, count in tally.counts.items() if code.startswith("error "))
    return (
        f"{tally.counts['clean']:,} clean, {tally.counts['with problems']:,} with problems of {len(problems)} codes, "
        f"{errors:,} typed errors, no other; the longest took {tally.seconds[0]:.2f} s, "
        f"the largest {tally.memory[0] / 1e6:.0f} MB"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Validate mutations, and say what came of them; 1 where one must not be."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign.validation", description=main.__doc__)
    parser.add_argument("--mutations", type=int, default=MUTATIONS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--jobs", type=int, default=JOBS)
    parser.add_argument("--replay", type=int, help="the number of one that failed")
    options = parser.parse_args(arguments)
    if options.replay is not None:
        tally = Tally()
        _try_one(make_case(options.seed, options.replay), options.replay, tally)
        print(describe(tally))
        return 0
    began = time.monotonic()
    tally = Tally()
    for each in _iter_tallies(options.seed, options.mutations, options.jobs):
        tally.add(each)
        for line in each.failures:
            print(f"failed: --seed {options.seed} --replay {line}", flush=True)
    print(f"{options.mutations:,} mutations, seed {options.seed}, {time.monotonic() - began:.0f} s: {describe(tally)}")
    print(f"longest: --replay {tally.seconds[1]}; largest: --replay {tally.memory[1]}; {len(tally.failures)} failed")
    for name in sorted({*tally.counts, *(f"problem {code}" for code in CODES)}):
        print(f"| {name} | {tally.counts[name]:,} |")
    return int(bool(tally.failures))


if __name__ == "__main__":
    sys.exit(main())
