"""Layout folders: what is one, what is written last, and what others may have left there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from packaging_kit.blobs import Chunk
from packaging_kit.digest import Digest
from packaging_kit.document import dump_json
from packaging_kit.errors import NotFoundError, PackagingKitError, StoreError
from packaging_kit.oci.layout import LAYOUT_FILE, Tagged
from packaging_kit.oci.media_types import IMAGE_INDEX, IMAGE_MANIFEST, REF_NAME, SKELETON_ARTIFACT
from packaging_kit.stores.layout import LayoutStore, is_layout
from tests.store_contract import store_manifest


def test_new_layout_has_the_files_that_the_image_spec_asks_for(tmp_path: Path) -> None:
    store = LayoutStore.open_or_new(tmp_path / "new" / "layout")
    entry = store_manifest(store, "a")
    store.put([Tagged("v1", entry)], force=False)

    assert (store.folder / "oci-layout").read_bytes() == LAYOUT_FILE == b'{"imageLayoutVersion":"1.0.0"}'
    assert json.loads((store.folder / "index.json").read_bytes()) == {
        "manifests": [entry.to_json() | {"annotations": {REF_NAME: "v1"}}],
        "mediaType": IMAGE_INDEX,
        "schemaVersion": 2,
    }


def test_layout_that_was_written_is_opened(tmp_path: Path) -> None:
    store = LayoutStore.open_or_new(tmp_path)
    entry = store_manifest(store, "a")
    store.put([Tagged("v1", entry)], force=False)

    assert LayoutStore.open(tmp_path).find("v1").digest == entry.digest


def test_layout_of_others_may_say_more_in_its_layout_file(tmp_path: Path) -> None:
    (tmp_path / "oci-layout").write_bytes(b'{ "imageLayoutVersion": "1.0.0", "more": [1] }\n')

    assert LayoutStore.open(tmp_path).folder == tmp_path


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'"1.0.0"',
        b'{"imageLayoutVersion":"1.1.0"}',
        b'{"imageLayoutVersion":1}',
        b'{"imageLayoutVersion":"1.0.0","imageLayoutVersion":"1.0.0"}',
        b"\xff",
        b'{"imageLayoutVersion":"1.0.0"}' + b" " * 5000,
    ],
)
def test_layout_file_of_anything_else_is_invalid(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "oci-layout").write_bytes(raw)

    with pytest.raises(StoreError) as error:
        LayoutStore.open(tmp_path)

    assert error.value.code == "layout-invalid"


def test_folder_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as error:
        LayoutStore.open(tmp_path / "missing")

    assert error.value.code == "not-found"


@pytest.mark.parametrize("work", [LayoutStore.open, LayoutStore.open_or_new])
def test_folder_of_something_else_is_no_layout(work: Any, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")

    with pytest.raises(StoreError) as error:
        work(tmp_path)

    assert (error.value.code, is_layout(tmp_path)) == ("layout-invalid", False)


def test_file_is_no_layout(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")

    with pytest.raises(PackagingKitError) as opened:
        LayoutStore.open(tmp_path / "file")
    with pytest.raises(PackagingKitError) as made:
        LayoutStore.open_or_new(tmp_path / "file")

    assert {opened.value.code, made.value.code} <= {"layout-invalid", "not-found", "io-error"}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b'{"schemaVersion":1,"manifests":[]}',
        b'{"schemaVersion":2}',
        b'{"schemaVersion":2,"manifests":[],"layers":[]}',
        b'{"schemaVersion":2,"manifests":[{"mediaType":"a","digest":"sha256:0","size":1}]}',
        b"[" * 100_000,
        b"\xff",
    ],
)
def test_index_that_cannot_be_used_is_invalid(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / "oci-layout").write_bytes(LAYOUT_FILE)
    (tmp_path / "index.json").write_bytes(raw)
    store = LayoutStore.open(tmp_path)

    with pytest.raises(StoreError) as reading:
        store.find("v1")
    with pytest.raises(StoreError) as writing:
        store.put([], force=True)

    assert [reading.value.code, writing.value.code] == ["layout-invalid"] * 2
    assert (tmp_path / "index.json").read_bytes() == raw


def test_layout_without_an_index_is_invalid_to_read(tmp_path: Path) -> None:
    (tmp_path / "oci-layout").write_bytes(LAYOUT_FILE)

    with pytest.raises(StoreError) as error:
        LayoutStore.open(tmp_path).find("v1")

    assert error.value.code == "layout-invalid"


@pytest.mark.parametrize("name", ["oci-layout", "index.json"])
@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_files_of_a_layout_are_plain_files(name: str, kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "layout"
    store = LayoutStore.open_or_new(folder)
    store.put([Tagged("v1", store_manifest(store, "a"))], force=False)
    (folder / name).rename(tmp_path / name)
    if kind == "link":
        (folder / name).symlink_to(tmp_path / name)
    elif kind == "pipe":
        os.mkfifo(folder / name)
    else:
        (folder / name).mkdir()

    with pytest.raises(StoreError) as error:
        LayoutStore.open(folder).find("v1")

    assert error.value.code == "layout-invalid"


def test_index_may_be_larger_than_a_manifest_may(tmp_path: Path) -> None:
    (tmp_path / "oci-layout").write_bytes(LAYOUT_FILE)
    entries = [
        {"mediaType": IMAGE_MANIFEST, "digest": Digest.of(str(number).encode()).value, "size": number}
        for number in range(40_000)
    ]
    raw = dump_json({"schemaVersion": 2, "manifests": entries})
    (tmp_path / "index.json").write_bytes(raw)

    assert len(raw) > 4 << 20
    assert len(LayoutStore.open(tmp_path).read_index().value.manifests) == 40_000


class _Watching(LayoutStore):
    """A layout that notes what is in it when a blob is about to be written."""

    seen: list[bool]

    def write_blob(self, chunks: Any, expected: Any = None) -> Any:
        self.seen.append(self.index_path.exists())
        return super().write_blob(chunks, expected)


def test_index_is_written_last(tmp_path: Path) -> None:
    store = _Watching(tmp_path)
    store.seen = []
    store.put([Tagged("v1", store_manifest(store, "a"))], force=False)

    assert (store.seen, store.index_path.exists()) == ([False] * 3, True)


def test_blobs_without_an_index_are_what_an_interrupted_writer_left_and_can_be_completed(tmp_path: Path) -> None:
    store_manifest(LayoutStore.open_or_new(tmp_path), "a")
    store = LayoutStore.open_or_new(tmp_path)
    store.put([Tagged("v1", store_manifest(store, "a"))], force=False)

    assert LayoutStore.open(tmp_path).find().annotations[REF_NAME] == "v1"


def _snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_blob_that_fails_leaves_the_layout_as_it_was(tmp_path: Path) -> None:
    store = LayoutStore.open_or_new(tmp_path)
    store.put([Tagged("v1", store_manifest(store, "a"))], force=False)
    before = _snapshot(tmp_path)

    def failing() -> Iterator[Chunk]:
        yield b"some bytes"
        raise OSError("the other side is gone")

    with pytest.raises(OSError, match="gone"):
        store.write_blob(failing())

    assert _snapshot(tmp_path) == before


@pytest.mark.parametrize("damaged", [b"", b"{", b'{"schemaVersion":2}', None], ids=["empty", "cut", "another", "gone"])
def test_referrer_that_cannot_be_read_does_not_stop_a_tag_from_moving(damaged: bytes | None, tmp_path: Path) -> None:
    store = LayoutStore.open_or_new(tmp_path)
    whole, other = store_manifest(store, "a"), store_manifest(store, "b")
    ours = store_manifest(store, "skeleton", artifactType=SKELETON_ARTIFACT, subject=whole)
    store.put([Tagged("v1", whole, (ours,))], force=False)
    store.blob_path(ours.digest).unlink()
    if damaged is not None:
        store.blob_path(ours.digest).write_bytes(damaged)

    store.put([Tagged("v1", other)], force=True)

    assert ours.digest in [entry.digest for entry in store.read_index().value.manifests]
