"""Preambles and sections: what a binary is, and where its parts stand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packaging_kit.errors import WasmFormatError
from packaging_kit.wasm.preamble import Kind, Preamble, parse_kind
from packaging_kit.wasm.reader import Reader
from packaging_kit.wasm.sections import Section, iter_sections
from tests.strategies import COMPONENT, CORE_MODULE, SKELETON, component, leb128, section


@pytest.mark.parametrize(("preamble", "kind"), [(CORE_MODULE, Kind.CORE_MODULE), (COMPONENT, Kind.COMPONENT)])
def test_kind_is_told_by_version_and_layer(preamble: bytes, kind: Kind) -> None:
    assert parse_kind(preamble + b"whatever comes") is kind


@pytest.mark.parametrize(
    "preamble",
    [
        pytest.param(SKELETON, id="a skeleton"),
        pytest.param(b"\0asm\x0c\0\x01\0", id="an older component"),
        pytest.param(b"\0asm\x0e\0\x01\0", id="a newer component"),
        pytest.param(b"\0asm\x0d\0\x02\0", id="layer 2"),
        pytest.param(b"\0asm\x0d\0\0\0", id="layer 0 of a component's version"),
        pytest.param(b"\0asm\x01\0\x01\0", id="layer 1 of a core module's version"),
        pytest.param(b"\0asm\x02\0\0\0", id="another core version"),
        pytest.param(b"\0asm\x01\x01\0\0", id="a version that only looks like 1"),
        pytest.param(b"\0asm\x0d\0\x01\x01", id="a layer that only looks like 1"),
    ],
)
def test_other_version_or_layer_is_unsupported(preamble: bytes) -> None:
    with pytest.raises(WasmFormatError) as error:
        parse_kind(preamble)

    assert (error.value.code, error.value.offset) == ("wasm-unsupported", 4)


def test_skeleton_as_input_has_a_hint() -> None:
    with pytest.raises(WasmFormatError) as error:
        parse_kind(SKELETON)

    assert "reassemble" in (error.value.hint or "")


@pytest.mark.parametrize("data", [COMPONENT[:size] for size in range(8)])
def test_preamble_that_is_cut_is_malformed_at_its_end(data: bytes) -> None:
    with pytest.raises(WasmFormatError) as error:
        parse_kind(data)

    assert (error.value.code, error.value.offset) == ("wasm-malformed", len(data))


@pytest.mark.parametrize("data", [b"\x7fELF\0\0\0\0", b"\0ASM\x01\0\0\0", b"(module)", b"\0asn", b"x"])
def test_what_begins_otherwise_is_malformed_at_its_beginning(data: bytes) -> None:
    with pytest.raises(WasmFormatError) as error:
        parse_kind(data)

    assert (error.value.code, error.value.offset) == ("wasm-malformed", 0)


def test_version_and_layer_are_little_endian() -> None:
    assert Preamble.parse(b"\0asm\x34\x12\x78\x56") == Preamble(version=0x1234, layer=0x5678)


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=200), st.integers(0, 5)), max_size=20))
def test_sections_are_found_with_every_id_and_every_width(parts: list[tuple[int, bytes, int]]) -> None:
    data = component(*(section(*part) for part in parts))

    found = [(part.id, data[part.contents : part.end], part.size) for part in iter_sections(data)]

    assert found == [(section_id, contents, len(contents)) for section_id, contents, _ in parts]


def test_sections_inside_another_have_offsets_in_the_outermost_input() -> None:
    inner = component(section(7, b"abc"))
    data = component(section(0, b""), section(4, inner, 3))
    (outer,) = (part for part in iter_sections(data) if part.id == 4)

    found = list(iter_sections(data, outer.contents, outer.end))

    assert found == [Section(id=7, start=22, contents=24, end=27)]
    assert data[24:27] == b"abc"


@pytest.mark.parametrize(
    ("tail", "offset"),
    [
        pytest.param(b"\0", 9, id="an id alone"),
        pytest.param(b"\0\x80", 9, id="a size that is cut"),
        pytest.param(b"\0\x01", 9, id="contents that are cut"),
        pytest.param(b"\0\x02a", 9, id="contents that are cut by one byte"),
        pytest.param(b"\0\0\0\xff\xff\xff\xff\x0f", 11, id="4 GiB in the second section"),
        pytest.param(b"\0\x80\x80\x80\x80\x80\0", 9, id="a size of six bytes"),
    ],
)
def test_section_that_is_cut_or_too_large_is_malformed_at_its_size(tail: bytes, offset: int) -> None:
    with pytest.raises(WasmFormatError) as error:
        list(iter_sections(COMPONENT + tail))

    assert (error.value.code, error.value.offset) == ("wasm-malformed", offset)


def test_section_may_not_run_past_the_component_that_holds_it() -> None:
    inner = COMPONENT + b"\0\x05ab"
    data = component(section(4, inner), section(0, b"long enough for both"))

    with pytest.raises(WasmFormatError) as error:
        list(iter_sections(data, 10, 10 + len(inner)))

    assert error.value.offset == 19


def test_reader_counts_only_what_can_be_there() -> None:
    reader = Reader(leb128(3) + b"ab", 0, 3)

    with pytest.raises(WasmFormatError) as error:
        reader.count()

    assert error.value.offset == 0


@pytest.mark.parametrize(
    "data",
    [b"\x02a", b"\x02\xff\xfe", b"\x80", b"", leb128(100_001) + b"a" * 100_001],
    ids=["cut", "not UTF-8", "a size that is cut", "nothing", "longer than any name"],
)
def test_name_that_is_none_is_malformed_inside_the_input(data: bytes) -> None:
    with pytest.raises(WasmFormatError) as error:
        Reader(data, 0, len(data)).name()

    assert (error.value.code, 0 <= error.value.offset <= len(data)) == ("wasm-malformed", True)


def test_longest_name_is_read() -> None:
    data = leb128(100_000) + b"a" * 100_000

    assert Reader(data, 0, len(data)).name() == "a" * 100_000
