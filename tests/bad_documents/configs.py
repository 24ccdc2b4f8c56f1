"""Configs of Wasm artifacts that don't tell the truth about the binary."""

from __future__ import annotations

from typing import Final

from packaging_kit.validate.policy import Policy
from packaging_kit.validate.problem import Level
from tests.bad_documents.builders import (
    COMPONENT_TYPE,
    CORE_MODULE_TYPE,
    FUNC,
    MODULE,
    NOTHING,
    VALUE,
    Json,
    artifact,
    config_of,
    exports,
    fixture,
    imports,
    wasm_config,
    wasm_layer,
)
from tests.bad_documents.case import Case, Found, Input, case, error, note
from tests.strategies import component, section

TWO_AND_TWO: Final = component(imports("a:b/c", "a:b/d"), exports("run", "stop"))
NAMES: Final = config_of(TWO_AND_TWO, ("a:b/c", "a:b/d"), ("run", "stop"))
BEYOND: Final = component(
    imports("libc", kind=CORE_MODULE_TYPE),
    imports("number", kind=VALUE),
    imports("inner", kind=COMPONENT_TYPE),
    imports("log", kind=FUNC),
    exports("again", kind=CORE_MODULE_TYPE),
)
UNREADABLE: Final = component(section(10, b"\1\7"))
WIT_PACKAGE: Final = fixture("handmade/wit-like.wasm")
WIT_EXPORTS: Final = (
    *("example:shape/interface@1.0.0", "example:shape/other@1.0.0", "example:shape/world@1.0.0"),
    "run",
)
DESCRIBED: Final[dict[str, Json]] = {"exports": [], "imports": [], "target": None}


def undescribed(data: bytes) -> Json:
    """The config of a binary, without `component`."""
    return {name: value for name, value in wasm_config(data).items() if name != "component"}


def of(data: bytes = NOTHING, **changes: Json) -> Input:
    """The artifact of a binary, with members of its config changed."""
    return artifact(data, wasm_config(data, **changes))


def named(
    data: bytes, import_names: tuple[str, ...] = (), export_names: tuple[str, ...] = (), **changes: Json
) -> Input:
    """The artifact of a component, with these names in its config."""
    return artifact(data, config_of(data, import_names, export_names, **changes))


def component_field(**changes: Json) -> Input:
    """The artifact of the smallest component, with members of `component` changed."""
    return artifact(config=wasm_config(component=changes))


def wrong(code: str, path: str = "", says: str = "") -> Found:
    return error(code, path, part="config", says=says)


def odd(code: str, path: str = "", says: str = "") -> Found:
    return note(code, path, part="config", says=says)


SHAPES: Final = (
    case("a config with members that are not known is taken", lambda: of(more=1)),
    case(
        "a config that is no JSON is told as that",
        lambda: artifact(config=b"{"),
        error("json-syntax", part="config", offset=1),
    ),
    case(
        "a config that is no object is told as that",
        lambda: artifact(config=b"[]"),
        error("json-not-an-object", part="config"),
    ),
    case(
        "a config of a container misses what Wasm needs",
        lambda: artifact(config=b"{}"),
        wrong("config-schema", "created"),
        wrong("config-schema", "architecture"),
        wrong("config-schema", "os"),
        wrong("config-schema", "layerDigests"),
        wrong("config-component-missing", "component"),
    ),
    case(
        "a time of creation that is a number is no text",
        lambda: of(created=1970),
        wrong("config-schema", "created", "a text is expected"),
    ),
    case(
        "an author that is a number is neither a text nor null",
        lambda: of(author=1),
        wrong("config-schema", "author", "a text or null is expected"),
    ),
    case(
        "an architecture that is null is no text", lambda: of(architecture=None), wrong("config-schema", "architecture")
    ),
    case("an operating system that is an array is no text", lambda: of(os=["wasip2"]), wrong("config-schema", "os")),
    case(
        "digests that are a text are no array",
        lambda: of(layerDigests="sha256"),
        wrong("config-schema", "layerDigests"),
    ),
    case(
        "a digest that is a number is no text, nor the layer's",
        lambda: of(layerDigests=[1]),
        wrong("config-schema", "layerDigests[0]"),
        wrong("config-layer-digests", "layerDigests"),
    ),
    case(
        "`component` that is a text is no object",
        lambda: artifact(config=wasm_config() | {"component": "a"}),
        wrong("config-schema", "component", "an object or null is expected"),
    ),
    case(
        "`component` without its members misses them",
        lambda: artifact(config=wasm_config() | {"component": {}}),
        wrong("config-schema", "component.exports"),
        wrong("config-schema", "component.imports"),
    ),
    case(
        "imports that are an object are no array",
        lambda: component_field(imports={}),
        wrong("config-schema", "component.imports"),
    ),
    case(
        "an export that is null is no text, and nothing is compared",
        lambda: component_field(exports=["a", None]),
        wrong("config-schema", "component.exports[1]"),
    ),
    case(
        "a target that is a number is no text",
        lambda: component_field(target=1),
        wrong("config-schema", "component.target"),
    ),
)

