"""The example in its process, for every test of this folder."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.gate.serving import EXAMPLES, FILES, Gate, serve
from tests.test_registry_clients import Bench


@pytest.fixture(scope="module")
def example() -> Iterator[ModuleType]:
    """The example, imported as it is where it is run: with its own folder first on the path."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        yield importlib.import_module("upload_gate")
    finally:
        sys.path.remove(str(EXAMPLES))
        for name in FILES:
            sys.modules.pop(name, None)


@pytest.fixture
def gate(example: ModuleType, tmp_path: Path) -> Iterator[Gate]:
    yield from serve(example.GateServer(tmp_path / "gate"), tmp_path / "gate")


@pytest.fixture
def bench(gate: Gate, tmp_path: Path) -> Bench:
    return Bench(gate.host, tmp_path)
