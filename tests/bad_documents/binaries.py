"""Binaries that are not well framed, or of no kind that is taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from packaging_kit.limits import MAX_LITERAL_IN_MEMORY
from tests.bad_documents.builders import (
    MODULE,
    NOTHING,
    Json,
    artifact,
    core_module,
    exports,
    fixture,
    imports,
    wasm_config,
)
from tests.bad_documents.case import Case, File, Input, case, error, note
from tests.strategies import COMPONENT, CORE_MODULE, SKELETON, component, custom, leb128, section

MALFORMED: Final = "wasm-malformed"
UNSUPPORTED: Final = "wasm-unsupported"

VECTORS: Final = {
    "empty": (MALFORMED, 0, "an empty file is no binary"),
    "short-preamble": (MALFORMED, 6, "a preamble that is cut is none"),
    "not-wasm": (MALFORMED, 0, "a file of another format is no binary"),
    "layer-two": (UNSUPPORTED, 4, "a layer that nobody defines is not taken"),
    "old-component-version": (UNSUPPORTED, 4, "a component of an older version is not taken"),
    "core-other-version": (UNSUPPORTED, 4, "a core module of another version is not taken"),
    "skeleton-as-input": (UNSUPPORTED, 4, "a skeleton is no component"),
    "section-runs-past-end": (MALFORMED, 0x6F, "a section may not run past the end"),
    "size-leb-six-bytes": (MALFORMED, 9, "a size has at most five bytes"),
    "size-leb-too-large": (MALFORMED, 9, "a size is below 2^32"),
    "size-leb-cut": (MALFORMED, 9, "a size that is cut is none"),
    "external-section-in-input": ("wasm-reserved-section", 8, "a section of the split's own id can't be split"),
    "external-section-empty": ("wasm-reserved-section", 8, "an empty section of the split's own id can't be split"),
    "nested-external-section": ("wasm-reserved-section", 18, "a nested section of the split's own id can't be split"),
    "nested-runs-past-its-parent": (MALFORMED, 19, "a section may not run past the section that holds it"),
    "leb-crosses-parent": (MALFORMED, 19, "a size may not run past the section that holds it"),
    "module-section-without-module": (MALFORMED, 11, "a core module section holds a core module"),
    "module-section-other-version": (MALFORMED, 11, "a core module section holds one of today's version"),
    "component-section-without-component": (MALFORMED, 10, "a component section holds a component"),
    "nested-old-version": (MALFORMED, 10, "a component section holds one of today's version"),
    "nested-skeleton": (MALFORMED, 10, "a component section holds no skeleton"),
    "nested-shorter-than-preamble": (MALFORMED, 10, "a component section holds at least a preamble"),
    "nested-empty": (MALFORMED, 10, "a component section is not empty"),
    "ends-inside-nested": (MALFORMED, 0xFB3, "a component may not end inside a nested one"),
    "component-depth-1001": ("wasm-too-deep", 10997, "components nest at no more than 1,000 levels"),
    "trailing-byte": (MALFORMED, 13, "a byte behind the last section is no section"),
}
"""Code, offset and sentence of each `*.bad` of the format's vectors."""


def bad(name: str) -> bytes:
    return fixture(f"vectors/{name}.bad")


def broken_module(*, after: bytes, size: int = 4096) -> bytes:
    """A core module of a custom section that fills it but for the bytes `after`."""
    return core_module(size=size - len(after)) + after


def in_component(*modules: bytes) -> Input:
    return File(data=component(*(section(1, module) for module in modules)))


def _file(name: str) -> Callable[[], Input]:
    return lambda: File(data=bad(name))


def _layer(name: str) -> Callable[[], Input]:
    return lambda: artifact(bad(name), config=_no_names(bad(name)))


_FIRST: Final = len(COMPONENT) + 3
"""Offset of the contents of a first section of 4,096 bytes."""

