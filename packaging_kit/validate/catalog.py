"""All rules, in the order in which docs/rules.md lists them."""

from __future__ import annotations

from itertools import chain
from typing import Any, Final

from packaging_kit.validate.rule import Rule
from packaging_kit.validate.rules.annotation_rules import ANNOTATION_RULES
from packaging_kit.validate.rules.artifact_rules import ARTIFACT_RULES, LENIENT_ARTIFACT_RULES
from packaging_kit.validate.rules.binary_rules import BINARY_RULES, DEFECT_RULES
from packaging_kit.validate.rules.config_rules import CONFIG_RULES
from packaging_kit.validate.rules.descriptor_rules import DESCRIPTOR_RULES
from packaging_kit.validate.rules.document_rules import DOCUMENT_RULES
from packaging_kit.validate.rules.failure_rules import ENGINE_RULES, FAILURE_RULES
from packaging_kit.validate.rules.index_rules import ANY_TYPE_RULES, CONTENT_RULES, TYPE_RULES
from packaging_kit.validate.rules.json_rules import JSON_RULES
from packaging_kit.validate.rules.metadata_rules import METADATA_RULES
from packaging_kit.validate.rules.policy_rules import (
    BINARY_POLICY_RULES,
    CONFIG_POLICY_RULES,
    MANIFEST_POLICY_RULES,
    NAMED_RULES,
)
from packaging_kit.validate.rules.split_index_rules import INDEX_RULES, REWRITTEN_INDEX_RULES, SPLIT_INDEX_RULES
from packaging_kit.validate.rules.split_rules import (
    FRAGMENT_RULES,
    REFERRER_RULES,
    SKELETON_ARTIFACT_RULES,
    SKELETON_RULES,
    SPLIT_RULES,
    STORED_WHOLE_RULES,
)

GROUPS: Final[dict[str, tuple[Rule[Any], ...]]] = {
    "JSON": JSON_RULES,
    "Any manifest or index": (*ANY_TYPE_RULES, *DOCUMENT_RULES),
    "Descriptors": DESCRIPTOR_RULES,
    "Annotations": ANNOTATION_RULES,
    "Content": FAILURE_RULES,
    "The CNCF layout": (*TYPE_RULES, *CONTENT_RULES, *ARTIFACT_RULES, *LENIENT_ARTIFACT_RULES),
    "Configs": CONFIG_RULES,
    "Binaries": (*BINARY_RULES, *DEFECT_RULES),
    "Engines": ENGINE_RULES,
    "Splits": (
        *SKELETON_ARTIFACT_RULES,
        *SPLIT_INDEX_RULES,
        *STORED_WHOLE_RULES,
        *SPLIT_RULES,
        *SKELETON_RULES,
        *INDEX_RULES,
        *REWRITTEN_INDEX_RULES,
        *REFERRER_RULES,
        *FRAGMENT_RULES,
    ),
    "Metadata": METADATA_RULES,
    "Policies": (*BINARY_POLICY_RULES, *MANIFEST_POLICY_RULES, *CONFIG_POLICY_RULES, *NAMED_RULES),
}
"""Every rule, by what it is about; some stand for one code together."""


def _first_of_each_code() -> dict[str, Rule[Any]]:
    found: dict[str, Rule[Any]] = {}
    for rule in chain.from_iterable(GROUPS.values()):
        found.setdefault(rule.code, rule)
    return found


RULES: Final[tuple[Rule[Any], ...]] = tuple(_first_of_each_code().values())
"""One rule of each code."""

CODES: Final[tuple[str, ...]] = tuple(rule.code for rule in RULES)
