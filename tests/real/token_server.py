"""A token server for tests: what a registry with `Bearer` authentication sends its clients to.

It follows the Docker token specification: `GET` with `Basic` or nothing, `POST` with a password or a refresh
token. The user may do all; anybody may pull from repositories whose name starts with `public/`.
https://distribution.github.io/distribution/spec/auth/
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from tests.real.certificates import Certificate, base64url

ISSUER = "packaging-kit tests"
SERVICE = "registry of the tests"
PUBLIC = "public/"
REFRESH_TOKEN = "the refresh token of the tests"
REGISTRY_LEEWAY = 60
"""Seconds that distribution takes a token for after it has run out."""

Fields = Mapping[str, list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """A request that the server got: `fields` are those of the query, or of the form for `POST`."""

    method: str
    path: str
    fields: Fields
    headers: tuple[tuple[str, str], ...]

    @property
    def scopes(self) -> tuple[str, ...]:
        """Each scope on its own, repeated or separated by spaces as they came."""
        return tuple(scope for value in self.fields.get("scope", []) for scope in value.split())

    @property
    def authorization(self) -> str | None:
        return next((value for name, value in self.headers if name.lower() == "authorization"), None)


class TokenServer:
    """The server, in threads of this process; used in a `with` statement.

    Attributes:
        realm: its address, which the registry has to name in its challenges.
        signer: whose certificate the registry has to trust.
        requests: all that it got, in order.
        lifetime: seconds until a token has run out; distribution takes it for `REGISTRY_LEEWAY` longer, so that
            -58 makes tokens that it refuses two seconds later.
        expires_in: what clients are told instead; None leaves it out.
    """

    def __init__(
        self,
        signer: Certificate,
        *,
        user: str,
        password: str,
        lifetime: int = 300,
        expires_in: int | None = 300,
        tls: Certificate | None = None,
    ) -> None:
        self.signer = signer
        self.lifetime = lifetime
        self.expires_in = expires_in
        self.requests: list[TokenRequest] = []
        self._user = user
        self._password = password
        server = self

        class Handler(_Handler):
            tokens = server

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            # the handshake is left to the request's own thread: a client that stalls stops nobody else
            self._server.socket = tls.server_context().wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        scheme = "http" if tls is None else "https"
        self.realm = f"{scheme}://127.0.0.1:{self._server.server_address[1]}/token"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, request: TokenRequest) -> tuple[HTTPStatus, dict[str, Any]]:
        """The token, or why there is none."""
        self.requests.append(request)
        if urlsplit(self.realm).path != request.path:
            return HTTPStatus.NOT_FOUND, _refusal("there is nothing here")
        if not self._is_welcome(request):
            return HTTPStatus.UNAUTHORIZED, _refusal("wrong user or password")
        is_user = request.method == "POST" or request.authorization is not None
        token = self.make_token(request.scopes, is_user=is_user)
        answer: dict[str, Any] = {"token": token, "access_token": token}
        if self.expires_in is not None:
            answer["expires_in"] = self.expires_in
        if _field(request.fields, "access_type") == "offline" or _field(request.fields, "offline_token") == "true":
            answer["refresh_token"] = REFRESH_TOKEN
        return HTTPStatus.OK, answer

    def make_token(self, scopes: Iterable[str], *, is_user: bool) -> str:
        """A JSON Web Token for what of the scopes is granted, with the certificate of its signer."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "sub": self._user if is_user else "",
            "aud": SERVICE,
            "iat": now,
            "nbf": now - REGISTRY_LEEWAY,
            "exp": now + self.lifetime,
            "jti": secrets.token_hex(8),
            "access": [entry for scope in scopes if (entry := _access(scope, is_user=is_user))["actions"]],
        }
        header = {"typ": "JWT", "alg": "RS256", "x5c": [base64.b64encode(self.signer.der()).decode("ascii")]}
        signed = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
        return f"{signed}.{base64url(self.signer.sign(signed.encode('ascii')))}"

    def _is_welcome(self, request: TokenRequest) -> bool:
        if request.method == "GET":
            return request.authorization in (None, basic(self._user, self._password))
        if _field(request.fields, "grant_type") == "refresh_token":
            return _field(request.fields, "refresh_token") == REFRESH_TOKEN
        given = _field(request.fields, "username"), _field(request.fields, "password")
        return _field(request.fields, "grant_type") == "password" and given == (self._user, self._password)


def basic(user: str, password: str) -> str:
    """The value of an `Authorization` header."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def _access(scope: str, *, is_user: bool) -> dict[str, Any]:
    """What is granted of a scope, as `repository:public/hello:pull,push`."""
    kind, _, rest = scope.partition(":")
    name, _, asked = rest.rpartition(":")
    actions = asked.split(",")
    if not is_user:
        is_public = kind == "repository" and name.startswith(PUBLIC)
        actions = [action for action in actions if is_public and action == "pull"]
    return {"type": kind, "name": name, "actions": actions}


def _field(fields: Fields, name: str) -> str | None:
    return fields[name][0] if name in fields else None


def _refusal(message: str) -> dict[str, Any]:
    return {"errors": [{"code": "UNAUTHORIZED", "message": message}]}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    tokens: TokenServer

    def do_GET(self) -> None:
        self._respond(urlsplit(self.path).query)

    def do_POST(self) -> None:
        self._respond(self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: `TokenServer.requests` has it all."""

    def _respond(self, fields: str) -> None:
        request = TokenRequest(
            method=self.command,
            path=urlsplit(self.path).path,
            fields=parse_qs(fields),
            headers=tuple(self.headers.items()),
        )
        status, answer = self.tokens.answer(request)
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
