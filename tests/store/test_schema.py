"""How a database is opened: a new one, an old one, one of somebody else."""

from __future__ import annotations

import multiprocessing
import sqlite3
import sys
from pathlib import Path

import lines
import pytest
from click.testing import CliRunner
from postgres import Server

from mfsearch.cli import main
from mfsearch.errors import MissingExtraError, StorageError
from mfsearch.store.schema import HEAD, connect, shown
from mfsearch.store.sql import EventStore


def test_a_study_of_the_first_landing_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "studies.db"
    text = (Path(__file__).parent / "first_landing.sql").read_text(encoding="utf-8").replace("FOLDER", str(tmp_path))
    with sqlite3.connect(path) as old:
        old.executescript(text)
    old.close()
    before = EventStore(f"sqlite:///{path}").events("old")
    done = CliRunner().invoke(main, ["resume", "old", "--budget", "+10s", "--storage", f"sqlite:///{path}"])
    assert done.exit_code == 0, done.output
    after = EventStore(f"sqlite:///{path}").events("old")
    assert after[: len(before)] == before
    assert sum(event.kind == "told" for event in after) > sum(event.kind == "told" for event in before)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_many_processes_open_a_new_database_at_once(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = f"sqlite:///{tmp_path}/studies.db"
    if kind == "postgresql":
        server: Server = request.getfixturevalue("postgres")
        url = server.database()
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=lines.create, args=(url, number)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert sorted(EventStore(url).names()) == [f"study {number}" for number in range(4)]


@pytest.mark.parametrize("revision", ["0003", "9f3a11b2c4d5"])
def test_a_newer_database_is_refused(revision: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/studies.db"
    EventStore(url).close()
    with sqlite3.connect(tmp_path / "studies.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    connection.close()
    with pytest.raises(StorageError, match=f"revision {HEAD} or older; it has {revision}"):
        EventStore(url)


def test_passwords_are_not_shown() -> None:
    assert shown("postgresql://anna:secret@db/studies") == "postgresql://anna:***@db/studies"
    assert shown("nonsense") == "'nonsense'"


def test_a_server_that_is_not_there_is_said_at_once() -> None:
    with pytest.raises(
        StorageError, match=r"cannot open the database postgresql://anna:\*\*\*@127.0.0.1:1/x: .*onnection"
    ) as raised:
        EventStore("postgresql://anna:secret@127.0.0.1:1/x")
    assert "secret" not in str(raised.value)


def test_the_driver_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'mfsearch\[postgres\]'"):
        connect("postgresql://db/studies")


def test_other_kinds_of_databases_are_refused() -> None:
    with pytest.raises(StorageError, match="must be SQLite or PostgreSQL"):
        connect("mysql+pymysql://db/studies")
