"""Operations and what was once wrong with them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import packaging_kit
from packaging_kit import Digest, Form, Input, LayoutPlace, Output, PackOptions, Settings
from packaging_kit.artifact.licenses import is_license_expression
from packaging_kit.digest import SideHasher
from packaging_kit.document import dump_json
from packaging_kit.errors import (
    ContentError,
    NotFoundError,
    PackagingKitError,
    StoreError,
    UnavailableError,
    WasmFormatError,
)
from packaging_kit.fragments.explode import explode, explode_chunks
from packaging_kit.limits import MAX_NODES
from packaging_kit.operations.digest import digest_file
from packaging_kit.operations.inspect import inspect_file
from packaging_kit.operations.unpack import unpack_fragment
from packaging_kit.wasm.interface import read_interface
from tests.conftest import FIXTURES
from tests.strategies import CORE_MODULE, component, section

COMPOSED = FIXTURES / "real" / "composed.wasm"
PROGRAM = [sys.executable, "-c", "from packaging_kit.cli.main import main; main()"]


def pack(folder: Path, form: Form = Form.SPLIT, path: Path = COMPOSED) -> LayoutPlace:
    packaging_kit.pack([Input(name=str(path))], LayoutPlace(folder=folder), PackOptions(form=form, tag="v"), Settings())
    return LayoutPlace(folder=folder, tag="v")


@pytest.mark.parametrize("form", Form)
def test_one_module_is_unpacked_alone_from_every_form(form: Form, tmp_path: Path) -> None:
    place = pack(tmp_path / "layout", form)
    for module in explode(COMPOSED.read_bytes()).core_modules:
        out = tmp_path / module.digest.hex
        unpack_fragment(place, module.digest, Output(name=str(out)), Settings())

        assert Digest.of(out.read_bytes()) == module.digest


@pytest.mark.parametrize("form", Form)
def test_module_that_the_component_does_not_have_is_missing(form: Form, tmp_path: Path) -> None:
    place = pack(tmp_path / "layout", form)

    with pytest.raises(NotFoundError) as error:
        unpack_fragment(place, Digest.of(b"other"), Output(name=str(tmp_path / "out")), Settings())

    assert (error.value.code, (tmp_path / "out").exists()) == ("fragment-missing", False)


def test_digest_of_the_whole_is_checked_where_a_split_states_it_in_another_algorithm(tmp_path: Path) -> None:
    place = pack(tmp_path / "layout")
    blobs = place.folder / "blobs" / "sha256"
    documents = {path: path.read_bytes() for path in blobs.iterdir() if path.read_bytes()[:1] == b"{"}
    whole = Digest.of(COMPOSED.read_bytes()).value
    lie = "sha512:" + hashlib.sha512(b"other").hexdigest()

    def replace(document: bytes, old: str, new: str, size: int) -> bytes:
        value = json.loads(document.decode().replace(old, new))
        for entry in [*value.get("layers", ()), *value.get("manifests", ()), value.get("config", {})]:
            entry["size"] = size if entry.get("digest") == new and not new.startswith("sha512") else entry.get("size")
        return dump_json(value)

    (manifest,) = (raw for raw in documents.values() if whole.encode() in raw and b'"layers"' in raw)
    changed = {Digest.of(manifest): replace(manifest, whole, lie, 0)}
    while changed:
        old, raw = changed.popitem()
        (blobs / Digest.of(raw).hex).write_bytes(raw)
        holders = [*documents.values(), (place.folder / "index.json").read_bytes()]
        for holder in holders:
            if old.value.encode() in holder:
                new = replace(holder, old.value, Digest.of(raw).value, len(raw))
                if b"ref.name" in holder:
                    (place.folder / "index.json").write_bytes(new)
                else:
                    changed[Digest.of(holder)] = new

    with pytest.raises(ContentError) as error:
        packaging_kit.unpack(place, Output(name=str(tmp_path / "out.wasm")), Settings())

    assert (error.value.code, (tmp_path / "out.wasm").exists()) == ("digest-mismatch", False)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
def test_output_that_is_cut_short_is_an_error_without_a_buffer_too(tmp_path: Path) -> None:
    place = pack(tmp_path / "layout")
    program = shutil.which("packaging-kit", path=str(Path(sys.executable).parent))
    script = f"ulimit -f 50; trap '' XFSZ; exec {program} unpack {place.folder}:v -o - > {tmp_path}/out"

    result = subprocess.run(
        ["sh", "-c", script],
        env={**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": "/dev/shm" if Path("/dev/shm").is_dir() else "/tmp"},
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert (result.returncode, b"io-error" in result.stderr) == (3, True), result.stderr


def test_input_that_has_nothing_yet_is_no_end(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.write(writing, b"\0asm\x0d\0\x01\0")
    with os.fdopen(reading, "rb", buffering=0) as stream, pytest.raises(UnavailableError) as error:
        digest_file(Input(name="-", stream=stream), Settings())
    os.close(writing)

    assert error.value.code == "io-error"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such files")
def test_what_is_no_plain_file_is_not_replaced_even_by_force(tmp_path: Path) -> None:
    place = pack(tmp_path / "layout")
    os.mkfifo(tmp_path / "fifo")

    with pytest.raises(StoreError) as error:
        packaging_kit.unpack(place, Output(name=str(tmp_path / "fifo"), force=True), Settings())

    assert (error.value.code, (tmp_path / "fifo").is_fifo()) == ("output-exists", True)


@pytest.mark.parametrize("name", ["composed", "rust"])
def test_stream_that_is_cut_anywhere_is_refused_or_a_whole_of_its_own(name: str) -> None:
    data = (FIXTURES / "real" / f"{name}.wasm").read_bytes()
    offsets = []
    for end in range(0, len(data), 7):
        try:
            offsets.append((explode_chunks([data[:end]]).root == explode(data[:end]).root, end))
        except WasmFormatError as exc:
            offsets.append((0 <= exc.offset <= end, end))

    assert [end for is_right, end in offsets if not is_right] == []


def test_endless_stream_is_refused_at_its_first_bytes(tmp_path: Path) -> None:
    class Endless(io.BytesIO):
        taken = 0

        def read(self, size: int | None = -1) -> bytes:
            self.taken += size or 0
            return bytes(size or 0)

    stream = Endless()
    with pytest.raises(WasmFormatError) as error:
        inspect_file(Input(name="-", stream=stream), Settings(temporary=tmp_path))

    assert (error.value.code, stream.taken <= 1 << 20) == ("wasm-malformed", True)


def test_inspection_of_too_many_components_is_refused() -> None:
    data = b"\0asm\x0d\0\x01\0" + b"\x01\x00" * (MAX_NODES + 1)

    with pytest.raises(WasmFormatError) as error:
        inspect_file(Input(name="-", stream=io.BytesIO(data)), Settings())

    assert error.value.code == "wasm-too-large"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such locales")
def test_title_and_tag_are_the_bytes_of_the_name_in_every_locale(tmp_path: Path) -> None:
    name = str(tmp_path / "xé.wasm")
    shutil.copy(COMPOSED, name)
    digests = set()
    for number, locale in enumerate(({"PYTHONUTF8": "1"}, {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})):
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "POSIX", **locale}
        command = [*PROGRAM, "pack", name, "-o", str(tmp_path / str(number))]
        result = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=True)
        digests.add(result.stdout.split()[0])

    assert len(digests) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
def test_command_that_is_told_to_end_leaves_no_temporary_file(tmp_path: Path) -> None:
    # A sparse layer of 4 GB: the command is in the middle of copying it when it is told.
    place = pack(tmp_path / "layout", Form.WHOLE)
    size = 4_000_000_000
    documents = [path for path in (place.folder / "blobs/sha256").iterdir() if path.stat().st_size < 5_000]
    (manifest,) = (path for path in documents if b'"layers"' in path.read_bytes())
    value = json.loads(manifest.read_bytes())
    value["layers"][0]["size"] = size
    os.truncate(place.folder / "blobs/sha256" / value["layers"][0]["digest"][7:], size)
    raw = dump_json(value)
    (manifest.parent / Digest.of(raw).hex).write_bytes(raw)
    index = json.loads((place.folder / "index.json").read_bytes())
    index["manifests"][0] |= {"digest": Digest.of(raw).value, "size": len(raw)}
    (place.folder / "index.json").write_bytes(dump_json(index))
    out = tmp_path / "out"
    out.mkdir()
    with subprocess.Popen([*PROGRAM, "unpack", str(place.folder), "-o", str(out / "x.wasm")]) as process:
        while not list(out.iterdir()):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)

    assert (process.returncode, list(out.iterdir())) == (128 + signal.SIGTERM, [])


def test_hasher_without_a_thread_hashes_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    data = bytes(1 << 20)

    assert explode(CORE_MODULE + data).digest == Digest.of(CORE_MODULE + data)


def world(name: bytes) -> bytes:
    """A component that exports a type: a component type with one export of an empty component type."""
    inner = b"\x41\x02" + b"\x01\x41\x00" + b"\x04\x00" + bytes((len(name),)) + name + b"\x04\x00"
    return component(section(7, b"\x01" + inner), section(11, b"\x01\x00\x01w\x03\x00\x00"))


@pytest.mark.parametrize(
    ("name", "is_package"),
    [(b"a:b/c" + b"-1" * 60 + b"!", False), (b"a:b/c" + b"-1" * 60, True), (b"a:b/c-1A-2b", True)],
)
def test_labels_of_digits_are_read_in_linear_time(name: bytes, is_package: bool) -> None:
    interface = read_interface(world(name))

    assert interface.is_wit_package is is_package


def test_licenses_of_white_space_are_read_in_linear_time() -> None:
    assert not is_license_expression("MIT" + " " * 1_000_000 + "(")


def test_view_that_its_owner_releases_is_still_hashed() -> None:
    data = bytearray(b"x" * (1 << 20))
    with SideHasher() as hasher:
        with memoryview(data) as view:
            hasher.update(view)
        digest = hasher.hexdigest()

    assert digest == hashlib.sha256(data).hexdigest()


def test_hasher_that_is_given_up_leaves_no_thread() -> None:
    before = threading.active_count()
    with pytest.raises(PackagingKitError):
        explode(b"\0asm\x0d\0\x01\0" + b"\x5e" * (1 << 20))

    assert threading.active_count() == before


def test_progress_hears_of_every_byte() -> None:
    data = COMPOSED.read_bytes()
    heard: list[int] = []

    exploded = explode(data, on_bytes=heard.append)

    assert (sum(heard), exploded.root) == (len(data), explode(data).root)


def test_blob_that_was_there_is_flushed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pack(tmp_path / "layout")
    flushed: list[Path] = []
    monkeypatch.setattr("packaging_kit.stores.blob_folder.sync_folder", flushed.append)

    pack(tmp_path / "layout")

    assert flushed == [tmp_path / "layout" / "blobs" / "sha256"]
