"""`push`: what a place holds, or a file that is packed on the way, to a registry."""

from __future__ import annotations

from dataclasses import dataclass

from packaging_kit.errors import RequestError
from packaging_kit.operations.copy import copy
from packaging_kit.operations.inputs import Input
from packaging_kit.operations.outputs import temporary_folder
from packaging_kit.operations.pack import PackOptions, PackResult, pack
from packaging_kit.operations.places import LayoutPlace, RegistryPlace, RepositoryPlace
from packaging_kit.operations.settings import Settings
from packaging_kit.transfer.copy import Copied, ReferrerChoice
from packaging_kit.transfer.progress import NO_PROGRESS, Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """What a push did.

    Attributes:
        copied: what was named, and which blobs were sent.
        packed: what a file became on the way; `None` for a place.
    """

    copied: Copied
    packed: PackResult | None = None


def push(
    source: Input | RepositoryPlace,
    destination: RegistryPlace,
    settings: Settings,
    *,
    options: PackOptions | None = None,
    referrers: ReferrerChoice = ReferrerChoice.AUTO,
    mounts: tuple[str, ...] = (),
    force: bool = False,
    progress: Progress = NO_PROGRESS,
) -> Pushed:
    """Push a place, or pack a file and push that; `options` are for a file.

    Raises:
        RequestError: `option-needs-a-file`, where there are options and no file; `place-unclear`, for a digest to
            push to; and what `pack` and `copy` raise.
    """
    if destination.digest is not None:
        raise RequestError("place-unclear", "what is written is named by a tag, not by a digest")
    if not isinstance(source, Input):
        if options is not None:
            raise RequestError("option-needs-a-file", "a place was packed already, and nothing is packed on the way")
        copied = copy(source, destination, settings, referrers=referrers, mounts=mounts, force=force, progress=progress)
        return Pushed(copied=copied)
    with temporary_folder(settings) as folder:
        place = LayoutPlace(folder=folder)
        (packed,) = pack([source], place, options or PackOptions(), settings, progress)
        here = LayoutPlace(folder=place.folder, tag=packed.tag)
        copied = copy(here, destination, settings, referrers=referrers, mounts=mounts, force=force, progress=progress)
        return Pushed(copied=copied, packed=packed)
