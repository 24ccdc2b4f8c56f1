"""Hand-made worst cases: each is validated within 100 MB and bounded time, at rest two seconds, whatever it says."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from packaging_kit import Form, LayoutPlace
from packaging_kit.digest import Digest
from packaging_kit.document import dump_json
from packaging_kit.engines.choice import EngineChoice
from packaging_kit.limits import KIB, MAX_DEPTH, MAX_MANIFEST_SIZE, MIB
from packaging_kit.oci.media_types import (
    EMPTY,
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    SKELETON,
    SKELETON_ARTIFACT,
    SPLIT_INDEX,
    WASM,
    WASM_CONFIG,
    WHOLE_CONFIG,
    WHOLE_MANIFEST,
)
from packaging_kit.operations.validate import ValidateOptions, validate_place
from packaging_kit.stores.memory import MemoryStore
from packaging_kit.validate.upload import validate_upload
from tests.layouts import Entry, Json, entries, read_document
from tests.repositories import SETTINGS, pack
from tests.strategies import (
    COMPONENT,
    CORE_MODULE,
    MODULES,
    component,
    custom,
    external,
    leb128,
    module,
    section,
    sha256,
    text,
    tower,
    vector,
)
from tests.strategies import SKELETON as SKELETON_PREAMBLE
from tests.test_copy import CountingLayout
from tests.worst_cases import Make, Upload, digests, measure, repeated

# The slowest take 1.6 s of the processor at rest, and other tests run beside them: what is not bounded takes far more.
SECONDS: Final = 6
MEMORY: Final = 100_000_000
_LICENSES: Final = "org.opencontainers.image.licenses"


def _raw(raw: bytes) -> Make:
    return lambda upload: upload.top(raw, IMAGE_MANIFEST)


def _filled(piece: bytes, before: bytes = b"[", after: bytes = b"0]") -> Make:
    """A manifest of 4 MiB."""
    return lambda upload: upload.top(repeated(piece, MAX_MANIFEST_SIZE, before, after), IMAGE_MANIFEST)


def _text(value: str) -> Make:
    return _raw(value.encode())


def _many(form: str, count: int) -> str:
    return ",".join(form.replace("#", str(number)) for number in range(count))


TEXTS: Final[dict[str, tuple[Make, str]]] = {
    "empty objects": (_filled(b"{},"), "document-too-large"),
    "200,000 empty objects": (_filled(b"{}" + b" " * 18 + b","), "json-not-an-object"),
    "200,000 objects of one member": (_filled(b'{"":0}' + b" " * 14 + b","), "json-not-an-object"),
    "all that is odd among millions": (
        _filled(b"0,", b"[", b'NaN,9999999999999999999,{"":0,"":0}]'),
        "json-number-invalid",
    ),
    "500,000 empty arrays": (_filled(b"[]      ,"), "json-not-an-object"),
    "objects of one member": (_filled(b'{"":0},'), "document-too-large"),
    "objects that repeat a name": (_raw(repeated(b'{"":0,"":0},', 2_400_000, b"[", b"0]")), "json-duplicate-name"),
    "empty arrays": (_filled(b"[],"), "document-too-large"),
    "arrays at 63 levels": (_filled(b"[" * 63 + b"]" * 63 + b","), "document-too-large"),
    "1,000 levels": (_raw(b"[" * 1000 + b"]" * 1000), "json-too-deep"),
    "4 MiB of opening brackets": (_filled(b"[", b"", b""), "json-too-deep"),
    "commas alone": (_filled(b",", b"", b""), "json-syntax"),
    "commas in an array": (_filled(b",", b"[", b""), "json-syntax"),
    "quotes": (_filled(b'"', b"", b""), "json-trailing-data"),
    "backslashes in a text": (_filled(b"\\", b'"', b""), "json-syntax"),
    "spaces": (_filled(b" ", b"", b""), "json-syntax"),
    "spaces after an object": (_filled(b" ", b"{}", b""), "document-schema"),
    "one text": (_filled(b"a", b'"', b'"'), "json-not-an-object"),
    "one text of wide characters": (_filled(b"a", '"\U0001f600'.encode(), b'"'), "json-not-an-object"),
    "texts of one wide character": (_filled('"\U0001f600",'.encode()), "json-not-an-object"),
    "empty texts": (_filled(b'"",'), "json-not-an-object"),
    "different texts": (_text(f"[{_many(chr(34) + '#' + chr(34), 400_000)}]"), "json-not-an-object"),
    "zeros": (_filled(b"0,"), "json-not-an-object"),
    "integers of three digits": (_filled(b"999,"), "json-not-an-object"),
    "floats": (_filled(b"1e9,"), "json-not-an-object"),
    "numbers that are none": (_filled(b"NaN,"), "json-number-invalid"),
    "one that is none among millions": (_filled(b"0,", b"[", b"NaN]"), "json-number-invalid"),
    "integers of 99 digits": (_filled(b"9" * 99 + b","), "json-integer-too-large"),
    "digits alone": (_filled(b"1", b"", b""), "json-integer-too-large"),
    "digits after a point": (_filled(b"1", b"1.", b""), "json-not-an-object"),
    "halves of surrogate pairs in one text": (_filled(rb"\ud800", b'"', b'"'), "json-lone-surrogate"),
    "texts of half a surrogate pair": (_filled(rb'"\ud800",'), "json-lone-surrogate"),
    "a name of halves of surrogate pairs": (_filled(rb"\ud800", b'{"', b'":0}'), "json-lone-surrogate"),
    "100,000 repeated names": (
        _text(f"{{{_many('%n#%:0,%n#%:1'.replace('%', chr(34)), 100_000)}}}"),
        "json-duplicate-name",
    ),
    "a name of 2 MiB above numbers": (
        _raw(b'{"' + b"k" * 2 * MIB + b'":[' + b"0," * (1 << 19) + b"NaN]}"),
        "json-number-invalid",
    ),
    "a name of 2 MiB above repeated names": (
        _raw(b'{"' + b"k" * 2 * MIB + b'":[' + b'{"":0,"":0},' * 100_000 + b"0]}"),
        "json-duplicate-name",
    ),
    "what is not UTF-8": (_filled(b"\xff", b'"', b'"'), "json-not-utf8"),
    "half a document of wide characters": (_filled("\U0001f600".encode(), b'{"a":"', b""), "json-syntax"),
}
"""Manifests as bytes, and a code that each gives."""

DIGESTS: Final = tuple(digests(10_000))


def _descriptor(number: int, **fields: Json) -> Json:
    return {"mediaType": "a/b", "digest": DIGESTS[number % len(DIGESTS)], "size": number, **fields}


def _layers(make: Callable[[int], Json], count: int = 10_000, **fields: Json) -> Make:
    return lambda upload: upload.name_top(upload.manifest(*map(make, range(count)), **fields))


def _annotated(**annotations: str) -> Make:
    return _layers(_descriptor, 1, annotations=annotations)


_WRONG: Final = {
    **{"mediaType": "bad \u202e", "digest": "SHA256:zz", "size": -1, "urls": [0], "data": "!", "artifactType": 3},
    **{"annotations": {"": 1, "a b": "", _LICENSES: "((", " ": 2}, "platform": {}},
}


def _wrong_in_other_ways(number: int) -> Json:
    digest = "sha256:" + "A" * 63
    return _descriptor(number, size=True, digest=digest, urls=["a"], data="e30=", annotations={"a b": ""})


DOCUMENTS: Final[dict[str, tuple[Make, str]]] = {
    "10,000 descriptors that are wrong in every way": (_layers(lambda _: _WRONG), "document-schema"),
    "10,000 that are wrong in others": (_layers(_wrong_in_other_ways), "digest-length"),
    "10,000 with members that nobody knows": (
        _layers(partial(_descriptor, other=[], platform={"architecture": "", "os": "", "features": [""]})),
        "not-found",
    ),
    "10,000 with twenty URLs each": (_layers(partial(_descriptor, urls=["a"] * 20)), "descriptor-urls"),
    "10,001 descriptors": (_layers(_descriptor, 10_001), "document-too-many-entries"),
    "two million layers that are none": (_filled(b"0,", b'{"schemaVersion":2,"layers":[', b"0]}"), "document-schema"),
    "10,000 manifests that are missing": (
        lambda upload: upload.name_top(
            upload.index(*(_descriptor(n, mediaType=IMAGE_MANIFEST) for n in range(10_000)))
        ),
        "not-found",
    ),
    "10,000 wrong entries in an index": (
        lambda upload: upload.name_top(upload.index(*[_WRONG] * 10_000)),
        "digest-form",
    ),
    "100,000 annotations": (_annotated(**{f"k{n}": "" for n in range(100_000)}), "annotation-key-unqualified"),
    "100,000 annotations that are no texts": (
        _layers(_descriptor, 1, annotations={f"a.b{n}": 0 for n in range(100_000)}),
        "document-schema",
    ),
    "90,000 reserved annotations": (
        _annotated(**{f"org.opencontainers.image.{n}": "" for n in range(90_000)}),
        "annotation-key-reserved",
    ),
    "1,000 annotation keys of 4 KB": (
        _annotated(**{f"{'k' * 4000}{n}": "" for n in range(1000)}),
        "annotation-key-unqualified",
    ),
    "an annotation key of a million parts": (_annotated(**{"a." * 1_900_000 + "!": ""}), "media-type-unexpected"),
    "annotation keys that match slowly": (
        _annotated(**{"a" * MIB: "", "a.a" * 300_000 + "!": "", "a." * 500_000 + "!": ""}),
        "annotation-key-unqualified",
    ),
    "an annotation key of 3 MB": (_annotated(**{"k k" * MIB: ""}), "annotation-key-invalid"),
    "a license expression in 100,000 parentheses": (
        _annotated(**{_LICENSES: f"{'(' * 100_000}{'A' * MIB}{')' * 100_000}"}),
        "annotation-licenses-invalid",
    ),
    "a license expression of 100,000 parentheses": (
        _annotated(**{_LICENSES: f"{'(' * 49_999}A{')' * 49_999}"}),
        "media-type-unexpected",
    ),
    "license expressions of 4 MB": (_annotated(**{_LICENSES: "A OR " * 800_000 + "A"}), "annotation-licenses-invalid"),
    "a time of 4 MB": (
        _annotated(**{"org.opencontainers.image.created": f"2026-01-01T00:00:00.{'1' * 4_000_000}"}),
        "annotation-created-invalid",
    ),
    "a URL of 4 MB without a scheme": (
        _annotated(**{"org.opencontainers.image.source": "a" * 4_000_000}),
        "annotation-url-invalid",
    ),
    "embedded content of 4 MB": (_layers(partial(_descriptor, data="A" * 4_000_000), 1), "data-mismatch"),
    "a digest of 4 MB": (_layers(partial(_descriptor, digest="a+" * 2_000_000 + ":0"), 1), "digest-form"),
    "a media type of 4 MB": (_layers(partial(_descriptor, mediaType="a" * 4_000_000), 1), "media-type-form"),
}
"""Documents, and a code that each gives."""


def _config(*, imports: Json = (), exports: Json = (), target: Json = None, **fields: Json) -> Json:
    described = {"exports": list(exports), "imports": list(imports), "target": target}
    fixed = {"created": "1970-01-01T00:00:00Z", "author": None, "architecture": "wasm", "os": "wasip2"}
    return {**fixed, "layerDigests": [], "component": described, **fields}


def _artifact(data: Callable[[], bytes] | bytes, config: Callable[[], Json] = _config, **fields: Json) -> Make:
    """A Wasm artifact, which is made when it is asked for: sixty of these are too many to keep."""
    return lambda upload: upload.name_top(upload.wasm(data if isinstance(data, bytes) else data(), config(), **fields))


def _imports(count: int, name: str = "a:b/i#") -> bytes:
    """A section of imports."""
    names = (text(name.replace("#", str(number))) for number in range(count))
    return section(10, vector(*(b"\0" + each + b"\x05\0" for each in names)))


def _importing(count: int, name: str = "a:b/i#") -> Callable[[], bytes]:
    return lambda: component(_imports(count, name))


def _names(count: int) -> list[str]:
    return [f"a:b/i{number}" for number in range(count)]


def _title(title: str) -> Make:
    def make(upload: Upload) -> None:
        layer = upload.blob(component(), WASM) | {"annotations": {"org.opencontainers.image.title": title}}
        upload.name_top(upload.manifest(layer, config=upload.blob(json.dumps(_config()).encode(), WASM_CONFIG)))

    return make


_WIT_EXPORT: Final = section(11, vector(b"\0" + text("a:b/c") + b"\x03\0\0"))
_METADATA: Final = ("version", "description", "source", "homepage", "authors", "revision", "licenses")


def _said(size: int) -> bytes:
    """The custom sections that become annotations; one wide character makes all of a text wide."""
    return b"".join(custom(name, "a:\U0001f600".encode() + b"a" * size) for name in _METADATA)


ARTIFACTS: Final[dict[str, tuple[Make, str]]] = {
    "a config with 200,000 names": (
        _artifact(component(), lambda: _config(imports=_names(100_000), exports=_names(100_000))),
        "config-names-extra",
    ),
    "a config with 200,000 names and a number": (
        _artifact(component(), lambda: _config(imports=_names(200_000), exports=[0])),
        "config-schema",
    ),
    "a config with 100,000 numbers for names": (
        _artifact(component(), lambda: _config(imports=[0] * 100_000)),
        "config-schema",
    ),
    "a component with 100,000 imports": (_artifact(_importing(100_000)), "config-names-missing"),
    "one that lists them backwards": (
        _artifact(_importing(100_000), lambda: _config(imports=_names(100_000)[::-1])),
        "config-names-order",
    ),
    "a million imports in ten sections": (
        _artifact(lambda: component(*[_imports(100_000, "")] * 10)),
        "config-names-unread",
    ),
    "eight million imports": (_artifact(lambda: component(*[_imports(100_000, "")] * 78)), "config-names-unread"),
    "imports with names of 100,000 bytes": (
        _artifact(_importing(40, "a" * 99_990 + "#")),
        "config-names-missing",
    ),
    "a target that matches slowly": (
        _artifact(component(), lambda: _config(target="a:b/c@1.0.0-" + "1" * 90_000 + "!")),
        "config-target-invalid",
    ),
    "a target of many words": (
        _artifact(component(), lambda: _config(target="a:b/" + "1a-" * 30_000)),
        "config-target-invalid",
    ),
    "a target of 4 MB": (_artifact(component(), lambda: _config(target="a-" * 2_000_000)), "config-target-invalid"),
    "titles of 4 MB": (_title("a" * 4_000_000), "layer-title-unsafe"),
    "a title that is nearly a device": (_title("con" + " " * 1_000_000 + "x"), "layer-title-unsafe"),
    "31 MiB of one custom section": (
        _artifact(lambda: component(custom("x", bytes(31 * MIB)), section(1, module(5000)))),
        "config-layer-digests",
    ),
    "40 MiB of custom sections": (
        _artifact(lambda: component(*[custom("x", bytes(4 * MIB))] * 10)),
        "wasm-too-large",
    ),
    "a core module of 60 MiB, in sections of two bytes": (
        _artifact(lambda: CORE_MODULE + b"\0\0" * (30 * MIB)),
        "wasm-too-large",
    ),
    "a core module of 60 MiB, in sections of three": (
        _artifact(lambda: CORE_MODULE + b"\0\1\0" * (20 * MIB)),
        "wasm-too-large",
    ),
    "a module of 60 MiB in a component, in sections of two bytes": (
        _artifact(lambda: component(section(1, CORE_MODULE + b"\0\0" * (30 * MIB)))),
        "wasm-too-large",
    ),
    "7,000 modules with 100 sections each": (
        _artifact(lambda: component(*[section(1, CORE_MODULE + b"\0\x29" + bytes(41) * 100)] * 7_000)),
        "wasm-too-large",
    ),
    "7,000 modules between sections that nobody knows": (
        _artifact(lambda: component(*[section(1, module(4096)), b"\x63\0"] * 7_000)),
        "section-unknown",
    ),
    "imports of a core module in 60 MiB of sections": (
        _artifact(lambda: CORE_MODULE + section(2, bytes(4 * MIB)) * 15),
        "config-os",
    ),
    "100,000 imports of a core module": (
        _artifact(lambda: CORE_MODULE + section(2, leb128(100_000) + b"\1a\1b\0\0" * 100_000)),
        "config-os",
    ),
    "a core module that says 4 MiB seven times": (
        _artifact(lambda: CORE_MODULE + _said(4 * MIB - 20)),
        "metadata-invalid",
    ),
    "a component that says 4 MiB seven times": (
        _artifact(lambda: component(_said(4 * MIB - 20))),
        "metadata-invalid",
    ),
}
"""Wasm artifacts, and a code that each gives."""

BINARIES: Final[dict[str, tuple[Make, str]]] = {
    "a million empty custom sections": (lambda upload: upload.binary(COMPONENT, b"\0\0" * 1_000_000), "wasm-too-large"),
    "15 million of them": (lambda upload: upload.binary(COMPONENT, b"\0\0" * (15 * MIB)), "wasm-too-large"),
    "15 million of them, nested": (
        lambda upload: upload.binary(component(section(4, COMPONENT + b"\0\0" * (15 * MIB)))),
        "wasm-too-large",
    ),
    "260,000 sections that nobody knows": (
        lambda upload: upload.binary(COMPONENT, b"\x63\0" * 260_000),
        "section-unknown",
    ),
    "1,000 levels": (lambda upload: upload.binary(tower(MAX_DEPTH)), ""),
    "1,001 levels": (lambda upload: upload.binary(tower(MAX_DEPTH + 1)), "wasm-too-deep"),
    "a million levels": (lambda upload: upload.binary(COMPONENT, _levels(1_000_000)), "wasm-malformed"),
    "types of types in 30 MB": (
        lambda upload: upload.binary(
            component(*[section(7, vector(b"\x41" + leb128(50_000) + b"\x01\x42\0" * 50_000))] * 200, _WIT_EXPORT)
        ),
        "",
    ),
    "100,000 types in a WIT package": (
        lambda upload: upload.binary(
            component(*[section(7, vector(b"\x41" + leb128(50_000) + b"\x01\x42\0" * 50_000))] * 2, _WIT_EXPORT)
        ),
        "",
    ),
    "8 million aliases": (
        lambda upload: upload.binary(
            component(*[section(6, leb128(100_000) + b"\x03\x02\0\0" * 100_000)] * 78, _WIT_EXPORT)
        ),
        "",
    ),
    "names that match slowly": (
        lambda upload: upload.binary(
            component(
                section(11, vector(*[b"\0" + text("a:b/c@1.0.0-" + "1" * 99_000 + "!") + b"\x03\0\0"] * 40)),
            )
        ),
        "",
    ),
}
"""Binaries by themselves, and a code that each gives; none where it gives no error."""


def _levels(count: int) -> bytes:
    """Component sections inside each other, each of which claims all that the largest may."""
    return (b"\x04\xff\xff\xff\xff\x07" + COMPONENT) * (count // 10)


def _skeletons(upload: Upload, root: bytes, *others: bytes, whole: bytes = b"") -> Entry:
    """A skeleton artifact with these skeletons, which says that it stands for `whole`."""
    skeletons = [upload.blob(each, SKELETON) for each in (root, *(each for each in others if _is_skeleton(each)))]
    for each in others:
        upload.blob(each)
    layer = {"mediaType": WASM, "digest": Digest.of(whole).value, "size": len(whole)}
    config = upload.blob(json.dumps(_config()).encode(), WHOLE_CONFIG)
    manifest = upload.manifest(layer, config=config | {"mediaType": WASM_CONFIG})
    layers = (*skeletons, config, manifest | {"mediaType": WHOLE_MANIFEST})
    return upload.manifest(*layers, config=upload.blob(b"{}", EMPTY), artifactType=SKELETON_ARTIFACT)


def _split(root: bytes, *others: bytes) -> Make:
    return lambda upload: upload.name_top(_skeletons(upload, root, *others))


def _is_skeleton(data: bytes) -> bool:
    return data.startswith(SKELETON_PREAMBLE)


def _doubling(levels: int, times: int) -> tuple[bytes, ...]:
    """Skeletons, the root first, each of which names the next one `times` times: a module in the power of that."""
    skeletons = [SKELETON_PREAMBLE + external(1, len(MODULES[0]), sha256(MODULES[0])) * times]
    size = 8 + times * (len(MODULES[0]) + 3)
    for _ in range(levels):
        skeletons.insert(0, SKELETON_PREAMBLE + external(4, size, sha256(skeletons[0])) * times)
        size = 8 + times * (size + 1 + len(leb128(size)))
    return *skeletons, MODULES[0]


SPLITS: Final[dict[str, tuple[Make, str]]] = {
    "a few kB that stand for terabytes": (_split(*_doubling(2, 100)[:3], MODULES[0]), "skeleton-too-large"),
    "a few kB that stand for a million spans": (_split(*_doubling(1, 1000)), "skeleton-too-large"),
    "20 levels that double": (_split(*_doubling(19, 2)), "skeleton-too-large"),
    "10,000 skeletons that are missing": (
        lambda upload: upload.name_top(
            upload.manifest(
                *(_descriptor(n, mediaType=SKELETON) for n in range(9_998)),
                _descriptor(1, mediaType=WHOLE_CONFIG),
                _descriptor(2, mediaType=WHOLE_MANIFEST),
                config=upload.blob(b"{}", EMPTY),
                artifactType=SKELETON_ARTIFACT,
            )
        ),
        "not-found",
    ),
    "60,000 externals that are missing": (
        _split(SKELETON_PREAMBLE + external(1, 4096, bytes(32)) * 60_000),
        "fragment-missing",
    ),
    "a skeleton of 15 MiB": (
        _split(
            SKELETON_PREAMBLE + custom("x", bytes(15 * MIB)) + external(1, len(MODULES[0]), sha256(MODULES[0])),
            MODULES[0],
        ),
        "split-whole-mismatch",
    ),
    "a skeleton of 17 MiB": (
        _split(SKELETON_PREAMBLE + custom("x", bytes(17 * MIB)) + external(1, len(MODULES[0]), sha256(MODULES[0]))),
        "wasm-too-large",
    ),
    "a module of 1 MiB that stands for 8 GiB": (
        _split(SKELETON_PREAMBLE + external(1, MIB, sha256(module(MIB))) * 8_000, module(MIB)),
        "skeleton-too-large",
    ),
    "60,000 externals of one module": (
        _split(SKELETON_PREAMBLE + external(1, len(MODULES[0]), sha256(MODULES[0])) * 60_000, MODULES[0]),
        "skeleton-too-large",
    ),
    "a module of 4 KiB that stands for 60 MiB": (
        _split(SKELETON_PREAMBLE + external(1, len(MODULES[0]), sha256(MODULES[0])) * 16_000, MODULES[0]),
        "core-module-malformed",
    ),
    "500,000 externals that are missing": (
        _split(SKELETON_PREAMBLE + external(1, 4096, bytes(32)) * 500_000),
        "wasm-too-large",
    ),
}
"""Splits, and a code that each gives."""


def _one_config(upload: Upload) -> None:
    """An index of 100 manifests with one config of 3 MB."""
    config = upload.blob(json.dumps(_config(imports=_names(200_000))).encode(), WASM_CONFIG)
    layer = upload.blob(component(), WASM)
    manifests = [upload.manifest(layer, config=config, annotations={"a.b": str(n)}) for n in range(100)]
    upload.name_top(upload.index(*manifests))


def _one_layer(upload: Upload) -> None:
    """An index of 100 manifests with one component of 100,000 imports."""
    config = upload.blob(json.dumps(_config()).encode(), WASM_CONFIG)
    layer = upload.blob(component(_imports(100_000)), WASM)
    manifests = [upload.manifest(layer, config=config, annotations={"a.b": str(n)}) for n in range(100)]
    upload.name_top(upload.index(*manifests))


def _long_names(upload: Upload) -> None:
    """An index of 1,000 manifests with one component of 40 imports of 100 kB."""
    config = upload.blob(json.dumps(_config()).encode(), WASM_CONFIG)
    layer = upload.blob(component(_imports(40, "a:b/" + "i" * 99_900 + "#")), WASM)
    manifests = [upload.manifest(layer, config=config, annotations={"a.b": str(n)}) for n in range(1000)]
    upload.name_top(upload.index(*manifests))


def _other_sizes(upload: Upload) -> None:
    """An index whose entries name one document, each with another size than it has."""
    document = upload.blob(b" " * (4 * MIB - 2000), IMAGE_MANIFEST)
    entries = [{**document, "size": int(document["size"]) + 1 + n} for n in range(1000)]
    upload.name_top(upload.index(*entries))


def _index(make: Callable[[Upload, int], Entry], count: int) -> Make:
    """An index of so many, which says what it is, so that nobody takes it for a split index."""
    return lambda upload: upload.name_top(upload.index(*(make(upload, n) for n in range(count)), artifactType="a/b"))


def _around(sections: bytes, *others: bytes) -> Callable[[Upload, int], Entry]:
    """Different skeletons with these sections, and what those name."""

    def make(upload: Upload, number: int) -> Entry:
        root = SKELETON_PREAMBLE + custom("n", str(number).encode()) + sections
        return _skeletons(upload, root, *(() if number else others))

    return make


def _nested(skeleton: bytes) -> Make:
    return _index(_around(external(4, 8, sha256(skeleton)), skeleton), 30)


def _large(times: int, size: int, count: int) -> Make:
    """Splits that put one module of 16 MiB together so many times, and say that it has `size` bytes."""

    def make(upload: Upload) -> None:
        large = module(16 * MIB)
        _index(_around(external(1, size, sha256(large)) * times, large), count)(upload)

    return make


def _one_whole(upload: Upload) -> None:
    """A split of 240 MiB, and 100 manifests that say that it stands for other bytes."""
    large = module(16 * MIB)
    root = SKELETON_PREAMBLE + external(1, len(large), sha256(large)) * 15
    upload.blob(large)
    _index(lambda upload, n: _skeletons(upload, root, whole=str(n).encode()), 100)(upload)


def _component(*sections: bytes) -> Callable[[Upload, int], Entry]:
    return lambda upload, n: upload.wasm(component(custom("n", str(n).encode()), *sections), _config())


AGAIN: Final[dict[str, tuple[Make, str]]] = {
    "one module of 16 MiB in 30 splits": (_large(15, 16 * MIB, 30), "skeleton-too-large"),
    "one module of 16 MiB in 200 splits that say that it has 4 KiB": (_large(1, 4 * KIB, 200), "skeleton-too-large"),
    "one split of 240 MiB under 100 manifests": (_one_whole, "skeleton-too-large"),
    "one skeleton of 15 MiB inside 30 others": (
        _nested(SKELETON_PREAMBLE + custom("x", bytes(15 * MIB))),
        "skeleton-too-large",
    ),
    "one skeleton of 30,000 externals inside 30 others": (
        _nested(SKELETON_PREAMBLE + external(1, 4096, bytes(32)) * 30_000),
        "skeleton-too-large",
    ),
    "8 components of 20 MiB outside of modules": (
        _index(_component(custom("x", bytes(20 * MIB))), 8),
        "config-layer-digests",
    ),
    "7 components of 90,000 imports": (_index(_component(_imports(90_000)), 7), "wasm-too-large"),
    "one config of 3 MB in 100 manifests": (_one_config, "document-invalid"),
    "one component of 100,000 imports in 100 manifests": (_one_layer, "document-invalid"),
    "one component of long names in 1,000 manifests": (_long_names, "document-invalid"),
    "one document of 4 MiB that 1,000 entries say is larger": (_other_sizes, "size-mismatch"),
}
"""What is small and looked at many times, and a code that each gives."""

CASES: Final = {**TEXTS, **DOCUMENTS, **ARTIFACTS, **BINARIES, **SPLITS, **AGAIN}

POLICIES: Final[dict[str, tuple[str, Make]]] = {
    "100 patterns for beginnings": (
        f'[imports]\nallow = ["a:*"]\ndeny = {json.dumps([f"x{n}:*" for n in range(100)])}',
        _artifact(_importing(100_000)),
    ),
    "100 patterns for what is inside": (
        f'[imports]\nallow = ["a:*"]\ndeny = {json.dumps([f"*x{n}*" for n in range(100)])}',
        _artifact(_importing(100_000)),
    ),
    "patterns of twenty stars for long names": (
        f"[imports]\ndeny = {json.dumps(['*a*' * 20 + str(n) for n in range(20)])}",
        _artifact(_importing(40, "a" * 99_990 + "#")),
    ),
    "700 licenses": (
        f"[licenses]\nallow = {json.dumps([f'L-{n}' for n in range(700)])}",
        _artifact(component(), annotations={_LICENSES: "A OR " * 19_000 + "A"}),
    ),
}
"""Policies, and what is held against them."""


@pytest.mark.parametrize("name", CASES)
def test_worst_case_is_validated_in_bounded_time_and_memory(name: str, tmp_path: Path) -> None:
    make, code = CASES[name]

    measured = measure(make, tmp_path)

    assert measured.growth < MEMORY
    assert measured.seconds < SECONDS
    assert (code in measured.codes or measured.unlisted) if code else measured.is_clean
    assert measured.size < 4 * MIB


@pytest.mark.parametrize("form", [Form.MAPPED, Form.SPLIT])
def test_component_of_many_sections_that_stand_for_nothing_is_clean_in_every_form(form: Form, tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path, tag="v1")
    pack(place, component(section(1, MODULES[0]), *[custom("x", b"")] * 100_000), form, "v1")
    report = validate_place(place, ValidateOptions(engine=EngineChoice.NONE), SETTINGS)

    assert [problem for problem in report.problems if problem.code != "core-module-malformed"] == []
    assert len(report.binaries) == 1


@pytest.mark.parametrize("name", POLICIES)
def test_worst_case_is_held_against_a_policy_in_bounded_time_and_memory(name: str, tmp_path: Path) -> None:
    policy, make = POLICIES[name]

    measured = measure(make, tmp_path, policy)

    assert measured.growth < MEMORY
    assert measured.seconds < SECONDS


def test_fragment_that_many_split_indexes_name_is_read_once(tmp_path: Path) -> None:
    place = LayoutPlace(folder=tmp_path, tag="v1")
    pack(place, component(section(1, MODULES[0])), Form.BOTH, "v1")
    upload = Upload(tmp_path)
    (split,) = (entry for entry in entries(tmp_path) if entry.get("artifactType") == SPLIT_INDEX)
    split_index = read_document(tmp_path, split)
    copies = [upload.blob(dump_json(split_index | {"annotations": {"a.b": str(n)}}), IMAGE_INDEX) for n in range(20)]
    index = dump_json({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "artifactType": "a/b", "manifests": copies})
    store = CountingLayout(tmp_path)
    store.read = []
    report = validate_upload(index, IMAGE_INDEX, store)

    assert [problem.code for problem in report.problems].count("split-document-bytes") == len(copies)
    assert store.read.count(Digest.of(MODULES[0])) == 1


ENGINE: Final[dict[str, tuple[Make, str]]] = {
    "types of types in 30 MB": BINARIES["types of types in 30 MB"],
    "a MiB of types": (
        lambda upload: upload.binary(component(section(7, vector(*[b"\x72\x01\x01a\x7f"] * 200_000)))),
        "",
    ),
    "a component with 100,000 imports": ARTIFACTS["a component with 100,000 imports"],
    "1,000 levels": BINARIES["1,000 levels"],
}
"""Binaries that an engine judges in the same process."""


@pytest.mark.parametrize("name", ENGINE)
def test_worst_case_is_judged_in_bounded_time_and_memory(name: str, tmp_path: Path) -> None:
    make, _ = ENGINE[name]

    measured = measure(make, tmp_path, engine="wasmtime")

    assert measured.growth < 2 * MEMORY
    assert measured.seconds < SECONDS
    assert measured.is_clean or measured.codes


def test_documents_that_are_missing_do_not_count_as_read() -> None:
    entries = [_descriptor(number, mediaType=IMAGE_MANIFEST) | {"size": MAX_MANIFEST_SIZE} for number in range(50)]
    index = json.dumps({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": entries}).encode()
    report = validate_upload(index, IMAGE_INDEX, MemoryStore())

    assert [problem.code for problem in report.problems] == ["not-found"] * 50


def test_documents_that_are_read_are_counted_and_each_that_is_too_many_is_told() -> None:
    store = MemoryStore()
    layer = {"mediaType": WASM, "digest": store.write_blob((component(),)).digest.value, "size": 8}
    entries = []
    for number in range(7):
        value = {"schemaVersion": 2, "mediaType": IMAGE_MANIFEST, "config": layer, "layers": [layer]}
        raw = json.dumps(value | {"annotations": {"a.b": str(number) * 3 * MIB}}).encode()
        blob = store.write_blob((raw,))
        entries.append({"mediaType": IMAGE_MANIFEST, "digest": blob.digest.value, "size": blob.size})
    index = json.dumps({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": entries}).encode()
    report = validate_upload(index, IMAGE_INDEX, store)
    refused = [problem.where.digest for problem in report.errors if problem.code == "document-invalid"]

    assert [digest.value for digest in refused if digest] == [
        entry["digest"] for entry in entries[4:]
    ]  # the first is read twice
