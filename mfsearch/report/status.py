"""How studies stand: spent, running, best. Read from the store alone, so that it is quick."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from mfsearch.records import Objective
from mfsearch.report.log import counts
from mfsearch.report.views import figure_of, incumbent_of, show_figure, target_of
from mfsearch.store.members import Watch
from mfsearch.store.sql import EventStore
from mfsearch.store.state import StudyState
from mfsearch.units import format_seconds


def living(store: EventStore, name: str, watch: Watch) -> list[dict[str, Any]]:
    """Host and pid of the processes that work on a study, and are not known to be dead."""
    members = store.members(name)
    dead = watch.dead(members)
    return [
        {"host": str(member["host"]).partition("/")[0], "pid": member["pid"]} for member in members if member["id"] not in dead
    ]


def status_lines(found: Mapping[str, Any]) -> list[str]:
    """`study_status`'s object for a reader, one line each."""
    best = found["best"]
    running = [
        f"  running  #{query['evaluation']} {query['rung']}, {format_seconds(query['seconds'])} of about "
        f"{format_seconds(query['expected_seconds'])}: {query['architecture']}"
        for query in found["running"]
    ]
    return [
        f"{found['study']}: {_state(found)}",
        f"  spent    {format_seconds(found['spent_seconds'])} of {format_seconds(found['budget_seconds'])}",
        f"  done     {found['counts']}",
        *running,
        f"  best     {best_figure(found)} {best['architecture']}" if best else f"  best     none at {found['target']} yet",
    ]


def best_figure(found: Mapping[str, Any]) -> str:
    """The best figure of `study_status`'s object for a reader; a dash where there is none."""
    return "-" if found["best"] is None else show_figure(Objective(**found["objective"]), found["best"]["figure"])


def study_status(store: EventStore, name: str) -> dict[str, Any]:
    """How one study stands; JSON.

    Raises:
        StudyError: If there is no such study.
    """
    events = store.events(name)
    state = StudyState.replay(events)
    best = incumbent_of(state)
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
        "processes": living(store, name, Watch()),
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


def _state(found: Mapping[str, Any]) -> str:
    if found["stopped"]:
        return f"ended because {found['stopped']}"
    ago = format_seconds(found["seconds_since_last_event"])
    if found["processes"]:
        workers = ", ".join(f"{process['pid']} on {process['host']}" for process in found["processes"])
        return f"open; last event {ago} ago. It is worked on by process {workers}"
    return f"open; last event {ago} ago. Nothing runs it; go on with: mfsearch resume {found['study']}"
