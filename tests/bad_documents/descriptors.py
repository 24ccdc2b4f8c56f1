"""Descriptors that are wrong."""

from __future__ import annotations

import base64
from typing import Final

from packaging_kit.digest import Digest
from packaging_kit.oci.descriptor import Descriptor
from packaging_kit.oci.fields import Fields
from packaging_kit.oci.media_types import EMPTY, IMAGE_MANIFEST, REF_NAME
from tests.bad_documents.builders import (
    EMPTY_JSON,
    TEXT,
    Json,
    descriptor,
    index,
    manifest,
    oci,
    oci_index,
    raw_of,
    store,
)
from tests.bad_documents.case import Case, Input, case, error

HEX: Final = Digest.of(TEXT).hex
PLAIN: Final = raw_of(manifest())
BASE64: Final = base64.b64encode(TEXT).decode()
CASES_OF_A_KEY: Final = {"com.example.a": "a", "com.example.A": "b"}
NAMED: Final = {REF_NAME: "v1"}


def layer(data: bytes = TEXT, algorithm: str = "sha256", **changes: Json) -> Input:
    """A manifest whose second layer is described so."""
    entries = [descriptor(), descriptor(data, algorithm=algorithm, **changes)]
    return oci(manifest(layers=entries), source=store(data, algorithm=algorithm))


def sized(text: bytes) -> Input:
    """A manifest whose second layer has a size that is written so."""
    raw = raw_of(manifest(layers=[descriptor(), descriptor(size=424242)]))
    return oci(raw.replace(b"424242", text))


def empty(data: bytes = EMPTY_JSON, algorithm: str = "sha256", **changes: Json) -> Input:
    """A manifest whose second layer is of the empty type."""
    return layer(data, algorithm, mediaType=EMPTY, **changes)


def entry(value: Json = None, **changes: Json) -> Input:
    """A manifest, and the entry of an `index.json` that names it."""
    raw = PLAIN if value is None else raw_of(value)
    fields = descriptor(raw, IMAGE_MANIFEST) | changes
    return oci(raw, entry=Descriptor.from_json(Fields(fields)))


FORMS: Final = (
    case(
        "a layer's media type without a slash is none",
        lambda: layer(mediaType="wasm"),
        error("media-type-form", "layers[1].mediaType"),
    ),
    case(
        "a layer's media type with parameters is none",
        lambda: layer(mediaType="text/plain; charset=utf-8"),
        error("media-type-form", "layers[1].mediaType"),
    ),
    case(
        "a layer's empty media type is none",
        lambda: layer(mediaType=""),
        error("media-type-form", "layers[1].mediaType"),
    ),
    case(
        "an entry's artifact type without a slash is none",
        lambda: oci_index(index(descriptor(PLAIN, IMAGE_MANIFEST, artifactType="sbom")), PLAIN),
        error("media-type-form", "manifests[0].artifactType", part="index"),
    ),
    case(
        "media type and artifact type are both looked at",
        lambda: layer(mediaType="a", artifactType="b"),
        error("media-type-form", "layers[1].mediaType"),
        error("media-type-form", "layers[1].artifactType"),
    ),
    case(
        "config and subject are looked at as layers are, in that order",
        lambda: oci(
            manifest(
                config=descriptor(mediaType="a"), subject=descriptor(mediaType="b"), layers=[descriptor(mediaType="c")]
            )
        ),
        error("media-type-form", "config.mediaType"),
        error("media-type-form", "layers[0].mediaType"),
        error("media-type-form", "subject.mediaType"),
    ),
)

NAMES: Final = (
    case(
        "a layer with `Digest` beside its digest has two of them to some readers",
        lambda: layer(Digest=f"sha256:{HEX}"),
        error("member-name-case", "layers[1].Digest", says="some readers take `Digest` for `digest`"),
    ),
    case(
        "a layer with `URLs` is elsewhere to some readers",
        lambda: layer(URLs=["https://example.com/layer"]),
        error("member-name-case", "layers[1].URLs", says="for `urls`"),
    ),
    case(
        "config and subject are looked at for such names too",
        lambda: oci(manifest(config=descriptor(Size=1), subject=descriptor(DATA="", MEDIATYPE="a"))),
        error("member-name-case", "config.Size"),
        error("member-name-case", "subject.DATA"),
        error("member-name-case", "subject.MEDIATYPE"),
    ),
    case("the names that documents have in upper case are none of a descriptor", lambda: layer(Layers=[], Subject={})),
    case("a layer's annotations whose keys differ in case alone are two", lambda: layer(annotations=CASES_OF_A_KEY)),
)

