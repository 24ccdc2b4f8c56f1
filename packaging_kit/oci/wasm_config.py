"""The Wasm config of the CNCF "Wasm OCI Artifact layout" (docs/format.md, "Wasm config")."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from packaging_kit.digest import Digest
from packaging_kit.document import Document, parse_json
from packaging_kit.errors import DocumentError, RequestError
from packaging_kit.oci.fields import Fields

EPOCH: Final = "1970-01-01T00:00:00Z"

_RFC_3339 = re.compile(
    r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])[Tt](?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60)(?:\.\d+)?"
    r"(?:[Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentConfig:
    """The `component` field: what a component's top level says.

    Attributes:
        exports: names.
        imports: names.
        target: the world it was made for, or `None`.
    """

    exports: tuple[str, ...]
    imports: tuple[str, ...]
    target: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WasmConfig:
    """One Wasm config.

    Attributes:
        created: RFC 3339.
        author: whoever made it, or `None`.
        layer_digests: of the manifest's layers.
        component: `None` for a core module.
    """

    created: str
    author: str | None
    layer_digests: tuple[Digest, ...]
    component: ComponentConfig | None

    @property
    def os(self) -> str:
        return "wasip1" if self.component is None else "wasip2"

    def to_document(self) -> Document[WasmConfig]:
        """Compact, in this order, nulls kept: the bytes that other tools write and need to read."""
        component = self.component
        value: dict[str, Any] = {
            "created": self.created,
            "author": self.author,
            "architecture": "wasm",
            "os": self.os,
            "layerDigests": [digest.value for digest in self.layer_digests],
            "component": component
            and {
                "exports": list(component.exports),
                "imports": list(component.imports),
                "target": component.target,
            },
        }
        return Document(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(), self)


def parse_wasm_config(raw: bytes) -> Document[WasmConfig]:
    """Read a Wasm config.

    Raises:
        DocumentError: `document-invalid`, `document-too-large`.
    """
    fields = Fields(parse_json(raw))
    component = None
    if fields.values.get("component") is not None:
        inner = fields.object("component")
        component = ComponentConfig(
            exports=inner.texts("exports"), imports=inner.texts("imports"), target=inner.optional_text("target")
        )
    config = WasmConfig(
        created=fields.text("created"),
        author=fields.optional_text("author"),
        layer_digests=tuple(_digest(fields, text) for text in fields.texts("layerDigests")),
        component=component,
    )
    return Document(raw, config)


def check_created(text: str) -> str:
    """`text`, where it is an RFC 3339 date and time.

    Raises:
        RequestError: `created-invalid`.
    """
    try:
        if _RFC_3339.fullmatch(text):
            date.fromisoformat(text[:10])
            return text
    except ValueError:
        pass  # a form that is right, of a day that no month has
    raise RequestError("created-invalid", f"`{text}` is not an RFC 3339 time", hint=f"as in {EPOCH}")


def is_created(text: str) -> bool:
    """Whether `text` is an RFC 3339 date and time."""
    try:
        check_created(text)
    except RequestError:
        return False
    return True


def _digest(fields: Fields, text: str) -> Digest:
    try:
        return Digest(text)
    except RequestError as exc:
        raise DocumentError("document-invalid", exc.message, json_path=fields.at("layerDigests")) from exc
