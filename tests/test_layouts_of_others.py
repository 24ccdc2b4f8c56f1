"""Layouts that other tools wrote are read, and what we write is taken by them.

skopeo and regctl are run; what oras and runwasi write is made here, field for field as they write it.
"""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import packaging_kit
from packaging_kit import (
    ArchivePlace,
    Digest,
    DocumentError,
    Form,
    Input,
    LayoutPlace,
    Output,
    PackOptions,
    ReferrerChoice,
    Settings,
)
from packaging_kit.artifact.unpack import find_component
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.index import parse_index
from packaging_kit.oci.layout import Tagged, fallback_tag
from packaging_kit.oci.media_types import (
    EMPTY,
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    REF_NAME,
    SKELETON_ARTIFACT,
    SPLIT_INDEX,
    WASM,
    WASM_CONFIG,
)
from packaging_kit.operations.inspect import inspect_place
from packaging_kit.operations.places import LocalPlace
from packaging_kit.operations.repositories import open_source
from packaging_kit.stores.layout import LayoutStore
from tests.conftest import FIXTURES
from tests.real import tools
from tests.real.needs import need_tool
from tests.store_contract import SIGNATURE, store_index

COMPONENT = FIXTURES / "real" / "composed.wasm"
DATA = COMPONENT.read_bytes()
EXPLODED = packaging_kit.explode(DATA)
SETTINGS = Settings()
SECONDS = 120

