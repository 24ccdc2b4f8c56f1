"""Validation of an upload: a manifest or index with all that it names, or a binary by itself.

Nothing here touches a disk or a network: bytes come from a `BlobSource`, as in a registry's upload path. Memory does
not grow with the core modules of a component, nor with the number of things in an index (docs/registries.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final, NamedTuple

from packaging_kit.blobs import BlobSource, Chunk
from packaging_kit.digest import Digest
from packaging_kit.errors import DocumentError, PackagingKitError
from packaging_kit.limits import CHUNK_SIZE, MAX_INDEX_DEPTH
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.media_types import DOCUMENTS, IMAGE_MANIFEST, INDEXES, SKELETON_ARTIFACT, SPLIT_INDEX, WASM
from packaging_kit.validate.artifacts import WasmManifest, check_wasm_manifest, is_wasm_artifact
from packaging_kit.validate.binaries import BinaryFacts, OneBlob, StoredBinary
from packaging_kit.validate.context import Context, MakeScratch
from packaging_kit.validate.engine import Engine
from packaging_kit.validate.findings import Findings
from packaging_kit.validate.json_text import JsonText
from packaging_kit.validate.policy import Policy
from packaging_kit.validate.problem import Where
from packaging_kit.validate.report import Profile, Report
from packaging_kit.validate.rules.descriptor_rules import DESCRIPTOR_RULES
from packaging_kit.validate.rules.failure_rules import failures
from packaging_kit.validate.rules.index_rules import ANY_TYPE_RULES, CONTENT_RULES, TYPE_RULES
from packaging_kit.validate.rules.metadata_rules import METADATA_RULES, MetadataSubject
from packaging_kit.validate.rules.policy_rules import FILE_POLICY_RULES, PolicySubject
from packaging_kit.validate.rules.split_rules import REFERRER_RULES, ReferrerSubject
from packaging_kit.validate.splits import check_skeleton_artifact, check_split_index
from packaging_kit.validate.texts import check_document
from packaging_kit.validate.values import Annotations, DescriptorValue, DocumentValue

_SPLITS: Final = frozenset((SKELETON_ARTIFACT, SPLIT_INDEX))
_NO_BLOBS: Final = OneBlob(Digest.of(b""), b"")


def validate_upload(
    manifest: bytes,
    media_type: str,
    blob_source: BlobSource,
    policy: Policy | None = None,
    *,
    profile: Profile = Profile.CNCF,
    engine: Engine | None = None,
    tag: str | None = None,
    referrers: Sequence[Descriptor] = (),
    entry: Descriptor | None = None,
    make_scratch: MakeScratch | None = None,
    subject: str = "",
) -> Report:
    """Find everything that is wrong with a manifest or index and all that it names.

    Args:
        manifest: its bytes, as they were received.
        media_type: as which it was sent.
        blob_source: has config, layers, and the manifests in an index.
        policy: what is asked for beyond the specifications.
        profile: which rules apply.
        engine: judges deep validity; without one that is not looked at, and the report says so. Under the profile
            `oci` no binary is.
        tag: under which it is to stand.
        referrers: what refers to it and is there already; our own split is checked with it, known by the
            `artifact_type` of its descriptor.
        entry: its descriptor in an `index.json`, whose annotations are checked too.
        make_scratch: opens working space for a component's bytes outside of modules; by default at most 32 MiB in
            memory.
        subject: what the report calls it.

    Raises:
        RequestError: `engine-feature-unknown`, where the engine does not know a feature that it was given.
        UnavailableError: `io-error` and the like, from the source; what a source of others raises comes as it is.
    """
    judge = None if profile is Profile.OCI else engine
    context = _context(blob_source, policy, profile, judge, tag=tag, make_scratch=make_scratch)
    context.identify()
    digest = Digest.of(manifest)
    if entry is not None:
        _check_entry(context, entry)
    splits = _read_splits(context, referrers, digest)
    _check_top(context, manifest, media_type, digest, is_split=any(split.refers for split in splits))
    for split in splits:
        _check_split(context, split, digest)
    return context.report(subject, media_type, digest)


def validate_binary(
    data: Chunk,
    policy: Policy | None = None,
    *,
    profile: Profile = Profile.CNCF,
    engine: Engine | None = None,
    make_scratch: MakeScratch | None = None,
    subject: str = "",
) -> Report:
    """Find everything that is wrong with a binary by itself.

    Args:
        data: its bytes, which are read in pieces; a file may be mapped.
        policy: what is asked for beyond the specifications, as far as a file can have it: it has no split beside it,
            no tag and no time of creation.
        profile: which rules apply; to a file they are the same under each.
        engine: as in `validate_upload`.
        make_scratch: as there.
        subject: what the report calls it.

    Raises:
        RequestError: `engine-feature-unknown`, where the engine does not know a feature that it was given.
    """
    view = memoryview(data).cast("B")
    context = _context(_NO_BLOBS, policy, profile, engine, tag=None, make_scratch=make_scratch)
    context.identify()
    part = Where(part="binary")
    found: Digest | None = None
    with context.telling(part):
        chunks = (view[at : at + CHUNK_SIZE] for at in range(0, len(view), CHUNK_SIZE))
        facts = context.read_binary(chunks, partial(_find_in, view), part, None)
        found = facts.whole.digest
        annotations = Annotations("annotations", facts.metadata.annotations)
        context.apply(METADATA_RULES, MetadataSubject(annotations, facts.metadata), part)
        subject_of_policy = PolicySubject(policy=context.policy, annotations=annotations, facts=facts)
        context.apply(FILE_POLICY_RULES, subject_of_policy, part)
    return context.report(subject, WASM, found or Digest.of(view))


def _find_in(view: memoryview, facts: BinaryFacts) -> StoredBinary:
    digest = facts.whole.digest
    return StoredBinary(facts, OneBlob(digest, view), digest)


def report_unreadable(
    descriptor: Descriptor, error: PackagingKitError, *, profile: Profile = Profile.CNCF, subject: str = ""
) -> Report | None:
    """The report on a manifest that is named and could not be read; `None` where that is no finding."""
    findings = Findings({})
    findings.extend(failures(error, Where(part=_part_of(descriptor.media_type), digest=descriptor.digest)))
    if not findings.problems:
        return None
    return Report(
        subject=subject,
        profile=profile,
        media_type=descriptor.media_type,
        digest=None,
        engine=None,
        binaries=(),
        problems=tuple(findings.problems),
    )


def _part_of(media_type: str) -> str:
    return "index" if media_type in INDEXES else "manifest"


def _context(
    source: BlobSource,
    policy: Policy | None,
    profile: Profile,
    engine: Engine | None,
    *,
    tag: str | None,
    make_scratch: MakeScratch | None,
) -> Context:
    asked = policy or Policy()
    if profile is Profile.SPLIT:
        asked = replace(asked, split_required=True)
    return Context(
        source=source,
        policy=asked,
        profile=profile,
        engine=engine,
        tag=tag,
        make_scratch=make_scratch,
        findings=Findings(asked.levels),
    )


def _check_top(context: Context, raw: bytes, media_type: str, digest: Digest, *, is_split: bool) -> None:
    part = Where(part=_part_of(media_type), digest=digest)
    if not context.apply(ANY_TYPE_RULES, media_type, part):
        return
    document = check_document(context, raw, media_type, part, context.tag)
    context.seen.add(digest)
    if document is None:
        return
    if context.profile is Profile.OCI:
        _check_content(context, document, part)
        return
    if not context.apply(TYPE_RULES, media_type, part):
        return
    if _check_if_split(context, document, raw):
        return
    if document.is_index:
        before = context.findings.serious
        count = _check_index(context, document, 1)
        if context.findings.serious == before:  # else it may well be in what could not be read
            context.apply(CONTENT_RULES, count, part)
    else:
        manifest = WasmManifest(
            document=document, raw=raw, digest=digest, is_split=is_split, may_be_fragment=context.tag is None
        )
        check_wasm_manifest(context, manifest)


def _check_if_split(context: Context, document: DocumentValue, raw: bytes) -> bool:
    """Check a split index or skeleton artifact; whether it is one."""
    if document.is_index:
        if is_split := _is_split_index(context, document):
            check_split_index(context, raw)
    elif is_split := document.text("artifactType") == SKELETON_ARTIFACT:
        check_skeleton_artifact(context, raw, is_checked=True)
    return is_split


def _check_index(context: Context, index: DocumentValue, depth: int) -> int:
    """Check what is in an index that is not ours; how many Wasm artifacts and splits there are."""
    count = 0
    # Splits first: whether an artifact is split is told by the split beside it.
    for entry in sorted(index.entries(), key=lambda entry: entry.text("artifactType") not in _SPLITS):
        descriptor = entry.parsed()
        key = None if descriptor is None else (descriptor.blob, descriptor.media_type)
        if descriptor is None or key in context.entries:
            continue
        context.entries.add((descriptor.blob, descriptor.media_type))
        part = Where(part=_part_of(descriptor.media_type), digest=descriptor.digest)
        if descriptor.media_type not in DOCUMENTS:
            context.check_presence(descriptor, Where(part="blob", digest=descriptor.digest))
            continue
        raw = context.read_document(descriptor, part)
        document = None if raw is None else check_document(context, raw, descriptor.media_type, part)
        if raw is not None and document is not None:
            count += _check_entry_document(context, document, raw, part, depth)
    return count


def _check_entry_document(context: Context, document: DocumentValue, raw: bytes, part: Where, depth: int) -> int:
    digest = Digest.of(raw)
    context.seen.add(digest)
    if _check_if_split(context, document, raw):
        return 1
    if document.is_index:
        if depth < MAX_INDEX_DEPTH:
            return _check_index(context, document, depth + 1)
        with context.telling(part):
            raise DocumentError("document-invalid", f"indexes nest deeper than {MAX_INDEX_DEPTH} levels")
        return 0
    if is_wasm_artifact(document):
        if digest in context.checked:  # as what a split stands for, of which the binary may not be there as one blob
            _check_content(context, document, part)
        else:
            check_wasm_manifest(context, WasmManifest(document=document, raw=raw, digest=digest))
        return 1
    _check_content(context, document, part)
    return 0


def _check_content(context: Context, document: DocumentValue, part: Where) -> None:
    """Look whether all is there that a document names, whatever it is."""
    for value in (document.descriptor("config"), *document.entries()):
        descriptor = None if value is None else value.parsed()
        if descriptor is not None:
            context.check_presence(descriptor, part)


def _is_split_index(context: Context, index: DocumentValue) -> bool:
    """Whether an index is ours; tools that write it anew leave its type out (docs/format.md, "Reading")."""
    if index.text("artifactType") is not None:
        return index.text("artifactType") == SPLIT_INDEX
    entries = index.entries()
    first = entries[0].parsed() if entries else None
    raw = None if first is None or first.media_type != IMAGE_MANIFEST else context.peek_document(first)
    members = {} if raw is None else _members(raw)
    # One that refers to something stands in a list of referrers, which is an index too.
    return members.get("artifactType") == SKELETON_ARTIFACT and "subject" not in members


def _members(raw: bytes) -> Mapping[str, Any]:
    """The members of a document; none, where it is no JSON object."""
    value = JsonText.parse(raw).value
    return value if isinstance(value, dict) else {}


def _check_entry(context: Context, entry: Descriptor) -> None:
    """Check the descriptor in an `index.json`, whose annotations are the layout's."""
    part = Where(part="entry of index.json", digest=entry.digest)
    context.apply(DESCRIPTOR_RULES, DescriptorValue("", entry.to_json()), part)


