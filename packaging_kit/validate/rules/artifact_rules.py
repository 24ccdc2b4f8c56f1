"""Rules over the manifest of a Wasm artifact (CNCF "Wasm OCI Artifact layout")."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from packaging_kit.artifact.titles import why_no_file_name
from packaging_kit.oci.media_types import TITLE, WASM, WASM_CONFIG
from packaging_kit.validate.problem import Level
from packaging_kit.validate.rule import Finding, Rule, rule
from packaging_kit.validate.subjects import ArtifactSubject
from packaging_kit.validate.values import DescriptorValue

_LAYOUT: Final = "CNCF Wasm OCI Artifact layout"

OLDER_CONFIGS: Final[Mapping[str, str]] = {
    "application/vnd.wasm.config.v1+json": "wasm-to-oci and oci-distribution",
    "application/vnd.module.wasm.config.v1+json": "wasme and Istio",
    "application/vnd.oci.image.config.v1+json": "runwasi's oci-tar-builder and image builders",
    "application/vnd.oci.empty.v1+json": "oras push",
}
"""Config types of older Wasm artifacts, and who writes them."""

OLDER_LAYERS: Final[Mapping[str, str]] = {
    "application/vnd.wasm.content.layer.v1+wasm": "wasm-to-oci, oci-distribution, Spin and kwctl",
    "application/vnd.module.wasm.content.layer.v1+wasm": "wasme, Istio, Trivy and wasmCloud before 1.0",
    "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm": "runwasi's oci-tar-builder",
}
"""Layer types of older Wasm artifacts, and who writes them."""


@rule(
    "layers-not-one",
    what="a Wasm artifact that has not exactly one layer",
    why=f"{_LAYOUT}, Manifest format: who sees more than one layer should reject it",
    example='{"config":{"mediaType":"application/vnd.wasm.config.v0+json",…},"layers":[…,…]}',
)
def layers_not_one(artifact: ArtifactSubject) -> Iterator[Finding]:
    layers = artifact.manifest.value.get("layers")
    if isinstance(layers, list) and len(layers) != 1:
        yield Finding("layers", f"a Wasm artifact has one layer, not {len(layers)}")


@rule(
    "media-type-unexpected",
    what="a Wasm artifact whose config or layer is of another type than those of the layout",
    why=f"{_LAYOUT}, Manifest format: readers look for `{WASM_CONFIG}` and `{WASM}`",
    example='{"layers":[{"mediaType":"application/vnd.wasm.content.layer.v1+wasm",…}]}',
    hint="where it is of an older layout, `packaging-kit convert --cncf` rewrites it",
)
def media_types(artifact: ArtifactSubject) -> Iterator[Finding]:
    for descriptor, expected, _ in _typed(artifact):
        found = descriptor.text("mediaType")
        if found is not None and found != expected:
            yield Finding(descriptor.at("mediaType"), f"`{found[:100]}` stands where `{expected}` is expected")


@rule(
    "media-type-unexpected",
    what="a Wasm artifact whose config or layer is of no type that Wasm artifacts have or had",
    why=f"{_LAYOUT}, Manifest format; nobody reads it as one",
    example='{"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar",…}]}',
)
def media_types_leniently(artifact: ArtifactSubject) -> Iterator[Finding]:
    for descriptor, expected, older in _typed(artifact):
        found = descriptor.text("mediaType")
        if found is not None and found != expected and found not in older:
            yield Finding(descriptor.at("mediaType"), f"`{found[:100]}` is no type of a Wasm artifact")


@rule(
    "media-type-older",
    what="a config or layer of a type that Wasm artifacts had before there was the layout",
    why="they are in registries, and some readers still take them; new ones should not be written",
    example='{"layers":[{"mediaType":"application/vnd.wasm.content.layer.v1+wasm",…}]}',
    level=Level.NOTE,
    hint="`packaging-kit convert --cncf` rewrites it, where its layer is Wasm",
)
def media_types_older(artifact: ArtifactSubject) -> Iterator[Finding]:
    for descriptor, _, older in _typed(artifact):
        found = descriptor.text("mediaType") or ""
        if found in older:
            yield Finding(descriptor.at("mediaType"), f"`{found}` is written by {older[found]}")


@rule(
    "layer-title-unsafe",
    what="a title of a layer or config that is no safe file name on Linux, macOS and Windows",
    why="clients write the layer under its title (image-spec, annotations.md), which may not lead out of a folder",
    example='{"annotations":{"org.opencontainers.image.title":"../app.wasm"}}',
)
def layer_title_unsafe(artifact: ArtifactSubject) -> Iterator[Finding]:
    config = artifact.manifest.descriptor("config")
    for layer in (*([] if config is None else [config]), *artifact.manifest.entries()):
        annotations = layer.value.get("annotations")
        title = annotations.get(TITLE) if isinstance(annotations, dict) else None
        if isinstance(title, str) and (reason := why_no_file_name(title)) is not None:
            yield Finding(f"{layer.at('annotations')}.{TITLE}", f"`{title[:100]}` is no safe file name: it {reason}")


def _typed(artifact: ArtifactSubject) -> Iterator[tuple[DescriptorValue, str, Mapping[str, str]]]:
    """Config and layers, each with the type that it should have, and those that it had."""
    config = artifact.manifest.descriptor("config")
    if config is not None:
        yield config, WASM_CONFIG, OLDER_CONFIGS
    for layer in artifact.manifest.entries():
        yield layer, WASM, OLDER_LAYERS


ARTIFACT_RULES: Final[tuple[Rule[ArtifactSubject], ...]] = (layers_not_one, media_types, layer_title_unsafe)
LENIENT_ARTIFACT_RULES: Final[tuple[Rule[ArtifactSubject], ...]] = (
    layers_not_one,
    media_types_leniently,
    media_types_older,
    layer_title_unsafe,
)
