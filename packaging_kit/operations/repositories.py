"""Opening what a place names, for reading or for writing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from packaging_kit.operations.places import LayoutPlace, RepositoryPlace
from packaging_kit.operations.settings import Settings
from packaging_kit.stores.archive import ArchiveStore
from packaging_kit.stores.indexed import IndexedStore
from packaging_kit.stores.layout import LayoutStore
from packaging_kit.stores.scratch import FileScratch


@contextmanager
def open_source(place: RepositoryPlace, settings: Settings) -> Iterator[IndexedStore]:
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
def open_sink(place: RepositoryPlace, settings: Settings) -> Iterator[IndexedStore]:
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
