"""The example of a gate in a registry's upload path: what is good comes back, and of what is not, nothing is left."""

from __future__ import annotations

import ast
import http.client
import importlib
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any, Final

import oras.provider
import pytest

import packaging_kit
from packaging_kit import Digest, Form, Input, LayoutPlace, PackOptions, Profile, Settings, explode
from packaging_kit.engines.wasm_tools import WasmToolsEngine
from packaging_kit.errors import PackagingKitError, RegistryError, UnavailableError
from packaging_kit.oci.media_types import (
    EMPTY,
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    SKELETON_ARTIFACT,
    SPLIT_INDEX,
    WASM_CONFIG,
)
from packaging_kit.operations.push import push
from packaging_kit.operations.repositories import open_local_source
from packaging_kit.transfer.copy import ReferrerChoice
from packaging_kit.validate.engine import Binary, Defect, Engine, EngineIdentity
from tests.conftest import FIXTURES, REPOSITORY, SEEDS
from tests.real.needs import need_tool
from tests.repositories import (
    SETTINGS,
    SIGNATURE,
    blobs_of,
    pack,
    registry_options,
    registry_place,
    registry_store,
    unpack,
)
from tests.schema_checks import check_all
from tests.strategies import component, custom, section
from tests.test_registry_clients import PULLS, PUSHES, Bench, entry_of, rewrites

EXAMPLES: Final = REPOSITORY / "docs" / "examples"
DOCUMENTATION: Final = REPOSITORY / "docs" / "registries.md"
FILES: Final = ("serve_split", "quarantine", "upload_gate")
COMPONENTS: Final = {name: (FIXTURES / "real" / f"{name}.wasm").read_bytes() for name in ("rust", "c", "composed")}
RUST: Final = COMPONENTS["rust"]
REFUSED: Final = "MANIFEST_INVALID"
MISSING: Final = "MANIFEST_BLOB_UNKNOWN"
SECONDS: Final = 30


