"""The event store: append-only events in SQL, one transaction each."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, delete, insert, select, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from mfsearch.errors import OvertakenError, StorageError, StudyError
from mfsearch.store.events import Event, EventKind, dump, load, uncollected
from mfsearch.store.schema import EVENTS, HEARTBEATS, MEMBERS, NAME, STUDIES, bring_up, connect, shown

T = TypeVar("T")
_LOG = logging.getLogger("mfsearch")
_PAUSE: Final = (0.1, 5.0)  # seconds between two attempts, at first and at most
_LOCKS: Final = 0x6D66  # class of the advisory locks that are turns
_PASSING: Final = ("08", "40", "53", "55P03", "57P")  # PostgreSQL: connection, conflict, resources, lock, shutdown
_PASSING_SQLITE: Final = ("database is locked", "database or disk is full", "disk i/o error")


class EventStore:
    """Histories of studies, by name.

    Args:
        url: SQLAlchemy database URL of SQLite or PostgreSQL. `sqlite://` keeps everything in memory.
        patience: Seconds for which a write is tried again while the database is away, locked, or its disk full.

    Raises:
        StorageError: If the database cannot be opened, created or read; the message carries the URL and the cause.
    """

    def __init__(self, url: str = "sqlite://", patience: float = 300.0) -> None:
        self.url = shown(url)
        self._patience = patience
        self._ids: dict[str, int] = {}  # a study keeps its number, and is never deleted
        self._engine = connect(url)
        weakref.finalize(self, self._engine.dispose)  # its driver complains of connections that are merely forgotten
        self.in_memory = self._engine.dialect.name == "sqlite" and make_url(url).database in (None, "", ":memory:")
        with self._told("open"):
            bring_up(self._engine, url)

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()

    def names(self) -> list[str]:
        """All studies, oldest first."""
        return self._do(
            "list the studies of", lambda c: [str(name) for name in c.scalars(select(STUDIES.c.name).order_by(STUDIES.c.id))]
        )

    def create(self, name: str, payload: Mapping[str, Any]) -> Event:
        """Begin a study with its `created` event.

        Raises:
            StudyError: If the name is taken, or cannot be one.
        """
        if not name or len(name) > NAME or not name.isprintable():
            raise StudyError(
                f"a study name must have 1 to {NAME} characters that can be printed; got {name[:NAME]!r}. Choose another."
            )
        written, now = dump(payload), time.time()

        def begin(connection: Connection) -> None:
            key = connection.execute(insert(STUDIES).values(name=name, created_at=now)).inserted_primary_key
            assert key is not None
            self._insert(connection, int(key[0]), 0, EventKind.CREATED, written, now)

        try:
            self._do("create a study in", begin)
        except IntegrityError as error:
            if not self._is_there(name, 0, written, now):
                raise StudyError(
                    f"a study name must be new; {name!r} exists already. Go on with it by 'mfsearch resume {name}', or choose another --study."
                ) from error
        return Event(0, EventKind.CREATED, load(written), now)

    def append(self, name: str, seq: int, kind: EventKind, payload: Mapping[str, Any]) -> Event:
        """Add the next event, durably: when this returns, a crash cannot lose it.

        Args:
            name: The study.
            seq: Number of events that the writer has seen, so that two writers cannot overwrite each other.
            kind: What happened.
            payload: The facts; JSON.

        Raises:
            OvertakenError: If another process has written to the study meanwhile.
            StorageError: If the database stays away longer than the store's patience.
        """
        written, now = dump(payload), time.time()
        try:
            self._do("write to", lambda c: self._insert(c, self._id(c, name), seq, kind, written, now))
        except IntegrityError as error:
            # The answer to an earlier attempt may have been lost with the connection.
            if not self._is_there(name, seq, written, now):
                raise OvertakenError(
                    f"study {name!r} must have one writer; another process has written event {seq} meanwhile. Stop it, then "
                    f"'mfsearch resume {name}'."
                ) from error
        # Read back from the text: live and replayed states are built from the same thing.
        return Event(seq, kind, load(written), now)

    def extend(self, name: str, events: Sequence[Event]) -> None:
        """Add a history, or what is left of one, in one transaction.

        Raises:
            OvertakenError: If it does not go on from the events that are there.
        """
        rows = [{"seq": e.seq, "at": e.at, "kind": e.kind.value, "payload": dump(e.payload)} for e in events]
        if not rows:
            return
        try:
            self._do("write to", lambda c: c.execute(insert(EVENTS).values(study_id=self._id(c, name)), rows))
        except IntegrityError as error:
            raise OvertakenError(
                f"a history must go on from the events of study {name!r}; one of these is there already."
            ) from error

    def events(self, name: str, after: int = -1, most: int | None = None) -> list[Event]:
        """The history of a study, from the event after `after`; `most` of it, or all.

        Raises:
            StudyError: If there is no such study.
        """

        def read(connection: Connection) -> list[Event]:
            where = (EVENTS.c.study_id == self._id(connection, name)) & (EVENTS.c.seq > after)
            rows = connection.execute(
                select(EVENTS.c.seq, EVENTS.c.kind, EVENTS.c.payload, EVENTS.c.at).where(where).order_by(EVENTS.c.seq).limit(most)
            )
            with uncollected():
                return [Event(int(seq), _kind(kind), load(payload), float(at)) for seq, kind, payload, at in rows]

        return self._do("read", read)

    def beat(self, name: str, evaluation: int, elapsed: float) -> None:
        """Note that an evaluation is alive; where the database is away, the next heartbeat says so.

        Args:
            name: The study.
            evaluation: Its id.
            elapsed: Device seconds since it began.
        """

        def note(connection: Connection) -> None:
            study = self._id(connection, name)
            where = (HEARTBEATS.c.study_id == study) & (HEARTBEATS.c.evaluation == evaluation)
            now = time.time()
            if connection.execute(update(HEARTBEATS).where(where).values(elapsed=elapsed, at=now)).rowcount == 0:
                connection.execute(insert(HEARTBEATS).values(study_id=study, evaluation=evaluation, elapsed=elapsed, at=now))

        with contextlib.suppress(StorageError):
            self._do("write a heartbeat to", note, patience=0.0)

    def last_beat(self, name: str, evaluation: int) -> float:
        """Device seconds at the last heartbeat of an evaluation; 0 where there was none."""

        def read(connection: Connection) -> float:
            where = (HEARTBEATS.c.study_id == self._id(connection, name)) & (HEARTBEATS.c.evaluation == evaluation)
            elapsed = connection.scalar(select(HEARTBEATS.c.elapsed).where(where))
            return float(elapsed) if elapsed is not None else 0.0

        return self._do("read", read)

    def members(self, name: str) -> list[dict[str, Any]]:
        """The processes that said they work on a study: id, host, pid, started, slots, beats."""
        columns = [column for column in MEMBERS.c if column.name != "study_id"]
        return self._do(
            "read",
            lambda c: [
                dict(row) for row in c.execute(select(*columns).where(MEMBERS.c.study_id == self._id(c, name))).mappings()
            ],
        )

    def enter(self, name: str, member: str, host: str, pid: int, started: float, slots: int) -> None:
        """Note that a process works on a study, with so many evaluations side by side."""
        self._do(
            "write to",
            lambda c: c.execute(
                insert(MEMBERS).values(
                    id=member, study_id=self._id(c, name), host=host, pid=pid, started=started, slots=slots, beats=0
                )
            ),
        )

    def show(self, member: str) -> None:
        """Note that a process is alive."""
        where = MEMBERS.c.id == member
        with contextlib.suppress(StorageError):
            self._do(
                "write to",
                lambda c: c.execute(update(MEMBERS).where(where).values(beats=MEMBERS.c.beats + 1)),
                patience=0.0,
            )

    def leave(self, member: str) -> None:
        """Note that a process works no longer."""
        with contextlib.suppress(StorageError):
            self._do("write to", lambda c: c.execute(delete(MEMBERS).where(MEMBERS.c.id == member)), patience=0.0)

    @contextmanager
    def turn(self, name: str) -> Iterator[None]:
        """Within, no other process decides for the study; its end gives the turn back, however it ends.

        Raises:
            StudyError: If there is no such study.
            StorageError: If the database stays away, or its folder cannot be written.
        """
        if self.in_memory:
            yield
            return
        study = self._do("read", lambda c: self._id(c, name))
        if self._engine.dialect.name == "sqlite":
            path = Path(f"{self._engine.url.database}-turns").expanduser()
            try:
                file = path.open("ab")
            except OSError as error:
                raise StorageError(
                    f"cannot write beside the database {self.url}: {error}. Mend the rights of its folder, or name another with --storage."
                ) from error
            with file:
                fcntl.lockf(file, fcntl.LOCK_EX, 1, study)
                yield
            return
        key = {"class": _LOCKS, "study": study}
        connection = self._patiently(lambda: self._locked(key), self._patience)
        try:
            yield
        finally:
            # Where the connection is gone, so is its lock.
            with contextlib.suppress(SQLAlchemyError):
                connection.execute(text("SELECT pg_advisory_unlock(:class, :study)"), key)
                connection.commit()
            connection.close()

    def _locked(self, key: Mapping[str, int]) -> Connection:
        with contextlib.ExitStack() as undo, self._told("wait for a turn in"):
            connection = undo.enter_context(self._engine.connect())
            connection.execute(text("SELECT pg_advisory_lock(:class, :study)"), key)
            connection.commit()
            undo.pop_all()
            return connection

    def _id(self, connection: Connection, name: str) -> int:
        if name in self._ids:
            return self._ids[name]
        found = connection.scalar(select(STUDIES.c.id).where(STUDIES.c.name == name))
        if found is None:
            names = [str(other) for other in connection.scalars(select(STUDIES.c.name).order_by(STUDIES.c.id.desc()).limit(5))]
            known = f"The latest are {', '.join(names)}." if names else "It has none yet: start one with 'mfsearch run'."
            raise StudyError(f"no study is called {name!r} in {self.url}. {known}")
        self._ids[name] = int(found)
        return int(found)

    @staticmethod
    def _insert(connection: Connection, study: int, seq: int, kind: EventKind, payload: str, at: float) -> None:
        connection.execute(insert(EVENTS).values(study_id=study, seq=seq, at=at, kind=kind.value, payload=payload))

    def _is_there(self, name: str, seq: int, payload: str, at: float) -> bool:
        """Whether an event is stored exactly so."""

        def read(connection: Connection) -> bool:
            where = (EVENTS.c.study_id == self._id(connection, name)) & (EVENTS.c.seq == seq)
            row = connection.execute(select(EVENTS.c.payload, EVENTS.c.at).where(where)).first()
            return row is not None and row.payload == payload and float(row.at) == at

        return self._do("read", read)

    def _do(self, doing: str, work: Callable[[Connection], T], patience: float | None = None) -> T:
        """Run a transaction; again, for a while, where it failed for what passes."""

        def attempt() -> T:
            with self._told(doing), self._engine.begin() as connection:
                return work(connection)

        return self._patiently(attempt, self._patience if patience is None else patience)

    @staticmethod
    def _patiently(attempt: Callable[[], T], patience: float) -> T:
        end = time.monotonic() + patience
        pause, longest = _PAUSE
        said = False
        while True:
            try:
                return attempt()
            except StorageError as error:
                left = end - time.monotonic()
                if left <= 0 or not _passes(error.__cause__):
                    raise
                if not said:
                    _LOG.warning("%s Trying again for %.0f s.", error, left)
                    said = True
                time.sleep(min(pause, left))
                pause = min(2 * pause, longest)

    @contextmanager
    def _told(self, doing: str) -> Iterator[None]:
        """Errors of the database become errors that a user can read."""
        try:
            yield
        except IntegrityError:
            raise
        except SQLAlchemyError as error:
            cause = " ".join(str(getattr(error, "orig", None) or error).split()).rstrip(".?")
            raise StorageError(
                f"cannot {doing} the database {self.url}: {cause}. Check that it can be reached and written, has space, and is an "
                "mfsearch database, or name another with --storage."
            ) from error


def _passes(error: BaseException | None) -> bool:
    """Whether an error may be gone a moment later."""
    if not isinstance(error, DBAPIError):
        return False
    state = getattr(error.orig, "sqlstate", None)
    if isinstance(state, str):
        return state.startswith(_PASSING)
    words = str(error.orig).lower()
    return error.connection_invalidated or any(word in words for word in _PASSING_SQLITE) or "connection" in words


_KINDS: Final = {kind.value: kind for kind in EventKind}


def _kind(text: str) -> EventKind:
    try:
        return _KINDS[text]
    except KeyError:
        raise StorageError(
            f"an event must be one of {', '.join(EventKind)}; got {text!r}. Was it written by a newer mfsearch?"
        ) from None
