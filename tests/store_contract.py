"""What every store of blobs has to do; each store's tests subclass this and supply the fixture."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Iterator
from typing import Protocol

import pytest

from packaging_kit.blobs import Blob, BlobSink, BlobSource
from packaging_kit.digest import Digest
from packaging_kit.errors import ContentError, NotFoundError

CONTENT = b"the content of a blob"
LARGE = hashlib.sha256(b"large").digest() * (3 << 15)  # 3 MiB: more than one piece


class Store(BlobSource, BlobSink, Protocol):
    """Both ends."""


def blob_of(data: bytes) -> Blob:
    return Blob(Digest.of(data), len(data))


class StoreContract:
    """Behaviour of a `BlobSource` that is a `BlobSink` too."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError("each implementation supplies its own")

    @abstractmethod
    def damage(self, store: Store, digest: Digest, data: bytes) -> None:
        """Put other bytes in place of a blob's, as a failing disk would."""

    @abstractmethod
    def held(self, store: Store) -> list[bytes]:
        """The content of everything that the store holds."""

    @pytest.mark.parametrize("data", [b"", b"x", CONTENT, LARGE], ids=["empty", "one byte", "small", "large"])
    def test_blob_that_was_written_is_read(self, store: Store, data: bytes) -> None:
        blob = store.write_blob((data,))

        assert (blob, b"".join(store.iter_blob(blob.digest, size=blob.size)), store.blob_size(blob.digest)) == (
            blob_of(data),
            data,
            len(data),
        )

    def test_blob_is_the_same_however_its_bytes_come(self, store: Store) -> None:
        pieces = (CONTENT[:3], memoryview(CONTENT)[3:10], b"", CONTENT[10:])

        assert store.write_blob(iter(pieces)) == blob_of(CONTENT)
        assert store.read_blob(Digest.of(CONTENT)) == CONTENT

    def test_blob_that_was_written_twice_is_held_once(self, store: Store) -> None:
        store.write_blob((CONTENT,))
        store.write_blob((CONTENT,), blob_of(CONTENT))
        store.write_blob((CONTENT,))

        assert self.held(store) == [CONTENT]

    def test_blob_that_was_never_written_is_not_found(self, store: Store) -> None:
        store.write_blob((CONTENT,))
        missing = Digest.of(b"missing")

        for read in (store.blob_size, store.read_blob, lambda digest: b"".join(store.iter_blob_unverified(digest))):
            with pytest.raises(NotFoundError) as error:
                read(missing)

            assert (error.value.code, missing.value in error.value.message) == ("not-found", True)

    @pytest.mark.parametrize(
        ("start", "end"), [(0, None), (0, 0), (0, 5), (5, 10), (5, None), (20, 21), (0, 999), (21, 30), (50, 60)]
    )
    def test_range_is_a_slice(self, store: Store, start: int, end: int | None) -> None:
        blob = store.write_blob((CONTENT,))

        assert b"".join(store.iter_blob_unverified(blob.digest, start, end)) == CONTENT[start:end]

    @pytest.mark.parametrize(("start", "end"), [(0, 1 << 20), ((1 << 20) - 1, (1 << 20) + 1), (1, (3 << 20) - 1)])
    def test_range_of_a_large_blob_is_a_slice(self, store: Store, start: int, end: int) -> None:
        blob = store.write_blob((LARGE,))

        assert b"".join(store.iter_blob_unverified(blob.digest, start, end)) == LARGE[start:end]

    @pytest.mark.parametrize(
        "other",
        [b"", CONTENT[:-1], CONTENT[:-1] + b"B", CONTENT + b"!", LARGE],
        ids=["emptied", "cut", "a byte changed", "longer", "replaced"],
    )
    def test_damaged_blob_is_never_read_as_if_it_were_right(self, store: Store, other: bytes) -> None:
        blob = store.write_blob((CONTENT,))
        self.damage(store, blob.digest, other)

        with pytest.raises(ContentError) as with_size:
            b"".join(store.iter_blob(blob.digest, size=blob.size))
        with pytest.raises(ContentError) as without:
            store.read_blob(blob.digest)

        sized = "digest-mismatch" if len(other) == len(CONTENT) else "size-mismatch"
        assert (with_size.value.code, without.value.code) == (sized, "digest-mismatch")

    def test_blob_of_another_size_than_told_is_not_read(self, store: Store) -> None:
        blob = store.write_blob((CONTENT,))

        for size in (0, blob.size - 1, blob.size + 1):
            with pytest.raises(ContentError) as error:
                store.read_blob(blob.digest, size=size)

            assert error.value.code == "size-mismatch"

    def test_blob_that_is_larger_than_the_reader_takes_is_not_read(self, store: Store) -> None:
        blob = store.write_blob((CONTENT,))

        with pytest.raises(ContentError) as error:
            store.read_blob(blob.digest, max_size=blob.size - 1)

        assert error.value.code == "size-mismatch"

    @pytest.mark.parametrize("other", [CONTENT[:-1], CONTENT[:-1] + b"B", CONTENT + b"!", b""])
    def test_content_that_is_not_what_was_expected_is_not_written(self, store: Store, other: bytes) -> None:
        with pytest.raises(ContentError) as error:
            store.write_blob((other,), blob_of(CONTENT))

        assert (error.value.code in ("digest-mismatch", "size-mismatch"), self.held(store)) == (True, [])

    def test_content_of_another_size_than_expected_says_so(self, store: Store) -> None:
        with pytest.raises(ContentError) as error:
            store.write_blob((CONTENT,), Blob(Digest.of(CONTENT), len(CONTENT) + 1))

        assert (error.value.code, self.held(store)) == ("size-mismatch", [])

    def test_content_whose_reading_fails_is_not_written(self, store: Store) -> None:
        def failing() -> Iterator[bytes]:
            yield CONTENT
            raise RuntimeError("the other side is gone")

        with pytest.raises(RuntimeError):
            store.write_blob(failing())

        assert self.held(store) == []

    def test_blob_is_held_when_exactly_its_bytes_are_there(self, store: Store) -> None:
        before = store.holds_blob(blob_of(CONTENT))
        store.write_blob((CONTENT,))

        assert (before, store.holds_blob(blob_of(CONTENT)), store.holds_blob(Blob(Digest.of(CONTENT), 1))) == (
            False,
            True,
            False,
        )

    def test_damaged_blob_is_not_held(self, store: Store) -> None:
        blob = store.write_blob((CONTENT,))
        self.damage(store, blob.digest, CONTENT[:-1] + b"B")

        assert not store.holds_blob(blob)

    @pytest.mark.parametrize("expected", [None, blob_of(CONTENT)], ids=["unknown", "expected"])
    def test_writing_again_heals_a_damaged_blob(self, store: Store, expected: Blob | None) -> None:
        blob = store.write_blob((CONTENT,))
        self.damage(store, blob.digest, b"damaged")
        store.write_blob((CONTENT,), expected)

        assert store.read_blob(blob.digest) == CONTENT
