"""Sizes and numbers of spans: what reassembly would refuse, explode refuses too."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from packaging_kit.digest import Digest
from packaging_kit.errors import PackagingKitError, SkeletonError, WasmFormatError
from packaging_kit.fragments import explode as explode_module
from packaging_kit.fragments import plan as plan_module
from packaging_kit.fragments.explode import check_framing, explode, explode_chunks
from packaging_kit.fragments.plan import make_plan, spans
from packaging_kit.fragments.reassemble import reassemble
from packaging_kit.fragments.whole import open_whole
from packaging_kit.limits import MAX_SPANS
from packaging_kit.stores.memory import MemoryStore
from tests.strategies import MODULES, SKELETON, component, custom, external, leb128, module, section, sha256, store_of
from tests.timing import LINEAR

MODULE_SECTION = section(1, MODULES[0])
MODULE_EXTERNAL = external(1, len(MODULES[0]), sha256(MODULES[0]))


@pytest.mark.parametrize(
    "whole",
    [MODULES[0], component(custom("a", bytes(100))), component(MODULE_SECTION), component(section(4, component()))],
    ids=["a core module", "one without modules", "one with a module", "a nested one"],
)
def test_whole_of_max_size_is_taken_and_one_byte_more_is_not(whole: bytes) -> None:
    size = len(whole)
    exploded = explode(whole, max_size=size)
    in_pieces = explode_chunks([whole[:9], whole[9:]], max_size=size)

    with pytest.raises(WasmFormatError) as at_once:
        explode(whole, max_size=size - 1)
    with pytest.raises(WasmFormatError) as chunked:
        explode_chunks([whole[:9], whole[9:]], max_size=size - 1)
    with pytest.raises(WasmFormatError) as framing:
        check_framing(whole, max_size=size - 1)

    assert exploded.root == in_pieces.root
    assert [error.value.code for error in (at_once, chunked, framing)] == ["wasm-too-large"] * 3


@pytest.mark.parametrize(
    "whole",
    [MODULES[0], component(custom("a", bytes(100))), component(MODULE_SECTION)],
    ids=["a core module", "one without modules", "one with a module"],
)
def test_reassembly_takes_max_size_and_refuses_one_byte_more(whole: bytes) -> None:
    exploded = explode(whole)

    with pytest.raises(SkeletonError) as streamed:
        reassemble(exploded.root, exploded, max_size=len(whole) - 1)
    with pytest.raises(SkeletonError) as opened:
        open_whole(exploded.root, exploded, max_size=len(whole) - 1)

    assert b"".join(reassemble(exploded.root, exploded, max_size=len(whole))) == whole
    assert [streamed.value.code, opened.value.code] == ["skeleton-too-large"] * 2


def _many_spans(*last: bytes) -> tuple[Digest, MemoryStore]:
    """A whole of 2^20 - 1 spans, out of a few kilobytes, and what is put after it."""
    inner = SKELETON + MODULE_EXTERNAL * 511
    inner_size = 8 + 511 * len(MODULE_SECTION)
    root = SKELETON + external(4, inner_size, sha256(inner)) * 1023 + MODULE_EXTERNAL * 511 + b"".join(last)
    return Digest.of(root), store_of(inner, root, MODULES[0])


def test_2_to_the_20th_spans_are_taken() -> None:
    plan = make_plan(*_many_spans(custom("last", b"")))

    assert plan.span_count == MAX_SPANS == 1 << 20


def test_spans_are_counted_as_they_are_listed() -> None:
    inner = SKELETON + MODULE_EXTERNAL * 3 + custom("between", b"") + MODULE_EXTERNAL
    inner_size = 8 + 4 * len(MODULE_SECTION) + len(custom("between", b""))
    root = SKELETON + external(4, inner_size, sha256(inner)) * 2 + custom("last", b"")
    store = store_of(inner, root)

    plan = make_plan(Digest.of(root), store)

    assert plan.span_count == len(list(plan.iter_spans())) == 1 + 2 * (1 + 1 + 4 * 2 + 1) + 1


def test_one_span_more_than_2_to_the_20th_is_refused_before_the_first_is_listed() -> None:
    last = (custom("between", b""), MODULE_EXTERNAL)

    with pytest.raises(SkeletonError) as error:
        spans(*_many_spans(*last))

    assert error.value.code == "skeleton-too-large"


@pytest.mark.parametrize(
    "sections",
    [
        (MODULE_SECTION, MODULE_SECTION, MODULE_SECTION),
        (MODULE_SECTION, MODULE_SECTION, custom("last", b"")),
        (custom("a", b""), MODULE_SECTION, custom("b", b""), MODULE_SECTION),
        (section(4, component(MODULE_SECTION, custom("inner last", b""))), MODULE_SECTION),
        (section(4, component(section(4, component(MODULE_SECTION)))), custom("last", b"")),
    ],
    ids=["modules alone", "a literal at the end", "literals between", "a literal inside", "nested and a literal"],
)
@pytest.mark.parametrize("limit", range(4, 9))
def test_explode_refuses_exactly_the_spans_that_reassembly_refuses(
    sections: tuple[bytes, ...], limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = component(*sections)
    exploded = explode(whole)
    # 2^20 spans of modules take 2 GiB; the rule is the same for any limit.
    monkeypatch.setattr(explode_module, "MAX_SPANS", limit)
    monkeypatch.setattr(plan_module, "MAX_SPANS", limit)

    assert _is_refused(lambda: explode(whole)) == _is_refused(lambda: make_plan(exploded.root, exploded))


def _is_refused(work: Callable[[], object]) -> bool:
    try:
        work()
    except PackagingKitError as exc:
        if exc.code not in ("wasm-too-large", "skeleton-too-large"):
            raise
        return True
    return False


def test_section_that_claims_4_gib_in_a_file_of_20_bytes_is_refused_at_once() -> None:
    data = component(b"\0\xff\xff\xff\xff\x0f", bytes(6))
    started = time.thread_time()

    with pytest.raises(WasmFormatError) as error:
        explode(data)

    assert (error.value.code, error.value.offset) == ("wasm-malformed", 9)
    assert time.thread_time() - started < LINEAR


def test_module_of_4_gib_that_is_cut_off_is_refused_also_from_a_stream() -> None:
    head = component(b"\x01" + leb128((1 << 32) - 1) + module(5000))

    with pytest.raises(WasmFormatError) as error:
        explode_chunks([head, bytes(1000)])

    assert (error.value.code, error.value.offset) == ("wasm-malformed", len(head) + 1000)


def test_skeleton_that_stands_for_itself_by_its_size_alone_cannot_be_made() -> None:
    inner = SKELETON + external(1, 4096, sha256(MODULES[0]))
    root = SKELETON + external(4, 5, sha256(inner))

    with pytest.raises(SkeletonError) as error:
        reassemble(Digest.of(root), store_of(root, inner, MODULES[0]))

    assert error.value.code == "skeleton-not-canonical"
