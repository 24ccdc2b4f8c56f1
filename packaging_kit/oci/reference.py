"""Tags and references (distribution-spec, "Pulling manifests"; the grammar is that of distribution's `reference`)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from packaging_kit.digest import Digest
from packaging_kit.errors import RequestError

if TYPE_CHECKING:
    from typing import Self

DOCKER_HOST: Final = "docker.io"
"""The host that a reference without one means; its registry answers under another name."""

_DOCKER_HOSTS = frozenset((DOCKER_HOST, "index.docker.io", "registry-1.docker.io"))
_DOCKER_API = "registry-1.docker.io"
_MAX_NAME_SIZE = 255  # of host and repository together, as most implementations have it

_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_NOT_OF_A_TAG = re.compile(r"[^a-zA-Z0-9._-]")
_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:.]+\])(?::(?P<port>[0-9]{{1,5}}))?")
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A repository of a registry, and what in it.

    Attributes:
        host: the registry as people name it, `HOST[:PORT]`.
        repository: the name in it.
        tag: or `None`; both may be given, and then the digest counts.
        digest: or `None`.

    Raises:
        RequestError: `reference-invalid`, `tag-invalid`.
    """

    host: str
    repository: str
    tag: str | None = None
    digest: Digest | None = None

    def __post_init__(self) -> None:
        host = _HOST.fullmatch(self.host)
        if host is None or not 0 < int(host["port"] or 443) < 1 << 16:
            raise _invalid(f"`{self.host[:200]}` is not the host of a registry", "HOST[:PORT]")
        if len(self.host) + 1 + len(self.repository) > _MAX_NAME_SIZE:
            raise _invalid(f"the name has more than {_MAX_NAME_SIZE} characters", None)
        if not _REPOSITORY.fullmatch(self.repository):
            hint = "lower-case letters and digits, with `.`, `_`, `__` or `-` between them, in parts divided by `/`"
            raise _invalid(f"`{self.repository}` is not the name of a repository", hint)
        if self.tag is not None:
            check_tag(self.tag)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `HOST/REPOSITORY[:TAG][@DIGEST]`; without a host it is Docker's, as Docker's own tools have it.

        Raises:
            RequestError: `reference-invalid`, `tag-invalid`, `digest-invalid`.
        """
        name, at, digest = text.partition("@")
        host, slash, repository = name.partition("/")
        if not slash or not _is_host(host):
            if not slash and ("." in host or host.startswith("localhost:")):
                raise _invalid(f"`{host[:200]}` names no repository", "HOST/REPOSITORY[:TAG]")
            host, repository = DOCKER_HOST, name
        if host.lower() in _DOCKER_HOSTS:
            host = DOCKER_HOST
        repository, colon, tag = repository.partition(":")
        if host == DOCKER_HOST and "/" not in repository:
            repository = f"library/{repository}"
        return cls(host=host, repository=repository, tag=tag if colon else None, digest=Digest(digest) if at else None)

    @property
    def api_host(self) -> str:
        """The host that answers requests."""
        return _DOCKER_API if self.host == DOCKER_HOST else self.host

    @property
    def name(self) -> str:
        """Host and repository."""
        return f"{self.host}/{self.repository}"

    def __str__(self) -> str:
        tag = "" if self.tag is None else f":{self.tag}"
        digest = "" if self.digest is None else f"@{self.digest}"
        return f"{self.name}{tag}{digest}"


def parse_host(text: str) -> str:
    """The host of a registry alone, as `login` takes it.

    Raises:
        RequestError: `reference-invalid`.
    """
    host = DOCKER_HOST if text.lower() in _DOCKER_HOSTS else text
    return Reference(host=host, repository="x").host


def is_registry_host(text: str) -> bool:
    """Whether the part before the first `/` can only be a host (docs/commands.md, "Places")."""
    return _is_host(text) and _HOST.fullmatch(text) is not None


def _is_host(text: str) -> bool:
    return "." in text or ":" in text or text == "localhost"


def _invalid(message: str, hint: str | None) -> RequestError:
    return RequestError("reference-invalid", message, hint=hint)


def is_tag(text: str) -> bool:
    """Whether `text` has the form of a tag."""
    return _TAG.fullmatch(text) is not None


def check_tag(text: str) -> str:
    """`text`, where it has the form of a tag.

    Raises:
        RequestError: `tag-invalid`.
    """
    if not is_tag(text):
        raise RequestError(
            "tag-invalid", f"`{text[:200]}` is not a tag", hint="letters, digits, `_`, `.` and `-`, at most 128"
        )
    return text


def tag_from_stem(stem: str) -> str:
    """The tag for a file with this stem: what a tag may not hold becomes `-`.

    Raises:
        RequestError: `tag-invalid`, where that makes no tag: an empty or too long one, or a first `.` or `-`.
    """
    tag = _NOT_OF_A_TAG.sub("-", stem)
    if not is_tag(tag):
        raise RequestError("tag-invalid", f"the name `{stem}` makes no tag", hint="`--tag TAG`")
    return tag
