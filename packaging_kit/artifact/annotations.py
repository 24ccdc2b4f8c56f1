"""Manifest annotations out of a binary's outermost custom sections (docs/format.md, "Annotations")."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from packaging_kit.artifact.licenses import is_license_expression
from packaging_kit.blobs import Chunk
from packaging_kit.errors import WasmFormatError
from packaging_kit.limits import MAX_MANIFEST_SIZE
from packaging_kit.oci.media_types import IMAGE_ANNOTATION
from packaging_kit.wasm.custom import CustomSection, iter_custom_sections
from packaging_kit.wasm.sections import iter_sections

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def has_scheme(value: str) -> bool:
    """Whether a text can be a URL."""
    return _SCHEME.match(value) is not None


def _is_any(_: str) -> bool:
    return True


_SECTIONS: Final[dict[str, tuple[str, Callable[[str], bool], str]]] = {
    "version": ("version", _is_any, ""),
    "description": ("description", _is_any, ""),
    "licenses": ("licenses", is_license_expression, "is not an SPDX license expression"),
    "source": ("source", has_scheme, "has no scheme"),
    "homepage": ("url", has_scheme, "has no scheme"),
    "authors": ("authors", _is_any, ""),
    "revision": ("revision", _is_any, ""),
}
"""Section name: annotation after `org.opencontainers.image.`, the check of its value, what fails it."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a binary says of itself.

    Attributes:
        annotations: to be put on the manifest.
        warnings: a sentence for each section that was left out.
    """

    annotations: Mapping[str, str]
    warnings: tuple[str, ...]


SECTION_NAMES: Final = tuple(_SECTIONS)
"""Names of the custom sections that become annotations."""

ANNOTATION_OF: Final[Mapping[str, str]] = MappingProxyType(
    {name: IMAGE_ANNOTATION + annotation for name, (annotation, _, _) in _SECTIONS.items()}
)
"""The annotation that each of them becomes."""


def _last_custom_sections(data: Chunk) -> dict[str, CustomSection]:
    found: dict[str, CustomSection] = {}
    try:
        for custom in iter_custom_sections(data, iter_sections(data), _SECTIONS):
            found[custom.name] = custom
    except WasmFormatError:
        pass  # a core module is a blob to the split: what stands before the broken section still counts
    return found


def read_metadata(data: Chunk) -> Metadata:
    """Read the custom sections of the core module or component `data`; the last of repeated ones counts."""
    last = _last_custom_sections(data)
    return metadata_of({name: data[custom.start : custom.end] for name, custom in last.items()})


def metadata_of(sections: Mapping[str, Chunk | None]) -> Metadata:
    """What the contents of these custom sections, after their names, say.

    Args:
        sections: by name; `None` for contents that are larger than any manifest.
    """
    annotations: dict[str, str] = {}
    warnings: list[str] = []
    for name, (annotation, is_valid, problem) in _SECTIONS.items():
        if name not in sections:
            continue
        contents = sections[name]
        if contents is None or len(contents) > MAX_MANIFEST_SIZE:
            warnings.append(f"the custom section `{name}` was left out: no manifest is large enough for it")
            continue
        try:
            value = str(bytes(contents), "utf-8")
        except UnicodeDecodeError:
            warnings.append(f"the custom section `{name}` was left out: it is not valid UTF-8")
            continue
        if is_valid(value):
            annotations[IMAGE_ANNOTATION + annotation] = value
        else:
            warnings.append(f"the custom section `{name}` was left out: it {problem}")
    return Metadata(MappingProxyType(annotations), tuple(warnings))