@pytest.fixture(scope="module")
def example() -> Iterator[ModuleType]:
    """The example, imported as it is where it is run: with its own folder first on the path."""
    sys.path.insert(0, str(EXAMPLES))
    try:
        yield importlib.import_module("upload_gate")
    finally:
        sys.path.remove(str(EXAMPLES))
        for name in FILES:
            sys.modules.pop(name, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        (found,) = json.loads(self.body)["errors"]
        return dict(found)

    @property
    def code(self) -> tuple[int, str]:
        return self.status, self.error["code"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A running example, and its folder."""

    server: Any
    folder: Path

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"

    @property
    def settings(self) -> Settings:
        return Settings(registry=registry_options())

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection(self.host, timeout=SECONDS)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, f"/v2/{path}", body=body, headers=named)
            response = connection.getresponse()
            return Answer(status=response.status, headers=dict(response.headers.items()), body=response.read())
        finally:
            connection.close()

    def raw(self, request: bytes) -> bytes:
        """Send bytes as they are, end the sending, and read until the end."""
        with socket.create_connection(("127.0.0.1", self.server.server_port), timeout=SECONDS) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            found = b""
            while chunk := connection.recv(1 << 16):
                found += chunk
            return found

    def put_blob(self, data: bytes, repository: str = "app", digest: Digest | None = None) -> Answer:
        return self.ask("POST", f"{repository}/blobs/uploads/?digest={digest or Digest.of(data)}", data)

    def put_manifest(
        self, raw: bytes, repository: str = "app", reference: str = "v1", media_type: str = IMAGE_MANIFEST
    ) -> Answer:
        return self.ask("PUT", f"{repository}/manifests/{reference}", raw, Content_Type=media_type)

    def statuses(self, *digests: Digest, repository: str = "app") -> set[int]:
        """What asking for these gives, as blobs and as manifests, by HEAD and by GET."""
        paths = [f"{repository}/{kind}/{digest}" for digest in digests for kind in ("blobs", "manifests")]
        return {self.ask(method, path).status for path in paths for method in ("HEAD", "GET")}

    def kept(self) -> set[Digest]:
        """Digests of the files that are there for good."""
        found = (path for path in (self.folder / "content" / "blobs").rglob("*") if path.is_file())
        return {Digest(f"{path.parent.name}:{path.name}") for path in found}

    def waiting(self) -> list[Path]:
        return sorted((self.folder / "quarantine").iterdir())


def serve(server: Any, folder: Path) -> Iterator[Gate]:
    with server as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            found = Gate(server=running, folder=folder)
            assert found.ask("GET", "").status == 200
            yield found
        finally:
            running.shutdown()
            thread.join()


@pytest.fixture
def gate(example: ModuleType, tmp_path: Path) -> Iterator[Gate]:
    yield from serve(example.GateServer(tmp_path / "gate"), tmp_path / "gate")


@pytest.fixture
def bench(gate: Gate, tmp_path: Path) -> Bench:
    return Bench(gate.host, tmp_path)


# What an artifact is made of, and ways to spoil it.

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


# What is good comes back.


@pytest.mark.parametrize("form", [Form.WHOLE, Form.MAPPED, Form.SPLIT, Form.BOTH])
@pytest.mark.parametrize("name", COMPONENTS)
def test_component_that_we_pushed_comes_back(name: str, form: Form, gate: Gate, tmp_path: Path) -> None:
    data = COMPONENTS[name]
    source = LayoutPlace(folder=tmp_path / "layout", tag="v1")
    pack(source, data, form, "v1")
    there = registry_place(gate.host, "team/app", "v1")
    pushed = push(source, there, gate.settings, referrers=ReferrerChoice.ALWAYS)
    (thing,) = pushed.copied.things
    by_digest = registry_place(gate.host, "team/app", digest=thing.descriptor.digest)

    assert unpack(there, tmp_path / "out", gate.settings) == data
    assert unpack(by_digest, tmp_path / "out", gate.settings) == data
    assert pushed.copied.left == ()
    assert Digest.of(data) not in gate.kept()
    assert gate.waiting() == []


@pytest.mark.parametrize("form", [Form.MAPPED, Form.BOTH])
def test_split_beside_a_whole_is_found_from_it(form: Form, gate: Gate, tmp_path: Path) -> None:
    source = LayoutPlace(folder=tmp_path / "layout", tag="v1")
    packed = pack(source, RUST, form, "v1")
    push(source, registry_place(gate.host, "app", "v1"), gate.settings)
    types = [entry.artifact_type for entry in registry_store(gate.host, "app").referrers(packed.digest)]

    assert sorted(map(str, types)) == ([SKELETON_ARTIFACT] if form is Form.MAPPED else [SKELETON_ARTIFACT, SPLIT_INDEX])


def test_folder_holds_fragments_and_never_the_whole(gate: Gate, tmp_path: Path) -> None:
    good = make(sample(), tmp_path)
    accepted = upload(gate, good)
    exploded = explode(good.layer)
    parts = {exploded.root, *(fragment.digest for fragment in exploded.fragments)}

    assert (accepted.status, accepted.headers["Docker-Content-Digest"]) == (201, good.digest.value)
    assert accepted.headers["Location"] == f"/v2/app/manifests/{good.digest}"
    assert gate.kept() == parts | {good.digest, Digest.of(good.config)}
    assert gate.ask("GET", f"app/blobs/{Digest.of(good.layer)}").body == good.layer


def test_module_that_components_share_is_there_once(gate: Gate, tmp_path: Path) -> None:
    apps = [make(sample(name), tmp_path) for name in ("one", "two", "three")]
    answers = [upload(gate, app, repository) for app, repository in zip(apps, ("a", "b", "a"), strict=True)]
    parts = [explode(app.layer) for app in apps]
    kept = gate.kept()
    of_modules = {module.digest for part in parts for module in part.core_modules}
    sizes = sum((gate.folder / "content" / "blobs" / "sha256" / digest.hex).stat().st_size for digest in kept)

    assert [answer.status for answer in answers] == [201] * 3
    assert len(of_modules) == 5  # two are shared, and each has one of its own
    assert of_modules <= kept
    assert sizes < 0.6 * sum(len(app.layer) for app in apps)


@pytest.mark.parametrize("name", COMPONENTS)
def test_any_range_of_an_accepted_layer_is_the_one_of_the_file(name: str, gate: Gate, tmp_path: Path) -> None:
    good = make(COMPONENTS[name], tmp_path)
    upload(gate, good)
    size, path = len(good.layer), f"app/blobs/{Digest.of(good.layer)}"
    wrong = []
    for seed in SEEDS:
        start, end = sorted(Random(seed).randrange(size) for _ in "ab")
        answer = gate.ask("GET", path, Range=f"bytes={start}-{end}")
        told = (answer.status, answer.headers.get("Content-Range"), answer.body)
        wrong += [] if told == (206, f"bytes {start}-{end}/{size}", good.layer[start : end + 1]) else [(start, end)]

    assert wrong == []


def test_core_module_is_accepted_and_served(gate: Gate, tmp_path: Path) -> None:
    good = make(explode(RUST).read_blob(explode(RUST).core_modules[0].digest), tmp_path)

    assert upload(gate, good).status == 201
    assert gate.ask("GET", f"app/blobs/{Digest.of(good.layer)}").body == good.layer


def test_manifest_is_given_as_it_came_by_tag_and_by_digest(gate: Gate, tmp_path: Path) -> None:
    good = make(RUST, tmp_path)
    upload(gate, good)
    answers = [gate.ask("GET", f"app/manifests/{each}") for each in ("v1", good.digest)]
    heads = [gate.ask("HEAD", f"app/manifests/{each}") for each in ("v1", good.digest)]

    assert [(answer.status, answer.body) for answer in answers] == [(200, good.manifest)] * 2
    assert [(head.status, head.body, head.headers["Content-Length"]) for head in heads] == [
        (200, b"", str(len(good.manifest)))
    ] * 2
    assert {answer.headers["Content-Type"] for answer in answers + heads} == {IMAGE_MANIFEST}
    assert {answer.headers["Docker-Content-Digest"] for answer in answers + heads} == {good.digest.value}


def test_manifest_may_be_put_by_its_digest_alone(gate: Gate, tmp_path: Path) -> None:
    good = make(RUST, tmp_path)
    upload(gate, good, tag=good.digest.value)

    assert json.loads(gate.ask("GET", "app/tags/list").body) == {"name": "app", "tags": []}
    assert gate.ask("GET", f"app/manifests/{good.digest}").body == good.manifest


# Real clients.


def test_component_that_wkg_pushed_comes_back(bench: Bench, gate: Gate) -> None:
    out = bench.folder / "out.wasm"
    source = str(FIXTURES / "real" / "composed.wasm")
    bench.run("wkg", "oci", "push", "--insecure", bench.host, bench.reference("theirs"), source)
    bench.run("wkg", "oci", "pull", bench.reference("theirs"), "--insecure", bench.host, "-o", str(out))

    assert out.read_bytes() == COMPONENTS["composed"]
    assert Digest.of(out.read_bytes()) not in gate.kept()


@pytest.mark.parametrize("form", [Form.WHOLE, Form.SPLIT])
@pytest.mark.parametrize("client", PUSHES)
def test_what_others_push_is_accepted_and_pulled_again(client: str, form: Form, bench: Bench, gate: Gate) -> None:
    source = LayoutPlace(folder=bench.folder / "packed", tag="v1")
    digest = pack(source, RUST, form, "v1").digest
    # skopeo writes an index anew before it pushes it, and what comes out is no split index.
    PUSHES["crane" if rewrites(client, form) else client](bench, "theirs", source.folder)
    pulled = LayoutPlace(folder=bench.folder / "pulled")
    PULLS[client](bench, "theirs", pulled.folder)

    assert (entry_of(pulled.folder) == digest) == (not rewrites(client, form))
    assert unpack(pulled, bench.folder / "out") == RUST
    assert unpack(bench.place("theirs"), bench.folder / "out", gate.settings) == RUST
    assert gate.waiting() == []


def test_split_index_that_skopeo_wrote_anew_is_accepted_as_one(bench: Bench, gate: Gate) -> None:
    source = LayoutPlace(folder=bench.folder / "packed", tag="v1")
    pack(source, RUST, Form.SPLIT, "v1")
    bench.run("skopeo", *COMMANDS["skopeo"](bench, source.folder))

    assert unpack(bench.place("app"), bench.folder / "out", gate.settings) == RUST
    assert Digest.of(RUST) not in gate.kept()


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


def test_what_oras_pushes_is_accepted_and_pulled_again(gate: Gate, tmp_path: Path) -> None:
    client = oras_push(gate, make(RUST, tmp_path), tmp_path)
    (pulled,) = client.pull(f"{gate.host}/app:v1", outdir=str(tmp_path / "pulled"))

    assert Path(pulled).read_bytes() == RUST
    assert Digest.of(RUST) not in gate.kept()


def test_artifact_of_another_kind_is_accepted_beside_it(bench: Bench, gate: Gate, tmp_path: Path) -> None:
    good = make(RUST, tmp_path)
    upload(gate, good, "ours")
    subject = ("--subject", bench.reference("ours"), "--format", "{{.Manifest.GetDescriptor.Digest}}")
    signature = bench.run("regctl", "artifact", "put", "--artifact-type", SIGNATURE, *subject, text="signed")
    listed = json.loads(bench.run("regctl", "artifact", "list", bench.reference("ours"), "--format", "{{json .}}"))

    assert [(entry["digest"], entry["artifactType"]) for entry in listed["descriptors"]] == [(signature, SIGNATURE)]
    assert bench.run("regctl", "artifact", "get", f"{gate.host}/ours@{signature}") == "signed"


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


def test_referrer_may_come_before_its_subject(gate: Gate, tmp_path: Path) -> None:
    good = make(RUST, tmp_path)
    raw = signature_of(good.digest)
    for data in (b"{}", b"signed"):
        gate.put_blob(data)
    accepted = gate.put_manifest(raw, reference=Digest.of(raw).value)
    listed = json.loads(gate.ask("GET", f"app/referrers/{good.digest}").body)

    assert (accepted.status, accepted.headers["OCI-Subject"]) == (201, good.digest.value)
    assert listed["mediaType"] == IMAGE_INDEX
    assert listed["manifests"] == [
        {
            "mediaType": IMAGE_MANIFEST,
            "digest": Digest.of(raw).value,
            "size": len(raw),
            "artifactType": SIGNATURE,
            "annotations": {"org.opencontainers.image.created": "2024-01-01T00:00:00Z"},
        }
    ]
    assert upload(gate, good).status == 201


def test_referrers_are_filtered_by_type_and_given_in_pages(gate: Gate, tmp_path: Path) -> None:
    subject = Digest.of(b"some manifest")
    gate.put_blob(b"{}")
    raws = [signature_of(subject, text.encode(), f"application/vnd.example.{text}") for text in "abc"]
    for text, raw in zip("abc", raws, strict=True):
        gate.put_blob(text.encode())
        assert gate.put_manifest(raw, reference=Digest.of(raw).value).status == 201
    path = f"app/referrers/{subject}"
    filtered = gate.ask("GET", f"{path}?artifactType=application/vnd.example.b")
    first = gate.ask("GET", f"{path}?n=2")
    rest = gate.ask("GET", first.headers["Link"].partition(">")[0].removeprefix("</v2/"))
    pages = [json.loads(page.body)["manifests"] for page in (first, rest)]

    assert [entry["digest"] for entry in json.loads(filtered.body)["manifests"]] == [Digest.of(raws[1]).value]
    assert filtered.headers["OCI-Filters-Applied"] == "artifactType"
    assert [len(page) for page in pages] == [2, 1]
    assert {entry["digest"] for page in pages for entry in page} == {Digest.of(raw).value for raw in raws}
    assert "Link" not in rest.headers
    assert json.loads(gate.ask("GET", f"app/referrers/{Digest.of(b'other')}").body)["manifests"] == []
    assert json.loads(gate.ask("GET", f"nothing/referrers/{subject}").body)["manifests"] == []


def test_tags_are_listed_in_pages(gate: Gate, tmp_path: Path) -> None:
    good = make(RUST, tmp_path)
    for tag in ("b", "A", "c"):
        upload(gate, good, tag=tag)
    answers = [gate.ask("GET", f"app/tags/list{query}") for query in ("", "?n=2", "?n=2&last=b", "?last=b", "?n=0")]

    assert [json.loads(answer.body)["tags"] for answer in answers] == [
        ["A", "b", "c"],
        ["A", "b"],
        ["c"],
        ["c"],
        [],
    ]
    assert [answer.headers.get("Link") for answer in answers] == [
        None,
        '</v2/app/tags/list?n=2&last=b>; rel="next"',
        None,
        None,
        None,
    ]
    assert gate.ask("GET", "app/tags/list?n=x").code == (400, "PAGINATION_NUMBER_INVALID")
    assert gate.ask("GET", "other/tags/list").code == (404, "NAME_UNKNOWN")


# What is not good is refused, and nothing of it is left.


@pytest.mark.parametrize("fault", BAD)
def test_bad_artifact_is_refused_and_nothing_of_it_is_served(fault: str, gate: Gate, tmp_path: Path) -> None:
    bad = BAD[fault](make(RUST, tmp_path))
    refused = upload(gate, bad)
    report = refused.error["detail"]

    assert refused.code == (400, REFUSED)
    assert (report["clean"], report["digest"]) == (False, bad.digest.value)
    assert [problem for problem in report["problems"] if problem["level"] == "error"] != []
    assert gate.statuses(*bad.digests) == {404}
    assert gate.ask("GET", "app/manifests/v1").code == (404, "MANIFEST_UNKNOWN")
    assert gate.ask("GET", "app/tags/list").code == (404, "NAME_UNKNOWN")
    assert (gate.kept(), gate.waiting()) == (set(), [])


def test_good_artifact_is_accepted_where_a_bad_one_was_refused(gate: Gate, tmp_path: Path) -> None:
    good = make(RUST, tmp_path)

    assert upload(gate, lying(good)).status == 400
    assert upload(gate, good).status == 201
    assert upload(gate, lying(good)).status == 400
    assert gate.ask("GET", "app/manifests/v1").body == good.manifest
    assert gate.ask("GET", f"app/blobs/{Digest.of(good.layer)}").body == good.layer


@pytest.mark.parametrize("missing", ["config", "layer"])
def test_blob_that_is_missing_has_a_code_of_its_own(missing: str, gate: Gate, tmp_path: Path) -> None:
    good = make(RUST, tmp_path)
    gate.put_blob(good.layer if missing == "config" else good.config)
    refused = gate.put_manifest(good.manifest)
    again = upload(gate, good)

    assert refused.code == (400, MISSING)
    assert refused.error["detail"]["clean"] is False
    assert again.status == 201


def test_blob_that_is_missing_is_not_all_that_is_told_where_more_is_wrong(gate: Gate, tmp_path: Path) -> None:
    bad = two_layers(make(RUST, tmp_path))
    gate.put_blob(bad.layer)

    assert gate.put_manifest(bad.manifest).code[0] == 400


def test_index_of_manifests_that_are_not_there_is_refused(gate: Gate, tmp_path: Path) -> None:
    apps = [make(COMPONENTS[name], tmp_path) for name in ("rust", "c")]
    entries = [described(app.manifest, IMAGE_MANIFEST) for app in apps]
    raw = json.dumps({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": entries}).encode()
    upload(gate, apps[0])
    refused = gate.put_manifest(raw, reference="all", media_type=IMAGE_INDEX)
    upload(gate, apps[1])
    accepted = gate.put_manifest(raw, reference="all", media_type=IMAGE_INDEX)
    served = gate.ask("GET", "app/manifests/all")

    assert refused.code == (400, MISSING)
    assert (accepted.status, served.body, served.headers["Content-Type"]) == (201, raw, IMAGE_INDEX)


@pytest.mark.parametrize("form", list(Form))
def test_lie_is_refused_in_every_form_and_nothing_that_tells_it_is_left(form: Form, bench: Bench, gate: Gate) -> None:
    source = LayoutPlace(folder=bench.folder / "packed", tag="v1")
    pack(source, RUST, form, "v1", imports=("evil:net/socket",))
    with pytest.raises(RegistryError, match="evil:net/socket"):
        push(source, bench.place("app"), gate.settings, referrers=ReferrerChoice.ALWAYS)
    sent = blobs_of(source)
    telling = [digest for digest, raw in sent.items() if b"evil:net/socket" in raw]
    artifacts = [digest for digest, raw in sent.items() if SKELETON_ARTIFACT.encode() in raw]

    assert len(telling) == 1
    assert (artifacts == []) == (form is Form.WHOLE)
    assert gate.statuses(*telling, *artifacts) == {404}
    assert gate.ask("GET", "app/manifests/v1").status == 404
    # A client that gives up leaves what it uploaded for manifests that it did not come to: that waits, and is not kept.
    waiting = {Digest.of(path.read_bytes()) for path in gate.waiting()}
    assert waiting <= {*sent} - {*telling}
    assert (waiting | {Digest.of(RUST)}) & gate.kept() == set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Skeletons:
    """The skeleton artifact of a component in the form `split`, without its modules."""

    manifest: bytes
    blobs: tuple[bytes, ...]

    @property
    def digest(self) -> Digest:
        return Digest.of(self.manifest)


def skeletons_of(data: bytes, tmp_path: Path) -> Skeletons:
    place = LayoutPlace(folder=tmp_path / f"skeletons-{Digest.of(data).hex}", tag="v1")
    packed = pack(place, data, Form.SPLIT, "v1")
    blobs = blobs_of(place)
    index = json.loads(blobs[packed.digest])
    raw = blobs[Digest(index["manifests"][0]["digest"])]
    return Skeletons(
        manifest=raw, blobs=(b"{}", *(blobs[Digest(layer["digest"])] for layer in json.loads(raw)["layers"]))
    )


def test_skeletons_that_nothing_comes_for_are_thrown_away(
    example: ModuleType, gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = skeletons_of(RUST, tmp_path)
    for data in early.blobs:
        gate.put_blob(data)
    accepted = gate.put_manifest(early.manifest, reference=early.digest.value)
    served = gate.ask("GET", f"app/manifests/{early.digest}").body
    monkeypatch.setattr(example, "WAITS_SECONDS", -1.0)
    begin(gate, "other")

    assert (accepted.status, served) == (201, early.manifest)
    assert gate.statuses(early.digest, *map(Digest.of, early.blobs)) == {404}


@pytest.mark.parametrize("form", [Form.MAPPED, Form.SPLIT, Form.BOTH])
def test_skeletons_that_something_came_for_stay(
    form: Form, example: ModuleType, gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = LayoutPlace(folder=tmp_path / "layout", tag="v1")
    pack(source, RUST, form, "v1")
    push(source, registry_place(gate.host, "app", "v1"), gate.settings)
    artifacts = [digest for digest, raw in blobs_of(source).items() if SKELETON_ARTIFACT.encode() in raw[:200]]
    monkeypatch.setattr(example, "WAITS_SECONDS", -1.0)
    begin(gate, "other")

    assert artifacts != []
    assert {gate.ask("GET", f"app/manifests/{digest}").status for digest in artifacts} == {200}


def test_skeletons_that_are_put_by_a_tag_have_to_be_complete(gate: Gate, tmp_path: Path) -> None:
    early = skeletons_of(RUST, tmp_path)
    for data in early.blobs:
        gate.put_blob(data)

    assert gate.put_manifest(early.manifest).code == (400, MISSING)


def test_skeleton_that_is_not_canonical_is_refused_though_nothing_else_is_there(gate: Gate, tmp_path: Path) -> None:
    early = skeletons_of(RUST, tmp_path)
    root = early.blobs[1]
    bad = root[:-1] + bytes([root[-1] ^ 1])
    manifest = json.loads(early.manifest)
    manifest["layers"][0]["digest"] = Digest.of(bad + b"\0").value
    manifest["layers"][0]["size"] += 1
    raw = json.dumps(manifest).encode()
    for data in (*early.blobs, bad + b"\0"):
        gate.put_blob(data)
    refused = gate.put_manifest(raw, reference=Digest.of(raw).value)

    assert refused.code == (400, REFUSED)
    assert "skeleton-not-canonical" in refused.error["message"]
    assert gate.statuses(Digest.of(raw), Digest.of(bad + b"\0")) == {404}


def test_skeleton_of_another_component_keeps_a_whole_out_once(gate: Gate, tmp_path: Path) -> None:
    good, own, other = make(RUST, tmp_path), skeletons_of(RUST, tmp_path), skeletons_of(COMPONENTS["c"], tmp_path)
    value = json.loads(own.manifest) | {"subject": described(own.blobs[-1], IMAGE_MANIFEST)}
    value["layers"][0] = json.loads(other.manifest)["layers"][0]
    raw = json.dumps(value).encode()
    for data in (*own.blobs, other.blobs[1]):
        gate.put_blob(data)
    early = gate.put_manifest(raw, reference=Digest.of(raw).value)
    refused = upload(gate, good)
    listed = json.loads(gate.ask("GET", f"app/referrers/{good.digest}").body)["manifests"]

    assert own.blobs[-1] == good.manifest
    assert early.status == 201
    assert refused.code == (400, REFUSED)
    assert "split-" in refused.error["message"]
    assert listed == []
    assert upload(gate, good).status == 201


def test_message_of_a_refusal_cannot_write_to_a_terminal(gate: Gate, tmp_path: Path) -> None:
    bad = changed(make(RUST, tmp_path), config={"os": "\x1b[2Jlinux\u202e"}, mediaType="\x1b[31mred")
    message = upload(gate, bad).error["message"]

    assert message.isprintable()
    assert 0 < len(message) < 3000


# What people see of a refusal.


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


@pytest.mark.parametrize("client", COMMANDS)
def test_refusal_is_shown_by_other_clients(client: str, bench: Bench, gate: Gate, tmp_path: Path) -> None:
    bad = lying(make(RUST, tmp_path))
    result = bench.attempt(client, *COMMANDS[client](bench, write_layout(tmp_path / "bad", bad)))

    assert result.returncode != 0
    assert "import" in result.stderr
    assert gate.statuses(*bad.digests) == {404}
    assert gate.waiting() == []


def test_refusal_is_shown_by_our_own_push(bench: Bench, gate: Gate, tmp_path: Path) -> None:
    bad = lying(make(RUST, tmp_path))
    folder = write_layout(tmp_path / "bad", bad)
    with pytest.raises(RegistryError) as caught:
        push(LayoutPlace(folder=folder, tag="v1"), bench.place("app"), gate.settings)

    assert caught.value.answer.registry_codes == (REFUSED,)


def test_refusal_is_shown_by_oras(gate: Gate, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bad = lying(make(RUST, tmp_path))
    with pytest.raises(ValueError, match="Bad Request"):
        oras_push(gate, bad, tmp_path)

    assert "config-names-extra" in caplog.text
    assert gate.statuses(*bad.digests) == {404}


@pytest.fixture
def strict(example: ModuleType, tmp_path: Path) -> Iterator[Gate]:
    """A gate that has no engine to ask, and a policy that takes versions alone as tags."""
    policy = packaging_kit.parse_policy("[tags]\nsemantic = true\n")
    yield from serve(example.GateServer(tmp_path / "gate", policy=policy), tmp_path / "gate")


def test_refusal_is_shown_by_wkg(strict: Gate, tmp_path: Path) -> None:
    bench = Bench(strict.host, tmp_path)
    source = str(FIXTURES / "real" / "rust.wasm")
    command = ("oci", "push", "--insecure", bench.host)
    refused = bench.attempt("wkg", *command, f"{bench.host}/app:newest", source)
    accepted = bench.run("wkg", *command, f"{bench.host}/app:1.0.0", source)

    assert refused.returncode != 0
    assert "policy-tag" in refused.stderr
    assert "sha256:" in accepted
    assert json.loads(strict.ask("GET", "app/tags/list").body)["tags"] == ["1.0.0"]


def test_manifest_that_may_not_have_a_tag_keeps_those_it_has(strict: Gate, tmp_path: Path) -> None:
    good = make(RUST, tmp_path)
    accepted = upload(strict, good, tag="1.0.0")
    refused = strict.put_manifest(good.manifest, reference="newest")

    assert (accepted.status, refused.code) == (201, (400, REFUSED))
    assert strict.ask("GET", "app/manifests/1.0.0").body == good.manifest
    assert strict.ask("GET", f"app/blobs/{Digest.of(good.layer)}").body == good.layer


# Engines.


class Judge(Engine):
    """An engine whose verdict is whatever is in `verdict`."""

    verdict: tuple[Defect, ...] | PackagingKitError = ()

    def identify(self) -> EngineIdentity:
        return EngineIdentity(name="judge", version="1")

    def find_defects(self, binary: Binary) -> tuple[Defect, ...]:
        if isinstance(self.verdict, PackagingKitError):
            raise self.verdict
        return self.verdict


def test_engine_is_asked_and_named(example: ModuleType, tmp_path: Path) -> None:
    judge = Judge()
    good = make(RUST, tmp_path)
    for gate in serve(example.GateServer(tmp_path / "gate", engine=judge), tmp_path / "gate"):
        judge.verdict = (Defect("it is not valid", 8),)
        refused = upload(gate, good)
        judge.verdict = ()
        accepted = upload(gate, good)

    assert refused.code == (400, REFUSED)
    assert refused.error["detail"]["engine"] == {"name": "judge", "version": "1", "features": []}
    assert "it is not valid" in refused.error["message"]
    assert accepted.status == 201


@pytest.mark.parametrize("code", ["engine-missing", "engine-timeout", "engine-failed"])
def test_without_a_verdict_nothing_is_accepted_and_nothing_lost(code: str, example: ModuleType, tmp_path: Path) -> None:
    judge = Judge()
    good = make(RUST, tmp_path)
    for gate in serve(example.GateServer(tmp_path / "gate", engine=judge), tmp_path / "gate"):
        judge.verdict = UnavailableError(code, "there is none")
        undecided = upload(gate, good)
        between = (gate.ask("GET", "app/manifests/v1").status, gate.kept(), len(gate.waiting()))
        judge.verdict = ()
        again = gate.put_manifest(good.manifest)

    assert undecided.code == (503, "UNAVAILABLE")
    assert undecided.error["detail"]["clean"] is False
    assert between == (404, set(), 2)
    assert again.status == 201


def test_binary_that_only_an_engine_finds_invalid_is_refused(example: ModuleType, tmp_path: Path) -> None:
    executable = need_tool("wasm-tools")
    engine = WasmToolsEngine(executable)
    good = make(RUST, tmp_path)
    module = explode(RUST).read_blob(explode(RUST).core_modules[0].digest)
    at = RUST.index(module) + len(module) // 2
    bad = changed(good, layer=RUST[:at] + b"\xff" * 16 + RUST[at + 16 :])
    for gate in serve(example.GateServer(tmp_path / "gate", engine=engine), tmp_path / "gate"):
        refused = upload(gate, bad)
        served = gate.statuses(*bad.digests)
        accepted = upload(gate, good)

    assert refused.code == (400, REFUSED)
    assert refused.error["detail"]["engine"]["name"] == "wasm-tools"
    assert (served, accepted.status) == ({404}, 201)


# Uploads.


def begin(gate: Gate, repository: str = "app") -> str:
    answer = gate.ask("POST", f"{repository}/blobs/uploads/")
    assert answer.status == 202
    return answer.headers["Location"].removeprefix("/v2/")


def test_upload_comes_in_chunks(gate: Gate) -> None:
    data, location = bytes(range(256)) * 40, begin(gate)
    first = gate.ask("PATCH", location, data[:4000], Content_Range="0-3999")
    told = gate.ask("GET", location)
    second = gate.ask("PATCH", location, data[4000:9000])
    done = gate.ask("PUT", f"{location}?digest={Digest.of(data)}", data[9000:], Content_Range=f"9000-{len(data) - 1}")

    assert [(answer.status, answer.headers.get("Range")) for answer in (first, told, second)] == [
        (202, "0-3999"),
        (204, "0-3999"),
        (202, "0-8999"),
    ]
    assert (done.status, done.headers["Location"]) == (201, f"/v2/app/blobs/{Digest.of(data)}")
    assert gate.ask("GET", f"app/blobs/{Digest.of(data)}").body == data
    assert gate.ask("GET", location).code == (404, "BLOB_UPLOAD_UNKNOWN")


def test_chunk_out_of_order_changes_nothing(gate: Gate) -> None:
    data, location = b"0123456789", begin(gate)
    gate.ask("PATCH", location, data[:4])
    refused = [gate.ask("PATCH", location, b"xx", Content_Range=text) for text in ("5-6", "0-1", "x", "4-")]
    done = gate.ask("PUT", f"{location}?digest={Digest.of(data)}", data[4:])

    assert {(answer.code, answer.headers["Range"]) for answer in refused} == {((416, "BLOB_UPLOAD_INVALID"), "0-3")}
    assert done.status == 201


def test_chunk_of_another_size_than_it_says_ends_the_upload(gate: Gate) -> None:
    location = begin(gate)
    refused = gate.ask("PATCH", location, b"1234", Content_Range="0-9")

    assert refused.code == (400, "SIZE_INVALID")
    assert gate.ask("PATCH", location, b"1234").code == (404, "BLOB_UPLOAD_UNKNOWN")
    assert gate.waiting() == []


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))


def put_request(gate: Gate, digest: Digest, *lines: bytes, body: bytes = b"") -> bytes:
    location = begin(gate)
    head = f"PUT /v2/{location}?digest={digest} HTTP/1.1\r\nHost: x\r\n".encode()
    return head + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def test_body_whose_size_is_not_told_ahead_comes_in_chunks(gate: Gate) -> None:
    data = bytes(range(256)) * 9000
    body = chunked(data[:1], data[1:1_500_000], data[1_500_000:])
    answer = gate.raw(put_request(gate, Digest.of(data), b"Transfer-Encoding: chunked", body=body))

    assert answer.startswith(b"HTTP/1.1 201 ")
    assert gate.ask("GET", f"app/blobs/{Digest.of(data)}").body == data


UNCLEAR: Final = (
    ((b"Transfer-Encoding: chunked", b"Content-Length: 4"), b"data"),
    ((b"Transfer-Encoding: gzip, chunked",), b"data"),
    ((b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"), b"data"),
    ((b"Transfer-Encoding: identity",), b"data"),
    ((b"Transfer-Encoding: chunked",), b"4\r\ndata\r\n"),
    ((b"Transfer-Encoding: chunked",), b"4\r\ndata5\r\n"),
    ((b"Transfer-Encoding: chunked",), b"4\ndata\n0\n\n"),
    ((b"Transfer-Encoding: chunked",), b"-4\r\ndata\r\n0\r\n\r\n"),
    ((b"Transfer-Encoding: chunked",), b"0x4\r\ndata\r\n0\r\n\r\n"),
    ((b"Transfer-Encoding: chunked",), b"4\r\ndata\r\n0\r\nmore"),
    ((b"Transfer-Encoding: chunked",), b"fffffffffffffff\r\ndata\r\n0\r\n\r\n"),
    ((b"Transfer-Encoding: chunked",), b"ffffffffffffffffff\r\ndata\r\n0\r\n\r\n"),
    ((b"Transfer-Encoding: chunked",), b"4" * 5000),
    ((b"Transfer-Encoding: chunked",), b""),
    ((b"Content-Length: 5",), b"data"),
    ((b"Content-Length: -4",), b"data"),
    ((b"Content-Length: +4",), b"data"),
    ((b"Content-Length: 4", b"Content-Length: 4"), b"data"),
    ((b"Content-Length: 4, 4",), b"data"),
    ((b"Content-Length: 1073741825",), b"data"),
    ((b"Content-Length: 999999999999999999",), b"data"),
    ((b"Content-Length: " + b"9" * 5000,), b"data"),
)


@pytest.mark.parametrize(("lines", "body"), UNCLEAR)
def test_upload_whose_size_is_not_clear_or_not_right_leaves_nothing(
    lines: tuple[bytes, ...], body: bytes, gate: Gate
) -> None:
    answer = gate.raw(put_request(gate, Digest.of(b"data"), *lines, body=body))
    head, _, text = answer.partition(b"\r\n\r\n")

    assert head[:12] in (b"HTTP/1.1 400", b"HTTP/1.1 411", b"HTTP/1.1 413")
    assert json.loads(text)["errors"][0]["code"] == "SIZE_INVALID"
    assert b"Connection: close" in head
    assert gate.ask("GET", f"app/blobs/{Digest.of(b'data')}").status == 404
    assert (gate.waiting(), gate.server.repositories["app"].uploads) == ([], {})


def test_upload_in_many_pieces_is_no_way_around_the_limit(
    example: ModuleType, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(example, "MOST_UPLOADED", 10)
    location = begin(gate)
    answers = [gate.ask("PATCH", location, b"12345").status for _ in "abc"]

    assert answers == [202, 202, 413]
    assert gate.waiting() == []


def test_manifest_that_is_too_large_is_refused(gate: Gate) -> None:
    head = b"PUT /v2/app/manifests/v1 HTTP/1.1\r\nHost: x\r\n"
    told = gate.raw(head + b"Content-Length: 4194305\r\n\r\n")
    found_out = gate.raw(head + b"Transfer-Encoding: chunked\r\n\r\n400001\r\n")

    assert [answer[:13] for answer in (told, found_out)] == [b"HTTP/1.1 413 "] * 2


def test_client_that_stops_in_the_middle_leaves_nothing(gate: Gate) -> None:
    location = begin(gate)
    with socket.create_connection(("127.0.0.1", gate.server.server_port), timeout=SECONDS) as connection:
        connection.sendall(f"PATCH /v2/{location} HTTP/1.1\r\nHost: x\r\nContent-Length: 9000000\r\n\r\n".encode())
        connection.sendall(b"x" * 3_000_000)
        wait_until(lambda: gate.waiting() != [])
    wait_until(lambda: gate.waiting() == [])

    assert gate.ask("GET", location).code == (404, "BLOB_UPLOAD_UNKNOWN")


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_upload_under_another_digest_is_refused_and_nothing_is_kept(gate: Gate) -> None:
    refused = gate.put_blob(b"data", digest=Digest.of(b"other"))

    assert refused.code == (400, "DIGEST_INVALID")
    assert gate.statuses(Digest.of(b"data"), Digest.of(b"other")) == {404}
    assert gate.waiting() == []


def test_manifest_under_another_digest_is_refused(gate: Gate, tmp_path: Path) -> None:
    good = make(RUST, tmp_path)

    assert upload(gate, good, tag=Digest.of(b"other").value).code == (400, "DIGEST_INVALID")


@pytest.mark.parametrize("data", [b"", b"{}", b"x" * 3_000_000])
def test_upload_is_held_once_however_many_bring_it_at_the_same_time(data: bytes, gate: Gate) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: gate.put_blob(data).status, range(16)))

    assert answers == [201] * 16
    assert len(gate.waiting()) == 1
    assert gate.ask("GET", f"app/blobs/{Digest.of(data)}").body == data


def test_requests_that_add_to_one_upload_at_the_same_time_never_mix(gate: Gate) -> None:
    location = begin(gate)
    pieces = [bytes([65 + number]) * 300_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda piece: gate.ask("PATCH", location, piece).status, pieces))
    taken = answers.count(202)
    (file,) = gate.waiting()
    text = file.read_bytes()

    assert set(answers) <= {202, 404}
    assert taken >= 1
    assert len(text) == taken * 300_000
    assert all(len(set(text[at : at + 300_000])) == 1 for at in range(0, len(text), 300_000))


def test_many_push_at_the_same_time(gate: Gate, tmp_path: Path) -> None:
    apps = [make(sample(name), tmp_path) for name in ("a", "b", "c")]
    jobs = [(app, f"team/app{number % 2}", f"v{number}") for number, app in enumerate(apps * 4)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda job: upload(gate, *job).status, jobs))
    served = [gate.ask("GET", f"{job[1]}/blobs/{Digest.of(job[0].layer)}").body == job[0].layer for job in jobs]

    assert set(answers) == {201}
    assert set(served) == {True}
    assert gate.waiting() == []


def test_good_and_bad_of_the_same_content_at_the_same_time_never_serve_the_bad(gate: Gate, tmp_path: Path) -> None:
    good = make(sample(), tmp_path)
    bad = lying(good)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda each: upload(gate, each, tag=each.digest.hex[:9]).status, [good, bad] * 8))

    # What is good may be refused for want of what went with the bad; whoever comes again gets it in.
    assert set(answers[1::2]) == {400}
    assert gate.statuses(bad.digest, Digest.of(bad.config)) == {404}
    assert upload(gate, good).status == 201


# The quarantine.


def test_blob_is_seen_in_its_own_repository_alone(gate: Gate, tmp_path: Path) -> None:
    good = make(RUST, tmp_path)
    digest = Digest.of(good.layer)
    gate.put_blob(good.layer, "a")
    waiting = (gate.statuses(digest, repository="a"), gate.statuses(digest, repository="b"))
    upload(gate, good, "a")

    assert waiting == ({200, 404}, {404})
    assert gate.statuses(*good.digests, repository="b") == {404}
    gate.put_blob(good.config, "b")
    assert gate.put_manifest(good.manifest, "b").code == (400, MISSING)


def test_mount_is_answered_by_an_upload(gate: Gate, tmp_path: Path) -> None:
    good = make(RUST, tmp_path)
    upload(gate, good, "a")
    answer = gate.ask("POST", f"b/blobs/uploads/?mount={Digest.of(good.layer)}&from=a")

    assert answer.status == 202
    assert gate.ask("GET", f"b/blobs/{Digest.of(good.layer)}").status == 404
    assert gate.ask("GET", answer.headers["Location"].removeprefix("/v2/")).status == 204


def test_blob_of_an_accepted_manifest_is_not_held_again(gate: Gate, tmp_path: Path) -> None:
    good = make(RUST, tmp_path)
    upload(gate, good)

    assert gate.put_blob(good.layer).status == 201
    assert gate.waiting() == []


def test_what_nobody_comes_back_for_is_thrown_away(
    example: ModuleType, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate.put_blob(b"data")
    gate.ask("PATCH", begin(gate), b"more")
    before = len(gate.waiting())
    monkeypatch.setattr(example, "WAITS_SECONDS", -1.0)
    begin(gate, "other")

    assert (before, gate.waiting()) == (2, [])
    assert gate.ask("GET", f"app/blobs/{Digest.of(b'data')}").status == 404


def test_what_waited_when_the_registry_ended_is_thrown_away(example: ModuleType, tmp_path: Path) -> None:
    for _ in range(2):
        for gate in serve(example.GateServer(tmp_path / "gate"), tmp_path / "gate"):
            before = gate.waiting()
            gate.put_blob(b"data")

            assert (before, len(gate.waiting())) == ([], 1)


# Paths.


NO_PATHS: Final = (
    "../app/blobs/{digest}",
    "..%2fapp/blobs/{digest}",
    "app/../app/blobs/{digest}",
    "App/blobs/{digest}",
    "/blobs/{digest}",
    "app//blobs/{digest}",
    "app/blobs/{digest}/",
    "app/blobs/uploads/../../../../etc/passwd",
    "app/blobs/uploads/..%2f..%2fetc",
    "app/blobs/uploads/" + "A" * 32,
    "app/manifests/",
    "app/manifests/a/b",
    "a-" * 5000 + "/blobs/{digest}",
    "app",
    "app/tags",
    "_catalog",
)


@pytest.mark.parametrize("path", NO_PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST", "PATCH"])
def test_path_that_is_none_of_the_specification_is_not_found(
    method: str, path: str, gate: Gate, tmp_path: Path
) -> None:
    answer = gate.ask(method, path.format(digest=Digest.of(b"data")), b"data" if method[0] == "P" else None)
    outside = [each for each in tmp_path.iterdir() if each.name != "gate"]

    assert answer.status == 404
    assert (gate.kept(), gate.waiting(), outside) == (set(), [], [])


@pytest.mark.parametrize("tag", ["..", ".", ".hidden", "-x", "a" * 129, "%2e%2e", "a%2fb", "a%00", "caf%c3%a9", "a b"])
def test_text_that_is_no_tag_is_refused(tag: str, gate: Gate, tmp_path: Path) -> None:
    good = make(RUST, tmp_path)
    tag = tag.replace(" ", "%20")

    assert upload(gate, good, tag=tag).code == (400, "TAG_INVALID")
    assert gate.ask("GET", f"app/manifests/{tag}").code == (404, "MANIFEST_UNKNOWN")


@pytest.mark.parametrize("digest", ["sha256:", "sha256:" + "A" * 64, "md5:" + "0" * 32, "sha256:..%2f..%2fx", ":"])
def test_text_that_is_no_digest_is_refused(digest: str, gate: Gate, tmp_path: Path) -> None:
    answers = [
        gate.ask("GET", f"app/blobs/{digest}"),
        gate.ask("GET", f"app/referrers/{digest}"),
        gate.ask("POST", f"app/blobs/uploads/?digest={digest}", b"data"),
        gate.ask("PUT", f"{begin(gate)}?digest={digest}", b"data"),
        gate.ask("PUT", begin(gate), b"data"),
        gate.put_manifest(b"{}", reference=digest),
    ]

    assert {answer.code for answer in answers} == {(400, "DIGEST_INVALID")}
    assert gate.waiting() == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "app/blobs/uploads/" + "0" * 32),
        ("PUT", "app/blobs/uploads/"),
        ("PATCH", "app/blobs/uploads/"),
        ("PUT", "app/blobs/{digest}"),
        ("POST", "app/manifests/v1"),
        ("PATCH", "app/manifests/v1"),
        ("PUT", "app/tags/list"),
    ],
)
def test_method_that_a_path_does_not_have_is_refused(method: str, path: str, gate: Gate) -> None:
    answer = gate.ask(method, path.format(digest=Digest.of(b"data")), b"data")

    assert answer.code == (405, "UNSUPPORTED")


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_upload_that_was_not_begun_here_is_unknown(method: str, gate: Gate) -> None:
    elsewhere = begin(gate, "other").rpartition("/")[2]
    answers = [gate.ask(method, f"app/blobs/uploads/{each}", b"data") for each in ("0" * 32, elsewhere)]

    assert [answer.code for answer in answers] == [(404, "BLOB_UPLOAD_UNKNOWN")] * 2


def test_beginning_of_an_upload_with_a_body_is_no_second_request(gate: Gate) -> None:
    inner = b"GET /v2/ HTTP/1.1\r\nHost: x\r\n\r\n"
    head = b"POST /v2/app/blobs/uploads/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: %d\r\n\r\n"
    answers = [gate.raw(head % len(inner) + inner), gate.raw(head.replace(b": 0", b": %d", 1) % (5, 5) + inner)]

    assert [answer.count(b"HTTP/1.1 ") for answer in answers] == [1, 1]


def test_server_is_alive_after_garbage(gate: Gate) -> None:
    for seed in SEEDS:
        gate.raw(Random(seed).randbytes(200) + b"\r\n\r\n")

    assert gate.ask("GET", "").status == 200


# The decision about the profile.


def typed(artifact_type: str | None, config: str | None, *layers: str) -> bytes:
    value: dict[str, object] = {"layers": [{"mediaType": each} for each in layers]}
    value |= {} if artifact_type is None else {"artifactType": artifact_type}
    return json.dumps(value | ({} if config is None else {"config": {"mediaType": config}})).encode()


@pytest.mark.parametrize(
    ("raw", "profile"),
    [
        (typed(None, WASM_CONFIG, "application/wasm"), Profile.CNCF),
        (typed(None, "application/vnd.wasm.config.v1+json"), Profile.CNCF),
        (typed(None, EMPTY, "application/vnd.module.wasm.content.layer.v1+wasm"), Profile.CNCF),
        (typed(SIGNATURE, EMPTY, "text/plain", "Application/WASM"), Profile.CNCF),
        (typed(SIGNATURE, WASM_CONFIG, "text/plain"), Profile.CNCF),
        (typed(SKELETON_ARTIFACT, EMPTY), Profile.CNCF),
        (typed(SPLIT_INDEX, None), Profile.CNCF),
        (typed(None, None), Profile.CNCF),
        (typed(SIGNATURE, EMPTY, "text/plain"), Profile.OCI),
        (typed(SIGNATURE, None), Profile.OCI),
        (typed(None, "application/vnd.oci.image.config.v1+json", "text/plain"), Profile.OCI),
        (b"", Profile.CNCF),
        (b"[]", Profile.CNCF),
        (b"{", Profile.CNCF),
        (b"\xff", Profile.CNCF),
        (b"[" * 1_000_000, Profile.CNCF),
        (b'{"layers":{},"config":[]}', Profile.CNCF),
        (b'{"layers":[1,null,[]],"config":1}', Profile.CNCF),
        (b'{"layers":[{"mediaType":1},{}],"config":{}}', Profile.CNCF),
    ],
)
def test_profile_is_that_of_wasm_unless_a_manifest_says_that_it_is_something_else(
    raw: bytes, profile: Profile, example: ModuleType
) -> None:
    assert example.choose_profile(raw) is profile


# The example itself.


@pytest.mark.parametrize("name", FILES)
def test_example_uses_the_public_interface_only(name: str) -> None:
    tree = ast.parse((EXAMPLES / f"{name}.py").read_text())
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = {str(node.module) if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imported}
    used = {
        alias.name
        for node in imported
        if isinstance(node, ast.ImportFrom) and node.module == "packaging_kit"
        for alias in node.names
    }

    assert {each for each in modules if each.partition(".")[0] not in sys.stdlib_module_names} <= {
        "packaging_kit",
        *FILES,
    }
    assert used <= set(packaging_kit.__all__)


def test_answer_that_the_documentation_shows_is_the_one_that_is_given(gate: Gate, tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "packed", tag="v1")
    options = PackOptions(tag="v1", form=Form.WHOLE, imports=("evil:net/socket",))
    source = Input(name=str(FIXTURES / "real" / "rust.wasm"))
    (packed,) = packaging_kit.pack([source], place, options, SETTINGS)
    for data in blobs_of(place).values():
        gate.put_blob(data)
    answer = gate.put_manifest(blobs_of(place)[packed.digest])
    (shown,) = re.findall(r"^```json\n(.*?)^```$", DOCUMENTATION.read_text(), re.DOTALL | re.MULTILINE)

    assert json.loads(shown) == json.loads(answer.body)


@pytest.mark.parametrize("fault", BAD)
def test_detail_is_what_the_schema_of_reports_says(fault: str, gate: Gate, tmp_path: Path) -> None:
    refused = upload(gate, BAD[fault](make(RUST, tmp_path)))

    check_all("report", [refused.error["detail"]])


@pytest.fixture
def program(tmp_path: Path) -> Iterator[str]:
    """The host of the example, run as its own documentation says."""
    command: list[Any] = [sys.executable, EXAMPLES / "upload_gate.py", tmp_path / "folder"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


def test_commands_of_its_documentation_work(program: str, tmp_path: Path) -> None:
    (tmp_path / "app.wasm").write_bytes(RUST)
    shown = [
        line.strip()
        for line in (EXAMPLES / "upload_gate.py").read_text().splitlines()
        if line.startswith("    packaging-kit ")
    ]
    script = "\n".join((f"HOST={program}", "set -e", *shown))
    environment = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}
    result = subprocess.run(
        ["sh", "-c", script], cwd=tmp_path, env=environment, capture_output=True, timeout=60, check=False
    )

    assert (result.returncode, len(shown)) == (0, 2), result.stderr
    assert (tmp_path / "same.wasm").read_bytes() == RUST
