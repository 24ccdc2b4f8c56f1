"""Rules over a binary, besides those that reading it is against (`failure_rules`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from packaging_kit.validate.binaries import BinaryFacts
from packaging_kit.validate.engine import Defect
from packaging_kit.validate.problem import Level
from packaging_kit.validate.rule import Finding, Rule, rule


@rule(
    "core-module-malformed",
    what="a core module whose sections are not well framed; in a component, one of 4 KiB or more",
    why="core spec, 5.5.2: each section is its id, its size and so many bytes, up to the end of the module",
    example="a module with bytes behind its last section",
)
def core_module_malformed(facts: BinaryFacts) -> Iterator[Finding]:
    for error in facts.module_errors:
        yield Finding("", f"a core module is not well framed: {error.message}", error.offset)


@rule(
    "section-unknown",
    what="a section at the top level of a component whose id has no meaning today",
    why="it is kept as it is (Binary.md, Component Definitions); no tool of today knows what it does",
    example="a section of id 13",
    level=Level.NOTE,
)
def section_unknown(facts: BinaryFacts) -> Iterator[Finding]:
    for section_id, offset in facts.unknown_sections:
        yield Finding("", f"the meaning of sections of id {section_id} is not known", offset)


@rule(
    "wasm-invalid",
    what="a binary that the engine calls invalid",
    why="core spec 3 and Binary.md: no runtime that has these features will take it; the report names the engine",
    example="a function that leaves nothing where it has to leave an i32",
)
def wasm_invalid(defect: Defect) -> Iterator[Finding]:
    yield Finding("", defect.message, defect.offset)


BINARY_RULES: Final[tuple[Rule[BinaryFacts], ...]] = (core_module_malformed, section_unknown)
DEFECT_RULES: Final[tuple[Rule[Defect], ...]] = (wasm_invalid,)
