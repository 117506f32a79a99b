"""`mfsearch why`."""

from __future__ import annotations

import sys
from typing import Any

import click
from rich.console import Console

from mfsearch.cli.output import code_option, json_option, storage_option, write_json
from mfsearch.errors import StudyError, UsageError
from mfsearch.report.rung import check_rung, lesson
from mfsearch.report.rung import render as render_rung
from mfsearch.report.views import DOUBT, ladder_of, target_of
from mfsearch.report.why import evaluations_of, explain
from mfsearch.report.why import render as render_evaluation
from mfsearch.store.events import Event
from mfsearch.store.location import default_storage
from mfsearch.store.sql import EventStore
from mfsearch.store.state import StudyState

_WIDE = 240  # columns where the output is no terminal: keys of architectures stay whole


@click.command()
@click.argument("name")
@click.argument("observation", required=False)
@click.option("--rung", metavar="RUNG", help="Say what a rung taught, instead.")
@storage_option
@code_option
@json_option
def why(name: str, observation: str | None, rung: str | None, storage: str | None, allow_code: bool, as_json: bool) -> None:
    """Say why an evaluation was made, or what a rung taught.

    OBSERVATION is the number of an evaluation, as status, report and export show it.
    """
    events = EventStore(storage or default_storage()).events(name)
    if (observation is None) == (rung is None):
        state, got = StudyState.replay(events), "neither" if rung is None else "both"
        known = ", ".join(str(other["name"]) for other in ladder_of(state))
        raise UsageError(
            f"why must be asked about an evaluation or a rung; got {got}. Study {name!r} has {evaluations_of(state)}, and the rungs "
            f"{known}. Write for example: mfsearch why {name} --rung {target_of(state)}"
        )
    if rung is not None:
        found = _rung(name, events, rung, allow_code)
        page = render_rung(found)
    else:
        found = explain(name, events, _number(str(observation)))
        page = render_evaluation(found)
    if as_json:
        return write_json(found)
    console = Console(file=sys.stdout, highlight=False)
    (console if console.is_terminal else Console(file=sys.stdout, highlight=False, width=_WIDE)).print(page)


def _rung(name: str, events: list[Event], rung: str, allow_code: bool) -> dict[str, Any]:
    state = StudyState.replay(events)
    check_rung(name, state, rung)  # before anything large is loaded

    from mfsearch.session.stored import learned_correlations

    in_doubt = rung in (state.memory.get("unproven") or ())
    unknown = DOUBT if in_doubt else "its scores are inputs of the surrogate"
    correlations: dict[str, float] = {}
    if not events[0].payload.get("config"):
        unknown = "unknown: a program made the study, and only that can open its surrogate"
    else:
        correlations = learned_correlations(name, events, allow_code)
        unknown = unknown if correlations else "unknown: nothing was evaluated yet"
    return lesson(name, events, rung, correlations.get(rung), unknown)


def _number(text: str) -> int:
    try:
        return int(text.removeprefix("#"))
    except ValueError:
        raise StudyError(
            f"an evaluation must be named by its number, as status and report show it; got {text!r}. Write for example 0."
        ) from None
