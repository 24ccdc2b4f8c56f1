"""Binaries that are nearly right: one that is, or nearly, with a few changes that `Random` chooses.

Where a change gives something another size, the size fields around it are made right again more often than not: what is
badly framed is found at once by everybody, and nothing behind it is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Final, NamedTuple

from packaging_kit.errors import WasmFormatError
from packaging_kit.wasm.leb128 import decode_u32
from packaging_kit.wasm.sections import Section, iter_sections
from tests.strategies import CORE_MODULE, component, leb128, section, text, vector

MOST_DEPTH: Final = 60
"""Of what is taken apart to be changed; what is deeper is changed as bytes."""

_DEEP_IDS: Final = (2, 3, 5, 6, 7, 8, 10, 11)
"""Sections of a component whose contents are definitions: instances, aliases, types, canons, imports, exports."""


class Spot(NamedTuple):
    """A section, and those that it is in, the outermost first."""

    section: Section
    around: tuple[Section, ...]
    is_in_module: bool


def mutate(random: Random, sources: Sequence[bytes]) -> bytes:
    """One of `sources` with one to three changes."""
    data = random.choice(sources)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        data = random.choices(_CHANGES, _WEIGHTS)[0](random, data, sources)
    return data


def iter_spots(data: bytes) -> Iterator[Spot]:
    """The sections of a binary at every depth, as far as it is well framed."""
    stack: list[tuple[int, int, tuple[Section, ...]]] = [(0, len(data), ())]
    while stack:
        start, end, around = stack.pop()
        is_module = data.startswith(CORE_MODULE, start)
        try:
            for found in iter_sections(data, start, end):
                yield Spot(found, around, is_module)
                is_nested = not is_module and found.id in (1, 4) and len(around) < MOST_DEPTH
                if is_nested and data[found.contents : found.contents + 4] == b"\0asm":
                    stack.append((found.contents, found.end, (*around, found)))
        except WasmFormatError:
            continue


def replace_bytes(data: bytes, start: int, end: int, new: bytes, around: Sequence[Section]) -> bytes:
    """`data` with `new` in place of `start:end`, and the sizes of the sections around it made right."""
    data = data[:start] + new + data[end:]
    change = len(new) - (end - start)
    for outer in reversed(around):
        width = outer.contents - outer.start - 1
        size = leb128(max(outer.size + change, 0), width)
        data = data[: outer.start + 1] + size + data[outer.contents :]
        change += len(size) - width
    return data


def _choose(random: Random, data: bytes, *, deep: bool = False) -> Spot | None:
    spots = list(iter_spots(data))
    if deep:
        spots = [spot for spot in spots if spot.is_in_module or spot.section.id in _DEEP_IDS]
    return random.choice(spots) if spots else None


def _flip(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Change bits anywhere."""
    changed = bytearray(data)
    for _time in range(random.choice((1, 1, 2, 4))):
        if changed:
            changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _change_byte(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Another index, form or size in a section of definitions."""
    spot = _choose(random, data, deep=True)
    if spot is None or not spot.section.size:
        return data
    at = random.randrange(spot.section.contents, spot.section.end)
    value = random.choice((data[at] + 1, data[at] - 1, random.randrange(16), random.randrange(256), 0x70, 0x7F))
    return data[:at] + bytes((value % 256,)) + data[at + 1 :]


def _change_run(random: Random, data: bytes, sources: Sequence[bytes]) -> bytes:
    """Remove, repeat or replace some bytes of a section of definitions; the size is made right, the counts are not."""
    spot = _choose(random, data, deep=True)
    if spot is None or not spot.section.size:
        return data
    start = random.randrange(spot.section.contents, spot.section.end)
    end = min(spot.section.end, start + random.choice((1, 1, 2, 3, 8)))
    other = random.choice(sources)
    at = random.randrange(max(len(other), 1))
    new = random.choice((b"", data[start:end] * 2, other[at : at + random.randrange(1, 9)], bytes(end - start)))
    return replace_bytes(data, start, end, new, (*spot.around, spot.section))


def _pad_number(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Write a number longer than it need be, or too long, or cut it off."""
    spot = _choose(random, data)
    if spot is None:
        return data
    around = (*spot.around, spot.section)
    at, inside = spot.section.start + 1, spot.around
    if spot.section.size and random.random() < 0.6:
        at, inside = random.randrange(spot.section.contents, spot.section.end), around
    try:
        value, end = decode_u32(data, at, len(data))
    except WasmFormatError:
        return data
    new = random.choice((leb128(value, 2), leb128(value, 5), leb128(value, 6), b"\xff\xff\xff\xff\x7f", b"\x80"))
    return replace_bytes(data, at, end, new, inside)


def _change_sections(random: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    """Take a section away, repeat it, or let it change places with the next."""
    spots = list(iter_spots(data))
    if not spots:
        return data
    index = random.randrange(len(spots))
    chosen, around, _is_in_module = spots[index]
    here = data[chosen.start : chosen.end]
    change = random.randrange(3)
    if change == 0:
        return replace_bytes(data, chosen.start, chosen.end, b"", around)
    if change == 1:
        return replace_bytes(data, chosen.start, chosen.end, here * 2, around)
    if index + 1 < len(spots) and spots[index + 1].section.start == chosen.end:
        following = spots[index + 1].section
        return replace_bytes(data, chosen.start, following.end, data[following.start : following.end] + here, around)
    return data


def _splice(random: Random, data: bytes, sources: Sequence[bytes]) -> bytes:
    """Insert a section of another binary, or put one in the place of one."""
    spot = _choose(random, data)
    other = random.choice(sources)
    theirs = [each for each in iter_spots(other) if spot is None or each.is_in_module == spot.is_in_module]
    if spot is None or not theirs:
        return data
    if random.random() < 0.5:
        theirs = [each for each in theirs if each.section.id == spot.section.id] or theirs
    chosen = random.choice(theirs).section
    end = spot.section.end if random.random() < 0.5 else spot.section.start
    return replace_bytes(data, spot.section.start, end, other[chosen.start : chosen.end], spot.around)


def _insert_made(random: Random, data: bytes, sources: Sequence[bytes]) -> bytes:
    """Insert a section that was made to be just wrong, or just right."""
    spots = [spot for spot in iter_spots(data) if not spot.is_in_module]
    if not spots:
        return data
    spot = random.choice(spots)
    at = random.choice((spot.section.start, spot.section.end))
    return replace_bytes(data, at, at, _make_section(random, sources), spot.around)


def _make_section(random: Random, sources: Sequence[bytes]) -> bytes:
    def small() -> bytes:
        return leb128(random.choice((0, 0, 1, 2, 3, random.randrange(12))), random.choice((0, 0, 0, 3)))

    name = text(random.choice(("a", "m", "r", "f", "m0", "memory", "x-y", "a:b/c", "A", "")))
    module = random.choice([each for each in sources if each.startswith(CORE_MODULE)])
    made: Sequence[Callable[[], bytes]] = (
        lambda: section(
            6, vector(random.choice((b"\0\x11", b"\0\x10", b"\x03", b"\x04")) + b"\x02" + small() + small())
        ),
        lambda: section(6, vector(random.choice((b"\0\0", b"\0\x02", b"\0\x11", b"\x01")) + b"\x01" + small() + name)),
        lambda: section(
            6, vector(random.choice((b"\x01", b"\x03", b"\x04", b"\x05", b"\0\x11")) + b"\0" + small() + name)
        ),
        lambda: section(7, vector(b"\x42" + vector(b"\x02\x03\x02" + small() + small()))),
        lambda: section(7, vector(b"\x41" + vector(b"\x02\0\x10\x02" + small() + small()))),
        lambda: section(3, vector(b"\x50" + vector(b"\x02\x10\x01" + small() + small()))),
        lambda: section(10, vector(b"\0" + name + random.choice((b"\0\x11", b"\x01", b"\x03\0", b"\x05")) + small())),
        lambda: section(
            11, vector(b"\0" + name + random.choice((b"\0\x11", b"\x01", b"\x03", b"\x05")) + small() + b"\0")
        ),
        lambda: section(2, vector(b"\0" + small() + b"\0")),
        lambda: section(5, vector(b"\0" + small() + b"\0")),
        lambda: section(8, vector(b"\x01\0" + small() + b"\0")),
        lambda: section(1, module),
        lambda: section(4, component(section(6, vector(b"\0\x11\x02" + small() + small())))),
        lambda: section(random.randrange(256), random.randbytes(random.randrange(6))),
        lambda: section(0, random.choice((b"", b"\x05", b"\x01\xff", text("name") + b"\1\2"))),
    )
    return random.choice(made)()


def _cut(random: Random, data: bytes, sources: Sequence[bytes]) -> bytes:
    """Cut off the end, or put something after it."""
    if random.random() < 0.5:
        return data[: random.randrange(len(data) + 1)]
    return data + random.choice(sources)[8 : 8 + random.randrange(40)]


_Change = Callable[[Random, bytes, Sequence[bytes]], bytes]
_TABLE: Final[dict[_Change, int]] = {
    _flip: 2,
    _change_byte: 6,
    _change_run: 4,
    _pad_number: 3,
    _change_sections: 4,
    _splice: 4,
    _insert_made: 5,
    _cut: 1,
}
_CHANGES: Final = tuple(_TABLE)
_WEIGHTS: Final = tuple(_TABLE.values())