Json = Any
Tool = Callable[..., str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What our commands make of a place with one component."""

    whole: Digest
    root: Digest
    problems: tuple[str, ...]
    components: int
    copied: Digest
    swept: tuple[Digest, ...]


RIGHT = Reading(whole=EXPLODED.digest, root=EXPLODED.root, problems=(), components=1, copied=EXPLODED.digest, swept=())


def unpack(place: LocalPlace, folder: Path) -> Digest:
    output = folder / "unpacked.wasm"
    packaging_kit.unpack(place, Output(name=str(output), force=True), SETTINGS)
    return Digest.of(output.read_bytes())


def read(place: LocalPlace, folder: Path) -> Reading:
    """Read a place with every command, and copy all that it has tags for into a layout of ours."""
    ours = LayoutPlace(folder=folder / "copied")
    packaging_kit.copy(place, ours, SETTINGS, every_tag=True, referrers=ReferrerChoice.ALL)
    return Reading(
        whole=unpack(place, folder),
        root=inspect_place(place, "place", SETTINGS).root,
        problems=tuple(problem.message for problem in packaging_kit.verify(place, SETTINGS).problems),
        components=packaging_kit.stats([place], SETTINGS).components,
        copied=unpack(ours, folder),
        swept=tuple(blob.digest for blob in packaging_kit.gc(_layout(place, ours), dry_run=True).blobs),
    )


def _layout(place: LocalPlace, ours: LayoutPlace) -> LayoutPlace:
    return place if isinstance(place, LayoutPlace) else ours


def pack(place: LocalPlace, form: Form, tag: str = "v1") -> Digest:
    options = PackOptions(form=form, tag=tag)
    return packaging_kit.pack([Input(name=str(COMPONENT))], place, options, SETTINGS)[0].digest


def named(place: LocalPlace, tag: str) -> Digest:
    with open_source(place, SETTINGS) as store:
        return store.find(tag).digest


def referrers(place: LocalPlace, tag: str) -> dict[Digest, str | None]:
    with open_source(place, SETTINGS) as store:
        return {entry.digest: entry.artifact_type for entry in store.referrers(store.find(tag).digest)}


def _run(program: Path, *arguments: str, folder: Path) -> str:
    environment = tools.tool_environment() | {"HOME": str(folder), "TMPDIR": str(folder)}
    result = subprocess.run(
        [program, *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture
def skopeo_copy(tmp_path: Path) -> Tool:
    program = need_tool("skopeo")
    return lambda *arguments: _run(program, "copy", "--insecure-policy", "--quiet", *arguments, folder=tmp_path)


@pytest.fixture
def regctl(tmp_path: Path) -> Tool:
    program = need_tool("regctl")
    return lambda *arguments: _run(program, *arguments, folder=tmp_path)


@pytest.fixture
def ours(tmp_path: Path) -> LayoutPlace:
    return LayoutPlace(folder=tmp_path / "ours")


WHOLE_FORMS = [form for form in Form if form is not Form.SPLIT]


@pytest.mark.parametrize("form", WHOLE_FORMS)
@pytest.mark.parametrize("kind", ["oci", "oci-archive"])
def test_what_skopeo_copied_is_read_and_has_the_same_digest(
    kind: str, form: Form, skopeo_copy: Tool, ours: LayoutPlace, tmp_path: Path
) -> None:
    digest = pack(ours, form)
    skopeo_copy("oci:ours:v1", f"{kind}:theirs.tar:v2")
    path = tmp_path / "theirs.tar"
    theirs = LayoutPlace(folder=path) if kind == "oci" else ArchivePlace(file=path)

    assert (named(theirs, "v2"), read(theirs, tmp_path)) == (digest, RIGHT)


@pytest.mark.parametrize("kind", ["oci", "oci-archive"])
def test_split_that_skopeo_copied_is_read_without_the_types_that_it_leaves_out(
    kind: str, skopeo_copy: Tool, ours: LayoutPlace, tmp_path: Path
) -> None:
    pack(ours, Form.SPLIT)
    skopeo_copy("--all", "oci:ours:v1", f"{kind}:theirs.tar:v2")
    path = tmp_path / "theirs.tar"
    theirs = LayoutPlace(folder=path) if kind == "oci" else ArchivePlace(file=path)

    assert read(theirs, tmp_path) == RIGHT


def test_what_we_copied_from_skopeo_is_what_we_would_have_packed(
    skopeo_copy: Tool, ours: LayoutPlace, tmp_path: Path
) -> None:
    pack(ours, Form.WHOLE)
    skopeo_copy("oci:ours:v1", "oci-archive:theirs.tar:v1")
    again = LayoutPlace(folder=tmp_path / "again")
    packaging_kit.copy(ArchivePlace(file=tmp_path / "theirs.tar"), again, SETTINGS)

    assert _files(again.folder) == _files(ours.folder)


def _files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("form", WHOLE_FORMS)
def test_skopeo_reads_our_archives(form: Form, skopeo_copy: Tool, tmp_path: Path) -> None:
    digest = pack(ArchivePlace(file=tmp_path / "ours.tar"), form, "v1")
    pack(ArchivePlace(file=tmp_path / "ours.tar"), form, "v2")
    skopeo_copy("oci-archive:ours.tar:v2", "oci:theirs:v3")

    assert named(LayoutPlace(folder=tmp_path / "theirs"), "v3") == digest


def test_layout_that_skopeo_adds_to_stays_whole(skopeo_copy: Tool, ours: LayoutPlace, tmp_path: Path) -> None:
    digests = {form.value: pack(ours, form, form.value) for form in Form}
    before = referrers(ours, "both")
    skopeo_copy("--all", "oci:ours:split", "oci:theirs:split")
    skopeo_copy("--all", "oci:theirs:split", "oci:ours:theirs")
    digests_after = {tag: named(ours, tag) for tag in digests}
    unpacked = {unpack(LayoutPlace(folder=ours.folder, tag=tag), tmp_path) for tag in ("theirs", *digests)}

    assert (digests_after, referrers(ours, "both"), unpacked) == (digests, before, {EXPLODED.digest})
    assert (packaging_kit.verify(ours, SETTINGS).problems, packaging_kit.gc(ours, dry_run=True).blobs) == ((), ())


@pytest.mark.parametrize("form", Form)
def test_what_regctl_copied_is_read_and_has_the_same_digest(
    form: Form, regctl: Tool, ours: LayoutPlace, tmp_path: Path
) -> None:
    digest = pack(ours, form)
    regctl("image", "copy", "ocidir://ours:v1", "ocidir://theirs:v2")
    theirs = LayoutPlace(folder=tmp_path / "theirs")

    assert (named(theirs, "v2"), read(theirs, tmp_path)) == (digest, RIGHT)


@pytest.mark.parametrize("form", [Form.MAPPED, Form.BOTH])
def test_referrers_that_we_wrote_are_found_by_regctl(form: Form, regctl: Tool, ours: LayoutPlace) -> None:
    pack(ours, form)
    told = json.loads(regctl("artifact", "list", "--slow-referrers", "ocidir://ours:v1", "--format", "{{json .}}"))
    found = {Digest(entry["digest"]): entry["artifactType"] for entry in told["descriptors"]}

    assert found == referrers(ours, "v1")
    assert set(found.values()) == {SKELETON_ARTIFACT, *([SPLIT_INDEX] if form is Form.BOTH else [])}


@pytest.mark.parametrize("form", [Form.MAPPED, Form.BOTH])
def test_referrers_that_regctl_copied_are_found_through_its_fallback_tag(
    form: Form, regctl: Tool, ours: LayoutPlace, tmp_path: Path
) -> None:
    digest = pack(ours, form)
    regctl("image", "copy", "ocidir://ours:v1", "ocidir://theirs:v1")
    for referrer in referrers(ours, "v1"):
        regctl("image", "copy", f"ocidir://ours@{referrer}", f"ocidir://theirs@{referrer}")
    regctl("image", "copy", "--referrers", "ocidir://theirs:v1", "ocidir://again:v1")
    again = LayoutPlace(folder=tmp_path / "again")
    with open_source(again, SETTINGS) as store:
        tags = store.tags()

    assert (tags, referrers(again, "v1")) == ((digest.value.replace(":", "-"), "v1"), referrers(ours, "v1"))
    assert read(again, tmp_path) == RIGHT
    assert referrers(LayoutPlace(folder=tmp_path / "copied"), "v1") == referrers(ours, "v1")


def test_what_regctl_attached_is_copied_only_where_that_was_asked_for(
    regctl: Tool, ours: LayoutPlace, tmp_path: Path
) -> None:
    pack(ours, Form.MAPPED)
    (tmp_path / "signature").write_bytes(b"signed")
    regctl("artifact", "put", "--artifact-type", SIGNATURE, "--subject", "ocidir://ours:v1", "--file", "signature")
    with_all, without = LayoutPlace(folder=tmp_path / "with"), LayoutPlace(folder=tmp_path / "without")
    place = LayoutPlace(folder=ours.folder, tag="v1")
    packaging_kit.copy(place, with_all, SETTINGS, referrers=ReferrerChoice.ALL)
    packaging_kit.copy(place, without, SETTINGS)
    types = [sorted(map(str, referrers(found, "v1").values())) for found in (ours, with_all, without)]

    assert types == [[SIGNATURE, SKELETON_ARTIFACT]] * 2 + [[SKELETON_ARTIFACT]]
    assert (packaging_kit.verify(ours, SETTINGS).problems, packaging_kit.gc(ours, dry_run=True).blobs) == ((), ())


def test_layout_that_regctl_adds_to_stays_whole(regctl: Tool, ours: LayoutPlace, tmp_path: Path) -> None:
    digests = {form.value: pack(ours, form, form.value) for form in Form}
    before = referrers(ours, "both")
    regctl("image", "copy", "ocidir://ours:split", "ocidir://theirs:split")
    regctl("image", "copy", "ocidir://theirs:split", "ocidir://ours:theirs")
    digests_after = {tag: named(ours, tag) for tag in digests}
    unpacked = {unpack(LayoutPlace(folder=ours.folder, tag=tag), tmp_path) for tag in ("theirs", *digests)}

    assert (digests_after, referrers(ours, "both"), unpacked) == (digests, before, {EXPLODED.digest})
    assert (packaging_kit.verify(ours, SETTINGS).problems, packaging_kit.gc(ours, dry_run=True).blobs) == ((), ())


def descriptor(data: bytes, media_type: str, **fields: Json) -> Json:
    return {"mediaType": media_type, "digest": Digest.of(data).value, "size": len(data), **fields}


def wasm_config() -> bytes:
    return json.dumps(
        {
            "created": "2026-01-01T00:00:00Z",
            "author": None,
            "architecture": "wasm",
            "os": "wasip2",
            "layerDigests": [EXPLODED.digest.value],
            "component": {"exports": [], "imports": [], "target": None},
        }
    ).encode()


@pytest.fixture
def of_oras(tmp_path: Path) -> LayoutPlace:
    """A layout as `oras cp --to-oci-layout` and two times `oras attach --oci-layout` leave it."""
    folder = tmp_path / "oras"
    (folder / "ingest").mkdir(parents=True)
    (folder / "blobs" / "sha256").mkdir(parents=True)

    def put(value: bytes | Json) -> bytes:
        data = value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()
        (folder / "blobs" / "sha256" / Digest.of(data).hex).write_bytes(data)
        return data

    created = {"org.opencontainers.image.created": "2026-01-02T03:04:05Z"}
    title = {"org.opencontainers.image.title": "composed.wasm"}
    start = {"schemaVersion": 2, "mediaType": IMAGE_MANIFEST}
    whole = put(
        {
            **start,
            "config": descriptor(put(wasm_config()), WASM_CONFIG),
            "layers": [descriptor(put(DATA), WASM, annotations=title)],
            "annotations": created,
        }
    )
    entries = []
    for text in (b"signed", b"signed again"):
        referrer = put(
            {
                **start,
                "artifactType": SIGNATURE,
                "config": {**descriptor(put(b"{}"), EMPTY), "data": "e30="},
                "layers": [descriptor(put(text), "application/vnd.oci.image.layer.v1.tar", annotations=title)],
                "subject": descriptor(whole, IMAGE_MANIFEST),
                "annotations": created,
            }
        )
        entries.append(descriptor(referrer, IMAGE_MANIFEST, annotations=created, artifactType=SIGNATURE))
    entries.insert(1, descriptor(whole, IMAGE_MANIFEST, annotations={**created, REF_NAME: "v1"}))
    index = {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": entries}
    (folder / "index.json").write_bytes(json.dumps(index, separators=(",", ":")).encode())
    (folder / "oci-layout").write_bytes(b'{"imageLayoutVersion":"1.0.0"}')
    return LayoutPlace(folder=folder)


def test_layout_of_oras_is_read_with_its_untagged_referrers(of_oras: LayoutPlace, tmp_path: Path) -> None:
    assert read(of_oras, tmp_path) == RIGHT
    assert list(referrers(of_oras, "v1").values()) == [SIGNATURE] * 2
    assert referrers(LayoutPlace(folder=tmp_path / "copied"), "v1") == referrers(of_oras, "v1")


def test_layout_of_oras_that_we_pack_into_keeps_what_was_in_it(of_oras: LayoutPlace, tmp_path: Path) -> None:
    before = named(of_oras, "v1"), referrers(of_oras, "v1"), _files(of_oras.folder)
    pack(of_oras, Form.BOTH, "v2")
    after = _files(of_oras.folder)
    kept = {name: after[name] for name in before[2] if name != "index.json"}

    assert kept == {name: data for name, data in before[2].items() if name != "index.json"}
    assert (named(of_oras, "v1"), referrers(of_oras, "v1"), (of_oras.folder / "ingest").is_dir()) == (*before[:2], True)
    assert (packaging_kit.verify(of_oras, SETTINGS).problems, packaging_kit.gc(of_oras, dry_run=True).blobs) == ((), ())


def test_referrers_of_oras_are_swept_with_what_they_refer_to(of_oras: LayoutPlace) -> None:
    pack(of_oras, Form.WHOLE, "v2")
    packaging_kit.untag(LayoutPlace(folder=of_oras.folder, tag="v1"), SETTINGS)
    swept = packaging_kit.gc(of_oras)

    assert (len(swept.entries), len(swept.blobs)) == (2, 7)  # two manifests with a text each, `{}`, whole and config
    assert packaging_kit.verify(of_oras, SETTINGS).problems == ()


RUNWASI_LAYER = "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm"
IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json"


def write_runwasi(path: Path, name: str, *, as_artifact: bool) -> ArchivePlace:
    """An archive as runwasi's `oci-tar-builder` writes it: blobs first, no folders, a Docker `manifest.json` last."""
    image = {
        "architecture": "wasm",
        "os": "wasip1",
        "config": {"Entrypoint": ["composed.wasm"], "Labels": {"containerd.runwasi.layers": EXPLODED.digest.hex}},
        "rootfs": {"type": "layers", "diff_ids": []},
        "history": [],
    }
    config = wasm_config() if as_artifact else json.dumps(image).encode()
    annotations = {"io.containerd.image.name": name, REF_NAME: name.split(":")[1]}
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": IMAGE_MANIFEST,
            "config": descriptor(config, WASM_CONFIG if as_artifact else IMAGE_CONFIG),
            "layers": [descriptor(DATA, WASM if as_artifact else RUNWASI_LAYER)],
            "annotations": annotations,
        }
    ).encode()
    platform = {"architecture": "wasm", "os": "wasip2" if as_artifact else "wasip1"}
    entry = descriptor(manifest, IMAGE_MANIFEST, platform=platform, annotations=annotations)
    blobs = {f"blobs/sha256/{Digest.of(data).hex}": data for data in (DATA, config, manifest)}
    docker = [{"Config": list(blobs)[1], "RepoTags": [name], "Layers": [next(iter(blobs))]}]
    files = {
        **blobs,
        "index.json": json.dumps({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [entry]}).encode(),
        "oci-layout": b'{"imageLayoutVersion":"1.0.0"}',
        "manifest.json": json.dumps(docker).encode(),
    }
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as archive:
        for file, data in files.items():
            info = tarfile.TarInfo(file)
            info.size, info.mode = len(data), 0o444 if file in blobs else 0o644
            archive.addfile(info, io.BytesIO(data))
    return ArchivePlace(file=path)


