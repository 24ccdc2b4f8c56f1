"""Reads of real components at any place, out of their fragments: the same bytes as the file has there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import packaging_kit
from packaging_kit import (
    ArchivePlace,
    ArchiveStore,
    BlobSource,
    Form,
    Input,
    LayoutPlace,
    LayoutStore,
    PackOptions,
    Settings,
    Whole,
    open_whole,
)
from packaging_kit.limits import KIB, MIB
from packaging_kit.operations.places import LocalPlace
from packaging_kit.stores.scratch import FileScratch
from tests.campaign.outcome import Outcome
from tests.conftest import FIXTURES
from tests.real import components

READS, READS_OF_A_SLICE = 10_000, 300
TIMED_READS = 200
LEAST_SPEED = 300
"""MB/s of reads of 1 MiB at random offsets."""


def run(seed: int, *, full: bool, folder: Path) -> list[Outcome]:
    """Ten thousand ranges of every real component that can be built here, or some of the small ones."""
    files = sorted((FIXTURES / "real").glob("*.wasm"))
    if full:
        files += [components.build(name) for name in components.NAMES if components.available(name) is None]
    random = Random(seed)
    places = [(file, *place) for file in files for place in _places(file, folder)]
    reads = READS if full else READS_OF_A_SLICE
    for number, (file, place, form) in enumerate(places):
        packaging_kit.pack([Input(name=str(file))], place, PackOptions(form=form, tag="v"), Settings())
        data = file.read_bytes()
        with _open(place) as source:
            whole = open_whole(packaging_kit.explode(data).root, source)
            _check_ranges(whole, data, random, reads * (number + 1) // len(places) - reads * number // len(places))
    result = f"equal to the file's bytes; {len(files)} components, in form split and both, in a layout and an archive"
    outcomes = [Outcome(name="ranges of wholes in fragments", tried=reads, result=result)]
    return [*outcomes, *_measure(files, folder, random)] if full else outcomes


def _places(file: Path, folder: Path) -> Iterator[tuple[LocalPlace, Form]]:
    for form in (Form.SPLIT, Form.BOTH):
        name = f"{file.stem}-{form.value}"
        yield LayoutPlace(folder=folder / name), form
        yield ArchivePlace(file=folder / f"{name}.tar"), form


@contextmanager
def _open(place: LocalPlace) -> Iterator[BlobSource]:
    if isinstance(place, LayoutPlace):
        yield LayoutStore.open(place.folder)
        return
    with FileScratch() as scratch, ArchiveStore(place.file, scratch) as store:
        yield store


def _check_ranges(whole: Whole, data: bytes, random: Random, count: int) -> None:
    assert whole.size == len(data)
    for start, end in [(0, len(data)), *(_range(whole, random) for _ in range(count - 1))]:
        if random.random() < 0.5:
            read = whole.read(start, end)
        else:
            pieces = list(whole.iter_range(start, end))
            assert all(0 < len(piece) <= 256 * KIB for piece in pieces)
            read = b"".join(pieces)
        assert read == data[start:end], f"the bytes {start}:{end} are wrong"


def _range(whole: Whole, random: Random) -> tuple[int, int]:
    """Short and long ones, about where spans and blocks meet, empty ones, and those that lead over the end."""
    edges = [random.choice(whole.spans).start, random.randrange(whole.size // (256 * KIB) + 1) * 256 * KIB, whole.size]
    start = random.choice([random.randrange(whole.size), max(0, random.choice(edges) + random.randrange(-20, 20))])
    length = random.choice([0, random.randrange(100), random.randrange(10_000), random.randrange(MIB), whole.size])
    if random.random() < 0.1:
        start += whole.size
    return start, start + length


def _measure(files: list[Path], folder: Path, random: Random) -> Iterator[Outcome]:
    """How fast the largest component is read in its layout; the best of three times."""
    file = max(files, key=lambda path: path.stat().st_size)
    root = packaging_kit.explode(file.read_bytes()).root
    store = LayoutStore.open(folder / f"{file.stem}-{Form.SPLIT.value}")
    cold, warm = 0.0, 0.0
    for _ in range(3):
        begin = time.perf_counter()
        whole = open_whole(root, store)
        starts = [random.randrange(whole.size - MIB) for _ in range(TIMED_READS)]
        cold = max(cold, _read_all(whole, starts, begin))
        warm = max(warm, _read_all(whole, starts, time.perf_counter()))
    assert min(cold, warm) >= LEAST_SPEED, f"{cold:.0f} and {warm:.0f} MB/s"
    result = f"{warm:.0f} MB/s where every module was read before, {cold:.0f} MB/s with opening and the first reads"
    yield Outcome(name="reads of 1 MiB at random offsets", tried=TIMED_READS, result=result)


def _read_all(whole: Whole, starts: list[int], begin: float) -> float:
    """Megabytes a second since `begin`."""
    size = sum(len(whole.read(start, start + MIB)) for start in starts)
    return size / 1e6 / (time.perf_counter() - begin)
