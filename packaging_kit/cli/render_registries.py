"""What the commands on registries print under `--json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packaging_kit.cli.render import blob_json
from packaging_kit.cli.render_repositories import copy_json

if TYPE_CHECKING:
    # Only named here: a command must not pay for importing the operations of the others.
    from packaging_kit.oci.descriptor import Descriptor
    from packaging_kit.operations.places import LocalPlace, RegistryPlace
    from packaging_kit.operations.pull import Pulled
    from packaging_kit.operations.push import Pushed


def push_json(pushed: Pushed, place: RegistryPlace) -> dict[str, Any]:
    """`schemas/push.json`."""
    packed = pushed.packed
    return {
        **copy_json(pushed.copied, place),
        "packed": packed
        and {
            "file": packed.file,
            "form": packed.form.value,
            "whole": blob_json(packed.whole),
            "warnings": list(packed.warnings),
        },
    }


def pull_json(pulled: Pulled, source: RegistryPlace, file: str, place: LocalPlace | None) -> dict[str, Any]:
    """`schemas/pull.json`; `place` is where it was copied to, or `None` where `file` was written."""
    return {
        "source": str(source),
        "digest": pulled.digest.value,
        "file": file if place is None else None,
        "whole": pulled.whole and blob_json(pulled.whole),
        "copied": None if pulled.copied is None or place is None else copy_json(pulled.copied, place),
    }


def descriptor_json(descriptor: Descriptor) -> dict[str, Any]:
    """A descriptor in the words of the image specification."""
    return {
        "mediaType": descriptor.media_type,
        **blob_json(descriptor.blob),
        "artifactType": descriptor.artifact_type,
    }
