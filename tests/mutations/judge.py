"""Judging a mutant: the table is run against it in a process of its own, up to the first case that fails.

Nothing is written into the source tree: the process imports `packaging_kit.validate` anew, one module of it changed.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.util
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final, Protocol

from tests.mutations.mutants import Mutant

SECONDS: Final = 60.0
"""After which a mutant is taken to run forever, which the table notices too."""

_AFRESH: Final = ("packaging_kit.validate", "tests.bad_documents", "tests.mutations.beside")


class Check(Protocol):
    """What can fail: a case of the table, or what stands beside it."""

    @property
    def name(self) -> str: ...

    def miss(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a mutant; `killer` is the case that failed, `None` where none did."""

    mutant: Mutant
    killer: str | None

    @property
    def is_killed(self) -> bool:
        return self.killer is not None


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds one module, and gives its mutant."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(name, self) if name == self._mutant.module else None

    def exec_module(self, module: ModuleType) -> None:
        exec(self._mutant.compile(), module.__dict__)


def import_afresh(mutant: Mutant | None) -> tuple[Check, ...]:
    """All that can fail, over the package with this change; what was imported of both before is forgotten."""
    for name in [name for name in sys.modules if name.startswith(_AFRESH)]:
        del sys.modules[name]
    if mutant is not None:
        sys.meta_path.insert(0, _Changed(mutant))
    table = importlib.import_module("tests.bad_documents")
    beside = importlib.import_module("tests.mutations.beside")
    return *table.CASES, *beside.CHECKS


def time_cases() -> tuple[str, ...]:
    """The names of all cases, the quickest first; raises where one fails without any mutant."""
    seconds: dict[str, float] = {}
    for each in import_afresh(None):
        start = time.perf_counter()
        missed = each.miss()
        seconds[each.name] = time.perf_counter() - start
        if missed is not None:
            raise RuntimeError(f"{each.name}: {missed}")
    return tuple(sorted(seconds, key=lambda name: seconds[name]))


def judge(mutant: Mutant, order: Sequence[str], *, seconds: float = SECONDS) -> Verdict:
    """Run the cases, in this order, against a mutant."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _run_child(mutant, order, writer)
    os.close(writer)
    try:
        said = _read(reader, seconds)
    finally:
        os.close(reader)
        if said is None:
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return Verdict(mutant, "it runs forever" if said is None else said or None)


def _read(reader: int, seconds: float) -> str | None:
    """All that the child says; `None` where it takes too long."""
    said = b""
    end = time.monotonic() + seconds
    while select.select([reader], [], [], max(0.0, end - time.monotonic()))[0]:
        piece = os.read(reader, 1 << 16)
        if not piece:
            return said.decode()
        said += piece
    return None


def _run_child(mutant: Mutant, order: Sequence[str], writer: int) -> None:
    """Say which case fails, nothing where none does, and end."""
    try:
        os.write(writer, (_first_failure(mutant, order) or "").encode())
    except BaseException:  # noqa: BLE001 - nothing may come back into the parent's code
        traceback.print_exc()
        os.write(writer, b"the run itself failed")
    finally:
        os._exit(0)


def _first_failure(mutant: Mutant, order: Sequence[str]) -> str | None:
    try:
        cases = {each.name: each for each in import_afresh(mutant)}
    except Exception as exc:  # noqa: BLE001 - whatever it is, the mutant is dead
        return f"importing it: {type(exc).__name__}"
    for name in order:
        try:
            missed = cases[name].miss()
        except Exception:  # noqa: BLE001 - whatever it is, the case has failed
            return name
        if missed is not None:
            return name
    return None
