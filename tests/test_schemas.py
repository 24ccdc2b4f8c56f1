"""The schemas themselves: their examples are real, and what is a little different from them fails."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from packaging_kit.errors import NotFoundError
from packaging_kit.schemas import load_schema, schema_names
from tests.schema_checks import LAYOUTS, REPOSITORY, check_all, validator

OUTPUTS = (
    *("convert", "copy", "diff", "digest", "error", "explode", "gc"),
    *("login", "logout", "pull", "push", "referrers", "resolve", "tags"),
    *("inspect", "pack", "report", "stats", "untag", "uses", "verify", "written"),
)
DOCUMENTS = (
    *("delta-config", "fragment-artifact", "layout-index"),
    *("skeleton-artifact", "split-index", "wasm-config", "whole-artifact"),
)
STRICT = tuple(sorted((*OUTPUTS, *DOCUMENTS)))
# What others write may hold more than is known, and a policy may leave anything out.
SHAPES = ("cncf-config", "image-index", "image-manifest")
NAMES = tuple(sorted((*STRICT, *SHAPES, "policy")))

SPLIT_INDEX = "application/vnd.packaging-kit.component.split.v0"
SKELETON_ARTIFACT = "application/vnd.packaging-kit.component.skeleton.v0"
WASM_CONFIG = "application/vnd.wasm.config.v0+json"
TITLE = "org.opencontainers.image.title"
REF_NAME = "org.opencontainers.image.ref.name"
LARGEST = 2**63 - 1
MOST_OF_A_DOCUMENT = 2**22


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
    assert schema["additionalProperties"] is (name in SHAPES)


@pytest.mark.parametrize("name", NAMES)
def test_examples_validate(name: str) -> None:
    examples = load_schema(name)["examples"]

    check_all(name, examples)

    assert examples


def documents(layout: Path) -> Iterator[tuple[str, Any]]:
    """Every document of a layout of ours with the name of its schema, found as a reader finds it."""
    index = json.loads((layout / "index.json").read_text(encoding="utf-8"))
    yield "layout-index", index
    pending = [("whole-artifact", entry) for entry in index["manifests"]]
    while pending:
        name, descriptor = pending.pop()
        value = json.loads((layout / "blobs" / descriptor["digest"].replace(":", "/")).read_text(encoding="utf-8"))
        name = {SPLIT_INDEX: "split-index", SKELETON_ARTIFACT: "skeleton-artifact"}.get(value.get("artifactType"), name)
        yield name, value
        pending += [("fragment-artifact", entry) for entry in value.get("manifests", ())]
        for blob in (value["config"], *value["layers"]) if "layers" in value else ():
            if blob["mediaType"] == WASM_CONFIG or blob["mediaType"].endswith(".whole-config.v0+json"):
                pending.append(("wasm-config", blob))
            elif blob["mediaType"].endswith(".whole-manifest.v0+json"):
                pending.append(("whole-artifact", blob))


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_every_document_of_the_vectors_validates(layout: Path) -> None:
    found = list(documents(layout))

    for name, value in found:
        check_all(name, [value])

    kept = {json.dumps(value, sort_keys=True) for _, value in found}
    blobs = [path.read_bytes() for path in (layout / "blobs" / "sha256").iterdir()]
    written = {json.dumps(json.loads(raw), sort_keys=True) for raw in blobs if raw.startswith(b'{"')}
    assert written <= kept


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name != "delta-config"])
def test_examples_of_documents_are_those_of_vectors(name: str) -> None:
    real = [value for layout in LAYOUTS for kind, value in documents(layout) if kind == name]

    assert [example for example in load_schema(name)["examples"] if example not in real] == []


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("image-manifest", ("schemaVersion",), 1),
        ("image-manifest", ("layers",), {}),
        ("image-manifest", ("config", "mediaType"), None),
        ("image-index", ("manifests", 0, "platform", "os"), 1),
        ("image-index", ("manifests",), None),
        ("cncf-config", ("component", "exports"), "run"),
        ("cncf-config", ("layerDigests",), None),
        ("policy", ("size", "whole"), "64 MB"),
        ("policy", ("size", "whole"), -1),
        ("policy", ("imports", "allow"), "wasi:*"),
        ("policy", ("levels",), {"annotation-absent": "off"}),
        ("policy", ("levels",), {"Not A Code": "note"}),
        ("policy", ("more",), {}),
    ],
)
def test_example_of_what_others_write_with_another_value_fails(name: str, path: tuple[Any, ...], value: Any) -> None:
    example = with_value(load_schema(name)["examples"][0], path, value)

    assert not validator(name).is_valid(example)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of everything inside a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, found in inner:
        yield (*path, key)
        yield from places(found, (*path, key))


def at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def with_value(value: Any, path: tuple[Any, ...], replaced: Any) -> Any:
    changed = copy.deepcopy(value)
    at(changed, path[:-1])[path[-1]] = replaced
    return changed


def without(value: Any, key: str) -> Any:
    changed = copy.deepcopy(value)
    del changed[key]
    return changed


def defects(example: Any) -> Iterator[tuple[str, Any]]:
    """One thing wrong at a time, at every place: of another type, a member more, a digest of another form."""
    yield "member more", {**example, "more": 1}
    for path in places(example):
        found = at(example, path)
        yield f"number as {path}", with_value(example, path, 1.5)
        if isinstance(found, dict):
            yield f"member more in {path}", with_value(example, path, {**found, "more": 1})
        if isinstance(found, str) and found.startswith("sha256:") and path[-1] != "where":
            for other in (found[:-1], found.upper(), found + "\n", "md5:" + 32 * "0"):
                yield f"{other!r} as {path}", with_value(example, path, other)
        if path[-1] in ("size", "offset"):
            yield f"negative {path}", with_value(example, path, -1)


@pytest.mark.parametrize("name", STRICT)
def test_defect_anywhere_in_an_example_fails(name: str) -> None:
    checker = validator(name)
    tried = [defect for example in load_schema(name)["examples"] for defect in defects(example)]

    passed = [what for what, value in tried if checker.is_valid(value)]

    assert [what for what in passed if "'expected'" not in what and "'actual'" not in what] == []


@pytest.mark.parametrize(
    ("name", "optional"),
    [(name, {"whole-artifact": "annotations"}.get(name, "subject")) for name in STRICT],
)
def test_example_without_a_member_fails(name: str, optional: str) -> None:
    checker = validator(name)

    passed = [
        key
        for example in load_schema(name)["examples"]
        for key in example
        if key != optional and checker.is_valid(without(example, key))
    ]

    assert passed == []


def replaced() -> Iterator[Any]:
    for name, path, value in (
        ("digest", ("fragments", 0, "kind"), "skeleton"),
        ("digest", ("size",), 7),
        ("inspect", ("kind",), "skeleton"),
        ("inspect", ("tree",), []),
        ("inspect", ("tree", 0, "parent"), -1),
        ("inspect", ("tree", 0, "producers"), {"language": "Rust"}),
        ("pack", ("form",), "all"),
        ("pack", ("tag",), "a/b"),
        ("pack", ("tag",), "a\n"),
        ("error", ("error", "code"), "Not A Code"),
        ("error", ("error", "expected"), "sha256:0"),
        ("error", ("error", "side"), "both"),
        ("convert", ("form",), "all"),
        ("stats", ("modules", 0, "copies"), 0),
        ("stats", ("places",), []),
        ("stats", ("stored",), -1),
        ("diff", ("fragments", 0, "change"), "added"),
        ("diff", ("fragments", 0, "b"), None),
        ("diff", ("fragments", 0, "a", "path"), "0."),
        ("diff", ("needed", "blobs", 0, "kind"), "whole"),
        ("gc", ("dry_run",), 1),
        ("wasm-config", ("created",), "1970-01-01"),
        ("wasm-config", ("created",), "1970-13-01T00:00:00Z"),
        ("wasm-config", ("created",), "1970-01-01T00:00:00Z\n"),
        ("wasm-config", ("architecture",), "amd64"),
        ("wasm-config", ("os",), "wasip1"),
        ("wasm-config", ("os",), "linux"),
        ("wasm-config", ("component",), None),
        ("wasm-config", ("layerDigests",), []),
        ("wasm-config", ("layerDigests",), 2 * ["sha256:" + 64 * "0"]),
        ("wasm-config", ("layerDigests", 0), "sha512:" + 128 * "0"),
        ("whole-artifact", ("annotations",), {}),
        ("whole-artifact", ("artifactType",), "application/wasm"),
        ("whole-artifact", ("config", "mediaType"), "application/vnd.wasm.config.v1+json"),
        ("whole-artifact", ("config", "size"), MOST_OF_A_DOCUMENT + 1),
        ("whole-artifact", ("layers",), []),
        ("whole-artifact", ("layers", 0, "mediaType"), "application/vnd.wasm.content.layer.v1+wasm"),
        ("whole-artifact", ("layers", 0, "size"), 7),
        ("whole-artifact", ("layers", 0, "size"), LARGEST + 1),
        *(("whole-artifact", ("layers", 0, "annotations", TITLE), title) for title in ("", "..", "a/b", "a\\b", "a\n")),
        ("whole-artifact", ("mediaType",), "application/vnd.docker.distribution.manifest.v2+json"),
        ("whole-artifact", ("schemaVersion",), 1),
        ("fragment-artifact", ("annotations",), {"org.opencontainers.image.version": "1"}),
        ("fragment-artifact", ("config", "size"), 193),
        ("fragment-artifact", ("layers", 0, "annotations", TITLE), "module.wasm"),
        ("fragment-artifact", ("layers", 0, "size"), 4095),
        ("skeleton-artifact", ("annotations",), {"org.opencontainers.image.version": "1"}),
        ("skeleton-artifact", ("config", "digest"), "sha256:" + 64 * "0"),
        ("skeleton-artifact", ("layers", 0, "mediaType"), "application/wasm"),
        ("skeleton-artifact", ("layers", 0, "size"), LARGEST + 1),
        ("skeleton-artifact", ("subject", "mediaType"), "application/vnd.oci.image.index.v1+json"),
        ("split-index", ("manifests", 0, "artifactType"), WASM_CONFIG),
        ("split-index", ("manifests", 1, "artifactType"), SKELETON_ARTIFACT),
        ("split-index", ("manifests", 1, "platform", "os"), "linux"),
        ("split-index", ("mediaType",), "application/vnd.oci.image.manifest.v1+json"),
        ("delta-config", ("codec",), "zstd"),
        ("delta-config", ("window",), 0),
        ("delta-config", ("base", "size"), LARGEST + 1),
        ("layout-index", ("manifests", 0, "mediaType"), "application/wasm"),
        ("layout-index", ("manifests", 0, "size"), LARGEST + 1),
        ("layout-index", ("manifests", 0, "artifactType"), SPLIT_INDEX),
        ("layout-index", ("manifests", 0, "annotations"), {}),
        ("layout-index", ("artifactType",), SPLIT_INDEX),
    ):
        yield pytest.param(name, path, value, id=f"{name} {'.'.join(map(str, path))} {value!r}"[:100])


@pytest.mark.parametrize(("name", "path", "value"), list(replaced()))
def test_example_with_another_value_fails(name: str, path: tuple[Any, ...], value: Any) -> None:
    example = with_value(load_schema(name)["examples"][0], path, value)

    with pytest.raises(ValidationError):
        validator(name).validate(example)


def test_skeleton_artifact_restores_exactly_one_whole() -> None:
    skeleton, nested, config, manifest = load_schema("skeleton-artifact")["examples"][0]["layers"]

    orders = {
        "as it is": [skeleton, nested, config, manifest],
        "no skeleton": [config, manifest, manifest],
        "no config": [skeleton, nested, manifest],
        "no manifest": [skeleton, nested, config],
        "two configs": [skeleton, config, config, manifest],
        "two manifests": [skeleton, config, manifest, manifest],
    }
    example = load_schema("skeleton-artifact")["examples"][0]
    valid = [
        what for what, layers in orders.items() if validator("skeleton-artifact").is_valid(example | {"layers": layers})
    ]

    assert valid == ["as it is"]


def test_split_index_names_a_fragment_at_least() -> None:
    example = load_schema("split-index")["examples"][0]

    assert not validator("split-index").is_valid(example | {"manifests": example["manifests"][:1]})


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("whole-artifact", ("layers", 0, "size")),
        ("fragment-artifact", ("layers", 0, "size")),
        ("skeleton-artifact", ("layers", 0, "size")),
        ("delta-config", ("target", "size")),
        ("layout-index", ("manifests", 0, "size")),
    ],
)
def test_largest_size_validates(name: str, path: tuple[Any, ...]) -> None:
    example = with_value(load_schema(name)["examples"][0], path, LARGEST)

    assert validator(name).is_valid(example)


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
