"""Every folder of `tests/cli/` is a case: `cmd`, and the `stdout`, `stderr` and `exit` that it must give.

A case with a file `registry` has a registry of its own, as `shell.serve` says. `make bless` rewrites what is
expected; read the diff.
"""

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests import shell

CASES = Path(__file__).with_name("cli")


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_command_line_case_gives_what_is_expected(case: str, tmp_path: Path) -> None:
    folder = CASES / case

    shell.prepare(tmp_path)
    with ExitStack() as stack:
        wanted = folder / "registry"
        registry = stack.enter_context(shell.serve(wanted.read_text(), tmp_path)) if wanted.exists() else None
        outcome = shell.run((folder / "cmd").read_text(), tmp_path, registry)

    if os.environ.get("BLESS"):
        (folder / "stdout").write_text(outcome.stdout)
        (folder / "stderr").write_text(outcome.stderr)
        (folder / "exit").write_text(f"{outcome.exit}\n")
    expected = shell.Outcome(
        stdout=(folder / "stdout").read_text(),
        stderr=(folder / "stderr").read_text(),
        exit=int((folder / "exit").read_text()),
    )
    assert outcome == expected


def test_no_case_ends_in_a_traceback() -> None:
    shown = [path.parent.name for path in CASES.glob("*/stderr") if "Traceback" in path.read_text()]

    assert shown == []
