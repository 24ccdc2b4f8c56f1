"""What goes wrong, and at which request: a script of faults that a test gives.

A campaign records a clean run, then repeats it once for each request and each fault:

```python
for position in range(len(clean)):
    for fault in EVERY_FAULT:
        registry.script([fault.at_request(clean, position)])
```
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random
from typing import TYPE_CHECKING, Final

from tests.registry.journal import RecordedRequest
from tests.registry.messages import Request, Response

if TYPE_CHECKING:
    from typing import Self


class Kind(StrEnum):
    """What can happen to a request."""

    # The connection.
    RESET_BEFORE_BODY = "reset before the request's body is read"
    RESET_IN_REQUEST = "reset in the middle of the request's body"
    RESET_AFTER = "reset before the answer"
    RESET_IN_ANSWER = "reset in the middle of the answer"
    STALL_BEFORE_BODY = "stall before the request's body is read"
    STALL = "stall before the answer"
    STALL_IN_ANSWER = "stall in the middle of the answer"
    DRIP = "one byte of the answer at a time"
    # The answer's framing.
    TRUNCATED = "truncated body"
    LONGER = "longer body"
    SHORTER = "shorter body"
    ENDLESS = "endless body"
    HUGE_HEADERS = "huge headers"
    DUPLICATE = "the answer twice"
    LATE_DUPLICATE = "the answer again, as if to the next request"
    # What it says.
    WRONG_BYTES = "wrong bytes"
    WRONG_TYPE = "wrong Content-Type"
    WRONG_DIGEST = "wrong Docker-Content-Digest"
    WITH_HEADERS = "other headers"
    # Another answer.
    EXPIRED = "expired token"
    REFUSED_EARLY = "refused before the request's body is read"
    NOT_FOUND = "not found"
    STATUS = "status"
    REDIRECT_HERE = "redirect to the same origin"
    REDIRECT_AWAY = "redirect to another origin"
    ANSWER = "another answer"


NEEDS_ANSWER: Final = frozenset(
    (
        Kind.RESET_IN_ANSWER,
        Kind.STALL_IN_ANSWER,
        Kind.DRIP,
        Kind.TRUNCATED,
        Kind.LONGER,
        Kind.SHORTER,
        Kind.ENDLESS,
        Kind.HUGE_HEADERS,
        Kind.DUPLICATE,
        Kind.LATE_DUPLICATE,
        Kind.WRONG_BYTES,
        Kind.WRONG_TYPE,
        Kind.WRONG_DIGEST,
        Kind.WITH_HEADERS,
        Kind.RESET_IN_REQUEST,
        Kind.RESET_AFTER,
    )
)
"""The request has its effect, as these spoil the true answer or come after it."""

ELSEWHERE: Final = "/elsewhere"
"""Put before a path, it leads to the same resource."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to which requests.

    Those that have `method` and in whose target (path and query) `path` is found are counted from 0; from the `at`-th
    on it happens `times` times, or for ever where that is `None`.
    """

    kind: Kind
    at: int = 0
    times: int | None = 1
    method: str | None = None
    path: str = ""
    """A regular expression, looked for with `re.search`."""
    processed: bool = False
    """The request has its effect all the same; always so for the kinds that spoil the true answer."""
    status: int = 0
    """Of `STATUS`; of the redirects, which have 307 otherwise; of `REFUSED_EARLY`, which has 503."""
    retry_after: bytes | None = None
    """`Retry-After`, as it goes over the wire."""
    location: str = ""
    """The other origin of `REDIRECT_AWAY`: the target is put behind it."""
    headers: tuple[tuple[str, str], ...] = ()
    """What `WITH_HEADERS` puts in place of the answer's."""
    answer: Response | None = None
    """What `ANSWER` answers."""
    declared_size: int | None = None
    """`Content-Length` of `ENDLESS`; the connection's end is the body's without it."""
    cut_at: int | None = None
    """Bytes of the body, the request's or the answer's, before it breaks; half of them without it."""
    interval: float = 0.01
    """Seconds between the bytes of `DRIP`."""

    @property
    def has_effect(self) -> bool:
        return self.processed or self.kind in NEEDS_ANSWER

    @property
    def label(self) -> str:
        """What it is, for people."""
        words: list[str] = [self.kind.value]
        if self.kind is Kind.STATUS:
            words.append(str(self.status))
        if self.retry_after is not None:
            words.append(f"retry after {self.retry_after.decode('latin-1')!r}")
        if self.processed and self.kind not in NEEDS_ANSWER:
            words.append("processed")
        return " ".join(words)

    def is_about(self, request: Request) -> bool:
        """Whether it counts this request."""
        return self.method in (None, request.method) and re.search(self.path, request.target) is not None

    def at_request(self, requests: Sequence[RecordedRequest], position: int) -> Self:
        """The same fault, at this request of a recorded run.

        It is known by its method, path and occurrence, so that it is found again when transfers
        that go side by side come in another order; any upload of a repository counts as the same.
        """
        wanted = _place(requests[position])
        before = sum(_place(request) == wanted for request in requests[:position])
        return replace(self, method=wanted[0], path=wanted[1], at=before)


