"""Several processes at work on one layout: who waits for whom, and what a killed one leaves."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from packaging_kit.errors import UnavailableError
from packaging_kit.oci.index import Index
from packaging_kit.oci.layout import Tagged
from packaging_kit.operations.gc import gc
from packaging_kit.operations.places import LayoutPlace
from packaging_kit.stores.atomic import AtomicFile, write_file
from packaging_kit.stores.layout import LayoutStore, is_layout
from packaging_kit.stores.locks import LOCK_FILE, TEMPORARY_PREFIX, folder_lock, sweep
from tests.conftest import REPOSITORY
from tests.store_contract import CONTENT, blob_of, store_manifest

if sys.platform == "win32":
    pytest.skip("its locks are of another kind", allow_module_level=True)

import fcntl

if TYPE_CHECKING:
    Flock = Callable[[int, int], None]

SOON = 0.05  # seconds in which what need not wait is long done
LATE = 0.3  # seconds for which a writer waits for one that may not come
MANY = 100  # writers
AT_LAST = 60  # seconds after which nobody comes any longer


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as threads:
        yield threads


def is_waiting(future: Future[object]) -> bool:
    time.sleep(SOON)
    return not future.done()


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def take(folder: Path, *, shared: bool) -> bool:
    with folder_lock(folder, shared=shared):
        return True


def test_shared_locks_are_held_at_the_same_time(pool: ThreadPoolExecutor, tmp_path: Path) -> None:
    with folder_lock(tmp_path, shared=True):
        is_taken = pool.submit(take, tmp_path, shared=True).result(AT_LAST)

    assert (is_taken, names_in(tmp_path)) == (True, [])


@pytest.mark.parametrize(
    ("shared", "other"),
    [(False, False), (False, True), (True, False)],
    ids=["alone and alone", "alone and shared", "shared and alone"],
)
def test_other_locks_wait_for_each_other(shared: bool, other: bool, pool: ThreadPoolExecutor, tmp_path: Path) -> None:
    with folder_lock(tmp_path, shared=shared):
        second: Future[object] = pool.submit(take, tmp_path, shared=other)
        waited = is_waiting(second)

    assert (waited, second.result(AT_LAST), names_in(tmp_path)) == (True, True, [])


def test_lock_ends_with_an_error_too(tmp_path: Path) -> None:
    with contextlib.suppress(RuntimeError), folder_lock(tmp_path):
        raise RuntimeError("something else went wrong")

    assert take(tmp_path, shared=False)


def test_lock_is_not_handed_on_to_a_program_that_is_started(tmp_path: Path) -> None:
    with folder_lock(tmp_path):
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, close_fds=False)
    taken = take(tmp_path, shared=False)
    child.communicate(b"\n", AT_LAST)

    assert taken


def test_folder_that_is_not_there_cannot_be_locked(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), folder_lock(tmp_path / "missing"):
        pass


def write_and_put(folder: Path, name: str) -> None:
    store = LayoutStore.open_or_new(folder)
    with store.writing():
        store.put([Tagged(name, store_manifest(store, name))], force=False)


def take_alone(folder: Path) -> tuple[str, ...]:
    store = LayoutStore.open_or_new(folder)
    with store.alone():
        return store.tags() if is_layout(folder) else ()


def test_two_writers_share_a_layout(pool: ThreadPoolExecutor, tmp_path: Path) -> None:
    store = LayoutStore.open_or_new(tmp_path)
    with store.writing():
        entry = store_manifest(store, "a")
        pool.submit(write_and_put, tmp_path, "b").result(AT_LAST)
        store.put([Tagged("a", entry)], force=False)
        pool.submit(write_and_put, tmp_path, "c").result(AT_LAST)

    assert store.tags() == ("a", "b", "c")


def test_sweeper_waits_for_a_writer_from_its_first_blob_to_its_end(pool: ThreadPoolExecutor, tmp_path: Path) -> None:
    store = LayoutStore.open_or_new(tmp_path)
    with store.writing():
        before = pool.submit(take_alone, tmp_path).result(AT_LAST)
        entry = store_manifest(store, "a")
        sweeper: Future[object] = pool.submit(take_alone, tmp_path)
        waited_for_a_blob = is_waiting(sweeper)
        store.put([Tagged("a", entry)], force=False)
        waited_for_its_end = is_waiting(sweeper)

    assert (before, waited_for_a_blob, waited_for_its_end, sweeper.result(AT_LAST)) == ((), True, True, ("a",))


def test_sweeper_waits_for_a_change_of_the_index(pool: ThreadPoolExecutor, tmp_path: Path) -> None:
    write_and_put(tmp_path, "a")
    sweeper: list[Future[object]] = []
    waited: list[bool] = []
    store = LayoutStore.open(tmp_path)

    def change(index: Index) -> Index:
        sweeper.append(pool.submit(take_alone, tmp_path))
        waited.append(is_waiting(sweeper[0]))
        return index

    store.change_index(change)

    assert (waited, sweeper[0].result(AT_LAST)) == ([True], ("a",))


def test_writer_waits_for_a_sweeper(pool: ThreadPoolExecutor, tmp_path: Path) -> None:
    with LayoutStore.open_or_new(tmp_path).alone():
        writer: Future[object] = pool.submit(write_and_put, tmp_path, "a")
        waited = is_waiting(writer)
    writer.result(AT_LAST)

    assert (waited, LayoutStore.open(tmp_path).tags()) == (True, ("a",))


def test_sweepers_wait_for_each_other(pool: ThreadPoolExecutor, tmp_path: Path) -> None:
    with LayoutStore.open_or_new(tmp_path).alone():
        other: Future[object] = pool.submit(take_alone, tmp_path)
        waited = is_waiting(other)

    assert (waited, other.result(AT_LAST)) == (True, ())


def test_reader_waits_for_nobody(pool: ThreadPoolExecutor, tmp_path: Path) -> None:
    write_and_put(tmp_path, "a")
    with LayoutStore.open(tmp_path).alone():
        entry = pool.submit(lambda: LayoutStore.open(tmp_path).find("a")).result(AT_LAST)

    assert LayoutStore.open(tmp_path).find("a") == entry


def test_sweeper_may_write(tmp_path: Path) -> None:
    store = LayoutStore.open_or_new(tmp_path)
    with store.alone(), store.writing():
        store.put([Tagged("a", store_manifest(store, "a"))], force=False)

    assert store.tags() == ("a",)


def test_what_a_writer_has_not_named_yet_is_not_swept(pool: ThreadPoolExecutor, tmp_path: Path) -> None:
    write_and_put(tmp_path, "a")
    store = LayoutStore.open(tmp_path)
    with store.writing():
        entry = store_manifest(store, "b")
        sweeper: Future[object] = pool.submit(gc, LayoutPlace(folder=tmp_path))
        waited = is_waiting(sweeper)
        store.put([Tagged("b", entry)], force=False)
    sweeper.result(AT_LAST)

    assert (waited, store.read_blob(entry.digest) != b"", store.holds_blob(blob_of(b"b"))) == (True, True, True)


def test_stream_of_overlapping_writers_does_not_starve_a_sweeper(pool: ThreadPoolExecutor, tmp_path: Path) -> None:
    joined = [threading.Event() for _ in range(MANY + 1)]
    has_swept = threading.Event()

    def write_until_the_next_one_does(number: int) -> None:
        store = LayoutStore.open_or_new(tmp_path)
        with store.writing():
            store.write_blob((CONTENT,), blob_of(CONTENT))
            joined[number].set()
            joined[number + 1].wait(LATE)

    def sweep_once() -> None:
        with LayoutStore.open_or_new(tmp_path).alone():
            has_swept.set()

    started = []
    for number in range(MANY):
        if has_swept.is_set():
            break
        started.append(pool.submit(write_until_the_next_one_does, number))
        joined[number].wait(LATE)
        if number == 0:
            started.append(pool.submit(sweep_once))
            time.sleep(SOON)
    came_in_between = has_swept.is_set()
    for future in started:
        future.result(AT_LAST)

    assert came_in_between


HOLDING = """if True:
    import errno, fcntl, os, pathlib, stat, sys

    def refuse_folders(descriptor, operation, flock=fcntl.flock):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EBADF, "no locks on folders here")
        flock(descriptor, operation)

    if "without" in sys.argv[2]:
        fcntl.flock = refuse_folders
    from packaging_kit.stores.layout import LayoutStore
    store = LayoutStore(pathlib.Path(sys.argv[1]))
    with store.writing() if "writer" in sys.argv[2] else store.alone():
        if "writer" in sys.argv[2]:
            store.write_blob([b"written"])
        print("held", flush=True)
        sys.stdin.read()
    print("done", flush=True)
