"""The shipped store under the store contract."""

from __future__ import annotations

from pathlib import Path

from mfsearch.store.sql import EventStore
from mfsearch.testing.stores import StoreContract


class TestSqlite(StoreContract):
    def open(self, folder: Path) -> EventStore:
        return EventStore(f"sqlite:///{folder}/studies.db")
