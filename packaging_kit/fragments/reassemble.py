"""Reassemble: the exact inverse of explode (docs/format.md, "Reassembly")."""

from __future__ import annotations

from collections.abc import Iterator

from packaging_kit.blobs import BlobSource, Scratch
from packaging_kit.digest import Digest
from packaging_kit.fragments.plan import Plan, check_module_head, check_modules, make_plan
from packaging_kit.fragments.spans import Span, SpanKind
from packaging_kit.limits import CHUNK_SIZE, MAX_WHOLE_SIZE
from packaging_kit.wasm.preamble import PREAMBLE_SIZE


def reassemble(
    root: Digest, source: BlobSource, scratch: Scratch | None = None, *, max_size: int = MAX_WHOLE_SIZE
) -> Iterator[bytes]:
    """The whole's bytes, in pieces of at most 1 MiB; every one is checked against a digest.

    All skeletons are read and checked before this returns. A module is checked while it is passed on, and
    what is wrong with it is raised after its bytes: only who has taken the last piece has the whole.

    Args:
        scratch: where the skeletons' bytes are kept; in memory by default.

    Raises:
        SkeletonError: `skeleton-not-canonical`, `skeleton-too-large`.
        NotFoundError: `fragment-missing`.
        ContentError: `digest-mismatch`, `size-mismatch`.
    """
    plan = make_plan(root, source, scratch, max_size=max_size)
    check_modules(plan, source)
    return iter_whole(plan, source)


def iter_whole(plan: Plan, source: BlobSource) -> Iterator[bytes]:
    """The bytes of a whole whose plan and modules were checked."""
    if plan.is_core_module:
        yield from source.iter_blob(plan.root, size=plan.size)
        return
    for span in plan.iter_spans():
        if span.header:
            yield span.header
        elif span.kind is SpanKind.MODULE:
            yield from _iter_module(plan, span, source)
        else:
            yield from _iter_literal(plan, span)


def _iter_module(plan: Plan, span: Span, source: BlobSource) -> Iterator[bytes]:
    """A module's verified bytes; what `check_modules` saw of them was not verified then."""
    head = b""
    for chunk in source.iter_blob(span.digest, size=span.end - span.start):
        if len(head) < PREAMBLE_SIZE:
            head += chunk[: PREAMBLE_SIZE - len(head)]
            check_module_head(head, span.digest, plan)
        yield chunk


def _iter_literal(plan: Plan, span: Span) -> Iterator[bytes]:
    last = span.offset + span.end - span.start
    for start in range(span.offset, last, CHUNK_SIZE):
        yield bytes(plan.literal(span.digest, start, min(start + CHUNK_SIZE, last)))
