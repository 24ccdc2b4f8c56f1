"""Every rule about skeletons: a table from a sentence to the skeleton that breaks it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from packaging_kit.digest import Digest
from packaging_kit.errors import ContentError, NotFoundError, PackagingKitError, SkeletonError
from packaging_kit.fragments.explode import explode
from packaging_kit.fragments.plan import check_modules, make_plan, spans
from packaging_kit.fragments.reassemble import reassemble
from packaging_kit.fragments.whole import open_whole
from packaging_kit.stores.memory import MemoryStore
from tests.strategies import (
    COMPONENT,
    CORE_MODULE,
    MODULES,
    SKELETON,
    component,
    external,
    leb128,
    module,
    section,
    sha256,
    store_of,
)
from tests.test_properties import AsTheyAre

MODULE = MODULES[0]
SIZE = len(MODULE)
DIGEST = sha256(MODULE)
EXTERNAL = external(1, SIZE, DIGEST)
INNER = SKELETON + EXTERNAL
INNER_WHOLE = component(section(1, MODULE))
ROOT = SKELETON + external(4, len(INNER_WHOLE), sha256(INNER)) + section(0, b"\x01a")
NOT_A_MODULE = bytes(5000)
COMPONENT_FRAGMENT = component(section(0, b"\x01a" + bytes(5000)))
EMPTY_SKELETON = SKELETON + section(0, b"\x01a")

REFUSED = {
    "layer 3 without an external section": SKELETON,
    "layer 1 with an external section": COMPONENT + EXTERNAL,
    "layer 2": b"\0asm\x0d\0\x02\0" + EXTERNAL,
    "another version": b"\0asm\x0e\0\x03\0" + EXTERNAL,
    "a core module of another version": b"\0asm\x02\0\0\0",
    "no preamble": b"",
    "a preamble that is cut": SKELETON[:7],
    "no Wasm": b"\x7fELF" + EXTERNAL,
    "a literal module of 4,096 bytes": SKELETON + EXTERNAL + section(1, MODULE),
    "a plain component with a module to split out": component(section(1, MODULE)),
    "a literal component with a module to split out": SKELETON + EXTERNAL + section(4, component(section(1, MODULE))),
    "a literal component with an external section": SKELETON + EXTERNAL + section(4, COMPONENT + EXTERNAL),
    "a literal component of layer 3": SKELETON + EXTERNAL + section(4, SKELETON + EXTERNAL),
    "a literal component section that is no component": SKELETON + EXTERNAL + section(4, CORE_MODULE),
    "a literal component section of no bytes": SKELETON + EXTERNAL + section(4, b""),
    "id 0x5e deep inside a literal component": SKELETON
    + EXTERNAL
    + section(4, component(section(4, component(section(0x5E, b""))))),
    "an external section of no bytes": SKELETON + section(0x5E, b""),
    "an external section whose own size is padded": SKELETON + external(1, SIZE, DIGEST, own_width=2),
    "an external section of original id 0": SKELETON + external(0, SIZE, DIGEST),
    "an external section of original id 7": SKELETON + external(7, SIZE, DIGEST),
    "an external section of its own id": SKELETON + external(0x5E, SIZE, DIGEST),
    "a prefix": SKELETON + external(1, SIZE, DIGEST, prefix=b"\1x"),
    "a prefix that takes the bytes after it": SKELETON + external(1, SIZE, DIGEST, prefix=b"\1"),
    "a prefix of padded length 0": SKELETON + external(1, SIZE, DIGEST, prefix=b"\x80\0"),
    "an external size of six bytes": SKELETON + external(1, SIZE, DIGEST, width=6),
    "an external size above 2^32-1": SKELETON + external(1, 1 << 32, DIGEST),
    "a module of 4,095 bytes": SKELETON + external(1, 4095, sha256(module(4095))),
    "a module size that is not the fragment's": SKELETON + external(1, SIZE + 1, DIGEST),
    "a module size that is too small": SKELETON + external(1, SIZE, sha256(MODULES[1])),
    "one module with two sizes": SKELETON + EXTERNAL + external(1, SIZE + 1, DIGEST),
    "another algorithm": SKELETON + external(1, SIZE, DIGEST, algorithm=b"\x06sha512"),
    "an algorithm in capitals": SKELETON + external(1, SIZE, DIGEST, algorithm=b"\x06SHA256"),
    "an algorithm of padded length": SKELETON + external(1, SIZE, DIGEST, algorithm=b"\x86\0sha256"),
    "no algorithm": SKELETON + external(1, SIZE, DIGEST, algorithm=b"\0"),
    "a digest of 31 bytes": SKELETON + external(1, SIZE, DIGEST[:31], digest_size=b"\x1f"),
    "a digest of 33 bytes": SKELETON + external(1, SIZE, DIGEST + b"\0", digest_size=b"\x21"),
    "a digest of padded length": SKELETON + external(1, SIZE, DIGEST, digest_size=b"\xa0\0"),
    "a digest that is cut": SKELETON + external(1, SIZE, DIGEST[:31]),
    "a byte after the digest": SKELETON + external(1, SIZE, DIGEST, after=b"\0"),
    "a module fragment that is no module": SKELETON + external(1, len(NOT_A_MODULE), sha256(NOT_A_MODULE)),
    "a module fragment that is a component": SKELETON
    + external(1, len(COMPONENT_FRAGMENT), sha256(COMPONENT_FRAGMENT)),
    "a nested fragment that is a plain component": SKELETON
    + external(4, len(COMPONENT_FRAGMENT), sha256(COMPONENT_FRAGMENT)),
    "a nested fragment that is a core module": SKELETON + external(4, SIZE, DIGEST),
    "a nested skeleton of layer 3 without external sections": SKELETON
    + external(4, len(EMPTY_SKELETON), sha256(EMPTY_SKELETON)),
    "a nested size that is the skeleton's": SKELETON + external(4, len(INNER), sha256(INNER)),
    "a nested size that is one too large": SKELETON + external(4, len(INNER_WHOLE) + 1, sha256(INNER)),
    "a section that runs past the end": SKELETON + EXTERNAL + b"\0\x05abcd",
    "an external section that runs past the end": SKELETON + EXTERNAL[:-1],
    "a section of an id alone": SKELETON + EXTERNAL + b"\0",
    "a size field of six bytes": SKELETON + EXTERNAL + b"\0\x80\x80\x80\x80\x80\0",
    "a size field above 2^32-1": SKELETON + EXTERNAL + b"\0\xff\xff\xff\xff\x1f",
}
OTHERS = (
    MODULE,
    MODULES[1],
    INNER,
    module(4095),
    NOT_A_MODULE,
    COMPONENT_FRAGMENT,
    EMPTY_SKELETON,
)

ACCEPTED = {
    "a core module": (MODULE, MODULE),
    "a component of nothing": (COMPONENT, COMPONENT),
    "a component with nothing to split out": (component(section(1, module(4095))),) * 2,
    "a module": (INNER, INNER_WHOLE),
    "a size field of two bytes": (SKELETON + external(1, SIZE, DIGEST, width=2), component(section(1, MODULE, 2))),
    "a size field of three bytes": (SKELETON + external(1, SIZE, DIGEST, width=3), component(section(1, MODULE, 3))),
    "a size field of five bytes": (SKELETON + external(1, SIZE, DIGEST, width=5), component(section(1, MODULE, 5))),
    "the same module in two widths": (
        SKELETON + external(1, SIZE, DIGEST, width=5) + EXTERNAL,
        component(section(1, MODULE, 5), section(1, MODULE)),
    ),
    "a nested component": (
        SKELETON + external(4, len(INNER_WHOLE), sha256(INNER), width=4),
        component(section(4, INNER_WHOLE, 4)),
    ),
    "literals that are padded": (
        SKELETON + section(0, b"", 5) + EXTERNAL + section(4, component(section(9, b"x", 3)), 2),
        component(section(0, b"", 5), section(1, MODULE), section(4, component(section(9, b"x", 3)), 2)),
    ),
    "a literal module section of anything under 4,096 bytes": (
        SKELETON + section(1, SKELETON) + EXTERNAL,
        component(section(1, SKELETON), section(1, MODULE)),
    ),
}


@pytest.mark.parametrize("skeleton", REFUSED.values(), ids=REFUSED)
def test_skeleton_that_explode_would_not_write_is_refused(skeleton: bytes) -> None:
    root, store = Digest.of(skeleton), store_of(skeleton, *OTHERS)

    with pytest.raises(SkeletonError) as streamed:
        reassemble(root, store)
    with pytest.raises(SkeletonError) as opened:
        open_whole(root, store)

    assert [streamed.value.code, opened.value.code] == ["skeleton-not-canonical"] * 2
    assert 0 <= (streamed.value.offset or 0) <= len(skeleton)


@pytest.mark.parametrize("skeleton", REFUSED.values(), ids=REFUSED)
def test_skeleton_that_is_refused_as_root_is_refused_inside_another(skeleton: bytes) -> None:
    root = SKELETON + EXTERNAL + external(4, 5000, sha256(skeleton))

    with pytest.raises(SkeletonError) as error:
        reassemble(Digest.of(root), store_of(root, skeleton, *OTHERS))

    assert error.value.code == "skeleton-not-canonical"


@pytest.mark.parametrize(("skeleton", "whole"), ACCEPTED.values(), ids=ACCEPTED)
def test_canonical_skeleton_gives_its_whole_and_is_its_root(skeleton: bytes, whole: bytes) -> None:
    root = Digest.of(skeleton)

    assert b"".join(reassemble(root, store_of(skeleton, *OTHERS))) == whole
    assert explode(whole).root == root


def test_nothing_is_said_of_a_module_when_only_the_spans_are_asked_for() -> None:
    root = SKELETON + EXTERNAL

    assert [span.end for span in spans(Digest.of(root), store_of(root))] == [8, 11, 11 + SIZE]


def _source(damaged: dict[bytes, bytes]) -> AsTheyAre:
    """A nested component's blobs, some of them with other bytes."""
    blobs = {MODULE: MODULE, INNER: INNER, ROOT: ROOT} | damaged
    return AsTheyAre({Digest.of(name): data for name, data in blobs.items()})


