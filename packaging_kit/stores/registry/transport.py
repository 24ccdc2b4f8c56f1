"""Requests to one registry: with time limits, tried again, proved by tokens, and nowhere it should not go.

The transport is oras-py's `Registry` with its one public method replaced that every request goes through. Of oras it
has the URLs (`Container`) and the session; what oras does by itself is not used (docs/security.md says why).
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final, NoReturn

import oras.container
import oras.provider
import requests

from packaging_kit.errors import Answer, RegistryError, RequestError
from packaging_kit.limits import MAX_REDIRECTS, MAX_TOKEN_ANSWER_SIZE
from packaging_kit.stores.registry import tls
from packaging_kit.stores.registry.answers import (
    BROKEN,
    BrokenError,
    answer_of,
    cause_of,
    check_headers,
    discard,
    given_up,
    invalid,
    read_limited,
    refuse,
)
from packaging_kit.stores.registry.challenges import Scopes
from packaging_kit.stores.registry.credentials import Credential
from packaging_kit.stores.registry.options import RegistryOptions
from packaging_kit.stores.registry.origin import Origin, Resolve, is_less_public, is_less_public_by_name, join, resolve
from packaging_kit.stores.registry.proxies import proxies_for
from packaging_kit.stores.registry.retries import RETRIED, Tries
from packaging_kit.stores.registry.sending import Body, Session, prepare, tell, translate
from packaging_kit.stores.registry.tokens import Tokens

_REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))


class StoppedError(RegistryError):
    """Another transfer failed, and this one was given up because of it."""


class Transport(oras.provider.Registry):  # type: ignore[misc]  # oras carries no types
    """The registry at one host; used from many threads.

    Args:
        host: `HOST[:PORT]`.
        find_credential: is asked once, when the registry asks for one.
        stopped: once it is set, nothing more is begun.

    Raises:
        RegistryError: from every request.
    """

    def __init__(
        self,
        host: str,
        options: RegistryOptions,
        find_credential: Callable[[], Credential | None],
        *,
        stopped: threading.Event | None = None,
        resolve: Resolve = resolve,
    ) -> None:
        is_plain = host.lower() in {name.lower() for name in options.plain_http}
        super().__init__(hostname=host, insecure=is_plain, tls_verify=True)
        self.options = options
        self.stopped = stopped or threading.Event()
        self._resolve = resolve
        self._find_credential = find_credential
        self._settling = threading.Lock()
        # Who names certificates means https.
        self._is_settled = is_plain or options.ca_file is not None
        self.session = Session()
        for scheme in ("https://", "http://"):
            self.session.mount(scheme, tls.Adapter(options))
        self._use("http" if is_plain else "https")

    def container(self, repository: str) -> oras.container.Container:
        """oras' maker of URLs for a repository, whose reading of names is lax."""
        host = self.origin_host
        container = oras.container.Container(f"{host}/{repository}")
        if (container.registry, container.api_prefix) != (host, repository):
            raise RequestError("reference-invalid", f"`{host}/{repository}` is not read as it is written")
        return container

    @property
    def origin_host(self) -> str:
        """The host with its port, as oras needs to see one to take it for a host."""
        host: str = self.hostname
        return host if ":" in host.rpartition("]")[2] else f"{host}:{self.origin.port}"

    def settle(self) -> None:
        """Find out whether a registry on this machine speaks https: only there both are asked for.

        Raises:
            RegistryError: `registry-unreachable`, `registry-timeout`, `registry-tls`.
        """
        if self._is_settled:
            return
        with self._settling:
            if not self._is_settled:
                if self.origin.is_loopback:
                    self._use("http" if self._speaks_http() else "https")
                self._is_settled = True

    def do_request(
        self,
        url: str,
        method: str = "GET",
        data: Body = None,
        headers: Mapping[str, str] | None = None,
        json: None = None,
        stream: bool = True,  # noqa: FBT001, FBT002 - as in what is overridden
        *,
        scopes: Scopes = frozenset(),
        tries: Tries | None = None,
    ) -> requests.Response:
        """Ask, as often as it may help; the answer's body is read with `read_limited` or `read_pieces`.

        Args:
            url: absolute.
            data: iterated anew for every try.
            json: not used here; part of what is overridden, as is `stream`.
            scopes: what the request needs to be allowed to do.
            tries: those that are left, of a request that was tried before.

        Returns:
            The last answer, whatever its status.

        Raises:
            BrokenError: `registry-unreachable`, `registry-timeout`.
            RegistryError: `registry-tls`, `registry-untrusted`, `registry-unauthorized`, `registry-answer-invalid`.
        """
        send = functools.partial(self._prove_and_follow, url, method, data, headers or {}, scopes)
        return self._repeat(send, tries or Tries(self.options))

    def read(
        self, url: str, most: int, *, headers: Mapping[str, str] | None = None, scopes: Scopes = frozenset()
    ) -> tuple[requests.Response, bytes]:
        """A small answer with its body; the body is empty unless the status is 200. Raises as `do_request` does.

        Raises:
            RegistryError: `registry-answer-too-large`.
        """
        ask = functools.partial(self.do_request, url, headers=headers, scopes=scopes)
        return self._repeat_reading(lambda tries: ask(tries=tries), most)

    def _repeat(self, send: Callable[[int], requests.Response], tries: Tries) -> requests.Response:
        """The answer to a request, tried as often as it may help; `send` is told which try it is."""
        while True:
            try:
                response = send(tries.attempt)
                if response.status_code not in RETRIED:
                    return response
                retry_after = response.headers.get("Retry-After")
                if (wait := tries.next_wait(retry_after)) is None:
                    return response
                discard(response)
            except BrokenError:
                if (wait := tries.next_wait()) is None:
                    raise
            self.wait(wait)

    def _repeat_reading(self, ask: Callable[[Tries], requests.Response], most: int) -> tuple[requests.Response, bytes]:
        """The same with the body of a good answer, which may be cut off as well; `ask` has the same tries."""
        tries = Tries(self.options)
        while True:
            response = ask(tries)
            try:
                return response, read_limited(response, most) if response.status_code == 200 else b""
            except BrokenError:
                if (wait := tries.next_wait()) is None:
                    raise
            self.wait(wait)

    def wait(self, seconds: float) -> None:
        """Wait before another try.

        Raises:
            StoppedError: where another transfer failed meanwhile.
        """
        if self.stopped.wait(seconds):
            raise StoppedError("registry-failed", "given up", answer=Answer(method="", path=""))

    def refuse(self, response: requests.Response, what: str) -> NoReturn:
        """Raise what an answer with an error comes to; raises as `answers.refuse` does."""
        refuse(response, what, host=self.hostname, had_credential=self.tokens.has_credential)

    def _use(self, scheme: str) -> None:
        self.prefix = scheme
        self.origin = Origin.of(f"{scheme}://{self.hostname}")
        self._own_beginning = f"{scheme}://{self.origin_host}/v2/"
        self.tokens = Tokens(self.origin, self._find_credential, self._ask_token, self._resolve)

    def _speaks_http(self) -> bool:
        """Whether the registry answers http, or answers it only to say that it speaks https, or not at all."""
        url = f"http://{self.hostname}/v2/"
        try:
            response = self._send(url, "GET", None, {}, None, 1)
        except BrokenError as exc:
            return exc.code != "registry-unreachable" or not tls.is_spoken(self.origin, self.options.connect_timeout)
        discard(response)
        return response.status_code != 400

    def _prove_and_follow(
        self, url: str, method: str, data: Body, headers: Mapping[str, str], scopes: Scopes, attempt: int
    ) -> requests.Response:
        """Send as the registry is known to want it; prove anew once, not counting the first time it asks."""
        header = self.tokens.header(scopes)
        for may_renew in (True, header is None, False):
            response = self._follow(url, method, data, headers, header, attempt)
            is_own = response.status_code == 401 and Origin.of(str(response.request.url)) == self.origin
            if not may_renew or not is_own:
                break
            challenge = response.headers.get("WWW-Authenticate", "")
            renewed = self.tokens.renew(challenge, scopes, header, answer_of(response))
            if renewed is None:
                break
            discard(response)
            header = renewed
        return response

    def _follow(
        self, url: str, method: str, data: Body, headers: Mapping[str, str], header: str | None, attempt: int
    ) -> requests.Response:
        """Send, and follow redirects; once one led to another origin, no credential is sent again."""
        is_own, began = True, time.monotonic()
        for _ in range(MAX_REDIRECTS + 1):
            origin = self._check_target(url, method)
            is_own = is_own and origin == self.origin
            response = self._send(url, method, data, headers, header if is_own else None, attempt)
            location = response.headers.get("Location")
            if response.status_code not in _REDIRECTS or location is None:
                return response
            if method not in ("GET", "HEAD") and response.status_code not in (307, 308):
                return response
            target = self._join(response, location)
            if method not in ("GET", "HEAD") and Origin.of(target) != origin:
                response.close()
                message = "it would have an upload sent elsewhere"
                raise RegistryError("registry-untrusted", message, answer=answer_of(response))
            discard(response)
            if time.monotonic() - began > self.options.patience:
                raise BrokenError("registry-timeout", "it leads on and on", answer=answer_of(response))
            url = target
        raise invalid(response, f"more than {MAX_REDIRECTS} redirects")

    def location(self, response: requests.Response) -> str:
        """Where an answer says to go on.

        Raises:
            RegistryError: `registry-answer-invalid`, `registry-untrusted`.
        """
        location = response.headers.get("Location")
        if location is None:
            raise invalid(response, "it names no `Location`")
        return self._join(response, location)

    def _join(self, response: requests.Response, location: str) -> str:
        try:
            target = join(str(response.request.url), location)
            Origin.of(target)
        except RequestError as exc:
            response.close()
            raise invalid(response, f"its `Location`: {exc.message}") from exc
        return target

    def _check_target(self, url: str, method: str) -> Origin:
        """Refuse what a registry has no business to send anyone to.

        Raises:
            RegistryError: `registry-untrusted`.
        """
        if url.startswith(self._own_beginning):
            return self.origin  # the usual case, told quickly
        origin = Origin.of(url)
        if origin != self.origin:
            reason = ""
            if self.origin.is_secure and not origin.is_secure:
                reason = "does not speak https, as the registry does"
            elif self._is_less_public(url, origin):
                reason = "is in a network that the registry is not in"
            if reason:
                answer = Answer(method=method, path="")
                raise RegistryError("registry-untrusted", f"{origin}, which it names, {reason}", answer=answer)
        return origin

    def _is_less_public(self, url: str, origin: Origin) -> bool:
        if proxies_for(url, self.options):
            return is_less_public_by_name(origin, self.origin)
        return is_less_public(origin, self.origin, self._resolve)

    def close(self) -> None:
        """Close all connections."""
        self.session.close()

    def _ask_token(self, url: str, *, form: str | None, authorization: str | None) -> bytes:
        """One answer of a token service, whose redirects nobody follows."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if form is not None else {}
        method, data = ("GET", None) if form is None else ("POST", form.encode())

        send = functools.partial(self._send, url, method, data, headers, authorization)
        try:
            response, raw = self._repeat_reading(lambda tries: self._repeat(send, tries), MAX_TOKEN_ANSWER_SIZE)
        except BrokenError as exc:
            # It had its tries: those of the request that the token is for don't begin it anew.
            raise given_up(exc) from exc
        if response.status_code == 404:  # not to be taken for what was asked for with the token
            raise invalid(response, "its token service is not there")
        if response.status_code != 200:
            self.refuse(response, "a token")
        return raw

    def _send(
        self,
        url: str,
        method: str,
        data: Body,
        headers: Mapping[str, str],
        authorization: str | None,
        attempt: int,
    ) -> requests.Response:
        """One request and the beginning of its answer."""
        if self.stopped.is_set():
            raise StoppedError("registry-failed", "given up", answer=Answer(method=method, path=""))
        prepared = prepare(method, url, headers, data)
        if authorization is not None:
            prepared.headers["Authorization"] = authorization
        timeout = (self.options.connect_timeout, self.options.read_timeout)
        began = time.monotonic()
        try:
            response = self.session.send(
                prepared, stream=True, timeout=timeout, allow_redirects=False, proxies=proxies_for(url, self.options)
            )
        except BROKEN as exc:
            error = translate(exc, prepared, self.hostname)
            tell(self.options.on_request, prepared, None, began, attempt, error.message)
            raise error from cause_of(exc)  # what is around it quotes the URL with its query
        tell(self.options.on_request, prepared, response, began, attempt, None)
        check_headers(response)
        return response
