"""Manifests that are no Wasm artifact of the CNCF layout."""

from __future__ import annotations

from typing import Final

from packaging_kit.oci.media_types import EMPTY, TITLE, WASM, WASM_CONFIG
from packaging_kit.validate.report import Profile
from tests.bad_documents.builders import (
    ABSENT,
    EMPTY_JSON,
    MODULE,
    NOTHING,
    TEXT,
    Json,
    artifact,
    descriptor,
    manifest,
    oci,
    raw_of,
    wasm_config,
    wasm_layer,
)
from tests.bad_documents.case import Case, Input, case, error, note

OLDER_LAYERS: Final = (
    "application/vnd.wasm.content.layer.v1+wasm",
    "application/vnd.module.wasm.content.layer.v1+wasm",
    "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm",
)
OLDER_CONFIGS: Final = (
    "application/vnd.wasm.config.v1+json",
    "application/vnd.module.wasm.config.v1+json",
    "application/vnd.oci.image.config.v1+json",
)
CONFIG: Final = raw_of(wasm_config())
UNSEEN: Final = (*"\u034f\u115f\u1160\u17b4\u17b5\u180b\u180e\u180f\u2800\u3164\ufe00\ufe0f\uffa0\U000e0100\U000e01ef",)
"""Characters that Python calls printable, most of them, and that show nothing."""
SEEN: Final = (*"\u034e\u115e\u1161\u17b6\u2801\u27ff\u3163\ufe10\uffa1",)
TITLE_PATH: Final = f"layers[0].annotations.{TITLE}"


def typed(*, layer: str = WASM, config: str = WASM_CONFIG, profile: Profile = Profile.CNCF) -> Input:
    """The artifact of a component, with other media types."""
    return artifact(
        layers=[wasm_layer(mediaType=layer)], fields={"config": descriptor(CONFIG, config)}, profile=profile
    )


def leniently(*, layer: str = WASM, config: str = WASM_CONFIG) -> Input:
    return typed(layer=layer, config=config, profile=Profile.LENIENT)


def titled(title: Json) -> Input:
    return artifact(layers=[wasm_layer(title=title)])


def unsafe(name: str, title: str) -> Case:
    return case(name, lambda: titled(title), error("layer-title-unsafe", TITLE_PATH))


LAYERS: Final = (
    case(
        "a Wasm artifact without layers has not one",
        lambda: artifact(config=wasm_config(layerDigests=[]), layers=[]),
        note("manifest-no-layers", "layers"),
        error("layers-not-one", "layers", says="not 0"),
    ),
    case(
        "a Wasm artifact whose layers are an object is told that it is no array",
        lambda: artifact(fields={"layers": {"a": 1, "b": 2}}, config=wasm_config(layerDigests=[])),
        error("document-schema", "layers"),
    ),
    case(
        "a Wasm artifact without a config is told that it is missing",
        lambda: artifact(fields={"config": ABSENT}),
        error("document-schema", "config"),
    ),
    case(
        "a Wasm artifact with two layers has not one",
        lambda: _two_layers(Profile.CNCF),
        error("layers-not-one", "layers", says="not 2"),
    ),
    case(
        "an older Wasm artifact with two layers has not one",
        lambda: _two_layers(Profile.LENIENT),
        error("layers-not-one", "layers", says="not 2"),
    ),
    case(
        "of two layers it is looked whether they are there, and nothing of their content",
        lambda: artifact(layers=[wasm_layer(TEXT), wasm_layer(b"not there")], config=wasm_config(layerDigests=[])),
        error("not-found"),
        error("layers-not-one", "layers"),
    ),
    case(
        "of two layers the config's digests are compared with nothing",
        lambda: artifact(layers=[wasm_layer(), wasm_layer(title="b.wasm")], config=wasm_config(layerDigests=[])),
        error("layers-not-one", "layers"),
    ),
    case(
        "without layers the config's digests are compared with nothing",
        lambda: artifact(layers=[]),
        note("manifest-no-layers", "layers"),
        error("layers-not-one", "layers", says="not 0"),
    ),
    case("an older Wasm artifact of today's types is as good", lambda: leniently()),
)

TYPES: Final = (
    case(
        "a layer of an older type is not of the layout",
        lambda: typed(layer=OLDER_LAYERS[0]),
        error("media-type-unexpected", "layers[0].mediaType"),
    ),
    case(
        "a config of an older type is not of the layout",
        lambda: typed(config=OLDER_CONFIGS[0]),
        error("media-type-unexpected", "config.mediaType"),
    ),
    case(
        "an image is no Wasm artifact",
        lambda: oci(manifest(artifactType="application/vnd.example.text"), profile=Profile.CNCF),
        error("media-type-unexpected", "config.mediaType"),
        error("media-type-unexpected", "layers[0].mediaType"),
    ),
    case(
        "media types that are no texts are told as that",
        lambda: artifact(layers=[wasm_layer(mediaType=1)], fields={"config": descriptor(CONFIG, mediaType=None)}),
        error("document-schema", "config.mediaType"),
        error("document-schema", "layers[0].mediaType"),
    ),
    case(
        "a layer of a type that Wasm never had is none, to lenient readers too",
        lambda: leniently(layer="application/vnd.oci.image.layer.v1.tar"),
        error("media-type-unexpected", "layers[0].mediaType"),
    ),
    case(
        "a config of a type that Wasm never had is none, to lenient readers too",
        lambda: leniently(config="text/plain"),
        error("media-type-unexpected", "config.mediaType"),
    ),
    case(
        "lenient readers too are told of a layer whose media type is no text",
        lambda: artifact(layers=[wasm_layer(mediaType=1)], profile=Profile.LENIENT),
        error("document-schema", "layers[0].mediaType"),
    ),
    *(
        case(
            f"a layer of the type `{layer}` is older",
            lambda layer=layer: leniently(layer=layer),  # type: ignore[misc]
            note("media-type-older", "layers[0].mediaType"),
        )
        for layer in OLDER_LAYERS
    ),
    *(
        case(
            f"a config of the type `{config}` is older, and is not looked into",
            lambda config=config: leniently(config=config),  # type: ignore[misc]
            note("media-type-older", "config.mediaType"),
        )
        for config in OLDER_CONFIGS
    ),
    case(
        "what older tools of `oras push` wrote is older",
        lambda: artifact(
            layers=[wasm_layer()],
            fields={"config": descriptor(EMPTY_JSON, EMPTY), "artifactType": "application/vnd.example.wasm"},
            profile=Profile.LENIENT,
        ),
        note("media-type-older", "config.mediaType", says="oras push"),
    ),
)

