"""The entries of a layout's `index.json`: order, tags, and what moves when a tag moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packaging_kit.digest import Digest
from packaging_kit.errors import NotFoundError, RequestError, StoreError
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.index import Index
from packaging_kit.oci.layout import Tagged, find, put, tags
from packaging_kit.oci.media_types import (
    DELTA_ARTIFACT,
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    REF_NAME,
    SKELETON_ARTIFACT,
    SPLIT_INDEX,
)

EMPTY = Index(manifests=())


def thing(name: str, artifact_type: str | None = None) -> Descriptor:
    """The descriptor of a manifest whose content is `name`."""
    return Descriptor(
        media_type=IMAGE_MANIFEST, digest=Digest.of(name.encode()), size=len(name), artifact_type=artifact_type
    )


def of_tag(descriptor: Descriptor, tag: str) -> Descriptor:
    return replace(descriptor, annotations={REF_NAME: tag})


def no_subjects(_: Descriptor) -> None:
    return None


WHOLE, OTHER = thing("whole"), thing("other")
SKELETON = thing("skeleton", SKELETON_ARTIFACT)
SPLIT = replace(thing("split", SPLIT_INDEX), media_type=IMAGE_INDEX)
SIGNATURE = thing("signature", "application/vnd.example.signature")
SUBJECTS = {SKELETON.digest: WHOLE.digest, SPLIT.digest: WHOLE.digest, SIGNATURE.digest: WHOLE.digest}


def subject_of(entry: Descriptor) -> Digest | None:
    return SUBJECTS.get(entry.digest)


def _put(index: Index, *things: Tagged, force: bool = False) -> Index:
    return put(index, things, subject_of, force=force)


def test_entry_of_a_tag_has_the_tag_as_annotation() -> None:
    assert _put(EMPTY, Tagged("v1", WHOLE)).manifests == (of_tag(WHOLE, "v1"),)


def test_referrers_stand_after_the_tagged_entries_sorted_by_digest() -> None:
    index = _put(EMPTY, Tagged("v1", WHOLE, (SPLIT, SKELETON)))

    assert index.manifests == (of_tag(WHOLE, "v1"), *sorted((SPLIT, SKELETON), key=lambda entry: entry.digest))


_names = st.sampled_from("abcdefgh")
_things = st.builds(
    lambda tag, name, referrers: Tagged(
        tag, thing(name), tuple(thing(f"{name}-{referrer}", SKELETON_ARTIFACT) for referrer in referrers)
    ),
    _names,
    _names,
    st.lists(st.sampled_from("xyz"), unique=True, max_size=2),
)


@given(st.lists(_things, max_size=6, unique_by=lambda item: item.tag), st.randoms(use_true_random=False))
def test_same_set_in_any_order_and_in_any_portions_gives_the_same_bytes(things: list[Tagged], random: Random) -> None:
    shuffled = list(things)
    random.shuffle(shuffled)
    at_once = put(EMPTY, things, no_subjects, force=False)
    one_by_one = EMPTY
    for item in shuffled:
        one_by_one = put(one_by_one, [item], no_subjects, force=False)

    assert one_by_one.to_document().raw == at_once.to_document().raw


@given(st.lists(_things, max_size=6, unique_by=lambda item: item.tag))
def test_entries_are_sorted_by_tag_and_then_by_digest_and_none_is_double(things: list[Tagged]) -> None:
    entries = put(EMPTY, things, no_subjects, force=False).manifests
    tagged = [entry.annotations[REF_NAME] for entry in entries if REF_NAME in entry.annotations]
    untagged = [entry.digest for entry in entries[len(tagged) :]]

    assert (tagged, untagged) == (sorted({item.tag for item in things}), sorted(set(untagged)))


def test_putting_the_same_again_changes_nothing() -> None:
    index = _put(EMPTY, Tagged("v1", WHOLE, (SKELETON,)))

    assert _put(index, Tagged("v1", WHOLE, (SKELETON,))) == index


def test_two_tags_may_name_the_same() -> None:
    index = _put(EMPTY, Tagged("v2", WHOLE), Tagged("v1", WHOLE))

    assert index.manifests == (of_tag(WHOLE, "v1"), of_tag(WHOLE, "v2"))


def test_tag_that_names_something_else_moves_only_with_force() -> None:
    index = _put(EMPTY, Tagged("v1", WHOLE))

    with pytest.raises(StoreError) as error:
        _put(index, Tagged("v1", OTHER))

    assert (error.value.code, WHOLE.digest.value in error.value.message) == ("tag-exists", True)


def test_moving_a_tag_drops_the_entry_and_those_of_our_own_referrers_to_it() -> None:
    index = _put(EMPTY, Tagged("v1", WHOLE, (SKELETON, SPLIT)))

    assert _put(index, Tagged("v1", OTHER), force=True).manifests == (of_tag(OTHER, "v1"),)


def test_moving_a_tag_leaves_what_others_attached() -> None:
    index = replace(EMPTY, manifests=(of_tag(WHOLE, "v1"), SIGNATURE))

    assert _put(index, Tagged("v1", OTHER), force=True).manifests == (of_tag(OTHER, "v1"), SIGNATURE)


def test_moving_a_tag_leaves_own_referrers_to_something_else() -> None:
    delta = thing("delta", DELTA_ARTIFACT)
    index = _put(EMPTY, Tagged("v1", WHOLE, (delta,)))

    assert delta in _put(index, Tagged("v1", OTHER), force=True).manifests


def test_moving_a_tag_leaves_a_referrer_that_has_a_tag_of_its_own() -> None:
    index = _put(EMPTY, Tagged("s", SKELETON), Tagged("v1", WHOLE, (SKELETON,)))

    assert _put(index, Tagged("v1", OTHER), force=True).manifests == (of_tag(SKELETON, "s"), of_tag(OTHER, "v1"))


def test_moving_one_of_two_tags_leaves_the_referrers_of_the_other() -> None:
    index = _put(EMPTY, Tagged("v1", WHOLE, (SKELETON,)), Tagged("v2", WHOLE, (SKELETON,)))

    assert _put(index, Tagged("v1", OTHER), force=True).manifests == (
        of_tag(OTHER, "v1"),
        of_tag(WHOLE, "v2"),
        SKELETON,
    )


def test_moving_a_tag_to_a_thing_with_the_same_referrers_keeps_them() -> None:
    index = _put(EMPTY, Tagged("v1", WHOLE, (SKELETON,)))

    assert _put(index, Tagged("v1", OTHER, (SIGNATURE,)), Tagged("v2", WHOLE), force=True).manifests == (
        of_tag(OTHER, "v1"),
        of_tag(WHOLE, "v2"),
        *sorted((SKELETON, SIGNATURE), key=lambda entry: entry.digest),
    )


def test_tags_that_change_places_keep_their_referrers() -> None:
    index = _put(EMPTY, Tagged("v1", WHOLE, (SKELETON,)), Tagged("v2", OTHER))

    assert SKELETON in _put(index, Tagged("v1", OTHER), Tagged("v2", WHOLE), force=True).manifests


def test_thing_that_had_no_tag_is_moved_to_the_tagged_entries() -> None:
    index = replace(EMPTY, manifests=(WHOLE,))

    assert _put(index, Tagged("v1", WHOLE)).manifests == (of_tag(WHOLE, "v1"),)


def test_thing_that_is_tagged_and_a_referrer_has_one_entry_whatever_was_put_first() -> None:
    things = (Tagged("a", SKELETON), Tagged("b", WHOLE, (SKELETON,)))
    layouts = [_put(EMPTY, *order).manifests for order in permutations(things)]

    assert layouts == [(of_tag(SKELETON, "a"), of_tag(WHOLE, "b"))] * 2


def test_entries_annotations_and_fields_of_others_survive() -> None:
    theirs = replace(of_tag(OTHER, "theirs"), others={"platform": {"os": "linux"}}, artifact_type="x/y")
    theirs = replace(theirs, annotations={**theirs.annotations, "note": "kept"})
    index = Index(manifests=(theirs,), annotations={"a": "b"}, others={"com.example": 1})

    assert _put(index, Tagged("v1", WHOLE)) == replace(index, manifests=(theirs, of_tag(WHOLE, "v1")))


def test_last_of_two_entries_with_one_tag_counts() -> None:
    index = Index(manifests=(of_tag(OTHER, "v1"), of_tag(WHOLE, "v1")))

    assert tags(index)["v1"].digest == WHOLE.digest


TWO = Index(manifests=(of_tag(WHOLE, "v1"), of_tag(OTHER, "v2"), SKELETON))


@pytest.mark.parametrize(
    ("index", "tag", "expected"),
    [
        (TWO, "v2", of_tag(OTHER, "v2")),
        (Index(manifests=(of_tag(WHOLE, "v1"), SKELETON)), None, of_tag(WHOLE, "v1")),
        (Index(manifests=(WHOLE,)), None, WHOLE),
    ],
    ids=["by tag", "the only tag", "the only entry"],
)
def test_entry_is_found(index: Index, tag: str | None, expected: Descriptor) -> None:
    assert find(index, tag) == expected


@pytest.mark.parametrize(
    ("index", "tag"),
    [(TWO, "v3"), (EMPTY, None), (Index(manifests=(WHOLE, OTHER)), None)],
    ids=["no such tag", "nothing there", "no tags"],
)
def test_entry_that_is_not_there_is_not_found(index: Index, tag: str | None) -> None:
    with pytest.raises(NotFoundError) as error:
        find(index, tag)

    assert error.value.code == "not-found"


def test_several_tags_are_ambiguous_and_the_hint_lists_them() -> None:
    with pytest.raises(RequestError) as error:
        find(TWO, None)

    assert (error.value.code, error.value.hint) == ("tag-ambiguous", "its tags: `v1`, `v2`")


def test_hint_lists_no_more_than_20_tags() -> None:
    index = _put(EMPTY, *(Tagged(f"v{number}", WHOLE) for number in range(30)))

    with pytest.raises(NotFoundError) as error:
        find(index, "x")

    assert (error.value.hint or "").endswith("and 10 more")


def test_order_of_three_things_makes_no_difference() -> None:
    things: Sequence[Tagged] = (
        Tagged("b", WHOLE, (SKELETON,)),
        Tagged("a", OTHER, (SPLIT,)),
        Tagged("c", SIGNATURE),
    )
    layouts = {put(EMPTY, order, no_subjects, force=False).to_document().raw for order in permutations(things)}

    assert len(layouts) == 1


def test_untagged_entry_that_says_more_than_the_one_that_is_put_stays_alone() -> None:
    theirs = replace(SIGNATURE, annotations={"note": "theirs"})
    index = Index(manifests=(of_tag(WHOLE, "v1"), theirs))

    assert _put(index, Tagged("v2", WHOLE, (SIGNATURE,))).manifests == (
        of_tag(WHOLE, "v1"),
        of_tag(WHOLE, "v2"),
        theirs,
    )


def test_own_referrer_that_is_put_stays_though_the_last_tag_of_its_subject_moves() -> None:
    index = _put(EMPTY, Tagged("v1", WHOLE))

    assert _put(index, Tagged("v1", OTHER, (SKELETON,)), force=True) == _put(EMPTY, Tagged("v1", OTHER, (SKELETON,)))


def test_untagged_entry_of_no_use_goes_with_a_put() -> None:
    index = _put(EMPTY, Tagged("v1", WHOLE, (SKELETON, SIGNATURE)))

    changed = put(index, [Tagged("v1", WHOLE)], lambda _: None, force=False, without={SKELETON.digest, WHOLE.digest})

    assert changed.manifests == (of_tag(WHOLE, "v1"), SIGNATURE)
