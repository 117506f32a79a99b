"""Tables of the database, how one is opened, and how an older one is brought up to date."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any, Final

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
    inspect,
    select,
    text,
)
from sqlalchemy import Integer as Int
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import StaticPool

from mfsearch.errors import MissingExtraError, StorageError

HEAD: Final = "0002"
"""The newest revision in `migrations/versions`."""
NAME: Final = 200
"""Most characters of a study's name."""

SCHEMA: Final = MetaData()
STUDIES: Final = Table(
    "studies",
    SCHEMA,
    C("id", Int, primary_key=True),
    C("name", String(NAME), unique=True, nullable=False),
    C("created_at", Float, nullable=False),
)
EVENTS: Final = Table(
    "events",
    SCHEMA,
    C("study_id", Int, ForeignKey("studies.id"), primary_key=True),
    C("seq", Int, primary_key=True),
    C("at", Float, nullable=False),
    C("kind", String(20), nullable=False),
    C("payload", Text, nullable=False),
)
HEARTBEATS: Final = Table(
    "heartbeats",
    SCHEMA,
    C("study_id", Int, ForeignKey("studies.id"), primary_key=True),
    C("evaluation", Int, primary_key=True),
    C("elapsed", Float, nullable=False),
    C("at", Float, nullable=False),
)
MEMBERS: Final = Table(
    "members",
    SCHEMA,
    C("id", String(32), primary_key=True),
    C("study_id", Int, ForeignKey("studies.id"), nullable=False, index=True),
    C("host", String(300), nullable=False),
    C("pid", Int, nullable=False),
    C("started", Float, nullable=False),
    C("slots", Int, nullable=False),
    C("beats", Int, nullable=False),
)
_VERSION: Final = Table("alembic_version", MetaData(), C("version_num", String(32), primary_key=True))
_FIRST: Final = (STUDIES, EVENTS, HEARTBEATS)  # what there was before revisions were written down
_LOCK: Final = 0x6D66736561726368  # "mfsearch", for PostgreSQL's advisory locks


def connect(url: str) -> Engine:
    """An engine for a database URL; the folder of an SQLite file is made.

    Raises:
        StorageError: If the URL cannot be read, or the folder cannot be made.
        MissingExtraError: If the driver of the database is not installed.
    """
    try:
        parsed = make_url(url)
        kind = parsed.get_backend_name()
        if kind == "postgresql":
            if parsed.drivername == "postgresql":
                parsed = parsed.set(drivername="postgresql+psycopg")
            return create_engine(parsed, connect_args={"connect_timeout": 10})
        if kind != "sqlite":
            raise StorageError(
                f"a database must be SQLite or PostgreSQL; got {shown(url)}. Write for example sqlite:///study.db."
            )
        if parsed.database in (None, "", ":memory:"):
            return create_engine(parsed, poolclass=StaticPool, connect_args={"check_same_thread": False})
        folder = Path(str(parsed.database)).expanduser().absolute().parent
        folder.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, connect_args={"timeout": 30.0})
        event.listen(engine, "connect", _durable)
        return engine
    except ModuleNotFoundError as error:
        if error.name != "psycopg":
            raise StorageError(f"a database URL must look like sqlite:///study.db; got {shown(url)} ({error}).") from error
        raise MissingExtraError("psycopg", "postgres", "a study in PostgreSQL") from error
    except (ArgumentError, NoSuchModuleError) as error:
        raise StorageError(f"a database URL must look like sqlite:///study.db; got {shown(url)} ({error}).") from error
    except OSError as error:
        raise StorageError(f"cannot create the folder of the database {url}: {error}. Name another with --storage.") from error


def shown(url: str) -> str:
    """A database URL without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return repr(url)


def bring_up(engine: Engine, url: str) -> None:
    """Make the tables, or bring those of an older version up to date; nothing that is stored is lost.

    Raises:
        StorageError: If the database is another program's, or a newer version's.
    """
    with engine.connect() as connection:
        if _revision(connection, url) == HEAD:
            return
    with engine.begin() as connection:
        _alone(connection)
        found = _revision(connection, url)  # another process may have done it meanwhile
        if found is None:
            SCHEMA.create_all(connection)
            _write_revision(connection, HEAD)
        elif found != HEAD:
            if not inspect(connection).has_table(_VERSION.name):
                _write_revision(connection, found)
            _upgrade(connection)


def _revision(connection: Connection, url: str) -> str | None:
    """The revision of a database; None where it has no table of ours."""
    inspector = inspect(connection)
    if inspector.has_table(_VERSION.name):
        found = connection.scalar(select(_VERSION.c.version_num))
        if found is not None and not "0001" <= str(found) <= HEAD:
            raise StorageError(
                f"the database {shown(url)} must be an mfsearch database of revision {HEAD} or older; it has {found}. Was it written by a newer "
                "mfsearch, or by another program? Name another with --storage."
            )
        if found is not None:
            return str(found)
    there = [table for table in _FIRST if inspector.has_table(table.name)]
    for table in there:
        columns = {column["name"] for column in inspector.get_columns(table.name)}
        if missing := {column.name for column in table.columns} - columns:
            raise StorageError(
                f"the database {shown(url)} must be an mfsearch database; its table {table.name!r} lacks {', '.join(sorted(missing))}. "
                "Name another with --storage."
            )
    return "0001" if len(there) == len(_FIRST) else None


def _alone(connection: Connection) -> None:
    """Until the transaction ends, no other process changes the schema."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


def _write_revision(connection: Connection, revision: str) -> None:
    _VERSION.create(connection, checkfirst=True)
    connection.execute(_VERSION.insert().values(version_num=revision))


def _upgrade(connection: Connection) -> None:
    # Imported here because an old database is rare, and Alembic takes a third of a second.
    config = importlib.import_module("alembic.config").Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    importlib.import_module("alembic.command").upgrade(config, "head")


def _durable(connection: Any, _record: object) -> None:
    """Write-ahead log: readers do not block the writer. FULL: a committed event survives a power cut."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()
