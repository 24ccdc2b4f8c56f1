"""Exploded: a whole taken apart, as a value that is also a source of its fragments."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from packaging_kit.blobs import BlobSource, Chunk, MemoryScratch, Scratch
from packaging_kit.digest import Digest
from packaging_kit.errors import NotFoundError
from packaging_kit.limits import CHUNK_SIZE
from packaging_kit.wasm.preamble import PREAMBLE_SIZE, SKELETON_PREAMBLE, Kind

Piece = tuple[int, int] | bytes
"""Part of a skeleton: a range of the whole, or the bytes of an external section."""


class FragmentKind(Enum):
    """What a fragment holds: a core module's bytes, or a nested component's skeleton."""

    MODULE = "module"
    COMPONENT = "component"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fragment:
    """One distinct fragment.

    Attributes:
        digest: of the fragment's bytes.
        size: of the fragment's bytes; for a component that is its skeleton's.
        kind: a module or a component.
        offset: in the whole, of the first section that it stands for.
        contents: in the whole, of the contents of that section.
    """

    digest: Digest
    size: int
    kind: FragmentKind
    offset: int
    contents: int


class Exploded(BlobSource):
    """The canonical split of one whole; also a source of its fragments and skeletons.

    Attributes:
        kind: core module or component.
        digest: of the whole.
        size: of the whole, in bytes.
        root: digest of the root skeleton.
        skeleton_size: of the root skeleton, in bytes.
        fragments: the distinct ones as first met; a parent before its children.
        occurrences: the digest of what every split-out section became, by the offset of its contents.
    """

    def __init__(
        self,
        *,
        kind: Kind,
        whole: tuple[Digest, int],
        root: tuple[Digest, int],
        fragments: tuple[Fragment, ...],
        occurrences: Mapping[int, Digest],
        pieces: Mapping[Digest, tuple[Piece, ...]],
        content: Content,
    ) -> None:
        self.kind = kind
        self.digest, self.size = whole
        self.root, self.skeleton_size = root
        self.fragments = fragments
        self.occurrences = occurrences
        self._by_digest = {fragment.digest: fragment for fragment in fragments}
        self._pieces = pieces
        self._content = content

    @property
    def skeleton(self) -> bytes:
        """The root skeleton's bytes."""
        return b"".join(self.iter_blob_unverified(self.root))

    @property
    def core_modules(self) -> tuple[Fragment, ...]:
        return tuple(fragment for fragment in self.fragments if fragment.kind is FragmentKind.MODULE)

    @property
    def components(self) -> tuple[Fragment, ...]:
        """The nested skeletons."""
        return tuple(fragment for fragment in self.fragments if fragment.kind is FragmentKind.COMPONENT)

    def outline(self) -> Exploded:
        """The digests, sizes and places of all fragments, without any bytes and without what stands where."""
        return Exploded(
            kind=self.kind,
            whole=(self.digest, self.size),
            root=(self.root, self.skeleton_size),
            fragments=self.fragments,
            occurrences={},
            pieces={},
            content=Content(None, MemoryScratch()),
        )

    def whole_offset(self, offset: int) -> int:
        """Where in the whole the byte at `offset` of the root skeleton stands.

        Those of external sections stand where the first section of that run of them begins.
        """
        if self.root not in self._pieces:
            return offset
        position = end = PREAMBLE_SIZE
        if offset < position:
            return offset
        for piece in self._pieces[self.root]:
            size = len(piece) if isinstance(piece, bytes) else piece[1] - piece[0]
            if isinstance(piece, tuple):
                if offset < position + size:
                    return piece[0] + offset - position
                end = piece[1]
            elif offset < position + size:
                return end
            position += size
        return self.size

    def blob_size(self, digest: Digest) -> int:
        if digest == self.root:
            return self.skeleton_size
        if digest == self.digest:
            return self.size
        return self._fragment(digest).size

    def iter_blob_unverified(self, digest: Digest, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes of the whole, a skeleton or a fragment; modules of a stream were not kept."""
        end = self.blob_size(digest) if end is None else end
        if digest in self._pieces:
            return _slice(self._iter_skeleton(digest), start, end)
        if digest == self.digest:
            return self._content.iter_range(start, end)
        contents = self._fragment(digest).contents
        return self._content.iter_range(contents + start, contents + end)

    def _fragment(self, digest: Digest) -> Fragment:
        if digest not in self._by_digest:
            raise NotFoundError("not-found", f"{digest} is no fragment of this component")
        return self._by_digest[digest]

    def _iter_skeleton(self, digest: Digest) -> Iterator[bytes]:
        yield SKELETON_PREAMBLE
        for piece in self._pieces[digest]:
            if isinstance(piece, bytes):
                yield piece
            else:
                yield from self._content.iter_range(*piece)


class Content:
    """The bytes of the whole that are still at hand, by their offset in it."""

    def __init__(self, data: Chunk | None, scratch: Scratch) -> None:
        self.data = data
        self._scratch = scratch
        self._runs: list[tuple[int, int, int]] = []  # offset in the whole, its end, position in the scratch

    def add(self, offset: int, data: Chunk) -> None:
        """Keep `data`, which stands at `offset` of the whole."""
        position = self._scratch.append(data)
        if self._runs and self._runs[-1][1] == offset:
            run_start, _, run_position = self._runs[-1]
            self._runs[-1] = (run_start, offset + len(data), run_position)
        else:
            self._runs.append((offset, offset + len(data), position))

    def iter_views(self, start: int, end: int) -> Iterator[Chunk]:
        """The bytes `start:end` of the whole, in pieces."""
        if self.data is not None:
            yield self.data[start:end]
            return
        while start < end:
            run_start, run_end, position = self._run(start)
            stop = min(end, run_end, start + CHUNK_SIZE)
            yield self._scratch.view(position + start - run_start, position + stop - run_start)
            start = stop

    def iter_range(self, start: int, end: int) -> Iterator[bytes]:
        for view in self.iter_views(start, end):
            for at in range(0, len(view), CHUNK_SIZE):
                yield bytes(view[at : at + CHUNK_SIZE])

    def _run(self, offset: int) -> tuple[int, int, int]:
        found = bisect_right(self._runs, offset, key=lambda run: run[1])
        if found == len(self._runs) or self._runs[found][0] > offset:
            raise NotFoundError("not-found", "the modules of a stream that was read once were not kept")
        return self._runs[found]


def _slice(chunks: Iterator[bytes], start: int, end: int) -> Iterator[bytes]:
    """The bytes `start:end` of what `chunks` make up."""
    position = 0
    for chunk in chunks:
        if position >= end:
            return
        first, last = max(start - position, 0), min(end - position, len(chunk))
        if first < last:
            yield chunk[first:last]
        position += len(chunk)
