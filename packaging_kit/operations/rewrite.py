"""What a stored component becomes where it is converted: written, and not named yet."""

from __future__ import annotations

from dataclasses import dataclass, replace

from packaging_kit.artifact.names import StatedNames
from packaging_kit.artifact.pack import Form, Packed, WholeArtifact, pack_split, pack_whole
from packaging_kit.artifact.rewrite import Rewritten, is_in_cncf_layout, rewrite
from packaging_kit.artifact.unpack import StoredComponent
from packaging_kit.blobs import BlobSink, Chunk
from packaging_kit.digest import Digest
from packaging_kit.errors import RequestError
from packaging_kit.fragments.explode import explode
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.repository import RepositorySource
from packaging_kit.operations.inputs import iter_view
from packaging_kit.operations.pack import check_texts, write_content, write_documents
from packaging_kit.operations.settings import Settings
from packaging_kit.operations.unpack import read_component
from packaging_kit.transfer.progress import Progress, tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a component is to become.

    Attributes:
        form: how its fragments will be stored.
        names: stated ones, for an artifact that is written anew; `None` leaves every artifact as it is.
        force: a tag that names something else at the destination may be moved.
    """

    form: Form
    names: StatedNames | None
    force: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What a component became, all but its name.

    Attributes:
        packed: the new form.
        tagged: what the tag shall name.
        former: digest of the whole artifact's manifest, where that was written anew.
        warnings: sentences about what was left out of the annotations.
    """

    packed: Packed
    tagged: Descriptor
    former: Digest | None
    warnings: tuple[str, ...]

    @property
    def manifest(self) -> Digest:
        """Of the whole artifact."""
        return self.packed.whole.manifest.digest


def stated_names(imports: tuple[str, ...] | None, exports: tuple[str, ...] | None, *, cncf: bool) -> StatedNames | None:
    """What is stated for an artifact that is written anew; `None`, where none is.

    Raises:
        RequestError: `options-disagree`, `text-invalid`.
    """
    if not cncf:
        if imports is None and exports is None:
            return None
        raise RequestError("options-disagree", "names are stated for an artifact that is written anew", hint="`--cncf`")
    check_texts((*(imports or ()), *(exports or ())))
    return StatedNames(imports, exports)


def write_component(
    component: StoredComponent,
    source: RepositorySource,
    sink: BlobSink,
    wish: Wish,
    settings: Settings,
    progress: Progress,
) -> Written:
    """Write all that a stored component becomes, without naming it.

    Raises:
        WasmFormatError: `wasm-extern-unknown`; where it can't be split.
        DocumentError: `split-too-many-fragments`, `document-too-large`; and what `unpack` raises.
    """
    view = read_component(component, source, settings)
    new = None if wish.names is None or is_in_cncf_layout(component) else rewrite(component, view, wish.names)
    if new is None:
        whole = WholeArtifact(layer=component.layer.blob, config=component.config, manifest=component.manifest)
        new = Rewritten(whole, ())
    progress.start("convert", len(view))
    packed = _write_form(new.whole, view, sink, wish.form, progress)
    is_rewritten = new.whole.manifest.digest != component.manifest.digest
    return Written(
        packed=packed,
        tagged=_entry(component, packed),
        former=component.manifest.digest if is_rewritten else None,
        warnings=new.warnings,
    )


def _write_form(whole: WholeArtifact, view: Chunk, sink: BlobSink, form: Form, progress: Progress) -> Packed:
    if form is Form.WHOLE:
        packed = pack_whole(whole)
        sink.write_blob(tell(iter_view(view), progress), whole.layer)
    else:
        exploded = explode(view)
        packed = pack_split(form, whole, exploded)
        if packed.stores_whole:
            sink.write_blob(tell(iter_view(view), progress), whole.layer)
        write_content(packed, exploded, sink, progress)
    write_documents(packed, sink)
    return packed


def _entry(component: StoredComponent, packed: Packed) -> Descriptor:
    """What the tag names; an artifact of older tools may state a type of its own."""
    if packed.tagged.digest != component.manifest.digest:
        return packed.tagged
    return replace(packed.tagged, artifact_type=component.manifest.value.artifact_type)
