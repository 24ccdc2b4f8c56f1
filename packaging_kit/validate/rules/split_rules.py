"""Rules over the split beside a component: exactly what packing it gives (docs/format.md, "Forms")."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from packaging_kit.blobs import Blob
from packaging_kit.digest import Digest
from packaging_kit.document import Document
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.manifest import Manifest, describe_manifest
from packaging_kit.oci.media_types import SKELETON, SKELETON_ARTIFACT, WHOLE_CONFIG, WHOLE_MANIFEST
from packaging_kit.validate.rule import Finding, Rule, rule

_FORMAT: Final = "docs/format.md, Forms"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredWholeSubject:
    """What a skeleton artifact restores, before it is compared with any binary.

    Attributes:
        artifact: the skeleton artifact.
        whole: the manifest that it restores.
    """

    artifact: Manifest
    whole: Document[Manifest]


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSubject:
    """A split and the whole that it stands for.

    Attributes:
        layer: of the whole artifact: the whole's digest and size.
        whole: what the bytes of the whole turned out to be, under the digest's algorithm.
        root: that the skeleton artifact names.
        actual_root: of the whole.
        is_needless: the whole has nothing to split out.
    """

    layer: Blob
    whole: Blob
    root: Digest
    actual_root: Digest
    is_needless: bool = False


@dataclass(frozen=True, slots=True)
class SkeletonSubject:
    """A skeleton artifact, and what packing its component gives."""

    actual: Document[Manifest]
    expected: Document[Manifest]


@dataclass(frozen=True, slots=True)
class FragmentSubject:
    """An artifact that calls itself a module's fragment, and what packing the module gives; manifest and config."""

    actual: tuple[bytes, bytes]
    expected: tuple[bytes, bytes]


@rule(
    "split-incomplete",
    what="a skeleton artifact without skeletons, or without exactly one config and manifest of the whole",
    why=f"{_FORMAT}: the whole artifact is restored from them, so that a signature on it holds again",
    example='{"artifactType":"application/vnd.packaging-kit.component.skeleton.v0","layers":[]}',
)
def incomplete(artifact: Manifest) -> Iterator[Finding]:
    if artifact.artifact_type != SKELETON_ARTIFACT:
        yield Finding("artifactType", f"`{SKELETON_ARTIFACT}` is expected")
    types = [layer.media_type for layer in artifact.layers]
    if SKELETON not in types:
        yield Finding("layers", "no layer is a skeleton")
    for media_type in (WHOLE_CONFIG, WHOLE_MANIFEST):
        if (count := types.count(media_type)) != 1:
            yield Finding("layers", f"{count} layers are of type `{media_type}`, not one")


@rule(
    "split-subject",
    what="a subject that is not the manifest of the whole that is stored in the split",
    why=f"{_FORMAT}: who finds the split from the whole artifact would get another component",
    example='{"subject":{…}}, of another manifest',
)
def subject(stored: StoredWholeSubject) -> Iterator[Finding]:
    yield from subject_findings(stored.artifact.subject, stored.whole)


@dataclass(frozen=True, slots=True)
class ReferrerSubject:
    """A split that was handed over as a referrer.

    Attributes:
        is_ours: it refers to what is validated.
        subject: digest of that.
    """

    is_ours: bool
    subject: Digest


@rule("split-subject", what=subject.what, why=subject.why, example="a referrer of another manifest")
def referrer_subject(referrer: ReferrerSubject) -> Iterator[Finding]:
    if not referrer.is_ours:
        yield Finding("subject", f"it does not refer to {referrer.subject}")


def subject_findings(named: Descriptor | None, whole: Document[Manifest]) -> Iterator[Finding]:
    """What is wrong with a subject, which may be absent."""
    if named is None or named == describe_manifest(whole):
        return
    if named.blob != Blob(whole.digest, whole.size):
        yield Finding("subject", f"it names {named.digest}, and the manifest of the whole is {whole.digest}")
    else:
        yield Finding("subject", "it says more of the manifest of the whole than its digest, media type and size")


@rule(
    "split-stored-config",
    what="a stored config that is not the one that the stored manifest names",
    why=f"{_FORMAT}: then the whole artifact can't be restored",
    example="a skeleton artifact with the config of another version",
)
def stored_config(stored: StoredWholeSubject) -> Iterator[Finding]:
    for number, layer in enumerate(stored.artifact.layers):
        if layer.media_type == WHOLE_CONFIG and layer.blob != stored.whole.value.config.blob:
            yield Finding(
                f"layers[{number}]", f"the stored manifest names the config {stored.whole.value.config.digest}"
            )


