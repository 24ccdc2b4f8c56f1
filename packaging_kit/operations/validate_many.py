"""`validate` of many inputs: every tag of a place, side by side in processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Final

from packaging_kit.digest import Digest
from packaging_kit.errors import PackagingKitError, UnavailableError
from packaging_kit.oci.layout import lists_referrers
from packaging_kit.oci.media_types import REF_NAME
from packaging_kit.oci.repository import RepositorySource
from packaging_kit.operations.inputs import Input
from packaging_kit.operations.places import ArchivePlace, LayoutPlace, RegistryPlace, with_tag
from packaging_kit.operations.repositories import open_source
from packaging_kit.operations.settings import Settings
from packaging_kit.operations.validate import (
    Source,
    ValidateOptions,
    find_engine,
    open_kept,
    open_layout,
    validate_place,
)
from packaging_kit.stores.indexed import IndexedStore
from packaging_kit.transfer.progress import NO_PROGRESS, Progress
from packaging_kit.validate.engine import Engine
from packaging_kit.validate.outcome import Outcome

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor
    from ctypes import c_byte
    from multiprocessing.queues import SimpleQueue

_OVER: Final[list[c_byte]] = []
"""In a process of a pool: set when what is waiting for work is not to begin any more."""

_ENGINES: Final[list[Engine | None]] = []
"""In a process of a pool: the one with which it works, so that it is looked for once."""


@dataclass(frozen=True, slots=True)
class Target:
    """One input among many.

    Attributes:
        name: what its report calls it.
        source: where it is; or why that could not be told.
    """

    name: str
    source: Source | PackagingKitError


def expand(name: str, source: Source, settings: Settings) -> tuple[Target, ...]:
    """Every tagged thing of a repository, where the place names none; otherwise the source itself.

    What lists referrers is passed over: it is looked at with what they refer to.

    Args:
        name: the source as it was given.
    """
    if isinstance(source, Input) or source.digest is not None:
        return (Target(name, source),)
    try:
        with open_kept(source, settings) as store:
            tagged = {} if source.tag is not None else store.tagged()
            twins = tuple(_iter_twins(store, source.tag))
    except PackagingKitError as exc:
        return (Target(name, exc),)
    tags = sorted(tag for tag, entry in tagged.items() if not lists_referrers(tag, entry))
    named = [Target(str(place), place) for place in (with_tag(source, tag) for tag in tags)]
    others = [replace(source, tag=None, digest=digest) for digest in twins if not isinstance(source, RegistryPlace)]
    return (*(named or [Target(name, source)]), *(Target(str(place), place) for place in others))


def _iter_twins(store: RepositorySource, tag: str | None) -> Iterator[Digest]:
    """What an entry names under a tag that a later entry has too: of the two, other tools take the first."""
    if not isinstance(store, IndexedStore):
        return
    last = store.tagged()
    for entry in store.read_index().value.manifests:
        own = entry.annotations.get(REF_NAME)
        if own is not None and tag in (None, own) and last[own].digest != entry.digest:
            yield entry.digest


def validate_many(
    targets: Sequence[Target],
    options: ValidateOptions,
    settings: Settings,
    *,
    processes: int | None = None,
    progress: Progress = NO_PROGRESS,
) -> Iterator[Outcome]:
    """Validate many, each by itself, in their order; those on this machine in processes side by side.

    Args:
        processes: how many; by default as many as there are processors.

    Raises:
        RequestError: `engine-feature-unknown`, `engine-unknown`.
    """
    engine = find_engine(options)  # what is wrong with how it is asked for is no outcome of an input
    sizes = [_size(target.source) for target in targets]
    progress.start("validate", sum(sizes))
    count = min(processes or os.cpu_count() or 1, len(targets))
    if count > 1 and all(map(_is_shareable, targets)):
        outcomes = _iter_in_processes(targets, options, settings, count)
    else:
        outcomes = _iter_in_this_process(targets, options, settings, engine)
    for outcome, size in zip(outcomes, sizes, strict=True):
        progress.advance(size)
        yield outcome


def _is_shareable(target: Target) -> bool:
    """Whether a process of its own may look at it: a stream is read once, an archive would be read by each of them
    again, and a registry is waited for."""
    source = target.source
    return isinstance(source, LayoutPlace | PackagingKitError) or (isinstance(source, Input) and not source.is_stream)


def _iter_in_this_process(
    targets: Sequence[Target], options: ValidateOptions, settings: Settings, engine: Engine | None
) -> Iterator[Outcome]:
    """One after the other; an archive is read once for all that is in it."""
    for archive, here in groupby(targets, _archive_of):
        with ExitStack() as stack:
            store: RepositorySource | None = None
            if archive is not None:
                with suppress(PackagingKitError):  # of which each target says so
                    store = stack.enter_context(open_source(archive, settings))
            for target in here:
                yield _attempt(target, options, settings, engine, store)


def _archive_of(target: Target) -> ArchivePlace | None:
    return ArchivePlace(file=target.source.file) if isinstance(target.source, ArchivePlace) else None


def _iter_in_processes(
    targets: Sequence[Target], options: ValidateOptions, settings: Settings, count: int
) -> Iterator[Outcome]:
    # Imported when first needed: most validations are of one thing.
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    # A process that was forked while threads held locks may wait for them for ever.
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    pids: SimpleQueue[int] = context.SimpleQueue()
    is_over: c_byte = context.RawValue("b", 0)
    is_done = False
    with ProcessPoolExecutor(count, mp_context=context, initializer=_begin, initargs=(pids, is_over, options)) as pool:
        try:
            coming = [_submit(pool, target, options, settings) for target in targets]
            for result, target in zip(coming, targets, strict=True):
                yield _result(result, target)
            is_done = True
        finally:
            is_over.value = 1  # for those that only begin
            while not is_done and not pids.empty():
                with suppress(ProcessLookupError):  # it has come to an end
                    os.kill(pids.get(), signal.SIGINT)  # or it would go on until its engine comes to an end
            # It waits for all of them: one that only begins still needs what it shares with this one.
            pool.shutdown(cancel_futures=True)


def _submit(
    pool: ProcessPoolExecutor, target: Target, options: ValidateOptions, settings: Settings
) -> Callable[[], Outcome]:
    from concurrent.futures.process import BrokenProcessPool

    try:
        return pool.submit(_attempt_interruptibly, target, options, settings).result
    except BrokenProcessPool:  # by one that was submitted before
        return partial(_failed, target, _process_failed())


def _result(take: Callable[[], Outcome], target: Target) -> Outcome:
    from concurrent.futures.process import BrokenProcessPool

    try:
        return take()
    except BrokenProcessPool:
        return _failed(target, _process_failed())


def _process_failed() -> UnavailableError:
    return UnavailableError("process-failed", "the process that looked at it came to an end")


def _attempt(
    target: Target,
    options: ValidateOptions,
    settings: Settings,
    engine: Engine | None = None,
    store: RepositorySource | None = None,
) -> Outcome:
    if isinstance(target.source, PackagingKitError):
        return _failed(target, target.source)
    try:
        return Outcome(target.name, validate_place(target.source, options, settings, target.name, engine, store))
    except PackagingKitError as exc:
        return _failed(target, exc)


def _failed(target: Target, error: PackagingKitError) -> Outcome:
    error.subject = target.name
    return Outcome(target.name, error)


def _begin(pids: SimpleQueue[int], is_over: c_byte, options: ValidateOptions) -> None:
    """In a process of a pool, before its first work."""
    _pass_over_interrupts()
    pids.put(os.getpid())
    _OVER.append(is_over)
    _ENGINES.append(find_engine(options))


def _pass_over_interrupts() -> None:
    """An interrupt is for the process that began it all; one that waits for work has nothing to end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _attempt_interruptibly(target: Target, options: ValidateOptions, settings: Settings) -> Outcome:
    """In a process of a pool: an interrupt ends the engine that works for it, and what waits is not begun any more."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        # After that: an interrupt that came before was passed over.
        if any(each.value for each in _OVER):
            raise KeyboardInterrupt
        return _attempt(target, options, settings, _ENGINES[0])
    finally:
        _pass_over_interrupts()


def _size(source: Source | PackagingKitError) -> int:
    """About how many bytes are to be looked at; only for a bar, so what can't be told counts as one."""
    if not isinstance(source, LayoutPlace):
        return 1
    try:
        store = open_layout(source.folder)
        content = store.content_of(store.find(source.tag, source.digest))
        return max(sum(entry.size for entry in content), 1)
    except PackagingKitError:
        return 1