@pytest.mark.parametrize("missing", [MODULE, INNER, ROOT], ids=["a module", "a nested skeleton", "the root"])
def test_missing_fragment_is_named_before_the_first_byte(missing: bytes) -> None:
    store = store_of(*(blob for blob in (MODULE, INNER, ROOT) if blob != missing))

    with pytest.raises(NotFoundError) as error:
        reassemble(Digest.of(ROOT), store)

    assert (error.value.code, Digest.of(missing).value in error.value.message) == ("fragment-missing", True)


OTHER_BYTES = {
    f"{name} {how}": (right, wrong)
    for name, right in {"a module": MODULE, "a nested skeleton": INNER, "the root": ROOT}.items()
    for how, wrong in {
        "with a bit flipped": right[:-1] + bytes([right[-1] ^ 1]),
        "that is cut": right[:-1],
        "that is longer": right + b"\0",
        "of no bytes": b"",
        "that is another skeleton": SKELETON + external(1, 5000, sha256(MODULES[2])),
        "that is another component": component(section(0, b"\x01b")),
        "that begins as a core module": CORE_MODULE + b"\xff" + right[9:],
        "that is another module": MODULES[5],
    }.items()
}


@pytest.mark.parametrize(("right", "wrong"), OTHER_BYTES.values(), ids=OTHER_BYTES)
def test_other_bytes_under_a_digest_are_noticed(right: bytes, wrong: bytes) -> None:
    source = _source({right: wrong})

    with pytest.raises(ContentError) as streamed:
        b"".join(reassemble(Digest.of(ROOT), source))
    with pytest.raises(ContentError) as opened:
        open_whole(Digest.of(ROOT), source).read(0, 1 << 20)

    assert {streamed.value.code, opened.value.code} <= {"digest-mismatch", "size-mismatch"}


