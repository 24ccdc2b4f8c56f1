"""The commands: parse, one call of an operation, render.

Operations are imported inside the commands: the command line must start quickly.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, ParamSpec, TypeVar

import typer

from packaging_kit.cli.exit_codes import ExitCode, exit_code
from packaging_kit.cli.terminal import (
    TerminalProgress,
    flush_output,
    prepare_streams,
    print_data,
    print_error,
    print_json,
    print_note,
)
from packaging_kit.errors import PackagingKitError, RequestError, UnavailableError

if TYPE_CHECKING:
    from packaging_kit.blobs import Blob
    from packaging_kit.operations.inputs import Input
    from packaging_kit.operations.outputs import Output
    from packaging_kit.operations.settings import Settings

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

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document per result.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace an existing file.")]
OutputFile = Annotated[
    str, typer.Option("-o", "--output", metavar="FILE", help="Where to write; `-` is standard output.")
]


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


def _reports_errors(command: Callable[P, R]) -> Callable[P, R]:
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


@app.command()
@_reports_errors
def digest(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Wasm binaries; `-` is standard input.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Print the root of each file's canonical split: its content hash as if exploded."""
    from packaging_kit.cli.render import digest_line, split_json
    from packaging_kit.operations.digest import digest_file

    settings = _settings()
    worst = ExitCode.DONE
    for name in files:
        try:
            with TerminalProgress(is_wanted=not as_json) as progress:
                summary = digest_file(_input(name), settings, progress)
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
@_reports_errors
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
        summary = explode_file(_input(file), Path(output), _settings(), progress)
    if as_json:
        print_json(split_json(file, summary))
    else:
        print_data(digest_line(summary.root, output))
        print_note(f"wrote {len(summary.fragments)} fragments and the root skeleton to {output}")


@app.command()
@_reports_errors
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
        whole = reassemble_folder(folder, _output(output, force=force), _settings(), expect=expected, progress=progress)
    _print_written(whole, output, as_json=as_json)