MEMBERS: Final = (
    case(
        "a config with `OS` beside its system is of two systems to some readers",
        lambda: of(OS="wasip1"),
        wrong("member-name-case", "OS", "some readers take `OS` for `os`"),
    ),
    case(
        "a config with `layerdigests` has two lists of them to some readers",
        lambda: of(layerdigests=[]),
        wrong("member-name-case", "layerdigests", "for `layerDigests`"),
    ),
    case(
        "a component with `Imports` has two lists of them to some readers",
        lambda: component_field(Imports=["a:b/c"], TARGET=None),
        wrong("member-name-case", "component.Imports", "for `imports`"),
        wrong("member-name-case", "component.TARGET", "for `target`"),
    ),
    case(
        "`component` that stands in upper case alone describes it to some readers",
        lambda: artifact(config=undescribed(NOTHING) | {"Component": DESCRIBED}),
        wrong("member-name-case", "Component"),
        wrong("config-component-missing", "component"),
    ),
    case(
        "the names that a component has are none of the config, and the other way round",
        lambda: artifact(config=wasm_config(component={"Os": 1, "Digest": 2}) | {"Imports": [], "Layers": []}),
    ),
)

FIELDS: Final = (
    case("times of creation have fractions and offsets", lambda: of(created="2026-01-01T00:00:00.5+01:00")),
    case(
        "a config's time of creation without a time is none",
        lambda: of(created="2026-01-01"),
        wrong("config-created-invalid", "created"),
    ),
    case(
        "a time of creation that is empty is none", lambda: of(created=""), wrong("config-created-invalid", "created")
    ),
    case(
        "an architecture other than `wasm` runs no Wasm",
        lambda: of(architecture="amd64"),
        wrong("config-architecture", "architecture"),
    ),
    case(
        "an older name of the architecture is another one",
        lambda: of(architecture="wasm32"),
        wrong("config-architecture", "architecture"),
    ),
    case("a component is not for `wasip1`", lambda: of(os="wasip1"), wrong("config-os", "os")),
    case("a core module is not for `wasip2`", lambda: of(MODULE, os="wasip2"), wrong("config-os", "os")),
    case(
        "an operating system of containers runs no Wasm",
        lambda: of(os="linux"),
        wrong("config-os", "os", "not `wasip2`"),
    ),
    case(
        "of a binary that can't be read the operating system is one of the two",
        lambda: artifact(b"no Wasm", wasm_config(b"no Wasm", os="wasip1") | {"component": None}),
        error("wasm-malformed", part="binary", offset=0),
    ),
    case(
        "of a binary that can't be read the operating system is no other",
        lambda: artifact(b"no Wasm", wasm_config(b"no Wasm", os="linux") | {"component": None}),
        error("wasm-malformed", part="binary", offset=0),
        wrong("config-os", "os", "`wasip1` or `wasip2`"),
    ),
    case(
        "digests that are none are not the layer's",
        lambda: of(layerDigests=[]),
        wrong("config-layer-digests", "layerDigests"),
    ),
    case(
        "a digest of another layer is not this one's",
        lambda: of(layerDigests=[wasm_layer(MODULE)["digest"]]),
        wrong("config-layer-digests", "layerDigests"),
    ),
    case(
        "a digest that stands twice is one too many",
        lambda: of(layerDigests=[wasm_layer()["digest"]] * 2),
        wrong("config-layer-digests", "layerDigests"),
    ),
    case(
        "digests are compared with nothing where a layer has none",
        lambda: artifact(layers=[wasm_layer(digest=1)], config=wasm_config(layerDigests=[])),
        error("document-schema", "layers[0].digest"),
    ),
    case(
        "a component's config has to describe it",
        lambda: artifact(config=wasm_config() | {"component": None}),
        wrong("config-component-missing", "component"),
    ),
    case(
        "a component's config without `component` does not describe it",
        lambda: artifact(config=undescribed(NOTHING)),
        wrong("config-component-missing", "component"),
    ),
    case("a core module's config may leave `component` out", lambda: artifact(MODULE, undescribed(MODULE))),
    case(
        "a core module's config describes no component",
        lambda: artifact(MODULE, wasm_config(MODULE) | {"component": DESCRIBED}),
        wrong("config-component-unexpected", "component"),
    ),
    case(
        "a config that describes a core module as an empty component does that too",
        lambda: artifact(MODULE, wasm_config(MODULE) | {"component": {}}),
        wrong("config-schema", "component.exports"),
        wrong("config-schema", "component.imports"),
        wrong("config-component-unexpected", "component"),
    ),
    case(
        "a target without a namespace is no world",
        lambda: component_field(target="proxy"),
        wrong("config-target-invalid", "component.target"),
    ),
    case(
        "a target with a version that is none is no world",
        lambda: component_field(target="wasi:http/proxy@0.2"),
        wrong("config-target-invalid", "component.target"),
    ),
    case("a target that is the name of a world is one", lambda: component_field(target="wasi:http/proxy@0.2.0-rc.1")),
    case(
        "a target is looked at where the binary can't be read",
        lambda: artifact(
            b"no Wasm", wasm_config(b"no Wasm") | {"os": "wasip2", "component": DESCRIBED | {"target": ""}}
        ),
        error("wasm-malformed", part="binary", offset=0),
        wrong("config-target-invalid", "component.target"),
    ),
)

