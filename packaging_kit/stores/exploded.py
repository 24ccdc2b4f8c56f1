"""An exploded component as plain files: `DIR/root` and `DIR/blobs/sha256/HEX`."""

from __future__ import annotations

from pathlib import Path

from packaging_kit.digest import Digest
from packaging_kit.errors import NotFoundError, RequestError, StoreError
from packaging_kit.stores.atomic import write_file
from packaging_kit.stores.blob_folder import BlobFolder
from packaging_kit.stores.files import io_errors, is_there, iter_plain

_ROOT_SIZE = len("sha256:") + 64 + 1


class ExplodedFolder(BlobFolder):
    """Skeletons and fragments of one component, and the digest of its root skeleton."""

    @property
    def root_path(self) -> Path:
        return self.folder / "root"

    def read_root(self) -> Digest:
        """The root.

        Raises:
            NotFoundError: `not-found`, where there is none.
            StoreError: `layout-invalid`, where the file holds anything else.
        """
        text = b"".join(iter_plain(self.root_path, 0, _ROOT_SIZE + 1)).decode("ascii", "replace")
        try:
            if len(text) == _ROOT_SIZE and text.endswith("\n"):
                return Digest(text[:-1])
        except RequestError:
            pass  # said below, with the file's name
        raise StoreError("layout-invalid", f"`{self.root_path}` holds no digest and newline")

    def check_root(self, root: Digest) -> None:
        """Refuse a folder that holds another component, or an OCI layout.

        Raises:
            StoreError: `output-exists`.
        """
        for name in ("oci-layout", "index.json"):
            with io_errors(self.folder):
                is_layout = is_there(self.folder / name)
            if is_layout:
                raise StoreError("output-exists", f"`{self.folder}` is an OCI layout, where `gc` would sweep fragments")
        try:
            other = self.read_root()
        except NotFoundError:
            return
        if other != root:
            raise StoreError("output-exists", f"`{self.folder}` holds another root, {other}")

    def write_root(self, root: Digest) -> None:
        """Write the root, when everything it stands for is durable."""
        self.flush()
        write_file(self.root_path, f"{root}\n".encode())
