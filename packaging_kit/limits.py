"""Named limits: every size or count that input may claim is checked against one of these."""

from __future__ import annotations

from typing import Final

KIB: Final = 1 << 10
MIB: Final = 1 << 20
GIB: Final = 1 << 30

# The canonical split, format v0 (docs/format.md): these are part of the format.
MODULE_THRESHOLD: Final = 4096
"""Core module sections with contents of at least this many bytes are split out."""
MAX_DEPTH: Final = 1000
"""The deepest nesting of components that is taken; the root has depth 0."""
MAX_WHOLE_SIZE: Final = 8 * GIB
"""Default for the largest whole, in bytes."""
MAX_SPANS: Final = 1 << 20
"""The most spans, unmerged, that a whole may have."""
MAX_U32: Final = (1 << 32) - 1

# Reading names and types of a component.
MAX_EXTERNS: Final = 100_000
"""Imports or exports in one section; wasm-tools takes as many."""
MAX_TYPES: Final = 100_000
"""Types, aliases and declarations in one section; nested ones count."""
MAX_TYPE_DEPTH: Final = 100
"""Nested component and instance types; WIT needs three levels."""
MAX_NAME_SIZE: Final = 100_000
"""Bytes of one import, export or label name, as wasm-tools limits it."""

MAX_NODES: Final = 1 << 17
"""Modules and components that an inspection lists."""

# OCI documents (image-spec and distribution-spec leave these to implementations; 4 MiB is what registries take).
MAX_MANIFEST_SIZE: Final = 4 * MIB
MAX_MANIFEST_ENTRIES: Final = 10_000
MAX_LAYOUT_INDEX_SIZE: Final = 256 * MIB
MAX_LAYOUT_INDEX_ENTRIES: Final = 1_000_000
MAX_INDEX_DEPTH: Final = 16
"""Indexes inside indexes; nobody writes more than two."""
MAX_ARCHIVE_MEMBERS: Final = 1_000_000
MAX_JSON_DEPTH: Final = 64
MAX_JSON_CONTAINERS: Final = 4_000_000
"""Objects and arrays in one document."""
MAX_JSON_VALUES: Final = 10_000_000
"""Values in one document: the smallest take forty times their own size in memory."""
MAX_JSON_INTEGER: Final = (1 << 63) - 1

# Answers of registries, which may be anything.
MAX_TOKEN_ANSWER_SIZE: Final = 1 * MIB
MAX_ERROR_ANSWER_SIZE: Final = 1 * MIB
MAX_HEADERS_SIZE: Final = 64 * KIB
"""Of one answer, in bytes."""
MAX_PAGES: Final = 10_000
"""Of one listing of tags or referrers."""
MAX_LISTED: Final = 1_000_000
"""Tags or referrers in one listing."""
MAX_LISTING_SIZE: Final = 16 * MIB
"""Of all pages of one listing together, in bytes."""
MAX_REDIRECTS: Final = 10

# Working memory.
CHUNK_SIZE: Final = 1 * MIB
"""Bytes that are read, hashed and written at a time."""
SCRATCH_MEMORY: Final = 16 * MIB
"""Bytes of skeletons that are held in memory before they go to a temporary file."""

# Validation.
MAX_PROBLEMS: Final = 1_000
"""Problems that one report lists; a hostile document has no end of them."""
MAX_LITERAL_IN_MEMORY: Final = 32 * MIB
"""Bytes of a component outside of its modules that are looked into, where no working space is given."""
MAX_SECTIONS: Final = 1 << 18
"""Sections of one binary that are walked: millions of two bytes each take seconds; real ones have a few thousand."""
MAX_CHECKED_SPANS: Final = 1 << 15
"""Spans of the wholes that are put together for one upload: each takes as long as 100 kB of a large one."""
MAX_CHECKED_DOCUMENTS: Final = 16 * MIB
"""Bytes of documents that are read for one upload: ten thousand manifests may name one config."""
MAX_CHECKED_VALUES: Final = 1 << 19
"""Values in the documents of one upload, by the commas between them: each takes up to 100 bytes of memory."""
MAX_PUT_TOGETHER: Final = 512 * MIB
"""Bytes of wholes that are put together for one upload, whatever is stored of them."""
MAX_READ_AGAIN: Final = 256 * MIB
"""Bytes of skeletons that are read for one upload when they were read before."""
MAX_KEPT_FACTS: Final = 32 * MIB
"""Bytes of memory for what is known of the binaries of one upload; no further one is read above that."""
MAX_JSON_OBJECTS: Final = 200_000
"""Objects of a document that is looked into: 10,000 descriptors have 40,000 of them."""
