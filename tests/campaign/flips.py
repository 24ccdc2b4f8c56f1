"""Every bit of a layout flipped, one at a time: `verify` says so, and nobody gets wrong bytes for right ones."""

from __future__ import annotations

import io
import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from random import Random

import packaging_kit
from packaging_kit import Form, Input, LayoutPlace, Output, PackagingKitError, PackOptions, Settings
from packaging_kit.digest import Digest
from packaging_kit.oci.media_types import SPLIT_INDEX
from tests.campaign.outcome import Outcome
from tests.strategies import component, custom, module, section

PROCESSES = 2
SLICE = {"oci-layout": 1000, "index.json": 350, "blobs": 250}

COMPONENT = component(
    section(1, module(4100)),
    section(4, component(custom("name", b"inner"), section(1, module(4150, "nested")))),
    section(1, module(100, "too small to be split out")),
)
CORE_MODULE = module(64)

# Nothing that `verify` reads depends on these: a tag's own name, and what entries merely repeat of the documents.
_UNPROVED = re.compile(rb'"annotations":\{"org\.opencontainers\.image\.ref\.name":"[^"]*"\}|"artifactType"')

Flip = tuple[str, int]
"""A file of the layout, and the number of a bit in it."""


def run(seed: int, *, full: bool, folder: Path) -> list[Outcome]:
    """Flip every bit, or those of a slice that `seed` chooses."""
    with fast_folder(folder) as fast:
        flips = list(_iter_flips(make_target(fast / "layout")))
        if full:
            with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
                parts = [flips[part::PROCESSES] for part in range(PROCESSES)]
                counts = sum(pool.map(_flip_all, [fast / str(part) for part in range(PROCESSES)], parts), Counter())
        else:
            flips = list(_iter_slice(flips, Random(seed)))
            counts = _flip_all(fast / "0", flips)
    result = (
        f"{counts['reported']} reported by verify; {counts['unreported']} not, all in the name of a tag or in what an "
        f"entry repeats; {counts['exact']} unpacked exactly, {counts['refused']} refused, 0 wrong"
    )
    return [Outcome(name="bit flips in a layout", tried=len(flips), result=result)]


@contextmanager
def fast_folder(folder: Path) -> Iterator[Path]:
    """A folder in memory where the system has one, else in `folder`: here it is not durability that is tried."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else folder) as fast:
        yield Path(fast)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A layout, and what each place in it has to give."""

    folder: Path
    expected: tuple[tuple[LayoutPlace, bytes], ...]

    @property
    def files(self) -> dict[str, bytes]:
        files = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in files}


def make_target(folder: Path) -> Target:
    """A layout with a component in every document that there is, and with a core module."""
    for tag, data, form in (("component", COMPONENT, Form.BOTH), ("module", CORE_MODULE, Form.WHOLE)):
        source = Input(name="-", stream=io.BytesIO(data))
        packaging_kit.pack([source], LayoutPlace(folder=folder), PackOptions(form=form, tag=tag), Settings())
    entries = json.loads((folder / "index.json").read_bytes())["manifests"]
    (split,) = (Digest(entry["digest"]) for entry in entries if entry.get("artifactType") == SPLIT_INDEX)
    return Target(
        folder=folder,
        expected=(
            (LayoutPlace(folder=folder, tag="component"), COMPONENT),
            (LayoutPlace(folder=folder, tag="module"), CORE_MODULE),
            (LayoutPlace(folder=folder, digest=split), COMPONENT),
        ),
    )


def _iter_flips(target: Target) -> Iterator[Flip]:
    for name, data in target.files.items():
        yield from ((name, bit) for bit in range(8 * len(data)))


def _iter_slice(flips: Sequence[Flip], random: Random) -> Iterator[Flip]:
    """A few bits of each kind of file: what no digest protects is the smallest part, and the most interesting."""
    for kind, count in SLICE.items():
        of_kind = [flip for flip in flips if flip[0].partition("/")[0] == kind]
        yield from random.sample(of_kind, min(count, len(of_kind)))


def _flip_all(folder: Path, flips: Sequence[Flip]) -> Counter[str]:
    target = make_target(folder)
    files = target.files
    unproved = {at for match in _UNPROVED.finditer(files["index.json"]) for at in range(*match.span())}
    counts: Counter[str] = Counter()
    for name, bit in flips:
        flipped = bytearray(files[name])
        flipped[bit // 8] ^= 1 << bit % 8
        (target.folder / name).write_bytes(flipped)
        is_reported = _is_reported(target.folder)
        assert is_reported or (name == "index.json" and bit // 8 in unproved), f"`{name}` bit {bit} goes unreported"
        counts["reported" if is_reported else "unreported"] += 1
        counts.update(_unpack_all(target, f"`{name}` bit {bit}"))
        (target.folder / name).write_bytes(files[name])
    assert not _is_reported(target.folder)
    return counts


def _is_reported(folder: Path) -> bool:
    try:
        return bool(packaging_kit.verify(LayoutPlace(folder=folder), Settings()).problems)
    except PackagingKitError:
        return True


def _unpack_all(target: Target, what: str) -> Iterator[str]:
    for place, data in target.expected:
        stream = io.BytesIO()
        try:
            packaging_kit.unpack(place, Output(name="-", stream=stream), Settings())
        except PackagingKitError:
            assert stream.getvalue() == b"", f"{what}: {place} is refused, and something was written"
            yield "refused"
        else:
            assert stream.getvalue() == data, f"{what}: {place} gives wrong bytes"
            yield "exact"
