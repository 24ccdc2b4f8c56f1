"""`validate`: everything that is wrong with binaries, and with what stands in layouts, archives and registries."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from packaging_kit.blobs import Scratch
from packaging_kit.engines.choice import EngineChoice, choose_engine
from packaging_kit.errors import PackagingKitError, UnavailableError
from packaging_kit.oci.layout import lists_referrers
from packaging_kit.oci.media_types import OWN_REFERRERS
from packaging_kit.oci.repository import RepositorySource
from packaging_kit.operations.inputs import Input, open_view
from packaging_kit.operations.places import LayoutPlace, RepositoryPlace, with_tag
from packaging_kit.operations.repositories import open_source
from packaging_kit.operations.settings import Settings
from packaging_kit.stores.files import io_errors
from packaging_kit.stores.indexed import IndexedStore
from packaging_kit.stores.scratch import FileScratch
from packaging_kit.transfer.progress import NO_PROGRESS, Progress
from packaging_kit.validate.catalog import CODES
from packaging_kit.validate.engine import Binary, Defect, Engine, EngineIdentity
from packaging_kit.validate.outcome import Outcome
from packaging_kit.validate.policy import MAX_POLICY_SIZE, Policy
from packaging_kit.validate.report import Profile, Report
from packaging_kit.validate.upload import report_unreadable, validate_binary, validate_upload

Source = Input | RepositoryPlace

_INTERRUPTED: Final = threading.Event()
"""In a process of a pool: it was interrupted."""


@dataclass(frozen=True, slots=True)
class Target:
    """One input among many.

    Attributes:
        name: what its report calls it.
        source: where it is; or why that could not be told.
    """

    name: str
    source: Source | PackagingKitError


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidateOptions:
    """What is asked of a validation.

    Attributes:
        profile: which rules apply.
        policy: what is asked for beyond the specifications.
        engine: which one judges.
        features: proposals that are switched on or off, as `+name` and `-name`.
        wasm_tools: its executable; otherwise it is looked for in `search_path`.
        search_path: folders, as the environment variable PATH has them.
        environment: that an engine's process runs in.
        time_limit: seconds that it may take for one binary.
    """

    profile: Profile = Profile.CNCF
    policy: Policy | None = None
    engine: EngineChoice = EngineChoice.AUTO
    features: tuple[str, ...] = ()
    wasm_tools: Path | None = None
    search_path: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    time_limit: float = 60.0


def read_policy(path: Path) -> Policy:
    """A policy out of its file.

    Raises:
        RequestError: `policy-invalid`.
        UnavailableError: `io-error`.
    """
    with io_errors(path), path.open("rb") as file:
        raw = file.read(MAX_POLICY_SIZE + 1)
    return Policy.parse_bytes(raw, CODES)


def validate(
    source: Source,
    options: ValidateOptions,
    settings: Settings,
    name: str | None = None,
    engine: Engine | None = None,
) -> Report:
    """Validate one binary, or one thing in a repository.

    Args:
        name: what the report calls it; by default the place.
        engine: that the options lead to, where it is at hand already.

    Raises:
        NotFoundError: `not-found`, where the place names nothing.
        RequestError: `tag-ambiguous`, `engine-feature-unknown`.
        StoreError: `layout-invalid`.
        UnavailableError: `io-error` and the like; an engine that is missing or fails is a problem of the report.
    """
    engine = engine or _choose_engine(options)
    with _scratches(settings) as make_scratch:
        if isinstance(source, Input):
            with open_view(source, settings.temporary) as view:
                return validate_binary(
                    view,
                    options.policy,
                    profile=options.profile,
                    engine=engine,
                    make_scratch=make_scratch,
                    subject=name or source.name,
                )
        with open_source(source, settings) as store:
            return _validate_named(store, source, options, engine, make_scratch, name or str(source))


def _validate_named(
    store: RepositorySource,
    place: RepositoryPlace,
    options: ValidateOptions,
    engine: Engine | None,
    make_scratch: Callable[[], Scratch],
    name: str,
) -> Report:
    descriptor = store.find(place.tag, place.digest)
    try:
        raw = store.read_document(descriptor)
        referrers = store.referrers(descriptor.digest, OWN_REFERRERS)
    except PackagingKitError as exc:
        report = report_unreadable(descriptor, exc, profile=options.profile, subject=name)
        if report is None:
            raise
        return report
    return validate_upload(
        raw,
        descriptor.media_type,
        store,
        options.policy,
        profile=options.profile,
        engine=engine,
        tag=place.tag,
        referrers=referrers,
        make_scratch=make_scratch,
        subject=name,
    )


def expand(name: str, source: Source, settings: Settings) -> tuple[Target, ...]:
    """Every tagged thing of a repository, where the place names none; otherwise the source itself.

    What lists referrers is passed over: it is looked at with what they refer to.

    Args:
        name: the source as it was given.
    """
    if isinstance(source, Input) or source.tag is not None or source.digest is not None:
        return (Target(name, source),)
    try:
        with open_source(source, settings) as store:
            tags = sorted(tag for tag, entry in store.tagged().items() if not lists_referrers(tag, entry))
    except PackagingKitError as exc:
        return (Target(name, exc),)
    places = [with_tag(source, tag) for tag in tags]
    return tuple(Target(str(place), place) for place in places) or (Target(name, source),)


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
    engine = _choose_engine(options)  # what is wrong with how it is asked for is no outcome of an input
    sizes = [_size(target.source, settings) for target in targets]
    progress.start("validate", sum(sizes))
    count = min(processes or os.cpu_count() or 1, len(targets))
    if count > 1 and all(map(_is_shareable, targets)):
        outcomes = _iter_in_processes(targets, options, settings, count)
    else:
        outcomes = (_attempt(target, options, settings, engine) for target in targets)
    for outcome, size in zip(outcomes, sizes, strict=True):
        progress.advance(size)
        yield outcome


def _is_shareable(target: Target) -> bool:
    """Whether a process of its own may look at it: a stream is read once, an archive would be read by each of them
    again, and a registry is waited for."""
    source = target.source
    return isinstance(source, LayoutPlace | PackagingKitError) or (isinstance(source, Input) and not source.is_stream)


def _iter_in_processes(
    targets: Sequence[Target], options: ValidateOptions, settings: Settings, count: int
) -> Iterator[Outcome]:
    # Imported when first needed: most validations are of one thing.
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    # A process that was forked while threads held locks may wait for them for ever.
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    is_done = False
    with ProcessPoolExecutor(count, mp_context=context, initializer=_pass_over_interrupts) as pool:
        try:
            coming = [pool.submit(_attempt_interruptibly, target, options, settings) for target in targets]
            for future, target in zip(coming, targets, strict=True):
                yield _result(future.result, target)
            is_done = True
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in () if is_done else multiprocessing.active_children():
                if process.pid is not None:
                    os.kill(process.pid, signal.SIGINT)  # or they would go on until their engines come to an end


def _result(take: Callable[[], Outcome], target: Target) -> Outcome:
    from concurrent.futures.process import BrokenProcessPool

    try:
        return take()
    except BrokenProcessPool:
        return _failed(target, UnavailableError("process-failed", "the process that looked at it came to an end"))


def _attempt(target: Target, options: ValidateOptions, settings: Settings, engine: Engine | None = None) -> Outcome:
    if isinstance(target.source, PackagingKitError):
        return _failed(target, target.source)
    try:
        return Outcome(target.name, validate(target.source, options, settings, target.name, engine))
    except PackagingKitError as exc:
        return _failed(target, exc)


def _failed(target: Target, error: PackagingKitError) -> Outcome:
    error.subject = target.name
    return Outcome(target.name, error)


def _pass_over_interrupts() -> None:
    """An interrupt is for the process that began it all; one that waits for work has nothing to end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _attempt_interruptibly(target: Target, options: ValidateOptions, settings: Settings) -> Outcome:
    """In a process of a pool: an interrupt ends the engine that works for it, and what waits is not begun any more."""
    if _INTERRUPTED.is_set():
        raise KeyboardInterrupt
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return _attempt(target, options, settings)
    except KeyboardInterrupt:
        _INTERRUPTED.set()
        raise
    finally:
        _pass_over_interrupts()


