"""What real components have in common: twelve in Python, and a composition beside its parts."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import packaging_kit
from packaging_kit import Digest, Form, Input, LayoutPlace, Output, PackOptions, Settings
from packaging_kit.operations.places import with_tag
from tests.real import components
from tests.real.needs import need_component, need_tool
from tests.strategies import component, section

MOST_STORED = 0.75
"""Of the bytes that the twelve have by themselves."""
MOST_ADDED = 100_000
"""Bytes that a composition may add to its parts."""
PARTS = ("python-relay-tool", "python-greeter")
"""The first imports what the second exports."""


@pytest.fixture(scope="module")
def wholes() -> dict[str, Path]:
    """The twelve, by the tags that they get."""
    return {name: need_component(name) for name in components.PYTHON_NAMES}


@pytest.fixture(scope="module")
def layout(wholes: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[LayoutPlace]:
    """All of them in one layout, in form `split`."""
    place = LayoutPlace(folder=tmp_path_factory.mktemp("twelve") / "layout")
    for name, path in wholes.items():
        pack(place, path, name)
    yield place
    shutil.rmtree(place.folder)  # pytest keeps what is left, and this has 150 MB


def pack(place: LayoutPlace, path: Path, tag: str) -> None:
    packaging_kit.pack([Input(name=str(path))], place, PackOptions(form=Form.SPLIT, tag=tag), Settings())


def stored(place: LayoutPlace) -> int:
    return sum(path.stat().st_size for path in (place.folder / "blobs").rglob("*") if path.is_file())


def digest_of(path: Path) -> Digest:
    return Digest.of(path.read_bytes())


def test_twelve_python_components_take_three_quarters_of_their_bytes_or_less(
    layout: LayoutPlace, wholes: dict[str, Path]
) -> None:
    packed = sum(path.stat().st_size for path in wholes.values())
    share = stored(layout) / packed
    print(f"{len(wholes)} Python components: {packed:,} bytes, stored in {stored(layout):,}, {100 * share:.1f} %")

    assert len({digest_of(path) for path in wholes.values()}) == 12
    assert share <= MOST_STORED


def test_every_one_of_them_comes_back_byte_for_byte(
    layout: LayoutPlace, wholes: dict[str, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out.wasm"
    different = []
    for name, path in wholes.items():
        packaging_kit.unpack(with_tag(layout, name), Output(name=str(out), force=True), Settings())
        if out.read_bytes() != path.read_bytes():
            different.append(name)
    out.unlink()

    assert different == []


def test_statistics_say_the_same(layout: LayoutPlace, wholes: dict[str, Path]) -> None:
    sharing = packaging_kit.stats([layout], Settings())

    packed = sum(path.stat().st_size for path in wholes.values())
    assert (sharing.components, sharing.others) == (12, 0)
    assert (sharing.packed, sharing.stored) == (packed, stored(layout))
    assert 0 < sharing.stored - sharing.split < 20_000 * len(wholes)
    # The interpreter: every one of them has the same.
    assert (sharing.modules[0].copies, len(sharing.modules[0].components)) == (12, 12)


def test_layout_of_all_of_them_is_clean(layout: LayoutPlace) -> None:
    found = packaging_kit.verify(layout, Settings())

    assert (found.problems, found.unreferenced, found.components) == ((), (), 12)


@pytest.fixture
def parts(layout: LayoutPlace, tmp_path: Path) -> Iterator[LayoutPlace]:
    """Two of them in a layout of their own."""
    place = LayoutPlace(folder=tmp_path / "parts")
    for name in PARTS:
        packaging_kit.copy(with_tag(layout, name), place, Settings())
    yield place
    shutil.rmtree(place.folder)


def compose(wholes: dict[str, Path], output: Path) -> Path:
    command: list[str | Path] = [
        need_tool("wasm-tools"),
        "compose",
        wholes[PARTS[0]],
        "-d",
        wholes[PARTS[1]],
        "-o",
        output,
    ]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    return output


def nest(wholes: dict[str, Path], output: Path) -> Path:
    """A component that only has the two inside it, and uses neither."""
    output.write_bytes(component(*(section(4, wholes[name].read_bytes()) for name in PARTS)))
    return output


@pytest.mark.parametrize("make", [compose, nest])
def test_composition_beside_its_parts_adds_next_to_nothing(
    make: Callable[[dict[str, Path], Path], Path], parts: LayoutPlace, wholes: dict[str, Path], tmp_path: Path
) -> None:
    whole = make(wholes, tmp_path / "composed.wasm")
    size, digest, before = whole.stat().st_size, digest_of(whole), stored(parts)

    pack(parts, whole, "composed")
    added = stored(parts) - before
    print(f"a composition of {size:,} bytes adds {added:,} to its parts of {before:,}")
    whole.unlink()
    unpacked = packaging_kit.unpack(with_tag(parts, "composed"), Output(name=str(whole)), Settings())
    whole.unlink()

    assert added < MOST_ADDED < size
    assert (unpacked.digest, unpacked.size) == (digest, size)


def test_composition_has_no_module_that_its_parts_do_not_have(
    parts: LayoutPlace, wholes: dict[str, Path], tmp_path: Path
) -> None:
    whole = compose(wholes, tmp_path / "composed.wasm")
    pack(parts, whole, "composed")
    whole.unlink()

    users = {use.components for use in packaging_kit.stats([parts], Settings()).modules}

    assert users <= {
        tuple(sorted(str(with_tag(parts, tag)) for tag in ("composed", *names)))
        for names in (PARTS[:1], PARTS[1:], PARTS)
    }
