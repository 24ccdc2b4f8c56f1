"""A quick look at documents: what has the shape of nearly every one needs no JSON Schema to find that out.

What does not have it may be right all the same; then the schema says so. A property keeps the two together: whatever
fits here is valid there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

Look = Callable[[object], bool]


@dataclass(frozen=True, slots=True)
class Shape:
    """An object's members, all of them.

    Attributes:
        required: those that must be there.
        members: what each has to be; another member does not fit.
    """

    required: frozenset[str]
    members: Mapping[str, Look]

    def fits(self, value: object) -> bool:
        """Whether a value has this shape beyond doubt."""
        if not isinstance(value, dict) or not self.required <= value.keys():
            return False
        members = self.members
        return all(name in members and members[name](inner) for name, inner in value.items())


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_text_or_null(value: object) -> bool:
    return value is None or isinstance(value, str)


def _is_array(value: object) -> bool:
    return isinstance(value, list)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _is_text_map(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _is_two(value: object) -> bool:
    return type(value) is int and value == 2


def _is_any(_: object) -> bool:
    return True


PLATFORM: Final = Shape(frozenset(("architecture", "os")), {"architecture": _is_text, "os": _is_text})

DESCRIPTOR: Final = Shape(
    frozenset(("mediaType", "digest", "size")),
    {
        "mediaType": _is_text,
        "digest": _is_text,
        "size": _is_any,  # which has rules of its own
        "artifactType": _is_text,
        "annotations": _is_text_map,
        "platform": PLATFORM.fits,
        "urls": _is_texts,
        "data": _is_text,
    },
)

_COMPONENT: Final = Shape(
    frozenset(("imports", "exports")), {"imports": _is_texts, "exports": _is_texts, "target": _is_text_or_null}
)

_DOCUMENT: Final[Mapping[str, Look]] = {
    "schemaVersion": _is_two,
    "mediaType": _is_text,
    "artifactType": _is_text,
    "subject": DESCRIPTOR.fits,
    "annotations": _is_text_map,
}

SHAPES: Final[Mapping[str, Shape]] = {
    # The descriptors in their arrays are looked at one by one.
    "image-manifest": Shape(
        frozenset(("schemaVersion", "config", "layers")), {**_DOCUMENT, "config": DESCRIPTOR.fits, "layers": _is_array}
    ),
    "image-index": Shape(frozenset(("schemaVersion", "manifests")), {**_DOCUMENT, "manifests": _is_array}),
    "cncf-config": Shape(
        frozenset(("created", "architecture", "os", "layerDigests")),
        {
            "created": _is_text,
            "author": _is_text_or_null,
            "architecture": _is_text,
            "os": _is_text,
            "layerDigests": _is_texts,
            "component": lambda value: value is None or _COMPONENT.fits(value),
        },
    ),
}
"""By the names of the schemas."""
