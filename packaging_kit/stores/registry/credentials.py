"""Credentials of registries: what they are, and finding, keeping and forgetting them.

They are kept where docker and podman keep them. In one file, a host's own helper program goes before the helper for
all hosts, and what a helper does not have may stand in the file itself; the first file that has one counts.
Nothing that is raised here, and nothing that it was raised from, quotes a file, a helper or a secret.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from packaging_kit.errors import NotFoundError, PackagingKitError, RequestError, StoreError, UnavailableError
from packaging_kit.stores.registry.credential_files import (
    AuthFile,
    change_auth_file,
    invalid_file,
    read_auth_file,
    server_of,
)
from packaging_kit.stores.registry.credential_helpers import TOKEN_USER, Helper

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_SECRET_FIELDS: Final = frozenset(("auth", "identitytoken", "username", "password", "registrytoken"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What a registry knows somebody by.

    Attributes:
        username: without `:` and control characters.
        secret: a password, or an identity (refresh) token.
        is_identity_token: whether it is exchanged for tokens and never sent as a password.

    Raises:
        StoreError: `credentials-invalid`.
    """

    username: str
    secret: str = field(repr=False)
    is_identity_token: bool = False

    def __post_init__(self) -> None:
        if _CONTROL.search(self.username) or _CONTROL.search(self.secret):
            raise _invalid("a user or a secret has a control character")
        if ":" in self.username:
            raise _invalid("a user has a `:`")
        if not (self.secret if self.is_identity_token else self.username):
            raise _invalid("an identity token or a user is empty")


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialFiles:
    """Where credentials are kept.

    Attributes:
        read: files in order of precedence; those that are absent are passed over.
        write: where a login goes; `None` where there is no such place.
        path: folders with helper programs, as the environment variable has them; `None` where none are run.
        environment: that helper programs run in.
    """

    read: tuple[Path, ...] = ()
    write: Path | None = None
    path: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


class CredentialStore:
    """The credentials in `files`; safe for use from several threads and processes.

    Args:
        given: wins over them, whatever the host.

    Raises:
        StoreError: `credentials-invalid` from every method, for a file that can't be used.
        UnavailableError: `credential-helper-failed`, `io-error` from every method.
    """

    def __init__(self, files: CredentialFiles, *, given: Credential | None = None) -> None:
        self._files = files
        self._given = given

    def find(self, host: str, repository: str = "") -> Credential | None:
        """The credential for `repository` of the registry `host`."""
        if self._given is not None:
            return self._given
        for path in self._files.read:
            file = read_auth_file(path)
            credential = None if file is None else self._find_in(file, host, repository)
            if credential is not None:
                return credential
        return None

    def save(self, host: str, credential: Credential) -> str:
        """Keep a credential; where it went, a path or the name of a helper program."""
        path = self._files.write
        if path is None:
            raise RequestError("credentials-unplaced", "no file is set that credentials could be written to")
        file = read_auth_file(path) or AuthFile(path=path, fields={})
        if file.helper_of(host) is None:
            entry = _entry_of(credential)
            change_auth_file(path, lambda file: file.with_entry(host, entry, without=_SECRET_FIELDS))
            return os.fspath(path)
        helper = self._helper_of(file, host)
        if helper is None:
            raise UnavailableError("credential-helper-failed", f"`{path}` names a credential helper, and none are run")
        user = TOKEN_USER if credential.is_identity_token else credential.username
        helper.store(server_of(host), user, credential.secret)
        if file.holds(host):
            _forget_in_file(path, host)  # the older secret, which stands there in plain text
        return helper.program

    def erase(self, host: str) -> tuple[str, ...]:
        """Forget a host's credential everywhere; from where it went.

        One for a namespace or repository of the host stays: it was kept for that on purpose.

        Raises:
            NotFoundError: `not-found`, where nobody has it.
        """
        places: list[str] = []
        failures: list[PackagingKitError] = []
        for path in dict.fromkeys((*self._files.read, *filter(None, (self._files.write,)))):
            for forget in (self._forget_in_helper, _forget_in_file):
                try:
                    place = forget(path, host)
                except PackagingKitError as exc:
                    failures.append(exc)  # what fails in one place keeps nobody from forgetting it in the others
                else:
                    places += filter(None, (place,))
        if failures:
            raise failures[0]
        if not places:
            raise NotFoundError("not-found", f"there is no credential for `{host}`")
        return tuple(places)

    def _find_in(self, file: AuthFile, host: str, repository: str) -> Credential | None:
        helper = self._helper_of(file, host)
        found = None if helper is None else helper.get(server_of(host))
        if helper is not None and found is not None:
            return _credential(f"`{helper.program}` gave", *found, is_token=found[0] == TOKEN_USER)
        for entry in file.iter_entries(host, repository):
            credential = _credential_in(entry, file.path)
            if credential is not None:
                return credential
        return None

    def _helper_of(self, file: AuthFile, host: str) -> Helper | None:
        name = file.helper_of(host)
        if name is None or self._files.path is None:
            return None
        return Helper(name=name, path=self._files.path, environment=self._files.environment)

    def _forget_in_helper(self, path: Path, host: str) -> str | None:
        file = read_auth_file(path)
        helper = None if file is None else self._helper_of(file, host)
        if helper is None or helper.get(server_of(host)) is None:
            return None
        helper.erase(server_of(host))
        return helper.program


