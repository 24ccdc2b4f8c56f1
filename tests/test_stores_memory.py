"""The repository in memory keeps the contract of repositories."""

from __future__ import annotations

import pytest

from packaging_kit.digest import Digest
from packaging_kit.stores.indexed import IndexedStore
from packaging_kit.stores.memory import MemoryStore
from tests.store_contract import IndexedContract, Make, Store


class TestMemoryStore(IndexedContract):
    @pytest.fixture
    def make_store(self) -> Make:
        stores: dict[str, MemoryStore] = {}
        return lambda name: stores.setdefault(name, MemoryStore())  # nobody else can have another object

    def damage(self, store: Store, digest: Digest, data: bytes) -> None:
        assert isinstance(store, MemoryStore)
        store._blobs[digest] = data

    def held(self, store: Store, *asked: bytes) -> list[bytes]:
        assert isinstance(store, MemoryStore)
        return list(store._blobs.values())

    def snapshot(self, repository: IndexedStore) -> object:
        blobs = {blob: repository.read_blob(blob.digest) for blob in repository.iter_blobs()}
        return repository.read_index().raw, blobs