class _Split(NamedTuple):
    """Our own split, in a list of referrers: its descriptor, its bytes, and whether it says itself that it refers."""

    referrer: Descriptor
    raw: bytes
    refers: bool


def _read_splits(context: Context, referrers: Sequence[Descriptor], subject: Digest) -> list[_Split]:
    """Those referrers that are our splits."""
    found = []
    for referrer in referrers:
        if referrer.artifact_type in _SPLITS:
            raw = context.read_document(referrer, _part_of_split(referrer))
            found += [] if raw is None else [_Split(referrer, raw, _refers_to(raw, subject))]
    return found


def _part_of_split(referrer: Descriptor) -> Where:
    is_index = referrer.artifact_type == SPLIT_INDEX
    return Where(part="split index" if is_index else "skeleton artifact", digest=referrer.digest)


def _refers_to(raw: bytes, subject: Digest) -> bool:
    """Whether a document says itself that it refers to this one."""
    named = _members(raw).get("subject")
    return isinstance(named, dict) and named.get("digest") == subject.value


def _check_split(context: Context, split: _Split, subject: Digest) -> None:
    """Check our own split that refers to what is validated."""
    referrer, raw, refers = split
    part = _part_of_split(referrer)
    context.apply(REFERRER_RULES, ReferrerSubject(refers, subject), part)
    context.seen.add(referrer.digest)
    if referrer.artifact_type == SKELETON_ARTIFACT:
        check_skeleton_artifact(context, raw)
    elif check_document(context, raw, referrer.media_type, part) is not None:
        check_split_index(context, raw)