@pytest.mark.parametrize("as_artifact", [False, True], ids=["image", "artifact"])
def test_archive_of_runwasi_is_read(as_artifact: bool, tmp_path: Path) -> None:
    place = write_runwasi(tmp_path / "app.tar", "ghcr.io/example/app:v1", as_artifact=as_artifact)

    assert read(place, tmp_path) == RIGHT
    assert unpack(ArchivePlace(file=place.file, tag="v1"), tmp_path) == EXPLODED.digest


def test_archive_of_runwasi_that_we_pack_into_keeps_what_was_in_it(tmp_path: Path) -> None:
    place = write_runwasi(tmp_path / "app.tar", "ghcr.io/example/app:v1", as_artifact=False)
    with tarfile.open(place.file) as archive:
        before = {info.name: info.size for info in archive}
    pack(place, Form.SPLIT, "v2")
    with tarfile.open(place.file) as archive:
        after = {info.name: info.size for info in archive}
    del before["index.json"]

    assert before.items() <= after.items()
    assert [unpack(ArchivePlace(file=place.file, tag=tag), tmp_path) for tag in ("v1", "v2")] == [EXPLODED.digest] * 2
    assert packaging_kit.verify(place, SETTINGS).problems == ()


def test_tag_of_runwasi_with_a_port_in_its_name_is_in_nobodys_way(tmp_path: Path) -> None:
    place = write_runwasi(tmp_path / "app.tar", "localhost:5000/app:v1", as_artifact=True)

    assert unpack(place, tmp_path) == EXPLODED.digest


