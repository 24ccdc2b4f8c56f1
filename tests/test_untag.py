"""Tags that are taken away: what goes with them, and what stays until it is swept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import packaging_kit
from packaging_kit import Digest, Form, LayoutPlace
from packaging_kit.errors import NotFoundError, RequestError
from packaging_kit.oci.media_types import REF_NAME
from packaging_kit.operations.places import LocalPlace, with_tag
from tests.repositories import (
    PLACE_KINDS,
    SETTINGS,
    SIGNATURE,
    TAG,
    PlaceKind,
    blobs_of,
    index_of,
    make_place,
    pack,
    sample,
    sign_place,
    unpack,
)


def entries(place: LocalPlace) -> list[tuple[str | None, str | None]]:
    """Tag and artifact type of every entry."""
    found = json.loads(index_of(place))["manifests"]
    return [(entry.get("annotations", {}).get(REF_NAME), entry.get("artifactType")) for entry in found]


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("kind", PLACE_KINDS)
def test_tag_goes_and_the_blobs_stay(kind: PlaceKind, form: Form, tmp_path: Path) -> None:
    place = make_place(kind, tmp_path / "a", TAG)
    digest = pack(place, sample(), form).digest
    before = blobs_of(place)

    untagged = packaging_kit.untag(place, SETTINGS)

    assert (untagged, entries(place), blobs_of(place)) == (digest, [], before)


@pytest.mark.parametrize("form", Form)
def test_other_tags_keep_what_they_need(form: Form, tmp_path: Path) -> None:
    place = make_place("layout", tmp_path / "a", TAG)
    pack(place, sample(), form)
    packaging_kit.copy(place, with_tag(place, "same"), SETTINGS)
    pack(place, sample("b"), form, "other")
    types = [artifact_type for tag, artifact_type in entries(place) if tag is None]

    packaging_kit.untag(place, SETTINGS)
    packaging_kit.gc(LayoutPlace(folder=tmp_path / "a"))

    assert [tag for tag, _ in entries(place)] == ["other", "same", *(None for _ in types)]
    assert unpack(with_tag(place, "same"), tmp_path / "out") == sample()
    assert packaging_kit.verify(LayoutPlace(folder=tmp_path / "a"), SETTINGS).problems == ()


def test_signature_of_what_lost_its_tag_stays_until_it_is_swept(tmp_path: Path) -> None:
    place = make_place("layout", tmp_path / "a", TAG)
    pack(place, sample(), Form.MAPPED)
    pack(place, sample("b"), Form.WHOLE, "other")
    sign_place(place)

    packaging_kit.untag(place, SETTINGS)
    before = entries(place)
    packaging_kit.gc(LayoutPlace(folder=tmp_path / "a"))

    assert before == [("other", None), (None, SIGNATURE)]
    assert entries(place) == [("other", None)]


@pytest.mark.parametrize("kind", PLACE_KINDS)
def test_tag_that_is_not_there_is_not_found_and_nothing_changes(kind: PlaceKind, tmp_path: Path) -> None:
    place = make_place(kind, tmp_path / "a", TAG)
    pack(place, sample())
    before = index_of(place)

    with pytest.raises(NotFoundError) as error:
        packaging_kit.untag(with_tag(place, "no"), SETTINGS)

    assert (error.value.code, error.value.hint, index_of(place)) == ("not-found", f"its tags: `{TAG}`", before)


@pytest.mark.parametrize("kind", PLACE_KINDS)
def test_repository_that_is_not_there_is_not_made(kind: PlaceKind, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        packaging_kit.untag(make_place(kind, tmp_path / "a", TAG), SETTINGS)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("digest", [None, Digest.of(b"")])
def test_tag_has_to_be_said(digest: Digest | None) -> None:
    with pytest.raises(RequestError) as error:
        packaging_kit.untag(LayoutPlace(folder=Path("a"), digest=digest), SETTINGS)

    assert (error.value.code, error.value.hint) == ("tag-missing", "`oci:a:TAG`")
