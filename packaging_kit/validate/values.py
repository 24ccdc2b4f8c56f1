"""What rules look at: documents, descriptors and annotations as JSON has them, however wrong they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from packaging_kit.errors import DocumentError
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.fields import Fields
from packaging_kit.oci.media_types import INDEXES
from packaging_kit.validate.json_text import join


@dataclass(frozen=True, slots=True)
class Annotations:
    """One map of annotations.

    Attributes:
        path: of the map.
        entries: those whose value is a text.
    """

    path: str
    entries: Mapping[str, str]

    @classmethod
    def of(cls, holder: Mapping[str, Any], path: str) -> Annotations:
        """Those of a document or descriptor."""
        value = holder.get("annotations")
        entries = value if isinstance(value, dict) else {}
        texts = {key: text for key, text in entries.items() if isinstance(text, str)}
        return cls(join(path, "annotations"), texts)

    def at(self, key: str) -> str:
        return join(self.path, key)


@dataclass(frozen=True, slots=True)
class DescriptorValue:
    """One descriptor.

    Attributes:
        path: of it.
        value: its members.
    """

    path: str
    value: Mapping[str, Any]

    def text(self, name: str) -> str | None:
        """A member that is a text; `None` where it is none."""
        found = self.value.get(name)
        return found if isinstance(found, str) else None

    def at(self, name: str) -> str:
        return join(self.path, name)

    def annotations(self) -> Annotations:
        return Annotations.of(self.value, self.path)

    def parsed(self) -> Descriptor | None:
        """As a descriptor that can be followed; `None` where it can't be."""
        try:
            return Descriptor.from_json(Fields(self.value, self.path))
        except DocumentError:
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentValue:
    """A manifest or index.

    Attributes:
        media_type: as which it was sent, or described by what names it.
        value: its members.
    """

    media_type: str
    value: Mapping[str, Any]

    @property
    def is_index(self) -> bool:
        return self.media_type in INDEXES

    @property
    def entries_name(self) -> str:
        return "manifests" if self.is_index else "layers"

    def text(self, name: str) -> str | None:
        """A member that is a text; `None` where it is none."""
        found = self.value.get(name)
        return found if isinstance(found, str) else None

    def entries(self) -> tuple[DescriptorValue, ...]:
        """The layers of a manifest, or the manifests of an index; what is no object is left out."""
        name = self.entries_name
        found = self.value.get(name)
        items = enumerate(found if isinstance(found, list) else ())
        return tuple(DescriptorValue(f"{name}[{number}]", item) for number, item in items if isinstance(item, dict))

    def descriptor(self, name: str) -> DescriptorValue | None:
        """`config` or `subject`."""
        found = self.value.get(name)
        return DescriptorValue(name, found) if isinstance(found, dict) else None

    def iter_descriptors(self) -> Iterator[DescriptorValue]:
        """Every descriptor: config, entries, subject."""
        if not self.is_index and (config := self.descriptor("config")) is not None:
            yield config
        yield from self.entries()
        if (subject := self.descriptor("subject")) is not None:
            yield subject

    def annotations(self) -> Annotations:
        return Annotations.of(self.value, "")
