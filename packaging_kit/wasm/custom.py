"""Custom sections: their names, `producers`, and the `name` sections that say what a binary calls itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from packaging_kit.errors import WasmFormatError
from packaging_kit.wasm.reader import Reader
from packaging_kit.wasm.sections import Section, SectionId


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomSection:
    """One custom section (core spec, 5.5.3).

    Attributes:
        name: what it calls itself.
        start: absolute offset of its data, after the name.
        end: absolute offset after its last byte.
    """

    name: str
    start: int
    end: int


def parse_custom_section(data: bytes | memoryview, section: Section) -> CustomSection | None:
    """The custom section at `section`, or `None` where its name can't be read.

    No engine refuses a binary for what is in a custom section, so neither does a reader of them.
    """
    reader = Reader(data, section.contents, section.end)
    try:
        name = reader.name()
    except WasmFormatError:
        return None
    return CustomSection(name=name, start=reader.position, end=section.end)


def iter_custom_sections(data: bytes | memoryview, sections: Iterator[Section]) -> Iterator[CustomSection]:
    """Those of `sections` that are custom sections with a name that can be read."""
    for section in sections:
        if section.id == SectionId.CUSTOM and (custom := parse_custom_section(data, section)) is not None:
            yield custom


Producers = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
"""Fields of a `producers` section in their order: (field, ((name, version), ...))."""


def parse_producers(data: bytes | memoryview, custom: CustomSection) -> Producers:
    """The `producers` section (tool-conventions, ProducersSection.md); empty where it can't be read."""
    reader = Reader(data, custom.start, custom.end)
    try:
        return tuple(
            (reader.name(), tuple((reader.name(), reader.name()) for _ in range(reader.count())))
            for _ in range(reader.count())
        )
    except WasmFormatError:
        return ()


def parse_own_name(data: bytes | memoryview, custom: CustomSection) -> str | None:
    """The name of the module or component itself: subsection 0 of a `name` or `component-name` section."""
    reader = Reader(data, custom.start, custom.end)
    try:
        while not reader.at_end:
            subsection = reader.byte()
            size = reader.count()
            if subsection == 0:
                return Reader(data, reader.position, reader.position + size).name()
            reader.position += size
    except WasmFormatError:
        return None
    return None
