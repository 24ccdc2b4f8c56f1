"""The command line as a whole: importing it registers the commands."""

from __future__ import annotations

import sys

# In the order in which the help lists them.
from packaging_kit.cli import binaries as binaries  # isort: skip
from packaging_kit.cli import artifacts as artifacts  # isort: skip
from packaging_kit.cli import repositories as repositories  # isort: skip
from packaging_kit.cli.exit_codes import ExitCode
from packaging_kit.cli.program import app
from packaging_kit.cli.terminal import flush_output, prepare_streams, print_note


def run() -> None:
    """Run the command that the arguments name; ends the process."""
    prepare_streams()
    try:
        app()
    except MemoryError:
        print_note("error[io-error]: not enough memory")
        sys.exit(ExitCode.COULD_NOT)
    except SystemExit:
        if not flush_output():
            sys.exit(ExitCode.COULD_NOT)
        raise
