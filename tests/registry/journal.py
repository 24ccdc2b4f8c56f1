"""What a server was asked, in order."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from itertools import count

from tests.registry.messages import Headers, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """One request, and what became of it.

    Attributes:
        query: as it stands in the target, without the question mark.
        head: all that came before the body, byte for byte: what to look for credentials in.
        body_size: bytes of the body that arrived.
        body: the body, where it is small.
        body_digest: where it is not large.
        status: of the answer; `None` while there is none, and where none was sent.
        connection: number of the connection that it came by.
        fault: label of what the script did to it.
    """

    method: str
    path: str
    query: str
    headers: Headers
    head: bytes = field(repr=False)
    connection: int
    body_size: int = 0
    body: bytes | None = field(default=None, repr=False)
    body_digest: str | None = None
    status: int | None = None
    fault: str | None = None

    @property
    def target(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path


class Journal:
    """The requests of one server."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._numbers = count()
        self._records: dict[int, RecordedRequest] = {}

    def begin(self, request: Request, connection: int) -> int:
        """Note a request, and give its number."""
        record = RecordedRequest(
            method=request.method,
            path=request.path,
            query=request.query_text,
            headers=request.headers,
            head=request.head,
            connection=connection,
        )
        with self._lock:
            number = next(self._numbers)
            self._records[number] = record
        return number

    def finish(self, number: int, request: Request, *, status: int | None, fault: str | None = None) -> None:
        """Note what became of it; called before the answer is sent, so that who has the answer finds it here."""
        body = request.body
        with self._lock:
            record = self._records.get(number)
            if record is None:  # forgotten meanwhile
                return
            self._records[number] = replace(
                record,
                body_size=body.size,
                body=body.kept,
                body_digest=body.digest,
                status=status,
                fault=fault,
            )

    def forget(self) -> None:
        with self._lock:
            self._records.clear()

    @property
    def records(self) -> tuple[RecordedRequest, ...]:
        with self._lock:
            return tuple(self._records[number] for number in sorted(self._records))
