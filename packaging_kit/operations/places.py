"""Places: what a text on the command line names (docs/commands.md, "Places")."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from packaging_kit.digest import Digest
from packaging_kit.errors import NotFoundError, RequestError
from packaging_kit.oci.reference import Reference, check_tag, is_registry_host
from packaging_kit.stores.files import io_errors, is_file, is_folder, is_there
from packaging_kit.stores.layout import is_layout

_DIGEST_LIKE = re.compile(r"sha[0-9]+:", re.IGNORECASE)
_ARCHIVE = ".tar"
_REGISTRY = "docker://"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryPlace:
    """A repository in a registry, and what in it.

    Attributes:
        reference: which one.
    """

    reference: Reference

    @property
    def tag(self) -> str | None:
        return self.reference.tag if self.reference.digest is None else None

    @property
    def digest(self) -> Digest | None:
        return self.reference.digest

    def __str__(self) -> str:
        return f"docker://{self.reference}"


LocalPlace = LayoutPlace | ArchivePlace
"""A place on this machine that holds named things."""

RepositoryPlace = LocalPlace | RegistryPlace
"""A place that holds named things."""

Place = FilePlace | RepositoryPlace

P = TypeVar("P", LayoutPlace, ArchivePlace, RegistryPlace, LocalPlace, RepositoryPlace)


def with_tag(place: P, tag: str) -> P:
    """The place of something else in the same repository."""
    if isinstance(place, RegistryPlace):
        return RegistryPlace(reference=replace(place.reference, tag=tag, digest=None))
    return replace(place, tag=tag, digest=None)


def _inside(tag: str | None, digest: Digest | None) -> str:
    return f":{tag}" if tag is not None else f"@{digest}" if digest is not None else ""


def parse_source(text: str) -> Place:
    """The place that something is read from.

    Raises:
        RequestError: `place-unclear`, `reference-invalid`, `tag-invalid`, `digest-invalid`.
    """
    if (prefixed := _parse_prefixed(text)) is not None:
        return prefixed
    if text == "-":
        return FilePlace(text)
    path = _path(text)
    with _looking_at(path):
        if is_folder(path):
            return LayoutPlace(folder=path)
        is_something = is_there(path, follow_links=True)
    if text.endswith(_ARCHIVE):
        return ArchivePlace(file=path)
    if is_something:
        return FilePlace(text)
    if (inside := _inside_of(text)) is not None:
        return inside
    if text.startswith(("/", "./", "../")) or text.endswith(".wasm"):
        return FilePlace(text)
    if _names_a_registry(text):
        return RegistryPlace(reference=Reference.parse(text))
    raise _unclear(text)


def _names_a_registry(text: str) -> bool:
    host, slash, _ = text.partition("/")
    return bool(slash) and is_registry_host(host)


def _unclear(text: str) -> RequestError:
    return RequestError(
        "place-unclear",
        f"`{text}` names nothing that is here, and could be a file or a registry",
        hint=f"`./{text}` for a file, `oci:{text}` for a layout, `docker://{text}` for a registry",
    )


def parse_registry(text: str) -> RegistryPlace:
    """The repository of a registry that something is pushed to or pulled from.

    Raises:
        RequestError: `place-unclear`, `reference-invalid`, `tag-invalid`, `digest-invalid`.
    """
    place = _parse_prefixed(text)
    if place is None and _names_a_registry(text):
        place = RegistryPlace(reference=Reference.parse(text))
    if not isinstance(place, RegistryPlace):
        raise RequestError(
            "place-unclear", f"`{text}` is not a reference", hint="HOST/REPOSITORY:TAG, or `docker://NAME`"
        )
    return place


def parse_local(text: str) -> LocalPlace:
    """The layout or archive that a command changes in its place; raises as `parse_repository` does.

    Raises:
        RequestError: `place-unsupported`, for a registry.
    """
    return as_local(parse_repository(text))


def as_local(place: RepositoryPlace, hint: str = "`oci:DIR`") -> LocalPlace:
    """The place, where it is on this machine.

    Raises:
        RequestError: `place-unsupported`.
    """
    if isinstance(place, RegistryPlace):
        raise RequestError("place-unsupported", "this works on layouts and archives, not on registries", hint=hint)
    return place


def parse_repository(text: str) -> RepositoryPlace:
    """The layout, archive or registry that something is read from; raises as `parse_source` does.

    Raises:
        NotFoundError: `not-found`, where the text could only be a file, and there is none.
    """
    place = parse_source(text)
    if isinstance(place, FilePlace):
        with _looking_at(Path(text)):
            if text != "-" and not is_there(text, follow_links=True):
                raise NotFoundError("not-found", f"`{text}` is not there", hint="`oci:DIR:TAG`")
        raise RequestError("place-unclear", f"`{text}` is a file, not a layout", hint="`oci:DIR:TAG`")
    return place


def parse_output(text: str) -> RepositoryPlace:
    """The place that something is written to; every text without a prefix is a path.

    Raises:
        RequestError: `place-unclear`, `reference-invalid`, `tag-invalid`.
    """
    if text == "-":
        raise RequestError("place-unclear", "a layout is a folder or an archive and can't be standard output")
    place = _parse_prefixed(text)
    if place is None:
        path = _path(text)
        with _looking_at(path):
            is_archive = text.endswith(_ARCHIVE) and not is_folder(path)
        place = ArchivePlace(file=path) if is_archive else LayoutPlace(folder=path)
    return _writable(place)


def parse_destination(text: str) -> RepositoryPlace:
    """The place that an `-o` names: as `parse_output` reads it, and `PATH:TAG` where the path is there already."""
    place = _parse_prefixed(text)
    if place is None:
        with _looking_at(_path(text)):
            is_plain = is_there(text, follow_links=True)
        place = None if is_plain else _inside_of(text)
    return parse_output(text) if place is None else _writable(place)


def parse_target(text: str) -> RepositoryPlace:
    """The place that is copied to, which may be a registry without a prefix too.

    Raises:
        RequestError: `place-unclear`, `reference-invalid`, `tag-invalid`.
    """
    if _parse_prefixed(text) is not None or text == "-":
        return parse_destination(text)
    with _looking_at(_path(text)):
        is_path = is_there(text, follow_links=True) or _inside_of(text) is not None
    *_, plain = readings = tuple(_readings(text))
    archives = [reading for reading in readings if reading.path.endswith(_ARCHIVE)]
    if is_path or plain.path.startswith(("/", "./", "../")):
        return parse_destination(text)
    if archives:
        return _writable(ArchivePlace(**archives[-1].fields("file")))
    if _names_a_registry(text):
        return _writable(RegistryPlace(reference=Reference.parse(text)))
    raise RequestError(
        "place-unclear",
        f"`{text}` names nothing that is here, and could be a new layout or a registry",
        hint=f"`oci:{text}` for a layout, `docker://{text}` for a registry",
    )


def _writable(place: RepositoryPlace) -> RepositoryPlace:
    if place.digest is not None:
        raise RequestError("place-unclear", "what is written is named by a tag, not by a digest")
    return place


def _parse_prefixed(text: str) -> RepositoryPlace | None:
    if text.startswith("oci:"):
        return LayoutPlace(**_split(text.removeprefix("oci:"), "folder"))
    if text.startswith("oci-archive:"):
        return ArchivePlace(**_split(text.removeprefix("oci-archive:"), "file"))
    if text.startswith(_REGISTRY):
        return RegistryPlace(reference=Reference.parse(text.removeprefix(_REGISTRY)))
    return None


class _Reading(NamedTuple):
    """One way to read a text as a path and what is in it."""

    path: str
    tag: str | None = None
    digest: str | None = None

    def fields(self, name: str) -> dict[str, Any]:
        """The fields of a place whose path has this name."""
        return {
            name: _path(self.path),
            "tag": None if self.tag is None else check_tag(self.tag),
            "digest": None if self.digest is None else Digest(self.digest),
        }


def _readings(text: str) -> Iterator[_Reading]:
    """`PATH@DIGEST` and `PATH:TAG`, as far as the text has such a form; `PATH` last."""
    path, at, digest = text.rpartition("@")
    if at and _DIGEST_LIKE.match(digest):
        yield _Reading(path, digest=digest)
    path, colon, tag = text.rpartition(":")
    if colon and "/" not in tag and "\\" not in tag:
        yield _Reading(path, tag=tag)
    yield _Reading(text)


def _inside_of(text: str) -> LocalPlace | None:
    """`PATH:TAG` or `PATH@DIGEST` where the path is a layout or an archive that exists."""
    for reading in _readings(text):
        path = Path(reading.path)
        with _looking_at(path):
            if reading.path.endswith(_ARCHIVE) and is_file(path):
                return ArchivePlace(**reading.fields("file"))
            if is_layout(path):
                return LayoutPlace(**reading.fields("folder"))
    return None


def _split(text: str, name: str) -> dict[str, Any]:
    """`PATH`, `PATH:TAG` or `PATH@DIGEST` as fields; a path that exists may have such characters in its name."""
    *inside, plain = _readings(text)
    for reading in (plain, *inside):
        with _looking_at(Path(reading.path)):
            if is_there(Path(reading.path), follow_links=True):
                return reading.fields(name)
    return (*inside, plain)[0].fields(name)


@contextmanager
def _looking_at(path: Path) -> Iterator[None]:
    """Translate what comes of names that the system does not take.

    Raises:
        RequestError: `place-unclear`, for a null character, and what its encoding of names does not have.
        UnavailableError: `io-error`.
    """
    try:
        with io_errors(path):
            yield
    except ValueError as exc:
        raise RequestError("place-unclear", f"`{str(path)!a}` can't be the name of anything") from exc


def _path(text: str) -> Path:
    if not text:
        raise RequestError("place-unclear", "the place names no path", hint="`oci:DIR:TAG`")
    return Path(text)
