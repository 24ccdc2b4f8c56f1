"""What the quick look takes, the schema takes too; and what neither takes is told in words of our own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packaging_kit.validate.plain import SHAPES
from packaging_kit.validate.shapes import document_findings, shape_findings
from tests.schema_checks import validator

TEXT = st.sampled_from(("", "a/b", "2", "sha256:0"))
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.just(2.0), TEXT, st.just([]), st.just({}), st.just([1])
)
ANNOTATIONS = st.one_of(st.dictionaries(TEXT, st.one_of(TEXT, ODD), max_size=2), ODD)


def objects(members: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Some of these members, and now and then one that nobody knows."""
    return st.fixed_dictionaries({}, optional={**members, "more": ODD})


PLATFORM = st.one_of(objects({"architecture": st.one_of(TEXT, ODD), "os": TEXT, "variant": ODD}), ODD)
DESCRIPTOR = st.one_of(
    objects(
        {
            "mediaType": st.one_of(TEXT, ODD),
            "digest": st.one_of(TEXT, ODD),
            "size": ODD,
            "artifactType": st.one_of(TEXT, ODD),
            "annotations": ANNOTATIONS,
            "platform": PLATFORM,
            "urls": ODD,
            "data": ODD,
        }
    ),
    st.fixed_dictionaries({"mediaType": TEXT, "digest": TEXT, "size": ODD}, optional={"platform": PLATFORM}),
)
DOCUMENT = {
    "schemaVersion": st.sampled_from((2, 2.0, True, "2")),
    "mediaType": st.one_of(TEXT, ODD),
    "artifactType": st.one_of(TEXT, ODD),
    "subject": DESCRIPTOR,
    "annotations": ANNOTATIONS,
}
TEXTS = st.one_of(st.lists(TEXT, max_size=2), ODD)
VALUES = {
    "image-manifest": objects({**DOCUMENT, "config": DESCRIPTOR, "layers": st.lists(DESCRIPTOR, max_size=2)}),
    "image-index": objects({**DOCUMENT, "manifests": st.lists(DESCRIPTOR, max_size=2)}),
    "cncf-config": objects(
        {
            **{name: st.one_of(TEXT, ODD) for name in ("created", "author", "architecture", "os")},
            "layerDigests": TEXTS,
            "component": st.one_of(objects({"imports": TEXTS, "exports": TEXTS, "target": ODD}), ODD),
        }
    ),
}
ENTRIES = {"image-manifest": "layers", "image-index": "manifests"}


def findings(name: str, value: dict[str, Any]) -> list[Any]:
    if name in ENTRIES:
        return list(document_findings(name, value, ENTRIES[name]))
    return list(shape_findings(name, value))


@pytest.mark.parametrize("name", sorted(VALUES))
def test_every_shape_has_values_to_be_tried_with(name: str) -> None:
    assert name in SHAPES


@given(st.sampled_from(sorted(VALUES)).flatmap(lambda name: st.tuples(st.just(name), VALUES[name])))
def test_findings_are_there_exactly_where_the_schema_refuses(case: tuple[str, dict[str, Any]]) -> None:
    name, value = case

    assert (findings(name, value) == []) == validator(name).is_valid(value)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        (
            "image-manifest",
            {},
            [("schemaVersion", "it is missing"), ("config", "it is missing"), ("layers", "it is missing")],
        ),
        (
            "image-index",
            {"schemaVersion": 1, "manifests": [{"mediaType": 1, "digest": "", "size": 0}, 7]},
            [
                ("schemaVersion", "`2` is expected"),
                ("manifests[0].mediaType", "a text is expected"),
                ("manifests[1]", "an object is expected"),
            ],
        ),
        (
            "cncf-config",
            {
                "created": "",
                "architecture": "",
                "os": "",
                "layerDigests": [],
                "component": {"imports": [1]},
                "author": 1,
            },
            [
                ("author", "a text or null is expected"),
                ("component.imports[0]", "a text is expected"),
                ("component.exports", "it is missing"),
            ],
        ),
    ],
)
def test_finding_says_what_is_expected_and_where(
    name: str, value: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert [(finding.json_path, finding.message) for finding in findings(name, value)] == expected
