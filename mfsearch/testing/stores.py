"""What every event store must do. Subclass `StoreContract`, name it Test..., and say how to open one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import pytest

from mfsearch.errors import OvertakenError, StudyError
from mfsearch.store.events import EventKind
from mfsearch.store.sql import EventStore


class StoreContract(ABC):
    """Append-only histories that survive, in order, with one writer each."""

    @abstractmethod
    def open(self, folder: Path) -> EventStore:
        """A store that belongs to the folder: opened twice, it shows the same studies."""

    def test_history_survives_in_order(self, tmp_path: Path) -> None:
        """What was appended is there after opening again, in the order in which it was appended."""
        store = self.open(tmp_path)
        store.create("a", {"seed": 1})
        for seq in range(1, 30):
            store.append("a", seq, EventKind.BUDGET, {"total": float(seq)})
        store.close()
        again = self.open(tmp_path).events("a")
        assert [event.seq for event in again] == list(range(30))
        assert [event.payload["total"] for event in again[1:]] == [float(seq) for seq in range(1, 30)]
        assert [event.seq for event in self.open(tmp_path).events("a", after=10, most=3)] == [11, 12, 13]

    def test_payloads_come_back_as_they_were(self, tmp_path: Path) -> None:
        """JSON without loss: text of any script, deep nesting, long figures."""
        store = self.open(tmp_path)
        payload = {
            "text": "<b>ü漢\n'\"\x00",
            "half a pair": "\ud800",
            "list": [1, 2.5, None, True, {"x": []}],
            "exact": 0.1 + 0.2,
        }
        assert store.create("a", payload).payload == payload
        assert store.events("a")[0].payload == payload

    def test_one_writer(self, tmp_path: Path) -> None:
        """The second of two writers of the same event is refused, and what the first wrote stays."""
        first, second = self.open(tmp_path), self.open(tmp_path)
        first.create("a", {})
        first.append("a", 1, EventKind.BUDGET, {"total": 1.0})
        with pytest.raises(OvertakenError, match="must have one writer"):
            second.append("a", 1, EventKind.BUDGET, {"total": 2.0})
        assert first.events("a")[1].payload == {"total": 1.0}

    def test_names(self, tmp_path: Path) -> None:
        """A name is taken once; an unknown one is an error that says what is known."""
        store = self.open(tmp_path)
        store.create("a", {})
        store.create("b", {})
        assert store.names() == ["a", "b"]
        with pytest.raises(StudyError, match="exists already"):
            store.create("a", {})
        with pytest.raises(StudyError, match="no study is called 'c'"):
            store.events("c")
        for bad in ("", "a" * 201, "a\x00b", "two\nlines"):
            with pytest.raises(StudyError, match="must have 1 to 200 characters"):
                store.create(bad, {})

    def test_heartbeats(self, tmp_path: Path) -> None:
        """The last heartbeat of an evaluation counts, and each evaluation has its own."""
        store = self.open(tmp_path)
        store.create("a", {})
        for id, elapsed in ((0, 1.0), (1, 5.0), (0, 2.0)):
            store.beat("a", id, elapsed)
        again = self.open(tmp_path)
        assert [again.last_beat("a", id) for id in (0, 1, 2)] == [2.0, 5.0, 0.0]

    def test_members(self, tmp_path: Path) -> None:
        """Processes that work on a study are noted until they leave, each study has its own."""
        store = self.open(tmp_path)
        store.create("a", {})
        store.create("b", {})
        store.enter("a", "one", "host", 12, 34.5, 1)
        store.enter("a", "two", "host", 13, 35.5, 4)
        store.show("one")
        again = self.open(tmp_path)
        assert again.members("b") == []
        assert sorted(again.members("a"), key=lambda member: str(member["id"])) == [
            {"id": "one", "host": "host", "pid": 12, "started": 34.5, "slots": 1, "beats": 1},
            {"id": "two", "host": "host", "pid": 13, "started": 35.5, "slots": 4, "beats": 0},
        ]
        store.leave("one")
        assert [member["id"] for member in again.members("a")] == ["two"]

    def test_turns(self, tmp_path: Path) -> None:
        """A turn waits for nobody where nobody has it, and can be had again."""
        store = self.open(tmp_path)
        store.create("a", {})
        store.create("b", {})
        for _ in range(2):
            with store.turn("a"), store.turn("b"):
                store.append("a", len(store.events("a")), EventKind.BUDGET, {"total": 1.0})
