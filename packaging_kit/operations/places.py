"""Places: what a text on the command line names (docs/commands.md, "Places")."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from packaging_kit.digest import Digest
from packaging_kit.errors import RequestError
from packaging_kit.oci.reference import check_tag
from packaging_kit.stores.files import io_errors
from packaging_kit.stores.layout import is_layout

_DIGEST_LIKE = re.compile(r"[a-z0-9]+:")
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

    def with_tag(self, tag: str) -> str:
        """The place of something else in the same layout, as text."""
        return f"oci:{self.folder}:{tag}"


Place = FilePlace | LayoutPlace


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
        if Path(text).exists():
            return LayoutPlace(folder=Path(text)) if Path(text).is_dir() else FilePlace(text)
    if (in_layout := _in_layout(text)) is not None:
        return in_layout
    if text.startswith(("/", "./", "../")) or text.endswith((".wasm", ".tar")):
        return FilePlace(text)
    host, slash, _ = text.partition("/")
    if slash and _REGISTRY_HOST.fullmatch(host):
        raise _unsupported("registries")
    raise RequestError(
        "place-unclear",
        f"`{text}` names nothing that is here, and could be a file or a registry",
        hint=f"`./{text}` for a file, `oci:{text}` for a layout, `docker://{text}` for a registry",
    )


def parse_layout_output(text: str) -> LayoutPlace:
    """The layout that something is written to; every text without a prefix is a path.

    Raises:
        RequestError: `place-unclear`, `place-unsupported`, `tag-invalid`.
    """
    place = _parse_prefixed(text)
    if place is None and text.endswith(".tar"):
        raise _unsupported("archives")
    if place is None and text == "-":
        raise RequestError("place-unclear", "a layout is a folder and can't be standard output")
    place = place or LayoutPlace(folder=Path(text))
    if place.digest is not None:
        raise RequestError("place-unclear", "what is written is named by a tag, not by a digest")
    return place


def _parse_prefixed(text: str) -> LayoutPlace | None:
    if text.startswith("oci:"):
        return _split_layout(text.removeprefix("oci:"))
    if text.startswith("oci-archive:"):
        raise _unsupported("archives")
    if text.startswith("docker://"):
        raise _unsupported("registries")
    return None


def _in_layout(text: str) -> LayoutPlace | None:
    """`PATH:TAG` or `PATH@DIGEST` where the path is a layout that exists."""
    for folder in (text.rpartition("@")[0], text.rpartition(":")[0]):
        if folder and is_layout(Path(folder)):
            return _split_layout(text)
    return None


def _split_layout(text: str) -> LayoutPlace:
    """`DIR`, `DIR:TAG` or `DIR@DIGEST`; a folder that exists may have such characters in its name."""
    with io_errors(Path(text)):
        if Path(text).is_dir():
            return LayoutPlace(folder=Path(text))
    folder, at, digest = text.rpartition("@")
    if at and _DIGEST_LIKE.match(digest):
        return LayoutPlace(folder=_folder(folder), digest=Digest(digest))
    folder, colon, tag = text.rpartition(":")
    if colon and "/" not in tag and "\\" not in tag:
        return LayoutPlace(folder=_folder(folder), tag=check_tag(tag))
    return LayoutPlace(folder=_folder(text))


def _folder(text: str) -> Path:
    if not text:
        raise RequestError("place-unclear", "the place names no folder", hint="`oci:DIR:TAG`")
    return Path(text)


def _unsupported(what: str) -> RequestError:
    return RequestError("place-unsupported", f"{what} are not supported by this version", hint="`oci:DIR`")
