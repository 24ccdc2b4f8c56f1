"""The bytes of a binary are those that its descriptor says, wherever they come from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from packaging_kit import BlobSource, Digest, LayoutStore, validate_upload
from packaging_kit.artifact.pack import fragment_title
from packaging_kit.document import dump_json
from packaging_kit.oci.media_types import IMAGE_MANIFEST, TITLE, WASM, WASM_CONFIG
from tests.bad_documents.builders import config_of
from tests.layouts import Entry, HandMade, blob_path
from tests.test_validate_orders import EVIL, codes, split_of


@pytest.mark.parametrize(("is_right", "found"), [(True, set()), (False, {"digest-mismatch"})])
def test_whole_that_is_put_together_has_the_sha512_that_its_manifest_names(
    is_right: bool, found: set[str], tmp_path: Path
) -> None:
    digest = f"sha512:{hashlib.sha512(EVIL if is_right else b'').hexdigest()}"
    config = config_of(EVIL, ("evil:net/socket",)) | {"layerDigests": [digest]}
    _, skeletons = split_of(HandMade(tmp_path), config, digest=digest)
    report = validate_upload(blob_path(tmp_path, skeletons).read_bytes(), IMAGE_MANIFEST, LayoutStore(tmp_path))

    assert codes(report) - {"core-module-malformed"} == found


class Endless(BlobSource):
    """A layout whose blobs of Wasm have no end, whatever size they say they have."""

    def __init__(self, store: LayoutStore) -> None:
        self._store = store
        self.given = 0

    def blob_size(self, digest: Digest) -> int:
        return self._store.blob_size(digest)

    def iter_blob_unverified(self, digest: Digest, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        for chunk in self._store.iter_blob_unverified(digest, start, end):
            yield chunk
            while chunk.startswith(b"\0asm"):
                self.given += 1
                yield b"\0\x02\x01a"


def artifact(folder: Path, data: bytes, config: dict[str, object], **fields: object) -> bytes:
    made = HandMade(folder)
    layer: Entry = made.blob(data, WASM) | fields
    entry = made.manifest(layer, config=made.blob(dump_json(config), WASM_CONFIG))
    return blob_path(folder, entry).read_bytes()


def test_no_more_is_read_of_a_layer_than_it_may_have(tmp_path: Path) -> None:
    raw = artifact(tmp_path, EVIL, config_of(EVIL, ("evil:net/socket",)))
    source = Endless(LayoutStore(tmp_path))
    report = validate_upload(raw, IMAGE_MANIFEST, source)

    assert codes(report) == {"size-mismatch"}
    assert source.given <= 2


def test_component_under_the_title_of_a_fragment_is_no_fragment(tmp_path: Path) -> None:
    title = {TITLE: fragment_title(Digest.of(EVIL))}
    raw = artifact(tmp_path, EVIL, config_of(EVIL, ("evil:net/socket",)), annotations=title)
    report = validate_upload(raw, IMAGE_MANIFEST, LayoutStore(tmp_path))

    assert codes(report) - {"core-module-malformed"} == set()
