"""Why one evaluation was made, in words and figures: what decided, as it was stored when it was decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from mfsearch.errors import StudyError
from mfsearch.records import EvaluationQuery, Objective, Observation
from mfsearch.report.markdown import reason
from mfsearch.report.views import figure_of, ladder_of, show_figure, target_of
from mfsearch.store.events import Event, EventKind
from mfsearch.store.state import StudyState
from mfsearch.units import format_seconds

_GAIN = {
    "information": "expected rise of the best posterior mean at {target}",
    "improvement": "expected rise of the best posterior mean among those evaluated at {target}",
}
_SCORE = {
    "information": "gain / (cost + {slack}) among candidates of one rung; gain per second decides between rungs",
    "improvement": "gain / (cost + {slack})",
    "mean": "posterior mean at {target}",
}


def explain(name: str, events: Sequence[Event], evaluation: int) -> dict[str, Any]:
    """Why an evaluation was made, and what came of it.

    Args:
        name: The study's name.
        events: Its history.
        evaluation: Id of an evaluation that has ended, or runs.

    Returns:
        JSON: `sentence` says the reason in words; `why` is what was stored when it was decided, figures in it in the surrogate's
        standardised units but for `posterior` and `incumbent`, which are in the study's unit.

    Raises:
        StudyError: If the study has no such evaluation.
    """
    state = StudyState.replay(events)
    done = {o.query.id: o for o in state.observations}
    queries = {id: o.query for id, o in done.items()} | state.pending
    if evaluation not in queries:
        has = f"it has {evaluations_of(state)}"
        raise StudyError(
            f"study {name!r} must have the evaluation that is asked about; {has}; got {evaluation}. Take one of these."
        )
    query, observation = queries[evaluation], done.get(evaluation)
    together, repeat = _decided_with(events, evaluation)
    why: dict[str, Any] = dict(query.why)
    beside = int((_decision(why) or {}).get("beside", 0))
    signal = next(str(rung["signal"]) for rung in ladder_of(state) if rung["name"] == query.rung).removeprefix("-")
    found = {
        "study": name,
        "evaluation": evaluation,
        "architecture": query.architecture.key,
        "rung": query.rung,
        "target": target_of(state),
        "objective": dict(state.settings["objective"]),
        "status": "running" if observation is None else observation.status.value,
        "signal": signal,
        "figure": None if observation is None else figure_of(state, observation),
        "seconds": None if observation is None else observation.seconds,
        "expected_seconds": state.expected.get(evaluation),
        "repeats": _repeated(state, query) if repeat else None,
        "beside": together[-beside:] if beside and not repeat else [],
        "why": why,
    }
    return {"sentence": _sentence(found, observation), **found}


def evaluations_of(state: StudyState) -> str:
    """The evaluations that there are, for a reader: `evaluations 0 to 12`."""
    ids = sorted({o.query.id for o in state.observations} | set(state.pending))
    if len(ids) < 2:
        return f"evaluation {ids[0]}" if ids else "no evaluations yet"
    whole = ids[-1] - ids[0] + 1 == len(ids)
    return f"evaluations {ids[0]} to {ids[-1]}" if whole else f"evaluations {', '.join(str(id) for id in ids)}"


def render(found: Mapping[str, Any]) -> Group:
    """`explain`'s object for a terminal: one sentence, the figures around it, and who else stood for the choice."""
    facts = Table.grid(padding=(0, 2, 0, 0))
    facts.add_column()
    facts.add_column(overflow="fold")
    for label, text in [("architecture", found["architecture"]), *_facts(found)]:
        facts.add_row(f"  {label}", Text(text))
    decision, sentence = _decision(found["why"]), Text(found["sentence"], style="bold")
    return (
        Group(sentence, facts) if decision is None else Group(sentence, facts, _table(found, decision), *_legend(found, decision))
    )


