"""Every vector of the format, through the library: what must be taken, what must be refused, every document."""

from __future__ import annotations

import filecmp
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from packaging_kit.artifact.pack import Form
from packaging_kit.blobs import BlobSource
from packaging_kit.digest import Digest
from packaging_kit.errors import PackagingKitError
from packaging_kit.fragments.explode import explode, explode_chunks
from packaging_kit.fragments.plan import make_plan
from packaging_kit.fragments.reassemble import reassemble
from packaging_kit.fragments.whole import open_whole
from packaging_kit.operations.inputs import Input
from packaging_kit.operations.outputs import Output
from packaging_kit.operations.pack import PackOptions, pack
from packaging_kit.operations.places import LayoutPlace
from packaging_kit.operations.settings import Settings
from packaging_kit.operations.unpack import unpack
from packaging_kit.stores.exploded import ExplodedFolder
from tests.conftest import REPOSITORY, VECTORS
from tests.real.needs import lacking
from tests.strategies import store_of

Json = Any

LISTED: Json = json.loads((VECTORS / "vectors.json").read_text())
SKELETONS: Json = json.loads((VECTORS / "skeletons" / "skeletons.json").read_text())
ARTIFACTS: Json = json.loads((VECTORS / "oci" / "oci.json").read_text())

# A text, because the time of 1700000000 in the environment of one case is not for the library to read.
CREATED = {"source-date-epoch": "2023-11-14T22:13:20Z"}
SHARED_VECTORS = REPOSITORY.parent / "shared" / "vectors"


def _good(name: str) -> bytes:
    return (VECTORS / f"{name}.wasm").read_bytes()


@pytest.mark.parametrize("name", LISTED["good"])
def test_whole_explodes_to_the_listed_root_and_fragments(name: str) -> None:
    want = LISTED["good"][name]

    exploded = explode(_good(name))
    got = {
        "why": want["why"],
        "digest": exploded.digest.value,
        "size": exploded.size,
        "root": exploded.root.value,
        "skeleton_size": exploded.skeleton_size,
        "fragments": [
            {"digest": fragment.digest.value, "size": fragment.size, "kind": fragment.kind.value}
            for fragment in exploded.fragments
        ],
    }

    assert got == want


@pytest.mark.parametrize("name", LISTED["good"])
def test_skeleton_is_the_committed_one_byte_for_byte(name: str) -> None:
    exploded = explode(_good(name))

    assert exploded.skeleton == (VECTORS / f"{name}.skeleton").read_bytes()


@pytest.mark.parametrize("name", LISTED["good"])
def test_whole_is_given_back_by_every_way_of_reassembly(name: str) -> None:
    whole = _good(name)
    exploded = explode(whole)

    streamed = b"".join(reassemble(exploded.root, exploded))
    opened = open_whole(exploded.root, exploded)

    assert (streamed, opened.read(0, opened.size)) == (whole, whole)


@pytest.mark.parametrize("name", LISTED["bad"])
def test_bad_input_is_refused_with_its_code(name: str) -> None:
    data = (VECTORS / f"{name}.bad").read_bytes()

    with pytest.raises(PackagingKitError) as whole:
        explode(data)
    with pytest.raises(PackagingKitError) as chunked:
        explode_chunks(data[at : at + 1] for at in range(len(data)))

    assert [whole.value.code, chunked.value.code] == [LISTED["bad"][name]["error"]] * 2


