"""The engine `wasm-tools`: the real tool over good and bad binaries, and programs in its place that misbehave."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packaging_kit.engines.messages import MAX_MESSAGE_SIZE
from packaging_kit.engines.processes import MAX_OUTPUT_SIZE, Program
from packaging_kit.engines.wasm_tools import WasmToolsEngine, find_wasm_tools, parse_defect, probe
from packaging_kit.errors import ContentError, NotFoundError, PackagingKitError, RequestError, UnavailableError
from packaging_kit.fragments.exploded import Exploded, Fragment
from packaging_kit.validate.engine import Binary, Defect
from packaging_kit.wasm.preamble import Kind
from tests.conftest import FIXTURES, SEEDS
from tests.real.needs import need_tool
from tests.strategies import COMPONENT, CORE_MODULE, almost_wasm, component, custom, section, text, vector

VALID = CORE_MODULE
LARGE = CORE_MODULE + custom("filler", bytes(3 << 20))
"""More than a pipe holds."""
PATIENCE = 20.0
"""Seconds in which every fault has to be over."""


@dataclass(slots=True)
class Given(Binary):
    """Bytes as a binary; it counts the pieces that it gave."""

    data: bytes
    piece_size: int = 1 << 20
    error: PackagingKitError | None = None
    pause: float = 0
    given: int = 0
    kind: Kind = field(init=False, default=Kind.COMPONENT)
    exploded: Exploded | None = field(init=False, default=None)

    @property
    def size(self) -> int:
        return len(self.data)

    def iter_whole(self) -> Iterator[bytes]:
        for start in range(0, len(self.data), self.piece_size):
            self.given += 1
            yield self.data[start : start + self.piece_size]
            time.sleep(self.pause)
        if self.error is not None:
            raise self.error

    def iter_module(self, module: Fragment) -> Iterator[bytes]:
        raise NotFoundError("fragment-missing", "there are no modules here")


@pytest.fixture(scope="module")
def real() -> Path:
    return need_tool("wasm-tools")


@pytest.fixture(scope="module")
def engine(real: Path) -> WasmToolsEngine:
    return WasmToolsEngine(real)


def fixtures() -> list[Path]:
    return sorted(path for path in FIXTURES.rglob("*") if path.suffix in (".wasm", ".bad", ".skeleton"))


def says_valid(tool: Path, folder: Path, data: bytes) -> bool:
    """What the tool itself says of a file."""
    file = folder / "asked.wasm"
    file.write_bytes(data)
    return subprocess.run([tool, "validate", file], capture_output=True, check=False).returncode == 0


# What the real one finds.


def with_bad_body() -> bytes:
    """A core module whose only function holds the opcode 0x1d, which is none."""
    body = b"\x00\x1d\x0b"
    return CORE_MODULE + section(1, b"\x01\x60\0\0") + section(3, b"\x01\x00") + section(10, vector(b"\x03" + body))


def imports(name: str) -> bytes:
    """A component that imports a component type's function under a name."""
    return component(
        section(7, vector(b"\x40" + vector() + b"\x01\0")), section(10, vector(b"\0" + text(name) + b"\x01\0"))
    )


def test_valid_binaries_have_no_defects(engine: WasmToolsEngine) -> None:
    names = ("nested-components", "core-module", "big-module", "several-sections")
    found = [engine.find_defects(Given((FIXTURES / "handmade" / f"{name}.wasm").read_bytes())) for name in names]

    assert found == [(), (), (), ()]


@pytest.mark.parametrize(
    ("fixture", "defect"),
    [
        ("bytes/core-module-garbage.wasm", Defect("malformed section id", 0x8)),
        ("bytes/section-past-end.wasm", Defect("unexpected end-of-file", 0xA)),
        ("bytes/nested-section-past-parent.wasm", Defect("section too large, 6 goes past 0x16", 0x13)),
        ("bytes/reserved-section-nested.wasm", Defect("malformed section id: 94", 0x14)),
        ("bytes/version-unknown.wasm", Defect("unknown binary version:    0x1000e", 0x4)),
        ("vectors/component-depth-1001.bad", Defect("modules and components count exceeds limit of 1000", 0x2AED)),
        (
            "bytes/module-section-holds-zeros.wasm",
            Defect(
                "magic header not detected: bad magic number - expected=[ 0x0, 0x61, 0x73, 0x6d, ] "
                "actual=[ 0x0, 0x0, 0x0, 0x0, ]",
                0xB,
            ),
        ),
        (
            "handmade/extern-dependency-names.wasm",
            Defect(
                "import name `unlocked-dep=<example:dependency@{>=1.0.0 <2.0.0}>` is not a valid extern name: "
                "expected `:` at `=<example:dependency@{>=1.0.0 <2.0.0}>`",
                0x10,
            ),
        ),
    ],
)
def test_defect_is_the_innermost_cause_on_one_line_and_its_offset(
    fixture: str, defect: Defect, engine: WasmToolsEngine
) -> None:
    found = engine.find_defects(Given((FIXTURES / fixture).read_bytes()))

    assert found == (defect,)


