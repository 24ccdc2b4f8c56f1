"""The checks of a Wasm artifact: manifest, config and binary beside each other, and what a policy asks for."""

from __future__ import annotations

from dataclasses import dataclass

from packaging_kit.artifact.pack import fragment_title, make_fragment_artifact
from packaging_kit.digest import Digest
from packaging_kit.oci.media_types import TITLE, WASM_CONFIG, WASM_LAYERS
from packaging_kit.validate.binaries import BinaryFacts
from packaging_kit.validate.context import Context
from packaging_kit.validate.problem import Where
from packaging_kit.validate.report import Profile
from packaging_kit.validate.rules.artifact_rules import ARTIFACT_RULES, LENIENT_ARTIFACT_RULES, OLDER_CONFIGS
from packaging_kit.validate.rules.config_rules import CONFIG_RULES
from packaging_kit.validate.rules.metadata_rules import METADATA_RULES, MetadataSubject
from packaging_kit.validate.rules.policy_rules import (
    BINARY_POLICY_RULES,
    CONFIG_POLICY_RULES,
    FRAGMENT_POLICY_RULES,
    MANIFEST_POLICY_RULES,
    PolicySubject,
)
from packaging_kit.validate.rules.split_rules import FRAGMENT_RULES, FragmentSubject
from packaging_kit.validate.subjects import ArtifactSubject, ConfigSubject
from packaging_kit.validate.texts import check_object
from packaging_kit.validate.values import DocumentValue
from packaging_kit.wasm.preamble import Kind

_WASM_CONFIGS = frozenset((WASM_CONFIG, *(kind for kind in OLDER_CONFIGS if "wasm" in kind)))


@dataclass(frozen=True, slots=True, kw_only=True)
class WasmManifest:
    """The manifest of a Wasm artifact that is to be checked.

    Attributes:
        document: its members.
        raw: its bytes.
        digest: of those.
        part: what the report calls it.
        config_part: what the report calls its config.
        is_split: the split stands beside it, or is all there is of it.
        may_be_fragment: nobody gave it a tag, nor an index that is none of ours an entry.
    """

    document: DocumentValue
    raw: bytes
    digest: Digest
    part: str = "manifest"
    config_part: str = "config"
    is_split: bool = False
    may_be_fragment: bool = False


def is_wasm_artifact(document: DocumentValue) -> bool:
    """Whether a manifest is of a Wasm artifact, of today or of older tools, by the types in it."""
    config = document.descriptor("config")
    layers = {layer.text("mediaType") for layer in document.entries()}
    is_wasm = config is not None and config.text("mediaType") in _WASM_CONFIGS
    return not document.is_index and (is_wasm or not WASM_LAYERS.isdisjoint(layers))


def check_wasm_manifest(context: Context, manifest: WasmManifest, facts: BinaryFacts | None = None) -> None:
    """Hold the rules of the CNCF layout against a manifest that the rules on documents were held against.

    Args:
        facts: of the whole, where it is not stored as the one layer; otherwise that is read.
    """
    document = manifest.document
    part = Where(part=manifest.part, digest=manifest.digest)
    context.checked.add(manifest.digest)
    if facts is None:
        facts = _read_layer(context, document, manifest.digest, part)
    rules = LENIENT_ARTIFACT_RULES if context.profile is Profile.LENIENT else ARTIFACT_RULES
    context.apply(rules, ArtifactSubject(document, facts), part)
    config = _check_config(context, manifest, facts)
    if facts is None:
        return
    binary = Where(part="binary", digest=facts.whole.digest)
    subject = PolicySubject(
        policy=context.policy,
        annotations=document.annotations(),
        facts=facts,
        created=config.created,
        is_split=manifest.is_split,
    )
    if is_fragment(document, facts) and manifest.may_be_fragment:
        # Its annotations are fixed, and what it imports is given to it inside its component.
        expected = make_fragment_artifact(facts.whole)
        documents = (expected.manifest.raw, expected.config)
        context.apply(FRAGMENT_RULES, FragmentSubject((manifest.raw, config.raw), documents), part)
        context.apply(FRAGMENT_POLICY_RULES, subject, binary)
        return
    context.apply(METADATA_RULES, MetadataSubject(document.annotations(), facts.metadata), part)
    context.apply(BINARY_POLICY_RULES, subject, binary)
    context.apply(MANIFEST_POLICY_RULES, subject, part)
    context.apply(CONFIG_POLICY_RULES, subject, config.part)


def _read_layer(context: Context, document: DocumentValue, manifest: Digest, part: Where) -> BinaryFacts | None:
    """The facts of the one layer; of several, or of what is no Wasm by its types, only whether they are there."""
    layers = document.entries()
    parsed = [descriptor for layer in layers if (descriptor := layer.parsed()) is not None]
    if len(layers) == len(parsed) == 1 and is_wasm_artifact(document):
        return context.read_layer(parsed[0], manifest)
    for descriptor in parsed:
        context.check_presence(descriptor, part)
    return None


@dataclass(frozen=True, slots=True)
class _Config:
    """What a config came to: its place, its bytes, and its `created` where it has one."""

    part: Where
    raw: bytes = b""
    created: str | None = None


def _check_config(context: Context, manifest: WasmManifest, facts: BinaryFacts | None) -> _Config:
    value = manifest.document.descriptor("config")
    descriptor = None if value is None else value.parsed()
    if descriptor is None:
        return _Config(Where(part=manifest.config_part))
    part = Where(part=manifest.config_part, digest=descriptor.digest)
    raw = context.read_document(descriptor, part)
    if raw is None or descriptor.media_type != WASM_CONFIG:
        return _Config(part, raw or b"")
    config = check_object(context, raw, part)
    if config is None:
        return _Config(part, raw)
    digests = [layer.text("digest") for layer in manifest.document.entries()]
    layers = tuple(digest for digest in digests if digest is not None)
    context.apply(
        CONFIG_RULES,
        ConfigSubject(config=config, layers=layers if len(layers) == len(digests) == 1 else None, facts=facts),
        part,
    )
    created = config.get("created")
    return _Config(part, raw, created if isinstance(created, str) else None)


def is_fragment(document: DocumentValue, facts: BinaryFacts) -> bool:
    """Whether a manifest calls itself the fragment artifact of this core module."""
    titles = [layer.annotations().entries.get(TITLE) for layer in document.entries()]
    return facts.kind is Kind.CORE_MODULE and titles == [fragment_title(facts.whole.digest)]
