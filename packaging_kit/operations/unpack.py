"""`unpack`: a component out of a place, whatever its form."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from packaging_kit.artifact.unpack import StoredComponent, find_component
from packaging_kit.blobs import Blob, BlobSource, Scratch, check_size
from packaging_kit.digest import Digest, verified
from packaging_kit.errors import NotFoundError, PackagingKitError
from packaging_kit.fragments.explode import explode
from packaging_kit.fragments.plan import check_modules, make_plan
from packaging_kit.fragments.reassemble import iter_whole
from packaging_kit.fragments.walk import check_whole_size
from packaging_kit.limits import MAX_WHOLE_SIZE, MIB
from packaging_kit.oci.repository import RepositorySource
from packaging_kit.operations.outputs import Expected, Output, temporary_folder, verified_copy, write_output
from packaging_kit.operations.places import RegistryPlace, RepositoryPlace
from packaging_kit.operations.repositories import open_source
from packaging_kit.operations.settings import Settings, side_by_side
from packaging_kit.stores.layout import LayoutStore
from packaging_kit.stores.memory import MemoryStore
from packaging_kit.stores.scratch import FileScratch
from packaging_kit.transfer.copy import ReferrerChoice, copy
from packaging_kit.transfer.progress import NO_PROGRESS, Progress, tell

_NAME = "fetched"
_IN_MEMORY = 32 * MIB


@contextmanager
def open_component(place: RepositoryPlace, settings: Settings) -> Iterator[tuple[RepositorySource, StoredComponent]]:
    """The component that a place names, and the repository that it is in; raises as `unpack` does."""
    with open_source(place, settings) as store:
        descriptor = store.find(place.tag, place.digest)
        component = find_component(store, descriptor)
        if component.root is None or not isinstance(place, RegistryPlace):
            yield store, component
            return
        # Module by module out of a registry takes long, and side by side a fraction of that.
        with temporary_folder(settings) as folder:
            near = LayoutStore.open_or_new(folder) if component.layer.size > _IN_MEMORY else MemoryStore()
            try:
                copy(
                    store,
                    near,
                    [(_NAME, descriptor)],
                    referrers=ReferrerChoice.NEVER,
                    force=False,
                    side_by_side=side_by_side(settings),
                )
            except PackagingKitError as exc:
                exc.side = None  # there is only one
                raise
            yield near, component


def unpack(place: RepositoryPlace, output: Output, settings: Settings, progress: Progress = NO_PROGRESS) -> Blob:
    """Write the exact bytes of the component at `place`.

    Raises:
        NotFoundError: `not-found`, `fragment-missing`.
        RequestError: `tag-ambiguous`.
        DocumentError: `document-invalid`, `layers-not-one`, `media-type-unexpected`.
        SkeletonError: `skeleton-not-canonical`, `skeleton-too-large`.
        ContentError: `digest-mismatch`, `size-mismatch`; then nothing was written.
        StoreError: `layout-invalid`, `output-exists`.
        UnavailableError: `io-error`.
    """
    output.check()
    with open_component(place, settings) as (store, component), FileScratch(settings.temporary) as scratch:
        progress.start("unpack", component.layer.size)
        chunks = tell(iter_component(component, store, scratch), progress)
        return write_output(chunks, output, settings.temporary, expected_of(component))


def unpack_fragment(place: RepositoryPlace, fragment: Digest, output: Output, settings: Settings) -> Blob:
    """Write one core module of the component at `place`, verified.

    Raises:
        NotFoundError: `fragment-missing`, where the component has no such module; and as `unpack` does.
    """
    output.check()
    with open_component(place, settings) as (store, component), FileScratch(settings.temporary) as scratch:
        # Where the whole is stored, its own bytes are the source: they are there in every form but `split`.
        source: BlobSource
        if component.root is None:
            exploded = explode(read_component(component, store, settings))
            source, modules = exploded, {module.digest: module.size for module in exploded.core_modules}
        else:
            source, modules = store, make_plan(component.root, store, scratch).module_sizes
        if fragment not in modules:
            raise NotFoundError("fragment-missing", f"the component has no module {fragment}")
        size = modules[fragment]
        chunks = source.iter_blob(fragment, size=size)
        return write_output(chunks, output, settings.temporary, Expected(digest=fragment, size=size))


def read_component(component: StoredComponent, source: BlobSource, settings: Settings) -> memoryview:
    """A stored component as one verified view; raises as `unpack` does."""
    with FileScratch(settings.temporary) as scratch:
        chunks = iter_component(component, source, scratch)
        view, _ = verified_copy(chunks, settings.temporary, expected_of(component))
    return view


def expected_of(component: StoredComponent) -> Expected:
    """What the bytes of `iter_component` must turn out to be."""
    digest = component.layer.digest
    # Another algorithm than sha256 is checked on the way.
    return Expected(digest=digest if digest.algorithm == "sha256" else None, size=component.layer.size)


def iter_component(component: StoredComponent, source: BlobSource, scratch: Scratch) -> Iterator[bytes]:
    """The bytes of a stored component; who takes them must check them against `expected_of` it.

    Raises:
        ContentError: `size-mismatch`, before the first byte; and what `reassemble` raises.
    """
    layer = component.layer
    chunks = _iter_stored(component, source, scratch, source)
    # Who takes them computes sha256; another algorithm is checked here.
    return chunks if layer.digest.algorithm == "sha256" else verified(chunks, layer.digest, layer.size)


def iter_unhashed(component: StoredComponent, source: BlobSource, scratch: Scratch) -> Iterator[bytes]:
    """The bytes of a stored component, checked against its whole and not module by module.

    Raises:
        ContentError: `digest-mismatch`, after the last byte; and what `iter_component` raises.
    """
    layer = component.layer
    return verified(_iter_stored(component, source, scratch, _Unhashed(source)), layer.digest, layer.size)


def _iter_stored(
    component: StoredComponent, source: BlobSource, scratch: Scratch, modules: BlobSource
) -> Iterator[bytes]:
    """The whole's bytes; `source` gives the documents and skeletons, `modules` what is passed on as it is."""
    layer = component.layer
    check_whole_size(layer.size, MAX_WHOLE_SIZE)
    if component.root is None:
        check_size(source.blob_size(layer.digest), layer.size)
        return source.iter_blob_unverified(layer.digest)
    plan = make_plan(component.root, source, scratch)
    check_size(plan.size, layer.size)
    check_modules(plan, source)
    return iter_whole(plan, modules)


class _Unhashed(BlobSource):
    """A source whose blobs are passed on unchecked, for those who check the whole."""

    def __init__(self, source: BlobSource) -> None:
        self._source = source

    def blob_size(self, digest: Digest) -> int:
        return self._source.blob_size(digest)

    def iter_blob_unverified(self, digest: Digest, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        return self._source.iter_blob_unverified(digest, start, end)

    def iter_blob(self, digest: Digest, *, size: int | None = None) -> Iterator[bytes]:
        return self._source.iter_blob_unverified(digest, 0, size)
