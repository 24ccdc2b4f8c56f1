"""Tags and references (distribution-spec, "Pulling manifests")."""

from __future__ import annotations

import re

from packaging_kit.errors import RequestError

_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_NOT_OF_A_TAG = re.compile(r"[^a-zA-Z0-9._-]")


def is_tag(text: str) -> bool:
    """Whether `text` has the form of a tag."""
    return _TAG.fullmatch(text) is not None


def check_tag(text: str) -> str:
    """`text`, where it has the form of a tag.

    Raises:
        RequestError: `tag-invalid`.
    """
    if not is_tag(text):
        raise RequestError(
            "tag-invalid", f"`{text}` is not a tag", hint="letters, digits, `_`, `.` and `-`, at most 128"
        )
    return text


def tag_from_stem(stem: str) -> str:
    """The tag for a file with this stem: what a tag may not hold becomes `-`.

    Raises:
        RequestError: `tag-invalid`, where that makes no tag: an empty or too long one, or a first `.` or `-`.
    """
    tag = _NOT_OF_A_TAG.sub("-", stem)
    if not is_tag(tag):
        raise RequestError("tag-invalid", f"the name `{stem}` makes no tag", hint="`--tag TAG`")
    return tag
