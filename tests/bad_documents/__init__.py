"""The table of documents and binaries that are wrong in one way, and exactly what has to be found in each.

One module for each group of `packaging_kit.validate.catalog`; a case that finds nothing stands at the border of a rule.
"""

from __future__ import annotations

from typing import Final

from tests.bad_documents import (
    annotation_texts,
    artifacts,
    binaries,
    configs,
    content,
    descriptors,
    documents,
    engines,
    json_texts,
    metadata,
    policies,
    skeletons,
    splits,
)
from tests.bad_documents.case import Case

MODULES: Final = (
    json_texts,
    documents,
    descriptors,
    annotation_texts,
    content,
    artifacts,
    configs,
    binaries,
    engines,
    splits,
    skeletons,
    metadata,
    policies,
)

CASES: Final[tuple[Case, ...]] = tuple(case for module in MODULES for case in module.CASES)
"""Every case; names are unique."""
