"""The Wasm config, byte for byte, and the times that it may hold."""

from __future__ import annotations

from typing import Any

import pytest

from packaging_kit.digest import Digest
from packaging_kit.document import dump_json
from packaging_kit.errors import DocumentError, RequestError
from packaging_kit.oci.wasm_config import EPOCH, ComponentConfig, WasmConfig, check_created, parse_wasm_config

DIGEST = Digest("sha256:" + "0a" * 32)

EXAMPLE = (
    b'{"created":"1970-01-01T00:00:00Z","author":null,"architecture":"wasm","os":"wasip2",'
    b'"layerDigests":["sha256:' + b"0a" * 32 + b'"],"component":{'
    b'"exports":["wasi:http/incoming-handler@0.2.0"],"imports":["wasi:io/streams@0.2.0"],"target":null}}'
)
VALUE = WasmConfig(
    created=EPOCH,
    author=None,
    layer_digests=(DIGEST,),
    component=ComponentConfig(exports=("wasi:http/incoming-handler@0.2.0",), imports=("wasi:io/streams@0.2.0",)),
)


def test_component_config_has_the_bytes_that_other_tools_write() -> None:
    assert VALUE.to_document().raw == EXAMPLE


def test_core_module_config_says_wasip1_and_null() -> None:
    config = WasmConfig(created=EPOCH, author="A Ü", layer_digests=(DIGEST,), component=None)

    assert config.to_document().raw == (
        b'{"created":"1970-01-01T00:00:00Z","author":"A \xc3\x9c","architecture":"wasm","os":"wasip1",'
        b'"layerDigests":["sha256:' + b"0a" * 32 + b'"],"component":null}'
    )


def test_component_without_names_is_not_null() -> None:
    config = WasmConfig(
        created=EPOCH, author=None, layer_digests=(DIGEST,), component=ComponentConfig(exports=(), imports=())
    )

    assert b'"component":{"exports":[],"imports":[],"target":null}' in config.to_document().raw


def test_control_characters_are_escaped_and_other_characters_are_not() -> None:
    names = ComponentConfig(exports=('a"b\\c\n\x01',), imports=("größe",), target="w:w/w")
    raw = WasmConfig(created=EPOCH, author=None, layer_digests=(), component=names).to_document().raw

    assert '"exports":["a\\"b\\\\c\\n\\u0001"],"imports":["größe"],"target":"w:w/w"'.encode() in raw


def test_config_that_is_read_is_the_one_that_was_written() -> None:
    assert (parse_wasm_config(EXAMPLE).value, parse_wasm_config(EXAMPLE).raw) == (VALUE, EXAMPLE)


CONFIG: dict[str, Any] = {
    "created": EPOCH,
    "author": None,
    "architecture": "wasm",
    "os": "wasip2",
    "layerDigests": [DIGEST.value],
    "component": {"exports": [], "imports": [], "target": None},
}


@pytest.mark.parametrize(
    ("name", "value", "path"),
    [
        ("created", None, "created"),
        ("author", 7, "author"),
        ("layerDigests", None, "layerDigests"),
        ("layerDigests", ["sha256:0"], "layerDigests"),
        ("layerDigests", [7], "layerDigests"),
        ("component", [], "component"),
        ("component", {"exports": ["a"], "target": None}, "component.imports"),
        ("component", {"exports": "a", "imports": [], "target": None}, "component.exports"),
        ("component", {"exports": [1], "imports": [], "target": None}, "component.exports"),
        ("component", {"exports": [], "imports": [], "target": 7}, "component.target"),
    ],
)
def test_bad_config_is_refused_with_the_path_of_the_field(name: str, value: object, path: str) -> None:
    with pytest.raises(DocumentError) as error:
        parse_wasm_config(dump_json(CONFIG | {name: value}))

    assert (error.value.code, error.value.json_path) == ("document-invalid", path)


@pytest.mark.parametrize(
    "text",
    [
        "1970-01-01T00:00:00Z",
        "2026-02-28T23:59:60Z",
        "2024-02-29t12:00:00.123456789z",
        "2026-12-31T23:59:59.5+14:00",
        "0001-01-01T00:00:00-23:59",
    ],
)
def test_time_of_rfc_3339_is_taken_as_given(text: str) -> None:
    assert check_created(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "1970-01-01",
        "1970-01-01T00:00:00",
        "1970-01-01 00:00:00Z",
        "1970-01-01T00:00Z",
        "1970-1-1T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:61Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00+0100",
        "2026-01-01T00:00:00+24:00",
        "2026-01-01T00:00:00Z\n",
        " 2026-01-01T00:00:00Z",
        "٢٠٢٦-01-01T00:00:00Z",
        "20260101T000000Z",
    ],
)
def test_any_other_text_is_no_time(text: str) -> None:
    with pytest.raises(RequestError) as error:
        check_created(text)

    assert error.value.code == "created-invalid"
