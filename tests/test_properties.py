"""The properties of the canonical split, over components made at random."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from packaging_kit.blobs import BlobSource
from packaging_kit.digest import Digest
from packaging_kit.errors import NotFoundError, PackagingKitError, SkeletonError, WasmFormatError
from packaging_kit.fragments.explode import check_framing, explode, explode_chunks
from packaging_kit.fragments.exploded import Exploded
from packaging_kit.fragments.plan import make_plan, spans
from packaging_kit.fragments.reassemble import reassemble
from packaging_kit.fragments.spans import SpanKind
from packaging_kit.fragments.whole import open_whole
from packaging_kit.stores.memory import MemoryStore
from packaging_kit.stores.scratch import FileScratch
from packaging_kit.wasm.sections import iter_sections
from tests.conftest import SEEDS
from tests.strategies import (
    COMPONENT,
    CORE_MODULE,
    MODULES,
    SKELETON,
    Split,
    Tree,
    almost_wasm,
    component,
    cut,
    cuts,
    external,
    leb128,
    module,
    section,
    sha256,
    split_trees,
    store_of,
    trees,
)


class AsTheyAre(BlobSource):
    """Blobs under digests that they need not have: what a hostile store may hold."""

    def __init__(self, blobs: dict[Digest, bytes]) -> None:
        self.blobs = blobs

    def blob_size(self, digest: Digest) -> int:
        return len(self.blobs[digest])

    def iter_blob_unverified(self, digest: Digest, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        yield self.blobs[digest][start:end]


def _store(split: Split) -> MemoryStore:
    return store_of(split.skeleton, *split.fragments.values())


def _outcome(exploded: Exploded) -> tuple[object, ...]:
    """All that an explosion says; the same for every way of reading the input."""
    return exploded.kind, exploded.digest, exploded.size, exploded.root, exploded.skeleton, exploded.fragments


@given(trees())
def test_reassembling_what_was_exploded_gives_the_same_bytes(tree: Tree) -> None:
    whole = tree.encode()
    exploded = explode(whole)

    assert b"".join(reassemble(exploded.root, exploded)) == whole


@given(trees())
def test_split_is_what_its_definition_says(tree: Tree) -> None:
    exploded = explode(tree.encode())
    expected = tree.split()
    fragments = {fragment.digest.raw: exploded.read_blob(fragment.digest) for fragment in exploded.fragments}

    assert (exploded.skeleton, fragments) == (expected.skeleton, expected.fragments)


@given(trees())
def test_blobs_of_the_definition_reassemble_to_the_whole(tree: Tree) -> None:
    split = tree.split()

    assert b"".join(reassemble(split.root, _store(split))) == tree.encode()


@given(trees())
def test_fragments_come_in_the_order_in_which_they_are_first_met(tree: Tree) -> None:
    exploded = explode(tree.encode())
    offsets = [fragment.offset for fragment in exploded.fragments]

    assert offsets == sorted(offsets)


@given(trees())
def test_spans_tile_the_whole_and_none_is_empty(tree: Tree) -> None:
    exploded = explode(tree.encode())
    found = list(spans(exploded.root, exploded))
    starts = [span.start for span in found]

    assert (starts, all(span.start < span.end for span in found)) == (
        [0, *(span.end for span in found[:-1])],
        True,
    )


@given(trees())
def test_spans_end_where_the_whole_ends_and_are_as_many_as_planned(tree: Tree) -> None:
    exploded = explode(tree.encode())
    plan = make_plan(exploded.root, exploded)
    found = list(plan.iter_spans())

    assert (found[-1].end, len(found)) == (exploded.size, plan.span_count) == (plan.size, len(found))


@given(trees())
def test_sections_tile_what_they_stand_in(tree: Tree) -> None:
    whole = tree.encode()
    sections = list(iter_sections(whole))

    assert [part.start for part in sections] + [len(whole)] == [8, *(part.end for part in sections)]


@given(trees(), st.data())
def test_exploding_in_pieces_equals_exploding_at_once(tree: Tree, data: st.DataObject) -> None:
    whole = tree.encode()
    places = data.draw(cuts(len(whole)))

    assert _outcome(explode_chunks(cut(whole, places))) == _outcome(explode(whole))


@given(trees().filter(lambda tree: len(tree.encode()) < 20_000))
def test_exploding_byte_by_byte_equals_exploding_at_once(tree: Tree) -> None:
    whole = tree.encode()

    assert _outcome(explode_chunks(bytes([byte]) for byte in whole)) == _outcome(explode(whole))


def _result_or_error(data: bytes, pieces: list[bytes] | None = None) -> tuple[object, ...] | WasmFormatError:
    try:
        return _outcome(explode(data) if pieces is None else explode_chunks(pieces))
    except WasmFormatError as exc:
        return exc


@given(st.one_of(st.binary(max_size=200), almost_wasm()))
@example(b"")
@example(COMPONENT)
def test_any_bytes_give_a_value_or_an_error_with_an_offset_inside_the_input(data: bytes) -> None:
    result = _result_or_error(data)

    assert not isinstance(result, WasmFormatError) or 0 <= result.offset <= len(data)


@given(almost_wasm(), st.data())
def test_any_bytes_in_pieces_give_the_same_value_or_also_an_error_with_an_offset_inside(
    data: bytes, draw: st.DataObject
) -> None:
    pieces = cut(data, draw.draw(cuts(len(data))))
    at_once, in_pieces = _result_or_error(data), _result_or_error(data, pieces)

    if isinstance(at_once, WasmFormatError):
        assert isinstance(in_pieces, WasmFormatError)
        assert 0 <= in_pieces.offset <= len(data)
    else:
        assert in_pieces == at_once


@given(almost_wasm())
def test_framing_is_refused_exactly_where_explode_refuses(data: bytes) -> None:
    try:
        kind, refused = check_framing(data), None
    except WasmFormatError as exc:
        kind, refused = None, exc.code
    exploded = _result_or_error(data)
    expected = (None, exploded.code) if isinstance(exploded, WasmFormatError) else (exploded[0], None)

    assert (kind, refused) == expected


@pytest.mark.parametrize("seed", SEEDS)
def test_damaged_component_is_refused_or_comes_back_as_it_is(seed: int) -> None:
    draw = random.Random(seed)
    whole = bytearray(component(section(1, module(5000), 3), section(4, component(section(1, MODULES[0]))), b"\x0b\0"))
    for _ in range(draw.randint(1, 4)):
        # Most of the bytes are a module's, where no change matters: aim at the framing.
        at = draw.choice((draw.randrange(24), draw.randrange(5000, 5040), draw.randrange(len(whole))))
        whole[at] = draw.choice((0, 1, 4, 0x5E, 0x7F, 0x80, 0xFF, draw.randrange(256)))
    data = bytes(whole)

    try:
        exploded = explode(data)
    except WasmFormatError as exc:
        given_back, offset = data, exc.offset
    else:
        given_back, offset = b"".join(reassemble(exploded.root, exploded)), 0

    assert (given_back, 0 <= offset <= len(data)) == (data, True)


@given(split_trees(), st.data())
def test_reading_any_range_equals_a_slice(tree: Tree, data: st.DataObject) -> None:
    whole = tree.encode()
    split = tree.split()
    opened = open_whole(split.root, _store(split))
    start = data.draw(st.integers(0, len(whole) + 10))
    end = data.draw(st.integers(0, len(whole) + 10))

    assert opened.read(start, end) == whole[start:end]


@given(trees())
def test_opened_whole_has_the_size_and_bytes_of_the_whole(tree: Tree) -> None:
    whole = tree.encode()
    split = tree.split()
    opened = open_whole(split.root, _store(split))

    assert (opened.size, opened.read(0, opened.size)) == (len(whole), whole)


@given(trees())
def test_nested_component_has_the_root_that_it_has_alone(tree: Tree) -> None:
    whole = explode(tree.encode())
    nested = {fragment.digest for fragment in whole.components}
    alone = {explode(inner.encode()).root for inner in tree.iter_trees() if inner.split().has_external}

    assert nested == alone


@given(split_trees())
def test_skeletons_alone_tell_digest_size_and_offset_of_every_module(tree: Tree) -> None:
    split = tree.split()
    skeletons = store_of(split.skeleton, *(data for data in split.fragments.values() if data.startswith(SKELETON)))
    expected = [(offset, len(data), sha256(data)) for offset, data in tree.iter_modules()]

    told = [
        (span.start, span.end - span.start, span.digest.raw)
        for span in spans(split.root, skeletons)
        if span.kind is SpanKind.MODULE
    ]

    assert told == expected


@given(split_trees(), st.data())
def test_scratch_that_goes_to_a_file_gives_the_same_explosion(tree: Tree, data: st.DataObject) -> None:
    whole = tree.encode()
    pieces = cut(whole, data.draw(cuts(len(whole))))
    memory = data.draw(st.sampled_from((0, 1, 100)))

    with tempfile.TemporaryDirectory() as folder:
        outcome = _outcome(explode_chunks(pieces, FileScratch(Path(folder), memory)))

    assert outcome == _outcome(explode(whole))


@given(split_trees())
def test_scratch_that_goes_to_a_file_gives_the_same_reassembly(tree: Tree) -> None:
    split = tree.split()

    with tempfile.TemporaryDirectory() as folder:
        whole = b"".join(reassemble(split.root, _store(split), FileScratch(Path(folder), 10)))

    assert whole == tree.encode()


def test_component_of_a_stream_gives_its_modules_no_more() -> None:
    exploded = explode_chunks([component(section(1, MODULES[0]))])

    with pytest.raises(PackagingKitError) as error:
        b"".join(reassemble(exploded.root, exploded))

    assert error.value.code == "not-found"


def _damage(data: bytes, draw: random.Random) -> bytes:
    """`data` with something changed: bits, a byte lost, added, swapped with another, or the end cut off."""
    if not data:
        return b"\0"
    damaged = bytearray(data)
    at = draw.randrange(len(data))
    match draw.randrange(5):
        case 0:
            damaged[at] ^= 1 << draw.randrange(8)
        case 1:
            del damaged[at]
        case 2:
            damaged.insert(at, draw.randrange(256))
        case 3:
            other = draw.randrange(len(data))
            damaged[at], damaged[other] = damaged[other], damaged[at]
        case _:
            del damaged[at:]
    return bytes(damaged)


def _sample(draw: random.Random) -> tuple[bytes, dict[Digest, bytes], Digest]:
    """A component with shared modules in three levels, and all blobs of its split."""
    shared = module(4096)
    inner = component(section(1, shared, draw.choice((0, 3, 5))), section(9, b"inner"))
    middle = component(section(4, inner, draw.choice((0, 4))), section(1, module(4500)), section(1, b"small"))
    whole = component(
        section(0, b"\x01a"), section(4, middle), section(4, inner), section(1, shared), section(200, b"")
    )
    exploded = explode(whole)
    names = [exploded.root, *(fragment.digest for fragment in exploded.fragments)]
    return whole, {name: exploded.read_blob(name) for name in names}, exploded.root


@pytest.mark.parametrize("seed", SEEDS)
def test_damaged_blob_never_gives_wrong_bytes_and_is_always_noticed(seed: int) -> None:
    draw = random.Random(seed)
    whole, blobs, root = _sample(draw)
    victim = draw.choice(sorted(blobs))
    damaged = _damage(blobs[victim], draw)
    source = AsTheyAre(blobs | {victim: damaged})

    if damaged == blobs[victim]:
        assert b"".join(reassemble(root, source)) == whole
        return
    for read in (_stream, _read_all):
        with pytest.raises(PackagingKitError) as error:
            read(root, source)

        assert error.value.code in ("digest-mismatch", "size-mismatch", "skeleton-not-canonical")


@pytest.mark.parametrize("seed", SEEDS)
def test_range_outside_a_damaged_module_can_still_be_read(seed: int) -> None:
    draw = random.Random(seed)
    whole, blobs, root = _sample(draw)
    victim = Digest.of(module(4500))
    damaged = bytearray(blobs[victim])
    damaged[draw.randrange(8, 4500)] ^= 0xFF
    opened = open_whole(root, AsTheyAre(blobs | {victim: bytes(damaged)}))

    got = b"".join(
        opened.read(span.start, span.end) if span.digest != victim else whole[span.start : span.end]
        for span in opened.spans
    )

    assert got == whole


def _stream(root: Digest, source: BlobSource) -> bytes:
    return b"".join(reassemble(root, source))


def _read_all(root: Digest, source: BlobSource) -> bytes:
    opened = open_whole(root, source)
    return opened.read(0, opened.size)


def _mutated_skeleton(draw: random.Random, blobs: dict[Digest, bytes], root: Digest) -> bytes:
    """A skeleton much like a canonical one: sections moved, doubled, dropped or changed, bits flipped."""
    skeleton = blobs[root]
    parts = [skeleton[part.start : part.end] for part in iter_sections(skeleton)]
    for _ in range(draw.randint(1, 3)):
        at = draw.randrange(len(parts)) if parts else 0
        match draw.randrange(7):
            case 0:
                draw.shuffle(parts)
            case 1 if parts:
                parts.append(parts[at])
            case 2 if parts:
                del parts[at]
            case 3 if parts:
                parts[at] = _damage(parts[at], draw)
            case 4:
                victim = draw.choice(sorted(blobs))
                size = draw.choice((len(blobs[victim]), 4096, 4500, draw.randrange(1 << 14)))
                parts.append(external(draw.choice((1, 4)), size, victim.raw, width=draw.randrange(6)))
            case 5:
                parts.append(section(draw.randrange(256), draw.randbytes(draw.randrange(8)), draw.randrange(6)))
            case _:
                parts.append(section(4, component(section(1, module(draw.choice((4095, 4096)))))))
    return draw.choice((SKELETON, SKELETON, SKELETON, COMPONENT)) + b"".join(parts)


def _roots_after(skeleton: bytes, blobs: dict[Digest, bytes]) -> tuple[Digest, Digest | None]:
    """A skeleton's digest, and the root of the whole that it gives; `None` where it is refused."""
    root = Digest.of(skeleton)
    try:
        whole = _stream(root, store_of(skeleton, *blobs.values()))
    except SkeletonError as exc:
        held = skeleton if exc.digest == root.value else blobs[Digest(exc.digest)]
        if exc.code != "skeleton-not-canonical" or not 0 <= (exc.offset or 0) <= len(held):
            raise
    except NotFoundError as exc:
        if exc.code != "fragment-missing":
            raise
    else:
        return root, explode(whole).root
    return root, None


