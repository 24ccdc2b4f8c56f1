"""The protocols of a repository: blobs with names, be it in a layout, an archive or a registry.

They stand here and not beside `BlobSource`, because what has a name is told by a descriptor.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from packaging_kit.blobs import BlobSink, BlobSource
from packaging_kit.digest import Digest
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.layout import Tagged


class RepositorySource(BlobSource, Protocol):
    """Where named things are read from."""

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
    def referrers(self, subject: Digest) -> tuple[Descriptor, ...]:
        """What refers to `subject`, each with its artifact type, sorted by digest."""


class RepositorySink(BlobSink, Protocol):
    """Where named things are written to."""

    @abstractmethod
    def writing(self) -> AbstractContextManager[None]:
        """Keeps what is written inside it until it has a name: nobody sweeps it away in between."""

    @abstractmethod
    def put(self, things: Iterable[Tagged], *, force: bool) -> None:
        """Name things whose blobs were all written.

        Raises:
            StoreError: `tag-exists`, `layout-full`; then nothing has changed.
        """
