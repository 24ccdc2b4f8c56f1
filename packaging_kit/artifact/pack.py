"""The documents of an artifact in each form (docs/format.md, "Forms")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any, Final

from packaging_kit.blobs import Blob
from packaging_kit.digest import Digest
from packaging_kit.document import Document
from packaging_kit.errors import DocumentError
from packaging_kit.fragments.exploded import Exploded, Fragment
from packaging_kit.limits import MAX_MANIFEST_ENTRIES, MAX_MANIFEST_SIZE
from packaging_kit.oci import media_types
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.index import Index, describe_index
from packaging_kit.oci.manifest import Manifest, describe_manifest
from packaging_kit.oci.wasm_config import EPOCH, ComponentConfig, WasmConfig

NO_PLATFORM: Final[Mapping[str, Any]] = MappingProxyType({"platform": {"architecture": "unknown", "os": "unknown"}})
"""So that no runtime picks a fragment to run it."""

_EMPTY: Final = b"{}"


class Form(Enum):
    """How a component stands in a store."""

    WHOLE = "whole"
    MAPPED = "mapped"
    SPLIT = "split"
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What the packer says of an artifact.

    Attributes:
        title: file name of the layer.
        created: RFC 3339.
        author: or `None`.
        annotations: of the manifest.
    """

    title: str
    created: str = EPOCH
    author: str | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeArtifact:
    """The artifact that every reader knows: one layer of `application/wasm`.

    Attributes:
        layer: the whole.
        config: its config, as it stands in the store.
        manifest: its image manifest.
    """

    layer: Blob
    config: bytes
    manifest: Document[Manifest]

    @property
    def descriptor(self) -> Descriptor:
        return describe_manifest(self.manifest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """All that one component becomes in a store.

    Attributes:
        tagged: what the tag points to.
        untagged: referrers, which stand in a layout's index without a tag.
        whole: the artifact that every reader knows.
        stores_whole: the whole's blob is stored.
        fragments: whose blobs are stored: nested skeletons, and modules where they are artifacts of their own.
        root: the root skeleton, where it is stored.
        documents: every config, manifest and index, children before parents.
    """

    tagged: Descriptor
    untagged: tuple[Descriptor, ...] = ()
    whole: WholeArtifact
    stores_whole: bool
    root: Digest | None = None
    fragments: tuple[Fragment, ...] = ()
    documents: tuple[bytes, ...]


def make_whole_artifact(layer: Blob, component: ComponentConfig | None, labels: Labels) -> WholeArtifact:
    """The CNCF artifact of one binary; `component` is `None` for a core module.

    Raises:
        DocumentError: `document-too-large`, where registries would not take its manifest or config.
    """
    config = WasmConfig(
        created=labels.created, author=labels.author, layer_digests=(layer.digest,), component=component
    ).to_document()
    manifest = Manifest(
        config=Descriptor(media_type=media_types.WASM_CONFIG, digest=config.digest, size=config.size),
        layers=(
            Descriptor(
                media_type=media_types.WASM,
                digest=layer.digest,
                size=layer.size,
                annotations={media_types.TITLE: labels.title},
            ),
        ),
        annotations=labels.annotations,
    ).to_document()
    for what, size in (("config", config.size), ("manifest", manifest.size)):
        if size > MAX_MANIFEST_SIZE:
            raise DocumentError("document-too-large", f"the {what} would have {size} bytes")
    return WholeArtifact(layer=layer, config=config.raw, manifest=manifest)


def pack_whole(whole: WholeArtifact) -> Packed:
    """Form `whole`, and every form of what has nothing to split out."""
    return Packed(tagged=whole.descriptor, whole=whole, stores_whole=True, documents=(whole.config, whole.manifest.raw))


def pack_split(form: Form, whole: WholeArtifact, exploded: Exploded) -> Packed:
    """One of the other forms.

    Raises:
        DocumentError: `split-too-many-fragments`.
    """
    if not exploded.fragments:
        return pack_whole(whole)
    skeletons = make_skeleton_artifact(whole, exploded, with_subject=form is not Form.SPLIT)
    skeleton_descriptor = describe_manifest(skeletons, media_types.SKELETON_ARTIFACT)
    documents = (whole.config, whole.manifest.raw, _EMPTY, skeletons.raw)
    if form is Form.MAPPED:
        return Packed(
            tagged=whole.descriptor,
            untagged=(skeleton_descriptor,),
            whole=whole,
            stores_whole=True,
            root=exploded.root,
            fragments=exploded.components,
            documents=documents,
        )
    _check_split(0, 1 + len(exploded.core_modules))
    modules = [make_fragment_artifact(Blob(fragment.digest, fragment.size)) for fragment in exploded.core_modules]
    index = make_split_index(skeleton_descriptor, modules, whole.descriptor if form is Form.BOTH else None)
    index_descriptor = describe_index(index, media_types.SPLIT_INDEX)
    is_both = form is Form.BOTH
    return Packed(
        tagged=whole.descriptor if is_both else index_descriptor,
        untagged=(skeleton_descriptor, index_descriptor) if is_both else (),
        whole=whole,
        stores_whole=is_both,
        root=exploded.root,
        fragments=exploded.fragments,
        documents=(*documents, *_raw_documents(modules), index.raw),
    )


def _raw_documents(artifacts: list[WholeArtifact]) -> Iterator[bytes]:
    for artifact in artifacts:
        yield artifact.config
        yield artifact.manifest.raw


def make_skeleton_artifact(whole: WholeArtifact, exploded: Exploded, *, with_subject: bool) -> Document[Manifest]:
    """Every skeleton, root first, then what restores the whole artifact.

    Raises:
        DocumentError: `split-too-many-fragments`.
    """
    manifest = whole.manifest
    config = manifest.value.config.blob  # others may name it by another algorithm
    layers = (
        _layer(media_types.SKELETON, exploded.root, exploded.skeleton_size),
        *(_layer(media_types.SKELETON, fragment.digest, fragment.size) for fragment in exploded.components),
        _layer(media_types.WHOLE_CONFIG, config.digest, config.size),
        _layer(media_types.WHOLE_MANIFEST, manifest.digest, manifest.size),
    )
    document = Manifest(
        artifact_type=media_types.SKELETON_ARTIFACT,
        config=_layer(media_types.EMPTY, Digest.of(_EMPTY), len(_EMPTY)),
        layers=layers,
        subject=whole.descriptor if with_subject else None,
    ).to_document()
    _check_split(document.size, len(layers))
    return document


def make_fragment_artifact(module: Blob) -> WholeArtifact:
    """A module as an artifact of its own: the same for everyone who packs it."""
    return make_whole_artifact(module, None, Labels(title=fragment_title(module.digest)))


def fragment_title(module: Digest) -> str:
    """The file name of a module's fragment artifact."""
    return f"sha256-{module.hex}.wasm"


def make_split_index(
    skeletons: Descriptor, modules: list[WholeArtifact], subject: Descriptor | None
) -> Document[Index]:
    """The skeleton artifact, then the fragment artifacts.

    Raises:
        DocumentError: `split-too-many-fragments`.
    """
    document = Index(
        artifact_type=media_types.SPLIT_INDEX, manifests=tuple(_entries(skeletons, modules)), subject=subject
    ).to_document()
    _check_split(document.size, len(document.value.manifests))
    return document


def _entries(skeletons: Descriptor, modules: list[WholeArtifact]) -> Iterator[Descriptor]:
    derived = [(skeletons, media_types.SKELETON_ARTIFACT)]
    derived += [(module.descriptor, module.manifest.value.derived_artifact_type) for module in modules]
    for descriptor, artifact_type in derived:
        yield Descriptor(
            media_type=descriptor.media_type,
            digest=descriptor.digest,
            size=descriptor.size,
            artifact_type=artifact_type,
            others=NO_PLATFORM,
        )


def _layer(media_type: str, digest: Digest, size: int) -> Descriptor:
    return Descriptor(media_type=media_type, digest=digest, size=size)


def _check_split(size: int, entries: int) -> None:
    """A registry has to take every document of the split."""
    if size > MAX_MANIFEST_SIZE or entries > MAX_MANIFEST_ENTRIES:
        raise DocumentError(
            "split-too-many-fragments",
            f"the split needs a document of {entries} entries and {size} bytes; "
            f"registries take {MAX_MANIFEST_ENTRIES} and {MAX_MANIFEST_SIZE}",
            hint="`--form whole`",
        )
