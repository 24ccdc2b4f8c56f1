"""Components built byte by byte, and what the canonical split must make of them.

The split here is written a second time, over a tree and not over bytes, so that the tests compare with
something that shares no code with the library.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from hypothesis import strategies as st

from packaging_kit.digest import Digest
from packaging_kit.stores.memory import MemoryStore

CORE_MODULE = b"\0asm\x01\0\0\0"
COMPONENT = b"\0asm\x0d\0\x01\0"
SKELETON = b"\0asm\x0d\0\x03\0"
THRESHOLD = 4096
MAX_DEPTH = 40
MAX_MODULES = 200


def leb128(value: int, width: int = 0) -> bytes:
    """`value` in as few bytes as it takes, or padded to `width` bytes."""
    encoded = []
    while True:
        encoded.append(value & 0x7F)
        value >>= 7
        if not value:
            break
    encoded += [0] * (width - len(encoded))
    return bytes([*(byte | 0x80 for byte in encoded[:-1]), encoded[-1]])


def section(section_id: int, contents: bytes, width: int = 0) -> bytes:
    """A section; its size field is padded to `width` bytes."""
    return bytes([section_id]) + leb128(len(contents), width) + contents


def text(value: str) -> bytes:
    """A name of the binary format: size, then UTF-8."""
    return leb128(len(value.encode())) + value.encode()


def vector(*items: bytes) -> bytes:
    """A vector of the binary format: count, then items."""
    return leb128(len(items)) + b"".join(items)


def custom(name: str, data: bytes, width: int = 0) -> bytes:
    """A custom section."""
    return section(0, text(name) + data, width)


def component(*sections: bytes) -> bytes:
    """A component out of encoded sections."""
    return COMPONENT + b"".join(sections)


def module(size: int, name: str = "") -> bytes:
    """A core module of `size` bytes; those of another name have other bytes."""
    filler = hashlib.sha256(f"{size} {name}".encode()).digest()
    return (CORE_MODULE + filler * (size // len(filler) + 1))[:size]


def external(
    original_id: int,
    size: int,
    digest: bytes,
    *,
    width: int = 0,
    own_width: int = 0,
    prefix: bytes = b"\0",
    algorithm: bytes = b"\x06sha256",
    digest_size: bytes = b"\x20",
    after: bytes = b"",
) -> bytes:
    """An external section, canonical unless told otherwise."""
    contents = bytes([original_id]) + prefix + leb128(size, width) + algorithm + digest_size + digest + after
    return section(0x5E, contents, own_width)


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def store_of(*blobs: bytes) -> MemoryStore:
    """A store that holds `blobs`."""
    store = MemoryStore()
    for blob in blobs:
        store.write_blob((blob,))
    return store


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One section of a tree; `contents` are bytes, or a nested tree."""

    id: int
    contents: bytes | Tree
    width: int = 0


@dataclass(slots=True)
class Tree:
    """A component as a tree of sections."""

    parts: list[Part] = field(default_factory=list)

    def encode(self) -> bytes:
        """The component's bytes."""
        return component(*(section(part.id, _encoded(part), part.width) for part in self.parts))

    def split(self) -> Split:
        """The canonical split, by its definition."""
        skeleton, has_external = b"", False
        fragments: dict[bytes, bytes] = {}
        for part in self.parts:
            contents = _encoded(part)
            fragment = None
            if isinstance(part.contents, Tree):
                inner = part.contents.split()
                if inner.has_external:
                    fragment = inner.skeleton
                    fragments |= {sha256(fragment): fragment} | inner.fragments
            elif part.id == 1 and len(contents) >= THRESHOLD:
                fragment = contents
                fragments[sha256(fragment)] = fragment
            width = max(part.width, len(leb128(len(contents))))
            if fragment is None:
                skeleton += section(part.id, contents, width)
            else:
                has_external = True
                skeleton += external(part.id, len(contents), sha256(fragment), width=width)
        preamble = SKELETON if has_external else COMPONENT
        return Split(skeleton=preamble + skeleton, has_external=has_external, fragments=fragments)

    def iter_modules(self) -> Iterator[tuple[int, bytes]]:
        """Offset of the contents and bytes of every module that is split out, in binary order."""
        position = len(COMPONENT)
        for part in self.parts:
            contents = _encoded(part)
            position += 1 + len(leb128(len(contents), part.width))
            if isinstance(part.contents, Tree):
                yield from ((position + offset, data) for offset, data in part.contents.iter_modules())
            elif part.id == 1 and len(contents) >= THRESHOLD:
                yield position, contents
            position += len(contents)

    def iter_trees(self) -> Iterator[Tree]:
        """The nested components, at every depth."""
        for part in self.parts:
            if isinstance(part.contents, Tree):
                yield part.contents
                yield from part.contents.iter_trees()


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """What the canonical split of a tree is."""

    skeleton: bytes
    has_external: bool
    fragments: dict[bytes, bytes]

    @property
    def root(self) -> Digest:
        return Digest.of(self.skeleton)


def _encoded(part: Part) -> bytes:
    return part.contents.encode() if isinstance(part.contents, Tree) else part.contents


