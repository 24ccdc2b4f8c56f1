"""JSON as it stands in a document, read so that everything that is wrong with it can be told, with its path."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from typing import Any, Final

from packaging_kit.document import Excess, find_excess
from packaging_kit.limits import MAX_JSON_INTEGER, MAX_JSON_OBJECTS, MAX_MANIFEST_SIZE

BYTE_ORDER_MARK: Final = "\ufeff"
_SPACE = re.compile(r"[ \t\n\r]*+")
_MOST_OF_A_NAME: Final = 200  # characters that a path shows of it
_MOST_DIGITS: Final = 100  # of an integer that is worked out: int() of a million digits takes minutes
_BEYOND: Final = 10**_MOST_DIGITS
_SURELY_SMALL: Final = 19  # characters of an integer that fits into 64 bits in any case


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonText:
    """A document's bytes, and what they say as far as that can be told.

    Attributes:
        raw: the bytes.
        text: decoded; what is not UTF-8 is replaced, a byte order mark stays.
        value: what it says; `None` where it can't be parsed, or says `null`.
        is_parsed: it has a value.
        end: position in `text` after that value.
        error: why it could not be parsed, as a sentence; its position is `error_at`.
        error_at: in characters of `text`.
        excess: why nobody tried.
        odd: types of values among which are objects with repeated names, or numbers that JSON does not have or that
            are too large.
    """

    raw: bytes
    text: str
    value: Any = None
    is_parsed: bool = False
    end: int = 0
    error: str | None = None
    error_at: int = 0
    excess: Excess | None = None
    odd: frozenset[type] = frozenset()

    @classmethod
    def parse(cls, raw: bytes, *, max_size: int = MAX_MANIFEST_SIZE) -> JsonText:
        """Read `raw`; raises nothing: what can't be read is told by the value."""
        if len(raw) > max_size:
            return cls(raw=raw, text="", excess=Excess(f"the document has {len(raw)} bytes"))
        text = raw.decode(errors="replace")
        excess = find_excess(raw) or _find_objects(raw)
        if excess is not None:
            return cls(raw=raw, text=text, excess=excess)
        start = _skip_space(text, len(BYTE_ORDER_MARK) if text.startswith(BYTE_ORDER_MARK) else 0)
        reader = _Reader()
        try:
            value, end = reader.decoder.raw_decode(text, start)
        except json.JSONDecodeError as exc:
            return cls(raw=raw, text=text, error=exc.msg[:1].lower() + exc.msg[1:], error_at=exc.pos)
        end = _skip_space(text, end)
        return cls(raw=raw, text=text, value=value, is_parsed=True, end=end, odd=frozenset(reader.odd))

    @property
    def has_lone_surrogate(self) -> bool:
        """Only an escape can make one, and half of a pair can't be encoded."""
        if b"\\u" not in self.raw or not self.is_parsed:
            return False
        try:
            json.dumps(self.value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return True
        return False

    def byte_offset(self, position: int) -> int:
        """The offset in `raw` of a position in `text`."""
        return min(len(self.text[:position].encode()), len(self.raw))

    def find_values(self, kinds: Container[type], is_wanted: Callable[[Any], bool]) -> Iterator[tuple[str, Any]]:
        """Every value of these types that is wanted with its path, in the order in which they stand there."""
        if type(self.value) in kinds and is_wanted(self.value):
            yield "", self.value
        # A document may have millions of values: paths are made of those alone that are wanted.
        steps: list[str | int] = []
        open_values = [_members(self.value)]
        while open_values:
            del steps[len(open_values) - 1 :]
            for step, value in open_values[-1]:
                kind = type(value)
                if kind in kinds and is_wanted(value):
                    yield _path([*steps, step]), value
                if kind in _OPEN:
                    steps.append(step)
                    open_values.append(_members(value))
                    break
            else:
                open_values.pop()


class RepeatingObject(dict[str, Any]):
    """An object in which names are repeated; of each the last value counts.

    Attributes:
        repeated: those names, in the order in which they stand there.
    """

    __slots__ = ("repeated",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        seen: set[str] = set()
        again: set[str] = set()
        for name, _ in pairs:
            (again if name in seen else seen).add(name)
        self.repeated = tuple(name for name in self if name in again)


_OPEN: Final = frozenset((dict, list, RepeatingObject))


def join(path: str, name: str) -> str:
    """The path of a member; a long name is cut, for every problem below it has this path."""
    shown = name if len(name) <= _MOST_OF_A_NAME else f"{name[:_MOST_OF_A_NAME]}…"
    return f"{path}.{shown}" if path else shown


def _path(steps: list[str | int]) -> str:
    path = ""
    for step in steps:
        path = f"{path}[{step}]" if isinstance(step, int) else join(path, step)
    return path


def _members(value: object) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, dict):
        return iter(value.items())
    return iter(enumerate(value if isinstance(value, list) else ()))


def is_odd_number(value: object) -> bool:
    """Whether a number is one that JSON does not have, or that does not fit into 64 bits."""
    if type(value) is int:
        return abs(value) > MAX_JSON_INTEGER
    return isinstance(value, float) and not math.isfinite(value)


def _skip_space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return position if found is None else found.end()


def _find_objects(raw: bytes) -> Excess | None:
    """What of objects is more than is parsed here; braces in texts count, of which nobody writes as many."""
    return (
        Excess(f"the document has more than {MAX_JSON_OBJECTS} objects") if raw.count(b"{") > MAX_JSON_OBJECTS else None
    )


class _Reader:
    """A decoder that takes everything, and notices what is odd."""

    def __init__(self) -> None:
        self.odd: set[type] = set()
        self.decoder = json.JSONDecoder(
            object_pairs_hook=self._object,
            parse_int=self._integer,
            parse_float=self._float,
            parse_constant=self._float,
        )

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = dict(pairs)
        if len(names) == len(pairs):
            return names
        self.odd.add(RepeatingObject)
        return RepeatingObject(pairs)

    def _integer(self, text: str) -> int:
        if len(text) < _SURELY_SMALL:
            return int(text)
        value = int(text) if len(text) <= _MOST_DIGITS else -_BEYOND if text.startswith("-") else _BEYOND
        if is_odd_number(value):
            self.odd.add(int)
        return value

    def _float(self, text: str) -> float:
        value = float(text)
        if is_odd_number(value):
            self.odd.add(float)
        return value
