"""What has to hold of a folder whatever went wrong in it: the old state or the new one, and a way on."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import packaging_kit
from packaging_kit import ArchivePlace, Digest, LayoutPlace, Output, Settings
from packaging_kit.cli.exit_codes import ExitCode
from packaging_kit.operations.places import RepositoryPlace, with_tag
from packaging_kit.operations.reassemble import reassemble_folder
from packaging_kit.operations.repositories import open_source
from packaging_kit.stores.layout import is_layout
from tests.campaign.disk import Tree, read_tree
from tests.campaign.program import Ended, run_program
from tests.campaign.scenarios import Scenario, write_inputs

State = Mapping[str, str]
"""By tag or file: what it names, and the digest of the component's bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A scenario, and what comes of it when nothing goes wrong.

    Attributes:
        scenario: that it is about.
        folder: what is there before; to be copied.
        old: the state of that.
        new: the state after the command.
        final: what stands in the folder after that, once it was tidied up.
    """

    scenario: Scenario
    folder: Path
    old: State
    new: State
    final: Tree

    def copy(self, folder: Path) -> Path:
        """A folder in which the command can be run."""
        return Path(shutil.copytree(self.folder, folder))

    def run(self, folder: Path) -> Ended:
        """Run the command."""
        return run_program(self.scenario.command, folder)

    def state(self, folder: Path) -> State:
        """The state of a folder, which has to be one of the two; all that it names has to be there, to the byte."""
        state = read_state(self.scenario, folder)
        assert state in (self.old, self.new), f"neither the old state nor the new one: {state}"
        return state


def make_reference(scenario: Scenario, folder: Path) -> Reference:
    """Run a scenario undisturbed."""
    before, after = folder / "before", folder / "after"
    before.mkdir()
    write_inputs(before, scenario.size)
    inputs = {str(Digest.of(path.read_bytes())) for path in before.iterdir()}
    scenario.prepare(before)
    shutil.copytree(before, after)
    ended = run_program(scenario.command, after)
    assert ended.exit == ExitCode.DONE, ended.stderr
    old, new = read_state(scenario, before), read_state(scenario, after)
    assert {digest for state in (old, new) for digest in _contents(state)} <= inputs
    _tidy(scenario, after)
    return Reference(scenario=scenario, folder=before, old=old, new=new, final=read_tree(after))


def check_way_on(reference: Reference, folder: Path, state: State) -> None:
    """Run the command again, then tidy up: in the end everything is as if nothing had ever gone wrong."""
    ended = reference.run(folder)
    assert is_answered(reference, ended, state), f"the second run ends with {ended.exit}: {ended.stderr}"
    assert reference.state(folder) == reference.new, "the second run does not lead to the new state"
    check_tidy(reference, folder)


def check_tidy(reference: Reference, folder: Path) -> None:
    """Tidy up: nothing is left over, and nothing is missing."""
    _tidy(reference.scenario, folder)
    differences = _differences(read_tree(folder), reference.final)
    assert differences == [], f"left over, missing or other than it should be: {differences}"


def is_answered(reference: Reference, ended: Ended, state: State) -> bool:
    """Whether a command came to its end, where it began with `state`."""
    was_done = reference.scenario.is_once and state == reference.new
    return ended.exit == ExitCode.DONE or (was_done and ended.exit == ExitCode.NO)


def read_state(scenario: Scenario, folder: Path) -> State:
    """What every place of a scenario gives."""
    return {key: value for name in scenario.places for key, value in _iter_place(folder, name)}


def leftovers(folder: Path) -> list[str]:
    """Temporary files."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob(".pkit-*"))


def _iter_place(folder: Path, name: str) -> Iterator[tuple[str, str]]:
    path = folder / name
    if name.endswith(".wasm"):
        if path.exists():
            yield name, _entry(None, path.read_bytes())
        return
    if name.endswith(".d"):
        if (path / "root").exists():
            stream = io.BytesIO()
            reassemble_folder(path, Output(name="-", stream=stream), Settings())
            yield name, _entry(None, stream.getvalue())
        return
    is_archive = name.endswith(".tar")
    if path.exists() if is_archive else is_layout(path):
        place: RepositoryPlace = ArchivePlace(file=path) if is_archive else LayoutPlace(folder=path)
        problems = packaging_kit.verify(place, Settings()).problems
        assert problems == (), f"`{name}`: {problems}"
        with open_source(place, Settings()) as store:
            named = {tag: store.find(tag).digest for tag in store.tags()}
        for tag, digest in named.items():
            stream = io.BytesIO()
            packaging_kit.unpack(with_tag(place, tag), Output(name="-", stream=stream), Settings())
            yield f"{name}:{tag}", _entry(digest, stream.getvalue())


def _entry(named: Digest | None, content: bytes) -> str:
    return f"{named} {Digest.of(content)}"


def _contents(state: State) -> set[str]:
    return {entry.rpartition(" ")[2] for entry in state.values()}


def _tidy(scenario: Scenario, folder: Path) -> None:
    if scenario.afterwards is not None:
        ended = run_program(scenario.afterwards, folder)
        assert ended.exit == ExitCode.DONE, ended.stderr


def _differences(tree: Tree, expected: Tree) -> list[str]:
    names = sorted(tree.keys() | expected.keys())
    missing = object()
    return [name for name in names if tree.get(name, missing) != expected.get(name, missing)]