def _place(request: RecordedRequest) -> tuple[str, str]:
    path = re.escape(request.path)
    if "/blobs/uploads/" in request.path and not request.path.endswith("/"):
        path = re.escape(request.path.rpartition("/")[0]) + "/[^/]+"
    return request.method, rf"^{path}(\?|$)"


Choose = Callable[[Request, int], Fault | None]
"""Says what happens to a request, given its number."""


class Script:
    """Faults in the order they are looked through: the first that is due happens."""

    def __init__(self, faults: Iterable[Fault] | Choose) -> None:
        self._lock = threading.Lock()
        self._choose = faults if callable(faults) else None
        self._faults = () if callable(faults) else tuple(faults)
        self._seen = [0] * len(self._faults)
        self._number = 0
        self.happened = 0
        """How often one happened."""

    def fault_for(self, request: Request) -> Fault | None:
        with self._lock:
            number = self._number
            self._number += 1
            fault = self._due(request) if self._choose is None else self._choose(request, number)
            self.happened += fault is not None
            return fault

    def _due(self, request: Request) -> Fault | None:
        found = None
        for position, fault in enumerate(self._faults):
            if fault.is_about(request):
                since = self._seen[position] - fault.at
                self._seen[position] += 1
                if found is None and since >= 0 and (fault.times is None or since < fault.times):
                    found = fault
        return found


class Chance:
    """For each request one of the faults with some probability; the same ones for the same seed."""

    def __init__(self, probability: float, faults: Sequence[Fault], *, seed: int) -> None:
        self._random = Random(seed)
        self._probability = probability
        self._faults = tuple(faults)

    def __call__(self, request: Request, number: int) -> Fault | None:
        return self._random.choice(self._faults) if self._random.random() < self._probability else None


def _statuses() -> Iterable[Fault]:
    for status in (408, 416, 500, 502, 503, 504):
        yield Fault(kind=Kind.STATUS, status=status)
    # None, good, past, huge, negative, garbage.
    past = b"Wed, 21 Oct 2015 07:28:00 GMT"
    for retry_after in (None, b"0", b"1", past, b"99999999999", b"-5", b"soon\x80", b""):
        yield Fault(kind=Kind.STATUS, status=429, retry_after=retry_after)


_LEFT_OUT = frozenset(
    (
        Kind.STATUS,  # one by one below
        Kind.REDIRECT_AWAY,
        Kind.WITH_HEADERS,
        Kind.ANSWER,
        Kind.DRIP,  # takes long
        Kind.LATE_DUPLICATE,  # no client of HTTP/1.1 can tell
    )
)

EVERY_FAULT: Final = (
    *(Fault(kind=kind) for kind in Kind if kind not in _LEFT_OUT),
    *_statuses(),
    *(Fault(kind=kind, processed=True) for kind in (Kind.STALL, Kind.EXPIRED, Kind.NOT_FOUND)),
    *(Fault(kind=Kind.STATUS, status=status, processed=True) for status in (429, 500, 503)),
)
"""One of each that needs nothing of the test's own; a redirect to another origin needs that origin."""
