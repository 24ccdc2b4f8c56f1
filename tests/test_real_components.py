"""Real components, judged by the real `wasm-tools` and run by `wasmtime`."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wasmtime
from wasmtime import component

import packaging_kit
from packaging_kit import Digest, Form, Input, LayoutPlace, Output, PackOptions, Settings
from packaging_kit.artifact.unpack import find_component
from packaging_kit.oci.wasm_config import ComponentConfig, parse_wasm_config
from packaging_kit.operations.inspect import inspect_file
from tests.conftest import FIXTURES
from tests.real import components
from tests.real.needs import need_component, need_tool

REAL = FIXTURES / "real"
NAMES = ("rust", "c", "composed", *components.NAMES)
TAG = "v"


@pytest.fixture(params=NAMES)
def real(request: pytest.FixtureRequest) -> Path:
    """One real component: committed small ones, and big ones that are built here."""
    name: str = request.param
    return need_component(name) if name in components.NAMES else REAL / f"{name}.wasm"


def wasm_tools(*arguments: str | Path) -> str:
    command = [need_tool("wasm-tools"), *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def pack(path: Path, folder: Path, form: Form) -> LayoutPlace:
    packaging_kit.pack([Input(name=str(path))], LayoutPlace(folder=folder), PackOptions(form=form, tag=TAG), Settings())
    return LayoutPlace(folder=folder, tag=TAG)


def unpack(place: LayoutPlace, path: Path) -> Path:
    packaging_kit.unpack(place, Output(name=str(path)), Settings())
    return path


@pytest.mark.parametrize("form", Form)
def test_every_form_gives_the_bytes_back(real: Path, form: Form, tmp_path: Path) -> None:
    place = pack(real, tmp_path / "layout", form)

    back = unpack(place, tmp_path / "back.wasm")

    assert back.read_bytes() == real.read_bytes()


def test_split_restores_the_manifest_and_config_of_the_whole(real: Path, tmp_path: Path) -> None:
    stored = []
    for form in (Form.WHOLE, Form.SPLIT):
        place = pack(real, tmp_path / form.value, form)
        store = packaging_kit.LayoutStore.open(place.folder)
        stored.append(find_component(store, store.find(TAG)))

    whole, split = stored
    assert split.root is not None
    assert (split.manifest.raw, split.config) == (whole.manifest.raw, whole.config)


def test_split_is_smaller_than_what_it_stands_for_by_nothing_but_shared_modules(real: Path, tmp_path: Path) -> None:
    place = pack(real, tmp_path / "layout", Form.SPLIT)

    stored = sum(path.stat().st_size for path in (place.folder / "blobs").rglob("*") if path.is_file())

    assert stored < real.stat().st_size + 64 * 1024


def test_what_is_reassembled_passes_wasm_tools_validate(real: Path, tmp_path: Path) -> None:
    back = unpack(pack(real, tmp_path / "layout", Form.SPLIT), tmp_path / "back.wasm")

    wasm_tools("validate", "--features", "all", back)


def nested_ranges(document: dict[str, Any]) -> Iterator[tuple[str, int, int, str | None]]:
    """Kind, start, end and name of everything in `metadata show --json`, in binary order."""
    pending = [document]
    while pending:
        node = pending.pop()
        ((kind, value),) = node.items()
        metadata = value["metadata"] if kind == "component" else value
        yield kind, metadata["range"]["start"], metadata["range"]["end"], metadata["name"]
        pending += reversed(value.get("children") or [])


def test_modules_and_components_stand_where_wasm_tools_sees_them(real: Path) -> None:
    expected = list(nested_ranges(json.loads(wasm_tools("metadata", "show", "--json", real))))

    nodes = inspect_file(Input(name=str(real)), Settings()).nodes

    assert [(node.kind, node.offset, node.offset + node.size, node.name) for node in nodes] == expected


def test_modules_are_those_that_unbundle_takes_out(real: Path, tmp_path: Path) -> None:
    modules = tmp_path / "modules"
    modules.mkdir()
    wasm_tools(
        "component", "unbundle", "--threshold", "4095", "--module-dir", modules, real, "-o", tmp_path / "rest.wasm"
    )

    exploded = packaging_kit.explode(real.read_bytes())

    expected = {Digest.of(path.read_bytes()) for path in modules.iterdir()}
    assert {module.digest for module in exploded.core_modules} == expected


def seen_by_wit(path: Path) -> tuple[set[str], set[str]]:
    """Imports and exports of the world that `wasm-tools component wit` prints."""
    world = re.search(r"world root \{(.*?)\n\}", wasm_tools("component", "wit", path), re.DOTALL)
    assert world is not None
    found: dict[str, set[str]] = {"import": set(), "export": set()}
    for word, name in re.findall(r"^  (import|export) (.*?);?$", world[1], re.MULTILINE):
        # `name: func(...)` and `name: interface {` are plain names; all else is an interface's id.
        found[word].add(re.split(r": (?=func|async|interface)", name)[0])
    return found["import"], found["export"]


def test_config_lists_the_names_that_wasm_tools_sees(real: Path, tmp_path: Path) -> None:
    place = pack(real, tmp_path / "layout", Form.WHOLE)
    store = packaging_kit.LayoutStore.open(place.folder)

    config = parse_wasm_config(find_component(store, store.find(TAG)).config).value.component

    assert isinstance(config, ComponentConfig)
    assert (set(config.imports), set(config.exports)) == seen_by_wit(real)


@pytest.mark.parametrize("name", ["python-greeter", "javascript-greeter"])
def test_reassembled_component_compiles_and_runs(name: str, tmp_path: Path) -> None:
    back = unpack(pack(need_component(name), tmp_path / "layout", Form.SPLIT), tmp_path / "back.wasm")

    greeting = call_greet(back, "byte for byte")

    assert "byte for byte" in greeting


def call_greet(path: Path, whom: str) -> str:
    engine = wasmtime.Engine()
    linker = component.Linker(engine)
    linker.add_wasip2()
    linker.add_wasi_http()
    store = wasmtime.Store(engine)
    store.set_wasi(wasmtime.WasiConfig())
    store.set_wasi_http()
    instance = linker.instantiate(store, component.Component.from_file(engine, str(path)))
    interface = instance.get_export_index(store, "example:greeter/greet@1.0.0")
    index = instance.get_export_index(store, "greet", interface)
    assert index is not None
    function = instance.get_func(store, index)
    assert function is not None
    return str(function(store, whom))


def test_nested_component_has_the_root_that_it_has_alone() -> None:
    alone = {packaging_kit.explode((REAL / f"{name}.wasm").read_bytes()).root for name in ("rust", "c")}

    composed = packaging_kit.explode((REAL / "composed.wasm").read_bytes())

    assert alone <= {fragment.digest for fragment in composed.components}


def test_composition_beside_its_parts_adds_only_its_own_skeleton_and_documents(tmp_path: Path) -> None:
    def stored() -> int:
        return sum(path.stat().st_size for path in (tmp_path / "layout" / "blobs").rglob("*") if path.is_file())

    for name in ("rust", "c"):
        packaging_kit.pack(
            [Input(name=str(REAL / f"{name}.wasm"))],
            LayoutPlace(folder=tmp_path / "layout"),
            PackOptions(form=Form.SPLIT),
            Settings(),
        )
    before = stored()
    packaging_kit.pack(
        [Input(name=str(REAL / "composed.wasm"))],
        LayoutPlace(folder=tmp_path / "layout"),
        PackOptions(form=Form.SPLIT),
        Settings(),
    )

    assert stored() - before < 10_000
