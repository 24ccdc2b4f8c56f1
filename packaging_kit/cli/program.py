"""The program: what every command is registered with."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Annotated, ParamSpec, TypeVar

import typer

from packaging_kit.cli.exit_codes import exit_code
from packaging_kit.cli.terminal import print_data, print_error
from packaging_kit.errors import PackagingKitError

P = ParamSpec("P")
R = TypeVar("R")

app = typer.Typer(
    name="packaging-kit",
    help="Take WebAssembly components apart, package them as OCI artifacts, and put them back together byte for byte.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def reports_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Print what an operation raises, and exit with its code."""

    @functools.wraps(command)
    def reporting(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except PackagingKitError as exc:
            print_error(exc, as_json=kwargs.get("as_json") is True)
            raise typer.Exit(exit_code(exc)) from exc

    return reporting


@app.callback(invoke_without_command=True)
def program(
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)] = False,
) -> None:
    if version:
        from packaging_kit import __version__

        print_data(f"packaging-kit {__version__}")
        raise typer.Exit