@pytest.mark.parametrize("seed", SEEDS)
def test_skeleton_that_is_accepted_is_the_one_that_exploding_its_whole_gives(seed: int) -> None:
    draw = random.Random(seed)
    found = []
    for _ in range(40):
        _, blobs, root = _sample(draw)
        found.append(_roots_after(_mutated_skeleton(draw, blobs, root), blobs))

    assert [(root, again) for root, again in found if again not in (None, root)] == []


def test_mutated_skeletons_are_accepted_often_enough_to_say_something() -> None:
    draw = random.Random(0)
    accepted = 0
    for _ in range(300):
        _, blobs, root = _sample(draw)
        accepted += _roots_after(_mutated_skeleton(draw, blobs, root), blobs)[1] is not None

    assert 30 < accepted < 270


@given(split_trees(), st.data())
def test_accepted_skeleton_of_any_bytes_explodes_to_its_root(tree: Tree, data: st.DataObject) -> None:
    split = tree.split()
    changed = bytearray(split.skeleton)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(4, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    blobs = {Digest.from_raw(raw): blob for raw, blob in split.fragments.items()}

    root, again = _roots_after(bytes(changed), blobs)

    assert again in (None, root)


@given(st.binary(min_size=0, max_size=100))
def test_core_module_is_its_own_skeleton(tail: bytes) -> None:
    whole = CORE_MODULE + tail
    exploded = explode(whole)

    assert (exploded.root, exploded.fragments, exploded.skeleton, _stream(exploded.root, store_of(whole))) == (
        Digest.of(whole),
        (),
        whole,
        whole,
    )


@given(st.integers(0, (1 << 32) - 1), st.integers(0, 5))
def test_size_fields_of_the_tests_are_what_the_format_asks_for(value: int, width: int) -> None:
    encoded = leb128(value, width)

    assert sum((byte & 0x7F) << 7 * index for index, byte in enumerate(encoded)) == value
    assert len(encoded) >= width
