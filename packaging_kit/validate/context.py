"""One validation under way: what it reads from, what it was asked for, what it found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TypeVar

from packaging_kit.artifact.pack import WholeArtifact
from packaging_kit.blobs import Blob, BlobSource, Chunk, Scratch, check_blob, check_size, too_large
from packaging_kit.digest import Digest, verified
from packaging_kit.document import Document
from packaging_kit.errors import DocumentError, PackagingKitError, WasmFormatError
from packaging_kit.limits import MAX_MANIFEST_SIZE
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.manifest import Manifest
from packaging_kit.oci.media_types import DOCUMENTS
from packaging_kit.oci.repository import DocumentSource
from packaging_kit.validate.amounts import Amounts
from packaging_kit.validate.binaries import BinaryFacts, StoredBinary, read_facts
from packaging_kit.validate.engine import Engine, EngineIdentity
from packaging_kit.validate.findings import Findings
from packaging_kit.validate.judging import read_and_judge
from packaging_kit.validate.policy import Policy
from packaging_kit.validate.problem import Where
from packaging_kit.validate.report import CheckedBinary, Profile, Report
from packaging_kit.validate.rule import Rule, apply
from packaging_kit.validate.rules.binary_rules import BINARY_RULES, DEFECT_RULES
from packaging_kit.validate.rules.failure_rules import failures

S = TypeVar("S")

MakeScratch = Callable[[], AbstractContextManager[Scratch]]
"""Gives working space for one component, which is left when that was judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoredWhole:
    """What a skeleton artifact stands for, where all of it could be read.

    Attributes:
        artifact: the skeleton artifact.
        whole: the whole artifact that it restores.
        facts: of the whole.
        is_stored: the whole is there as one blob too.
    """

    artifact: Document[Manifest]
    whole: WholeArtifact
    facts: BinaryFacts
    is_stored: bool


def _at_most(chunks: Iterable[bytes], layer: Descriptor) -> Iterator[bytes]:
    """The bytes of a layer, and not one more than it may have, whatever its source gives."""
    taken = 0
    for chunk in chunks:
        taken += len(chunk)
        if taken > layer.size:
            raise too_large(layer.digest, layer.size, taken)
        yield chunk


def check_document_size(descriptor: Descriptor) -> None:
    """Refuse a document that registries would not take.

    Raises:
        DocumentError: `document-too-large`.
    """
    if descriptor.size > MAX_MANIFEST_SIZE:
        message = f"the document has {descriptor.size} bytes; at most {MAX_MANIFEST_SIZE} are read"
        raise DocumentError("document-too-large", message)


def _unless_wrong(read: Callable[[], S]) -> S | None:
    """What `read` gives; `None` where it raises what is wrong with the input, which is not told."""
    try:
        return read()
    except PackagingKitError as exc:
        if not failures(exc, Where(part="blob")):
            raise
        return None


class Telling:
    """A `with` statement around work that raises what is wrong with the input."""

    def __init__(self, findings: Findings, part: Where) -> None:
        self._findings = findings
        self._part = part

    def __enter__(self) -> None: ...

    def __exit__(self, _type: type[BaseException] | None, error: BaseException | None, _traceback: object) -> bool:
        found = failures(error, self._part) if isinstance(error, PackagingKitError) else ()
        self._findings.extend(found)
        return bool(found)


