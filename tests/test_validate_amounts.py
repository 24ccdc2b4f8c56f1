"""What is counted over a whole upload, to the last byte that is taken and the first that is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from packaging_kit.blobs import MemoryScratch
from packaging_kit.digest import Digest
from packaging_kit.errors import PackagingKitError
from packaging_kit.fragments.plan import Plan
from packaging_kit.limits import (
    KIB,
    MAX_CHECKED_DOCUMENTS,
    MAX_CHECKED_SPANS,
    MAX_CHECKED_VALUES,
    MAX_KEPT_FACTS,
    MAX_PUT_TOGETHER,
    MAX_READ_AGAIN,
    MIB,
)
from packaging_kit.validate.amounts import Amounts
from packaging_kit.validate.binaries import BinaryFacts, read_facts
from tests.strategies import component, module, section, text, vector

ROOT = Digest.of(b"root")
OTHER = Digest.of(b"other")


def plan(size: int, spans: int = 1, **modules: int) -> Plan:
    """A plan of a whole of `size` bytes."""
    return Plan(
        root=ROOT,
        size=size,
        span_count=spans,
        depth=0,
        module_sizes={Digest.of(name.encode()): size for name, size in modules.items()},
        _scratch=MemoryScratch(),
        _measured={},
    )


def put_together(amounts: Amounts, wanted: Plan) -> None:
    amounts.put_together(wanted, wanted.module_sizes)


def refusal(work: Callable[[], object]) -> str | None:
    """The code of the error; `None` where there is none."""
    try:
        work()
    except PackagingKitError as error:
        return error.code
    return None


def test_documents_are_counted_together() -> None:
    amounts = Amounts()
    amounts.end_document(bytes(MAX_CHECKED_DOCUMENTS - 1000))
    amounts.end_document(bytes(1000))

    assert refusal(lambda: amounts.begin_document()) is None
    assert refusal(lambda: amounts.end_document(b"{}")) == "document-invalid"
    assert refusal(lambda: amounts.begin_document()) == "document-invalid"


def test_document_counts_as_one_of_512_bytes_however_small_it_is() -> None:
    amounts = Amounts()
    for _ in range(MAX_CHECKED_DOCUMENTS // 512):
        amounts.end_document(b"{}")

    assert refusal(lambda: amounts.end_document(b"{}")) == "document-invalid"


def test_values_of_documents_are_counted_together() -> None:
    amounts = Amounts()
    amounts.end_document(b"," * (MAX_CHECKED_VALUES - 1))
    amounts.end_document(b",")

    assert refusal(lambda: amounts.end_document(b"{}")) is None
    assert refusal(lambda: amounts.end_document(b",")) == "document-invalid"


def test_fragments_that_are_compared_are_counted_with_documents() -> None:
    amounts = Amounts()
    amounts.compare_fragments(MAX_CHECKED_DOCUMENTS // 192)

    assert refusal(lambda: amounts.end_document(b"{}")) == "document-invalid"


def test_skeleton_is_read_for_nothing_once() -> None:
    amounts = Amounts()
    for number in range(1000):
        digest = Digest.of(str(number).encode())
        amounts.begin_skeleton(digest)
        amounts.end_skeleton(digest, MAX_READ_AGAIN, 0)

    assert refusal(lambda: amounts.begin_skeleton(ROOT)) is None


@pytest.mark.parametrize(("size", "sections"), [(MIB, 0), (0, 1024), (MIB // 2, 512)])
def test_skeleton_that_is_read_again_costs_its_bytes_and_sections(size: int, sections: int) -> None:
    amounts = Amounts()
    amounts.begin_skeleton(ROOT)
    amounts.end_skeleton(ROOT, size, sections)
    for _ in range(MAX_READ_AGAIN // MIB):
        amounts.begin_skeleton(ROOT)

    assert refusal(lambda: amounts.begin_skeleton(ROOT)) == "skeleton-too-large"
    assert refusal(lambda: amounts.begin_skeleton(OTHER)) == "skeleton-too-large"


def test_skeleton_costs_the_most_that_it_ever_did() -> None:
    amounts = Amounts()
    amounts.end_skeleton(ROOT, MAX_READ_AGAIN, 0)
    amounts.end_skeleton(ROOT, 1, 0)
    amounts.begin_skeleton(ROOT)

    assert refusal(lambda: amounts.begin_skeleton(ROOT)) == "skeleton-too-large"


def test_skeletons_that_are_too_many_to_remember_count_as_read_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("packaging_kit.validate.amounts._MOST_REMEMBERED", 1)
    amounts = Amounts()
    amounts.begin_skeleton(ROOT)
    amounts.end_skeleton(ROOT, 1, 0)
    for _ in range(MAX_READ_AGAIN // KIB):
        amounts.begin_skeleton(OTHER)

    assert refusal(lambda: amounts.begin_skeleton(OTHER)) == "skeleton-too-large"


def test_spans_of_all_wholes_are_counted_together() -> None:
    amounts = Amounts()
    put_together(amounts, plan(1, MAX_CHECKED_SPANS - 1))

    assert refusal(lambda: put_together(amounts, plan(1, 2))) == "skeleton-too-large"
    assert refusal(lambda: put_together(amounts, plan(1, 1))) is None
    assert refusal(lambda: put_together(amounts, plan(1, 1))) == "skeleton-too-large"


def test_bytes_of_all_wholes_are_counted_together() -> None:
    amounts = Amounts()
    put_together(amounts, plan(MAX_PUT_TOGETHER - 1))

    assert refusal(lambda: put_together(amounts, plan(2))) == "skeleton-too-large"
    assert refusal(lambda: put_together(amounts, plan(1))) is None
    assert refusal(lambda: put_together(amounts, plan(1))) == "skeleton-too-large"


def test_wholes_may_have_sixteen_times_the_bytes_of_their_modules() -> None:
    amounts = Amounts()
    put_together(amounts, plan(16 * MAX_PUT_TOGETHER, a=MAX_PUT_TOGETHER))

    assert refusal(lambda: put_together(amounts, plan(1, a=MAX_PUT_TOGETHER))) == "skeleton-too-large"
    assert refusal(lambda: put_together(amounts, plan(16 * MIB, b=MIB))) is None
    assert refusal(lambda: put_together(amounts, plan(1, b=MIB))) == "skeleton-too-large"


def test_module_counts_as_it_is_and_not_as_a_skeleton_says() -> None:
    amounts = Amounts()
    large = plan(16 * MAX_PUT_TOGETHER, a=MAX_PUT_TOGETHER)
    digest = Digest.of(b"a")

    assert refusal(lambda: amounts.put_together(large, {digest: 4 * KIB})) == "skeleton-too-large"
    assert refusal(lambda: amounts.put_together(plan(1, a=1), {digest: MAX_PUT_TOGETHER})) is None
    assert refusal(lambda: amounts.put_together(plan(16 * MAX_PUT_TOGETHER), {})) == "skeleton-too-large"


def facts(names: int) -> BinaryFacts:
    imports = vector(*(b"\0" + text(f"a:b/i{number}") + b"\x05\0" for number in range(names)))
    return read_facts([component(section(10, imports), section(1, module(4096)))])


def test_binaries_are_read_until_too_much_is_kept_of_them() -> None:
    amounts, one = Amounts(), facts(1000)
    for _ in range(MAX_KEPT_FACTS // one.weight + 1):
        amounts.begin_binary()
        amounts.end_binary(one)

    assert refusal(amounts.begin_binary) == "wasm-too-large"


def test_first_binary_may_take_what_it_takes() -> None:
    amounts, one = Amounts(), facts(1000)

    assert one.weight > 1000 * len("a:b/i999")
    assert refusal(amounts.begin_binary) is None


def test_outline_of_a_binary_has_what_rules_on_others_ask_for_and_none_of_its_bytes() -> None:
    one = facts(3)
    outline = one.outline()

    assert one.exploded is not None
    assert outline.exploded is not None
    assert (outline.whole, outline.root, outline.imports) == (one.whole, one.root, one.imports)
    assert outline.exploded.fragments == one.exploded.fragments
    assert outline.exploded.skeleton_size == one.exploded.skeleton_size
    assert refusal(lambda: outline.exploded and outline.exploded.skeleton) == "not-found"
