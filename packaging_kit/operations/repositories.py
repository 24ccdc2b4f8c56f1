"""Opening what a place names, for reading or for writing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from packaging_kit.oci.repository import RepositorySink, RepositorySource
from packaging_kit.operations.places import LayoutPlace, LocalPlace, RegistryPlace, RepositoryPlace
from packaging_kit.operations.settings import Settings
from packaging_kit.stores.archive import ArchiveStore
from packaging_kit.stores.indexed import IndexedStore
from packaging_kit.stores.layout import LayoutStore
from packaging_kit.stores.scratch import FileScratch

if TYPE_CHECKING:
    from packaging_kit.stores.registry.store import RegistryStore


@contextmanager
def open_source(
    place: RepositoryPlace, settings: Settings, stopped: threading.Event | None = None
) -> Iterator[RepositorySource]:
    """A layout, archive or registry to read from.

    Args:
        stopped: once it is set, nothing more is asked of a registry.

    Raises:
        NotFoundError: `not-found`.
        StoreError: `layout-invalid`.
        UnavailableError: `io-error`.
    """
    if isinstance(place, RegistryPlace):
        with closing(open_registry(place, settings, stopped=stopped)) as registry:
            yield registry
        return
    with open_local_source(place, settings) as store:
        yield store


@contextmanager
def open_sink(
    place: RepositoryPlace,
    settings: Settings,
    stopped: threading.Event | None = None,
    mounts: tuple[str, ...] = (),
) -> Iterator[RepositorySink]:
    """A layout, archive or registry to write to.

    Args:
        mounts: repositories of the same registry that may hold blobs already.

    Raises:
        StoreError: `layout-invalid`.
        UnavailableError: `io-error`.
    """
    if isinstance(place, RegistryPlace):
        with closing(open_registry(place, settings, stopped=stopped, mounts=mounts)) as registry:
            yield registry
        return
    with open_local_sink(place, settings) as store:
        yield store


def open_registry(
    place: RegistryPlace,
    settings: Settings,
    *,
    stopped: threading.Event | None = None,
    mounts: tuple[str, ...] = (),
) -> RegistryStore:
    """A repository in a registry; nothing is asked of it yet."""
    # Imported when first needed: the command line must start quickly.
    from packaging_kit.stores.registry.credentials import CredentialStore
    from packaging_kit.stores.registry.options import RegistryOptions
    from packaging_kit.stores.registry.store import RegistryStore
    from packaging_kit.stores.registry.transport import Transport

    options = settings.registry or RegistryOptions()
    credentials = CredentialStore(options.credentials, given=options.given)
    reference = place.reference
    transport = Transport(
        reference.api_host,
        options,
        lambda: credentials.find(reference.host, reference.repository),
        stopped=stopped,
    )
    return RegistryStore(transport, reference, temporary=settings.temporary, mounts=mounts)


@contextmanager
def open_local_source(place: LocalPlace, settings: Settings) -> Iterator[IndexedStore]:
    """A layout or archive that exists.

    Raises:
        NotFoundError: `not-found`.
        StoreError: `layout-invalid`.
        UnavailableError: `io-error`.
    """
    if isinstance(place, LayoutPlace):
        yield LayoutStore.open(place.folder)
        return
    with FileScratch(settings.temporary) as scratch, ArchiveStore(place.file, scratch) as store:
        yield store


@contextmanager
def open_local_sink(place: LocalPlace, settings: Settings) -> Iterator[IndexedStore]:
    """A layout or archive to write to, new or old; what is written inside is safe from a sweep.

    Raises:
        StoreError: `layout-invalid`.
        UnavailableError: `io-error`.
    """
    if isinstance(place, LayoutPlace):
        store = LayoutStore.open_or_new(place.folder)
        with store.writing():
            yield store
        return
    with FileScratch(settings.temporary) as scratch, ArchiveStore(place.file, scratch, may_be_new=True) as archive:
        yield archive
