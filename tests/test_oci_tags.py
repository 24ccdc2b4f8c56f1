"""Tags, and the tag that a file's name gives."""

from __future__ import annotations

import pytest

from packaging_kit.errors import RequestError
from packaging_kit.oci.reference import check_tag, is_tag, tag_from_stem

TAGS = ["latest", "1.2.3", "v1.0.0-rc.1", "_x", "A", "0", "a" * 128, "__..--"]
NO_TAGS = ["", ".a", "-a", "a" * 129, "a b", "a/b", "a:b", "a@b", "a+b", "ä", "a\n", "\na", "a\0", "../a", "٣"]


@pytest.mark.parametrize("text", TAGS)
def test_tag_is_taken_as_it_is(text: str) -> None:
    assert (check_tag(text), is_tag(text)) == (text, True)


@pytest.mark.parametrize("text", NO_TAGS)
def test_any_other_text_is_no_tag(text: str) -> None:
    with pytest.raises(RequestError) as error:
        check_tag(text)

    assert (error.value.code, is_tag(text)) == ("tag-invalid", False)


@pytest.mark.parametrize(
    ("stem", "tag"),
    [
        ("component", "component"),
        ("my component (2)", "my-component--2-"),
        ("größe", "gr--e"),
        ("a+b@1.2", "a-b-1.2"),
        ("_x", "_x"),
        ("a" * 128, "a" * 128),
    ],
)
def test_stem_gives_a_tag(stem: str, tag: str) -> None:
    assert tag_from_stem(stem) == tag


@pytest.mark.parametrize("stem", ["", ".hidden", "-x", "ä", "a" * 129])
def test_stem_that_gives_no_tag_is_refused(stem: str) -> None:
    with pytest.raises(RequestError) as error:
        tag_from_stem(stem)

    assert error.value.code == "tag-invalid"
