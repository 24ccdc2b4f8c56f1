"""Rules over annotations (image-spec, `annotations.md`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from packaging_kit.artifact.annotations import has_scheme
from packaging_kit.artifact.licenses import is_license_expression
from packaging_kit.oci.media_types import IMAGE_ANNOTATION
from packaging_kit.oci.wasm_config import is_created
from packaging_kit.validate.problem import Level
from packaging_kit.validate.rule import Finding, Rule, rule
from packaging_kit.validate.values import Annotations

_KNOWN: Final = frozenset(
    (
        *("created", "authors", "url", "documentation", "source", "version", "revision", "vendor", "licenses"),
        *("ref.name", "title", "description", "base.digest", "base.name"),
    )
)
_MOST_OF_A_DOMAIN: Final = 1000  # characters: a regular expression of parts takes memory for each
_URLS: Final = ("url", "documentation", "source")
_QUALIFIED = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+(?:[./].*)?", re.DOTALL)


@rule(
    "annotation-key-invalid",
    what="an annotation whose key is empty or holds spaces or control characters",
    why="keys are names (image-spec, annotations.md, Rules); such ones can't be told apart where they are shown",
    example='{"annotations":{"a key":"…"}}',
)
def key_invalid(annotations: Annotations) -> Iterator[Finding]:
    for key in annotations.entries:
        if not key or not key.isprintable() or " " in key:
            yield Finding(annotations.at(key), f"`{key[:100]}` is not the key of an annotation")


@rule(
    "annotation-key-unqualified",
    what="an annotation whose key has no domain",
    why="keys should be named in reverse domain notation, as `com.example.key` (image-spec, annotations.md, Rules)",
    example='{"annotations":{"note":"…"}}',
    level=Level.NOTE,
)
def key_unqualified(annotations: Annotations) -> Iterator[Finding]:
    for key in annotations.entries:
        if key and key.isprintable() and " " not in key and not _QUALIFIED.fullmatch(key[:_MOST_OF_A_DOMAIN]):
            yield Finding(annotations.at(key), f"the key `{key[:100]}` has no domain")


@rule(
    "annotation-key-reserved",
    what="a key under `org.opencontainers.image.` that the image spec does not define",
    why="the prefix is reserved for keys of the specification (image-spec, annotations.md, Rules)",
    example='{"annotations":{"org.opencontainers.image.flavour":"…"}}',
    level=Level.NOTE,
)
def key_reserved(annotations: Annotations) -> Iterator[Finding]:
    for key in annotations.entries:
        if key.startswith(IMAGE_ANNOTATION) and key.removeprefix(IMAGE_ANNOTATION) not in _KNOWN:
            yield Finding(annotations.at(key), f"`{key[:100]}` is no key of the image spec, and its prefix is reserved")


@rule(
    "annotation-created-invalid",
    what="a time of creation that is not RFC 3339",
    why="image-spec, annotations.md, Pre-Defined Annotation Keys",
    example='{"annotations":{"org.opencontainers.image.created":"yesterday"}}',
)
def created_invalid(annotations: Annotations) -> Iterator[Finding]:
    key = f"{IMAGE_ANNOTATION}created"
    if key in annotations.entries and not is_created(annotations.entries[key]):
        yield Finding(annotations.at(key), f"`{annotations.entries[key][:100]}` is not an RFC 3339 time")


@rule(
    "annotation-licenses-invalid",
    what="licenses that are no SPDX license expression",
    why="image-spec, annotations.md, Pre-Defined Annotation Keys; SPDX 2.3, Annex D",
    example='{"annotations":{"org.opencontainers.image.licenses":"Apache 2"}}',
    hint="as in `Apache-2.0 WITH LLVM-exception OR MIT`",
)
def licenses_invalid(annotations: Annotations) -> Iterator[Finding]:
    key = f"{IMAGE_ANNOTATION}licenses"
    if key in annotations.entries and not is_license_expression(annotations.entries[key]):
        yield Finding(annotations.at(key), f"`{annotations.entries[key][:100]}` is not an SPDX license expression")


@rule(
    "annotation-url-invalid",
    what="a `url`, `source` or `documentation` without a scheme",
    why="they are URLs (image-spec, annotations.md, Pre-Defined Annotation Keys)",
    example='{"annotations":{"org.opencontainers.image.source":"example.com/app"}}',
)
def url_invalid(annotations: Annotations) -> Iterator[Finding]:
    for name in _URLS:
        key = IMAGE_ANNOTATION + name
        if key in annotations.entries and not has_scheme(annotations.entries[key]):
            yield Finding(annotations.at(key), f"`{annotations.entries[key][:100]}` is not a URL")


ANNOTATION_RULES: Final[tuple[Rule[Annotations], ...]] = (
    key_invalid,
    key_unqualified,
    key_reserved,
    created_invalid,
    licenses_invalid,
    url_invalid,
)
