"""`digest`: the content hash of a file, as if exploded."""

from __future__ import annotations

from dataclasses import dataclass

from packaging_kit.blobs import Blob
from packaging_kit.digest import Digest
from packaging_kit.fragments.explode import explode, explode_chunks
from packaging_kit.fragments.exploded import Exploded
from packaging_kit.operations.inputs import Input, open_chunks
from packaging_kit.operations.settings import Settings
from packaging_kit.stores.scratch import FileScratch
from packaging_kit.transfer.progress import NO_PROGRESS, Progress, tell


@dataclass(frozen=True, slots=True, kw_only=True)
class FragmentSummary:
    """One distinct fragment: digest and size of its blob, and `module` or `component`."""

    digest: Digest
    size: int
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSummary:
    """What a whole splits into.

    Attributes:
        whole: digest and size of the whole.
        skeleton: digest and size of the root skeleton; the digest is the root.
        fragments: distinct ones, as first met.
    """

    whole: Blob
    skeleton: Blob
    fragments: tuple[FragmentSummary, ...]

    @property
    def root(self) -> Digest:
        return self.skeleton.digest


def digest_file(source: Input, settings: Settings, progress: Progress = NO_PROGRESS) -> SplitSummary:
    """What a file splits into, without writing anything; it is read once.

    Raises:
        WasmFormatError: where it can't be split.
        UnavailableError: `io-error`, `input-changed`.
    """
    with open_chunks(source) as (view, chunks), FileScratch(settings.temporary) as scratch:
        progress.start(source.name, None if view is None else len(view))
        if view is None:
            return summarise(explode_chunks(tell(chunks, progress), scratch))
        return summarise(explode(view, on_bytes=progress.advance))


def summarise(exploded: Exploded) -> SplitSummary:
    """The summary of what was exploded."""
    return SplitSummary(
        whole=Blob(exploded.digest, exploded.size),
        skeleton=Blob(exploded.root, exploded.skeleton_size),
        fragments=tuple(
            FragmentSummary(digest=fragment.digest, size=fragment.size, kind=fragment.kind.value)
            for fragment in exploded.fragments
        ),
    )
