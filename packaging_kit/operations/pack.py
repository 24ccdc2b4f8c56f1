"""`pack`: files become artifacts in a layout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from packaging_kit.artifact.annotations import Metadata, read_metadata
from packaging_kit.artifact.names import StatedNames, read_component_config
from packaging_kit.artifact.pack import (
    Form,
    Labels,
    Packed,
    make_whole_artifact,
    pack_split,
    pack_whole,
)
from packaging_kit.blobs import Blob, BlobSink, Chunk
from packaging_kit.digest import Digest
from packaging_kit.errors import PackagingKitError, RequestError
from packaging_kit.fragments.explode import check_framing, explode
from packaging_kit.fragments.exploded import Exploded
from packaging_kit.oci.layout import Tagged
from packaging_kit.oci.reference import check_tag, tag_from_stem
from packaging_kit.oci.wasm_config import EPOCH, check_created
from packaging_kit.operations.inputs import Input, iter_view, open_view
from packaging_kit.operations.places import LocalPlace
from packaging_kit.operations.repositories import open_local_sink
from packaging_kit.operations.settings import Settings
from packaging_kit.transfer.progress import NO_PROGRESS, Progress, tell
from packaging_kit.wasm.preamble import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class PackOptions:
    """What the packer asks for; `None` and empty take the defaults.

    Attributes:
        form: how components with fragments are stored.
        tag: for one file; otherwise each file's stem.
        title: file name of the layer, for one file; otherwise its base name.
        author: of the Wasm config.
        target: world that the component was made for.
        created: RFC 3339; 1970 by default, so that packing twice gives the same.
        annotations: of the manifest; they win over the binary's own.
        use_metadata: annotations are taken from the binary's custom sections.
        imports: stated names, where the binary's can't be read.
        exports: the same.
        force: tags that name something else may be moved.
    """

    form: Form = Form.MAPPED
    tag: str | None = None
    title: str | None = None
    author: str | None = None
    target: str | None = None
    created: str | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    use_metadata: bool = True
    imports: tuple[str, ...] | None = None
    exports: tuple[str, ...] | None = None
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PackResult:
    """One artifact in the layout.

    Attributes:
        file: the input's name.
        tag: that names it.
        digest: of what the tag points to.
        form: the one it has: `whole`, where there is nothing to split out.
        whole: digest and size of the component.
        warnings: sentences about what was left out.
    """

    file: str
    tag: str
    digest: Digest
    form: Form
    whole: Blob
    warnings: tuple[str, ...]


def pack(
    sources: Sequence[Input],
    place: LocalPlace,
    options: PackOptions,
    settings: Settings,
    progress: Progress = NO_PROGRESS,
) -> tuple[PackResult, ...]:
    """Pack files into a layout or archive; all of them get their tags, or none.

    Raises:
        WasmFormatError: where a file can't be split, or its imports and exports can't be read.
        RequestError: `tag-invalid`, `tag-clash`, `title-invalid`, `created-invalid`, `option-needs-one-file`.
        DocumentError: `split-too-many-fragments`, `document-too-large`.
        StoreError: `tag-exists`, `layout-invalid`.
        UnavailableError: `io-error`, `input-changed`.
    """
    tags = _choose_tags(sources, options)
    titles = [_choose_title(source, options) for source in sources]
    check_texts(_texts(titles, options))
    check_created(EPOCH if options.created is None else options.created)
    results: list[PackResult] = []
    things: list[Tagged] = []
    with open_local_sink(place, settings) as store:
        for source, tag, title in zip(sources, tags, titles, strict=True):
            try:
                with open_view(source, settings.temporary) as view:
                    packed, warnings = _pack_view(view, title, store, options, progress)
            except PackagingKitError as exc:
                exc.subject = source.name
                raise
            things.append(Tagged(tag, packed.tagged, packed.untagged))
            results.append(
                PackResult(
                    file=source.name,
                    tag=tag,
                    digest=packed.tagged.digest,
                    form=options.form if packed.root is not None else Form.WHOLE,
                    whole=packed.whole.layer,
                    warnings=warnings,
                )
            )
        store.put(things, force=options.force)
    return tuple(results)


def _pack_view(
    view: Chunk, title: str | None, store: BlobSink, options: PackOptions, progress: Progress
) -> tuple[Packed, tuple[str, ...]]:
    progress.start("read", len(view))
    exploded = None if options.form is Form.WHOLE else explode(view, on_bytes=progress.advance)
    kind = check_framing(view) if exploded is None else exploded.kind
    names = StatedNames(options.imports, options.exports)
    component = None if kind is Kind.CORE_MODULE else read_component_config(view, names, options.target)
    metadata = read_metadata(view) if options.use_metadata else Metadata({}, ())
    title = title or f"{kind.value}.wasm"
    labels = Labels(
        title=title,
        created=EPOCH if options.created is None else options.created,
        author=options.author,
        annotations={**metadata.annotations, **options.annotations},
    )
    if exploded is None:
        progress.start(title, len(view))
        layer = store.write_blob(tell(iter_view(view), progress))
        packed = pack_whole(make_whole_artifact(layer, component, labels))
    else:
        whole = make_whole_artifact(Blob(exploded.digest, exploded.size), component, labels)
        packed = pack_split(options.form, whole, exploded)
        if packed.stores_whole:
            progress.start(title, exploded.size)
            store.write_blob(tell(iter_view(view), progress), whole.layer)
        write_content(packed, exploded, store, progress)
    write_documents(packed, store)
    return packed, metadata.warnings


def write_content(packed: Packed, exploded: Exploded, store: BlobSink, progress: Progress) -> None:
    """Write the skeletons and the modules, as far as the form stores them."""
    blobs = [] if packed.root is None else [Blob(packed.root, exploded.skeleton_size)]
    blobs += [Blob(fragment.digest, fragment.size) for fragment in packed.fragments]
    progress.start("fragments", sum(blob.size for blob in blobs))
    for blob in blobs:
        store.write_blob(tell(exploded.iter_blob_unverified(blob.digest), progress), blob)


def write_documents(packed: Packed, store: BlobSink) -> None:
    """Write every config, manifest and index."""
    named = {packed.whole.config: packed.whole.manifest.value.config.blob}
    for document in packed.documents:
        store.write_blob((document,), named.get(document) or Blob(Digest.of(document), len(document)))


def _choose_tags(sources: Sequence[Input], options: PackOptions) -> list[str]:
    if len(sources) > 1:
        for name in ("tag", "title"):
            if {"tag": options.tag, "title": options.title}[name] is not None:
                raise RequestError("option-needs-one-file", f"`--{name}` goes with one file")
    if options.tag is not None:
        return [check_tag(options.tag)]
    tags: dict[str, str] = {}
    for source in sources:
        tag = "latest" if source.file_name is None else tag_from_stem(Path(source.file_name).stem)
        if tag in tags:
            raise RequestError("tag-clash", f"`{tags[tag]}` and `{source.name}` would both get the tag `{tag}`")
        tags[tag] = source.name
    return list(tags)


def _choose_title(source: Input, options: PackOptions) -> str | None:
    """The layer's file name; `None` for standard input, where it depends on what comes."""
    title = options.title if options.title is not None else source.file_name
    if title is not None and (
        title in ("", ".", "..") or any(character in "/\\" or character < " " for character in title)
    ):
        raise RequestError("title-invalid", f"`{title}` is not a file name", hint="`--title NAME`")
    return title


def _texts(titles: list[str | None], options: PackOptions) -> Iterator[str]:
    """What of arguments and file names will stand in a document."""
    texts = [*titles, options.author, options.target, *(options.imports or ()), *(options.exports or ())]
    texts += [*options.annotations, *options.annotations.values()]
    return (text for text in texts if text is not None)


def check_texts(texts: Iterable[str]) -> None:
    """Refuse what can't stand in a document: bytes of arguments and file names that are not UTF-8.

    Raises:
        RequestError: `text-invalid`.
    """
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError as exc:
            raise RequestError("text-invalid", f"`{text!a}` is not valid UTF-8") from exc