MODULES = (
    *(module(size) for size in (THRESHOLD, THRESHOLD + 1, 5000, 16_384, 20_000)),
    module(THRESHOLD, "another of the same size"),
)
SMALL_MODULES = (module(THRESHOLD - 1), module(8), b"", b"no module at all", SKELETON)
OTHER_IDS = tuple(section_id for section_id in range(256) if section_id not in (1, 4, 0x5E))


@dataclass(frozen=True, slots=True)
class _Step:
    """One step of building a tree: add `count` times a part, open that many components, or close that many."""

    id: int
    contents: bytes
    width: int
    count: int


_CLOSE = -1


def _one_of(binaries: tuple[bytes, ...]) -> st.SearchStrategy[bytes]:
    """One of `binaries`; by its number, because hypothesis writes down what it chooses from."""
    return st.sampled_from(range(len(binaries))).map(lambda number: binaries[number])


_widths = st.sampled_from((0, 0, 0, 1, 2, 3, 4, 5))
_steps = st.one_of(
    st.builds(_Step, st.just(1), _one_of(MODULES), _widths, st.sampled_from((1, 1, 1, 2, 7, 60))),
    st.builds(_Step, st.just(1), _one_of(SMALL_MODULES), _widths, st.just(1)),
    st.builds(_Step, st.just(4), st.just(b""), _widths, st.sampled_from((1, 1, 1, 2, 5, 38))),
    st.builds(_Step, st.just(_CLOSE), st.just(b""), st.just(0), st.sampled_from((1, 1, 2, 40))),
    st.builds(_Step, st.just(0), st.sampled_from((b"", b"\0", b"\x04name", b"\x7fcut")), _widths, st.just(1)),
    st.builds(_Step, st.sampled_from(OTHER_IDS), st.binary(max_size=20), _widths, st.just(1)),
)


def _build(steps: Sequence[_Step]) -> Tree:
    stack = [Tree()]
    modules = 0
    for step in steps:
        if step.id == _CLOSE:
            del stack[max(1, len(stack) - step.count) :]
            continue
        for _ in range(step.count):
            if step.id == 4 and len(stack) > MAX_DEPTH:
                break
            if step.id == 1:
                modules += 1
                if modules > MAX_MODULES:
                    break
            part = Part(id=step.id, contents=Tree() if step.id == 4 else step.contents, width=step.width)
            stack[-1].parts.append(part)
            if isinstance(part.contents, Tree):
                stack.append(part.contents)
    return stack[0]


def trees() -> st.SearchStrategy[Tree]:
    """Components of depth 0 to 40 and with 0 to 200 modules, every section id and every width of a size field."""
    return st.builds(_build, st.lists(_steps, max_size=25))


def split_trees() -> st.SearchStrategy[Tree]:
    """Those of `trees` that have something to split out."""
    return trees().filter(lambda tree: any(True for _ in tree.iter_modules()))


def cuts(size: int) -> st.SearchStrategy[list[int]]:
    """Where to cut an input of `size` bytes; the same place twice makes an empty piece."""
    return st.lists(st.integers(0, size), max_size=12).map(sorted)


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    """`data` in pieces."""
    ends = [*places, len(data)]
    return [data[start:end] for start, end in zip([0, *places], ends, strict=True)]


def almost_wasm() -> st.SearchStrategy[bytes]:
    """Bytes that begin as a binary does, more often than not."""
    heads = st.sampled_from((b"", COMPONENT, COMPONENT, COMPONENT, CORE_MODULE, SKELETON, b"\0asm"))
    pieces = st.one_of(
        st.binary(max_size=30),
        st.sampled_from(
            (
                b"\x04\x08" + COMPONENT,
                b"\x04\x10" + COMPONENT,
                b"\x01\x80\x20" + CORE_MODULE,
                b"\x5e\x00",
                b"\x00\x80\x80\x80\x80\x00",
                b"\x00\xff\xff\xff\xff\x0f",
                section(1, MODULES[0]),
                section(4, component(section(1, MODULES[0]))),
            )
        ),
    )
    return st.builds(lambda head, tail: head + b"".join(tail), heads, st.lists(pieces, max_size=6))


def tower(depth: int, innermost: bytes = b"") -> bytes:
    """A component that nests `depth` levels deep, with the sections `innermost` in the last."""
    nested = component(innermost)
    for _ in range(depth):
        nested = component(section(4, nested))
    return nested


def external_tower(depth: int) -> tuple[Digest, MemoryStore]:
    """Root and fragments of a component that nests `depth` levels deep, with a module in the last."""
    whole_size = len(component(section(1, MODULES[0])))
    skeleton = SKELETON + external(1, len(MODULES[0]), sha256(MODULES[0]))
    blobs = [MODULES[0], skeleton]
    for _ in range(depth):
        skeleton = SKELETON + external(4, whole_size, sha256(skeleton))
        whole_size += len(COMPONENT) + 1 + len(leb128(whole_size))
        blobs.append(skeleton)
    return Digest.of(skeleton), store_of(*blobs)
