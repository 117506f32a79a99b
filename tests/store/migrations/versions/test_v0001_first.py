"""The first revision is what the first landing made."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import alembic.command
from sqlalchemy import inspect

from mfsearch.store.schema import connect
from tests.store.migrations.test_env import config

LANDED = Path(__file__).parents[2] / "first_landing.sql"


def test_it_makes_the_tables_of_the_first_landing(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "landed.db") as landed:
        landed.executescript(LANDED.read_text(encoding="utf-8"))
    landed.close()
    found = []
    for name in ("landed", "made"):
        engine = connect(f"sqlite:///{tmp_path}/{name}.db")
        with engine.begin() as connection:
            if name == "made":
                settings = config()
                settings.attributes["connection"] = connection
                alembic.command.upgrade(settings, "0001")
            inspector = inspect(connection)
            tables = sorted(set(inspector.get_table_names()) - {"alembic_version"})
            found.append(
                {table: [(c["name"], str(c["type"]), c["nullable"]) for c in inspector.get_columns(table)] for table in tables}
            )
        engine.dispose()
    assert list(found[0]) == ["events", "heartbeats", "studies"]
    assert found[0] == found[1]
