"""Layouts in tar archives: the contract of repositories, what others wrote, and what may happen meanwhile."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from random import Random

import pytest

from packaging_kit.blobs import Blob, Chunk
from packaging_kit.digest import Digest
from packaging_kit.document import dump_json
from packaging_kit.errors import ContentError, NotFoundError, PackagingKitError, StoreError
from packaging_kit.limits import GIB, MAX_LAYOUT_INDEX_SIZE, MIB
from packaging_kit.oci.index import Index
from packaging_kit.oci.layout import LAYOUT_FILE, Tagged
from packaging_kit.oci.media_types import IMAGE_INDEX, REF_NAME
from packaging_kit.stores import tar
from packaging_kit.stores.archive import ArchiveStore
from packaging_kit.stores.indexed import IndexedStore
from packaging_kit.stores.layout import LayoutStore
from packaging_kit.stores.scratch import FileScratch
from tests.conftest import REPOSITORY, SEEDS
from tests.store_contract import (
    CONTENT,
    LARGE,
    IndexedContract,
    Make,
    Store,
    StoreContract,
    blob_of,
    of_tag,
    store_manifest,
)
from tests.test_stores_tar import REFUSED, contents, gnu_name, member, pax, raw_header, write

Open = Callable[[Path], ArchiveStore]
EMPTY_INDEX = Index(manifests=()).to_document().raw


def name_of(digest: Digest) -> str:
    return f"blobs/{digest.algorithm}/{digest.hex}"


def write_archive(path: Path, files: Mapping[str, bytes]) -> Path:
    """An archive as Python writes it, in this order."""
    with tarfile.open(path, "w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def blob_files(*contents_of_blobs: bytes) -> dict[str, bytes]:
    return {name_of(Digest.of(data)): data for data in contents_of_blobs}


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Open]:
    """Opens archives, new or old."""
    temporary = tmp_path_factory.mktemp("temporary")
    with ExitStack() as stack:

        def open_archive(file: Path) -> ArchiveStore:
            scratch = stack.enter_context(FileScratch(temporary, memory=4096))
            return stack.enter_context(ArchiveStore(file, scratch, may_be_new=True))

        yield open_archive


class ArchiveContract(StoreContract):
    """A store in a tar archive."""

    def damage(self, store: Store, digest: Digest, data: bytes) -> None:
        assert isinstance(store, ArchiveStore)
        store.put([], force=False)
        write_archive(store.file, contents(store.file) | {name_of(digest): data})
        store.put([], force=False)

    def held(self, store: Store, *asked: bytes) -> list[bytes]:
        assert isinstance(store, ArchiveStore)
        return [b"".join(store.iter_blob_unverified(blob.digest)) for blob in store.iter_blobs()]


class TestArchiveStore(ArchiveContract, IndexedContract):
    @pytest.fixture
    def make_store(self, opened: Open, tmp_path: Path) -> Make:
        return lambda name: opened(tmp_path / "new" / f"{name}.tar")

    def snapshot(self, repository: IndexedStore) -> object:
        assert isinstance(repository, ArchiveStore)
        return repository.file.read_bytes()


class _Prompt(ArchiveStore):
    """An archive that takes every blob in at once: nothing waits."""

    def write_blob(self, chunks: Iterable[Chunk], expected: Blob | None = None) -> Blob:
        blob = super().write_blob(chunks, expected)
        self.put([], force=False)
        return blob


class TestArchiveStoreWithoutWaiting(ArchiveContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return _Prompt(tmp_path / "a.tar", FileScratch(), may_be_new=True)


def fill(store: IndexedStore, *names: str) -> None:
    store.put([Tagged(f"v-{name}", store_manifest(store, name)) for name in names], force=False)


def test_archive_is_a_layout_in_the_order_in_which_it_is_read(opened: Open, tmp_path: Path) -> None:
    store = opened(tmp_path / "a.tar")
    fill(store, "a")
    with tarfile.open(tmp_path / "a.tar") as archive:
        members = archive.getmembers()
    names = [info.name for info in members]

    assert names[:2] == ["oci-layout", "index.json"]
    assert names[2:] == sorted(name_of(blob.digest) for blob in store.iter_blobs())
    assert {(info.mode, info.uid, info.gid, info.uname, info.mtime, info.isfile()) for info in members} == {
        (0o644, 0, 0, "", 0, True)
    }
    assert (contents(tmp_path / "a.tar")["oci-layout"], contents(tmp_path / "a.tar")["index.json"]) == (
        LAYOUT_FILE,
        store.read_index().raw,
    )


def test_archive_of_the_same_things_never_changes(opened: Open, tmp_path: Path) -> None:
    store = opened(tmp_path / "a.tar")
    store.write_blob((CONTENT,), blob_of(CONTENT, "sha512"))
    fill(store, "b", "a")

    assert (
        Digest.of((tmp_path / "a.tar").read_bytes()).hex
        == "c222d43bf7398238457137ec6b6ba17b9ccc7864de2a1c9e955d2150060e4229"
    )


def test_archive_that_the_tar_of_the_system_unpacks_is_a_layout(opened: Open, tmp_path: Path) -> None:
    program = shutil.which("tar")
    if program is None:
        pytest.skip("there is no `tar` here")
    store = opened(tmp_path / "a.tar")
    store.write_blob((CONTENT,), blob_of(CONTENT, "sha512"))
    fill(store, "a", "b")
    (tmp_path / "layout").mkdir()
    subprocess.run([program, "-xf", tmp_path / "a.tar", "-C", tmp_path / "layout"], check=True)
    layout = LayoutStore.open(tmp_path / "layout")

    assert (layout.read_index(), list(layout.iter_blobs())) == (store.read_index(), list(store.iter_blobs()))
    assert all(layout.holds_blob(blob) for blob in store.iter_blobs())


@pytest.mark.parametrize("form", ["v7", "gnu", "posix"])
def test_layout_that_gnu_tar_packed_is_read_and_added_to(form: str, opened: Open, tmp_path: Path) -> None:
    program = shutil.which("tar")
    if program is None or b"GNU tar" not in subprocess.run([program, "--version"], capture_output=True).stdout:
        pytest.skip("there is no GNU tar here")
    layout = LayoutStore.open_or_new(tmp_path / "layout")
    fill(layout, "a", "b")
    subprocess.run([program, f"--format={form}", "-cf", tmp_path / "a.tar", "-C", layout.folder, "."], check=True)
    store = opened(tmp_path / "a.tar")
    as_it_was = store.read_index().raw, list(store.iter_blobs())
    fill(layout, "c")
    fill(store, "c")

    assert as_it_was[0] != layout.read_index().raw
    assert (store.read_index().raw, list(store.iter_blobs())) == (layout.read_index().raw, list(layout.iter_blobs()))


def test_adding_keeps_all_that_others_put_there(opened: Open, tmp_path: Path) -> None:
    long = "blobs/sha512/" + Digest.of(CONTENT, "sha512").hex
    theirs = {
        "manifest.json": b"[]",
        "index.json": b'{ "schemaVersion": 2, "manifests": [], "com.example": [1] }',
        **blob_files(b"unreferenced", LARGE),
        long: CONTENT,
        "oci-layout": LAYOUT_FILE + b"\n",
        "./repositories": b"{}",
        "blobs/md5/0": b"no blob",
        "ünïcode" * 20: b"u",
    }
    write_archive(tmp_path / "a.tar", theirs)
    store = opened(tmp_path / "a.tar")
    fill(store, "a")
    found = contents(tmp_path / "a.tar")
    kept = {name.removeprefix("./"): data for name, data in theirs.items() if name not in ("index.json", "oci-layout")}

    assert kept.items() <= found.items()
    assert (store.read_index().value.others, store.tags(), store.read_blob(Digest.of(CONTENT, "sha512"))) == (
        {"com.example": [1]},
        ("v-a",),
        CONTENT,
    )


def test_reader_of_the_old_archive_goes_on_while_it_is_replaced(opened: Open, tmp_path: Path) -> None:
    writer = opened(tmp_path / "a.tar")
    blob = writer.write_blob((LARGE,))
    fill(writer, "a")
    reader = opened(tmp_path / "a.tar")
    chunks = reader.iter_blob(blob.digest, size=blob.size)
    begun = next(chunks)
    fill(writer, "b")
    write_archive(tmp_path / "new", {"oci-layout": LAYOUT_FILE, "index.json": EMPTY_INDEX}).replace(tmp_path / "a.tar")

    assert begun + b"".join(chunks) == LARGE
    assert (reader.tags(), reader.holds_blob(blob), opened(tmp_path / "a.tar").tags()) == (("v-a",), True, ())


def test_archive_that_was_removed_meanwhile_is_written_again_with_all_that_was_in_it(
    opened: Open, tmp_path: Path
) -> None:
    fill(opened(tmp_path / "a.tar"), "a")
    store = opened(tmp_path / "a.tar")
    (tmp_path / "a.tar").unlink()
    fill(store, "b")

    assert opened(tmp_path / "a.tar").tags() == ("v-a", "v-b")


def test_failed_write_leaves_the_old_archive_and_nothing_else(opened: Open, tmp_path: Path) -> None:
    fill(opened(tmp_path / "a.tar"), "a")
    before = (tmp_path / "a.tar").read_bytes()
    script = """if True:
        import pathlib, resource, signal, sys
        from packaging_kit.errors import UnavailableError
        from packaging_kit.stores.archive import ArchiveStore
        from packaging_kit.stores.scratch import FileScratch
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        with FileScratch() as scratch, ArchiveStore(pathlib.Path(sys.argv[1]), scratch) as store:
            store.write_blob([bytes(1_000_000)])
            try:
                store.put([], force=False)
            except UnavailableError as exc:
                print(exc.code)
            print(*store.tags())
    """
    outcome = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "a.tar"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )

    assert (outcome.stdout.split(), (tmp_path / "a.tar").read_bytes(), names_in(tmp_path)) == (
        ["io-error", "v-a"],
        before,
        ["a.tar"],
    )


def test_archive_that_is_cut_short_while_it_is_copied_is_not_made_into_a_new_one(opened: Open, tmp_path: Path) -> None:
    store = opened(tmp_path / "a.tar")
    store.write_blob((LARGE,))
    fill(store, "a")

    def cut_meanwhile(index: Index) -> Index:
        os.truncate(tmp_path / "a.tar", MIB)
        return index

    with pytest.raises(ContentError) as error:
        store.change_index(cut_meanwhile)

    assert (error.value.code, (tmp_path / "a.tar").stat().st_size, names_in(tmp_path)) == (
        "size-mismatch",
        MIB,
        ["a.tar"],
    )


def test_archive_that_is_cut_short_while_it_is_read_is_noticed(opened: Open, tmp_path: Path) -> None:
    store = opened(tmp_path / "a.tar")
    blob = store.write_blob((LARGE,))
    fill(store, "a")
    chunks = store.iter_blob(blob.digest, size=blob.size)
    next(chunks)
    os.truncate(tmp_path / "a.tar", MIB)

    with pytest.raises(ContentError) as error:
        list(chunks)

    assert error.value.code == "size-mismatch"


def test_archive_is_added_to_where_no_open_file_can_be_replaced(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("open files can't be told here")
    with ArchiveStore(tmp_path / "a.tar", FileScratch(), may_be_new=True) as first:
        fill(first, "a")
    store = opened(tmp_path / "a.tar")
    replace = os.replace

    def replace_as_windows_does(source: str, target: Path) -> None:
        if {source, str(target)} & set(_links(Path("/proc/self/fd"))):
            raise PermissionError(13, "it is open")
        replace(source, target)

    monkeypatch.setattr(os, "replace", replace_as_windows_does)
    monkeypatch.setattr("packaging_kit.stores.archive.HAS_FLOCK", False)
    monkeypatch.setattr("packaging_kit.stores.atomic.HAS_FLOCK", False)
    fill(store, "b")

    assert (store.tags(), names_in(tmp_path)) == (("v-a", "v-b"), ["a.tar"])


def _links(folder: Path) -> Iterator[str]:
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            yield str(path.readlink())


def test_processes_that_add_at_the_same_time_lose_nothing(opened: Open, tmp_path: Path) -> None:
    script = """if True:
        import pathlib, sys
        from packaging_kit.oci.layout import Tagged
        from packaging_kit.stores.archive import ArchiveStore
        from packaging_kit.stores.scratch import FileScratch
        from tests.store_contract import store_manifest
        for number in range(8):
            with FileScratch() as scratch, ArchiveStore(pathlib.Path(sys.argv[1]), scratch, may_be_new=True) as store:
                name = f"{sys.argv[2]}{number}"
                store.put([Tagged(name, store_manifest(store, name))], force=False)
    """
    command = [sys.executable, "-c", script, str(tmp_path / "a.tar")]
    processes = [subprocess.Popen([*command, name], cwd=REPOSITORY) for name in "abc"]
    codes = [process.wait(300) for process in processes]
    store = opened(tmp_path / "a.tar")
    expected = tuple(f"{name}{number}" for name in "abc" for number in range(8))

    assert (codes, store.tags(), names_in(tmp_path)) == ([0, 0, 0], expected, ["a.tar"])
    assert all(store.holds_blob(blob) for blob in store.iter_blobs())
    assert {blob_of(name.encode()) for name in expected} <= set(store.iter_blobs())


def test_what_a_killed_writer_left_is_swept_and_nothing_else_is(opened: Open, tmp_path: Path) -> None:
    names = [".pkit-1-1", ".pkit-99999999-0", ".pkit-1", ".pkit-x-1", "pkit-1-1", "b.tar"]
    for name in names:
        (tmp_path / name).write_bytes(b"left behind")
    fill(opened(tmp_path / "a.tar"), "a")

    assert names_in(tmp_path) == sorted([*names[2:], "a.tar"])


def test_archive_in_the_working_folder_is_named_without_one(
    opened: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fill(opened(Path("a.tar")), "a")

    assert (opened(tmp_path / "a.tar").tags(), names_in(tmp_path)) == (("v-a",), ["a.tar"])


def test_archive_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    for path in (tmp_path / "a.tar", tmp_path / "missing" / "a.tar"):
        with pytest.raises(NotFoundError) as error:
            ArchiveStore(path, FileScratch())

        assert error.value.code == "not-found"


def test_new_archive_is_there_when_something_was_put_into_it(opened: Open, tmp_path: Path) -> None:
    store = opened(tmp_path / "a.tar")
    store.write_blob((CONTENT,))
    before = names_in(tmp_path)
    with pytest.raises(StoreError) as error:
        store.tags()
    store.put([], force=False)

    assert (error.value.code, before, store.tags(), opened(tmp_path / "a.tar").read_blob(Digest.of(CONTENT))) == (
        "layout-invalid",
        [],
        (),
        CONTENT,
    )


@pytest.mark.parametrize("kind", ["link", "dangling link", "folder", "pipe"])
def test_only_a_plain_file_is_an_archive(kind: str, opened: Open, tmp_path: Path) -> None:
    fill(opened(tmp_path / "real.tar"), "a")
    path = tmp_path / "a.tar"
    match kind:
        case "link":
            path.symlink_to(tmp_path / "real.tar")
        case "dangling link":
            path.symlink_to(tmp_path / "missing")
        case "folder":
            path.mkdir()
        case _:
            os.mkfifo(path)

    with pytest.raises(StoreError) as error:
        opened(path)

    assert error.value.code == "layout-invalid"


NO_LAYOUTS: dict[str, dict[str, bytes]] = {
    "nothing": {},
    "no layout file": {"index.json": EMPTY_INDEX},
    "another version": {"oci-layout": b'{"imageLayoutVersion":"2.0.0"}', "index.json": EMPTY_INDEX},
    "a layout file that is not JSON": {"oci-layout": b"{", "index.json": EMPTY_INDEX},
    "a large layout file": {"oci-layout": LAYOUT_FILE + b" " * (2 * MIB), "index.json": EMPTY_INDEX},
    "a layout in a folder": {"layout/oci-layout": LAYOUT_FILE, "layout/index.json": EMPTY_INDEX},
    "a layout file with another name": {"OCI-Layout": LAYOUT_FILE, "index.json": EMPTY_INDEX},
}


@pytest.mark.parametrize("files", NO_LAYOUTS.values(), ids=NO_LAYOUTS)
def test_archive_of_something_else_is_no_layout(files: dict[str, bytes], opened: Open, tmp_path: Path) -> None:
    path = write_archive(tmp_path / "a.tar", files)

    with pytest.raises(StoreError) as error:
        opened(path)

    assert (error.value.code, str(path) in error.value.message) == ("layout-invalid", True)


@pytest.mark.parametrize(
    "index", [None, b"", b"{", b"[]", b'{"schemaVersion":2}', b"[" * 100_000, b"\xff"], ids=lambda raw: str(raw)[:20]
)
def test_index_that_cannot_be_used_is_invalid_and_stays(index: bytes | None, opened: Open, tmp_path: Path) -> None:
    files = {"oci-layout": LAYOUT_FILE} | ({} if index is None else {"index.json": index})
    store = opened(write_archive(tmp_path / "a.tar", files))
    before = (tmp_path / "a.tar").read_bytes()

    with pytest.raises(StoreError) as reading:
        store.find("v1")
    with pytest.raises(StoreError) as writing:
        store.put([], force=True)

    assert ([reading.value.code, writing.value.code], (tmp_path / "a.tar").read_bytes()) == (
        ["layout-invalid"] * 2,
        before,
    )


def test_index_that_is_larger_than_is_read_is_not_read(opened: Open, tmp_path: Path) -> None:
    size = MAX_LAYOUT_INDEX_SIZE + 1
    start = member(b"oci-layout", LAYOUT_FILE) + tar.header("index.json", size)
    store = opened(write(tmp_path / "a.tar", start, len(start) + size + len(tar.padding(size)) + len(tar.END)))
    tracemalloc.start()
    try:
        with pytest.raises(StoreError) as error:
            store.tags()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (error.value.code, peak < MIB) == ("layout-invalid", True)


def test_archive_that_cannot_be_opened_leaves_no_file_open(opened: Open, tmp_path: Path) -> None:
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        pytest.skip("open files can't be counted here")
    paths = [write_archive(tmp_path / f"{number}.tar", files) for number, files in enumerate(NO_LAYOUTS.values())]
    paths.append(write(tmp_path / "text.tar", b"this is no archive" * 100))
    before = len(names_in(folder))
    for path in paths:
        with pytest.raises(StoreError):
            ArchiveStore(path, FileScratch())

    assert len(names_in(folder)) == before


def test_store_leaves_no_file_open(tmp_path: Path) -> None:
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        pytest.skip("open files can't be counted here")
    before = len(names_in(folder))
    with FileScratch(tmp_path) as scratch, ArchiveStore(tmp_path / "a.tar", scratch, may_be_new=True) as store:
        store.write_blob((LARGE,))
        for name in "abc":
            fill(store, name)
            next(store.iter_blob(Digest.of(LARGE)))
            store.read_blob(Digest.of(LARGE), max_size=len(LARGE))

    assert len(names_in(folder)) == before


def test_store_that_was_closed_says_so(tmp_path: Path) -> None:
    write_archive(tmp_path / "a.tar", {"oci-layout": LAYOUT_FILE, "index.json": EMPTY_INDEX, **blob_files(CONTENT)})
    with ArchiveStore(tmp_path / "a.tar", FileScratch()) as store:
        pass

    for read in (store.tags, lambda: store.read_blob(Digest.of(CONTENT))):
        with pytest.raises(StoreError) as error:
            read()

        assert error.value.code == "layout-invalid"


@pytest.mark.parametrize(
    "name",
    [
        f"blobs/sha256:{Digest.of(CONTENT).hex}",
        f"blobs/SHA256/{Digest.of(CONTENT).hex}",
        f"blobs/sha256/{Digest.of(CONTENT).hex.upper()}",
        f"Blobs/sha256/{Digest.of(CONTENT).hex}",
        f"blobs/sha512/{Digest.of(CONTENT).hex}",
        f"blobs/sha256/{Digest.of(CONTENT).hex}/more",
        f"blobs/sha256/sha256/{Digest.of(CONTENT).hex}",
        f"blobs/{Digest.of(CONTENT).hex}",
        Digest.of(CONTENT).hex,
        Digest.of(CONTENT).value,
    ],
)
def test_member_that_is_not_named_as_a_blob_is_none_and_stays(name: str, opened: Open, tmp_path: Path) -> None:
    write_archive(tmp_path / "a.tar", {"oci-layout": LAYOUT_FILE, "index.json": EMPTY_INDEX, name: CONTENT})
    store = opened(tmp_path / "a.tar")
    before = list(store.iter_blobs()), store.holds_blob(blob_of(CONTENT))
    store.put([], force=False)

    assert (before, contents(tmp_path / "a.tar")[name]) == (([], False), CONTENT)


def test_folder_that_is_named_as_a_blob_is_none(opened: Open, tmp_path: Path) -> None:
    name = name_of(Digest.of(b"")).encode()
    files = member(b"oci-layout", LAYOUT_FILE) + member(b"index.json", EMPTY_INDEX)
    for kind in (b"5", b"\0"):
        path = write(tmp_path / "a.tar", files + member(name + b"/", kind=kind) + tar.END)
        store = opened(path)

        with pytest.raises(NotFoundError) as error:
            store.blob_size(Digest.of(b""))

        assert (error.value.code, list(store.iter_blobs())) == ("not-found", [])


def test_blob_that_stands_there_by_a_long_name_or_pax_is_read(opened: Open, tmp_path: Path) -> None:
    blobs = [blob_of(data, "sha512") for data in (b"gnu", b"pax")]
    parts = [
        member(b"./oci-layout", LAYOUT_FILE),
        pax(b"path=./index.json") + member(b"PaxHeaders/x", EMPTY_INDEX),
        gnu_name(name_of(blobs[0].digest).encode()) + member(b"n" * 100, b"gnu"),
        pax(b"path=" + name_of(blobs[1].digest).encode(), b"size=3") + raw_header(b"n") + b"pax".ljust(512, b"\0"),
    ]
    store = opened(write(tmp_path / "a.tar", b"".join(parts) + tar.END))

    assert [store.read_blob(blob.digest, size=blob.size) for blob in blobs] == [b"gnu", b"pax"]


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_hostile_archive_is_neither_read_nor_added_to(data: bytes, opened: Open, tmp_path: Path) -> None:
    good = member(b"oci-layout", LAYOUT_FILE) + member(b"index.json", EMPTY_INDEX)
    path = write(tmp_path / "a.tar", good + data + tar.END)
    store = opened(write_archive(tmp_path / "b.tar", {"oci-layout": LAYOUT_FILE, "index.json": EMPTY_INDEX}))
    path.replace(tmp_path / "b.tar")

    with pytest.raises(StoreError) as reading:
        opened(tmp_path / "b.tar")
    with pytest.raises(StoreError) as adding:
        fill(store, "a")

    assert ([reading.value.code, adding.value.code], names_in(tmp_path)) == (["layout-invalid"] * 2, ["b.tar"])
    assert (tmp_path / "b.tar").read_bytes() == good + data + tar.END


def test_ranges_of_a_blob_of_more_than_eight_gigabytes_are_read(opened: Open, tmp_path: Path) -> None:
    digest, size = Digest.of(b"not its content"), 9 * GIB
    start = member(b"oci-layout", LAYOUT_FILE) + member(b"index.json", EMPTY_INDEX) + tar.header(name_of(digest), size)
    path = write(tmp_path / "a.tar", start, len(start) + size + len(tar.END))
    with path.open("r+b") as file:
        file.seek(len(start) + size - 3)
        file.write(b"end")
    store = opened(path)

    assert (store.blob_size(digest), list(store.iter_blobs())) == (size, [Blob(digest, size)])
    assert b"".join(store.iter_blob_unverified(digest, size - 5, size + 9)) == b"\0\0end"


@pytest.mark.parametrize("seed", SEEDS)
def test_archive_of_any_bytes_gives_verified_content_or_our_error(seed: int, opened: Open, tmp_path: Path) -> None:
    random = Random(seed)
    data = _sample(tmp_path / "sample.tar", opened)
    for number in range(8):
        path = write(tmp_path / f"{number}.tar", _spoil(random, data))
        tracemalloc.start()
        try:
            _use_all(opened, path, f"{number}")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

        assert peak < 8 * MIB


def _sample(path: Path, opened: Open) -> bytes:
    """An archive of everything that is read: ours, with members of others in every form."""
    store = opened(path)
    entry = store_manifest(store, "a")
    store.write_blob((CONTENT,), blob_of(CONTENT, "sha512"))
    store.put([Tagged("v1", entry, (store_manifest(store, "r", subject=entry),)), Tagged("v2", entry)], force=False)
    parts = [pax(b"comment=x", kind=b"g"), member(b"./folder/", kind=b"5"), gnu_name(b"n" * 200) + member(b"n", b"x")]
    parts += [
        pax(b"path=p", b"size=700", b"mtime=1.5") + member(b"q", bytes(700)),
        member(b"old", b"x", magic=bytes(8)),
    ]
    return path.read_bytes()[: -len(tar.END)] + b"".join(parts) + tar.END


def _spoil(random: Random, data: bytes) -> bytes:
    spoiled = bytearray(data)
    headers = [at for at in range(0, len(data), tar.BLOCK) if data[at + 257 : at + 262] == b"ustar"]
    for _ in range(random.choice((1, 1, 2, 8))):
        at = random.randrange(len(spoiled))
        if random.random() < 0.5:  # in a header, whose sum is made right again
            at = random.choice(headers) + random.choice((random.randrange(512), random.randrange(124, 157)))
        spoiled[at] = random.choice((spoiled[at] ^ 1 << random.randrange(8), random.randrange(256), 0, 0x80, 0xFF))
        if random.random() < 0.7:
            start = at - at % tar.BLOCK
            block = spoiled[start : start + tar.BLOCK]
            spoiled[start + 148 : start + 156] = b"%06o\0 " % (sum(block[:148]) + 256 + sum(block[156:]))
    if random.random() < 0.2:
        del spoiled[random.randrange(len(spoiled)) :]
    return bytes(spoiled)


def _use_all(opened: Open, path: Path, tag: str) -> None:
    """Read and add to an archive in every way: what is read is verified, and what was readable stays so."""
    try:
        store = opened(path)
        blobs = [blob for blob in store.iter_blobs() if store.holds_blob(blob)]
        for entry in store.read_index().value.manifests:
            store.referrers(entry.digest)
            store.find(digest=entry.digest)
        fill(store, tag)
        again = opened(path)
    except PackagingKitError:
        return
    assert all(again.holds_blob(blob) for blob in blobs)
    assert again.find(f"v-{tag}") == of_tag(store_manifest(again, tag), f"v-{tag}")


def test_tag_of_an_archive_of_others_is_the_one_in_its_index(opened: Open, tmp_path: Path) -> None:
    manifest = dump_json({"schemaVersion": 2, "manifests": []})
    entry = {"mediaType": IMAGE_INDEX, "digest": Digest.of(manifest).value, "size": len(manifest)}
    index = dump_json({"schemaVersion": 2, "manifests": [entry | {"annotations": {REF_NAME: "ghcr.io/a/b:latest"}}]})
    files = {"index.json": index, "oci-layout": LAYOUT_FILE, **blob_files(manifest)}
    store = opened(write_archive(tmp_path / "a.tar", files))

    assert (store.tags(), store.find().digest) == (("ghcr.io/a/b:latest",), Digest.of(manifest))
