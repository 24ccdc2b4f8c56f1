"""OCI layouts: a folder with blobs and an `index.json` (image-spec, `image-layout.md`).

Three locks keep writers apart, each on a folder of the layout. Who writes blobs holds a shared one on
`blobs/sha256` until they have their names in the index; who sweeps holds it alone. It is taken through
`blobs`, which a sweeper holds while it waits, so that a stream of writers can't keep it waiting for ever.
`index.json` is read and replaced under the one on the layout itself. Readers need none: files appear and
are replaced as a whole.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from packaging_kit.blobs import Blob, Chunk
from packaging_kit.digest import Digest
from packaging_kit.document import Document, parse_json
from packaging_kit.errors import DocumentError, NotFoundError, StoreError
from packaging_kit.limits import MAX_LAYOUT_INDEX_ENTRIES, MAX_LAYOUT_INDEX_SIZE
from packaging_kit.oci import layout
from packaging_kit.oci.fields import Fields
from packaging_kit.oci.index import Index, parse_index
from packaging_kit.stores.atomic import write_file
from packaging_kit.stores.blob_folder import BlobFolder
from packaging_kit.stores.files import io_errors, is_file, is_folder, is_there, iter_plain, plain_size, sync_folder
from packaging_kit.stores.indexed import IndexedStore, check_index_size
from packaging_kit.stores.locks import TEMPORARY_PREFIX, folder_lock
from packaging_kit.stores.publishing import Publisher

_LAYOUT_FILE_SIZE = 4096


def is_layout(folder: Path) -> bool:
    """Whether `folder` calls itself an OCI layout."""
    with io_errors(folder):
        return is_file(folder / "oci-layout")


def check_layout_file(raw: bytes, name: str) -> None:
    """Refuse an `oci-layout` of another version.

    Raises:
        StoreError: `layout-invalid`.
    """
    try:
        version = Fields(parse_json(raw, max_size=_LAYOUT_FILE_SIZE)).text("imageLayoutVersion")
    except DocumentError as exc:
        raise StoreError("layout-invalid", f"`{name}`: {exc}") from exc
    if version != "1.0.0":
        raise StoreError("layout-invalid", f"`{name}` is of version `{version}`, not 1.0.0")


class LayoutStore(BlobFolder, IndexedStore):
    """One layout folder.

    Blobs are written first, `index.json` next, and `oci-layout` last: until then nothing that was there has
    changed, and a new folder is no layout.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._locks: ExitStack | None = None
        self._has_joined = False

    @classmethod
    def open(cls, folder: Path) -> LayoutStore:
        """A layout that exists.

        Raises:
            NotFoundError: `not-found`.
            StoreError: `layout-invalid`.
        """
        try:
            raw = _read_file(folder / "oci-layout", _LAYOUT_FILE_SIZE)
        except NotFoundError as exc:
            with io_errors(folder):
                is_other = is_there(folder, follow_links=True)
            if is_other:
                raise StoreError("layout-invalid", f"`{folder}` is not an OCI layout: no `oci-layout` in it") from exc
            raise NotFoundError("not-found", f"`{folder}` is not there") from exc
        check_layout_file(raw, str(folder / "oci-layout"))
        return cls(folder)

    @classmethod
    def open_or_new(cls, folder: Path) -> LayoutStore:
        """A layout to write to; where there is none, it becomes one when the first thing is put into it.

        Raises:
            StoreError: `layout-invalid`, where the folder has something else in it.
        """
        if is_layout(folder):
            return cls.open(folder)
        with io_errors(folder):
            if is_there(folder, follow_links=True):
                if not is_folder(folder):
                    raise StoreError("layout-invalid", f"`{folder}` is not a folder")
                # A writer that did not get to the end leaves blobs, and an index where only `oci-layout` is missing.
                others = {path.name for path in folder.iterdir() if not path.name.startswith(TEMPORARY_PREFIX)}
                if "oci-layout" in others:
                    return cls.open(folder)  # another writer was first, a moment ago
                if others not in (set(), {"blobs"}, {"blobs", "index.json"}):
                    raise StoreError("layout-invalid", f"`{folder}` is not empty and is not an OCI layout")
        return cls(folder)

    @property
    def index_path(self) -> Path:
        return self.folder / "index.json"

    def index_version(self) -> Hashable:
        # It is only ever replaced by another file.
        try:
            status = self.index_path.lstat()
        except OSError:
            return None  # `load_index` says what is wrong
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns

    def load_index(self) -> Document[Index]:
        try:
            raw = _read_file(self.index_path, MAX_LAYOUT_INDEX_SIZE)
            return parse_index(raw, max_size=MAX_LAYOUT_INDEX_SIZE, max_entries=MAX_LAYOUT_INDEX_ENTRIES)
        except (NotFoundError, DocumentError) as exc:
            raise StoreError("layout-invalid", f"`{self.index_path}`: {exc}") from exc

    def write_blob(self, chunks: Iterable[Chunk], expected: Blob | None = None) -> Blob:
        self._join_writers()
        return super().write_blob(chunks, expected)

    def change_index(self, change: Callable[[Index], Index]) -> None:
        with self.writing():
            self._join_writers()
            with ExitStack() as lock:
                hold(lock, self.folder)
                self._replace_index(change)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep `alone` waiting from the first blob that is written inside until the end; may be nested.

        Raises:
            UnavailableError: `io-error`.
        """
        if self._locks is not None:
            yield
            return
        with ExitStack() as locks, Publisher() as publisher:
            self._locks, self._publisher, self._publishing_for = locks, publisher, threading.get_ident()
            try:
                yield
            finally:
                self._locks, self._publisher, self._has_joined = None, None, False

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait until nobody else writes to the layout, and let nobody begin.

        Raises:
            UnavailableError: `io-error`.
        """
        if self._locks is not None:
            raise RuntimeError("whoever writes can't wait for those who write")
        with self.writing(), ExitStack() as locks:
            self._make_folder(self._content)
            hold(locks, self._content.parent)
            hold(locks, self._content)
            self._has_joined = True
            yield

    def remove_blobs(self, digests: Iterable[Digest]) -> None:
        # Whoever took the last names away may have been killed before that was durable, and they must not come back.
        sync_folder(self.folder)
        super().remove_blobs(digests)

    @property
    def _content(self) -> Path:
        return self.folder / "blobs" / "sha256"

    def _join_writers(self) -> None:
        """Have the content lock from now on, inside `writing`."""
        if self._locks is None or self._has_joined:
            return
        with self._preparing:
            self._join(self._locks)

    def _join(self, locks: ExitStack) -> None:
        if self._has_joined:
            return
        self._make_folder(self._content)
        with ExitStack() as gate:
            hold(gate, self._content.parent)
            hold(locks, self._content, shared=True)
        self._has_joined = True

    def _replace_index(self, change: Callable[[Index], Index]) -> None:
        with io_errors(self.index_path):
            is_new = not is_there(self.index_path) and not is_layout(self.folder)
        old = None if is_new else self.load_index()
        changed = change(Index(manifests=()) if old is None else old.value).to_document()
        check_index_size(changed, str(self.index_path))
        self.flush()
        if old is None or changed.raw != old.raw:
            write_file(self.index_path, changed.raw)
        else:
            sync_folder(self.folder)  # whoever wrote it may not have come to that
        if not is_layout(self.folder):
            write_file(self.folder / "oci-layout", layout.LAYOUT_FILE)


def hold(locks: ExitStack, folder: Path, *, shared: bool = False) -> None:
    """Wait for the lock on `folder`, and hold it until `locks` ends.

    Raises:
        UnavailableError: `io-error`.
    """
    with io_errors(folder):
        locks.enter_context(folder_lock(folder, shared=shared))


def _read_file(path: Path, max_size: int) -> bytes:
    if plain_size(path) > max_size:
        raise StoreError("layout-invalid", f"`{path}` has more than {max_size} bytes")
    return b"".join(iter_plain(path, 0, max_size))
