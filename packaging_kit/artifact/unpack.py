"""From a descriptor to the component that it stands for, whatever the form (docs/format.md, "Reading")."""

from __future__ import annotations

from dataclasses import dataclass

from packaging_kit.blobs import Blob
from packaging_kit.digest import Digest
from packaging_kit.document import Document
from packaging_kit.errors import DocumentError, NotFoundError
from packaging_kit.oci import media_types
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.index import Index, parse_index
from packaging_kit.oci.links import is_document
from packaging_kit.oci.manifest import Manifest, parse_manifest
from packaging_kit.oci.repository import DocumentSource

_MOST_LOOKED_AT = 100  # manifests in an index of others


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredComponent:
    """A component in a store.

    Attributes:
        manifest: the whole artifact's; for form `split` restored with its exact bytes.
        config: the whole artifact's, raw.
        layer: the whole.
        root: of the skeletons, where the whole itself is not stored; else `None`.
    """

    manifest: Document[Manifest]
    config: bytes
    layer: Descriptor
    root: Digest | None = None


def find_component(source: DocumentSource, descriptor: Descriptor) -> StoredComponent:
    """Read the documents that `descriptor` leads to, and find the component in them.

    Raises:
        DocumentError: `document-invalid`, `document-too-large`, `layers-not-one`, `media-type-unexpected`.
        NotFoundError: `not-found`.
        ContentError: `digest-mismatch`, `size-mismatch`.
    """
    if descriptor.media_type == media_types.IMAGE_INDEX:
        index = parse_index(_read(source, descriptor)).value
        split = find_split(source, index)
        if split is not None:
            return split
        descriptor = _only_component(source, index)
    if descriptor.media_type != media_types.IMAGE_MANIFEST:
        raise _unexpected(f"`{descriptor.media_type}` is neither an image manifest nor an image index")
    manifest = parse_manifest(_read(source, descriptor))
    layer = only_layer(manifest.value)
    return StoredComponent(manifest=manifest, config=_read(source, manifest.value.config), layer=layer)


def only_layer(manifest: Manifest) -> Descriptor:
    """The one Wasm layer of a Wasm artifact, of today or of older tools.

    Raises:
        DocumentError: `layers-not-one`, `media-type-unexpected`.
    """
    if manifest.artifact_type == media_types.SKELETON_ARTIFACT:
        raise _unexpected("this is the skeleton of a component, not the component", hint="name what it refers to")
    if manifest.config.media_type not in media_types.WASM_CONFIGS:
        raise _unexpected(f"`{manifest.config.media_type}` is not the config of a Wasm artifact", "config.mediaType")
    if len(manifest.layers) != 1:
        raise DocumentError(
            "layers-not-one", f"a Wasm artifact has one layer, not {len(manifest.layers)}", json_path="layers"
        )
    layer = manifest.layers[0]
    if layer.media_type not in media_types.WASM_LAYERS:
        raise _unexpected(f"`{layer.media_type}` is not a Wasm layer", "layers[0].mediaType")
    return layer


def find_split(source: DocumentSource, index: Index) -> StoredComponent | None:
    """The component that a split index stands for; `None` where it is an index of something else.

    Raises as `find_component` does.
    """
    skeletons = _find_skeletons(source, index)
    if skeletons is None:
        return None
    component = restore_component(source, skeletons)
    if index.subject is not None and index.subject.blob != Blob(component.manifest.digest, component.manifest.size):
        raise _other_subject()
    return component


def restore_component(source: DocumentSource, skeletons: Manifest) -> StoredComponent:
    """The component that a skeleton artifact stands for; its whole may or may not be stored too.

    Raises:
        DocumentError: `document-invalid`, `layers-not-one`, `media-type-unexpected`.
        NotFoundError: `not-found`.
        ContentError: `digest-mismatch`, `size-mismatch`.
    """
    root = skeleton_root(skeletons)
    configs = _layers_of_type(skeletons, media_types.WHOLE_CONFIG)
    manifests = _layers_of_type(skeletons, media_types.WHOLE_MANIFEST)
    if len(configs) != 1 or len(manifests) != 1:
        raise _incomplete()
    manifest = parse_manifest(_read(source, manifests[0]))
    if skeletons.subject is not None and skeletons.subject.blob != manifests[0].blob:
        raise _other_subject()
    if manifest.value.config.blob != configs[0].blob:
        raise DocumentError("document-invalid", "the whole manifest names another config", json_path="layers")
    return StoredComponent(
        manifest=manifest, config=_read(source, configs[0]), layer=only_layer(manifest.value), root=root
    )


