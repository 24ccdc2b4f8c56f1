"""Registries: a push and a pull beside `regctl`'s, on one registry, emptied before each push."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from bench.figure import Figure, Unit
from bench.inputs import MB
from bench.process import Command, peak_of, seconds_of
from bench.setup import Setup
from packaging_kit import Blob, Digest, LayoutStore
from packaging_kit.document import dump_json
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.layout import Tagged
from packaging_kit.oci.media_types import EMPTY, IMAGE_MANIFEST
from tests.real import tools
from tests.real.registries import Running, start

LARGE_BAR: Final = 1.1
PUSH_OF_SMALL_BAR: Final = 0.6
PULL_OF_SMALL_BAR: Final = 1.0
MEMORY_BAR: Final = 80.0

_KIB = 1 << 10
_LAYER: Final = "application/octet-stream"
_IMPORTS: Final = "import packaging_kit.cli.app, packaging_kit.operations.copy, packaging_kit.stores.registry.store"
_SMALL_BLOBS = 400


def registry(setup: Setup) -> Iterator[Figure]:
    """One large blob and many small ones, both ways, start-up aside; then the memory of a very large one."""
    large = setup.scale.large // 5
    shapes: Sequence[tuple[str, list[int], float, float]] = (
        (f"{large // MB} MB in one blob", [large], LARGE_BAR, LARGE_BAR),
        (f"{_SMALL_BLOBS} blobs of 3 kB", [3000] * _SMALL_BLOBS, PUSH_OF_SMALL_BAR, PULL_OF_SMALL_BAR),
    )
    with start("distribution", setup.path("registry")) as server:
        for name, sizes, push_bar, pull_bar in shapes:
            layout = _make_layout(setup, sizes)
            yield _figure(setup, f"push of {name}", _pushes(setup, server, layout), push_bar)
            # What the last push left behind was removed with it.
            seconds_of(setup.program("copy", f"oci:{layout}:v", _place(server), name="push"))
            yield _figure(setup, f"pull of {name}", _pulls(setup, server), pull_bar)
        yield from _memory(setup, server)


def _figure(setup: Setup, name: str, commands: tuple[Command, Command], bar: float) -> Figure:
    ours, theirs, our_start, their_start = setup.interleave([*commands, _our_start(), _regctl("version")], times=2)
    return Figure(
        group="registry",
        name=name,
        unit=Unit.RATIO,
        value=_ratio(ours.least, our_start.least, theirs.least, their_start.least),
        typical=_ratio(ours.median, our_start.median, theirs.median, their_start.median),
        bar=bar,
        against="`regctl`, start-up aside for both",
        series=(ours, theirs, our_start, their_start),
    )


def _ratio(ours: float, our_start: float, theirs: float, their_start: float) -> float:
    return (ours - our_start) / (theirs - their_start)


def _pushes(setup: Setup, server: Running, layout: Path) -> tuple[Command, Command]:
    storage = _storage(server)
    ours = setup.program("copy", f"oci:{layout}:v", _place(server), name="packaging-kit copy", makes=storage)
    return ours, _regctl("image", "copy", f"ocidir://{layout}:v", _name(server), server=server, makes=storage)


def _pulls(setup: Setup, server: Running) -> tuple[Command, Command]:
    to = setup.path("pulled")
    ours = setup.program("copy", _place(server), f"oci:{to}:v", name="packaging-kit copy", makes=to)
    return ours, _regctl("image", "copy", _name(server), f"ocidir://{to}:v", server=server, makes=to)


def _memory(setup: Setup, server: Running) -> Iterator[Figure]:
    layout = _make_layout(setup, [setup.scale.large])
    to = setup.path("pulled")
    push = setup.program("copy", "--force", f"oci:{layout}:v", _place(server), name="push")
    pull = setup.program("copy", _place(server), f"oci:{to}:v", name="pull", makes=to)
    begin = peak_of(_our_start()).anonymous
    for command in (push, pull):
        yield Figure(
            group="registry",
            name=f"memory of a {command.name} of {setup.scale.large // MB} MB",
            unit=Unit.MEGABYTES,
            value=(peak_of(command).anonymous - begin) / MB,
            bar=MEMORY_BAR,
            against="anonymous memory above what a start takes",
        )


def _our_start() -> Command:
    return Command(name="packaging-kit, imports", steps=((sys.executable, "-c", _IMPORTS),))


def _regctl(*arguments: str, server: Running | None = None, makes: Path | None = None) -> Command:
    path = tools.find_tool("regctl")
    if path is None:
        raise FileNotFoundError(tools.why_missing("regctl"))
    os.environ["REGCTL_CONFIG"] = os.devnull
    host = () if server is None else ("--host", f"reg={server.host},tls=disabled")
    return Command(
        name=f"regctl {arguments[0]}",
        steps=((str(path), *host, *arguments),),
        outputs=() if makes is None else (makes,),
    )


def _make_layout(setup: Setup, sizes: list[int]) -> Path:
    """A layout with an artifact that has layers of these sizes, whose bytes nothing makes smaller."""
    folder = setup.path(f"blobs-{len(sizes)}-{sizes[0]}")
    store = LayoutStore.open_or_new(folder)
    with store.writing():
        config = store.write_blob((b"{}",))
        layers = [store.write_blob(_noise(number, size)) for number, size in enumerate(sizes)]
        value = {
            "schemaVersion": 2,
            "mediaType": IMAGE_MANIFEST,
            "artifactType": "application/vnd.example.benchmark",
            "config": _describe(config, EMPTY).to_json(),
            "layers": [_describe(layer, _LAYER).to_json() for layer in layers],
        }
        raw = dump_json(value)
        blob = store.write_blob((raw,))
        store.put([Tagged("v", _describe(blob, IMAGE_MANIFEST))], force=True)
    return folder


def _noise(seed: int, size: int) -> Iterator[bytes]:
    digest = Digest.of(str(seed).encode()).raw
    for at in range(0, size, 64 * _KIB):
        digest = Digest.of(digest).raw
        yield (digest * (2 * _KIB))[: min(64 * _KIB, size - at)]


def _describe(blob: Blob, media_type: str) -> Descriptor:
    return Descriptor(media_type=media_type, digest=blob.digest, size=blob.size)


def _storage(server: Running) -> Path:
    if server.storage is None:
        raise ValueError(f"{server.kind} keeps nothing in a folder")
    return server.storage


def _name(server: Running) -> str:
    return f"{server.host}/bench/blobs:v"


def _place(server: Running) -> str:
    return f"docker://{_name(server)}"
