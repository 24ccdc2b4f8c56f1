"""Tar archives of others, made by hand byte for byte, and the headers that we write."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import time
import tracemalloc
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packaging_kit.errors import StoreError
from packaging_kit.limits import GIB, KIB, MAX_NAME_SIZE, MIB
from packaging_kit.stores import tar
from packaging_kit.stores.tar import BLOCK, END, Member
from tests.conftest import SEEDS

USTAR = b"ustar\x0000"
GNU = b"ustar  \x00"
V7 = bytes(8)
NAME = "blobs/sha256/" + "0" * 64


def raw_header(
    name: bytes = b"file",
    *,
    size: bytes | int = 0,
    kind: bytes = b"0",
    magic: bytes = USTAR,
    prefix: bytes = b"",
    checksum: bytes | None = None,
) -> bytes:
    """A header whose fields are what they are told to be."""
    field = b"%011o\0" % size if isinstance(size, int) else size
    block = bytearray(BLOCK)
    for at, value in (
        (0, name),
        (100, b"0000644\0"),
        (108, b"0000000\0" * 2),
        (124, field),
        (136, b"00000000000\0"),
        (148, b" " * 8),
        (156, kind),
        (257, magic),
        (345, prefix),
    ):
        block[at : at + len(value)] = value
    block[148:156] = b"%06o\0 " % sum(block) if checksum is None else checksum
    return bytes(block)


def member(name: bytes, data: bytes = b"", **fields: bytes) -> bytes:
    """A member with its content."""
    return raw_header(name, size=len(data), **fields) + data + tar.padding(len(data))


def pax(*records: bytes, kind: bytes = b"x") -> bytes:
    """An extended header of these records, each `key=value`."""
    return member(b"././@PaxHeader", b"".join(map(pax_record, records)), kind=kind)


def pax_record(record: bytes) -> bytes:
    size = len(record) + 3
    while len(b"%d %s\n" % (size, record)) != size:
        size += 1
    return b"%d %s\n" % (size, record)


def gnu_name(name: bytes) -> bytes:
    return member(b"././@LongLink", name + b"\0", kind=b"L", magic=GNU)


def base_256(number: int) -> bytes:
    return b"\x80" + number.to_bytes(11, "big")


def write(path: Path, data: bytes, size: int | None = None) -> Path:
    """A file of `data`, and of nothing up to `size`: it takes no space on the disk."""
    path.write_bytes(data)
    if size is not None:
        os.truncate(path, size)
    return path


def read(path: Path) -> dict[str, Member]:
    with path.open("rb") as file:
        return tar.read_members(file.fileno(), path.stat().st_size)


def contents(path: Path) -> dict[str, bytes]:
    data = path.read_bytes()
    return {name: data[found.start : found.start + found.size] for name, found in read(path).items()}


ACCEPTED: dict[str, tuple[bytes, Mapping[str, bytes]]] = {
    "no member": (b"", {}),
    "a plain file": (member(b"file", b"content"), {"file": b"content"}),
    "an empty file": (member(b"file"), {"file": b""}),
    "a file of a whole block": (member(b"a", bytes(512)) + member(b"b", b"b"), {"a": bytes(512), "b": b"b"}),
    "names that begin with ./": (member(b"./a", b"a") + member(b"././b/./c", b"c"), {"a": b"a", "b/c": b"c"}),
    "a name with two slashes": (member(b"a//b", b"x"), {"a/b": b"x"}),
    "a name with dots that lead nowhere": (member(b"a..b/..c/...", b"x"), {"a..b/..c/...": b"x"}),
    "a name of 100 bytes without an end": (member(b"n" * 100, b"x"), {"n" * 100: b"x"}),
    "a name with a prefix": (member(b"file", b"x", prefix=b"some/folder"), {"some/folder/file": b"x"}),
    "other names in capitals": (
        member(b"Blobs/A", b"A") + member(b"blobs/a", b"a"),
        {"Blobs/A": b"A", "blobs/a": b"a"},
    ),
    "a name that is not ASCII": (member("ä\n\x1b[".encode(), b"x"), {"ä\n\x1b[": b"x"}),
    "folders": (
        member(b"./", kind=b"5") + member(b"a/", kind=b"5") + member(b"a/", kind=b"5") + member(b"a/b", b"x"),
        {"a/b": b"x"},
    ),
    "an old header": (member(b"file", b"x", kind=b"\0", magic=V7), {"file": b"x"}),
    "an old header with what is no prefix": (member(b"file", b"x", magic=V7, prefix=b"p"), {"file": b"x"}),
    "an old folder": (member(b"a/", kind=b"\0", magic=V7) + member(b"a/b", b"x", kind=b"\0", magic=V7), {"a/b": b"x"}),
    "a GNU header with times in place of a prefix": (
        member(b"file", b"x", magic=GNU, prefix=b"00000000000\0"),
        {"file": b"x"},
    ),
    "a long name of GNU": (gnu_name(b"n" * 141) + member(b"n" * 100, b"x", magic=GNU), {"n" * 141: b"x"}),
    "a long name of GNU for a folder": (gnu_name(b"n" * 141 + b"/") + member(b"n" * 100, kind=b"5", magic=GNU), {}),
    "a pax path": (pax(b"path=another") + member(b"file", b"x"), {"another": b"x"}),
    "a pax path for the next member only": (
        pax(b"path=another") + member(b"file", b"x") + member(b"file", b"y"),
        {"another": b"x", "file": b"y"},
    ),
    "a pax path twice in one header": (pax(b"path=a", b"path=b") + member(b"file", b"x"), {"b": b"x"}),
    "an empty pax path": (pax(b"path=") + member(b"file", b"x"), {"file": b"x"}),
    "a pax path with a prefix in the header": (
        pax(b"path=another") + member(b"file", b"x", prefix=b"folder"),
        {"another": b"x"},
    ),
    "a pax size": (pax(b"size=3") + raw_header(b"file") + b"abc" + bytes(509), {"file": b"abc"}),
    "a pax size that is smaller": (
        pax(b"size=1") + raw_header(b"file", size=512) + b"abc" + bytes(509),
        {"file": b"a"},
    ),
    "pax records that say nothing": (
        pax(b"mtime=1.5", b"SCHILY.xattr.a=\0\xff\n=", b"comment=") + member(b"file", b"x"),
        {"file": b"x"},
    ),
    "a pax header of all members that says nothing": (
        pax(b"comment=1a2b", kind=b"g") + member(b"file", b"x"),
        {"file": b"x"},
    ),
    "a size in base 256": (raw_header(b"file", size=base_256(3), magic=GNU) + b"abc" + bytes(509), {"file": b"abc"}),
    "a size with a blank at its end": (
        raw_header(b"file", size=b"         3 \0") + b"abc" + bytes(509),
        {"file": b"abc"},
    ),
    "a size of 12 digits": (raw_header(b"file", size=b"000000000003") + b"abc" + bytes(509), {"file": b"abc"}),
    "no size": (raw_header(b"file", size=bytes(12)), {"file": b""}),
}

_HUGE = b"%d" % (1 << 62)
REFUSED: dict[str, bytes] = {
    "a name that leads out": member(b"../file", b"x"),
    "a name that leads out later": member(b"a/../../file", b"x"),
    "a name that leads out and back": member(b"a/../file", b"x"),
    "a name that is ..": member(b"..", b"x"),
    "a folder that leads out": member(b"../a/", kind=b"5"),
    "a name from the root": member(b"/file", b"x"),
    "a name from the root after a prefix": member(b"file", b"x", prefix=b"/etc"),
    "a prefix that leads out": member(b"file", b"x", prefix=b".."),
    "a name with a backslash": member(b"a\\b", b"x"),
    "a name with a drive": member(b"C:\\file", b"x"),
    "an empty name": member(b"", b"x"),
    "a name that is a dot": member(b".", b"x"),
    "a name that is dots and slashes": member(b"././", b"x"),
    "a name that is not UTF-8": member(b"\xff", b"x"),
    "a name that is too long": gnu_name(b"n" * (MAX_NAME_SIZE + 1)) + member(b"n", b"x"),
    "a long name of GNU that leads out": gnu_name(b"../file") + member(b"file", b"x"),
    "a long name of GNU with NUL": gnu_name(b"a\0b") + member(b"file", b"x"),
    "a long name of GNU that is not UTF-8": gnu_name(b"\xff") + member(b"file", b"x"),
    "a pax path that leads out": pax(b"path=../file") + member(b"file", b"x"),
    "a pax path from the root": pax(b"path=/file") + member(b"file", b"x"),
    "a pax path with a backslash": pax(b"path=a\\b") + member(b"file", b"x"),
    "a pax path with NUL": pax(b"path=a\0b") + member(b"file", b"x"),
    "a pax path that is not UTF-8": pax(b"path=\xff") + member(b"file", b"x"),
    "a pax path in another character set": pax(b"hdrcharset=BINARY", b"path=\xe4") + member(b"file", b"x"),
    "a hard link": member(b"file", kind=b"1"),
    "a symbolic link": member(b"file", kind=b"2"),
    "a character device": member(b"file", kind=b"3"),
    "a block device": member(b"file", kind=b"4"),
    "a named pipe": member(b"file", kind=b"6"),
    "a contiguous file": member(b"file", b"x", kind=b"7"),
    "a sparse file of GNU": member(b"file", b"x", kind=b"S", magic=GNU),
    "a folder with content of GNU": member(b"file", b"x", kind=b"D", magic=GNU),
    "a further volume": member(b"file", b"x", kind=b"M", magic=GNU),
    "a label": member(b"file", kind=b"V", magic=GNU),
    "a long link name": member(b"././@LongLink", b"n" * 200, kind=b"K", magic=GNU) + member(b"file", b"x"),
    "a pax header of Solaris": member(b"file", pax_record(b"path=a"), kind=b"X") + member(b"file", b"x"),
    "an unknown kind": member(b"file", b"x", kind=b"Z"),
    "a kind that is no letter": member(b"file", b"x", kind=b"\xff"),
    "a sparse file in pax 0.0": pax(b"GNU.sparse.size=9", b"GNU.sparse.numblocks=0") + member(b"file", b"x"),
    "a sparse file in pax 0.1": pax(b"GNU.sparse.map=0,1") + member(b"file", b"x"),
    "a sparse file in pax 1.0": pax(b"GNU.sparse.major=1", b"GNU.sparse.realsize=9") + member(b"file", b"x"),
    "a sparse name": pax(b"GNU.sparse.name=other") + member(b"file", b"x"),
    "a name twice": member(b"file", b"x") + member(b"file", b"x"),
    "a name twice, once with ./": member(b"./file", b"x") + member(b"file", b"y"),
    "a name twice, once with two slashes": member(b"a/b", b"x") + member(b"a//b", b"y"),
    "a name twice, once in pax": member(b"file", b"x") + pax(b"path=file") + member(b"other", b"y"),
    "two pax headers for one member": pax(b"path=a") + pax(b"path=b") + member(b"file", b"x"),
    "a pax header and a long name": pax(b"path=a") + gnu_name(b"b") + member(b"file", b"x"),
    "a long name and a pax header": gnu_name(b"b") + pax(b"size=1") + member(b"file", b"x"),
    "a pax header of all members between": pax(b"path=a") + pax(b"comment=", kind=b"g") + member(b"file", b"x"),
    "one path for all members": pax(b"path=index.json", kind=b"g") + member(b"file", b"x"),
    "one size for all members": pax(b"size=1", kind=b"g") + member(b"file", b"x"),
    "all members sparse": pax(b"GNU.sparse.major=1", kind=b"g") + member(b"file", b"x"),
    "a pax header without an end of line": member(b"", b"9 path=a", kind=b"x") + member(b"file", b"x"),
    "a pax record that is too long": member(b"", b"99 path=a\n", kind=b"x") + member(b"file", b"x"),
    "a pax record that is too short": member(b"", b"5 path=a\n", kind=b"x") + member(b"file", b"x"),
    "a pax record of no size": member(b"", b"0 path=a\n", kind=b"x") + member(b"file", b"x"),
    "a pax record of a negative size": member(b"", b"-9 path=a\n", kind=b"x") + member(b"file", b"x"),
    "a pax record of a very long size": member(b"", b"1" * 5000 + b" path=a\n", kind=b"x") + member(b"file", b"x"),
    "a pax record that runs into the next one": member(b"", b"9 path=ab9 path=b\n", kind=b"x") + member(b"file", b"x"),
    "a pax record without a key": member(b"", b"5 =a\n", kind=b"x") + member(b"file", b"x"),
    "a pax record without a value": member(b"", b"7 path\n", kind=b"x") + member(b"file", b"x"),
    "a pax record whose key is not UTF-8": pax(b"\xff=a") + member(b"file", b"x"),
    "a pax header of NULs": member(b"", bytes(20), kind=b"x") + member(b"file", b"x"),
    "a pax size that is negative": pax(b"size=-1") + member(b"file", b"x"),
    "a pax size in hexadecimal": pax(b"size=0x1") + member(b"file", b"x"),
    "a pax size with a blank": pax(b"size= 1") + member(b"file", b"x"),
    "a pax size in other digits": pax("size=\u0661".encode()) + member(b"file", b"x"),
    "no pax size": pax(b"size=") + member(b"file", b"x"),
    "a pax size past the end": pax(b"size=5000") + member(b"file", b"x"),
    "a pax size beyond all files": pax(b"size=" + _HUGE) + member(b"file", b"x"),
    "a pax size of 5000 digits": pax(b"size=" + b"9" * 5000) + member(b"file", b"x"),
    "a size past the end": raw_header(b"file", size=5000),
    "a size in base 256 past the end": raw_header(b"file", size=base_256(1 << 70), magic=GNU),
    "a size in base 256 that is negative": raw_header(b"file", size=b"\xff" * 12, magic=GNU),
    "a size in base 256 that is negative and small": raw_header(b"file", size=b"\xff" * 11 + b"\x00", magic=GNU),
    "a size in base 256 of more bits": raw_header(b"file", size=b"\x81" + bytes(11), magic=GNU),
    "a size that is negative": raw_header(b"file", size=b"-0000000001\0"),
    "a size with digits that are none": raw_header(b"file", size=b"00000000008\0"),
    "a size in two parts": raw_header(b"file", size=b"0000 0000001"),
    "a folder with a size": raw_header(b"a/", size=512, kind=b"5") + member(b"file", b"x"),
    "a folder with a pax size": pax(b"size=512") + raw_header(b"a/", kind=b"5") + member(b"file", b"x"),
    "an old folder with a size": raw_header(b"a/", size=512, kind=b"\0", magic=V7) + member(b"file", b"x"),
    "a plain file named like a folder": member(b"file/", b"x"),
    "a long name that runs past the end": raw_header(b"n", size=5000, kind=b"L"),
    "a pax header that runs past the end": raw_header(b"n", size=5000, kind=b"x"),
    "a wrong sum": raw_header(b"file", checksum=b"000001\0 "),
    "a sum that is no number": raw_header(b"file", checksum=b"xxxxxxxx"),
    "a sum in base 256 that is negative": raw_header(b"file", checksum=b"\xff" * 8),
    "no sum": raw_header(b"file", checksum=bytes(8)),
    "text": b"this is no archive" * 100,
    "a block of something else first": b"\0" * 511 + b"\1",
}


@pytest.mark.parametrize(("data", "expected"), ACCEPTED.values(), ids=ACCEPTED)
def test_archive_is_read(data: bytes, expected: Mapping[str, bytes], tmp_path: Path) -> None:
    assert contents(write(tmp_path / "a.tar", data + END)) == expected


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_archive_is_refused(data: bytes, tmp_path: Path) -> None:
    path = write(tmp_path / "a.tar", data + END)

    with pytest.raises(StoreError) as error:
        read(path)

    assert (error.value.code, "(at offset 0x" in error.value.message, list(tmp_path.iterdir())) == (
        "layout-invalid",
        True,
        [path],
    )


@pytest.mark.parametrize(
    "what", ["a hard link", "a symbolic link", "a character device", "a block device", "a named pipe", "a sparse file"]
)
def test_message_says_what_is_no_plain_file(what: str, tmp_path: Path) -> None:
    (data,) = {data for name, data in REFUSED.items() if name in (what, f"{what} of GNU")}

    with pytest.raises(StoreError) as error:
        read(write(tmp_path / "a.tar", data + END))

    assert error.value.message == f"`file` in it is {what}, not a plain file (at offset 0x0)"


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_archive_is_refused_after_a_good_member_too(data: bytes, tmp_path: Path) -> None:
    good = member(b"good", b"good")

    with pytest.raises(StoreError) as error:
        read(write(tmp_path / "a.tar", good + data + END))

    assert error.value.code == "layout-invalid"
    assert int(error.value.message.rpartition("0x")[2].rstrip(")"), 16) >= len(good)


def _archive() -> bytes:
    """One of everything that is taken."""
    parts = (data for data, expected in ACCEPTED.values() if len(expected) == 1)
    named = (pax(b"path=%d" % number) + b"".join(_plain(data)) for number, data in enumerate(parts))
    return b"".join(named) + END


def _plain(data: bytes) -> Iterator[bytes]:
    """The last plain file of an archive, without what stands before it."""
    with tarfile.open(fileobj=io.BytesIO(data + END)) as archive:
        info = archive.getmembers()[-1]
        yield member(b"file", data[info.offset_data : info.offset_data + info.size])


@pytest.mark.parametrize("end", range(0, len(_archive()) - len(END) + BLOCK, BLOCK))
def test_archive_that_is_cut_at_a_block_is_refused(end: int, tmp_path: Path) -> None:
    with pytest.raises(StoreError) as error:
        read(write(tmp_path / "a.tar", _archive()[:end]))

    assert error.value.code == "layout-invalid"


@pytest.mark.parametrize("seed", SEEDS)
def test_archive_that_is_cut_anywhere_is_refused(seed: int, tmp_path: Path) -> None:
    whole = _archive()
    end = Random(seed).randrange(len(whole) - BLOCK)

    with pytest.raises(StoreError) as error:
        read(write(tmp_path / "a.tar", whole[:end]))

    assert error.value.code == "layout-invalid"


@pytest.mark.parametrize("after", [b"", bytes(9 * KIB), b"anything" * 100], ids=["nothing", "zeros", "something"])
def test_what_stands_after_the_end_mark_is_passed_over(after: bytes, tmp_path: Path) -> None:
    assert contents(write(tmp_path / "a.tar", member(b"a", b"x") + END[:BLOCK] + after)) == {"a": b"x"}


@pytest.mark.parametrize("form", ["gz", "bz2", "xz"])
def test_compressed_archive_is_refused_as_what_it_is(form: str, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", f"w:{form}") as archive:  # type: ignore[call-overload]
        info = tarfile.TarInfo("file")
        info.size = 2000
        archive.addfile(info, io.BytesIO(Random(0).randbytes(2000)))

    with pytest.raises(StoreError) as error:
        read(tmp_path / "a.tar")

    assert (error.value.code, "it is compressed" in error.value.message) == ("layout-invalid", True)


def test_name_that_begins_as_something_compressed_is_a_name(tmp_path: Path) -> None:
    assert contents(write(tmp_path / "a.tar", member(b"BZh", b"x") + END)) == {"BZh": b"x"}


def test_more_members_than_are_taken_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.tar", b"".join(member(b"%d" % number) for number in range(4)) + END)
    monkeypatch.setattr(tar, "MAX_ARCHIVE_MEMBERS", 4)
    count = len(read(path))
    monkeypatch.setattr(tar, "MAX_ARCHIVE_MEMBERS", 3)

    with pytest.raises(StoreError) as error:
        read(path)

    assert (count, error.value.code) == (4, "layout-invalid")


def test_many_members_take_linear_time(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tar", b"".join(raw_header(b"%d" % number) for number in range(20_000)) + END)
    started = time.process_time()
    count = len(read(path))

    assert (count, time.process_time() - started < 5) == (20_000, True)


@pytest.mark.parametrize("kind", [b"x", b"g", b"L"], ids=["pax", "pax of all", "GNU"])
@pytest.mark.parametrize("size", [MIB + 1, 9 * GIB], ids=["a little", "by far"])
def test_extended_header_that_is_too_large_is_not_read(kind: bytes, size: int, tmp_path: Path) -> None:
    path = write(tmp_path / "a.tar", raw_header(b"n", size=base_256(size), kind=kind), size + 2 * BLOCK)
    tracemalloc.start()
    try:
        with pytest.raises(StoreError) as error:
            read(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert (error.value.code, "too large" in error.value.message, peak < MIB) == ("layout-invalid", True, True)


def _outcome(path: Path) -> list[str] | str:
    try:
        return sorted(read(path))
    except StoreError as exc:
        return exc.code


@pytest.mark.parametrize(
    ("record", "expected"),
    [(b"7 a=bb\n", ["file"]), (b"6 a=b\n", ["file"]), (b"5 =b\n", "layout-invalid"), (b"9", "layout-invalid")],
    ids=["many records", "more records", "no key", "one number"],
)
def test_largest_pax_header_is_read_in_linear_time(record: bytes, expected: list[str] | str, tmp_path: Path) -> None:
    data = record * (MIB // len(record))
    path = write(tmp_path / "a.tar", member(b"n", data, kind=b"x") + member(b"file", b"x") + END)
    started = time.process_time()
    outcome = _outcome(path)

    assert (outcome, time.process_time() - started < 5) == (expected, True)


@pytest.mark.parametrize("size", [8 * GIB - 1, 8 * GIB, 9 * GIB + 1, 1 << 40])
@pytest.mark.parametrize("form", ["base 256", "pax", "ours"])
def test_size_beyond_eight_gigabytes_is_read(size: int, form: str, tmp_path: Path) -> None:
    before = {
        "base 256": raw_header(b"large", size=base_256(size), magic=GNU),
        "pax": pax(b"size=%d" % size) + raw_header(b"large"),
        "ours": tar.header("large", size),
    }[form]
    end = len(before) + size + len(tar.padding(size))
    path = write(tmp_path / "a.tar", before, end)
    with path.open("r+b") as file:
        file.seek(end)
        file.write(member(b"last", b"x") + END)

    assert read(path) == {
        "large": Member(name="large", start=len(before), size=size),
        "last": Member(name="last", start=end + BLOCK, size=1),
    }


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_archive_of_another_writer_is_read(form: int, tmp_path: Path) -> None:
    expected = {NAME: b"blob", "./" + "a" * 60 + "/" + "b" * 60: b"long", "index.json": b"{}", "empty": b""}
    if form != tarfile.USTAR_FORMAT:
        expected |= {"blobs/sha512/" + "f" * 128: b"longer", "ünïcode": b"u"}
    with tarfile.open(tmp_path / "a.tar", "w", format=form) as archive:
        for name, data in expected.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1.5 if form == tarfile.PAX_FORMAT else 1
            archive.addfile(info, io.BytesIO(data))

    assert contents(tmp_path / "a.tar") == {name.removeprefix("./"): data for name, data in expected.items()}


def _gnu_tar() -> str:
    program = shutil.which("tar")
    version = subprocess.run([program, "--version"], capture_output=True, check=False).stdout if program else b""
    if program is None or b"GNU tar" not in version:
        pytest.skip("there is no GNU tar here")
    return program


@pytest.mark.parametrize("form", ["v7", "oldgnu", "gnu", "ustar", "posix"])
def test_archive_of_gnu_tar_is_read(form: str, tmp_path: Path) -> None:
    expected = {NAME: b"blob", "index.json": b"{}", "oci-layout": b"x" * 2000}
    if form not in ("v7", "ustar"):
        expected["blobs/sha512/" + "f" * 128] = b"longer than a header takes"
    for name, data in expected.items():
        (tmp_path / "layout" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "layout" / name).write_bytes(data)
    layout = str(tmp_path / "layout")
    subprocess.run([_gnu_tar(), f"--format={form}", "-cf", tmp_path / "a.tar", "-C", layout, "."], check=True)

    assert contents(tmp_path / "a.tar") == expected


def test_what_is_added_to_an_archive_under_a_name_that_it_has_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    for mode in ("-cf", "-rf"):
        subprocess.run([_gnu_tar(), mode, tmp_path / "a.tar", "-C", tmp_path, "file"], check=True)

    with pytest.raises(StoreError) as error:
        read(tmp_path / "a.tar")

    assert error.value.code == "layout-invalid"


_names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=300)


@given(_names | st.sampled_from(("n" * 100, "n" * 101, NAME)), st.integers(0, 1 << 60))
def test_header_that_we_write_is_the_one_of_the_standard_library(name: str, size: int) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644

    assert tar.header(name, size) == info.tobuf(tarfile.PAX_FORMAT)


@pytest.mark.parametrize("size", [*range(85, 115), *range(980, 1010), 99_000])
def test_name_of_any_size_is_read_again(size: int, tmp_path: Path) -> None:
    name = "ä" + "n" * (size - 1)

    assert contents(write(tmp_path / "a.tar", tar.header(name, 0) + END)) == {name: b""}


def test_headers_that_we_write_never_change() -> None:
    names = ("oci-layout", NAME, "blobs/sha512/" + "f" * 128, "ünïcode")
    data = b"".join(tar.header(name, size) for name in names for size in (0, 1, 8 * GIB - 1, 8 * GIB))

    assert hashlib.sha256(data).hexdigest() == "b29af7ad86520618e436f9db5201b788f02712cd0002cbac931b2d5dfeec6bf4"


def test_archive_that_we_write_is_listed_by_the_tar_of_the_system(tmp_path: Path) -> None:
    program = shutil.which("tar")
    if program is None:
        pytest.skip("there is no `tar` here")
    name, size = "blobs/sha512/" + "f" * 128, 9 * GIB
    before = tar.header("oci-layout", 0) + tar.header(name, size)
    path = write(tmp_path / "a.tar", before, len(before) + size + len(END))
    listed = subprocess.run([program, "-tvf", path], capture_output=True, check=True, text=True).stdout
    with tarfile.open(path) as archive:
        by_python = [(info.name, info.size) for info in archive]

    lines = [line.split() for line in listed.splitlines()]
    assert by_python == [("oci-layout", 0), (name, size)]
    assert [(line[-1], str(size) in line) for line in lines] == [("oci-layout", False), (name, True)]
