"""Other clients and we, on one registry: each reads what the other wrote, with equal digests."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

import packaging_kit
from packaging_kit import Digest, Form, Input, LayoutPlace, LayoutStore, PackOptions, Settings
from packaging_kit.oci.layout import fallback_tag
from packaging_kit.oci.media_types import SKELETON_ARTIFACT, SPLIT_INDEX, WASM_CONFIG
from packaging_kit.operations.copy import copy
from packaging_kit.operations.places import RegistryPlace
from packaging_kit.operations.push import push
from packaging_kit.transfer.copy import ReferrerChoice
from tests.conftest import FIXTURES
from tests.real.needs import need_tool
from tests.real.registries import start
from tests.repositories import SETTINGS, SIGNATURE, blobs_of, registry_options, registry_place, registry_store, unpack

COMPONENT: Final = FIXTURES / "real" / "rust.wasm"
REGISTRIES: Final = ("distribution", "ociregistry")
FORMS: Final = (Form.WHOLE, Form.SPLIT)  # a single artifact, and an index
SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Bench:
    """A registry, and a home for clients with nothing of the developer's in it."""

    host: str
    folder: Path

    @property
    def settings(self) -> Settings:
        return Settings(registry=registry_options())

    def place(self, repository: str) -> RegistryPlace:
        return registry_place(self.host, repository, "v1")

    def reference(self, repository: str) -> str:
        return f"{self.host}/{repository}:v1"

    def attempt(self, tool: str, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a client; whatever it comes to."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        xdg = (f"XDG_{name}" for name in ("CONFIG_HOME", "CACHE_HOME", "DATA_HOME", "RUNTIME_DIR"))
        names = ("HOME", "DOCKER_CONFIG", "TMPDIR", *xdg)
        environment = dict.fromkeys(names, str(home)) | {
            "PATH": os.environ.get("PATH", os.defpath),
            "REGISTRY_AUTH_FILE": str(home / "auth.json"),
        }
        command = [str(need_tool(tool)), *self._options(tool), *arguments]
        return subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            env=environment,
            cwd=self.folder,
            timeout=SECONDS,
            check=False,
        )

    def run(self, tool: str, *arguments: str, text: str | None = None) -> str:
        """Run a client that has to succeed; what it says."""
        result = self.attempt(tool, *arguments, text=text)

        assert result.returncode == 0, result.stderr
        return result.stdout.strip()

    def _options(self, tool: str) -> tuple[str, ...]:
        options = {
            "regctl": ("--host", f"reg={self.host},tls=disabled"),
            "crane": ("--insecure",),
            "skopeo": ("--insecure-policy",),
        }
        return options.get(tool, ())


@pytest.fixture(params=REGISTRIES)
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    with start(request.param, tmp_path / "registry") as running:
        yield Bench(running.host, tmp_path)


Transfer = Callable[[Bench, str, Path], object]


def _regctl_pull(bench: Bench, repository: str, folder: Path) -> None:
    bench.run("regctl", "image", "copy", bench.reference(repository), f"ocidir://{folder}:v1")


def _regctl_push(bench: Bench, repository: str, folder: Path) -> None:
    bench.run("regctl", "image", "copy", f"ocidir://{folder}:v1", bench.reference(repository))


def _crane_pull(bench: Bench, repository: str, folder: Path) -> None:
    bench.run("crane", "pull", "--format=oci", bench.reference(repository), str(folder))


def _crane_push(bench: Bench, repository: str, folder: Path) -> None:
    bench.run("crane", "push", str(folder), bench.reference(repository))


def _skopeo_pull(bench: Bench, repository: str, folder: Path) -> None:
    there = f"docker://{bench.reference(repository)}"
    bench.run("skopeo", "copy", "--all", "--src-tls-verify=false", there, f"oci:{folder}:v1")


def _skopeo_push(bench: Bench, repository: str, folder: Path) -> None:
    there = f"docker://{bench.reference(repository)}"
    bench.run("skopeo", "copy", "--all", "--dest-tls-verify=false", f"oci:{folder}:v1", there)


PULLS: Final[dict[str, Transfer]] = {"regctl": _regctl_pull, "crane": _crane_pull, "skopeo": _skopeo_pull}
PUSHES: Final[dict[str, Transfer]] = {"regctl": _regctl_push, "crane": _crane_push, "skopeo": _skopeo_push}