def basic_header(credential: Credential) -> str:
    """The value of the header `Authorization` for a user and a password (RFC 7617).

    Raises:
        StoreError: `credentials-invalid`, for an identity token.
    """
    if credential.is_identity_token:
        raise _invalid("an identity token is not sent as a password")
    return f"Basic {_encoded(credential.username, credential.secret)}"


def _forget_in_file(path: Path, host: str) -> str | None:
    file = read_auth_file(path)
    if file is None or not file.has_entries(host):
        return None
    change_auth_file(path, lambda file: file.without_entries(host))
    # Beside a helper, docker writes an entry with nothing in it: that goes too, but it was no credential.
    return os.fspath(path) if file.holds(host) else None


def _credential_in(entry: Mapping[str, Any], path: Path) -> Credential | None:
    """What an entry holds; `None` for nothing that can be used."""
    fields = {name.lower(): value for name, value in entry.items() if value is not None}
    auth, token, username, password = (
        fields.get(name, "") for name in ("auth", "identitytoken", "username", "password")
    )
    if not all(isinstance(value, str) for value in (auth, token, username, password)):
        raise invalid_file(path, "holds a credential that is no text")
    if auth:
        decoded = _decoded(auth)
        if decoded is None:
            raise invalid_file(path, "holds an `auth` that is not `USER:PASSWORD` in Base64")
        username, password = decoded
    if token:
        return _credential(f"`{path}` holds", username or TOKEN_USER, token, is_token=True)
    return _credential(f"`{path}` holds", username, password, is_token=False) if auth or password else None


def _entry_of(credential: Credential) -> dict[str, str]:
    if not credential.is_identity_token:
        return {"auth": _encoded(credential.username, credential.secret)}
    token = {"identitytoken": credential.secret}
    named = credential.username not in ("", TOKEN_USER)
    return {"auth": _encoded(credential.username, "")} | token if named else token


def _credential(origin: str, username: str, secret: str, *, is_token: bool) -> Credential:
    try:
        return Credential(username=username, secret=secret, is_identity_token=is_token)
    except StoreError as exc:
        raise _invalid(f"{origin} a credential that can't be used: {exc.message}") from exc


def _encoded(username: str, password: str) -> str:
    return base64.b64encode(f"{username}:{password}".encode()).decode()


def _decoded(auth: str) -> tuple[str, str] | None:
    try:
        text = binascii.a2b_base64(auth, strict_mode=True).decode()
    except ValueError:
        return None  # not passed on: it quotes the secret
    username, colon, password = text.partition(":")
    # Docker once filled passwords up with NUL, and takes it off at both ends.
    return (username, password.strip("\0")) if colon else None


def _invalid(message: str) -> StoreError:
    return StoreError("credentials-invalid", message)