def without_types(entry: Descriptor) -> Descriptor:
    return replace(entry, artifact_type=None)


def test_split_whose_index_lost_its_types_is_known_by_its_first_entry(ours: LayoutPlace) -> None:
    digest = pack(ours, Form.SPLIT)
    store = LayoutStore.open(ours.folder)
    split = parse_index(store.read_blob(digest)).value
    bare = tuple(without_types(entry) for entry in split.manifests)
    known = [store_index(store, *bare), store_index(store, *split.manifests), store_index(store, bare[0])]
    others = [
        store_index(store, *bare, artifactType="application/vnd.example"),
        store_index(store, *bare[::-1]),
        store_index(store, *bare[1:]),
        store_index(store, replace(bare[0], digest=Digest.of(b"missing")), *bare[1:]),
        store_index(store),
    ]
    codes = []
    for entry in others:
        with pytest.raises(DocumentError) as error:
            find_component(store, entry)
        codes.append(error.value.code)

    assert [find_component(store, entry) for entry in known] == [find_component(store, store.find("v1"))] * 3
    assert codes == ["media-type-unexpected"] * 5


def test_list_of_referrers_is_no_split(ours: LayoutPlace) -> None:
    pack(ours, Form.MAPPED)
    store = LayoutStore.open(ours.folder)
    _, skeleton = store.read_index().value.manifests
    listed = store_index(store, skeleton)
    store.put([Tagged(fallback_tag(named(ours, "v1")), listed)], force=False)

    with pytest.raises(DocumentError) as error:
        find_component(store, listed)

    assert error.value.code == "media-type-unexpected"
    assert packaging_kit.verify(ours, SETTINGS).problems == ()
    assert packaging_kit.stats([ours], SETTINGS).components == 1


def test_index_whose_only_manifest_is_a_component_is_read_as_before(ours: LayoutPlace) -> None:
    pack(ours, Form.WHOLE)
    store = LayoutStore.open(ours.folder)
    (whole,) = store.read_index().value.manifests

    assert find_component(store, store_index(store, replace(whole, annotations={}))) == find_component(store, whole)
