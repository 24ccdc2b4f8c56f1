"""Custom sections: their names, `producers`, and the `name` sections that say what a binary calls itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator
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


def iter_custom_sections(
    data: bytes | memoryview, sections: Iterator[Section], names: Collection[str] = ()
) -> Iterator[CustomSection]:
    """Those of `sections` that are custom sections with a name that can be read.

    Args:
        names: that are wanted; all of them by default. Passing over the others is cheap.
    """
    custom_id = int(SectionId.CUSTOM)
    wanted = {name.encode() for name in names}
    sizes = {len(name) for name in wanted}
    for section in sections:
        section_id, _, contents, end = section
        if section_id != custom_id:
            continue
        # A component may have a million of them: what is plainly another name is not parsed.
        if (
            wanted
            and contents < end
            and (size := data[contents]) < 0x80
            and (size not in sizes or bytes(data[contents + 1 : contents + 1 + size]) not in wanted)
        ):
            continue
        custom = parse_custom_section(data, section)
        if custom is not None and (not wanted or custom.name in names):
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
