"""Whether the engine `wasmtime` and `wasm-tools validate` say the same, of fixtures and of mutated binaries.

    python -m tests.campaign.agreement [--mutations N] [--seed N] [--jobs N] [--keep FOLDER]

It never says valid where `wasm-tools` says that a binary is not, but for what `KNOWN` lists; whatever else they differ
in is counted by its reason.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from enum import Enum
from functools import cache
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Final

from packaging_kit.engines.wasmtime import WasmtimeEngine
from packaging_kit.errors import UnavailableError, WasmFormatError
from packaging_kit.wasm.preamble import MAGIC
from tests.campaign.mutation import mutate
from tests.campaign.outcome import Outcome
from tests.conftest import FIXTURES
from tests.memory_binary import MemoryBinary
from tests.real.needs import need_tool
from tests.wasm_texts import COMPONENTS, CORE_MODULES, binary

MUTATIONS: Final = 20_000
MUTATIONS_OF_A_SLICE: Final = 150
JOBS: Final = 2
SEED: Final = 20261128

KNOWN: Final = {
    "type not valid to be used as import (at offset N)": "an import `(type (eq T))` of a `T` that is an export's: the "
    "parser in `wasmtime` 50 (wasmparser 0.261) lacks a rule that the one in `wasm-tools` 1.263 has",
}
"""Reasons of `wasm-tools` for which we say valid, and why."""

_SECONDS: Final = 60
_PER_TASK: Final = 100


class Kind(Enum):
    """How the two verdicts stand to each other."""

    BOTH_VALID = "both say valid"
    BOTH_INVALID = "both say invalid"
    MISSED = "`wasm-tools` alone says invalid"
    STRICTER = "we alone say invalid"
    NO_VERDICT = "the engine has no verdict"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of one binary.

    Attributes:
        name: of the binary.
        kind: how the verdicts stand to each other.
        reason: of the side that says invalid alone, without what is particular to the binary.
    """

    name: str
    kind: Kind
    reason: str = ""


def compare(name: str, data: bytes) -> Comparison:
    """Ask both about one binary."""
    theirs = _ask_wasm_tools(data)
    try:
        ours = _ask_us(data)
    except UnavailableError as exc:
        return Comparison(name, Kind.NO_VERDICT, _general(exc.message))
    if ours and theirs:
        return Comparison(name, Kind.BOTH_INVALID)
    if ours or theirs:
        return Comparison(name, Kind.STRICTER if ours else Kind.MISSED, _general(ours or theirs))
    return Comparison(name, Kind.BOTH_VALID)


def _ask_us(data: bytes) -> str:
    """The first defect; empty where there is none."""
    try:
        given = MemoryBinary(data)
    except WasmFormatError as exc:
        return f"{exc.code}: {exc.message}"
    defects = _engine().find_defects(given)
    for defect in defects:
        assert defect.offset is None or 0 <= defect.offset <= len(data), defect
        assert len(defect.message.splitlines()) == 1, defect
    return defects[0].message if defects else ""


@cache
def _engine() -> WasmtimeEngine:
    return WasmtimeEngine()


def _ask_wasm_tools(data: bytes) -> str:
    if not data.startswith(MAGIC):
        return "no binary"  # it would be taken for text
    command = [str(need_tool("wasm-tools")), "validate", "-"]
    environment = {"RUST_LOG": "off"}
    done = subprocess.run(command, input=data, capture_output=True, timeout=_SECONDS, env=environment, check=False)
    if done.returncode == 0:
        return ""
    message = done.stderr.decode(errors="replace")
    assert done.returncode == 1, f"`wasm-tools` failed: {message}"
    return message.partition("error: ")[2]


def _general(message: str) -> str:
    """What many messages have in common: no offset, no name, no number."""
    line = " ".join(message.split())
    return re.sub(r"\b(?:0x[0-9a-f]+|\d+)\b", "N", re.sub(r"`[^`]*`", "`…`", line))[:160]


@cache
def _sources() -> tuple[bytes, ...]:
    texts = (binary(wat) for wat in (*CORE_MODULES.values(), *COMPONENTS.values()))
    return tuple(dict.fromkeys((*(data for _, data in _iter_fixtures()), *texts)))


def _iter_fixtures() -> Iterator[tuple[str, bytes]]:
    for path in sorted(FIXTURES.rglob("*.wasm")):
        yield path.relative_to(FIXTURES).as_posix(), path.read_bytes()


