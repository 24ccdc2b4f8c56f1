"""Annotations that say something else than the binary's custom sections do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from packaging_kit.oci.media_types import IMAGE_ANNOTATION
from tests.bad_documents.builders import MODULE, NOTHING, Json, artifact
from tests.bad_documents.case import Case, File, Found, Input, case, note
from tests.strategies import component, custom

SECTIONS: Final = {
    "version": "1.0.0",
    "description": "what it does",
    "licenses": "MIT",
    "source": "https://example.com/source",
    "homepage": "https://example.com/",
    "authors": "A",
    "revision": "abc",
}
KEY_OF: Final = {name: IMAGE_ANNOTATION + (name if name != "homepage" else "url") for name in SECTIONS}
TOLD: Final = component(*(custom(name, value.encode()) for name, value in SECTIONS.items()))
ALL: Final = {KEY_OF[name]: value for name, value in SECTIONS.items()}


def stated(data: bytes, annotations: Mapping[str, Json]) -> Input:
    return artifact(data, fields={"annotations": dict(annotations)} if annotations else {})


def said(code: str, name: str) -> Found:
    return note(code, f"annotations.{KEY_OF[name]}")


def without(name: str) -> Mapping[str, Json]:
    return {key: value for key, value in ALL.items() if key != KEY_OF[name]}


CASES: Final[tuple[Case, ...]] = (
    case("annotations that say what the binary says are right", lambda: stated(TOLD, ALL)),
    *(
        case(
            f"the section `{name}` is not said by the manifest",
            lambda name=name: stated(TOLD, without(name)),  # type: ignore[misc]
            said("annotation-absent", name),
        )
        for name in SECTIONS
    ),
    *(
        case(
            f"the manifest says something else than the section `{name}`",
            lambda name=name: stated(
                TOLD, ALL | {KEY_OF[name]: "https:/Other"} | ({} if name != "licenses" else {KEY_OF[name]: "ISC"})
            ),  # type: ignore[misc]
            said("annotation-differs", name),
        )
        for name in SECTIONS
    ),
    *(
        case(
            f"the manifest says what a section `{name}` would, and there is none",
            lambda name=name: stated(NOTHING, {KEY_OF[name]: SECTIONS[name]}),  # type: ignore[misc]
            said("annotation-unfounded", name),
        )
        for name in SECTIONS
    ),
    case(
        "what is other, absent and unfounded is told rule by rule",
        lambda: stated(
            component(custom("authors", b"A"), custom("version", b"1")),
            {KEY_OF["version"]: "2", KEY_OF["source"]: "https://example.com/"},
        ),
        said("annotation-differs", "version"),
        said("annotation-absent", "authors"),
        said("annotation-unfounded", "source"),
    ),
    case(
        "an annotation that is empty says something else, and is not absent",
        lambda: stated(component(custom("version", b"1")), {KEY_OF["version"]: ""}),
        said("annotation-differs", "version"),
    ),
    case(
        "the last of two sections counts",
        lambda: stated(component(custom("version", b"1"), custom("version", b"2")), {KEY_OF["version"]: "2"}),
    ),
    case(
        "a core module's sections count as a component's do",
        lambda: stated(MODULE + custom("version", b"1"), {}),
        said("annotation-absent", "version"),
    ),
    case(
        "other annotations need no section",
        lambda: stated(
            NOTHING, {f"{IMAGE_ANNOTATION}title": "T", f"{IMAGE_ANNOTATION}vendor": "V", "com.example.a": "b"}
        ),
    ),
    case(
        "sections that can't become annotations are told of an artifact",
        lambda: stated(component(custom("licenses", b"Apache 2"), custom("version", b"\xff")), {}),
        note("metadata-invalid", says="`version`"),
        note("metadata-invalid", says="`licenses`"),
    ),
    case(
        "sections that can't become annotations are told of a file",
        lambda: File(data=component(custom("source", b"example.com"), custom("homepage", b"/"))),
        note("metadata-invalid", part="binary", says="`source`"),
        note("metadata-invalid", part="binary", says="`homepage`"),
    ),
    case("a file's sections are its annotations", lambda: File(data=TOLD)),
)
