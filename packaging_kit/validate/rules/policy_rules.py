"""Rules that a policy switches on (docs/rules.md, "Policies")."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from packaging_kit.artifact.licenses import is_license_allowed
from packaging_kit.oci.media_types import IMAGE_ANNOTATION
from packaging_kit.validate.binaries import BinaryFacts
from packaging_kit.validate.policy import Patterns, Policy, matches
from packaging_kit.validate.rule import Finding, Rule, rule
from packaging_kit.validate.values import Annotations
from packaging_kit.wasm.interface import SEMANTIC_VERSION

_POLICY: Final = "the policy of the registry"
_LICENSES: Final = f"{IMAGE_ANNOTATION}licenses"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySubject:
    """What a policy is held against.

    Attributes:
        policy: it.
        annotations: of the manifest; those of the binary, where there is no manifest.
        facts: of the binary.
        created: of the config; `None` where there is none.
        is_split: the split stands beside it; `None` where that is not known.
    """

    policy: Policy
    annotations: Annotations
    facts: BinaryFacts
    created: str | None = None
    is_split: bool | None = None


@rule(
    "policy-size",
    what="something that is larger, or of which there is more, than the policy takes",
    why=f"{_POLICY}, `[size]`",
    example='`[size] whole = "64 MiB"`, and a component of 80 MiB',
)
def size(subject: PolicySubject) -> Iterator[Finding]:
    policy, facts = subject.policy, subject.facts
    yield from _above("the binary", facts.whole.size, policy.max_whole_size, None)
    if policy.max_module_size is None and policy.max_modules is None:
        return  # a layer of thousands may stand under thousands of manifests
    modules = () if facts.exploded is None else facts.exploded.core_modules
    for module in modules:
        yield from _above("a core module", module.size, policy.max_module_size, module.contents)
    if policy.max_modules is not None and len(modules) > policy.max_modules:
        yield Finding("", f"the component has {len(modules)} core modules, and the policy takes {policy.max_modules}")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedSubject:
    """A manifest or index, and the name that it is to have.

    Attributes:
        policy: what it is held against.
        size: of the document, in bytes.
        tag: `None` where that is not known, or it is inside of another.
    """

    policy: Policy
    size: int
    tag: str | None = None


@rule("policy-size", what=size.what, why=size.why, example='`[size] manifest = "1 KiB"`, and a manifest of 2 KiB')
def document_size(subject: NamedSubject) -> Iterator[Finding]:
    yield from _above("the document", subject.size, subject.policy.max_manifest_size, None)


@rule(
    "policy-annotation-missing",
    what="an annotation that the policy asks for and that is not there",
    why=f"{_POLICY}, `[annotations]`",
    example='`[annotations] required = ["org.opencontainers.image.source"]`, and a manifest without it',
)
def annotation_missing(subject: PolicySubject) -> Iterator[Finding]:
    for key in subject.policy.required_annotations:
        if not subject.annotations.entries.get(key):
            yield Finding(subject.annotations.at(key), "the policy asks for this annotation")


@rule(
    "policy-import-denied",
    what="an import that the policy denies, or does not allow",
    why=f"{_POLICY}, `[imports]`: what a binary imports is what it may do",
    example='`[imports] deny = ["wasi:sockets/*"]`, and a component that imports `wasi:sockets/tcp@0.2.0`',
)
def import_denied(subject: PolicySubject) -> Iterator[Finding]:
    policy = subject.policy
    denied, allowed = Patterns(policy.denied_imports), Patterns(policy.allowed_imports or ())
    for name, interface in subject.facts.imported:
        found = next((each for each in (interface, name) if denied.match(each)), None)
        if found is not None:
            pattern = next(pattern for pattern in policy.denied_imports if matches(pattern, found))
            yield Finding("", f"it imports `{found[:200]}`, and the policy denies `{pattern}`")
        elif policy.allowed_imports is not None and not allowed.match(interface):
            yield Finding("", f"it imports `{interface[:200]}`, which the policy does not allow")


@rule(
    "policy-imports-unread",
    what="a binary whose imports can't be read, where the policy says which ones it may have",
    why=f"{_POLICY}, `[imports]`: what can't be read can't be allowed",
    example="an import section of a form that this version does not know",
)
def imports_unread(subject: PolicySubject) -> Iterator[Finding]:
    policy, facts = subject.policy, subject.facts
    is_asked = policy.allowed_imports is not None or policy.denied_imports
    if is_asked and facts.imports is None and facts.names_error is not None:
        yield Finding("", f"the policy can't be applied: {facts.names_error.message}", facts.names_error.offset)


@rule(
    "policy-license",
    what="a license expression that can't be met with the licenses that the policy allows, or none at all",
    why=f"{_POLICY}, `[licenses]`; SPDX 2.3, Annex D: `OR` leaves a choice, `AND` does not",
    example='`[licenses] allow = ["MIT"]`, and `MIT AND GPL-3.0-only`',
)
def license_(subject: PolicySubject) -> Iterator[Finding]:
    allowed = subject.policy.allowed_licenses
    if allowed is None:
        return
    stated = subject.annotations.entries.get(_LICENSES)
    if stated is None:
        yield Finding(subject.annotations.at(_LICENSES), "no license is stated, and the policy asks for one")
    elif not is_license_allowed(stated, frozenset(allowed)):
        yield Finding(subject.annotations.at(_LICENSES), f"`{stated[:200]}` is not allowed by the policy")


@rule(
    "policy-tag",
    what="a tag that is no semantic version",
    why=f"{_POLICY}, `[tags]`; Semantic Versioning 2.0.0, with `_` for the `+` that a tag can't hold",
    example="`[tags] semantic = true`, and the tag `latest`",
)
def tag(subject: NamedSubject) -> Iterator[Finding]:
    is_asked = subject.policy.semantic_tags and subject.tag is not None
    if is_asked and not re.fullmatch(SEMANTIC_VERSION, (subject.tag or "").replace("_", "+", 1)):
        yield Finding("", f"the tag `{subject.tag}` is no semantic version")


@rule(
    "policy-created",
    what="a time of creation that the policy does not allow",
    why=f"{_POLICY}, `[reproducible]`: with a fixed time, packing twice gives the same digests",
    example='`[reproducible] created = ["1970-01-01T00:00:00Z"]`, and a config of today',
)
def created(subject: PolicySubject) -> Iterator[Finding]:
    allowed = subject.policy.allowed_created
    if allowed is not None and subject.created is not None and subject.created not in allowed:
        yield Finding("created", f"`{subject.created[:100]}` is not a time that the policy allows")


@rule(
    "policy-split",
    what="a component that could be split and has no split beside it",
    why=f"{_POLICY}, `[split]`, or the profile `split`: shared modules are to be stored once",
    example="`[split] required = true`, and an artifact that was packed with `--form whole`",
    hint="`packaging-kit convert --form mapped`, or `split`",
)
def split(subject: PolicySubject) -> Iterator[Finding]:
    exploded = subject.facts.exploded
    if subject.policy.split_required and subject.is_split is False and exploded is not None and exploded.fragments:
        yield Finding("", "the component has modules to split out, and no split stands beside it")


def _above(what: str, actual: int, limit: int | None, offset: int | None) -> Iterator[Finding]:
    if limit is not None and actual > limit:
        yield Finding("", f"{what} has {actual} bytes, and the policy takes {limit}", offset)


BINARY_POLICY_RULES: Final[tuple[Rule[PolicySubject], ...]] = (size, import_denied, imports_unread)
MANIFEST_POLICY_RULES: Final[tuple[Rule[PolicySubject], ...]] = (annotation_missing, license_, split)
CONFIG_POLICY_RULES: Final[tuple[Rule[PolicySubject], ...]] = (created,)
FILE_POLICY_RULES: Final = (*BINARY_POLICY_RULES, *MANIFEST_POLICY_RULES)
"""Those on a binary by itself, whose annotations are those that it would have."""
NAMED_RULES: Final[tuple[Rule[NamedSubject], ...]] = (document_size, tag)
FRAGMENT_POLICY_RULES: Final[tuple[Rule[PolicySubject], ...]] = (size,)
"""Those on a module's fragment artifact: a component's modules import from each other."""