def skeleton_root(skeletons: Manifest) -> Digest:
    """The root that a skeleton artifact names.

    Raises:
        DocumentError: `document-invalid`.
    """
    layers = _layers_of_type(skeletons, media_types.SKELETON)
    if not layers:
        raise _incomplete()
    return layers[0].digest


def _layers_of_type(manifest: Manifest, media_type: str) -> list[Descriptor]:
    return [layer for layer in manifest.layers if layer.media_type == media_type]


def _incomplete() -> DocumentError:
    return DocumentError(
        "document-invalid",
        "a skeleton artifact holds skeletons, one whole config and one whole manifest",
        json_path="layers",
    )


def _other_subject() -> DocumentError:
    return DocumentError("document-invalid", "the subject is not the whole that is stored", json_path="subject")


def _find_skeletons(source: DocumentSource, index: Index) -> Manifest | None:
    """The skeleton artifact of a split index; `None` where it is an index of something else."""
    if index.artifact_type == media_types.SPLIT_INDEX:
        for entry in index.manifests:
            if entry.artifact_type == media_types.SKELETON_ARTIFACT:
                manifest = parse_manifest(_read(source, entry)).value
                if manifest.artifact_type == media_types.SKELETON_ARTIFACT:
                    return manifest
        raise DocumentError("document-invalid", "a split index names no skeleton artifact", json_path="manifests")
    return _find_untyped(source, index)


def _find_untyped(source: DocumentSource, index: Index) -> Manifest | None:
    """The same where every artifact type is gone but the skeleton artifact's own.

    Tools that write an index anew leave the types out (`skopeo copy --all`), and keep the order. One that
    refers to something stands in a list of referrers, which is an index too (`regctl`).
    """
    first = index.manifests[0] if index.manifests else None
    if index.artifact_type is not None or first is None or first.media_type != media_types.IMAGE_MANIFEST:
        return None
    try:
        manifest = parse_manifest(_read(source, first)).value
    except NotFoundError:
        return None  # of an image for several platforms, some are often left out
    is_ours = manifest.artifact_type == media_types.SKELETON_ARTIFACT and manifest.subject is None
    return manifest if is_ours else None


def _only_component(source: DocumentSource, index: Index) -> Descriptor:
    """The one manifest of an index that is not ours, or else the one that is a Wasm artifact."""
    manifests = [entry for entry in index.manifests if entry.media_type == media_types.IMAGE_MANIFEST]
    if 1 < len(manifests) <= _MOST_LOOKED_AT:
        manifests = [entry for entry in manifests if _is_component(source, entry)]
    if len(manifests) != 1:
        raise _unexpected(
            f"this is an index of {len(index.manifests)} entries, {len(manifests)} of them Wasm artifacts",
            "manifests",
            hint="only an index with one is read; `@DIGEST` names one of several",
        )
    return manifests[0]


def _is_component(source: DocumentSource, entry: Descriptor) -> bool:
    try:
        only_layer(parse_manifest(_read(source, entry)).value)
    except (DocumentError, NotFoundError):
        return False
    return True


def _read(source: DocumentSource, descriptor: Descriptor) -> bytes:
    if is_document(descriptor.media_type):
        return source.read_document(descriptor)
    return source.read_blob(descriptor.digest, size=descriptor.size)


def _unexpected(message: str, json_path: str = "", hint: str | None = None) -> DocumentError:
    return DocumentError("media-type-unexpected", message, json_path=json_path, hint=hint)
