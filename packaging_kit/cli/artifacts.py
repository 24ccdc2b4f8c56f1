"""The commands on artifacts: pack, unpack, copy, convert, untag.

Operations are imported inside the commands: the command line must start quickly.
"""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from packaging_kit.cli.options import (
    PLACE_HELP,
    ForceOption,
    JsonOption,
    MoveOption,
    OutputFile,
    make_input,
    make_output,
    make_settings,
    one_tag,
    parse_annotations,
    parse_names,
    print_written,
    source_date_epoch,
    utf8_text,
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
    form: Annotated[
        Literal["whole", "mapped", "split", "both"], typer.Option(help="How fragments are stored.")
    ] = "mapped",
    tag: Annotated[str | None, typer.Option(help="The tag; otherwise the file's stem.")] = None,
    title: Annotated[str | None, typer.Option(help="The layer's file name; otherwise the file's.")] = None,
    author: Annotated[str | None, typer.Option(help="The author in the config.")] = None,
    target: Annotated[str | None, typer.Option(metavar="WORLD", help="The world that it was made for.")] = None,
    annotation: Annotated[list[str] | None, typer.Option(metavar="K=V", help="An annotation; may be repeated.")] = None,
    created: Annotated[str | None, typer.Option(metavar="TIME", help="RFC 3339; otherwise SOURCE_DATE_EPOCH.")] = None,
    no_metadata: Annotated[bool, typer.Option("--no-metadata", help="No annotations from the binary.")] = False,
    imports: Annotated[str | None, typer.Option(metavar="NAME,...", help="State the imports.")] = None,
    exports: Annotated[str | None, typer.Option(metavar="NAME,...", help="State the exports.")] = None,
    force: MoveOption = False,
    as_json: JsonOption = False,
) -> None:
    """Package components as OCI artifacts in a layout."""
    from packaging_kit.artifact.pack import Form
    from packaging_kit.cli.render import digest_line, pack_json
    from packaging_kit.operations import pack as operation
    from packaging_kit.operations.places import parse_destination, with_tag

    place = parse_destination(output)
    options = operation.PackOptions(
        form=Form(form),
        tag=one_tag(tag, place.tag),
        title=utf8_text(title),
        author=utf8_text(author),
        target=utf8_text(target),
        created=source_date_epoch() if created is None else created,
        annotations=parse_annotations(annotation or []),
        use_metadata=not no_metadata,
        imports=parse_names(imports),
        exports=parse_names(exports),
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


@app.command()
@reports_errors
def unpack(
    place: Annotated[str, typer.Argument(metavar="PLACE", help=PLACE_HELP)],
    *,
    output: OutputFile,
    fragment: Annotated[str | None, typer.Option(metavar="DIGEST", help="One core module alone.")] = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write the exact bytes of a packed component, verified. It may have any form."""
    from packaging_kit.digest import Digest
    from packaging_kit.operations import unpack as operation
    from packaging_kit.operations.places import parse_repository

    source = parse_repository(place)
    target = make_output(output, force=force)
    if fragment is not None:
        written = operation.unpack_fragment(source, Digest(fragment), target, make_settings())
    else:
        with TerminalProgress(is_wanted=not as_json) as progress:
            written = operation.unpack(source, target, make_settings(), progress)
    print_written(written, output, as_json=as_json)


@app.command()
@reports_errors
def copy(
    source: Annotated[str, typer.Argument(metavar="SRC", help=PLACE_HELP)],
    destination: Annotated[
        str, typer.Argument(metavar="DST", help="The same, new or old; without a tag it gets SRC's.")
    ],
    *,
    referrers: Annotated[bool, typer.Option("--referrers", help="Copy what refers to it too.")] = False,
    every_tag: Annotated[bool, typer.Option("--all", help="Copy everything that has a tag.")] = False,
    force: MoveOption = False,
    as_json: JsonOption = False,
) -> None:
    """Copy an artifact, with what it contains and its skeleton. Blobs that are there already stay."""
    from packaging_kit.cli.render import digest_line
    from packaging_kit.cli.render_repositories import copy_json, copy_note
    from packaging_kit.operations import copy as operation
    from packaging_kit.operations.places import parse_destination, parse_repository, with_tag

    there = parse_destination(destination)
    with TerminalProgress(is_wanted=not as_json) as progress:
        copied = operation.copy(
            parse_repository(source),
            there,
            make_settings(),
            referrers=referrers,
            every_tag=every_tag,
            force=force,
            progress=progress,
        )
    if as_json:
        print_json(copy_json(copied, there))
        return
    for thing in copied.things:
        print_data(digest_line(thing.descriptor.digest, str(with_tag(there, thing.tag))))
    print_note(copy_note(copied))


@app.command()
@reports_errors
def convert(
    place: Annotated[str, typer.Argument(metavar="PLACE", help=PLACE_HELP)],
    *,
    form: Annotated[
        Literal["whole", "mapped", "split", "both"], typer.Option(help="How its fragments will be stored.")
    ],
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="PLACE", help="A layout or archive; otherwise it stays where it is."),
    ] = None,
    force: MoveOption = False,
    as_json: JsonOption = False,
) -> None:
    """Give an artifact another form, around the same whole artifact."""
    from packaging_kit.artifact.pack import Form
    from packaging_kit.cli.render import digest_line
    from packaging_kit.cli.render_repositories import convert_json, convert_notes
    from packaging_kit.operations import convert as operation
    from packaging_kit.operations.places import parse_destination, parse_repository, with_tag

    source = parse_repository(place)
    there = None if output is None else parse_destination(output)
    with TerminalProgress(is_wanted=not as_json) as progress:
        converted = operation.convert(
            source, Form(form), make_settings(), destination=there, force=force, progress=progress
        )
    name = str(with_tag(there or source, converted.tag))
    if as_json:
        print_json(convert_json(converted, name))
        return
    print_data(digest_line(converted.digest, name))
    for note in convert_notes(converted):
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
    from packaging_kit.operations.places import parse_repository

    source = parse_repository(place)
    digest = operation.untag(source, make_settings())
    if as_json:
        print_json({"place": str(source), "digest": digest.value})
    else:
        print_data(digest_line(digest, str(source)))
