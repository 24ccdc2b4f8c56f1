"""Places: what a text on the command line names (docs/commands.md, "Places")."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from packaging_kit.digest import Digest
from packaging_kit.errors import RequestError
from packaging_kit.oci.reference import check_tag
from packaging_kit.stores.files import io_errors
from packaging_kit.stores.layout import is_layout

_DIGEST_LIKE = re.compile(r"[a-z0-9]+:")
_ARCHIVE = ".tar"
_REGISTRY_HOST = re.compile(r"localhost|[^/]*[.:][^/]*")


@dataclass(frozen=True, slots=True)
class FilePlace:
    """A file, or `-` for standard input or output."""

    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutPlace:
    """A layout folder, and what in it.

    Attributes:
        folder: the layout.
        tag: or `None`.
        digest: or `None`; never both.
    """

    folder: Path
    tag: str | None = None
    digest: Digest | None = None

    def __str__(self) -> str:
        return f"oci:{self.folder}{_inside(self.tag, self.digest)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivePlace:
    """A layout in a tar archive, and what in it.

    Attributes:
        file: the archive.
        tag: or `None`.
        digest: or `None`; never both.
    """

    file: Path
    tag: str | None = None
    digest: Digest | None = None

    def __str__(self) -> str:
        return f"oci-archive:{self.file}{_inside(self.tag, self.digest)}"


RepositoryPlace = LayoutPlace | ArchivePlace
"""A place that holds named things."""

Place = FilePlace | RepositoryPlace


def with_tag(place: RepositoryPlace, tag: str) -> RepositoryPlace:
    """The place of something else in the same repository."""
    return replace(place, tag=tag, digest=None)


def _inside(tag: str | None, digest: Digest | None) -> str:
    return f":{tag}" if tag is not None else f"@{digest}" if digest is not None else ""


def parse_source(text: str) -> Place:
    """The place that something is read from.

    Raises:
        RequestError: `place-unclear`, `place-unsupported`, `tag-invalid`, `digest-invalid`.
    """
    if (prefixed := _parse_prefixed(text)) is not None:
        return prefixed
    if text == "-":
        return FilePlace(text)
    with io_errors(Path(text)):
        if Path(text).is_dir():
            return LayoutPlace(folder=Path(text))
        is_there = Path(text).exists()
    if text.endswith(_ARCHIVE):
        return ArchivePlace(file=Path(text))
    if is_there:
        return FilePlace(text)
    if (inside := _inside_of(text)) is not None:
        return inside
    if text.startswith(("/", "./", "../")) or text.endswith(".wasm"):
        return FilePlace(text)
    host, slash, _ = text.partition("/")
    if slash and _REGISTRY_HOST.fullmatch(host):
        raise _unsupported("registries")
    raise RequestError(
        "place-unclear",
        f"`{text}` names nothing that is here, and could be a file or a registry",
        hint=f"`./{text}` for a file, `oci:{text}` for a layout, `docker://{text}` for a registry",
    )


def parse_repository(text: str) -> RepositoryPlace:
    """The layout or archive that something is read from; raises as `parse_source` does."""
    place = parse_source(text)
    if isinstance(place, FilePlace):
        raise RequestError("place-unclear", f"`{text}` is a file, not a layout", hint="`oci:DIR:TAG`")
    return place


def parse_output(text: str) -> RepositoryPlace:
    """The layout or archive that something is written to; every text without a prefix is a path.

    Raises:
        RequestError: `place-unclear`, `place-unsupported`, `tag-invalid`.
    """
    if text == "-":
        raise RequestError("place-unclear", "a layout is a folder or an archive and can't be standard output")
    place = _parse_prefixed(text)
    if place is None:
        place = ArchivePlace(file=Path(text)) if text.endswith(_ARCHIVE) else LayoutPlace(folder=Path(text))
    if place.digest is not None:
        raise RequestError("place-unclear", "what is written is named by a tag, not by a digest")
    return place


def parse_destination(text: str) -> RepositoryPlace:
    """The place that is copied to: as `parse_output` reads it, and `PATH:TAG` where the path is there already."""
    with io_errors(Path(text)):
        is_there = Path(text).exists()
    inside = None if is_there else _inside_of(text)
    return parse_output(text) if inside is None or inside.digest is not None else inside


def _parse_prefixed(text: str) -> RepositoryPlace | None:
    if text.startswith("oci:"):
        return LayoutPlace(**_split(text.removeprefix("oci:"), "folder"))
    if text.startswith("oci-archive:"):
        return ArchivePlace(**_split(text.removeprefix("oci-archive:"), "file"))
    if text.startswith("docker://"):
        raise _unsupported("registries")
    return None


def _inside_of(text: str) -> RepositoryPlace | None:
    """`PATH:TAG` or `PATH@DIGEST` where the path is a layout or an archive that exists."""
    for path in (text.rpartition("@")[0], text.rpartition(":")[0]):
        if path and is_layout(Path(path)):
            return LayoutPlace(**_split(text, "folder"))
        with io_errors(Path(path)):
            if path.endswith(_ARCHIVE) and Path(path).is_file():
                return ArchivePlace(**_split(text, "file"))
    return None


def _split(text: str, name: str) -> dict[str, Any]:
    """`PATH`, `PATH:TAG` or `PATH@DIGEST` as fields; a path that exists may have such characters in its name."""
    with io_errors(Path(text)):
        if Path(text).exists():
            return {name: Path(text)}
    path, at, digest = text.rpartition("@")
    if at and _DIGEST_LIKE.match(digest):
        return {name: _path(path), "digest": Digest(digest)}
    path, colon, tag = text.rpartition(":")
    if colon and "/" not in tag and "\\" not in tag:
        return {name: _path(path), "tag": check_tag(tag)}
    return {name: _path(text)}


def _path(text: str) -> Path:
    if not text:
        raise RequestError("place-unclear", "the place names no path", hint="`oci:DIR:TAG`")
    return Path(text)


def _unsupported(what: str) -> RequestError:
    return RequestError("place-unsupported", f"{what} are not supported by this version", hint="`oci:DIR`")
