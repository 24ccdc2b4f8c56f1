"""Documents that are right: nothing is found in them, not even a note; and the seven that JSON Schema lets through."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from packaging_kit.blobs import BlobSource
from packaging_kit.digest import Digest
from packaging_kit.document import dump_json
from packaging_kit.errors import NotFoundError
from packaging_kit.limits import MAX_JSON_INTEGER
from packaging_kit.oci.media_types import EMPTY, IMAGE_INDEX, IMAGE_MANIFEST, TITLE, WASM, WASM_CONFIG
from packaging_kit.validate.problem import Level
from packaging_kit.validate.report import Profile, Report
from packaging_kit.validate.upload import validate_upload
from tests.bad_documents.builders import (
    EMPTY_JSON,
    TEXT,
    Json,
    artifact,
    config_of,
    core_module,
    descriptor,
    fixture,
    index,
    manifest,
    oci,
    raw_of,
    store,
    wasm_config,
)
from tests.registry import Registry
from tests.repositories import registry_store
from tests.test_registry_clients import PUSHES, Bench

CREATED: Final = "org.opencontainers.image.created"
IMPORTS: Final = (
    *("wasi:cli/environment@0.2.12", "wasi:cli/exit@0.2.12", "wasi:io/error@0.2.12", "wasi:io/streams@0.2.12"),
    *("wasi:cli/stdin@0.2.12", "wasi:cli/stdout@0.2.12", "wasi:cli/stderr@0.2.12"),
    *("wasi:clocks/wall-clock@0.2.12", "wasi:filesystem/types@0.2.12", "wasi:filesystem/preopens@0.2.12"),
)
EXPORTS: Final = ("example:text/count@0.1.0",)
"""The names of real/c.wasm."""
TAR: Final = "application/vnd.oci.image.layer.v1.tar+gzip"
EMPTY_DESCRIPTOR: Final = descriptor(EMPTY_JSON, EMPTY)


class Claiming(BlobSource):
    """A source that has everything that a document names, as far as sizes tell; no content is read."""

    def __init__(self, value: Json) -> None:
        self._sizes = dict(_iter_sizes(value))

    def blob_size(self, digest: Digest) -> int:
        return self._sizes[digest.value]

    def iter_blob_unverified(self, digest: Digest, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        raise NotFoundError("not-found", f"the content of {digest} is not there")


def _iter_sizes(value: Json) -> Iterator[tuple[str, int]]:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if isinstance(value, dict) and "digest" in value:
        yield value["digest"], value["size"]
    for item in items:
        yield from _iter_sizes(item)


def found(report: Report) -> list[tuple[str, str]]:
    """Codes and places of everything that a report lists."""
    return [(problem.code, str(problem.where)) for problem in report.problems]


def named(media_type: str, size: int, hexadecimal: str, **fields: Json) -> Json:
    return {"mediaType": media_type, "size": size, "digest": f"sha256:{hexadecimal}", **fields}


IMAGE: Final = {
    "schemaVersion": 2,
    "mediaType": IMAGE_MANIFEST,
    "config": named(
        "application/vnd.oci.image.config.v1+json",
        7023,
        "b5b2b2c507a0944348e0303114d8d93aaaa081732b86451d9bce1f432a537bc7",
    ),
    "layers": [
        named(TAR, 32654, "9834876dcfb05cb167a5c24953eba58c4ac89b1adf57f28f2f9d09af107ee8f0"),
        named(TAR, 16724, "3c3a4604a545cdc127456d94e421cd355bca5b528f4a9c1905b15da2eb4a4c6b"),
        named(TAR, 73109, "ec4b8955958665577945c89419d1af06b5f7636b4ac3da7f12184802ad867736"),
    ],
    "subject": named(IMAGE_MANIFEST, 7682, "5b0bcabd1ed22e9fb1310cf6c2dec7cdef19f0ad69efa1f392e94a4333501270"),
    "annotations": {"com.example.key1": "value1", "com.example.key2": "value2"},
}

_POWER: Final = named(
    IMAGE_MANIFEST,
    7143,
    "e692418e4cbaf90ca69d05a66403747baa33ee08806650b51fab815ad7fc331f",
    platform={"architecture": "ppc64le", "os": "linux"},
)

EXAMPLES: Final[dict[str, Json]] = {
    "manifest.md, an image": IMAGE,
    "manifest.md, an artifact of nothing": {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "artifactType": "application/vnd.example+type",
        "config": EMPTY_DESCRIPTOR,
        "layers": [EMPTY_DESCRIPTOR],
        "annotations": {"oci.opencontainers.image.created": "2023-01-02T03:04:05Z", "com.example.data": "payload"},
    },
    "manifest.md, an artifact without a config": {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "artifactType": "application/vnd.example+type",
        "config": EMPTY_DESCRIPTOR,
        "layers": [
            named(
                "application/vnd.example+type",
                1234,
                "e258d248fda94c63753607f7c4494ee0fcbe92f1a76bfdac795c9d84101eb317",
            )
        ],
    },
    "manifest.md, an artifact with a config": {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "artifactType": "application/vnd.example+type",
        "config": named(
            "application/vnd.example.config.v1+json",
            123,
            "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
        ),
        "layers": [
            named(
                "application/vnd.example.data.v1.tar+gzip",
                1234,
                "e258d248fda94c63753607f7c4494ee0fcbe92f1a76bfdac795c9d84101eb317",
            )
        ],
    },
    "manifest.md, the empty descriptor with its content": {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "artifactType": "application/vnd.example+type",
        "config": {**EMPTY_DESCRIPTOR, "data": "e30="},
        "layers": [{**EMPTY_DESCRIPTOR, "data": "e30="}],
    },
    "image-index.md, images of two platforms": {
        "schemaVersion": 2,
        "mediaType": IMAGE_INDEX,
        "manifests": [
            _POWER,
            named(
                IMAGE_MANIFEST,
                7682,
                "5b0bcabd1ed22e9fb1310cf6c2dec7cdef19f0ad69efa1f392e94a4333501270",
                platform={"architecture": "amd64", "os": "linux"},
            ),
        ],
        "annotations": {"com.example.key1": "value1", "com.example.key2": "value2"},
    },
    "image-index.md, an index in an index": {
        "schemaVersion": 2,
        "mediaType": IMAGE_INDEX,
        "manifests": [
            _POWER,
            named(IMAGE_INDEX, 7682, "601570aaff1b68a61eb9c85b8beca1644e698003e0cdb5bce960f193d265a8b7"),
        ],
        "annotations": {"com.example.key1": "value1", "com.example.key2": "value2"},
    },
    "image-layout.md, an index of several types": {
        "schemaVersion": 2,
        "mediaType": IMAGE_INDEX,
        "manifests": [
            named(
                IMAGE_INDEX,
                7143,
                "0228f90e926ba6b96e4f39cf294b2586d38fbb5a1e385c05cd1ee40ea54fe7fd",
                annotations={"org.opencontainers.image.ref.name": "stable-release"},
            ),
            {**_POWER, "annotations": {"org.opencontainers.image.ref.name": "v1.0"}},
            named(
                "application/xml",
                7143,
                "b3d63d132d21c3ff4c35a061adf23cf43da8ae054247e32faa95494d904a007e",
                annotations={
                    "org.freedesktop.specifications.metainfo.version": "1.0",
                    "org.freedesktop.specifications.metainfo.type": "AppStream",
                },
            ),
        ],
        "annotations": {"com.example.index.revision": "r124356"},
    },
    "descriptor.md, a manifest with its artifact type": {
        "schemaVersion": 2,
        "mediaType": IMAGE_INDEX,
        "manifests": [
            named(
                IMAGE_MANIFEST,
                123,
                "87923725d74f4bfb94c9e86d64170f7521aad8221a5de834851470ca142da630",
                artifactType="application/vnd.example.sbom.v1",
            )
        ],
    },
}
"""The examples of the image spec by where they stand; that of `urls` is left out, for content has to be there."""


def with_content(value: Json) -> tuple[Json, tuple[bytes, ...]]:
    """An index that names documents which are there, in place of those that only the specification has."""
    content = {IMAGE_MANIFEST: raw_of(manifest()), IMAGE_INDEX: raw_of(index()), "application/xml": b"<component/>"}
    entries = [entry | descriptor(content[entry["mediaType"]], entry["mediaType"]) for entry in value["manifests"]]
    return value | {"manifests": entries}, tuple(content.values())


@pytest.mark.parametrize("name", [name for name, value in EXAMPLES.items() if value["mediaType"] == IMAGE_MANIFEST])
def test_manifests_that_the_image_spec_shows_are_right(name: str) -> None:
    value = EXAMPLES[name]
    report = validate_upload(dump_json(value), IMAGE_MANIFEST, Claiming(value), profile=Profile.OCI)

    assert found(report) == []


@pytest.mark.parametrize("name", [name for name, value in EXAMPLES.items() if value["mediaType"] == IMAGE_INDEX])
def test_indexes_that_the_image_spec_shows_are_right(name: str) -> None:
    value, content = with_content(EXAMPLES[name])
    report = validate_upload(dump_json(value), IMAGE_INDEX, store(*content), profile=Profile.OCI)

    assert found(report) == []


def test_example_of_the_cncf_layout_is_right_with_values_in_place_of_its_placeholders() -> None:
    data = fixture("real/c.wasm")
    config = config_of(
        data,
        IMPORTS,
        EXPORTS,
        created="2015-10-31T22:22:56.015925234Z",
        author="Alyssa P. Hacker <alyspdev@example.com>",
    )
    config["component"]["target"] = "wasi:http/proxy@0.2.0"
    layer = descriptor(data, WASM)  # it has no title there
    fields = {"annotations": {"com.example.anything": "you-want-per-spec"}}
    report = artifact(data, config, layers=[layer], fields=fields).validate()

    assert found(report) == []


def oras_push(*files: tuple[str, bytes], artifact_type: str = "application/vnd.example.config") -> Json:
    """The manifest that `oras push` (1.2) writes of files."""
    layers = [
        descriptor(data, "application/vnd.oci.image.layer.v1.tar", annotations={TITLE: name}) for name, data in files
    ]
    return manifest(
        artifactType=artifact_type,
        config={**EMPTY_DESCRIPTOR, "data": "e30="},
        layers=layers,
        annotations={CREATED: "2026-01-01T00:00:00Z"},
    )


def test_what_oras_push_writes_is_right() -> None:
    files = (("hello.txt", TEXT), ("dir/read me.md", b"# read me\n"))
    report = oci(oras_push(*files), *(data for _, data in files)).validate()

    assert found(report) == []


def test_wasm_that_oras_push_writes_is_an_older_artifact_to_lenient_readers() -> None:
    data = fixture("real/c.wasm")
    value = oras_push(artifact_type="application/vnd.example.wasm") | {
        "layers": [descriptor(data, WASM, annotations={TITLE: "c.wasm"})]
    }
    report = oci(value, data, profile=Profile.LENIENT).validate()

    assert found(report) == [("media-type-older", "manifest config.mediaType")]
    assert report.is_clean


# What the JSON Schemas of the image spec let through.

LAYER: Final = descriptor()
LET_THROUGH: Final[dict[str, tuple[Json, str]]] = {
    "layers together with manifests": (manifest(manifests=[]), "document-kinds-mixed"),
    "a wrong own media type": (manifest(mediaType=IMAGE_INDEX), "media-type-mismatch"),
    "a short sha256": (manifest(layers=[LAYER | {"digest": LAYER["digest"][:-1]}]), "digest-length"),
    "upper-case hexadecimal digits": (
        manifest(layers=[LAYER | {"digest": "sha256:" + LAYER["digest"][7:].upper()}]),
        "digest-case",
    ),
    "a size of 2^63": (manifest(layers=[LAYER | {"size": MAX_JSON_INTEGER + 1}]), "json-integer-too-large"),
    "urls": (manifest(layers=[LAYER | {"urls": ["https://example.com/layer"]}]), "descriptor-urls"),
    "the empty config without an artifact type": (
        {name: value for name, value in manifest().items() if name != "artifactType"},
        "artifact-type-missing",
    ),
}


@pytest.mark.parametrize("profile", Profile)
@pytest.mark.parametrize("name", LET_THROUGH)
def test_what_the_schemas_of_the_oci_let_through_is_an_error(name: str, profile: Profile) -> None:
    value, code = LET_THROUGH[name]
    report = oci(value, profile=profile).validate()

    assert (code, Level.ERROR) in [(problem.code, problem.level) for problem in report.problems]
    assert not report.is_clean


# What other clients push to a registry on loopback.


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Registry() as registry:
        yield Bench(registry.host, tmp_path)


def pushed(bench: Bench, profile: Profile, repository: str = "theirs") -> Report:
    """What is found in what stands under the tag."""
    registry = registry_store(bench.host, repository)
    entry = registry.find("v1")
    raw = registry.read_document(entry)
    referrers = registry.referrers(entry.digest)
    return validate_upload(raw, entry.media_type, registry, profile=profile, tag="v1", referrers=referrers)


def push_with_wkg(bench: Bench, data: bytes) -> Report:
    path = bench.folder / "app.wasm"
    path.write_bytes(data)
    bench.run("wkg", "oci", "push", "--insecure", bench.host, bench.reference("theirs"), str(path))
    return pushed(bench, Profile.CNCF)


@pytest.mark.parametrize(("kind", "name"), [("component", "real/c.wasm"), ("wit-package", "wit/weather.wasm")])
def test_what_wkg_pushes_is_right(kind: str, name: str, bench: Bench) -> None:
    report = push_with_wkg(bench, fixture(name))

    assert found(report) == []
    assert [binary.kind for binary in report.binaries] == [kind]


def test_wkg_calls_a_core_module_a_component_which_it_is_not(bench: Bench) -> None:
    # The layout says `wasip1` of a core module, and `component` is for components: wkg 0.16 asks its library for the
    # config of a component whatever it is given, though that has one for core modules too.
    report = push_with_wkg(bench, core_module(size=5000))

    assert found(report) == [("config-os", "config os"), ("config-component-unexpected", "config component")]
    assert [binary.kind for binary in report.binaries] == ["module"]


def test_wkg_leaves_out_what_a_binary_says_of_itself_which_is_a_note(bench: Bench) -> None:
    # The note is right: it writes no annotations, so who reads the manifest alone does not learn what the binary says.
    report = push_with_wkg(bench, fixture("real/rust.wasm"))

    assert {problem.code for problem in report.problems} == {"annotation-absent"}
    assert report.is_clean


def image_layout(folder: Path) -> None:
    """A layout with an image of one small layer, as image builders write it."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w:") as archive:
        archive.addfile(tarfile.TarInfo("file"), io.BytesIO())
    tar = layer.getvalue()
    config = raw_of(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [Digest.of(tar).value]},
        }
    )
    document = raw_of(
        {
            "schemaVersion": 2,
            "mediaType": IMAGE_MANIFEST,
            "config": descriptor(config, "application/vnd.oci.image.config.v1+json"),
            "layers": [descriptor(tar, "application/vnd.oci.image.layer.v1.tar")],
        }
    )
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for raw in (tar, config, document):
        (blobs / Digest.of(raw).hex).write_bytes(raw)
    entry = descriptor(document, IMAGE_MANIFEST, annotations={"org.opencontainers.image.ref.name": "v1"})
    (folder / "oci-layout").write_bytes(b'{"imageLayoutVersion":"1.0.0"}')
    (folder / "index.json").write_bytes(raw_of({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [entry]}))


