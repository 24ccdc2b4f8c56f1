"""Explode: a whole becomes a root skeleton and fragments, in one pass (docs/format.md, "Explode")."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Protocol

from packaging_kit.blobs import Chunk, MemoryScratch, Scratch
from packaging_kit.digest import Digest, Hasher, SideHasher
from packaging_kit.errors import WasmFormatError
from packaging_kit.fragments.exploded import Content, Exploded, Fragment, FragmentKind, Piece
from packaging_kit.fragments.external import encode_external
from packaging_kit.fragments.walk import Visitor, Walk, check_whole_size
from packaging_kit.limits import MAX_SPANS, MAX_WHOLE_SIZE, MIB
from packaging_kit.wasm.preamble import PREAMBLE_SIZE, SKELETON_PREAMBLE, Kind, parse_kind
from packaging_kit.wasm.sections import Section

_PIECE = 16 * MIB  # bytes between two words about progress


class _Frame:
    """One open component: what its skeleton is made of so far."""

    __slots__ = ("contents", "literal_from", "pieces", "size", "spans")

    def __init__(self, contents: int) -> None:
        self.contents = contents
        self.literal_from = contents + PREAMBLE_SIZE
        self.pieces: list[Piece] = []
        self.size = PREAMBLE_SIZE  # of the skeleton
        self.spans = 1  # the preamble is in the first

    @property
    def has_external(self) -> bool:
        return bool(self.pieces)

    def add_external(self, section: Section, raw_digest: bytes, spans: int) -> None:
        """Close the literal bytes before `section`, then let an external section stand for it."""
        self.close_literal(section.start)
        external = encode_external(section, raw_digest)
        self.pieces.append(external)
        self.size += len(external)
        self.literal_from = section.end
        self._count(1 + spans, section.start)

    def close_literal(self, end: int) -> None:
        if self.literal_from < end:
            self._count(int(self.has_external), end)
            self.size += end - self.literal_from
            self.pieces.append((self.literal_from, end))

    def _count(self, spans: int, offset: int) -> None:
        self.spans += spans
        if self.spans > MAX_SPANS:
            raise WasmFormatError("wasm-too-large", f"the split has more than {MAX_SPANS} spans", offset=offset)


class ModuleWatch(Protocol):
    """Is told the bytes of every module that is split out, in passing."""

    @abstractmethod
    def begin(self, section: Section) -> None:
        """A core module section begins."""

    @abstractmethod
    def feed(self, data: Chunk) -> None:
        """The next bytes of its contents."""

    @abstractmethod
    def end(self) -> None:
        """All of its contents were told."""


class _Split(Visitor):
    """Makes skeletons and digests out of a walk."""

    def __init__(self, content: Content, watch: ModuleWatch | None) -> None:
        self._content = content
        self._watch = watch
        self._frames = [_Frame(0)]
        self._hasher: Hasher = hashlib.sha256()
        self._offset = 0
        self.fragments: dict[Digest, Fragment] = {}
        self.occurrences: dict[int, Digest] = {}
        self.pieces: dict[Digest, tuple[Piece, ...]] = {}

    def literal(self, data: Chunk) -> None:
        if self._content.data is None:
            self._content.add(self._offset, data)
        self._offset += len(data)

    def module_begin(self, section: Section) -> None:
        self._hasher = hashlib.sha256()
        if self._watch is not None:
            self._watch.begin(section)

    def module_bytes(self, data: Chunk) -> None:
        self._hasher.update(data)
        self._offset += len(data)
        if self._watch is not None:
            self._watch.feed(data)

    def module_end(self, section: Section) -> None:
        if self._watch is not None:
            self._watch.end()
        digest = Digest.from_hasher(self._hasher)
        self._add(digest, section.size, FragmentKind.MODULE, section)
        self._frames[-1].add_external(section, digest.raw, 1)

    def component_begin(self, section: Section) -> None:
        self._frames.append(_Frame(section.contents))

    def component_end(self, section: Section) -> None:
        frame = self._frames.pop()
        if not frame.has_external:
            return  # it stays inline: its parent's literal bytes go on over it
        digest = self._finish(frame, section.end)
        self._add(digest, frame.size, FragmentKind.COMPONENT, section)
        self._frames[-1].add_external(section, digest.raw, frame.spans)

    def finish_root(self, size: int) -> tuple[Digest, int] | None:
        """The root skeleton; `None` where the component has nothing to split out."""
        frame = self._frames[0]
        return (self._finish(frame, size), frame.size) if frame.has_external else None

    def _finish(self, frame: _Frame, end: int) -> Digest:
        frame.close_literal(end)
        hasher = hashlib.sha256(SKELETON_PREAMBLE)
        for piece in frame.pieces:
            if isinstance(piece, bytes):
                hasher.update(piece)
            else:
                for view in self._content.iter_views(*piece):
                    hasher.update(view)
        digest = Digest.from_hasher(hasher)
        self.pieces.setdefault(digest, tuple(frame.pieces))
        return digest

    def _add(self, digest: Digest, size: int, kind: FragmentKind, section: Section) -> None:
        self.occurrences[section.contents] = digest
        if digest not in self.fragments:
            self.fragments[digest] = Fragment(
                digest=digest, size=size, kind=kind, offset=section.start, contents=section.contents
            )


class _Exploder:
    """Explodes what it is fed; the whole's digest is computed elsewhere, side by side."""

    def __init__(
        self,
        kind: Kind,
        content: Content,
        max_size: int,
        *,
        size: int | None = None,
        watch: ModuleWatch | None = None,
    ) -> None:
        self._kind = kind
        self._content = content
        self._split = _Split(content, watch)
        self._walk = Walk(self._split, max_size=max_size, size=size)
        self._max_size = max_size
        self._size = 0

    def feed(self, data: Chunk, *, final: bool = False) -> None:
        self._size += len(data)
        if self._kind is Kind.COMPONENT:
            self._walk.feed(data, final=final)
            return
        check_whole_size(self._size, self._max_size)
        self._split.literal(data)

    def finish(self, whole_hasher: Hasher) -> Exploded:
        split = self._split
        root = split.finish_root(self._size) if self._kind is Kind.COMPONENT else None
        whole = (Digest.from_hasher(whole_hasher), self._size)
        return Exploded(
            kind=self._kind,
            whole=whole,
            root=whole if root is None else root,
            fragments=tuple(sorted(split.fragments.values(), key=lambda fragment: fragment.offset)),
            occurrences=split.occurrences,
            pieces=split.pieces,
            content=self._content,
        )