TITLES: Final = (
    case("a layer without annotations has no title", lambda: artifact(layers=[wasm_layer(annotations={})])),
    case("a title that begins with a space is safe", lambda: titled(" app.wasm")),
    case("a title in another script is safe", lambda: titled("приложение 1.wasm")),
    case("a title that only begins as a device's name is safe", lambda: titled("console.wasm")),
    case("a title of 255 bytes is safe", lambda: titled("ü" * 125 + "a.wasm"[1:])),
    case(
        "a title that is a number is no text",
        lambda: titled(1),
        error("document-schema", TITLE_PATH),
    ),
    case(
        "annotations that are no object have no title",
        lambda: artifact(layers=[wasm_layer(annotations=[])]),
        error("document-schema", "layers[0].annotations"),
    ),
    unsafe("an empty title names no file", ""),
    unsafe("a title that is the folder names no file", "."),
    unsafe("a title that is the folder above names no file", ".."),
    unsafe("a title that leads out of the folder is no name", "../app.wasm"),
    unsafe("a title with a slash is no name", "a/app.wasm"),
    unsafe("a title from the root is no name", "/app.wasm"),
    unsafe("a title with a backslash is no name on Windows", "..\\app.wasm"),
    unsafe("a title with a drive is no name on Windows", "C:app.wasm"),
    unsafe("a title with a question mark is no name on Windows", "app?.wasm"),
    unsafe("a title with a line break can't be seen", "app\n.wasm"),
    unsafe("a title with an escape can't be seen", "app\x1b[2J.wasm"),
    unsafe("a title that turns the direction of writing can't be seen", "app\u202emsaw.exe"),
    unsafe("a title that ends in a dot loses it on Windows", "app.wasm."),
    unsafe("a title that ends in a space loses it on Windows", "app.wasm "),
    unsafe("a title that is a device on Windows is no file", "con"),
    unsafe("a title that is a device with an ending is no file on Windows", "Lpt1.wasm"),
    unsafe("a title that is a device with a space is no file on Windows", "nul .wasm"),
    unsafe("a title of 256 bytes is too long", "ü" * 125 + "aa.wasm"[1:]),
    *(
        unsafe(f"a title with the character U+{ord(character):04X} can't be seen", f"app{character}.wasm")
        for character in UNSEEN
    ),
    *(
        case(
            f"a title with the character U+{ord(character):04X} beside those can be seen",
            lambda character=character: titled(f"app{character}.wasm"),  # type: ignore[misc]
        )
        for character in SEEN
    ),
    case("a config with a title that is safe may be written", lambda: _config_titled("config.json")),
    case(
        "a config's title is looked at",
        lambda: _config_titled("../config.json"),
        error("layer-title-unsafe", f"config.annotations.{TITLE}"),
    ),
    case(
        "an older config's title is looked at",
        lambda: _config_titled("..", Profile.LENIENT),
        error("layer-title-unsafe", f"config.annotations.{TITLE}"),
    ),
    case(
        "every layer's title is looked at",
        lambda: artifact(
            config=wasm_config(layerDigests=[wasm_layer(TEXT)["digest"], wasm_layer()["digest"]]),
            layers=[wasm_layer(TEXT, title="a/b"), wasm_layer(title="..")],
        ),
        error("layers-not-one", "layers"),
        error("layer-title-unsafe", TITLE_PATH),
        error("layer-title-unsafe", TITLE_PATH.replace("0", "1")),
    ),
    case(
        "an older artifact's title is looked at",
        lambda: artifact(layers=[wasm_layer(title="..")], profile=Profile.LENIENT),
        error("layer-title-unsafe", TITLE_PATH),
    ),
)


def _config_titled(title: str, profile: Profile = Profile.CNCF) -> Input:
    named = descriptor(CONFIG, WASM_CONFIG, annotations={TITLE: title})
    return artifact(fields={"config": named}, profile=profile)


def _two_layers(profile: Profile) -> Input:
    digests = [wasm_layer()["digest"], wasm_layer(MODULE)["digest"]]
    return artifact(
        config=wasm_config(layerDigests=digests),
        layers=[wasm_layer(), wasm_layer(MODULE)],
        blobs=(MODULE, NOTHING),
        profile=profile,
    )


CASES: Final[tuple[Case, ...]] = (*LAYERS, *TYPES, *TITLES)
