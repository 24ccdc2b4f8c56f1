"""The command line as a whole: importing it registers the commands."""

from __future__ import annotations

import copy
import sys

from typer.models import CommandInfo

# In the order in which the help lists them.
from packaging_kit.cli import binaries as binaries  # isort: skip
from packaging_kit.cli import artifacts as artifacts  # isort: skip
from packaging_kit.cli import registries as registries  # isort: skip
from packaging_kit.cli import repositories as repositories  # isort: skip
from packaging_kit.cli import validation as validation  # isort: skip
from packaging_kit.cli.exit_codes import ExitCode
from packaging_kit.cli.program import app
from packaging_kit.cli.terminal import flush_output, prepare_streams, print_note


def run() -> None:
    """Run the command that the arguments name; ends the process."""
    prepare_streams()
    program = copy.copy(app)
    program.registered_commands = _only(sys.argv[1:2])
    try:
        program()
    except MemoryError:
        print_note("error[io-error]: not enough memory")
        sys.exit(ExitCode.COULD_NOT)
    except SystemExit:
        if not flush_output():
            sys.exit(ExitCode.COULD_NOT)
        raise


def _only(first: list[str]) -> list[CommandInfo]:
    """The command that is named, alone: building all of them takes as long as many a command itself."""
    named = [info for info in app.registered_commands if info.callback and info.callback.__name__ in first]
    return named if named or first == ["--version"] else app.registered_commands