def pack(bench: Bench, form: Form) -> tuple[LayoutPlace, Digest]:
    """A layout with the component in a form, and the digest of what it is tagged with."""
    place = LayoutPlace(folder=bench.folder / f"packed-{form.value}", tag="v1")
    source = Input(name=str(COMPONENT))
    (packed,) = packaging_kit.pack([source], place, PackOptions(form=form, tag="v1"), SETTINGS)
    return place, packed.digest


def entry_of(folder: Path) -> Digest:
    """What the one entry of a layout names."""
    (entry,) = LayoutStore.open(folder).read_index().value.manifests
    return entry.digest


def rewrites(client: str, form: Form) -> bool:
    """skopeo 1.9 writes every index anew, without the fields that it does not know, `artifactType` among them."""
    return client == "skopeo" and form is Form.SPLIT


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("client", PULLS)
def test_what_we_pushed_is_pulled_by_others(client: str, form: Form, bench: Bench) -> None:
    source, digest = pack(bench, form)
    push(source, bench.place("ours"), bench.settings)
    pulled = LayoutPlace(folder=bench.folder / "pulled")
    PULLS[client](bench, "ours", pulled.folder)

    assert (entry_of(pulled.folder) == digest) == (not rewrites(client, form))
    assert set(blobs_of(source)) - set(blobs_of(pulled)) == ({digest} if rewrites(client, form) else set())
    assert unpack(pulled, bench.folder / "out") == COMPONENT.read_bytes()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("client", PUSHES)
def test_what_others_pushed_is_pulled_by_us(client: str, form: Form, bench: Bench) -> None:
    source, digest = pack(bench, form)
    PUSHES[client](bench, "theirs", source.folder)
    pulled = LayoutPlace(folder=bench.folder / "pulled")
    copied = copy(bench.place("theirs"), pulled, bench.settings)

    assert (copied.things[0].descriptor.digest == digest) == (not rewrites(client, form))
    if not rewrites(client, form):
        assert blobs_of(pulled) == blobs_of(source)
    assert packaging_kit.verify(pulled, SETTINGS).problems == ()
    assert unpack(bench.place("theirs"), bench.folder / "out", bench.settings) == COMPONENT.read_bytes()


@pytest.mark.parametrize("form", FORMS)
def test_everybody_tells_the_same_digest(form: Form, bench: Bench) -> None:
    source, digest = pack(bench, form)
    push(source, bench.place("ours"), bench.settings)
    raw = bench.run("skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{bench.reference('ours')}")

    assert {
        bench.run("crane", "digest", bench.reference("ours")),
        bench.run("regctl", "image", "digest", bench.reference("ours")),
        Digest.of(raw.encode()).value,
    } == {digest.value}


@pytest.mark.parametrize("form", FORMS)
def test_what_crane_copied_in_the_registry_is_the_same(form: Form, bench: Bench) -> None:
    source, digest = pack(bench, form)
    push(source, bench.place("ours"), bench.settings)
    bench.run("crane", "copy", bench.reference("ours"), bench.reference("theirs"))

    assert registry_store(bench.host, "theirs").find("v1").digest == digest
    assert unpack(bench.place("theirs"), bench.folder / "out", bench.settings) == COMPONENT.read_bytes()


@pytest.mark.parametrize("form", [Form.WHOLE, Form.MAPPED, Form.BOTH])
def test_wkg_pulls_the_component_that_we_pushed(form: Form, bench: Bench) -> None:
    source, _ = pack(bench, form)
    push(source, bench.place("ours"), bench.settings, referrers=ReferrerChoice.ALWAYS)
    out = bench.folder / "out.wasm"
    bench.run("wkg", "oci", "pull", bench.reference("ours"), "--insecure", bench.host, "-o", str(out))

    assert out.read_bytes() == COMPONENT.read_bytes()


def test_wkg_pulls_no_index(bench: Bench) -> None:
    source, _ = pack(bench, Form.SPLIT)
    push(source, bench.place("ours"), bench.settings)
    out = bench.folder / "out.wasm"
    result = bench.attempt("wkg", "oci", "pull", bench.reference("ours"), "--insecure", bench.host, "-o", str(out))

    # It takes an index for images of several platforms, and looks for its own: a fragment is never run by mistake.
    assert (result.returncode, out.exists()) == (1, False)
    assert "no entry found in image index manifest matching client's default platform" in result.stderr