@pytest.mark.parametrize(
    "head", [CORE_MODULE, CORE_MODULE + bytes(10), MODULE], ids=["a preamble", "some bytes", "a whole module"]
)
def test_spans_of_a_damaged_root_that_looks_like_a_core_module_are_not_told(head: bytes) -> None:
    source = _source({ROOT: head})

    with pytest.raises(ContentError) as error:
        list(spans(Digest.of(ROOT), source))

    assert error.value.code == "digest-mismatch"


def test_opening_a_damaged_root_that_looks_like_a_core_module_does_not_tell_a_wrong_size() -> None:
    source = _source({ROOT: CORE_MODULE + bytes(10)})

    with pytest.raises(ContentError) as error:
        open_whole(Digest.of(ROOT), source)

    assert error.value.code == "digest-mismatch"


class _Switching(AsTheyAre):
    """A store that gives other bytes from the second reading of a blob on."""

    def __init__(self, blobs: dict[Digest, bytes], victim: Digest, then: bytes) -> None:
        super().__init__(blobs)
        self._victim = victim
        self._then = then
        self.readings = 0

    def iter_blob_unverified(self, digest: Digest, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        if digest == self._victim and (start, end) != (0, 8):
            self.readings += 1
            if self.readings > 1:
                yield self._then[start:end]
                return
        yield from super().iter_blob_unverified(digest, start, end)


def test_module_that_changes_after_it_was_checked_is_noticed_when_it_is_read_again() -> None:
    blobs = {Digest.of(data): data for data in (MODULE, INNER, ROOT)}
    source = _Switching(blobs, Digest.of(MODULE), MODULES[5])
    opened = open_whole(Digest.of(ROOT), source)

    with pytest.raises(ContentError) as error:
        opened.read(0, opened.size)

    assert error.value.code == "digest-mismatch"


def test_skeleton_that_changes_after_it_was_checked_changes_nothing() -> None:
    blobs = {Digest.of(data): data for data in (MODULE, INNER, ROOT)}
    source = _Switching(blobs, Digest.of(INNER), bytes(len(INNER)))
    opened = open_whole(Digest.of(ROOT), source)

    assert opened.read(0, opened.size) == component(section(4, INNER_WHOLE), section(0, b"\x01a"))


def test_plan_lists_modules_and_skeletons_as_first_met() -> None:
    other = MODULES[1]
    inner = SKELETON + external(1, len(other), sha256(other)) + EXTERNAL
    inner_size = 8 + len(section(1, other)) + len(section(1, MODULE))
    root = SKELETON + EXTERNAL + external(4, inner_size, sha256(inner)) + external(4, len(INNER_WHOLE), sha256(INNER))
    store = store_of(root, inner, INNER, MODULE, other)
    plan = make_plan(Digest.of(root), store)
    check_modules(plan, store)

    assert list(plan.module_sizes.items()) == [(Digest.of(MODULE), SIZE), (Digest.of(other), len(other))]
    assert plan.skeletons == (Digest.of(root), Digest.of(inner), Digest.of(INNER))


def test_error_of_a_nested_skeleton_names_that_skeleton_and_the_offset_in_it() -> None:
    bad = SKELETON + EXTERNAL + external(1, SIZE, DIGEST, after=b"\0")
    root = SKELETON + external(4, 9999, sha256(bad))

    with pytest.raises(SkeletonError) as error:
        reassemble(Digest.of(root), store_of(root, bad, MODULE))

    assert (error.value.digest, error.value.offset) == (Digest.of(bad).value, len(bad) - 1)


def test_store_that_lists_more_than_it_has_is_no_reason_for_a_traceback() -> None:
    class Short(AsTheyAre):
        def blob_size(self, digest: Digest) -> int:
            return super().blob_size(digest) + 5

    source = Short({Digest.of(data): data for data in (MODULE, INNER, ROOT)})

    with pytest.raises(PackagingKitError) as error:
        b"".join(reassemble(Digest.of(ROOT), source))

    assert error.value.code in ("size-mismatch", "skeleton-not-canonical")


def test_external_size_is_written_in_the_width_that_the_section_had() -> None:
    whole = component(*(section(1, MODULE, width) for width in (2, 3, 4, 5)))
    expected = SKELETON + b"".join(external(1, SIZE, DIGEST, width=width) for width in (2, 3, 4, 5))

    assert (explode(whole).skeleton, len(leb128(SIZE))) == (expected, 2)


def test_source_of_fragments_gives_nothing_for_another_digest() -> None:
    exploded = explode(INNER_WHOLE)

    with pytest.raises(NotFoundError) as error:
        exploded.read_blob(Digest.of(b"something else"))

    assert error.value.code == "not-found"


@pytest.mark.parametrize(("start", "end"), [(0, 0), (0, 8), (3, 20), (8, 9), (40, 54), (50, 500), (54, 60)])
def test_exploded_component_gives_any_range_of_skeleton_module_and_whole(start: int, end: int) -> None:
    exploded = explode(INNER_WHOLE)
    blobs = {exploded.root: INNER, Digest.of(MODULE): MODULE, exploded.digest: INNER_WHOLE}

    got = {digest: b"".join(exploded.iter_blob_unverified(digest, start, end)) for digest in blobs}

    assert got == {digest: data[start:end] for digest, data in blobs.items()}


def test_memory_store_of_an_exploded_component_is_all_that_reassembly_needs() -> None:
    exploded = explode(component(section(4, INNER_WHOLE)))
    store = MemoryStore()
    store.write_blob(exploded.iter_blob_unverified(exploded.root))
    for fragment in exploded.fragments:
        store.write_blob(exploded.iter_blob_unverified(fragment.digest))

    assert b"".join(reassemble(exploded.root, store)) == component(section(4, INNER_WHOLE))


class _LyingHead(AsTheyAre):
    """A store that gives another beginning when only that is asked for."""

    def iter_blob_unverified(self, digest: Digest, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        if (start, end) == (0, 8) and self.blobs[digest] == NOT_A_MODULE:
            yield CORE_MODULE
        else:
            yield from super().iter_blob_unverified(digest, start, end)


@pytest.mark.parametrize("read", ["stream", "range"])
def test_fragment_that_only_seems_to_be_a_module_when_it_is_looked_at_is_refused(read: str) -> None:
    root = REFUSED["a module fragment that is no module"]
    source = _LyingHead({Digest.of(data): data for data in (root, NOT_A_MODULE)})

    with pytest.raises(SkeletonError) as error:
        _stream(root, source) if read == "stream" else _last_byte(root, source)

    assert error.value.code == "skeleton-not-canonical"


def _stream(root: bytes, source: AsTheyAre) -> bytes:
    return b"".join(reassemble(Digest.of(root), source))


def _last_byte(root: bytes, source: AsTheyAre) -> bytes:
    opened = open_whole(Digest.of(root), source)
    return opened.read(opened.size - 1, opened.size)
