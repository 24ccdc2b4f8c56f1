"""Documents that are wrong as JSON, whatever they say."""

from __future__ import annotations

from typing import Final

from packaging_kit.limits import MAX_MANIFEST_SIZE
from packaging_kit.oci.media_types import IMAGE_INDEX
from tests.bad_documents.builders import Json, manifest, oci, raw_of
from tests.bad_documents.case import Case, Input, case, error

GOOD: Final = raw_of(manifest())
BRACES: Final = GOOD.count(b"{")
MARK: Final = b"\xef\xbb\xbf"


def with_member(text: bytes) -> bytes:
    """A good manifest, of which `text` is the first member."""
    return b"{" + text + b"," + GOOD[1:]


def member(text: bytes) -> Input:
    return oci(with_member(text))


def repeated(value: Json, name: str, again: str) -> Input:
    """A manifest in which a member `name` of the document stands once more, with this value."""
    raw = raw_of(value)
    return oci(b'{"' + name.encode() + b'":' + again.encode() + b"," + raw[1:])


def nested(levels: int) -> bytes:
    """A member that makes the document nest so deep."""
    return b'"x":' + b"[" * (levels - 1) + b"]" * (levels - 1)


CASES: Final[tuple[Case, ...]] = (
    case(
        "a document of exactly 4 MiB is read",
        lambda: oci(GOOD + b" " * (MAX_MANIFEST_SIZE - len(GOOD))),
    ),
    case(
        "a document of a byte more than 4 MiB is not read",
        lambda: oci(GOOD + b" " * (MAX_MANIFEST_SIZE + 1 - len(GOOD))),
        error("document-too-large"),
    ),
    case(
        "a document of more empty arrays than are parsed is not read",
        lambda: member(b'"x":[' + b",".join([b"[]"] * 20_000) + b"]"),
        error("document-too-large", says="the document has more than"),
    ),
    case("a document of 200,000 braces is read", lambda: member(b'"x":"' + b"{" * (200_000 - BRACES) + b'"')),
    case(
        "a document of a brace more than 200,000 is not read",
        lambda: member(b'"x":"' + b"{" * (200_001 - BRACES) + b'"'),
        error("document-too-large", says="200000 objects"),
    ),
    case(
        "a byte that is not UTF-8 has its offset",
        lambda: member(b'"x":"\xff"'),
        error("json-not-utf8", offset=6),
    ),
    case(
        "a document in UTF-16 is not UTF-8, and no JSON",
        lambda: oci(b"\xff\xfe{\0}\0"),
        error("json-not-utf8", offset=0),
        error("json-syntax", offset=0),
    ),
    case(
        "a byte order mark is found, and read over", lambda: oci(MARK + GOOD), error("json-byte-order-mark", offset=0)
    ),
    case(
        "spaces may stand behind a byte order mark, before and after the document",
        lambda: oci(MARK + b" \t\r\n" + GOOD + b"\n\r\t "),
        error("json-byte-order-mark", offset=0),
    ),
    case("a byte order mark inside a text is part of it", lambda: member(b'"x":"' + MARK + b'"')),
    case("a document of 64 levels is read", lambda: member(nested(64))),
    case("a document of 65 levels is not read", lambda: member(nested(65)), error("json-too-deep")),
    case("brackets in a text are no levels", lambda: member(b'"x":"' + b"[" * 100 + b'"')),
    case("an empty document is no JSON", lambda: oci(b""), error("json-syntax", offset=0)),
    case("a document of spaces is no JSON", lambda: oci(b" \n"), error("json-syntax", offset=2)),
    case(
        "a comma before the closing brace is no JSON",
        lambda: oci(GOOD[:-1] + b",}"),
        error("json-syntax", offset=len(GOOD)),
    ),
    case(
        "the offset of a syntax error counts bytes and not characters",
        lambda: oci('{"ü€😀":}'.encode()),
        error("json-syntax", offset=13),
    ),
    case(
        "the offset of a syntax error counts the byte order mark",
        lambda: oci(MARK + b"{]"),
        error("json-byte-order-mark", offset=0),
        error("json-syntax", offset=4),
    ),
    case(
        "the offset of a syntax error stays inside a document that is not UTF-8",
        lambda: oci(b'{"\xff\xff\xff\xff":'),
        error("json-not-utf8", offset=2),
        error("json-syntax", offset=8),
    ),
    case("single quotes are no JSON", lambda: oci(b"{'schemaVersion':2}"), error("json-syntax", offset=1)),
    case("a comment is no JSON", lambda: oci(b"// c\n" + GOOD), error("json-syntax", offset=0)),
    case("a control character in a text is no JSON", lambda: member(b'"x":"\n"'), error("json-syntax", offset=6)),
    case(
        "a second document behind the first is found",
        lambda: oci(GOOD + b" {}"),
        error("json-trailing-data", offset=len(GOOD) + 1),
    ),
    case(
        "a byte behind the document is found",
        lambda: oci(GOOD + b"\0"),
        error("json-trailing-data", offset=len(GOOD)),
    ),
    case(
        "a form feed is no space",
        lambda: oci(GOOD + b"\n\x0c"),
        error("json-trailing-data", offset=len(GOOD) + 1),
    ),
    case(
        "a name that stands twice is found, and the last value counts",
        lambda: repeated(manifest(), "schemaVersion", "1"),
        error("json-duplicate-name"),
    ),
    case(
        "a name that stands twice is told where others stand once",
        lambda: member(b'"x":{"a":1,"b":2,"a":3}'),
        error("json-duplicate-name", "x", says="`a`"),
    ),
    case(
        "a name that stands twice in the document is told beside a large integer",
        lambda: member(b'"x":9223372036854775808,"x":9223372036854775808'),
        error("json-duplicate-name"),
        error("json-integer-too-large", "x"),
    ),
    case(
        "a name that stands three times is told once",
        lambda: member(b'"x":1,"x":2,"x":3'),
        error("json-duplicate-name"),
    ),
    case(
        "two names that stand twice are both told, in an object deeper down",
        lambda: member(b'"x":[0,{"a":1,"b":2,"c":3,"a":4,"b":5}]'),
        error("json-duplicate-name", "x[1]", says="`a`"),
        error("json-duplicate-name", "x[1]", says="`b`"),
    ),
    case(
        "names that are the same only after their escapes are read are the same",
        lambda: member(rb'"x":{"a":1,"\u0061":2}'),
        error("json-duplicate-name", "x"),
    ),
    case("NaN is no number", lambda: member(b'"x":NaN'), error("json-number-invalid", "x")),
    case(
        "infinities are no numbers, and finite ones beside them are",
        lambda: member(b'"x":[Infinity,-Infinity,1.5,1]'),
        error("json-number-invalid", "x[0]"),
        error("json-number-invalid", "x[1]"),
    ),
    case(
        "a number beyond what a double holds is none",
        lambda: member(b'"x":{"b":1e999,"a":[-1e999,0.5]}'),
        error("json-number-invalid", "x.b"),
        error("json-number-invalid", "x.a[0]"),
    ),
    case(
        "the largest and smallest 64-bit integers are read",
        lambda: member(b'"x":[9223372036854775807,-9223372036854775807]'),
    ),
    case(
        "an integer of 2^63 is too large",
        lambda: member(b'"x":9223372036854775808'),
        error("json-integer-too-large", "x"),
    ),
    case(
        "an integer below -2^63 is too large, and another of as many digits is not",
        lambda: member(b'"x":[-9223372036854775809,1000000000000000000]'),
        error("json-integer-too-large", "x[0]"),
    ),
    case(
        "integers of five thousand digits are too large",
        lambda: member(b'"x":' + b"9" * 5000 + b',"y":-' + b"9" * 5000),
        error("json-integer-too-large", "x"),
        error("json-integer-too-large", "y"),
    ),
    case(
        "a repeated name, NaN and a large integer are told rule by rule",
        lambda: member(b'"x":9223372036854775808,"y":NaN,"z":{"a":1,"a":1}'),
        error("json-duplicate-name", "z"),
        error("json-number-invalid", "y"),
        error("json-integer-too-large", "x"),
    ),
    case(
        "the first of the surrogates alone is half of a pair",
        lambda: member(rb'"x":["a","\ud800"]'),
        error("json-lone-surrogate", "x[1]", says="this text"),
    ),
    case(
        "the last of the surrogates alone is half of a pair",
        lambda: member(rb'"x":"a\udfffb"'),
        error("json-lone-surrogate", "x"),
    ),
    case(
        "half of a pair in a name is told at its object",
        lambda: member(rb'"x":{"\ud83d":1,"a":"b"}'),
        error("json-lone-surrogate", "x", says="a name"),
    ),
    case(
        "a pair is a character, and so is what stands around the surrogates",
        lambda: member(rb'"x":"\ud83d\ude00\ud7ff\ue000"'),
    ),
    case(
        "a large integer alone is too large, and no document",
        lambda: oci(b"9223372036854775808"),
        error("json-integer-too-large"),
        error("json-not-an-object"),
    ),
    case("an array is no document", lambda: oci(b"[]"), error("json-not-an-object")),
    case(
        "null is no document", lambda: oci(b"null", media_type=IMAGE_INDEX), error("json-not-an-object", part="index")
    ),
    case("a text is no document", lambda: oci(b'"{}"'), error("json-not-an-object")),
)