"""


@contextlib.contextmanager
def process(folder: Path, kind: str) -> Iterator[subprocess.Popen[str]]:
    """A process that says when it is at work on a layout, and stays so until its input ends."""
    command = [sys.executable, "-c", HOLDING, str(folder), kind]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holding:
        try:
            yield holding
        finally:
            holding.kill()


def line_of(holding: subprocess.Popen[str]) -> str:
    assert holding.stdout is not None
    return holding.stdout.readline().strip()


@pytest.mark.parametrize("kind", ["writer", "sweeper"])
def test_lock_of_a_killed_process_ends_with_it(kind: str, pool: ThreadPoolExecutor, tmp_path: Path) -> None:
    with process(tmp_path, kind) as holding:
        said = line_of(holding)
        sweeper: Future[object] = pool.submit(take_alone, tmp_path)
        waited = is_waiting(sweeper)
        holding.kill()

        assert (said, waited, sweeper.result(AT_LAST)) == ("held", True, ())


def test_where_folders_cannot_be_locked_writers_share_a_file_in_them(tmp_path: Path) -> None:
    with process(tmp_path, "writer without") as one, process(tmp_path, "writer without") as other:
        said = [line_of(one), line_of(other)]

    assert said == ["held", "held"]


@pytest.mark.parametrize(("first", "second"), [("writer", "sweeper"), ("sweeper", "writer"), ("sweeper", "sweeper")])
def test_where_folders_cannot_be_locked_others_wait_for_a_file_in_them(
    first: str, second: str, pool: ThreadPoolExecutor, tmp_path: Path
) -> None:
    with process(tmp_path, f"{first} without") as one:
        said = [line_of(one)]
        with process(tmp_path, f"{second} without") as other:
            answer: Future[object] = pool.submit(line_of, other)
            time.sleep(0.4)  # longer than it takes to start
            waited = is_waiting(answer)
            assert one.stdin is not None
            one.stdin.close()
            said += [line_of(one), str(answer.result(AT_LAST))]

    assert (said, waited) == (["held", "done", "held"], True)


def test_lock_on_a_file_ends_with_a_killed_process_too(tmp_path: Path) -> None:
    with process(tmp_path, "sweeper without") as one:
        said = [line_of(one)]
        one.kill()
        with process(tmp_path, "sweeper without") as other:
            said.append(line_of(other))

    assert (said, (tmp_path / "blobs" / "sha256" / LOCK_FILE).exists()) == (["held", "held"], True)


def on_folders(error: int) -> Flock:
    """What stands in for `flock` where a file system has no locks on folders, or none at all."""
    flock = fcntl.flock

    def refuse(descriptor: int, operation: int) -> None:
        if os.path.isdir(f"/dev/fd/{descriptor}"):  # noqa: PTH112 - it is no path, but what is open
            raise OSError(error, os.strerror(error))
        flock(descriptor, operation)

    return refuse


@pytest.mark.parametrize("error", [errno.ENOTSUP, errno.EBADF, errno.ENOLCK, errno.EINVAL, errno.ENOSYS])
def test_layout_is_written_and_swept_where_folders_cannot_be_locked(
    error: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", on_folders(error))
    write_and_put(tmp_path, "a")
    write_and_put(tmp_path, "b")
    LayoutStore.open(tmp_path).write_blob((CONTENT,))
    swept = gc(LayoutPlace(folder=tmp_path))
    store = LayoutStore.open(tmp_path)

    assert ([blob.digest for blob in swept.blobs], store.tags()) == ([blob_of(CONTENT).digest], ("a", "b"))
    assert [path.name for path in tmp_path.glob(".*")] == [LOCK_FILE]


def test_lock_file_alone_does_not_keep_a_folder_from_becoming_a_layout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", on_folders(errno.EBADF))
    take(tmp_path, shared=False)
    write_and_put(tmp_path, "a")

    assert ((tmp_path / LOCK_FILE).exists(), LayoutStore.open(tmp_path).tags()) == (True, ("a",))


@pytest.mark.parametrize("error", [errno.EIO, errno.EINTR, errno.EACCES])
def test_any_other_error_of_a_lock_is_an_io_error(error: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_and_put(tmp_path, "a")
    monkeypatch.setattr(fcntl, "flock", on_folders(error))

    with pytest.raises(UnavailableError) as writing:
        write_and_put(tmp_path, "b")
    with pytest.raises(UnavailableError) as sweeping:
        take_alone(tmp_path)

    assert [writing.value.code, sweeping.value.code] == ["io-error"] * 2
    assert ([path.name for path in tmp_path.rglob(".*")], LayoutStore.open(tmp_path).tags()) == ([], ("a",))


OURS = (".pkit-1-0", ".pkit-1-1", ".pkit-4194304-123456789", f".pkit-{os.getpid()}-999999")
OTHERS = (
    ".pkit-lock",
    ".pkit-",
    ".pkit-1",
    ".pkit-1-",
    ".pkit--1",
    ".pkit-1-1-1",
    ".pkit-1-1.wasm",
    ".pkit-x-1",
    ".pkit-1-1\n",
    "x.pkit-1-1",
    "pkit-1-1",
    "0" * 64,
    "index.json",
)


def test_sweep_removes_what_is_named_as_ours_and_nothing_else(tmp_path: Path) -> None:
    for name in (*OURS, *OTHERS):
        (tmp_path / name).write_bytes(b"content")
    sweep(tmp_path)

    assert names_in(tmp_path) == sorted(OTHERS)


def test_sweep_follows_no_link_and_removes_plain_files_only(tmp_path: Path) -> None:
    (tmp_path / "precious").write_bytes(b"content")
    folder = tmp_path / "folder"
    (folder / ".pkit-1-1").mkdir(parents=True)
    (folder / ".pkit-1-1" / ".pkit-1-1").write_bytes(b"content")
    (folder / ".pkit-1-2").symlink_to(tmp_path / "precious")
    (folder / ".pkit-1-3").symlink_to(tmp_path / "missing")
    os.mkfifo(folder / ".pkit-1-4")
    sweep(folder)

    assert (names_in(folder), names_in(folder / ".pkit-1-1"), (tmp_path / "precious").read_bytes()) == (
        [".pkit-1-1", ".pkit-1-2", ".pkit-1-3", ".pkit-1-4"],
        [".pkit-1-1"],
        b"content",
    )


def test_sweep_of_a_folder_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    sweep(tmp_path / "missing")

    assert names_in(tmp_path) == []


def test_file_that_is_being_written_is_not_swept(tmp_path: Path) -> None:
    with AtomicFile(tmp_path) as file:
        file.write(b"half of ")
        sweep(tmp_path)
        file.write(b"the content")
        file.publish(tmp_path / "file")
    sweep(tmp_path)

    assert (names_in(tmp_path), (tmp_path / "file").read_bytes()) == (["file"], b"half of the content")


def test_file_that_a_killed_process_was_writing_is_swept(tmp_path: Path) -> None:
    script = "import os, pathlib, sys; from packaging_kit.stores.atomic import AtomicFile; " + (
        "AtomicFile(pathlib.Path(sys.argv[1])).write(b'half'); print('written', flush=True); input()"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        line_of(writer)
        sweep(tmp_path)
        while_it_lived = len(names_in(tmp_path))
        writer.kill()
    sweep(tmp_path)

    assert (while_it_lived, names_in(tmp_path)) == (1, [])


def test_next_writer_sweeps_what_a_killed_one_left(tmp_path: Path) -> None:
    write_and_put(tmp_path, "a")
    left = [folder / ".pkit-1-1" for folder in (tmp_path, tmp_path / "blobs" / "sha256", tmp_path / "blobs" / "sha512")]
    left[2].parent.mkdir()
    for path in left:
        path.write_bytes(b"half")
    write_and_put(tmp_path, "b")

    assert [path.exists() for path in left] == [False] * 3


def test_where_nothing_can_be_locked_nothing_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOTSUP, "no locks here")

    (tmp_path / OURS[0]).write_bytes(b"content")
    monkeypatch.setattr(fcntl, "flock", refuse)
    with AtomicFile(tmp_path) as file:
        sweep(tmp_path)
        during = len(names_in(tmp_path))
        file.publish(tmp_path / "file")

    assert (during, names_in(tmp_path)) == (2, sorted((OURS[0], "file")))


@pytest.mark.parametrize("what", ["swept", "swept and made by another", "held by a sweeper"])
def test_temporary_file_that_is_swept_before_it_is_locked_is_made_anew(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("the name of an open file can't be told here")
    flock = fcntl.flock
    swept: list[str] = []

    def sweep_first(descriptor: int, operation: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if len(swept) < 3 and path.name.startswith(TEMPORARY_PREFIX):
            swept.append(path.name)
            if what == "held by a sweeper":
                raise BlockingIOError(errno.EWOULDBLOCK, "locked")
            path.unlink()
            if what == "swept and made by another":
                path.write_bytes(b"another's")
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", sweep_first)
    write_file(tmp_path / "file", b"content")
    monkeypatch.undo()
    left = [name for name in names_in(tmp_path) if name != "file"]

    assert ((tmp_path / "file").read_bytes(), len(set(swept))) == (b"content", 3)
    assert left == ([] if what == "swept" else sorted(swept))


@pytest.mark.parametrize("error", [errno.EIO, errno.EACCES, errno.ESTALE])
def test_temporary_file_that_cannot_be_locked_is_an_io_error_and_is_not_left(
    error: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(fcntl, "flock", refuse)

    with pytest.raises(UnavailableError) as failed:
        write_file(tmp_path / "file", b"content")

    assert (failed.value.code, names_in(tmp_path)) == ("io-error", [])
