"""JSON documents: raw bytes and parsed value together, strict reading, one way of writing."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import Any, Generic, NoReturn, TypeVar

from packaging_kit.digest import Digest
from packaging_kit.errors import DocumentError
from packaging_kit.limits import (
    MAX_JSON_CONTAINERS,
    MAX_JSON_DEPTH,
    MAX_JSON_INTEGER,
    MAX_JSON_VALUES,
    MAX_MANIFEST_SIZE,
)

_FEW_CONTAINERS = 10_000
_BYTES_FOR_CONTAINER = 8

T = TypeVar("T")

# The closing quote is optional, so that a string without one is passed over once: linear on any input.
_STRUCTURE = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Document(Generic[T]):
    """A document as it was received or written, and what it means.

    Attributes:
        raw: the exact bytes; hash this, never a re-dump.
        value: what they mean.
    """

    raw: bytes
    value: T

    @property
    def digest(self) -> Digest:
        return Digest.of(self.raw)

    @property
    def size(self) -> int:
        return len(self.raw)


def dump_json(value: object) -> bytes:
    """The one form in which we write JSON: UTF-8, sorted keys, no spaces, non-ASCII as it is."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def parse_json(raw: bytes, *, max_size: int = MAX_MANIFEST_SIZE) -> Any:
    """Parse JSON from outside: what `json.loads` lets through is refused here.

    Raises:
        DocumentError: `document-invalid` for bytes that are not UTF-8, a byte order mark, duplicate
            names, NaN or infinities, integers beyond 64 bits, lone surrogates, more than
            64 levels; `document-too-large` for more than `max_size` bytes or ten million values.
    """
    if len(raw) > max_size:
        raise DocumentError("document-too-large", f"the document has {len(raw)} bytes, more than {max_size}")
    if (excess := find_excess(raw)) is not None:
        code = "document-invalid" if excess.is_depth else "document-too-large"
        raise DocumentError(code, excess.message)
    try:
        value = json.loads(
            raw.decode(),
            object_pairs_hook=_unique_names,
            parse_constant=_refuse_constant,
            parse_int=_bounded_integer,
            parse_float=_finite_float,
        )
        if b"\\u" in raw:
            # Only an escape can make a lone surrogate; encoding again finds it wherever it stands.
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeError as exc:
        raise _invalid("the document is not valid UTF-8") from exc
    except ValueError as exc:
        raise _invalid(f"the document is not JSON: {exc}") from exc
    return value


def _invalid(message: str) -> DocumentError:
    return DocumentError("document-invalid", message)


@dataclass(frozen=True, slots=True)
class Excess:
    """Why a text is not parsed at all, whatever it says.

    Attributes:
        message: a sentence.
        is_depth: it nests too deep; otherwise it would take too much memory.
    """

    message: str
    is_depth: bool = False


def find_excess(raw: bytes) -> Excess | None:
    """What of JSON in `raw` is more than is parsed: levels, objects or values; looks at its brackets alone."""
    if raw.count(b",") > MAX_JSON_VALUES:
        return Excess(f"the document has more than {MAX_JSON_VALUES} values")
    depth = containers = 0
    # An empty one takes thirty times its text in memory; in documents that say something they are far apart.
    most = min(MAX_JSON_CONTAINERS, _FEW_CONTAINERS + len(raw) // _BYTES_FOR_CONTAINER)
    for token in _STRUCTURE.finditer(raw):
        byte = raw[token.start()]
        if byte in b"[{":
            depth += 1
            containers += 1
            if containers > most:
                return Excess(f"the document has more than {most} objects")
            if depth > MAX_JSON_DEPTH:
                return Excess(f"the document nests deeper than {MAX_JSON_DEPTH} levels", is_depth=True)
        elif byte in b"]}":
            depth -= 1
    return None


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise _invalid("the document repeats a name in one object")
    return names


def _refuse_constant(text: str) -> NoReturn:
    raise _invalid(f"`{text}` is not a JSON number")


def _finite_float(text: str) -> float:
    if math.isinf(value := float(text)):
        raise _invalid(f"`{text[:40]}` is not a finite number")
    return value


def _bounded_integer(text: str) -> int:
    # The text is checked first: int() of a million digits takes minutes.
    if len(text) > 20 or abs(int(text)) > MAX_JSON_INTEGER:
        raise _invalid(f"`{text[:40]}` is not a 64-bit integer")
    return int(text)
