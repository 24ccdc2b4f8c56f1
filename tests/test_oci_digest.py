"""Digests: rejected, never normalised; blobs that are checked while they are read."""

from __future__ import annotations

import hashlib
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packaging_kit.digest import Digest, SideHasher, verified
from packaging_kit.errors import ContentError, RequestError

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize("text", [f"sha256:{HEX}", f"sha512:{HEX * 2}"])
def test_registered_digest_is_taken_as_it_is(text: str) -> None:
    assert (str(Digest(text)), Digest(text).hex) == (text, text.partition(":")[2])


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEX,
        "sha256",
        "sha256:",
        f"sha256:{HEX[:-1]}",
        f"sha256:{HEX}0",
        f"sha256:{HEX.upper()}",
        f"SHA256:{HEX}",
        f"sha256:{HEX}\n",
        f" sha256:{HEX}",
        f"sha256:{HEX[:-1]}g",
        f"sha512:{HEX}",
        f"sha256:{HEX * 2}",
        f"sha384:{HEX}{HEX[:32]}",
        f"sha256+b64:{HEX}",
        f"sha256:../../../{HEX[:-9]}",
        "sha256:" + "١" * 64,
    ],
)
def test_any_other_text_is_no_digest(text: str) -> None:
    with pytest.raises(RequestError) as error:
        Digest(text)

    assert error.value.code == "digest-invalid"


@given(st.binary(max_size=100))
def test_digest_is_the_same_from_data_raw_and_hasher(data: bytes) -> None:
    digest = Digest.of(data)

    assert digest == Digest.from_raw(digest.raw) == Digest.from_hasher(hashlib.sha256(data))


def _read(chunks: list[bytes], digest: Digest, size: int | None) -> list[bytes]:
    return list(verified(chunks, digest, size))


@given(st.lists(st.binary(max_size=10), max_size=6))
def test_right_content_is_passed_on_as_it_comes(chunks: list[bytes]) -> None:
    data = b"".join(chunks)

    assert _read(chunks, Digest.of(data), len(data)) == _read(chunks, Digest.of(data), None) == chunks


def test_content_with_a_sha512_digest_is_checked_too() -> None:
    digest = Digest("sha512:" + hashlib.sha512(b"data").hexdigest())

    assert _read([b"da", b"ta"], digest, 4) == [b"da", b"ta"]


@pytest.mark.parametrize(
    ("chunks", "code"),
    [
        ([b"dat"], "size-mismatch"),
        ([b"data", b"!"], "size-mismatch"),
        ([], "size-mismatch"),
        ([b"dat!"], "digest-mismatch"),
    ],
)
def test_wrong_content_is_refused(chunks: list[bytes], code: str) -> None:
    with pytest.raises(ContentError) as error:
        _read(chunks, Digest.of(b"data"), 4)

    assert error.value.code == code


def test_bytes_beyond_the_size_are_never_passed_on() -> None:
    chunks = verified([b"data", b"more"], Digest.of(b"data"), 4)
    first = next(chunks)

    with pytest.raises(ContentError) as error:
        next(chunks)

    assert (first, error.value.expected, error.value.actual) == (b"data", 4, 8)


@pytest.mark.parametrize("sizes", [[0], [10, 20], [1 << 18], [10, 1 << 20, 5], [3 << 20] * 8], ids=str)
def test_hashing_on_the_side_gives_the_digest_of_everything(sizes: list[int]) -> None:
    pieces = [bytes([number]) * size for number, size in enumerate(sizes)]

    with SideHasher() as hasher:
        for piece in pieces:
            hasher.update(memoryview(piece))
        digest = Digest.from_hasher(hasher)

    assert digest == Digest.of(b"".join(pieces))


def test_hashing_that_is_given_up_ends_its_thread() -> None:
    before = threading.active_count()

    with SideHasher() as hasher:
        hasher.update(bytes(4 << 20))

    assert threading.active_count() == before
