"""The second revision only adds."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from mfsearch.store.sql import EventStore
from tests.store.migrations.versions.test_v0001_first import LANDED


def test_it_keeps_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "studies.db"
    with sqlite3.connect(path) as old:
        old.executescript(LANDED.read_text(encoding="utf-8"))
        before = {table: old.execute(f"SELECT * FROM {table}").fetchall() for table in ("studies", "events", "heartbeats")}
    EventStore(f"sqlite:///{path}").close()
    with sqlite3.connect(path) as new:
        assert {table: new.execute(f"SELECT * FROM {table}").fetchall() for table in before} == before
        assert new.execute("SELECT count(*) FROM members").fetchone() == (0,)
        assert new.execute("SELECT version_num FROM alembic_version").fetchall() == [("0002",)]
    old.close()
    new.close()
