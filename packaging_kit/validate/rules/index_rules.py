"""Rules over what a document is for, as far as Wasm artifacts are concerned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from packaging_kit.oci.media_types import DOCUMENTS, IMAGE_INDEX, IMAGE_MANIFEST
from packaging_kit.validate.rule import Finding, Rule, rule


@rule(
    "document-type-unexpected",
    what="a document that is neither an image manifest nor an image index",
    why="the CNCF layout is an image manifest (CNCF Wasm OCI Artifact layout, Manifest format)",
    example="a Docker manifest with a Wasm layer",
)
def type_unexpected(media_type: str) -> Iterator[Finding]:
    if media_type not in (IMAGE_MANIFEST, IMAGE_INDEX):
        yield Finding("", f"`{media_type[:100]}` is neither an image manifest nor an image index")


@rule(
    "document-type-unknown",
    what="a document of a type that can't be looked into",
    why="what can't be read was not checked, and must not pass for clean",
    example="a manifest that is sent as `application/json`",
)
def type_unknown(media_type: str) -> Iterator[Finding]:
    if media_type not in DOCUMENTS:
        yield Finding("", f"`{media_type[:100]}` is no type of a manifest or index")


@rule(
    "index-no-component",
    what="an index that leads to no Wasm artifact",
    why="nothing in it is one by its types, so nothing in it was checked as one",
    example='{"manifests":[]}',
)
def no_component(artifacts: int) -> Iterator[Finding]:
    if not artifacts:
        yield Finding("manifests", "none of its manifests is a Wasm artifact")


TYPE_RULES: Final[tuple[Rule[str], ...]] = (type_unexpected,)
ANY_TYPE_RULES: Final[tuple[Rule[str], ...]] = (type_unknown,)
CONTENT_RULES: Final[tuple[Rule[int], ...]] = (no_component,)
