"""What the campaigns run: a command of every kind that writes, and what it begins with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from packaging_kit import LayoutPlace
from packaging_kit.oci.index import Index
from packaging_kit.stores.layout import LayoutStore
from tests.campaign.program import run_program
from tests.repositories import sign_place
from tests.strategies import component, custom, module, section

SMALL = 5_000
"""Size of the core modules where the number of operations counts, in bytes."""
LARGE = 3_000_000
"""The same, where a command has to take its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A command.

    Attributes:
        name: as the document says it.
        command: the arguments of `packaging-kit`, in a folder that has the inputs in it.
        prepare: makes what is there before, where the inputs are.
        places: what it changes or reads: `*.wasm` is an output, `*.tar` an archive, `*.d` an exploded component,
            anything else a layout.
        afterwards: a command that takes away what does no harm, such as blobs without a name.
        is_once: done a second time, the answer is no.
        size: of the core modules, in bytes.
    """

    name: str
    command: str
    prepare: Callable[[Path], None]
    places: tuple[str, ...]
    afterwards: str | None
    is_once: bool = False
    size: int = SMALL


def write_inputs(folder: Path, size: int) -> None:
    """Components that share modules, one that has none, and a core module."""
    shared, own = section(1, module(size, "shared")), section(1, module(size + 1, "own"))
    nested = section(4, component(section(1, module(size + 2, "nested")), custom("note", b"inner")))
    inputs = {
        "app": component(shared, nested, shared, custom("note", b"app")),
        "next": component(shared, own, custom("note", b"next")),
        "plain": component(custom("note", b"nothing to split out")),
        "core": module(size + 3, "core"),
    }
    for name, data in inputs.items():
        (folder / f"{name}.wasm").write_bytes(data)


def _nothing(folder: Path) -> None:
    """The inputs are enough."""


def _two_tags(folder: Path) -> None:
    """A layout with a signed component and a core module."""
    _run("pack app.wasm -o layout", folder)
    _run("pack core.wasm -o layout --tag kept", folder)
    sign_place(LayoutPlace(folder=folder / "layout", tag="app"))


def _moving_tag(folder: Path) -> None:
    """A layout whose tag `app` is going to name something else."""
    _run("pack next.wasm -o layout --tag app --form both", folder)
    _run("pack core.wasm -o layout --tag kept", folder)


def _archive(folder: Path) -> None:
    _two_tags(folder)
    _run("pack plain.wasm -o to.tar", folder)


def _waste(folder: Path) -> None:
    """A layout with a signed component, and blobs and an entry that no tag leads to."""
    _two_tags(folder)
    _run("pack next.wasm -o layout --form both", folder)
    _run("pack plain.wasm -o layout", folder)
    _run("untag layout:plain", folder)
    LayoutStore.open(folder / "layout").change_index(_without_name)


def _without_name(index: Index) -> Index:
    """The index, where the tag `next` is gone and what it named is still listed."""
    entries = (
        replace(entry, annotations={}) if "next" in entry.annotations.values() else entry for entry in index.manifests
    )
    return replace(index, manifests=tuple(entries))


def _output(folder: Path) -> None:
    _two_tags(folder)
    (folder / "out.wasm").write_bytes((folder / "core.wasm").read_bytes())


def _run(command: str, folder: Path) -> None:
    ended = run_program(command, folder)
    assert ended.exit == 0, ended.stderr


PACK_NEW = Scenario(
    name="pack into a new layout",
    command="pack app.wasm -o a/layout",
    prepare=_nothing,
    places=("a/layout",),
    afterwards="gc a/layout",
)
PACK_OLD = Scenario(
    name="pack three files into a layout, one tag moves",
    command="pack app.wasm plain.wasm core.wasm -o layout --form split --force",
    prepare=_moving_tag,
    places=("layout",),
    afterwards="gc layout",
)
PACK_ARCHIVE = Scenario(
    name="pack into a new archive",
    command="pack app.wasm -o oci-archive:a/b/to.tar",
    prepare=_nothing,
    places=("a/b/to.tar",),
    afterwards=None,
)
COPY_LAYOUT = Scenario(
    name="copy all of a layout to a new one",
    command="copy layout oci:to --all --referrers",
    prepare=_two_tags,
    places=("layout", "to"),
    afterwards="gc to",
)
COPY_ARCHIVE = Scenario(
    name="copy into an archive",
    command="copy layout:app oci-archive:to.tar --referrers",
    prepare=_archive,
    places=("layout", "to.tar"),
    afterwards=None,
)
CONVERT = Scenario(
    name="convert in its place",
    command="convert layout:app --form split",
    prepare=_two_tags,
    places=("layout",),
    afterwards="gc layout",
)
GC = Scenario(
    name="gc",
    command="gc layout",
    prepare=_waste,
    places=("layout",),
    afterwards="gc layout",
)
UNTAG = Scenario(
    name="untag",
    command="untag layout:kept",
    prepare=_two_tags,
    places=("layout",),
    afterwards="gc layout",
    is_once=True,
)
UNPACK_NEW = Scenario(
    name="unpack to a new file",
    command="unpack layout:app -o out.wasm",
    prepare=_two_tags,
    places=("layout", "out.wasm"),
    afterwards="unpack layout:app -o out.wasm --force",
    is_once=True,
)
UNPACK_OLD = Scenario(
    name="unpack over a file",
    command="unpack layout:app -o out.wasm --force",
    prepare=_output,
    places=("layout", "out.wasm"),
    afterwards=None,
)
EXPLODE = Scenario(
    name="explode",
    command="explode app.wasm -o a/app.d",
    prepare=_nothing,
    places=("a/app.d",),
    afterwards=None,
)

SCENARIOS = (
    PACK_NEW,
    PACK_OLD,
    PACK_ARCHIVE,
    COPY_LAYOUT,
    COPY_ARCHIVE,
    CONVERT,
    GC,
    UNTAG,
    UNPACK_NEW,
    UNPACK_OLD,
    EXPLODE,
)