def _decision(why: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The figures that decided as the default policy stores them; None of other policies, whose keys are their own."""
    found = why.get("decision")
    return found if isinstance(found, Mapping) and found.get("rule") in _SCORE else None


def _decided_with(events: Sequence[Event], evaluation: int) -> tuple[list[int], bool]:
    """Evaluations decided just before one in the same breath, in order, and whether all of them only repeat earlier ones."""
    for event in events:
        if event.kind is EventKind.ASKED:
            ids = [int(item["id"]) for item in event.payload["queries"]]
            if evaluation in ids:
                return ids[: ids.index(evaluation)], bool(event.payload.get("repeat"))
    return [], False


def _repeated(state: StudyState, query: EvaluationQuery) -> int | None:
    """The latest earlier evaluation of the same architecture at the same rung."""
    same = [o.query.id for o in state.observations if o.query.id < query.id and o.query.architecture == query.architecture]
    at_rung = {o.query.id for o in state.observations if o.query.rung == query.rung}
    return max((id for id in same if id in at_rung), default=None)


def _sentence(found: Mapping[str, Any], observation: Observation | None) -> str:
    why, what = found["why"], f"#{found['evaluation']} at {found['rung']}"
    if "origin" in why:
        return f"{what}: not decided by this study; it was given from {why['origin']}."
    again = "" if found["repeats"] is None else f", a repeat of #{found['repeats']}"
    decision = _decision(why)
    if decision is None:
        return f"{what}{again}: {reason(why) or 'no reason was stored'}."
    return f"{what}{again}: {why['reason']}: {_figures(found, why, decision)}."


def _figures(found: Mapping[str, Any], why: Mapping[str, Any], decision: Mapping[str, Any]) -> str:
    """What decided, as the end of a sentence."""
    gain, own = f"a gain of {why['gain']:.3g} for {format_seconds(why['cost'])}", decision["rungs"][found["rung"]]
    if decision["rule"] == "mean":
        mean = show_figure(Objective(**found["objective"]), decision["posterior"]["mean"])
        return f"the best expectation of {own['considered']} candidates, {mean}"
    if decision["rule"] == "improvement":
        return f"{gain}, the best score of {own['considered']} candidates"
    rates = why["gain_per_second_by_rung"]
    others = [f"{rate:.3g} at {rung}" for rung, rate in rates.items() if rung != found["rung"]]
    pair = " both together" if "second" in decision else ""
    return f"{gain}{pair}, {why['gain_per_second']:.3g} a second" + (f", against {', '.join(others)}" if others else "")


def _facts(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    objective, decision = Objective(**found["objective"]), _decision(found["why"]) or {}
    facts = [("outcome", _outcome(found, objective))]
    if posterior := decision.get("posterior"):
        mean, low, high = (show_figure(objective, figure) for figure in (posterior["mean"], *posterior["interval"]))
        sd = show_figure(objective, posterior["sd"]).removesuffix("%")
        facts.append(("expected", f"{mean} at {found['target']}, standard deviation {sd}, 95% interval {low} to {high}"))
    if decision:
        best = decision["incumbent"]
        at_best = "none yet" if best is None else f"{show_figure(objective, best['figure'])}, #{best['evaluation']}"
        facts.append(("incumbent", at_best))
        facts.append(("pending", ", ".join(f"#{id}" for id in decision["pending"]) or "nothing"))
        if found["beside"]:
            facts.append(("decided beside", ", ".join(f"#{id}" for id in found["beside"])))
        left_out = {rung: told["left_out"] for rung, told in decision["rungs"].items() if "left_out" in told}
        facts += [("left out", f"{rung}: {because}") for rung, because in left_out.items()]
    if end := decision.get("last_runs"):
        over = format_seconds(end["over_seconds"])
        facts.append(("last runs", f"room for {end['affordable']} more at {found['target']}, which leave over {over}"))
    if "second" in decision:
        facts.append(("second run", str(decision["second"])))
    return facts


def _outcome(found: Mapping[str, Any], objective: Objective) -> str:
    expected = "" if found["expected_seconds"] is None else f" ({format_seconds(found['expected_seconds'])} expected)"
    if found["seconds"] is None:
        return f"it runs{expected}"
    figure = show_figure(objective, found["figure"], found["signal"])
    what = f"{found['signal']} {figure}" if found["status"] == "ok" else found["status"]
    return f"{what} in {format_seconds(found['seconds'])}{expected}"


def _table(found: Mapping[str, Any], decision: Mapping[str, Any]) -> Table:
    """The chosen rung's best first, its next best, then the other rungs."""
    rates = found["why"].get("gain_per_second_by_rung", {})
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("rung")
    for figure in ("gain", "cost", "gain/s", "score", "of"):
        table.add_column(figure, justify="right")
    table.add_column("architecture", overflow="fold")
    for rung, told in decision["rungs"].items():
        if "left_out" in told:
            continue
        chosen, paired = rung == found["rung"], "second" in decision
        if pair := told.get("pair"):
            together = [rung, *_cells(pair, rates.get(rung)), "", "", "two runs together"]
            table.add_row(*together, style="bold" if chosen and paired else "")
        rate = None if pair or told["gain"] is None else told["gain"] / told["cost"]
        row = [rung, *_cells(told, rate), f"{told['score']:.4g}", str(told["considered"]), Text(told["architecture"])]
        table.add_row(*row, style="bold" if chosen and not paired else "")
        for other in (row for row in decision["alternatives"] if row["rung"] == rung):
            table.add_row(rung, *_cells(other, None), f"{other['score']:.4g}", "", Text(other["architecture"]))
    return table


def _cells(row: Mapping[str, Any], rate: float | None) -> list[str]:
    gain = "-" if row["gain"] is None else f"{row['gain']:.4g}"
    return [gain, format_seconds(row["cost"]), "" if rate is None else f"{rate:.4g}"]


def _legend(found: Mapping[str, Any], decision: Mapping[str, Any]) -> list[Text]:
    known = {"target": found["target"], "slack": format_seconds(decision["slack_seconds"])}
    said = {"gain": _GAIN.get(decision["rule"], ""), "score": _SCORE[decision["rule"]]}
    lines = [f"{what}: {text.format(**known)}" for what, text in said.items() if text]
    lines += [
        f"score at {rung}: the gain, since prices do not count among its last runs" for rung in decision.get("unpriced", ())
    ]
    standard = "gains and scores" if said["gain"] else "scores"
    lines += [
        f"of: candidates that were compared there, out of a pool of {decision['pool']}",
        f"{standard} are in the standardised units of the surrogate",
    ]
    return [Text("; ".join(lines) + ".", style="dim")]
