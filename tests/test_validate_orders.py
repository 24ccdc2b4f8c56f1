"""What an index comes to does not depend on what in it is met first: nothing is taken for looked at that was not."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path
from typing import Final

import pytest

from packaging_kit import (
    Digest,
    Form,
    LayoutPlace,
    LayoutStore,
    Policy,
    Profile,
    Report,
    WasmtimeEngine,
    validate_upload,
)
from packaging_kit.document import dump_json
from packaging_kit.oci.media_types import (
    EMPTY,
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    SKELETON,
    SKELETON_ARTIFACT,
    SPLIT_INDEX,
    WASM,
    WASM_CONFIG,
    WHOLE_CONFIG,
    WHOLE_MANIFEST,
)
from tests.bad_documents.builders import config_of, imports
from tests.conftest import FIXTURES
from tests.layouts import Entry, HandMade, blob_path, entries
from tests.repositories import pack
from tests.strategies import SKELETON as SKELETON_PREAMBLE
from tests.strategies import component, external, module, section, sha256

RUST: Final = (FIXTURES / "real" / "rust.wasm").read_bytes()
MODULE: Final = module(5000)
IMPORTS: Final = imports("evil:net/socket")
EVIL: Final = component(IMPORTS, section(1, MODULE))
DENIED: Final = Policy(denied_imports=("evil:*",))


def validate(folder: Path, index: Entry, policy: Policy | None = None, **options: object) -> Report:
    raw = blob_path(folder, index).read_bytes()
    return validate_upload(raw, IMAGE_INDEX, LayoutStore(folder), policy, **options)  # type: ignore[arg-type]


def codes(report: Report) -> set[str]:
    return {problem.code for problem in report.errors}


def orders(folder: Path, *named: Entry, policy: Policy | None = None, **options: object) -> list[set[str]]:
    """The codes of an index of these, in every order."""
    made = HandMade(folder)
    return [
        codes(validate(folder, made.index(*order, artifactType="a/b"), policy, **options))
        for order in permutations(named)
    ]


def split_of(
    made: HandMade,
    config: dict[str, object],
    layer_type: str = WASM,
    config_type: str = WASM_CONFIG,
    digest: str = Digest.of(EVIL).value,
) -> tuple[Entry, Entry]:
    """The manifest of `EVIL`, whose layer is not there, and the skeleton artifact that stands for it."""
    skeleton = made.blob(SKELETON_PREAMBLE + IMPORTS + external(1, len(MODULE), sha256(MODULE)), SKELETON)
    made.blob(MODULE)
    stored = made.blob(dump_json(config), WHOLE_CONFIG)
    layer: Entry = {"mediaType": layer_type, "digest": digest, "size": len(EVIL)}
    whole = made.manifest(layer, config=stored | {"mediaType": config_type})
    layers = (skeleton, stored, whole | {"mediaType": WHOLE_MANIFEST})
    return whole, made.manifest(*layers, config=made.blob(b"{}", EMPTY), artifactType=SKELETON_ARTIFACT)


@pytest.mark.parametrize("form", [Form.MAPPED, Form.SPLIT, Form.BOTH])
@pytest.mark.parametrize("profile", [Profile.CNCF, Profile.SPLIT])
def test_good_artifact_and_its_split_are_clean_in_every_order(form: Form, profile: Profile, tmp_path: Path) -> None:
    pack(LayoutPlace(folder=tmp_path, tag="v1"), RUST, form, "v1")
    named = [{key: value for key, value in entry.items() if key != "annotations"} for entry in entries(tmp_path)]

    assert len(named) == {Form.MAPPED: 2, Form.SPLIT: 1, Form.BOTH: 3}[form]
    assert all(found == set() for found in orders(tmp_path, *named, profile=profile))


def test_manifest_that_was_only_looked_at_for_presence_is_checked_as_what_a_split_stands_for(tmp_path: Path) -> None:
    types = ("application/octet-stream", "application/json")
    whole, skeletons = split_of(HandMade(tmp_path), {"lies": True}, *types)
    alone, *both = (
        *orders(tmp_path, skeletons, policy=DENIED),
        *orders(tmp_path, whole, skeletons, policy=DENIED),
    )

    assert alone >= {"media-type-unexpected", "policy-import-denied"}
    assert all(found >= alone for found in both)


@pytest.mark.parametrize("is_another", [False, True])
def test_layer_that_was_put_together_still_has_to_be_there_for_an_artifact_that_names_it(
    is_another: bool, tmp_path: Path
) -> None:
    made = HandMade(tmp_path)
    config = config_of(EVIL, ("evil:net/socket",))
    whole, skeletons = split_of(made, config)
    if is_another:
        layer: Entry = {"mediaType": WASM, "digest": Digest.of(EVIL).value, "size": len(EVIL)}
        whole = made.manifest(layer, config=made.blob(dump_json(config), WASM_CONFIG), annotations={"a.b": "other"})

    assert "not-found" not in orders(tmp_path, skeletons)[0]
    assert all("not-found" in found for found in orders(tmp_path, whole, skeletons))


@pytest.mark.parametrize("tag", [None, "1.0.0"])
def test_module_is_no_fragment_where_an_index_names_it_that_is_none_of_ours(tag: str | None, tmp_path: Path) -> None:
    pack(LayoutPlace(folder=tmp_path, tag="v1"), RUST, Form.SPLIT, "v1")
    (split,) = entries(tmp_path)
    fragment = json.loads(blob_path(tmp_path, split).read_bytes())["manifests"][1]
    everything = Policy(allowed_imports=())
    report = validate(tmp_path, HandMade(tmp_path).index(fragment, artifactType="a/b"), everything, tag=tag)
    alone = validate_upload(
        blob_path(tmp_path, fragment).read_bytes(), IMAGE_MANIFEST, LayoutStore(tmp_path), everything
    )

    assert split["artifactType"] == SPLIT_INDEX
    assert codes(report) == {"policy-import-denied"}
    assert alone.is_clean  # what it imports is given to it inside its component


def test_document_of_another_size_than_an_index_says_is_none_of_it(tmp_path: Path) -> None:
    pack(LayoutPlace(folder=tmp_path, tag="v1"), RUST, Form.WHOLE, "v1")
    (entry,) = entries(tmp_path)
    named = {"mediaType": entry["mediaType"], "digest": entry["digest"], "size": entry["size"] + 1}
    report = validate(tmp_path, HandMade(tmp_path).index(named, artifactType="a/b"))

    assert codes(report) == {"size-mismatch"}


def test_nothing_is_judged_where_nothing_is_read(tmp_path: Path) -> None:
    pack(LayoutPlace(folder=tmp_path, tag="v1"), RUST, Form.WHOLE, "v1")
    (entry,) = entries(tmp_path)
    index = HandMade(tmp_path).index({key: value for key, value in entry.items() if key != "annotations"})
    report = validate(tmp_path, index, profile=Profile.OCI, engine=WasmtimeEngine())

    assert (report.is_clean, report.engine, report.binaries) == (True, None, ())
