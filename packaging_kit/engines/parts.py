"""The parts of a component, at every depth, as its skeletons tell them; no core module's bytes are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from packaging_kit.digest import Digest
from packaging_kit.errors import WasmFormatError
from packaging_kit.fragments.exploded import Exploded
from packaging_kit.fragments.external import parse_external
from packaging_kit.wasm.preamble import CORE_MODULE_PREAMBLE, PREAMBLE_SIZE
from packaging_kit.wasm.reader import Reader
from packaging_kit.wasm.sections import Section, SectionId, iter_sections

Key = Digest | bytes
"""A distinct core module: the digest of its fragment, or the module itself where it is none."""


class Literal(NamedTuple):
    """Sections as they are, one after the other.

    Attributes:
        data: their bytes.
        offset: of the first byte, in the whole.
    """

    data: bytes
    offset: int


class Alias(NamedTuple):
    """An alias section in which core modules of enclosing components may be named; it is also part of a literal.

    Attributes:
        data: what it stands in.
        section: where, in `data`.
        shift: from there to the offset in the whole.
        depth: of the component that it is a section of; the root has depth 0.
    """

    data: bytes
    section: Section
    shift: int
    depth: int


class Custom(NamedTuple):
    """A custom section that is not small.

    Attributes:
        name: as it is encoded; what comes after it is nobody's to check.
        offset: of the name, in the whole.
    """

    name: bytes
    offset: int


class CoreModule(NamedTuple):
    """A core module section.

    Attributes:
        key: which one it is.
        contents: offset of the module in the whole.
        depth: of the component that it is a section of.
    """

    key: Key
    contents: int
    depth: int


class Begin(NamedTuple):
    """A nested component begins.

    Attributes:
        contents: its offset in the whole.
    """

    contents: int


class End(NamedTuple):
    """The innermost component ends."""


OUTER_CORE_MODULE: Final = b"\x00\x11\x02"
"""How an alias of a core module of an enclosing component begins."""

_SMALL: Final = 64
"""Bytes of a custom section that is not worth to be told by itself."""

Part = Literal | Alias | Custom | CoreModule | Begin | End

_SPECIAL: Final = frozenset(
    (SectionId.CUSTOM, SectionId.CORE_MODULE, SectionId.COMPONENT, SectionId.ALIAS, SectionId.EXTERNAL)
)


@dataclass(slots=True)
class _Component:
    """A component that is open.

    Attributes:
        data: what it stands in: a skeleton, its own or one that it is a literal part of.
        sections: those that were not looked at yet.
        end: of the component in `data`.
        shift: from a position in `data` to the offset in the whole.
        told: position up to which everything was told.
    """

    data: bytes
    sections: Iterator[Section]
    end: int
    shift: int
    told: int

    def take_literal(self, end: int) -> Iterator[Literal]:
        """What stands before `end` and was not told yet."""
        if self.told < end:
            yield Literal(self.data[self.told : end], self.told + self.shift)
        self.told = end


class _Parts:
    """The walk over the skeletons of one component; each of them is read once."""

    def __init__(self, exploded: Exploded) -> None:
        self._exploded = exploded
        self._skeletons: dict[Digest, bytes] = {}
        self._open = [self._open_skeleton(exploded.root, 0)]

    def __iter__(self) -> Iterator[Part]:
        while self._open:
            component = self._open[-1]
            for section in component.sections:
                # The common cases inline: there may be a million of them.
                if section.id == SectionId.ALIAS:
                    if component.data.find(OUTER_CORE_MODULE, section.contents, section.end) >= 0:
                        yield Alias(component.data, section, component.shift, len(self._open) - 1)
                elif section.id != SectionId.CUSTOM or section.size > _SMALL:
                    yield from self._tell(component, section)
                    break
            else:
                yield from component.take_literal(component.end)
                self._open.pop()
                if self._open:
                    yield End()

    def _tell(self, component: _Component, section: Section) -> Iterator[Part]:
        if section.id == SectionId.CORE_MODULE and not _is_core_module(component.data, section):
            return  # it stays as it is, for engines to say so
        yield from component.take_literal(section.start)
        component.told = section.end
        match section.id:
            case SectionId.EXTERNAL:
                yield self._tell_external(component, section)
            case SectionId.CORE_MODULE:
                module = component.data[section.contents : section.end]
                yield CoreModule(module, section.contents + component.shift, len(self._open) - 1)
            case SectionId.COMPONENT:
                yield self._begin(_open(component.data, section.contents, section.end, component.shift))
            case _:
                yield Custom(_name(component.data, section), section.contents + component.shift)

    def _tell_external(self, component: _Component, section: Section) -> Part:
        external = parse_external(Reader(component.data, section.contents, section.end), section.start)
        contents = section.start + component.shift + len(external.header)
        component.shift = contents + external.size - section.end
        if external.is_module:
            return CoreModule(external.digest, contents, len(self._open) - 1)
        return self._begin(self._open_skeleton(external.digest, contents))

    def _begin(self, component: _Component) -> Begin:
        begin = Begin(component.told + component.shift - PREAMBLE_SIZE)
        self._open.append(component)
        return begin

    def _open_skeleton(self, digest: Digest, contents: int) -> _Component:
        if digest not in self._skeletons:
            self._skeletons[digest] = b"".join(self._exploded.iter_blob_unverified(digest))
        data = self._skeletons[digest]
        return _open(data, 0, len(data), contents)


def iter_parts(exploded: Exploded) -> Iterator[Part]:
    """The parts of a component in their order, without preambles; nothing recurses."""
    return iter(_Parts(exploded))


def _open(data: bytes, start: int, end: int, shift: int) -> _Component:
    sections = iter_sections(data, start, end, ids=_SPECIAL)
    return _Component(data=data, sections=sections, end=end, shift=shift, told=start + PREAMBLE_SIZE)


def _is_core_module(data: bytes, section: Section) -> bool:
    return data.startswith(CORE_MODULE_PREAMBLE, section.contents, section.end)


def _name(data: bytes, section: Section) -> bytes:
    """The name of a custom section; all of the section where it can't be told from the rest."""
    reader = Reader(data, section.contents, section.end)
    try:
        size = reader.u32()
        reader.take(size)
    except WasmFormatError:
        return data[section.contents : section.end]
    return data[section.contents : reader.position]
