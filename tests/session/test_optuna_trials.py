from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest
from bowl import LINE, Bowl
from ConfigSpace import ConfigurationSpace
from optuna.trial import Trial

from mfsearch.errors import ConfigError, DataError, MissingExtraError, SpaceError
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.problems.base import Problem
from mfsearch.records import Objective
from mfsearch.session.optuna_trials import read_trials, shown_study
from mfsearch.spaces.base import AbstractSearchSpace
from mfsearch.spaces.configspace import ConfigSpaceAdapter
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.store.sql import EventStore
from mfsearch.study import Study

CELL = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_1x1~1|+|skip_connect~0|none~1|avg_pool_3x3~2|"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'optuna.db'}"


def problem(space: AbstractSearchSpace = LINE, **objective: Any) -> Problem:
    wanted = Objective(**{"signal": "loss", "direction": "minimise", "unit": "none", **objective})
    return Problem("toy", space, FidelityLadder([Bowl("rough", 1.0), Bowl("exact", 4.0)]), wanted)


def studied(
    storage: Any, objective: Callable[[Trial], Any], trials: int = 4, name: str = "theirs", **options: Any
) -> optuna.Study:
    study = optuna.create_study(storage=storage, study_name=name, sampler=optuna.samplers.RandomSampler(seed=0), **options)
    study.optimize(objective, n_trials=trials, catch=(ZeroDivisionError,))
    return study


def loss(trial: Trial) -> float:
    """On a rung in turn; one trial fails, one is pruned."""
    x = trial.suggest_float("x", 0.0, 1.0)
    if trial.number % 2:
        trial.set_user_attr("rung", "rough")
    if trial.number == 2:
        raise ZeroDivisionError
    if trial.number == 3:
        raise optuna.TrialPruned
    return (x - 0.7) ** 2


def test_completed_trials_are_evaluations(url: str):
    study = studied(url, loss, trials=6)
    rows = read_trials(f"{url}#theirs", problem())
    done = [study.trials[number] for number in (0, 1, 4, 5)]
    assert [(a.genotype, rung, values) for a, rung, values in rows] == [
        ((trial.params["x"],), trial.user_attrs.get("rung", "exact"), {"loss": trial.value}) for trial in done
    ]
    mine = Study(LINE, problem().ladder, "1min", objective=problem().objective)
    assert mine.give("theirs", rows) == 4
    best = max((o for o in mine.state.observations), key=lambda o: o.value or 0.0)
    assert best.values["loss"] == study.best_value


def test_a_study_that_maximises_is_turned_around(url: str):
    study = studied(url, lambda trial: -loss(trial), trials=2, direction="maximize")
    assert [values for _, _, values in read_trials(url, problem())] == [{"loss": -float(t.value or 0.0)} for t in study.trials]
    upwards = problem(direction="maximise")
    assert [values for _, _, values in read_trials(url, upwards)] == [{"loss": t.value} for t in study.trials]


def test_hyper_parameters_of_every_kind(url: str):
    space = ConfigurationSpace(name="net", space={"rate": (1e-4, 1e-1), "layers": (1, 4), "kind": ["adam", "sgd"]})

    def theirs(trial: Trial) -> float:
        rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
        return rate * trial.suggest_int("layers", 1, 4) + (trial.suggest_categorical("kind", ["adam", "sgd"]) == "sgd")

    study = studied(url, theirs)
    adapter = ConfigSpaceAdapter(space)
    rows = read_trials(f"{url}#theirs", problem(adapter))
    assert [adapter.values(architecture) for architecture, _, _ in rows] == [trial.params for trial in study.trials]


def test_architectures_by_key(url: str):
    space = NASBench201Space()

    def theirs(trial: Trial) -> float:
        if trial.number:
            trial.set_user_attr("architecture", CELL)
            return 0.5
        return float(trial.suggest_categorical("architecture", [CELL]) == CELL)

    studied(url, theirs, trials=2)
    expected = space.canonical(space.parse(CELL))
    assert [architecture for architecture, _, _ in read_trials(url, problem(space))] == [expected, expected]


