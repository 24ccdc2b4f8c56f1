"""Policies: what a registry asks for beyond what the specifications do, read from TOML (the schema `policy`)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

from packaging_kit.errors import RequestError
from packaging_kit.limits import GIB, KIB, MIB
from packaging_kit.oci.wasm_config import is_created
from packaging_kit.validate.problem import Level
from packaging_kit.validate.rule import Finding
from packaging_kit.validate.shapes import shape_findings

_ALWAYS_ERRORS: Final = frozenset(
    (
        *("engine-missing", "engine-timeout", "engine-failed"),
        *("not-found", "digest-mismatch", "size-mismatch", "fragment-missing"),
        *("document-invalid", "document-too-large", "document-too-many-entries"),
        *("document-type-unknown", "document-type-unexpected", "index-no-component", "layers-not-one"),
        *("json-not-utf8", "json-syntax", "json-too-deep", "json-not-an-object"),
        *("wasm-malformed", "wasm-unsupported", "wasm-reserved-section", "wasm-too-deep", "wasm-too-large"),
        *("skeleton-not-canonical", "skeleton-too-large", "split-incomplete", "split-too-many-fragments"),
    )
)
"""Codes of what could not be looked at."""

MAX_POLICY_SIZE: Final = 1 * MIB
_UNITS: Final = {"B": 1, "KiB": KIB, "MiB": MIB, "GiB": GIB}
_MOST_PARTS: Final = 16
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*+"|\'[^\'\n]*+\'')
_SIZE = re.compile(r"([0-9]+) ?(B|KiB|MiB|GiB)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is asked for; each field in its default asks for nothing.

    Attributes:
        max_whole_size: of a binary, in bytes.
        max_module_size: of one core module in a component, in bytes.
        max_manifest_size: of a manifest or index, in bytes.
        max_modules: distinct modules that are split out of one component.
        required_annotations: keys.
        allowed_imports: patterns; `None` for any.
        denied_imports: patterns.
        allowed_licenses: SPDX identifiers; `None` for any, or none at all.
        semantic_tags: a tag has to be a semantic version.
        allowed_created: times of creation; `None` for any.
        split_required: a component that can be split has to be.
        levels: by code, where they are other than the rules'.

    Raises:
        RequestError: `policy-invalid`, where what could not be looked at would be a note.
    """

    max_whole_size: int | None = None
    max_module_size: int | None = None
    max_manifest_size: int | None = None
    max_modules: int | None = None
    required_annotations: tuple[str, ...] = ()
    allowed_imports: tuple[str, ...] | None = None
    denied_imports: tuple[str, ...] = ()
    allowed_licenses: tuple[str, ...] | None = None
    semantic_tags: bool = False
    allowed_created: tuple[str, ...] | None = None
    split_required: bool = False
    levels: Mapping[str, Level] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for code in sorted(_ALWAYS_ERRORS & self.levels.keys()):
            if self.levels[code] is not Level.ERROR:
                raise _invalid(f"`{code}` is always an error: what was not looked at is never clean")

    @classmethod
    def parse_bytes(cls, raw: bytes, codes: Sequence[str] = ()) -> Policy:
        """Read a policy as it stands in a file; raises as `parse` does."""
        if len(raw) > MAX_POLICY_SIZE:
            raise _invalid(f"the policy has more than {MAX_POLICY_SIZE} bytes")
        try:
            return cls.parse(raw.decode(), codes)
        except UnicodeDecodeError as exc:
            raise _invalid("the policy is not UTF-8") from exc

    @classmethod
    def parse(cls, text: str, codes: Sequence[str] = ()) -> Policy:
        """Read a policy.

        Args:
            codes: of rules; a level for another one is refused. Without them any is taken.

        Raises:
            RequestError: `policy-invalid`.
        """
        # Reading a key of thousands of parts takes minutes; those of a policy have two.
        if any(line.count(".") > _MOST_PARTS for line in _STRING.sub("", text).splitlines()):
            raise _invalid(f"a key of the policy has more than {_MOST_PARTS} parts")
        try:
            document = tomllib.loads(text)
        except (ValueError, RecursionError) as exc:  # `TOMLDecodeError` is one, and so is a number of 5,000 digits
            raise _invalid(f"the policy is not TOML: {str(exc)[:200]}") from exc
        levels = document.get("levels", {})
        unknown = sorted(set(levels) - set(codes)) if codes and isinstance(levels, dict) else []
        if unknown:
            raise _invalid(f"there is no rule `{unknown[0][:100]}`")
        finding = next(chain(shape_findings("policy", document), _fractions(document)), None)
        if finding is not None:
            raise _invalid(_message(finding))
        for time in document.get("reproducible", {}).get("created", ()):
            if not is_created(time):
                raise _invalid(f"`{time[:100]}` is not an RFC 3339 time")
        sizes = document.get("size", {})
        return cls(
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


def _invalid(message: str) -> RequestError:
    return RequestError("policy-invalid", message, hint="`packaging-kit schema policy`")


def matches(pattern: str, name: str) -> bool:
    """Whether `name` is what `pattern` says, in which `*` stands for any text; linear in both for each `*`."""
    first, *rest = pattern.split("*")
    if not rest:
        return name == pattern
    *middle, last = rest
    if not name.startswith(first) or not name.endswith(last) or len(name) < len(first) + len(last):
        return False
    position, end = len(first), len(name) - len(last)
    for part in middle:
        found = name.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True


class Patterns:
    """Patterns that many names are held against: most of them are looked for all at once, or at a glance."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._beginnings = tuple(
            pattern[:-1] for pattern in patterns if "*" in pattern and pattern.find("*") == len(pattern) - 1
        )
        self._names = frozenset(pattern for pattern in patterns if "*" not in pattern)
        others = [pattern for pattern in patterns if "*" in pattern[:-1]]
        self._others = [(max(pattern.split("*"), key=len), pattern) for pattern in others]

    def match(self, name: str) -> bool:
        """Whether `name` is what one of them says."""
        is_found = name in self._names or name.startswith(self._beginnings)
        return is_found or any(part in name and matches(pattern, name) for part, pattern in self._others)
