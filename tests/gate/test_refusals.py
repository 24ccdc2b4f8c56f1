"""Of what is not good, nothing is left; and people and programs are told why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

import packaging_kit
from packaging_kit import Digest, Form, LayoutPlace, explode
from packaging_kit.engines.wasm_tools import WasmToolsEngine
from packaging_kit.errors import PackagingKitError, RegistryError, UnavailableError
from packaging_kit.oci.media_types import IMAGE_INDEX, IMAGE_MANIFEST, SKELETON_ARTIFACT
from packaging_kit.operations.push import push
from packaging_kit.transfer.copy import ReferrerChoice
from packaging_kit.validate.engine import Binary, Defect, Engine, EngineIdentity
from tests.conftest import FIXTURES
from tests.gate.artifacts import (
    BAD,
    COMMANDS,
    COMPONENTS,
    MISSING,
    REFUSED,
    RUST,
    changed,
    described,
    lying,
    make,
    oras_push,
    signature_of,
    two_layers,
    upload,
    write_layout,
)
from tests.gate.serving import Gate, begin, serve
from tests.real.needs import need_tool
from tests.repositories import blobs_of, pack, registry_place
from tests.test_registry_clients import Bench


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


def test_skeletons_that_something_else_only_mentions_are_thrown_away(
    example: ModuleType, gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    early = skeletons_of(RUST, tmp_path)
    for data in (*early.blobs, b"signed"):
        gate.put_blob(data)
    gate.put_manifest(early.manifest, reference=early.digest.value)
    mentioning = signature_of(early.digest)
    accepted = gate.put_manifest(mentioning, reference=Digest.of(mentioning).value)
    monkeypatch.setattr(example, "WAITS_SECONDS", -1.0)
    begin(gate, "other")

    assert accepted.status == 201
    assert gate.statuses(early.digest) == {404}


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