@app.command()
@_reports_errors
def pack(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Wasm binaries; `-` is standard input.")],
    *,
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="PLACE", help="A layout folder: `oci:DIR` or `DIR`.")
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
    force: Annotated[bool, typer.Option("--force", help="Move tags that exist.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Package components as OCI artifacts in a layout."""
    from packaging_kit.artifact.pack import Form
    from packaging_kit.cli.render import digest_line, pack_json
    from packaging_kit.operations import pack as operation
    from packaging_kit.operations.places import parse_layout_output

    place = parse_layout_output(output)
    options = operation.PackOptions(
        form=Form(form),
        tag=_one_tag(tag, place.tag),
        title=_text(title),
        author=_text(author),
        target=_text(target),
        created=_source_date_epoch() if created is None else created,
        annotations=_annotations(annotation or []),
        use_metadata=not no_metadata,
        imports=_names(imports),
        exports=_names(exports),
        force=force,
    )
    with TerminalProgress(is_wanted=not as_json) as progress:
        results = operation.pack([_input(file) for file in files], place.folder, options, _settings(), progress)
    for result in results:
        if as_json:
            print_json(pack_json(result, place.with_tag(result.tag)))
            continue
        print_data(digest_line(result.digest, place.with_tag(result.tag)))
        for warning in result.warnings:
            print_note(f"warning: {result.file}: {warning}")


@app.command()
@_reports_errors
def unpack(
    place: Annotated[str, typer.Argument(metavar="PLACE", help="`oci:DIR[:TAG|@DIGEST]`.")],
    *,
    output: OutputFile,
    fragment: Annotated[str | None, typer.Option(metavar="DIGEST", help="One core module alone.")] = None,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write the exact bytes of a packed component, from any form, verified."""
    from packaging_kit.digest import Digest
    from packaging_kit.operations import unpack as operation
    from packaging_kit.operations.places import LayoutPlace, parse_source

    source = parse_source(place)
    if not isinstance(source, LayoutPlace):
        raise RequestError("place-unclear", f"`{place}` is a file, not a layout", hint="`oci:DIR:TAG`")
    target = _output(output, force=force)
    if fragment is not None:
        written = operation.unpack_fragment(source, Digest(fragment), target, _settings())
    else:
        with TerminalProgress(is_wanted=not as_json) as progress:
            written = operation.unpack(source, target, _settings(), progress)
    _print_written(written, output, as_json=as_json)


@app.command()
@_reports_errors
def inspect(
    place: Annotated[str, typer.Argument(metavar="FILE|PLACE", help="A Wasm binary, `-`, or `oci:DIR[:TAG|@DIGEST]`.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Show what a binary is, what it is made of, and what it says of itself."""
    from packaging_kit.cli.render import inspection_json, inspection_lines
    from packaging_kit.operations.inspect import inspect_file, inspect_place
    from packaging_kit.operations.places import LayoutPlace, parse_source

    source = parse_source(place)
    if isinstance(source, LayoutPlace):
        inspection = inspect_place(source, place, _settings())
    else:
        inspection = inspect_file(_input(source.path), _settings())
    if as_json:
        print_json(inspection_json(inspection))
    else:
        for line in inspection_lines(inspection):
            print_data(line)


def _settings() -> Settings:
    from packaging_kit.operations.settings import Settings

    return Settings()


def _source_date_epoch() -> str | None:
    """`SOURCE_DATE_EPOCH` as RFC 3339 (reproducible-builds.org, "SOURCE_DATE_EPOCH specification")."""
    text = os.environ.get("SOURCE_DATE_EPOCH")
    if not text:
        return None
    try:
        if not text.isascii() or not text.isdecimal():
            raise ValueError(text)
        return datetime.fromtimestamp(int(text), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError) as exc:
        raise RequestError(
            "created-invalid", f"SOURCE_DATE_EPOCH is `{text}`", hint="seconds since 1970, as digits"
        ) from exc


def _input(name: str) -> Input:
    from packaging_kit.operations.inputs import STANDARD_INPUT, Input

    if name != STANDARD_INPUT:
        return Input(name=name)
    if sys.stdin is None:
        raise UnavailableError("io-error", "standard input is closed")
    return Input(name=name, stream=sys.stdin.buffer)


def _output(name: str, *, force: bool) -> Output:
    from packaging_kit.operations.outputs import STANDARD_OUTPUT, Output

    return Output(name=name, stream=sys.stdout.buffer if name == STANDARD_OUTPUT else None, force=force)


def _print_written(whole: Blob, output: str, *, as_json: bool) -> None:
    """Say what was written; on standard error where the data itself went to standard output."""
    from packaging_kit.cli.render import blob_json, digest_line

    if output == "-":
        return
    if as_json:
        print_json({"file": output, **blob_json(whole)})
    else:
        print_data(digest_line(whole.digest, output))


def _one_tag(option: str | None, of_place: str | None) -> str | None:
    if option is not None and of_place is not None and option != of_place:
        raise RequestError("tag-ambiguous", f"`--tag {option}` and the place's `{of_place}` are two tags")
    return option if option is not None else of_place


def _annotations(options: list[str]) -> dict[str, str]:
    annotations = {}
    for option in options:
        key, equals, value = (_text(option) or "").partition("=")
        if not equals or not key:
            raise RequestError("annotation-invalid", f"`{option}` is not of the form KEY=VALUE")
        annotations[key] = value
    return annotations


def _names(option: str | None) -> tuple[str, ...] | None:
    text = _text(option)
    return None if text is None else tuple(name for name in text.split(",") if name)


def _text(option: str | None) -> str | None:
    """An argument that goes into a document: its bytes count, not the locale."""
    from packaging_kit.operations.inputs import utf8

    return None if option is None else utf8(option)
