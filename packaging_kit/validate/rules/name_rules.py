"""Rules over the names of members: some readers don't tell upper from lower case (Go's `encoding/json`)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from packaging_kit.validate.json_text import join
from packaging_kit.validate.rule import Finding, rule
from packaging_kit.validate.subjects import ConfigSubject
from packaging_kit.validate.values import DescriptorValue, DocumentValue

_DOCUMENT: Final = frozenset(
    ("schemaVersion", "mediaType", "artifactType", "config", "layers", "manifests", "subject", "annotations")
)
_DESCRIPTOR: Final = frozenset(
    ("mediaType", "digest", "size", "urls", "annotations", "data", "artifactType", "platform")
)
_PLATFORM: Final = frozenset(("architecture", "os", "os.version", "os.features", "variant", "features"))
_CONFIG: Final = frozenset(("created", "author", "architecture", "os", "layerDigests", "component"))
_COMPONENT: Final = frozenset(("exports", "imports", "target"))


@rule(
    "member-name-case",
    what="a member whose name is that of the specification but for upper and lower case",
    why="readers in Go take it for that member (encoding/json, Unmarshal), others pass it over: they see two documents",
    example='{"layers":[…],"Layers":[…]}',
)
def name_case(document: DocumentValue) -> Iterator[Finding]:
    yield from _findings(document.value, _DOCUMENT, "")


@rule("member-name-case", what=name_case.what, why=name_case.why, example='{"digest":"…","Digest":"…"}')
def descriptor_name_case(descriptor: DescriptorValue) -> Iterator[Finding]:
    yield from _findings(descriptor.value, _DESCRIPTOR, descriptor.path)
    platform = descriptor.value.get("platform")
    yield from _findings(platform if isinstance(platform, dict) else {}, _PLATFORM, descriptor.at("platform"))


@rule("member-name-case", what=name_case.what, why=name_case.why, example='{"os":"wasip1","OS":"wasip2"}')
def config_name_case(config: ConfigSubject) -> Iterator[Finding]:
    yield from _findings(config.config, _CONFIG, "")
    yield from _findings(config.component or {}, _COMPONENT, "component")


def _findings(members: Mapping[str, Any], names: Collection[str], path: str) -> Iterator[Finding]:
    folded = {name.casefold(): name for name in names}
    for member in members:
        if member not in names and len(member) < _LONGEST and (name := folded.get(member.casefold())) is not None:
            yield Finding(join(path, member), f"some readers take `{member}` for `{name}`")


_LONGEST: Final = 32  # characters of a member that may be one of these; folding a long one takes its time
