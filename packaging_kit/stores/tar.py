"""Tar archives: members found without unpacking, and written so that equal content gives equal bytes.

The reader is our own because an archive is hostile input: it takes the few kinds of member that an OCI
layout has, in the forms of POSIX.1-2001 (`ustar`, pax) and GNU, and refuses everything else by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from packaging_kit.errors import StoreError
from packaging_kit.limits import MAX_ARCHIVE_MEMBERS, MAX_NAME_SIZE
from packaging_kit.stores.files import read_at

BLOCK: Final = 512

_END = bytes(BLOCK)
_NOT_OURS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a named pipe",
    b"S": "a sparse file",
}
_PLAIN = (b"0", b"\0")
_FOLDER = b"5"
_PAX = b"x"
_PAX_OF_ALL = b"g"
_GNU_NAME = b"L"
_EXTENDED = (_PAX, _PAX_OF_ALL, _GNU_NAME)
_MAX_HEADER = 1 << 20
_OCTAL = re.compile(rb"[0-7]+")
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")  # gzip, bzip2, xz, zstd
_PAX_RECORD = re.compile(rb"([1-9][0-9]{0,9}) ([^=\n]+)=", re.DOTALL)
_NAME_FIELD = 100
_SIZE_FIELD = 8**11  # the smallest size that its field is too narrow for


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A plain file in an archive.

    Attributes:
        name: without a leading `./`.
        start: offset of its first byte in the archive.
        size: in bytes.
    """

    name: str
    start: int
    size: int


def read_members(handle: int, size: int) -> dict[str, Member]:
    """The plain files of the archive, by name; folders are passed over.

    Args:
        handle: an open file.
        size: of that file, in bytes.

    Raises:
        StoreError: `layout-invalid`, for anything that is not a plain file or folder, a name that leads
            elsewhere or stands twice, what not every reader understands in the same way, and an archive that
            is damaged, compressed or cut short.
        OSError: from reading.
    """
    members: dict[str, Member] = {}
    for member in _iter_members(handle, size):
        if member.name in members:
            raise _invalid(f"`{member.name[:200]}` stands in it twice", member.start)
        if len(members) >= MAX_ARCHIVE_MEMBERS:
            raise _invalid(f"it has more than {MAX_ARCHIVE_MEMBERS} members", member.start)
        members[member.name] = member
    return members


def _iter_members(handle: int, size: int) -> Iterator[Member]:
    position = 0
    extended: Mapping[str, str] | None = None
    while True:
        header = read_at(handle, BLOCK, position)
        if len(header) < BLOCK:
            raise _invalid("it ends without an end mark, or is no tar archive", position)
        if header == _END:
            return
        _check_sum(header, position)
        kind = header[156:157]
        length = _number(header[124:136], position)
        if kind not in _EXTENDED:
            length = _pax_size(extended or {}, length, position)
        if position + BLOCK + length > size:
            raise _invalid("a member runs past its end", position)
        if kind not in _EXTENDED:
            member = _read_member(header, extended or {}, position, length)
            if member is not None:
                yield member
            extended = None
        elif extended is not None:
            # Which of the two counts is not the same with every reader.
            raise _invalid("an extended header is followed by another one", position)
        elif length > _MAX_HEADER:
            raise _invalid("an extended header is too large", position)
        else:
            extended = _read_extended(kind, read_at(handle, length, position + BLOCK), position)
        position += BLOCK + length + len(padding(length))


def _read_member(header: bytes, extended: Mapping[str, str], position: int, length: int) -> Member | None:
    """The plain file that this is the header of; `None` for a folder."""
    kind = header[156:157]
    path = extended.get("path") or _header_name(header, position)
    name = _member_name(path, position)
    if kind == _FOLDER or (kind in _PLAIN and path.endswith("/")):  # the latter as before POSIX
        if length:  # which some readers take for content, and others for nothing
            raise _invalid(f"the folder `{name[:200]}` in it has a size", position)
        return None
    if kind not in _PLAIN:
        what = _NOT_OURS.get(kind, "of an unknown kind")
        raise _invalid(f"`{name[:200]}` in it is {what}, not a plain file", position)
    if not name:
        raise _invalid("a member has no name", position)
    return Member(name=name, start=position + BLOCK, size=length)


def _read_extended(kind: bytes, data: bytes, position: int) -> Mapping[str, str] | None:
    """What an extended header says of the next member; `None` where it is about all that follow."""
    if kind == _GNU_NAME:
        return {"path": _text(data.rstrip(b"\0"), position)}
    found = _parse_pax(data, position)
    if kind == _PAX:
        return found
    if found:  # some readers heed it, and others don't
        raise _invalid("one name or size is given to all members", position)
    return None


