"""The plan of a whole: all its skeletons, read, verified and measured before anything is written.

A skeleton is hostile input: sizes, depth and spans are added up from the innermost skeletons outwards,
once for each distinct digest, so that a few kilobytes that stand for terabytes are refused at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from packaging_kit.blobs import BlobSource, Chunk, MemoryScratch, Scratch
from packaging_kit.digest import Digest
from packaging_kit.errors import NotFoundError, SkeletonError
from packaging_kit.fragments.skeleton import Skeleton, literal_bytes, not_canonical, parse_skeleton
from packaging_kit.fragments.spans import Span, SpanKind, skeleton_parts
from packaging_kit.limits import MAX_DEPTH, MAX_SPANS, MAX_WHOLE_SIZE
from packaging_kit.wasm.preamble import CORE_MODULE_PREAMBLE, PREAMBLE_SIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """A skeleton and what it amounts to once everything in it is put back."""

    skeleton: Skeleton
    position: int  # of its bytes in the scratch
    size: int
    depth: int
    spans: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything about a whole that its skeletons say.

    Attributes:
        root: digest of the root skeleton.
        size: of the whole, in bytes.
        span_count: spans that `iter_spans` gives.
        depth: of nested components, 0 where there is none.
        module_sizes: size of every distinct module fragment.
    """

    root: Digest
    size: int
    span_count: int
    depth: int
    module_sizes: dict[Digest, int]
    _scratch: Scratch
    _measured: dict[Digest, _Measured] = field(repr=False)

    @property
    def is_core_module(self) -> bool:
        """The whole is a core module, which is its own skeleton and was not read."""
        return not self._measured

    @property
    def skeletons(self) -> tuple[Digest, ...]:
        """Every distinct skeleton: the root, then nested ones as first met."""
        found: dict[Digest, None] = {self.root: None}
        for span in self.iter_spans():
            if span.kind is SpanKind.LITERAL:
                found.setdefault(span.digest)
        return tuple(found)

    def literal(self, digest: Digest, start: int, end: int) -> Chunk:
        """The bytes `start:end` of a skeleton, as they stand in the whole."""
        measured = self._measured[digest]
        if start < PREAMBLE_SIZE:
            return literal_bytes(self._scratch.view(measured.position, measured.position + end), start, end)
        return self._scratch.view(measured.position + start, measured.position + end)

    def iter_spans(self) -> Iterator[Span]:
        """The spans of the whole in order, unmerged."""
        if self.is_core_module:
            yield Span(0, self.size, SpanKind.LITERAL, self.root, 0)
            return
        start = 0
        stack = [skeleton_parts(self._measured[self.root].skeleton)]
        while stack:
            part = next(stack[-1], None)
            if part is None:
                stack.pop()
            elif isinstance(part, Digest):
                stack.append(skeleton_parts(self._measured[part].skeleton))
            else:
                size, kind, digest, offset, header = part
                yield Span(start, start + size, kind, digest, offset, header)
                start += size


def make_plan(
    root: Digest, source: BlobSource, scratch: Scratch | None = None, *, max_size: int = MAX_WHOLE_SIZE
) -> Plan:
    """Read every skeleton under `root`, and check all of it that needs no module's bytes.

    Args:
        scratch: where the skeletons' bytes are kept; in memory by default.

    Raises:
        SkeletonError: `skeleton-not-canonical`, `skeleton-too-large`.
        NotFoundError: `fragment-missing`.
        ContentError: `digest-mismatch`, `size-mismatch`.
    """
    size = fragment_size(source, root)
    if fragment_head(source, root) == CORE_MODULE_PREAMBLE:
        _check_total(size, 1, 0, root, max_size)
        return Plan(
            root=root,
            size=size,
            span_count=1,
            depth=0,
            module_sizes={},
            _scratch=scratch or MemoryScratch(),
            _measured={},
        )
    planner = _Planner(source, scratch or MemoryScratch(), max_size)
    measured = planner.measure(root)
    total = measured[root]
    return Plan(
        root=root,
        size=total.size,
        span_count=total.spans,
        depth=total.depth,
        module_sizes=planner.module_sizes,
        _scratch=planner.scratch,
        _measured=measured,
    )


def spans(root: Digest, source: BlobSource) -> Iterator[Span]:
    """The byte ranges that tile the whole, from its skeletons alone; no module needs to be there.

    Raises:
        SkeletonError: `skeleton-not-canonical`, `skeleton-too-large`, before the first span.
        NotFoundError: `fragment-missing`.
        ContentError: `digest-mismatch`, `size-mismatch`.
    """
    plan = make_plan(root, source)
    verify_core_module(plan, source)
    return plan.iter_spans()


def fragment_size(source: BlobSource, digest: Digest) -> int:
    """The size of a fragment or skeleton in `source`.

    Raises:
        NotFoundError: `fragment-missing`.
    """
    try:
        return source.blob_size(digest)
    except NotFoundError as exc:
        raise NotFoundError("fragment-missing", f"the fragment {digest} is not there") from exc


def fragment_head(source: BlobSource, digest: Digest) -> bytes:
    """The first eight bytes of a fragment, unverified."""
    return b"".join(source.iter_blob_unverified(digest, 0, PREAMBLE_SIZE))


