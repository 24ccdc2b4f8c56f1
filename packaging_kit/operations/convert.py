"""`convert`: one form of an artifact to another, and an older artifact to the CNCF layout."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from packaging_kit.artifact.pack import Form
from packaging_kit.artifact.unpack import find_component
from packaging_kit.blobs import Blob
from packaging_kit.digest import Digest
from packaging_kit.errors import DocumentError, StoreError
from packaging_kit.oci import layout
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.index import Index
from packaging_kit.oci.layout import Tagged
from packaging_kit.oci.media_types import IMAGE_INDEX, REF_NAME, SKELETON_ARTIFACT, SPLIT_INDEX
from packaging_kit.operations.copy import choose_tag
from packaging_kit.operations.outputs import temporary_folder
from packaging_kit.operations.places import LocalPlace, RegistryPlace, RepositoryPlace
from packaging_kit.operations.repositories import open_local_sink, open_local_source, open_sink, open_source
from packaging_kit.operations.rewrite import Wish, Written, stated_names, write_component
from packaging_kit.operations.settings import Settings, side_by_side
from packaging_kit.stores.indexed import IndexedStore
from packaging_kit.stores.layout import LayoutStore
from packaging_kit.transfer import copy as transfer
from packaging_kit.transfer.copy import ReferrerChoice
from packaging_kit.transfer.progress import NO_PROGRESS, Progress

_OF_A_FORM = frozenset((SKELETON_ARTIFACT, SPLIT_INDEX))


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """What a conversion came to.

    Attributes:
        tag: that names the result.
        digest: of what the tag names.
        manifest: digest of the whole artifact's manifest.
        former: what it was, where the artifact was written anew; `None` where it is the same before and after.
        form: the one it has now: `whole`, where there is nothing to split out.
        whole: digest and size of the component.
        kept: what refers to the whole artifact, and stands in the destination.
        left: what refers to it, or referred to the former manifest or split index, and does not.
        unlisted: what the form has besides, and a registry would not find again from the whole artifact.
        warnings: sentences about what was left out of the annotations.
    """

    tag: str
    digest: Digest
    manifest: Digest
    former: Digest | None = None
    form: Form
    whole: Blob
    kept: tuple[Descriptor, ...]
    left: tuple[Descriptor, ...]
    unlisted: tuple[Descriptor, ...] = ()
    warnings: tuple[str, ...] = ()


def convert(
    source: RepositoryPlace,
    form: Form,
    settings: Settings,
    *,
    destination: RepositoryPlace | None = None,
    cncf: bool = False,
    imports: tuple[str, ...] | None = None,
    exports: tuple[str, ...] | None = None,
    force: bool = False,
    progress: Progress = NO_PROGRESS,
) -> Converted:
    """Give the component at `source` another form, there or at `destination`.

    In its place the tag moves to the new form, and what others attached to the whole artifact stays, since
    every form restores it with the same digest. Elsewhere, what others attached is left behind.

    Args:
        cncf: an artifact of older media types becomes the one that `pack` would write. It has another digest, so
            what others attached is left with the former one, also in its place. One that is in the CNCF layout
            already stays as it is.
        imports: stated names, where an older artifact's can't be read.
        exports: the same.
        force: a tag that names something else at `destination` may be moved.

    Raises:
        WasmFormatError: `wasm-extern-unknown`, where names have to be stated.
        DocumentError: `split-too-many-fragments`, `document-too-large`; and what `unpack` raises.
        RequestError: `tag-missing`, `tag-ambiguous`, `options-disagree`, `text-invalid`.
        StoreError: `tag-exists`, `tag-moved`, `layout-invalid`, `layout-full`; then nothing has changed.
    """
    wish = Wish(form=form, names=stated_names(imports, exports, cncf=cncf), force=force)
    if isinstance(source, RegistryPlace) or isinstance(destination, RegistryPlace):
        return _convert_afar(source, destination or source, wish, settings, progress)
    with _open_both(source, destination, settings) as (here, there):
        descriptor = here.find(source.tag, source.digest)
        tag = (destination.tag if destination else None) or source.tag or choose_tag(here, descriptor)
        component = find_component(here, descriptor)
        inside = {entry.digest for entry in here.content_of(descriptor)}
        if destination is None and descriptor.media_type == IMAGE_INDEX and not component.root and len(inside) > 1:
            raise DocumentError(
                "media-type-unexpected",
                "it stands in an index of others, of which nothing else would be left",
                hint="`-o PLACE` converts it elsewhere",
            )
        written = write_component(component, here, there, wish, settings, progress)
        is_rewritten = written.former is not None
        before = _referrers(here, {component.manifest.digest, descriptor.digest} | inside, is_deep=is_rewritten)
        former = descriptor if destination is None else None
        there.change_index(lambda index: _changed(index, there, written, tag, former, force=force))
        now = {written.manifest, *(Digest.of(document) for document in written.packed.documents)}
        kept = _referrers(there, now, is_deep=is_rewritten)
        stays = {entry.digest for entry in kept}
        return _converted(written, tag, form, kept, tuple(entry for entry in before if entry.digest not in stays))


def _convert_afar(
    source: RepositoryPlace, destination: RepositoryPlace, wish: Wish, settings: Settings, progress: Progress
) -> Converted:
    """The same by way of a layout of our own, out of which the new form is copied."""
    is_in_place = destination is source
    stopped = threading.Event()
    with (
        open_source(source, settings, stopped) as here,
        temporary_folder(settings) as folder,
        open_sink(destination, settings, stopped) as there,
    ):
        descriptor = here.find(source.tag, source.digest)
        tag = destination.tag or source.tag or choose_tag(here, descriptor)
        component = find_component(here, descriptor)
        whole = component.manifest.digest
        store = LayoutStore.open_or_new(folder)
        written = write_component(component, here, store, wish, settings, progress)
        packed = written.packed
        store.put([Tagged(tag, written.tagged, packed.untagged)], force=False)
        if is_in_place and here.find(tag).digest != descriptor.digest:
            raise StoreError("tag-moved", f"the tag `{tag}` was moved meanwhile")
        of_whole = here.referrers(whole)
        of_index = here.referrers(descriptor.digest) if descriptor.digest != whole else ()
        of_new = here.referrers(written.manifest) if is_in_place and written.former is not None else ()
        copied = transfer.copy(
            store,
            there,
            [(tag, store.find(tag))],
            referrers=ReferrerChoice.AUTO,
            force=wish.force or is_in_place,
            progress=progress,
            side_by_side=side_by_side(settings),
            stopped=stopped,
        )
        own = {entry.digest for entry in packed.untagged}
        kept = [entry for entry in packed.untagged if entry not in copied.left]
        others = [entry for entry in of_whole if entry.digest not in own]
        if is_in_place and written.former is None:
            return _converted(written, tag, wish.form, (*kept, *others), of_index, copied.left)
        kept += (entry for entry in of_new if entry.digest not in own)
        return _converted(written, tag, wish.form, tuple(kept), (*others, *of_index), copied.left)


def _converted(
    written: Written,
    tag: str,
    form: Form,
    kept: tuple[Descriptor, ...],
    left: tuple[Descriptor, ...],
    unlisted: tuple[Descriptor, ...] = (),
) -> Converted:
    return Converted(
        tag=tag,
        digest=written.packed.tagged.digest,
        manifest=written.manifest,
        former=written.former,
        form=form if written.packed.root is not None else Form.WHOLE,
        whole=written.packed.whole.layer,
        kept=kept,
        left=left,
        unlisted=unlisted,
        warnings=written.warnings,
    )


def _changed(
    index: Index, store: IndexedStore, written: Written, tag: str, former: Descriptor | None, *, force: bool
) -> Index:
    """`index` with the new form in it, in one step: meanwhile others may have changed what stands there.

    Args:
        former: what the tag has to name still, where it is converted in its place.
    """
    tagged = layout.tags(index)
    if former is not None and (tag not in tagged or tagged[tag].digest != former.digest):
        raise StoreError("tag-moved", f"the tag `{tag}` was moved or taken away meanwhile")
    whole = written.manifest
    without: set[Digest] = set()
    if not any(entry.digest == whole for name, entry in tagged.items() if name != tag):
        # No other tag needs what belongs to another form.
        wanted = {entry.digest for entry in written.packed.untagged}
        without = {entry.digest for entry in index.manifests if _is_of_a_form(entry, whole, store)} - wanted
    thing = Tagged(tag, written.tagged, written.packed.untagged)
    return layout.put(index, [thing], store.subject_of, force=force or former is not None, without=without)


def _is_of_a_form(entry: Descriptor, whole: Digest, store: IndexedStore) -> bool:
    is_own = REF_NAME not in entry.annotations and entry.artifact_type in _OF_A_FORM
    return is_own and store.subject_of(entry) == whole


@contextmanager
def _open_both(
    source: LocalPlace, destination: LocalPlace | None, settings: Settings
) -> Iterator[tuple[IndexedStore, IndexedStore]]:
    with open_local_source(source, settings) as here:
        if destination is None:
            with here.writing():
                yield here, here
        else:
            with open_local_sink(destination, settings) as there:
                yield here, there


def _referrers(store: IndexedStore, subjects: set[Digest], *, is_deep: bool) -> tuple[Descriptor, ...]:
    """What refers to any of these, and to the skeletons and fragments beside them.

    Args:
        is_deep: also what refers to whatever is found: a signature of a signature goes where that goes.
    """
    found: dict[Digest, Descriptor] = {}
    seen: set[Digest] = set()
    pending = set(subjects)
    while pending:
        subject = pending.pop()
        seen.add(subject)
        for entry in store.referrers(subject):
            found[entry.digest] = entry
            if is_deep or entry.artifact_type in _OF_A_FORM:
                pending |= {entry.digest, *(child.digest for child in store.content_of(entry))} - seen
    return tuple(found[digest] for digest in sorted(found))
