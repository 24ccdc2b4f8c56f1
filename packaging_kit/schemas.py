"""JSON Schemas (draft 2020-12) of the documents and of what the commands print under `--json`, by name.

A wheel carries them in `packaging_kit/_schemas`; in a checkout they are in `schemas/` at the top.
"""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Final

from packaging_kit.document import parse_json
from packaging_kit.errors import NotFoundError

_PACKAGED: Final = "_schemas"
_IN_CHECKOUT: Final = "schemas"
_ENDING: Final = ".json"


def schema_names() -> tuple[str, ...]:
    """The names of all schemas, sorted."""
    return tuple(sorted(_by_name()))


def load_schema(name: str) -> dict[str, Any]:
    """One schema, parsed; raises as `read_schema` does."""
    schema: dict[str, Any] = parse_json(read_schema(name).encode())
    return schema


def read_schema(name: str) -> str:
    """One schema, as its file has it.

    Raises:
        NotFoundError: `not-found`, for a name that is none of `schema_names()`.
    """
    found = _by_name().get(name)
    if found is None:
        known = ", ".join(f"`{known}`" for known in schema_names())
        raise NotFoundError("not-found", f"there is no schema `{name}`", hint=f"one of {known}")
    return found.read_text(encoding="utf-8")


def _by_name() -> dict[str, Traversable]:
    folder = _folder()
    if not folder.is_dir():
        return {}
    return {entry.name.removesuffix(_ENDING): entry for entry in folder.iterdir() if entry.name.endswith(_ENDING)}


def _folder() -> Traversable:
    packaged = files("packaging_kit") / _PACKAGED
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[1] / _IN_CHECKOUT
