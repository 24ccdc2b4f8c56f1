"""Options and arguments that several commands have, and what becomes of them."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from packaging_kit.cli.terminal import print_data, print_json
from packaging_kit.errors import RequestError, UnavailableError

if TYPE_CHECKING:
    from packaging_kit.blobs import Blob
    from packaging_kit.operations.inputs import Input
    from packaging_kit.operations.outputs import Output
    from packaging_kit.operations.settings import Settings

JsonOption = Annotated[bool, typer.Option("--json", help="One JSON document per result.")]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace an existing file.")]
MoveOption = Annotated[bool, typer.Option("--force", help="Move tags that exist.")]
OutputFile = Annotated[
    str, typer.Option("-o", "--output", metavar="FILE", help="Where to write; `-` is standard output.")
]

PLACE_HELP = "`oci:DIR[:TAG|@DIGEST]` for a layout, `FILE.tar[:TAG|@DIGEST]` for an archive."


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


def one_tag(option: str | None, of_place: str | None) -> str | None:
    if option is not None and of_place is not None and option != of_place:
        raise RequestError("tag-ambiguous", f"`--tag {option}` and the place's `{of_place}` are two tags")
    return option if option is not None else of_place


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