ENTRIES: Final = (
    case("what an `index.json` says beside digest, size and type is the layout's", lambda: entry(annotations=NAMED)),
    case(
        "an entry of an `index.json` leads nowhere else",
        lambda: entry(urls=["https://example.com/manifest"]),
        error("descriptor-urls", "urls", part="entry of index.json"),
    ),
    case(
        "an entry of an `index.json` may have the content in it", lambda: entry(data=base64.b64encode(PLAIN).decode())
    ),
    case(
        "an entry of an `index.json` has no other content in it",
        lambda: entry(data=BASE64),
        error("data-mismatch", "data", part="entry of index.json"),
    ),
    case(
        "an entry of an `index.json` has no second digest, to any reader",
        lambda: entry(Digest=f"sha256:{HEX}"),
        error("member-name-case", "Digest", part="entry of index.json"),
    ),
    case(
        "what is wrong with an entry of an `index.json` is told before what it names",
        lambda: entry(manifest(artifactType="sbom"), urls=["a:"]),
        error("descriptor-urls", "urls", part="entry of index.json"),
        error("artifact-type-form", "artifactType"),
    ),
)

DIGESTS: Final = (
    case("a digest of sha512 is taken", lambda: layer(algorithm="sha512")),
    case(
        "a digest without a colon is none",
        lambda: layer(digest=f"sha256-{HEX}"),
        error("digest-form", "layers[1].digest"),
    ),
    case("a digest without digits is none", lambda: layer(digest="sha256:"), error("digest-form", "layers[1].digest")),
    case(
        "an algorithm in upper case is none",
        lambda: layer(digest=f"SHA256:{HEX}"),
        error("digest-form", "layers[1].digest"),
    ),
    case(
        "a digest with a line break behind it is none",
        lambda: layer(digest=f"sha256:{HEX}\n"),
        error("digest-form", "layers[1].digest"),
    ),
    case(
        "a sha256 of letters that are no digits is none",
        lambda: layer(digest="sha256:" + "g" * 64),
        error("digest-form", "layers[1].digest"),
    ),
    case(
        "a sha512 of letters that are no digits is none",
        lambda: layer(digest="sha512:" + "z" * 128),
        error("digest-form", "layers[1].digest"),
    ),
    case(
        "a digest of 1,000 characters is looked into",
        lambda: layer(digest="md5:" + "a" * 996),
        error("digest-algorithm", "layers[1].digest"),
    ),
    case(
        "a digest of a character more than 1,000 is none",
        lambda: layer(digest="md5:" + "a" * 997),
        error("digest-form", "layers[1].digest"),
    ),
    case(
        "letters that are no digits have no number and no case",
        lambda: layer(digest="sha256:XYZ"),
        error("digest-form", "layers[1].digest"),
    ),
    case(
        "a digest that is a path is none",
        lambda: layer(digest="sha256:../../etc/passwd"),
        error("digest-form", "layers[1].digest"),
    ),
    case(
        "an md5 is of no algorithm that is checked",
        lambda: layer(digest="md5:d41d8cd98f00b204e9800998ecf8427e"),
        error("digest-algorithm", "layers[1].digest"),
    ),
    case(
        "an algorithm of several parts may have other digits, and is not checked",
        lambda: layer(digest="sha256+b64u:LCa0a2j_xo_5m0U8HTBBNBNCLXBkg7-g-YpeiGJm564="),
        error("digest-algorithm", "layers[1].digest"),
    ),
    case(
        "upper-case digits of an algorithm that is not checked are its own",
        lambda: layer(digest="md5:D41D8CD98F00B204E9800998ECF8427E"),
        error("digest-algorithm", "layers[1].digest"),
    ),
    case(
        "a sha256 of 63 digits is short",
        lambda: layer(digest=f"sha256:{HEX[1:]}"),
        error("digest-length", "layers[1].digest"),
    ),
    case(
        "a sha256 of 65 digits is long",
        lambda: layer(digest=f"sha256:{HEX}0"),
        error("digest-length", "layers[1].digest"),
    ),
    case(
        "a sha512 of 64 digits is short",
        lambda: layer(digest=f"sha512:{HEX}"),
        error("digest-length", "layers[1].digest"),
    ),
    case(
        "a sha256 with an upper-case digit is written wrong",
        lambda: layer(digest=f"sha256:{'A' * 64}"),
        error("digest-case", "layers[1].digest"),
    ),
    case(
        "a sha512 with an upper-case digit is written wrong",
        lambda: layer(digest=f"sha512:{'a' * 127}B"),
        error("digest-case", "layers[1].digest"),
    ),
    case(
        "a digest that is short and in upper case is told twice",
        lambda: layer(digest="sha256:ABC"),
        error("digest-length", "layers[1].digest"),
        error("digest-case", "layers[1].digest"),
    ),
)

