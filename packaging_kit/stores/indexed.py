"""What layouts have in common, wherever they are: blobs, and an index that gives them names."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from dataclasses import dataclass, field

from packaging_kit.blobs import Blob
from packaging_kit.digest import Digest
from packaging_kit.document import Document
from packaging_kit.errors import NotFoundError, PackagingKitError, StoreError
from packaging_kit.limits import MAX_LAYOUT_INDEX_ENTRIES, MAX_LAYOUT_INDEX_SIZE
from packaging_kit.oci import layout
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.index import Index
from packaging_kit.oci.links import is_document, read_links
from packaging_kit.oci.media_types import INDEXES
from packaging_kit.oci.repository import RepositorySink, RepositorySource


@dataclass(slots=True)
class _Seen:
    """An index as it was read, and what was worked out from it."""

    version: Hashable
    index: Document[Index]
    referrers: dict[Digest, list[Descriptor]] | None = field(default=None)


class IndexedStore(RepositorySource, RepositorySink):
    """A repository whose names stand in an `index.json`."""

    _seen: _Seen | None = None

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
        """Replace the index by what `change` makes of it, all at once; nobody else changes it in between."""

    @abstractmethod
    def iter_blobs(self) -> Iterator[Blob]:
        """Everything that has the name of a blob, with the size that it has; not verified."""

    def read_index(self) -> Document[Index]:
        """The index; raises as `load_index` does."""
        return self._look().index

    def find(self, tag: str | None = None, digest: Digest | None = None) -> Descriptor:
        index = self.read_index().value
        return layout.find(index, tag) if digest is None else self._find_digest(index, digest)

    def tags(self) -> tuple[str, ...]:
        return tuple(sorted(layout.tags(self.read_index().value)))

    def referrers(self, subject: Digest) -> tuple[Descriptor, ...]:
        seen = self._look()
        if seen.referrers is None:
            seen.referrers = self._read_referrers(seen.index.value)
        found = {entry.digest: entry for entry in seen.referrers.get(subject, ())}
        return tuple(found[digest] for digest in sorted(found))

    def put(self, things: Iterable[layout.Tagged], *, force: bool, without: Collection[Digest] = ()) -> None:
        """Name things whose blobs were all written.

        Args:
            without: digests of untagged entries that go.

        Raises:
            StoreError: `tag-exists`, `layout-full`; then nothing has changed.
        """
        named = tuple(things)
        self.change_index(lambda index: layout.put(index, named, self.subject_of, force=force, without=without))

    def remove_tags(self, tags: Collection[str]) -> None:
        """Take tags away; what they named stays until it is swept.

        Raises:
            NotFoundError: `not-found`; then nothing has changed.
        """
        self.change_index(lambda index: layout.remove_tags(index, tags, self.subject_of))

    def subject_of(self, entry: Descriptor) -> Digest | None:
        """What an entry refers to; `None` where it can't be read, which is for `verify` to report."""
        if not is_document(entry.media_type):
            return None
        try:
            links = read_links(self.read_blob(entry.digest, size=entry.size), entry.media_type)
        except PackagingKitError:
            return None
        return None if links.subject is None else links.subject.digest

    def _look(self) -> _Seen:
        version = self.index_version()
        if self._seen is None or self._seen.version != version:
            self._seen = _Seen(version, self.load_index())
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
            inner = self._listed(outer)  # what is damaged elsewhere is in nobody's way here
            for entry in inner:
                if entry.digest == digest:
                    return entry
            pending += reversed(inner)
        raise NotFoundError("not-found", f"the layout has no entry {digest}")

    def _read_referrers(self, index: Index) -> dict[Digest, list[Descriptor]]:
        found: dict[Digest, list[Descriptor]] = {}
        for entry in index.manifests:
            for candidate in self._listed(entry) if layout.is_referrers_list(entry) else (entry,):
                self._add_referrer(candidate, found)
        return found

    def _listed(self, entry: Descriptor) -> tuple[Descriptor, ...]:
        try:
            return read_links(self.read_blob(entry.digest, size=entry.size), entry.media_type).content
        except PackagingKitError:
            return ()

    def _add_referrer(self, entry: Descriptor, found: dict[Digest, list[Descriptor]]) -> None:
        try:
            links = read_links(self.read_blob(entry.digest, size=entry.size), entry.media_type)
        except PackagingKitError:
            return
        if links.subject is not None:
            plain = Descriptor(
                media_type=entry.media_type,
                digest=entry.digest,
                size=entry.size,
                artifact_type=links.artifact_type,
            )
            found.setdefault(links.subject.digest, []).append(plain)


def check_index_size(document: Document[Index], name: str) -> None:
    """Refuse to write what would not be read again.

    Raises:
        StoreError: `layout-full`.
    """
    if document.size > MAX_LAYOUT_INDEX_SIZE or len(document.value.manifests) > MAX_LAYOUT_INDEX_ENTRIES:
        raise StoreError("layout-full", f"`{name}` would be larger than is read")
