"""Strict JSON: what `json.loads` lets through and we do not, and the one form that we write."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packaging_kit.digest import Digest
from packaging_kit.document import Document, dump_json, parse_json
from packaging_kit.errors import DocumentError
from packaging_kit.limits import MAX_JSON_DEPTH, MAX_JSON_VALUES, MAX_LAYOUT_INDEX_SIZE
from tests.timing import LINEAR

REFUSED = {
    "nothing": b"",
    "no JSON": b"{",
    "two documents": b"{}{}",
    "a name twice": b'{"a":1,"a":2}',
    "a name twice deep inside": b'{"x":[{"y":{"a":1,"b":2,"a":1}}]}',
    "a name twice by an escape": b'{"a":1,"\\u0061":2}',
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":Infinity}',
    "-Infinity": b'{"a":-Infinity}',
    "a number that is infinite": b'{"a":1e400}',
    "2^63": b'{"a":9223372036854775808}',
    "-2^63": b'{"a":-9223372036854775808}',
    "a number of 21 digits": b'{"a":100000000000000000000}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "bytes that are not UTF-8": b'{"a":"\xff"}',
    "a surrogate in UTF-8": b'{"a":"\xed\xa0\x80"}',
    "a lone surrogate": b'{"a":"\\ud800"}',
    "a lone surrogate in a name": b'{"\\udc00":1}',
    "surrogates in the wrong order": b'{"a":"\\udc00\\ud800"}',
    "a control character": b'{"a":"\n"}',
    "a comma too many": b'{"a":1,}',
    "a comment": b'{"a":1}//',
    "single quotes": b"{'a':1}",
    "a leading zero": b'{"a":01}',
    "65 levels": b"[" * 65 + b"]" * 65,
    "65 levels of objects": b'{"a":' * 65 + b"1" + b"}" * 65,
    "65 levels after a text with brackets": b'["]]]]",' + b"[" * 64 + b"]" * 65,
    "65 levels after a text with an escaped quote": b'["\\"]]]",' + b"[" * 64 + b"]" * 65,
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED)
def test_document_is_refused(raw: bytes) -> None:
    with pytest.raises(DocumentError) as error:
        parse_json(raw)

    assert error.value.code == "document-invalid"


@pytest.mark.parametrize("bracket", [b"[", b'{"a":'], ids=["arrays", "objects"])
def test_a_million_levels_are_refused_at_once(bracket: bytes) -> None:
    started = time.thread_time()

    with pytest.raises(DocumentError) as error:
        parse_json(bracket * 800_000)

    assert (error.value.code, time.thread_time() - started < LINEAR) == ("document-invalid", True)


@pytest.mark.parametrize(
    "raw", [b'["' + b"\\" * 4_000_000, b'{"a":' + b"9" * 4_000_000 + b"}", b'"' * 4_000_000, b'"a' * 2_000_000]
)
def test_largest_document_of_no_sense_is_refused_in_linear_time(raw: bytes) -> None:
    started = time.thread_time()

    with pytest.raises(DocumentError) as error:
        parse_json(raw)

    assert (error.value.code, time.thread_time() - started < LINEAR) == ("document-invalid", True)


def test_document_of_the_largest_size_is_read_and_one_byte_more_is_not() -> None:
    raw = b'{"a":"' + b"x" * 92 + b'"}'

    with pytest.raises(DocumentError) as error:
        parse_json(raw, max_size=99)

    assert (parse_json(raw, max_size=100), error.value.code) == ({"a": "x" * 92}, "document-too-large")


def test_4_mib_are_the_largest_manifest() -> None:
    with pytest.raises(DocumentError) as error:
        parse_json(b" " * (4 << 20) + b"1")

    assert error.value.code == "document-too-large"


ACCEPTED: dict[str, tuple[bytes, Any]] = {
    "64 levels": (b"[" * MAX_JSON_DEPTH + b"]" * MAX_JSON_DEPTH, None),
    "brackets in texts": (b'"' + b"[" * 100 + b'"', "[" * 100),
    "an escaped quote before brackets": (b'"\\"' + b"[" * 100 + b'"', '"' + "[" * 100),
    "the largest integer": (b"9223372036854775807", (1 << 63) - 1),
    "the smallest integer": (b"-9223372036854775807", -((1 << 63) - 1)),
    "a surrogate pair": (b'"\\ud83d\\ude00"', "\U0001f600"),
    "a character beyond the first plane": ('"\U0001f600"'.encode(), "\U0001f600"),
    "white space": (b' \n\t{ "a" : [ 1 , 2.5 ] } \r\n', {"a": [1, 2.5]}),
    "the same name in two objects": (b'[{"a":1},{"a":2}]', [{"a": 1}, {"a": 2}]),
}


@pytest.mark.parametrize(("raw", "value"), ACCEPTED.values(), ids=ACCEPTED)
def test_document_is_read(raw: bytes, value: object) -> None:
    assert value is None or parse_json(raw) == value


def test_64_levels_are_read() -> None:
    assert dump_json(parse_json(ACCEPTED["64 levels"][0])) == ACCEPTED["64 levels"][0]


@given(st.binary(max_size=60))
def test_any_bytes_give_a_value_or_our_error(raw: bytes) -> None:
    try:
        value = parse_json(raw)
    except DocumentError as exc:
        value = exc.code

    assert value == "document-invalid" or json.loads(raw) == value


_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-((1 << 63) - 1), (1 << 63) - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=10,
)


@given(_values)
def test_what_is_written_is_read_as_the_same_value(value: object) -> None:
    assert parse_json(dump_json(value)) == value


def test_names_are_sorted_and_nothing_is_spaced_or_escaped_without_need() -> None:
    assert (
        dump_json({"b": [1, 2], "a": {"ü": 'x"\\\n\x01\x7f/'}})
        == '{"a":{"ü":"x\\"\\\\\\n\\u0001\x7f/"},"b":[1,2]}'.encode()
    )


def test_digest_of_a_document_is_that_of_its_raw_bytes() -> None:
    document = Document(b'{ "b": 1, "a": 2 }', {"a": 2, "b": 1})

    assert (document.digest, document.size) == (Digest.of(b'{ "b": 1, "a": 2 }'), 18)


def test_document_of_very_many_values_is_refused_before_it_takes_memory() -> None:
    raw = b"[" + b"{}," * (MAX_JSON_VALUES + 1) + b"{}]"

    with pytest.raises(DocumentError) as error:
        parse_json(raw, max_size=MAX_LAYOUT_INDEX_SIZE)

    assert error.value.code == "document-too-large"
