"""Listeners that write a study, while it runs, where a team already looks.

They follow the history: a study that is resumed is caught up on. One that fails is left out; the search goes on.
"""

from collections.abc import Callable
from pathlib import Path

from mfsearch.tracking.base import AbstractTracker
from mfsearch.tracking.jsonlines import JsonLines
from mfsearch.tracking.mlflow import MLflow
from mfsearch.tracking.tensorboard import TensorBoard
from mfsearch.tracking.wandb import WandB

Tracker = JsonLines | AbstractTracker

# Kind, as `--track` names it -> what makes one, given where (empty: in the study's folder) and the study's folder.
TRACKERS: dict[str, Callable[[str, Path], Tracker]] = {
    "jsonl": JsonLines.at,
    "tensorboard": TensorBoard.at,
    "mlflow": MLflow.at,
    "wandb": WandB.at,
}

__all__ = ["TRACKERS", "JsonLines", "MLflow", "TensorBoard", "Tracker", "WandB"]
