"""Jobs side by side: begun in the order in which they come, and the first error stops the rest."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from packaging_kit.errors import PackagingKitError

if TYPE_CHECKING:
    from typing import Self

R = TypeVar("R")
T = TypeVar("T")

_LEAVE_AFTER = 2.0  # seconds in which who is told to stop has to do so


class Job(Generic[R]):
    """A job that was handed over.

    Attributes:
        results: empty until it is done.
    """

    def __init__(self, work: Callable[[], R]) -> None:
        self.work: Callable[[], R] | None = work
        self.results: list[R] = []

    def run(self) -> None:
        work, self.work = self.work, None  # what it held in memory is free once it is done
        if work is not None:
            self.results.append(work())


class Workers(Generic[R]):
    """Threads that do jobs; used in a `with` statement, at whose end all are done or have been told to stop.

    A job may wait for one that was handed over before it: that one has begun already.

    Args:
        count: of threads; with one, every job is done at once by who hands it over.
        stopped: is set when a job fails; whoever works for long looks at it.
    """

    def __init__(self, count: int, stopped: threading.Event) -> None:
        self.stopped = stopped
        self._count = count
        self._changed = threading.Condition()
        self._waiting: deque[Job[R]] = deque()
        self._jobs: list[Job[R]] = []
        self._threads: list[threading.Thread] = []
        self._is_over = False
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        first = self._error
        with self._changed:
            if error is not None:
                self.stopped.set()
            self._is_over = True
            self._changed.notify_all()
        for thread in self._threads:
            # Who is in the middle of waiting for an answer is left behind: it has nothing to give any more.
            thread.join(_LEAVE_AFTER / len(self._threads) if self.stopped.is_set() else None)
        if first is not None and error is not None and issubclass(error, Exception):
            raise first  # what came after it came of it

    def submit(self, work: Callable[[], R]) -> Job[R]:
        """Hand over a job; waits while there are as many waiting as there are threads.

        Raises:
            What a job raised before.
        """
        job = Job(work)
        self._jobs.append(job)
        if self._count == 1 or not self._has_thread():
            job.run()
            return job
        with self._changed:
            # Not more than that wait: what a job holds in memory is better kept outside.
            self._changed.wait_for(lambda: len(self._waiting) < self._count or self.stopped.is_set())
            self._check()
            self._waiting.append(job)
            self._changed.notify_all()
        return job

    def finish(self) -> list[R]:
        """Wait for all jobs; what they came to, in the order in which they were handed over.

        Raises:
            What a job raised first.
        """
        with self._changed:
            self._changed.wait_for(lambda: self.stopped.is_set() or all(job.results for job in reversed(self._jobs)))
            self._check()
        results = [result for job in self._jobs for result in job.results]
        self._jobs.clear()
        return results

    def wait_for(self, jobs: Iterable[Job[R]]) -> None:
        """Wait, inside a job, for others that were handed over before it.

        Raises:
            CancelledError: where something failed.
        """
        waited = tuple(jobs)
        with self._changed:
            self._changed.wait_for(lambda: self.stopped.is_set() or all(job.results for job in waited))
        if self.stopped.is_set():
            raise CancelledError

    def _check(self) -> None:
        if self._error is not None:
            raise self._error
        if self.stopped.is_set():
            raise CancelledError

    def _has_thread(self) -> bool:
        """Start one more thread, as long as there are too few; whether there is any."""
        if len(self._threads) < self._count:
            thread = threading.Thread(target=self._run, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # the system gives no more threads: then fewer, or none at all
                self._count = max(len(self._threads), 1)
            else:
                self._threads.append(thread)
        return bool(self._threads)

    def _run(self) -> None:
        while (job := self._next()) is not None:
            error: BaseException | None = None
            try:
                job.run()
            except BaseException as exc:  # noqa: BLE001 - raised where it is waited for
                error = exc
            with self._changed:
                if error is not None and not self.stopped.is_set():
                    self._error = error
                    self.stopped.set()
                self._changed.notify_all()

    def _next(self) -> Job[R] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_over or self.stopped.is_set())
            if self.stopped.is_set() or not self._waiting:
                return None
            job = self._waiting.popleft()
            self._changed.notify_all()
            return job


def side_by_side(work: Callable[[T], R], items: Iterable[T], count: int) -> list[R]:
    """What `work` makes of each item, in their order.

    Raises:
        What `work` raised first.
    """
    with Workers[R](count, threading.Event()) as workers:
        for item in items:
            workers.submit(partial(work, item))
        return workers.finish()


class Reads(Generic[R]):
    """Reads that are begun before anybody needs them; used in a `with` statement.

    Args:
        count: of threads.
    """

    def __init__(self, count: int) -> None:
        self._workers: Workers[R | PackagingKitError] = Workers(count, threading.Event())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self._workers.__exit__(error)

    def begin(self, read: Callable[[], R]) -> Job[R | PackagingKitError]:
        """Begin one; what goes wrong with it is kept for `take`."""
        return self._workers.submit(partial(_attempt, read))

    def take(self, job: Job[R | PackagingKitError]) -> R:
        """What one came to, once; nobody holds it here any longer.

        Raises:
            PackagingKitError: that reading raised.
        """
        self._workers.wait_for((job,))
        result = job.results.pop()
        if isinstance(result, PackagingKitError):
            raise result
        return result


def _attempt(read: Callable[[], R]) -> R | PackagingKitError:
    try:
        return read()
    except PackagingKitError as exc:
        return exc
