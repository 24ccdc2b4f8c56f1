"""Comparisons: what was kept, changed, added and removed, and what a holder of A needs for B."""

from __future__ import annotations

import io
import tracemalloc
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import packaging_kit
from packaging_kit import ArchivePlace, Diff, Digest, Form, Input, LayoutPlace, LayoutStore, MemoryStore
from packaging_kit.errors import ContentError, NotFoundError, WasmFormatError
from packaging_kit.fragments.explode import explode
from packaging_kit.operations.diff import Change, Position
from packaging_kit.operations.places import RepositoryPlace
from tests.repositories import PLACE_KINDS, SETTINGS, TAG, PlaceKind, make_place, pack, sample
from tests.strategies import CORE_MODULE, Tree, component, custom, leb128, module, section, text, tower, trees

Row = tuple[str, str | None, str | None]
"""A change, and the paths before and after."""


def stream(data: bytes) -> Input:
    return Input(name="-", stream=io.BytesIO(data))


def diff(before: bytes, after: bytes) -> Diff:
    return packaging_kit.diff(stream(before), stream(after), SETTINGS)


def rows(found: Diff) -> list[Row]:
    return [
        (
            difference.change.value,
            None if difference.before is None else difference.before.path,
            None if difference.after is None else difference.after.path,
        )
        for difference in found.differences
    ]


def named(name: str, version: int = 0) -> bytes:
    """A core module that calls itself `name`; other versions have other bytes."""
    own_name = custom("name", b"\0" + leb128(len(text(name))) + text(name))
    return CORE_MODULE + own_name + custom("filler", bytes([version]) * 5000)


def nest(name: str, *parts: bytes) -> bytes:
    """A component section with a component that calls itself `name`; its parts are as those of `of`."""
    own_name = custom("component-name", b"\0" + leb128(len(text(name))) + text(name))
    return section(4, component(of(*parts)[8:], own_name))


def of(*parts: bytes) -> bytes:
    """A component out of modules and of sections with nested components."""
    return component(*(data if data[:1] == b"\4" else section(1, data) for data in parts))


A, B, C = (module(5000, name) for name in "ABC")


@pytest.mark.parametrize("data", [of(A, B, nest("n", C)), component(), CORE_MODULE, A, sample()])
def test_component_is_the_same_as_itself(data: bytes) -> None:
    found = diff(data, data)

    assert (found.is_same, found.needed, found.needed_size) == (True, (), 0)
    assert {difference.change for difference in found.differences} <= {Change.KEPT}
    assert found.before.whole.digest == Digest.of(data)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (of(A, B), of(A, B, C), [("kept", "0", "0"), ("kept", "1", "1"), ("added", None, "2")]),
        (of(A, B, C), of(A, C), [("kept", "0", "0"), ("kept", "2", "1"), ("removed", "1", None)]),
        (of(A, B), of(B, A), [("kept", "1", "0"), ("kept", "0", "1")]),
        (of(A, B), of(A, C), [("kept", "0", "0"), ("changed", "1", "1")]),
        (of(A), of(B), [("changed", "0", "0")]),
        (of(), of(A), [("added", None, "0")]),
        (of(A), of(), [("removed", "0", None)]),
        (of(), of(), []),
        (of(A, B), of(C, A), [("added", None, "0"), ("kept", "0", "1"), ("removed", "1", None)]),
    ],
)
def test_modules_are_kept_wherever_they_stand_and_changed_where_they_stand(
    before: bytes, after: bytes, expected: list[Row]
) -> None:
    assert rows(diff(before, after)) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([("x", 0), ("y", 0)], [("y", 1), ("x", 1)], [("changed", "1", "0"), ("changed", "0", "1")]),
        (
            [("x", 0), ("y", 0)],
            [("z", 0), ("x", 0)],
            [("added", None, "0"), ("kept", "0", "1"), ("removed", "1", None)],
        ),
        ([("x", 0)], [("y", 0)], [("changed", "0", "0")]),
        ([("x", 0), ("x", 1)], [("x", 2), ("x", 1)], [("changed", "0", "0"), ("kept", "1", "1")]),
        ([("x", 0), ("x", 1)], [("x", 2), ("x", 3)], [("changed", "0", "0"), ("changed", "1", "1")]),
        ([("x", 0), ("y", 0)], [("x", 0), ("x", 1)], [("kept", "0", "0"), ("changed", "1", "1")]),
        ([("y", 0), ("x", 0)], [("x", 1), ("y", 0)], [("changed", "1", "0"), ("kept", "0", "1")]),
    ],
)
def test_modules_of_the_same_name_are_the_same_thing_changed(
    before: list[tuple[str, int]], after: list[tuple[str, int]], expected: list[Row]
) -> None:
    found = diff(of(*(named(*item) for item in before)), of(*(named(*item) for item in after)))

    assert rows(found) == expected
    assert [difference.after.name for difference in found.differences if difference.after] == [
        name for name, _ in after
    ]


