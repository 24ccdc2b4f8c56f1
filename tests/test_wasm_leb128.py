"""LEB128 of 32 bits: every width, cuts, and what is too large or too long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packaging_kit.errors import WasmFormatError
from packaging_kit.wasm.leb128 import decode_u32, encode_u32, minimal_width
from tests.strategies import leb128

LARGEST = (1 << 32) - 1
EDGES = (0, 1, 127, 128, (1 << 14) - 1, 1 << 14, (1 << 21) - 1, 1 << 21, (1 << 28) - 1, 1 << 28, LARGEST)


@given(st.integers(0, LARGEST), st.integers(0, 5), st.binary(max_size=3), st.binary(max_size=3))
def test_number_of_any_width_is_decoded_wherever_it_stands(value: int, width: int, before: bytes, after: bytes) -> None:
    encoded = leb128(value, width)

    decoded = decode_u32(before + encoded + after, len(before), len(before) + len(encoded))

    assert decoded == (value, len(before) + len(encoded))


@pytest.mark.parametrize("value", EDGES)
@pytest.mark.parametrize("width", range(6))
def test_number_is_encoded_in_the_width_asked_for_or_the_least_that_holds_it(value: int, width: int) -> None:
    assert encode_u32(value, width) == leb128(value, width)


@pytest.mark.parametrize("value", EDGES)
def test_minimal_width_is_that_of_the_shortest_encoding(value: int) -> None:
    assert minimal_width(value) == len(leb128(value))


@pytest.mark.parametrize(
    "encoded",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x80", id="one byte that goes on"),
        pytest.param(b"\x80\x80\x80\x80", id="four bytes that go on"),
        pytest.param(b"\x80\x80\x80\x80\x80", id="five bytes that go on"),
        pytest.param(b"\x80\x80\x80\x80\x80\x00", id="six bytes"),
        pytest.param(b"\x80\x80\x80\x80\x10", id="2^32"),
        pytest.param(b"\xff\xff\xff\xff\x1f", id="2^33-1"),
        pytest.param(b"\x80\x80\x80\x80\x7f", id="bits that no u32 has"),
    ],
)
def test_encoding_of_no_u32_is_refused_at_its_first_byte(encoded: bytes) -> None:
    with pytest.raises(WasmFormatError) as error:
        decode_u32(b"??" + encoded, 2, 2 + len(encoded), base=100)

    assert (error.value.code, error.value.offset) == ("wasm-malformed", 102)


def test_number_ends_where_its_holder_ends() -> None:
    with pytest.raises(WasmFormatError) as error:
        decode_u32(b"\x80\x01", 0, 1)

    assert error.value.offset == 0


def test_view_is_read_as_bytes_are() -> None:
    assert decode_u32(memoryview(b"\xe5\x8e\x26"), 0, 3) == (624485, 3)
