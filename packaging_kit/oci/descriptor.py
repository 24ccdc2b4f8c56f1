"""Descriptors: what names content in every OCI document (image-spec, `descriptor.md`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from packaging_kit.blobs import Blob
from packaging_kit.digest import Digest
from packaging_kit.oci.fields import Fields

_KNOWN: Final = frozenset(("mediaType", "digest", "size", "annotations", "artifactType"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """One descriptor.

    Attributes:
        media_type: of the content.
        digest: of the content.
        size: of the content, in bytes.
        annotations: empty where it has none.
        artifact_type: of the manifest or index that it names.
        others: fields that have no meaning here (`platform`, `urls`, …); they survive.
    """

    media_type: str
    digest: Digest
    size: int
    annotations: Mapping[str, str] = field(default_factory=dict)
    artifact_type: str | None = None
    others: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, fields: Fields) -> Descriptor:
        """Raises `DocumentError` (`document-invalid`) with the path of the field."""
        return cls(
            media_type=fields.text("mediaType"),
            digest=fields.digest("digest"),
            size=fields.size("size"),
            annotations=fields.text_map("annotations"),
            artifact_type=fields.optional_text("artifactType"),
            others=fields.others(_KNOWN),
        )

    def to_json(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            **self.others,
            "mediaType": self.media_type,
            "digest": self.digest.value,
            "size": self.size,
        }
        return document | optional_json(self.annotations, self.artifact_type)

    @property
    def blob(self) -> Blob:
        return Blob(self.digest, self.size)


def optional_json(
    annotations: Mapping[str, str], artifact_type: str | None, subject: Descriptor | None = None
) -> dict[str, Any]:
    """The fields that are absent where there is nothing to say, never null or empty."""
    fields: dict[str, Any] = {}
    if annotations:
        fields["annotations"] = dict(annotations)
    if artifact_type is not None:
        fields["artifactType"] = artifact_type
    if subject is not None:
        fields["subject"] = subject.to_json()
    return fields
