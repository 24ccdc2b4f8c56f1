"""Every command that the documentation shows gives the output that stands below it.

A ```console block holds `$ command` lines, each with what it prints; the blocks of one document run
one after the other in one folder that has `fixtures/` in it. `localhost:5000` stands for a registry that is
started for the document. `make bless` rewrites the outputs.
"""

import os
import re
import shutil
from pathlib import Path

import pytest

from tests import shell
from tests.registry import Registry

DOCUMENTS = ("README.md", *sorted(f"docs/{path.name}" for path in (shell.REPOSITORY / "docs").glob("*.md")))
SHOWN_REGISTRY = "localhost:5000"
CONSOLE = re.compile(r"(?<=^```console\n)(.*?)(?=^```$)", re.DOTALL | re.MULTILINE)
JSON = re.compile(r"(?<=^```json\n)(.*?)(?=^```$)", re.DOTALL | re.MULTILINE)
PYTHON = re.compile(r"(?<=^```python\n)(.*?)(?=^```$)", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_of_the_document_print_what_it_shows(document: str, tmp_path: Path) -> None:
    path = shell.REPOSITORY / document
    shown = path.read_text()
    folder = shell.prepare(tmp_path)

    with shell.serve("{}", folder) as registry:
        actual = CONSOLE.sub(lambda block: run_block(block[0], folder, registry), shown)

    if os.environ.get("BLESS"):
        path.write_text(actual)
        shown = actual
    assert actual == shown


def run_block(block: str, folder: Path, registry: Registry) -> str:
    return COMMAND.sub(lambda found: f"$ {found[1]}\n{run_command(found[1], folder, registry)}", block)


def run_command(command: str, folder: Path, registry: Registry) -> str:
    outcome = shell.run(f"exec 2>&1; {command.replace(SHOWN_REGISTRY, registry.host)}", folder, registry)
    printed = outcome.stdout.replace("REGISTRY", SHOWN_REGISTRY)
    return printed if not printed or printed.endswith("\n") else printed + "\n"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_python_of_the_document_runs(document: str, tmp_path: Path) -> None:
    folder = shell.prepare(tmp_path)
    shutil.copy(shell.REPOSITORY / "fixtures/real/composed.wasm", folder / "component.wasm")

    for number, code in enumerate(PYTHON.findall((shell.REPOSITORY / document).read_text())):
        (folder / f"example{number}.py").write_text(code)
        outcome = shell.run(f"python example{number}.py", folder)

        assert outcome.exit == 0, outcome.stderr


def test_documents_that_the_format_shows_are_those_of_a_vector_byte_for_byte() -> None:
    shown = JSON.findall((shell.REPOSITORY / "docs/format.md").read_text())
    vector = shell.REPOSITORY / "fixtures/vectors/oci/component-nested"
    written = {path.read_bytes() for path in vector.rglob("*") if path.is_file() and path.name != "input.wasm"}

    assert shown != []
    assert [block for block in shown if block.removesuffix("\n").encode() not in written] == []


def test_blocks_of_commands_begin_with_a_command() -> None:
    blocks = [(name, block) for name in DOCUMENTS for block in CONSOLE.findall((shell.REPOSITORY / name).read_text())]

    assert [name for name, block in blocks if not block.startswith("$ ")] == []


def test_make_targets_that_are_shown_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (shell.REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    texts = [(shell.REPOSITORY / name).read_text() for name in DOCUMENTS]

    assert {target for text in texts for target in re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE)} <= targets


def test_help_of_every_command_is_documented() -> None:
    _, _, listed = (shell.REPOSITORY / "tests/cli/help/stdout").read_text().partition("Commands:\n")
    commands = re.findall(r"^  ([a-z]+) ", listed, re.MULTILINE)
    documented = (shell.REPOSITORY / "docs/commands.md").read_text()

    assert commands != []
    assert [command for command in commands if f"$ packaging-kit {command} --help" not in documented] == []
