"""A study's events and the state that they fold into, in step with whoever else writes to it."""

from __future__ import annotations

import logging
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

from mfsearch.errors import OvertakenError, StudyError
from mfsearch.records import Architecture, EvaluationQuery
from mfsearch.store.events import Event, EventKind
from mfsearch.store.members import Member, Watch, here
from mfsearch.store.sql import EventStore
from mfsearch.store.state import StudyState

Listener = Callable[[Event, StudyState], None]

_LOG = logging.getLogger("mfsearch")
_LOOK: Final = 0.5  # seconds between two looks at what others do, where nothing is left but to wait for them
_DECISIONS: Final = frozenset({EventKind.ASKED, EventKind.SCORED})
_UPSETTING: Final = _DECISIONS | {EventKind.GIVEN, EventKind.BUDGET}
"""After one of these a decision that was made without it no longer holds; the end of an evaluation upsets none."""


class AbstractFollower(ABC):
    """A listener that wants the whole history: it is told what was stored before it listened, too."""

    @abstractmethod
    def begin(self, study: str, events: Sequence[Event]) -> None:
        """Take up a study: its name, and what is stored so far; nothing for a new one, whose `created` event follows."""

    @abstractmethod
    def __call__(self, event: Event, state: StudyState) -> None:
        """Take an event that was stored, and the state after it."""


class Journal:
    """What happened to a study, and what follows from it.

    Args:
        store: Where the study is kept.
        name: The study.
        parse: Reads keys of architectures.
        listeners: Called with every event, own and others', and the state after it.
        created: The settings of a new study; None: it exists.
        slots: How many evaluations this process runs side by side.
        join: Whether others may work on it meanwhile.

    Raises:
        StudyError: If the name is taken, or unknown; or without `join`, if another process works on the study.
    """

    def __init__(
        self,
        store: EventStore,
        name: str,
        parse: Callable[[str], Architecture],
        listeners: Sequence[Listener] = (),
        created: Mapping[str, Any] | None = None,
        slots: int = 1,
        join: bool = False,
    ) -> None:
        self.store, self.name = store, name
        self.listeners = list(listeners)
        self._watch = Watch()
        self._slots = slots
        self._member: Member | None = None
        followers = [listener for listener in listeners if isinstance(listener, AbstractFollower)]
        if created is not None:
            self.state = StudyState(parse=parse)
            event = store.create(name, created)
            for follower in followers:
                follower.begin(name, [])
            self._fold(event)
            return
        if not join:
            self._claim()  # at once: whoever works on it may hold the turn for long
            with self.turn():
                self._claim()
                self.enter()
        history = store.events(name)
        self.state = StudyState.replay(history, parse)
        for follower in followers:
            follower.begin(name, history)

    @property
    def member(self) -> str:
        """This process, as events name it; empty while it does not work on the study."""
        return self._member.id if self._member else ""

    def enter(self) -> None:
        """Say that this process works on the study, where that was not said."""
        if self._member is None:
            self._member = Member(self.store, self.name, self._slots)

    def leave(self) -> None:
        """Say that it works on it no longer."""
        if self._member is not None:
            self._member.leave()
            self._member = None

    def check(self, fixed: Mapping[str, Any]) -> None:
        """Check settings that a study keeps for ever; where one is not kept, this process does not work on the study.

        Raises:
            StudyError: If one is not what the study was started with.
        """
        for what, mine in fixed.items():
            if (stored := self.state.settings.get(what)) != mine:
                self.leave()
                raise StudyError(
                    f"study {self.name!r} must be resumed with the {what} it was started with, {stored}; got {mine}. Choose another --study."
                )

    def turn(self) -> AbstractContextManager[None]:
        """Within, no other process decides; read what others wrote first."""
        return self.store.turn(self.name)

    def sync(self) -> list[Event]:
        """Read what others wrote."""
        news = [] if self.store.in_memory else self.store.events(self.name, self.state.events - 1)
        for event in news:
            self._fold(event)
        return news

    def write(self, kind: EventKind, payload: Mapping[str, Any]) -> None:
        """Add an event, after those that others wrote meanwhile.

        Raises:
            OvertakenError: If one of theirs upsets it: a decision must be made anew, an evaluation was ended by somebody else.
        """
        while True:
            try:
                event = self.store.append(self.name, self.state.events, kind, payload)
                break
            except OvertakenError:
                news = self.sync()
                told = kind is EventKind.TOLD and payload["id"] not in self.state.pending
                if not news or told or (kind in _DECISIONS and any(event.kind in _UPSETTING for event in news)):
                    raise
        self._fold(event)

    def mine(self) -> list[EvaluationQuery]:
        """What this process runs."""
        return [query for query in self.state.pending.values() if self.state.owners[query.id] == self.member]

    def others_run(self) -> bool:
        """Whether other processes have evaluations running."""
        return len(self.mine()) < len(self.state.pending)

    def wait(self, bury: Callable[[], None]) -> bool:
        """Wait while other processes run something; whether there is news to decide on.

        Args:
            bury: Ends what the dead among them ran.
        """
        said = False
        while self.others_run():
            if not said:
                _LOG.info("Nothing is affordable while other processes have evaluations running; waiting for these.")
                said = True
            known = self.state.events
            bury()
            self.sync()
            if self.state.events > known or not self.others_run():
                return True
            time.sleep(_LOOK)
        return False

    def orphans(self) -> list[EvaluationQuery]:
        """What runs according to the books, of processes that are known to be dead."""
        if not self.others_run():
            return []
        living = {self.member, *(str(member["id"]) for member in self._others())}
        return [query for query in self.state.pending.values() if self.state.owners[query.id] not in living]

    def slots(self) -> int:
        """How many evaluations can run side by side, in all processes that work on the study."""
        return self._slots + sum(int(member["slots"]) for member in self._others())

    def _others(self) -> list[dict[str, Any]]:
        """Other processes that work on the study, and are not known to be dead."""
        members = [] if self.store.in_memory else self.store.members(self.name)
        dead = self._watch.dead(members)
        return [member for member in members if member["id"] != self.member and member["id"] not in dead]

    def _claim(self) -> None:
        """See that no other process works on the study; those that are dead, and this very process' earlier ones, are struck off."""
        if self.store.in_memory:
            return
        for member in self._watch.wait(self.store, self.name):
            if not (member["host"] == here() and member["pid"] == os.getpid()):
                raise StudyError(
                    f"study {self.name!r} must not be run twice; process {member['pid']} on {str(member['host']).partition('/')[0]} works on it. "
                    f"Stop that one, or work beside it: mfsearch resume {self.name} --join"
                )
        for member in self.store.members(self.name):
            self.store.leave(str(member["id"]))

    def _fold(self, event: Event) -> None:
        self.state.apply(event)
        for listener in self.listeners:
            listener(event, self.state)
