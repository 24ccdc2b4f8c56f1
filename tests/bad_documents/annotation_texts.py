"""Annotations that are wrong."""

from __future__ import annotations

from typing import Final

from packaging_kit.oci.media_types import IMAGE_ANNOTATION, IMAGE_MANIFEST
from tests.bad_documents.builders import EMPTY_JSON, descriptor, index, manifest, oci, oci_index, raw_of
from tests.bad_documents.case import Case, Found, Input, case, error, note

PLAIN: Final = raw_of(manifest())
EVERY_KEY: Final = {
    "created": "2026-01-01T00:00:00Z",
    "authors": "A",
    "url": "https://example.com/",
    "documentation": "https://example.com/docs",
    "source": "git+ssh://example.com/a",
    "version": "1.0.0",
    "revision": "abc",
    "vendor": "V",
    "licenses": "Apache-2.0 WITH LLVM-exception OR MIT",
    "ref.name": "v1",
    "title": "T",
    "description": "D",
    "base.digest": "sha256:0",
    "base.name": "example.com/base",
}


def on(**entries: str) -> Input:
    """Annotations of the image spec on a manifest; `_` in a name stands for a dot."""
    return annotated({IMAGE_ANNOTATION + name.replace("_", "."): value for name, value in entries.items()})


def annotated(entries: dict[str, str]) -> Input:
    return oci(manifest(annotations=entries))


def at(key: str) -> str:
    return f"annotations.{IMAGE_ANNOTATION}{key}"


KEYS: Final = (
    case(
        "every key of the image spec is known",
        lambda: annotated({IMAGE_ANNOTATION + key: text for key, text in EVERY_KEY.items()}),
    ),
    case(
        "keys with a domain are taken",
        lambda: annotated({"com.example.a": "b", "com.example/a b"[:13]: "c", "org.example/x/y": ""}),
    ),
    case("an empty key is none", lambda: annotated({"": "a"}), error("annotation-key-invalid", "annotations.")),
    case(
        "a key with a space is none",
        lambda: annotated({"com.example.a key": "a"}),
        error("annotation-key-invalid", "annotations.com.example.a key"),
    ),
    case(
        "a key with a control character is none",
        lambda: annotated({"com.example.\x1b[1m": "a"}),
        error("annotation-key-invalid", "annotations.com.example.\x1b[1m"),
    ),
    case(
        "a key with a character that nobody sees is none",
        lambda: annotated({"com.example.\u202ea": "a"}),
        error("annotation-key-invalid", "annotations.com.example.\u202ea"),
    ),
    case(
        "a key that is none is told as that alone, whatever its domain",
        lambda: annotated({"a key": "a", "a\nkey": "b"}),
        error("annotation-key-invalid", "annotations.a\nkey"),
        error("annotation-key-invalid", "annotations.a key"),
    ),
    case("a domain may take 1,000 characters", lambda: annotated({"a" * 998 + ".b": "c"})),
    case(
        "a domain may take no more than 1,000 characters",
        lambda: annotated({"a" * 999 + ".b": "c"}),
        note("annotation-key-unqualified", "annotations." + "a" * 200 + "…"),
    ),
    case(
        "a path shows 200 characters of a key",
        lambda: annotated({"a." + "b" * 197 + " ": "c", "a." + "b" * 198 + " ": "c"}),
        error("annotation-key-invalid", "annotations.a." + "b" * 197 + " "),
        error("annotation-key-invalid", "annotations.a." + "b" * 198 + "…"),
    ),
    case(
        "a key of one word has no domain",
        lambda: annotated({"note": "a"}),
        note("annotation-key-unqualified", "annotations.note"),
    ),
    case(
        "a key with a slash and no dot has no domain",
        lambda: annotated({"example/a": "a"}),
        note("annotation-key-unqualified", "annotations.example/a"),
    ),
    case(
        "a key that begins with a dot has no domain",
        lambda: annotated({".example": "a"}),
        note("annotation-key-unqualified", "annotations..example"),
    ),
    case(
        "a key under the prefix of the image spec that it does not have is its own",
        lambda: on(flavour="a"),
        note("annotation-key-reserved", at("flavour")),
    ),
    case(
        "the prefix of the image spec alone is no key of it",
        lambda: on(**{"": "a"}),
        note("annotation-key-reserved", at("")),
    ),
    case(
        "the prefix of the image spec in the middle is no prefix",
        lambda: annotated({f"com.example.{IMAGE_ANNOTATION}flavour": "a"}),
    ),
    case("a known name under another prefix is not reserved", lambda: annotated({"com.example.flavour": "a"})),
)

VALUES: Final = (
    case(
        "a time of creation that is a word is none",
        lambda: on(created="yesterday"),
        error("annotation-created-invalid", at("created")),
    ),
    case(
        "a time of creation without a time is none",
        lambda: on(created="2026-01-01"),
        error("annotation-created-invalid", at("created")),
    ),
    case(
        "a time of creation on a day that no month has is none",
        lambda: on(created="2026-02-30T00:00:00Z"),
        error("annotation-created-invalid", at("created")),
    ),
    case(
        "licenses that are no expression are none",
        lambda: on(licenses="Apache 2"),
        error("annotation-licenses-invalid", at("licenses")),
    ),
    case(
        "licenses that are empty are none",
        lambda: on(licenses=""),
        error("annotation-licenses-invalid", at("licenses")),
    ),
    case("licenses of 100,000 characters are read", lambda: on(licenses="a" * 100_000)),
    case(
        "licenses of a character more than 100,000 are not read",
        lambda: on(licenses="a" * 100_001),
        error("annotation-licenses-invalid", at("licenses")),
    ),
    case("a URL without a scheme is none", lambda: on(url="example.com"), error("annotation-url-invalid", at("url"))),
    case(
        "a source without a scheme is none",
        lambda: on(source="example.com/app"),
        error("annotation-url-invalid", at("source")),
    ),
    case(
        "a documentation without a scheme is none",
        lambda: on(documentation="/docs"),
        error("annotation-url-invalid", at("documentation")),
    ),
    case(
        "URLs that are all wrong are all told",
        lambda: on(source="", documentation="", url=""),
        error("annotation-url-invalid", at("url")),
        error("annotation-url-invalid", at("documentation")),
        error("annotation-url-invalid", at("source")),
    ),
)

INVALID: Final = {f"{IMAGE_ANNOTATION}created": "never"}


def _found(path: str, part: str = "manifest") -> Found:
    return error("annotation-created-invalid", f"{path}.annotations.{IMAGE_ANNOTATION}created", part=part)


PLACES: Final = (
    case(
        "annotations are looked at wherever they stand",
        lambda: oci(
            manifest(
                annotations=INVALID,
                config=descriptor(EMPTY_JSON, "application/vnd.oci.empty.v1+json", annotations=INVALID),
                layers=[descriptor(), descriptor(annotations=INVALID)],
                subject=descriptor(annotations=INVALID),
            )
        ),
        error("annotation-created-invalid", at("created")),
        _found("config"),
        _found("layers[1]"),
        _found("subject"),
    ),
    case(
        "annotations of an index's entry are looked at",
        lambda: oci_index(index(descriptor(PLAIN, IMAGE_MANIFEST, annotations=INVALID)), PLAIN),
        _found("manifests[0]", "index"),
    ),
)

CASES: Final[tuple[Case, ...]] = (*KEYS, *VALUES, *PLACES)
