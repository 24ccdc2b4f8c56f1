"""TLS: whose certificates are trusted, and how to tell what went wrong."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import certifi
import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict

from packaging_kit.errors import UnavailableError
from packaging_kit.stores.files import io_errors
from packaging_kit.stores.registry.connections import watch
from packaging_kit.stores.registry.options import RegistryOptions
from packaging_kit.stores.registry.origin import Origin


class Adapter(HTTPAdapter):
    """Connections, as many as there are transfers at a time, which trust what the options say.

    What is trusted is read when the first connection is made by TLS: that takes longer than a whole small push.

    Raises:
        UnavailableError: `io-error`, `certificate-invalid` from `send`.
    """

    def __init__(self, options: RegistryOptions) -> None:
        self._options = options
        self._making = threading.Lock()
        self._context: ssl.SSLContext | None = None
        self._pools: dict[str, urllib3.HTTPConnectionPool] = {}
        super().__init__(pool_connections=4, pool_maxsize=options.side_by_side + 1, max_retries=0)
        watch(self.poolmanager)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        if str(request.url).startswith("https:"):
            with self._making:
                if self._context is None:
                    self._context = _make_context(self._options)
                    self.poolmanager.connection_pool_kw["ssl_context"] = self._context
        if kwargs.get("proxies"):
            return super().send(request, *args, **kwargs)
        return self._send_directly(request, kwargs["timeout"])

    def _send_directly(self, request: requests.PreparedRequest, timeout: tuple[float, float]) -> requests.Response:
        """What the method of the base does without a proxy, which takes as long as a small blob on its way."""
        url = str(request.url)
        beginning = url[: url.index("/", len("https://"))]
        pool = self._pools.get(beginning)
        if pool is None:
            pool = self._pools[beginning] = self.poolmanager.connection_from_url(beginning)
        connect, read = timeout
        raw = pool.urlopen(
            str(request.method),
            url[len(beginning) :],
            body=request.body,  # type: ignore[arg-type]  # nothing with a method `read` is sent
            headers=request.headers,  # type: ignore[arg-type]  # all of them are texts
            redirect=False,
            assert_same_host=False,
            preload_content=False,
            decode_content=False,
            retries=False,
            timeout=urllib3.Timeout(connect=connect, read=read),
        )
        response = requests.Response()
        response.status_code = raw.status
        response.headers = CaseInsensitiveDict(raw.headers)
        response.raw, response.url, response.request = raw, url, request
        return response

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, ssl_context=self._context, **kwargs)
        watch(manager)
        return manager

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        # The context knows; what would be done here adds other certificates to it, for every connection anew.
        conn.cert_reqs = "CERT_REQUIRED"


def _make_context(options: RegistryOptions) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which checks certificates and host names
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    authorities = options.ca_file or _own_authorities()
    if authorities is None:
        context.load_default_certs()
    else:
        with io_errors(authorities), _translated(authorities):
            context.load_verify_locations(authorities)
    if options.client_certificate is not None:
        with io_errors(options.client_certificate), _translated(options.client_certificate):
            context.load_cert_chain(options.client_certificate, options.client_key, password=_no_password)
    return context


def _own_authorities() -> Path | None:
    """The certificates that came with `requests`, where the system has none."""
    paths = ssl.get_default_verify_paths()
    has_folder = paths.capath is not None and any(Path(paths.capath).iterdir())  # it is one that exists
    has_some = has_folder or bool(paths.cafile) or os.name == "nt"
    return None if has_some else Path(certifi.where())


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except ssl.SSLError as exc:
        raise UnavailableError("certificate-invalid", f"`{path}` holds no certificate that can be used") from exc


def _no_password() -> str:
    """What OpenSSL asks for an encrypted key, in place of asking the terminal."""
    return ""


def is_untrusted(exc: BaseException) -> bool:
    """Whether a connection was given up because of a certificate, which another try does not change."""
    seen: list[BaseException] = []
    pending: list[BaseException | None] = [exc]
    while pending and len(seen) < 20:
        current = pending.pop()
        if current is None or current in seen:
            continue
        seen.append(current)
        if isinstance(current, ssl.SSLCertVerificationError):
            return True
        pending += [current.__cause__, current.__context__]
        pending += [argument for argument in current.args if isinstance(argument, BaseException)]
        pending.append(reason if isinstance(reason := getattr(current, "reason", None), BaseException) else None)
    return False


def is_spoken(origin: Origin, timeout: float) -> bool:
    """Whether a server on this machine answers a handshake; whom it belongs to is not looked at here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    host = origin.host.removeprefix("[").removesuffix("]")
    try:
        with socket.create_connection((host, origin.port), timeout) as connection, context.wrap_socket(connection):
            return True
    except OSError:
        return False