def _size(source: Source | PackagingKitError, settings: Settings) -> int:
    """About how many bytes are to be looked at; only for a bar, so what can't be told counts as one."""
    if not isinstance(source, LayoutPlace):
        return 1
    try:
        with open_source(source, settings) as store:
            descriptor = store.find(source.tag, source.digest)
            content = store.content_of(descriptor) if isinstance(store, IndexedStore) else ()
            return max(sum(entry.size for entry in content), 1)
    except PackagingKitError:
        return 1


@contextmanager
def _scratches(settings: Settings) -> Iterator[Callable[[], Scratch]]:
    """Makes working spaces, which are gone in the end."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(FileScratch(settings.temporary))


class _AbsentEngine(Engine):
    """An engine that could not be had: what is wrong besides is found all the same."""

    def __init__(self, error: UnavailableError) -> None:
        self._error = error

    def identify(self) -> EngineIdentity:
        raise self._error

    def find_defects(self, binary: Binary) -> tuple[Defect, ...]:
        raise self._error


def _choose_engine(options: ValidateOptions) -> Engine | None:
    try:
        return choose_engine(
            options.engine,
            executable=options.wasm_tools,
            search_path=options.search_path,
            features=options.features,
            time_limit=options.time_limit,
            environment=options.environment,
        )
    except UnavailableError as exc:
        return _AbsentEngine(exc)
