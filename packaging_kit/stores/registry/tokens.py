"""Proving who one is: anonymously first, then as a registry asks, with a token for each scope."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

from packaging_kit.document import parse_json
from packaging_kit.errors import Answer, DocumentError, RegistryError, RequestError
from packaging_kit.stores.registry.challenges import Challenge, Scopes, parse_challenges
from packaging_kit.stores.registry.credentials import Credential, basic_header
from packaging_kit.stores.registry.origin import Origin, Resolve, is_less_public, with_path

_TOKEN = re.compile(r"[!-~]{1,65536}")
_CLIENT = "packaging-kit"
_SPARE = 10.0  # seconds that a token has to be good for still


class Ask(Protocol):
    """Asks a token service; follows no redirect to another origin."""

    def __call__(self, url: str, *, form: str | None, authorization: str | None) -> bytes:
        """The body of a good answer.

        Raises:
            RegistryError: as any request.
        """


@dataclass(frozen=True, slots=True)
class _Token:
    header: str
    expires: float | None  # as `time.monotonic` counts


class Tokens:
    """What one registry wants to see with a request; used from many threads.

    Args:
        origin: the registry's.
        find_credential: is asked once, when the registry asks for one.
        ask: asks a token service.
        resolve: finds addresses of hosts.
    """

    def __init__(
        self, origin: Origin, find_credential: Callable[[], Credential | None], ask: Ask, resolve: Resolve
    ) -> None:
        self._origin = origin
        self._find_credential = find_credential
        self._ask = ask
        self._resolve = resolve
        self._lock = threading.Lock()
        self._challenge: Challenge | None = None
        self._tokens: dict[Scopes, _Token] = {}
        self._credential: Credential | None = None
        self._has_looked = False

    @property
    def has_credential(self) -> bool:
        """A credential was asked for, and there is one."""
        return self._credential is not None

    def header(self, scopes: Scopes) -> str | None:
        """`Authorization` for the next request; `None` as long as the registry asks for nothing.

        Raises:
            RegistryError: `registry-unauthorized`, and what asking raises.
        """
        with self._lock:
            if self._challenge is None:
                return None
            known = self._tokens.get(scopes)
            if known is not None and (known.expires is None or known.expires > time.monotonic()):
                return known.header
            return self._prove(self._challenge, scopes)

    def renew(self, header: str, scopes: Scopes, used: str | None, answer: Answer) -> str | None:
        """Another `Authorization` after an answer of 401; `None` where there is none to be had.

        Args:
            header: `WWW-Authenticate` of the answer.
            used: what the request was sent with.

        Raises:
            RegistryError: `registry-untrusted`, for a token service that is not asked on this registry's word.
        """
        challenges = {challenge.scheme: challenge for challenge in parse_challenges(header)}
        challenge = challenges.get("bearer") or challenges.get("basic")
        if challenge is None:
            return None
        if challenge.scheme == "bearer":
            self._check_realm(challenge, answer)
        with self._lock:
            known = self._tokens.get(scopes)
            if known is not None and known.header != used:
                return known.header  # another thread was first
            self._challenge = challenge
            renewed = self._prove(challenge, scopes)
            return None if renewed == used else renewed

    def _prove(self, challenge: Challenge, scopes: Scopes) -> str | None:
        if not self._has_looked:
            self._credential, self._has_looked = self._find_credential(), True
        if challenge.scheme == "bearer":
            token = self._fetch(challenge, scopes)
        elif self._credential is None or self._credential.is_identity_token:
            return None
        else:
            token = _Token(basic_header(self._credential), None)
        self._tokens[scopes] = token
        return token.header

    def _fetch(self, challenge: Challenge, scopes: Scopes) -> _Token:
        """A token for `scopes`, and for what the challenge asks besides."""
        realm, credential = with_path(challenge.parameters.get("realm", "").partition("#")[0]), self._credential
        asked = sorted(scopes.union(challenge.parameters.get("scope", "").split()))
        query = [("service", service)] if (service := challenge.parameters.get("service")) else []
        began = time.monotonic()
        if credential is not None and credential.is_identity_token:
            fields = [("grant_type", "refresh_token"), *query, ("client_id", _CLIENT), ("scope", " ".join(asked))]
            form = urlencode([*fields, ("refresh_token", credential.secret)])
            raw = self._ask(realm, form=form, authorization=None)
        else:
            query += [("scope", scope) for scope in asked]
            url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}"
            raw = self._ask(url, form=None, authorization=None if credential is None else basic_header(credential))
        return _parse_token(raw, realm, began)

    def _check_realm(self, challenge: Challenge, answer: Answer) -> None:
        """Who is told a credential: the registry itself, or who it names over https, by https."""
        try:
            realm = Origin.of(challenge.parameters.get("realm", ""))
        except RequestError as exc:
            raise RegistryError("registry-untrusted", f"its token service: {exc.message}", answer=answer) from exc
        if realm == self._origin:
            return
        reason = None
        if not realm.is_secure or not self._origin.is_secure:
            reason = "is elsewhere, and not both speak https"
        elif realm.is_address and realm.host != self._origin.host and not self._origin.is_loopback:
            reason = "is named by an address"
        elif is_less_public(realm, self._origin, self._resolve):
            reason = "is in a network that the registry is not in"
        if reason is not None:
            raise RegistryError("registry-untrusted", f"its token service {realm} {reason}", answer=answer)


def _parse_token(raw: bytes, realm: str, began: float) -> _Token:
    try:
        document: Any = parse_json(raw)
    except DocumentError as exc:
        raise _no_token(realm, "answered with what is no JSON") from exc
    fields = document if isinstance(document, dict) else {}
    token = fields.get("token") or fields.get("access_token")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise _no_token(realm, "gave no token")
    seconds = fields.get("expires_in")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds <= 0:
        return _Token(f"Bearer {token}", None)
    return _Token(f"Bearer {token}", began + max(seconds - _SPARE, seconds / 2))


def _no_token(realm: str, what: str) -> RegistryError:
    origin = Origin.of(realm)
    return RegistryError(
        "registry-answer-invalid", f"the token service {origin} {what}", answer=Answer(method="GET", path="")
    )
