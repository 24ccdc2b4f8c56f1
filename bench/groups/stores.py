"""Layouts: very many small components in one, and ranges of a whole that is held in fragments."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.figure import Figure, Unit
from bench.inputs import MB, Pieces, application, small_components
from bench.process import Command, peak_of
from bench.setup import Setup

PACK_BAR: Final = 1.5
STATS_BAR: Final = 2.0
VERIFY_BAR: Final = 5.0
SWEEP_BAR: Final = 2.0
MEMORY_BAR: Final = 200.0
RANGES_BAR: Final = 1.0

_READ_SIZE: Final = 300 * MB  # of all ranges: what a second has to do

_PLAIN_LOOP: Final = '''\
"""Writes the files of a layout again, as durably as they were written: aside, flushed, renamed."""

import os
import sys
from pathlib import Path

source, destination = map(Path, sys.argv[1:])
files = [(path.relative_to(source), path.read_bytes()) for path in sorted(source.rglob("*")) if path.is_file()]
for number, (name, data) in enumerate(files):
    path = destination / name
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = f"{path.parent}/.{number}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    os.write(descriptor, data)
    os.fsync(descriptor)
    os.close(descriptor)
    os.rename(temporary, path)
for folder in (destination / "blobs" / "sha256", destination):
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
'''

_RANGES: Final = '''\
"""Reads so many bytes of a whole in ranges of 1 MiB at random places, out of a layout in form `split`."""

import random
import sys
from pathlib import Path

from packaging_kit import LayoutStore, open_whole
from packaging_kit.artifact.unpack import find_component

store = LayoutStore.open(Path(sys.argv[1]))
whole = open_whole(find_component(store, store.find()).root, store)
choose = random.Random(1)
left = int(sys.argv[2])
while left > 0:
    start = choose.randrange(max(whole.size - (1 << 20), 1))
    left -= len(whole.read(start, start + (1 << 20)))
'''


def small(setup: Setup) -> Iterator[Figure]:
    """`pack` of very many small components by one call, then what reads that layout."""
    names = [setup.make(f"small/{number:04}", pieces) for number, pieces in _numbered(setup)]
    layout = setup.prepare(setup.path("small-layout"), "pack", *names, "-o", setup.path("small-layout"))
    packed, copied = setup.path("packed"), setup.path("copied")
    what = f"{setup.scale.small:,} components"
    pack = setup.program("pack", *names, "-o", packed, name=f"pack of {what}", makes=packed)
    loop = _script(setup, "plain loop", _PLAIN_LOOP, layout, copied, makes=copied)
    packing, base = setup.interleave([pack, loop])
    yield Figure(
        group="small",
        name=packing.name,
        unit=Unit.RATIO,
        value=packing.least / base.least,
        typical=packing.median / base.median,
        bar=PACK_BAR,
        against="a plain loop that writes the same files the same way; start-up included",
        series=(packing, base),
    )
    reading = [
        (setup.program("stats", layout, name=f"stats of {what}"), STATS_BAR),
        (setup.program("verify", layout, name=f"verify of {what}"), VERIFY_BAR),
        (setup.program("gc", "--dry-run", layout, name=f"gc --dry-run of {what}"), SWEEP_BAR),
    ]
    for command, bar in reading:
        (series,) = setup.interleave([command])
        yield Figure(
            group="small",
            name=command.name,
            unit=Unit.SECONDS,
            value=series.least,
            typical=series.median,
            bar=bar,
            against="start-up included",
            series=(series,),
        )
    for command in (pack, *(command for command, _ in reading)):
        yield Figure(
            group="small",
            name=f"memory of {command.name}",
            unit=Unit.MEGABYTES,
            value=max(peak_of(command).anonymous for _ in range(setup.scale.watched)) / MB,
            bar=MEMORY_BAR,
            against="anonymous memory",
        )


def ranges(setup: Setup) -> Iterator[Figure]:
    """`open_whole` over a layout that holds only fragments."""
    component = setup.make("ranges", application(setup.scale.large // 8))
    script = _script(setup, "open_whole", _RANGES, setup.layout(component, "split"), _READ_SIZE)
    (series,) = setup.interleave([script])
    yield Figure(
        group="ranges",
        name=f"{_READ_SIZE // MB} MB in ranges of 1 MiB",
        unit=Unit.SECONDS,
        value=series.least,
        typical=series.median,
        bar=RANGES_BAR,
        against="300 MB/s; start-up and the first reading of every fragment included",
        series=(series,),
    )


def _numbered(setup: Setup) -> Iterator[tuple[int, Pieces]]:
    (setup.folder / "small").mkdir(exist_ok=True)
    yield from enumerate(small_components(setup.scale.small))


def _script(setup: Setup, name: str, text: str, *arguments: object, makes: Path | None = None) -> Command:
    path = setup.path(f"{name.replace(' ', '_')}.py")
    path.write_text(text, "utf-8")
    steps = ((sys.executable, str(path), *map(str, arguments)),)
    return Command(name=name, steps=steps, outputs=() if makes is None else (makes,))
