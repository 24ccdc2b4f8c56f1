"""Skeletons that no explode would have written, each in a skeleton artifact: the format's vectors."""

from __future__ import annotations

import json
from typing import Final

from packaging_kit.oci.media_types import (
    EMPTY,
    IMAGE_MANIFEST,
    SKELETON,
    SKELETON_ARTIFACT,
    WHOLE_CONFIG,
    WHOLE_MANIFEST,
)
from tests.bad_documents.builders import (
    EMPTY_JSON,
    Blobs,
    blobs_of,
    descriptor,
    raw_of,
    wasm_config,
    wasm_layer,
    wasm_manifest,
)
from tests.bad_documents.case import Case, Input, Upload, case, error
from tests.conftest import VECTORS
from tests.strategies import COMPONENT

FOLDER: Final = VECTORS / "skeletons"
PLACES: Final[dict[str, tuple[str, int | None]]] = {
    "bytes-after-digest": ("skeleton", 0x36),
    "padded-algorithm-length": ("skeleton", 0xE),
    "prefix-not-empty": ("skeleton", 0xB),
    "original-id-seven": ("skeleton", 0xA),
    "algorithm-sha512": ("skeleton", 0xE),
    "layer-three-without-externals": ("skeleton", 0x6),
    "layer-one-with-external": ("skeleton", 0x6),
    "literal-module-over-threshold": ("skeleton", 0x36),
    "literal-component-with-module": ("skeleton", 0x41),
    "literal-component-with-external": ("skeleton", 0x40),
    "plain-component-as-root": ("skeleton", 0x8),
    "external-under-threshold": ("skeleton", 0xC),
    "external-size-wrong": ("binary", None),
    "nested-size-wrong": ("skeleton", 0x8),
    "nested-fragment-is-component": ("skeleton", 0x6),
    "module-fragment-is-no-module": ("binary", None),
    "fragment-missing": ("fragment", None),
    "fragment-of-other-bytes": ("binary", None),
    "root-of-other-bytes": ("skeleton", None),
    "bomb": ("skeleton", None),
    "section-runs-past-end": ("skeleton", 0x37),
    "literal-nested-cut": ("skeleton", 0x41),
    "literal-nested-preamble": ("skeleton", 0x38),
    "own-size-padded": ("skeleton", 0x9),
    "external-size-over-u32": ("skeleton", 0xC),
    "digest-of-31-bytes": ("skeleton", 0x15),
    "nested-layer-three-without-externals": ("skeleton", 0x6),
    "module-fragment-other-version": ("binary", None),
    "spans-only": ("skeleton", None),
    "bytes-only": ("skeleton", None),
}
"""What each of them is found in, and at which offset."""
LISTED: Final = json.loads((FOLDER / "skeletons.json").read_bytes())


def uploaded(name: str) -> Input:
    """A skeleton artifact with this skeleton as its root; what it names as the whole is not there."""
    folder = FOLDER / name / "blobs" / "sha256"
    held = {f"sha256:{path.name}": path.read_bytes() for path in folder.iterdir()}
    root = (FOLDER / name / "root").read_text().strip()
    size = len(held[root])
    config = raw_of(wasm_config(COMPONENT))
    whole = raw_of(wasm_manifest(config, wasm_layer(COMPONENT)))
    layers = [
        {"digest": root, "mediaType": SKELETON, "size": size},
        descriptor(config, WHOLE_CONFIG),
        descriptor(whole, WHOLE_MANIFEST),
    ]
    value = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "artifactType": SKELETON_ARTIFACT,
        "config": descriptor(EMPTY_JSON, EMPTY),
        "layers": layers,
    }
    return Upload(raw=raw_of(value), source=Blobs(held | blobs_of(config, whole)))


CASES: Final[tuple[Case, ...]] = tuple(
    case(
        f"the skeleton `{name}` is refused: {wanted['why']}",
        lambda name=name: uploaded(name),  # type: ignore[misc]
        error(wanted["error"], part=PLACES[name][0], offset=PLACES[name][1]),
    )
    for name, wanted in LISTED.items()
    if wanted["error"] is not None
)
