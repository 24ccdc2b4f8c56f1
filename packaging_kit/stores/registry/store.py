"""A repository in a registry, as a store among others.

Names come last, as everywhere: blobs, then what contains them, then referrers, and the tag when all is there.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import requests

from packaging_kit.blobs import Blob, Chunk, check_blob, too_large
from packaging_kit.digest import Digest, verified
from packaging_kit.document import parse_json
from packaging_kit.errors import ContentError, DocumentError, NotFoundError, RegistryError, RequestError, StoreError
from packaging_kit.limits import KIB, MAX_LISTED, MAX_MANIFEST_SIZE, MIB
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.fields import Fields
from packaging_kit.oci.layout import Tagged, is_fallback_tag
from packaging_kit.oci.links import read_links
from packaging_kit.oci.reference import Reference, is_tag
from packaging_kit.oci.repository import DocumentSource, RepositorySink, RepositorySource
from packaging_kit.stores.registry import downloads, uploads
from packaging_kit.stores.registry.answers import discard
from packaging_kit.stores.registry.challenges import scope_of
from packaging_kit.stores.registry.listings import iter_pages
from packaging_kit.stores.registry.manifests import Fetched, Manifests
from packaging_kit.stores.registry.mounts import MountHints
from packaging_kit.stores.registry.options import RegistryOptions
from packaging_kit.stores.registry.referrers import Referrers
from packaging_kit.stores.registry.transport import StoppedError, Transport
from packaging_kit.stores.scratch import private_copy
from packaging_kit.stores.workers import side_by_side

_KEPT_DOCUMENTS = 8 * MIB
_SMALL = 64 * KIB
_MOST_VAIN_MOUNTS = 8
_MOST_REFERRERS = 10_000  # each of which is read, to see whether it is one


class RegistryStore(RepositorySource, RepositorySink):
    """One repository; its methods may be called from many threads.

    Args:
        reference: whose tag and digest don't matter here.
        temporary: folder for what has to be read before it can be written.
        mounts: other repositories of the same registry that may hold what is written.

    Raises:
        RegistryError: from every method.
    """

    def __init__(
        self,
        transport: Transport,
        reference: Reference,
        *,
        temporary: Path | None = None,
        mounts: Iterable[str] = (),
    ) -> None:
        self.transport = transport
        self._repository = reference.repository
        self._temporary = temporary
        self._mounts = tuple(mounts)
        self._host = reference.host
        self._hints = MountHints(transport.options.mount_hints)
        self._vain_mounts = 0  # one after the other
        self._lists_by_tag = False
        self._manifests = Manifests(transport, reference.repository)
        self._referrers = Referrers(transport, reference.repository, self._manifests)
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._documents: dict[Digest, bytes] = {}
        self._kept = 0  # bytes of those
        self._unlisted: dict[Digest, list[Descriptor]] = {}  # referrers that the registry did not note, by subject
        self._tags: tuple[str, ...] | None = None
        self._is_new: bool | None = None  # as far as it is known

    @property
    def options(self) -> RegistryOptions:
        return self.transport.options

    def close(self) -> None:
        """Close all connections."""
        self.transport.close()

    # Reading

    def blob_size(self, digest: Digest) -> int:
        size = uploads.blob_size(self._settled(), self._repository, digest, scope_of(self._repository, "pull"))
        if size is None:
            raise NotFoundError("not-found", f"the blob {digest} is not there")
        return size

    def iter_blob_unverified(self, digest: Digest, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        if start > 0 or end is not None:
            # Registries differ in what they answer to a range that is not there, and some break off.
            size = self.blob_size(digest)
            end = size if end is None else min(end, size)
            if start >= end:
                return
        yield from downloads.iter_blob(self._settled(), self._repository, digest, start, end)

    def read_blob(self, digest: Digest, *, size: int | None = None, max_size: int = MAX_MANIFEST_SIZE) -> bytes:
        # Without asking for its size first: not more is taken than it may have.
        limit = max_size if size is None else min(size, max_size)
        if size is not None and size > limit:
            raise too_large(digest, limit, size)
        pieces, taken = [], 0
        for piece in self.iter_blob(digest, size=size):
            taken += len(piece)
            if taken > limit:
                raise too_large(digest, limit, taken)
            pieces.append(piece)
        return b"".join(pieces)

    def read_document(self, descriptor: Descriptor) -> bytes:
        with self._lock:
            raw = self._documents.get(descriptor.digest)
        if raw is None:
            raw = self._fetch(descriptor.digest).raw
        check_blob(Blob(descriptor.digest, len(raw)), size=descriptor.size, what=f"the document {descriptor.digest}")
        return raw

    def find(self, tag: str | None = None, digest: Digest | None = None) -> Descriptor:
        if digest is not None:
            return self._fetch(digest).descriptor
        return self._fetch(self._only_tag() if tag is None else tag).descriptor

    def tags(self) -> tuple[str, ...]:
        if self._tags is None:
            self._tags = tuple(sorted(set(self._iter_tags())))
        return self._tags

    def tagged(self) -> Mapping[str, Descriptor]:
        names = self.tags()
        found = side_by_side(self.find, names, self.options.side_by_side)
        return MappingProxyType(dict(zip(names, found, strict=True)))

    def referrers(self, subject: Digest, artifact_types: Collection[str] | None = None) -> tuple[Descriptor, ...]:
        self._settled()
        found = self._referrers.find(subject, artifact_types)
        if len(found) > _MOST_REFERRERS:
            raise StoreError("listing-too-long", f"{subject} has more than {_MOST_REFERRERS} referrers")
        checked = side_by_side(lambda entry: self._refers(entry, subject), found, self.options.side_by_side)
        return tuple(
            entry
            for entry in checked
            if entry is not None and (artifact_types is None or entry.artifact_type in artifact_types)
        )

    # Writing

    def holds_blob(self, blob: Blob) -> bool:
        scopes = scope_of(self._repository, "pull", "push")
        return uploads.blob_size(self._settled(), self._repository, blob.digest, scopes) == blob.size

    def write_blob(self, chunks: Iterable[Chunk], expected: Blob | None = None) -> Blob:
        if expected is None:
            view = private_copy(chunks, self._temporary)
            expected, chunks = Blob(Digest.of(view), len(view)), (view,)
        if not self._is_surely_new(expected) and self.holds_blob(expected):
            self._hints.add(self._host, self._repository, (expected.digest,))
            return expected
        if iter(chunks) is chunks:  # which can be read only once, and a try may fail
            chunks = (private_copy(verified(map(bytes, chunks), expected.digest, expected.size), self._temporary),)
        # A registry that never mounts is not asked again and again.
        seen = self._hints.find(self._host, expected.digest) if self._vain_mounts < _MOST_VAIN_MOUNTS else ()
        mounts = [name for name in dict.fromkeys((*self._mounts, *seen)) if name != self._repository]
        was_sent = uploads.Upload(self.transport, self._repository, expected, chunks, mounts).run()
        if mounts:
            self._vain_mounts = self._vain_mounts + 1 if was_sent else 0
        self._hints.add(self._host, self._repository, (expected.digest,))
        return expected

    def _is_surely_new(self, blob: Blob) -> bool:
        """Whether asking for a small blob first costs more than sending it: in a repository that is new."""
        if blob.size > _SMALL:
            return False  # what an interrupted push sent may be there
        with self._asking:
            if self._is_new is None:
                self._is_new = self._looks_new()
            return self._is_new

    def _looks_new(self) -> bool:
        transport = self._settled()
        url = f"{transport.prefix}://{transport.container(self._repository).tags_url(N=1)}"
        try:
            response, raw = transport.read(url, MAX_MANIFEST_SIZE, scopes=scope_of(self._repository, "pull", "push"))
            discard(response)
        except StoppedError:
            raise
        except RegistryError:
            return False  # who may push need not be allowed to list
        return response.status_code == 404 or (response.status_code == 200 and not _has_tags(raw))

    @contextmanager
    def writing(self) -> Iterator[None]:
        yield

    def takes_referrers(self, *, always: bool) -> bool:
        self._settled()
        self._lists_by_tag = always
        return always or self._referrers.has_api()

    def write_document(self, descriptor: Descriptor, raw: bytes) -> bool:
        self._settled()
        check_blob(
            Blob(Digest.of(raw, descriptor.digest.algorithm), len(raw)),
            digest=descriptor.digest,
            size=descriptor.size,
            what="the document",
        )
        links = read_links(raw, descriptor.media_type)
        is_held = self._manifests.holds(descriptor)
        is_noted = is_held or self._manifests.put(raw, descriptor)
        if links.subject is None:
            return not is_held
        if is_held or self._lists_by_tag:
            # Where a registry lists referrers, it noted one when it was written first.
            is_noted = self._referrers.has_api()
        if not is_noted:
            entry = Descriptor(
                media_type=descriptor.media_type,
                digest=descriptor.digest,
                size=descriptor.size,
                artifact_type=links.artifact_type,
                annotations=Fields(parse_json(raw)).text_map("annotations"),
            )
            with self._lock:
                self._unlisted.setdefault(links.subject.digest, []).append(entry)
        return not is_held

    def left_out(self) -> tuple[Descriptor, ...]:
        with self._lock:
            return tuple(entry for entries in self._unlisted.values() for entry in entries)

    def put(self, things: Iterable[Tagged], *, force: bool, source: DocumentSource | None = None) -> None:
        named = {thing.tag: thing for thing in things}
        self._settled()
        before = {tag: self._manifests.digest_of(tag) for tag in named}
        for tag, digest in before.items():
            if digest not in (None, named[tag].descriptor.digest) and not force:
                raise StoreError("tag-exists", f"the tag `{tag}` names {digest}", hint="`--force` moves it")
        if self._lists_by_tag:
            for subject in tuple(self._unlisted):
                self._referrers.add_to_tag(subject, self._unlisted[subject])
                del self._unlisted[subject]
        for tag, thing in named.items():
            if before[tag] != thing.descriptor.digest:
                raw = (self if source is None else source).read_document(thing.descriptor)
                self._manifests.put(raw, thing.descriptor, tag)
        self._tags, self._is_new = None, False
        self._hints.save()

    def _settled(self) -> Transport:
        self.transport.settle()
        return self.transport

    def _fetch(self, name: str | Digest) -> Fetched:
        self._settled()
        if isinstance(name, str) and not is_tag(name):
            raise RequestError("tag-invalid", f"`{name}` is not a tag")
        fetched = self._manifests.fetch(name)
        with self._lock:
            self._kept -= len(self._documents.pop(fetched.descriptor.digest, b""))
            self._documents[fetched.descriptor.digest] = fetched.raw
            self._kept += len(fetched.raw)
            while self._kept > _KEPT_DOCUMENTS and len(self._documents) > 1:
                self._kept -= len(self._documents.pop(next(iter(self._documents))))
        return fetched

    def _only_tag(self) -> str:
        names = [tag for tag in self.tags() if not is_fallback_tag(tag)]
        if len(names) == 1:
            return names[0]
        if not names:
            raise NotFoundError("not-found", f"{self._repository} has no tags")
        shown = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
        raise RequestError("tag-ambiguous", f"{self._repository} has {len(names)} tags", hint=f"one of: {shown}")

    def _iter_tags(self) -> Iterator[str]:
        transport = self._settled()
        url = f"{transport.prefix}://{transport.container(self._repository).tags_url()}"

        def check(response: requests.Response) -> bool:
            if response.status_code != 200:
                transport.refuse(response, self._repository)
            return True

        count = 0
        for page in iter_pages(transport, url, scope_of(self._repository, "pull"), check):
            names = page.get("tags")
            for name in names if isinstance(names, list) else ():
                count += 1
                if count > MAX_LISTED:
                    raise StoreError("listing-too-long", f"{self._repository} has more than {MAX_LISTED} tags")
                if isinstance(name, str) and is_tag(name):
                    yield name

    def _refers(self, entry: Descriptor, subject: Digest) -> Descriptor | None:
        """The entry as the document itself has it; `None` where it does not refer to `subject`, or can't be read."""
        try:
            raw = self.read_document(entry)
            links = read_links(raw, entry.media_type)
        except (NotFoundError, ContentError, DocumentError):
            return None
        if links.subject is None or links.subject.digest != subject:
            return None
        return Descriptor(
            media_type=entry.media_type, digest=entry.digest, size=entry.size, artifact_type=links.artifact_type
        )


def _has_tags(raw: bytes) -> bool:
    """Whether there is any tag on a page, or it can't be told."""
    try:
        page = parse_json(raw)
    except DocumentError:
        return True
    return not isinstance(page, dict) or bool(page.get("tags"))


_conforms: tuple[type[RepositorySource], type[RepositorySink]] = (RegistryStore, RegistryStore)
