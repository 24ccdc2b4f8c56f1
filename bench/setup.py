"""What every group of figures works with: a folder, sizes, and the commands that are compared."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.inputs import GIB, MB, Pieces, write
from bench.process import Command
from bench.series import Series, interleave

PROGRAM: Final = str(Path(sys.executable).with_name("packaging-kit"))

_TYPER_PROGRAM: Final = '''\
import sys

import typer

app = typer.Typer()


@app.command()
def empty() -> None:
    """Do nothing."""


if __name__ == "__main__":
    sys.exit(app())
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How large a run is.

    Attributes:
        large: bytes of the files whose throughput is measured.
        tower: bytes of the deeply nested ones.
        depth: of those.
        line: bytes of the largest file behind a fitted line.
        sections: of the file of tiny sections.
        small: number of small components in one layout.
        repetitions: of every measurement of time.
        uncounted: repetitions before them.
        watched: repetitions of every measurement of memory.
        is_judged: large enough to hold the figures against their bars.
    """

    large: int
    tower: int
    depth: int
    line: int
    sections: int
    small: int
    repetitions: int
    uncounted: int
    watched: int
    is_judged: bool


FULL: Final = Scale(
    large=GIB,
    tower=64 * MB,
    depth=900,
    line=512 * MB,
    sections=1_000_000,
    small=2_000,
    repetitions=7,
    uncounted=1,
    watched=3,
    is_judged=True,
)
QUICK: Final = Scale(
    large=4 * MB,
    tower=MB,
    depth=90,
    line=4 * MB,
    sections=10_000,
    small=20,
    repetitions=1,
    uncounted=0,
    watched=1,
    is_judged=False,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """One run's folder and scale."""

    folder: Path
    scale: Scale

    def interleave(self, commands: Sequence[Command], *, times: int = 1) -> tuple[Series, ...]:
        """Measure the commands in turn, `times` as often as the scale says."""
        return interleave(commands, self.scale.repetitions * times, self.scale.uncounted)

    def make(self, name: str, pieces: Pieces) -> Path:
        """The input of that name, written where it is not there yet."""
        path = self.folder / f"{name}.wasm"
        if not path.exists():
            write(pieces, path)
        return path

    def path(self, name: str) -> Path:
        """Where an output goes."""
        return self.folder / name

    def program(
        self,
        *arguments: str | Path,
        name: str,
        piped: Path | None = None,
        makes: Path | None = None,
        exit_code: int = 0,
    ) -> Command:
        """A command of `packaging-kit`; `makes` is the file or folder that it writes."""
        return Command(
            name=name,
            steps=((PROGRAM, *(str(argument) for argument in arguments)),),
            piped=piped,
            outputs=() if makes is None else (makes,),
            exit_code=exit_code,
        )

    def prepare(self, path: Path, *arguments: str | Path) -> Path:
        """Make `path` with a command of `packaging-kit`, where it is not there yet."""
        if not path.exists():
            subprocess.run((PROGRAM, *map(str, arguments)), check=True, capture_output=True)
        return path

    def layout(self, component: Path, form: str) -> Path:
        """A layout with that component in that form."""
        path = self.path(f"{component.stem}-{form}")
        return self.prepare(path, "pack", "--form", form, component, "-o", path)

    def pack(self, component: Path, form: str) -> Command:
        """`pack` into a new layout."""
        to = self.path("packed")
        name = f"pack --form {form}"
        return self.program("pack", "--form", form, component, "-o", to, name=name, makes=to)

    def unpack(self, component: Path, form: str) -> Command:
        """`unpack` from a layout in that form."""
        to = self.path("unpacked.wasm")
        place = f"oci:{self.layout(component, form)}"
        return self.program("unpack", place, "-o", to, name=f"unpack from {form}", makes=to)

    def explode(self, component: Path) -> Command:
        """`explode` into a new folder."""
        to = self.path("exploded")
        return self.program("explode", component, "-o", to, name="explode", makes=to)

    def reassemble(self, component: Path) -> Command:
        """`reassemble` from what `explode` wrote."""
        to = self.path("reassembled.wasm")
        source = self.path(f"{component.stem}-exploded")
        self.prepare(source, "explode", component, "-o", source)
        return self.program("reassemble", source, "-o", to, name="reassemble", makes=to)

    def digest(self, component: Path) -> Command:
        """`digest` of a file."""
        return self.program("digest", component, name="digest FILE")

    def digest_piped(self, component: Path) -> Command:
        """`digest` of what comes through a pipe."""
        return self.program("digest", "-", name="digest -", piped=component)

    def inspect(self, component: Path) -> Command:
        """`inspect` of a file."""
        return self.program("inspect", component, name="inspect")

    def openssl(self, path: Path) -> Command:
        """`openssl dgst -sha256` of a file."""
        return Command(name="openssl dgst -sha256", steps=(_openssl(path),))

    def copy_and_digest(self, path: Path) -> Command:
        """`cp` of a file, `sync` of the copy, `openssl dgst -sha256` of the file."""
        copy = self.path("copy.wasm")
        steps = (("cp", "--reflink=never", str(path), str(copy)), ("sync", str(copy)), _openssl(path))
        return Command(name="cp, sync, openssl dgst -sha256", steps=steps, outputs=(copy,))

    @property
    def startup(self) -> Command:
        """`packaging-kit --version`."""
        return self.program("--version", name="packaging-kit --version")

    @property
    def openssl_startup(self) -> Command:
        """`openssl version`."""
        return Command(name="openssl version", steps=(("openssl", "version"),))

    @property
    def typer(self) -> Command:
        """A typer program with one empty command."""
        path = self.path("empty_typer_program.py")
        path.write_text(_TYPER_PROGRAM, "utf-8")
        return Command(name="typer program", steps=((sys.executable, str(path)),))


def _openssl(path: Path) -> tuple[str, ...]:
    return ("openssl", "dgst", "-sha256", str(path))
