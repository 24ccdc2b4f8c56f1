"""Who may do what: passwords, and tokens that are good for so many requests (distribution's token authentication)."""

from __future__ import annotations

import base64
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Final
from urllib.parse import parse_qs

from tests.registry.answers import refusal
from tests.registry.messages import BodyCutError, Request, Response, json_response

Scopes = Mapping[str, frozenset[str]]
"""Repositories, and what may be done with each."""

_LONGEST_FORM = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Basic:
    """A user and a password."""

    user: str = "user"
    password: str = "password"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """Tokens, from the registry's own `/token` or from wherever `realm` says."""

    user: str = "user"
    password: str = "password"
    realm: str = ""
    service: str = "registry.test"
    anonymous: tuple[str, ...] = ()
    """What may be done without a password, as `pull`."""
    uses: int | None = None
    """Requests that a token is good for; for ever without it."""
    answers: tuple[str, ...] = ("token",)
    """Fields that the token comes in: `token`, `access_token` or both."""
    expires_in: int | None = None
    """What the token's answer says about it, in seconds."""
    refresh_token: str | None = None
    """Good in place of the password, by POST; it is given to whom has shown the password."""


Auth = Basic | Bearer | None

OWN_REALM: Final = "/token"


class Guard:
    """Decides for each request, and gives tokens."""

    def __init__(self, auth: Auth) -> None:
        self.auth = auth
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._tokens: dict[str, Scopes] = {}
        self._left: dict[str, int] = {}

    def check(self, request: Request, needed: Scopes, origin: str) -> Response | None:
        """The refusal, where this request may not do what it needs to."""
        kind, _, credential = request.headers.get("authorization", "").partition(" ")
        if isinstance(self.auth, Basic):
            if kind.lower() == "basic" and _is_password(credential, self.auth):
                return None
        elif isinstance(self.auth, Bearer):
            if kind.lower() == "bearer" and self._is_good(credential, needed):
                return None
        else:
            return None
        return unauthorized(self.challenge(needed, origin, error="invalid_token" if credential else ""))

    def challenge(self, needed: Scopes, origin: str, *, error: str = "") -> str:
        """What the client is to show; without any authentication, what could be asked for."""
        if isinstance(self.auth, Basic):
            return 'Basic realm="registry for tests"'
        auth = self.auth or Bearer()
        fields = {"realm": auth.realm or origin + OWN_REALM, "service": auth.service}
        if needed:
            fields["scope"] = " ".join(
                f"repository:{name}:{','.join(sorted(actions))}" for name, actions in needed.items()
            )
        if error:
            fields["error"] = error
        return "Bearer " + ",".join(f'{name}="{value}"' for name, value in fields.items())

    def expire(self) -> None:
        """Make all tokens that were given worthless."""
        with self._lock:
            self._tokens.clear()

    def answer_token(self, request: Request) -> Response:
        """The token endpoint: GET with a password or none, POST with a refresh token or a password."""
        auth = self.auth if isinstance(self.auth, Bearer) else Bearer(anonymous=("pull", "push", "delete"))
        if request.method == "POST":
            return self._answer_form(request, auth)
        if request.method != "GET":
            return refusal(405, "UNSUPPORTED")
        scopes = [value for key, value in request.query_pairs if key == "scope"]
        authorization = request.headers.get("authorization")
        if authorization is None:
            return self._give(auth, scopes, limited_to=frozenset(auth.anonymous))
        kind, _, credential = authorization.partition(" ")
        if kind.lower() != "basic" or not _is_password(credential, auth):
            return unauthorized('Basic realm="token"')
        return self._give(auth, scopes, refresh="offline_token" in request.query)

    def _answer_form(self, request: Request, auth: Bearer) -> Response:
        try:
            form = parse_qs(request.body.read(_LONGEST_FORM).decode("utf-8", "replace"))
        except BodyCutError:
            return refusal(400, "UNKNOWN")
        given = {name: values[-1] for name, values in form.items()}
        by_token = auth.refresh_token is not None and given.get("refresh_token") == auth.refresh_token
        by_password = (given.get("username"), given.get("password")) == (auth.user, auth.password)
        if not {"refresh_token": by_token, "password": by_password}.get(given.get("grant_type", ""), False):
            return json_response({"error": "invalid_grant"}, 401)
        return self._give(auth, form.get("scope", []), refresh=True)

    def _give(
        self, auth: Bearer, scopes: list[str], *, limited_to: frozenset[str] | None = None, refresh: bool = False
    ) -> Response:
        granted = _parse_scopes(scopes)
        if limited_to is not None:
            granted = {name: actions & limited_to for name, actions in granted.items()}
        with self._lock:
            token = f"token-{next(self._numbers)}"
            self._tokens[token] = granted
            if auth.uses is not None:
                self._left[token] = auth.uses
        answer: dict[str, str | int] = dict.fromkeys(auth.answers, token)
        if auth.expires_in is not None:
            answer["expires_in"] = auth.expires_in
        if refresh and auth.refresh_token is not None:
            answer["refresh_token"] = auth.refresh_token
        return json_response(answer)

    def _is_good(self, token: str, needed: Scopes) -> bool:
        with self._lock:
            granted = self._tokens.get(token)
            if granted is None or self._left.get(token, 1) < 1:
                return False
            if any(not actions <= granted.get(name, frozenset()) for name, actions in needed.items()):
                return False
            if token in self._left:
                self._left[token] -= 1
            return True


def unauthorized(challenge: str) -> Response:
    return refusal(401, "UNAUTHORIZED", "authentication required", ("WWW-Authenticate", challenge))


def scopes_of(method: str, name: str, kind: str, source: str | None) -> Scopes:
    """What a request needs: `kind` is the part of the API, `source` the repository that it mounts from."""
    if method in ("GET", "HEAD"):
        return {name: frozenset(("pull",))}
    if method == "DELETE" and kind != "uploads":
        return {name: frozenset(("delete",))}
    needed = {name: frozenset(("pull", "push"))}
    if source is not None and source != name:
        needed[source] = frozenset(("pull",))
    return needed


def _is_password(credential: str, auth: Basic | Bearer) -> bool:
    expected = base64.b64encode(f"{auth.user}:{auth.password}".encode()).decode()
    return credential.strip() == expected


def _parse_scopes(texts: list[str]) -> dict[str, frozenset[str]]:
    """`repository:a/b:pull,push`, several with a space between them or repeated."""
    found: dict[str, frozenset[str]] = {}
    for text in texts:
        for scope in text.split():
            kind, _, rest = scope.partition(":")
            name, _, actions = rest.rpartition(":")
            if kind == "repository":
                found[name] = found.get(name, frozenset()) | frozenset(actions.split(","))
    return found