class _Planner:
    """Loads skeletons depth first, and measures each when all inside it are measured."""

    def __init__(self, source: BlobSource, scratch: Scratch, max_size: int) -> None:
        self._source = source
        self.scratch = scratch
        self._max_size = max_size
        self.module_sizes: dict[Digest, int] = {}
        self._measured: dict[Digest, _Measured] = {}
        self._loaded: dict[Digest, tuple[Skeleton, int]] = {}
        self._read = 0  # bytes of skeletons

    def measure(self, root: Digest) -> dict[Digest, _Measured]:
        stack = [(root, self._load(root))]
        while stack:
            digest, nested = stack[-1]
            child = next(nested, None)
            if child is None:
                stack.pop()
                self._measured[digest] = self._add_up(digest)
            elif child not in self._loaded:
                if len(stack) > MAX_DEPTH:
                    raise _too_large(f"components nest deeper than {MAX_DEPTH} levels", root)
                stack.append((child, self._load(child)))
        return self._measured

    def _load(self, digest: Digest) -> Iterator[Digest]:
        """Read and check one skeleton; the digests of those nested in it."""
        size = fragment_size(self._source, digest)
        # The whole is never smaller than all its distinct skeletons together.
        self._read += size
        _check_total(self._read, len(self._loaded), 0, digest, self._max_size)
        position = end = None
        for chunk in self._source.iter_blob(digest, size=size):
            at = self.scratch.append(chunk)
            position = at if position is None else position
            end = at + len(chunk)
        skeleton = parse_skeleton(self.scratch.view(position or 0, end or 0), digest)
        if self._loaded and not skeleton.externals:
            raise not_canonical("a nested skeleton has no external section", digest, 6)
        self._loaded[digest] = (skeleton, position or 0)
        for external in skeleton.externals:
            if external.is_module:
                known = self.module_sizes.setdefault(external.digest, external.size)
                if known != external.size:
                    raise not_canonical("one fragment is given two sizes", digest, external.start)
        return iter([external.digest for external in skeleton.externals if not external.is_module])

    def _add_up(self, digest: Digest) -> _Measured:
        skeleton, position = self._loaded[digest]
        runs = [end - start for start, end in skeleton.literal_runs() if start < end]
        size, spans, depth = sum(runs), len(runs), skeleton.depth
        for external in skeleton.externals:
            size += len(external.header) + external.size
            spans += 2
            if not external.is_module:
                inner = self._inner(external.digest, digest, external.start)
                if inner.size != external.size:
                    raise not_canonical(
                        f"a nested component has {inner.size} bytes, not {external.size}", digest, external.start
                    )
                spans += inner.spans - 1
                depth = max(depth, inner.depth + 1)
            _check_total(size, spans, depth, digest, self._max_size)
        _check_total(size, spans, depth, digest, self._max_size)
        return _Measured(skeleton=skeleton, position=position, size=size, depth=depth, spans=spans)

    def _inner(self, digest: Digest, parent: Digest, offset: int) -> _Measured:
        if digest not in self._measured:
            raise not_canonical("a skeleton stands for itself", parent, offset)
        return self._measured[digest]


def _check_total(size: int, spans: int, depth: int, digest: Digest, max_size: int) -> None:
    if size > max_size:
        raise _too_large(f"the whole has more than {max_size} bytes", digest)
    if spans > MAX_SPANS:
        raise _too_large(f"the whole has more than {MAX_SPANS} spans", digest)
    if depth > MAX_DEPTH:
        raise _too_large(f"components nest deeper than {MAX_DEPTH} levels", digest)


def _too_large(message: str, digest: Digest) -> SkeletonError:
    return SkeletonError("skeleton-too-large", message, digest=digest.value)


def verify_core_module(plan: Plan, source: BlobSource) -> None:
    """Check the bytes of a whole that is a core module: its plan has told a size that nothing has proved.

    Raises:
        ContentError: `digest-mismatch`, `size-mismatch`.
    """
    if plan.is_core_module:
        for _ in source.iter_blob(plan.root, size=plan.size):
            pass


def check_modules(plan: Plan, source: BlobSource) -> None:
    """Check that every module fragment is in `source`, with its size and a core module's preamble.

    Raises:
        NotFoundError: `fragment-missing`.
        SkeletonError: `skeleton-not-canonical`, where the fragment is intact and the skeleton is wrong of it.
        ContentError: `digest-mismatch`, where the fragment is damaged.
    """
    for digest, size in plan.module_sizes.items():
        actual = fragment_size(source, digest)
        if actual == size and fragment_head(source, digest) == CORE_MODULE_PREAMBLE:
            continue
        for _ in source.iter_blob(digest):
            pass
        what = "is no core module" if actual == size else f"has {actual} bytes, not {size}"
        raise not_canonical(f"the module fragment {digest} {what}", plan.root)


def check_module_head(head: bytes, digest: Digest, plan: Plan) -> None:
    """Check the first bytes of a module fragment, up to eight of them, as they were verified.

    Raises:
        SkeletonError: `skeleton-not-canonical`.
    """
    if head != CORE_MODULE_PREAMBLE[: len(head)]:
        raise not_canonical(f"the module fragment {digest} is no core module", plan.root)
