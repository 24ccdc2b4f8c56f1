"""Every `--json` output is what its schema says, on sound and on damaged inputs."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.schema_checks import FIXTURES, LAYOUTS, REPOSITORY, VECTORS, check_all, layout

INPUTS = sorted(
    path
    for path in FIXTURES.rglob("*")
    if path.suffix in (".wasm", ".bad") and VECTORS / "oci" not in path.parents and "-depth-" not in path.name
)
SKELETONS = sorted(path.parent for path in (VECTORS / "skeletons").glob("*/root"))
MODULE = "sha256:0078a6ce364e3c7414dfd08d709edf5797618fd92f276d45f73931d7251c595a"
"""A module of 5000 bytes that is in several vectors."""

Program = Callable[..., tuple[list[Any], list[Any]]]


def parsed(text: bytes) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Runs a command with `--json` in an empty folder: what it printed, and the errors it printed."""

    def run(*arguments: object) -> tuple[list[Any], list[Any]]:
        script = "from packaging_kit.cli.main import main; main()"
        environment = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
        result = subprocess.run(
            [sys.executable, "-c", script, *map(str, arguments), "--json"],
            cwd=tmp_path,
            env=environment | {"PYTHONPATH": str(REPOSITORY)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            check=False,
        )
        return parsed(result.stdout), parsed(result.stderr)

    return run


def copied(case: str, form: str, into: Path) -> Path:
    """A layout of the vectors that may be written to."""
    shutil.copytree(layout(case, form), into)
    for path in (into, *into.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return into


def archive(folder: Path) -> Path:
    """The layout `folder` in a tar beside it."""
    file = folder.with_suffix(".tar")
    with tarfile.open(file, "w") as tar:
        tar.add(folder, ".")
    return file


def blob(folder: Path, digest: str = MODULE) -> Path:
    return folder / "blobs" / "sha256" / digest.removeprefix("sha256:")


def test_digest_prints_what_the_schemas_say_for_every_fixture(program: Program) -> None:
    printed, errors = program("digest", *INPUTS)

    check_all("digest", printed)
    check_all("error", errors)

    assert len(printed) + len(errors) == len(INPUTS)
    assert printed
    assert errors


@pytest.mark.parametrize("name", ["component-nested", "core-module", "component-padded-size"])
def test_explode_and_reassemble_print_what_the_schemas_say(name: str, program: Program) -> None:
    exploded, _ = program("explode", VECTORS / f"{name}.wasm", "-o", "out")
    written, _ = program("reassemble", "out", "-o", "back.wasm")

    check_all("explode", exploded)
    check_all("written", written)

    assert written[0] == {"file": "back.wasm", "digest": exploded[0]["digest"], "size": exploded[0]["size"]}


@pytest.mark.parametrize("skeleton", SKELETONS, ids=lambda path: path.name)
def test_reassemble_prints_what_the_schemas_say_for_every_skeleton(skeleton: Path, program: Program) -> None:
    written, errors = program("reassemble", skeleton, "-o", "back.wasm")

    check_all("written", written)
    check_all("error", errors)

    assert len(written) + len(errors) == 1


@pytest.mark.parametrize("place", ["oci:layout", "oci-archive:layout.tar"])
@pytest.mark.parametrize("form", ["whole", "mapped", "split", "both"])
def test_pack_inspect_and_unpack_print_what_the_schemas_say(form: str, place: str, program: Program) -> None:
    sources = [
        VECTORS / "component-nested.wasm",
        VECTORS / "core-module.wasm",
        FIXTURES / "handmade" / "metadata-invalid.wasm",
        FIXTURES / "real" / "composed.wasm",
    ]
    packed, errors = program("pack", *sources, "-o", place, "--form", form)
    inspected = [value for artifact in packed for value in program("inspect", artifact["place"])[0]]
    written, _ = program("unpack", packed[0]["place"], "-o", "back.wasm")

    check_all("pack", packed)
    check_all("inspect", inspected)
    check_all("written", written)

    assert (len(packed), len(inspected), len(written), errors) == (4, 4, 1, [])
    assert [value["digest"] for value in inspected] == [value["whole"]["digest"] for value in packed]


@pytest.mark.parametrize(
    "source",
    [
        path
        for path in INPUTS
        if path.is_relative_to(FIXTURES / "handmade")
        or path.is_relative_to(FIXTURES / "wit")
        or path.is_relative_to(FIXTURES / "real")
        or path.name in ("name-with-terminal-escape.wasm", "extern-unknown-form.wasm", "not-wasm.wasm")
    ],
    ids=lambda path: path.name,
)
def test_inspect_prints_what_the_schemas_say(source: Path, program: Program) -> None:
    inspected, errors = program("inspect", source)

    check_all("inspect", inspected)
    check_all("error", errors)

    assert len(inspected) + len(errors) == 1


def test_layouts_of_the_vectors_inspect_as_the_schema_says(program: Program) -> None:
    chosen = [path for path in LAYOUTS if path.parent.name in ("wit-package", "metadata", "core-module-metadata")]
    inspected = [value for path in chosen for value in program("inspect", f"oci:{path}:v")[0]]

    check_all("inspect", inspected)

    assert len(inspected) == len(chosen) == 12


@pytest.mark.parametrize("place", ["oci:there", "oci-archive:there.tar"])
@pytest.mark.parametrize(
    ("case", "form"), [("two-tags", "both"), ("component-nested", "split"), ("metadata", "mapped"), ("names", "whole")]
)
def test_copy_prints_what_the_schema_says(case: str, form: str, place: str, program: Program) -> None:
    first, _ = program("copy", f"oci:{layout(case, form)}", place, "--all", "--referrers")
    again, _ = program("copy", f"oci:{layout(case, form)}", place, "--all")
    tag = first[0]["things"][0]["tag"]
    renamed, _ = program("copy", f"{place}:{tag}", f"{place}:other")

    check_all("copy", [*first, *again, *renamed])

    assert [len(printed) for printed in (first, again, renamed)] == [1, 1, 1]
    assert [things["tag"] for things in renamed[0]["things"]] == ["other"]
    assert [value["written"]["blobs"] for value in (*again, *renamed)] == [0, 0]


@pytest.mark.parametrize("place", ["oci:there", "oci-archive:there.tar"])
@pytest.mark.parametrize("case", ["component-nested", "core-module"])
def test_convert_prints_what_the_schema_says(case: str, place: str, program: Program) -> None:
    program("copy", f"oci:{layout(case, 'mapped')}", place)
    forms = ("split", "both", "whole", "mapped")
    converted = [value for form in forms for value in program("convert", place, "--form", form)[0]]
    elsewhere, _ = program("convert", f"oci:{layout(case, 'both')}", "--form", "split", "-o", f"{place}:other")

    check_all("convert", [*converted, *elsewhere])

    assert len(converted) == 4
    assert len({value["manifest"] for value in (*converted, *elsewhere)}) == 1


@pytest.mark.parametrize("place", ["oci:there", "oci-archive:there.tar"])
def test_convert_of_an_older_artifact_prints_what_the_schema_says(place: str, program: Program, tmp_path: Path) -> None:
    folder = copied("metadata", "whole", tmp_path / "layout")
    index = json.loads((folder / "index.json").read_text())
    (entry,) = index["manifests"]
    manifest = json.loads(blob(folder, entry["digest"]).read_bytes())
    manifest["layers"][0]["mediaType"] = "application/vnd.wasm.content.layer.v1+wasm"
    changed = json.dumps(manifest).encode()
    entry |= {"digest": "sha256:" + hashlib.sha256(changed).hexdigest(), "size": len(changed)}
    blob(folder, entry["digest"]).write_bytes(changed)
    (folder / "index.json").write_text(json.dumps(index))
    program("copy", "layout", place)
    elsewhere, _ = program("convert", place, "--cncf", "-o", f"{place}:other")
    converted, _ = program("convert", f"{place}:v", "--cncf")
    again, _ = program("convert", f"{place}:v", "--cncf", "--form", "split")

    check_all("convert", [*elsewhere, *converted, *again])

    assert [value["former"] for value in (*elsewhere, *converted, *again)] == [entry["digest"]] * 2 + [None]
    assert len({value["manifest"] for value in (*elsewhere, *converted, *again)}) == 1


def test_untag_and_gc_print_what_the_schemas_say(program: Program, tmp_path: Path) -> None:
    copied("two-tags", "both", tmp_path / "layout")
    tags, _ = program("copy", "oci:layout", "oci-archive:there.tar", "--all")
    tag = tags[0]["things"][0]["tag"]
    untagged = [value for place in ("oci:layout", "there.tar") for value in program("untag", f"{place}:{tag}")[0]]
    dry, _ = program("gc", "layout", "--dry-run")
    swept, _ = program("gc", "layout")
    clean, _ = program("gc", "layout")

    check_all("untag", untagged)
    check_all("gc", [*dry, *swept, *clean])

    assert len(untagged) == 2
    assert dry == [{**swept[0], "dry_run": True}]
    assert [len(value["blobs"]) > 0 for value in (*swept, *clean)] == [True, False]


def test_gc_lists_the_entries_that_nothing_leads_to(program: Program, tmp_path: Path) -> None:
    folder = copied("component-nested", "both", tmp_path / "layout")
    index = json.loads((folder / "index.json").read_text())
    del index["manifests"][0]
    (folder / "index.json").write_text(json.dumps(index))
    refused, errors = program("gc", "layout")
    swept, _ = program("gc", "layout", "--force")

    check_all("error", errors)
    check_all("gc", swept)

    assert (refused, [error["error"]["code"] for error in errors]) == ([], ["nothing-tagged"])
    assert (len(swept[0]["entries"]), swept[0]["kept"]) == (2, 0)


@pytest.mark.parametrize(
    ("case", "form"),
    [("two-tags", "both"), ("two-tags", "split"), ("component-nested", "mapped"), ("core-module", "whole")],
)
def test_verify_of_sound_layouts_prints_what_the_schema_says(
    case: str, form: str, program: Program, tmp_path: Path
) -> None:
    folder = copied(case, form, tmp_path / "layout")
    verified = [value for place in ("layout", archive(folder)) for value in program("verify", place)[0]]

    check_all("verify", verified)

    assert [value["problems"] for value in verified] == [[], []]
    assert len({json.dumps({**value, "place": ""}) for value in verified}) == 1


def flip_a_byte(folder: Path) -> None:
    raw = blob(folder).read_bytes()
    blob(folder).write_bytes(raw[:100] + bytes((raw[100] ^ 1,)) + raw[101:])


def cut_a_blob(folder: Path) -> None:
    blob(folder).write_bytes(blob(folder).read_bytes()[:-1])


def remove_a_blob(folder: Path) -> None:
    blob(folder).unlink()


def remove_what_is_tagged(folder: Path) -> None:
    index = json.loads((folder / "index.json").read_text())
    blob(folder, index["manifests"][0]["digest"]).unlink()


def name_a_plain_blob_in_the_index(folder: Path) -> None:
    index = json.loads((folder / "index.json").read_text())
    index["manifests"].append({"digest": MODULE, "mediaType": "application/octet-stream", "size": 5000})
    (folder / "index.json").write_text(json.dumps(index))


DAMAGES = {
    flip_a_byte: "digest-mismatch",
    cut_a_blob: "size-mismatch",
    remove_a_blob: "not-found",
    remove_what_is_tagged: "not-found",
    name_a_plain_blob_in_the_index: "media-type-unexpected",
}


@pytest.mark.parametrize(("damage", "code"), DAMAGES.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_verify_of_damaged_layouts_prints_what_the_schema_says(
    damage: Callable[[Path], None], code: str, program: Program, tmp_path: Path
) -> None:
    folder = copied("component-nested", "split", tmp_path / "layout")
    damage(folder)
    verified = [value for place in ("layout", archive(folder)) for value in program("verify", place)[0]]
    swept, errors = program("gc", "layout")

    check_all("verify", verified)
    check_all("gc", swept)
    check_all("error", errors)

    assert [value["problems"][0]["code"] for value in verified] == [code, code]
    assert len(swept) + len(errors) == 1


@pytest.mark.parametrize("engine", ["none", "wasmtime"])
def test_validate_prints_what_the_schema_says_for_every_fixture(engine: str, program: Program) -> None:
    printed, errors = program("validate", *INPUTS, "nothing.wasm", "--engine", engine)

    check_all("report", printed)
    check_all("error", errors)

    assert [report["subject"] for report in printed] == [str(path) for path in INPUTS]
    assert [error["error"]["code"] for error in errors] == ["io-error"]
    assert {report["clean"] for report in printed} == {True, False}


def test_validate_prints_what_the_schema_says_for_every_layout(program: Program) -> None:
    printed, errors = program("validate", *(f"oci:{layout}" for layout in LAYOUTS), "--engine", "none")

    check_all("report", printed)

    assert {report["clean"] for report in printed} == {True}
    assert errors == []


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_validate_of_damaged_layouts_prints_what_the_schema_says(
    damage: Callable[[Path], None], program: Program, tmp_path: Path
) -> None:
    damage(copied("component-nested", "split", tmp_path / "layout"))

    printed, errors = program("validate", "oci:layout", "--engine", "none")

    check_all("report", printed)

    # What nothing leads to from a tag is for `verify`.
    assert [report["clean"] for report in printed] == [damage is name_a_plain_blob_in_the_index]
    assert errors == []


def test_stats_print_what_the_schemas_say(program: Program, tmp_path: Path) -> None:
    folder = copied("two-tags", "split", tmp_path / "layout")
    whole = layout("component-nested", "whole")
    counted = [program("stats", *places)[0] for places in (["layout"], [archive(folder), whole], [f"{whole}:v"])]
    used = [program("stats", "layout", "--uses", digest)[0] for digest in (MODULE, "sha256:" + 64 * "0")]

    for printed in counted:
        check_all("stats", printed)
    for printed in used:
        check_all("uses", printed)

    assert [printed[0]["components"] for printed in counted] == [2, 3, 1]
    assert [printed[0]["stored"] is None for printed in counted] == [False, False, True]
    assert [len(printed[0]["components"]) > 0 for printed in used] == [True, False]


def test_layouts_of_others_print_what_the_schemas_say(program: Program, tmp_path: Path) -> None:
    """A tag that we would not give, and a layer whose digest is sha512."""
    folder = copied("component-nested", "whole", tmp_path / "layout")
    index = json.loads((folder / "index.json").read_text())
    (entry,) = index["manifests"]
    manifest = json.loads(blob(folder, entry["digest"]).read_bytes())
    raw = blob(folder, manifest["layers"][0]["digest"]).read_bytes()
    (folder / "blobs" / "sha512").mkdir()
    (folder / "blobs" / "sha512" / hashlib.sha512(raw).hexdigest()).write_bytes(raw)
    manifest["layers"][0]["digest"] = "sha512:" + hashlib.sha512(raw).hexdigest()
    changed = json.dumps(manifest).encode()
    entry |= {"digest": "sha256:" + hashlib.sha256(changed).hexdigest(), "size": len(changed)}
    entry["annotations"] = {"org.opencontainers.image.ref.name": "example.com/app:1"}
    blob(folder, entry["digest"]).write_bytes(changed)
    (folder / "index.json").write_text(json.dumps(index))
    outputs = {
        "copy": program("copy", "layout", "./there", "--all")[0],
        "convert": program("convert", "layout", "--form", "both")[0],
        "verify": program("verify", "layout")[0],
        "stats": program("stats", "there")[0],
        "gc": program("gc", "layout")[0],
    }

    for name, printed in outputs.items():
        check_all(name, printed)

    assert [len(printed) for printed in outputs.values()] == [1, 1, 1, 1, 1]
    assert outputs["convert"][0]["whole"]["digest"] == manifest["layers"][0]["digest"]
    assert outputs["convert"][0]["tag"] == outputs["copy"][0]["things"][0]["tag"] == "example.com/app:1"


@pytest.mark.parametrize(
    ("before", "after", "is_same"),
    [
        ("component-nested.wasm", "oci/component-nested/split", True),
        ("component-nested.wasm", "component-nested-padded.wasm", False),
        ("component-nested.wasm", "core-module.wasm", False),
        ("core-module.wasm", "component-padded-size.wasm", False),
        ("oci/two-tags/both/", "oci/metadata/mapped", None),
        ("component-nested.wasm", "component-depth-1001.bad", None),
    ],
)
def test_diff_prints_what_the_schema_says(before: str, after: str, is_same: bool | None, program: Program) -> None:
    printed, errors = program("diff", VECTORS / before, VECTORS / after)

    check_all("diff", printed)
    check_all("error", errors)

    assert [value["same"] for value in printed] == ([] if is_same is None else [is_same])
    assert len(printed) + len(errors) == 1


def test_errors_of_documents_and_places_are_what_the_schema_says(tmp_path: Path, program: Program) -> None:
    folder = copied("names", "whole", tmp_path / "layout")
    index = json.loads((folder / "index.json").read_text())
    manifest = blob(folder, index["manifests"][0]["digest"])
    manifest.write_bytes(manifest.read_bytes()[:-1])
    found = [
        program("unpack", place, "-o", "x")[1]
        for place in (
            "oci:layout:v",
            "oci:layout:w",
            "oci:nothing",
            "no/thing",
            "oci:layout@sha256:1",
            "docker://a/b:-",
        )
    ]
    found.append(
        program("reassemble", VECTORS / "skeletons" / "ok-nested", "-o", "x", "--expect", "sha256:" + 64 * "0")[1]
    )

    for errors in found:
        check_all("error", errors)

    assert [[error["error"]["code"] for error in errors] for errors in found] == [
        ["size-mismatch"],
        ["not-found"],
        ["not-found"],
        ["place-unclear"],
        ["digest-invalid"],
        ["tag-invalid"],
        ["digest-mismatch"],
    ]


def test_errors_of_copies_are_what_the_schema_says(tmp_path: Path, program: Program) -> None:
    folder = copied("component-nested", "split", tmp_path / "layout")
    program("copy", f"oci:{layout('metadata', 'whole')}", "oci:there:v")
    remove_a_blob(folder)
    found = [
        program("copy", *arguments)[1]
        for arguments in (
            ("layout", "oci:new"),
            (layout("names", "whole"), "oci:there"),
            ("layout:w", "oci:new"),
            (layout("two-tags", "whole"), "oci:new"),
        )
    ]

    for errors in found:
        check_all("error", errors)

    assert [[(error["error"]["code"], error["error"].get("side")) for error in errors] for errors in found][:2] == [
        [("not-found", "source")],
        [("tag-exists", "destination")],
    ]
    assert [[error["error"]["code"] for error in errors] for errors in found][2:] == [["not-found"], ["tag-ambiguous"]]
