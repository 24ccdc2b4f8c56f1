"""Policies as they are written: TOML."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, Final

from packaging_kit.limits import GIB, KIB, MIB
from packaging_kit.oci.wasm_config import is_created
from packaging_kit.validate.catalog import CODES
from packaging_kit.validate.policy import Policy, policy_invalid
from packaging_kit.validate.problem import Level
from packaging_kit.validate.rule import Finding
from packaging_kit.validate.shapes import shape_findings

MAX_POLICY_SIZE: Final = 1 * MIB
_UNITS: Final = {"B": 1, "KiB": KIB, "MiB": MIB, "GiB": GIB}
_MOST_PARTS: Final = 16
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*+"|\'[^\'\n]*+\'')
_SIZE = re.compile(r"([0-9]+) ?(B|KiB|MiB|GiB)")


def parse_policy(text: str | bytes) -> Policy:
    """Read a policy, as it stands in a file (the schema `policy`).

    Raises:
        RequestError: `policy-invalid`.
    """
    if len(text) > MAX_POLICY_SIZE:
        raise policy_invalid(f"the policy has more than {MAX_POLICY_SIZE} bytes")
    try:
        document = _parse_toml(text if isinstance(text, str) else text.decode())
    except UnicodeDecodeError as exc:
        raise policy_invalid("the policy is not UTF-8") from exc
    levels = document.get("levels", {})
    unknown = sorted(set(levels) - set(CODES)) if isinstance(levels, dict) else []
    if unknown:
        raise policy_invalid(f"there is no rule `{unknown[0][:100]}`")
    finding = next(chain(shape_findings("policy", document), _fractions(document)), None)
    if finding is not None:
        raise policy_invalid(_message(finding))
    for time in document.get("reproducible", {}).get("created", ()):
        if not is_created(time):
            raise policy_invalid(f"`{time[:100]}` is not an RFC 3339 time")
    sizes = document.get("size", {})
    return Policy(
        max_whole_size=_size(sizes, "whole"),
        max_module_size=_size(sizes, "module"),
        max_manifest_size=_size(sizes, "manifest"),
        max_modules=sizes.get("modules"),
        required_annotations=tuple(_list(document, "annotations", "required") or ()),
        allowed_imports=_list(document, "imports", "allow"),
        denied_imports=tuple(_list(document, "imports", "deny") or ()),
        allowed_licenses=_list(document, "licenses", "allow"),
        semantic_tags=document.get("tags", {}).get("semantic", False),
        allowed_created=_list(document, "reproducible", "created"),
        split_required=document.get("split", {}).get("required", False),
        levels={code: Level(level) for code, level in levels.items()},
    )


def _parse_toml(text: str) -> dict[str, Any]:
    # Reading a key of thousands of parts takes minutes; those of a policy have two.
    if any(line.count(".") > _MOST_PARTS for line in _STRING.sub("", text).splitlines()):
        raise policy_invalid(f"a key of the policy has more than {_MOST_PARTS} parts")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as exc:  # `TOMLDecodeError` is one, and so is a number of 5,000 digits
        raise policy_invalid(f"the policy is not TOML: {str(exc)[:200]}") from exc


def _fractions(document: Mapping[str, Any]) -> Iterator[Finding]:
    """Sizes and counts that are written as fractions: JSON Schema takes `1.0` for an integer."""
    for name, value in document.get("size", {}).items():
        if isinstance(value, float):
            yield Finding(f"size.{name}", "an integer is expected")


def _size(table: Mapping[str, Any], name: str) -> int | None:
    value = table.get(name)
    if not isinstance(value, str):
        return value
    found = _SIZE.fullmatch(value)
    return None if found is None else int(found[1]) * _UNITS[found[2]]


def _list(document: Mapping[str, Any], table: str, name: str) -> tuple[str, ...] | None:
    value = document.get(table, {}).get(name)
    return None if value is None else tuple(value)


def _message(finding: Finding) -> str:
    return f"`{finding.json_path}` in the policy: {finding.message}" if finding.json_path else finding.message
