"""Alembic's scripts on an empty database: the tables that a new database has, on both kinds of database."""

from __future__ import annotations

from pathlib import Path

import alembic.command
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from postgres import Server

import mfsearch.store.migrations
from mfsearch.store.schema import HEAD, SCHEMA, connect


def config() -> Config:
    found = Config()
    found.set_main_option("script_location", str(Path(mfsearch.store.migrations.__file__).parent))
    found.set_main_option("path_separator", "os")
    return found


def test_the_newest_script_is_head() -> None:
    assert ScriptDirectory.from_config(config()).get_heads() == [HEAD]


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_scripts_make_the_tables_of_a_new_database(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if kind == "sqlite":
        url = f"sqlite:///{tmp_path}/studies.db"
    else:
        server: Server = request.getfixturevalue("postgres")
        url = server.database()
    engine = connect(url)
    with engine.begin() as connection:
        settings = config()
        settings.attributes["connection"] = connection
        alembic.command.upgrade(settings, "head")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert context.get_current_revision() == HEAD
        assert compare_metadata(context, SCHEMA) == []
    engine.dispose()
