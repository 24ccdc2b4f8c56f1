"""Rules over one descriptor (image-spec, `descriptor.md`)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from typing import Final

from packaging_kit.digest import ALGORITHMS, Digest
from packaging_kit.oci.media_types import EMPTY
from packaging_kit.validate.json_text import is_odd_number
from packaging_kit.validate.rule import Finding, Rule, rule
from packaging_kit.validate.rules.name_rules import descriptor_name_case
from packaging_kit.validate.values import DescriptorValue

_MEDIA_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}")
_DIGEST = re.compile(r"([a-z0-9]+(?:[+._-][a-z0-9]+)*):([a-zA-Z0-9=_-]+)")
_HEX = re.compile(r"[0-9a-fA-F]+")
_HEX_DIGITS: Final = {"sha256": 64, "sha512": 128}
_MOST_OF_A_DIGEST: Final = 1000  # characters: a regular expression of parts takes memory for each
_EMPTY_CONTENT: Final = b"{}"


def is_media_type(text: str) -> bool:
    """Whether `text` has the form of a media type without parameters (RFC 6838, 4.2)."""
    return _MEDIA_TYPE.fullmatch(text) is not None


def _parse(descriptor: DescriptorValue) -> tuple[str, str] | None:
    """Algorithm and encoded part of the digest; `None` where it is of another form."""
    digest = descriptor.text("digest")
    found = None if digest is None or len(digest) > _MOST_OF_A_DIGEST else _DIGEST.fullmatch(digest)
    return None if found is None else (found[1], found[2])


@rule(
    "media-type-form",
    what="a media type or artifact type that is none",
    why="they comply with RFC 6838, 4.2 (image-spec, descriptor.md, Properties)",
    example='{"mediaType":"wasm"}',
)
def media_type_form(descriptor: DescriptorValue) -> Iterator[Finding]:
    for name in ("mediaType", "artifactType"):
        text = descriptor.text(name)
        if text is not None and not is_media_type(text):
            yield Finding(descriptor.at(name), f"`{text[:100]}` is not a media type")


@rule(
    "digest-form",
    what="a digest that is not of the form `algorithm:encoded`, or not of hexadecimal digits where it has to be",
    why="the grammar of image-spec, descriptor.md, Digests",
    example='{"digest":"sha256-0123"}',
)
def digest_form(descriptor: DescriptorValue) -> Iterator[Finding]:
    digest, parsed = descriptor.text("digest"), _parse(descriptor)
    if digest is None:
        return
    if parsed is None or (parsed[0] in _HEX_DIGITS and not _HEX.fullmatch(parsed[1])):
        yield Finding(descriptor.at("digest"), f"`{digest[:100]}` is not a digest")


@rule(
    "digest-algorithm",
    what="a digest of an algorithm other than sha256 and sha512",
    why="what nobody can compute, nobody can check (image-spec, descriptor.md, Registered Algorithms)",
    example='{"digest":"md5:d41d8cd98f00b204e9800998ecf8427e"}',
)
def digest_algorithm(descriptor: DescriptorValue) -> Iterator[Finding]:
    parsed = _parse(descriptor)
    if parsed is not None and parsed[0] not in ALGORITHMS:
        known = " and ".join(f"`{name}`" for name in ALGORITHMS)
        yield Finding(descriptor.at("digest"), f"`{parsed[0][:100]}` is not checked here; {known} are")


@rule(
    "digest-length",
    what="a digest with more or fewer digits than its algorithm gives",
    why="sha256 has 64 and sha512 128 (image-spec, descriptor.md, SHA-256 and SHA-512)",
    example='{"digest":"sha256:0123"}',
)
def digest_length(descriptor: DescriptorValue) -> Iterator[Finding]:
    parsed = _parse(descriptor)
    if parsed is None or not _HEX.fullmatch(parsed[1]):
        return
    expected = _HEX_DIGITS.get(parsed[0], len(parsed[1]))
    if len(parsed[1]) != expected:
        yield Finding(descriptor.at("digest"), f"it has {len(parsed[1])} digits, and `{parsed[0]}` {expected}")


@rule(
    "digest-case",
    what="a digest with upper-case digits",
    why="the encoded part is lower-case hexadecimal (image-spec, descriptor.md, SHA-256); other tools compare texts",
    example='{"digest":"sha256:ABCD…"}',
)
def digest_case(descriptor: DescriptorValue) -> Iterator[Finding]:
    parsed = _parse(descriptor)
    if parsed is not None and parsed[0] in _HEX_DIGITS and _HEX.fullmatch(parsed[1]) and parsed[1] != parsed[1].lower():
        yield Finding(descriptor.at("digest"), "it has upper-case digits")


@rule(
    "size-not-an-integer",
    what="a size that is a fraction, a boolean or no number at all",
    why="a size is an int64 (image-spec, descriptor.md, Properties); JSON Schema takes `2.0` for one",
    example='{"size":2.0}',
)
def size_not_an_integer(descriptor: DescriptorValue) -> Iterator[Finding]:
    size = descriptor.value.get("size")
    if "size" in descriptor.value and type(size) is not int and not is_odd_number(size):
        yield Finding(descriptor.at("size"), "a size is an integer")


@rule(
    "size-negative",
    what="a size below zero",
    why="a size must not be negative (image-spec, descriptor.md, Properties)",
    example='{"size":-1}',
)
def size_negative(descriptor: DescriptorValue) -> Iterator[Finding]:
    size = descriptor.value.get("size")
    if type(size) is int and size < 0 and not is_odd_number(size):
        yield Finding(descriptor.at("size"), f"the size is {size}")


@rule(
    "descriptor-urls",
    what="content that is to be had elsewhere",
    why="a puller would ask whatever host stands there, and show it credentials (CVE-2020-15157)",
    example='{"urls":["https://example.com/layer"]}',
)
def urls(descriptor: DescriptorValue) -> Iterator[Finding]:
    if descriptor.value.get("urls"):
        yield Finding(descriptor.at("urls"), "the content has to be in the registry, not elsewhere")


@rule(
    "data-not-base64",
    what="embedded content that is not Base 64",
    why="RFC 4648, 4 (image-spec, descriptor.md, Properties)",
    example='{"data":"e30"}',
)
def data_not_base64(descriptor: DescriptorValue) -> Iterator[Finding]:
    data = descriptor.text("data")
    if data is not None and _decode(data) is None:
        yield Finding(descriptor.at("data"), "it is not Base 64")


@rule(
    "data-mismatch",
    what="embedded content that is not what digest and size say",
    why="it must be identical to the content (image-spec, descriptor.md, Properties), or two readers see two things",
    example='{"mediaType":"application/json","size":2,"digest":"sha256:44136f…","data":"W10="}',
)
def data_mismatch(descriptor: DescriptorValue) -> Iterator[Finding]:
    data, parsed = descriptor.text("data"), descriptor.parsed()
    content = None if data is None else _decode(data)
    if content is None or parsed is None:
        return
    if len(content) != parsed.size:
        yield Finding(descriptor.at("data"), f"it has {len(content)} bytes, not {parsed.size}")
    elif Digest.of(content, parsed.digest.algorithm) != parsed.digest:
        yield Finding(descriptor.at("data"), "it has another digest")


@rule(
    "empty-content",
    what="the empty media type on content other than `{}`",
    why="its content is those two bytes (image-spec, manifest.md, Guidance for an Empty Descriptor)",
    example='{"mediaType":"application/vnd.oci.empty.v1+json","size":3,"digest":"sha256:…"}',
)
def empty_content(descriptor: DescriptorValue) -> Iterator[Finding]:
    parsed = descriptor.parsed()
    if parsed is None or parsed.media_type != EMPTY:
        return
    expected = hashlib.new(parsed.digest.algorithm, _EMPTY_CONTENT, usedforsecurity=True).hexdigest()
    if parsed.size != len(_EMPTY_CONTENT) or parsed.digest.hex != expected:
        yield Finding(descriptor.path, f"`{EMPTY}` stands for `{{}}`, and this names other content")


def _decode(data: str) -> bytes | None:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None


DESCRIPTOR_RULES: Final[tuple[Rule[DescriptorValue], ...]] = (
    descriptor_name_case,
    media_type_form,
    digest_form,
    digest_algorithm,
    digest_length,
    digest_case,
    size_not_an_integer,
    size_negative,
    urls,
    data_not_base64,
    data_mismatch,
    empty_content,
)
