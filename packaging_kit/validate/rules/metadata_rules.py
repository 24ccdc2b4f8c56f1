"""Rules over annotations against the custom sections that they come from (docs/format.md, "Annotations")."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from packaging_kit.artifact.annotations import ANNOTATION_OF, Metadata
from packaging_kit.validate.problem import Level
from packaging_kit.validate.rule import Finding, Rule, rule
from packaging_kit.validate.values import Annotations

_WHY: Final = "tool-conventions, Metadata: the sections say the same in the binary as the annotations beside it"


@dataclass(frozen=True, slots=True)
class MetadataSubject:
    """What a manifest says of a binary, and what that says itself."""

    annotations: Annotations
    metadata: Metadata


@rule(
    "annotation-differs",
    what="an annotation that says something else than the binary",
    why=f"{_WHY}; whoever packed it may have wanted that",
    example='{"annotations":{"org.opencontainers.image.version":"2.0.0"}}, of a binary that says `1.0.0`',
    level=Level.NOTE,
)
def differs(subject: MetadataSubject) -> Iterator[Finding]:
    for key, value in subject.metadata.annotations.items():
        stated = subject.annotations.entries.get(key)
        if stated is not None and stated != value:
            yield Finding(subject.annotations.at(key), f"it is `{stated[:100]}`, and the binary says `{value[:100]}`")


@rule(
    "annotation-absent",
    what="something that the binary says and the manifest does not",
    why=f"{_WHY}; who only reads the manifest does not learn it",
    example="a binary with a custom section `licenses`, in an artifact without annotations",
    level=Level.NOTE,
)
def absent(subject: MetadataSubject) -> Iterator[Finding]:
    for key, value in subject.metadata.annotations.items():
        if key not in subject.annotations.entries:
            yield Finding(subject.annotations.at(key), f"it is missing, and the binary says `{value[:100]}`")


@rule(
    "annotation-unfounded",
    what="something that the manifest says of the binary and the binary does not",
    why=f"{_WHY}; it is lost with the manifest",
    example='{"annotations":{"org.opencontainers.image.licenses":"MIT"}}, of a binary that does not say so',
    level=Level.NOTE,
)
def unfounded(subject: MetadataSubject) -> Iterator[Finding]:
    for key in ANNOTATION_OF.values():
        if key in subject.annotations.entries and key not in subject.metadata.annotations:
            yield Finding(subject.annotations.at(key), "the binary does not say so itself")


@rule(
    "metadata-invalid",
    what="a custom section of the binary that can't become an annotation",
    why=f"{_WHY}: `licenses` is an SPDX expression, `source` and `homepage` are URLs, all are UTF-8",
    example="a custom section `licenses` with `Apache 2`",
    level=Level.NOTE,
)
def invalid(subject: MetadataSubject) -> Iterator[Finding]:
    for warning in subject.metadata.warnings:
        yield Finding("", warning)


METADATA_RULES: Final[tuple[Rule[MetadataSubject], ...]] = (differs, absent, unfounded, invalid)