def test_component_that_wkg_pushed_is_pulled_by_us(bench: Bench) -> None:
    said = bench.run("wkg", "oci", "push", "--insecure", bench.host, bench.reference("theirs"), str(COMPONENT))
    found = registry_store(bench.host, "theirs").find("v1")
    pulled = LayoutPlace(folder=bench.folder / "pulled")
    copy(bench.place("theirs"), pulled, bench.settings)

    assert re.findall("sha256:[0-9a-f]{64}", said) == [found.digest.value]
    assert unpack(bench.place("theirs"), bench.folder / "out", bench.settings) == COMPONENT.read_bytes()
    assert packaging_kit.verify(pulled, SETTINGS).problems == ()


def test_wkg_and_we_write_the_same_config_and_layer(bench: Bench) -> None:
    bench.run("wkg", "oci", "push", "--insecure", bench.host, bench.reference("theirs"), str(COMPONENT))
    source, digest = pack(bench, Form.WHOLE)
    ours = json.loads(blobs_of(source)[digest])
    store = registry_store(bench.host, "theirs")
    theirs = json.loads(store.read_document(store.find("v1")))

    assert theirs["config"]["mediaType"] == ours["config"]["mediaType"] == WASM_CONFIG
    assert [layer["digest"] for layer in theirs["layers"]] == [layer["digest"] for layer in ours["layers"]]
    config = json.loads(store.read_blob(Digest(theirs["config"]["digest"])))
    ours_config = json.loads(blobs_of(source)[Digest(ours["config"]["digest"])])
    # The time of a push is in theirs.
    assert {**config, "created": None} == {**ours_config, "created": None}


def regctl_referrers(bench: Bench, repository: str) -> dict[str, str]:
    """Artifact types by digest, as regctl lists them."""
    listed = json.loads(bench.run("regctl", "artifact", "list", bench.reference(repository), "--format", "{{json .}}"))
    return {entry["digest"]: entry["artifactType"] for entry in listed["descriptors"]}


def test_referrers_that_we_pushed_are_listed_by_regctl(bench: Bench) -> None:
    source, digest = pack(bench, Form.BOTH)
    pushed = push(source, bench.place("ours"), bench.settings, referrers=ReferrerChoice.ALWAYS)
    (thing,) = pushed.copied.things

    assert regctl_referrers(bench, "ours") == {
        entry.digest.value: entry.artifact_type for entry in registry_store(bench.host, "ours").referrers(digest)
    }
    assert sorted(regctl_referrers(bench, "ours").values()) == sorted((SKELETON_ARTIFACT, SPLIT_INDEX))
    assert {entry.digest.value for entry in thing.untagged} == regctl_referrers(bench, "ours").keys()


def test_referrer_that_regctl_pushed_stands_beside_ours(bench: Bench) -> None:
    source, digest = pack(bench, Form.MAPPED)
    push(source, bench.place("ours"), bench.settings, referrers=ReferrerChoice.ALWAYS)
    subject = ("--subject", bench.reference("ours"), "--format", "{{.Manifest.GetDescriptor.Digest}}")
    signature = bench.run("regctl", "artifact", "put", "--artifact-type", SIGNATURE, *subject, text="signed")
    found = registry_store(bench.host, "ours").referrers(digest)
    pulled = LayoutPlace(folder=bench.folder / "pulled", tag="v1")
    copy(bench.place("ours"), pulled, bench.settings, referrers=ReferrerChoice.ALL)

    assert {entry.digest.value: entry.artifact_type for entry in found} == regctl_referrers(bench, "ours")
    assert {entry.artifact_type for entry in found} == {SKELETON_ARTIFACT, SIGNATURE}
    assert Digest(signature) in blobs_of(pulled)


def test_referrers_that_regctl_took_along_are_found_by_us(bench: Bench) -> None:
    source, digest = pack(bench, Form.MAPPED)
    push(source, bench.place("ours"), bench.settings, referrers=ReferrerChoice.ALWAYS)
    bench.run("regctl", "image", "copy", "--referrers", bench.reference("ours"), bench.reference("theirs"))
    pulled = LayoutPlace(folder=bench.folder / "pulled")
    bench.run("regctl", "image", "copy", "--referrers", bench.reference("ours"), f"ocidir://{pulled.folder}:v1")
    in_registry = registry_store(bench.host, "theirs").referrers(digest)
    in_layout = LayoutStore.open(pulled.folder).referrers(digest)

    assert [entry.artifact_type for entry in in_registry] == [SKELETON_ARTIFACT]
    assert in_layout == in_registry
    # In a layout it always lists them by the fallback tag.
    assert LayoutStore.open(pulled.folder).tags() == (fallback_tag(digest), "v1")