SIZES: Final = (
    case("an empty blob has the size 0", lambda: layer(b"")),
    case(
        "a size that is written as a fraction is none",
        lambda: sized(b"7.0"),
        error("size-not-an-integer", "layers[1].size"),
    ),
    case("a size that is a boolean is none", lambda: sized(b"true"), error("size-not-an-integer", "layers[1].size")),
    case("a size that is a text is none", lambda: sized(b'"7"'), error("size-not-an-integer", "layers[1].size")),
    case("a size that is null is none", lambda: sized(b"null"), error("size-not-an-integer", "layers[1].size")),
    case("a size that is NaN is told as that", lambda: sized(b"NaN"), error("json-number-invalid", "layers[1].size")),
    case(
        "a size of 2^63 is told as that",
        lambda: sized(b"9223372036854775808"),
        error("json-integer-too-large", "layers[1].size"),
    ),
    case("a size of 2^63-1 has the form of one", lambda: sized(b"9223372036854775807"), error("size-mismatch")),
    case("a size below zero is none", lambda: sized(b"-1"), error("size-negative", "layers[1].size")),
    case(
        "a size far below zero is told as what it is first",
        lambda: sized(b"-9223372036854775809"),
        error("json-integer-too-large", "layers[1].size"),
    ),
)

CONTENT: Final = (
    case(
        "content that is elsewhere is not in the registry",
        lambda: layer(urls=["https://example.com/layer"]),
        error("descriptor-urls", "layers[1].urls"),
    ),
    case("an empty list of addresses names none", lambda: layer(urls=[])),
    case(
        "embedded content without its padding is not Base 64",
        lambda: _embedded("e30"),
        error("data-not-base64", "layers[1].data"),
    ),
    case(
        "embedded content with a space is not Base 64",
        lambda: _embedded("e3 0="),
        error("data-not-base64", "layers[1].data"),
    ),
    case(
        "embedded content beyond ASCII is not Base 64",
        lambda: _embedded("é30="),
        error("data-not-base64", "layers[1].data"),
    ),
    case("embedded content that is the content is the same", lambda: _embedded(BASE64)),
    case("embedded content of nothing is that of an empty blob", lambda: _embedded("", b"")),
    case(
        "embedded content of nothing is not that of a text",
        lambda: _embedded(""),
        error("data-mismatch", "layers[1].data", says="0 bytes"),
    ),
    case(
        "embedded content of another size is other content",
        lambda: _embedded(base64.b64encode(TEXT + b"!").decode()),
        error("data-mismatch", "layers[1].data", says="bytes"),
    ),
    case(
        "embedded content of the same size is other content",
        lambda: _embedded(base64.b64encode(TEXT.upper()).decode()),
        error("data-mismatch", "layers[1].data", says="another digest"),
    ),
    case(
        "embedded content is compared under the algorithm of the digest", lambda: _embedded(BASE64, algorithm="sha512")
    ),
    case(
        "embedded content is compared with nothing where the descriptor can't be followed",
        lambda: _embedded(BASE64, size=-1),
        error("size-negative", "layers[1].size"),
    ),
    case("the empty type is that of the empty object", lambda: empty()),
    case("the empty type is that of the empty object under sha512 too", lambda: empty(algorithm="sha512")),
    case("the empty type of a text is wrong", lambda: empty(TEXT), error("empty-content", "layers[1]")),
    case(
        "the empty type of another text of its size is wrong", lambda: empty(b"[]"), error("empty-content", "layers[1]")
    ),
    case(
        "the empty type of another text of its size is wrong under sha512",
        lambda: empty(b"[]", "sha512"),
        error("empty-content", "layers[1]"),
    ),
    case(
        "the empty type of another size is wrong, and so is the size",
        lambda: empty(size=3),
        error("empty-content", "layers[1]"),
        error("size-mismatch"),
    ),
    case(
        "the empty type with a digest that is none is told as that",
        lambda: empty(digest="a"),
        error("digest-form", "layers[1].digest"),
    ),
)


def _embedded(text: str, data: bytes = TEXT, algorithm: str = "sha256", **changes: Json) -> Input:
    entries = [descriptor(), descriptor(data, algorithm=algorithm, **changes) | {"data": text}]
    return oci(manifest(layers=entries), source=store(data, algorithm=algorithm))


CASES: Final[tuple[Case, ...]] = (*FORMS, *NAMES, *ENTRIES, *DIGESTS, *SIZES, *CONTENT)
