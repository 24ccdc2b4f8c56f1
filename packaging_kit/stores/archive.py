"""OCI layouts in a tar archive (`oci-archive:`), read without unpacking and written as a whole."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from packaging_kit.blobs import Blob, Chunk, check_blob, check_size
from packaging_kit.digest import Digest, SideHasher
from packaging_kit.document import Document
from packaging_kit.errors import ContentError, DocumentError, NotFoundError, RequestError, StoreError, UnavailableError
from packaging_kit.limits import CHUNK_SIZE, MAX_LAYOUT_INDEX_ENTRIES, MAX_LAYOUT_INDEX_SIZE, MIB
from packaging_kit.oci.index import Index, parse_index
from packaging_kit.oci.layout import LAYOUT_FILE
from packaging_kit.stores import tar
from packaging_kit.stores.atomic import AtomicFile
from packaging_kit.stores.files import io_errors, make_folder, open_plain, read_at, sync_folder
from packaging_kit.stores.indexed import IndexedStore, check_index_size
from packaging_kit.stores.layout import check_layout_file, hold
from packaging_kit.stores.locks import HAS_FLOCK, close, sweep
from packaging_kit.stores.scratch import FileScratch
from packaging_kit.stores.tar import Member

if TYPE_CHECKING:
    from typing import Self

_LAYOUT: Final = "oci-layout"
_INDEX: Final = "index.json"
_BLOBS: Final = "blobs"
_SMALL: Final = 1 * MIB


class ArchiveStore(IndexedStore):
    """One archive; used in a `with` statement.

    What is written waits in working space until it gets a name; then the archive is written anew, with all
    that was in it: `oci-layout`, `index.json`, then the blobs sorted by digest. Readers of the old one go on
    reading it.

    Raises:
        NotFoundError: `not-found`, where there is no such file.
        StoreError: `layout-invalid`.
        ContentError: `size-mismatch` from `change_index`, where the file was cut short meanwhile; then it stays.
        UnavailableError: `io-error`.
    """

    def __init__(self, file: Path, scratch: FileScratch, *, may_be_new: bool = False) -> None:
        self.file = file
        self._handle: int | None = None
        self._members: dict[str, Member] = {}
        self._scratch = scratch
        self._waiting: dict[Digest, tuple[int, int]] = {}
        self._relied_on: set[Blob] = set()
        self._appending = threading.Lock()
        try:
            self._open()
        except NotFoundError:
            if not may_be_new:
                raise
        except BaseException:
            self._close()  # nobody else will: there is no store
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def blob_size(self, digest: Digest) -> int:
        if digest in self._waiting:
            start, end = self._waiting[digest]
            return end - start
        return self._member(digest).size

    def iter_blob_unverified(self, digest: Digest, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        if digest in self._waiting:
            first, last = self._waiting[digest]
            yield from self._iter_waiting(first + start, last if end is None else min(last, first + end))
        else:
            yield from self._iter_member(self._member(digest), start, end)

    def iter_blobs(self) -> Iterator[Blob]:
        found = ((_digest_of(name), member.size) for name, member in self._members.items())
        sizes = {digest: size for digest, size in found if digest is not None}
        sizes |= {digest: end - start for digest, (start, end) in self._waiting.items()}
        for digest in sorted(sizes):
            yield Blob(digest, sizes[digest])

    def holds_blob(self, blob: Blob) -> bool:
        try:
            for _ in self.iter_blob(blob.digest, size=blob.size):
                pass
        except (NotFoundError, ContentError):
            return False
        return True

    def write_blob(self, chunks: Iterable[Chunk], expected: Blob | None = None) -> Blob:
        if expected is not None and self.holds_blob(expected):
            self._relied_on.add(expected)
            return expected
        algorithm = "sha256" if expected is None else expected.digest.algorithm
        if expected is not None and expected.size <= _SMALL:
            chunks = list(chunks)  # so that others don't wait while they come from afar
        start: int | None = None
        size = 0
        with self._appending, SideHasher(algorithm) as hasher:
            for chunk in chunks:
                hasher.update(chunk)
                position = self._scratch.append(chunk)
                start = position if start is None else start
                size += len(chunk)
            blob = Blob(Digest.from_hasher(hasher, algorithm), size)
        if expected is not None:
            check_blob(blob, digest=expected.digest, size=expected.size, what="the content")
        self._waiting[blob.digest] = (start or 0, (start or 0) + size)
        return blob

    @contextmanager
    def writing(self) -> Iterator[None]:
        yield  # nobody sweeps an archive

    def index_version(self) -> Hashable:
        return self._handle

    def load_index(self) -> Document[Index]:
        raw = self._read(_INDEX, MAX_LAYOUT_INDEX_SIZE)
        try:
            return parse_index(raw, max_size=MAX_LAYOUT_INDEX_SIZE, max_entries=MAX_LAYOUT_INDEX_ENTRIES)
        except DocumentError as exc:
            raise StoreError("layout-invalid", f"`{_INDEX}` in `{self.file}`: {exc}") from exc

    def change_index(self, change: Callable[[Index], Index]) -> None:
        folder = self.file.parent
        make_folder(folder)
        with ExitStack() as lock:
            hold(lock, folder)
            with suppress(NotFoundError):
                self._open()  # another process may have replaced it
            self._check_relied_on()
            index = Index(manifests=()) if self._handle is None else self.load_index().value
            self._write(change(index).to_document(), folder)
            self._open()

    def _check_relied_on(self) -> None:
        """Refuse to name what was not written because it was there, where it is there no longer."""
        held = set(self.iter_blobs())
        for blob in self._relied_on:
            if blob not in held:
                raise UnavailableError("input-changed", f"`{self.file}` was replaced, and lacks what was in it before")

    def _write(self, index: Document[Index], folder: Path) -> None:
        check_index_size(index, f"{_INDEX} in {self.file}")
        sweep(folder)
        with AtomicFile(folder) as file:
            for name, size, chunks in self._iter_content(index):
                file.write(tar.header(name, size))
                written = 0
                for chunk in chunks:
                    file.write(chunk)
                    written += len(chunk)
                check_size(written, size, f"`{name}` in `{self.file}`")  # it may have been cut short meanwhile
                file.write(tar.padding(size))
            file.write(tar.END)
            if not HAS_FLOCK:
                self._close()  # Windows replaces no file that is open
            file.publish(self.file)
        sync_folder(folder)
        self._waiting.clear()
        self._relied_on.clear()

    def _iter_content(self, index: Document[Index]) -> Iterator[tuple[str, int, Iterable[Chunk]]]:
        """Name, size and bytes of what the new archive holds; of the old one all but its index."""
        yield _LAYOUT, len(LAYOUT_FILE), (LAYOUT_FILE,)
        yield _INDEX, index.size, (index.raw,)
        waiting = {_name_of(digest): place for digest, place in self._waiting.items()}
        for name in sorted({*self._members, *waiting} - {_LAYOUT, _INDEX}):
            if name in waiting:
                start, end = waiting[name]
                yield name, end - start, self._iter_waiting(start, end)
            else:
                yield name, self._members[name].size, self._iter_member(self._members[name])

    def _open(self) -> None:
        """Look at the file that has the archive's name now."""
        handle = open_plain(self.file)
        try:
            with io_errors(self.file):
                members = tar.read_members(handle, os.fstat(handle).st_size)
        except StoreError as exc:
            close(handle)
            raise StoreError("layout-invalid", f"`{self.file}`: {exc.message}") from exc
        except BaseException:
            close(handle)
            raise
        self._close()
        self._handle, self._members, self._seen = handle, members, None
        check_layout_file(self._read(_LAYOUT, CHUNK_SIZE), f"{_LAYOUT} in {self.file}")

    def _close(self) -> None:
        if self._handle is not None:
            close(self._handle)
            self._handle = None

    def _read(self, name: str, max_size: int) -> bytes:
        member = self._members.get(name)
        if member is None:
            raise StoreError("layout-invalid", f"`{self.file}` is not an OCI layout: no `{name}` in it")
        if member.size > max_size:
            raise StoreError("layout-invalid", f"`{name}` in `{self.file}` has more than {max_size} bytes")
        return b"".join(self._iter_member(member))

    def _member(self, digest: Digest) -> Member:
        member = self._members.get(_name_of(digest))
        if member is None:
            raise NotFoundError("not-found", f"the blob {digest} is not there")
        return member

    def _iter_member(self, member: Member, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        if self._handle is None:
            raise StoreError("layout-invalid", f"`{self.file}` was closed")
        last = member.start + (member.size if end is None else min(end, member.size))
        position = member.start + start
        with io_errors(self.file):
            handle = os.dup(self._handle)  # a change opens another file, and closes this one
        try:
            while position < last:
                with io_errors(self.file):
                    chunk = read_at(handle, min(CHUNK_SIZE, last - position), position)
                if not chunk:
                    return  # cut short meanwhile: fewer bytes, which whoever verifies notices
                position += len(chunk)
                yield chunk
        finally:
            close(handle)

    def _iter_waiting(self, start: int, end: int) -> Iterator[bytes]:
        for at in range(start, end, CHUNK_SIZE):
            yield bytes(self._scratch.view(at, min(at + CHUNK_SIZE, end)))


def _digest_of(name: str) -> Digest | None:
    """The digest of a blob with this name; `None` for anything else."""
    parts = name.split("/")
    if len(parts) == 3 and parts[0] == _BLOBS:
        with suppress(RequestError):
            return Digest(f"{parts[1]}:{parts[2]}")
    return None


def _name_of(digest: Digest) -> str:
    return f"{_BLOBS}/{digest.algorithm}/{digest.hex}"
