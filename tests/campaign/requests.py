"""Every request of a push and of a pull, with everything that can go wrong with it."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Final

from packaging_kit import Copied, Form, LayoutPlace, PackagingKitError, Settings
from packaging_kit.oci.reference import Reference
from packaging_kit.operations.copy import copy
from packaging_kit.operations.places import RegistryPlace
from packaging_kit.operations.repositories import open_local_source
from packaging_kit.stores.registry.credentials import Credential
from packaging_kit.stores.registry.options import RegistryOptions
from tests.campaign.outcome import Outcome
from tests.registry import EVERY_FAULT, Bearer, Fault, Kind, Origin, RecordedRequest, Registry
from tests.repositories import blobs_of, content, files, pack, sample, unpack

FORMS: Final = (Form.WHOLE, Form.MAPPED, Form.SPLIT)
RUNS_OF_A_SLICE = 120
TAG = "v"
INDEX = "index.json"
PUSHED = "pushed"
DONE, ALONE = "done", "done, without the skeleton"
OPTIONS: Final = RegistryOptions(
    given=Credential(username="user", secret="password"),
    backoff=0.001,
    patience=3.0,
    read_timeout=0.25,
    connect_timeout=2.0,
    side_by_side=4,
)
SETTINGS: Final = Settings(registry=OPTIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One request of one command, and what goes wrong with it."""

    form: Form
    is_push: bool
    fault: Fault


def run(seed: int, *, full: bool, folder: Path) -> list[Outcome]:
    """Push and pull in three forms, once for each request and each fault; or some of them."""
    with Registry(auth=Bearer()) as registry, Origin(registry.answer) as elsewhere:
        bench = _Bench(registry, folder)
        faults = (*EVERY_FAULT, Fault(kind=Kind.REDIRECT_AWAY, location=elsewhere.url))
        trials = [
            Trial(form=form, is_push=is_push, fault=fault.at_request(clean, position))
            for form in FORMS
            for is_push in (True, False)
            for clean in (bench.record(form, is_push=is_push),)
            for position in range(len(clean))
            for fault in faults
        ]
        if not full:
            trials = Random(seed).sample(trials, RUNS_OF_A_SLICE)
        results = {is_push: Counter(map(bench.try_it, _only(trials, is_push))) for is_push in (True, False)}
        assert not elsewhere.saw("Authorization"), "another origin saw a credential"
    return [
        Outcome(
            name=f"requests of a {'push' if is_push else 'pull'} in three forms, each with one fault",
            tried=sum(counts.values()),
            result=f"{counts[DONE]:,} done with the right bytes, the others a typed error: {_codes(counts)}; "
            "never a tag that leads to what is not there",
        )
        for is_push, counts in results.items()
    ]


def _only(trials: Sequence[Trial], is_push: bool) -> Iterator[Trial]:
    return (trial for trial in trials if trial.is_push is is_push)


def _codes(counts: Counter[str]) -> str:
    return ", ".join(f"`{code}` {count:,}" for code, count in counts.most_common() if code != DONE)


def _beside_the_tag(place: LayoutPlace) -> frozenset[str]:
    """Digests of what a layout holds besides the tagged artifact: the skeleton artifact that refers to it."""
    with open_local_source(place, SETTINGS) as store:
        tagged = content(store, store.find(TAG))
    return frozenset(digest.value for digest in blobs_of(place) if digest not in tagged)


def missing_of(found: Mapping[str, bytes], expected: Mapping[str, bytes], optional: Collection[str]) -> list[str]:
    """Which of the optional blobs are not there; everything else has to be as expected, and nothing besides.

    Args:
        found: the files of a layout.
        optional: digests.
    """
    names = {f"blobs/{digest.replace(':', '/')}" for digest in optional}
    missing = sorted(names - found.keys())
    assert found.keys() - names == expected.keys() - names, sorted(found.keys() ^ expected.keys())
    for name in found:
        if name == INDEX and missing:
            entries = [json.loads(files[name])["manifests"] for files in (found, expected)]
            kept, wanted = ([each for each in few if each["digest"] not in optional] for few in entries)
            assert kept == wanted, "another index"
        else:
            assert found[name] == expected[name], name
    return missing


def is_about(fault: Fault, optional: Collection[str]) -> bool:
    """Whether it is a fault of a listing of referrers, or of what may be missing.

    A registry that says once that it lists none is believed; what was asked for is there.
    """
    return "/referrers/" in fault.path or any(digest in fault.path for digest in optional)


class _Bench:
    """One artifact in each form, in a layout and in the registry."""

    def __init__(self, registry: Registry, folder: Path) -> None:
        self._registry = registry
        self._folder = folder
        self._number = 0
        self._expected: dict[Form, dict[str, bytes]] = {}
        self._optional: dict[Form, frozenset[str]] = {}
        for form in FORMS:
            place = LayoutPlace(folder=folder / form.value)
            pack(place, sample(), form=form, tag=TAG)
            self._expected[form] = files(place.folder)
            self._optional[form] = _beside_the_tag(place)
            copy(replace(place, tag=TAG), self._remote(form.value), SETTINGS)

    def record(self, form: Form, *, is_push: bool) -> tuple[RecordedRequest, ...]:
        """The requests of a clean run."""
        self._registry.script(())
        self._registry.forget_requests()
        self._begin(form, is_push=is_push)()
        return self._registry.requests

    def try_it(self, trial: Trial) -> str:
        """What came of it: `done`, or the code of the error."""
        self._registry.script(())
        work = self._begin(trial.form, is_push=trial.is_push)
        self._registry.script([trial.fault])
        try:
            result = ALONE if work().left else DONE
        except PackagingKitError as exc:
            result = exc.code
        self._registry.script(())
        return self._check(trial, result)

    def _begin(self, form: Form, *, is_push: bool) -> Callable[[], Copied]:
        self._number += 1
        here = LayoutPlace(folder=self._folder / form.value, tag=TAG)
        if is_push:
            self._registry.forget(PUSHED)
            return lambda: copy(here, self._remote(PUSHED), SETTINGS)
        self._back = LayoutPlace(folder=self._folder / f"back-{self._number}", tag=TAG)
        return lambda: copy(self._remote(form.value), self._back, SETTINGS)

    def _check(self, trial: Trial, result: str) -> str:
        what = f"{trial}: {result}"
        is_done = result in (DONE, ALONE)
        if trial.is_push:
            assert self._registry.missing(PUSHED) == [], what
            assert TAG in self._registry.tags(PUSHED) or not is_done, what
            back = LayoutPlace(folder=self._folder / "compared", tag=TAG)
            if is_done:
                copy(self._remote(PUSHED), back, SETTINGS)
        else:
            back = self._back
            assert (back.folder / "oci-layout").exists() == is_done, what
        if is_done:
            missing = missing_of(files(back.folder), self._expected[trial.form], self._optional[trial.form])
            if missing:
                assert is_about(trial.fault, self._optional[trial.form]), f"{what}: without {missing}"
                assert unpack(back, self._folder / "unpacked.wasm") == sample(), what
                result = ALONE
        shutil.rmtree(back.folder, ignore_errors=True)
        return result

    def _remote(self, name: str) -> RegistryPlace:
        return RegistryPlace(reference=Reference(host=self._registry.host, repository=name, tag=TAG))
