"""Rules over the text of a JSON document, whatever it is for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from packaging_kit.limits import MAX_JSON_DEPTH
from packaging_kit.validate.json_text import BYTE_ORDER_MARK, JsonText, RepeatingObject, is_odd_number
from packaging_kit.validate.rule import Finding, Rule, rule

_WITH_TEXT: Final = frozenset((str, dict, RepeatingObject))
_SURROGATE = re.compile("[\ud800-\udfff]")


@rule(
    "document-too-large",
    what="a document of more than 4 MiB, or with more values than are parsed",
    why="registries take manifests of 4 MiB (distribution-spec, Pushing Manifests); what is larger is not read",
    example='{"annotations":{"a":"… 5 MiB …"}}',
)
def too_large(text: JsonText) -> Iterator[Finding]:
    if text.excess is not None and not text.excess.is_depth:
        yield Finding("", text.excess.message)


@rule(
    "json-not-utf8",
    what="bytes that are not UTF-8",
    why="JSON that is exchanged is UTF-8 (RFC 8259, 8.1)",
    example=r'{"author":"\xff"}',
)
def not_utf8(text: JsonText) -> Iterator[Finding]:
    try:
        text.raw.decode()
    except UnicodeDecodeError as exc:
        yield Finding("", f"byte {text.raw[exc.start]:#04x} is not UTF-8", exc.start)


@rule(
    "json-byte-order-mark",
    what="a byte order mark at the beginning",
    why="implementations must not add one (RFC 8259, 8.1)",
    example=r'\ufeff{"schemaVersion":2}',
)
def byte_order_mark(text: JsonText) -> Iterator[Finding]:
    if text.text.startswith(BYTE_ORDER_MARK):
        yield Finding("", "the document begins with a byte order mark", 0)


@rule(
    "json-too-deep",
    what="objects and arrays inside each other at more than 64 levels",
    why="deep nesting overflows the stack of who parses it (RFC 8259, 9: a parser may set limits)",
    example="[[[[ … 65 levels … ]]]]",
)
def too_deep(text: JsonText) -> Iterator[Finding]:
    if text.excess is not None and text.excess.is_depth:
        yield Finding("", f"the document nests deeper than {MAX_JSON_DEPTH} levels")


@rule(
    "json-syntax",
    what="text that is no JSON",
    why="manifests, indexes and configs are JSON (image-spec, media-types.md; RFC 8259)",
    example='{"schemaVersion":2,}',
)
def syntax(text: JsonText) -> Iterator[Finding]:
    if text.error is not None:
        yield Finding("", f"the document is not JSON: {text.error}", text.byte_offset(text.error_at))


@rule(
    "json-trailing-data",
    what="something after the document's one value",
    why="a JSON text is one value (RFC 8259, 2); some readers stop there and others refuse it",
    example='{"schemaVersion":2}{}',
)
def trailing_data(text: JsonText) -> Iterator[Finding]:
    if text.is_parsed and text.end < len(text.text):
        yield Finding("", "something stands after the document", text.byte_offset(text.end))


@rule(
    "json-duplicate-name",
    what="a name that stands twice in one object",
    why="which of the values counts differs from reader to reader (RFC 8259, 4), so two of them see two documents",
    example='{"layers":[],"layers":[{}]}',
)
def duplicate_name(text: JsonText) -> Iterator[Finding]:
    for path, value in _odd_values(text, RepeatingObject):
        for name in value.repeated:
            yield Finding(path, f"the name `{name[:100]}` is repeated")


@rule(
    "json-number-invalid",
    what="`NaN`, `Infinity`, or a number beyond what a double holds",
    why="JSON has no such values (RFC 8259, 6); some readers take them all the same",
    example='{"size":NaN}',
)
def number_invalid(text: JsonText) -> Iterator[Finding]:
    for path, _ in _odd_values(text, float):
        yield Finding(path, "this is not a finite number")


@rule(
    "json-integer-too-large",
    what="an integer beyond 2^63-1",
    why="sizes are int64 (image-spec, descriptor.md, Properties); what is larger wraps around in some readers",
    example='{"size":9223372036854775808}',
)
def integer_too_large(text: JsonText) -> Iterator[Finding]:
    for path, _ in _odd_values(text, int):
        yield Finding(path, "this integer does not fit into 64 bits")


@rule(
    "json-lone-surrogate",
    what="half of a surrogate pair",
    why="it is no character and can't be encoded as UTF-8 (RFC 8259, 8.2)",
    example=r'{"author":"\ud800"}',
)
def lone_surrogate(text: JsonText) -> Iterator[Finding]:
    for path, value in text.find_values(_WITH_TEXT, _has_surrogate) if text.has_lone_surrogate else ():
        what = "this text" if isinstance(value, str) else "a name"
        yield Finding(path, f"{what} holds half of a surrogate pair")


@rule(
    "json-not-an-object",
    what="a document that is JSON and no object",
    why="manifests, indexes and configs are objects (image-spec, manifest.md, image-index.md)",
    example="[]",
)
def not_an_object(text: JsonText) -> Iterator[Finding]:
    if text.is_parsed and not isinstance(text.value, dict):
        yield Finding("", "the document is not an object")


def _odd_values(text: JsonText, kind: type) -> Iterator[tuple[str, Any]]:
    return text.find_values((kind,), _is_odd) if kind in text.odd else iter(())


def _is_odd(value: object) -> bool:
    return isinstance(value, RepeatingObject) or is_odd_number(value)


def _has_surrogate(value: object) -> bool:
    """In a text, or in the names of an object."""
    if isinstance(value, str):
        return _SURROGATE.search(value) is not None
    return isinstance(value, dict) and any(map(_SURROGATE.search, value))


JSON_RULES: Final[tuple[Rule[JsonText], ...]] = (
    too_large,
    not_utf8,
    byte_order_mark,
    too_deep,
    syntax,
    trailing_data,
    duplicate_name,
    number_invalid,
    integer_too_large,
    lone_surrogate,
    not_an_object,
)