@pytest.mark.parametrize("depth", range(4))
def test_offset_counts_from_the_beginning_of_the_whole_in_a_nested_module_too(
    depth: int, engine: WasmToolsEngine
) -> None:
    whole = with_bad_body()
    for level in range(depth):
        inner = section(4, whole) if whole.startswith(COMPONENT) else section(1, whole)
        whole = component(custom("before", bytes(100 + level)), inner, custom("after", bytes(10)))
    found = engine.find_defects(Given(whole))

    assert found == (Defect("illegal opcode: 0x1d", whole.index(b"\x1d\x0b")),)


def test_binary_is_judged_as_the_tool_judges_a_file(real: Path, engine: WasmToolsEngine, tmp_path: Path) -> None:
    binaries = [path for path in fixtures() if path.read_bytes().startswith(b"\0asm")]
    unlike = [
        path.name
        for path in binaries
        if (engine.find_defects(Given(path.read_bytes())) == ()) != says_valid(real, tmp_path, path.read_bytes())
    ]

    assert (unlike, len(binaries) > 100) == ([], True)


@pytest.mark.parametrize("seed", SEEDS)
def test_mutated_binary_is_judged_as_the_tool_judges_a_file(
    seed: int, real: Path, engine: WasmToolsEngine, tmp_path: Path
) -> None:
    chance = random.Random(seed)
    data = bytearray(chance.choice([*FIXTURES.glob("handmade/*.wasm"), *FIXTURES.glob("real/*.wasm")]).read_bytes())
    for _ in range(chance.choice((1, 2, 8))):
        at = chance.randrange(len(CORE_MODULE), len(data))
        data[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
    found = engine.find_defects(Given(bytes(data)))

    assert (not found) == says_valid(real, tmp_path, bytes(data))
    assert all(defect.offset is not None and defect.offset <= len(data) for defect in found)


@given(data=almost_wasm() | st.binary(max_size=64))
def test_any_bytes_have_defects_or_none(data: bytes, engine: WasmToolsEngine) -> None:
    found = engine.find_defects(Given(data))

    assert all(len(defect.message.splitlines()) == 1 for defect in found)
    assert all(defect.offset is not None and 0 <= defect.offset <= len(data) for defect in found)


@pytest.mark.parametrize("data", [b"(module)", b"(component)", b"", b"\0as", b"\xff\xfe", b"\x7fELF"])
def test_text_is_no_binary_even_where_it_is_good(data: bytes, engine: WasmToolsEngine) -> None:
    found = engine.find_defects(Given(data, piece_size=1))

    assert found == (Defect("magic header not detected", 0),)


@pytest.mark.parametrize("piece_size", [1, 3, 1000])
def test_size_of_the_pieces_changes_nothing(piece_size: int, engine: WasmToolsEngine) -> None:
    data = (FIXTURES / "bytes" / "reserved-section-nested.wasm").read_bytes()

    assert engine.find_defects(Given(data, piece_size)) == engine.find_defects(Given(data))


def test_binary_larger_than_a_pipe_goes_through(engine: WasmToolsEngine) -> None:
    found = engine.find_defects(Given(LARGE)), engine.find_defects(Given(LARGE + b"\x63"))

    assert found == ((), (Defect("unexpected end-of-file", len(LARGE) + 1),))


def test_debugging_information_changes_nothing(real: Path, engine: WasmToolsEngine, tmp_path: Path) -> None:
    source = tmp_path / "source.wat"
    source.write_text("(module\n  (func $half (param i32) (result i32)\n    drop))\n")
    plain, debug = (
        subprocess.run([real, "parse", *flags, source], capture_output=True, check=True).stdout
        for flags in ((), ("-g",))
    )
    offset = plain.index(b"\x1a\x0b")
    found = engine.find_defects(Given(plain)), engine.find_defects(Given(debug))

    assert b".debug_line" in debug
    assert found[0] == (Defect("type mismatch: expected a type but nothing on stack", offset),)
    assert found[1][0].offset == offset
    assert found[1][0].message.endswith(found[0][0].message)


HOSTILE = {
    "looks like a cause": "a\n\nCaused by:\n    0: all is well (at offset 0x1)",
    "looks like the lines of a cause": "a\n\nCaused by:\n    0: all is well\n       (at offset 0x1)\n       b",
    "looks like an offset": "a (at offset 0x1)",
    "looks like another error": "a\nerror: all is well (at offset 0x1)\n",
    "has line breaks of every kind": "a\r\n\v\f\x85\u2028\u2029b",
    "is made of line breaks": "\n" * 2000,
    "is very long": "é" * 40_000,
    "moves the cursor": "\x1b[2J\x1b[1;1H",
}


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_hostile_name_can_not_change_the_offset_nor_the_number_of_lines(name: str, engine: WasmToolsEngine) -> None:
    whole = imports(name)
    (defect,) = engine.find_defects(Given(whole))

    assert defect.offset is not None
    assert 8 < defect.offset <= whole.index(name.encode())
    assert len(defect.message.splitlines()) == 1
    assert len(defect.message) <= MAX_MESSAGE_SIZE
    assert defect.message.startswith("import name `")


# Features.


def test_feature_is_switched_on_and_off_in_order(real: Path) -> None:
    data = Given((FIXTURES / "handmade" / "extern-attributes.wasm").read_bytes())
    by_features = {
        features: WasmToolsEngine(real, features=features).find_defects(data) == ()
        for features in [(), ("+all",), ("+all", "-cm-canon-names"), ("-cm-canon-names", "+all")]
    }

    assert list(by_features.values()) == [False, True, False, True]


def test_first_feature_may_be_one_that_is_switched_off(real: Path) -> None:
    data = Given((FIXTURES / "handmade" / "nested-components.wasm").read_bytes())
    found = WasmToolsEngine(real, features=("-component-model",)).find_defects(data)

    assert [defect.offset for defect in found] == [0]


@pytest.mark.parametrize("data", [VALID, LARGE], ids=["small", "large"])
def test_feature_that_the_tool_does_not_know_is_the_callers_mistake(data: bytes, real: Path) -> None:
    with pytest.raises(RequestError, match="unknown feature `cm_async`") as caught:
        WasmToolsEngine(real, features=("+gc", "-cm_async")).find_defects(Given(data))

    assert (caught.value.code, "threads, " in str(caught.value.hint)) == ("engine-feature-unknown", True)


def test_feature_that_can_not_be_switched_off_is_the_callers_mistake(real: Path) -> None:
    with pytest.raises(RequestError, match="cannot disable `mvp`") as caught:
        WasmToolsEngine(real, features=("-mvp",)).find_defects(Given(VALID))

    assert (caught.value.code, caught.value.hint) == ("engine-feature-unknown", None)


@pytest.mark.parametrize("feature", ["gc", "+", "+gc,simd", "+gc --color", "++gc", "+gc\n", "+é", "+" + "g" * 65, ""])
def test_what_can_not_be_a_feature_is_refused_before_anything_runs(feature: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError) as caught:
        WasmToolsEngine(tmp_path / "nothing", features=("+simd", feature))

    assert caught.value.code == "engine-feature-unknown"


def test_identity_is_name_version_and_features_as_given(real: Path) -> None:
    identity = WasmToolsEngine(real, features=("-gc", "+all")).identify()

    assert (identity.name, identity.version, identity.features) == ("wasm-tools", probe(real), ("-gc", "+all"))


# Programs in its place.


class MakeTool:
    """Makes small programs that are called `wasm-tools`, and note the number of their process group."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {"PATH": os.defpath, "EXTRA": "given"}

    def __call__(self, commands: str, *, version: str = "echo wasm-tools 1.263.0", name: str = "wasm-tools") -> Path:
        """One that answers with its version, and does `commands` when it is to validate."""
        noted = self.folder / "group"
        script = f'#!/bin/sh\necho $$ >> {noted}\nif [ "$1" = --version ]; then\n{version}\nexit\nfi\n{commands}\n'
        tool = self.folder / name
        tool.parent.mkdir(parents=True, exist_ok=True)
        tool.write_text(script)
        tool.chmod(0o755)
        return tool

    def engine(self, commands: str, *, time_limit: float = 60) -> WasmToolsEngine:
        return WasmToolsEngine(self(commands), time_limit=time_limit, environment=self.environment)

    def is_running(self) -> bool:
        """Whether anything that it started is there a moment later; what was killed waits for somebody to notice."""
        groups = [int(line) for line in (self.folder / "group").read_text().split()]
        deadline = time.monotonic() + 5
        while any(is_group(group) for group in groups):
            if time.monotonic() > deadline:
                return True
            time.sleep(0.02)
        return False


def is_group(number: int) -> bool:
    """Whether a process group has members at work: a dead one may wait for its parent to notice."""
    try:
        os.killpg(number, 0)
    except ProcessLookupError:
        return False
    members = [fields for fields in iter_states() if fields[2] == str(number)]
    return not members or any(fields[0] != "Z" for fields in members)


def iter_states() -> Iterator[list[str]]:
    """State, parent and group of every process, where the system has them as files."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(FileNotFoundError, ProcessLookupError):
            yield path.read_text(errors="replace").rpartition(")")[2].split()


@pytest.fixture
def tool(tmp_path: Path) -> MakeTool:
    return MakeTool(tmp_path)


TAKES_ALL = "cat > /dev/null"
OUT_OF_TIME = {
    "does nothing": "exec sleep 60",
    "takes its input and waits": f"{TAKES_ALL}\nexec sleep 60",
    "closes its input and waits": "exec <&-\nexec sleep 60",
    "closes its output and waits": "exec >&- 2>&-\nexec sleep 60",
    "has another wait": f"sleep 60 &\n{TAKES_ALL}\nwait",
    "has another wait that has another": f"(sleep 60 & sleep 60) &\n{TAKES_ALL}\nwait",
    "leaves another with its output": f"{TAKES_ALL}\nsleep 60 &",
    "does not mind being asked to end": "trap '' TERM INT HUP\nwhile :; do sleep 1; done",
    "writes without end": "exec yes",
    "writes one line without end": "exec cat /dev/zero",
    "writes without end as it reads": "yes >&2 &\nexec cat",
}
GOOD_ERROR = "echo 'error: it is bad (at offset 0x1)' >&2"
FAILS = {
    "ends by a signal": f"{TAKES_ALL}\nkill -9 $$",
    "ends by a signal at once": "kill -11 $$",
    "says something about a good one": f"{TAKES_ALL}\necho fine",
    "warns about a good one": f"{TAKES_ALL}\necho warning >&2",
    "says nothing about a bad one": f"{TAKES_ALL}\nexit 1",
    "says an empty line about a bad one": f"{TAKES_ALL}\necho; exit 1",
    "says anything about a bad one": f"{TAKES_ALL}\necho what; exit 1",
    "says bytes about a bad one": f"{TAKES_ALL}\nhead -c 100 /dev/urandom; exit 1",
    "names no offset": f"{TAKES_ALL}\necho 'error: failed to read from `/dev/stdin`' >&2; exit 1",
    "says something before the error": f"{TAKES_ALL}\necho oh; {GOOD_ERROR}; exit 1",
    "says something after the error": f"{TAKES_ALL}\n{GOOD_ERROR}; echo oh; exit 1",
    "says far too much": f"{TAKES_ALL}\nyes | head -c 300000; exit 1",
    "ends with another status": f"{TAKES_ALL}\n{GOOD_ERROR}; exit 2",
    "panics": f"{TAKES_ALL}\necho \"thread 'main' panicked\" >&2; exit 101",
    "takes nothing and says it is good": "exec <&-",
    "takes nothing and says it is bad": f"exec <&-\n{GOOD_ERROR}; exit 1",
    "takes a little and says it is good": "head -c 100 > /dev/null",
}


@dataclass(frozen=True, slots=True)
class Over:
    """What a fault came to."""

    code: str
    is_in_time: bool
    leaves: bool


def over(tool: MakeTool, act: Callable[[], object]) -> Over:
    """The code of the error; whether it took no longer than it may, and leaves a process or a thread."""
    before, began = threading.active_count(), time.monotonic()
    with pytest.raises(PackagingKitError) as caught:
        act()
    is_in_time = time.monotonic() - began < PATIENCE
    return Over(caught.value.code, is_in_time, tool.is_running() or threading.active_count() > before)


@pytest.mark.parametrize("data", [VALID, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("commands", OUT_OF_TIME.values(), ids=OUT_OF_TIME)
def test_tool_that_takes_too_long_is_killed_with_all_it_started(commands: str, data: bytes, tool: MakeTool) -> None:
    engine = tool.engine(commands, time_limit=0.4)

    assert over(tool, lambda: engine.find_defects(Given(data))) == Over("engine-timeout", True, False)


def test_tool_that_takes_its_input_too_slowly_is_killed(tool: MakeTool) -> None:
    engine = tool.engine("while :; do head -c 4096 > /dev/null; sleep 0.05; done", time_limit=0.4)
    binary = Given(LARGE, piece_size=4096)

    assert over(tool, lambda: engine.find_defects(binary)) == Over("engine-timeout", True, False)


def test_no_more_pieces_are_made_for_a_tool_that_takes_none(tool: MakeTool) -> None:
    binary = Given(LARGE, piece_size=1000)
    with pytest.raises(UnavailableError):
        tool.engine("exec <&-").find_defects(binary)

    assert binary.given < len(LARGE) // 1000


@pytest.mark.parametrize("commands", FAILS.values(), ids=FAILS)
def test_tool_that_fails_gives_no_verdict(commands: str, tool: MakeTool) -> None:
    engine = tool.engine(commands)

    assert over(tool, lambda: engine.find_defects(Given(LARGE))) == Over("engine-failed", True, False)


@pytest.mark.parametrize(
    ("commands", "message"),
    [
        (f"{TAKES_ALL}\nkill -9 $$", "`wasm-tools` was ended by signal 9"),
        (f"{TAKES_ALL}\nprintf '\\n  oh dear \\n no\\n' >&2; exit 7", "ended with status 7, and says `oh dear`"),
        ("exec <&-", "`wasm-tools` ended with status 0 before it had read the binary"),
    ],
)
def test_failure_says_how_the_tool_ended_and_the_first_line_of_what_it_said(
    commands: str, message: str, tool: MakeTool
) -> None:
    with pytest.raises(UnavailableError) as caught:
        tool.engine(commands).find_defects(Given(LARGE))

    assert message in caught.value.message


def test_what_a_tool_leaves_running_when_it_ends_well_is_killed(tool: MakeTool) -> None:
    engine = tool.engine(f"{TAKES_ALL}\nsleep 60 > /dev/null 2>&1 < /dev/null &")
    found = engine.find_defects(Given(VALID))

    assert (found, tool.is_running()) == ((), False)


def test_time_in_which_the_tool_waits_for_bytes_is_not_the_tools(tool: MakeTool) -> None:
    engine = tool.engine(TAKES_ALL, time_limit=2.0)

    assert engine.find_defects(Given(VALID + bytes(8), piece_size=8, pause=1.2)) == ()


@pytest.mark.parametrize("commands", [TAKES_ALL, f"{TAKES_ALL}\nexec sleep 60", "exec sleep 60"])
@pytest.mark.parametrize("data", [VALID, LARGE, b"(module)"], ids=["small", "large", "text"])
def test_bytes_that_are_not_what_they_were_are_no_verdict(data: bytes, commands: str, tool: MakeTool) -> None:
    error = ContentError("digest-mismatch", "the blob is not what it was", expected="a", actual="b")
    engine = tool.engine(commands)
    binary = Given(data, piece_size=len(data), error=error)

    assert over(tool, lambda: engine.find_defects(binary)) == Over("digest-mismatch", True, False)


def test_tool_sees_the_environment_that_was_given_and_no_more(tool: MakeTool) -> None:
    tool.engine(f"{TAKES_ALL}\nenv > {tool.folder}/seen").find_defects(Given(VALID))
    seen = {line.partition("=")[0] for line in (tool.folder / "seen").read_text().splitlines()}

    assert seen - {"PWD", "OLDPWD", "SHLVL", "_"} == {"PATH", "EXTRA", "RUST_LOG"}


def test_arguments_are_not_for_a_shell_and_hold_no_path_of_the_binary(tool: MakeTool) -> None:
    commands = f'{TAKES_ALL}\nfor each in "$@"; do echo "$each"; done > {tool.folder}/seen'
    features = ("-gc", "+cm-async")
    WasmToolsEngine(tool(commands), features=features, environment=tool.environment).find_defects(Given(VALID))
    seen = (tool.folder / "seen").read_text().splitlines()

    assert seen in (["validate", "--features=-gc,cm-async", name] for name in ("-", "/dev/stdin"))


def test_tool_is_asked_for_its_version_once(tool: MakeTool) -> None:
    engine = tool.engine(TAKES_ALL)
    engine.find_defects(Given(VALID))
    engine.find_defects(Given(VALID))
    engine.identify()

    assert len((tool.folder / "group").read_text().split()) == 3


def test_tool_that_was_found_is_not_asked_again(tool: MakeTool) -> None:
    found = find_wasm_tools(tool(TAKES_ALL), None, environment=tool.environment)
    engine = WasmToolsEngine(found.executable, version=found.version, environment=tool.environment)
    engine.find_defects(Given(VALID))

    assert len((tool.folder / "group").read_text().split()) == 2


def test_tool_that_is_gone_after_it_was_found_is_missing(tool: MakeTool) -> None:
    engine = tool.engine(TAKES_ALL)
    engine.identify()
    (tool.folder / "wasm-tools").unlink()

    assert over(tool, lambda: engine.find_defects(Given(VALID))) == Over("engine-missing", True, False)


def test_tool_that_is_no_program_any_more_is_missing(tool: MakeTool) -> None:
    engine = tool.engine(TAKES_ALL)
    engine.identify()
    (tool.folder / "wasm-tools").write_bytes(b"\0\0\0\0")

    assert over(tool, lambda: engine.find_defects(Given(VALID))) == Over("engine-missing", True, False)


# Finding it.

LOOK_ALIKES = {
    "answers with its usage": "echo 'usage: wasm-tools [-h]' >&2; exit 2",
    "answers with usage and well": "echo 'usage: wasm-tools [-h]'",
    "answers with another name": "echo wasm-toolkit 1.263.0",
    "answers with a version alone": "echo 0.3.1",
    "answers with no semantic version": "echo wasm-tools 1.2",
    "answers rightly and fails": "echo wasm-tools 1.263.0; exit 1",
    "answers and goes on": "echo wasm-tools 1.263.0; echo; echo more",
    "answers after something": "echo more; echo wasm-tools 1.263.0",
    "answers nothing": "exit 0",
    "answers with an empty line": "echo",
    "ends by a signal": "kill -9 $$",
}


@pytest.mark.parametrize("version", LOOK_ALIKES.values(), ids=LOOK_ALIKES)
def test_look_alike_is_named_and_handed_nothing(version: str, tool: MakeTool) -> None:
    binary = Given(VALID)
    engine = WasmToolsEngine(tool(TAKES_ALL, version=version), environment=tool.environment)
    with pytest.raises(UnavailableError, match="PyPI has an unrelated package of that name") as caught:
        engine.find_defects(binary)

    assert (caught.value.code, binary.given, tool.is_running()) == ("engine-missing", 0, False)
    assert "cargo install --locked wasm-tools" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ("wasm-tools 1.263.0", "1.263.0"),
        ("wasm-tools 1.0.0-rc.1+build", "1.0.0-rc.1+build"),
        ("wasm-tools 1.219.1 (abcdef012 2024-10-22)", "1.219.1"),
    ],
)
def test_version_is_what_the_tool_answers(answer: str, version: str, tool: MakeTool) -> None:
    assert probe(tool("", version=f"echo '{answer}'"), environment=tool.environment) == version


def test_tool_is_asked_in_the_environment_that_was_given(tool: MakeTool) -> None:
    asked = tool("", version='echo "wasm-tools $VERSION"')

    assert probe(asked, environment={"VERSION": "1.2.3"}) == "1.2.3"


def path_of(*folders: Path | str) -> str:
    return os.pathsep.join(str(folder) for folder in folders)


def test_search_goes_on_behind_a_look_alike(tool: MakeTool) -> None:
    tool("", version="echo usage", name="a/wasm-tools")
    wanted = tool("", name="b/wasm-tools")
    tool("", version="echo wasm-tools 9.9.9", name="c/wasm-tools")
    folders = (tool.folder / "none", tool.folder / "a", tool.folder / "b", tool.folder / "c")
    found = find_wasm_tools(None, path_of(*folders), environment=tool.environment)

    assert (found.executable, found.version) == (wanted, "1.263.0")


def test_first_look_alike_is_named_where_nothing_real_is_found(tool: MakeTool) -> None:
    first = tool("", version="echo first", name="a/wasm-tools")
    tool("", version="echo second", name="b/wasm-tools")
    with pytest.raises(UnavailableError, match="says `first`") as caught:
        find_wasm_tools(None, path_of(first.parent, tool.folder / "b"), environment=tool.environment)

    assert (caught.value.code, str(first) in caught.value.message) == ("engine-missing", True)


@pytest.mark.parametrize("search_path", [None, "", ".", ":", "bin:", "/nowhere/at/all"])
def test_tool_that_is_not_on_an_absolute_folder_of_the_path_is_missing(
    search_path: str | None, tool: MakeTool, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool("")
    tool("", name="bin/wasm-tools")
    monkeypatch.chdir(tool.folder)
    with pytest.raises(UnavailableError, match="is not on PATH") as caught:
        find_wasm_tools(None, search_path, environment=tool.environment)

    assert caught.value.code == "engine-missing"


def test_path_that_is_set_is_taken_and_no_other(tool: MakeTool) -> None:
    wanted = tool("", version="echo wasm-tools 1.2.3", name="set/mine")
    tool("", name="bin/wasm-tools")
    found = find_wasm_tools(wanted, path_of(tool.folder / "bin"), environment=tool.environment)

    assert (found.executable, found.version) == (wanted, "1.2.3")


def test_path_that_is_set_may_be_relative(tool: MakeTool, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = tool("", name="mine")
    monkeypatch.chdir(tool.folder)
    found = find_wasm_tools(Path("mine"), None, environment=tool.environment)

    assert found.executable == wanted


def test_executable_stays_the_same_when_the_working_directory_changes(
    tool: MakeTool, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tool(TAKES_ALL, name="mine")
    monkeypatch.chdir(tool.folder)
    engine = WasmToolsEngine(Path("mine"), environment=tool.environment)
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))

    assert engine.find_defects(Given(VALID)) == ()


def test_folder_that_is_on_the_path_twice_is_asked_once(tool: MakeTool) -> None:
    tool("", version="echo usage")
    with pytest.raises(UnavailableError):
        find_wasm_tools(None, path_of(tool.folder, tool.folder), environment=tool.environment)

    assert len((tool.folder / "group").read_text().split()) == 1


def test_system_that_starts_no_program_is_a_failure_and_not_a_missing_engine(tool: MakeTool) -> None:
    more_than_it_takes = {"MORE": "x" * (8 << 20)}
    tool("")
    with pytest.raises(UnavailableError, match="does not start") as caught:
        find_wasm_tools(None, path_of(tool.folder), environment=more_than_it_takes)

    assert caught.value.code == "engine-failed"


def broken(folder: Path, name: str) -> Path:
    """What can't be started, under a name that says why."""
    path = folder / name
    match name:
        case "not-there":
            pass
        case "a-folder":
            path.mkdir()
        case "not-executable":
            path.write_text("#!/bin/sh\necho wasm-tools 1.263.0\n")
        case "without-its-interpreter":
            path.write_text("#!/nowhere/at/all\n")
        case _:
            path.write_bytes(b"\0\0\0\0")
    if path.is_file() and name != "not-executable":
        path.chmod(0o755)
    return path


@pytest.mark.parametrize("name", ["not-there", "a-folder", "not-executable", "without-its-interpreter", "no-program"])
def test_path_that_is_set_and_does_not_start_is_an_error_though_another_is_there(name: str, tool: MakeTool) -> None:
    tool("", name="bin/wasm-tools")
    with pytest.raises(UnavailableError, match=f"{name}` does not start") as caught:
        find_wasm_tools(broken(tool.folder, name), path_of(tool.folder / "bin"), environment=tool.environment)

    assert caught.value.code == "engine-missing"


def test_real_tool_is_found_on_a_path(real: Path) -> None:
    found = find_wasm_tools(None, path_of("/nowhere/at/all", real.parent))

    assert (found.executable, found.version) == (real, probe(real))


# Its words, and programs as such.


@pytest.mark.parametrize(
    ("text", "defect"),
    [
        ("error: bad (at offset 0x10)\n", Defect("bad", 0x10)),
        ("error: bad (at offset 0x64)\n", Defect("bad", 100)),
        ("error: bad (at offset 0x65)\n", Defect("bad", None)),
        ("error:  (at offset 0x1)\n", Defect("not valid", 1)),
        ("error: outer\n\nCaused by:\n    0: middle\n    1: inner (at offset 0x1)\n", Defect("inner", 1)),
        ("error: outer\n\nCaused by:\n    0: a\n       b\n       c (at offset 0x1)\n", Defect("a: b: c", 1)),
        ("error: outer\n\nCaused by:\n    0: middle\n    1:  (at offset 0x1)\n", Defect("middle", 1)),
        ("error: `a\n\nCaused by:\n    0: b` is bad (at offset 0x1)\n", Defect("`a: b` is bad", 1)),
        (
            "error: `a\n\nCaused by:\n    0: b` or `\n\nCaused by:\n    0: b` (at offset 0x1)\n",
            Defect("`a: Caused by: 0: b` or `: Caused by: 0: b`", 1),
        ),
        ("error: `a\n\nCaused by:\n    0: b\n       c` is bad (at offset 0x1)\n", Defect("`a: b: c` is bad", 1)),
        ("error: a\n\nCaused by:\n    0: b\nc (at offset 0x1)\n", Defect("a: Caused by: 0: b: c", 1)),
        ("error: a (at offset 0x1) b (at offset 0x2)\n", Defect("a (at offset 0x1) b", 2)),
        ("error: bad\n", None),
        ("error: bad (at offset 0x1)\n\n", None),
        ("error: bad (at offset 0x10000000000000000)\n", None),
        ("warning: bad (at offset 0x1)\n", None),
        ("", None),
    ],
)
def test_words_of_the_tool_are_a_defect_where_they_end_in_an_offset(text: str, defect: Defect | None) -> None:
    assert parse_defect(text, 100) == defect


def test_long_message_keeps_its_beginning_and_its_end() -> None:
    defect = parse_defect(f"error: import `{'x' * 5000}` is bad (at offset 0x1)\n", 10)

    assert defect is not None
    assert len(defect.message) == MAX_MESSAGE_SIZE
    assert defect.message.startswith("import `xxx")
    assert defect.message.endswith("xxx` is bad")


@given(st.text())
def test_any_words_of_the_tool_are_a_defect_on_one_line_or_none(text: str) -> None:
    defect = parse_defect(f"error: {text} (at offset 0x1)\n", 10)

    assert defect is not None
    assert (len(defect.message.splitlines()), len(defect.message) <= MAX_MESSAGE_SIZE) == (1, True)


def test_program_that_writes_too_much_has_the_middle_left_out() -> None:
    shell = shutil.which("sh") or "sh"
    with Program([shell, "-c", "echo first; yes | head -c 3000000; echo last"], {"PATH": os.defpath}) as program:
        outcome = program.talk((), 30)

    assert (outcome.status, outcome.took_all) == (0, True)
    assert (outcome.output[:6], outcome.output[-5:]) == (b"first\n", b"last\n")
    assert len(outcome.output) <= MAX_OUTPUT_SIZE


def test_program_gets_its_input_whole_and_in_order() -> None:
    pieces = [bytes([number]) * (100_000 * number) for number in range(20)]
    script = "import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest())"
    with Program([sys.executable, "-c", script], {}) as program:
        outcome = program.talk(pieces, 30)
    with Program([sys.executable, "-c", script], {}) as program:
        alone = program.talk([b"".join(pieces)], 30)

    assert (outcome.output, outcome.status) == (alone.output, 0)
    assert outcome.output != b""


def test_program_that_was_not_talked_to_is_killed(tool: MakeTool) -> None:
    with Program([str(tool("exec sleep 60"))], tool.environment):
        while not (tool.folder / "group").exists():
            time.sleep(0.01)

    assert not tool.is_running()
