"""Rules over a Wasm config: whether it tells the truth (CNCF "Wasm OCI Artifact layout", Config.mediaType)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from packaging_kit.oci.wasm_config import is_created
from packaging_kit.validate.problem import Level
from packaging_kit.validate.rule import Finding, Rule, rule
from packaging_kit.validate.rules.name_rules import config_name_case
from packaging_kit.validate.shapes import shape_findings
from packaging_kit.validate.subjects import ConfigSubject
from packaging_kit.wasm.interface import ComponentInterface, is_world_name
from packaging_kit.wasm.preamble import Kind

_LAYOUT: Final = "CNCF Wasm OCI Artifact layout, Config.mediaType"
_OS: Final = {Kind.CORE_MODULE: "wasip1", Kind.COMPONENT: "wasip2"}
_FIELDS: Final = ("imports", "exports")


@rule(
    "config-schema",
    what="a member of the config that is missing, or whose value is of another type",
    why=f"{_LAYOUT}; the schema `cncf-config`",
    example='{"created":1970}',
)
def schema(config: ConfigSubject) -> Iterator[Finding]:
    yield from shape_findings("cncf-config", config.config)


@rule(
    "config-created-invalid",
    what="a `created` that is not RFC 3339",
    why=f"{_LAYOUT}: readers parse it, and refuse the artifact where they can't",
    example='{"created":"2026-01-01"}',
)
def created(config: ConfigSubject) -> Iterator[Finding]:
    found = config.config.get("created")
    if isinstance(found, str) and not is_created(found):
        yield Finding("created", f"`{found[:100]}` is not an RFC 3339 time")


@rule(
    "config-architecture",
    what="an `architecture` other than `wasm`",
    why=f"{_LAYOUT}: runtimes choose by it",
    example='{"architecture":"amd64"}',
)
def architecture(config: ConfigSubject) -> Iterator[Finding]:
    found = config.config.get("architecture")
    if isinstance(found, str) and found != "wasm":
        yield Finding("architecture", f"it is `{found[:100]}`, not `wasm`")


@rule(
    "config-os",
    what="an `os` that is not that of the binary: `wasip1` for a core module, `wasip2` for a component",
    why=f"{_LAYOUT}: runtimes choose by it how to run the binary",
    example='{"os":"wasip1"}, of a component',
)
def os(config: ConfigSubject) -> Iterator[Finding]:
    found = config.config.get("os")
    expected = tuple(_OS.values()) if config.facts is None else (_OS[config.facts.kind],)
    if isinstance(found, str) and found not in expected:
        yield Finding("os", f"it is `{found[:100]}`, not `{'` or `'.join(expected)}`")


@rule(
    "config-component-missing",
    what="a component whose config does not say what it imports and exports",
    why=f"{_LAYOUT}: the field must be present when it is a component",
    example='{"os":"wasip2","component":null}',
)
def component_missing(config: ConfigSubject) -> Iterator[Finding]:
    is_component = config.facts is not None and config.facts.kind is Kind.COMPONENT
    if is_component and config.config.get("component") is None:
        yield Finding("component", "the layer is a component, and the config does not describe it")


@rule(
    "config-component-unexpected",
    what="a core module whose config describes a component",
    why=f"{_LAYOUT}: the field is for components",
    example='{"os":"wasip1","component":{"imports":[],"exports":[]}}',
)
def component_unexpected(config: ConfigSubject) -> Iterator[Finding]:
    is_module = config.facts is not None and config.facts.kind is Kind.CORE_MODULE
    if is_module and config.component is not None:
        yield Finding("component", "the layer is a core module, and the config describes a component")


@rule(
    "config-layer-digests",
    what="`layerDigests` that are not the digests of the manifest's layers, in order",
    why=f"{_LAYOUT}: they make the config the id of the artifact; a config of another artifact would pass for its own",
    example='{"layerDigests":[]}',
)
def layer_digests(config: ConfigSubject) -> Iterator[Finding]:
    found = config.config.get("layerDigests")
    if isinstance(found, list) and config.layers is not None and found != list(config.layers):
        yield Finding("layerDigests", "they are not the digests of the layers")


@rule(
    "config-names-missing",
    what="an import or export of the component that the config does not list",
    why=f"{_LAYOUT}: who runs or indexes it decides by these lists whether it can be run, and what it may ask for",
    example='{"component":{"imports":[],…}}, of a component that imports `wasi:io/streams@0.2.0`',
)
def names_missing(config: ConfigSubject) -> Iterator[Finding]:
    for field, stated, actual in _names(config):
        for name in _absent(stated, actual):
            if name not in _beyond_wit(config):
                yield Finding(f"component.{field}", f"`{name[:200]}` is not listed")


@rule(
    "config-names-partial",
    what="a core module, component or value that the component imports or exports and the config does not list",
    why="WIT has no words for them, and tools that go by WIT leave them out",
    example='{"component":{"imports":[],…}}, of a component that imports a core module `libc`',
    level=Level.NOTE,
)
def names_partial(config: ConfigSubject) -> Iterator[Finding]:
    for field, stated, actual in _names(config):
        for name in _absent(stated, actual):
            if name in _beyond_wit(config):
                yield Finding(f"component.{field}", f"`{name[:200]}`, which WIT has no words for, is not listed")


@rule(
    "config-names-extra",
    what="an import or export that the config lists and the component does not have",
    why=f"{_LAYOUT}: who looks for a component that exports something finds one that does not",
    example='{"component":{"exports":["wasi:http/incoming-handler@0.2.0"],…}}, of one that exports nothing',
)
def names_extra(config: ConfigSubject) -> Iterator[Finding]:
    for field, stated, actual in _names(config):
        left = Counter(actual)
        actual_names = frozenset(actual)
        for number, name in enumerate(stated):
            left[name] -= 1
            if left[name] < 0:
                what = (
                    "it is listed more often than the component has it"
                    if name in actual_names
                    else "the component has no such name"
                )
                yield Finding(f"component.{field}[{number}]", f"{what}: `{name[:200]}`")


@rule(
    "config-names-order",
    what="imports or exports in another order than the component's",
    why="packing the same binary twice would not give the same config; of a WIT package the order means nothing",
    example='{"component":{"imports":["b","a"],…}}, of a component that imports `a`, then `b`',
    level=Level.NOTE,
)
def names_order(config: ConfigSubject) -> Iterator[Finding]:
    interface = _interface(config)
    if interface is None or interface.is_wit_package:
        return
    for field, stated, actual in _names(config):
        if stated != actual and Counter(stated) == Counter(actual):
            yield Finding(f"component.{field}", "they stand in another order than in the component")


@rule(
    "config-names-unread",
    what="a component whose imports or exports are in a form that can't be read, so nothing was compared",
    why="what was not compared must not pass for true; newer tools write forms that this version does not know "
    "(Binary.md, Import and Export Definitions)",
    example="an import section with an unknown form of name",
    hint="a policy may make it a note, for packers that are trusted",
)
def names_unread(config: ConfigSubject) -> Iterator[Finding]:
    facts = config.facts
    if facts is not None and facts.kind is Kind.COMPONENT and facts.names_error is not None:
        yield Finding("component", f"it was not compared with the binary: {facts.names_error.message}")


@rule(
    "config-target-invalid",
    what="a `target` that is no name of a world",
    why=f"{_LAYOUT}: it names a world, as `wasi:http/proxy@0.2.0` does (Explainer.md, Import and Export Definitions)",
    example='{"component":{"target":"proxy",…}}',
)
def target(config: ConfigSubject) -> Iterator[Finding]:
    found = None if config.component is None else config.component.get("target")
    if isinstance(found, str) and not is_world_name(found):
        yield Finding("component.target", f"`{found[:100]}` is no name of a world")


def _absent(stated: tuple[str, ...], actual: tuple[str, ...]) -> Iterator[str]:
    """What of `actual` is not stated, or not as often, in its order."""
    left = Counter(stated)
    for name in actual:
        if left[name] == 0:
            yield name
        else:
            left[name] -= 1


def _interface(config: ConfigSubject) -> ComponentInterface | None:
    return None if config.facts is None else config.facts.interface


def _beyond_wit(config: ConfigSubject) -> frozenset[str]:
    interface = _interface(config)
    return frozenset() if interface is None else interface.beyond_wit


def _names(config: ConfigSubject) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Field, what the config states, what the component has; where both are known."""
    interface = _interface(config)
    if interface is None:
        return
    for field, actual in zip(_FIELDS, (interface.imports, interface.exports), strict=True):
        stated = config.names(field)
        if stated is not None:
            yield field, stated, actual


CONFIG_RULES: Final[tuple[Rule[ConfigSubject], ...]] = (
    schema,
    config_name_case,
    created,
    architecture,
    os,
    layer_digests,
    component_missing,
    component_unexpected,
    names_missing,
    names_partial,
    names_extra,
    names_order,
    names_unread,
    target,
)
