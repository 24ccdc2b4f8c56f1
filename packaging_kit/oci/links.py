"""What a manifest or index names, whoever wrote it: enough to walk a store, copy from it and sweep it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from packaging_kit.document import parse_json
from packaging_kit.errors import DocumentError
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.fields import Fields
from packaging_kit.oci.index import parse_index
from packaging_kit.oci.manifest import parse_manifest
from packaging_kit.oci.media_types import (
    ARTIFACT_MANIFEST,
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    DOCUMENTS,
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    INDEXES,
)

_ARRAYS: Final = {DOCKER_MANIFEST: "layers", DOCKER_INDEX: "manifests", ARTIFACT_MANIFEST: "blobs"}
_NOT_THERE: Final = {
    DOCKER_MANIFEST: ("manifests",),
    DOCKER_INDEX: ("layers", "config"),
    ARTIFACT_MANIFEST: ("manifests", "layers", "config"),
}
"""Arrays and objects that would name other content to who takes the document for another kind (CVE-2021-41190)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """What one document names.

    Attributes:
        content: what belongs to it, in order: config and layers, or the entries of an index.
        subject: what it refers to, which does not belong to it.
        artifact_type: what it counts as: the own field, else a config's media type.
        own_artifact_type: the own field.
    """

    content: tuple[Descriptor, ...]
    subject: Descriptor | None
    artifact_type: str | None
    own_artifact_type: str | None


def is_document(media_type: str) -> bool:
    """Whether content of this type names other content."""
    return media_type in DOCUMENTS


def check_entry(entry: Descriptor, path: str = "") -> None:
    """Refuse an index's entry whose content nobody could walk.

    Raises:
        DocumentError: `media-type-unexpected`.
    """
    if not is_document(entry.media_type):
        raise _unexpected(entry.media_type, f"{path}.mediaType".lstrip("."))


def _unexpected(media_type: str, json_path: str = "") -> DocumentError:
    message = f"`{media_type[:200]}` is neither a manifest nor an index"
    return DocumentError("media-type-unexpected", message, json_path=json_path)


def read_links(raw: bytes, media_type: str) -> Links:
    """What the document `raw` of this media type names.

    Raises:
        DocumentError: `document-invalid`, `document-too-large`; `media-type-unexpected`, where this is no
            document, or an index names what is none.
    """
    if not is_document(media_type):
        raise _unexpected(media_type)
    if media_type == IMAGE_MANIFEST:
        return manifest_links(raw)
    links = _index_links(raw) if media_type == IMAGE_INDEX else _links_of_others(raw, media_type)
    if media_type in INDEXES:
        for number, entry in enumerate(links.content):
            check_entry(entry, f"manifests[{number}]")
    return links


def manifest_links(raw: bytes) -> Links:
    """What an image manifest names; raises as `read_links` does."""
    manifest = parse_manifest(raw).value
    return Links(
        content=(manifest.config, *manifest.layers),
        subject=manifest.subject,
        artifact_type=manifest.derived_artifact_type,
        own_artifact_type=manifest.artifact_type,
    )


def _index_links(raw: bytes) -> Links:
    index = parse_index(raw).value
    return Links(
        content=index.manifests,
        subject=index.subject,
        artifact_type=index.artifact_type,
        own_artifact_type=index.artifact_type,
    )


def _links_of_others(raw: bytes, media_type: str) -> Links:
    fields = Fields(parse_json(raw))
    fields.own_media_type(media_type)
    for name in _NOT_THERE[media_type]:
        if name in fields.values:
            raise fields.invalid(name, f"`{media_type}` has no `{name}`")
    name = _ARRAYS[media_type]
    is_left_out = media_type == ARTIFACT_MANIFEST and fields.values.get(name) is None  # as it may be
    content = [] if is_left_out else [Descriptor.from_json(item) for item in fields.objects(name)]
    if media_type == DOCKER_MANIFEST:
        content.insert(0, Descriptor.from_json(fields.object("config")))
    subject = fields.values.get("subject")
    artifact_type = fields.optional_text("artifactType")
    config_type = content[0].media_type if media_type == DOCKER_MANIFEST else None
    return Links(
        content=tuple(content),
        subject=None if subject is None else Descriptor.from_json(fields.object("subject")),
        artifact_type=artifact_type or config_type,
        own_artifact_type=artifact_type,
    )
