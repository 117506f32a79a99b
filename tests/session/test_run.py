from __future__ import annotations

import datetime
import json
import os
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from mfsearch import build
from mfsearch.config import StudyConfig, load_config
from mfsearch.errors import BudgetError, ConfigError, DataError, InterruptedSearchError, SearchFailedError, StudyError
from mfsearch.problems.base import Problem
from mfsearch.records import Recommendation
from mfsearch.session import run
from mfsearch.session.outcome import Watcher
from mfsearch.session.run import fresh_name, resume, start
from mfsearch.session.warm_start import origin_of
from mfsearch.store.events import EventKind
from mfsearch.store.sql import EventStore


def test_a_run_ends_with_an_answer_and_a_report(branin: StudyConfig, storage: str, tmp_path: Path):
    said: list[str] = []
    outcome = start(branin, label="branin", storage=storage, watcher=Watcher(say=said.append))
    assert outcome.study == f"branin-{datetime.date.today():%Y%m%d}-1"
    assert 0 < outcome.spent_seconds <= outcome.budget_seconds == 40.0
    assert outcome.weights is None
    assert Path(outcome.report) == tmp_path / "mfsearch-out" / outcome.study / "report.md"
    report = json.loads(Path(outcome.report).with_suffix(".json").read_text())
    assert report["answer"]["architecture"] == outcome.architecture
    assert len(report["evaluations"]) == outcome.observations
    assert json.loads(Path(outcome.report).with_name("architecture.json").read_text())["architecture"] == outcome.architecture
    assert any("simulated" in line for line in said)
    # The oracle's verdict agrees with the measured value, which is free of noise: it is the same function.
    judged = report["answer"]["judged"]
    if outcome.evaluated_at_target:
        assert judged["true_value"] == pytest.approx(outcome.value)
    assert judged["regret"] >= 0


def test_the_same_seed_gives_the_same_run(branin: StudyConfig, storage: str):
    first, second = (start(branin, storage=storage) for _ in range(2))
    assert first.study != second.study
    assert first.architecture == second.architecture
    assert [e["architecture"] for e in first.summary["evaluations"]] == [e["architecture"] for e in second.summary["evaluations"]]
    third = start(branin.model_copy(update={"seed": 1}), storage=storage)
    assert third.architecture != first.architecture


def test_a_budget_is_needed(branin: StudyConfig, storage: str):
    with pytest.raises(BudgetError, match=r"a run must have a budget; got none\. Add for example --budget 3min"):
        start(branin.model_copy(update={"budget": None}), storage=storage)
    assert start(branin.model_copy(update={"budget": None}), storage=storage, budget="20s").budget_seconds == 20.0


def test_a_name_goes_on_with_its_study(branin: StudyConfig, storage: str):
    first = start(branin, name="mine", storage=storage)
    again = start(branin, name="mine", storage=storage)
    assert (again.observations, again.spent_seconds, again.architecture) == (
        first.observations,
        first.spent_seconds,
        first.architecture,
    )
    longer = start(branin, name="mine", storage=storage, budget="+30s")
    assert longer.budget_seconds == 70.0
    assert longer.observations > first.observations


def test_a_name_with_another_config_is_refused(branin: StudyConfig, storage: str):
    start(branin, name="mine", storage=storage)
    other = load_config("branin", ["policy=random", "budget=40s", "seed=5"])
    with pytest.raises(StudyError, match=r"'mine' exists with another config: seed was 0 and is 5\. Choose another --study"):
        start(other, name="mine", storage=storage)


def test_a_resumed_study_with_more_budget_equals_an_uninterrupted_one(branin: StudyConfig, storage: str):
    whole = start(branin, name="whole", storage=storage, budget="80s")
    start(branin, name="half", storage=storage, budget="40s")
    both = resume("half", storage=storage, budget="80s")
    assert [e["architecture"] for e in both.summary["evaluations"]] == [e["architecture"] for e in whole.summary["evaluations"]]
    assert both.architecture == whole.architecture


