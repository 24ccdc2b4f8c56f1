"""Exit codes: 0 done, 1 the answer is no, 2 usage, 3 could not do it."""

from __future__ import annotations

from enum import IntEnum

from packaging_kit.errors import PackagingKitError, RequestError, UnavailableError


class ExitCode(IntEnum):
    """What the process ends with."""

    DONE = 0
    NO = 1
    USAGE = 2
    COULD_NOT = 3


def exit_code(error: PackagingKitError) -> ExitCode:
    """The exit code that an error leads to."""
    match error:
        case RequestError():
            return ExitCode.USAGE
        case UnavailableError():
            return ExitCode.COULD_NOT
        case _:
            return ExitCode.NO


def exit_code_of(problem: str) -> ExitCode:
    """The exit code that a problem of this code leads to: what was not looked at says nothing about its content."""
    could_not = problem == "io-error" or problem.startswith(("registry-", "engine-"))
    return ExitCode.COULD_NOT if could_not else ExitCode.NO
