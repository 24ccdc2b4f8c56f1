"""The registry itself: routes, authentication, faults, and the ways in that go around HTTP."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from packaging_kit.digest import Digest
from tests.registry.answers import NOT_SUPPORTED, Call, RefusedError, refusal
from tests.registry.auth import OWN_REALM, Auth, Guard, Scopes, scopes_of
from tests.registry.behaviour import GOOD, Behaviour
from tests.registry.blobs import answer_blob
from tests.registry.breaking import Breaker
from tests.registry.faults import ELSEWHERE, Choose, Fault, Script
from tests.registry.journal import Journal, RecordedRequest
from tests.registry.listener import Connection, Listener, Tls
from tests.registry.manifests import answer_manifest, list_referrers, list_tags
from tests.registry.messages import BodyCutError, Request, Response, json_response
from tests.registry.state import Manifest, State
from tests.registry.uploads import answer_upload, start_upload

if TYPE_CHECKING:
    from typing import Self

_ROUTE = re.compile(
    r"/v2/(?P<name>.+?)/(?:blobs/(?P<uploads>uploads)/(?P<upload>[^/]*)|blobs/(?P<blob>[^/]+)"
    r"|manifests/(?P<manifest>[^/]+)|tags/(?P<tags>list)|referrers/(?P<referrers>[^/]+))"
)
_PART = "[a-z0-9]+(?:(?:[.]|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(f"{_PART}(?:/{_PART})*")
_HOST = "127.0.0.1"


class Registry:
    """An OCI registry in memory, on a free port of loopback, while its `with` statement lasts.

    Attributes:
        host: `127.0.0.1:PORT`.
        url: with the scheme.
        behaviour: what it can do; may be changed while it runs.
    """

    def __init__(self, behaviour: Behaviour = GOOD, auth: Auth = None, tls: Tls | None = None) -> None:
        self.behaviour = behaviour
        self._guard = Guard(auth)
        self._state = State()
        self._journal = Journal()
        self._script = Script(())
        self._listener = Listener(self._serve, host=_HOST, tls=tls)
        self.host = f"{_HOST}:{self._listener.port}"
        self.url = f"{'http' if tls is None else 'https'}://{self.host}"

    def __enter__(self) -> Self:
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.stop()

    # What happened, and what is to happen.

    @property
    def requests(self) -> tuple[RecordedRequest, ...]:
        """What it was asked, in order."""
        return self._journal.records

    def forget_requests(self) -> None:
        self._journal.forget()

    def script(self, faults: Iterable[Fault] | Choose) -> None:
        """Have these go wrong from now on, counted from now, in place of what was said before."""
        self._script = Script(faults)

    @property
    def faults_happened(self) -> int:
        """How many of the script's faults have happened."""
        return self._script.happened

    def expire_tokens(self) -> None:
        """Make all tokens that were given worthless."""
        self._guard.expire()

    # What it holds.

    def blobs(self, repository: str) -> Mapping[str, bytes]:
        with self._state.lock:
            held = dict(self._state.repository(repository).blobs)
        return {digest: bytes(content) for digest, content in held.items()}

    def manifests(self, repository: str) -> Mapping[str, Manifest]:
        with self._state.lock:
            return MappingProxyType(dict(self._state.repository(repository).manifests))

    def tags(self, repository: str) -> Mapping[str, str]:
        with self._state.lock:
            return MappingProxyType(dict(self._state.repository(repository).tags))

    def uploads(self, repository: str) -> Mapping[str, bytes]:
        """What has arrived of uploads that are not finished."""
        with self._state.lock:
            held = dict(self._state.repository(repository).uploads)
        return {upload_id: bytes(upload.data) for upload_id, upload in held.items()}

    def put_blob(self, repository: str, data: bytes, *, algorithm: str = "sha256") -> str:
        """Hold a blob, and give its digest."""
        digest = Digest.of(data, algorithm).value
        with self._state.lock:
            self._state.repository(repository).blobs[digest] = data
        return digest

    def put_manifest(
        self, repository: str, data: bytes, media_type: str, tag: str | None = None, *, algorithm: str = "sha256"
    ) -> str:
        """Hold a manifest, unchecked, and give its digest."""
        digest = Digest.of(data, algorithm).value
        with self._state.lock:
            self._state.repository(repository).put_manifest(data, media_type, digest=digest, tag=tag)
        return digest

    def forget(self, repository: str) -> None:
        """Hold nothing of it any more."""
        with self._state.lock:
            self._state.repositories.pop(repository, None)

    def damage(self, repository: str, digest: str, data: bytes) -> None:
        """Put other bytes in place of a blob's or a manifest's."""
        with self._state.lock:
            held = self._state.repository(repository)
            if digest in held.manifests:
                held.manifests[digest] = Manifest(data, held.manifests[digest].media_type)
            if digest in held.blobs:
                held.blobs[digest] = data

    def missing(self, repository: str) -> list[str]:
        """The digests that a tag leads to and that are not there, or whose content is not theirs."""
        with self._state.lock:
            return self._state.repository(repository).missing()

    # Answers, also for another server to give.

    def answer(self, request: Request) -> Response:
        """The true answer, to anybody: what `Origin` gives for a registry whose content lies elsewhere."""
        target = request.path.removeprefix(ELSEWHERE)
        if target in ("/v2/", "/v2"):
            return json_response({})
        match = _ROUTE.fullmatch(target)
        if match is None:
            return NOT_SUPPORTED
        if not _NAME.fullmatch(match["name"]):
            return refusal(400, "NAME_INVALID")
        call = Call(request=request, name=match["name"], state=self._state, behaviour=self.behaviour, origin=self.url)
        try:
            return _route(call, match)
        except RefusedError as refused:
            return refused.response

    def answer_token(self, request: Request) -> Response:
        """The answer of the token endpoint."""
        return self._guard.answer_token(request)

    def _process(self, request: Request) -> Response:
        """The true answer, to who may have it; the body has been read to its end."""
        if request.path == OWN_REALM:
            response = self.answer_token(request)
        else:
            refused = self._guard.check(request, self._needed(request), self.url)
            response = self.answer(request) if refused is None else refused
        request.body.discard()
        return response

    def _needed(self, request: Request) -> Scopes:
        match = _ROUTE.fullmatch(request.path.removeprefix(ELSEWHERE))
        if match is None:
            return {}
        return scopes_of(request.method, match["name"], match["uploads"] or "", request.query.get("from"))

    def _challenge(self, request: Request) -> str:
        return self._guard.challenge(self._needed(request), self.url, error="invalid_token")

    def _serve(self, connection: Connection) -> None:
        for request in connection.iter_requests():
            number = self._journal.begin(request, connection.number)
            fault = self._script.fault_for(request)
            if fault is not None:
                label = fault.label
                note = partial(self._note, number, request, label)
                Breaker(
                    connection=connection,
                    request=request,
                    process=self._process,
                    challenge=self._challenge,
                    note=note,
                ).run(fault)
                continue
            try:
                response = self._process(request)
            except BodyCutError:
                self._journal.finish(number, request, status=None)
                return
            self._journal.finish(number, request, status=response.status)
            connection.answer(response, to=request.method)

    def _note(self, number: int, request: Request, fault: str, status: int | None) -> None:
        self._journal.finish(number, request, status=status, fault=fault)


def _route(call: Call, match: re.Match[str]) -> Response:
    if match["upload"]:
        return answer_upload(call, match["upload"])
    if match["uploads"]:
        return start_upload(call)
    if match["blob"]:
        return answer_blob(call, match["blob"])
    if match["manifest"]:
        return answer_manifest(call, match["manifest"])
    if match["tags"]:
        return list_tags(call)
    return list_referrers(call, match["referrers"])
