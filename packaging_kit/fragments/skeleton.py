"""Skeletons: the check of one skeleton by itself, and its parts (docs/format.md, "Reassembly")."""

from __future__ import annotations

from dataclasses import dataclass

from packaging_kit.blobs import Chunk
from packaging_kit.digest import Digest
from packaging_kit.errors import SkeletonError, WasmFormatError
from packaging_kit.fragments.external import External, parse_external
from packaging_kit.fragments.walk import Visitor, Walk
from packaging_kit.limits import MAX_SPANS
from packaging_kit.wasm.preamble import COMPONENT_PREAMBLE, PREAMBLE_SIZE, SKELETON_PREAMBLE
from packaging_kit.wasm.reader import Reader
from packaging_kit.wasm.sections import Section


@dataclass(frozen=True, slots=True, kw_only=True)
class Skeleton:
    """One skeleton that is canonical by itself.

    Attributes:
        digest: of its bytes.
        size: of its bytes.
        externals: its external sections in order; none for a component that has nothing to split out.
        depth: of the components nested in its literal bytes; 0 where there is none.
    """

    digest: Digest
    size: int
    externals: tuple[External, ...]
    depth: int

    def literal_runs(self) -> tuple[tuple[int, int], ...]:
        """The literal bytes before, between and after the external sections, empty ranges among them."""
        starts = (0, *(external.end for external in self.externals))
        ends = (*(external.start for external in self.externals), self.size)
        return tuple(zip(starts, ends, strict=True))


def literal_bytes(skeleton: Chunk, start: int, end: int) -> Chunk:
    """The bytes `start:end` of a skeleton as they stand in the whole: with the layer bit cleared."""
    if start >= PREAMBLE_SIZE:
        return skeleton[start:end]
    return COMPONENT_PREAMBLE[start:end] + bytes(skeleton[PREAMBLE_SIZE:end])


def parse_skeleton(data: Chunk, digest: Digest) -> Skeleton:
    """Check the skeleton `data`, whose digest is `digest`, against every rule that needs no other blob.

    Raises:
        SkeletonError: `skeleton-not-canonical`; `skeleton-too-large` where its literal bytes nest
            deeper than 1,000 levels, or more than 2^20 spans stand for themselves.
    """
    preamble = bytes(data[:PREAMBLE_SIZE])
    if preamble not in (COMPONENT_PREAMBLE, SKELETON_PREAMBLE):
        raise not_canonical("a skeleton does not begin with the preamble of one", digest, 0)
    has_external = preamble == SKELETON_PREAMBLE
    check = _Check()
    try:
        Walk(check, max_size=len(data)).feed(data, final=True)
    except WasmFormatError as exc:
        is_too_large = exc.code in ("wasm-too-deep", "wasm-too-large")
        code = "skeleton-too-large" if is_too_large else "skeleton-not-canonical"
        raise SkeletonError(code, exc.message, digest=digest.value, offset=exc.offset) from exc
    if bool(check.externals) != has_external:
        what = "has external sections" if check.externals else "has no external section"
        raise not_canonical(f"a skeleton of layer {preamble[6]} {what}", digest, 6)
    return Skeleton(digest=digest, size=len(data), externals=tuple(check.externals), depth=check.depth)


def not_canonical(message: str, digest: Digest, offset: int | None = None) -> SkeletonError:
    return SkeletonError("skeleton-not-canonical", message, digest=digest.value, offset=offset)


class _Check(Visitor):
    """Collects external sections at a skeleton's own level; refuses everything else that explode would split."""

    def __init__(self) -> None:
        self.externals: list[External] = []
        self.depth = 0
        self._open = 0

    def module_begin(self, section: Section) -> None:
        raise WasmFormatError(
            "wasm-malformed", f"a core module of {section.size} bytes was not split out", offset=section.start
        )

    def component_begin(self, section: Section) -> None:
        self._open += 1
        self.depth = max(self.depth, self._open)

    def component_end(self, section: Section) -> None:
        self._open -= 1

    def external(self, data: Chunk, base: int, section: Section) -> None:
        if self._open:
            raise WasmFormatError(
                "wasm-malformed", "an external section inside a literal component", offset=section.start
            )
        reader = Reader(data, section.contents - base, section.end - base)
        self.externals.append(parse_external(reader, section.start - base))
        if 2 * len(self.externals) > MAX_SPANS:  # each stands for a header and at least one span more
            raise WasmFormatError("wasm-too-large", f"the whole has more than {MAX_SPANS} spans", offset=section.start)
