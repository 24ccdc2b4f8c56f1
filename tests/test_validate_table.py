"""The table of bad documents: each gives exactly its codes, where and in the order in which it has to."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from packaging_kit.artifact.pack import Labels, make_skeleton_artifact, make_whole_artifact
from packaging_kit.blobs import Blob
from packaging_kit.fragments.explode import explode
from packaging_kit.limits import MODULE_THRESHOLD
from packaging_kit.oci.media_types import IMAGE_INDEX, IMAGE_MANIFEST, SKELETON_ARTIFACT, SPLIT_INDEX
from packaging_kit.oci.wasm_config import ComponentConfig
from packaging_kit.validate.catalog import CODES
from packaging_kit.validate.policy import Policy
from packaging_kit.validate.problem import Level
from tests.bad_documents import CASES
from tests.bad_documents.builders import core_module, descriptor, raw_of, store
from tests.bad_documents.case import Case, File, Upload
from tests.strategies import component, custom, leb128, section
from tests.test_validate_policy import NEVER_LOOKED_AT

_LEAST = 120


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_exactly_what_is_wrong_is_found(case: Case) -> None:
    assert case.miss() is None


@pytest.mark.parametrize("case", [case for case in CASES if case.finds], ids=lambda case: case.name)
def test_level_of_a_policy_changes_what_is_said_and_nothing_that_is_looked_at(case: Case) -> None:
    given = case.make()
    assert isinstance(given, Upload | File)
    codes = {found.code for found in case.finds if found.level == "error"}
    before = given.validate()
    lowered = {code: Level.NOTE for code in codes if code not in NEVER_LOOKED_AT}

    after = replace(given, policy=replace(given.policy or Policy(), levels=lowered)).validate()

    assert [(problem.code, problem.where) for problem in after.problems] == [
        (problem.code, problem.where) for problem in before.problems
    ]


def split_of_many_modules() -> Upload:
    """A split index that names the skeletons of a component with 10,001 modules, and none of these."""
    modules = [
        core_module(sections=custom("number", leb128(number, 5)), size=MODULE_THRESHOLD) for number in range(10_001)
    ]
    exploded = explode(component(*(section(1, module) for module in modules)))
    whole = make_whole_artifact(
        Blob(exploded.digest, exploded.size), ComponentConfig(exports=(), imports=()), Labels(title="app.wasm")
    )
    artifact = make_skeleton_artifact(whole, exploded, with_subject=False)
    entry = descriptor(artifact.raw, IMAGE_MANIFEST, artifactType=SKELETON_ARTIFACT)
    value = {"schemaVersion": 2, "mediaType": IMAGE_INDEX, "artifactType": SPLIT_INDEX, "manifests": [entry]}
    blobs = (whole.config, whole.manifest.raw, artifact.raw, exploded.skeleton, *modules)
    return Upload(raw=raw_of(value), media_type=IMAGE_INDEX, source=store(*blobs))


def test_component_of_more_modules_than_a_split_index_may_name_has_no_split_index() -> None:
    # Not in the table: it takes seconds.
    problems = split_of_many_modules().validate().problems

    assert [(problem.code, problem.where.part) for problem in problems] == [("split-too-many-fragments", "split index")]


def test_every_code_has_a_case() -> None:
    found = {wanted.code for case in CASES for wanted in case.finds}

    assert set(CODES) - found == set()


def test_names_of_cases_are_unique() -> None:
    repeated = [name for name, count in Counter(case.name for case in CASES).items() if count > 1]

    assert repeated == []


def test_there_are_as_many_bad_documents_as_were_promised() -> None:
    bad = [case for case in CASES if case.finds]

    assert len(bad) >= _LEAST
