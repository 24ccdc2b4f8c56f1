"""The commands on binaries: digest, explode, reassemble, inspect, diff.

Operations are imported inside the commands: the command line must start quickly.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from packaging_kit.cli.connection import Connection, RegistryCommand, talks_to_registries
from packaging_kit.cli.exit_codes import ExitCode, exit_code
from packaging_kit.cli.options import (
    ForceOption,
    JsonOption,
    OutputFile,
    make_input,
    make_output,
    make_settings,
    make_source,
    print_written,
)
from packaging_kit.cli.program import app, reports_errors
from packaging_kit.cli.terminal import TerminalProgress, print_data, print_error, print_json, print_note
from packaging_kit.errors import PackagingKitError, RequestError


@app.command()
@reports_errors
def digest(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Wasm binaries; `-` is standard input.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Print each file's content hash as if exploded: its root."""
    from packaging_kit.cli.render import digest_line, split_json
    from packaging_kit.operations.digest import digest_file

    settings = make_settings()
    worst = ExitCode.DONE
    for name in files:
        try:
            with TerminalProgress(is_wanted=not as_json) as progress:
                summary = digest_file(make_input(name), settings, progress)
        except PackagingKitError as exc:
            exc.subject = name
            print_error(exc, as_json=as_json)
            worst = max(worst, exit_code(exc))
            continue
        if as_json:
            print_json(split_json(name, summary))
        else:
            print_data(digest_line(summary.root, name))
    raise typer.Exit(worst)


@app.command()
@reports_errors
def explode(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A Wasm binary; `-` is standard input.")],
    *,
    output: Annotated[str, typer.Option("-o", "--output", metavar="DIR", help="Folder for the root and the blobs.")],
    as_json: JsonOption = False,
) -> None:
    """Write a component's skeletons and fragments as plain files."""
    from packaging_kit.cli.render import digest_line, split_json
    from packaging_kit.operations.explode import explode_file

    with TerminalProgress(is_wanted=not as_json) as progress:
        summary = explode_file(make_input(file), Path(output), make_settings(), progress)
    if as_json:
        print_json(split_json(file, summary))
    else:
        print_data(digest_line(summary.root, output))
        print_note(f"wrote {len(summary.fragments)} fragments and the root skeleton to {output}")


@app.command()
@reports_errors
def reassemble(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What `explode` wrote.")],
    *,
    output: OutputFile,
    expect: Annotated[str | None, typer.Option(metavar="DIGEST", help="Digest that the whole must have.")] = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Put the component back together, byte for byte."""
    from packaging_kit.digest import Digest
    from packaging_kit.operations.reassemble import reassemble_folder

    expected = None if expect is None else Digest(expect)
    with TerminalProgress(is_wanted=not as_json) as progress:
        whole = reassemble_folder(
            folder, make_output(output, force=force), make_settings(), expect=expected, progress=progress
        )
    print_written(whole, output, as_json=as_json)


@app.command(cls=RegistryCommand)
@reports_errors
@talks_to_registries
def inspect(
    place: Annotated[
        str, typer.Argument(metavar="FILE|PLACE", help="A Wasm binary, `-`, or a place as `oci:DIR:TAG`.")
    ],
    *,
    as_json: JsonOption = False,
    connection: Connection,
) -> None:
    """Show what a binary is, what it holds and what it says."""
    from packaging_kit.cli.render import inspection_json, inspection_lines
    from packaging_kit.operations.inputs import Input
    from packaging_kit.operations.inspect import inspect_file, inspect_place

    source = make_source(place)
    settings = connection.settings(source)
    if isinstance(source, Input):  # noqa: SIM108 - it would not fit into a line
        inspection = inspect_file(source, settings)
    else:
        inspection = inspect_place(source, place, settings)
    if as_json:
        print_json(inspection_json(inspection))
    else:
        for line in inspection_lines(inspection):
            print_data(line)


@app.command(cls=RegistryCommand)
@reports_errors
@talks_to_registries
def diff(
    before: Annotated[str, typer.Argument(metavar="A", help="A Wasm binary, `-`, or a place as `oci:DIR:TAG`.")],
    after: Annotated[str, typer.Argument(metavar="B", help="The same.")],
    *,
    as_json: JsonOption = False,
    connection: Connection,
) -> None:
    """Compare two components, fragment by fragment. Exits with 1 where they differ."""
    from packaging_kit.cli.render_repositories import diff_json, diff_lines
    from packaging_kit.operations import diff as operation

    if before == after == "-":
        raise RequestError("place-unclear", "standard input can be one of the two, not both")
    sources = make_source(before), make_source(after)
    result = operation.diff(*sources, connection.settings(*sources))
    if as_json:
        print_json(diff_json(result))
    else:
        for line in diff_lines(result):
            print_data(line)
    raise typer.Exit(ExitCode.DONE if result.is_same else ExitCode.NO)
