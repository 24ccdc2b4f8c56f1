"""`copy`: named things from one repository to another, or under another tag."""

from __future__ import annotations

from packaging_kit.digest import Digest
from packaging_kit.errors import RequestError
from packaging_kit.oci.descriptor import Descriptor
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
        StoreError: `layout-invalid`, `tag-exists`, `layout-full`.
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
                wanted = [(tag, here.find(tag)) for tag in here.tags()]
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
    tags = tags_of(source, descriptor.digest)
    if len(tags) != 1:
        raise RequestError(
            "tag-missing", f"it has {len(tags)} tags, so which one it gets has to be said", hint="`oci:DIR:TAG`"
        )
    return tags[0]


def tags_of(source: RepositorySource, digest: Digest) -> tuple[str, ...]:
    """The tags that name `digest`."""
    return tuple(tag for tag in source.tags() if source.find(tag).digest == digest)
