"""`validate`: everything that is wrong with binaries, and with what stands in layouts, archives and registries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path

from packaging_kit.engines.choice import EngineChoice, choose_engine
from packaging_kit.engines.wasm_tools import TIME_LIMIT
from packaging_kit.errors import PackagingKitError, UnavailableError
from packaging_kit.oci.media_types import OWN_REFERRERS
from packaging_kit.oci.repository import RepositorySource
from packaging_kit.operations.inputs import Input, open_view
from packaging_kit.operations.places import LayoutPlace, RepositoryPlace
from packaging_kit.operations.repositories import open_source
from packaging_kit.operations.settings import Settings
from packaging_kit.stores.files import io_errors
from packaging_kit.stores.indexed import IndexedStore
from packaging_kit.stores.layout import LayoutStore
from packaging_kit.stores.scratch import FileScratch
from packaging_kit.validate.context import MakeScratch, check_document_size
from packaging_kit.validate.engine import Binary, Defect, Engine, EngineIdentity
from packaging_kit.validate.policy import Policy
from packaging_kit.validate.policy_text import MAX_POLICY_SIZE, parse_policy
from packaging_kit.validate.report import Profile, Report
from packaging_kit.validate.upload import report_unreadable, validate_binary, validate_upload

Source = Input | RepositoryPlace


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
    time_limit: float = TIME_LIMIT


def read_policy(path: Path) -> Policy:
    """A policy out of its file.

    Raises:
        RequestError: `policy-invalid`.
        UnavailableError: `io-error`.
    """
    with io_errors(path), path.open("rb") as file:
        raw = file.read(MAX_POLICY_SIZE + 1)
    return parse_policy(raw)


def validate_place(
    source: Source,
    options: ValidateOptions,
    settings: Settings,
    name: str | None = None,
    engine: Engine | None = None,
    store: RepositorySource | None = None,
) -> Report:
    """Validate one binary, or one thing in a repository.

    Args:
        source: a file or standard input, or a place in a layout, an archive or a registry.
        options: what is asked.
        settings: of registries, and the temporary folder.
        name: what the report calls it; by default the place.
        engine: that the options lead to, where it is at hand already.
        store: that the place is in, where it is open already.

    Raises:
        NotFoundError: `not-found`, where the place names nothing.
        RequestError: `tag-ambiguous`, `engine-feature-unknown`.
        StoreError: `layout-invalid`.
        UnavailableError: `io-error` and the like; an engine that is missing or fails is a problem of the report.
    """
    engine = engine or find_engine(options)
    make_scratch = partial(FileScratch, settings.temporary)
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
    with open_kept(source, settings) if store is None else nullcontext(store) as store:
        return _validate_named(store, source, options, engine, make_scratch, name or str(source))


def _validate_named(
    store: RepositorySource,
    place: RepositoryPlace,
    options: ValidateOptions,
    engine: Engine | None,
    make_scratch: MakeScratch,
    name: str,
) -> Report:
    descriptor = store.find(place.tag, place.digest)
    try:
        check_document_size(descriptor)
        raw = store.read_document(descriptor)
    except PackagingKitError as exc:
        report = report_unreadable(descriptor, exc, profile=options.profile, subject=name)
        if report is None:
            raise
        return report
    referrers = store.referrers(descriptor.digest, OWN_REFERRERS)
    return validate_upload(
        raw,
        descriptor.media_type,
        store,
        options.policy,
        profile=options.profile,
        engine=engine,
        tag=place.tag,
        referrers=referrers,
        entry=descriptor if isinstance(store, IndexedStore) else None,
        make_scratch=make_scratch,
        subject=name,
    )


@contextmanager
def open_kept(place: RepositoryPlace, settings: Settings) -> Iterator[RepositorySource]:
    """As `open_source`; a layout is kept open, for its index and referrers are read once then."""
    if isinstance(place, LayoutPlace):
        yield open_layout(place.folder)
        return
    with open_source(place, settings) as store:
        yield store


@lru_cache(4)
def open_layout(folder: Path) -> LayoutStore:
    """A layout that is kept open."""
    return LayoutStore.open(folder)


class _AbsentEngine(Engine):
    """An engine that could not be had: what is wrong besides is found all the same."""

    def __init__(self, error: UnavailableError) -> None:
        self._error = error

    def identify(self) -> EngineIdentity:
        raise self._error

    def find_defects(self, binary: Binary) -> tuple[Defect, ...]:
        raise self._error


def find_engine(options: ValidateOptions) -> Engine | None:
    """The engine that is asked for; one that can't be had says so where it is asked to judge.

    Raises:
        RequestError: `engine-feature-unknown`, `engine-unknown`.
    """
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
