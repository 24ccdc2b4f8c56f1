"""Options and arguments that several commands have, and what becomes of them."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from packaging_kit.cli.terminal import print_data, print_json, print_note
from packaging_kit.errors import RequestError, UnavailableError

if TYPE_CHECKING:
    from packaging_kit.blobs import Blob
    from packaging_kit.operations.inputs import Input
    from packaging_kit.operations.outputs import Output
    from packaging_kit.operations.pack import PackOptions
    from packaging_kit.operations.places import RepositoryPlace
    from packaging_kit.operations.settings import Settings
    from packaging_kit.transfer.copy import Copied

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document per result.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace an existing file.")]
MoveOption = Annotated[bool, typer.Option("--force", help="Move tags that exist.")]
OutputFile = Annotated[
    str, typer.Option("-o", "--output", metavar="FILE", help="Where to write; `-` is standard output.")
]

FormOption = Annotated[Literal["whole", "mapped", "split", "both"], typer.Option(help="How fragments are stored.")]
TitleOption = Annotated[str | None, typer.Option(help="The layer's file name; otherwise the file's.")]
AuthorOption = Annotated[str | None, typer.Option(help="The author in the config.")]
TargetOption = Annotated[str | None, typer.Option(metavar="WORLD", help="The world that it was made for.")]
AnnotationOption = Annotated[list[str] | None, typer.Option(metavar="K=V", help="An annotation; may be repeated.")]
CreatedOption = Annotated[str | None, typer.Option(metavar="TIME", help="RFC 3339; otherwise SOURCE_DATE_EPOCH.")]
NoMetadataOption = Annotated[bool, typer.Option("--no-metadata", help="No annotations from the binary.")]
ImportsOption = Annotated[str | None, typer.Option(metavar="NAME,...", help="State the imports.")]
ExportsOption = Annotated[str | None, typer.Option(metavar="NAME,...", help="State the exports.")]
MountOption = Annotated[
    list[str] | None,
    typer.Option("--mount-from", metavar="REPOSITORY", help="It may hold blobs already; repeatable."),
]
PrintDigestOption = Annotated[bool, typer.Option("--print-digest", help="Print the manifest's digest alone.")]
GithubOutputOption = Annotated[
    bool, typer.Option("--github-output", help="Add `digest` and `name` to the file GITHUB_OUTPUT.")
]

PLACE_HELP = (
    "`oci:DIR[:TAG|@DIGEST]` for a layout, `FILE.tar[:TAG|@DIGEST]` for an archive, "
    "`docker://HOST/REPOSITORY[:TAG|@DIGEST]` for a registry."
)
LOCAL_HELP = "`oci:DIR[:TAG]` for a layout, `FILE.tar[:TAG]` for an archive."
REFERENCE_HELP = "HOST/REPOSITORY[:TAG], with or without `docker://`."


def make_settings() -> Settings:
    from packaging_kit.operations.settings import Settings

    return Settings()


def source_date_epoch() -> str | None:
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


def make_input(name: str) -> Input:
    from packaging_kit.operations.inputs import STANDARD_INPUT, Input

    if name != STANDARD_INPUT:
        return Input(name=name)
    if sys.stdin is None:
        raise UnavailableError("io-error", "standard input is closed")
    return Input(name=name, stream=sys.stdin.buffer)


def make_source(text: str) -> Input | RepositoryPlace:
    """A binary, or a place that holds one."""
    from packaging_kit.operations.places import FilePlace, parse_source

    place = parse_source(text)
    return make_input(place.path) if isinstance(place, FilePlace) else place


def make_output(name: str, *, force: bool) -> Output:
    from packaging_kit.operations.outputs import STANDARD_OUTPUT, Output

    return Output(name=name, stream=sys.stdout.buffer if name == STANDARD_OUTPUT else None, force=force)


def print_written(whole: Blob, output: str, *, as_json: bool) -> None:
    """Say what was written; on standard error where the data itself went to standard output."""
    from packaging_kit.cli.render import blob_json, digest_line

    if output == "-":
        return
    if as_json:
        print_json({"file": output, **blob_json(whole)})
    else:
        print_data(digest_line(whole.digest, output))


def print_copied(copied: Copied, place: RepositoryPlace) -> None:
    """Say what got a name there, and what was sent for it."""
    from packaging_kit.cli.render import digest_line
    from packaging_kit.cli.render_repositories import copy_note, left_note
    from packaging_kit.operations.places import with_tag

    for thing in copied.things:
        print_data(digest_line(thing.descriptor.digest, str(with_tag(place, thing.tag))))
    print_note(copy_note(copied))
    if copied.left:
        print_note(left_note(copied.left))


def parse_mounts(names: list[str] | None) -> tuple[str, ...]:
    from packaging_kit.oci.reference import Reference

    return tuple(Reference(host="localhost", repository=name).repository for name in names or ())


def one_tag(option: str | None, of_place: str | None) -> str | None:
    if option is not None and of_place is not None and option != of_place:
        raise RequestError("tag-ambiguous", f"`--tag {option}` and the place's `{of_place}` are two tags")
    return option if option is not None else of_place


def pack_options(
    *,
    form: str | None,
    tag: str | None,
    title: str | None,
    author: str | None,
    target: str | None,
    annotation: list[str] | None,
    created: str | None,
    no_metadata: bool,
    imports: str | None,
    exports: str | None,
    force: bool = False,
) -> PackOptions:
    """What the options of `pack` come to, and those of `push` for a file."""
    from packaging_kit.artifact.pack import Form
    from packaging_kit.operations.pack import PackOptions

    return PackOptions(
        form=Form.MAPPED if form is None else Form(form),
        tag=tag,
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


def parse_annotations(options: list[str]) -> dict[str, str]:
    annotations = {}
    for option in options:
        key, equals, value = (utf8_text(option) or "").partition("=")
        if not equals or not key:
            raise RequestError("annotation-invalid", f"`{option}` is not of the form KEY=VALUE")
        annotations[key] = value
    return annotations


def parse_names(option: str | None) -> tuple[str, ...] | None:
    text = utf8_text(option)
    return None if text is None else tuple(name for name in text.split(",") if name)


def utf8_text(option: str | None) -> str | None:
    """An argument that goes into a document: its bytes count, not the locale."""
    from packaging_kit.operations.inputs import utf8

    return None if option is None else utf8(option)