def test_a_study_that_is_not_there_cannot_be_resumed(storage: str):
    with pytest.raises(StudyError, match="no study is called 'nobody'"):
        resume("nobody", storage=storage)


def test_a_slip_in_the_budget_is_found_before_the_database_is_opened(tmp_path: Path):
    with pytest.raises(BudgetError, match="Did you mean"):
        resume("x", storage=f"sqlite:///{tmp_path / 'new.db'}", budget="3gpu-hurs")
    assert not (tmp_path / "new.db").exists()


def test_another_folder_is_remembered(branin: StudyConfig, storage: str, tmp_path: Path):
    start(branin, name="mine", storage=storage, out=tmp_path / "there")
    (tmp_path / "there" / "report.md").unlink()
    assert Path(resume("mine", storage=storage).report) == tmp_path / "there" / "report.md"
    assert not (tmp_path / "mfsearch-out").exists()


def test_a_warm_start_costs_nothing_and_happens_once(branin: StudyConfig, storage: str):
    first = start(branin, name="first", storage=storage)
    second = start(branin, name="second", storage=storage, warm_start="first")
    assert second.observations > first.observations
    assert second.spent_seconds <= 40.0
    again = start(branin, name="second", storage=storage, warm_start="first")
    assert again.observations == second.observations


def test_a_bad_warm_start_leaves_no_study_behind(branin: StudyConfig, storage: str, tmp_path: Path):
    with pytest.raises(DataError):
        start(branin, name="mine", storage=storage, warm_start=str(tmp_path / "none.csv"))
    assert EventStore(storage).names() == []


def test_the_verdict_is_given_once(branin: StudyConfig, storage: str, monkeypatch: pytest.MonkeyPatch):
    calls: list[str] = []

    def judge(recommendation: Recommendation) -> dict[str, float]:
        calls.append(recommendation.architecture.key)
        return {"test_accuracy": 50.0}

    _with_judge(monkeypatch, judge)
    assert start(branin, name="mine", storage=storage).test_accuracy == 50.0
    assert resume("mine", storage=storage).test_accuracy == 50.0
    assert len(calls) == 1


def test_a_verdict_that_fails_does_not_take_the_answer_away(branin: StudyConfig, storage: str, monkeypatch: pytest.MonkeyPatch):
    def broken(recommendation: Recommendation) -> dict[str, float]:
        raise DataError("weights must be there; they are not. Evaluate it again.")

    _with_judge(monkeypatch, broken)
    said: list[str] = []
    outcome = start(branin, storage=storage, watcher=Watcher(say=said.append))
    assert (outcome.architecture is not None, outcome.test_accuracy) == (True, None)
    assert "could not be tested: weights must be there" in said[-1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_run_in_order(branin: StudyConfig, storage: str, number: signal.Signals):
    before = signal.getsignal(number)

    def strike(event: object, state: object) -> None:
        if getattr(event, "kind", None) is EventKind.TOLD:
            os.kill(os.getpid(), number)

    with pytest.raises(
        InterruptedSearchError, match=r"interrupted; everything is saved\. Go on with: mfsearch resume mine"
    ) as caught:
        start(branin, name="mine", storage=storage, watcher=Watcher(on_event=strike))
    assert caught.value.exit_code == 130
    assert signal.getsignal(number) == before
    outcome = resume("mine", storage=storage)
    whole = start(branin, name="whole", storage=storage)
    kept = [e["architecture"] for e in outcome.summary["evaluations"] if e["status"] == "ok"]
    assert kept == [e["architecture"] for e in whole.summary["evaluations"]]


def test_it_runs_outside_the_main_thread(branin: StudyConfig, storage: str):
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(start(branin, storage=storage).architecture))
    thread.start()
    thread.join()
    assert len(found) == 1