def test_repeated_module_is_paired_one_by_one() -> None:
    assert rows(diff(of(A, A, B), of(A, B, A, A))) == [
        ("kept", "0", "0"),
        ("kept", "2", "1"),
        ("kept", "1", "2"),
        ("added", None, "3"),
    ]


def test_equal_position_comes_before_equal_bytes_elsewhere() -> None:
    assert rows(diff(of(A, B, A), of(C, B, A))) == [("changed", "0", "0"), ("kept", "1", "1"), ("kept", "2", "2")]


def test_change_inside_a_nested_component_is_told_on_every_level() -> None:
    before = of(A, nest("outer", B, nest("inner", B)))
    after = of(A, nest("outer", B, nest("inner", C)))

    assert rows(diff(before, after)) == [
        ("kept", "0", "0"),
        ("changed", "1", "1"),
        ("kept", "1.0", "1.0"),
        ("changed", "1.1", "1.1"),
        ("changed", "1.1.0", "1.1.0"),
    ]


def test_nested_component_that_moved_is_kept_with_what_is_in_it() -> None:
    found = diff(of(nest("n", A, B), C), of(C, nest("n", A, B)))

    assert rows(found) == [
        ("kept", "1", "0"),
        ("kept", "0", "1"),
        ("kept", "0.0", "1.0"),
        ("kept", "0.1", "1.1"),
    ]
    assert [(fragment.kind, fragment.digest) for fragment in found.needed] == [("skeleton", found.after.root)]


def test_module_and_component_at_one_position_are_two_things() -> None:
    assert rows(diff(of(A), of(nest("n", B)))) == [
        ("added", None, "0"),
        ("added", None, "0.0"),
        ("removed", "0", None),
    ]


def test_module_and_component_of_one_name_are_two_things() -> None:
    before, after = of(named("same")), of(B, nest("same", C))

    assert rows(diff(before, after)) == [
        ("changed", "0", "0"),
        ("added", None, "1"),
        ("added", None, "1.0"),
    ]


def test_what_stays_inline_has_a_number_but_no_row() -> None:
    small = module(100)

    assert rows(diff(of(small, A, section(4, component())), of(small, small, A))) == [("kept", "1", "2")]


def test_position_tells_what_stands_there() -> None:
    (row,) = diff(component(), of(named("app"))).differences

    assert row.after == Position(
        kind="module", path="0", name="app", digest=Digest.of(named("app")), size=len(named("app"))
    )


def test_size_of_a_nested_component_is_that_of_its_bytes() -> None:
    inner = component(section(1, A))

    rows_of_it = diff(component(), component(section(4, inner))).differences

    assert [(row.after.kind, row.after.size) for row in rows_of_it if row.after] == [
        ("component", len(inner)),
        ("module", 5000),
    ]


@pytest.mark.parametrize(
    ("before", "after", "needed"),
    [
        (A, B, [("skeleton", 5000)]),
        (A, A, []),
        (A, of(A), [("skeleton", 54)]),
        (of(A), A, []),
        (of(A), B, [("skeleton", 5000)]),
        (component(), of(A, B, A), [("skeleton", 8 + 3 * 46), ("module", 5000), ("module", 5000)]),
        (of(nest("n", A)), component(section(1, A), custom("component-name", b"\0\2\1n")), []),
        (of(A), of(nest("n", A)), [("skeleton", 54), ("component", 75)]),
    ],
)
def test_needed_is_what_the_fragments_of_the_other_do_not_have(
    before: bytes, after: bytes, needed: list[tuple[str, int]]
) -> None:
    found = diff(before, after)

    assert [(fragment.kind, fragment.size) for fragment in found.needed] == needed
    assert found.needed_size == sum(size for _, size in needed)


def holding(tree: Tree) -> MemoryStore:
    """A store with the fragments of a component."""
    store = MemoryStore()
    exploded = explode(tree.encode())
    for digest in (exploded.root, *(fragment.digest for fragment in exploded.fragments)):
        store.write_blob(exploded.iter_blob(digest))
    return store


@st.composite
def related(draw: st.DrawFn) -> tuple[Tree, Tree]:
    """Two components, the second with parts of the first."""
    before, after = draw(trees()), draw(trees())
    taken = draw(st.lists(st.integers(0, 30), max_size=5))
    parts = [before.parts[number] for number in taken if number < len(before.parts)]
    return before, Tree([*parts, *after.parts])


@given(pair=related())
def test_fragments_of_a_and_what_is_needed_make_b(pair: tuple[Tree, Tree]) -> None:
    before, after = pair
    data = after.encode()
    found = diff(before.encode(), data)
    store, exploded = holding(before), explode(data)
    held = {blob.digest for blob in store.iter_blobs()}

    for fragment in found.needed:
        store.write_blob(exploded.iter_blob(fragment.digest, size=fragment.size))

    assert b"".join(packaging_kit.reassemble(found.after.root, store)) == data
    assert {fragment.digest for fragment in found.needed}.isdisjoint(held)
    assert len({fragment.digest for fragment in found.needed}) == len(found.needed)


