"""What layouts have in common, wherever they are: blobs, and an index that gives them names."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from packaging_kit.artifact.graph import read_node
from packaging_kit.blobs import Blob
from packaging_kit.digest import Digest
from packaging_kit.document import Document
from packaging_kit.errors import ContentError, DocumentError, NotFoundError, StoreError
from packaging_kit.limits import MAX_LAYOUT_INDEX_ENTRIES, MAX_LAYOUT_INDEX_SIZE
from packaging_kit.oci import layout
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.index import Index
from packaging_kit.oci.links import Links
from packaging_kit.oci.media_types import INDEXES
from packaging_kit.oci.repository import DocumentSource, RepositorySink, RepositorySource


@dataclass(slots=True, kw_only=True)
class _Seen:
    """An index as it was read, and what was worked out from it."""

    version: Hashable
    index: Document[Index]
    tagged: Mapping[str, Descriptor]
    referrers: dict[Digest, list[Descriptor]] | None = None


@dataclass(frozen=True, slots=True)
class _Reference:
    """What a document says of itself, which never changes under its digest."""

    subject: Digest | None
    artifact_type: str | None


class IndexedStore(RepositorySource, RepositorySink):
    """A repository whose names stand in an `index.json`."""

    _seen: _Seen | None = None
    _references: dict[tuple[Blob, str], _Reference] | None = None

    @abstractmethod
    def index_version(self) -> Hashable:
        """Differs when the index does; raises as `load_index` does."""

    @abstractmethod
    def load_index(self) -> Document[Index]:
        """The index as it is now.

        Raises:
            StoreError: `layout-invalid`, where there is none or it can't be used.
        """

    @abstractmethod
    def change_index(self, change: Callable[[Index], Index]) -> None:
        """Replace the index by what `change` makes of it, all at once; nobody else changes it in between.

        Raises:
            StoreError: `layout-invalid`, `layout-full`; then nothing has changed.
            UnavailableError: `io-error`.
        """

    @abstractmethod
    def iter_blobs(self) -> Iterator[Blob]:
        """Everything that has the name of a blob, with the size that it has; not verified."""

    def read_index(self) -> Document[Index]:
        """The index; raises as `load_index` does."""
        return self._look().index

    def find(self, tag: str | None = None, digest: Digest | None = None) -> Descriptor:
        index = self.read_index().value
        return layout.find(index, tag) if digest is None else self._find_digest(index, digest)

    def tagged(self) -> Mapping[str, Descriptor]:
        return self._look().tagged

    def referrers(self, subject: Digest, artifact_types: Collection[str] | None = None) -> tuple[Descriptor, ...]:
        seen = self._look()
        if seen.referrers is None:
            seen.referrers = self._read_referrers(seen.index.value)
        entries = seen.referrers.get(subject, ())
        found = {
            entry.digest: entry for entry in entries if artifact_types is None or entry.artifact_type in artifact_types
        }
        return tuple(found[digest] for digest in sorted(found))

    def put(self, things: Iterable[layout.Tagged], *, force: bool, source: DocumentSource | None = None) -> None:
        named = tuple(things)
        if source is not None:
            for thing in named:
                # Also where it is held: only what is written here is safe from a sweep.
                self.write_blob(_iter_document(source, thing.descriptor), thing.descriptor.blob)
        self.change_index(lambda index: layout.put(index, named, self.subject_of, force=force))

    def remove_tags(self, tags: Collection[str]) -> Mapping[str, Descriptor]:
        """Take tags away; returns what they named, which stays until it is swept.

        Raises:
            NotFoundError: `not-found`; then nothing has changed.
        """
        removed: dict[str, Descriptor] = {}

        def change(index: Index) -> Index:
            changed = layout.remove_tags(index, tags, self.subject_of)
            removed.update({tag: entry for tag, entry in layout.tags(index).items() if tag in tags})
            return changed

        self.change_index(change)
        return removed

    def subject_of(self, entry: Descriptor) -> Digest | None:
        """What an entry refers to; `None` where it is damaged or missing, which is for `verify` to report."""
        reference = self._reference(entry)
        return None if reference is None else reference.subject

    def _look(self) -> _Seen:
        version = self.index_version()
        if self._seen is None or self._seen.version != version:
            index = self.load_index()
            self._seen = _Seen(version=version, index=index, tagged=MappingProxyType(layout.tags(index.value)))
        return self._seen

    def _find_digest(self, index: Index, digest: Digest) -> Descriptor:
        """An entry, or else a document that stands in the indexes inside."""
        for entry in index.manifests:
            if entry.digest == digest:
                return entry
        seen: set[Digest] = set()
        pending = list(reversed(index.manifests))
        while pending:
            outer = pending.pop()
            if outer.media_type not in INDEXES or outer.digest in seen:
                continue
            seen.add(outer.digest)
            inner = self.content_of(outer)  # what is damaged elsewhere is in nobody's way here
            for entry in inner:
                if entry.digest == digest:
                    return entry
            pending += reversed(inner)
        raise NotFoundError("not-found", f"the layout has no entry {digest}")

    def _read_referrers(self, index: Index) -> dict[Digest, list[Descriptor]]:
        found: dict[Digest, list[Descriptor]] = {}
        for entry in index.manifests:
            for candidate in self.content_of(entry) if layout.is_referrers_list(entry) else (entry,):
                reference = self._reference(candidate)
                if reference is not None and reference.subject is not None:
                    plain = replace(candidate, annotations={}, others={}, artifact_type=reference.artifact_type)
                    found.setdefault(reference.subject, []).append(plain)
        return found

    def content_of(self, entry: Descriptor) -> tuple[Descriptor, ...]:
        """What a document names; nothing for what is none, and what is damaged or missing."""
        links = self._links(entry)
        return () if links is None else links.content

    def _reference(self, entry: Descriptor) -> _Reference | None:
        if self._references is None:
            self._references = {}
        key = (entry.blob, entry.media_type)
        if key not in self._references:
            links = self._links(entry)
            if links is None:
                return None  # and looked at again, since it may be put right
            subject = None if links.subject is None else links.subject.digest
            self._references[key] = _Reference(subject, links.artifact_type)
        return self._references[key]

    def _links(self, entry: Descriptor) -> Links | None:
        """What a document names; `None` for what is none, and what is damaged or missing."""
        try:
            return read_node(self, entry).links
        except (DocumentError, NotFoundError, ContentError):
            return None


def _iter_document(source: DocumentSource, descriptor: Descriptor) -> Iterator[bytes]:
    """The bytes of a document, which are read only where they are asked for."""
    yield source.read_document(descriptor)


def check_index_size(document: Document[Index], name: str) -> None:
    """Refuse to write what would not be read again.

    Raises:
        StoreError: `layout-full`.
    """
    if document.size > MAX_LAYOUT_INDEX_SIZE or len(document.value.manifests) > MAX_LAYOUT_INDEX_ENTRIES:
        raise StoreError("layout-full", f"`{name}` would be larger than is read")
