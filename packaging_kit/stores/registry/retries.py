"""When a request is tried again, and after how long."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from packaging_kit.limits import KIB
from packaging_kit.stores.registry.options import RegistryOptions

RETRIED: Final = frozenset((408, 429, 500, 502, 503, 504))
"""Answers that another try may change."""

_LONGEST = 15.0  # seconds between two tries, where the registry does not say
_PROGRESS: Final = 256 * KIB  # bytes between two breaks after which the second one counts as a first


class Tries:
    """The tries of one request, or of one that is done with when its answer was read.

    Patience is counted from the end of the first try, which may have taken all of it to run into a time limit, or to
    send what is large.

    Args:
        most: fewer than the options say.
    """

    def __init__(self, options: RegistryOptions, most: int | None = None) -> None:
        self._options = options
        self._most = options.tries if most is None else most
        self._failed: float | None = None  # when the first one did, as `time.monotonic` counts
        self._position = 0
        self.attempt = 1

    def go_on_from(self, position: int) -> None:
        """Count anew where a transfer got on a good deal since it broke before; so the size of a blob bounds them.

        Args:
            position: bytes of it that arrived.
        """
        if position - self._position >= _PROGRESS:
            self.attempt, self._failed = 1, None
        self._position = max(self._position, position)

    def next_wait(self, retry_after: str | None = None) -> float | None:
        """Seconds until the next try; `None` where there is none.

        Args:
            retry_after: what the registry says; what is no time in it is passed over.
        """
        if self.attempt >= self._most:
            return None
        asked = parse_retry_after(retry_after, datetime.now(UTC))
        longest = min(self._options.backoff * (1 << self.attempt - 1), _LONGEST)
        # Half of it is random, so that those who failed together don't come back together.
        wait = max(longest * (1 + random.random()) / 2, asked or 0.0)
        now = time.monotonic()
        self._failed = now if self._failed is None else self._failed
        if now - self._failed + wait > self._options.patience:
            return None
        self.attempt += 1
        return wait


def parse_retry_after(text: str | None, now: datetime) -> float | None:
    """Seconds that `Retry-After` asks for (RFC 9110, 10.2.3); `None` where it says nothing that can be read."""
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:12])
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    try:
        return max((date - now).total_seconds(), 0.0)
    except OverflowError:
        return None