@given(pair=related())
def test_needed_is_what_the_second_split_says(pair: tuple[Tree, Tree]) -> None:
    before, after = (tree.split() for tree in pair)
    held = {before.skeleton, *before.fragments.values()}

    found = diff(pair[0].encode(), pair[1].encode())

    expected = {after.skeleton, *after.fragments.values()} - held
    assert {fragment.digest: fragment.size for fragment in found.needed} == {
        Digest.of(data): len(data) for data in expected
    }


@given(pair=related())
def test_every_fragment_of_both_stands_in_one_row(pair: tuple[Tree, Tree]) -> None:
    found = diff(pair[0].encode(), pair[1].encode())
    befores = [row.before for row in found.differences if row.before]
    afters = [row.after for row in found.differences if row.after]
    digests = [Counter(explode(tree.encode()).occurrences.values()) for tree in pair]

    assert [Counter(position.digest for position in side) for side in (befores, afters)] == digests
    assert all(len({position.path for position in side}) == len(side) for side in (befores, afters))
    assert [row for row in found.differences if row.change is not change_of(row.before, row.after)] == []
    assert sum(row.change is Change.KEPT for row in found.differences) == (digests[0] & digests[1]).total()
    assert [row.after is None for row in found.differences] == sorted(row.after is None for row in found.differences)


def change_of(before: Position | None, after: Position | None) -> Change:
    if before is None:
        return Change.ADDED
    if after is None:
        return Change.REMOVED
    return Change.KEPT if before.digest == after.digest else Change.CHANGED


def test_order_is_that_of_b_and_then_of_a() -> None:
    found = diff(of(A, nest("n", B), C), of(named("x"), nest("m", C, A), nest("k", named("y"))))

    assert [row.after.path for row in found.differences if row.after] == ["0", "1", "1.0", "1.1", "2", "2.0"]
    removed = [row.before.path for row in found.differences if row.before and not row.after]
    assert removed == sorted(removed)


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("kind", PLACE_KINDS)
def test_component_in_a_repository_is_compared_as_its_file_is(kind: PlaceKind, form: Form, tmp_path: Path) -> None:
    place = make_place(kind, tmp_path / "a", TAG)
    pack(place, sample("a"), form)
    (tmp_path / "b.wasm").write_bytes(sample("b"))
    file = Input(name=str(tmp_path / "b.wasm"))

    found = packaging_kit.diff(place, file, SETTINGS)

    plain = diff(sample("a"), sample("b"))
    assert found == replace(
        plain,
        before=replace(plain.before, name=str(place)),
        after=replace(plain.after, name=file.name),
    )


@pytest.mark.parametrize("kind", [LayoutPlace, ArchivePlace])
def test_two_things_of_one_repository_are_compared(kind: type[RepositoryPlace], tmp_path: Path) -> None:
    place = make_place("layout" if kind is LayoutPlace else "archive", tmp_path / "a", "one")
    pack(place, sample("a"), Form.SPLIT, "one")
    digest = pack(place, sample("b"), Form.BOTH, "two").digest

    found = packaging_kit.diff(place, replace(place, tag=None, digest=digest), SETTINGS)

    assert (found.differences, found.needed) == (
        diff(sample("a"), sample("b")).differences,
        diff(sample("a"), sample("b")).needed,
    )


@pytest.mark.parametrize("data", [b"", b"no wasm", CORE_MODULE[:6], component(b"\1\xff")])
def test_what_is_no_binary_is_refused_on_either_side(data: bytes) -> None:
    with pytest.raises(WasmFormatError) as before:
        diff(data, sample())
    with pytest.raises(WasmFormatError) as after:
        diff(sample(), data)

    assert (before.value.code, after.value.code) == ("wasm-malformed",) * 2


def test_component_in_a_repository_is_verified(tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path / "a", tag=TAG)
    pack(place, sample(), Form.SPLIT)
    path = LayoutStore(place.folder).blob_path(Digest.of(module(5000, "shared")))
    path.write_bytes(path.read_bytes()[:-1] + b"!")

    with pytest.raises(ContentError) as error:
        packaging_kit.diff(stream(sample()), place, SETTINGS)

    assert error.value.code == "digest-mismatch"


def test_place_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        packaging_kit.diff(LayoutPlace(folder=tmp_path / "a"), stream(sample()), SETTINGS)


def test_many_small_modules_in_deep_components_take_little_memory() -> None:
    data = tower(900, section(1, b"") * 5000 + section(1, A))
    tracemalloc.start()

    found = diff(data, data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert found.differences[-1].after is not None
    assert found.differences[-1].after.path == "0." * 900 + "5000"
    assert peak < 6_000_000
