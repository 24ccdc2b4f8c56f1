"""What a stored component is made of: its modules and skeletons, read from as little as the store allows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from packaging_kit.artifact.unpack import StoredComponent, restore_component, skeleton_root
from packaging_kit.blobs import BlobSource, MemoryScratch, Scratch, check_size
from packaging_kit.digest import Digest
from packaging_kit.errors import PackagingKitError
from packaging_kit.fragments.explode import explode_chunks
from packaging_kit.fragments.plan import Plan, make_plan
from packaging_kit.fragments.spans import SpanKind
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.manifest import parse_manifest
from packaging_kit.oci.repository import DocumentSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """The pieces of one whole.

    Attributes:
        whole: digest of the whole.
        size: of the whole, in bytes.
        root: of its canonical split.
        modules: size of every distinct module fragment.
        skeletons: size of every distinct skeleton, the root's too.
        uses: how often each module stands in it.
    """

    whole: Digest
    size: int
    root: Digest
    modules: Mapping[Digest, int]
    skeletons: Mapping[Digest, int]
    uses: Mapping[Digest, int]


def read_composition(
    component: StoredComponent,
    skeletons: tuple[Descriptor, ...],
    source: DocumentSource,
    scratch: Scratch | None = None,
) -> Composition:
    """The pieces of a component: out of its skeletons where they are there, else out of all of its bytes.

    A skeleton artifact beside a stored whole is believed where it states that very artifact and its size; the
    digests of the modules in it are not compared with the whole, which only `verify` does.

    Args:
        skeletons: skeleton artifacts that refer to it, in the order in which they are tried.

    Raises:
        WasmFormatError: where there is no skeleton, and it can't be split.
        ContentError: `digest-mismatch`, `size-mismatch`; and what `make_plan` raises.
    """
    if component.root is not None:
        return _from_plan(component, _read_plan(component, component.root, source, scratch), source)
    for entry in skeletons:
        try:
            artifact = parse_manifest(source.read_document(entry)).value
            restore_component(source, artifact)  # which refuses one that states another whole
            plan = _read_plan(component, skeleton_root(artifact), source, scratch)
        except PackagingKitError:
            continue  # another may be intact, and the whole is there in any case
        return _from_plan(component, plan, source)
    return _from_whole(component, source, scratch)


def _read_plan(component: StoredComponent, root: Digest, source: BlobSource, scratch: Scratch | None) -> Plan:
    plan = make_plan(root, source, scratch)
    check_size(plan.size, component.layer.size)
    return plan


def _from_plan(component: StoredComponent, plan: Plan, source: BlobSource) -> Composition:
    uses = Counter(span.digest for span in plan.iter_spans() if span.kind is SpanKind.MODULE)
    return Composition(
        whole=component.layer.digest,
        size=component.layer.size,
        root=plan.root,
        modules=plan.module_sizes,
        skeletons={digest: source.blob_size(digest) for digest in plan.skeletons},
        uses=uses,
    )


def _from_whole(component: StoredComponent, source: BlobSource, scratch: Scratch | None) -> Composition:
    layer = component.layer
    exploded = explode_chunks(source.iter_blob(layer.digest, size=layer.size), scratch or MemoryScratch())
    modules = {fragment.digest: fragment.size for fragment in exploded.core_modules}
    nested = {fragment.digest: fragment.size for fragment in exploded.components}
    return Composition(
        whole=layer.digest,
        size=layer.size,
        root=exploded.root,
        modules=modules,
        skeletons={exploded.root: exploded.skeleton_size, **nested},
        uses=Counter(digest for digest in exploded.occurrences.values() if digest in modules),
    )
