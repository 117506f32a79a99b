"""The shipped store under the store contract."""

from __future__ import annotations

from pathlib import Path

import pytest
from postgres import Server

from mfsearch.store.sql import EventStore
from mfsearch.testing.stores import StoreContract


class TestSqlite(StoreContract):
    def open(self, folder: Path) -> EventStore:
        return EventStore(f"sqlite:///{folder}/studies.db")


class TestPostgres(StoreContract):
    @pytest.fixture(autouse=True)
    def _start(self, postgres: Server) -> None:
        self.url = postgres.database()

    def open(self, folder: Path) -> EventStore:
        return EventStore(self.url)
