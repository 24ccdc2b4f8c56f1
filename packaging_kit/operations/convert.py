"""`convert`: one form of an artifact to another, around the same whole artifact."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from packaging_kit.artifact.pack import Form, Packed, WholeArtifact, pack_split, pack_whole
from packaging_kit.artifact.unpack import StoredComponent, find_component
from packaging_kit.blobs import Blob, BlobSink, Chunk
from packaging_kit.digest import Digest
from packaging_kit.errors import DocumentError, StoreError
from packaging_kit.fragments.explode import explode
from packaging_kit.oci import layout
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.index import Index
from packaging_kit.oci.layout import Tagged
from packaging_kit.oci.media_types import IMAGE_INDEX, REF_NAME, SKELETON_ARTIFACT, SPLIT_INDEX
from packaging_kit.oci.repository import RepositorySource
from packaging_kit.operations.copy import choose_tag
from packaging_kit.operations.inputs import iter_view
from packaging_kit.operations.outputs import temporary_folder
from packaging_kit.operations.pack import write_content, write_documents
from packaging_kit.operations.places import LocalPlace, RegistryPlace, RepositoryPlace
from packaging_kit.operations.repositories import open_local_sink, open_local_source, open_sink, open_source
from packaging_kit.operations.settings import Settings, side_by_side
from packaging_kit.operations.unpack import read_component
from packaging_kit.stores.indexed import IndexedStore
from packaging_kit.stores.layout import LayoutStore
from packaging_kit.transfer import copy as transfer
from packaging_kit.transfer.copy import ReferrerChoice
from packaging_kit.transfer.progress import NO_PROGRESS, Progress, tell

_OF_A_FORM = frozenset((SKELETON_ARTIFACT, SPLIT_INDEX))


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """What a conversion came to.

    Attributes:
        tag: that names the result.
        digest: of what the tag names.
        manifest: digest of the whole artifact's manifest, the same before and after.
        form: the one it has now: `whole`, where there is nothing to split out.
        whole: digest and size of the component.
        kept: what refers to the whole artifact, and stands in the destination.
        left: what refers to it, or referred to the former split index, and does not.
        unlisted: what the form has besides, and a registry would not find again from the whole artifact.
    """

    tag: str
    digest: Digest
    manifest: Digest
    form: Form
    whole: Blob
    kept: tuple[Descriptor, ...]
    left: tuple[Descriptor, ...]
    unlisted: tuple[Descriptor, ...] = ()


def convert(
    source: RepositoryPlace,
    form: Form,
    settings: Settings,
    *,
    destination: RepositoryPlace | None = None,
    force: bool = False,
    progress: Progress = NO_PROGRESS,
) -> Converted:
    """Give the component at `source` another form, there or at `destination`.

    In its place the tag moves to the new form, and what others attached to the whole artifact stays, since
    every form restores it with the same digest. Elsewhere, what others attached is left behind.

    Args:
        force: a tag that names something else at `destination` may be moved.

    Raises:
        DocumentError: `split-too-many-fragments`; and what `unpack` raises.
        RequestError: `tag-missing`, `tag-ambiguous`.
        StoreError: `tag-exists`, `tag-moved`, `layout-invalid`, `layout-full`; then nothing has changed.
    """
    if isinstance(source, RegistryPlace) or isinstance(destination, RegistryPlace):
        return _convert_afar(source, destination or source, form, settings, force=force, progress=progress)
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
        before = _referrers(here, {component.manifest.digest, descriptor.digest} | inside)
        packed = _write(component, here, there, form, settings, progress)
        former = descriptor if destination is None else None
        there.change_index(lambda index: _changed(index, there, component, packed, tag, former, force=force))
        now = {component.manifest.digest, *(Digest.of(document) for document in packed.documents)}
        kept = _referrers(there, now)
        stays = {entry.digest for entry in kept}
        return Converted(
            tag=tag,
            digest=packed.tagged.digest,
            manifest=component.manifest.digest,
            form=form if packed.root is not None else Form.WHOLE,
            whole=component.layer.blob,
            kept=kept,
            left=tuple(entry for entry in before if entry.digest not in stays),
        )


def _convert_afar(
    source: RepositoryPlace,
    destination: RepositoryPlace,
    form: Form,
    settings: Settings,
    *,
    force: bool,
    progress: Progress,
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
        packed = _write(component, here, store, form, settings, progress)
        store.put([Tagged(tag, _entry(component, packed), packed.untagged)], force=False)
        if is_in_place and here.find(tag).digest != descriptor.digest:
            raise StoreError("tag-moved", f"the tag `{tag}` was moved meanwhile")
        of_whole = here.referrers(whole)
        of_index = here.referrers(descriptor.digest) if descriptor.digest != whole else ()
        copied = transfer.copy(
            store,
            there,
            [(tag, store.find(tag))],
            referrers=ReferrerChoice.AUTO,
            force=force or is_in_place,
            progress=progress,
            side_by_side=side_by_side(settings),
            stopped=stopped,
        )
        own = {entry.digest for entry in packed.untagged}
        kept = tuple(entry for entry in packed.untagged if entry not in copied.left)
        others = tuple(entry for entry in of_whole if entry.digest not in own)
        return Converted(
            tag=tag,
            digest=packed.tagged.digest,
            manifest=whole,
            form=form if packed.root is not None else Form.WHOLE,
            whole=component.layer.blob,
            kept=(*kept, *others) if is_in_place else kept,
            left=of_index if is_in_place else (*others, *of_index),
            unlisted=copied.left,
        )


def _changed(
    index: Index,
    store: IndexedStore,
    component: StoredComponent,
    packed: Packed,
    tag: str,
    former: Descriptor | None,
    *,
    force: bool,
) -> Index:
    """`index` with the new form in it, in one step: meanwhile others may have changed what stands there.

    Args:
        former: what the tag has to name still, where it is converted in its place.
    """
    tagged = layout.tags(index)
    if former is not None and (tag not in tagged or tagged[tag].digest != former.digest):
        raise StoreError("tag-moved", f"the tag `{tag}` was moved or taken away meanwhile")
    whole = component.manifest.digest
    without: set[Digest] = set()
    if not any(entry.digest == whole for name, entry in tagged.items() if name != tag):
        # No other tag needs what belongs to another form.
        wanted = {entry.digest for entry in packed.untagged}
        without = {entry.digest for entry in index.manifests if _is_of_a_form(entry, whole, store)} - wanted
    thing = Tagged(tag, _entry(component, packed), packed.untagged)
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


def _referrers(store: IndexedStore, subjects: set[Digest]) -> tuple[Descriptor, ...]:
    """What refers to any of these, and to the skeletons and fragments beside them."""
    found: dict[Digest, Descriptor] = {}
    seen: set[Digest] = set()
    pending = set(subjects)
    while pending:
        subject = pending.pop()
        seen.add(subject)
        for entry in store.referrers(subject):
            found[entry.digest] = entry
            if entry.artifact_type in _OF_A_FORM:
                pending |= {entry.digest, *(child.digest for child in store.content_of(entry))} - seen
    return tuple(found[digest] for digest in sorted(found))


def _entry(component: StoredComponent, packed: Packed) -> Descriptor:
    """What the tag names; an artifact of older tools may state a type of its own."""
    if packed.tagged.digest != component.manifest.digest:
        return packed.tagged
    return replace(packed.tagged, artifact_type=component.manifest.value.artifact_type)


def _write(
    component: StoredComponent,
    source: RepositorySource,
    sink: BlobSink,
    form: Form,
    settings: Settings,
    progress: Progress,
) -> Packed:
    whole = WholeArtifact(layer=component.layer.blob, config=component.config, manifest=component.manifest)
    view = read_component(component, source, settings)
    progress.start("convert", len(view))
    if form is Form.WHOLE:
        packed = pack_whole(whole)
        _write_whole(component, view, sink, progress)
    else:
        exploded = explode(view)
        packed = pack_split(form, whole, exploded)
        if packed.stores_whole:
            _write_whole(component, view, sink, progress)
        write_content(packed, exploded, sink, progress)
    write_documents(packed, sink)
    return packed


def _write_whole(component: StoredComponent, view: Chunk, sink: BlobSink, progress: Progress) -> None:
    sink.write_blob(tell(iter_view(view), progress), component.layer.blob)
