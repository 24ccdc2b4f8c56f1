"""Inputs of any size, the same bytes on every machine: made from a formula, not from real components."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging_kit.wasm.leb128 import encode_u32
from packaging_kit.wasm.preamble import COMPONENT_PREAMBLE, CORE_MODULE_PREAMBLE
from packaging_kit.wasm.sections import SectionId

KB: Final = 1_000
MB: Final = 1_000_000
GIB: Final = 1 << 30

_BLOCK: Final = 1 << 20
_NOISE: Final = random.Random(20250101).randbytes(_BLOCK)
_STAMP_SIZE: Final = 16

_SMALLEST_MODULE: Final = 4096  # smaller ones are not split out
_APPLICATION_MODULES: Final = 40
_APPLICATION_COMPONENTS: Final = 7
_LEVELS_OF_CUSTOM_SECTIONS: Final = 64


@dataclass(frozen=True, slots=True)
class Filler:
    """Bytes that don't repeat, made when they are written: `size` of them, others for another `seed`."""

    size: int
    seed: int


Pieces = tuple[bytes | Filler, ...]
"""An input, or a part of it, before it is written."""


def size_of(pieces: Pieces) -> int:
    """The size of what `pieces` stand for, in bytes."""
    return sum(len(piece) if isinstance(piece, bytes) else piece.size for piece in pieces)


def section(section_id: int, contents: Pieces) -> Pieces:
    """A section with a minimal size field."""
    return (bytes([section_id]) + encode_u32(size_of(contents)), *contents)


def custom_section(size: int, seed: int) -> Pieces:
    """A custom section without a name, of which `size` bytes are noise."""
    return section(SectionId.CUSTOM, (b"\0", Filler(size, seed)))


def core_module(size: int, seed: int) -> Pieces:
    """A core module of at least `size` bytes, all but a few of them in one custom section."""
    return (CORE_MODULE_PREAMBLE, *custom_section(max(size - 12, 0), seed))


def component(*parts: Pieces) -> Pieces:
    """A component of these sections."""
    return (COMPONENT_PREAMBLE, *(piece for part in parts for piece in part))


def application(size: int) -> Pieces:
    """A component like a large composed application: 40 modules in a tree of seven components.

    The sizes of the modules go as the squares of 1 to 40, so the largest is 1,600 times the smallest.
    """
    unit = size / sum(number**2 for number in range(1, _APPLICATION_MODULES + 1))
    held: list[list[Pieces]] = [[custom_section(2000, 1000 + at)] for at in range(_APPLICATION_COMPONENTS)]
    for number in range(1, _APPLICATION_MODULES + 1):
        module = core_module(max(int(unit * number**2), _SMALLEST_MODULE), number)
        held[number % _APPLICATION_COMPONENTS].append(section(SectionId.CORE_MODULE, module))
    for at in range(_APPLICATION_COMPONENTS - 1, 0, -1):
        held[(at - 1) // 2].append(section(SectionId.COMPONENT, component(*held[at])))
    return component(*held[0])


def tower(size: int, depth: int, *, with_module: bool) -> Pieces:
    """Components inside each other, with an equal part of `size` in a custom section on every level.

    Args:
        depth: of the innermost component; the outermost has depth 0.
        with_module: the innermost one holds a core module of 4,096 bytes, so that every level is split out.
    """
    share = size // (depth + 1)
    inner: Pieces = section(SectionId.CORE_MODULE, core_module(_SMALLEST_MODULE, 0)) if with_module else ()
    for level in range(depth, 0, -1):
        inner = section(SectionId.COMPONENT, component(custom_section(share, level), inner))
    return component(custom_section(share, 0), inner)


def nested_custom_sections(size: int, *, with_module: bool) -> Pieces:
    """`size` bytes of custom sections inside 64 nested components."""
    return tower(size, _LEVELS_OF_CUSTOM_SECTIONS - 1, with_module=with_module)


def tiny_sections(count: int) -> Pieces:
    """A component of `count` custom sections, three bytes each."""
    return (COMPONENT_PREAMBLE, b"\0\1\0" * count)


def small_components(count: int) -> Iterator[Pieces]:
    """Components of 1 to 20 kB: nothing to split out, a module of their own, or one that others have too."""
    for number in range(count):
        parts = [custom_section(500 + 37 * (number % 40), 2000 + number)]
        if number % 4 in (1, 2):
            parts.append(section(SectionId.CORE_MODULE, core_module(4300 + 1300 * (number % 3), 5000 + number % 3)))
        if number % 4 in (2, 3):
            parts.append(section(SectionId.CORE_MODULE, core_module(1000 + 53 * (number % 200), 6000 + number)))
        yield component(*parts)


def claims_4_gib() -> Pieces:
    """A component of 20 bytes whose one section says that it has 2^32 - 1 bytes."""
    return (COMPONENT_PREAMBLE, bytes([SectionId.CORE_MODULE]) + b"\xff\xff\xff\xff\x0f", b"\0" * 6)


def write(pieces: Pieces, path: Path) -> None:
    """Write what `pieces` stand for."""
    with path.open("wb") as file:
        for piece in pieces:
            file.writelines((piece,) if isinstance(piece, bytes) else _iter_filler(piece))


def _iter_filler(filler: Filler) -> Iterator[bytes]:
    for number, start in enumerate(range(0, filler.size, _BLOCK)):
        stamp = filler.seed.to_bytes(8, "little") + number.to_bytes(8, "little")
        yield (stamp + _NOISE[_STAMP_SIZE:])[: filler.size - start]
