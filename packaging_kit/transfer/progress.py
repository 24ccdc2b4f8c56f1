"""How far a long piece of work is: told to whoever wants to show it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from packaging_kit.blobs import Chunk

OnBytes = Callable[[int], None]
"""Is told how many more bytes are done; a negative number where some have to be done again."""


class Progress(Protocol):
    """Is told what is worked on, and how many bytes of it are done; from many threads."""

    def start(self, what: str, total: int | None) -> None:
        """A piece of work begins; `total` bytes, where that is known."""

    def advance(self, size: int) -> None:
        """So many more bytes are done."""

    def part(self, what: str, total: int) -> OnBytes:
        """A part of the work begins that goes on beside others, and ends when all its bytes are done."""


class NoProgress:
    """Shows nothing."""

    def start(self, what: str, total: int | None) -> None: ...

    def advance(self, size: int) -> None: ...

    def part(self, what: str, total: int) -> OnBytes:
        return self.advance


NO_PROGRESS: Progress = NoProgress()


def tell(chunks: Iterable[Chunk], progress: Progress) -> Iterator[Chunk]:
    """Pass `chunks` on, and tell how many bytes they were."""
    for chunk in chunks:
        yield chunk
        progress.advance(len(chunk))
