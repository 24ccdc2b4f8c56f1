"""How each kind of fault is done to a connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from packaging_kit.digest import Digest
from tests.registry.answers import refusal
from tests.registry.auth import unauthorized
from tests.registry.faults import ELSEWHERE, Fault, Kind
from tests.registry.listener import Connection
from tests.registry.messages import BodyCutError, Request, Response

HUGE_FIELDS: Final = 64
HUGE_FIELD_SIZE: Final = 16 << 10
"""Few enough fields, each short enough, for a parser that limits only these two."""

_FILLER = bytes(1 << 16)
_WRONG_DIGEST = Digest.of(b"something else").value


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """Does a fault to one request.

    Attributes:
        process: what answers the request if nothing breaks.
        challenge: what a client with an expired token is told.
        note: called with the status before an answer is sent, or with `None` where none is.
    """

    connection: Connection
    request: Request
    process: Callable[[Request], Response]
    challenge: Callable[[Request], str]
    note: Callable[[int | None], None]

    def run(self, fault: Fault) -> None:
        """Raises `OSError` where the client has gone."""
        early = _EARLY.get(fault.kind)
        if early is not None:
            self.note(None)
            early(self.connection)
            return
        if fault.kind is Kind.REFUSED_EARLY:
            self.note(fault.status or 503)
            self.connection.refuse(refusal(fault.status or 503, "UNKNOWN"))
            return
        try:
            response = self._response(fault)
        except BodyCutError:
            self.note(None)
            self.connection.reset()
            return
        deliver = _DELIVER.get(fault.kind)
        if deliver is None:
            self.note(response.status)
            self.connection.answer(response, to=self.request.method)
            return
        self.note(None if fault.kind in _SILENT else response.status)
        deliver(self.connection, fault, self.request, response)

    def _response(self, fault: Fault) -> Response:
        body = self.request.body
        if fault.kind is Kind.RESET_IN_REQUEST:
            body.cut_at = (body.declared or 0) // 2 if fault.cut_at is None else fault.cut_at
        answer = self.process(self.request) if fault.has_effect else None
        body.discard()
        if fault.kind is Kind.EXPIRED:
            return unauthorized(self.challenge(self.request))
        if fault.kind in _OTHER_ANSWER:
            return _OTHER_ANSWER[fault.kind](fault, self.request)
        answer = answer or Response()
        alter = _ALTER.get(fault.kind)
        return answer if alter is None else alter(fault, answer)


def _not_found(fault: Fault, request: Request) -> Response:
    return refusal(404, "BLOB_UPLOAD_UNKNOWN" if "/blobs/uploads/" in request.path else "UNKNOWN")


def _status(fault: Fault, request: Request) -> Response:
    fields = () if fault.retry_after is None else (("Retry-After", fault.retry_after.decode("latin-1")),)
    code = "TOOMANYREQUESTS" if fault.status == 429 else "RANGE_INVALID" if fault.status == 416 else "UNKNOWN"
    return refusal(fault.status, code, "", *fields)


def _redirect_here(fault: Fault, request: Request) -> Response:
    return Response(status=fault.status or 307, headers=(("Location", ELSEWHERE + request.target),))


def _redirect_away(fault: Fault, request: Request) -> Response:
    return Response(status=fault.status or 307, headers=(("Location", fault.location + request.target),))


def _given(fault: Fault, request: Request) -> Response:
    return fault.answer or Response()


_OTHER_ANSWER: Mapping[Kind, Callable[[Fault, Request], Response]] = {
    Kind.NOT_FOUND: _not_found,
    Kind.STATUS: _status,
    Kind.REDIRECT_HERE: _redirect_here,
    Kind.REDIRECT_AWAY: _redirect_away,
    Kind.ANSWER: _given,
}


def _wrong_bytes(fault: Fault, answer: Response) -> Response:
    body = bytearray(answer.body)
    if body:
        body[len(body) // 2] ^= 1
    return answer.with_body(bytes(body))


def _longer(fault: Fault, answer: Response) -> Response:
    return answer.with_body(bytes(answer.body) + b"and more")


def _shorter(fault: Fault, answer: Response) -> Response:
    return answer.with_body(bytes(answer.body[: _cut(fault, answer.body)]))


def _wrong_type(fault: Fault, answer: Response) -> Response:
    return answer.with_headers(("Content-Type", "text/html"))


def _wrong_digest(fault: Fault, answer: Response) -> Response:
    return answer.with_headers(("Docker-Content-Digest", _WRONG_DIGEST))


def _with_headers(fault: Fault, answer: Response) -> Response:
    return answer.with_headers(*fault.headers)


def _huge_headers(fault: Fault, answer: Response) -> Response:
    return answer.with_headers(*((f"X-Filler-{number}", "x" * HUGE_FIELD_SIZE) for number in range(HUGE_FIELDS)))


_ALTER: Mapping[Kind, Callable[[Fault, Response], Response]] = {
    Kind.WRONG_BYTES: _wrong_bytes,
    Kind.LONGER: _longer,
    Kind.SHORTER: _shorter,
    Kind.WRONG_TYPE: _wrong_type,
    Kind.WRONG_DIGEST: _wrong_digest,
    Kind.WITH_HEADERS: _with_headers,
    Kind.HUGE_HEADERS: _huge_headers,
}


def _reset(connection: Connection, fault: Fault, request: Request, response: Response) -> None:
    connection.reset()


def _stall(connection: Connection, fault: Fault, request: Request, response: Response) -> None:
    connection.wait_for_client()


def _reset_in_answer(connection: Connection, fault: Fault, request: Request, response: Response) -> None:
    connection.send(_part(fault, request, response))
    connection.reset()


def _stall_in_answer(connection: Connection, fault: Fault, request: Request, response: Response) -> None:
    connection.send(_part(fault, request, response))
    connection.wait_for_client()


def _truncated(connection: Connection, fault: Fault, request: Request, response: Response) -> None:
    connection.send(_part(fault, request, response))
    connection.close()


def _duplicate(connection: Connection, fault: Fault, request: Request, response: Response) -> None:
    body = b"" if _has_no_body(request, response) else bytes(response.body)
    connection.send((response.head() + body) * 2)


def _late_duplicate(connection: Connection, fault: Fault, request: Request, response: Response) -> None:
    connection.answer(response, to=request.method)
    connection.wait_for_request()
    connection.answer(response, to=request.method)


def _drip(connection: Connection, fault: Fault, request: Request, response: Response) -> None:
    connection.send(response.head())
    for byte in b"" if _has_no_body(request, response) else response.body:
        if connection.stopping.wait(fault.interval):
            return
        connection.send(bytes((byte,)))


def _endless(connection: Connection, fault: Fault, request: Request, response: Response) -> None:
    fields = tuple((name, value) for name, value in response.headers if name.lower() != "content-length")
    if fault.declared_size is not None:
        fields = (*fields, ("Content-Length", str(fault.declared_size)))
    lines = [f"HTTP/1.1 {response.status} Endless", *(f"{name}: {value}" for name, value in fields)]
    connection.send(("\r\n".join(lines) + "\r\nConnection: close\r\n\r\n").encode("latin-1"))
    if _has_no_body(request, response):
        connection.close()
        return
    while not connection.stopping.is_set():
        connection.send(_FILLER)


_DELIVER: Mapping[Kind, Callable[[Connection, Fault, Request, Response], None]] = {
    Kind.RESET_IN_REQUEST: _reset,
    Kind.RESET_AFTER: _reset,
    Kind.RESET_IN_ANSWER: _reset_in_answer,
    Kind.STALL: _stall,
    Kind.STALL_IN_ANSWER: _stall_in_answer,
    Kind.TRUNCATED: _truncated,
    Kind.DUPLICATE: _duplicate,
    Kind.LATE_DUPLICATE: _late_duplicate,
    Kind.DRIP: _drip,
    Kind.ENDLESS: _endless,
}
_SILENT = frozenset((Kind.RESET_IN_REQUEST, Kind.RESET_AFTER, Kind.STALL))
_EARLY: Mapping[Kind, Callable[[Connection], None]] = {
    Kind.RESET_BEFORE_BODY: Connection.reset,
    Kind.STALL_BEFORE_BODY: Connection.wait_for_client,
}


def _part(fault: Fault, request: Request, response: Response) -> bytes:
    """The head and the first part of the body; of an answer without a body, the first part of the head."""
    head = response.head()
    if _has_no_body(request, response):
        return head[: len(head) // 2]
    return head + bytes(response.body[: _cut(fault, response.body)])


def _cut(fault: Fault, body: bytes | memoryview) -> int:
    return len(body) // 2 if fault.cut_at is None else fault.cut_at


def _has_no_body(request: Request, response: Response) -> bool:
    return request.method == "HEAD" or not response.body or response.status == 204
