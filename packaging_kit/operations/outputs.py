"""Outputs: a file that appears when it is complete and verified, or standard output."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, Final

from packaging_kit.blobs import Blob, Chunk, check_blob
from packaging_kit.digest import Digest
from packaging_kit.errors import StoreError, UnavailableError
from packaging_kit.limits import CHUNK_SIZE
from packaging_kit.operations.settings import Settings
from packaging_kit.stores.atomic import AtomicFile, write_chunks
from packaging_kit.stores.files import io_errors, is_file, is_folder, is_there, sync_folder
from packaging_kit.stores.locks import sweep
from packaging_kit.stores.scratch import private_copy

STANDARD_OUTPUT: Final = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Where a binary is written to.

    Attributes:
        name: the path as it was given, or `-`.
        stream: standard output, where the name is `-`.
        force: an existing file may be replaced.
    """

    name: str
    stream: BinaryIO | None = None
    force: bool = False

    def check(self) -> None:
        """Refuse early what would be refused at the end.

        Raises:
            StoreError: `output-exists`.
            UnavailableError: `io-error`, where the folder is not there.
        """
        if self.stream is not None:
            return
        path = Path(self.name)
        with io_errors(path):
            is_taken = is_there(path, follow_links=True)
            if self.name.endswith(("/", os.sep)) or (is_taken and not is_file(path)):
                raise StoreError("output-exists", f"`{self.name}` is not a plain file", hint="`-` is standard output")
            if is_taken and not self.force:
                raise StoreError("output-exists", f"`{path}` exists", hint="`--force` replaces it")
            if not is_folder(path.parent):
                raise UnavailableError("io-error", f"`{path.parent}` is not a folder")


def write_output(chunks: Iterable[Chunk], output: Output, temporary: Path | None, expected: Expected) -> Blob:
    """Write the whole, and give it its name when it was verified.

    Args:
        temporary: folder where it is kept until then on its way to standard output.

    Raises:
        ContentError: `digest-mismatch`, `size-mismatch`; then nothing was written.
        StoreError: `output-exists`.
        UnavailableError: `io-error`.
    """
    output.check()
    if output.stream is not None:
        return _write_stream(chunks, output.stream, temporary, expected)
    path = Path(output.name)
    sweep(path.parent)  # of what was left there by one that was killed
    with AtomicFile(path.parent) as file:
        blob = expected.check(write_chunks(file, chunks))
        file.publish(path, replace=output.force)
    sync_folder(path.parent)
    return blob


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the whole must turn out to be, as far as it is known.

    Attributes:
        digest: of the whole.
        size: of the whole, in bytes.
    """

    digest: Digest | None = None
    size: int | None = None

    def check(self, actual: Blob) -> Blob:
        """`actual`, where it is what was expected."""
        return check_blob(actual, digest=self.digest, size=self.size, what="the whole")


def verified_copy(chunks: Iterable[Chunk], temporary: Path | None, expected: Expected) -> tuple[memoryview, Blob]:
    """The bytes of `chunks` as a view that nobody else can change, and what they turned out to be.

    Raises:
        ContentError: `digest-mismatch`, `size-mismatch`.
    """
    view = private_copy(chunks, temporary)
    return view, expected.check(Blob(Digest.of(view), len(view)))


def _write_all(stream: BinaryIO, data: memoryview) -> None:
    """Write all of `data`: a stream without a buffer may take only a part at a time."""
    while data:
        written: int | None = stream.write(data)
        if written is None:
            raise BlockingIOError(errno.EAGAIN, "it takes no more at the moment")
        data = data[written:]


def _write_stream(chunks: Iterable[Chunk], stream: BinaryIO, temporary: Path | None, expected: Expected) -> Blob:
    view, blob = verified_copy(chunks, temporary, expected)
    with io_errors(Path("standard output")):
        for start in range(0, len(view), CHUNK_SIZE):
            _write_all(stream, view[start : start + CHUNK_SIZE])
        stream.flush()
    return blob


@contextmanager
def temporary_folder(settings: Settings) -> Iterator[Path]:
    """A folder that is gone in the end.

    Raises:
        UnavailableError: `io-error`, where it can't be made.
    """
    with io_errors(settings.temporary or Path("temporary folder")):
        folder = TemporaryDirectory(prefix="packaging-kit-", dir=settings.temporary, ignore_cleanup_errors=True)
    with folder:
        yield Path(folder.name)
