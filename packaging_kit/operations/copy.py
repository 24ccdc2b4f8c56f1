"""`copy`, and what `push` and `pull` come to: named things from one repository to another."""

from __future__ import annotations

import threading

from packaging_kit.errors import RequestError, StoreError
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.layout import is_fallback_tag, lists_referrers
from packaging_kit.oci.repository import RepositorySource
from packaging_kit.operations.places import RegistryPlace, RepositoryPlace
from packaging_kit.operations.repositories import open_sink, open_source
from packaging_kit.operations.settings import Settings, side_by_side
from packaging_kit.stores.indexed import IndexedStore
from packaging_kit.transfer import copy as transfer
from packaging_kit.transfer.copy import Copied, ReferrerChoice, side
from packaging_kit.transfer.progress import NO_PROGRESS, Progress


def copy(
    source: RepositoryPlace,
    destination: RepositoryPlace,
    settings: Settings,
    *,
    referrers: ReferrerChoice = ReferrerChoice.AUTO,
    every_tag: bool = False,
    mounts: tuple[str, ...] = (),
    force: bool = False,
    progress: Progress = NO_PROGRESS,
) -> Copied:
    """Copy what `source` names, with what it contains and our skeleton.

    Args:
        referrers: what else goes along.
        every_tag: all that the source has tags for, under the same tags.
        mounts: repositories of the destination's registry that may hold blobs already; the source's is one.
        force: tags that name something else may be moved.

    Raises:
        NotFoundError: `not-found`.
        RequestError: `tag-ambiguous`, `tag-missing`, `credential-ambiguous`.
        DocumentError: `document-invalid`, `document-too-large`, `media-type-unexpected`.
        ContentError: `digest-mismatch`, `size-mismatch`.
        StoreError: `layout-invalid`, `tag-exists`, `layout-full`, `nothing-tagged`.
        UnavailableError: `io-error`; `RegistryError`.
    """
    if every_tag and (source.tag or source.digest or destination.tag):
        raise RequestError("tag-ambiguous", "every tag is copied, and a place names one thing")
    _check_credential(source, destination, settings)
    stopped = threading.Event()
    with (
        side("source"),
        open_source(source, settings, stopped) as here,
        side("destination"),
        open_sink(destination, settings, stopped, (*mounts, *_neighbour(source, destination))) as there,
    ):
        with side("source"):
            if every_tag:
                # What a list of referrers names comes along with what it refers to.
                wanted = sorted((tag, entry) for tag, entry in here.tagged().items() if not lists_referrers(tag, entry))
                if not wanted and isinstance(here, IndexedStore) and here.read_index().value.manifests:
                    raise StoreError("nothing-tagged", "the layout has entries, and none of them has a tag")
            else:
                descriptor = here.find(source.tag, source.digest)
                wanted = [(destination.tag or source.tag or choose_tag(here, descriptor), descriptor)]
        progress.start("copy", None)
        return transfer.copy(
            here,
            there,
            wanted,
            referrers=referrers,
            force=force,
            progress=progress,
            side_by_side=side_by_side(settings) if _goes_far(source, destination) else 1,
            stopped=stopped,
        )


def choose_tag(source: RepositorySource, descriptor: Descriptor) -> str:
    """The only tag that names this.

    Raises:
        RequestError: `tag-missing`.
    """
    if isinstance(source, IndexedStore):
        tags = [tag for tag, entry in source.tagged().items() if entry.digest == descriptor.digest]
    else:  # where each of them has to be asked for
        tags = [tag for tag in source.tags() if not is_fallback_tag(tag)]
        tags = [tag for tag in tags if source.find(tag).digest == descriptor.digest] if len(tags) == 1 else tags
    if len(tags) != 1:
        raise RequestError(
            "tag-missing", f"it has {len(tags)} tags, so which one it gets has to be said", hint="`oci:DIR:TAG`"
        )
    return tags[0]


def _goes_far(source: RepositoryPlace, destination: RepositoryPlace) -> bool:
    """Between two places on this machine the disk is waited for, which several threads don't make faster."""
    return isinstance(source, RegistryPlace) or isinstance(destination, RegistryPlace)


def _neighbour(source: RepositoryPlace, destination: RepositoryPlace) -> tuple[str, ...]:
    if not isinstance(source, RegistryPlace) or not isinstance(destination, RegistryPlace):
        return ()
    here, there = source.reference, destination.reference
    return (here.repository,) if here.host == there.host else ()


def _check_credential(source: RepositoryPlace, destination: RepositoryPlace, settings: Settings) -> None:
    """Refuse to show one credential to two registries."""
    if settings.registry is None or settings.registry.given is None:
        return
    hosts = {place.reference.host for place in (source, destination) if isinstance(place, RegistryPlace)}
    if len(hosts) > 1:
        raise RequestError(
            "credential-ambiguous", "one credential was given for two registries", hint="`packaging-kit login HOST`"
        )
