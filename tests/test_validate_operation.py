"""`validate` over files, layouts, archives and registries: one thing, every tag, and processes that come to an end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tarfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from packaging_kit import (
    ArchivePlace,
    Digest,
    Input,
    LayoutPlace,
    LayoutStore,
    PackagingKitError,
    PackOptions,
    Profile,
    RegistryOptions,
    RegistryPlace,
    Report,
    Settings,
    pack,
    push,
)
from packaging_kit.artifact.pack import Form
from packaging_kit.engines.choice import EngineChoice
from packaging_kit.fragments.explode import explode
from packaging_kit.oci.reference import Reference
from packaging_kit.operations.validate import ValidateOptions, validate_place
from packaging_kit.operations.validate_many import Target, expand, validate_many
from packaging_kit.stores.archive import ArchiveStore
from packaging_kit.validate.outcome import Outcome
from tests.conftest import FIXTURES
from tests.registry import Registry
from tests.timing import AT_ONCE

RUST = FIXTURES / "real" / "rust.wasm"
C = FIXTURES / "real" / "c.wasm"
COMPOSED = FIXTURES / "real" / "composed.wasm"
SETTINGS = Settings()
FRAMING = ValidateOptions(engine=EngineChoice.NONE)


@pytest.fixture
def layout(tmp_path: Path) -> LayoutPlace:
    """Three good components, and one whose config lies."""
    place = LayoutPlace(folder=tmp_path / "layout")
    pack([Input(name=str(path)) for path in (RUST, C, COMPOSED)], place, PackOptions(form=Form.SPLIT), SETTINGS)
    pack([Input(name=str(C))], place, PackOptions(tag="lies", exports=("run",)), SETTINGS)
    return place


def codes(report: Report) -> list[str]:
    return [problem.code for problem in report.problems]


def results(outcomes: list[Outcome]) -> list[tuple[str, str | list[str]]]:
    return [
        (
            outcome.subject,
            outcome.result.code if isinstance(outcome.result, PackagingKitError) else codes(outcome.result),
        )
        for outcome in outcomes
    ]


def test_place_without_a_tag_stands_for_every_tag(layout: LayoutPlace) -> None:
    targets = expand("layout", layout, SETTINGS)

    assert [target.name for target in targets] == [
        f"oci:{layout.folder}:{tag}" for tag in ("c", "composed", "lies", "rust")
    ]


def test_place_with_a_tag_stands_for_itself(layout: LayoutPlace) -> None:
    place = replace(layout, tag="rust")

    assert expand("name", place, SETTINGS) == (Target("name", place),)


def test_place_that_is_not_there_is_an_outcome(tmp_path: Path) -> None:
    (target,) = expand("nothing", LayoutPlace(folder=tmp_path / "nothing"), SETTINGS)

    (outcome,) = validate_many([target], FRAMING, SETTINGS)

    assert results([outcome]) == [("nothing", "not-found")]


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_many_give_the_same_in_their_order_whatever_the_number_of_processes(
    layout: LayoutPlace, processes: int, tmp_path: Path
) -> None:
    targets = [
        *expand("layout", layout, SETTINGS),
        Target("file", Input(name=str(FIXTURES / "bytes" / "section-past-end.wasm"))),
        Target("missing", Input(name=str(tmp_path / "missing.wasm"))),
    ]

    outcomes = list(validate_many(targets, FRAMING, SETTINGS, processes=processes))

    lies = ["config-names-missing", "config-names-extra"]
    assert results(outcomes) == [
        (f"oci:{layout.folder}:c", []),
        (f"oci:{layout.folder}:composed", []),
        (f"oci:{layout.folder}:lies", lies),
        (f"oci:{layout.folder}:rust", []),
        ("file", ["wasm-malformed"]),
        ("missing", "io-error"),
    ]


def test_archive_is_validated_like_a_layout(layout: LayoutPlace, tmp_path: Path) -> None:
    place = ArchivePlace(file=tmp_path / "all.tar")
    pack([Input(name=str(RUST)), Input(name=str(C))], place, PackOptions(form=Form.BOTH), SETTINGS)

    outcomes = list(validate_many(expand("all.tar", place, SETTINGS), FRAMING, SETTINGS))

    assert results(outcomes) == [(f"oci-archive:{place.file}:{tag}", []) for tag in ("c", "rust")]


@pytest.mark.parametrize("form", list(Form))
def test_registry_is_validated_like_a_layout(form: Form, layout: LayoutPlace) -> None:
    with Registry() as registry:
        settings = Settings(registry=RegistryOptions(plain_http=frozenset((registry.host,))))
        place = RegistryPlace(reference=Reference(host=registry.host, repository="apps"))
        for path in (RUST, C):
            tagged = RegistryPlace(reference=replace(place.reference, tag=path.stem))
            push(Input(name=str(path)), tagged, settings, options=PackOptions(form=form))
        outcomes = list(validate_many(expand("apps", place, settings), FRAMING, settings))

    assert results(outcomes) == [(f"docker://{registry.host}/apps:{tag}", []) for tag in ("c", "rust")]


def test_manifest_that_is_damaged_is_a_problem_of_the_report(layout: LayoutPlace) -> None:
    digest = LayoutStore.open(layout.folder).find("rust").digest
    path = layout.folder / "blobs" / "sha256" / digest.hex
    path.write_bytes(path.read_bytes().replace(b"2", b"3", 1))

    report = validate_place(replace(layout, tag="rust"), FRAMING, SETTINGS)

    assert codes(report) == ["digest-mismatch"]
    assert report.problems[0].where.digest == digest


def test_manifest_that_is_gone_is_a_problem_of_the_report(layout: LayoutPlace) -> None:
    digest = LayoutStore.open(layout.folder).find("rust").digest
    (layout.folder / "blobs" / "sha256" / digest.hex).unlink()

    report = validate_place(replace(layout, tag="rust"), FRAMING, SETTINGS)

    assert codes(report) == ["not-found"]


def test_module_with_a_flipped_byte_is_a_digest_mismatch_and_nothing_else(layout: LayoutPlace) -> None:
    module = max(explode(RUST.read_bytes()).core_modules, key=lambda module: module.size)
    path = layout.folder / "blobs" / "sha256" / module.digest.hex
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)

    outcomes = list(validate_many(expand("layout", layout, SETTINGS), FRAMING, SETTINGS))

    lies = ["config-names-missing", "config-names-extra"]
    assert [found for _, found in results(outcomes)] == [[], ["digest-mismatch"], lies, ["digest-mismatch"]]


def test_engine_that_is_missing_hides_nothing_else(layout: LayoutPlace, tmp_path: Path) -> None:
    options = ValidateOptions(engine=EngineChoice.WASM_TOOLS, wasm_tools=tmp_path / "nothing")

    report = validate_place(replace(layout, tag="lies"), options, SETTINGS)

    assert codes(report) == ["engine-missing", "config-names-missing", "config-names-extra"]
    assert report.engine is None


def test_engine_that_ends_its_process_is_told_for_each_input(layout: LayoutPlace, tmp_path: Path) -> None:
    fake = tmp_path / "wasm-tools"
    fake.write_text('#!/bin/sh\n[ "$1" = --version ] && echo wasm-tools 1.263.0 && exit\nkill -9 $PPID\n')
    fake.chmod(0o755)
    options = ValidateOptions(engine=EngineChoice.WASM_TOOLS, wasm_tools=fake)

    outcomes = list(validate_many(expand("layout", layout, SETTINGS), options, SETTINGS, processes=2))

    assert [result for _, result in results(outcomes)] == ["process-failed"] * 4


def test_archive_is_opened_once_for_all_that_is_in_it(
    layout: LayoutPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = ArchivePlace(file=tmp_path / "layout.tar")
    with tarfile.open(place.file, "w") as archive:
        archive.add(layout.folder, arcname=".")
    targets = expand("layout.tar", place, SETTINGS)
    opened = []
    read_all = ArchiveStore._open

    def note_and_open(store: ArchiveStore) -> None:
        opened.append(store)
        read_all(store)

    monkeypatch.setattr(ArchiveStore, "_open", note_and_open)

    assert len(list(validate_many(targets, FRAMING, SETTINGS))) == len(targets) > 2
    assert len(opened) == 1


def _begin_with_an_engine_that_hangs(layout: LayoutPlace, folder: Path) -> subprocess.Popen[bytes]:
    """Validate every tag; each process that the engine has makes a file of its number in `folder/marks`."""
    fake, marks = folder / "wasm-tools", folder / "marks"
    marks.mkdir()
    fake.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo wasm-tools 1.263.0 && exit\ntouch {marks}/$$\nexec sleep 600\n'
    )
    fake.chmod(0o755)
    program = [sys.executable, "-c", "from packaging_kit.cli.main import main; main()", "validate"]
    command = [*program, f"oci:{layout.folder}", "--engine", "wasm-tools", "--wasm-tools", str(fake)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


@pytest.mark.parametrize("seconds", [0.3, 0.45, 0.6, 0.75])
def test_signal_while_processes_begin_ends_them_too(seconds: float, layout: LayoutPlace, tmp_path: Path) -> None:
    with _begin_with_an_engine_that_hangs(layout, tmp_path) as process:
        time.sleep(seconds)  # to where that comes to is chance
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=45)  # less than the engine may take

    assert process.returncode != 0


def test_interrupt_ends_all_processes_at_once(layout: LayoutPlace, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    with _begin_with_an_engine_that_hangs(layout, tmp_path) as process:
        while len(list(marks.iterdir())) < 2:
            assert process.poll() is None
            time.sleep(0.02)
        began = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)

    assert time.monotonic() - began < AT_ONCE
    assert process.returncode != 0
    assert b"Traceback" not in errors
    assert [mark.name for mark in marks.iterdir() if _is_alive(int(mark.name))] == []


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("profile", "expected"),
    [(Profile.CNCF, ["media-type-unexpected"] * 2), (Profile.LENIENT, ["media-type-older"] * 2), (Profile.OCI, [])],
)
def test_older_artifact_is_judged_by_its_profile(profile: Profile, expected: list[str], tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "layout", tag="c")
    pack([Input(name=str(C))], place, PackOptions(form=Form.WHOLE, tag="c"), SETTINGS)
    _make_older(LayoutStore.open(place.folder))

    report = validate_place(place, replace(FRAMING, profile=profile), SETTINGS)

    assert [code for code in codes(report) if not code.startswith("annotation-")] == expected
    assert report.is_clean == (profile is not Profile.CNCF)


def _make_older(store: LayoutStore) -> None:
    from packaging_kit.oci.layout import Tagged
    from packaging_kit.oci.manifest import describe_manifest, parse_manifest

    manifest = parse_manifest(store.read_document(store.find("c"))).value
    older = replace(
        manifest,
        config=replace(manifest.config, media_type="application/vnd.wasm.config.v1+json"),
        layers=(replace(manifest.layers[0], media_type="application/vnd.wasm.content.layer.v1+wasm"),),
    ).to_document()
    store.write_blob((older.raw,))
    store.put([Tagged("c", describe_manifest(older))], force=True)


def test_report_names_the_whole_and_its_root(layout: LayoutPlace) -> None:
    report = validate_place(replace(layout, tag="rust"), FRAMING, SETTINGS)

    (binary,) = report.binaries
    assert binary.whole.digest == Digest.of(RUST.read_bytes())
    assert report.digest == LayoutStore.open(layout.folder).find("rust").digest
