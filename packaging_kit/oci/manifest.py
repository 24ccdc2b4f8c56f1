"""Image manifests (image-spec, `manifest.md`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from packaging_kit.document import Document, dump_json, parse_json
from packaging_kit.errors import DocumentError
from packaging_kit.oci.descriptor import Descriptor, optional_json
from packaging_kit.oci.fields import Fields
from packaging_kit.oci.media_types import IMAGE_MANIFEST


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One image manifest.

    Attributes:
        config: what the config descriptor names.
        layers: in order.
        annotations: empty where it has none.
        artifact_type: its own field; `derived_artifact_type` is what it counts as.
        subject: what it refers to.
    """

    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)
    artifact_type: str | None = None
    subject: Descriptor | None = None

    @property
    def derived_artifact_type(self) -> str:
        """What the image spec says a referrers list shows: the own field, else the config's media type."""
        return self.artifact_type or self.config.media_type

    def to_document(self) -> Document[Manifest]:
        value: dict[str, Any] = {
            "config": self.config.to_json(),
            "layers": [layer.to_json() for layer in self.layers],
            "mediaType": IMAGE_MANIFEST,
            "schemaVersion": 2,
        }
        value |= optional_json(self.annotations, self.artifact_type, self.subject)
        return Document(dump_json(value), self)


def parse_manifest(raw: bytes) -> Document[Manifest]:
    """Read an image manifest.

    Raises:
        DocumentError: `document-invalid`, `document-too-large`.
    """
    fields = Fields(parse_json(raw))
    fields.schema_version()
    fields.own_media_type(IMAGE_MANIFEST)
    if "manifests" in fields.values:
        raise DocumentError("document-invalid", "a manifest has no `manifests`", json_path="manifests")
    subject = fields.values.get("subject")
    return Document(
        raw,
        Manifest(
            config=Descriptor.from_json(fields.object("config")),
            layers=tuple(Descriptor.from_json(layer) for layer in fields.objects("layers")),
            annotations=fields.text_map("annotations"),
            artifact_type=fields.optional_text("artifactType"),
            subject=None if subject is None else Descriptor.from_json(fields.object("subject")),
        ),
    )


def describe_manifest(document: Document[Manifest], artifact_type: str | None = None) -> Descriptor:
    """A descriptor of the manifest itself."""
    return Descriptor(
        media_type=IMAGE_MANIFEST, digest=document.digest, size=document.size, artifact_type=artifact_type
    )
