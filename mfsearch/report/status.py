"""How studies stand: spent, running, best. Read from the store alone, so that it is quick."""

from __future__ import annotations

import time
from typing import Any

from mfsearch.report.log import counts
from mfsearch.report.views import figure_of, incumbent_of, target_of
from mfsearch.store.members import Watch
from mfsearch.store.sql import EventStore
from mfsearch.store.state import StudyState


def study_status(store: EventStore, name: str) -> dict[str, Any]:
    """How one study stands; JSON.

    Raises:
        StudyError: If there is no such study.
    """
    events = store.events(name)
    state = StudyState.replay(events)
    best = incumbent_of(state)
    members = store.members(name)
    dead = Watch().dead(members)
    return {
        "study": name,
        "state": "ended" if state.stopped else "open",
        "stopped": state.stopped,
        "seconds_since_last_event": max(0.0, time.time() - events[-1].at),
        "space": state.settings["space"],
        "policy": state.settings["policy"],
        "target": target_of(state),
        "objective": dict(state.settings["objective"]),
        "spent_seconds": state.ledger.spent,
        "budget_seconds": state.ledger.total,
        "observations": len(state.observations),
        "counts": counts(state),
        "processes": [
            {"host": str(member["host"]).partition("/")[0], "pid": member["pid"]}
            for member in members
            if member["id"] not in dead
        ],
        "running": [
            {
                "evaluation": query.id,
                "rung": query.rung,
                "architecture": query.architecture.key,
                "seconds": store.last_beat(name, query.id),
                "expected_seconds": state.expected[query.id],
            }
            for query in state.pending.values()
        ],
        "best": None
        if best is None
        else {"architecture": best.query.architecture.key, "figure": figure_of(state, best), "evaluation": best.query.id},
    }
