"""Processes that pack into one layout while another reads it and another sweeps it."""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from random import Random

import packaging_kit
from packaging_kit import Form, Input, LayoutPlace, LayoutStore, Output, PackagingKitError, PackOptions, Settings
from packaging_kit.stores.layout import is_layout
from tests.campaign.outcome import Outcome
from tests.strategies import component, custom, module, section

SHARED = tuple(module(4096 + number, "shared") for number in range(6))


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What all processes know.

    Attributes:
        folder: the layout.
        seed: of the components.
        packers: number of processes that pack.
        each: number of components that each of them packs.
    """

    folder: Path
    seed: int
    packers: int
    each: int

    @property
    def tags(self) -> list[str]:
        return sorted(f"p{packer}-{number}" for packer in range(self.packers) for number in range(self.each))

    def component(self, tag: str) -> tuple[bytes, Form]:
        """A component of its own for each tag; some of its modules are in others too."""
        random = Random(f"{self.seed} {tag}")
        parts = [section(1, shared) for shared in random.sample(SHARED, random.randrange(3))]
        parts += [section(1, module(random.randrange(4096, 20_000), tag)) for _ in range(random.randrange(2))]
        if random.random() < 0.5:
            parts = [section(4, component(*parts)), *parts[:1]]
        return component(*parts, custom("tag", tag.encode())), random.choice(tuple(Form))


@dataclass(frozen=True, slots=True)
class Race:
    """What the processes tell each other by."""

    start: Barrier
    has_read: Event
    has_swept: Event
    is_packed: Event


_race: Race | None = None


def _enter_race(race: Race) -> None:
    global _race
    _race = race


def run(seed: int, *, full: bool, folder: Path) -> list[Outcome]:
    """Eight packers of 25 components each, or three of four."""
    packers, each = (8, 25) if full else (3, 4)
    work = Work(folder=folder / "layout", seed=seed, packers=packers, each=each)
    context = get_context("spawn")
    race = Race(context.Barrier(packers + 2), context.Event(), context.Event(), context.Event())
    with ProcessPoolExecutor(packers + 2, mp_context=context, initializer=_enter_race, initargs=(race,)) as pool:
        packing = [pool.submit(_pack, work, packer) for packer in range(packers)]
        reading, sweeping = pool.submit(_read, work), pool.submit(_sweep, work)
        try:
            end = max(packed.result() for packed in packing)
        finally:
            race.is_packed.set()
        reads, sweeps = reading.result(), [finished for finished in sweeping.result() if finished < end]
    assert len(sweeps) >= (packers if full else 1), "sweeps hardly come to their end while others pack"
    _check_end(work)
    result = (
        f"{packers} processes packed; {reads} reads of another and {len(sweeps)} sweeps of a third ended meanwhile, "
        "none failed; every tag there, every byte right, nothing left over"
    )
    return [Outcome(name="components packed at the same time", tried=packers * each, result=result)]


@contextmanager
def _in_race() -> Iterator[Race]:
    """What a process does once all of them are there; its errors are told as text, which other processes can read."""
    assert _race is not None
    _race.start.wait(60)
    try:
        yield _race
    except PackagingKitError as exc:
        raise AssertionError(f"{exc.code}: {exc}") from exc


def _pack(work: Work, packer: int) -> float:
    """Pack, each component by a call of its own; the time of the end."""
    with _in_race() as race:
        for number in range(work.each):
            if number == work.each - 1:
                # However the system shares out its time, somebody reads and sweeps while there is something to pack.
                assert race.has_read.wait(60)
                assert race.has_swept.wait(60)
            tag = f"p{packer}-{number}"
            data, form = work.component(tag)
            source = Input(name="-", stream=io.BytesIO(data))
            packaging_kit.pack([source], LayoutPlace(folder=work.folder), PackOptions(form=form, tag=tag), Settings())
    return time.monotonic()


def _read(work: Work) -> int:
    """Read what there is until all is packed; how often."""
    random = Random(work.seed)
    reads = 0
    with _in_race() as race, tempfile.TemporaryDirectory() as into:
        while not race.is_packed.is_set():
            if is_layout(work.folder):
                tags = LayoutStore.open(work.folder).tags()
                assert set(tags) <= set(work.tags)
                _check_tag(work, random.choice(tags), Path(into) / "out.wasm")
                reads += 1
                race.has_read.set()
    return reads


def _check_tag(work: Work, tag: str, output: Path) -> None:
    data, _ = work.component(tag)
    store = LayoutStore.open(work.folder)
    entry = store.find(tag)
    assert store.read_blob(entry.digest, size=entry.size)
    place = LayoutPlace(folder=work.folder, tag=tag)
    packaging_kit.unpack(place, Output(name=str(output), force=True), Settings())
    assert output.read_bytes() == data, f"`{tag}` gives wrong bytes"


def _sweep(work: Work) -> list[float]:
    """Sweep until all is packed; the time of each end."""
    finished: list[float] = []
    with _in_race() as race:
        while not race.is_packed.is_set():
            if is_layout(work.folder):
                packaging_kit.gc(LayoutPlace(folder=work.folder))
                finished.append(time.monotonic())
                race.has_swept.set()
    return finished


def _check_end(work: Work) -> None:
    place = LayoutPlace(folder=work.folder)
    packaging_kit.gc(place)
    found = packaging_kit.verify(place, Settings())
    assert (found.problems, found.unreferenced) == ((), ())
    store = LayoutStore.open(work.folder)
    assert list(store.tags()) == work.tags
    for tag in work.tags:
        _check_tag(work, tag, work.folder.parent / "out.wasm")
    blobs = {f"blobs/sha256/{blob.digest.hex}" for blob in store.iter_blobs()}
    files = {path.relative_to(work.folder).as_posix() for path in work.folder.rglob("*") if path.is_file()}
    assert files == blobs | {"index.json", "oci-layout"}
    assert not packaging_kit.gc(place).blobs
