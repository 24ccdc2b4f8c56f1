"""Custom sections: names, producers, and what a binary calls itself; a broken one gives nothing and no error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packaging_kit.wasm.custom import (
    CustomSection,
    iter_custom_sections,
    parse_custom_section,
    parse_own_name,
    parse_producers,
)
from packaging_kit.wasm.sections import iter_sections
from tests.strategies import component, custom, section, text, vector


def _only(data: bytes) -> CustomSection:
    (found,) = iter_custom_sections(data, iter_sections(data))
    return found


def _producers(data: bytes) -> object:
    whole = component(custom("producers", data))
    return parse_producers(whole, _only(whole))


def _own_name(data: bytes) -> str | None:
    whole = component(custom("component-name", data))
    return parse_own_name(whole, _only(whole))


def test_custom_section_is_its_name_and_where_its_data_stand() -> None:
    data = component(section(9, b"other"), custom("näme", b"data", 4))
    found = _only(data)

    assert (found.name, data[found.start : found.end]) == ("näme", b"data")


@pytest.mark.parametrize(
    "contents",
    [b"", b"\x80", b"\x05abc", b"\x02\xff\xfe", b"\x80\x80\x80\x80\x80\0"],
    ids=["nothing", "a size that is cut", "a name that is cut", "not UTF-8", "a size of six bytes"],
)
def test_custom_section_whose_name_cannot_be_read_is_passed_over(contents: bytes) -> None:
    data = component(section(0, contents), custom("next", b""))

    assert [found.name for found in iter_custom_sections(data, iter_sections(data))] == ["next"]


def test_empty_name_is_a_name() -> None:
    assert _only(component(section(0, b"\0"))).name == ""


def test_other_sections_are_no_custom_sections() -> None:
    data = component(section(1, text("name")), section(11, text("name")))

    assert list(iter_custom_sections(data, iter_sections(data))) == []


def test_producers_keep_their_order() -> None:
    data = vector(
        text("processed-by") + vector(text("wit-component") + text("0.219.1"), text("rustc") + text("1.80")),
        text("language") + vector(text("Rust") + text("")),
    )

    assert _producers(data) == (
        ("processed-by", (("wit-component", "0.219.1"), ("rustc", "1.80"))),
        ("language", (("Rust", ""),)),
    )


PRODUCERS = vector(text("language") + vector(text("Rust") + text("1")))


@pytest.mark.parametrize("size", range(len(PRODUCERS)))
def test_producers_that_are_cut_are_none(size: int) -> None:
    assert _producers(PRODUCERS[:size]) == ()


@pytest.mark.parametrize(
    "data",
    [b"\xff\xff\xff\xff\x0f", b"\x01\x02\xff\xfe\0", b"\x01" + text("a") + b"\xff\xff\xff\xff\x0f", b"\x80" * 9],
    ids=["4 billion fields", "not UTF-8", "4 billion values", "no number"],
)
def test_broken_producers_are_none(data: bytes) -> None:
    assert _producers(data) == ()


def test_own_name_is_that_of_subsection_0() -> None:
    data = section(1, b"others") + section(0, text("mine")) + section(2, b"more")

    assert _own_name(data) == "mine"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        section(1, text("function")),
        section(0, b""),
        section(0, b"\x05abc"),
        section(0, b"\x02\xff\xfe"),
        b"\0",
        b"\0\x80",
        b"\0\x7f\x01a",
        b"\x01\xff\xff\xff\xff\x0f",
        section(1, b"") + b"\x02\x05a",
    ],
    ids=[
        "nothing",
        "other subsections",
        "an empty subsection",
        "a name that is cut",
        "not UTF-8",
        "an id alone",
        "a size that is cut",
        "a size past the end",
        "4 GiB",
        "a later subsection past the end",
    ],
)
def test_name_section_without_a_readable_own_name_gives_none(data: bytes) -> None:
    assert _own_name(data) is None


@given(st.binary(max_size=60))
def test_any_bytes_as_producers_or_names_are_no_error(data: bytes) -> None:
    whole = component(custom("producers", data))
    found = _only(whole)

    assert (isinstance(parse_producers(whole, found), tuple), parse_own_name(whole, found)) == (
        True,
        parse_own_name(whole, found),
    )


@given(st.binary(max_size=60))
def test_any_bytes_as_a_custom_section_are_no_error(contents: bytes) -> None:
    data = component(section(0, contents))
    (part,) = iter_sections(data)
    found = parse_custom_section(data, part)

    assert found is None or part.contents < found.start <= found.end == part.end
