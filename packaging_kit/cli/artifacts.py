"""The commands on artifacts: pack, unpack, copy, convert, untag.

Operations are imported inside the commands: the command line must start quickly.
"""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from packaging_kit.cli.connection import Connection, RegistryCommand, talks_to_registries
from packaging_kit.cli.options import (
    PLACE_HELP,
    AnnotationOption,
    AuthorOption,
    CreatedOption,
    ExportsOption,
    ForceOption,
    FormOption,
    ImportsOption,
    JsonOption,
    MountOption,
    MoveOption,
    NoMetadataOption,
    OutputFile,
    TargetOption,
    TitleOption,
    make_input,
    make_output,
    make_settings,
    one_tag,
    pack_options,
    parse_mounts,
    parse_names,
    print_copied,
    print_written,
)
from packaging_kit.cli.program import app, reports_errors
from packaging_kit.cli.terminal import TerminalProgress, print_data, print_json, print_note


@app.command()
@reports_errors
def pack(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Wasm binaries; `-` is standard input.")],
    *,
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="PLACE", help="`oci:DIR` for a layout, `FILE.tar` for an archive.")
    ],
    form: FormOption = "mapped",
    tag: Annotated[str | None, typer.Option(help="The tag; otherwise the file's stem.")] = None,
    title: TitleOption = None,
    author: AuthorOption = None,
    target: TargetOption = None,
    annotation: AnnotationOption = None,
    created: CreatedOption = None,
    no_metadata: NoMetadataOption = False,
    imports: ImportsOption = None,
    exports: ExportsOption = None,
    force: MoveOption = False,
    as_json: JsonOption = False,
) -> None:
    """Package components as OCI artifacts in a layout."""
    from packaging_kit.cli.render import digest_line, pack_json
    from packaging_kit.operations import pack as operation
    from packaging_kit.operations.places import as_local, parse_destination, with_tag

    place = as_local(parse_destination(output), hint="`packaging-kit push FILE REF`")
    options = pack_options(
        form=form,
        tag=one_tag(tag, place.tag),
        title=title,
        author=author,
        target=target,
        annotation=annotation,
        created=created,
        no_metadata=no_metadata,
        imports=imports,
        exports=exports,
        force=force,
    )
    with TerminalProgress(is_wanted=not as_json) as progress:
        results = operation.pack([make_input(file) for file in files], place, options, make_settings(), progress)
    for result in results:
        name = str(with_tag(place, result.tag))
        if as_json:
            print_json(pack_json(result, name))
            continue
        print_data(digest_line(result.digest, name))
        for warning in result.warnings:
            print_note(f"warning: {result.file}: {warning}")


@app.command(cls=RegistryCommand)
@reports_errors
@talks_to_registries
def unpack(
    place: Annotated[str, typer.Argument(metavar="PLACE", help=PLACE_HELP)],
    *,
    output: OutputFile,
    fragment: Annotated[str | None, typer.Option(metavar="DIGEST", help="One core module alone.")] = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
    connection: Connection,
) -> None:
    """Write the exact bytes of a packed component, verified. It may have any form."""
    from packaging_kit.digest import Digest
    from packaging_kit.operations import unpack as operation
    from packaging_kit.operations.places import parse_repository

    source = parse_repository(place)
    settings = connection.settings(source)
    target = make_output(output, force=force)
    if fragment is not None:
        written = operation.unpack_fragment(source, Digest(fragment), target, settings)
    else:
        with TerminalProgress(is_wanted=not as_json) as progress:
            written = operation.unpack(source, target, settings, progress)
    print_written(written, output, as_json=as_json)


