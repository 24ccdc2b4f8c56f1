"""Memory: the most anonymous memory that a command holds, whatever the size of the file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bench.figure import Figure, Unit
from bench.inputs import MB, application, nested_custom_sections
from bench.process import Command, peak_of
from bench.setup import Setup

MEMORY_BAR: Final = 80.0

_FORMS: Final = ("whole", "mapped", "split", "both")


def memory(setup: Setup) -> Iterator[Figure]:
    """The commands on a large application, and `digest -` of what has the largest skeletons."""
    path = setup.make("application", application(setup.scale.large))
    for command in (
        setup.digest(path),
        *(setup.pack(path, form) for form in _FORMS),
        *(setup.unpack(path, form) for form in _FORMS),
        setup.explode(path),
        setup.reassemble(path),
        setup.inspect(path),
        setup.digest_piped(path),
    ):
        yield _peak(setup, command, command.name)
    for with_module in (False, True):
        name = "sections-with-module" if with_module else "sections-only"
        what = "a module inside them" if with_module else "no module"
        path = setup.make(name, nested_custom_sections(setup.scale.large, with_module=with_module))
        yield _peak(setup, setup.digest_piped(path), f"digest - of nested custom sections, {what}")


def _peak(setup: Setup, command: Command, name: str) -> Figure:
    peaks = [peak_of(command) for _ in range(setup.scale.watched)]
    return Figure(
        group="memory",
        name=name,
        unit=Unit.MEGABYTES,
        value=max(peak.anonymous for peak in peaks) / MB,
        bar=MEMORY_BAR,
        against="anonymous memory",
    )
