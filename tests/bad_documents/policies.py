"""What a policy asks for and an upload or a file has not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from packaging_kit.oci.media_types import IMAGE_ANNOTATION, IMAGE_INDEX, IMAGE_MANIFEST
from packaging_kit.validate.policy import Policy
from packaging_kit.validate.policy_text import parse_policy
from packaging_kit.validate.problem import Level
from packaging_kit.validate.report import Profile
from tests.bad_documents.builders import (
    MODULE,
    NOTHING,
    Json,
    artifact,
    config_of,
    core_module,
    descriptor,
    imports,
    index,
    manifest,
    oci,
    raw_of,
    store,
    wasm_config,
)
from tests.bad_documents.case import Case, File, Input, Upload, case, error, note
from tests.strategies import component, custom, section, text, vector

FIRST: Final = core_module(size=4096)
SECOND: Final = core_module(("a", "b"), size=5000)
MODULES: Final = component(section(1, FIRST), section(1, SECOND), section(1, FIRST))
SOCKETS: Final = "wasi:sockets/tcp@0.2.0"
STREAMS: Final = "wasi:io/streams@0.2.0"
ASKING: Final = component(imports(STREAMS, SOCKETS))
STANDING_FOR: Final = component(section(10, vector(b"\x02" + text("net") + vector(b"\0" + text(SOCKETS)) + b"\x05\0")))
"""Its import has a plain name."""
UNREADABLE: Final = component(section(10, b"\1\7"))
INDEX: Final = raw_of(index(descriptor(artifact().raw, IMAGE_MANIFEST), annotations={"com.example.a": "a" * 500}))
INDEX_SIZE: Final = len(INDEX)
LICENSES: Final = f"{IMAGE_ANNOTATION}licenses"
LICENSED: Final = f"annotations.{LICENSES}"


def asked(data: bytes = NOTHING, *, fields: Mapping[str, Json] | None = None, **policy: Any) -> Upload:
    """The artifact of a binary without names, under a policy."""
    return artifact(data, fields=fields, policy=Policy(**policy))


def importing(names: Sequence[str] = (STREAMS, SOCKETS), **policy: Any) -> Input:
    data = component(imports(*names)) if names else NOTHING
    return artifact(data, config_of(data, names), policy=Policy(**policy))


def licensed(expression: str, *allowed: str) -> Input:
    """A component that says itself under which licenses it is."""
    data = component(custom("licenses", expression.encode()))
    return asked(data, fields={"annotations": {LICENSES: expression}}, allowed_licenses=allowed)


def tagged(tag: str | None) -> Input:
    return artifact(policy=Policy(semantic_tags=True), tag=tag)


def _size_of_manifest() -> int:
    return len(artifact().raw)


def indexed(tag: str | None = None, **policy: Any) -> Input:
    """An index of a Wasm artifact, under a policy."""
    source = store(artifact().raw, raw_of(wasm_config()), NOTHING)
    return Upload(raw=INDEX, media_type=IMAGE_INDEX, source=source, policy=Policy(**policy), tag=tag)


SIZES: Final = (
    case("a binary of as many bytes as the policy takes is taken", lambda: asked(max_whole_size=8)),
    case(
        "a binary of more bytes than the policy takes is refused",
        lambda: asked(max_whole_size=7),
        error("policy-size", part="binary", says="the binary"),
    ),
    case(
        "a file of more bytes than the policy takes is refused",
        lambda: File(data=MODULE, policy=Policy(max_whole_size=7)),
        error("policy-size", part="binary", says="the binary"),
    ),
    case("a policy may take no bytes at all", lambda: asked(max_whole_size=0), error("policy-size", part="binary")),
    case("modules of as many bytes as the policy takes are taken", lambda: asked(MODULES, max_module_size=5000)),
    case(
        "a module of more bytes than the policy takes is refused, at its place",
        lambda: asked(MODULES, max_module_size=4999),
        error("policy-size", part="binary", offset=8 + 3 + 4096 + 3, says="a core module"),
    ),
    case(
        "modules of more bytes than the policy takes are each refused once",
        lambda: asked(MODULES, max_module_size=4095),
        error("policy-size", part="binary", offset=8 + 3, says="a core module"),
        error("policy-size", part="binary", offset=8 + 3 + 4096 + 3, says="a core module"),
    ),
    case("as many modules as the policy takes are taken", lambda: asked(MODULES, max_modules=2)),
    case(
        "more modules than the policy takes are refused",
        lambda: asked(MODULES, max_modules=1),
        error("policy-size", part="binary", says="2 core modules"),
    ),
    case("a component without modules has none too many", lambda: asked(max_modules=0)),
    case("a core module has no modules in it", lambda: asked(MODULE, max_modules=0, max_module_size=0)),
    case(
        "a manifest of as many bytes as the policy takes is taken", lambda: asked(max_manifest_size=_size_of_manifest())
    ),
    case(
        "a manifest of more bytes than the policy takes is refused",
        lambda: asked(max_manifest_size=_size_of_manifest() - 1),
        error("policy-size", says="the document"),
    ),
    case(
        "an index of as many bytes as the policy takes is taken",
        lambda: indexed(max_manifest_size=INDEX_SIZE),
    ),
    case(
        "each document of more bytes than the policy takes is refused",
        lambda: indexed(max_manifest_size=7),
        error("policy-size", part="index", says=f"the document has {INDEX_SIZE} bytes"),
        error("policy-size", says="the document has"),
    ),
    case(
        "a document of no Wasm at all may be too large",
        lambda: oci(manifest(), policy=Policy(max_manifest_size=7)),
        error("policy-size", says="the document has"),
    ),
    case(
        "a file has no manifest that could be too large", lambda: File(data=MODULE, policy=Policy(max_manifest_size=0))
    ),
)

ANNOTATIONS: Final = (
    case(
        "an annotation that the policy asks for is missing",
        lambda: asked(required_annotations=("com.example.a",)),
        error("policy-annotation-missing", "annotations.com.example.a"),
    ),
    case(
        "an annotation that is empty says nothing",
        lambda: asked(fields={"annotations": {"com.example.a": ""}}, required_annotations=("com.example.a",)),
        error("policy-annotation-missing", "annotations.com.example.a"),
    ),
    case(
        "each annotation that the policy asks for is looked for",
        lambda: asked(
            fields={"annotations": {"com.example.b": "b"}},
            required_annotations=("com.example.a", "com.example.b", "com.example.c"),
        ),
        error("policy-annotation-missing", "annotations.com.example.a"),
        error("policy-annotation-missing", "annotations.com.example.c"),
    ),
    case(
        "a file's annotations are what its sections say",
        lambda: File(
            data=component(custom("version", b"1")),
            policy=Policy(required_annotations=(f"{IMAGE_ANNOTATION}version", f"{IMAGE_ANNOTATION}source")),
        ),
        error("policy-annotation-missing", f"annotations.{IMAGE_ANNOTATION}source", part="binary"),
    ),
)

IMPORTS: Final = (
    case("imports that are allowed are taken", lambda: importing(allowed_imports=("wasi:io/*", "wasi:sockets/*"))),
    case(
        "an import that is denied is refused",
        lambda: importing(denied_imports=("a:b/c", "wasi:sockets/*")),
        error("policy-import-denied", part="binary", says="denies `wasi:sockets/*`"),
    ),
    case(
        "an import that is not allowed is refused",
        lambda: importing(allowed_imports=("wasi:io/*",)),
        error("policy-import-denied", part="binary", says=SOCKETS),
    ),
    case(
        "an import that is allowed and denied is denied",
        lambda: importing(allowed_imports=("wasi:*",), denied_imports=(SOCKETS,)),
        error("policy-import-denied", part="binary", says="denies"),
    ),
    case(
        "each import that is refused is told once",
        lambda: importing(allowed_imports=(), denied_imports=("*tcp*", "wasi:sockets/*")),
        error("policy-import-denied", part="binary", says=STREAMS),
        error("policy-import-denied", part="binary", says="denies `*tcp*`"),
    ),
    case(
        "an import under a plain name is the interface that it stands for",
        lambda: File(data=STANDING_FOR, policy=Policy(denied_imports=("wasi:sockets/*",))),
        error("policy-import-denied", part="binary", says=SOCKETS),
    ),
    case(
        "an interface that an import stands for has to be allowed",
        lambda: File(data=STANDING_FOR, policy=Policy(allowed_imports=("net",))),
        error("policy-import-denied", part="binary", says=SOCKETS),
    ),
    case(
        "an import that stands for an allowed interface is taken",
        lambda: File(data=STANDING_FOR, policy=Policy(allowed_imports=("wasi:sockets/*",))),
    ),
    case(
        "a plain name can be denied too",
        lambda: File(data=STANDING_FOR, policy=Policy(denied_imports=("net",))),
        error("policy-import-denied", part="binary", says="`net`"),
    ),
    case("what imports nothing is always allowed", lambda: importing((), allowed_imports=(), denied_imports=("*",))),
    case(
        "a core module's imports are their module and name",
        lambda: asked(core_module(("wasi_snapshot_preview1", "fd_write"), ("env", "log")), denied_imports=("env/*",)),
        error("policy-import-denied", part="binary", says="`env/log`"),
    ),
    case(
        "a file's imports are looked at",
        lambda: File(data=ASKING, policy=Policy(denied_imports=("wasi:io/*",))),
        error("policy-import-denied", part="binary", says=STREAMS),
    ),
    case(
        "imports that can't be read can't be allowed",
        lambda: File(data=UNREADABLE, policy=Policy(allowed_imports=("*",))),
        error("policy-imports-unread", part="binary", offset=11),
    ),
    case(
        "imports that can't be read may be denied ones",
        lambda: File(data=UNREADABLE, policy=Policy(denied_imports=("a",))),
        error("policy-imports-unread", part="binary", offset=11),
    ),
    case(
        "imports that can't be read may be any where the policy says nothing of them",
        lambda: File(data=UNREADABLE, policy=Policy(max_whole_size=100)),
    ),
    case(
        "a core module's imports that can't be read can't be allowed",
        lambda: File(data=MODULE + section(2, b"\1\7"), policy=Policy(allowed_imports=())),
        error("policy-imports-unread", part="binary", offset=12),
    ),
)

LICENSE_CASES: Final = (
    case("a license that is allowed is taken", lambda: licensed("MIT", "MIT")),
    case("a choice of which one is allowed is taken", lambda: licensed("GPL-3.0-only OR MIT", "MIT")),
    case(
        "licenses of which one is not allowed are refused",
        lambda: licensed("MIT AND GPL-3.0-only", "MIT"),
        error("policy-license", LICENSED, says="is not allowed"),
    ),
    case(
        "a policy may allow no license",
        lambda: licensed("MIT"),
        error("policy-license", LICENSED, says="is not allowed"),
    ),
    case(
        "a license has to be stated",
        lambda: asked(allowed_licenses=("MIT",)),
        error("policy-license", LICENSED, says="no license is stated"),
    ),
    case(
        "licenses that are no expression are not allowed",
        lambda: asked(fields={"annotations": {LICENSES: "MIT,"}}, allowed_licenses=("MIT", "MIT,")),
        error("annotation-licenses-invalid", LICENSED),
        note("annotation-unfounded", LICENSED),
        error("policy-license", LICENSED),
    ),
    case(
        "licenses that are not read are not allowed, whatever the policy says",
        lambda: asked(fields={"annotations": {LICENSES: "a" * 100_001}}, allowed_licenses=("a" * 100_001,)),
        error("annotation-licenses-invalid", LICENSED),
        note("annotation-unfounded", LICENSED),
        error("policy-license", LICENSED),
    ),
    case(
        "a file's license is what its section says",
        lambda: File(data=component(custom("licenses", b"ISC")), policy=Policy(allowed_licenses=("MIT",))),
        error("policy-license", LICENSED, part="binary"),
    ),
)

TAGS: Final = (
    case("a tag that is a semantic version is taken", lambda: tagged("1.0.0")),
    case("a tag that is a semantic version with build metadata is taken", lambda: tagged("1.0.0-rc.1_build.5")),
    case("a tag that is a word is refused", lambda: tagged("latest"), error("policy-tag", says="`latest`")),
    case("a tag with a letter before the version is refused", lambda: tagged("v1.0.0"), error("policy-tag")),
    case("a tag of two numbers is refused", lambda: tagged("1.0"), error("policy-tag")),
    case(
        "a tag with two underscores has two parts of build metadata", lambda: tagged("1.0.0_a_b"), error("policy-tag")
    ),
    case("a tag with a leading zero is refused", lambda: tagged("1.02.0"), error("policy-tag")),
    case("a tag that is not known is not judged", lambda: tagged(None)),
    case(
        "the tag of an index is refused once, whatever is in it",
        lambda: indexed(tag="latest", semantic_tags=True),
        error("policy-tag", part="index", says="`latest`"),
    ),
    case(
        "the tag of what is no Wasm at all is judged",
        lambda: oci(manifest(), policy=Policy(semantic_tags=True), tag="latest"),
        error("policy-tag", says="`latest`"),
    ),
    case("a tag may be anything where the policy says nothing of it", lambda: artifact(tag="latest", policy=Policy())),
)

TIMES: Final = (
    case("a time of creation that is allowed is taken", lambda: asked(allowed_created=("1970-01-01T00:00:00Z",))),
    case(
        "a time of creation that is not allowed is refused",
        lambda: asked(allowed_created=("2000-01-01T00:00:00Z",)),
        error("policy-created", "created", part="config"),
    ),
    case(
        "a policy may allow no time of creation",
        lambda: asked(allowed_created=()),
        error("policy-created", "created", part="config"),
    ),
    case(
        "a config without a time of creation has none that could be refused",
        lambda: artifact(config=wasm_config(created=1), policy=Policy(allowed_created=())),
        error("config-schema", "created", part="config"),
    ),
    case("a file has no time of creation", lambda: File(data=MODULE, policy=Policy(allowed_created=()))),
)

SPLITS: Final = (
    case("a component that can be split has to be", lambda: asked(MODULES, split_required=True), error("policy-split")),
    case(
        "the profile `split` asks for it without a policy",
        lambda: artifact(MODULES, profile=Profile.SPLIT),
        error("policy-split"),
    ),
    case("a component without modules can't be split", lambda: asked(split_required=True)),
    case("a core module can't be split", lambda: asked(FIRST, split_required=True)),
    case("of a file nobody knows whether a split stands beside it", lambda: File(data=MODULES, profile=Profile.SPLIT)),
)


LEVELS: Final = (
    case(
        "a policy asks for what stands in its file",
        lambda: artifact(policy=parse_policy('[size]\nwhole = "7 B"\n[levels]\npolicy-size = "note"')),
        note("policy-size", part="binary"),
    ),
    case(
        "a policy makes an error of a note",
        lambda: asked(component(custom("version", b"1")), levels={"annotation-absent": Level.ERROR}),
        error("annotation-absent", f"annotations.{IMAGE_ANNOTATION}version"),
    ),
    case(
        "a policy makes a note of an error",
        lambda: artifact(
            config=wasm_config(architecture="amd64"), policy=Policy(levels={"config-architecture": Level.NOTE})
        ),
        note("config-architecture", "architecture", part="config"),
    ),
)

CASES: Final[tuple[Case, ...]] = (
    *SIZES,
    *ANNOTATIONS,
    *IMPORTS,
    *LICENSE_CASES,
    *TAGS,
    *TIMES,
    *SPLITS,
    *LEVELS,
)
