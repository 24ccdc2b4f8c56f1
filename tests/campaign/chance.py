"""Pushes and pulls while every fifth request fails, in ways that another try may go round."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

from packaging_kit import Form, LayoutPlace, PackagingKitError, Settings
from packaging_kit.oci.reference import Reference
from packaging_kit.operations.copy import copy
from packaging_kit.operations.places import RegistryPlace
from packaging_kit.stores.registry.credentials import Credential
from packaging_kit.stores.registry.options import RegistryOptions
from tests.campaign.outcome import Outcome
from tests.registry import Bearer, Chance, Fault, Kind, RecordedRequest, Registry, Request
from tests.registry.faults import Choose
from tests.repositories import files, pack, sample

COMMANDS, COMMANDS_OF_A_SLICE = 500, 40
PROBABILITY: Final = 0.2
LEAST: Final = 0.99
LEAST_OF_A_SLICE: Final = 0.9
MOST_SECONDS = 60.0
_UPLOADS: Final = "/blobs/uploads/"
TAG = "v"
FAULTS: Final = (
    *(Fault(kind=Kind.STATUS, status=status) for status in (408, 429, 500, 502, 503, 504)),
    Fault(kind=Kind.STATUS, status=503, processed=True),
    Fault(kind=Kind.STATUS, status=429, retry_after=b"0"),
    Fault(kind=Kind.RESET_BEFORE_BODY),
    Fault(kind=Kind.RESET_IN_REQUEST),
    Fault(kind=Kind.RESET_AFTER),
    Fault(kind=Kind.RESET_IN_ANSWER),
    Fault(kind=Kind.TRUNCATED),
    Fault(kind=Kind.STALL),
    Fault(kind=Kind.EXPIRED),
)
OPTIONS: Final = RegistryOptions(
    given=Credential(username="user", secret="password"), backoff=0.01, read_timeout=0.3, tries=5
)


def _choose(seed: int) -> Choose:
    """One of the faults for every fifth request; who asks for a token can't be told that it has expired."""
    chance = Chance(PROBABILITY, FAULTS, seed=seed)

    def choose(request: Request, number: int) -> Fault | None:
        fault = chance(request, number)
        is_senseless = fault is not None and fault.kind is Kind.EXPIRED and not request.path.startswith("/v2/")
        return FAULTS[0] if is_senseless else fault

    return choose


def _check_tries(requests: Iterable[RecordedRequest], blobs: int, what: str) -> int:
    """How often the request failed that failed most.

    Uploads are known by the digest that they end with; until then those of all blobs are one.
    """
    # One that is told that its token has expired is asked once more, and that is no other try.
    failed = Counter(_place(each) for each in requests if each.fault is not None and each.status != 401)
    for place, count in failed.items():
        most = OPTIONS.tries * blobs if place[1].endswith(_UPLOADS) and "digest=" not in place[2] else OPTIONS.tries
        assert count <= most, f"{what}: {' '.join(place)} failed {count} times"
    return max((count for place, count in failed.items() if not place[1].endswith(_UPLOADS) or place[2]), default=0)


def _place(request: RecordedRequest) -> tuple[str, str, str]:
    """Method, path without the number of an upload, and query."""
    before, uploads, _ = request.path.partition(_UPLOADS)
    return request.method, before + uploads, request.query


def run(seed: int, *, full: bool, folder: Path) -> list[Outcome]:
    """Five hundred commands, half of them pushes; or some of them."""
    settings = Settings(registry=OPTIONS)
    count = COMMANDS if full else COMMANDS_OF_A_SLICE
    forms = tuple(Form)
    places = {form: LayoutPlace(folder=folder / form.value) for form in forms}
    for form, place in places.items():
        pack(place, sample(), form=form, tag=TAG)
    expected = {form: files(place.folder) for form, place in places.items()}
    results: Counter[str] = Counter()
    longest, oftenest = 0.0, 0
    with Registry(auth=Bearer()) as registry:
        for number in range(count // 2):
            form = forms[number % len(forms)]
            remote = RegistryPlace(reference=Reference(host=registry.host, repository="chance", tag=TAG))
            back = LayoutPlace(folder=folder / "back", tag=TAG)
            registry.forget("chance")
            for source, destination in ((replace(places[form], tag=TAG), remote), (remote, back)):
                registry.script(_choose(seed + 2 * number + (destination is back)))
                registry.forget_requests()
                began = time.monotonic()
                try:
                    copy(source, destination, settings)
                    results["done"] += 1
                except PackagingKitError as exc:
                    results[exc.code] += 1
                longest = max(longest, time.monotonic() - began)
                registry.script(())
                oftenest = max(oftenest, _check_tries(registry.requests, len(expected[form]), f"{number}: {form}"))
                assert registry.missing("chance") == [], f"{number}: {form}"
                if TAG not in registry.tags("chance"):
                    copy(source, destination, settings)  # it failed, and is done when nothing fails
            if (back.folder / "oci-layout").exists():
                assert files(back.folder) == expected[form], f"{number}: {form}"
            shutil.rmtree(back.folder, ignore_errors=True)
    done = results["done"] / count
    # Of few, one that has bad luck is already more than one in a hundred.
    assert done >= (LEAST if full else LEAST_OF_A_SLICE), results
    assert longest < MOST_SECONDS, longest
    others = ", ".join(f"`{code}` {number}" for code, number in results.items() if code != "done")
    result = (
        f"{results['done']} done{f', {others}' if others else ''}; the longest took {longest:.1f} s, "
        f"no request failed more than {oftenest} times; none corrupt"
    )
    return [Outcome(name="pushes and pulls with 20 % of the requests failing", tried=count, result=result)]
