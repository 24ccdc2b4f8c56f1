"""Policies: what a registry asks for beyond what the specifications do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from packaging_kit.errors import RequestError
from packaging_kit.validate.problem import Level

ALWAYS_ERRORS: Final = frozenset(
    (
        *("engine-missing", "engine-timeout", "engine-failed"),
        *("not-found", "digest-mismatch", "size-mismatch", "fragment-missing"),
        *("document-invalid", "document-too-large", "document-too-many-entries"),
        *("document-type-unknown", "document-type-unexpected", "index-no-component", "layers-not-one"),
        *("json-not-utf8", "json-syntax", "json-too-deep", "json-not-an-object"),
        *("wasm-malformed", "wasm-unsupported", "wasm-reserved-section", "wasm-too-deep", "wasm-too-large"),
        *("skeleton-not-canonical", "skeleton-too-large", "split-incomplete", "split-too-many-fragments"),
        # What a rule was broken by is often not looked into any further.
        *("document-schema", "document-kinds-mixed", "media-type-mismatch", "media-type-unexpected"),
        *("size-not-an-integer", "size-negative", "json-number-invalid", "json-integer-too-large"),
        *("digest-form", "digest-case", "digest-length", "digest-algorithm"),
        *("json-duplicate-name", "json-trailing-data", "json-byte-order-mark", "json-lone-surrogate"),
        *("split-index-incomplete", "split-needless", "split-whole-mismatch", "split-root-mismatch"),
    )
)
"""Codes of what could not be looked at."""


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
        for code in sorted(ALWAYS_ERRORS & self.levels.keys()):
            if self.levels[code] is not Level.ERROR:
                raise policy_invalid(f"`{code}` is always an error: what was not looked at is never clean")


def policy_invalid(message: str) -> RequestError:
    """The error for a policy that asks for what can't be asked for."""
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
