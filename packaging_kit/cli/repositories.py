"""The commands on whole repositories: verify, stats, gc; and schema.

Operations are imported inside the commands: the command line must start quickly.
"""

from __future__ import annotations

from typing import Annotated

import typer

from packaging_kit.cli.connection import Connection, RegistryCommand, talks_to_registries
from packaging_kit.cli.exit_codes import ExitCode, exit_code_of
from packaging_kit.cli.options import PLACE_HELP, JsonOption
from packaging_kit.cli.program import app, reports_errors
from packaging_kit.cli.terminal import TerminalProgress, print_data, print_json, print_note, printable


@app.command(cls=RegistryCommand)
@reports_errors
@talks_to_registries
def verify(
    place: Annotated[str, typer.Argument(metavar="PLACE", help=PLACE_HELP)],
    *,
    as_json: JsonOption = False,
    connection: Connection,
) -> None:
    """Read and check every byte that is held for what is named. Exits with 1 where something is wrong."""
    from packaging_kit.cli.render_repositories import verification_json, verification_lines, verification_note
    from packaging_kit.operations import verify as operation
    from packaging_kit.operations.places import parse_repository

    source = parse_repository(place)
    settings = connection.settings(source)
    with TerminalProgress(is_wanted=not as_json) as progress:
        found = operation.verify(source, settings, progress)
    if as_json:
        print_json(verification_json(str(source), found))
    else:
        for line in verification_lines(found):
            print_data(line)
        print_note(verification_note(found))
    raise typer.Exit(max((exit_code_of(problem.code) for problem in found.problems), default=ExitCode.DONE))


@app.command(cls=RegistryCommand)
@reports_errors
@talks_to_registries
def stats(
    places: Annotated[list[str], typer.Argument(metavar="PLACE...", help=PLACE_HELP)],
    *,
    uses: Annotated[
        str | None, typer.Option(metavar="DIGEST", help="Only list the components that embed this module.")
    ] = None,
    as_json: JsonOption = False,
    connection: Connection,
) -> None:
    """Count what components share, and what that saves."""
    from packaging_kit.cli.render_repositories import sharing_json, sharing_lines, users_of
    from packaging_kit.digest import Digest
    from packaging_kit.operations import stats as operation
    from packaging_kit.operations.places import parse_repository

    wanted = None if uses is None else Digest(uses)
    sources = [parse_repository(place) for place in places]
    settings = connection.settings(*sources)
    with TerminalProgress(is_wanted=not as_json) as progress:
        sharing = operation.stats(sources, settings, progress)
    if wanted is not None:
        users = users_of(sharing, wanted)
        if as_json:
            print_json({"digest": wanted.value, "components": list(users)})
        else:
            for user in users:
                print_data(printable(user))
            if not users:
                print_note(f"no component embeds {wanted}")
        raise typer.Exit(ExitCode.DONE if users else ExitCode.NO)
    if as_json:
        print_json(sharing_json(sources, sharing))
        return
    for line in sharing_lines(sources, sharing):
        print_data(line)


@app.command()
@reports_errors
def gc(
    place: Annotated[str, typer.Argument(metavar="PLACE", help="A layout: `oci:DIR` or `DIR`.")],
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing, and list what would go.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Sweep a layout without any tag too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove what no tag leads to. What refers to something that stays is kept too."""
    from packaging_kit.cli.render_repositories import swept_json, swept_note
    from packaging_kit.operations import gc as operation
    from packaging_kit.operations.places import parse_local

    source = parse_local(place)
    swept = operation.gc(source, dry_run=dry_run, force=force)
    if as_json:
        print_json(swept_json(str(source), swept))
        return
    for blob in swept.blobs:
        print_data(f"{blob.digest}  {blob.size}")
    print_note(swept_note(swept))


@app.command()
@reports_errors
def schema(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Without one, the names are listed.")] = None,
) -> None:
    """Print a JSON Schema of a document or of a `--json` output."""
    from packaging_kit.schemas import read_schema, schema_names

    if name is None:
        for known in schema_names():
            print_data(known)
    else:
        print_data(read_schema(name).rstrip("\n"))
