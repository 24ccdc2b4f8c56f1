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
_MAX_HEADER = 1 << 20
_PAX_RECORD = re.compile(rb"([1-9][0-9]{0,9}) ([^=\n]+)=", re.DOTALL)


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


def read_members(descriptor: int, size: int) -> dict[str, Member]:
    """The plain files of the archive, by name; folders are passed over.

    Args:
        descriptor: an open file.
        size: of that file, in bytes.

    Raises:
        StoreError: `layout-invalid`, for anything that is not a plain file or folder, a name that leads
            elsewhere or stands twice, and an archive that is damaged, compressed or cut short.
        OSError: from reading.
    """
    members: dict[str, Member] = {}
    for member in _iter_members(descriptor, size):
        if member.name in members:
            raise _invalid(f"`{member.name[:200]}` stands in it twice", member.start)
        if len(members) >= MAX_ARCHIVE_MEMBERS:
            raise _invalid(f"it has more than {MAX_ARCHIVE_MEMBERS} members", member.start)
        members[member.name] = member
    return members


def _iter_members(descriptor: int, size: int) -> Iterator[Member]:
    position = 0
    extended: dict[str, str] = {}
    while True:
        header = read_at(descriptor, BLOCK, position)
        if len(header) < BLOCK:
            raise _invalid("it ends without an end mark, or is no tar archive", position)
        if header == _END:
            return
        _check_sum(header, position)
        kind = header[156:157]
        body = position + BLOCK
        length = _number(header[124:136], position)
        if kind not in (_PAX, _PAX_OF_ALL, _GNU_NAME):
            length = _pax_size(extended, length, position)
        end = body + length
        if end > size:
            raise _invalid("a member runs past its end", position)
        if kind in (_PAX, _GNU_NAME):
            if length > _MAX_HEADER:
                raise _invalid("an extended header is too large", position)
            data = read_at(descriptor, length, body)
            extended |= _parse_pax(data, position) if kind == _PAX else {"path": _text(data.rstrip(b"\0"), position)}
        elif kind != _PAX_OF_ALL:  # which says nothing that is asked for here
            name = _member_name(extended.get("path") or _header_name(header, position), position)
            if kind in _PLAIN:
                if not name:
                    raise _invalid("a member has no name", position)
                yield Member(name=name, start=body, size=length)
            elif kind != _FOLDER:
                what = _NOT_OURS.get(kind, "of an unknown kind")
                raise _invalid(f"`{name[:200]}` in it is {what}, not a plain file", position)
            extended = {}
        position = body + -(-length // BLOCK) * BLOCK


def _check_sum(header: bytes, position: int) -> None:
    stated = _number(header[148:156], position)
    if stated != sum(header[:148]) + 8 * 0x20 + sum(header[156:]):
        raise _invalid("a header is damaged, or it is no tar archive", position)


def _number(data: bytes, position: int) -> int:
    """A number in octal digits, or in base 256 where the first bit is set (GNU)."""
    if data[0] == 0x80:
        return int.from_bytes(data[1:], "big")
    text = data.strip(b" \0")
    if text and not re.fullmatch(rb"[0-7]+", text):
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
    """The header of a plain file that everyone may read, of nobody and no time."""
    # Imported when first needed: only who writes archives pays for it.
    import tarfile

    info = tarfile.TarInfo(name)
    info.size = size
    info.mode = 0o644
    return info.tobuf(tarfile.PAX_FORMAT)


def padding(size: int) -> bytes:
    """What fills a member's last block."""
    return bytes(-size % BLOCK)


END: Final = bytes(2 * BLOCK)
"""What stands at the end of an archive."""