def _check_sum(header: bytes, position: int) -> None:
    stated = header[148:156].strip(b" \0")
    actual = sum(header[:148]) + 8 * 0x20 + sum(header[156:])
    if not _OCTAL.fullmatch(stated) or int(stated, 8) != actual:
        is_compressed = position == 0 and header.startswith(_COMPRESSED)
        what = "it is compressed" if is_compressed else "a header is damaged, or it is no tar archive"
        raise _invalid(what, position)


def _number(data: bytes, position: int) -> int:
    """A number in octal digits, or in base 256 where the first bit is set (GNU)."""
    if data[0] == 0x80:
        return int.from_bytes(data[1:], "big")
    text = data.strip(b" \0")
    if text and not _OCTAL.fullmatch(text):
        raise _invalid("a header holds what is no number", position)
    return int(text or b"0", 8)


def _header_name(header: bytes, position: int) -> str:
    name = header[:100].split(b"\0", 1)[0]
    if header[257:263] == b"ustar\0":
        prefix = header[345:500].split(b"\0", 1)[0]
        name = prefix + b"/" + name if prefix else name
    return _text(name, position)


def _member_name(name: str, position: int) -> str:
    """`name`, without a leading `./` and a trailing `/`; names that lead elsewhere are refused."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or "\0" in name or "\\" in name or len(name) > MAX_NAME_SIZE:
        raise _invalid(f"the name `{name[:200]}` in it leads elsewhere", position)
    return "/".join(parts)


def _parse_pax(data: bytes, position: int) -> dict[str, str]:
    """The records of a pax header (POSIX.1-2001, "pax Extended Header")."""
    found: dict[str, str] = {}
    at = 0
    while at < len(data):
        record = _PAX_RECORD.match(data, at)
        end = at + int(record[1]) if record else 0
        if record is None or not record.end() < end <= len(data) or data[end - 1] != 0x0A:
            raise _invalid("an extended header is damaged", position)
        key = _text(record[2], position)
        if key.startswith("GNU.sparse."):
            raise _invalid("a member is a sparse file, not a plain file", position)
        if key in ("path", "size"):
            found[key] = _text(data[record.end() : end - 1], position)
        at = end
    return found


def _pax_size(extended: Mapping[str, str], size: int, position: int) -> int:
    if "size" not in extended:
        return size
    if not re.fullmatch(r"[0-9]{1,19}", extended["size"], re.ASCII):
        raise _invalid("an extended header holds what is no size", position)
    return int(extended["size"])


def _text(data: bytes, position: int) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as exc:
        raise _invalid("a name in it is not valid UTF-8", position) from exc


def _invalid(message: str, position: int) -> StoreError:
    return StoreError("layout-invalid", f"{message} (at offset {position:#x})")


def header(name: str, size: int) -> bytes:
    """The header of a plain file that everyone may read, of nobody and no time.

    Python's `tarfile` gives the same today; an archive of ours must not change where that does.
    """
    records = b""
    if len(name) > _NAME_FIELD or not name.isascii():
        records += _pax_record("path", name)
    if size >= _SIZE_FIELD:
        records += _pax_record("size", str(size))
    extended = _block(b"././@PaxHeader", len(records), _PAX, mode=0) + records + padding(len(records))
    own = _block(name.encode("ascii", "replace")[:_NAME_FIELD], size if size < _SIZE_FIELD else 0, b"0", mode=0o644)
    return extended + own if records else own


def _block(name: bytes, size: int, kind: bytes, *, mode: int) -> bytes:
    before = name.ljust(_NAME_FIELD, b"\0") + b"%07o\0%07o\0%07o\0%011o\0%011o\0" % (mode, 0, 0, size, 0)
    after = (kind + bytes(100) + b"ustar\00000").ljust(BLOCK - len(before) - 8, b"\0")
    return before + b"%06o\0 " % (sum(before) + 8 * 0x20 + sum(after)) + after


def _pax_record(key: str, value: str) -> bytes:
    """A record, which begins with its own size."""
    rest = f" {key}={value}\n".encode()
    size = len(rest)
    while len(str(size)) + len(rest) != size:
        size = len(str(size)) + len(rest)
    return str(size).encode() + rest


def padding(size: int) -> bytes:
    """What fills a member's last block."""
    return bytes(-size % BLOCK)


END: Final = bytes(2 * BLOCK)
"""What stands at the end of an archive."""
