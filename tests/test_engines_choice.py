"""Choosing an engine, and the features that people write for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packaging_kit.engines.choice import EngineChoice, choose_engine, parse_features
from packaging_kit.engines.wasm_tools import WasmToolsEngine
from packaging_kit.errors import RequestError, UnavailableError
from packaging_kit.validate.engine import Engine
from tests.conftest import REPOSITORY
from tests.real.needs import need_tool

ENVIRONMENT = {"PATH": os.defpath, "VERSION": "1.2.3"}


def make_tool(folder: Path, answer: str = "echo wasm-tools 1.263.0") -> Path:
    """A program that is called `wasm-tools`, and does nothing but answer."""
    folder.mkdir(parents=True, exist_ok=True)
    tool = folder / "wasm-tools"
    tool.write_text(f"#!/bin/sh\n{answer}\n")
    tool.chmod(0o755)
    return tool


def choose(
    name: EngineChoice | str,
    *,
    executable: Path | None = None,
    search_path: Path | None = None,
    features: tuple[str, ...] = (),
) -> Engine | None:
    return choose_engine(
        name,
        executable=executable,
        search_path=None if search_path is None else str(search_path),
        features=features,
        time_limit=10,
        environment=ENVIRONMENT,
    )


def name_of(engine: Engine | None) -> str | None:
    return None if engine is None else engine.identify().name


@pytest.mark.parametrize("name", ["none", EngineChoice.NONE])
def test_none_is_no_engine_whatever_is_there(name: EngineChoice | str, tmp_path: Path) -> None:
    tool = make_tool(tmp_path, "exit 1")

    assert choose(name, executable=tool, search_path=tmp_path) is None


@pytest.mark.parametrize("name", ["auto", "wasm-tools", EngineChoice.AUTO, EngineChoice.WASM_TOOLS])
def test_wasm_tools_is_taken_where_it_is_on_the_path(name: EngineChoice | str, tmp_path: Path) -> None:
    make_tool(tmp_path)
    engine = choose(name, search_path=tmp_path, features=("+gc",))

    assert engine is not None
    assert engine.identify().to_json() == {"name": "wasm-tools", "version": "1.263.0", "features": ["+gc"]}


@pytest.mark.parametrize("name", ["auto", "wasm-tools"])
def test_executable_that_is_set_comes_before_the_path(name: str, tmp_path: Path) -> None:
    make_tool(tmp_path / "bin")
    tool = make_tool(tmp_path / "set", 'echo "wasm-tools $VERSION"')
    engine = choose(name, executable=tool, search_path=tmp_path / "bin")

    assert engine is not None
    assert engine.identify().version == "1.2.3"


def test_wasm_tools_that_was_chosen_has_shown_what_it_is_and_is_not_asked_again(tmp_path: Path) -> None:
    engine = choose("wasm-tools", executable=make_tool(tmp_path))
    (tmp_path / "wasm-tools").unlink()

    assert engine is not None
    assert engine.identify().version == "1.263.0"


@pytest.mark.parametrize("name", ["auto", "wasm-tools"])
def test_executable_that_is_set_and_is_not_the_real_one_is_never_passed_over(name: str, tmp_path: Path) -> None:
    make_tool(tmp_path / "bin")
    tool = make_tool(tmp_path / "set", "echo usage")
    with pytest.raises(UnavailableError, match="says `usage`") as caught:
        choose(name, executable=tool, search_path=tmp_path / "bin")

    assert caught.value.code == "engine-missing"


def test_wasm_tools_that_is_not_there_is_missing_though_wasmtime_is(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError) as caught:
        choose("wasm-tools", search_path=tmp_path)

    assert (caught.value.code, caught.value.message) == ("engine-missing", "`wasm-tools` is not on PATH")


def test_auto_is_wasmtime_where_wasm_tools_is_not_there(tmp_path: Path) -> None:
    assert name_of(choose("auto", search_path=tmp_path)) == "wasmtime"


def test_auto_is_wasmtime_where_only_a_look_alike_is_on_the_path(tmp_path: Path) -> None:
    make_tool(tmp_path, "echo usage")

    assert name_of(choose("auto", search_path=tmp_path)) == "wasmtime"


def test_auto_does_not_pass_over_a_system_that_starts_no_program(tmp_path: Path) -> None:
    make_tool(tmp_path)
    more_than_it_takes = {"MORE": "x" * (8 << 20)}
    with pytest.raises(UnavailableError) as caught:
        choose_engine(
            "auto",
            executable=None,
            search_path=str(tmp_path),
            features=(),
            time_limit=10,
            environment=more_than_it_takes,
        )

    assert caught.value.code == "engine-failed"


def test_wasmtime_is_taken_where_it_is_asked_for(tmp_path: Path) -> None:
    tool = make_tool(tmp_path)

    assert name_of(choose("wasmtime", executable=tool, search_path=tmp_path)) == "wasmtime"


def without_wasmtime(name: str, search_path: Path) -> str:
    """What choosing comes to in an interpreter that has no packages but ours."""
    script = (
        "import sys\n"
        "from packaging_kit.engines.choice import choose_engine\n"
        "from packaging_kit.errors import PackagingKitError\n"
        "try:\n"
        "    given = dict(features=(), time_limit=10, environment={'PATH': sys.argv[3]})\n"
        "    engine = choose_engine(sys.argv[1], executable=None, search_path=sys.argv[2], **given)\n"
        "    print(engine.identify().name)\n"
        "except PackagingKitError as error:\n"
        "    print(error.code, error.message, error.hint, sep='\\n')\n"
    )
    result = subprocess.run(
        [sys.executable, "-S", "-c", script, name, str(search_path), os.defpath],
        env={"PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        check=True,
        text=True,
    )
    return result.stdout


def test_wasmtime_that_is_not_installed_is_missing(tmp_path: Path) -> None:
    code, message, hint = without_wasmtime("wasmtime", tmp_path).splitlines()

    assert (code, message) == ("engine-missing", "the engine `wasmtime` can't be imported")
    assert "pip install wasmtime" in hint


def test_auto_names_both_engines_and_what_it_found_where_neither_is_there(tmp_path: Path) -> None:
    make_tool(tmp_path, "echo usage")
    code, message, hint = without_wasmtime("auto", tmp_path).splitlines()

    assert code == "engine-missing"
    assert message.startswith("neither the engine `wasm-tools` nor the engine `wasmtime` is there: ")
    assert f"`{tmp_path / 'wasm-tools'}` is not the `wasm-tools` that is wanted" in message
    assert ("cargo install --locked wasm-tools" in hint, "pip install wasmtime" in hint) == (True, True)


def test_auto_needs_no_wasmtime_where_wasm_tools_is_there(tmp_path: Path) -> None:
    make_tool(tmp_path)

    assert without_wasmtime("auto", tmp_path) == "wasm-tools\n"


def test_wasmtime_is_not_imported_where_it_is_not_taken(tmp_path: Path) -> None:
    make_tool(tmp_path)
    script = (
        "import sys\n"
        "from packaging_kit.engines.choice import choose_engine\n"
        "choose_engine('auto', executable=None, search_path=sys.argv[1], features=(), time_limit=10, environment={})\n"
        "print('wasmtime' in sys.modules)\n"
    )
    result = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, check=True, text=True)

    assert result.stdout == "False\n"


@pytest.mark.parametrize("name", ["", "Auto", "wasm_tools", "wasmtime ", "all"])
def test_name_of_no_engine_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(RequestError, match="there is no engine") as caught:
        choose(name)

    assert caught.value.code == "engine-unknown"
    assert caught.value.hint == "one of `auto`, `wasm-tools`, `wasmtime`, `none`"


def test_real_wasm_tools_is_what_auto_takes() -> None:
    real = need_tool("wasm-tools")

    assert isinstance(choose("auto", search_path=real.parent), WasmToolsEngine)


# Features.


@pytest.mark.parametrize(
    ("text", "features"),
    [
        ("", ()),
        ("gc", ("+gc",)),
        ("+gc", ("+gc",)),
        ("gc,-threads,+cm-async,all", ("+gc", "-threads", "+cm-async", "+all")),
        ("-all,wasm2,-simd,simd", ("-all", "+wasm2", "-simd", "+simd")),
    ],
)
def test_features_are_read_in_order_with_their_signs(text: str, features: tuple[str, ...]) -> None:
    assert parse_features(text) == features


@pytest.mark.parametrize(
    "text", [",", "gc,", ",gc", "gc,,simd", " gc", "gc, simd", "+", "-", "--gc", "gc=1", "gc;ls", "gc\n", "gc\0", "$gc"]
)
def test_text_that_is_no_list_of_features_is_refused(text: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_features(text)

    assert caught.value.code == "engine-feature-unknown"


@given(st.text() | st.text("+-,g", max_size=8))
def test_any_text_gives_features_that_an_engine_takes_or_our_error(text: str) -> None:
    try:
        features = parse_features(text)
    except RequestError:
        return

    assert ",".join(features) == with_plus(text)
    WasmToolsEngine(Path("wasm-tools"), features=features)


def with_plus(text: str) -> str:
    return ",".join(name if name[:1] in ("+", "-", "") else f"+{name}" for name in text.split(","))
