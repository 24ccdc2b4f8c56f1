"""`unpack`: a component out of a place, whatever its form."""

from __future__ import annotations

from collections.abc import Iterator

from packaging_kit.artifact.unpack import StoredComponent, find_component
from packaging_kit.blobs import Blob, BlobSource, Scratch, check_size
from packaging_kit.fragments.plan import check_modules, make_plan
from packaging_kit.fragments.reassemble import iter_whole
from packaging_kit.operations.outputs import Expected, Output, write_output
from packaging_kit.operations.places import LayoutPlace, open_layout
from packaging_kit.operations.progress import NO_PROGRESS, Progress, tell
from packaging_kit.operations.settings import Settings
from packaging_kit.stores.scratch import FileScratch


def unpack(place: LayoutPlace, output: Output, settings: Settings, progress: Progress = NO_PROGRESS) -> Blob:
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
    store = open_layout(place)
    component = find_component(store, store.find(place.tag, place.digest))
    layer = component.layer
    progress.start("unpack", layer.size)
    chunks = iter_component(component, store, FileScratch(settings.temporary))
    return write_output(tell(chunks, progress), output, settings.temporary, expected_of(component))


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
    if component.root is None:
        check_size(source.blob_size(layer.digest), layer.size)
        if layer.digest.algorithm != "sha256":
            return source.iter_blob(layer.digest, size=layer.size)
        return source.iter_blob_unverified(layer.digest)
    plan = make_plan(component.root, source, scratch)
    check_size(plan.size, layer.size)
    check_modules(plan, source)
    return iter_whole(plan, source)
