"""Every `--json` output has a schema, and the program prints what the schemas say."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from packaging_kit.errors import NotFoundError
from packaging_kit.schemas import load_schema, schema_names

REPOSITORY = Path(__file__).resolve().parents[1]
FIXTURES = REPOSITORY / "fixtures"
VECTORS = FIXTURES / "vectors"

NAMES = ("digest", "error", "explode", "inspect", "pack", "written")
INPUTS = sorted(
    path
    for path in FIXTURES.rglob("*")
    if path.suffix in (".wasm", ".bad") and VECTORS / "oci" not in path.parents and "-depth-" not in path.name
)
SKELETONS = sorted(path.parent for path in (VECTORS / "skeletons").glob("*/root"))
LAYOUTS = sorted(path.parent for path in (VECTORS / "oci").glob("*/*/oci-layout"))

Program = Callable[..., tuple[list[Any], list[Any]]]


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(load_schema(name))


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


def check_all(name: str, values: list[Any]) -> None:
    for value in values:
        validator(name).validate(value)


def test_schema_names_are_the_names_of_the_files() -> None:
    assert schema_names() == NAMES == tuple(sorted(path.stem for path in (REPOSITORY / "schemas").iterdir()))


def test_unknown_name_is_not_found() -> None:
    with pytest.raises(NotFoundError) as caught:
        load_schema("../schemas/digest")

    assert caught.value.code == "not-found"


@pytest.mark.parametrize("name", NAMES)
def test_schema_is_valid_and_names_itself(name: str) -> None:
    schema = load_schema(name)

    Draft202012Validator.check_schema(schema)

    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert schema["$id"] == f"urn:packaging-kit:schema:{name}"
    assert schema["title"]


def test_explode_has_the_shape_of_digest() -> None:
    shapes = [load_schema(name) for name in ("digest", "explode")]

    for shape in shapes:
        for key in ("$id", "title", "description", "examples"):
            del shape[key]

    assert shapes[0] == shapes[1]


def objects_of(schema: Any) -> Iterator[dict[str, Any]]:
    """Every schema of an object, at any depth."""
    if isinstance(schema, dict):
        if schema.get("type") == "object":
            yield schema
        for value in schema.values():
            yield from objects_of(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from objects_of(value)


@pytest.mark.parametrize("name", NAMES)
def test_schema_says_of_every_object_what_else_it_may_hold(name: str) -> None:
    schema = load_schema(name)
    del schema["examples"]

    said = ["additionalProperties" in found for found in objects_of(schema)]

    assert all(said)
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize("name", NAMES)
def test_examples_validate(name: str) -> None:
    examples = load_schema(name)["examples"]

    check_all(name, examples)

    assert examples


def without(value: Any, key: str) -> Any:
    changed = copy.deepcopy(value)
    del changed[key]
    return changed


def set_at(value: Any, path: list[Any], replaced: Any) -> Any:
    changed = copy.deepcopy(value)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = replaced
    return changed


def corrupted() -> Iterator[Any]:
    """An example of each schema, with one thing wrong."""
    for name in NAMES:
        example = load_schema(name)["examples"][0]
        for key in example:
            yield pytest.param(name, without(example, key), id=f"{name} without {key}")
            yield pytest.param(name, set_at(example, [key], 1.5), id=f"{name} with a number as {key}")
        yield pytest.param(name, {**example, "more": 1}, id=f"{name} with a member more")
        if name != "error":
            for digest in ("sha256:abc", example["digest"].upper(), example["digest"] + "\n"):
                yield pytest.param(name, {**example, "digest": digest}, id=f"{name} with the digest {digest!r}")
    for name, path, value in (
        ("digest", ["fragments", 0, "kind"], "skeleton"),
        ("digest", ["fragments", 0, "size"], -1),
        ("digest", ["size"], 7),
        ("inspect", ["kind"], "skeleton"),
        ("inspect", ["tree"], []),
        ("inspect", ["tree", 0, "parent"], -1),
        ("inspect", ["tree", 0, "children"], []),
        ("inspect", ["tree", 0, "producers"], {"language": "Rust"}),
        ("pack", ["form"], "all"),
        ("pack", ["tag"], "a/b"),
        ("error", ["error", "code"], "Not A Code"),
        ("error", ["error", "offset"], -1),
        ("error", ["error", "expected"], "sha256:0"),
    ):
        example = load_schema(name)["examples"][0]
        yield pytest.param(name, set_at(example, path, value), id=f"{name} {path} {value!r}")


@pytest.mark.parametrize(("name", "value"), list(corrupted()))
def test_corrupted_example_fails(name: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        validator(name).validate(value)


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


@pytest.mark.parametrize("form", ["whole", "mapped", "split", "both"])
def test_pack_inspect_and_unpack_print_what_the_schemas_say(form: str, program: Program) -> None:
    sources = [
        VECTORS / "component-nested.wasm",
        VECTORS / "core-module.wasm",
        FIXTURES / "handmade" / "metadata-invalid.wasm",
        FIXTURES / "real" / "composed.wasm",
    ]
    packed, errors = program("pack", *sources, "-o", "oci:layout", "--form", form)
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


def test_errors_of_documents_and_places_are_what_the_schema_says(tmp_path: Path, program: Program) -> None:
    layout = tmp_path / "layout"
    shutil.copytree(VECTORS / "oci" / "names" / "whole", layout)
    index = json.loads((layout / "index.json").read_text())
    (blob,) = (layout / "blobs" / "sha256").glob(index["manifests"][0]["digest"].removeprefix("sha256:"))
    blob.write_bytes(blob.read_bytes()[:-1])
    found = [
        program("unpack", place, "-o", "x")[1]
        for place in ("oci:layout:v", "oci:layout:w", "oci:nothing", "no/thing", "oci:layout@sha256:1", "docker://a/b")
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
        ["place-unsupported"],
        ["digest-mismatch"],
    ]


def test_layouts_of_the_vectors_inspect_as_the_schema_says(program: Program) -> None:
    chosen = [layout for layout in LAYOUTS if layout.parent.name in ("wit-package", "metadata", "core-module-metadata")]
    inspected = [value for layout in chosen for value in program("inspect", f"oci:{layout}:v")[0]]

    check_all("inspect", inspected)

    assert len(inspected) == len(chosen) == 12


def test_packaged_schemas_come_first(tmp_path: Path) -> None:
    package = tmp_path / "packaging_kit"
    shutil.copytree(REPOSITORY / "packaging_kit", package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(REPOSITORY / "schemas", package / "_schemas")
    script = "import packaging_kit.schemas as s; print(s.__file__, *s.schema_names(), s.load_schema('pack')['$id'])"

    result = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stdout.split() == [str(package / "schemas.py"), *NAMES, "urn:packaging-kit:schema:pack"]
