"""Giving files their names in the background: the next one is made while the disk is waited for."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, Final

from packaging_kit.blobs import Blob
from packaging_kit.digest import Digest
from packaging_kit.stores.atomic import AtomicFile

if TYPE_CHECKING:
    from typing import Self

_THREADS: Final = 4
_MOST_WAITING: Final = 16  # each holds a file descriptor

_Work = tuple[AtomicFile, str, Blob]


class Publisher:
    """Publishes files that are complete; used in a `with` statement, at whose end it is done with all of them.

    Several threads flush at a time, because a file system writes what several ask for in one go.

    Raises:
        UnavailableError: `io-error` from `publish` and `finish`, for any of the files.
    """

    def __init__(self) -> None:
        self._queue: queue.Queue[_Work | None] = queue.Queue(_MOST_WAITING)
        self._threads: list[threading.Thread] = []
        self._waiting: dict[Digest, Blob] = {}
        self._errors: list[BaseException] = []
        self._starting = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        # What was handed over is complete, and harms nobody under its name.
        for _thread in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()
        if error is None:
            self._check()

    def publish(self, file: AtomicFile, path: str, blob: Blob) -> None:
        """Take over `file`, and publish it under `path`, the place of `blob`."""
        self._check()
        with self._starting:
            if not self._threads:
                self._start()
        self._waiting[blob.digest] = blob
        if self._threads:
            self._queue.put((file, path, blob))
        else:
            self._publish(file, path, blob)
            self._check()

    def waiting(self, digest: Digest) -> Blob | None:
        """The blob of this digest, where it was handed over and may not have its name yet."""
        return self._waiting.get(digest)

    def finish(self) -> None:
        """Wait until everything has its name."""
        self._queue.join()
        self._check()

    def _start(self) -> None:
        for _ in range(_THREADS):
            thread = threading.Thread(target=self._run, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the system gives no more threads: then fewer, or none at all
                return
            self._threads.append(thread)

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            self._publish(*work)
            self._queue.task_done()

    def _publish(self, file: AtomicFile, path: str, blob: Blob) -> None:
        try:
            with file:
                file.publish(path)
        except BaseException as exc:  # noqa: BLE001 - raised where it is waited for
            self._errors.append(exc)
        self._waiting.pop(blob.digest, None)

    def _check(self) -> None:
        if self._errors:
            raise self._errors[0]
