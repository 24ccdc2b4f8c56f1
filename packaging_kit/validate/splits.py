"""The checks of the split beside a component: skeleton artifacts and split indexes (docs/format.md, "Forms")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from packaging_kit.artifact.pack import (
    WholeArtifact,
    make_fragment_artifact,
    make_skeleton_artifact,
    make_split_index,
)
from packaging_kit.artifact.unpack import skeleton_root
from packaging_kit.blobs import Blob, Scratch
from packaging_kit.digest import Digest, verified
from packaging_kit.document import Document, parse_json
from packaging_kit.errors import SkeletonError
from packaging_kit.fragments.exploded import Fragment
from packaging_kit.fragments.plan import Plan, check_modules, fragment_size, make_plan
from packaging_kit.fragments.reassemble import iter_whole
from packaging_kit.limits import MAX_LITERAL_IN_MEMORY, MAX_PROBLEMS
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.index import Index, parse_index
from packaging_kit.oci.manifest import Manifest, describe_manifest, parse_manifest
from packaging_kit.oci.media_types import IMAGE_MANIFEST, SKELETON_ARTIFACT, WHOLE_CONFIG, WHOLE_MANIFEST
from packaging_kit.validate.artifacts import WasmManifest, check_wasm_manifest
from packaging_kit.validate.binaries import BinaryFacts, StoredBinary
from packaging_kit.validate.context import Context, RestoredWhole
from packaging_kit.validate.framing import FewSections, LimitedScratch
from packaging_kit.validate.problem import Where
from packaging_kit.validate.rule import Rule
from packaging_kit.validate.rules.failure_rules import failures
from packaging_kit.validate.rules.split_index_rules import (
    INDEX_RULES,
    REWRITTEN_INDEX_RULES,
    SPLIT_INDEX_RULES,
    IndexSubject,
)
from packaging_kit.validate.rules.split_rules import (
    SKELETON_ARTIFACT_RULES,
    SKELETON_RULES,
    SPLIT_RULES,
    STORED_WHOLE_RULES,
    SkeletonSubject,
    SplitSubject,
    StoredWholeSubject,
)
from packaging_kit.validate.texts import check_document, parse_checked
from packaging_kit.validate.values import DocumentValue

_MOST_OF_SKELETONS: Final = MAX_LITERAL_IN_MEMORY // 2  # they are in memory once more when the whole is read


def check_skeleton_artifact(context: Context, raw: bytes, *, is_checked: bool = False) -> RestoredWhole | None:
    """Check a skeleton artifact, and all that it stands for.

    Args:
        is_checked: the rules on documents were held against it.

    Returns:
        The whole that it stands for; `None` where that could not be told.
    """
    digest = Digest.of(raw)
    if digest not in context.restored:
        context.restored[digest] = None
        part = Where(part="skeleton artifact", digest=digest)
        if is_checked or check_document(context, raw, IMAGE_MANIFEST, part) is not None:
            context.restored[digest] = _check_skeleton_artifact(context, raw, part)
    return context.restored[digest]


def _check_skeleton_artifact(context: Context, raw: bytes, part: Where) -> RestoredWhole | None:
    artifact = parse_checked(context, raw, parse_manifest, part)
    if artifact is None or not context.apply(SKELETON_ARTIFACT_RULES, artifact.value, part):
        return None
    context.read_document(artifact.value.config, part)
    whole = _read_whole(context, artifact.value)
    if whole is None:
        return None
    context.apply(STORED_WHOLE_RULES, StoredWholeSubject(artifact=artifact.value, whole=whole.manifest), part)
    with context.scratch() as scratch:
        return _check_restored(context, artifact, whole, scratch, part)


def _check_restored(
    context: Context, artifact: Document[Manifest], whole: WholeArtifact, scratch: Scratch | None, part: Where
) -> RestoredWhole | None:
    """Check that the skeletons are those of the whole that they say they stand for."""
    root = skeleton_root(artifact.value)
    plan = _read_plan(context, root, scratch)
    is_stored = context.has_blob(whole.layer)
    facts = _read_facts(context, whole, plan, is_stored=is_stored)
    if facts is None:
        return None
    # Another algorithm than sha256 was checked while the whole was read.
    actual = facts.whole if whole.layer.digest.algorithm == "sha256" else whole.layer
    split = SplitSubject(
        layer=whole.layer,
        whole=actual,
        root=root,
        actual_root=facts.root,
        is_needless=facts.exploded is None or not facts.exploded.fragments,
    )
    is_right = context.apply(SPLIT_RULES, split, part)
    if actual != whole.layer:
        return None  # what its manifest says is of something else
    _check_whole_manifest(context, whole, facts)
    if is_right and facts.exploded is not None and plan is not None:
        with context.telling(part):
            has_subject = artifact.value.subject is not None
            expected = make_skeleton_artifact(whole, facts.exploded, with_subject=has_subject)
            context.apply(SKELETON_RULES, SkeletonSubject(artifact, expected), part)
    return RestoredWhole(artifact=artifact, whole=whole, facts=facts, is_stored=is_stored)


def check_split_index(context: Context, raw: bytes) -> None:
    """Check a split index that the rules on documents were held against, and all that is in it."""
    part = Where(part="split index", digest=Digest.of(raw))
    index = parse_checked(context, raw, parse_index, part)
    if index is None:
        return
    is_rewritten = index.value.artifact_type is None
    if not is_rewritten:
        context.apply(SPLIT_INDEX_RULES, index.value, part)
    entry = skeleton_entry(index.value)
    skeletons = None if entry is None else context.read_document(entry, Where(part="skeleton artifact"))
    restored = None if skeletons is None else check_skeleton_artifact(context, skeletons)
    if restored is None or restored.facts.exploded is None:
        return
    rules = REWRITTEN_INDEX_RULES if is_rewritten else INDEX_RULES
    with context.telling(part):
        _compare_split_index(context, index, rules, restored, restored.facts.exploded.core_modules)


def _compare_split_index(
    context: Context,
    index: Document[Index],
    rules: Sequence[Rule[IndexSubject]],
    restored: RestoredWhole,
    modules: Sequence[Fragment],
) -> None:
    """Compare a split index with what packing its component gives, and look whether all is there."""
    context.amounts.compare_fragments(len(modules))
    part = Where(part="split index", digest=index.digest)
    fragments = [make_fragment_artifact(Blob(module.digest, module.size)) for module in modules]
    with context.telling(part):
        whole = restored.whole.descriptor if index.value.subject is not None else None
        expected = make_split_index(describe_manifest(restored.artifact), fragments, whole)
        subject = IndexSubject(
            actual=index,
            expected=expected,
            whole=restored.whole.manifest,
            skeletons=restored.artifact.value,
        )
        context.apply(rules, subject, part)
    named = {entry.digest for entry in index.value.manifests}
    for fragment in fragments:
        if fragment.descriptor.digest in named:
            _check_fragment(context, fragment, is_read=not restored.is_stored)


def _check_fragment(context: Context, fragment: WholeArtifact, *, is_read: bool) -> None:
    """Look whether a fragment artifact is there, byte for byte; its digests say what it has to be."""
    part = Where(part="fragment artifact", digest=fragment.descriptor.digest)
    if fragment.descriptor.digest in context.seen:
        return
    context.seen.add(fragment.descriptor.digest)
    context.read_document(fragment.descriptor, part)
    context.read_document(fragment.manifest.value.config, part)
    if is_read:
        return  # the whole was put together from it
    with context.telling(Where(part="fragment", digest=fragment.layer.digest)):
        for _ in context.source.iter_blob(fragment.layer.digest, size=fragment.layer.size):
            pass


def skeleton_entry(index: Index) -> Descriptor | None:
    """The entry of a split index that stands for the skeleton artifact."""
    typed = [entry for entry in index.manifests if entry.artifact_type == SKELETON_ARTIFACT]
    return next(iter(typed or index.manifests), None)


def _read_whole(context: Context, artifact: Manifest) -> WholeArtifact | None:
    """The whole artifact that a skeleton artifact restores; rules on documents are held against it."""
    manifests = [layer for layer in artifact.layers if layer.media_type == WHOLE_MANIFEST]
    configs = [layer for layer in artifact.layers if layer.media_type == WHOLE_CONFIG]
    part = Where(part="whole manifest", digest=manifests[0].digest)
    raw = context.read_document(manifests[0], part)
    config = context.read_document(configs[0], Where(part="whole config", digest=configs[0].digest))
    if raw is None or config is None:
        return None
    if manifests[0].digest not in context.seen and check_document(context, raw, IMAGE_MANIFEST, part) is None:
        return None
    manifest = parse_checked(context, raw, parse_manifest, part)
    if manifest is None:
        return None
    if len(manifest.value.layers) != 1:
        check_wasm_manifest(context, _whole_manifest(manifest))
        return None
    return WholeArtifact(layer=manifest.value.layers[0].blob, config=config, manifest=manifest)


def _check_whole_manifest(context: Context, whole: WholeArtifact, facts: BinaryFacts) -> None:
    if whole.manifest.digest in context.checked:
        return
    context.seen.add(whole.manifest.digest)
    check_wasm_manifest(context, _whole_manifest(whole.manifest), facts)


def _whole_manifest(manifest: Document[Manifest]) -> WasmManifest:
    return WasmManifest(
        document=DocumentValue(media_type=IMAGE_MANIFEST, value=parse_json(manifest.raw)),
        raw=manifest.raw,
        digest=manifest.digest,
        part="whole manifest",
        config_part="whole config",
        is_split=True,
    )


def _read_plan(context: Context, root: Digest, scratch: Scratch | None) -> Plan | None:
    """The plan of a whole, where all its skeletons are there and canonical."""
    part = Where(part="skeleton", digest=root)
    with context.telling(part):
        try:
            skeletons = FewSections(context.source, context.amounts)
            return make_plan(root, skeletons, scratch or LimitedScratch(_MOST_OF_SKELETONS))
        except SkeletonError as exc:
            context.findings.extend(failures(exc, Where(part="skeleton", digest=Digest(exc.digest))))
    return None


def _read_facts(context: Context, whole: WholeArtifact, plan: Plan | None, *, is_stored: bool) -> BinaryFacts | None:
    """The facts of a whole that is stored, or is put together from its fragments."""
    layer, manifest = whole.manifest.value.layers[0], whole.manifest.digest
    if is_stored or layer.digest in context.facts:
        return context.read_layer(layer, manifest, is_whole=is_stored)
    modules = None if plan is None else _find_modules(context, plan)
    if plan is None or modules is None:
        return None
    part = Where(part="binary", digest=layer.digest)
    with context.telling(part):
        context.amounts.put_together(plan, modules)
        check_modules(plan, context.source)
        chunks = iter_whole(plan, context.source)
        is_named = layer.digest.algorithm == "sha256"
        facts = context.read_binary(
            chunks if is_named else verified(chunks, layer.digest, layer.size),
            lambda facts: StoredBinary(facts, context.source, layer.digest, plan),
            part,
            manifest,
        )
        if not is_named or facts.whole == layer.blob:
            context.facts[layer.digest] = facts
        return facts
    return None


def _find_modules(context: Context, plan: Plan) -> dict[Digest, int] | None:
    """The size that every module has; `None` where not all are there, and each that is not is a problem."""
    found: dict[Digest, int] = {}
    for number, digest in enumerate(plan.module_sizes, 1):
        if number > len(found) + MAX_PROBLEMS:
            break  # more are not listed
        with context.telling(Where(part="fragment", digest=digest)):
            found[digest] = fragment_size(context.source, digest)
    return found if len(found) == len(plan.module_sizes) else None
