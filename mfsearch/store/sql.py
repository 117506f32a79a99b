"""The event store: append-only events in SQL, one transaction each."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Column as C
from sqlalchemy import (
    Connection,
    Engine,
    Float,
    ForeignKey,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy import Integer as Int
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from mfsearch.errors import StorageError, StudyError
from mfsearch.store.events import Event, EventKind, dump, load

_SCHEMA = MetaData()
_STUDIES = Table(
    "studies",
    _SCHEMA,
    C("id", Int, primary_key=True),
    C("name", String(200), unique=True, nullable=False),
    C("created_at", Float, nullable=False),
)
_EVENTS = Table(
    "events",
    _SCHEMA,
    C("study_id", Int, ForeignKey("studies.id"), primary_key=True),
    C("seq", Int, primary_key=True),
    C("at", Float, nullable=False),
    C("kind", String(20), nullable=False),
    C("payload", Text, nullable=False),
)
_HEARTBEATS = Table(
    "heartbeats",
    _SCHEMA,
    C("study_id", Int, ForeignKey("studies.id"), primary_key=True),
    C("evaluation", Int, primary_key=True),
    C("elapsed", Float, nullable=False),
    C("at", Float, nullable=False),
)


class EventStore:
    """Histories of studies, by name.

    Args:
        url: SQLAlchemy database URL. `sqlite://` keeps everything in memory.

    Raises:
        StorageError: If the database cannot be opened, created or read; the message carries the URL and the cause.
    """

    def __init__(self, url: str = "sqlite://") -> None:
        self.url = url
        self._engine = _connect(url)
        with self._transaction("open") as connection:
            _check_schema(connection, url)
            _SCHEMA.create_all(connection)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def names(self) -> list[str]:
        """All studies, oldest first."""
        with self._transaction("list the studies of") as connection:
            return [str(name) for name in connection.scalars(select(_STUDIES.c.name).order_by(_STUDIES.c.id))]

    def create(self, name: str, payload: Mapping[str, Any]) -> Event:
        """Begin a study with its `created` event.

        Raises:
            StudyError: If the name is taken.
        """
        try:
            with self._transaction("create a study in") as connection:
                key = connection.execute(insert(_STUDIES).values(name=name, created_at=time.time())).inserted_primary_key
                if key is None:
                    raise StorageError(f"cannot create a study in the database {self.url}: it returned no key.")
                return self._insert(connection, int(key[0]), 0, EventKind.CREATED, payload)
        except IntegrityError as error:
            raise StudyError(
                f"a study name must be new; {name!r} exists already. Go on with it by 'mfsearch resume {name}', or choose another --study."
            ) from error

    def append(self, name: str, seq: int, kind: EventKind, payload: Mapping[str, Any]) -> Event:
        """Add the next event, durably: when this returns, a crash cannot lose it.

        Args:
            name: The study.
            seq: Number of events that the writer has seen, so that two writers cannot overwrite each other.
            kind: What happened.
            payload: The facts; JSON.

        Raises:
            StudyError: If another process has written to the study meanwhile.
        """
        try:
            with self._transaction("write to") as connection:
                return self._insert(connection, self._id(connection, name), seq, kind, payload)
        except IntegrityError as error:
            raise StudyError(
                f"study {name!r} must have one writer; another process has written event {seq} meanwhile. Stop it, then 'mfsearch resume {name}'."
            ) from error

    def events(self, name: str, after: int = -1) -> list[Event]:
        """The history of a study, from the event after `after`.

        Raises:
            StudyError: If there is no such study.
        """
        with self._transaction("read") as connection:
            where = (_EVENTS.c.study_id == self._id(connection, name)) & (_EVENTS.c.seq > after)
            rows = connection.execute(
                select(_EVENTS.c.seq, _EVENTS.c.kind, _EVENTS.c.payload, _EVENTS.c.at).where(where).order_by(_EVENTS.c.seq)
            )
            return [Event(int(seq), _kind(kind), load(payload), float(at)) for seq, kind, payload, at in rows]

    def beat(self, name: str, evaluation: int, elapsed: float) -> None:
        """Note that an evaluation is alive.

        Args:
            name: The study.
            evaluation: Its id.
            elapsed: Device seconds since it began.
        """
        with self._transaction("write a heartbeat to") as connection:
            study = self._id(connection, name)
            where = (_HEARTBEATS.c.study_id == study) & (_HEARTBEATS.c.evaluation == evaluation)
            now = time.time()
            if connection.execute(update(_HEARTBEATS).where(where).values(elapsed=elapsed, at=now)).rowcount == 0:
                connection.execute(insert(_HEARTBEATS).values(study_id=study, evaluation=evaluation, elapsed=elapsed, at=now))

    def last_beat(self, name: str, evaluation: int) -> float:
        """Device seconds at the last heartbeat of an evaluation; 0 where there was none."""
        with self._transaction("read") as connection:
            where = (_HEARTBEATS.c.study_id == self._id(connection, name)) & (_HEARTBEATS.c.evaluation == evaluation)
            elapsed = connection.scalar(select(_HEARTBEATS.c.elapsed).where(where))
            return float(elapsed) if elapsed is not None else 0.0

    def _id(self, connection: Connection, name: str) -> int:
        found = connection.scalar(select(_STUDIES.c.id).where(_STUDIES.c.name == name))
        if found is None:
            names = [str(other) for other in connection.scalars(select(_STUDIES.c.name).order_by(_STUDIES.c.id.desc()).limit(5))]
            known = f"The latest are {', '.join(names)}." if names else "It has none yet: start one with 'mfsearch run'."
            raise StudyError(f"no study is called {name!r} in {self.url}. {known}")
        return int(found)

    def _insert(self, connection: Connection, study: int, seq: int, kind: EventKind, payload: Mapping[str, Any]) -> Event:
        text, now = dump(payload), time.time()
        connection.execute(insert(_EVENTS).values(study_id=study, seq=seq, at=now, kind=kind.value, payload=text))
        return Event(
            seq, kind, load(text), now
        )  # read back from the text: live and replayed states are built from the same thing

    @contextmanager
    def _transaction(self, doing: str) -> Iterator[Connection]:
        try:
            with self._engine.begin() as connection:
                yield connection
        except IntegrityError:
            raise
        except SQLAlchemyError as error:
            cause = str(getattr(error, "orig", None) or error)
            raise StorageError(
                f"cannot {doing} the database {self.url}: {cause}. Check that the path exists, is writable and is an mfsearch database, "
                "or name another with --storage."
            ) from error


def _kind(text: str) -> EventKind:
    try:
        return EventKind(text)
    except ValueError:
        raise StorageError(
            f"an event must be one of {', '.join(EventKind)}; got {text!r}. Was it written by a newer mfsearch?"
        ) from None


def _check_schema(connection: Connection, url: str) -> None:
    inspector = inspect(connection)
    for table in _SCHEMA.sorted_tables:
        if inspector.has_table(table.name):
            columns = {column["name"] for column in inspector.get_columns(table.name)}
            if missing := {column.name for column in table.columns} - columns:
                raise StorageError(
                    f"the database {url} must be an mfsearch database; its table {table.name!r} lacks {', '.join(sorted(missing))}. "
                    "Name another with --storage."
                )


def _connect(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return create_engine(parsed, pool_pre_ping=True)
        if parsed.database in (None, "", ":memory:"):
            return create_engine(parsed, poolclass=StaticPool, connect_args={"check_same_thread": False})
        folder = Path(str(parsed.database)).expanduser().absolute().parent
        folder.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, connect_args={"timeout": 30.0})
        event.listen(engine, "connect", _durable)
        return engine
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise StorageError(f"a database URL must look like sqlite:///study.db; got {url!r} ({error}).") from error
    except OSError as error:
        raise StorageError(f"cannot create the folder of the database {url}: {error}. Name another with --storage.") from error


def _durable(connection: Any, _record: object) -> None:
    """Write-ahead log: readers do not block the writer. FULL: a committed event survives a power cut."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()
