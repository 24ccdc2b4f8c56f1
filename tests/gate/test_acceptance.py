"""What is good comes back, from every client."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from packaging_kit import Digest, Form, LayoutPlace, explode
from packaging_kit.oci.media_types import IMAGE_INDEX, IMAGE_MANIFEST, SKELETON_ARTIFACT, SPLIT_INDEX
from packaging_kit.operations.push import push
from packaging_kit.transfer.copy import ReferrerChoice
from tests.conftest import FIXTURES, SEEDS
from tests.gate.artifacts import COMMANDS, COMPONENTS, RUST, make, oras_push, sample, signature_of, upload
from tests.gate.serving import Gate
from tests.repositories import SIGNATURE, pack, registry_place, registry_store, unpack
from tests.test_registry_clients import PULLS, PUSHES, Bench, entry_of, rewrites


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


def test_layer_that_nobody_looked_into_is_kept_as_it_is(gate: Gate) -> None:
    for data in (b"{}", RUST):
        gate.put_blob(data)
    manifest = signature_of(Digest.of(b"elsewhere"), RUST)
    accepted = gate.put_manifest(manifest, reference=Digest.of(manifest).value)

    assert accepted.status == 201
    assert Digest.of(RUST) in gate.kept()
    assert gate.ask("GET", f"app/blobs/{Digest.of(RUST)}").body == RUST


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
