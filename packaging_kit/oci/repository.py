"""The protocols of a repository: blobs with names, be it in a layout, an archive or a registry.

They stand here and not beside `BlobSource`, because what has a name is told by a descriptor.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

from packaging_kit.blobs import BlobSink, BlobSource, Chunk
from packaging_kit.digest import Digest
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.layout import Tagged


@runtime_checkable
class DocumentSource(BlobSource, Protocol):
    """Where documents are read from, which a registry keeps apart from other blobs."""

    def read_document(self, descriptor: Descriptor) -> bytes:
        """The exact bytes of a manifest or index, checked.

        Raises:
            NotFoundError: `not-found`.
            ContentError: `size-mismatch` or `digest-mismatch`.
        """
        return self.read_blob(descriptor.digest, size=descriptor.size)


class RepositorySource(DocumentSource, Protocol):
    """Where named things are read from; from many threads at a time."""

    @abstractmethod
    def find(self, tag: str | None = None, digest: Digest | None = None) -> Descriptor:
        """What a tag or digest names; without either the only tagged thing.

        Raises:
            NotFoundError: `not-found`.
            RequestError: `tag-ambiguous`.
        """

    @abstractmethod
    def tagged(self) -> Mapping[str, Descriptor]:
        """What each tag names."""

    def tags(self) -> tuple[str, ...]:
        """All tags, sorted."""
        return tuple(sorted(self.tagged()))

    @abstractmethod
    def referrers(self, subject: Digest, artifact_types: Collection[str] | None = None) -> tuple[Descriptor, ...]:
        """What refers to `subject`, each with its artifact type, sorted by digest.

        Args:
            artifact_types: only those of these types.
        """


class RepositorySink(BlobSink, Protocol):
    """Where named things are written to; blobs and documents from many threads at a time."""

    @abstractmethod
    def writing(self) -> AbstractContextManager[None]:
        """Keeps what is written inside it until it has a name: nobody sweeps it away in between."""

    def takes_referrers(self, *, always: bool) -> bool:
        """Whether what refers to something is found again from it.

        Args:
            always: by whatever means there are.
        """
        return True

    def left_out(self) -> tuple[Descriptor, ...]:
        """Referrers that were written, and are not found again from what they refer to."""
        return ()

    def write_document(self, descriptor: Descriptor, raw: bytes) -> bool:
        """Write a manifest or index whose content was written; whether it was not there.

        Raises:
            StoreError, UnavailableError: as `write_blob`.
        """
        chunks = TakenChunks(lambda: (raw,))
        self.write_blob(chunks, descriptor.blob)
        return chunks.were_taken

    @abstractmethod
    def put(self, things: Iterable[Tagged], *, force: bool, source: DocumentSource | None = None) -> None:
        """Name things whose content was all written.

        Args:
            source: has the documents that the things are, where they were not written yet.

        Raises:
            StoreError: `tag-exists`, `layout-full`; then no name has changed.
        """


class TakenChunks:
    """Chunks of a blob, which remember whether anybody asked for them."""

    def __init__(self, make: Callable[[], Iterable[Chunk]]) -> None:
        self._make = make
        self.were_taken = False

    def __iter__(self) -> Iterator[Chunk]:
        self.were_taken = True
        return iter(self._make())