class _Verbatim(BlobSource):
    """The blobs of a vector as they are, under the names that they have."""

    def __init__(self, folder: Path) -> None:
        self.folder = ExplodedFolder(folder)
        self.root = self.folder.read_root()

    def blob_size(self, digest: Digest) -> int:
        return self.folder.blob_size(digest)

    def iter_blob_unverified(self, digest: Digest, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        return self.folder.iter_blob_unverified(digest, start, end)


@pytest.mark.parametrize("name", [name for name, want in SKELETONS.items() if want["error"]])
def test_hostile_skeleton_is_refused_with_its_code(name: str) -> None:
    source = _Verbatim(VECTORS / "skeletons" / name)

    with pytest.raises(PackagingKitError) as streamed:
        b"".join(reassemble(source.root, source))
    with pytest.raises(PackagingKitError) as opened:
        open_whole(source.root, source).read(0, 1 << 20)

    assert [streamed.value.code, opened.value.code] == [SKELETONS[name]["error"]] * 2


@pytest.mark.parametrize(
    "name", [name for name, want in SKELETONS.items() if want["error"] not in (None, "digest-mismatch")]
)
def test_hostile_skeleton_is_refused_before_the_first_byte(name: str) -> None:
    source = _Verbatim(VECTORS / "skeletons" / name)

    with pytest.raises(PackagingKitError) as error:
        reassemble(source.root, source)

    assert error.value.code == SKELETONS[name]["error"]


@pytest.mark.parametrize("name", [name for name, want in SKELETONS.items() if not want["error"]])
def test_accepted_skeleton_explodes_to_its_own_root_again(name: str) -> None:
    source = _Verbatim(VECTORS / "skeletons" / name)

    whole = b"".join(reassemble(source.root, source))

    assert explode(whole).root == source.root == Digest(SKELETONS[name]["root"])


def _inputs(name: str) -> list[Path]:
    want = ARTIFACTS[name]
    return [VECTORS / "oci" / path for path in want.get("inputs", [want.get("input")])]


def _differences(left: Path, right: Path) -> list[str]:
    compared = filecmp.dircmp(left, right)
    found = [*compared.left_only, *compared.right_only, *compared.funny_files]
    found += filecmp.cmpfiles(left, right, compared.common_files, shallow=False)[1]
    for folder in compared.common_dirs:
        found += _differences(left / folder, right / folder)
    return found


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("name", ARTIFACTS)
def test_packing_gives_the_committed_layout(name: str, form: Form, tmp_path: Path) -> None:
    options = PackOptions(form=form, tag=ARTIFACTS[name].get("tag"), created=CREATED.get(name))
    sources = [Input(name=str(path)) for path in _inputs(name)]

    pack(sources, LayoutPlace(folder=tmp_path / "forwards"), options, Settings())
    pack(sources[::-1], LayoutPlace(folder=tmp_path / "backwards"), options, Settings())
    expected = VECTORS / "oci" / name / form.value

    assert [_differences(expected, tmp_path / order) for order in ("forwards", "backwards")] == [[], []]


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("name", ARTIFACTS)
def test_unpacking_the_committed_layout_gives_the_input(name: str, form: Form, tmp_path: Path) -> None:
    want = ARTIFACTS[name]
    folder = VECTORS / "oci" / name / form.value
    tags = want.get("tags", [want.get("tag")])

    for tag in tags:
        unpack(LayoutPlace(folder=folder, tag=tag), Output(name=str(tmp_path / tag)), Settings())

    assert [(tmp_path / tag).read_bytes() for tag in tags] == [path.read_bytes() for path in _inputs(name)]


def test_skeletons_alone_say_where_every_module_stands() -> None:
    whole = _good("component-nested")
    exploded = explode(whole)
    skeletons = store_of(exploded.skeleton, *(_blob(exploded, part.digest) for part in exploded.components))

    plan = make_plan(exploded.root, skeletons)
    modules = [(span.digest, whole[span.start : span.end]) for span in plan.iter_spans() if span.kind.value == "module"]

    assert [digest for digest, _ in modules] == [Digest.of(data) for _, data in modules]


def _blob(source: BlobSource, digest: Digest) -> bytes:
    return b"".join(source.iter_blob_unverified(digest))


def test_committed_vectors_are_those_that_the_format_was_published_with() -> None:
    if not SHARED_VECTORS.is_dir():
        reason = "the vectors were not published next to the repository"
        if os.environ.get("CI") == "true":
            lacking(reason)
        pytest.skip(reason)

    assert _differences(SHARED_VECTORS, VECTORS) == []