def component_layout(folder: Path) -> None:
    """A layout with the whole artifact of a component."""
    data = fixture("real/c.wasm")
    upload: Any = artifact(data, config_of(data, IMPORTS, EXPORTS))
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for raw in (upload.raw, *(upload.source.read_blob(blob.digest) for blob in upload.source.iter_blobs())):
        (blobs / Digest.of(raw).hex).write_bytes(raw)
    entry = descriptor(upload.raw, IMAGE_MANIFEST, annotations={"org.opencontainers.image.ref.name": "v1"})
    (folder / "oci-layout").write_bytes(b'{"imageLayoutVersion":"1.0.0"}')
    (folder / "index.json").write_bytes(raw_of({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [entry]}))


@pytest.mark.parametrize("client", PUSHES)
def test_images_that_others_push_are_right(client: str, bench: Bench) -> None:
    image_layout(bench.folder / "image")
    PUSHES[client](bench, "theirs", bench.folder / "image")

    assert found(pushed(bench, Profile.OCI)) == []


@pytest.mark.parametrize("client", PUSHES)
def test_components_that_others_push_from_a_layout_are_right(client: str, bench: Bench) -> None:
    component_layout(bench.folder / "component")
    PUSHES[client](bench, "theirs", bench.folder / "component")

    assert found(pushed(bench, Profile.CNCF)) == []