@app.command(cls=RegistryCommand)
@reports_errors
@talks_to_registries
def copy(
    source: Annotated[str, typer.Argument(metavar="SRC", help=PLACE_HELP)],
    destination: Annotated[
        str, typer.Argument(metavar="DST", help="The same, new or old; without a tag it gets SRC's.")
    ],
    *,
    referrers: Annotated[bool, typer.Option("--referrers", help="Copy what refers to it too.")] = False,
    every_tag: Annotated[bool, typer.Option("--all", help="Copy everything that has a tag.")] = False,
    mount_from: MountOption = None,
    force: MoveOption = False,
    as_json: JsonOption = False,
    connection: Connection,
) -> None:
    """Copy an artifact, with what it contains and its skeleton. Blobs that are there already stay."""
    from packaging_kit.cli.render_repositories import copy_json
    from packaging_kit.operations import copy as operation
    from packaging_kit.operations.places import parse_repository, parse_target
    from packaging_kit.transfer.copy import ReferrerChoice

    here, there = parse_repository(source), parse_target(destination)
    with TerminalProgress(is_wanted=not as_json) as progress:
        copied = operation.copy(
            here,
            there,
            connection.settings(here, there),
            referrers=ReferrerChoice.ALL if referrers else ReferrerChoice.AUTO,
            every_tag=every_tag,
            mounts=parse_mounts(mount_from),
            force=force,
            progress=progress,
        )
    if as_json:
        print_json(copy_json(copied, there))
    else:
        print_copied(copied, there)


class _MissingFormError(typer.BadParameter):
    """What `typer` says where an option that is needed is missing; this one is needed without `--cncf` only."""

    def format_message(self) -> str:
        return "Missing option '--form'. Choose from:\n\twhole,\n\tmapped,\n\tsplit,\n\tboth"


@app.command(cls=RegistryCommand)
@reports_errors
@talks_to_registries
def convert(
    place: Annotated[str, typer.Argument(metavar="PLACE", help=PLACE_HELP)],
    *,
    form: Annotated[
        Literal["whole", "mapped", "split", "both"] | None,
        typer.Option(help="How its fragments will be stored; may be left out with `--cncf`, for mapped."),
    ] = None,
    cncf: Annotated[bool, typer.Option("--cncf", help="Write the whole artifact anew, in the CNCF layout.")] = False,
    imports: ImportsOption = None,
    exports: ExportsOption = None,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="PLACE", help="Where to write; otherwise it stays where it is."),
    ] = None,
    force: MoveOption = False,
    as_json: JsonOption = False,
    connection: Connection,
) -> None:
    """Give an artifact another form, around the same whole artifact.

    With `--cncf`, the whole artifact of an older tool becomes the one that `pack` writes, under another digest.
    """
    from packaging_kit.artifact.pack import Form
    from packaging_kit.cli.render import digest_line
    from packaging_kit.cli.render_repositories import convert_json, convert_notes
    from packaging_kit.operations import convert as operation
    from packaging_kit.operations.places import parse_destination, parse_repository, with_tag

    if form is None and not cncf:
        raise _MissingFormError("")
    source = parse_repository(place)
    there = None if output is None else parse_destination(output)
    with TerminalProgress(is_wanted=not as_json) as progress:
        converted = operation.convert(
            source,
            Form.MAPPED if form is None else Form(form),
            connection.settings(source, there),
            destination=there,
            cncf=cncf,
            imports=parse_names(imports),
            exports=parse_names(exports),
            force=force,
            progress=progress,
        )
    name = str(with_tag(there or source, converted.tag))
    if as_json:
        print_json(convert_json(converted, name))
        return
    print_data(digest_line(converted.digest, name))
    for note in convert_notes(converted, cncf=cncf):
        print_note(note)


@app.command()
@reports_errors
def untag(
    place: Annotated[str, typer.Argument(metavar="PLACE", help="`oci:DIR:TAG` or `FILE.tar:TAG`.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Take a tag away; what it named stays until `gc`."""
    from packaging_kit.cli.render import digest_line
    from packaging_kit.operations import untag as operation
    from packaging_kit.operations.places import parse_local

    source = parse_local(place)
    digest = operation.untag(source, make_settings())
    if as_json:
        print_json({"place": str(source), "digest": digest.value})
    else:
        print_data(digest_line(digest, str(source)))
