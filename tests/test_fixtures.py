"""Every committed fixture has the outcome that is written beside it, and is what its source makes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fixtures import compiled
from packaging_kit.artifact.unpack import find_component
from packaging_kit.errors import PackagingKitError
from packaging_kit.fragments.explode import explode
from packaging_kit.fragments.reassemble import reassemble
from packaging_kit.oci.wasm_config import ComponentConfig, parse_wasm_config
from packaging_kit.operations.inputs import Input
from packaging_kit.operations.inspect import inspect_file
from packaging_kit.operations.pack import PackOptions, pack
from packaging_kit.operations.places import LayoutPlace
from packaging_kit.operations.settings import Settings
from packaging_kit.stores.layout import LayoutStore
from tests.conftest import FIXTURES, REPOSITORY
from tests.real.needs import lacking

Json = Any

LISTED: dict[str, Json] = {
    entry["name"]: entry for entry in json.loads((FIXTURES / "manifest.json").read_text())["fixtures"]
}
WANTED = {name: entry["expected"] for name, entry in LISTED.items()}
SPLIT = [name for name, want in WANTED.items() if want["explode"] == "ok"]
PACKED = [name for name, want in WANTED.items() if want["pack"] == "ok"]
NAMED = [name for name in PACKED if "imports" in WANTED[name]]
ANNOTATED = [name for name in PACKED if "annotations" in WANTED[name]]
KINDS = {"module": "core-module"}


def _packed(name: str, folder: Path) -> LayoutStore:
    pack([Input(name=str(FIXTURES / name))], LayoutPlace(folder=folder / "layout"), PackOptions(tag="v"), Settings())
    return LayoutStore.open(folder / "layout")


def _code(work: Callable[[], object]) -> str:
    try:
        work()
    except PackagingKitError as exc:
        return exc.code
    return "ok"


@pytest.mark.parametrize("name", LISTED)
def test_fixture_has_the_listed_digest_and_size(name: str) -> None:
    data = (FIXTURES / name).read_bytes()

    if WANTED[name]["explode"] == "ok":
        assert (explode(data).digest.value, explode(data).size) == (LISTED[name]["digest"], LISTED[name]["size"])
    assert len(data) == LISTED[name]["size"]


@pytest.mark.parametrize("name", LISTED)
def test_exploding_has_the_listed_outcome(name: str) -> None:
    data = (FIXTURES / name).read_bytes()

    assert _code(lambda: explode(data)) == WANTED[name]["explode"]


@pytest.mark.parametrize("name", LISTED)
def test_packing_has_the_listed_outcome(name: str, tmp_path: Path) -> None:
    assert _code(lambda: _packed(name, tmp_path)) == WANTED[name]["pack"]


@pytest.mark.parametrize("name", SPLIT)
def test_split_has_the_listed_numbers_of_fragments(name: str) -> None:
    exploded = explode((FIXTURES / name).read_bytes())
    got = {"core_modules": len(exploded.core_modules), "components": len(exploded.components)}

    assert got == {key: WANTED[name][key] for key in got}


@pytest.mark.parametrize("name", SPLIT)
def test_split_gives_the_fixture_back(name: str) -> None:
    data = (FIXTURES / name).read_bytes()
    exploded = explode(data)

    assert b"".join(reassemble(exploded.root, exploded)) == data


@pytest.mark.parametrize("name", SPLIT)
def test_inspecting_tells_the_listed_kind(name: str) -> None:
    inspection = inspect_file(Input(name=str(FIXTURES / name)), Settings())

    assert KINDS.get(inspection.kind, inspection.kind) == WANTED[name]["kind"]


@pytest.mark.parametrize("name", NAMED)
def test_config_lists_the_imports_and_exports(name: str, tmp_path: Path) -> None:
    store = _packed(name, tmp_path)
    config = parse_wasm_config(find_component(store, store.find("v")).config).value

    assert config.component == ComponentConfig(
        imports=tuple(WANTED[name]["imports"]), exports=tuple(WANTED[name]["exports"])
    )


@pytest.mark.parametrize("name", [name for name in PACKED if name not in NAMED])
def test_config_of_a_core_module_has_no_component(name: str, tmp_path: Path) -> None:
    store = _packed(name, tmp_path)
    config = parse_wasm_config(find_component(store, store.find("v")).config).value

    assert (config.os, config.component) == ("wasip1", None)


@pytest.mark.parametrize("name", ANNOTATED)
def test_manifest_has_the_listed_annotations(name: str, tmp_path: Path) -> None:
    store = _packed(name, tmp_path)
    manifest = find_component(store, store.find("v")).manifest.value

    assert dict(manifest.annotations) == WANTED[name]["annotations"]


def test_nested_components_of_the_composed_fixture_have_the_roots_of_the_published_ones() -> None:
    composed = explode((FIXTURES / "real" / "composed.wasm").read_bytes())
    parts = {explode((FIXTURES / "real" / f"{name}.wasm").read_bytes()).root for name in ("rust", "c")}

    assert parts <= {fragment.digest for fragment in composed.components}


def _build(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fixtures.build", "--check", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=False)


def test_building_the_fixtures_again_makes_no_difference() -> None:
    result = _build()

    assert (result.returncode, result.stdout.rpartition(", ")[2]) == (0, "0 different\n"), result.stderr


def test_building_the_compiled_fixtures_again_makes_no_difference() -> None:
    if (reason := compiled.why_no_real()) is not None:
        lacking(reason)

    result = _build("--real")

    assert (result.returncode, result.stdout.rpartition(", ")[2]) == (0, "0 different\n"), result.stderr