def test_a_search_of_failures_leaves_a_report(branin: StudyConfig, storage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    real = build.build_problem

    def failing(config: StudyConfig, home: Path, allow_code: bool = False) -> Problem:
        problem = real(config, home, allow_code)
        for rung in problem.ladder.evaluations:
            monkeypatch.setattr(rung, "evaluate", lambda architecture, context: 1 / 0)
        return problem

    monkeypatch.setattr(run, "build_problem", failing)
    with pytest.raises(SearchFailedError, match="division by zero"):
        start(branin, name="mine", storage=storage)
    assert "ZeroDivisionError: division by zero" in (tmp_path / "mfsearch-out" / "mine" / "report.md").read_text()


def test_a_folder_that_cannot_be_written_is_found_before_a_study_is_made(branin: StudyConfig, storage: str, tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="Name another with --out"):
        start(branin, storage=storage, out=tmp_path / "file")
    assert EventStore(storage).names() == []


def test_names_count_up():
    today = f"{datetime.date.today():%Y%m%d}"
    assert fresh_name("digits", []) == f"digits-{today}-1"
    assert fresh_name("digits", [f"digits-{today}-1", f"digits-{today}-3"]) == f"digits-{today}-2"
    assert fresh_name("my config!", []) == f"my-config--{today}-1"


def test_results_of_another_database_are_left_alone(branin: StudyConfig, storage: str, tmp_path: Path):
    first = start(branin, label="branin", storage=storage)
    second = start(branin, label="branin", storage=f"sqlite:///{tmp_path / 'other.db'}")
    assert first.study != second.study
    assert Path(first.report).parent != Path(second.report).parent


def _with_judge(monkeypatch: pytest.MonkeyPatch, judge: Callable[[Recommendation], Mapping[str, float]]) -> None:
    real = build.build_problem
    monkeypatch.setattr(run, "build_problem", lambda *arguments: replace(real(*arguments), judge=judge, oracle=None))


def test_a_run_is_tracked_in_its_folder_and_a_resumed_one_goes_on(branin: StudyConfig, storage: str, tmp_path: Path):
    outcome = start(branin, name="mine", storage=storage, track=["jsonl", f"jsonl={tmp_path / 'other.jsonl'}"])
    path = Path(outcome.report).with_name("events.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["kind"] for line in lines] == [event.kind.value for event in EventStore(storage).events("mine")]
    assert lines[-1]["kind"] == "judged"  # after the search, and still of it
    assert (tmp_path / "other.jsonl").read_text() == path.read_text()
    resume("mine", storage=storage, budget="+20s", track=["jsonl"])
    start(branin, name="mine", storage=storage, budget="+20s", track=["jsonl"])
    assert len(path.read_text().splitlines()) == len(EventStore(storage).events("mine")) > len(lines)


def test_a_tracker_that_is_none_leaves_no_study_behind(branin: StudyConfig, storage: str):
    with pytest.raises(ConfigError, match="must be KIND or KIND=WHERE"):
        start(branin, name="mine", storage=storage, track=["tensorbord"])
    assert EventStore(storage).names() == []


def test_a_warm_start_from_optuna_happens_once_and_keeps_no_password(branin: StudyConfig, storage: str, tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'optuna.db'}"
    theirs = optuna.create_study(storage=url, study_name="theirs", sampler=optuna.samplers.RandomSampler(seed=0))
    bounds = build.build_problem(branin, tmp_path).space.bounds  # type: ignore[attr-defined]
    theirs.optimize(lambda trial: sum(trial.suggest_float(axis, *ends) for axis, ends in bounds.items()), n_trials=3)
    first = start(branin, name="mine", storage=storage, warm_start=f"optuna:{url}#theirs")
    given = [e for e in first.summary["evaluations"] if e["why"].get("origin") == f"optuna:{url}#theirs"]
    assert [e["figure"] for e in given] == [trial.value for trial in theirs.trials]
    again = start(branin, name="mine", storage=storage, warm_start=f"optuna:{url}#theirs")
    assert again.observations == first.observations
    assert origin_of("optuna:postgresql://me:secret@host/db#a") == "optuna:postgresql://me:***@host/db#a"
    assert origin_of("study") == "study"
