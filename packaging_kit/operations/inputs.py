"""Inputs: a path that is mapped, or a stream that is read once."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from packaging_kit.blobs import Chunk
from packaging_kit.errors import UnavailableError
from packaging_kit.fragments.walk import check_whole_size
from packaging_kit.limits import CHUNK_SIZE, MAX_WHOLE_SIZE, MIB
from packaging_kit.stores.files import io_errors
from packaging_kit.stores.scratch import map_file, private_copy
from packaging_kit.wasm.preamble import PREAMBLE_SIZE, parse_kind

STANDARD_INPUT: Final = "-"

_WORTH_MAPPING: Final = 1 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """A binary to work on.

    Attributes:
        name: the path as it was given, or `-`.
        stream: standard input, where the name is `-`.
    """

    name: str
    stream: BinaryIO | None = None

    @property
    def is_stream(self) -> bool:
        return self.stream is not None

    @property
    def file_name(self) -> str | None:
        """The base name; `None` for standard input."""
        return None if self.is_stream else utf8(Path(self.name).name)


def utf8(text: str) -> str:
    """A file name or argument as the UTF-8 that its bytes are, whatever the locale took them for."""
    try:
        return os.fsencode(text).decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text  # no argument of this system, so it was text from the beginning


@contextmanager
def open_chunks(source: Input) -> Iterator[tuple[Chunk | None, Iterator[bytes]]]:
    """The whole input as a view where it is a plain file, else `None`; and its bytes in pieces.

    Raises:
        UnavailableError: `io-error`; `input-changed`, where the file changed while it was open.
    """
    if source.stream is not None:
        yield None, _iter_stream(source.stream, Path("standard input"))
        return
    path = Path(source.name)
    with io_errors(path):
        file = open(path, "rb", buffering=0)  # noqa: SIM115, PTH123 - closed below, read errors are translated
    with _closed_at_last(file):
        before = _status(file, path)
        if not stat.S_ISREG(before.st_mode):
            yield None, _iter_stream(file, path)
            return
        if before.st_size < _WORTH_MAPPING:
            with io_errors(path):
                data = file.readall()
            yield data, iter((data,))
            return
        with io_errors(path):
            view = map_file(file, before.st_size)
        yield view, iter_view(view)
        after = _status(file, path)
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise UnavailableError("input-changed", f"`{path}` changed while it was read")


@contextmanager
def _closed_at_last(file: BinaryIO) -> Iterator[None]:
    try:
        yield
    finally:
        with suppress(OSError):  # too late to matter: what was read is read
            file.close()


def _status(file: BinaryIO, path: Path) -> os.stat_result:
    with io_errors(path):
        return os.fstat(file.fileno())


@contextmanager
def open_view(source: Input, temporary: Path | None) -> Iterator[Chunk]:
    """The whole input as a view; a stream is first copied to a private file in the folder `temporary`."""
    with open_chunks(source) as (view, chunks):
        yield private_copy(_plausible(chunks), temporary) if view is None else view


def _plausible(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Pass on what may be a whole: a stream may have no end, and the disk has one."""
    head = b""
    size = 0
    for chunk in chunks:
        if len(head) < PREAMBLE_SIZE and len(head := head + chunk[:PREAMBLE_SIZE]) >= PREAMBLE_SIZE:
            parse_kind(head)
        size += len(chunk)
        check_whole_size(size, MAX_WHOLE_SIZE)
        yield chunk


def _iter_stream(stream: BinaryIO, path: Path) -> Iterator[bytes]:
    with io_errors(path):
        while (chunk := stream.read(CHUNK_SIZE)) != b"":
            if chunk is None:  # not the end: a stream that does not block has nothing yet
                raise BlockingIOError(errno.EAGAIN, "nothing to read at the moment, and not at its end")
            yield chunk


def iter_view(view: Chunk) -> Iterator[bytes]:
    """The bytes of a view as copies, which nobody changes while they are hashed and written."""
    for start in range(0, len(view), CHUNK_SIZE):
        yield bytes(view[start : start + CHUNK_SIZE])
