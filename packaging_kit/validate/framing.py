"""The framing of binaries as they pass by: what is wrong with it, and where there is too much of it.

Both are found in the same bytes that are hashed and split: nothing is read twice, and nothing is kept.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, Protocol, TypeVar

from packaging_kit.blobs import BlobSource, Chunk, MemoryScratch
from packaging_kit.digest import Digest
from packaging_kit.errors import WasmFormatError
from packaging_kit.fragments.explode import ModuleWatch
from packaging_kit.limits import MAX_LITERAL_IN_MEMORY, MAX_PROBLEMS, MAX_SECTIONS
from packaging_kit.wasm.scanner import SectionScanner
from packaging_kit.wasm.sections import Section, SectionId

C = TypeVar("C", bound=Chunk)

_COUNTS: Final = {SectionId.EXTERNAL.value: 4}
"""One that stands for a fragment takes ten times as long as another."""


def iter_few_sections(
    chunks: Iterable[C], sections_left: int = MAX_SECTIONS, counts: Mapping[int, int] = MappingProxyType({})
) -> Generator[C, None, int]:
    """The chunks of a component, up to where it has more sections, nested ones too, than are walked.

    Args:
        counts: as `SectionScanner` takes them.

    Returns:
        How many more there may be.
    """
    counter = SectionScanner(
        lambda *_: None, 0, entered=SectionId.COMPONENT, sections_left=sections_left, counts=counts
    )
    is_framed = True
    for chunk in chunks:
        try:
            if is_framed:
                counter.feed(chunk)
        except WasmFormatError as exc:
            if exc.code == "wasm-too-large":
                raise
            is_framed = False  # the walk says in its own words what is wrong
        yield chunk
    return counter.sections_left


class ReadAgain(Protocol):
    """Counts skeletons that are read for one upload more than once."""

    def begin_skeleton(self, digest: Digest) -> None:
        """One is about to be read; raises where that is once too often."""

    def end_skeleton(self, digest: Digest, size: int, section_count: int) -> None:
        """One was read, as far as it could be."""


class FewSections(BlobSource):
    """A source whose blobs are skeletons, with not too many sections in all of them: each may be a fragment."""

    def __init__(self, source: BlobSource, amounts: ReadAgain) -> None:
        self._source = source
        self._amounts = amounts
        self._sections_left = MAX_SECTIONS

    def blob_size(self, digest: Digest) -> int:
        return self._source.blob_size(digest)

    def iter_blob_unverified(self, digest: Digest, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        return self._source.iter_blob_unverified(digest, start, end)

    def iter_blob(self, digest: Digest, *, size: int | None = None) -> Iterator[bytes]:
        self._amounts.begin_skeleton(digest)
        stored = self.blob_size(digest) if size is None else size
        before, left = self._sections_left, 0  # where it breaks off, it may be for too many
        try:
            left = yield from iter_few_sections(self._source.iter_blob(digest, size=size), before, _COUNTS)
        finally:
            self._amounts.end_skeleton(digest, stored, before - left)
        self._sections_left = left


def scan(scanner: SectionScanner, chunk: Chunk | None, errors: list[WasmFormatError]) -> None:
    """Scan the next piece, `None` after the last, and put what is wrong into `errors`; too much is raised."""
    try:
        if chunk is None:
            scanner.finish()
        else:
            scanner.feed(chunk)
    except WasmFormatError as exc:
        if exc.code == "wasm-too-large":
            raise
        errors.append(exc.with_traceback(None))  # which would keep the piece in memory


class Framing(ModuleWatch):
    """Checks the framing of each module that is split out."""

    def __init__(self) -> None:
        self.errors: list[WasmFormatError] = []
        self._scanner: SectionScanner | None = None
        self._sections_left = MAX_SECTIONS  # of all modules together

    def begin(self, section: Section) -> None:
        self._scanner = None
        if len(self.errors) <= MAX_PROBLEMS:  # more are not listed
            self._scanner = SectionScanner(
                lambda *_: None, 0, start=section.contents, end=section.end, sections_left=self._sections_left
            )

    def feed(self, data: Chunk) -> None:
        self._scan(data)

    def end(self) -> None:
        self._scan(None)

    def _scan(self, data: Chunk | None) -> None:
        """Until something is wrong with it: what comes after that has no meaning."""
        if self._scanner is None:
            return
        known = len(self.errors)
        scan(self._scanner, data, self.errors)
        self._sections_left = self._scanner.sections_left
        if len(self.errors) > known:
            self._scanner = None


class LimitedScratch(MemoryScratch):
    """Working space in memory that does not grow with what a hostile binary holds.

    Args:
        most: bytes that it takes.
    """

    def __init__(self, most: int = MAX_LITERAL_IN_MEMORY) -> None:
        super().__init__()
        self._most = most

    def append(self, data: Chunk) -> int:
        start = super().append(data)
        if start + len(data) > self._most:
            raise too_literal(start, self._most)
        return start


def too_literal(offset: int, most: int = MAX_LITERAL_IN_MEMORY) -> WasmFormatError:
    """The error for a component with more bytes outside of its modules than are kept."""
    return WasmFormatError("wasm-too-large", f"it has more than {most} bytes outside of core modules", offset=offset)