NAMES_CASES: Final = (
    case("names that are the component's are right", lambda: artifact(TWO_AND_TWO, NAMES)),
    case(
        "an import that is not listed is missing",
        lambda: named(TWO_AND_TWO, ("a:b/d",), ("run", "stop")),
        wrong("config-names-missing", "component.imports", "`a:b/c`"),
    ),
    case(
        "an export that is not listed is missing",
        lambda: named(TWO_AND_TWO, ("a:b/c", "a:b/d"), ("run",)),
        wrong("config-names-missing", "component.exports", "`stop`"),
    ),
    case(
        "imports and exports that are not listed are all missing, in the component's order",
        lambda: named(TWO_AND_TWO),
        wrong("config-names-missing", "component.imports", "`a:b/c`"),
        wrong("config-names-missing", "component.imports", "`a:b/d`"),
        wrong("config-names-missing", "component.exports", "`run`"),
        wrong("config-names-missing", "component.exports", "`stop`"),
    ),
    case(
        "a name that the component has twice is missing once where it is listed once",
        lambda: named(component(imports("a", "a", "b")), ("a", "b")),
        wrong("config-names-missing", "component.imports", "`a`"),
    ),
    case(
        "an import that the component does not have is too much",
        lambda: named(NOTHING, ("wasi:io/streams@0.2.0",)),
        wrong("config-names-extra", "component.imports[0]", "`wasi:io/streams@0.2.0`"),
    ),
    case(
        "an export that the component does not have is too much",
        lambda: named(TWO_AND_TWO, ("a:b/c", "a:b/d"), ("run", "more", "stop")),
        wrong("config-names-extra", "component.exports[1]", "the component has no such name: `more`"),
    ),
    case(
        "an import that is listed once too often is too much",
        lambda: named(TWO_AND_TWO, ("a:b/c", "a:b/c", "a:b/d"), ("run", "stop")),
        wrong("config-names-extra", "component.imports[1]", "more often than the component has it: `a:b/c`"),
    ),
    case(
        "another version is another name: one is missing and one is too much",
        lambda: named(component(imports("a:b/c@0.2.1")), ("a:b/c@0.2.0",)),
        wrong("config-names-missing", "component.imports"),
        wrong("config-names-extra", "component.imports[0]"),
    ),
    case(
        "imports in another order are a note",
        lambda: named(TWO_AND_TWO, ("a:b/d", "a:b/c"), ("run", "stop")),
        odd("config-names-order", "component.imports"),
    ),
    case(
        "exports in another order are a note",
        lambda: named(TWO_AND_TWO, ("a:b/c", "a:b/d"), ("stop", "run")),
        odd("config-names-order", "component.exports"),
    ),
    case(
        "imports that stand among the exports are missing here and too much there",
        lambda: named(component(imports("a")), (), ("a",)),
        wrong("config-names-missing", "component.imports"),
        wrong("config-names-extra", "component.exports[0]"),
    ),
    case(
        "the order of a WIT package's names means nothing",
        lambda: named(WIT_PACKAGE, (), WIT_EXPORTS[::-1]),
    ),
    case(
        "a WIT package's name that is not listed is missing",
        lambda: named(WIT_PACKAGE, (), WIT_EXPORTS[1:]),
        wrong("config-names-missing", "component.exports"),
    ),
    case(
        "core modules, components and values that are not listed are a note",
        lambda: named(BEYOND, ("log",)),
        odd("config-names-partial", "component.imports", "`libc`"),
        odd("config-names-partial", "component.imports", "`number`"),
        odd("config-names-partial", "component.imports", "`inner`"),
        odd("config-names-partial", "component.exports", "`again`"),
    ),
    case(
        "a function that is not listed beside them is missing",
        lambda: named(BEYOND, ("libc", "number", "inner"), ("again",)),
        wrong("config-names-missing", "component.imports", "`log`"),
    ),
    case("all of them may be listed", lambda: named(BEYOND, ("libc", "number", "inner", "log"), ("again",))),
    case(
        "names in a form that can't be read were not compared",
        lambda: named(UNREADABLE, ("a",)),
        wrong("config-names-unread", "component", "\na policy may make it a note"),
    ),
    case(
        "a policy may make a note of names in a form that can't be read",
        lambda: artifact(
            UNREADABLE, config_of(UNREADABLE, ("a",)), policy=Policy(levels={"config-names-unread": Level.NOTE})
        ),
        odd("config-names-unread", "component"),
    ),
    case(
        "a core module whose imports can't be read has no names to compare",
        lambda: artifact(MODULE + section(2, b"\1\7")),
    ),
    case(
        "names are not compared where the config does not state them",
        lambda: artifact(TWO_AND_TWO, wasm_config(TWO_AND_TWO) | {"component": {"imports": ["a:b/c", "a:b/d"]}}),
        wrong("config-schema", "component.exports"),
    ),
)

CASES: Final[tuple[Case, ...]] = (*SHAPES, *MEMBERS, *FIELDS, *NAMES_CASES)
