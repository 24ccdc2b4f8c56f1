"""The outline of a component: all of it but its core modules, whose types are handed in from outside.

A component model validator sees no more of a core module than its type. So the copy that is checked defines none:
it is nested in a component, the *frame*, that imports one module of each type, and every core module section becomes an
alias of one of these: one section for one section, so that no index of the copy changes. In text:

    (component                                                    ;; the frame
      (import "r" (type $r (sub resource)))
      (type $t0 (instance
        (alias outer 1 $r (type $r)) (export "r" (type (eq $r)))
        (core type $m (module ...)) (export "m" (core module (type $m)))))
      (import "m0" (instance $i0 (type $t0)))
      (alias export $i0 "m" (core module $m0))
      (component                                                  ;; the copy
        (alias outer 1 $m0 (core module))))

Why the resource: an alias of the input that counts further out than the root is invalid, and must not become valid by
reaching the frame. No alias takes a type that has a resource in it into another component, so the types of the frame
can't be reached; its core modules can, so `find_overreach` looks for aliases of these.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from packaging_kit.engines.parts import OUTER_CORE_MODULE, Alias, Begin, CoreModule, Custom, End, Key, Literal, Part
from packaging_kit.limits import MIB
from packaging_kit.wasm.leb128 import encode_u32
from packaging_kit.wasm.preamble import COMPONENT_PREAMBLE
from packaging_kit.wasm.reader import Reader
from packaging_kit.wasm.sections import SectionId
from packaging_kit.wasm.stubs import Stub

MAX_FRAME_WEIGHT: Final = 400_000
"""Of the stubs in one frame: engines bound the size of all types in one component to 1,000,000."""

MAX_OUTLINE_SIZE: Final = 1 * MIB
"""Of an outline that is compiled, in bytes: types take up to 120 times as much memory. Those of real components of
18 MB have 270 kB."""

MAX_COMPONENTS: Final = 1000
"""Components and core modules in one component, at every depth, itself among them; engines take no more."""

_EXPORT, _CORE_EXPORT, _OUTER = 0x00, 0x01, 0x02

_RESOURCE_IMPORT: Final = b"\x01\x00\x01r\x03\x01"
_INSTANCE_TYPE: Final = b"\x42\x04\x02\x03\x02\x01\x00\x04\x00\x01r\x03\x00\x00\x00"  # up to the module type
_MODULE_EXPORT: Final = b"\x04\x00\x01m\x00\x11\x00"


class Piece(NamedTuple):
    """Some bytes of an outline.

    Attributes:
        data: the bytes.
        offset: in the whole, of the first of them; of what they stand for, where they were made.
        is_literal: the same bytes stand there.
    """

    data: bytes
    offset: int
    is_literal: bool


class Outline:
    """What is compiled in place of a component, and the way back from its offsets.

    Attributes:
        data: a component.
        components: how many are in it, itself among them.
    """

    def __init__(self, pieces: Sequence[Piece], components: int) -> None:
        self.data = b"".join(piece.data for piece in pieces)
        self.components = components
        self._pieces = pieces
        self._ends = list(accumulate(len(piece.data) for piece in pieces))

    def to_whole(self, offset: int) -> int:
        """The offset in the whole for one in the outline: a core module's contents for what stands for a module."""
        found = min(bisect_right(self._ends, offset), len(self._pieces) - 1)
        piece = self._pieces[found]
        position = offset - (self._ends[found] - len(piece.data))
        return piece.offset + position if piece.is_literal else piece.offset


class _Writer:
    """Puts pieces one after the other; the header of a component is written when it ends."""

    def __init__(self) -> None:
        self.pieces: list[Piece] = []
        self.components = 0
        self._open: list[int] = []  # where the headers of the open components go
        self._sizes = [0]  # of what is open so far, the outermost first

    def add(self, data: bytes, offset: int, *, is_literal: bool = False) -> None:
        self.pieces.append(Piece(data, offset, is_literal))
        self._sizes[-1] += len(data)

    def section(self, section_id: int, contents: Sequence[tuple[bytes, int]]) -> None:
        """A section whose contents are several pieces, each with the offset that it is there for."""
        size = sum(len(data) for data, _ in contents)
        self.add(bytes((section_id,)) + encode_u32(size), contents[0][1])
        for data, offset in contents:
            self.add(data, offset)

    def begin(self, contents: int) -> None:
        """Open a component, whose preamble stands at the offset `contents` of the whole."""
        self._open.append(len(self.pieces))
        self._sizes.append(0)
        self.components += 1
        self.pieces.append(Piece(b"", contents, is_literal=False))
        self.add(COMPONENT_PREAMBLE, contents, is_literal=True)

    def end(self) -> None:
        """Close the innermost component; the outermost is no section, and has no header."""
        index, size = self._open.pop(), self._sizes.pop()
        if self._open:
            header = bytes((SectionId.COMPONENT,)) + encode_u32(size)
            self.pieces[index] = self.pieces[index]._replace(data=header)
            self._sizes[-1] += len(header) + size


