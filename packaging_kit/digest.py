"""Content digests: a type that rejects and never normalises (OCI image-spec, `descriptor.md#digests`)."""

from __future__ import annotations

import hashlib
import queue
import re
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from packaging_kit.errors import ContentError, RequestError

if TYPE_CHECKING:
    from typing import Self

_WORTH_A_THREAD = 1 << 18  # bytes at a time from which on a thread pays
_PIECE = 1 << 20  # bytes that are hashed before an abandoned hasher notices
_PIECES_WAITING = 4

ALGORITHMS: Final = ("sha256", "sha512")
"""Those that the image spec registers; what we write ourselves is always sha256."""

_FORM = re.compile(r"(sha256):([0-9a-f]{64})|(sha512):([0-9a-f]{128})")


class Hasher(Protocol):
    """The part of `hashlib`'s objects that is used here."""

    def update(self, data: bytes | memoryview, /) -> None: ...
    def hexdigest(self) -> str: ...


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """A digest in its text form, `sha256:<64 hex>`; what we write is always sha256.

    `sha512` is read, because the image spec registers it and others may use it.

    Raises:
        RequestError: `digest-invalid`, for any other text.
    """

    value: str

    def __post_init__(self) -> None:
        if not _FORM.fullmatch(self.value):
            raise RequestError("digest-invalid", f"`{self.value[:200]}` is not a digest", hint="sha256:<64 hex>")

    @classmethod
    def of(cls, data: bytes | memoryview, algorithm: str = "sha256") -> Self:
        """The digest of `data`."""
        return cls.from_hasher(hashlib.new(algorithm, data, usedforsecurity=True), algorithm)

    @classmethod
    def from_hasher(cls, hasher: Hasher, algorithm: str = "sha256") -> Self:
        """The digest that a hasher of `algorithm` has come to."""
        return cls(f"{algorithm}:{hasher.hexdigest()}")

    @classmethod
    def from_raw(cls, raw: bytes) -> Self:
        """The sha256 digest of these 32 bytes."""
        return cls("sha256:" + raw.hex())

    @property
    def algorithm(self) -> str:
        return self.value.partition(":")[0]

    @property
    def hex(self) -> str:
        return self.value.partition(":")[2]

    @property
    def raw(self) -> bytes:
        return bytes.fromhex(self.hex)

    def hasher(self) -> Hasher:
        """A fresh hasher of this digest's algorithm."""
        return hashlib.new(self.algorithm, usedforsecurity=True)

    def check(self, hasher: Hasher, what: str = "content") -> None:
        """Compare with what was read.

        Raises:
            ContentError: `digest-mismatch`.
        """
        actual = f"{self.algorithm}:{hasher.hexdigest()}"
        if actual != self.value:
            raise ContentError(
                "digest-mismatch", f"{what} has another digest", expected=self.value, actual=actual, digest=self.value
            )

    def __str__(self) -> str:
        return self.value


def verified(chunks: Iterable[bytes], digest: Digest, size: int | None = None) -> Iterator[bytes]:
    """Pass `chunks` on while checking them: more bytes than `size` are never passed on.

    The check of the digest comes after the last chunk, so a reader must take all of them
    before it gives anything a final name.

    Raises:
        ContentError: `size-mismatch` or `digest-mismatch`.
    """
    hasher = digest.hasher()
    seen = 0
    for chunk in chunks:
        seen += len(chunk)
        if size is not None and seen > size:
            raise _size_mismatch(digest, size, seen)
        hasher.update(chunk)
        yield chunk
    if size is not None and seen != size:
        raise _size_mismatch(digest, size, seen)
    digest.check(hasher, "the blob")


def _size_mismatch(digest: Digest, expected: int, actual: int) -> ContentError:
    return ContentError(
        "size-mismatch", "the blob has another size", expected=expected, actual=actual, digest=digest.value
    )


class SideHasher:
    """A hasher that works in a thread of its own once there is much to hash.

    `hashlib` lets other threads run while it hashes. What is handed to `update` must not change
    afterwards. Used in a `with` statement, at whose end the thread is gone.
    """

    def __init__(self, algorithm: str = "sha256") -> None:
        self._hasher = hashlib.new(algorithm, usedforsecurity=True)
        self._queue: queue.Queue[memoryview | None] | None = None
        self._abandoned = False
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._abandoned = True
        self._stop()

    def update(self, data: bytes | memoryview, /) -> None:
        """Hand over the next bytes; waits while four pieces are still to be hashed."""
        if self._queue is None and (len(data) < _WORTH_A_THREAD or not self._start()):
            self._hasher.update(data)
        elif self._queue is not None:
            # The view is ours: what the caller does to its own is not seen in the thread.
            self._queue.put(memoryview(data))

    def _start(self) -> bool:
        """Start the thread, where that is possible."""
        waiting: queue.Queue[memoryview | None] = queue.Queue(_PIECES_WAITING)
        thread = threading.Thread(target=self._run, args=(waiting,), daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system gives no more threads
            return False
        self._thread, self._queue = thread, waiting
        return True

    def hexdigest(self) -> str:
        """The digest of everything handed over; nothing may be handed over afterwards."""
        self._stop()
        return self._hasher.hexdigest()

    def _stop(self) -> None:
        if self._thread is not None and self._queue is not None and self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()

    def _run(self, waiting: queue.Queue[memoryview | None]) -> None:
        while (data := waiting.get()) is not None:
            for at in range(0, len(data), _PIECE):
                if not self._abandoned:
                    self._hasher.update(data[at : at + _PIECE])
