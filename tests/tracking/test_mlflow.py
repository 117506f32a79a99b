from __future__ import annotations

import logging
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bowl import bowl
from mlflow.tracking import MlflowClient

from mfsearch.errors import MissingExtraError
from mfsearch.records import Status
from mfsearch.report.views import figure_of
from mfsearch.study import Study
from mfsearch.tracking.base import Record, Setting
from mfsearch.tracking.mlflow import MLflow


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without runs: to make one takes MLflow seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def uri(empty: Path, tmp_path: Path) -> str:
    shutil.copyfile(empty, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


def runs(uri: str, experiment: str = "mfsearch") -> list[Any]:
    client = MlflowClient(uri)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    return list(client.search_runs([found.experiment_id]))


def history(uri: str, name: str) -> list[tuple[int, float]]:
    (run,) = runs(uri)
    found = MlflowClient(uri).get_metric_history(run.info.run_id, name)
    return sorted((metric.step, metric.value) for metric in found)


def agrees(uri: str, study: Study) -> None:
    observations = study.state.observations
    assert [step for step, _ in history(uri, "spent_seconds")] == list(range(len(observations)))
    for rung, name in (("rough cut", "rough cut"), ("exact!", "exact_")):
        here = [(step, o) for step, o in enumerate(observations) if o.query.rung == rung]
        assert history(uri, f"seconds/{name}") == [(step, o.seconds) for step, o in here]
        assert history(uri, f"value/{name}") == [(step, figure_of(study.state, o)) for step, o in here if o.status is Status.OK]


def test_its_own_client_finds_everything(tmp_path: Path, uri: str):
    with MLflow(uri) as tracker:
        study = bowl(tmp_path, tracker)
        study.run()
        best = study.recommend()
        assert best is not None and best.observation is not None
        study.judge(best.architecture, {"test_accuracy": 91.5})
    agrees(uri, study)
    (run,) = runs(uri)
    assert (run.info.run_name, run.info.status) == ("bowl", "FINISHED")
    assert {"space": "line", "seed": "0", "ladder": "rough cut, exact!"}.items() <= run.data.params.items()
    assert run.data.tags["mfsearch.architecture"] == best.architecture.key
    assert run.data.tags["mfsearch.stopped"] == study.state.stopped
    assert run.data.metrics["judged/test_accuracy"] == 91.5
    assert run.data.metrics["best"] == best.observation.values["loss"]
    told = [event.at for event in study.store.events("bowl") if event.kind.value == "told"]
    times = [metric.timestamp for metric in MlflowClient(uri).get_metric_history(run.info.run_id, "spent_seconds")]
    assert sorted(times) == [round(at * 1000) for at in told]


def test_a_resumed_study_goes_on_in_the_same_run(tmp_path: Path, uri: str):
    with MLflow(uri) as tracker:
        bowl(tmp_path, tracker)
    assert runs(uri)[0].info.status == "KILLED"
    study = bowl(tmp_path, MLflow(uri), resume=True)
    study.run()
    bowl(tmp_path, resume=True, budget="+10s").run()  # not followed
    study = bowl(tmp_path, MLflow(uri), resume=True, budget="+10s")
    study.run()
    agrees(uri, study)
    assert runs(uri)[0].info.status == "FINISHED"


def test_more_at_once_than_mlflow_takes(tmp_path: Path, uri: str):
    study = bowl(tmp_path)
    architecture = study.space.parse('{"x": 0.5}')
    study.give("old", [(architecture, "rough cut", {"loss": float(i)}) for i in range(700)])
    settings: dict[str, Setting] = {f"s{i}": i for i in range(150)}
    with MLflow(uri, "another") as tracker:
        bowl(tmp_path, tracker, resume=True)
    client = MlflowClient(uri)
    (run,) = runs(uri, "another")
    assert len(client.get_metric_history(run.info.run_id, "value/rough cut")) == 700
    tracker = MLflow(uri, "settings")
    assert tracker.open(Record("many", "0" * 16, settings)) == 0
    assert len(runs(uri, "settings")[0].data.params) == 150


@pytest.mark.faults
def test_a_server_that_is_gone_is_warned_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, fault: Callable[..., None]
):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    study = bowl(tmp_path, MLflow("http://127.0.0.1:9"))
    assert study.run() is not None
    (record,) = [record for record in caplog.records if record.name == "mfsearch" and record.levelno >= logging.WARNING]
    assert "MLflow must take what it tracks; got MlflowException" in record.getMessage()
    ended = len(study.state.observations)
    fault("a tracking server is gone", "nobody listens at its address", 0, ended, study.ledger.spent, record.getMessage())


def test_without_mlflow_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "mlflow.tracking", None)
    with pytest.raises(MissingExtraError, match=r"Tracking with MLflow needs MLflow, .* pip install 'mfsearch\[mlflow\]'"):
        MLflow("sqlite://")
