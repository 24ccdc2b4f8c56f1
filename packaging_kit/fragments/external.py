"""External sections: the encoding of what stands in a skeleton for a fragment (docs/format.md)."""

from __future__ import annotations

from typing import Final, NamedTuple

from packaging_kit.digest import Digest
from packaging_kit.limits import MODULE_THRESHOLD
from packaging_kit.wasm.leb128 import encode_u32, minimal_width
from packaging_kit.wasm.reader import Reader
from packaging_kit.wasm.sections import Section, SectionId

_ALGORITHM: Final = b"\x06sha256"
_RAW_DIGEST_SIZE: Final = 32


class External(NamedTuple):
    """One external section.

    Attributes:
        start: offset of the section in its skeleton.
        end: offset after its last byte.
        original_id: of the section it stands for: 1 or 4.
        size: of that section's contents, in bytes.
        width: bytes that the original size field had.
        digest: the fragment's.
    """

    start: int
    end: int
    original_id: int
    size: int
    width: int
    digest: Digest

    @property
    def is_module(self) -> bool:
        return self.original_id == SectionId.CORE_MODULE

    @property
    def header(self) -> bytes:
        """The original section's id and size field."""
        return bytes((self.original_id,)) + encode_u32(self.size, self.width)


def encode_external(section: Section, raw_digest: bytes) -> bytes:
    """The external section that stands for `section`, whose fragment has this sha256."""
    width = section.contents - section.start - 1
    contents = b"".join(
        (
            bytes((section.id,)),
            b"\0",  # prefix: empty in v0
            encode_u32(section.size, width),
            _ALGORITHM,
            bytes((_RAW_DIGEST_SIZE,)),
            raw_digest,
        )
    )
    return bytes((SectionId.EXTERNAL,)) + encode_u32(len(contents)) + contents


def parse_external(reader: Reader, start: int) -> External:
    """Decode the external section that begins at `start`; the reader stands at its contents.

    Raises:
        WasmFormatError: `wasm-malformed`, for every form that `encode_external` does not write.
    """
    if reader.position - start - 1 != minimal_width(reader.end - reader.position):
        raise reader.malformed("the size of an external section is not minimal", start + 1)
    original_id = reader.byte()
    if original_id not in (SectionId.CORE_MODULE, SectionId.COMPONENT):
        raise reader.malformed(f"an external section stands for section id {original_id}", reader.position - 1)
    if reader.byte() != 0:
        raise reader.malformed("the prefix of an external section is not empty", reader.position - 1)
    size_at = reader.position
    size = reader.u32()
    width = reader.position - size_at
    if original_id == SectionId.CORE_MODULE and size < MODULE_THRESHOLD:
        raise reader.malformed(f"a core module of {size} bytes is not split out", size_at)
    if reader.take(len(_ALGORITHM)) != _ALGORITHM:
        raise reader.malformed("the algorithm of an external section is not sha256", reader.position - len(_ALGORITHM))
    if reader.byte() != _RAW_DIGEST_SIZE:
        raise reader.malformed("the digest of an external section has no 32 bytes", reader.position - 1)
    digest = Digest.from_raw(reader.take(_RAW_DIGEST_SIZE))
    if not reader.at_end:
        raise reader.malformed("bytes after the digest of an external section")
    return External(start, reader.end, original_id, size, width, digest)
