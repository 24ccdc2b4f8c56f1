"""The script that judges mutants works; a few of them are judged always."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import REPOSITORY
from tests.mutations.__main__ import equivalent, report
from tests.mutations.judge import Verdict
from tests.mutations.mutants import FOLDER, MODULES, mutants_of

EVERY_MUTANT: Final = tuple(mutant for path in MODULES for mutant in mutants_of(path))


def run(*arguments: str) -> tuple[int, str]:
    """Exit code and output of Python: what forks and imports anew does so in a process without threads."""
    result = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, cwd=REPOSITORY)
    return result.returncode, result.stdout + result.stderr


def made(text: str, tmp_path: Path) -> list[str]:
    """What is changed in a module of this text."""
    path = tmp_path / "made_rules.py"
    path.write_text(text)
    return [mutant.change for mutant in mutants_of(path)]


def test_rule_is_taken_out_of_each_tuple_and_of_all(tmp_path: Path) -> None:
    assert made("A_RULES: T = (a, b)\nB_RULES: T = (a,)\nOTHER: T = (a,)\n", tmp_path) == [
        "the rule is taken away from `A_RULES`",
        "the rule is taken away from `B_RULES`",
        "the rule is taken away from all",
        "the rule is taken away from `A_RULES`",
    ]


def test_condition_is_forced_and_negated_and_each_operand_dropped(tmp_path: Path) -> None:
    text = "def f(a, b):\n    if a and b:\n        yield 1\n"

    assert made(text, tmp_path) == [
        "`a and b` -> `True`",
        "`a and b` -> `False`",
        "`a and b` -> `not (a and b)`",
        "`a and b` -> `b`",
        "`a and b` -> `a`",
        "`yield 1` -> nothing",
    ]


def test_comparison_is_negated_and_its_border_moved(tmp_path: Path) -> None:
    assert made("MOST = 5\ndef f(a):\n    return a < MOST\n", tmp_path) == [
        "`MOST = 5` -> `6`",
        "`MOST = 5` -> `4`",
        "`a < MOST` -> `a >= MOST`",
        "`a < MOST` -> `a <= MOST`",
        "`a < MOST` -> `a < MOST + 1`",
        "`a < MOST` -> `a < MOST - 1`",
    ]


def test_every_mutant_is_a_module_that_can_be_compiled() -> None:
    some = EVERY_MUTANT[:: len(EVERY_MUTANT) // 50]

    assert [mutant.compile().co_filename for mutant in some] == [str(mutant.path) for mutant in some]


def test_there_is_a_mutant_in_every_module_of_rules() -> None:
    changed = {mutant.path for mutant in EVERY_MUTANT}

    assert changed >= set((FOLDER / "rules").glob("*_rules.py"))


def test_equivalent_mutants_are_there_and_have_a_reason() -> None:
    listed = equivalent()

    assert set(listed) - {mutant.key for mutant in EVERY_MUTANT} == set()
    assert all(reason.strip() for reason in listed.values())


def test_some_mutants_are_judged_always() -> None:
    code, said = run("-m", "tests.mutations", "--every", "40")

    assert (code, "survived" in said) == (0, False), said


def test_rules_of_a_module_are_missed_when_they_are_taken_away() -> None:
    code, said = run("-m", "tests.mutations", "--only", "binary_rules")

    assert (code, "rules taken away: 3 of 3 noticed" in said) == (0, True), said


def test_mutant_that_changes_nothing_survives_and_one_that_takes_too_long_is_noticed() -> None:
    script = """
from tests.mutations.__main__ import equivalent
from tests.mutations.judge import judge, time_cases
from tests.mutations.mutants import MODULES, mutants_of

order = time_cases()
mutant = next(each for path in MODULES for each in mutants_of(path) if each.key in equivalent())
print(judge(mutant, order).killer)
print(judge(mutant, order, seconds=0.0).killer)
"""

    assert run("-c", script) == (0, "None\nit runs forever\n")


def test_score_counts_what_survives(capsys: pytest.CaptureFixture[str]) -> None:
    first, second, third = EVERY_MUTANT[:3]
    verdicts = [Verdict(first, "a case"), Verdict(second, None), Verdict(third, None)]
    is_good = report(verdicts, {third.key: "it is the same"}, is_whole=False)
    said = capsys.readouterr().out

    assert not is_good
    assert f"survived: {second}" in said
    assert "1 of 2 killed, 50.0%; 1 are equivalent" in said


def test_listed_mutant_that_is_killed_is_not_equivalent(capsys: pytest.CaptureFixture[str]) -> None:
    mutant = EVERY_MUTANT[0]
    is_good = report([Verdict(mutant, "a case")], {mutant.key: "it is the same"}, is_whole=False)

    assert not is_good
    assert "not equivalent" in capsys.readouterr().out
