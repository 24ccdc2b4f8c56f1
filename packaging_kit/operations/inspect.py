"""`inspect`: what a binary is, what it is made of, and what it says of itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from packaging_kit.artifact.annotations import read_metadata
from packaging_kit.blobs import Blob, Chunk
from packaging_kit.digest import Digest
from packaging_kit.document import Document
from packaging_kit.errors import WasmFormatError
from packaging_kit.fragments.explode import explode
from packaging_kit.fragments.exploded import Exploded
from packaging_kit.limits import MAX_NODES
from packaging_kit.oci.manifest import Manifest
from packaging_kit.operations.inputs import Input, open_view
from packaging_kit.operations.places import RepositoryPlace
from packaging_kit.operations.settings import Settings
from packaging_kit.operations.unpack import open_component, read_component
from packaging_kit.wasm.custom import Producers, iter_custom_sections, parse_own_name, parse_producers
from packaging_kit.wasm.interface import ComponentInterface, read_interface
from packaging_kit.wasm.preamble import Kind
from packaging_kit.wasm.sections import Section, SectionId, iter_sections

_PRODUCERS = "producers"
_SAYING = ("name", "component-name", _PRODUCERS)
_NESTED = frozenset((SectionId.CORE_MODULE, SectionId.COMPONENT))


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """The whole, or a core module or component inside it.

    Attributes:
        kind: `component` or `module`.
        parent: position of its parent in the list of nodes; `None` for the whole.
        depth: 0 for the whole.
        offset: of its first byte in the whole.
        size: in bytes.
        digest: of its fragment where it is split out (for a component, its own root); else of its bytes, but
            `None` for a nested component that stays inline: in deep nesting its bytes are all there is, again
            and again.
        is_fragment: it is split out.
        name: what it calls itself.
        producers: what made it.
    """

    kind: str
    parent: int | None
    depth: int
    offset: int
    size: int
    digest: Digest | None
    is_fragment: bool
    name: str | None
    producers: Producers


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What was found out.

    Attributes:
        file: the place, as it was given.
        kind: `component`, `wit-package` or `module`.
        whole: digest and size.
        root: of the canonical split.
        skeleton_size: of the root skeleton, in bytes.
        interface: top-level names; `None` for a core module, or where they can't be read.
        problem: why they can't.
        nodes: the whole first, then what is inside it in binary order.
        annotations: of the manifest, for a place; of the custom sections, for a file.
        manifest: digest of the whole artifact's manifest, for a place.
    """

    file: str
    kind: str
    whole: Blob
    root: Digest
    skeleton_size: int
    interface: ComponentInterface | None
    problem: WasmFormatError | None
    nodes: tuple[Node, ...]
    annotations: Mapping[str, str]
    manifest: Digest | None = None


def inspect_file(source: Input, settings: Settings) -> Inspection:
    """Inspect a file.

    Raises:
        WasmFormatError: where it can't be split.
        UnavailableError: `io-error`, `input-changed`.
    """
    with open_view(source, settings.temporary) as view:
        return _inspect(source.name, view, None)


def inspect_place(place: RepositoryPlace, name: str, settings: Settings) -> Inspection:
    """Inspect the component at a place; it is verified first. Raises as `unpack` does."""
    with open_component(place, settings) as (store, component):
        return _inspect(name, read_component(component, store, settings), component.manifest)


def _inspect(name: str, view: Chunk, manifest: Document[Manifest] | None) -> Inspection:
    exploded = explode(view)
    interface, problem = _read_interface(view, exploded)
    is_wit_package = interface is not None and interface.is_wit_package
    return Inspection(
        file=name,
        kind="wit-package" if is_wit_package else exploded.kind.value,
        whole=Blob(exploded.digest, exploded.size),
        root=exploded.root,
        skeleton_size=exploded.skeleton_size,
        interface=interface,
        problem=problem,
        nodes=tuple(find_nodes(view, exploded)),
        annotations=read_metadata(view).annotations if manifest is None else manifest.value.annotations,
        manifest=None if manifest is None else manifest.digest,
    )


def _read_interface(view: Chunk, exploded: Exploded) -> tuple[ComponentInterface | None, WasmFormatError | None]:
    if exploded.kind is Kind.CORE_MODULE:
        return None, None
    try:
        return read_interface(view), None
    except WasmFormatError as exc:
        return None, exc


def find_nodes(view: Chunk, exploded: Exploded) -> Iterator[Node]:
    """The modules and components of a whole, in binary order; a parent before its children."""
    whole = SectionId.COMPONENT if exploded.kind is Kind.COMPONENT else SectionId.CORE_MODULE
    pending = [(-1, 0, Section(whole, 0, 0, len(view)))]
    count = 0
    while pending:
        parent, depth, section = pending.pop()
        if count + len(pending) >= MAX_NODES:
            raise WasmFormatError(
                "wasm-too-large", f"it has more than {MAX_NODES} modules and components to show", offset=section.start
            )
        found = _look_into(view, section)
        is_module = section.id == SectionId.CORE_MODULE
        digest = exploded.occurrences.get(section.contents) if depth else exploded.digest
        yield Node(
            kind="module" if is_module else "component",
            parent=parent if depth else None,
            depth=depth,
            offset=section.contents,
            size=section.size,
            digest=digest if digest or not is_module else Digest.of(view[section.contents : section.end]),
            is_fragment=depth > 0 and digest is not None,
            name=found.name,
            producers=found.producers,
        )
        pending += [(count, depth + 1, inner) for inner in reversed(found.inner)]
        count += 1


@dataclass(slots=True)
class _Found:
    name: str | None = None
    producers: Producers = ()
    inner: list[Section] = field(default_factory=list)


def _look_into(view: Chunk, section: Section) -> _Found:
    """What stands in one module or component itself."""
    found = _Found()
    inner = iter_sections(view, section.contents, section.end)
    if section.id == SectionId.COMPONENT:
        inner = _keep_nested(inner, found.inner)
    try:
        for custom in iter_custom_sections(view, inner, _SAYING):
            if custom.name == _PRODUCERS:
                found.producers = parse_producers(view, custom) or found.producers
            else:
                found.name = parse_own_name(view, custom) or found.name
    except WasmFormatError:
        pass  # only components are known to be well framed; a module's inside may be anything
    return found


def _keep_nested(sections: Iterator[Section], nested: list[Section]) -> Iterator[Section]:
    """Pass `sections` on, and put modules and components among them into `nested`."""
    for section in sections:
        if section.id in _NESTED:
            nested.append(section)
        yield section