FILES: Final = (
    *(
        case(f"{sentence}, in a file", _file(name), error(code, part="binary", offset=offset))
        for name, (code, offset, sentence) in VECTORS.items()
    ),
    *(
        case(
            f"{sentence}, in a layer",
            _layer(name),
            error(code, part="binary", offset=offset),
        )
        for name, (code, offset, sentence) in VECTORS.items()
        if name in ("empty", "layer-two", "external-section-in-input", "trailing-byte")
    ),
    case("components nest at 1,000 levels", lambda: File(data=fixture("vectors/component-depth-1000.wasm"))),
    case(
        "a component may have 32 MiB outside of its modules",
        lambda: File(data=component(_custom_of(MAX_LITERAL_IN_MEMORY - len(COMPONENT)))),
    ),
    case(
        "a component may have no byte more than 32 MiB outside of its modules",
        lambda: File(data=component(_custom_of(MAX_LITERAL_IN_MEMORY + 1 - len(COMPONENT)))),
        error("wasm-too-large", part="binary", offset=MAX_LITERAL_IN_MEMORY),
    ),
)


def _no_names(data: bytes) -> Json:
    """A config that says nothing of the binary that could be wrong."""
    return wasm_config(data) | {"component": None, "os": "wasip2"}


def _custom_of(size: int) -> bytes:
    """A custom section of so many bytes in all."""
    contents = size - 1 - len(leb128(size))
    return section(0, b"\4fill" + bytes(contents - 5))


MODULES: Final = (
    case("a core module without sections is well framed", lambda: File(data=MODULE)),
    case("a component without sections is well framed", lambda: File(data=NOTHING)),
    case("a core module with a padded size is well framed", lambda: File(data=MODULE + section(0, b"\1a", 5))),
    case(
        "a core module with a byte behind its last section is not well framed",
        lambda: File(data=MODULE + section(0, b"\1a") + b"\0"),
        error("core-module-malformed", part="binary", offset=13),
    ),
    case(
        "a core module that ends inside a section is not well framed",
        lambda: File(data=MODULE + b"\0\x05\1a"),
        error("core-module-malformed", part="binary", offset=12),
    ),
    case(
        "a module inside a component with a byte behind its last section is not well framed",
        lambda: in_component(broken_module(after=b"\0")),
        error("core-module-malformed", part="binary", offset=_FIRST + 4096),
    ),
    case(
        "a module's section may not run past the module",
        lambda: in_component(broken_module(after=b"\0\x7f")),
        error("core-module-malformed", part="binary", offset=_FIRST + 4095),
    ),
    case(
        "each module that is not well framed is told, in their order",
        lambda: in_component(broken_module(after=b"\0"), core_module(size=5000), broken_module(after=b"\1")),
        error("core-module-malformed", part="binary", offset=_FIRST + 4096),
        error("core-module-malformed", part="binary", offset=_FIRST + 4096 + 3 + 5000 + 3 + 4096),
    ),
    case("a small module is not looked into", lambda: in_component(CORE_MODULE + b"\0")),
)

SECTIONS: Final = (
    case(
        "sections of every id that has a meaning are known",
        lambda: File(
            data=component(
                *(section(each, b"") for each in (*range(2, 4), *range(5, 10))), custom("a", b""), section(12, b"")
            )
        ),
    ),
    case(
        "a section of id 13 has no meaning",
        lambda: File(data=component(section(13, b"a"))),
        note("section-unknown", part="binary", offset=8),
    ),
    case(
        "sections without meaning are each told, at their place in the whole",
        lambda: File(data=component(section(127, b""), section(1, core_module(size=5000)), section(255, b""))),
        note("section-unknown", part="binary", offset=8),
        note("section-unknown", part="binary", offset=10 + 3 + 5000),
    ),
    case(
        "names that can't be read are no defect of a file",
        lambda: File(data=component(imports("a", kind=b"\x66"), exports("b"))),
    ),
    case(
        "a skeleton as a file is no component, and it is said what it is",
        lambda: File(data=SKELETON),
        error(UNSUPPORTED, part="binary", offset=4, says="reassemble"),
    ),
)

CASES: Final[tuple[Case, ...]] = (*FILES, *MODULES, *SECTIONS)