def test_what_regctl_puts_together_is_right(bench: Bench) -> None:
    options = ("--artifact-type", "application/vnd.example.text", "--annotation", "com.example.key=value")
    bench.run("regctl", "artifact", "put", *options, bench.reference("theirs"), text="a text")

    assert found(pushed(bench, Profile.OCI)) == []


def test_wasm_that_regctl_puts_together_in_the_types_of_the_layout_is_right(bench: Bench) -> None:
    data = core_module(size=5000)
    config = bench.folder / "config.json"
    config.write_bytes(raw_of(wasm_config(data)))
    path = bench.folder / "app.wasm"
    path.write_bytes(data)
    types = ("--config-type", WASM_CONFIG, "--config-file", str(config), "--file-media-type", WASM)
    bench.run("regctl", "artifact", "put", *types, "--file", path.name, "--file-title", bench.reference("theirs"))

    assert found(pushed(bench, Profile.CNCF)) == []


def test_what_crane_copies_and_appends_to_is_right(bench: Bench) -> None:
    image_layout(bench.folder / "image")
    PUSHES["crane"](bench, "ours", bench.folder / "image")
    bench.run("crane", "copy", bench.reference("ours"), bench.reference("copied"))
    layer = bench.folder / "layer.tar"
    with tarfile.open(layer, "w:") as archive:
        archive.addfile(tarfile.TarInfo("another"), io.BytesIO())
    bench.run("crane", "append", "-b", bench.reference("ours"), "-f", str(layer), "-t", bench.reference("appended"))

    assert found(pushed(bench, Profile.OCI, "copied")) == []
    assert found(pushed(bench, Profile.OCI, "appended")) == []
