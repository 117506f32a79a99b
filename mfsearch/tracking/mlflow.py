"""Runs in MLflow (`pip install 'mfsearch[mlflow]'`)."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

from mfsearch.errors import MissingExtraError
from mfsearch.tracking.base import AbstractTracker, Point, Record

_METRICS: Final = 1_000  # that MLflow takes at once
_PARAMS: Final = 100
_LONGEST: Final = 6_000  # characters of a parameter


class MLflow(AbstractTracker):
    """One run a study: metrics, settings as parameters, verdicts at the end.

    Args:
        uri: Where runs are kept: `sqlite:///mlflow.db`, or the address of a server, `http://HOST:5000`.
        experiment: Name of the experiment; made where there is none.

    Raises:
        MissingExtraError: If MLflow is not installed.
    """

    service = "MLflow"

    def __init__(self, uri: str, experiment: str = "mfsearch") -> None:
        super().__init__()
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        try:
            self._entities: Any = importlib.import_module("mlflow.entities")
            self._tracking: Any = importlib.import_module("mlflow.tracking")
        except ImportError as error:
            raise MissingExtraError("MLflow", "mlflow", "Tracking with MLflow") from error
        self.uri, self.experiment = uri, experiment
        self._client: Any = None
        self._run = ""

    @classmethod
    def at(cls, where: str, folder: Path) -> Self:
        """A run at an URI, `mlflow.db` in the study's folder where none is named; MLFLOW_EXPERIMENT_NAME may name the experiment."""
        return cls(where or f"sqlite:///{folder / 'mlflow.db'}", os.environ.get("MLFLOW_EXPERIMENT_NAME") or "mfsearch")

    def open(self, record: Record) -> int:
        """Make the run, or find the one that the study has; how many points it has."""
        self._client = client = self._tracking.MlflowClient(self.uri)
        experiment = client.get_experiment_by_name(self.experiment)
        id = client.create_experiment(self.experiment) if experiment is None else experiment.experiment_id
        runs = client.search_runs([id], f"tags.`mfsearch.id` = '{record.id}'", max_results=1)
        if runs:
            self._run = runs[0].info.run_id
            client.update_run(self._run, status="RUNNING")
            return max((metric.step for metric in client.get_metric_history(self._run, "spent_seconds")), default=-1) + 1
        tags = {"mfsearch.id": record.id, "mfsearch.study": record.study}
        self._run = client.create_run(id, run_name=record.study, tags=tags).info.run_id
        params = [self._entities.Param(name[:250], str(value)[:_LONGEST]) for name, value in record.settings.items()]
        for first in range(0, len(params), _PARAMS):
            client.log_batch(self._run, params=params[first : first + _PARAMS])
        return 0

    def send(self, points: Sequence[Point]) -> None:
        """Send metrics, as many at once as MLflow takes; a point's own stay together."""
        batch: list[Any] = []
        for point in points:
            metrics = [
                self._entities.Metric(name, figure, round(point.at * 1000), point.step) for name, figure in point.curves().items()
            ]
            if len(batch) + len(metrics) > _METRICS:
                self._client.log_batch(self._run, metrics=batch)
                batch = []
            batch += metrics
        self._client.log_batch(self._run, metrics=batch)

    def finish(self, record: Record) -> None:
        """Send the last verdict and why the study stopped, and end the run."""
        for verdict in record.verdicts[-1:]:
            self._client.set_tag(self._run, "mfsearch.architecture", verdict.architecture)
            for name, figure in verdict.curves().items():
                self._client.log_metric(self._run, name, figure, round(verdict.at * 1000), verdict.step)
        self._client.set_tag(self._run, "mfsearch.stopped", record.stopped)
        self._client.set_terminated(self._run, "FINISHED" if record.stopped else "KILLED")
