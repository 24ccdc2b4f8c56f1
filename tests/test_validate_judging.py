"""Engine and reader side by side: each may end first, fail, or never begin, and the other does not wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator

import pytest

from packaging_kit import ContentError, UnavailableError, WasmFormatError
from packaging_kit.blobs import Chunk
from packaging_kit.limits import MAX_PROBLEMS
from packaging_kit.oci.media_types import IMAGE_INDEX, IMAGE_MANIFEST
from packaging_kit.validate.binaries import BinaryFacts, OneBlob, StoredBinary, read_facts
from packaging_kit.validate.engine import Binary, Defect, Engine, EngineIdentity
from packaging_kit.validate.judging import Judged, read_and_judge
from packaging_kit.validate.upload import validate_upload
from packaging_kit.wasm.preamble import Kind
from tests.bad_documents.builders import NOTHING, artifact, descriptor, index, raw_of, store, wasm_config
from tests.conftest import FIXTURES

RUST = (FIXTURES / "real" / "rust.wasm").read_bytes()
PIECE = 1000
SECONDS = 20

Work = Callable[[Binary], tuple[Defect, ...]]


class Absent(Engine):
    """An engine that says who it is, and gives no verdict."""

    def identify(self) -> EngineIdentity:
        return EngineIdentity(name="absent", version="1")

    def find_defects(self, binary: Binary) -> tuple[Defect, ...]:
        raise UnavailableError("engine-timeout", "it took too long")


class Judge(Engine):
    """An engine that is a function."""

    def __init__(self, work: Work, *, reads_whole: bool = True) -> None:
        self._work = work
        self._reads_whole = reads_whole
        self.thread: threading.Thread | None = None

    @property
    def reads_whole(self) -> bool:
        return self._reads_whole

    def identify(self) -> EngineIdentity:
        return EngineIdentity(name="judge", version="1")

    def find_defects(self, binary: Binary) -> tuple[Defect, ...]:
        self.thread = threading.current_thread()
        return self._work(binary)


def chunks(data: bytes = RUST) -> Iterator[bytes]:
    return (data[at : at + PIECE] for at in range(0, len(data), PIECE))


def read(pieces: Iterable[Chunk]) -> tuple[BinaryFacts, Binary]:
    facts = read_facts(pieces)
    digest = facts.whole.digest
    return facts, StoredBinary(facts, OneBlob(digest, RUST), digest)


def judge(work: Work, *, reads_whole: bool = True, data: bytes = RUST) -> Judged:
    """In a thread that is given up where it hangs."""
    results: list[Judged | BaseException] = []

    def run() -> None:
        try:
            results.append(read_and_judge(chunks(data), read, Judge(work, reads_whole=reads_whole)))
        except Exception as exc:  # noqa: BLE001 - handed over to the test
            results.append(exc)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(SECONDS)
    assert results, "it hangs"
    if isinstance(results[0], BaseException):
        raise results[0]
    return results[0]


def take_all(binary: Binary) -> tuple[Defect, ...]:
    size = sum(map(len, binary.iter_whole()))
    return (Defect(f"{size} of {binary.size} bytes of a {binary.kind.value}", None),)


@pytest.mark.parametrize("reads_whole", [True, False])
def test_engine_has_all_bytes_and_then_all_that_is_known(reads_whole: bool) -> None:
    judged = judge(take_all, reads_whole=reads_whole)

    assert judged.defects == (Defect(f"{len(RUST)} of {len(RUST)} bytes of a component", None),)
    assert judged.facts.kind is Kind.COMPONENT
    assert judged.error is None


def test_without_an_engine_nothing_judges() -> None:
    judged = read_and_judge(chunks(), read, None)

    assert (judged.defects, judged.error, judged.facts.whole.size) == ((), None, len(RUST))


def test_engine_works_in_the_thread_that_asked_for_it() -> None:
    engine = Judge(take_all)

    read_and_judge(chunks(), read, engine)

    assert engine.thread is threading.current_thread()


def take_a_little(binary: Binary) -> tuple[Defect, ...]:
    return (Defect(f"{len(next(binary.iter_whole()))} bytes are enough", 0),)


def take_nothing(binary: Binary) -> tuple[Defect, ...]:
    return ()


def ask_for_modules(binary: Binary) -> tuple[Defect, ...]:
    assert binary.exploded is not None
    modules = binary.exploded.core_modules
    return tuple(Defect(str(sum(map(len, binary.iter_module(module)))), None) for module in modules)


@pytest.mark.parametrize(
    ("work", "expected"),
    [(take_a_little, (f"{PIECE} bytes are enough",)), (take_nothing, ()), (ask_for_modules, ("44735",))],
)
def test_binary_is_read_to_its_end_whatever_the_engine_takes_of_it(work: Work, expected: tuple[str, ...]) -> None:
    judged = judge(work)

    assert tuple(defect.message for defect in judged.defects) == expected
    assert judged.facts.whole.size == len(RUST)


def fail_at_once(binary: Binary) -> tuple[Defect, ...]:
    raise UnavailableError("engine-missing", "it is not here")


def fail_in_the_middle(binary: Binary) -> tuple[Defect, ...]:
    for _ in zip(binary.iter_whole(), range(3), strict=False):
        pass
    raise UnavailableError("engine-timeout", "it took too long")


@pytest.mark.parametrize("work", [fail_at_once, fail_in_the_middle])
@pytest.mark.parametrize("reads_whole", [True, False])
def test_engine_that_fails_leaves_what_was_read(work: Work, reads_whole: bool) -> None:
    judged = judge(work, reads_whole=reads_whole)

    assert isinstance(judged.error, UnavailableError)
    assert judged.facts.whole.size == len(RUST)


@pytest.mark.parametrize("work", [take_all, ask_for_modules, take_nothing, take_a_little, fail_at_once])
def test_binary_that_is_not_well_framed_is_told_whatever_the_engine_says(work: Work) -> None:
    with pytest.raises(WasmFormatError) as caught:
        judge(work, data=RUST + b"\x00\x7f")

    assert (caught.value.code, caught.value.offset) == ("wasm-malformed", len(RUST) + 1)


def test_engine_never_sees_the_end_of_what_is_not_well_framed() -> None:
    ended: list[bytes | bool] = []

    def watch(binary: Binary) -> tuple[Defect, ...]:
        for _ in binary.iter_whole():
            pass
        ended.append(True)
        return ()

    with pytest.raises(WasmFormatError):
        judge(watch, data=RUST + b"\x00\x7f")

    assert ended == []


def test_engine_never_sees_the_end_of_what_has_another_digest() -> None:
    ended: list[bytes | bool] = []

    def watch(binary: Binary) -> tuple[Defect, ...]:
        ended.extend(binary.iter_whole())
        ended.append(b"end")
        return ()

    def refuse(pieces: Iterable[Chunk]) -> tuple[BinaryFacts, Binary]:
        read_facts(pieces)
        raise ContentError("digest-mismatch", "other bytes", expected="a", actual="b")

    with pytest.raises(ContentError):
        read_and_judge(chunks(), refuse, Judge(watch))

    assert b"end" not in ended


def test_interrupt_of_the_engine_ends_the_reader() -> None:
    read_pieces = []

    def interrupt(binary: Binary) -> tuple[Defect, ...]:
        next(binary.iter_whole())
        raise KeyboardInterrupt

    def endless() -> Iterator[bytes]:
        yield RUST[:8]
        while True:
            read_pieces.append(1)
            yield b"\x00\x00" * 8

    with pytest.raises(KeyboardInterrupt):
        read_and_judge(endless(), read, Judge(interrupt))

    assert len(read_pieces) < 100


def test_errors_are_listed_before_notes_where_there_are_too_many() -> None:
    notes = {f"k{number}": "" for number in range(2 * MAX_PROBLEMS)}
    clean, wrong = (
        artifact(config=wasm_config(os=os), fields={"annotations": notes}).validate() for os in ("wasip2", "linux")
    )

    assert (clean.is_clean, len(clean.problems), clean.unlisted > 0) == (True, MAX_PROBLEMS, True)
    assert (wrong.is_clean, [problem.code for problem in wrong.errors]) == (False, ["config-os"])
    assert len(wrong.problems) == MAX_PROBLEMS


def test_verdict_that_is_missing_is_listed_though_there_are_too_many_problems() -> None:
    elsewhere = [descriptor(urls=["a:"])] * 2 * MAX_PROBLEMS
    raw = raw_of(index(*elsewhere, descriptor(artifact().raw, IMAGE_MANIFEST)))
    source = store(artifact().raw, raw_of(wasm_config()), NOTHING)
    report = validate_upload(raw, IMAGE_INDEX, source, engine=Absent())

    assert [problem.code for problem in report.problems] == ["descriptor-urls"] * MAX_PROBLEMS + ["engine-timeout"]
    assert report.unlisted == MAX_PROBLEMS
