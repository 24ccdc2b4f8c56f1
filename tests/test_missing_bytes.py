"""A whole comes from a registry but for the modules that the destination holds; whatever is wrong with that way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import packaging_kit
from packaging_kit import Copied, Digest, Form, LayoutPlace, Settings
from packaging_kit.document import dump_json
from packaging_kit.errors import NotFoundError
from packaging_kit.fragments.explode import explode
from packaging_kit.limits import KIB
from packaging_kit.oci.media_types import IMAGE_MANIFEST, SKELETON
from packaging_kit.operations.copy import copy
from packaging_kit.operations.places import LocalPlace, RegistryPlace
from packaging_kit.transfer.copy import ReferrerChoice
from tests.registry import Behaviour, Fault, Kind, Registry
from tests.repositories import (
    PLACE_KINDS,
    TAG,
    PlaceKind,
    blobs_of,
    files,
    index_of,
    make_place,
    pack,
    read,
    registry_options,
    registry_place,
    unpack,
)
from tests.strategies import component, custom, module, section

SHARED = module(300 * KIB, "shared")
NESTED = module(200 * KIB, "nested")
OWN = module(20 * KIB, "own")
OTHER = module(1500 * KIB, "other")
BASE = component(section(1, SHARED), section(1, NESTED), custom("note", b"base"))
APP = component(
    section(1, OWN),
    section(1, SHARED, width=5),
    section(4, component(section(1, NESTED), custom("component-name", b"\0\4deep"))),
    custom("note", b"between"),
    section(1, OTHER),
    section(1, module(4096, "small")),
    section(1, SHARED),
    custom("note", b"app"),
)
FETCHED = len(OWN) + len(OTHER) + 4096
WHOLE = Digest.of(APP).value
REMOTE = "app"


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    """One that has the application in the form `mapped`."""
    with Registry() as registry:
        here = LayoutPlace(folder=tmp_path / "packed", tag=TAG)
        pack(here, APP, Form.MAPPED)
        copy(here, remote(registry), settings())
        registry.forget_requests()
        yield registry


def settings(side_by_side: int = 8) -> Settings:
    return Settings(registry=registry_options(side_by_side=side_by_side, backoff=0.001, tries=2))


def remote(registry: Registry, name: str = REMOTE) -> RegistryPlace:
    return registry_place(registry.host, name, TAG)


def make_base(path: Path, kind: PlaceKind = "layout", form: Form = Form.SPLIT, data: bytes = BASE) -> LocalPlace:
    """A place with a component in it that shares modules with the application."""
    place = make_place(kind, path)
    pack(place, data, form, "base")
    return place


def fetch(registry: Registry, place: LocalPlace, side_by_side: int = 8) -> Copied:
    return copy(remote(registry), replace(place, tag=TAG), settings(side_by_side))


def bytes_of_whole(registry: Registry) -> int:
    """How many bytes of the layer were asked for."""
    return sum(end - start for start, end in ranges_of_whole(registry))


def ranges_of_whole(registry: Registry) -> list[tuple[int, int]]:
    """The ranges of the layer that were asked for, in order."""
    found = []
    for request in registry.requests:
        if request.method == "GET" and request.path.endswith(f"/blobs/{WHOLE}"):
            first, _, last = (
                request.headers.get("range", f"bytes=0-{len(APP) - 1}").removeprefix("bytes=").partition("-")
            )
            found.append((int(first), int(last) + 1))
    return sorted(found)


def test_sample_is_what_the_figures_are_about() -> None:
    exploded = explode(APP)

    assert {fragment.size for fragment in exploded.core_modules} == {
        len(SHARED),
        len(NESTED),
        len(OWN),
        len(OTHER),
        4096,
    }
    assert exploded.components


@pytest.mark.parametrize("side_by_side", [1, 8])
@pytest.mark.parametrize("kind", PLACE_KINDS)
def test_only_what_is_missing_is_fetched(
    kind: PlaceKind, side_by_side: int, registry: Registry, tmp_path: Path
) -> None:
    place, plain = make_base(tmp_path / "base", kind), make_base(tmp_path / "plain", kind)
    copy(LayoutPlace(folder=tmp_path / "packed", tag=TAG), replace(plain, tag=TAG), settings())
    fetch(registry, place, side_by_side)
    ranges = ranges_of_whole(registry)

    assert len(ranges) == 2  # two modules that follow each other come with what is between them
    assert FETCHED <= bytes_of_whole(registry) <= FETCHED + 100
    assert (index_of(place), blobs_of(place)) == (index_of(plain), blobs_of(plain))
    assert unpack(replace(place, tag=TAG), tmp_path / "out") == APP


def test_layout_is_the_same_as_by_a_plain_copy(registry: Registry, tmp_path: Path) -> None:
    place, plain = make_base(tmp_path / "base"), make_base(tmp_path / "plain")
    copied = fetch(registry, place)
    as_plain = copy(LayoutPlace(folder=tmp_path / "packed", tag=TAG), replace(plain, tag=TAG), settings())

    assert files(tmp_path / "base") == files(tmp_path / "plain")
    assert set(copied.written) == set(as_plain.written)
    assert (set(copied.held), copied.left) == (set(as_plain.held), ())


def test_each_thing_is_asked_for_once(registry: Registry, tmp_path: Path) -> None:
    fetch(registry, make_base(tmp_path / "base"))
    gets = Counter(each.target for each in registry.requests if each.method == "GET" and WHOLE not in each.path)

    assert set(gets.values()) == {1}


@pytest.mark.parametrize(
    ("form", "data"),
    [(Form.SPLIT, component(section(1, module(5000, "unlike")))), (Form.WHOLE, BASE), (Form.MAPPED, BASE)],
    ids=["others", "whole", "mapped"],
)
def test_nothing_more_is_asked_where_no_module_is_held(
    form: Form, data: bytes, registry: Registry, tmp_path: Path
) -> None:
    fetch(registry, make_place("layout", tmp_path / "new"))
    asked_anew = Counter((each.method, each.target) for each in registry.requests)
    registry.forget_requests()
    fetch(registry, make_base(tmp_path / "base", form=form, data=data))

    assert not Counter((each.method, each.target) for each in registry.requests) - asked_anew
    assert ranges_of_whole(registry) == [(0, len(APP))]


def test_whole_that_is_there_is_not_fetched(registry: Registry, tmp_path: Path) -> None:
    place = make_base(tmp_path / "base")
    fetch(registry, place)
    registry.forget_requests()
    fetch(registry, place)

    assert ranges_of_whole(registry) == []


def test_whole_of_modules_that_are_all_held_is_not_fetched(registry: Registry, tmp_path: Path) -> None:
    place = make_base(tmp_path / "base", data=APP)
    fetch(registry, place)

    assert ranges_of_whole(registry) == []
    assert unpack(replace(place, tag=TAG), tmp_path / "out") == APP


def test_copy_without_referrers_asks_for_none(registry: Registry, tmp_path: Path) -> None:
    place = replace(make_base(tmp_path / "base"), tag=TAG)
    copy(remote(registry), place, settings(), referrers=ReferrerChoice.NEVER)

    assert ranges_of_whole(registry) == [(0, len(APP))]
    assert not [each for each in registry.requests if "/referrers/" in each.path]


def test_many_modules_that_are_held_make_few_ranges(registry: Registry, tmp_path: Path) -> None:
    names = [str(number) for number in range(100)]
    app = component(*(section(1, module(5000 + int(name), name)) for name in names))
    base = component(*(section(1, module(5000 + int(name), name)) for name in names[::2]))
    here = LayoutPlace(folder=tmp_path / "many", tag=TAG)
    pack(here, app, Form.MAPPED)
    copy(here, remote(registry, "many"), settings())
    registry.forget_requests()
    place = replace(make_base(tmp_path / "base", data=base), tag=TAG)
    copy(remote(registry, "many"), place, settings())
    asked = [each for each in registry.requests if each.method == "GET" and "range" in each.headers]

    assert len(asked) == 32
    assert unpack(place, tmp_path / "out") == app


class TestFallback:
    """Where the shortcut is of no use, the whole comes as it always did."""

    @pytest.fixture
    def place(self, tmp_path: Path) -> LocalPlace:
        return make_base(tmp_path / "base")

    @pytest.fixture(params=[1, 8])
    def side_by_side(self, request: pytest.FixtureRequest) -> int:
        count: int = request.param
        return count

    def test_module_that_is_damaged_here(
        self, side_by_side: int, registry: Registry, place: LayoutPlace, tmp_path: Path
    ) -> None:
        path = place.folder / "blobs" / "sha256" / Digest.of(SHARED).hex
        path.write_bytes(bytes(len(SHARED)))
        fetch(registry, place, side_by_side)

        assert (0, len(APP)) in ranges_of_whole(registry)
        assert unpack(replace(place, tag=TAG), tmp_path / "out") == APP

    def test_module_of_another_size_here(self, registry: Registry, place: LayoutPlace, tmp_path: Path) -> None:
        (place.folder / "blobs" / "sha256" / Digest.of(SHARED).hex).write_bytes(SHARED[:-1])
        fetch(registry, place)

        assert bytes_of_whole(registry) < len(APP) - len(NESTED) + 100
        assert unpack(replace(place, tag=TAG), tmp_path / "out") == APP

    def test_registry_without_ranges(
        self, side_by_side: int, registry: Registry, place: LayoutPlace, tmp_path: Path
    ) -> None:
        registry.behaviour = Behaviour(ranges=False)
        fetch(registry, place, side_by_side)

        assert unpack(replace(place, tag=TAG), tmp_path / "out") == APP

    @pytest.mark.parametrize("status", [400, 416, 403, 500])
    def test_registry_that_refuses_ranges(
        self, status: int, side_by_side: int, registry: Registry, place: LayoutPlace, tmp_path: Path
    ) -> None:
        registry.script(
            lambda request, _: (
                Fault(kind=Kind.STATUS, status=status)
                if request.method == "GET" and "range" in request.headers
                else None
            )
        )
        fetch(registry, place, side_by_side)

        assert (0, len(APP)) in ranges_of_whole(registry)
        assert unpack(replace(place, tag=TAG), tmp_path / "out") == APP

    def test_ranges_with_other_bytes(
        self, side_by_side: int, registry: Registry, place: LayoutPlace, tmp_path: Path
    ) -> None:
        registry.script(
            lambda request, _: Fault(kind=Kind.WRONG_BYTES) if "range" in request.headers else None,
        )
        fetch(registry, place, side_by_side)

        assert unpack(replace(place, tag=TAG), tmp_path / "out") == APP

    @pytest.mark.parametrize("lie", [APP.replace(b"between", b"BETWEEN"), BASE, APP + custom("more", b"bytes")])
    def test_skeleton_that_lies(
        self, lie: bytes, side_by_side: int, registry: Registry, place: LayoutPlace, tmp_path: Path
    ) -> None:
        put_skeletons(registry, lie)
        fetch(registry, place, side_by_side)

        assert (0, len(APP)) in ranges_of_whole(registry)
        assert unpack(replace(place, tag=TAG), tmp_path / "out") == APP

    def test_skeleton_that_is_none(self, registry: Registry, place: LayoutPlace, tmp_path: Path) -> None:
        put_skeletons(registry, b"")
        fetch(registry, place)

        assert ranges_of_whole(registry) == [(0, len(APP))]
        assert unpack(replace(place, tag=TAG), tmp_path / "out") == APP

    def test_skeleton_that_is_not_there_is_told_as_ever(self, registry: Registry, place: LayoutPlace) -> None:
        registry.script([Fault(kind=Kind.NOT_FOUND, path=f"/blobs/{explode(APP).root}", times=None)])
        with pytest.raises(NotFoundError) as error:
            fetch(registry, place)

        assert (error.value.code, error.value.side) == ("not-found", "source")
        assert list(packaging_kit.verify(place, Settings()).problems) == []


def put_skeletons(registry: Registry, data: bytes) -> None:
    """Have the only skeletons that refer to the application be those of another component, or nonsense."""
    old, manifest = next(each for each in registry.manifests(REMOTE).items() if "subject" in each[1].value)
    exploded = explode(data) if data else None
    skeletons = [b"none"]
    if exploded is not None:
        digests = (exploded.root, *(fragment.digest for fragment in exploded.components))
        skeletons = [read(exploded, digest) for digest in digests]
    value = manifest.value
    layers = [
        {"digest": registry.put_blob(REMOTE, skeleton), "mediaType": SKELETON, "size": len(skeleton)}
        for skeleton in skeletons
    ]
    value["layers"] = [*layers, *(layer for layer in value["layers"] if layer["mediaType"] != SKELETON)]
    registry.damage(REMOTE, old, b"{}")  # it refers to nothing now
    registry.put_manifest(REMOTE, dump_json(value), IMAGE_MANIFEST)


@pytest.mark.parametrize("form", [Form.SPLIT, Form.BOTH])
def test_other_forms_come_as_they_are(form: Form, registry: Registry, tmp_path: Path) -> None:
    here = LayoutPlace(folder=tmp_path / "other", tag=TAG)
    pack(here, APP, form)
    copy(here, remote(registry, "other"), settings())
    place = replace(make_base(tmp_path / "base"), tag=TAG)
    plain = replace(make_base(tmp_path / "plain"), tag=TAG)
    copy(remote(registry, "other"), place, settings())
    copy(here, plain, settings())

    assert files(tmp_path / "base") == files(tmp_path / "plain")


def test_every_tag_that_shares_modules_is_put_together(registry: Registry, tmp_path: Path) -> None:
    data = {f"v{number}": component(section(1, SHARED), section(1, module(9000, str(number)))) for number in range(5)}
    here = LayoutPlace(folder=tmp_path / "tags")
    for tag, each in data.items():
        pack(here, each, Form.MAPPED, tag)
    everything = registry_place(registry.host, "tags")
    copy(here, everything, settings(), every_tag=True)
    registry.forget_requests()
    place = make_base(tmp_path / "base")
    copy(everything, place, settings(), every_tag=True)
    ranges = [each.headers["range"] for each in registry.requests if each.method == "GET" and "range" in each.headers]

    assert len(ranges) == len(data)
    assert all(unpack(replace(place, tag=tag), tmp_path / "out") == each for tag, each in data.items())