def mutation(seed: int, number: int) -> bytes:
    """The mutated binary of this number."""
    return mutate(Random(f"{seed} {number}"), _sources())


def compare_fixtures() -> list[Comparison]:
    """Every fixture, and every text that the tests have."""
    texts = ((name, binary(wat)) for name, wat in chain(CORE_MODULES.items(), COMPONENTS.items()))
    return [compare(name, data) for name, data in chain(_iter_fixtures(), texts)]


def compare_mutations(seed: int, numbers: Iterable[int]) -> list[Comparison]:
    """Mutated binaries by their numbers."""
    return [compare(str(number), mutation(seed, number)) for number in numbers]


def _compare_all(seed: int, count: int, jobs: int) -> Iterator[Comparison]:
    ranges = [range(start, min(start + _PER_TASK, count)) for start in range(0, count, _PER_TASK)]
    if jobs == 1:
        yield from chain.from_iterable(compare_mutations(seed, each) for each in ranges)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for found in pool.map(compare_mutations, [seed] * len(ranges), ranges):
            yield from found


def run(seed: int, *, full: bool, folder: Path) -> list[Outcome]:
    """Every fixture, and 20,000 mutated binaries or a few of them."""
    count, jobs = (MUTATIONS, JOBS) if full else (MUTATIONS_OF_A_SLICE, 1)
    return [
        make_outcome("fixtures judged by `wasmtime` and `wasm-tools`", compare_fixtures()),
        make_outcome("mutated binaries judged by both", list(_compare_all(seed, count, jobs))),
    ]


def make_outcome(name: str, comparisons: Sequence[Comparison]) -> Outcome:
    """What they come to; none may be valid to us alone, but for reasons that are known."""
    missed = [each for each in comparisons if each.kind is Kind.MISSED and each.reason not in KNOWN]
    assert not missed, missed
    counts = Counter(each.kind for each in comparisons)
    parts = [f"{counts[kind]:,} {kind.value}" for kind in Kind]
    reasons = "; ".join(f"{count:,} {reason}" for (_, reason), count in _reasons(comparisons))
    return Outcome(name=name, tried=len(comparisons), result=", ".join(parts) + (f": {reasons}" if reasons else ""))


def _reasons(comparisons: Iterable[Comparison]) -> list[tuple[tuple[Kind, str], int]]:
    return Counter((each.kind, each.reason) for each in comparisons if each.reason).most_common()


def main() -> int:
    """Compare, and print a table; 1 where we took what `wasm-tools` refuses."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaign.agreement", description=main.__doc__)
    parser.add_argument("--mutations", type=int, default=MUTATIONS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--jobs", type=int, default=JOBS)
    parser.add_argument("--keep", type=Path, help="a folder for mutated binaries of which the two say different things")
    options = parser.parse_args()
    began = time.monotonic()
    fixtures = compare_fixtures()
    mutations = []
    for each in _compare_all(options.seed, options.mutations, options.jobs):
        mutations.append(each)
        if options.keep is not None and each.reason:
            options.keep.mkdir(parents=True, exist_ok=True)
            kept = options.keep / f"{each.kind.name.lower()}-{options.seed}-{each.name}.wasm"
            kept.write_bytes(mutation(options.seed, int(each.name)))
    _print_table(fixtures, mutations, f"seed {options.seed}, {time.monotonic() - began:.0f} s")
    return int(any(each.kind is Kind.MISSED and each.reason not in KNOWN for each in (*fixtures, *mutations)))


def _print_table(fixtures: Sequence[Comparison], mutations: Sequence[Comparison], what: str) -> None:
    print(f"| {what} | fixtures and texts | mutated binaries |\n|---|---:|---:|")
    counted = [Counter(each.kind for each in comparisons) for comparisons in (fixtures, mutations)]
    for kind in Kind:
        print(f"| {kind.value} | {counted[0][kind]:,} | {counted[1][kind]:,} |")
    print(f"| all | {len(fixtures):,} | {len(mutations):,} |")
    for (kind, reason), count in _reasons((*fixtures, *mutations)):
        names = [each.name for each in (*fixtures, *mutations) if (each.kind, each.reason) == (kind, reason)]
        print(f"\n{count:,} × {kind.value}: {reason} (first: {names[0]})", end="")
    print()


if __name__ == "__main__":
    sys.exit(main())
