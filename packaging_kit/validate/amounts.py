"""How much one upload may ask for beyond one look at each of its bytes.

A few kilobytes of an index can have one skeleton read, and one module put together with others, thousands of times.
What was uploaded is looked at once whatever it is; what is looked at again, or stands for more than is stored, is
counted over the whole upload.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from packaging_kit.digest import Digest
from packaging_kit.errors import DocumentError, SkeletonError, WasmFormatError
from packaging_kit.fragments.plan import Plan
from packaging_kit.limits import (
    KIB,
    MAX_CHECKED_DOCUMENTS,
    MAX_CHECKED_SPANS,
    MAX_CHECKED_VALUES,
    MAX_KEPT_FACTS,
    MAX_PUT_TOGETHER,
    MAX_READ_AGAIN,
    MAX_SECTIONS,
)
from packaging_kit.validate.binaries import BinaryFacts

_LEAST_FOR_A_DOCUMENT: Final = 512  # bytes of a document that take as long as the smallest
_FOR_A_FRAGMENT_ARTIFACT: Final = 192  # the same for one that is made
_FOR_A_SECTION: Final = 1 * KIB  # bytes of a skeleton that take as long as one of its sections
_MOST_TIMES: Final = 16  # what wholes may be of their modules: compositions of many that are alike come to three
_MOST_REMEMBERED: Final = MAX_SECTIONS  # digests, of skeletons and of modules


class Amounts:
    """What one validation came to so far, held against its ceilings."""

    def __init__(self) -> None:
        self._documents_left = MAX_CHECKED_DOCUMENTS
        self._values_left = MAX_CHECKED_VALUES
        self._again_left = MAX_READ_AGAIN
        self._costs: dict[Digest, int] = {}  # of skeletons, each as that many bytes
        self._spans_left = MAX_CHECKED_SPANS
        self._put_together = 0
        self._modules: set[Digest] = set()
        self._stored = 0  # bytes of those modules
        self._kept = 0

    def begin_document(self) -> None:
        """Refuse to read another document where too much was read of others.

        Raises:
            DocumentError: `document-invalid`.
        """
        if self._values_left < 0:
            message = f"the documents of this upload have more than {MAX_CHECKED_VALUES} values"
            raise DocumentError("document-invalid", message)
        self._spend(0)

    def end_document(self, raw: bytes) -> None:
        """Count a document, however often it is read: ten thousand manifests may name one config; raises as above."""
        self._values_left -= raw.count(b",")
        self._documents_left -= max(len(raw), _LEAST_FOR_A_DOCUMENT)
        self.begin_document()

    def look_again(self, facts: BinaryFacts) -> None:
        """Count a binary that another manifest names too, whose names are held against that; raises as above."""
        self._spend(facts.weight)

    def compare_fragments(self, count: int) -> None:
        """Count fragment artifacts that are made to be compared with what is there; raises as above."""
        self._spend(count * _FOR_A_FRAGMENT_ARTIFACT)

    def _spend(self, size: int) -> None:
        self._documents_left -= size
        if self._documents_left < 0:
            message = f"more than {MAX_CHECKED_DOCUMENTS} bytes of documents would be read for one upload"
            raise DocumentError("document-invalid", message)

    def begin_skeleton(self, digest: Digest) -> None:
        """Count a skeleton that is about to be read: nothing for the first time.

        Raises:
            SkeletonError: `skeleton-too-large`.
        """
        is_known = digest in self._costs or len(self._costs) >= _MOST_REMEMBERED
        self._again_left -= self._costs.get(digest, _FOR_A_SECTION) if is_known else 0
        if self._again_left < 0:
            message = "the skeletons of this upload would be read again and again"
            raise SkeletonError("skeleton-too-large", message, digest=digest.value)

    def end_skeleton(self, digest: Digest, size: int, section_count: int) -> None:
        """Remember what a skeleton costs, as far as it was read."""
        if len(self._costs) < _MOST_REMEMBERED:
            self._costs[digest] = max(self._costs.get(digest, 0), size + section_count * _FOR_A_SECTION)

    def put_together(self, plan: Plan, modules: Mapping[Digest, int]) -> None:
        """Refuse to put together what is far more than is stored: its bytes are read one by one.

        Args:
            modules: of the plan, each with the size that it has, whatever the plan says.

        Raises:
            SkeletonError: `skeleton-too-large`.
        """
        if plan.span_count > self._spans_left:
            message = f"the wholes of this upload have more than {MAX_CHECKED_SPANS} spans"
            raise SkeletonError("skeleton-too-large", message, digest=plan.root.value)
        for digest, size in modules.items():
            if digest not in self._modules and len(self._modules) < _MOST_REMEMBERED:
                self._modules.add(digest)
                self._stored += size
        # A module of another size than the plan says is read through, to tell whether it is damaged.
        total = self._put_together + max(plan.size, sum(modules.values()))
        if total > max(MAX_PUT_TOGETHER, _MOST_TIMES * self._stored):
            message = f"the wholes of this upload have {total} bytes, and their modules {self._stored}"
            raise SkeletonError("skeleton-too-large", message, digest=plan.root.value)
        self._spans_left -= plan.span_count
        self._put_together = total

    def begin_binary(self) -> None:
        """Refuse to read another binary where too much is kept of others.

        Raises:
            WasmFormatError: `wasm-too-large`.
        """
        if self._kept > MAX_KEPT_FACTS:
            message = f"names and fragments of others in this upload take more than {MAX_KEPT_FACTS} bytes of memory"
            raise WasmFormatError("wasm-too-large", message, offset=0)

    def end_binary(self, facts: BinaryFacts) -> None:
        """Count what is kept of a binary until the end."""
        self._kept += facts.weight