@rule(
    "split-whole-mismatch",
    what="fragments that give another whole than the stored manifest names",
    why=f"{_FORMAT}: what is put together is what was published, byte for byte, or nothing",
    example="a skeleton artifact with the manifest of another component",
)
def whole_mismatch(split: SplitSubject) -> Iterator[Finding]:
    if split.whole != split.layer:
        found, named = split.whole, split.layer
        yield Finding("layers", f"it gives {found.digest} of {found.size} bytes, not {named.digest} of {named.size}")


@rule(
    "split-root-mismatch",
    what="a skeleton artifact whose root is not that of the whole",
    why=f"{_FORMAT}: there is one canonical split of a component",
    example="a skeleton artifact that refers to the whole artifact of another component",
)
def root_mismatch(split: SplitSubject) -> Iterator[Finding]:
    if split.whole == split.layer and split.root != split.actual_root:
        yield Finding("layers[0]", f"the root is {split.root}, and that of the whole {split.actual_root}")


@rule(
    "split-needless",
    what="a split of what has nothing to split out: a core module, or a component without a module of 4 KiB",
    why=f"{_FORMAT}: every form of it is the whole artifact alone",
    example="a skeleton artifact of a core module",
)
def needless(split: SplitSubject) -> Iterator[Finding]:
    if split.is_needless:
        yield Finding("", "the whole has nothing to split out, and no split is written of it")


@rule(
    "split-layers",
    what="layers that are not the skeletons as first met, then config and manifest of the whole",
    why=f"{_FORMAT}: the same component gives the same artifact, whoever packs it",
    example="a skeleton artifact whose nested skeletons stand in another order",
)
def layers(skeletons: SkeletonSubject) -> Iterator[Finding]:
    yield from _differences("layers", skeletons.actual.value.layers, skeletons.expected.value.layers)


@rule(
    "split-config",
    what="a skeleton artifact with a config of its own",
    why=f"{_FORMAT}: its config is the empty one",
    example='{"config":{"mediaType":"application/vnd.oci.image.config.v1+json",…}}',
)
def config(skeletons: SkeletonSubject) -> Iterator[Finding]:
    if skeletons.actual.value.config != skeletons.expected.value.config:
        yield Finding("config", "it is not the empty config")


@rule(
    "split-document-bytes",
    what="a document of the split that says the right things in other bytes, or more than those",
    why=f"{_FORMAT}: equal input gives equal digests, so a copy of a component is found to be there already",
    example="a skeleton artifact with spaces between its members, or with annotations",
)
def document_bytes(skeletons: SkeletonSubject) -> Iterator[Finding]:
    actual, expected = skeletons.actual, skeletons.expected
    told = [(document.value.layers, document.value.config, document.value.subject) for document in (actual, expected)]
    if told[0] == told[1] and actual.raw != expected.raw:
        yield Finding("", "its bytes are not those that packing writes")


@rule(
    "fragment-artifact",
    what="an artifact that has a fragment's title and is not the one that packing writes of the module",
    why=f"{_FORMAT}: the same module gives the same manifest, whoever packs it",
    example="a fragment artifact with annotations, or with another `created`",
)
def fragment_artifact(fragment: FragmentSubject) -> Iterator[Finding]:
    for what, actual, expected in zip(("manifest", "config"), fragment.actual, fragment.expected, strict=True):
        if actual != expected:
            yield Finding("", f"its {what} is not the one that packing writes of this module")


def _differences(name: str, actual: Sequence[Descriptor], expected: Sequence[Descriptor]) -> Iterator[Finding]:
    for number, (found, wanted) in enumerate(zip(actual, expected, strict=False)):
        if found != wanted:
            yield Finding(f"{name}[{number}]", f"it names {found.digest}, where packing names {wanted.digest}")
    if len(actual) != len(expected):
        yield Finding(name, f"there are {len(actual)} of them, where packing writes {len(expected)}")


SKELETON_ARTIFACT_RULES: Final[tuple[Rule[Manifest], ...]] = (incomplete,)
STORED_WHOLE_RULES: Final[tuple[Rule[StoredWholeSubject], ...]] = (subject, stored_config)
SPLIT_RULES: Final[tuple[Rule[SplitSubject], ...]] = (whole_mismatch, needless, root_mismatch)
SKELETON_RULES: Final[tuple[Rule[SkeletonSubject], ...]] = (layers, config, document_bytes)
REFERRER_RULES: Final[tuple[Rule[ReferrerSubject], ...]] = (referrer_subject,)
FRAGMENT_RULES: Final[tuple[Rule[FragmentSubject], ...]] = (fragment_artifact,)