@dataclass(slots=True, kw_only=True)
class Context:
    """What every check of one validation has at hand.

    Attributes:
        source: of blobs, and of documents where it keeps them apart.
        policy: what is asked for.
        profile: which rules apply.
        engine: judges binaries; `None` for none.
        tag: under which the thing is to stand; `None` where that is not known.
        make_scratch: gives working space for the skeletons of a binary; `None` for what memory has.
        findings: so far.
        facts: of the binaries that were read, by the digest of their layer.
        binaries: what the report says of them.
        seen: documents that the rules on every document were held against.
        checked: those that the rules on Wasm artifacts were held against as well.
        entries: of indexes that were looked at, each with its media type.
        broken: those in which errors were found.
        unread: documents that could not be read.
        restored: what the skeleton artifacts that were checked stand for.
        amounts: of what was read and kept.
    """

    source: BlobSource
    policy: Policy
    profile: Profile
    engine: Engine | None
    tag: str | None
    make_scratch: MakeScratch | None
    findings: Findings
    facts: dict[Digest, BinaryFacts | None] = field(default_factory=dict)
    binaries: list[CheckedBinary] = field(default_factory=list)
    seen: set[Digest] = field(default_factory=set)
    checked: set[Digest] = field(default_factory=set)
    entries: set[tuple[Blob, str]] = field(default_factory=set)
    broken: set[Digest] = field(default_factory=set)
    unread: set[Blob] = field(default_factory=set)
    restored: dict[Digest, RestoredWhole | None] = field(default_factory=dict)
    _identity: EngineIdentity | None = None
    amounts: Amounts = field(default_factory=Amounts)

    def apply(self, rules: Iterable[Rule[S]], subject: S, part: Where) -> bool:
        """Hold `rules` against a subject; whether no error was found, whatever a policy calls it."""
        return self.findings.extend(apply(rules, subject, part)) == 0

    def telling(self, part: Where) -> Telling:
        """What is raised inside is a problem in `part`, where it is about the input; what is not goes on."""
        return Telling(self.findings, part)

    def identify(self) -> None:
        """Find out who will judge; an engine that is not there is a problem, and no reason not to go on."""
        if self.engine is not None:
            with self.telling(Where(part="engine")):
                self._identity = self.engine.identify()
            if self._identity is None:
                self.engine = None

    def report(self, subject: str, media_type: str, digest: Digest | None) -> Report:
        """What was found so far, of what is called `subject`."""
        return Report(
            subject=subject,
            profile=self.profile,
            media_type=media_type,
            digest=digest,
            engine=self._identity,
            binaries=tuple(self.binaries),
            problems=tuple(self.findings.problems),
            unlisted=self.findings.unlisted,
        )

    def read_document(self, descriptor: Descriptor, part: Where) -> bytes | None:
        """The bytes of a manifest, index, config or the like; `None` where something is wrong with them."""
        if descriptor.blob in self.unread:
            return None  # what is wrong with it was said
        with self.telling(part):
            return self._read(descriptor)
        self.unread.add(descriptor.blob)
        return None

    def peek_document(self, descriptor: Descriptor) -> bytes | None:
        """The same where it is not asked yet what is wrong."""
        return _unless_wrong(lambda: self._read(descriptor))

    def _read(self, descriptor: Descriptor) -> bytes:
        check_document_size(descriptor)
        self.amounts.begin_document()
        if isinstance(self.source, DocumentSource) and descriptor.media_type in DOCUMENTS:
            raw = self.source.read_document(descriptor)
            check_size(len(raw), descriptor.size, "the document")
        else:
            raw = self.source.read_blob(descriptor.digest, size=descriptor.size)
        self.amounts.end_document(raw)
        return raw

    def check_presence(self, descriptor: Descriptor, part: Where) -> None:
        """Look whether a blob is there with its size, whose bytes are not read; a document is."""
        if descriptor.media_type in DOCUMENTS:
            self.read_document(descriptor, part)
            return
        with self.telling(part):
            check_size(self.source.blob_size(descriptor.digest), descriptor.size, "the blob")

    def has_blob(self, blob: Blob) -> bool:
        """Whether a blob is there with its size."""
        return _unless_wrong(lambda: self.source.blob_size(blob.digest)) == blob.size

    def read_layer(self, layer: Descriptor, manifest: Digest | None, *, is_whole: bool = True) -> BinaryFacts | None:
        """The facts of a binary; `None` where it could not be read through.

        Args:
            is_whole: it has to be there as one blob; otherwise it may have been put together before.
        """
        if layer.digest not in self.facts:
            part = Where(part="binary", digest=layer.digest)
            self.facts[layer.digest] = None
            with self.telling(part):
                check_size(self.source.blob_size(layer.digest), layer.size, "the layer")
                self.facts[layer.digest] = self._read_stored(layer, part, manifest)
        elif (known := self.facts[layer.digest]) is not None:
            with self.telling(Where(part="binary", digest=layer.digest)):
                self.amounts.look_again(known)
                check_size(known.whole.size, layer.size, "the layer")
                if is_whole:
                    check_size(self.source.blob_size(layer.digest), layer.size, "the layer")
                return known
            return None
        return self.facts[layer.digest]

    def _read_stored(self, layer: Descriptor, part: Where, manifest: Digest | None) -> BinaryFacts:
        is_sha256 = layer.digest.algorithm == "sha256"
        chunks = _at_most(self.source.iter_blob_unverified(layer.digest), layer)

        def find(facts: BinaryFacts) -> StoredBinary:
            check_blob(facts.whole, digest=layer.digest if is_sha256 else None, what="the layer")
            return StoredBinary(facts, self.source, layer.digest)

        try:
            return self.read_binary(
                chunks if is_sha256 else verified(chunks, layer.digest, layer.size), find, part, manifest
            )
        except WasmFormatError:
            for _ in self.source.iter_blob(layer.digest, size=layer.size):
                pass  # a damaged one has no other defect than that
            raise

    def read_binary(
        self,
        chunks: Iterable[Chunk],
        find: Callable[[BinaryFacts], StoredBinary],
        part: Where,
        manifest: Digest | None,
    ) -> BinaryFacts:
        """Read a binary through, and hold the rules and the engine against it.

        Args:
            find: where its bytes are had again; raises where they are not those that they should be.

        Raises:
            WasmFormatError, ContentError: as `read_facts` and `find` do.
        """

        self.amounts.begin_binary()
        with self.scratch() as scratch:

            def read(pieces: Iterable[Chunk]) -> tuple[BinaryFacts, StoredBinary]:
                facts = read_facts(pieces, scratch)
                return facts, find(facts)

            judged = read_and_judge(chunks, read, self.engine)
        facts = judged.facts
        self.amounts.end_binary(facts)
        self.binaries.append(CheckedBinary(kind=facts.kind_name, whole=facts.whole, root=facts.root, manifest=manifest))
        self.apply(BINARY_RULES, facts, part)
        with self.telling(part):
            if judged.error is not None:
                raise judged.error
        for defect in judged.defects:
            self.apply(DEFECT_RULES, defect, part)
        return facts.outline()

    def scratch(self) -> AbstractContextManager[Scratch | None]:
        """Working space for one component; `None` for what memory has."""
        return nullcontext() if self.make_scratch is None else self.make_scratch()
