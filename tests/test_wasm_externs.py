"""Imports and exports: every form of a name, every kind of thing, and what is refused with its offset."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packaging_kit.errors import WasmFormatError
from packaging_kit.wasm.externs import Extern, Sort, read_exports, read_imports
from packaging_kit.wasm.interface import read_interface
from packaging_kit.wasm.sections import Section, iter_sections
from tests.strategies import component, leb128, section, text, vector

FUNCTION = b"\x01\x07"


def _section(section_id: int, *items: bytes) -> tuple[bytes, Section]:
    data = component(section(section_id, vector(*items)))
    (part,) = iter_sections(data)
    return data, part


def _import(name: bytes, described: bytes = FUNCTION) -> Extern:
    (extern,) = read_imports(*_section(10, name + described))
    return extern


def _export(name: bytes, rest: bytes = b"\x01\x07\0") -> Extern:
    (extern,) = read_exports(*_section(11, name + rest))
    return extern


NAMES = {
    "form 0": (b"\0" + text("wasi:io/poll@0.2.0"), "wasi:io/poll@0.2.0"),
    "form 1": (b"\x01" + text("wasi:io/poll@0.2.0"), "wasi:io/poll@0.2.0"),
    "form 2 without attributes": (b"\x02" + text("a:b/c") + b"\0", "a:b/c"),
    "implements": (b"\x02" + text("store") + vector(b"\0" + text("a:b/c@1.0.0")), "store"),
    "a version suffix": (b"\x02" + text("a:b/c@1") + vector(b"\x01" + text(".2.3")), "a:b/c@1.2.3"),
    "an external id": (b"\x02" + text("log") + vector(b"\x02" + text("any id")), "log"),
    "a version suffix beside an external id": (
        b"\x02" + text("a:b/c@0.2") + vector(b"\x02" + text("id"), b"\x01" + text(".1")),
        "a:b/c@0.2.1",
    ),
    "a version suffix of what is implemented": (
        b"\x02" + text("backup") + vector(b"\x01" + text(".2.3"), b"\0" + text("a:b/c@1")),
        "backup",
    ),
    "an empty version suffix": (b"\x02" + text("a:b/c@1.2.3") + vector(b"\x01" + text("")), "a:b/c@1.2.3"),
    "padded sizes": (b"\x02" + leb128(1, 5) + b"a" + leb128(1, 5) + b"\x01" + leb128(2, 5) + b"@1", "a@1"),
    "an empty name": (b"\0\0", ""),
    "letters of the world": (b"\0" + text("größe-名前"), "größe-名前"),
    "control characters": (b"\0" + text("a\0b\x1b[0m\n"), "a\0b\x1b[0m\n"),
}


IMPLEMENTED = {
    "implements": "a:b/c@1.0.0",
    "a version suffix of what is implemented": "a:b/c@1.2.3",
}


@pytest.mark.parametrize("name", NAMES)
def test_interface_that_a_name_stands_for_is_read_with_its_version(name: str) -> None:
    encoded, _ = NAMES[name]

    assert (_import(encoded).implements, _export(encoded).implements) == (IMPLEMENTED.get(name, ""),) * 2


@pytest.mark.parametrize(("encoded", "name"), NAMES.values(), ids=NAMES)
def test_name_is_read_in_every_form(encoded: bytes, name: str) -> None:
    assert (_import(encoded).name, _export(encoded).name) == (name, name)


DESCRIBED = {
    "a core module": (b"\0\x11\x05", Sort.CORE, 5),
    "a function": (b"\x01\x05", Sort.FUNC, 5),
    "a value of a primitive type": (b"\x02\x7f", Sort.VALUE, None),
    "a value of type string": (b"\x02\x73", Sort.VALUE, None),
    "a value of type error-context": (b"\x02\x64", Sort.VALUE, None),
    "a value of a defined type": (b"\x02\x05", Sort.VALUE, None),
    "a value of a type with a padded index": (b"\x02\x85\x80\x80\x80\0", Sort.VALUE, None),
    "a value of a type with a large index": (b"\x02\xff\xff\xff\xff\x0f", Sort.VALUE, None),
    "a type that equals another": (b"\x03\0\x05", Sort.TYPE, 5),
    "a resource type": (b"\x03\x01", Sort.TYPE, None),
    "a component": (b"\x04\x05", Sort.COMPONENT, 5),
    "an instance": (b"\x05\x05", Sort.INSTANCE, 5),
}


@pytest.mark.parametrize(("described", "sort", "index"), DESCRIBED.values(), ids=DESCRIBED)
def test_import_of_every_kind_is_read(described: bytes, sort: Sort, index: int | None) -> None:
    extern = _import(b"\0" + text("a"), described)

    assert extern == Extern(name="a", sort=sort, index=index, offset=11)


@pytest.mark.parametrize(("described", "sort", "index"), DESCRIBED.values(), ids=DESCRIBED)
def test_export_with_a_type_of_every_kind_is_read(described: bytes, sort: Sort, index: int | None) -> None:
    assert _export(b"\0" + text("a"), b"\x01\x03\x01" + described).index == 3


EXPORTED = {
    "a core module": (b"\0\x11\x05\0", Sort.CORE),
    "a function": (b"\x01\x05\0", Sort.FUNC),
    "a value": (b"\x02\x05\0", Sort.VALUE),
    "a type": (b"\x03\x05\0", Sort.TYPE),
    "a component": (b"\x04\x05\0", Sort.COMPONENT),
    "an instance": (b"\x05\x05\0", Sort.INSTANCE),
}


@pytest.mark.parametrize(("rest", "sort"), EXPORTED.values(), ids=EXPORTED)
def test_export_of_every_kind_is_read(rest: bytes, sort: Sort) -> None:
    assert _export(b"\0" + text("a"), rest) == Extern(name="a", sort=sort, index=5, offset=11)


A = b"\0" + text("a")
UNKNOWN_IMPORTS = {
    "an unknown form of a name": (b"\x03" + text("a") + FUNCTION, 0),
    "no form of a name": (b"\x01a" + FUNCTION, 2),
    "an unknown attribute": (b"\x02" + text("a") + vector(b"\x03" + text("b")) + FUNCTION, 4),
    "more attributes than there are bytes": (b"\x02" + text("a") + b"\x7f" + FUNCTION, 3),
    "a name that is not UTF-8": (b"\0\x02\xff\xfe" + FUNCTION, 1),
    "a name that is cut": (b"\0\x05a", 2),
    "a kind that nothing has": (A + b"\x06\0", 3),
    "a core import that is no module": (A + b"\0\x10\0", 3),
    "a core function": (A + b"\0\0\0", 3),
    "an unknown type bound": (A + b"\x03\x02\0", 4),
    "a value type that is none": (A + b"\x02\x41", 4),
    "a value type of six bytes": (A + b"\x02\x80\x80\x80\x80\x80\0", 4),
    "a value in the form of eq": (A + b"\x02\x40\0", 4),
    "an index that is cut": (A + b"\x01\x80", 4),
    "an index above 2^32-1": (A + b"\x01\xff\xff\xff\xff\x1f", 4),
    "no description": (A, 3),
    "a byte too many": (A + FUNCTION + b"\0", 5),
}


@pytest.mark.parametrize(("item", "offset"), UNKNOWN_IMPORTS.values(), ids=UNKNOWN_IMPORTS)
def test_import_that_cannot_be_read_is_refused_at_its_offset(item: bytes, offset: int) -> None:
    with pytest.raises(WasmFormatError) as error:
        read_imports(*_section(10, item))

    assert (error.value.code, error.value.offset - 11) == ("wasm-extern-unknown", offset)


UNKNOWN_EXPORTS = {
    "an unknown form of a name": (b"\x04" + text("a") + b"\x01\0\0", 0),
    "an unknown form of the type": (A + b"\x01\x05\x02", 5),
    "no form of the type": (A + b"\x01\x05", 5),
    "a kind that nothing has": (A + b"\x07\0\0", 3),
    "a core export that is no module": (A + b"\0\x02\0\0", 3),
    "a type of an unknown kind": (A + b"\x01\0\x01\x09\0", 6),
    "a byte too many": (A + b"\x01\0\0\0", 6),
}


@pytest.mark.parametrize(("item", "offset"), UNKNOWN_EXPORTS.values(), ids=UNKNOWN_EXPORTS)
def test_export_that_cannot_be_read_is_refused_at_its_offset(item: bytes, offset: int) -> None:
    with pytest.raises(WasmFormatError) as error:
        read_exports(*_section(11, item))

    assert (error.value.code, error.value.offset - 11) == ("wasm-extern-unknown", offset)


def test_refusal_tells_how_to_go_on() -> None:
    with pytest.raises(WasmFormatError) as error:
        read_imports(*_section(10, b"\x09"))

    assert "--imports" in (error.value.hint or "")


@pytest.mark.parametrize("contents", [b"", b"\x80", b"\x02" + A + FUNCTION, b"\xff\xff\xff\xff\x0f"])
def test_section_whose_count_is_wrong_is_refused(contents: bytes) -> None:
    data = component(section(10, contents))
    (part,) = iter_sections(data)

    with pytest.raises(WasmFormatError) as error:
        read_imports(data, part)

    assert (error.value.code, part.contents <= error.value.offset <= part.end) == ("wasm-extern-unknown", True)


@given(st.binary(max_size=60), st.sampled_from((10, 11)))
def test_any_bytes_give_names_or_a_refusal_inside_the_section(contents: bytes, section_id: int) -> None:
    data = component(section(section_id, contents))
    (part,) = iter_sections(data)
    read = read_imports if section_id == 10 else read_exports

    try:
        offsets = [extern.offset for extern in read(data, part)]
    except WasmFormatError as exc:
        offsets = [exc.offset if exc.code == "wasm-extern-unknown" else -1]

    assert all(part.contents <= offset <= part.end for offset in offsets)


def test_names_of_several_sections_come_in_binary_order() -> None:
    data = component(
        section(10, vector(b"\0" + text("b") + FUNCTION, b"\0" + text("a") + FUNCTION)),
        section(11, vector(b"\0" + text("z") + b"\x01\0\0")),
        section(10, vector(b"\0" + text("c") + FUNCTION)),
        section(11, vector(b"\0" + text("y") + b"\x01\0\0")),
    )
    interface = read_interface(data)

    assert (interface.imports, interface.exports, interface.is_wit_package) == (("b", "a", "c"), ("z", "y"), False)


def test_names_of_nested_components_are_not_the_components() -> None:
    inner = component(section(10, vector(b"\0" + text("inner") + FUNCTION)))
    interface = read_interface(component(section(4, inner)))

    assert (interface.imports, interface.exports) == ((), ())


def test_refusal_in_the_second_section_has_an_offset_in_the_whole_input() -> None:
    data = component(section(10, vector(A + FUNCTION)), section(10, vector(b"\x09")))

    with pytest.raises(WasmFormatError) as error:
        read_interface(data)

    assert data[error.value.offset] == 9
