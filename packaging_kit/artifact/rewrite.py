"""An artifact of older tools as the one that `pack` would write (docs/commands.md, "convert")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from packaging_kit.artifact.annotations import read_metadata
from packaging_kit.artifact.names import StatedNames, read_component_config
from packaging_kit.artifact.pack import Labels, WholeArtifact, make_whole_artifact
from packaging_kit.artifact.titles import why_no_file_name
from packaging_kit.artifact.unpack import StoredComponent
from packaging_kit.blobs import Blob, Chunk
from packaging_kit.digest import Digest
from packaging_kit.document import parse_json
from packaging_kit.errors import DocumentError, RequestError
from packaging_kit.fragments.explode import check_framing
from packaging_kit.limits import MAX_MANIFEST_SIZE
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.media_types import IMAGE_ANNOTATION, REF_NAME, TITLE, WASM, WASM_CONFIG
from packaging_kit.oci.wasm_config import EPOCH, check_created
from packaging_kit.wasm.preamble import Kind

_CREATED: Final = f"{IMAGE_ANNOTATION}created"

_OF_THE_FORMER: Final = frozenset(
    (
        # They tell a runtime of containers that this image is to be run as Wasm, which the config type now says.
        "module.wasm.image/variant",
        "run.oci.handler",
        # The name under which an image store took the old image in; what is written here is another.
        "io.containerd.image.name",
        REF_NAME,
    )
)
"""Annotations of a manifest that are about the old artifact, not about the component."""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What an artifact became.

    Attributes:
        whole: in the CNCF layout.
        warnings: a sentence for each annotation of the binary that was left out.
    """

    whole: WholeArtifact
    warnings: tuple[str, ...]


def is_in_cncf_layout(component: StoredComponent) -> bool:
    """Whether the media types are those of the CNCF layout.

    They alone decide: to write such an artifact anew would break every signature of it, and what is wrong inside
    is for `validate` to tell.
    """
    manifest = component.manifest.value
    return manifest.config.media_type == WASM_CONFIG and component.layer.media_type == WASM


def rewrite(component: StoredComponent, data: Chunk, names: StatedNames) -> Rewritten:
    """The artifact that `pack` writes of the component's bytes, with what the former one said of them.

    Kept are the layer's title, the manifest's annotations and subject, and of the config who made it, when and for
    which world. The config may be anything at all: what can't be used in it counts as not said. The artifact type
    goes with the type of the config, which stands for it.

    Args:
        data: the whole, verified.

    Raises:
        WasmFormatError: where it is not well framed; `wasm-extern-unknown`, where names have to be stated.
        DocumentError: `document-too-large`, where registries would not take what is written.
    """
    kind = check_framing(data)
    manifest = component.manifest.value
    said = _read_object(component.config)
    metadata = read_metadata(data)
    kept = {key: value for key, value in manifest.annotations.items() if key not in _OF_THE_FORMER}
    labels = Labels(
        title=_title(component.layer, kind),
        created=_time(said.get("created")) or _time(manifest.annotations.get(_CREATED)) or EPOCH,
        author=_text(said.get("author")),
        annotations={**metadata.annotations, **kept},
    )
    target = _target(component, said)
    interface = None if kind is Kind.CORE_MODULE else read_component_config(data, names, target)
    layer = component.layer.blob
    if layer.digest.algorithm != "sha256":
        layer = Blob(Digest.of(data), len(data))
    try:
        whole = make_whole_artifact(layer, interface, labels)
    except DocumentError:
        # The former config may be as large as any, and it is not what makes this one fail.
        interface = interface and replace(interface, target=None)
        whole = make_whole_artifact(layer, interface, replace(labels, created=EPOCH, author=None))
    return Rewritten(_with_subject(whole, manifest.subject), metadata.warnings)


def _title(layer: Descriptor, kind: Kind) -> str:
    title = layer.annotations.get(TITLE, "")
    return title if why_no_file_name(title) is None else f"{kind.value}.wasm"


def _target(component: StoredComponent, said: Mapping[str, Any]) -> str | None:
    """The world that the former config names. Only one of this type has such a field; older layers stand beside it."""
    inner = said.get("component") if component.manifest.value.config.media_type == WASM_CONFIG else None
    return _text(inner.get("target")) if isinstance(inner, dict) else None


def _read_object(config: bytes) -> Mapping[str, Any]:
    """The members of a config; none, where it is no JSON object that we take."""
    try:
        value = parse_json(config)
    except DocumentError:
        return {}
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _time(value: object) -> str | None:
    """`value`, where it is an RFC 3339 date and time."""
    try:
        return check_created(value) if isinstance(value, str) else None
    except RequestError:
        return None


def _with_subject(whole: WholeArtifact, subject: Descriptor | None) -> WholeArtifact:
    """The artifact as a referrer, where the former was one: nothing else would lead from the subject to it."""
    if subject is None:
        return whole
    manifest = replace(whole.manifest.value, subject=subject).to_document()
    if manifest.size > MAX_MANIFEST_SIZE:
        raise DocumentError("document-too-large", f"the manifest would have {manifest.size} bytes")
    return replace(whole, manifest=manifest)
