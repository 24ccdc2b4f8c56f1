"""The store in memory keeps the contract of stores."""

from __future__ import annotations

import pytest

from packaging_kit.digest import Digest
from packaging_kit.stores.memory import MemoryStore
from tests.store_contract import Store, StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore()

    def damage(self, store: Store, digest: Digest, data: bytes) -> None:
        assert isinstance(store, MemoryStore)
        store._blobs[digest] = data

    def held(self, store: Store) -> list[bytes]:
        assert isinstance(store, MemoryStore)
        return list(store._blobs.values())
