"""`gc`: what nothing leads to any longer goes."""

from __future__ import annotations

from dataclasses import dataclass

from packaging_kit.artifact.graph import Reachable, find_reachable
from packaging_kit.blobs import Blob
from packaging_kit.digest import Digest
from packaging_kit.errors import PackagingKitError, RequestError, StoreError, UnavailableError
from packaging_kit.oci import layout
from packaging_kit.oci.media_types import REF_NAME
from packaging_kit.operations.places import LayoutPlace, RepositoryPlace
from packaging_kit.stores.layout import LayoutStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What went, or would go.

    Attributes:
        entries: untagged entries of the index.
        blobs: what nothing leads to, sorted by digest.
        kept: number of blobs that stay.
        is_dry_run: nothing was changed.
    """

    entries: tuple[Digest, ...]
    blobs: tuple[Blob, ...]
    kept: int
    is_dry_run: bool

    @property
    def size(self) -> int:
        """Of the blobs, in bytes."""
        return sum(blob.size for blob in self.blobs)


def gc(place: RepositoryPlace, *, dry_run: bool = False, force: bool = False) -> Swept:
    """Sweep a layout: what is reached neither from a tag nor from a referrer of what is reached goes.

    It waits for those that write to the layout, and they wait for it. The index is changed first, so that
    whatever happens no entry names what is gone.

    Args:
        force: also where no tag is left, and so everything would go.

    Raises:
        NotFoundError: `not-found`.
        RequestError: `place-unclear`, where the place is no layout folder.
        StoreError: `layout-invalid`, `layout-damaged`, `nothing-tagged`; then nothing has changed.
        UnavailableError: `io-error`.
    """
    if not isinstance(place, LayoutPlace) or place.tag or place.digest:
        raise RequestError("place-unclear", "a layout folder is swept as a whole", hint="`oci:DIR`")
    store = LayoutStore.open(place.folder)
    if dry_run:
        return _look(store, _find_reachable(store, force=force), is_dry_run=True)
    with store.alone():
        store.sweep()
        reachable = _find_reachable(store, force=force)
        swept = _look(store, reachable, is_dry_run=False)
        if swept.entries:
            store.change_index(lambda index: layout.keep_only(index, reachable.entries))
        store.remove_blobs(blob.digest for blob in swept.blobs)
    return swept


def _find_reachable(store: LayoutStore, *, force: bool) -> Reachable:
    index = store.read_index().value
    has_tag = any(not layout.is_referrers_list(entry) for entry in layout.tags(index).values())
    if index.manifests and not force and not has_tag:
        raise StoreError(
            "nothing-tagged", "the layout has entries and no tag, so everything would go", hint="`--force` sweeps it"
        )
    try:
        return find_reachable(store, index)
    except UnavailableError:
        raise  # which says nothing about what is there
    except PackagingKitError as exc:
        raise StoreError(
            "layout-damaged",
            f"what has to stay can't be told: {exc}",
            hint=f"`packaging-kit verify oci:{store.folder}` lists what is wrong",
        ) from exc


def _look(store: LayoutStore, reachable: Reachable, *, is_dry_run: bool) -> Swept:
    index = store.read_index().value
    blobs = tuple(store.iter_blobs())
    return Swept(
        entries=tuple(
            entry.digest
            for entry in index.manifests
            if REF_NAME not in entry.annotations and entry.digest not in reachable.entries
        ),
        blobs=tuple(blob for blob in blobs if blob.digest not in reachable.blobs),
        kept=sum(blob.digest in reachable.blobs for blob in blobs),
        is_dry_run=is_dry_run,
    )
