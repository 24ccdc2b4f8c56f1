"""Spans: the byte ranges that tile a whole (docs/format.md, "Spans")."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from packaging_kit.digest import Digest
from packaging_kit.fragments.skeleton import Skeleton


class SpanKind(Enum):
    """Where the bytes of a span are: in a skeleton (or made from one), or in a module fragment."""

    LITERAL = "literal"
    MODULE = "module"


class Span(NamedTuple):
    """A byte range of the whole; the spans of a whole tile it.

    Attributes:
        start: offset in the whole.
        end: offset after the last byte.
        kind: literal or module.
        digest: of the blob that the bytes come from: a skeleton, a module, or a root that is its own skeleton.
        offset: in that blob, of the first byte; of the external section, where `header` is not empty.
        header: the bytes themselves, where they were made from an external section.
    """

    start: int
    end: int
    kind: SpanKind
    digest: Digest
    offset: int
    header: bytes = b""


Part = tuple[int, SpanKind, Digest, int, bytes]
"""A span without its place: size, kind, digest, offset, header."""


def skeleton_parts(skeleton: Skeleton) -> Iterator[Part | Digest]:
    """What a skeleton stands for, in order: spans without their place, and the skeletons inside it."""
    position = 0
    for external in skeleton.externals:
        if position < external.start:
            yield external.start - position, SpanKind.LITERAL, skeleton.digest, position, b""
        header = external.header
        yield len(header), SpanKind.LITERAL, skeleton.digest, external.start, header
        if external.is_module:
            yield external.size, SpanKind.MODULE, external.digest, 0, b""
        else:
            yield external.digest
        position = external.end
    if position < skeleton.size:
        yield skeleton.size - position, SpanKind.LITERAL, skeleton.digest, position, b""
