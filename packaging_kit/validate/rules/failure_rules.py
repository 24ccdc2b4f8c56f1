"""Rules over what reading came to: errors of the layers below, each under its own code."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from packaging_kit.errors import ContentError, PackagingKitError
from packaging_kit.validate.problem import Problem, Where
from packaging_kit.validate.rule import Finding, Rule, apply
from packaging_kit.validate.rules.json_rules import too_large

_SPLIT: Final = "docs/format.md"


def _of_code(code: str, *, what: str, why: str, example: str, hint: str | None = None) -> Rule[PackagingKitError]:
    """The rule that errors of this code are against."""

    def find(error: PackagingKitError) -> Iterable[Finding]:
        if error.code == code:
            offset = getattr(error, "offset", None)
            path = getattr(error, "json_path", "")
            message = str(error) if isinstance(error, ContentError) else error.message
            yield Finding(path, message, offset)

    return Rule(code=code, what=what, why=why, example=example, find=find, hint=hint)


blob_missing = _of_code(
    "not-found",
    what="a config, layer or document that is named and not there",
    why="a manifest's content has to be there before it (distribution-spec, Pushing Manifests)",
    example="a layer that was not uploaded",
)
digest_mismatch = _of_code(
    "digest-mismatch",
    what="content that is not what its digest says",
    why="image-spec, descriptor.md, Digests: content is what its digest says, or it is not that content",
    example="a blob with one byte changed",
)
size_mismatch = _of_code(
    "size-mismatch",
    what="content of another size than its descriptor says",
    why="image-spec, descriptor.md, Properties: it should not be trusted then",
    example='{"size":1000}, of a blob of 1,001 bytes',
)
wasm_malformed = _of_code(
    "wasm-malformed",
    what="a layer that is no Wasm binary, or whose sections run past its end or past each other",
    why="Binary.md and core spec 5.5: a binary is its preamble and sections, and nothing after them",
    example="a component with bytes behind its last section",
)
wasm_unsupported = _of_code(
    "wasm-unsupported",
    what="a binary of another version or layer than those of core modules and components",
    why="no tool of today reads it (Binary.md, Component Definitions)",
    example="a skeleton as the layer",
)
wasm_reserved_section = _of_code(
    "wasm-reserved-section",
    what="a section with the id that the canonical split uses for itself",
    why=f"{_SPLIT}, External sections: it could not be split and put together again",
    example="a component with a section of id 0x5e",
)
wasm_too_deep = _of_code(
    "wasm-too-deep",
    what="components inside components at more than 1,000 levels",
    why=f"{_SPLIT}, Explode: whoever recurses over it overflows the stack",
    example="1,001 nested components",
)
wasm_too_large = _of_code(
    "wasm-too-large",
    what="a binary of more than 8 GiB, 2^20 spans, 2^18 sections, or 32 MiB outside of its modules; several so large",
    why=f"{_SPLIT}, Explode: the limits within which it is split, put together and looked into",
    example="a component with 50 MiB of custom sections",
)
skeleton_not_canonical = _of_code(
    "skeleton-not-canonical",
    what="a skeleton that no explode would have written",
    why=f"{_SPLIT}, Reassembly: a root stands for one component only while this is refused",
    example="a skeleton whose external section has a padded size",
)
skeleton_too_large = _of_code(
    "skeleton-too-large",
    what="skeletons that stand for more bytes, levels or spans than are taken, or are read again too often",
    why=f"{_SPLIT}, Reassembly: a few kilobytes can stand for terabytes",
    example="a skeleton that names one module a million times",
)
fragment_missing = _of_code(
    "fragment-missing",
    what="a fragment that a skeleton names and that is not there",
    why=f"{_SPLIT}, Forms: without it the component can't be put together",
    example="a split index whose module was not uploaded",
)
split_too_large = _of_code(
    "split-too-many-fragments",
    what="a split of more modules, or with more bytes in one document, than packing writes",
    why=f"{_SPLIT}, Forms: registries take 10,000 entries and 4 MiB, so packing refuses such a split",
    example="a split index of a component with 10,001 distinct modules",
)
document_unreadable = _of_code(
    "document-invalid",
    what="a document that can't be read for a reason that no other rule has",
    why="what can't be read was not checked, and must not pass for clean",
    example='{"schemaVersion":2,"config":{"size":null,…}}',
)
engine_missing = _of_code(
    "engine-missing",
    what="an engine that was asked for and is not here",
    why="without a verdict on deep validity nobody can say that the binary is valid",
    example="`--engine wasm-tools` on a machine without it",
)
engine_timeout = _of_code(
    "engine-timeout",
    what="an engine that came to no verdict in time",
    why="without a verdict on deep validity nobody can say that the binary is valid",
    example="a binary that takes minutes to validate",
)
engine_failed = _of_code(
    "engine-failed",
    what="an engine that ended without a verdict",
    why="without a verdict on deep validity nobody can say that the binary is valid",
    example="an engine that ran out of memory",
)

document_too_large = _of_code(
    "document-too-large",
    what=too_large.what,
    why=too_large.why,
    example='{"config":{"size":5242880,…}}',
)

FAILURE_RULES: Final[tuple[Rule[PackagingKitError], ...]] = (
    blob_missing,
    digest_mismatch,
    size_mismatch,
    wasm_malformed,
    wasm_unsupported,
    wasm_reserved_section,
    wasm_too_deep,
    wasm_too_large,
    skeleton_not_canonical,
    skeleton_too_large,
    fragment_missing,
    split_too_large,
    document_too_large,
    document_unreadable,
)

ENGINE_RULES: Final[tuple[Rule[PackagingKitError], ...]] = (engine_missing, engine_timeout, engine_failed)


def failures(error: PackagingKitError, part: Where) -> tuple[Problem, ...]:
    """An error as problems; none where it is no finding about the input, but a reason to give up."""
    found = apply((*FAILURE_RULES, *ENGINE_RULES), error, part)
    return tuple(replace(problem, hint=error.hint or problem.hint) for problem in found)
