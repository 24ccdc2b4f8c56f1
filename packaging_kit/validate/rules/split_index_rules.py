"""Rules over a split index: exactly what packing its component gives (docs/format.md, "Forms")."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from packaging_kit.document import Document
from packaging_kit.oci.index import Index
from packaging_kit.oci.manifest import Manifest
from packaging_kit.oci.media_types import SKELETON_ARTIFACT
from packaging_kit.validate.problem import Level
from packaging_kit.validate.rule import Finding, Rule, rule
from packaging_kit.validate.rules.split_rules import document_bytes, subject, subject_findings

_FORMAT: Final = "docs/format.md, Forms"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSubject:
    """A split index.

    Attributes:
        actual: as it is.
        expected: what packing its component gives, with a subject where it has one.
        whole: the manifest that its skeleton artifact restores.
        skeletons: its skeleton artifact.
    """

    actual: Document[Index]
    expected: Document[Index]
    whole: Document[Manifest]
    skeletons: Manifest


@rule(
    "split-index-incomplete",
    what="a split index that names no skeleton artifact first",
    why=f"{_FORMAT}: a puller begins with it",
    example='{"artifactType":"application/vnd.packaging-kit.component.split.v0","manifests":[]}',
)
def index_incomplete(index: Index) -> Iterator[Finding]:
    first = index.manifests[0] if index.manifests else None
    if first is None or first.artifact_type != SKELETON_ARTIFACT:
        yield Finding("manifests", "its first entry is not the skeleton artifact")


@rule("split-subject", what=subject.what, why=subject.why, example=subject.example)
def index_subject(index: IndexSubject) -> Iterator[Finding]:
    yield from subject_findings(index.actual.value.subject, index.whole)


@rule(
    "split-forms-mixed",
    what="a split index with a subject whose skeleton artifact has none, or the other way round",
    why=f"{_FORMAT}: both have one in the form `both`, and neither in the form `split`",
    example="a split index with a subject, around the skeleton artifact of the form `split`",
)
def forms_mixed(index: IndexSubject) -> Iterator[Finding]:
    if (index.actual.value.subject is None) != (index.skeletons.subject is None):
        yield Finding("subject", "of index and skeleton artifact, one has a subject and the other has none")


@rule(
    "split-fragment-artifacts",
    what="entries that are not the skeleton artifact, then the fragment artifacts of all modules as first met",
    why=f"{_FORMAT}: the same module gives the same manifest whoever packs it, and is stored once",
    example="a split index that leaves out a module",
)
def fragment_artifacts(index: IndexSubject) -> Iterator[Finding]:
    actual = [entry.digest for entry in index.actual.value.manifests[1:]]
    expected = [entry.digest for entry in index.expected.value.manifests[1:]]
    for number, (found, wanted) in enumerate(zip(actual, expected, strict=False), 1):
        if found != wanted:
            yield Finding(f"manifests[{number}]", f"it names {found}, and the module's fragment artifact is {wanted}")
    if len(actual) != len(expected):
        yield Finding("manifests", f"it names {len(actual)} fragment artifacts, and there are {len(expected)}")


@rule(
    "split-entry-fields",
    what="an entry of a split index that says something else of its manifest than packing does",
    why=f"{_FORMAT}: types are derived as the image spec has it, and no runtime may pick a fragment to run it",
    example='{"platform":{"architecture":"wasm","os":"wasip1"}}, of a fragment',
)
def entry_fields(index: IndexSubject) -> Iterator[Finding]:
    pairs = zip(index.actual.value.manifests, index.expected.value.manifests, strict=False)
    for number, (found, wanted) in enumerate(pairs):
        if found.digest == wanted.digest and found != wanted:
            yield Finding(f"manifests[{number}]", "it has not the size, types and platform that packing writes")


@rule("split-entry-fields", what=entry_fields.what, why=entry_fields.why, example='{"size":7}, of one of 600 bytes')
def rewritten_entry_fields(index: IndexSubject) -> Iterator[Finding]:
    pairs = zip(index.actual.value.manifests, index.expected.value.manifests, strict=False)
    for number, (found, wanted) in enumerate(pairs):
        if found.digest == wanted.digest and (found.size, found.media_type) != (wanted.size, wanted.media_type):
            yield Finding(f"manifests[{number}]", "it has not the size and type of its manifest")


@rule(
    "split-document-bytes",
    what=document_bytes.what,
    why=document_bytes.why,
    example=document_bytes.example,
)
def index_bytes(index: IndexSubject) -> Iterator[Finding]:
    actual, expected = index.actual, index.expected
    is_told = actual.value.manifests != expected.value.manifests or actual.value.subject != expected.value.subject
    if not is_told and actual.raw != expected.raw:
        yield Finding("", "its bytes are not those that packing writes")


@rule(
    "split-index-rewritten",
    what="a split index that a tool wrote anew, without its type and those of its entries",
    why=f"{_FORMAT}: `skopeo copy --all` leaves them out; it is read all the same, under another digest",
    example="a split index without `artifactType` whose first manifest is a skeleton artifact",
    level=Level.NOTE,
    hint="`packaging-kit copy` keeps it as it is",
)
def index_rewritten(index: IndexSubject) -> Iterator[Finding]:
    if index.actual.value.artifact_type is None:
        yield Finding("artifactType", "it was written anew by a tool that leaves the types out")


SPLIT_INDEX_RULES: Final[tuple[Rule[Index], ...]] = (index_incomplete,)
INDEX_RULES: Final[tuple[Rule[IndexSubject], ...]] = (
    index_subject,
    forms_mixed,
    fragment_artifacts,
    entry_fields,
    index_bytes,
)
REWRITTEN_INDEX_RULES: Final[tuple[Rule[IndexSubject], ...]] = (
    index_subject,
    forms_mixed,
    fragment_artifacts,
    rewritten_entry_fields,
    index_rewritten,
)
"""In place of those, where the types are gone."""
