"""Stubs: exactly the types, imports and exports of a core module, whatever else is in it and however it is encoded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import pytest
import wasmtime
import wasmtime.component
from hypothesis import given
from hypothesis import strategies as st

from packaging_kit import explode
from packaging_kit.errors import WasmFormatError
from packaging_kit.wasm.core_declarations import CoreDeclarations, read_core_declarations
from packaging_kit.wasm.leb128 import decode_u32
from packaging_kit.wasm.stubs import MAX_DECLARATIONS, make_stub
from tests.campaign.mutation import mutate
from tests.conftest import FIXTURES, SEEDS
from tests.strategies import CORE_MODULE, component, custom, leb128, section, text, vector
from tests.wasm_texts import CORE_MODULES, binary

FUNCTION, TABLE, MEMORY, GLOBAL, TAG = range(5)
SECTIONS = {FUNCTION: 3, TABLE: 4, MEMORY: 5, TAG: 13, GLOBAL: 6}
"""Where they are defined, in the order in which these sections stand."""
TYPES = (b"\x60\0\0", b"\x60\1\x7f\0", b"\x60\2\x7e\x7d\1\x7c", b"\x60\1\x63\0\1\x70")
EXTERN_TYPES = {
    FUNCTION: (b"\0", b"\x01", b"\x82\0", b"\x83\x80\x80\0"),
    TABLE: (b"\x70\0\1", b"\x6f\1\1\x80\x01", b"\x63\x80\0\0\0", b"\x70\4\1"),
    MEMORY: (b"\0\1", b"\1\1\x82\x80\0", b"\3\1\2", b"\5\1\2"),
    GLOBAL: (b"\x7f\0", b"\x7e\1", b"\x63\x80\0\1", b"\x6f\0"),
    TAG: (b"\0\0", b"\0\x81\x80\0"),
}
"""The last ones have numbers that are longer than they need be."""
INITIALIZERS = (
    b"\x41\x80\x7f\x0b",
    b"\x42\x0b\x0b",
    b"\xd2\x80\0\x0b",
    b"\xfd\x0c" + b"\x0b" * 16 + b"\x0b",
    b"\x23\x0b\x0b",
)


@dataclass(frozen=True, slots=True)
class Made:
    """A core module that was put together, and what it declares."""

    data: bytes
    declared: CoreDeclarations


@st.composite
def made_modules(draw: st.DrawFn) -> Made:
    """Modules with imports, definitions and exports of every form, in any order and padded everywhere."""
    widths = st.sampled_from((0, 0, 1, 2, 3, 5))
    names = st.sampled_from(("", "a", "memory", "naïve", "x" * 200))
    forms = st.lists(st.sampled_from(tuple(SECTIONS)), max_size=8)

    def name() -> bytes:
        raw = draw(names).encode()
        return leb128(len(raw), draw(widths)) + raw

    def items(section_id: int, encoded: list[bytes]) -> bytes:
        before = draw(st.sampled_from((b"", custom("name", b"\1\2"))))
        contents = leb128(len(encoded), draw(widths)) + b"".join(encoded)
        return before + section(section_id, contents, draw(widths)) if encoded else before

    types = draw(st.lists(st.sampled_from(TYPES), min_size=1, max_size=5))
    spaces: dict[int, list[bytes]] = {form: [] for form in SECTIONS}
    imports, exports, exported = [], [], []
    for form in draw(forms):
        spaces[form].append(draw(st.sampled_from(EXTERN_TYPES[form])))
        imports.append(name() + name() + bytes((form,)) + spaces[form][-1])
    defined = {
        form: [draw(st.sampled_from(EXTERN_TYPES[form])) for _ in range(draw(st.integers(0, 2)))] for form in spaces
    }
    for form in draw(forms):
        space = spaces[form] + defined[form]
        if space:
            index, label = draw(st.integers(0, len(space) - 1)), name()
            exports.append(label + bytes((form,)) + leb128(index, draw(widths)))
            # A function is exported with the index of its type as short as can be; all else as it was encoded.
            shown = leb128(decode_u32(space[index], 0, 5)[0]) if form == FUNCTION else space[index]
            exported.append(label + bytes((form,)) + shown)
    for form in (GLOBAL, TABLE):
        initializer = draw(st.sampled_from(INITIALIZERS))
        start = b"\x40\0" if form == TABLE else b""
        defined[form] = [start + each + initializer for each in defined[form]]
    data = CORE_MODULE + items(1, types) + items(2, imports)
    data += b"".join(items(section_id, defined[form]) for form, section_id in SECTIONS.items())
    data += items(7, exports) + section(8, b"\0") + section(9, b"\xff") + section(10, b"no code") + section(11, b"")
    return Made(data, CoreDeclarations(types=tuple(types), imports=tuple(imports), exports=tuple(exported)))


@given(made_modules())
def test_declarations_of_a_module_are_read_exactly(made: Made) -> None:
    assert read_core_declarations(made.data) == made.declared


@given(made_modules())
def test_stub_is_the_module_type_of_these_declarations(made: Made) -> None:
    declared = made.declared
    declarations = [b"\1" + each for each in declared.types]
    declarations += [b"\0" + each for each in declared.imports] + [b"\3" + each for each in declared.exports]

    assert make_stub(made.data).module_type == b"\x50" + vector(*declarations)


@given(made_modules())
def test_stub_weighs_no_less_than_engines_count(made: Made) -> None:
    declared = made.declared
    largest = max(len(each) for each in declared.types)  # more bytes than parameters and results

    assert make_stub(made.data).weight >= (len(declared.imports) + len(declared.exports)) * largest


def is_of_its_stub(data: bytes) -> bool:
    """Whether an engine takes the module for one of the type of its stub."""
    ascribed = vector(b"\0" + text("m") + b"\0\x11\0" + b"\1\0\x11\0")
    both = component(section(1, data), section(3, vector(make_stub(data).module_type)), section(11, ascribed))
    try:
        wasmtime.component.Component(_ENGINE, component(section(4, both)))
    except wasmtime.WasmtimeError as exc:
        raise AssertionError(str(exc)) from exc
    return True


def _iter_fixture_modules() -> Iterator[bytes]:
    for path in sorted(FIXTURES.rglob("*.wasm")):
        data = path.read_bytes()
        try:
            modules = explode(data).core_modules
        except WasmFormatError:
            continue
        contents = [data[module.contents : module.contents + module.size] for module in modules]
        yield from contents if modules else [data] if data.startswith(CORE_MODULE) else []


_ENGINE = wasmtime.Engine()


def _is_valid(data: bytes) -> bool:
    try:
        wasmtime.Module.validate(_ENGINE, data)
    except wasmtime.WasmtimeError:
        return False
    return True


def _fits_a_component(data: bytes) -> bool:
    """A module may import something twice, and then has no place in a component."""
    try:
        wasmtime.component.Component(_ENGINE, component(section(1, data)))
    except wasmtime.WasmtimeError:
        return False
    return True


REAL = [data for data in dict.fromkeys(_iter_fixture_modules()) if _is_valid(data)]


@pytest.mark.parametrize("data", [binary(wat) for wat in CORE_MODULES.values()], ids=list(CORE_MODULES))
def test_module_has_the_type_of_its_stub(data: bytes) -> None:
    assert is_of_its_stub(data)


@pytest.mark.parametrize("data", REAL, ids=[f"{len(data)} bytes" for data in REAL])
def test_module_of_a_fixture_has_the_type_of_its_stub(data: bytes) -> None:
    assert is_of_its_stub(data)


@pytest.mark.parametrize("wat", CORE_MODULES.values(), ids=list(CORE_MODULES))
def test_stub_exports_every_name_and_nothing_else(wat: str) -> None:
    names = re.findall(r'\(export "([^"]+)"', wat)

    exported = [each[1 : 1 + each[0]].decode() for each in read_core_declarations(binary(wat)).exports]

    assert sorted(exported) == sorted(names)


@pytest.mark.parametrize("wat", CORE_MODULES.values(), ids=list(CORE_MODULES))
def test_stub_imports_every_name_and_nothing_else(wat: str) -> None:
    names = re.findall(r'\(import "([^"]+)" "([^"]+)"', wat)

    imported = read_core_declarations(binary(wat)).imports

    assert [(each[1:2].decode(), each[3 : 3 + each[2]].decode()) for each in imported] == names


def test_imports_that_share_their_module_get_their_own() -> None:
    shared = vector(text("a") + b"\0\x7f" + vector(text("x") + b"\2\0\1", text("y") + b"\0\0"))

    declared = read_core_declarations(CORE_MODULE + section(1, vector(TYPES[0])) + section(2, shared))

    assert declared.imports == (text("a") + text("x") + b"\2\0\1", text("a") + text("y") + b"\0\0")


def test_imports_that_share_module_and_type_get_their_own() -> None:
    shared = vector(text("a") + b"\0\x7e\3\x7f\0" + vector(text("x"), text("y")))
    exports = section(7, vector(text("e") + b"\3\1"))

    declared = read_core_declarations(CORE_MODULE + section(2, shared) + exports)

    assert declared.imports == (text("a") + text("x") + b"\3\x7f\0", text("a") + text("y") + b"\3\x7f\0")
    assert declared.exports == (text("e") + b"\3\x7f\0",)


def test_import_with_an_empty_name_shares_nothing() -> None:
    data = CORE_MODULE + section(2, vector(text("") + text("") + b"\2\0\1"))

    assert read_core_declarations(data).imports == (text("") + text("") + b"\2\0\1",)


MALFORMED = {
    "a section runs past the end": b"\1\5\0",
    "a vector is longer than its section": section(1, b"\x05"),
    "a type is unknown": section(1, vector(b"\x33")),
    "a module type stands among core types": section(1, vector(b"\x50\0\x50\0")),
    "a name runs past its section": section(2, vector(b"\x7fa")),
    "an import is of unknown form": section(2, vector(text("a") + text("b") + b"\x09\0")),
    "the type of an import is cut off": section(2, vector(text("a") + text("b") + b"\2")),
    "limits have endless numbers": section(5, vector(b"\0" + b"\x80" * 11)),
    "an initialiser has an unknown instruction": section(6, vector(b"\x7f\0\x10\0\x0b")),
    "an initialiser has an unknown prefixed instruction": section(6, vector(b"\x7f\0\xfb\x7e\x0b")),
    "an initialiser has no end": section(6, vector(b"\x7f\0\x41\0")),
    "an export is of unknown form": section(7, vector(text("a") + b"\x05\0")),
    "an export has an index that is not there": section(7, vector(text("a") + b"\0\0")),
    "an exported memory is not there": section(5, vector(b"\0\1")) + section(7, vector(text("a") + b"\2\1")),
}


@pytest.mark.parametrize("sections", MALFORMED.values(), ids=list(MALFORMED))
def test_there_is_no_stub_where(sections: bytes) -> None:
    with pytest.raises(WasmFormatError) as caught:
        make_stub(CORE_MODULE + sections)

    assert (caught.value.code, caught.value.offset <= len(CORE_MODULE + sections)) == ("wasm-malformed", True)


def test_module_with_too_much_to_declare_has_no_stub() -> None:
    types = section(1, vector(*[TYPES[0]] * (MAX_DECLARATIONS + 1)))

    with pytest.raises(WasmFormatError) as caught:
        make_stub(CORE_MODULE + types)

    assert caught.value.code == "wasm-too-large"


def test_module_with_just_enough_to_declare_has_a_stub() -> None:
    types = section(1, vector(*[TYPES[0]] * MAX_DECLARATIONS))

    assert is_of_its_stub(CORE_MODULE + types)


@given(st.lists(st.one_of(st.binary(max_size=12), st.builds(section, st.integers(0, 14), st.binary(max_size=20)))))
def test_any_bytes_give_a_stub_or_our_error(pieces: list[bytes]) -> None:
    assert _gives_a_stub_or_our_error(CORE_MODULE + b"".join(pieces))


@pytest.mark.parametrize("seed", SEEDS)
def test_mutated_module_gives_a_stub_or_our_error(seed: int) -> None:
    sources = tuple(binary(wat) for wat in CORE_MODULES.values())

    assert all(_gives_a_stub_or_our_error(mutate(Random(f"{seed} {number}"), sources)) for number in range(40))


def _gives_a_stub_or_our_error(data: bytes) -> bool:
    try:
        return make_stub(data).module_type.startswith(b"\x50")
    except WasmFormatError as exc:
        return 0 <= exc.offset <= len(data)


@pytest.mark.parametrize("seed", SEEDS)
def test_module_that_an_engine_takes_has_a_stub(seed: int) -> None:
    sources = tuple(binary(wat) for wat in CORE_MODULES.values())
    mutated = [mutate(Random(f"{seed} {number}"), sources) for number in range(40)]
    valid = [data for data in mutated if data.startswith(CORE_MODULE) and _is_valid(data) and _fits_a_component(data)]

    assert valid
    assert all(is_of_its_stub(data) for data in valid)
