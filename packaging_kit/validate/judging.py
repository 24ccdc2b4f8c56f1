"""Judging a binary, where that can be while it is read for the first time: engine and reader go side by side."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from packaging_kit.blobs import Chunk
from packaging_kit.errors import PackagingKitError, UnavailableError
from packaging_kit.fragments.exploded import Exploded, Fragment
from packaging_kit.validate.binaries import BinaryFacts
from packaging_kit.validate.engine import Binary, Defect, Engine
from packaging_kit.wasm.preamble import Kind

_MOST_WAITING: Final = 4  # chunks that the engine has not taken yet

Read = Callable[[Iterable[Chunk]], tuple[BinaryFacts, Binary]]
"""Reads a binary out of its chunks: what it is, and where its bytes are had again; raises where they are wrong."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A binary that was read, and what the engine came to.

    Attributes:
        facts: of the binary.
        defects: that the engine found.
        error: why there is no verdict; `None` where there is one, or nothing was to judge.
    """

    facts: BinaryFacts
    defects: tuple[Defect, ...] = ()
    error: PackagingKitError | None = None


def read_and_judge(chunks: Iterable[Chunk], read: Read, engine: Engine | None) -> Judged:
    """Read a binary and have it judged; raises what `read` does."""
    if engine is not None and engine.reads_whole:
        return _read_while_judging(chunks, read, engine)
    facts, binary = read(chunks)
    return Judged(facts) if engine is None else _judge(facts, binary, engine)


def _judge(facts: BinaryFacts, binary: Binary, engine: Engine) -> Judged:
    try:
        return Judged(facts, engine.find_defects(binary))
    except PackagingKitError as exc:
        return Judged(facts, error=exc)


def _read_while_judging(chunks: Iterable[Chunk], read: Read, engine: Engine) -> Judged:
    """The reader has a thread of its own, and not the engine: what interrupts this one has to end the engine."""
    with ThreadPoolExecutor(1) as pool, _UnderWay() as binary:
        reading = pool.submit(binary.read, chunks, read)
        try:
            defects: tuple[Defect, ...] = engine.find_defects(binary)
            error: PackagingKitError | None = None
        except PackagingKitError as exc:
            defects, error = (), exc
        binary.take_no_more()
        facts = reading.result()  # which has the cause, where the engine was not given all of it
    return Judged(facts, defects, error)


class _UnderWay(Binary):
    """A binary that is still being read.

    The engine has only its bytes, and not their end before everything else about them was found to be right: where
    it was not, the engine is stopped.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: deque[bytes] = deque()
        self._known: Binary | None = None
        self._is_read = False  # to its end, or to where something is wrong
        self._is_taken = False  # nobody takes any more
        self._is_abandoned = False

    def __enter__(self) -> _UnderWay:
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._is_abandoned = self._is_taken = True
            self._changed.notify_all()

    def read(self, chunks: Iterable[Chunk], read: Read) -> BinaryFacts:
        """Read it through, and let the engine have it; raises what `read` does."""
        try:
            facts, self._known = read(self._pass_on(chunks))
            return facts
        finally:
            with self._changed:
                self._is_read = True
                self._changed.notify_all()

    def take_no_more(self) -> None:
        """The engine has come to its end."""
        with self._changed:
            self._is_taken = True
            self._waiting.clear()
            self._changed.notify_all()

    def _pass_on(self, chunks: Iterable[Chunk]) -> Iterator[bytes]:
        for chunk in chunks:
            data = bytes(chunk)
            with self._changed:
                self._changed.wait_for(lambda: len(self._waiting) < _MOST_WAITING or self._is_taken)
                if self._is_abandoned:
                    raise _cut_short()
                if not self._is_taken:
                    self._waiting.append(data)
                    self._changed.notify_all()
            yield data

    @property
    def kind(self) -> Kind:
        return self._wait().kind

    @property
    def size(self) -> int:
        return self._wait().size

    @property
    def exploded(self) -> Exploded | None:
        return self._wait().exploded

    def iter_whole(self) -> Iterator[bytes]:
        if self._is_taken:
            yield from self._wait().iter_whole()
            return
        try:
            while (chunk := self._take()) is not None:
                yield chunk
        finally:
            self.take_no_more()

    def iter_module(self, module: Fragment) -> Iterator[bytes]:
        return self._wait().iter_module(module)

    def _take(self) -> bytes | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_read or self._is_abandoned)
            if self._is_abandoned or (self._is_read and self._known is None):
                raise _cut_short()
            chunk = self._waiting.popleft() if self._waiting else None
            self._changed.notify_all()
            return chunk

    def _wait(self) -> Binary:
        """The binary, once it is known; who asks for it waits for no bytes on the way, and nothing waits for him."""
        self.take_no_more()
        with self._changed:
            self._changed.wait_for(lambda: self._is_read or self._is_abandoned)
            if self._known is None:
                raise _cut_short()
            return self._known


def _cut_short() -> UnavailableError:
    """What ends the other side; nobody else sees it, for the cause is told instead."""
    return UnavailableError("engine-failed", "the binary was not read to its end")
