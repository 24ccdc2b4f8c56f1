"""Typed access to the fields of a parsed JSON object, with the path of the field in every error."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from packaging_kit.digest import Digest
from packaging_kit.errors import DocumentError, RequestError
from packaging_kit.limits import MAX_JSON_INTEGER, MAX_MANIFEST_ENTRIES


class Fields:
    """One JSON object.

    Raises:
        DocumentError: `document-invalid` from every method, where the field is of another form.
    """

    def __init__(self, value: object, path: str = "") -> None:
        if not isinstance(value, dict):
            raise DocumentError("document-invalid", "an object is expected", json_path=path)
        self.values: dict[str, Any] = value
        self.path = path

    def at(self, name: str) -> str:
        """The path of a field."""
        return f"{self.path}.{name}" if self.path else name

    def invalid(self, name: str, message: str) -> DocumentError:
        return DocumentError("document-invalid", message, json_path=self.at(name))

    def text(self, name: str) -> str:
        value = self.values.get(name)
        if not isinstance(value, str):
            raise self.invalid(name, "a text is expected")
        return value

    def optional_text(self, name: str) -> str | None:
        return self.text(name) if self.values.get(name) is not None else None

    def size(self, name: str) -> int:
        value = self.values.get(name)
        if type(value) is not int or not 0 <= value <= MAX_JSON_INTEGER:
            raise self.invalid(name, "a size in bytes is expected")
        return value

    def digest(self, name: str) -> Digest:
        try:
            return Digest(self.text(name))
        except RequestError as exc:
            raise self.invalid(name, exc.message) from exc

    def object(self, name: str) -> Fields:
        return Fields(self.values.get(name), self.at(name))

    def objects(self, name: str, max_entries: int = MAX_MANIFEST_ENTRIES) -> tuple[Fields, ...]:
        """An array of objects; `document-too-large` for more than `max_entries`."""
        value = self.values.get(name)
        if not isinstance(value, list):
            raise self.invalid(name, "an array is expected")
        if len(value) > max_entries:
            raise DocumentError("document-too-large", f"more than {max_entries} entries", json_path=self.at(name))
        return tuple(Fields(item, f"{self.at(name)}[{number}]") for number, item in enumerate(value))

    def texts(self, name: str) -> tuple[str, ...]:
        value = self.values.get(name)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.invalid(name, "an array of texts is expected")
        return tuple(value)

    def text_map(self, name: str) -> Mapping[str, str]:
        """An object of texts; empty where the field is absent."""
        value = self.values.get(name)
        if value is None:
            return MappingProxyType({})
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise self.invalid(name, "an object of texts is expected")
        return MappingProxyType(value)

    def schema_version(self) -> None:
        """Check `schemaVersion`."""
        version = self.values.get("schemaVersion")
        if type(version) is not int or version != 2:
            raise self.invalid("schemaVersion", "schema version 2 is expected")

    def own_media_type(self, expected: str) -> None:
        """The `mediaType` of the document itself, which may be absent (image-spec, `manifest.md`)."""
        if self.optional_text("mediaType") not in (None, expected):
            raise self.invalid("mediaType", f"`{expected}` is expected")

    def others(self, known: frozenset[str]) -> Mapping[str, Any]:
        """The fields that are not `known`."""
        return MappingProxyType({name: value for name, value in self.values.items() if name not in known})
