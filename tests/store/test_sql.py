"""The event store on a real SQLite file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from mfsearch.errors import OvertakenError, StorageError, StudyError
from mfsearch.store.events import EventKind
from mfsearch.store.sql import EventStore


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/deep/er/studies.db"


def test_history_survives_reopening(url: str) -> None:
    store = EventStore(url)
    store.create("a", {"seed": 1})
    store.append("a", 1, EventKind.BUDGET, {"total": 5.0})
    store.create("b", {"seed": 2})
    store.close()
    again = EventStore(url)
    assert again.names() == ["a", "b"]
    assert [(e.seq, e.kind, dict(e.payload)) for e in again.events("a")] == [
        (0, EventKind.CREATED, {"seed": 1}),
        (1, EventKind.BUDGET, {"total": 5.0}),
    ]
    assert [e.seq for e in again.events("a", after=0)] == [1]


def test_a_name_is_taken_once(url: str) -> None:
    store = EventStore(url)
    store.create("a", {})
    with pytest.raises(StudyError, match=r"'a' exists already.*mfsearch resume a"):
        store.create("a", {})


def test_two_writers_cannot_overwrite_each_other(url: str) -> None:
    first, second = EventStore(url), EventStore(url)
    first.create("a", {})
    first.append("a", 1, EventKind.BUDGET, {"total": 1.0})
    with pytest.raises(StudyError, match="must have one writer"):
        second.append("a", 1, EventKind.BUDGET, {"total": 2.0})
    assert [dict(e.payload) for e in first.events("a")][1:] == [{"total": 1.0}]


def test_unknown_study_names_the_known_ones(url: str) -> None:
    store = EventStore(url)
    with pytest.raises(StudyError, match="none yet"):
        store.events("x")
    store.create("known", {})
    with pytest.raises(StudyError, match=r"no study is called 'x'.*known"):
        store.events("x")


def test_heartbeats(url: str) -> None:
    store = EventStore(url)
    store.create("a", {})
    assert store.last_beat("a", 0) == 0.0
    store.beat("a", 0, 1.5)
    store.beat("a", 0, 2.5)
    assert EventStore(url).last_beat("a", 0) == 2.5


def test_every_commit_is_durable(url: str) -> None:
    store = EventStore(url)
    with store._engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(b"this is not a database, however long it may be " * 50)
    with pytest.raises(StorageError, match=r"x.db: file is not a database.*--storage"):
        EventStore(f"sqlite:///{path}")


def test_a_database_of_somebody_else(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE studies (id INTEGER, title TEXT)")
    with pytest.raises(StorageError, match=r"table 'studies' lacks created_at, name"):
        EventStore(f"sqlite:///{path}")


def test_a_damaged_event(url: str, tmp_path: Path) -> None:
    store = EventStore(url)
    store.create("a", {})
    with sqlite3.connect(tmp_path / "deep/er/studies.db") as connection:
        connection.execute("UPDATE events SET payload = '{oh'")
    with pytest.raises(StorageError, match="must be JSON"):
        store.events("a")
    with sqlite3.connect(tmp_path / "deep/er/studies.db") as connection:
        connection.execute("UPDATE events SET payload = '{}', kind = 'strange'")
    with pytest.raises(StorageError, match="newer mfsearch"):
        store.events("a")


@pytest.mark.parametrize("bad", ["nonsense", "nosuchdb:///x", "sqlite:////proc/nowhere/x.db"])
def test_urls_that_cannot_be_opened(bad: str) -> None:
    with pytest.raises(StorageError):
        EventStore(bad)


def test_a_history_is_added_once(url: str) -> None:
    first, second = EventStore(url), EventStore(url)
    first.create("a", {})
    first.append("a", 1, EventKind.BUDGET, {"total": 1.0})
    second.create("b", {})
    second.extend("b", first.events("a")[1:])
    assert second.events("b")[1:] == first.events("a")[1:]
    with pytest.raises(OvertakenError, match="must go on from the events of study 'b'"):
        second.extend("b", first.events("a")[1:])
    assert len(second.events("b")) == 2


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    store = EventStore(f"sqlite:///{tmp_path}/studies.db")
    store.create("a", {})
    (tmp_path / "studies.db-turns").mkdir()
    with pytest.raises(StorageError, match="cannot write beside the database"), store.turn("a"):
        pass
