"""How deep components may nest: 1,000 levels by literals, by external sections, and by both; not 1,001."""

from __future__ import annotations

import time

import pytest

from packaging_kit.digest import Digest
from packaging_kit.errors import PackagingKitError, SkeletonError, WasmFormatError
from packaging_kit.fragments.explode import explode, explode_chunks
from packaging_kit.fragments.plan import make_plan, spans
from packaging_kit.fragments.reassemble import reassemble
from packaging_kit.fragments.whole import open_whole
from packaging_kit.stores.exploded import ExplodedFolder
from packaging_kit.stores.memory import MemoryStore
from tests.conftest import VECTORS
from tests.strategies import MODULES, SKELETON, component, external, external_tower, section, sha256, store_of, tower
from tests.timing import LINEAR

DEEPEST = 1000
WITH_MODULE = section(1, MODULES[0])


def mixed_tower(by_externals: int, by_literals: int) -> tuple[Digest, MemoryStore]:
    """The root of a component that nests by external sections, then has a literal tower beside the module."""
    literal = section(4, tower(by_literals - 1)) if by_literals else b""
    skeleton = SKELETON + external(1, len(MODULES[0]), sha256(MODULES[0])) + literal
    size = len(component(WITH_MODULE, literal))
    blobs = [MODULES[0], skeleton]
    for _ in range(by_externals):
        skeleton = SKELETON + external(4, size, sha256(skeleton))
        size = len(component(section(4, bytes(size))))
        blobs.append(skeleton)
    return Digest.of(skeleton), store_of(*blobs)


@pytest.mark.parametrize("innermost", [b"", WITH_MODULE], ids=["without a module", "with a module at the bottom"])
def test_1000_levels_explode_and_come_back(innermost: bytes) -> None:
    whole = tower(DEEPEST, innermost)
    exploded = explode(whole)

    assert b"".join(reassemble(exploded.root, exploded)) == whole


@pytest.mark.parametrize("innermost", [b"", WITH_MODULE], ids=["without a module", "with a module at the bottom"])
def test_1001_levels_are_refused_by_explode_at_the_section_that_is_too_deep(innermost: bytes) -> None:
    whole = tower(DEEPEST + 1, innermost)

    with pytest.raises(WasmFormatError) as at_once:
        explode(whole)
    with pytest.raises(WasmFormatError) as in_pieces:
        explode_chunks(whole[at : at + 7] for at in range(0, len(whole), 7))

    assert [at_once.value.code, in_pieces.value.code] == ["wasm-too-deep"] * 2
    assert whole[at_once.value.offset] == whole[in_pieces.value.offset] == 4


def test_1000_levels_with_a_module_at_the_bottom_are_1000_fragments_and_the_root() -> None:
    exploded = explode(tower(DEEPEST, WITH_MODULE))

    assert (len(exploded.components), len(exploded.core_modules)) == (DEEPEST, 1)


def test_1000_levels_by_external_sections_are_reassembled() -> None:
    root, store = external_tower(DEEPEST)

    assert b"".join(reassemble(root, store)) == tower(DEEPEST, WITH_MODULE)


def test_1001_levels_by_external_sections_are_refused() -> None:
    root, store = external_tower(DEEPEST + 1)

    with pytest.raises(SkeletonError) as error:
        spans(root, store)

    assert error.value.code == "skeleton-too-large"


@pytest.mark.parametrize("by_externals", [0, 1, 500, 999])
def test_1000_levels_by_both_are_reassembled_and_explode_to_the_same_root(by_externals: int) -> None:
    root, store = mixed_tower(by_externals, DEEPEST - by_externals)
    whole = b"".join(reassemble(root, store))

    assert (explode(whole).root, make_plan(root, store).depth) == (root, DEEPEST)


@pytest.mark.parametrize("by_externals", [0, 1, 500, 999, 1000])
def test_1001_levels_by_both_are_refused(by_externals: int) -> None:
    root, store = mixed_tower(by_externals, DEEPEST + 1 - by_externals)

    with pytest.raises(SkeletonError) as error:
        reassemble(root, store)

    assert error.value.code == "skeleton-too-large"


def test_1001_literal_levels_in_a_component_without_modules_are_refused() -> None:
    skeleton = tower(DEEPEST + 1)

    with pytest.raises(SkeletonError) as error:
        reassemble(Digest.of(skeleton), store_of(skeleton))

    assert error.value.code == "skeleton-too-large"


def test_far_too_many_levels_are_refused_without_using_the_python_stack() -> None:
    root, store = external_tower(5000)

    with pytest.raises(SkeletonError) as error:
        open_whole(root, store)

    assert error.value.code == "skeleton-too-large"


def test_depth_counts_the_deepest_of_several_branches() -> None:
    whole = component(section(4, tower(3, WITH_MODULE)), section(4, tower(7)), WITH_MODULE, section(4, tower(1)))
    exploded = explode(whole)

    assert make_plan(exploded.root, exploded).depth == 8


def test_bomb_of_few_bytes_is_refused_at_once() -> None:
    folder = ExplodedFolder(VECTORS / "skeletons" / "bomb")
    started = time.thread_time()

    with pytest.raises(PackagingKitError) as error:
        reassemble(folder.read_root(), folder)

    assert (error.value.code, time.thread_time() - started < LINEAR) == ("skeleton-too-large", True)


def test_bomb_of_skeletons_that_double_is_refused_at_once() -> None:
    skeleton = SKELETON + external(1, 4096, sha256(MODULES[0]))
    size = len(component(WITH_MODULE))
    blobs = [MODULES[0], skeleton]
    while size < 1 << 31:
        skeleton = SKELETON + external(4, size, sha256(skeleton)) * 2
        size = 8 + 2 * (1 + (size.bit_length() + 6) // 7 + size)
        blobs.append(skeleton)
    skeleton = SKELETON + external(4, size, sha256(skeleton)) * 100 if size < 1 << 32 else skeleton
    started = time.thread_time()

    with pytest.raises(SkeletonError) as error:
        reassemble(Digest.of(skeleton), store_of(*blobs, skeleton))

    assert (error.value.code, time.thread_time() - started < LINEAR) == ("skeleton-too-large", True)