def explode(data: Chunk, *, max_size: int = MAX_WHOLE_SIZE, on_bytes: Callable[[int], None] | None = None) -> Exploded:
    """Take the whole `data` apart; nothing of it is copied, so it must stay as it is.

    Args:
        on_bytes: is told, now and then, how many more bytes were read.

    Raises:
        WasmFormatError: `wasm-malformed`, `wasm-unsupported`, `wasm-reserved-section`, `wasm-too-deep`,
            `wasm-too-large`.
    """
    view = memoryview(data).cast("B")
    kind = parse_kind(view)
    content = Content(view, MemoryScratch())
    check_whole_size(len(view), max_size)
    exploder = _Exploder(kind, content, max_size, size=len(view))
    with SideHasher() as whole:
        whole.update(view)  # all of it, so that the two never wait for each other
        if on_bytes is None:
            exploder.feed(view, final=True)
            return exploder.finish(whole)
        for start in range(0, len(view), _PIECE):
            piece = view[start : start + _PIECE]
            exploder.feed(piece)
            on_bytes(len(piece))
        exploder.feed(b"", final=True)
        return exploder.finish(whole)


def explode_chunks(
    chunks: Iterable[Chunk],
    scratch: Scratch | None = None,
    *,
    max_size: int = MAX_WHOLE_SIZE,
    watch: ModuleWatch | None = None,
) -> Exploded:
    """Take a whole apart that is read once, in pieces of any sizes.

    Args:
        scratch: where the bytes of skeletons are kept; in memory by default. Modules are not kept.
        watch: is told the bytes of modules.

    Raises:
        WasmFormatError: as `explode` does.
    """
    rest = iter(chunks)
    head = b""
    while len(head) < PREAMBLE_SIZE and (chunk := next(rest, None)) is not None:
        head += chunk
    kind = parse_kind(head)
    content = Content(None, scratch or MemoryScratch())
    exploder = _Exploder(kind, content, max_size, watch=watch)
    with SideHasher() as whole:
        for chunk in chain((head,), rest):
            whole.update(chunk)
            exploder.feed(chunk)
        exploder.feed(b"", final=True)
        return exploder.finish(whole)


def check_framing(data: Chunk, *, max_size: int = MAX_WHOLE_SIZE) -> Kind:
    """Walk over the whole `data` without hashing it, and say what it is.

    Raises:
        WasmFormatError: as `explode` does, but for the number of spans.
    """
    view = memoryview(data)
    kind = parse_kind(view)
    check_whole_size(len(view), max_size)
    if kind is Kind.COMPONENT:
        Walk(Visitor(), max_size=max_size).feed(view, final=True)
    return kind
