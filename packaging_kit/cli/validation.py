"""The command `validate`.

Operations are imported inside the command: the command line must start quickly.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from packaging_kit.cli.connection import Connection, RegistryCommand, talks_to_registries
from packaging_kit.cli.exit_codes import ExitCode, exit_code, exit_code_of
from packaging_kit.cli.options import JsonOption, make_source
from packaging_kit.cli.program import app, reports_errors
from packaging_kit.cli.terminal import TerminalProgress, print_data, print_error, print_json, print_note
from packaging_kit.errors import PackagingKitError, RequestError

if TYPE_CHECKING:
    from packaging_kit.operations.validate import ValidateOptions
    from packaging_kit.validate.outcome import Outcome

Format = Literal["text", "json", "sarif", "junit"]


@app.command(cls=RegistryCommand)
@reports_errors
@talks_to_registries
def validate(
    places: Annotated[
        list[str],
        typer.Argument(
            metavar="PLACE|FILE...",
            help="A Wasm binary, `-`, or a place as `oci:DIR:TAG`; without a tag, every tag.",
        ),
    ],
    *,
    profile: Annotated[
        Literal["cncf", "split", "lenient", "oci"],
        typer.Option(help="Which rules apply: the CNCF layout, with a split, older types too, any OCI document."),
    ] = "cncf",
    engine: Annotated[
        Literal["auto", "wasm-tools", "wasmtime", "none"], typer.Option(help="What judges whether binaries are valid.")
    ] = "auto",
    features: Annotated[
        str, typer.Option(metavar="NAME,...", help="Proposals to switch on, or with `-` off, in the engine.")
    ] = "",
    wasm_tools: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The program; or PACKAGING_KIT_WASM_TOOLS, or in PATH.")
    ] = None,
    time_limit: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.1, max=86400, help="For `wasm-tools` and one binary.")
    ] = 60.0,
    policy: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What is asked for besides, as TOML; schema `policy`.")
    ] = None,
    output_format: Annotated[Format, typer.Option("--format", help="What the report is written as.")] = "text",
    processes: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=256, help="Side by side, for many files or tags of layouts.")
    ] = None,
    as_json: JsonOption = False,
    connection: Connection,
) -> None:
    """Find everything that is wrong with binaries and artifacts. Exits with 1 where there is an error."""
    from packaging_kit.operations import validate_many as operation

    chosen = _choose_format(output_format, as_json=as_json)
    options = _options(profile, engine, features, wasm_tools, time_limit, policy)
    if places.count("-") > 1:
        raise RequestError("place-unclear", "standard input can be one of the inputs, and not two")
    named = [(place, make_source(place)) for place in places]
    settings = connection.settings(*(source for _, source in named))
    targets = [target for place, source in named for target in operation.expand(place, source, settings)]
    worst = ExitCode.DONE
    shown: list[Outcome] = []
    with TerminalProgress(is_wanted=chosen == "text") as progress:
        for outcome in operation.validate_many(targets, options, settings, processes=processes, progress=progress):
            shown.append(outcome)
            worst = max(worst, _exit_code(outcome))
            _print_one(outcome, chosen, is_alone=len(targets) == 1)
    _print_all(shown, chosen, is_alone=len(targets) == 1)
    raise typer.Exit(worst)


def _choose_format(output_format: Format, *, as_json: bool) -> Format:
    if not as_json:
        return output_format
    if output_format not in ("text", "json"):
        raise RequestError("options-disagree", f"`--json` and `--format {output_format}` are two formats")
    return "json"


def _options(
    profile: str, engine: str, features: str, wasm_tools: Path | None, time_limit: float, policy: Path | None
) -> ValidateOptions:
    from packaging_kit.cli import environment
    from packaging_kit.engines.choice import EngineChoice, parse_features
    from packaging_kit.operations.validate import ValidateOptions, read_policy
    from packaging_kit.validate.report import Profile

    return ValidateOptions(
        profile=Profile(profile),
        policy=None if policy is None else read_policy(policy),
        engine=EngineChoice(engine),
        features=parse_features(features),
        wasm_tools=wasm_tools or environment.wasm_tools(),
        search_path=environment.search_path(),
        environment=environment.engine_environment(),
        time_limit=time_limit,
    )


def _exit_code(outcome: Outcome) -> ExitCode:
    if isinstance(outcome.result, PackagingKitError):
        return exit_code(outcome.result)
    report = outcome.result
    codes = [exit_code_of(problem.code) for problem in report.errors]
    return max((*codes, ExitCode.DONE if report.is_clean else ExitCode.NO))


def _print_one(outcome: Outcome, chosen: Format, *, is_alone: bool) -> None:
    """What is printed of one input as soon as it is known."""
    from packaging_kit.cli.render_validation import outcome_line, report_json, report_lines

    if chosen not in ("text", "json"):
        return
    if isinstance(outcome.result, PackagingKitError):
        print_error(outcome.result, as_json=chosen == "json")
    elif chosen == "json":
        print_json(report_json(outcome.result))
    elif is_alone:
        for line in report_lines(outcome.result):
            print_data(line)
    if chosen == "text" and not is_alone:
        print_data(outcome_line(outcome))


def _print_all(outcomes: Sequence[Outcome], chosen: Format, *, is_alone: bool) -> None:
    """What is printed when all of them are known."""
    from packaging_kit import __version__
    from packaging_kit.cli.render_validation import report_lines, summary_line

    match chosen:
        case "sarif":
            from packaging_kit.validate.catalog import RULES
            from packaging_kit.validate.sarif import to_sarif

            print_json(to_sarif(outcomes, RULES, __version__))
        case "junit":
            from packaging_kit.validate.junit import to_junit

            print_data(to_junit(outcomes).decode().rstrip("\n"))
        case "text" if not is_alone:
            for outcome in outcomes:
                if not isinstance(outcome.result, PackagingKitError) and not outcome.is_clean:
                    print_data("")
                    for line in report_lines(outcome.result):
                        print_data(line)
            print_note(summary_line(outcomes))
