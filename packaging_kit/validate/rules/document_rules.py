"""Rules over a manifest or index as a whole, whatever it is for (image-spec, `manifest.md` and `image-index.md`)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from packaging_kit.limits import MAX_MANIFEST_ENTRIES, MAX_PROBLEMS
from packaging_kit.oci.media_types import EMPTY
from packaging_kit.validate.problem import Level
from packaging_kit.validate.rule import Finding, Rule, rule
from packaging_kit.validate.rules.descriptor_rules import is_media_type
from packaging_kit.validate.rules.name_rules import name_case
from packaging_kit.validate.shapes import document_findings
from packaging_kit.validate.values import DocumentValue

_SCHEMA_VERSION: Final = 2


@rule(
    "document-kinds-mixed",
    what="`layers` or `config` in one document with `manifests`",
    why="one reader takes it for a manifest and another for an index, so they see two artifacts (CVE-2021-41190)",
    example='{"layers":[],"manifests":[]}',
)
def kinds_mixed(document: DocumentValue) -> Iterator[Finding]:
    wrong = ("layers", "config") if document.is_index else ("manifests",)
    for name in wrong:
        if name in document.value:
            yield Finding(name, f"{'an index' if document.is_index else 'a manifest'} has no `{name}`")


@rule(
    "document-schema",
    what="a member that is missing, or whose value is of another type",
    why="image-spec, manifest.md, image-index.md and descriptor.md; the schemas `image-manifest` and `image-index`",
    example='{"schemaVersion":2,"config":{}}',
)
def schema(document: DocumentValue) -> Iterator[Finding]:
    name = "image-index" if document.is_index else "image-manifest"
    yield from islice(document_findings(name, document.value, document.entries_name), MAX_PROBLEMS)
    if isinstance(document.value.get("schemaVersion"), float) and document.value["schemaVersion"] == _SCHEMA_VERSION:
        yield Finding("schemaVersion", "an integer is expected")  # JSON Schema takes `2.0` for 2


@rule(
    "media-type-mismatch",
    what="a document whose own `mediaType` is not the one as which it was sent or described",
    why="image-spec, manifest.md: the field must be its type; else it is read as two kinds of thing (CVE-2021-41190)",
    example='{"mediaType":"application/vnd.oci.image.index.v1+json"}, sent as a manifest',
)
def media_type_mismatch(document: DocumentValue) -> Iterator[Finding]:
    own = document.text("mediaType")
    if own is not None and own != document.media_type:
        yield Finding("mediaType", f"it calls itself `{own[:100]}`, and came as `{document.media_type[:100]}`")


@rule(
    "media-type-absent",
    what="a manifest or index that does not say what it is",
    why="the property should be used (image-spec, manifest.md, image-index.md)",
    example='{"schemaVersion":2,"config":…,"layers":…}',
    level=Level.NOTE,
)
def media_type_absent(document: DocumentValue) -> Iterator[Finding]:
    if "mediaType" not in document.value:
        yield Finding("mediaType", "the document does not say what it is")


@rule(
    "artifact-type-form",
    what="an `artifactType` that is no media type",
    why="the value must comply with RFC 6838 (image-spec, manifest.md)",
    example='{"artifactType":"sbom"}',
)
def artifact_type_form(document: DocumentValue) -> Iterator[Finding]:
    text = document.text("artifactType")
    if text is not None and not is_media_type(text):
        yield Finding("artifactType", f"`{text[:100]}` is not a media type")


@rule(
    "artifact-type-missing",
    what="a manifest with the empty config and without an `artifactType`",
    why="it must be set then (image-spec, manifest.md): nothing else says what the artifact is",
    example='{"config":{"mediaType":"application/vnd.oci.empty.v1+json",…}}',
)
def artifact_type_missing(document: DocumentValue) -> Iterator[Finding]:
    config = document.descriptor("config")
    is_empty = not document.is_index and config is not None and config.value.get("mediaType") == EMPTY
    if is_empty and not document.value.get("artifactType"):
        yield Finding("artifactType", "with the empty config, the artifact type has to be set")


@rule(
    "manifest-no-layers",
    what="a manifest without any layer",
    why="for portability it should have one (image-spec, manifest.md)",
    example='{"layers":[]}',
    level=Level.NOTE,
)
def no_layers(document: DocumentValue) -> Iterator[Finding]:
    if not document.is_index and document.value.get("layers") == []:
        yield Finding("layers", "a manifest should have a layer")


@rule(
    "document-too-many-entries",
    what="more than 10,000 layers or manifests in one document",
    why="each is looked up one by one by whoever stores, copies or deletes it; nobody writes so many",
    example='{"layers":[… 10,001 …]}',
)
def too_many_entries(document: DocumentValue) -> Iterator[Finding]:
    entries = document.value.get(document.entries_name)
    if isinstance(entries, list) and len(entries) > MAX_MANIFEST_ENTRIES:
        yield Finding(document.entries_name, f"it has {len(entries)} entries, more than {MAX_MANIFEST_ENTRIES}")


DOCUMENT_RULES: Final[tuple[Rule[DocumentValue], ...]] = (
    kinds_mixed,
    name_case,
    schema,
    media_type_mismatch,
    media_type_absent,
    artifact_type_form,
    artifact_type_missing,
    no_layers,
    too_many_entries,
)
