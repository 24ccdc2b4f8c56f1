"""One request: as it is sent, what its failure means, and who is told of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from http.cookiejar import DefaultCookiePolicy
from typing import Final

import requests
import urllib3
from requests.structures import CaseInsensitiveDict

from packaging_kit.errors import Answer, RegistryError
from packaging_kit.stores.registry import tls
from packaging_kit.stores.registry.answers import BrokenError, reason_of
from packaging_kit.stores.registry.options import RequestEvent
from packaging_kit.stores.registry.origin import Origin

_HEADERS: Final = {"User-Agent": "packaging-kit", "Accept": "*/*", "Accept-Encoding": "identity"}

Body = bytes | Iterable[bytes] | None
"""What a request carries; an iterable has a `__len__`, and begins anew whenever it is iterated."""


class Session(requests.Session):
    """A session that keeps nothing of its own will: no cookies, no `.netrc`, no redirect followed or looked into."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self.headers.clear()

    def get_redirect_target(self, resp: requests.Response) -> None:
        # What is asked here reads the whole body of a redirect, however long it is.
        return None


def prepare(method: str, url: str, headers: Mapping[str, str], data: Body) -> requests.PreparedRequest:
    """A request as it is sent.

    What `requests` would do to prepare it, quoting, cookies and codings of forms, is not wanted here, and takes as
    long as a small blob does on its way.
    """
    prepared = requests.PreparedRequest()
    prepared.method = method
    prepared.url = url
    prepared.headers = CaseInsensitiveDict({**_HEADERS, **headers})
    prepared.body = data
    if data is not None:
        prepared.headers["Content-Length"] = str(len(data))  # type: ignore[arg-type]  # it has a size
    elif method in ("POST", "PUT", "PATCH"):
        prepared.headers["Content-Length"] = "0"
    return prepared


def translate(exc: BaseException, request: requests.PreparedRequest, host: str) -> RegistryError:
    """The error that no answer comes to."""
    path = str(request.path_url).partition("?")[0]
    answer = Answer(method=str(request.method), path=path)
    if isinstance(exc, requests.exceptions.InvalidProxyURL | requests.exceptions.InvalidHeader):
        return RegistryError("registry-unreachable", reason_of(exc), answer=answer)
    if tls.is_untrusted(exc):
        trust = "`--ca-file FILE` names the certificates to trust"
        return RegistryError("registry-tls", f"its certificate: {reason_of(exc)}", answer=answer, hint=trust)
    is_refused = isinstance(exc, urllib3.exceptions.NewConnectionError)  # which is a time-out to urllib3
    if isinstance(exc, requests.Timeout | urllib3.exceptions.TimeoutError) and not is_refused:
        return BrokenError("registry-timeout", "the registry does not answer", answer=answer)
    hint = (
        "`--plain-http` where it speaks http"
        if isinstance(exc, requests.exceptions.SSLError | urllib3.exceptions.SSLError)
        else None
    )
    return BrokenError("registry-unreachable", f"no connection to {host}: {reason_of(exc)}", answer=answer, hint=hint)


def tell(
    listener: Callable[[RequestEvent], None] | None,
    request: requests.PreparedRequest,
    response: requests.Response | None,
    began: float,
    attempt: int,
    error: str | None,
) -> None:
    """Tell who listens of one try, and nothing that is secret."""
    if listener is None:
        return
    origin = Origin.of(str(request.url))
    received = "" if response is None else str(response.headers.get("Content-Length", ""))
    listener(
        RequestEvent(
            method=str(request.method),
            host=f"{origin.host}:{origin.port}",
            path=str(request.path_url).partition("?")[0],
            status=None if response is None else response.status_code,
            sent=int(request.headers.get("Content-Length", 0)),
            received=int(received[:19]) if received.isdecimal() else None,
            seconds=time.monotonic() - began,
            attempt=attempt,
            error=error,
        )
    )
