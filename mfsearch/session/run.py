"""Start a study, or go on with one; run it to the end of its budget; judge it once; write everything down."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from mfsearch.budget import parse_budget
from mfsearch.build import build_device, build_executor, build_policy, build_problem, build_trackers, has_gpu
from mfsearch.config import StudyConfig
from mfsearch.errors import BudgetError, MfsearchError, SearchFailedError
from mfsearch.interrupts import stoppable
from mfsearch.problems.base import Problem
from mfsearch.records import Recommendation
from mfsearch.report.export import export
from mfsearch.report.files import OUT, make_folder, write_report
from mfsearch.report.summary import summarise
from mfsearch.session.outcome import Outcome, Watcher
from mfsearch.session.stored import check_same_config, environment, stored_config
from mfsearch.session.warm_start import origin_of, read_warm_start
from mfsearch.store.location import default_storage, home
from mfsearch.store.sql import EventStore
from mfsearch.study import Study
from mfsearch.tracking import Tracker


def start(
    config: StudyConfig,
    *,
    label: str = "study",
    name: str | None = None,
    storage: str | None = None,
    budget: str | None = None,
    warm_start: str | None = None,
    out: Path | None = None,
    allow_code: bool = False,
    track: Sequence[str] = (),
    watcher: Watcher | None = None,
) -> Outcome:
    """Run a search; go on with it where a study of this name and config exists.

    Args:
        config: What to search.
        label: First part of the name that a study without one gets.
        name: Name of the study; the config's unless given.
        storage: Database URL; the default database unless given.
        budget: Device time; the config's unless given.
        warm_start: Study in the same database, CSV file, or `optuna:STORAGE#STUDY`, whose evaluations are taken over free of charge.
        out: Folder for all that the study leaves behind.
        allow_code: Whether code that the config names may run.
        track: Where it is written to meanwhile, `KIND` or `KIND=WHERE` each.
        watcher: Who is told.

    Raises:
        MfsearchError: If something the user wrote cannot work, or the search failed.
        InterruptedSearchError: On Ctrl-C or SIGTERM; everything is saved.
    """
    watcher = watcher or Watcher()
    written = budget or config.budget
    if written is None:
        raise BudgetError("a run must have a budget; got none. Add for example --budget 3min, or 'budget: 3min' to the config.")
    seconds, device = parse_budget(written)
    store = EventStore(storage or default_storage())
    name = name or config.name
    if name is not None and name in store.names():
        check_same_config(name, config, store.events(name, most=1))
        watcher.say(f"Study {name!r} exists with this config: going on with it.")
        return _go_on(name, config, store, budget, warm_start, allow_code, watcher, track)
    problem = build_problem(config, home(), allow_code)
    policy, executor = build_policy(config, allow_code), build_executor(config, problem)
    rows = [] if warm_start is None else read_warm_start(warm_start, problem, store)
    # Results of another database may lie here: their folder is not ours.
    name = name or fresh_name(label, [*store.names(), *(folder.name for folder in Path(OUT).glob("*"))])
    folder = make_folder(out or Path(OUT) / name)
    trackers = build_trackers(track, folder)
    _say_device(device, problem, watcher)
    study = Study(
        problem.space,
        problem.ladder,
        seconds,
        objective=problem.objective,
        policy=policy,
        seed=config.seed,
        name=name,
        store=store,
        executor=executor,
        recommend="predicted" if (config.recommend or problem.recommend) == "predicted" else "evaluated",
        max_retries=config.max_retries,
        workdir=folder / "evaluations",
        device=build_device(config),
        config=config.model_dump(mode="json"),
        listeners=[watcher.on_event, *trackers],
        progress=watcher.on_progress,
    )
    watcher.say(f"Study {name!r}, stored in {store.url}; its files are in {folder}.")
    if warm_start is not None:
        study.give(origin_of(warm_start), rows)
    return _finish(study, problem, watcher, trackers)


def resume(
    name: str,
    *,
    storage: str | None = None,
    budget: str | None = None,
    allow_code: bool = False,
    join: bool = False,
    track: Sequence[str] = (),
    watcher: Watcher | None = None,
) -> Outcome:
    """Go on with a study after a stop, a crash, or with more budget.

    Args:
        name: The study.
        storage: Database URL; the default database unless given.
        budget: New total; `+30min` adds to the old one.
        allow_code: Whether code that the study's config names may run.
        join: Whether other processes may work on it meanwhile.
        track: Where it is written to meanwhile, `KIND` or `KIND=WHERE` each.
        watcher: Who is told.

    Raises:
        MfsearchError: If something the user wrote cannot work, or the search failed.
        InterruptedSearchError: On Ctrl-C or SIGTERM; everything is saved.
    """
    if budget is not None:
        parse_budget(budget)  # a slip of the pen is found before anything is opened
    store = EventStore(storage or default_storage())
    config = stored_config(name, store.events(name, most=1))
    return _go_on(name, config, store, budget, None, allow_code, watcher or Watcher(), track, join)


def fresh_name(label: str, taken: list[str]) -> str:
    """A name that no study has: what is searched, the day, a number."""
    stem = f"{re.sub(r'[^A-Za-z0-9_.-]+', '-', label) or 'study'}-{datetime.date.today():%Y%m%d}"
    number = 1
    while f"{stem}-{number}" in taken:
        number += 1
    return f"{stem}-{number}"


def _go_on(
    name: str,
    config: StudyConfig,
    store: EventStore,
    budget: str | None,
    warm_start: str | None,
    allow_code: bool,
    watcher: Watcher,
    track: Sequence[str],
    join: bool = False,
) -> Outcome:
    problem = build_problem(config, home(), allow_code)
    workdir = Path(store.events(name, most=1)[0].payload["workdir"])
    trackers = build_trackers(track, workdir.parent)
    if budget is not None:
        _say_device(parse_budget(budget)[1], problem, watcher)
    study = Study(
        problem.space,
        problem.ladder,
        budget,
        policy=build_policy(config, allow_code),
        name=name,
        store=store,
        executor=build_executor(config, problem),
        device=build_device(config),
        listeners=[watcher.on_event, *trackers],
        progress=watcher.on_progress,
        resume=True,
        join=join,
    )
    origin = None if warm_start is None else origin_of(warm_start)
    taken = any(o.query.why.get("origin") == origin for o in study.state.observations)
    if warm_start is not None and origin is not None and not taken:
        study.give(origin, read_warm_start(warm_start, problem, store))
    return _finish(study, problem, watcher, trackers)


def _finish(study: Study, problem: Problem, watcher: Watcher, trackers: Sequence[Tracker]) -> Outcome:
    folder = make_folder(study.workdir.parent)
    with stoppable(f"interrupted; everything is saved. Go on with: mfsearch resume {study.name}"), ExitStack() as tracked:
        for tracker in trackers:
            tracked.enter_context(tracker)
        try:
            recommendation = study.run()
        except SearchFailedError:
            write_report(folder, summarise(study.name, study.state, None, environment(), problem.description))
            raise
        weights = None
        if recommendation is not None:
            _judge(study, problem, recommendation, watcher)
            weights = export(folder, study.name, recommendation, problem.space, problem.task)
        summary = summarise(study.name, study.state, recommendation, environment(), problem.description)
        report = write_report(folder, summary)
    return Outcome.of(summary, str(report), None if weights is None else str(weights))


def _judge(study: Study, problem: Problem, recommendation: Recommendation, watcher: Watcher) -> None:
    """Figures that the search never saw, once for each recommended architecture."""
    architecture, oracle = recommendation.architecture, problem.oracle
    if architecture.key in study.state.judged:
        return
    figures: dict[str, float] = {}
    try:
        if problem.judge is not None:
            figures |= problem.judge(recommendation)
        if oracle is not None:
            figures |= {"true_value": oracle.truth(architecture), "regret": oracle.regret(architecture, problem.objective.sign)}
            if oracle.test is not None:
                figures["test_accuracy"] = oracle.test(architecture)
    except (MfsearchError, OSError) as error:
        watcher.say(f"The recommended architecture could not be tested: {error}")
    if figures:
        study.judge(architecture, figures)


def _say_device(device: str | None, problem: Problem, watcher: Watcher) -> None:
    if problem.virtual:
        watcher.say(f"Costs of {problem.name} are simulated: the budget counts simulated device seconds.")
    elif device == "gpu" and not has_gpu():
        watcher.say("No GPU here: gpu-hours are accepted, and are spent as device seconds of the CPU.")
