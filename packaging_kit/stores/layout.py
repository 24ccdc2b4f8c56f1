"""OCI image layouts: a folder with `oci-layout`, `index.json` and `blobs` (image-spec, `image-layout.md`)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from packaging_kit.digest import Digest
from packaging_kit.document import Document, parse_json
from packaging_kit.errors import DocumentError, NotFoundError, PackagingKitError, StoreError
from packaging_kit.limits import MAX_LAYOUT_INDEX_ENTRIES, MAX_LAYOUT_INDEX_SIZE
from packaging_kit.oci import layout
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.fields import Fields
from packaging_kit.oci.index import Index, parse_index
from packaging_kit.oci.manifest import parse_manifest
from packaging_kit.oci.media_types import IMAGE_INDEX
from packaging_kit.stores.blob_folder import BlobFolder
from packaging_kit.stores.files import TEMPORARY_PREFIX, io_errors, iter_plain, plain_size, write_file

_LAYOUT_FILE_SIZE = 4096


def is_layout(folder: Path) -> bool:
    """Whether `folder` calls itself an OCI layout."""
    with io_errors(folder):
        return (folder / "oci-layout").is_file()


class LayoutStore(BlobFolder):
    """One layout folder.

    Blobs are written first, `index.json` last: until then nothing that was there has changed.
    """

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
                is_there = folder.exists()
            if is_there:
                raise StoreError("layout-invalid", f"`{folder}` is not an OCI layout: no `oci-layout` in it") from exc
            raise NotFoundError("not-found", f"`{folder}` is not there") from exc
        try:
            version = Fields(parse_json(raw)).text("imageLayoutVersion")
        except DocumentError as exc:
            raise StoreError("layout-invalid", f"`{folder / 'oci-layout'}`: {exc}") from exc
        if version != "1.0.0":
            raise StoreError("layout-invalid", f"`{folder / 'oci-layout'}` is of version `{version}`, not 1.0.0")
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
            if folder.exists():
                if not folder.is_dir():
                    raise StoreError("layout-invalid", f"`{folder}` is not a folder")
                # Blobs alone are what a writer left behind that did not get to the end.
                others = {path.name for path in folder.iterdir() if not path.name.startswith(TEMPORARY_PREFIX)}
                if others - {"blobs"}:
                    raise StoreError("layout-invalid", f"`{folder}` is not empty and is not an OCI layout")
        return cls(folder)

    @property
    def index_path(self) -> Path:
        return self.folder / "index.json"

    def read_index(self) -> Document[Index]:
        """`index.json`.

        Raises:
            StoreError: `layout-invalid`, where there is none or it can't be used.
        """
        try:
            raw = _read_file(self.index_path, MAX_LAYOUT_INDEX_SIZE)
            return parse_index(raw, max_size=MAX_LAYOUT_INDEX_SIZE, max_entries=MAX_LAYOUT_INDEX_ENTRIES)
        except (NotFoundError, DocumentError) as exc:
            raise StoreError("layout-invalid", f"`{self.index_path}`: {exc}") from exc

    def find(self, tag: str | None = None, digest: Digest | None = None) -> Descriptor:
        """What a tag or digest names; without either the only tagged entry.

        Raises:
            NotFoundError: `not-found`.
            RequestError: `tag-ambiguous`.
        """
        return layout.find(self.read_index().value, tag, digest)

    def put(self, things: Iterable[layout.Tagged], *, force: bool) -> None:
        """Name things whose blobs were all written.

        Raises:
            StoreError: `tag-exists`, `layout-full`; then nothing has changed.
        """
        with io_errors(self.index_path):
            is_new = not os.path.lexists(self.index_path)
        index = Index(manifests=()) if is_new else self.read_index().value
        changed = layout.put(index, things, self._subject_of, force=force).to_document()
        if changed.size > MAX_LAYOUT_INDEX_SIZE or len(changed.value.manifests) > MAX_LAYOUT_INDEX_ENTRIES:
            raise StoreError("layout-full", f"`{self.index_path}` would be larger than is read")
        self.flush()
        if not is_layout(self.folder):
            write_file(self.folder / "oci-layout", layout.LAYOUT_FILE)
        write_file(self.index_path, changed.raw)

    def _subject_of(self, entry: Descriptor) -> Digest | None:
        try:
            raw = self.read_blob(entry.digest, size=entry.size)
            document = parse_index(raw) if entry.media_type == IMAGE_INDEX else parse_manifest(raw)
        except PackagingKitError:
            return None  # what can't be read is nobody's referrer; `verify` reports it
        return None if document.value.subject is None else document.value.subject.digest


def _read_file(path: Path, max_size: int) -> bytes:
    if plain_size(path) > max_size:
        raise StoreError("layout-invalid", f"`{path}` has more than {max_size} bytes")
    return b"".join(iter_plain(path, 0, max_size))
