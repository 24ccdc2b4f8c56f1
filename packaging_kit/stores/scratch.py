"""Private working space that goes to a temporary file when it grows."""

from __future__ import annotations

import mmap
import tempfile
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from packaging_kit.blobs import Chunk, MemoryScratch, Scratch
from packaging_kit.limits import SCRATCH_MEMORY
from packaging_kit.stores.files import io_errors

if TYPE_CHECKING:
    from typing import Self

_TEMPORARY = Path("temporary folder")  # what errors call the one that the operating system names


class FileScratch(Scratch):
    """In memory up to a limit, then in a temporary file without a name; used in a `with` statement.

    Several threads may put bytes there and look at them.

    Args:
        folder: where the temporary file is made; `None` for the one that the operating system names.
        memory: bytes that are held in memory.

    Raises:
        UnavailableError: `io-error` from every method.
    """

    def __init__(self, folder: Path | None = None, memory: int = SCRATCH_MEMORY) -> None:
        self._folder = folder
        self._memory = memory
        self._held = MemoryScratch()
        self._file: BinaryIO | None = None
        self._size = 0
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()  # what was mapped stays

    def append(self, data: Chunk) -> int:
        with self._lock:
            start = self._size
            if self._file is None and start + len(data) > self._memory:
                self._file = _temporary_file(self._folder)
                self._write(self._file, self._held.view(0, start))
                self._held = MemoryScratch()
            if self._file is None:
                self._held.append(data)
            else:
                self._write(self._file, data)
            self._size += len(data)
            return start

    def view(self, start: int, end: int) -> Chunk:
        with self._lock:
            if self._file is None:
                return self._held.view(start, end)
            with io_errors(self._folder or _TEMPORARY):
                return map_file(self._file, end)[start:end]

    def _write(self, file: BinaryIO, data: Chunk) -> None:
        with io_errors(self._folder or _TEMPORARY):
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]


def private_copy(chunks: Iterable[Chunk], folder: Path | None) -> memoryview:
    """The bytes of `chunks` as one view, out of a temporary file that nobody else can change."""
    with FileScratch(folder) as scratch:
        size = 0
        for chunk in chunks:
            scratch.append(chunk)
            size += len(chunk)
        return memoryview(scratch.view(0, size))


def map_file(file: BinaryIO, size: int) -> memoryview:
    """A plain file's bytes as one view, without copying them; unmapped when nobody holds a part of it.

    Args:
        size: of the file, in bytes; not 0, which can't be mapped.
    """
    return memoryview(mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ))


def _temporary_file(folder: Path | None) -> BinaryIO:
    with io_errors(folder or _TEMPORARY):
        return tempfile.TemporaryFile(buffering=0, dir=folder)
