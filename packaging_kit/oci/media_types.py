"""Media types and annotation keys that are written or read (docs/format.md, "OCI mapping")."""

from __future__ import annotations

from typing import Final

IMAGE_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
IMAGE_INDEX: Final = "application/vnd.oci.image.index.v1+json"
EMPTY: Final = "application/vnd.oci.empty.v1+json"

DOCKER_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX: Final = "application/vnd.docker.distribution.manifest.list.v2+json"
ARTIFACT_MANIFEST: Final = "application/vnd.oci.artifact.manifest.v1+json"

MANIFESTS: Final = frozenset((IMAGE_MANIFEST, DOCKER_MANIFEST, ARTIFACT_MANIFEST))
"""Documents that name content; the last was in image-spec 1.1's release candidates, and is still about."""
INDEXES: Final = frozenset((IMAGE_INDEX, DOCKER_INDEX))
"""Documents that name other documents."""
DOCUMENTS: Final = MANIFESTS | INDEXES

WASM: Final = "application/wasm"
WASM_CONFIG: Final = "application/vnd.wasm.config.v0+json"

SKELETON_ARTIFACT: Final = "application/vnd.packaging-kit.component.skeleton.v0"
SKELETON: Final = "application/vnd.packaging-kit.component.skeleton.v0+wasm"
WHOLE_CONFIG: Final = "application/vnd.packaging-kit.component.whole-config.v0+json"
WHOLE_MANIFEST: Final = "application/vnd.packaging-kit.component.whole-manifest.v0+json"
SPLIT_INDEX: Final = "application/vnd.packaging-kit.component.split.v0"
DELTA_ARTIFACT: Final = "application/vnd.packaging-kit.component.delta.v0"
DELTA_CONFIG: Final = "application/vnd.packaging-kit.component.delta.config.v0+json"

OWN_REFERRERS: Final = frozenset((SKELETON_ARTIFACT, SPLIT_INDEX, DELTA_ARTIFACT))
"""Artifact types of what this toolkit attaches to a whole artifact."""

WASM_CONFIGS: Final = frozenset(
    (
        WASM_CONFIG,
        "application/vnd.wasm.config.v1+json",
        "application/vnd.module.wasm.config.v1+json",
        "application/vnd.oci.image.config.v1+json",
        EMPTY,
    )
)
"""Config types of Wasm artifacts that exist in registries."""

WASM_LAYERS: Final = frozenset(
    (
        WASM,
        "application/vnd.wasm.content.layer.v1+wasm",
        "application/vnd.module.wasm.content.layer.v1+wasm",
        "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm",
    )
)
"""Layer types of Wasm artifacts that exist in registries."""

REF_NAME: Final = "org.opencontainers.image.ref.name"
TITLE: Final = "org.opencontainers.image.title"
IMAGE_ANNOTATION: Final = "org.opencontainers.image."
