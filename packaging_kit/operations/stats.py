"""`stats`: what components share, and what that saves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from packaging_kit.artifact.composition import Composition, read_composition
from packaging_kit.artifact.unpack import find_component
from packaging_kit.digest import Digest
from packaging_kit.errors import DocumentError, PackagingKitError
from packaging_kit.oci import layout
from packaging_kit.oci.media_types import SKELETON_ARTIFACT
from packaging_kit.operations.places import RepositoryPlace, with_tag
from packaging_kit.operations.progress import NO_PROGRESS, Progress
from packaging_kit.operations.repositories import open_source
from packaging_kit.operations.settings import Settings
from packaging_kit.stores.indexed import IndexedStore
from packaging_kit.stores.scratch import FileScratch


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
        stored: bytes of all blobs that the places hold.
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
            split=sum(self.modules.values()) + sum(self.skeletons.values()),
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
    for place in places:
        with open_source(place, settings) as store:
            if place.tag is None and place.digest is None:
                counts.stored += sum(blob.size for blob in store.iter_blobs())
            for name, composition in _iter_compositions(place, store, settings, progress):
                if composition is None:
                    counts.others += 1
                else:
                    counts.add(name, composition)
    return counts.total()


def _iter_compositions(
    place: RepositoryPlace, store: IndexedStore, settings: Settings, progress: Progress
) -> Iterator[tuple[str, Composition | None]]:
    """Every tagged component with its place as text; `None` for what is no component."""
    index = store.read_index().value
    tagged = layout.tags(index)
    progress.start("stats", None)
    for tag in sorted(tagged):
        name = str(with_tag(place, tag))
        if place.tag is not None and tag != place.tag:
            continue
        if layout.is_referrers_list(tagged[tag]):
            continue
        try:
            component = find_component(store, tagged[tag])
        except DocumentError as exc:
            if exc.code not in ("media-type-unexpected", "layers-not-one"):
                exc.subject = name
                raise
            yield name, None
            continue
        try:
            skeletons = store.referrers(component.manifest.digest) if component.root is None else ()
            with FileScratch(settings.temporary) as scratch:
                wanted = tuple(entry for entry in skeletons if entry.artifact_type == SKELETON_ARTIFACT)
                yield name, read_composition(component, wanted, store, scratch)
        except PackagingKitError as exc:
            exc.subject = name
            raise
        progress.advance(component.layer.size)
