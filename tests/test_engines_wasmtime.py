"""The engine `wasmtime`: what it says of core modules and components, and where; it takes nothing that is invalid."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from packaging_kit.engines.messages import MAX_MESSAGE_SIZE
from packaging_kit.engines.outline import find_overreach, make_outline
from packaging_kit.engines.parts import CoreModule, iter_parts
from packaging_kit.engines.wasmtime import WasmtimeEngine
from packaging_kit.engines.wasmtime_features import SWITCHES
from packaging_kit.engines.wasmtime_library import parse_defect
from packaging_kit.errors import ContentError, RequestError, UnavailableError
from packaging_kit.fragments.exploded import Fragment
from packaging_kit.validate.engine import Defect
from packaging_kit.wasm.stubs import make_stub
from tests.conftest import FIXTURES
from tests.memory_binary import MemoryBinary
from tests.real.needs import need_component, need_tool
from tests.strategies import CORE_MODULE, component, custom, leb128, section, text, tower, vector
from tests.wasm_texts import COMPONENTS, CORE_MODULES, binary

ENGINE = WasmtimeEngine()


def defects(data: bytes, *features: str) -> tuple[Defect, ...]:
    engine = WasmtimeEngine(features=features) if features else ENGINE
    return engine.find_defects(MemoryBinary(data))


def is_valid(data: bytes, *features: str) -> bool:
    return not defects(data, *features)


def large(wat: str, size: int = 5000) -> bytes:
    """The core module, large enough to be split out."""
    return binary(wat) + custom("filler", bytes(size))


FUNCTION_MODULE = large('(module (func (export "f")))')
DROP = "(drop (i32.const 0))"


def bad(wat: str) -> bytes:
    """The module, which drops values; now they are not there."""
    return binary(wat).replace(b"\x41\0\x1a", b"\1\1\x1a")


FILLER = custom("filler", bytes(5000))
BAD_CODE = bad(f"(module (func {DROP}))") + FILLER
OTHER_BAD_CODE = bad(f"(module (func) (func {DROP}))") + FILLER
BAD_CODE_AT = BAD_CODE.index(b"\1\1\x1a") + 2


class TestVerdicts:
    @pytest.mark.parametrize("wat", [*CORE_MODULES.values(), *COMPONENTS.values()], ids=[*CORE_MODULES, *COMPONENTS])
    def test_what_is_valid_has_no_defects(self, wat: str) -> None:
        assert is_valid(binary(wat))

    @pytest.mark.parametrize("wat", CORE_MODULES.values(), ids=list(CORE_MODULES))
    def test_component_with_the_module_split_out_has_no_defects(self, wat: str) -> None:
        data = component(section(1, large(wat)), section(11, vector(b"\0" + text("m") + b"\0\x11\0\0")))

        assert is_valid(data)

    def test_fixtures_are_what_their_list_says(self) -> None:
        listed = json.loads((FIXTURES / "manifest.json").read_bytes())["fixtures"]
        exploded = [each for each in listed if each["expected"]["explode"] == "ok"]

        found = {each["name"]: is_valid((FIXTURES / each["name"]).read_bytes()) for each in exploded}

        assert found == {each["name"]: each["expected"]["valid"] for each in exploded}
        assert len(found) > 50

    def test_real_component_has_no_defects(self) -> None:
        assert is_valid(need_component("python-greeter").read_bytes())

    def test_damage_in_code_of_a_real_component_is_found_where_it_is(self) -> None:
        data = need_component("python-greeter").read_bytes()
        module = max(MemoryBinary(data).exploded.core_modules, key=lambda each: each.size)  # type: ignore[union-attr]
        end = module.contents + module.size
        at = data.index(b"\x20\0\x0b", module.contents, end)  # local.get 0, end
        damaged = data[:at] + b"\x20\xff" + data[at + 2 :]

        (defect,) = defects(damaged)

        assert defect.offset is not None
        assert abs(defect.offset - at) < 32

    def test_component_that_imports_components_is_judged_too(self) -> None:
        assert is_valid(binary('(component (import "c" (component)) (import "v" (instance)))'))


class TestPlaces:
    def test_defect_in_a_core_module_has_its_offset(self) -> None:
        (defect,) = defects(BAD_CODE)

        assert defect.offset is not None
        assert BAD_CODE[defect.offset] == 0x1A
        assert "offset" not in defect.message

    def test_defect_in_a_nested_module_has_its_offset_in_the_whole(self) -> None:
        inner = component(custom("before", bytes(300), 3), section(1, BAD_CODE, 5))
        data = component(section(1, FUNCTION_MODULE), section(4, inner, 4))

        (defect,) = defects(data)

        assert defect.offset == data.index(BAD_CODE) + BAD_CODE_AT

    def test_defect_in_a_small_module_has_its_offset_in_the_whole(self) -> None:
        small = BAD_CODE.removesuffix(FILLER)
        data = component(section(1, FUNCTION_MODULE), section(1, small, 2))

        (defect,) = defects(data)

        assert defect.offset == data.index(small) + BAD_CODE_AT

    def test_each_distinct_module_has_its_own_defect_in_the_order_in_which_they_are_met(self) -> None:
        inner = component(section(1, BAD_CODE), section(1, OTHER_BAD_CODE))
        data = component(section(1, OTHER_BAD_CODE), section(4, inner), section(1, BAD_CODE))

        found = defects(data)

        assert [defect.offset for defect in found] == sorted(
            (data.index(OTHER_BAD_CODE) + OTHER_BAD_CODE.index(b"\1\1\x1a") + 2, data.index(BAD_CODE) + BAD_CODE_AT)
        )

    def test_component_of_invalid_modules_is_not_looked_at_further(self) -> None:
        data = component(section(1, BAD_CODE), section(2, vector(b"\0\x07\0")))

        assert len(defects(data)) == 1

    @pytest.mark.parametrize("width", [0, 5])
    def test_defect_of_the_component_has_its_offset_in_the_whole(self, width: int) -> None:
        alias = section(6, vector(b"\0\0\1\x09" + text("f")))
        nested = component(section(1, FUNCTION_MODULE, width), custom("a name", bytes(99)), alias)
        data = component(section(1, FUNCTION_MODULE, width), section(4, nested, width), custom("end", b""))

        (defect,) = defects(data)

        assert defect == Defect("unknown core instance 9: instance index out of bounds", data.index(alias) + 3)

    def test_defect_in_a_deep_component_has_its_offset_in_the_whole(self) -> None:
        alias = section(6, vector(b"\0\0\1\x09" + text("f")))
        data = tower(300, section(1, FUNCTION_MODULE) + alias)

        (defect,) = defects(data)

        assert defect.offset == data.index(alias) + 3

    def test_defect_of_what_stands_for_a_module_has_the_offset_of_the_module(self) -> None:
        twice = large('(module (import "a" "b" (func)) (import "a" "b" (func)))')
        data = component(custom("x", b""), section(1, FUNCTION_MODULE), section(1, twice))

        (defect,) = defects(data)

        assert defect.offset == data.index(twice)
        assert "duplicate import name" in defect.message

    def test_second_occurrence_of_a_module_is_not_where_its_defect_is(self) -> None:
        data = component(section(1, BAD_CODE), section(1, BAD_CODE))

        assert [defect.offset for defect in defects(data)] == [data.index(BAD_CODE) + BAD_CODE_AT]

    def test_first_of_many_defects_is_told_every_time(self) -> None:
        many = bad(f"(module {f'(func {DROP})' * 3000})")

        found = {defects(many) for _ in range(20)}

        assert [defect.offset for each in found for defect in each] == [many.index(b"\1\1\x1a") + 2]


class TestReading:
    def test_each_distinct_module_is_read_once(self) -> None:
        given = MemoryBinary(
            component(section(1, FUNCTION_MODULE), section(4, component(section(1, FUNCTION_MODULE)))), piece_size=100
        )

        ENGINE.find_defects(given)

        assert given.reads == 1

    def test_content_that_is_damaged_gives_no_verdict(self) -> None:
        class Damaged(MemoryBinary):
            def iter_module(self, module: Fragment) -> Iterator[bytes]:
                yield from super().iter_module(module)
                raise ContentError("digest-mismatch", "another digest", expected="a", actual="b")

        with pytest.raises(ContentError):
            ENGINE.find_defects(Damaged(component(section(1, FUNCTION_MODULE))))

    def test_no_module_is_part_of_the_outline(self) -> None:
        data = component(section(1, large("(module)", 1 << 20)), custom("large", bytes(1 << 20)))

        assert len(_outline(data)) < 250

    def test_sections_of_which_there_may_be_a_million_are_told_as_one(self) -> None:
        exploded = MemoryBinary(component(*[section(6, vector()), custom("a", b"")] * 10_000)).exploded
        assert exploded is not None

        assert len(tuple(iter_parts(exploded))) == 1


def _outline(data: bytes) -> bytes:
    exploded = MemoryBinary(data).exploded
    assert exploded is not None
    parts = tuple(iter_parts(exploded))
    keys = {part.key: part.contents for part in parts if isinstance(part, CoreModule)}
    return make_outline(parts, {key: make_stub(data[at:]) for key, at in keys.items()}).data


class TestReach:
    """An alias that counts further out than the root must not reach what is put around the copy."""

    @staticmethod
    def outer(sort: bytes, count: int, index: int, width: int = 0) -> bytes:
        return section(6, vector(sort + b"\x02" + leb128(count, width) + leb128(index, width)))

    @pytest.mark.parametrize("width", [0, 5])
    @pytest.mark.parametrize("count", [1, 2, 3, 4, 1000])
    @pytest.mark.parametrize(
        "sort", [b"\0\x11", b"\0\x10", b"\x03", b"\x04"], ids=["module", "core type", "type", "component"]
    )
    def test_alias_that_counts_beyond_the_root_is_a_defect(self, sort: bytes, count: int, width: int) -> None:
        data = component(section(1, FUNCTION_MODULE), self.outer(sort, count, 0, width))

        (defect,) = defects(data)

        assert defect.offset == len(data) - len(self.outer(sort, count, 0, width)) + 3

    @pytest.mark.parametrize("index", [0, 1, 2])
    def test_alias_in_a_nested_component_is_a_defect_as_well(self, index: int) -> None:
        nested = component(self.outer(b"\0\x11", 2, index))
        modules = [section(1, FUNCTION_MODULE + custom(f"{number}", b"")) for number in range(3)]
        data = component(*modules, section(4, nested))

        (defect,) = defects(data)

        assert defect == Defect("invalid outer alias count of 2", data.index(nested) + 8 + 3)

    @pytest.mark.parametrize("count", [1, 2, 3])
    @pytest.mark.parametrize("index", [0, 1, 2])
    @pytest.mark.parametrize("form", [b"\x41", b"\x42"], ids=["component type", "instance type"])
    def test_alias_in_a_type_is_a_defect(self, form: bytes, index: int, count: int) -> None:
        alias = b"\x02\x03\x02" + leb128(1 + count) + leb128(index)
        core_alias = b"\x02\0\x10\x02" + leb128(1 + count) + leb128(index)

        assert not is_valid(component(section(1, FUNCTION_MODULE), section(7, vector(form + vector(alias)))))
        assert not is_valid(component(section(1, FUNCTION_MODULE), section(7, vector(form + vector(core_alias)))))

    @pytest.mark.parametrize("count", [2, 3, 4])
    def test_alias_in_a_module_type_is_a_defect(self, count: int) -> None:
        alias = b"\x02\x10\x01" + leb128(count) + leb128(0)

        assert not is_valid(component(section(1, FUNCTION_MODULE), section(3, vector(b"\x50" + vector(alias)))))

    def test_alias_of_a_module_of_the_root_is_none(self) -> None:
        nested = component(self.outer(b"\0\x11", 1, 0), section(4, component(self.outer(b"\0\x11", 2, 1))))

        assert is_valid(component(section(1, FUNCTION_MODULE), section(1, large("(module)")), section(4, nested)))

    def test_name_that_looks_like_such_an_alias_is_none(self) -> None:
        module = large('(module (func (export "x\\00\\11\\02\\09\\00")))')
        alias = section(6, vector(b"\0\0\1\0" + leb128(6) + b"x\0\x11\x02\x09\0"))

        assert is_valid(component(section(1, module), section(2, vector(b"\0\0\0")), alias))

    def test_alias_of_unknown_target_can_not_be_read(self) -> None:
        exploded = MemoryBinary(component(section(6, vector(b"\0\x11\x07\0\0", b"\0\x11\x02\0\0")))).exploded
        assert exploded is not None

        with pytest.raises(Exception, match="unknown alias target"):
            tuple(find_overreach(tuple(iter_parts(exploded))))


class TestLimits:
    def test_components_without_modules_may_be_a_thousand(self) -> None:
        assert is_valid(tower(999))

    def test_components_beyond_a_thousand_are_a_defect(self) -> None:
        (defect,) = defects(tower(1000))

        assert "exceeds limit of 1000" in defect.message

    @pytest.mark.parametrize("module", [CORE_MODULE, FUNCTION_MODULE], ids=["small", "split out"])
    def test_modules_up_to_a_thousand_components_and_modules_are_taken(self, module: bytes) -> None:
        nested = component(*[section(1, module)] * 499)

        assert is_valid(component(*[section(1, module)] * 499, section(4, nested)))

    @pytest.mark.parametrize("module", [CORE_MODULE, FUNCTION_MODULE], ids=["small", "split out"])
    def test_modules_beyond_a_thousand_are_a_defect_at_the_first(self, module: bytes) -> None:
        nested = component(*[section(1, module)] * 501)
        data = component(*[section(1, module)] * 499, section(4, nested))

        (defect,) = defects(data)

        assert "exceeds limit of 1000" in defect.message
        assert defect.offset == len(data) - len(section(1, module)) - len(module)

    def test_thousand_distinct_modules_are_taken(self) -> None:
        modules = [section(1, CORE_MODULE + custom(f"{number}", b"")) for number in range(999)]

        assert is_valid(component(*modules))

    def test_modules_whose_types_are_too_large_together_are_taken(self) -> None:
        # Each is close to what one type may be; all of them together are three times that.
        wide = f'(type (func (param{" i64" * 900}))) (func (export "0") (type 0) unreachable)'
        exports = "".join(f'(export "f{number}" (func 0))' for number in range(900))
        module = binary(f"(module {wide} {exports})")
        modules = [section(1, module + custom(f"{number}", b"")) for number in range(4)]

        assert is_valid(component(*modules))

    def test_depth_with_modules_at_the_bottom_is_taken(self) -> None:
        assert is_valid(tower(900, section(1, FUNCTION_MODULE)))


class TestWhatStaysInline:
    def test_custom_section_whose_name_is_no_text_is_a_defect(self) -> None:
        data = component(section(1, FUNCTION_MODULE), section(0, b"\2\xff\xfe" + bytes(20)))

        (defect,) = defects(data)

        assert defect.offset is not None
        assert defect.offset >= len(data) - 23

    @pytest.mark.parametrize("contents", [b"", b"\x05ab", b"\xff"])
    def test_custom_section_without_a_name_is_a_defect(self, contents: bytes) -> None:
        assert not is_valid(component(section(1, FUNCTION_MODULE), section(0, contents)))

    @pytest.mark.parametrize("contents", [b"", CORE_MODULE[:7], b"no module", component(), b"\0asm\2\0\0\0"])
    def test_small_module_section_without_a_module_is_a_defect(self, contents: bytes) -> None:
        assert not is_valid(component(section(1, FUNCTION_MODULE), section(1, contents)))

    def test_unknown_section_is_a_defect(self) -> None:
        data = component(section(1, FUNCTION_MODULE), section(77, b""))

        assert [defect.offset for defect in defects(data)] == [len(data)]

    @pytest.mark.parametrize("name", ["unlocked-dep=<a:b@{>=1.0.0}>", "locked-dep=<a:b@1.0.0>", "url=<https://a>"])
    def test_withdrawn_name_is_a_defect(self, name: str) -> None:
        imported = section(10, vector(b"\0" + text(name) + b"\0\x11\0"))
        data = component(section(1, FUNCTION_MODULE), section(3, vector(b"\x50\0")), imported)

        (defect,) = defects(data)

        assert defect == Defect(f"import name `{name}` is not a valid extern name", data.index(imported) + 3)

    def test_core_name_that_looks_withdrawn_is_none(self) -> None:
        module = large('(module (func (export "url=<https://a>")))')
        alias = section(6, vector(b"\0\0\1\0" + text("url=<https://a>")))

        assert is_valid(component(section(1, module), section(2, vector(b"\0\0\0")), alias))


class TestFeatures:
    def test_engine_says_what_it_is(self) -> None:
        identity = WasmtimeEngine(features=("+custom-page-sizes", "-gc")).identify()

        assert identity.name == "wasmtime"
        assert identity.features == ("+cm-implements", "+cm-map", "+custom-page-sizes", "-gc")
        assert WasmtimeEngine(features=("-cm-map",)).identify().features == ("+cm-implements", "-cm-map")
        assert identity.version.split(".")[0].isdecimal()

    def test_feature_that_is_off_is_refused(self) -> None:
        struct = binary("(module (type (struct)))")

        assert (is_valid(struct), is_valid(struct, "-gc")) == (True, False)

    def test_feature_that_is_on_is_taken_in_components_too(self) -> None:
        paged = component(section(1, large("(module (memory 1 (pagesize 1)))")))

        assert (is_valid(paged), is_valid(paged, "+custom-page-sizes")) == (False, True)

    def test_last_of_several_counts(self) -> None:
        assert is_valid(binary("(module (type (struct)))"), "-gc", "+gc")

    @pytest.mark.parametrize(
        "feature", ["gc", "+", "", "+nothing", "+GC", "-cm-async", "+legacy-exceptions", "-reference-types"]
    )
    def test_feature_that_it_can_not_switch_is_refused(self, feature: str) -> None:
        with pytest.raises(RequestError) as caught:
            WasmtimeEngine(features=(feature,))

        assert caught.value.code == "engine-feature-unknown"
        assert f"`{feature}`" in caught.value.message

    @pytest.mark.parametrize("feature", ["+cm-async", "+reference-types", "-legacy-exceptions", "-cm-gc"])
    def test_feature_that_is_as_wanted_anyway_is_taken(self, feature: str) -> None:
        assert is_valid(binary("(module)"), feature)

    @pytest.mark.parametrize("sign", "+-")
    @pytest.mark.parametrize("name", SWITCHES)
    def test_every_switch_makes_an_engine(self, name: str, sign: str) -> None:
        assert is_valid(binary("(module)"), sign + name)

    def test_all_switches_off_make_an_engine(self) -> None:
        assert is_valid(binary("(module)"), *(f"-{name}" for name in SWITCHES))

    def test_all_switches_on_make_an_engine(self) -> None:
        assert is_valid(binary("(module)"), *(f"+{name}" for name in SWITCHES))

    @pytest.mark.parametrize("sign", "+-")
    @pytest.mark.parametrize("name", SWITCHES)
    def test_switch_does_what_it_does_to_wasm_tools(self, name: str, sign: str) -> None:
        samples = [binary(wat) for wat in (*CORE_MODULES.values(), *COMPONENTS.values(), *FEATURES.values())]
        tool = need_tool("wasm-tools")

        for data in samples:
            command = [str(tool), "validate", f"--features={sign.strip('+')}{name}", "-"]
            theirs = subprocess.run(command, input=data, capture_output=True, check=False).returncode == 0

            assert is_valid(data, sign + name) == theirs


FEATURES = {
    "bulk memory": "(module (memory 1) (func (memory.fill (i32.const 0) (i32.const 0) (i32.const 0))))",
    "page sizes": "(module (memory 1 (pagesize 1)))",
    "several memories": "(module (memory 1) (memory 1))",
    "several results": "(module (func (result i32 i32) unreachable))",
    "vectors": "(module (func (param v128)))",
    "relaxed vectors": """(module (func (param v128)
        (drop (i8x16.relaxed_swizzle (local.get 0) (local.get 0)))))""",
    "stacks": "(module (type $f (func)) (type (cont $f)))",
    "tail calls": "(module (func return_call 0))",
    "wide arithmetic": """(module (func (param i64 i64 i64 i64) (result i64 i64)
        (i64.add128 (local.get 0) (local.get 1) (local.get 2) (local.get 3))))""",
    "shared memory": "(module (memory 1 1 shared))",
    "typed references": "(module (type $t (func)) (func (param (ref null $t))))",
    "a map": "(component (type (map string u32)))",
    "a name with implements": '(component (import "a" (implements "a:b/c") (instance)))',
    "legacy exceptions": "(module (tag) (func try catch 0 end))",
    "errors with context": "(component (type error-context))",
}


class TestLibrary:
    def test_library_is_imported_when_it_is_first_needed(self) -> None:
        program = (
            "import sys; from packaging_kit.engines.wasmtime import WasmtimeEngine; engine = WasmtimeEngine();"
            "assert 'wasmtime' not in sys.modules; engine.identify(); assert 'wasmtime' in sys.modules; print('done')"
        )

        assert _run(program) == "done"

    def test_library_that_is_not_there_is_an_error_with_a_hint(self) -> None:
        program = (
            "import sys; sys.modules['wasmtime'] = None;"
            "from packaging_kit.engines.wasmtime import WasmtimeEngine;"
            "from packaging_kit.errors import UnavailableError\n"
            "try: WasmtimeEngine().identify()\n"
            "except UnavailableError as exc: print(exc.code, exc.hint)"
        )

        assert _run(program) == "engine-missing `pip install wasmtime` installs `wasmtime`"

    def test_library_that_is_another_is_an_error(self) -> None:
        program = (
            "import sys, types, wasmtime; del wasmtime.Config;"
            "from packaging_kit.engines.wasmtime import WasmtimeEngine;"
            "from packaging_kit.errors import UnavailableError\n"
            "try: WasmtimeEngine().identify()\n"
            "except UnavailableError as exc: print(exc.code)"
        )

        assert _run(program) == "engine-failed"

    def test_answer_without_an_offset_is_no_verdict(self) -> None:
        with pytest.raises(UnavailableError) as caught:
            parse_defect("cannot allocate memory\n\nCaused by:\n    os error 12")

        assert caught.value.code == "engine-failed"

    @pytest.mark.parametrize(
        ("text_of_it", "defect"),
        [
            ("unexpected end (at offset 0x1f)", Defect("unexpected end", 31)),
            ("failed to parse WebAssembly module\n\nCaused by:\n    no (at offset 0x0)\n", Defect("no", 0)),
            ("a\nexpected: b\nfound:    c (at offset 0x5f)\n", Defect("a; expected: b; found:    c", 95)),
            ("name `x (at offset 0x5)\n` (at offset 0x7)", Defect("name `x (at offset 0x5); `", 7)),
        ],
    )
    def test_answer_is_told_on_one_line(self, text_of_it: str, defect: Defect) -> None:
        assert parse_defect(text_of_it) == defect

    def test_answer_of_any_size_is_told_shortened(self) -> None:
        name = "x" * 90_000
        imported = section(10, vector(b"\0" + text(name) + b"\x01\x09"))

        (defect,) = defects(component(imported))

        assert len(defect.message) <= MAX_MESSAGE_SIZE


def _run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.strip()
