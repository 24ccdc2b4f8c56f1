"""Image indexes, and the `index.json` of a layout (image-spec, `image-index.md` and `image-layout.md`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from packaging_kit.document import Document, dump_json, parse_json
from packaging_kit.errors import DocumentError
from packaging_kit.limits import MAX_MANIFEST_ENTRIES, MAX_MANIFEST_SIZE
from packaging_kit.oci.descriptor import Descriptor, optional_json
from packaging_kit.oci.fields import Fields
from packaging_kit.oci.media_types import IMAGE_INDEX

_KNOWN: Final = frozenset(("schemaVersion", "mediaType", "artifactType", "manifests", "subject", "annotations"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """One image index.

    Attributes:
        manifests: what it names, in order.
        annotations: empty where it has none.
        artifact_type: its own field.
        subject: what it refers to.
        has_media_type: it says itself what it is; others may leave that out.
        others: fields that have no meaning here; they survive.
    """

    manifests: tuple[Descriptor, ...]
    annotations: Mapping[str, str] = field(default_factory=dict)
    artifact_type: str | None = None
    subject: Descriptor | None = None
    has_media_type: bool = True
    others: Mapping[str, Any] = field(default_factory=dict)

    def to_document(self) -> Document[Index]:
        value: dict[str, Any] = {
            **self.others,
            "manifests": [manifest.to_json() for manifest in self.manifests],
            "mediaType": IMAGE_INDEX,
            "schemaVersion": 2,
        }
        value |= optional_json(self.annotations, self.artifact_type, self.subject)
        return Document(dump_json(value), self)


def parse_index(
    raw: bytes, *, max_size: int = MAX_MANIFEST_SIZE, max_entries: int = MAX_MANIFEST_ENTRIES
) -> Document[Index]:
    """Read an image index.

    Raises:
        DocumentError: `document-invalid`, `document-too-large`.
    """
    fields = Fields(parse_json(raw, max_size=max_size))
    fields.schema_version()
    fields.own_media_type(IMAGE_INDEX)
    for name in ("layers", "config"):
        if name in fields.values:
            raise DocumentError("document-invalid", f"an index has no `{name}`", json_path=name)
    subject = fields.values.get("subject")
    return Document(
        raw,
        Index(
            manifests=tuple(Descriptor.from_json(manifest) for manifest in fields.objects("manifests", max_entries)),
            annotations=fields.text_map("annotations"),
            artifact_type=fields.optional_text("artifactType"),
            subject=None if subject is None else Descriptor.from_json(fields.object("subject")),
            has_media_type=fields.values.get("mediaType") is not None,
            others=fields.others(_KNOWN),
        ),
    )


def describe_index(document: Document[Index], artifact_type: str | None = None) -> Descriptor:
    """A descriptor of the index itself."""
    return Descriptor(media_type=IMAGE_INDEX, digest=document.digest, size=document.size, artifact_type=artifact_type)