def test_a_journal_file(tmp_path: Path):
    path = tmp_path / "journal.log"
    backend = optuna.storages.journal.JournalFileBackend(str(path))
    study = studied(optuna.storages.JournalStorage(backend), loss, trials=1)
    assert [dict(values) for _, _, values in read_trials(f"{path}#theirs", problem())] == [{"loss": study.best_value}]


def test_a_trial_that_does_not_fit_is_named(url: str):
    studied(url, lambda trial: trial.suggest_float("y", 0.0, 1.0), name="other name")
    with pytest.raises(
        SpaceError, match=r"warm start: trial 0 of Optuna study 'other name': a point must be a JSON object of x; got"
    ):
        read_trials(f"{url}#other name", problem())
    studied(url, lambda trial: trial.suggest_float("x", 2.0, 3.0), name="beyond")
    with pytest.raises(SpaceError, match=r"warm start: trial 0 of Optuna study 'beyond': 'x' must lie in \[0.0, 1.0\]; got 2\."):
        read_trials(f"{url}#beyond", problem())


def test_a_value_that_cannot_be_the_figure_is_named(url: str):
    studied(url, loss, trials=1)
    with pytest.raises(
        DataError, match=r"trial 0 of Optuna study 'theirs': its value must be a loss from 0 to 1; it stands for -0\.0"
    ):
        read_trials(url, problem(direction="maximise", unit="fraction"))  # an error is no accuracy
    studied(url, lambda trial: loss(trial) + float("inf"), trials=1, name="infinite")
    with pytest.raises(
        DataError, match=r"trial 0 of Optuna study 'infinite': its value must be a finite loss; it stands for inf"
    ):
        read_trials(f"{url}#infinite", problem())


def test_studies_that_cannot_be_read(url: str, tmp_path: Path):
    with pytest.raises(
        DataError, match=r"the storage of an Optuna study must be there; got 'sqlite:////.*/none\.db'\. Check the path\."
    ):
        read_trials(f"sqlite:///{tmp_path}/none.db#x", problem())
    with pytest.raises(DataError, match=r"must be there; got 'optuna\.log'"):
        read_trials("optuna.log", problem())
    assert not (tmp_path / "none.db").exists()
    studied(url, loss, trials=1)
    studied(url, loss, trials=1, name="second")
    for source, name in ((f"{url}#third", "third"), (url, "")):
        with pytest.raises(DataError, match=f"must be STORAGE#STUDY; .* has theirs, second; got '{name}'. Name one of them."):
            read_trials(source, problem())
    studied(url, lambda trial: (loss(trial), 1.0), trials=1, name="two", directions=["minimize", "minimize"])
    with pytest.raises(DataError, match=r"must have one objective; Optuna study 'two' has 2\. Write a CSV file"):
        read_trials(f"{url}#two", problem())
    (tmp_path / "notes.db").write_text("these are my notes\n" * 100)
    with pytest.raises(
        DataError, match=r"an Optuna study must be readable; got sqlite:.*notes\.db#x: .*not a database.*Check the storage"
    ):
        read_trials(f"sqlite:///{tmp_path}/notes.db#x", problem())
    with pytest.raises(DataError, match=r"must be a database URL, or a journal file; got 'nothing://'"):
        read_trials("nothing://#x", problem())


def test_passwords_are_not_shown():
    assert shown_study("postgresql://me:secret@host/db#a#b") == "postgresql://me:***@host/db#a#b"
    assert shown_study("journal.log#a") == "journal.log#a"


def test_rungs_that_the_ladder_lacks_are_left_out(url: str):
    def elsewhere(trial: Trial) -> float:
        trial.set_user_attr("rung", "elsewhere")
        return trial.suggest_float("x", 0.0, 1.0)

    studied(url, elsewhere, trials=2)
    assert [rung for _, rung, _ in read_trials(url, problem())] == ["elsewhere"] * 2
    study = Study(LINE, problem().ladder, "1min", objective=problem().objective, store=EventStore())
    with pytest.raises(ConfigError, match="must hold observations of rough, exact; it holds none"):
        study.give("optuna", read_trials(url, problem()))


def test_without_optuna_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"from an Optuna study needs Optuna, .* pip install 'mfsearch\[optuna\]'"):
        read_trials("optuna.log", problem())
