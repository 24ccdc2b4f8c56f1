"""Another server, which a client may be led to: it remembers all that it was sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.registry.journal import Journal, RecordedRequest
from tests.registry.listener import Connection, Listener, Tls
from tests.registry.messages import BodyCutError, Request, Response

if TYPE_CHECKING:
    from typing import Self

Answer = Callable[[Request], Response]


def _nothing(request: Request) -> Response:
    return Response(status=404)


class Origin:
    """Answers with what a function returns, as `Registry.answer` or `Registry.answer_token` of a registry.

    Another loopback address, as `127.0.0.2`, is another host.
    """

    def __init__(self, answer: Answer = _nothing, *, host: str = "127.0.0.1", tls: Tls | None = None) -> None:
        self._answer = answer
        self._journal = Journal()
        self._listener = Listener(self._serve, host=host, tls=tls)
        self.host = f"{host}:{self._listener.port}"
        self.url = f"{'http' if tls is None else 'https'}://{self.host}"

    def __enter__(self) -> Self:
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.stop()

    @property
    def requests(self) -> tuple[RecordedRequest, ...]:
        """What came, in order."""
        return self._journal.records

    def saw(self, secret: str) -> bool:
        """Whether this text came in any head or small body."""
        found = secret.encode()
        return any(found in request.head or found in (request.body or b"") for request in self.requests)

    def _serve(self, connection: Connection) -> None:
        for request in connection.iter_requests():
            number = self._journal.begin(request, connection.number)
            try:
                response = self._answer(request)
                request.body.discard()
            except BodyCutError:
                self._journal.finish(number, request, status=None)
                return
            self._journal.finish(number, request, status=response.status)
            connection.answer(response, to=request.method)
