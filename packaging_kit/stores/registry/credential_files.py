"""The files that hold credentials: docker's `config.json` and podman's `auth.json`, which have one shape.

Rules (docker/cli `cli/config`, containers-auth.json(5)):
- `auths` has an entry for a host, `HOST[:PORT]` or a URL of its API (`https://HOST[:PORT]/v1/`), or for a namespace
  or repository of one, `HOST[:PORT]/NAMESPACE`; the most specific entry counts. A port is never added or left out.
- `credHelpers` names the helper program of a host, an empty name that it has none; `credsStore` that of all others.
- Names of fields are told apart without regard to case, as docker does; some of its versions wrote them otherwise.
- A file is changed under a lock of its folder, keeps all that is not changed, and is readable by its owner alone.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from packaging_kit.document import parse_json
from packaging_kit.errors import DocumentError, StoreError
from packaging_kit.limits import MIB
from packaging_kit.oci.reference import DOCKER_HOST
from packaging_kit.stores.files import io_errors, is_there, sync_folder
from packaging_kit.stores.locks import TEMPORARY_PREFIX, close, folder_lock, sweep

MAX_FILE_SIZE: Final = 1 * MIB
DOCKER_SERVER: Final = "https://index.docker.io/v1/"
"""What names Docker's registry in files and to helpers."""

_DOCKER_HOSTS = frozenset((DOCKER_HOST, "index.docker.io", "registry-1.docker.io"))
_API_PATHS = frozenset(("v1", "v1/", "v2", "v2/"))
_HELPER = re.compile(r"[A-Za-z0-9._-]+")
_INDENT = re.compile(rb"\s*\{[ \t\r]*\n([ \t]+)")
_DOCKER_INDENT = "\t"
_OPEN_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_CREATE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_OWNER_ONLY = 0o600

_counter = itertools.count()


def server_of(host: str) -> str:
    """What names the registry `host` in files and to helpers."""
    name = _known_host(host)
    return DOCKER_SERVER if name == DOCKER_HOST else name


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthFile:
    """A file of credentials, parsed.

    Attributes:
        path: where it is.
        fields: all that is in it.
        indent: what it is indented with; `None` where it is one line.
        ending: white space at its end.
    """

    path: Path
    fields: Mapping[str, Any]
    indent: str | None = _DOCKER_INDENT
    ending: str = ""

    @classmethod
    def parse(cls, raw: bytes, path: Path) -> AuthFile:
        """Read the content of the file at `path`.

        Raises:
            StoreError: `credentials-invalid`.
        """
        if not raw.strip():
            return cls(path=path, fields={})  # as docker and podman have it
        fields = _parse(raw)
        if not isinstance(fields, dict):
            raise invalid_file(path, "is not JSON, or no object")
        indent = _INDENT.match(raw)
        default = _DOCKER_INDENT if b"\n" in raw.strip() or not fields else None
        return cls(
            path=path,
            fields=fields,
            indent=indent[1].decode() if indent else default,
            ending=raw[len(raw.rstrip()) :].decode(),
        )

    def to_json(self) -> bytes:
        return (json.dumps(self.fields, indent=self.indent, ensure_ascii=False) + self.ending).encode()

    def helper_of(self, host: str) -> str | None:
        """The name of the helper that keeps the credential of `host`.

        Raises:
            StoreError: `credentials-invalid`.
        """
        helpers = self._object("credHelpers")
        keys = _grouped(helpers).get((_known_host(host), ""), [])
        name = helpers[keys[0]] if keys else self.fields.get(_name_in(self.fields, "credsStore"))
        if name is None or name == "":
            return None
        if not isinstance(name, str) or not _HELPER.fullmatch(name):
            raise invalid_file(self.path, "names a credential helper in a way that is not allowed")
        return name

    def iter_entries(self, host: str, repository: str) -> Iterator[Mapping[str, Any]]:
        """The entries for `repository` of `host`, the most specific first.

        Raises:
            StoreError: `credentials-invalid`.
        """
        auths = self._object("auths")
        keys = _grouped(auths)
        parts = repository.split("/") if repository else []
        for count in range(len(parts), -1, -1):
            for key in keys.get((_known_host(host), "/".join(parts[:count])), ()):
                entry = auths[key]
                if not isinstance(entry, dict | None):
                    raise invalid_file(self.path, "holds an entry that is no object")
                yield entry or {}

    def has_entries(self, host: str) -> bool:
        """Whether it has an entry for the host itself, be it empty."""
        return (_known_host(host), "") in _grouped(self._object("auths"))

    def holds(self, host: str) -> bool:
        """Whether it has an entry with anything in it for the host itself."""
        auths = self._object("auths")
        return any(auths[key] for key in _grouped(auths).get((_known_host(host), ""), ()))

    def with_entry(self, host: str, entry: Mapping[str, str], *, without: frozenset[str]) -> AuthFile:
        """The same file with `entry` for the host itself, where the fields `without` of an older one are left out."""
        auths = self._object("auths")
        before = auths.get(server_of(host))
        fields = before.items() if isinstance(before, dict) else ()
        kept = {name: value for name, value in fields if name.lower() not in without}
        return self._with_auths({**auths, server_of(host): {**kept, **entry}})

    def without_entries(self, host: str) -> AuthFile:
        """The same file without any entry for the host itself, however it is written."""
        auths = self._object("auths")
        gone = _grouped(auths).get((_known_host(host), ""), ())
        return self._with_auths({key: entry for key, entry in auths.items() if key not in gone})

    def _with_auths(self, auths: Mapping[str, Any]) -> AuthFile:
        return replace(self, fields={**self.fields, _name_in(self.fields, "auths"): auths})

    def _object(self, name: str) -> Mapping[str, Any]:
        value = self.fields.get(_name_in(self.fields, name))
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise invalid_file(self.path, f"has `{name}` that is no object")
        return value


