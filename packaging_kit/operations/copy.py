"""`copy`: named things from one repository to another, or under another tag."""

from __future__ import annotations

from packaging_kit.errors import RequestError, StoreError
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.layout import is_referrers_list
from packaging_kit.oci.repository import RepositorySource
from packaging_kit.operations.places import RepositoryPlace
from packaging_kit.operations.progress import NO_PROGRESS, Progress
from packaging_kit.operations.repositories import open_sink, open_source
from packaging_kit.operations.settings import Settings
from packaging_kit.transfer import copy as transfer
from packaging_kit.transfer.copy import Copied, side


def copy(
    source: RepositoryPlace,
    destination: RepositoryPlace,
    settings: Settings,
    *,
    referrers: bool = False,
    every_tag: bool = False,
    force: bool = False,
    progress: Progress = NO_PROGRESS,
) -> Copied:
    """Copy what `source` names, with what it contains and our skeleton.

    Args:
        referrers: everything that refers to it too.
        every_tag: all that the source has tags for, under the same tags.
        force: tags that name something else may be moved.

    Raises:
        NotFoundError: `not-found`.
        RequestError: `tag-ambiguous`, `tag-missing`.
        DocumentError: `document-invalid`, `document-too-large`, `media-type-unexpected`.
        ContentError: `digest-mismatch`, `size-mismatch`.
        StoreError: `layout-invalid`, `tag-exists`, `layout-full`, `nothing-tagged`.
        UnavailableError: `io-error`.
    """
    if every_tag and (source.tag or source.digest or destination.tag):
        raise RequestError("tag-ambiguous", "every tag is copied, and a place names one thing")
    with (
        side("source"),
        open_source(source, settings) as here,
        side("destination"),
        open_sink(destination, settings) as there,
    ):
        with side("source"):
            if every_tag:
                # What a list of referrers names comes along with what it refers to.
                wanted = sorted((tag, entry) for tag, entry in here.tagged().items() if not is_referrers_list(entry))
                if not wanted and here.read_index().value.manifests:
                    raise StoreError("nothing-tagged", "the layout has entries, and none of them has a tag")
            else:
                descriptor = here.find(source.tag, source.digest)
                wanted = [(destination.tag or source.tag or choose_tag(here, descriptor), descriptor)]
        progress.start("copy", None)
        return transfer.copy(here, there, wanted, referrers=referrers, force=force, on_bytes=progress.advance)


def choose_tag(source: RepositorySource, descriptor: Descriptor) -> str:
    """The only tag that names this.

    Raises:
        RequestError: `tag-missing`.
    """
    tags = [tag for tag, entry in source.tagged().items() if entry.digest == descriptor.digest]
    if len(tags) != 1:
        raise RequestError(
            "tag-missing", f"it has {len(tags)} tags, so which one it gets has to be said", hint="`oci:DIR:TAG`"
        )
    return tags[0]
