"""What a component says of itself at its top level: imports, exports, and whether it is a WIT package."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from packaging_kit.errors import WasmFormatError
from packaging_kit.limits import MAX_NAME_SIZE
from packaging_kit.wasm.externs import Extern, Sort, read_exports, read_imports
from packaging_kit.wasm.reader import Reader
from packaging_kit.wasm.sections import SectionId, iter_sections
from packaging_kit.wasm.types import TypeDefinition, TypeKind, read_alias, read_type_section

_EXTERNS: Final = frozenset((SectionId.IMPORT, SectionId.EXPORT))
_TYPES: Final = frozenset((SectionId.TYPE, SectionId.ALIAS, SectionId.EXPORT))

_BEYOND_WIT: Final = frozenset((Sort.CORE, Sort.VALUE, Sort.COMPONENT))

_WORDS: Final = r"[a-z][0-9a-z]*(?:-[0-9a-z]+)*"
# Each word matches one alternative only: digits that match two make a label exponential.
_LABEL: Final = (
    r"(?:[a-z][0-9a-z]*|[A-Z][0-9A-Z]*)"
    r"(?:-(?:[0-9]*[a-z][0-9a-z]*|[0-9]*[A-Z][0-9A-Z]*|[0-9]+))*"
)
# Semantic Versioning 2.0.0, as the `interfaceversion` of Explainer.md asks for.
_NUMBER: Final = r"(?:0|[1-9][0-9]*)"
_PRE_RELEASE: Final = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
SEMANTIC_VERSION: Final = (
    rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_PRE_RELEASE}(?:\.{_PRE_RELEASE})*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
_INTERFACE_NAME = re.compile(rf"{_WORDS}:{_WORDS}/{_LABEL}(?:@{SEMANTIC_VERSION})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentInterface:
    """Names at the top level of a component.

    Attributes:
        imports: in binary order.
        implemented: for each of them the interface that it stands for under a plain name; empty for none.
        exports: in binary order; for a WIT package the sorted ids of what it defines.
        is_wit_package: the component only carries WIT (docs/format.md, "WIT packages").
        beyond_wit: those of the names that are core modules, components or values, which WIT has no words for.
    """

    imports: tuple[str, ...]
    exports: tuple[str, ...]
    is_wit_package: bool
    implemented: tuple[str, ...] = ()
    beyond_wit: frozenset[str] = frozenset()


def read_interface(data: bytes | memoryview) -> ComponentInterface:
    """Read the top-level names of the component `data`, which must be well framed.

    Raises:
        WasmFormatError: `wasm-extern-unknown`, where the imports or exports can't be read.
    """
    imports: list[Extern] = []
    exports: list[Extern] = []
    for section in iter_sections(data, ids=_EXTERNS):
        if section.id == SectionId.IMPORT:
            imports += read_imports(data, section)
        elif section.id == SectionId.EXPORT:
            exports += read_exports(data, section)
    wit_names = None if imports else _wit_package_names(data, exports)
    return ComponentInterface(
        imports=tuple(extern.name for extern in imports),
        implemented=tuple(extern.implements for extern in imports),
        exports=tuple(extern.name for extern in exports) if wit_names is None else tuple(sorted(wit_names)),
        is_wit_package=wit_names is not None,
        beyond_wit=frozenset(extern.name for extern in (*imports, *exports) if extern.sort in _BEYOND_WIT),
    )


def is_world_name(text: str) -> bool:
    """Whether `text` is the id of an interface or world, `ns:package/name[@version]`."""
    return len(text) <= MAX_NAME_SIZE and _INTERFACE_NAME.fullmatch(text) is not None


def _wit_package_names(data: bytes | memoryview, exports: list[Extern]) -> set[str] | None:
    """The ids of a WIT package's interfaces and worlds and the names of the worlds' exports; else `None`."""
    if not exports or any(export.sort != Sort.TYPE for export in exports):
        return None
    try:
        types = _read_type_index_space(data)
    except WasmFormatError:
        # A type form that this library does not know: then it can't say that this is a WIT package.
        return None
    names: set[str] = set()
    # Once for each type: any number of exports may name the same one.
    distinct = {id(defined): defined for defined in (_at(types, export.index) for export in exports)}
    for defined in distinct.values():
        described = None if defined is None else _described_names(defined)
        if described is None:
            return None
        names |= described
    return names


def _read_type_index_space(data: bytes | memoryview) -> list[TypeDefinition | None]:
    """The component's types by index; `None` for one that section 7 does not define."""
    types: list[TypeDefinition | None] = []
    for section in iter_sections(data, ids=_TYPES):
        reader = Reader(data, section.contents, section.end)
        if section.id == SectionId.TYPE:
            types += read_type_section(reader)
        elif section.id == SectionId.ALIAS:
            types += [None for _ in range(reader.count()) if read_alias(reader) == Sort.TYPE]
        elif section.id == SectionId.EXPORT:
            # Every export of a type is a new index that aliases what it exports.
            for export in read_exports(data, section):
                types.append(_at(types, export.index))
    return types


def _at(types: Sequence[TypeDefinition | None], index: int | None) -> TypeDefinition | None:
    return types[index] if index is not None and index < len(types) else None


def _described_names(definition: TypeDefinition) -> set[str] | None:
    """What one exported component type stands for: an interface's id, or a world's with its exports."""
    if definition.kind is not TypeKind.COMPONENT or len(definition.exports) != 1:
        return None
    name, sort, index = definition.exports[0]
    if not _INTERFACE_NAME.fullmatch(name):
        return None
    described = _at(definition.types, index)
    match sort:
        case Sort.INSTANCE:
            return {name}
        case Sort.COMPONENT if described is not None and described.kind is TypeKind.COMPONENT:
            return {name, *(export for export, _, _ in described.exports)}
        case _:
            return None
