"""`untag`: take a tag away; what it named stays until `gc`."""

from __future__ import annotations

from packaging_kit.digest import Digest
from packaging_kit.errors import RequestError
from packaging_kit.operations.places import LocalPlace, with_tag
from packaging_kit.operations.repositories import open_local_sink, open_local_source
from packaging_kit.operations.settings import Settings


def untag(place: LocalPlace, settings: Settings) -> Digest:
    """Take the place's tag away; returns the digest of what it named.

    Raises:
        NotFoundError: `not-found`.
        RequestError: `tag-missing`.
        StoreError: `layout-invalid`.
        UnavailableError: `io-error`.
    """
    if place.tag is None:
        raise RequestError("tag-missing", "which tag is to go is not said", hint=f"`{with_tag(place, 'TAG')}`")
    with open_local_source(place, settings):
        pass  # which is to be there: nothing new is made
    with open_local_sink(place, settings) as store:
        return store.remove_tags((place.tag,))[place.tag].digest
