"""Annotations out of custom sections: which, from where, and what is left out with a warning."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packaging_kit.artifact.annotations import read_metadata
from tests.strategies import CORE_MODULE, component, custom, section

IMAGE = "org.opencontainers.image."
VALID = {
    "version": ("1.2.3", "version"),
    "description": ("one\ntwo, ünïcode \x01", "description"),
    "licenses": ("Apache-2.0 WITH LLVM-exception", "licenses"),
    "source": ("https://example.com/src", "source"),
    "homepage": ("https://example.com", "url"),
    "authors": ("A B <a@example.com>", "authors"),
    "revision": ("abc123", "revision"),
}


@pytest.mark.parametrize(("name", "value", "annotation"), [(name, *rest) for name, rest in VALID.items()])
def test_custom_section_gives_its_annotation(name: str, value: str, annotation: str) -> None:
    metadata = read_metadata(component(custom(name, value.encode())))

    assert (dict(metadata.annotations), metadata.warnings) == ({IMAGE + annotation: value}, ())


def test_all_of_them_together_are_all_of_the_annotations() -> None:
    data = component(*(custom(name, value.encode()) for name, (value, _) in VALID.items()))

    assert dict(read_metadata(data).annotations) == {IMAGE + to: value for value, to in VALID.values()}


def test_core_module_gives_them_too() -> None:
    data = CORE_MODULE + custom("version", b"1") + section(1, b"\0") + custom("homepage", b"x:y")

    assert dict(read_metadata(data).annotations) == {IMAGE + "version": "1", IMAGE + "url": "x:y"}


def test_last_of_repeated_sections_counts() -> None:
    data = component(custom("version", b"1"), custom("version", b"3"), custom("version", b"2"))

    assert read_metadata(data).annotations[IMAGE + "version"] == "2"


def test_last_of_repeated_sections_counts_also_where_it_is_invalid() -> None:
    metadata = read_metadata(component(custom("source", b"https://x"), custom("source", b"no scheme")))

    assert (dict(metadata.annotations), len(metadata.warnings)) == ({}, 1)


def test_sections_of_what_is_inside_are_not_the_outermost_ones() -> None:
    inner = component(custom("version", b"inner"))
    module = CORE_MODULE + custom("version", b"module") + custom("fill", bytes(4096))

    assert dict(read_metadata(component(section(4, inner), section(1, module))).annotations) == {}


def test_value_is_not_normalised() -> None:
    value = "  Spaces\u00a0and e\u0301 \r\n"

    assert read_metadata(component(custom("description", value.encode()))).annotations[IMAGE + "description"] == value


def test_empty_value_is_a_value() -> None:
    assert dict(read_metadata(component(custom("version", b""))).annotations) == {IMAGE + "version": ""}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("version", b"\xff"),
        ("description", b"\xed\xa0\x80"),
        ("source", b"example.com/src"),
        ("source", b"//example.com"),
        ("source", b""),
        ("source", b"1http://x"),
        ("homepage", b"example.com"),
        ("homepage", "größe://x".encode()),
        ("licenses", b"MIT/Apache-2.0"),
        ("licenses", b"see LICENSE"),
        ("licenses", b""),
    ],
)
def test_invalid_value_is_left_out_with_a_warning(name: str, value: bytes) -> None:
    metadata = read_metadata(component(custom(name, value), custom("revision", b"r")))

    assert (dict(metadata.annotations), [f"`{name}`" in warning for warning in metadata.warnings]) == (
        {IMAGE + "revision": "r"},
        [True],
    )


@pytest.mark.parametrize("name", ["Version", "license", "url", "title", "created", "name", "producers", ""])
def test_section_of_another_name_gives_nothing(name: str) -> None:
    assert dict(read_metadata(component(custom(name, b"x:y"))).annotations) == {}


def test_section_whose_name_cannot_be_read_is_passed_over() -> None:
    data = component(section(0, b"\x07vers"), section(0, b""), custom("version", b"1"))

    assert dict(read_metadata(data).annotations) == {IMAGE + "version": "1"}


@pytest.mark.parametrize(
    "tail",
    [b"\xff" * 24, b"\0", b"\0\x7f", b"\0\x80\x80\x80\x80\x80\0"],
    ids=["garbage", "an id", "a cut", "six bytes"],
)
def test_core_module_that_is_not_well_framed_is_no_reason_to_fail(tail: bytes) -> None:
    metadata = read_metadata(CORE_MODULE + custom("version", b"1") + tail)

    assert set(metadata.annotations) <= {IMAGE + "version"}


@given(st.binary(max_size=60))
def test_any_core_module_gives_annotations(tail: bytes) -> None:
    metadata = read_metadata(CORE_MODULE + tail)

    assert all(name.startswith(IMAGE) for name in metadata.annotations)
