"""`pull`: what a registry has, to a file or to a place on this machine."""

from __future__ import annotations

from dataclasses import dataclass, replace

from packaging_kit.artifact.unpack import find_component
from packaging_kit.blobs import Blob
from packaging_kit.digest import Digest
from packaging_kit.errors import RequestError
from packaging_kit.oci.reference import check_tag
from packaging_kit.operations.copy import copy
from packaging_kit.operations.outputs import STANDARD_OUTPUT, Output, write_output
from packaging_kit.operations.places import (
    FilePlace,
    LayoutPlace,
    LocalPlace,
    RegistryPlace,
    as_local,
    parse_destination,
)
from packaging_kit.operations.repositories import open_source
from packaging_kit.operations.settings import Settings
from packaging_kit.operations.unpack import expected_of, iter_component
from packaging_kit.stores.files import io_errors, is_folder, is_there
from packaging_kit.stores.scratch import FileScratch
from packaging_kit.transfer.copy import Copied
from packaging_kit.transfer.progress import NO_PROGRESS, Progress, tell

_PREFIXES = ("oci:", "oci-archive:", "docker://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """What a pull did.

    Attributes:
        digest: of the manifest or index that was named.
        whole: what was written to a file; `None` for a place.
        copied: what was copied to a place; `None` for a file.
    """

    digest: Digest
    whole: Blob | None = None
    copied: Copied | None = None


def parse_pulled(text: str) -> FilePlace | LocalPlace:
    """Where a pull goes: a file, unless the text has a prefix, is there as a folder, or has no suffix but `.tar`.

    Raises:
        RequestError: `place-unclear`, `place-unsupported`, `tag-invalid`.
    """
    if text == STANDARD_OUTPUT:
        return FilePlace(text)
    place = as_local(parse_destination(text), hint="`packaging-kit copy SRC DST`")
    if text.startswith(_PREFIXES) or not isinstance(place, LayoutPlace) or place.tag is not None:
        return place
    path = place.folder
    with io_errors(path):
        if is_folder(path):
            return place
        is_something = is_there(path, follow_links=True)
    if ":" in path.name and not is_something:
        kind = "oci-archive" if path.suffix.startswith(".tar:") else "oci"
        raise RequestError("place-unclear", f"`{text}` is not there", hint=f"`{kind}:{text}`, or `./{text}` for a file")
    return FilePlace(text) if is_something or path.suffix else place


def pull(
    source: RegistryPlace,
    target: Output | LocalPlace,
    settings: Settings,
    *,
    tag: str | None = None,
    force: bool = False,
    progress: Progress = NO_PROGRESS,
) -> Pulled:
    """Write the exact bytes of a component to a file, or copy the artifact to a place.

    Args:
        tag: in the place; otherwise its own, or the source's.
        force: tags that name something else may be moved.

    Raises:
        RequestError: `options-disagree`, `tag-ambiguous`, `tag-invalid`; and what `unpack` and `copy` raise.
    """
    if isinstance(target, Output):
        if tag is not None:
            raise RequestError("options-disagree", "a file has no tag", hint="`oci:DIR`")
        return _pull_to_file(source, target, settings, progress)
    if tag is not None and target.tag not in (None, tag):
        raise RequestError("tag-ambiguous", f"`--tag {tag}` and the place's `{target.tag}` are two tags")
    there = target if tag is None else replace(target, tag=check_tag(tag))
    copied = copy(source, there, settings, force=force, progress=progress)
    return Pulled(digest=copied.things[0].descriptor.digest, copied=copied)


def _pull_to_file(source: RegistryPlace, output: Output, settings: Settings, progress: Progress) -> Pulled:
    output.check()
    with open_source(source, settings) as store, FileScratch(settings.temporary) as scratch:
        # Once: a tag may move while it is pulled, and what is told has to be what was written.
        descriptor = store.find(source.tag, source.digest)
        component = find_component(store, descriptor)
        progress.start("pull", component.layer.size)
        chunks = tell(iter_component(component, store, scratch), progress)
        whole = write_output(chunks, output, settings.temporary, expected_of(component))
    return Pulled(digest=descriptor.digest, whole=whole)