def read_auth_file(path: Path) -> AuthFile | None:
    """The file at `path` or where a link there leads; `None` where there is none.

    Raises:
        StoreError: `credentials-invalid`.
        UnavailableError: `io-error`.
    """
    with io_errors(path):
        try:
            handle = os.open(path, _OPEN_FLAGS)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            is_plain = stat.S_ISREG(os.fstat(handle).st_mode)
            raw = _read_up_to(handle, MAX_FILE_SIZE + 1) if is_plain else b""
        finally:
            close(handle)
    if not is_plain:
        raise invalid_file(path, "is not a plain file")
    if len(raw) > MAX_FILE_SIZE:
        raise invalid_file(path, f"has more than {MAX_FILE_SIZE} bytes")
    return AuthFile.parse(raw, path)


def change_auth_file(path: Path, change: Callable[[AuthFile], AuthFile]) -> None:
    """Read, change and write the file at `path`, or where a link there leads, while nobody else does.

    Args:
        change: gets an empty file where there is none.

    Raises:
        StoreError: `credentials-invalid`.
        UnavailableError: `io-error`.
    """
    with io_errors(path):
        target = Path(os.path.realpath(path))
        _make_private_folder(target.parent)
        with folder_lock(target.parent):
            changed = change(read_auth_file(target) or AuthFile(path=path, fields={}))
            sweep(target.parent)  # what a killed login left holds a secret
            _write_private(target, changed.to_json())


def invalid_file(path: Path, what: str) -> StoreError:
    """The error about a file; it says nothing of what is in it."""
    return StoreError("credentials-invalid", f"`{path}` {what}", hint="mend it, or log in again after removing it")


def _parse(raw: bytes) -> Any:
    try:
        return parse_json(raw, max_size=MAX_FILE_SIZE)
    except DocumentError:
        return None  # not passed on: what it says, and what it was raised from, may quote the file


def _known_host(host: str) -> str:
    name = host.lower()
    return DOCKER_HOST if name in _DOCKER_HOSTS else name


def _split_key(key: str) -> tuple[str, str]:
    """Host, and the namespace or repository in it; empty where the key stands for the host."""
    scheme, mark, rest = key.partition("://")
    is_url = mark != "" and scheme.lower() in ("http", "https")
    host, _, path = (rest if is_url else key).partition("/")
    is_api = path in _API_PATHS and (is_url or path.endswith("/"))
    return _known_host(host), "" if is_api else path.rstrip("/")


def _grouped(keys: Mapping[str, Any]) -> dict[tuple[str, str], list[str]]:
    """The keys by what they stand for; of several for a host, the one that we and docker write comes first."""
    groups: dict[tuple[str, str], list[str]] = {}
    for key in keys:
        host, namespace = _split_key(key)
        group = groups.setdefault((host, namespace), [])
        group.insert(0 if key == server_of(host) else len(group), key)
    return groups


def _name_in(fields: Mapping[str, Any], name: str) -> str:
    """`name` as it is written in `fields`."""
    if name in fields:
        return name
    return next((other for other in fields if other.lower() == name.lower()), name)


def _read_up_to(handle: int, size: int) -> bytes:
    raw = bytearray()
    while chunk := os.read(handle, size - len(raw)):
        raw += chunk
    return bytes(raw)


def _make_private_folder(folder: Path) -> None:
    for missing in reversed([path for path in (folder, *folder.parents) if not is_there(path)]):
        missing.mkdir(mode=0o700, exist_ok=True)
        sync_folder(missing.parent)


def _write_private(path: Path, content: bytes) -> None:
    """Write atomically and durably what nobody but the owner may read at any moment.

    Why not `AtomicFile`: its file is made with the usual mode, and takes over that of what it replaces.
    """
    temporary = path.parent / f"{TEMPORARY_PREFIX}{os.getpid()}-{next(_counter)}"
    handle = os.open(temporary, _CREATE_FLAGS, _OWNER_ONLY)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            _give_to_owner_of(path, handle)
            os.fsync(handle)
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def _give_to_owner_of(path: Path, handle: int) -> None:
    """Who logs in as another user, with `sudo` for one, does not take the file away from its owner."""
    if hasattr(os, "fchown") and is_there(path):
        status = path.stat()
        with suppress(OSError):  # only the administrator may
            os.fchown(handle, status.st_uid, status.st_gid)
