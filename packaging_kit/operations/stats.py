"""`stats`: what components share, and what that saves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from packaging_kit.artifact.composition import Composition, read_composition
from packaging_kit.artifact.unpack import find_component
from packaging_kit.digest import Digest
from packaging_kit.errors import PackagingKitError, WasmFormatError
from packaging_kit.oci import layout
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.media_types import SKELETON_ARTIFACT
from packaging_kit.oci.repository import RepositorySource
from packaging_kit.operations.places import RepositoryPlace, with_tag
from packaging_kit.operations.repositories import open_source
from packaging_kit.operations.settings import Settings
from packaging_kit.stores.indexed import IndexedStore
from packaging_kit.stores.scratch import FileScratch
from packaging_kit.transfer.progress import NO_PROGRESS, Progress

_OF_OTHERS = ("media-type-unexpected", "layers-not-one")
"""Codes of the errors from what is no component."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleUse:
    """One module, and who embeds it.

    Attributes:
        digest: of its fragment.
        size: of its fragment, in bytes.
        copies: how often it stands in the components, all together.
        components: their places, sorted.
    """

    digest: Digest
    size: int
    copies: int
    components: tuple[str, ...]

    @property
    def saved(self) -> int:
        """Bytes that storing it once saves, against storing it wherever it stands."""
        return self.size * (self.copies - 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """What the components of some places have in common.

    Attributes:
        components: number of tagged components.
        others: number of tags that name something else.
        packed: bytes of the components, each by itself.
        stored: bytes of all blobs that the places hold; a place that names one thing in it adds none, nor does a
            registry, which tells nobody.
        split: bytes that the distinct modules and skeletons have: what form `split` needs, documents aside.
        modules: by bytes saved, then by size.
    """

    components: int
    others: int
    packed: int
    stored: int
    split: int
    modules: tuple[ModuleUse, ...]

    @property
    def saved(self) -> int:
        """Bytes; negative where the places hold more than the components by themselves."""
        return self.packed - self.stored


@dataclass(slots=True)
class _Counts:
    components: int = 0
    others: int = 0
    packed: int = 0
    stored: int = 0
    skeletons: dict[Digest, int] = field(default_factory=dict)
    modules: dict[Digest, int] = field(default_factory=dict)
    copies: dict[Digest, int] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    users: dict[Digest, list[str]] = field(default_factory=dict)

    def add(self, name: str, composition: Composition) -> None:
        self.components += 1
        self.packed += composition.size
        self.skeletons |= composition.skeletons
        self.modules |= composition.modules
        for digest, count in composition.uses.items():
            self.copies[digest] = self.copies.get(digest, 0) + count
            self.users.setdefault(digest, []).append(name)

    def total(self) -> Sharing:
        modules = [
            ModuleUse(
                digest=digest, size=size, copies=self.copies[digest], components=tuple(sorted(self.users[digest]))
            )
            for digest, size in self.modules.items()
        ]
        return Sharing(
            components=self.components,
            others=self.others,
            packed=self.packed,
            stored=self.stored,
            # A core module that stands alone is its own skeleton, and may be a fragment elsewhere.
            split=sum((self.skeletons | self.modules).values()),
            modules=tuple(sorted(modules, key=lambda module: (-module.saved, -module.size, module.digest))),
        )


def stats(places: Sequence[RepositoryPlace], settings: Settings, progress: Progress = NO_PROGRESS) -> Sharing:
    """Count over everything that is tagged at some places, or over the one thing that a place names.

    A component whose skeleton is stored is not read itself; one without is exploded on the way.

    Raises:
        NotFoundError: `not-found`.
        DocumentError: `document-invalid`, `document-too-large`.
        SkeletonError: `skeleton-not-canonical`, `skeleton-too-large`.
        WasmFormatError: where a whole without a skeleton can't be split.
        ContentError: `digest-mismatch`, `size-mismatch`.
        StoreError: `layout-invalid`.
        UnavailableError: `io-error`.
    """
    counts = _Counts()
    for place in dict.fromkeys(places):
        progress.start("stats", None)
        with open_source(place, settings) as store:
            if place.tag is None and place.digest is None and isinstance(store, IndexedStore):
                counts.stored += sum(blob.size for blob in store.iter_blobs())
            for name, entry in _iter_named(place, store):
                if name in counts.names:
                    continue
                counts.names.add(name)
                composition = _read_composition(name, entry, store, settings)
                if composition is None:
                    counts.others += 1
                else:
                    counts.add(name, composition)
                    progress.advance(composition.size)
    return counts.total()


def _iter_named(place: RepositoryPlace, store: RepositorySource) -> Iterator[tuple[str, Descriptor]]:
    """Everything that `place` names, each with its own place as text."""
    if place.tag is not None or place.digest is not None:
        yield str(place), store.find(place.tag, place.digest)
        return
    tagged = store.tagged()
    for tag in sorted(tagged):
        if not layout.lists_referrers(tag, tagged[tag]):
            yield str(with_tag(place, tag)), tagged[tag]


def _read_composition(name: str, entry: Descriptor, store: RepositorySource, settings: Settings) -> Composition | None:
    """What a component is made of; `None` for what is no component."""
    try:
        component = find_component(store, entry)
        subject = component.manifest.digest
        wanted = store.referrers(subject, (SKELETON_ARTIFACT,)) if component.root is None else ()
        with FileScratch(settings.temporary) as scratch:
            return read_composition(component, wanted, store, scratch)
    except PackagingKitError as exc:
        if exc.code in _OF_OTHERS or isinstance(exc, WasmFormatError):
            return None
        exc.subject = name
        raise