def make_outline(parts: Sequence[Part], stubs: Mapping[Key, Stub]) -> Outline:
    """The outline of the component that `parts` make up.

    Args:
        stubs: of every core module in it.
    """
    frames = _choose_frames(parts, stubs)
    places = {module.key: (number, index) for number, frame in enumerate(frames) for index, module in enumerate(frame)}
    writer = _Writer()
    for frame in frames:
        writer.begin(0)
        if frame:
            _write_frame(writer, frame, stubs)
    writer.begin(0)
    for part in parts:
        match part:
            case Literal(data, offset):
                writer.add(data, offset, is_literal=True)
            case Custom(name, offset):
                writer.add(bytes((SectionId.CUSTOM,)) + encode_u32(len(name)), offset)
                writer.add(name, offset, is_literal=True)
            case CoreModule(key, contents, depth):
                number, index = places[key]
                alias = OUTER_CORE_MODULE + encode_u32(depth + len(frames) - number) + encode_u32(index)
                writer.section(SectionId.ALIAS, ((b"\x01" + alias, contents),))
            case Begin(contents):
                writer.begin(contents)
            case End():
                writer.end()
    for _ in (*frames, "the copy"):
        writer.end()
    return Outline(writer.pieces, writer.components)


def _write_frame(writer: _Writer, modules: Sequence[CoreModule], stubs: Mapping[Key, Stub]) -> None:
    """Everything of a frame but the component in it."""
    types, imports, aliases = ([(encode_u32(len(modules)), 0)] for _ in range(3))
    for index, module in enumerate(modules):
        name = f"m{index}".encode()
        types.append((_INSTANCE_TYPE + stubs[module.key].module_type + _MODULE_EXPORT, module.contents))
        imports.append((b"\x00" + encode_u32(len(name)) + name + b"\x05" + encode_u32(1 + index), module.contents))
        aliases.append((b"\x00\x11\x00" + encode_u32(index) + b"\x01m", module.contents))
    writer.section(SectionId.IMPORT, [(_RESOURCE_IMPORT, 0)])
    writer.section(SectionId.TYPE, types)
    writer.section(SectionId.IMPORT, imports)
    writer.section(SectionId.ALIAS, aliases)


def _choose_frames(parts: Sequence[Part], stubs: Mapping[Key, Stub]) -> list[list[CoreModule]]:
    """The distinct modules, as first met, in as few frames as hold them, and around these an empty one.

    Of what is nested in an empty frame nothing is compiled, and nothing is refused because an engine could not provide
    what is imported. A component that is the thousandth has no room for it.
    """
    frames: list[list[CoreModule]] = []
    known: set[Key] = set()
    weight = 0
    for part in parts:
        if not isinstance(part, CoreModule) or part.key in known:
            continue
        known.add(part.key)
        weight += stubs[part.key].weight
        if not frames or weight > MAX_FRAME_WEIGHT:
            frames.append([])
            weight = stubs[part.key].weight
        frames[-1].append(part)
    has_room = count_components(parts) + len(frames) < MAX_COMPONENTS
    return [[], *frames] if has_room else frames


def count_components(parts: Sequence[Part]) -> int:
    """Components, the root among them."""
    return 1 + sum(isinstance(part, Begin) for part in parts)


def find_overreach(parts: Sequence[Part]) -> Iterator[tuple[int, int]]:
    """Aliases of core modules that count further out than the root: their offset and that count.

    Raises:
        WasmFormatError: `wasm-malformed`, where an alias can't be read.
    """
    for part in parts:
        if isinstance(part, Alias):
            for position, count in _iter_outer_core_modules(Reader(part.data, *part.section[2:])):
                if count > part.depth:
                    yield position + part.shift, count


def _iter_outer_core_modules(reader: Reader) -> Iterator[tuple[int, int]]:
    """The outer aliases of core modules in an alias section: position and count."""
    for _ in range(reader.count()):
        start = reader.position
        if (sort := reader.take(1)) == b"\x00":
            sort += reader.take(1)
        target = reader.byte()
        count = reader.u32()  # or the index of an instance
        if target == _OUTER:
            reader.u32()
        elif target in (_EXPORT, _CORE_EXPORT):
            reader.take(reader.u32())
        else:
            raise reader.malformed(f"unknown alias target {target:#04x}", start)
        if target == _OUTER and sort == OUTER_CORE_MODULE[:2]:
            yield start, count
