"""What a document promises: that a split gives the whole that it stands for, and names all that it needs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from packaging_kit.artifact.graph import Node
from packaging_kit.artifact.unpack import StoredComponent, find_split, only_layer, restore_component
from packaging_kit.digest import Digest
from packaging_kit.errors import DocumentError, NotFoundError, WasmFormatError
from packaging_kit.fragments.explode import explode_chunks
from packaging_kit.fragments.plan import make_plan
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.index import parse_index
from packaging_kit.oci.manifest import Manifest, parse_manifest
from packaging_kit.oci.media_types import IMAGE_INDEX, IMAGE_MANIFEST, SKELETON_ARTIFACT, WASM_CONFIG
from packaging_kit.oci.repository import DocumentSource
from packaging_kit.oci.wasm_config import parse_wasm_config
from packaging_kit.operations.unpack import iter_unhashed
from packaging_kit.stores.scratch import FileScratch

Check = Callable[[Collection[Digest] | None], None]
"""Takes long. It is told what the document and those in it name; `None` where not all of them could be read."""


def check_document(node: Node, source: DocumentSource, temporary: Path | None) -> tuple[int, Check] | None:
    """Look at a document of ours or of the CNCF layout; the rest of it is a check that reads so many bytes.

    Raises, as the check does:
        DocumentError: `document-invalid`, `document-too-large`, `layers-not-one`, `media-type-unexpected`.
        SkeletonError: `skeleton-not-canonical`, `skeleton-too-large`.
        ContentError: `digest-mismatch`, `size-mismatch`.
        NotFoundError: `not-found`, `fragment-missing`.
    """
    if node.links is None or node.raw is None:
        return None
    if node.descriptor.media_type == IMAGE_INDEX:
        split = find_split(source, parse_index(node.raw).value)
        if split is not None:
            return split.layer.size, lambda named: _check_split(split, named, source, temporary)
    if node.descriptor.media_type == IMAGE_MANIFEST:
        manifest = parse_manifest(node.raw).value
        if manifest.artifact_type == SKELETON_ARTIFACT:
            return _check_skeleton_artifact(manifest, source, temporary)
        if manifest.config.media_type == WASM_CONFIG:
            only_layer(manifest)
            parse_wasm_config(source.read_blob(manifest.config.digest, size=manifest.config.size))
    return None


def read_through(chunks: Iterable[bytes]) -> None:
    """Take all of `chunks`, for the checks on the way."""
    for _ in chunks:
        pass


def _check_split(
    component: StoredComponent, named: Collection[Digest] | None, source: DocumentSource, temporary: Path | None
) -> None:
    with FileScratch(temporary) as scratch:
        read_through(iter_unhashed(component, source, scratch))
    if component.root is not None:
        plan = make_plan(component.root, source)
        _check_named((*plan.skeletons, *plan.module_sizes), named)


def _check_skeleton_artifact(
    manifest: Manifest, source: DocumentSource, temporary: Path | None
) -> tuple[int, Check] | None:
    """Where it refers to a whole artifact, the whole has to split into it."""
    component = restore_component(source, manifest)
    layer, root = component.layer, component.root
    try:
        if manifest.subject is None or source.blob_size(layer.digest) != layer.size:
            return None
    except NotFoundError:
        return None  # the whole may be elsewhere; a subject need not be there
    return layer.size, lambda named: _check_skeletons(layer, root, named, source, temporary)


def _check_skeletons(
    layer: Descriptor,
    root: Digest | None,
    named: Collection[Digest] | None,
    source: DocumentSource,
    temporary: Path | None,
) -> None:
    with FileScratch(temporary) as scratch:
        try:
            exploded = explode_chunks(source.iter_blob_unverified(layer.digest), scratch)
        except WasmFormatError as exc:
            read_through(source.iter_blob(layer.digest, size=layer.size))  # a damaged one is no fault of theirs
            raise DocumentError("document-invalid", f"the whole that it refers to can't be split: {exc}") from exc
    if exploded.root != root:
        read_through(source.iter_blob(layer.digest, size=layer.size))
        raise DocumentError("document-invalid", f"the whole that it refers to has the root {exploded.root}")
    _check_named((fragment.digest for fragment in exploded.components), named)


def _check_named(needed: Iterable[Digest], named: Collection[Digest] | None) -> None:
    """What no document names is left behind by a copy, and swept."""
    for digest in needed:
        if named is not None and digest not in named:
            raise DocumentError("document-invalid", f"it needs {digest}, and does not name it")
