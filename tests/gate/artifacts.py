"""What is uploaded: artifacts, ways to spoil them, and what clients are told to push them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import oras.provider

from packaging_kit import Digest, Form, LayoutPlace, explode
from packaging_kit.oci.media_types import EMPTY, IMAGE_INDEX, IMAGE_MANIFEST, WASM_CONFIG
from packaging_kit.operations.repositories import open_local_source
from tests.conftest import FIXTURES
from tests.gate.serving import Answer, Gate
from tests.repositories import SETTINGS, SIGNATURE, blobs_of, pack
from tests.strategies import component, custom, section
from tests.test_registry_clients import Bench

COMPONENTS: Final = {name: (FIXTURES / "real" / f"{name}.wasm").read_bytes() for name in ("rust", "c", "composed")}
RUST: Final = COMPONENTS["rust"]


REFUSED: Final = "MANIFEST_INVALID"
MISSING: Final = "MANIFEST_BLOB_UNKNOWN"


MODULES: Final = {
    name: max(explode(data).core_modules, key=lambda each: each.size) for name, data in COMPONENTS.items()
}


def real_module(name: str) -> bytes:
    return explode(COMPONENTS[name]).read_blob(MODULES[name].digest)


def sample(name: str = "a") -> bytes:
    """A component with a shared module twice, one in a nested component, and one of its own."""
    shared, own = real_module("rust"), real_module("c") + custom("own", name.encode())
    nested = component(section(1, real_module("c")), custom("note", b"nested"))
    return component(section(1, shared), section(4, nested), section(1, own, width=5), section(1, shared))


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A whole artifact of which each part can be another."""

    manifest: bytes
    config: bytes
    layer: bytes

    @property
    def digest(self) -> Digest:
        return Digest.of(self.manifest)

    @property
    def digests(self) -> tuple[Digest, ...]:
        return self.digest, Digest.of(self.config), Digest.of(self.layer)


def make(data: bytes, tmp_path: Path, tag: str = "v1") -> Artifact:
    """The artifact that we write."""
    place = LayoutPlace(folder=tmp_path / f"packed-{Digest.of(data).hex[:12]}", tag=tag)
    if not place.folder.exists():
        pack(place, data, Form.WHOLE, tag)
    blobs = blobs_of(place)
    with open_local_source(place, SETTINGS) as store:
        manifest = blobs[store.find(tag).digest]
    config = blobs[Digest(json.loads(manifest)["config"]["digest"])]
    return Artifact(manifest=manifest, config=config, layer=data)


def described(data: bytes, media_type: str, /, **fields: object) -> dict[str, object]:
    return {"mediaType": media_type, "digest": Digest.of(data).value, "size": len(data), **fields}


def changed(
    good: Artifact, *, config: Mapping[str, object] | None = None, layer: bytes | None = None, **fields: object
) -> Artifact:
    """Another artifact whose descriptors are right."""
    data = good.layer if layer is None else layer
    value = json.loads(good.config)
    value |= {"layerDigests": [Digest.of(data).value]} | dict(config or {})
    raw = json.dumps(value, separators=(",", ":")).encode()
    manifest = json.loads(good.manifest)
    manifest["config"] = described(raw, WASM_CONFIG)
    manifest["layers"] = [described(data, "application/wasm", annotations=manifest["layers"][0]["annotations"])]
    return Artifact(manifest=json.dumps(manifest | fields).encode(), config=raw, layer=data)


def lying(good: Artifact) -> Artifact:
    component = json.loads(good.config)["component"]
    return changed(good, config={"component": component | {"imports": [*component["imports"], "evil:net/socket"]}})


def two_layers(good: Artifact) -> Artifact:
    layers = json.loads(good.manifest)["layers"]
    return changed(good, layers=layers * 2)


def repeated(good: Artifact) -> Artifact:
    raw = good.manifest.replace(b'"schemaVersion":2', b'"schemaVersion":2,"schemaVersion":2')
    return Artifact(manifest=raw, config=good.config, layer=good.layer)


def unnamed(good: Artifact) -> Artifact:
    """Its config is the empty one, and nothing says what it is."""
    value = json.loads(good.manifest) | {"config": described(b"{}", EMPTY)}
    return Artifact(manifest=json.dumps(value).encode(), config=b"{}", layer=good.layer)


BAD: Final[dict[str, Callable[[Artifact], Artifact]]] = {
    "a config that lies about imports": lying,
    "two layers": two_layers,
    "another os": partial(changed, config={"os": "linux"}),
    "a binary that is cut": lambda good: changed(good, layer=good.layer[:-1]),
    "a binary that is none": lambda good: changed(good, layer=b"not wasm"),
    "repeated names": repeated,
    "an artifact type that hides it": lambda good: changed(lying(good), artifactType=SIGNATURE),
    "the empty config": unnamed,
    "no JSON": lambda good: Artifact(manifest=good.manifest[:-1], config=good.config, layer=good.layer),
    "the names of an index": lambda good: changed(good, manifests=[]),
}


def upload(gate: Gate, artifact: Artifact, repository: str = "app", tag: str = "v1") -> Answer:
    for data in (artifact.config, artifact.layer):
        assert gate.put_blob(data, repository).status == 201
    return gate.put_manifest(artifact.manifest, repository, tag)


def signature_of(subject: Digest, data: bytes = b"signed", artifact_type: str = SIGNATURE) -> bytes:
    """A manifest of the form that `oras attach` writes."""
    value = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "artifactType": artifact_type,
        "config": described(b"{}", EMPTY, data="e30="),
        "layers": [described(data, "text/plain", annotations={"org.opencontainers.image.title": "a.txt"})],
        "subject": {"mediaType": IMAGE_MANIFEST, "digest": subject.value, "size": 7},
        "annotations": {"org.opencontainers.image.created": "2024-01-01T00:00:00Z"},
    }
    return json.dumps(value).encode()


def oras_push(gate: Gate, artifact: Artifact, folder: Path) -> oras.provider.Registry:
    (folder / "component.wasm").write_bytes(artifact.layer)
    (folder / "config.json").write_bytes(artifact.config)
    client = oras.provider.Registry(hostname=gate.host, insecure=True)
    client.push(
        f"{gate.host}/app:v1",
        files=[f"{folder / 'component.wasm'}:application/wasm"],
        manifest_config=f"{folder / 'config.json'}:{WASM_CONFIG}",
        disable_path_validation=True,
    )
    return client


def write_layout(folder: Path, bad: Artifact) -> Path:
    """A layout with the artifact in it, as any tool might have written it."""
    (folder / "blobs" / "sha256").mkdir(parents=True)
    for data in (bad.manifest, bad.config, bad.layer):
        (folder / "blobs" / "sha256" / Digest.of(data).hex).write_bytes(data)
    entry = described(bad.manifest, IMAGE_MANIFEST, annotations={"org.opencontainers.image.ref.name": "v1"})
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [entry]}))
    return folder


COMMANDS: Final[Mapping[str, Callable[[Bench, Path], tuple[str, ...]]]] = {
    "regctl": lambda bench, folder: ("image", "copy", f"ocidir://{folder}:v1", bench.reference("app")),
    "crane": lambda bench, folder: ("push", str(folder), bench.reference("app")),
    "skopeo": lambda bench, folder: (
        "copy",
        "--all",
        "--dest-tls-verify=false",
        f"oci:{folder}:v1",
        f"docker://{bench.reference('app')}",
    ),
}
