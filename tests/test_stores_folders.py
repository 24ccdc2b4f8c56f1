"""Blobs as plain files: layouts and exploded components, and what may lie where a blob should."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from packaging_kit.blobs import Blob
from packaging_kit.digest import Digest
from packaging_kit.errors import ContentError, NotFoundError, PackagingKitError, StoreError
from packaging_kit.oci.layout import Tagged
from packaging_kit.stores.blob_folder import BlobFolder
from packaging_kit.stores.exploded import ExplodedFolder
from packaging_kit.stores.indexed import IndexedStore
from packaging_kit.stores.layout import LayoutStore
from tests.conftest import REPOSITORY
from tests.store_contract import (
    CONTENT,
    SIGNATURE,
    IndexedContract,
    Make,
    Store,
    StoreContract,
    blob_of,
    store_manifest,
)

AS_ROOT = os.geteuid() == 0


class FolderContract(StoreContract):
    """A store of plain files."""

    def damage(self, store: Store, digest: Digest, data: bytes) -> None:
        assert isinstance(store, BlobFolder)
        store.blob_path(digest).write_bytes(data)

    def held(self, store: Store, *asked: bytes) -> list[bytes]:
        assert isinstance(store, BlobFolder)
        return [path.read_bytes() for path in store.folder.rglob("*") if path.is_file()]

    def test_blob_is_a_plain_file_named_by_its_digest(self, store: Store) -> None:
        assert isinstance(store, BlobFolder)
        blob = store.write_blob((CONTENT,))

        assert (store.folder / "blobs" / "sha256" / blob.digest.hex).read_bytes() == CONTENT

    @pytest.mark.skipif(sys.platform == "win32", reason="there are no such modes")
    def test_blob_has_the_mode_that_the_umask_leaves(self, store: Store) -> None:
        assert isinstance(store, BlobFolder)
        before = os.umask(0o027)
        try:
            blob = store.write_blob((CONTENT,))
        finally:
            os.umask(before)

        assert store.blob_path(blob.digest).stat().st_mode & 0o777 == 0o640

    @pytest.mark.parametrize("make", ["link", "folder", "pipe", "device", "dangling link"])
    def test_only_a_plain_file_is_a_blob(
        self, store: Store, make: str, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        assert isinstance(store, BlobFolder)
        blob = store.write_blob((CONTENT,))
        path = store.blob_path(blob.digest)
        path.unlink()
        _make(path, make, tmp_path_factory.mktemp("else"))

        for read in (store.blob_size, store.read_blob, lambda digest: store.holds_blob(blob_of(CONTENT))):
            with pytest.raises(StoreError) as error:
                read(blob.digest)

            assert error.value.code == "layout-invalid"

    @pytest.mark.parametrize("name", ["blobs", "blobs/sha256"])
    def test_folder_of_blobs_may_not_be_a_link(self, store: Store, name: str, tmp_path: Path) -> None:
        assert isinstance(store, BlobFolder)
        blob = store.write_blob((CONTENT,))
        (store.folder / name).rename(tmp_path / "elsewhere")
        (store.folder / name).symlink_to(tmp_path / "elsewhere")

        with pytest.raises(StoreError) as reading:
            store.read_blob(blob.digest)
        with pytest.raises(StoreError) as writing:
            store.write_blob((b"more",))

        assert [reading.value.code, writing.value.code] == ["layout-invalid"] * 2

    def test_folder_of_blobs_may_not_be_a_file(self, store: Store) -> None:
        assert isinstance(store, BlobFolder)
        store.folder.mkdir(parents=True, exist_ok=True)
        (store.folder / "blobs").write_bytes(b"")

        with pytest.raises(PackagingKitError) as error:
            store.write_blob((CONTENT,))

        assert error.value.code in ("io-error", "layout-invalid")

    @pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
    def test_blob_is_looked_for_under_its_algorithm(self, store: Store, algorithm: str) -> None:
        missing = Digest("sha512:" + "0" * 128) if algorithm == "sha512" else Digest.of(b"")

        with pytest.raises(NotFoundError) as error:
            store.blob_size(missing)

        assert error.value.code == "not-found"

    def test_no_temporary_file_is_left_after_an_error(self, store: Store) -> None:
        assert isinstance(store, BlobFolder)
        with pytest.raises(ContentError):
            store.write_blob((b"something else",), blob_of(CONTENT))

        assert [path.name for path in store.folder.rglob("*") if path.is_file()] == []

    def test_temporary_file_of_a_killed_process_with_the_same_id_is_in_nobodys_way(self, store: Store) -> None:
        assert isinstance(store, BlobFolder)
        script = """if True:
            import os, pathlib, sys
            from packaging_kit.stores.blob_folder import BlobFolder
            folder = pathlib.Path(sys.argv[1])
            (folder / "blobs/sha256").mkdir(parents=True)
            for number in range(3):
                (folder / "blobs/sha256" / f".pkit-{os.getpid()}-{number}").write_bytes(b"left behind")
            BlobFolder(folder).write_blob([b"the content of a blob"])
        """
        subprocess.run([sys.executable, "-c", script, store.folder], cwd=REPOSITORY, check=True)

        assert store.read_blob(Digest.of(CONTENT)) == CONTENT

    def test_blob_that_shrinks_while_it_is_read_is_noticed(self, store: Store) -> None:
        assert isinstance(store, BlobFolder)
        data = CONTENT * 200_000
        blob = store.write_blob((data,))
        chunks = store.iter_blob(blob.digest, size=blob.size)
        next(chunks)
        os.truncate(store.blob_path(blob.digest), 1 << 20)

        with pytest.raises(ContentError) as error:
            list(chunks)

        assert error.value.code == "size-mismatch"


def _make(path: Path, what: str, elsewhere: Path) -> None:
    match what:
        case "link":
            (elsewhere / "secret").write_bytes(CONTENT)
            path.symlink_to(elsewhere / "secret")
        case "dangling link":
            path.symlink_to(elsewhere / "missing")
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case _:
            if not AS_ROOT:
                pytest.skip("only root makes devices")
            try:
                os.mknod(path, 0o020666, os.makedev(1, 5))  # like /dev/zero: it never ends
            except OSError as exc:
                pytest.skip(f"no devices can be made here: {exc}")


class TestBlobFolder(FolderContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return BlobFolder(tmp_path / "folder")


class TestLayoutStore(FolderContract, IndexedContract):
    @pytest.fixture
    def make_store(self, tmp_path: Path) -> Make:
        return lambda name: LayoutStore(tmp_path / name)

    def snapshot(self, repository: IndexedStore) -> object:
        assert isinstance(repository, LayoutStore)
        files = (path for path in repository.folder.rglob("*") if path.is_file())
        return {path.relative_to(repository.folder): path.read_bytes() for path in files}

    def test_what_another_object_put_is_seen_at_once(self, repository: IndexedStore, make_store: Make) -> None:
        entry = store_manifest(repository, "a")
        repository.put([Tagged("v1", entry)], force=False)
        before = repository.tags(), repository.referrers(entry.digest)
        other = make_store("store")
        signature = store_manifest(other, "r", subject=entry, artifactType=SIGNATURE)
        other.put([Tagged("v2", entry, (signature,))], force=False)

        assert (before, repository.tags(), repository.referrers(entry.digest)) == (
            (("v1",), ()),
            ("v1", "v2"),
            (signature,),
        )


class TestExplodedFolder(FolderContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return ExplodedFolder(tmp_path / "exploded")


ROOT = Digest.of(b"root")


def test_root_that_was_written_is_read(tmp_path: Path) -> None:
    folder = ExplodedFolder(tmp_path)
    folder.write_root(ROOT)

    assert (folder.read_root(), (tmp_path / "root").read_bytes()) == (ROOT, f"{ROOT}\n".encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        ROOT.value.encode(),
        f"{ROOT}\r\n".encode(),
        f"{ROOT}\n\n".encode(),
        f" {ROOT}\n".encode(),
        f"{ROOT.value.upper()}\n".encode(),
        f"{ROOT.hex}\n".encode(),
        b"\xff" * 72,
        b"sha256:" + b"\xc3\xa4" * 32 + b"\n",
        b"x" * 1_000_000,
        f"sha512:{'0' * 128}\n".encode(),
    ],
)
def test_root_file_of_anything_else_is_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "root").write_bytes(data)

    with pytest.raises(StoreError) as error:
        ExplodedFolder(tmp_path).read_root()

    assert error.value.code == "layout-invalid"


def test_root_file_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text(f"{ROOT}\n")
    (tmp_path / "root").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(StoreError) as error:
        ExplodedFolder(tmp_path).read_root()

    assert error.value.code == "layout-invalid"


def test_folder_without_a_root_has_none(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as error:
        ExplodedFolder(tmp_path / "missing").read_root()

    assert error.value.code == "not-found"


def test_folder_of_another_root_is_refused(tmp_path: Path) -> None:
    folder = ExplodedFolder(tmp_path)
    folder.check_root(ROOT)
    folder.write_root(ROOT)
    folder.check_root(ROOT)

    with pytest.raises(StoreError) as error:
        folder.check_root(Digest.of(b"another"))

    assert error.value.code == "output-exists"


def test_blob_of_a_sha512_digest_is_read_where_others_wrote_it(tmp_path: Path) -> None:
    digest = Digest("sha512:" + hashlib.sha512(CONTENT).hexdigest())
    (tmp_path / "blobs" / "sha512").mkdir(parents=True)
    (tmp_path / "blobs" / "sha512" / digest.hex).write_bytes(CONTENT)
    store = LayoutStore(tmp_path)

    assert (store.read_blob(digest), store.holds_blob(Blob(digest, len(CONTENT)))) == (CONTENT, True)
