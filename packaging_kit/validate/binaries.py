"""Binaries as rules and engines see them: read once as a stream, of which only skeletons are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice, zip_longest
from typing import Final

from packaging_kit.artifact.annotations import SECTION_NAMES, Metadata
from packaging_kit.blobs import Blob, BlobSource, Chunk, Scratch
from packaging_kit.digest import Digest, verified
from packaging_kit.errors import NotFoundError, WasmFormatError
from packaging_kit.fragments.explode import explode_chunks
from packaging_kit.fragments.exploded import Exploded, Fragment
from packaging_kit.fragments.plan import Plan
from packaging_kit.fragments.reassemble import iter_whole
from packaging_kit.fragments.walk import check_whole_size
from packaging_kit.limits import (
    CHUNK_SIZE,
    KIB,
    MAX_LITERAL_IN_MEMORY,
    MAX_MANIFEST_SIZE,
    MAX_PROBLEMS,
    MAX_WHOLE_SIZE,
)
from packaging_kit.validate.contents import check_names, fitting_metadata, iter_metadata, iter_unknown
from packaging_kit.validate.engine import Binary
from packaging_kit.validate.framing import Framing, LimitedScratch, iter_few_sections, scan, too_literal
from packaging_kit.wasm.core_imports import IMPORT_SECTION, read_core_imports
from packaging_kit.wasm.interface import ComponentInterface, read_interface
from packaging_kit.wasm.preamble import PREAMBLE_SIZE, Kind, parse_kind
from packaging_kit.wasm.reader import Reader
from packaging_kit.wasm.scanner import SectionScanner
from packaging_kit.wasm.sections import SectionId

_LEAST: Final = 2 * KIB
_FOR_A_TEXT: Final = 100  # bytes of memory, besides its characters
_FOR_A_FRAGMENT: Final = 500
_IMPORTS: Final = "\0imports"  # no custom section that is wanted has this name


@dataclass(frozen=True, slots=True, kw_only=True)
class BinaryFacts:
    """What one pass over a binary finds out.

    Attributes:
        kind: core module or component.
        whole: digest (sha256) and size.
        root: of the canonical split.
        exploded: the split, without the bytes of modules; `None` for a core module.
        interface: top-level names of a component; `None` for a core module, or where they can't be read.
        imports: names of what it imports, a core module's too as `module/name`; `None` where they can't be read.
        names_error: why they can't.
        metadata: what its custom sections say.
        module_errors: what is wrong with the framing of its core modules, in order.
        unknown_sections: id and offset of each section at its top level whose meaning is not known.
    """

    kind: Kind
    whole: Blob
    root: Digest
    exploded: Exploded | None
    interface: ComponentInterface | None
    imports: tuple[str, ...] | None
    names_error: WasmFormatError | None
    metadata: Metadata
    module_errors: tuple[WasmFormatError, ...] = ()
    unknown_sections: tuple[tuple[int, int], ...] = ()

    @property
    def imported(self) -> tuple[tuple[str, str], ...]:
        """Name of each import, and the interface that it stands for; the name again where that is all."""
        implemented = () if self.interface is None else self.interface.implemented
        pairs = zip_longest(self.imports or (), implemented, fillvalue="")
        return tuple((name, interface or name) for name, interface in pairs)

    @property
    def weight(self) -> int:
        """About how many bytes of memory it takes to keep its outline."""
        interface = self.interface
        names = (*(self.imports or ()), *(() if interface is None else (*interface.exports, *interface.implemented)))
        texts = (*names, *chain.from_iterable(self.metadata.annotations.items()))
        fragments = () if self.exploded is None else self.exploded.fragments
        return _LEAST + sum(map(len, texts)) + _FOR_A_TEXT * len(texts) + _FOR_A_FRAGMENT * len(fragments)

    def outline(self) -> BinaryFacts:
        """The same without what is only wanted while the binary is judged by itself."""
        exploded = None if self.exploded is None else self.exploded.outline()
        return replace(self, exploded=exploded, module_errors=(), unknown_sections=())

    @property
    def kind_name(self) -> str:
        """As `inspect` calls it."""
        is_wit_package = self.interface is not None and self.interface.is_wit_package
        return "wit-package" if is_wit_package else self.kind.value


def read_facts(
    chunks: Iterable[Chunk], scratch: Scratch | None = None, *, max_size: int = MAX_WHOLE_SIZE
) -> BinaryFacts:
    """Read a binary through, once.

    Args:
        scratch: where the bytes of skeletons are kept; by default in memory, and then not more than 32 MiB.

    Raises:
        WasmFormatError: as `explode` does; `wasm-too-large` also for too many bytes outside of modules.
    """
    rest = iter(chunks)
    head = b""
    while len(head) < PREAMBLE_SIZE and (chunk := next(rest, None)) is not None:
        head += chunk
    whole = chain((head,), rest)
    if parse_kind(head) is Kind.CORE_MODULE:
        return _read_core_module(whole, max_size)
    return _read_component(whole, scratch or LimitedScratch(), max_size)


def _read_component(chunks: Iterable[Chunk], scratch: Scratch, max_size: int) -> BinaryFacts:
    watch = Framing()
    exploded = explode_chunks(iter_few_sections(chunks), scratch, max_size=max_size, watch=watch)
    if exploded.skeleton_size > MAX_LITERAL_IN_MEMORY:
        raise too_literal(0)
    skeleton = _join(exploded)
    interface: ComponentInterface | None = None
    names_error: WasmFormatError | None = None
    try:
        check_names(skeleton)
        interface = read_interface(skeleton)
    except WasmFormatError as exc:
        names_error = WasmFormatError(
            "wasm-extern-unknown", exc.message, offset=exploded.whole_offset(exc.offset), hint=exc.hint
        )
    return BinaryFacts(
        kind=Kind.COMPONENT,
        whole=Blob(exploded.digest, exploded.size),
        root=exploded.root,
        exploded=exploded,
        interface=interface,
        imports=None if interface is None else interface.imports,
        names_error=names_error,
        metadata=fitting_metadata(dict(iter_metadata(skeleton))),
        module_errors=tuple(watch.errors),
        unknown_sections=tuple(islice(iter_unknown(skeleton), MAX_PROBLEMS + 1)),
    )


def _join(exploded: Exploded) -> memoryview:
    """The root skeleton; piece by piece, for it may be as large as all that is kept."""
    skeleton = bytearray()
    for piece in exploded.iter_blob_unverified(exploded.root):
        skeleton += piece
    return memoryview(skeleton)


def _read_core_module(chunks: Iterable[Chunk], max_size: int) -> BinaryFacts:
    hasher = hashlib.sha256()
    size = 0
    scanner = SectionScanner(_choose, MAX_MANIFEST_SIZE)
    errors: list[WasmFormatError] = []
    for chunk in chunks:
        size += len(chunk)
        check_whole_size(size, max_size)
        hasher.update(chunk)
        if not errors:
            scan(scanner, chunk, errors)
    if not errors:
        scan(scanner, None, errors)
    imports, names_error = _core_imports(scanner, errors)
    digest = Digest.from_hasher(hasher)
    return BinaryFacts(
        kind=Kind.CORE_MODULE,
        whole=Blob(digest, size),
        root=digest,
        exploded=None,
        interface=None,
        imports=imports,
        names_error=names_error,
        metadata=fitting_metadata({name: _after_name(kept) for name, kept in scanner.kept.items() if name != _IMPORTS}),
        module_errors=tuple(errors),
    )


def _core_imports(
    scanner: SectionScanner, errors: Sequence[WasmFormatError]
) -> tuple[tuple[str, ...] | None, WasmFormatError | None]:
    """What a core module imports; nobody knows that where its sections are not well framed."""
    if errors:
        message = f"imports can't be read: {errors[0].message}"
        return None, WasmFormatError("wasm-extern-unknown", message, offset=errors[0].offset)
    contents, start = scanner.kept.get(_IMPORTS, b"\0"), scanner.kept_at.get(_IMPORTS, 0)
    try:
        if contents is None:
            raise WasmFormatError("wasm-extern-unknown", "the import section is too large to be read", offset=0)
        return read_core_imports(contents), None
    except WasmFormatError as exc:
        return None, WasmFormatError("wasm-extern-unknown", exc.message, offset=start + exc.offset, hint=exc.hint)


def _choose(section_id: int, head: bytes) -> str | None:
    """Which sections of a core module are kept: imports, and the custom sections that become annotations."""
    if section_id == IMPORT_SECTION:
        return _IMPORTS
    if section_id != SectionId.CUSTOM:
        return None
    try:
        name = Reader(head, 0, len(head)).name()
    except WasmFormatError:
        return None
    return name if name in SECTION_NAMES else None


def _after_name(contents: bytes | None) -> bytes | None:
    if contents is None:
        return None
    reader = Reader(contents, 0, len(contents))
    reader.name()
    return contents[reader.position :]


class StoredBinary(Binary):
    """A binary that was read, and whose bytes are had again from where they are.

    Args:
        facts: what reading it came to.
        source: has the whole, or the fragments that `plan` names.
        digest: under which it has the whole.
        plan: of the whole, where only its fragments are there.
    """

    def __init__(self, facts: BinaryFacts, source: BlobSource, digest: Digest, plan: Plan | None = None) -> None:
        self._facts = facts
        self._source = source
        self._digest = digest
        self._plan = plan

    @property
    def kind(self) -> Kind:
        return self._facts.kind

    @property
    def size(self) -> int:
        return self._facts.whole.size

    @property
    def exploded(self) -> Exploded | None:
        return self._facts.exploded

    def iter_whole(self) -> Iterator[bytes]:
        if self._plan is None:
            return self._source.iter_blob(self._digest, size=self.size)
        return iter_whole(self._plan, self._source)

    def iter_module(self, module: Fragment) -> Iterator[bytes]:
        if self._plan is not None:
            return self._source.iter_blob(module.digest, size=module.size)
        end = module.contents + module.size
        chunks = self._source.iter_blob_unverified(self._digest, module.contents, end)
        return verified(chunks, module.digest, module.size)


class OneBlob(BlobSource):
    """A view as a source of one blob; nothing of it is copied before it is read."""

    def __init__(self, digest: Digest, view: Chunk) -> None:
        self._digest = digest
        self._view = view

    def blob_size(self, digest: Digest) -> int:
        return len(self._get(digest))

    def iter_blob_unverified(self, digest: Digest, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        view = self._get(digest)[start:end]
        for at in range(0, len(view), CHUNK_SIZE):
            yield bytes(view[at : at + CHUNK_SIZE])

    def _get(self, digest: Digest) -> Chunk:
        if digest != self._digest:
            raise NotFoundError("not-found", f"the blob {digest} is not there")
        return self._view
