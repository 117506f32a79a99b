"""What one rung of a study taught: how often it was used, what it cost, how well it tells the target, what followed from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from mfsearch.budget import ChargeKind
from mfsearch.errors import StudyError
from mfsearch.records import Status
from mfsearch.report.views import ladder_of, target_of
from mfsearch.store.events import Event, EventKind
from mfsearch.store.state import StudyState
from mfsearch.units import format_seconds


def check_rung(name: str, state: StudyState, rung: str) -> None:
    """See that a study's ladder has a rung.

    Raises:
        StudyError: If it has not; the message names those that it has.
    """
    known = [str(other["name"]) for other in ladder_of(state)]
    if rung not in known:
        raise StudyError(
            f"study {name!r} must have the rung that is asked about; it has {', '.join(known)}; got {rung!r}. Take one of these."
        )


def lesson(name: str, events: Sequence[Event], rung: str, correlation: float | None = None, unknown: str = "") -> dict[str, Any]:
    """What a rung taught.

    Args:
        name: The study's name.
        events: Its history.
        rung: Name of a rung of its ladder.
        correlation: With the target, as the surrogate has learned it by now.
        unknown: Why there is none.

    Returns:
        JSON: `runs` that ended well (of a score rung: architectures scored), `seconds` charged and their `share` of what was spent,
        `decisions`: evaluations decided when something was known from it, `target_runs` and of these `seen_before`: of architectures
        that it had judged before, `useless`: since when it is not paid for because it says too little, `last`: its latest run.

    Raises:
        StudyError: If the ladder has no such rung.
    """
    state = StudyState.replay(events)
    check_rung(name, state, rung)
    kind = next(other["kind"] for other in ladder_of(state) if other["name"] == rung)
    ended = [o.status for o in state.observations if o.query.rung == rung]
    paid = [charge for charge in state.ledger.charges if charge.rung == rung and charge.kind is not ChargeKind.TEACHER]
    seconds = sum(charge.seconds for charge in paid)
    useless = (state.memory.get("useless") or {}).get(rung)
    found = {
        "study": name,
        "rung": rung,
        "kind": kind,
        "target": target_of(state),
        "runs": len(state.scores.get(rung, {})) if kind == "score" else ended.count(Status.OK),
        "failed": len(ended) - ended.count(Status.OK),
        "running": sum(query.rung == rung for query in state.pending.values()),
        "seconds": seconds,
        "share": seconds / state.ledger.spent if state.ledger.spent else 0.0,
        "correlation": correlation,
        "correlation_unknown": unknown if correlation is None else "",
        "useless": None if useless is None else dict(useless),
        **_followed(events, rung, target_of(state)),
    }
    return {"sentence": _sentence(found), **found}


def render(found: Mapping[str, Any]) -> Group:
    """`lesson`'s object for a terminal."""
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
    many = "architectures scored" if found["kind"] == "score" else "runs"
    failed = f", {found['failed']} more did not end well" if found["failed"] else ""
    running = f", {found['running']} running" if found["running"] else ""
    table.add_row(many, f"{found['runs']}{failed}{running}")
    table.add_row("charged", f"{format_seconds(found['seconds'])}, {100 * found['share']:.0f}% of what was spent")
    learned = found["correlation_unknown"] if found["correlation"] is None else f"{found['correlation']:.3f}"
    if found["rung"] != found["target"]:
        table.add_row(f"correlation with {found['target']}", learned)
    table.add_row("decisions that knew of it", str(found["decisions"]))
    if found["rung"] != found["target"]:
        table.add_row(
            f"runs at {found['target']}", f"{found['target_runs']}, {found['seen_before']} of them of what it had judged"
        )
    if last := found["last"]:
        after = f"{_many(last['decisions_after'], 'decision')} since"
        what = "bought last" if found["kind"] == "score" else f"last run, #{last['evaluation']}"
        table.add_row(what, f"at {format_seconds(last['spent_seconds'])} of the budget, {after}")
    return Group(Text(found["sentence"], style="bold"), table)


def _followed(events: Sequence[Event], rung: str, target: str) -> dict[str, Any]:
    """What was decided after something was known from a rung; repeats are no decisions."""
    state, judged = StudyState(), set[str]()
    decisions = target_runs = seen_before = 0
    last: dict[str, Any] | None = None
    for event in events:
        spent = state.ledger.spent
        state.apply(event)
        if event.kind is EventKind.ASKED and not event.payload.get("repeat"):
            for item in event.payload["queries"]:
                decisions += bool(judged)
                target_runs += item["rung"] == target
                seen_before += item["rung"] == target and item["architecture"] in judged
                if item["rung"] == rung:
                    last = {"evaluation": item["id"], "spent_seconds": spent, "decisions_after": 0}
                elif last is not None:
                    last["decisions_after"] += 1
        elif event.kind is EventKind.TOLD and state.observations[-1].query.rung == rung:
            judged |= {state.observations[-1].query.architecture.key} if event.payload["status"] == Status.OK else set()
        elif event.kind is EventKind.GIVEN:
            judged |= {item["architecture"] for item in event.payload["observations"] if item["rung"] == rung}
        elif event.kind is EventKind.SCORED and any(batch["rung"] == rung for batch in event.payload["scores"]):
            judged = set(state.scores[rung])
            last = {"evaluation": None, "spent_seconds": spent, "decisions_after": 0}
    return {"decisions": decisions, "target_runs": target_runs, "seen_before": seen_before, "last": last}


def _sentence(found: Mapping[str, Any]) -> str:
    rung, target = found["rung"], found["target"]
    if not found["runs"]:
        return f"{rung} taught nothing: none of its runs has ended well yet."
    if useless := found["useless"]:
        return (
            f"{rung} was found useless after {format_seconds(useless['since_seconds'])} of the budget, with a correlation of "
            f"{useless['correlation']:.2f} with {target}: it is no longer paid for."
        )
    if rung == target:
        return f"{rung} is the target, which the study is about: {_many(found['runs'], 'run')} for {format_seconds(found['seconds'])}."
    many = f"{_many(found['runs'], 'architecture')} scored" if found["kind"] == "score" else _many(found["runs"], "run")
    tells = "" if found["correlation"] is None else f" tells {target} with a learned correlation of {found['correlation']:.2f}"
    return f"{rung}{tells}: {many} for {format_seconds(found['seconds'])}, known to {_many(found['decisions'], 'decision')}."


def _many(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
