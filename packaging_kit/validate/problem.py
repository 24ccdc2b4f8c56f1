"""Problems: what validation finds, where, and how much it matters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

from packaging_kit.digest import Digest


class Level(Enum):
    """How much a problem matters: an error makes a report one that fails, a note does not."""

    ERROR = "error"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """The place of a problem.

    Attributes:
        part: what it is in: `manifest`, `config`, `binary`, `skeleton artifact`, ….
        digest: of that document or blob, where it is known.
        json_path: the field, as `layers[0].size`; empty for the document itself, and for what is none.
        offset: absolute, in bytes: in the whole for a binary, else in the document.
    """

    part: str
    digest: Digest | None = None
    json_path: str = ""
    offset: int | None = None

    def __str__(self) -> str:
        return " ".join(self._words())

    def _words(self) -> Iterator[str]:
        yield self.part
        if self.json_path:
            yield self.json_path
        if self.offset is not None:
            yield f"at offset {self.offset:#x}"

    def to_json(self) -> dict[str, Any]:
        """`where` of the schema `report`; what is not known is absent."""
        document: dict[str, Any] = {"part": self.part}
        if self.digest is not None:
            document["digest"] = self.digest.value
        if self.json_path:
            document["json_path"] = self.json_path
        if self.offset is not None:
            document["offset"] = self.offset
        return document


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A finding of validation.

    Attributes:
        code: of the rule, kebab-case and stable (docs/rules.md).
        where: its place.
        message: one sentence for people, lower case, no final period; it may hold text of the input, unescaped.
        level: an error or a note.
        hint: how to mend it, where there is something to say.
    """

    code: str
    where: Where
    message: str
    level: Level = Level.ERROR
    hint: str | None = None

    def to_json(self) -> dict[str, Any]:
        """An item of `problems` of the schema `report`."""
        document = {
            "code": self.code,
            "level": self.level.value,
            "where": self.where.to_json(),
            "message": self.message,
        }
        return document if self.hint is None else document | {"hint": self.hint}
