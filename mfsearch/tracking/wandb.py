"""Runs of Weights & Biases (`pip install 'mfsearch[wandb]'`)."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self, cast

from mfsearch.errors import ConfigError, MissingExtraError
from mfsearch.tracking.base import AbstractTracker, Point, Record

Mode = Literal["offline", "online"]


class WandB(AbstractTracker):
    """One run a study: metrics, settings as its config, verdicts in its summary.

    Offline nothing leaves this machine: each process writes a folder of its own with the whole run, and `wandb sync` sends the latest.

    Args:
        project: Name of the project.
        mode: `offline`, or `online` after `wandb login`.
        folder: Where the folders of runs are written (below `wandb`); the current one unless given.

    Raises:
        MissingExtraError: If wandb is not installed.
        ConfigError: If the mode is another one.
    """

    service = "W&B"

    def __init__(self, project: str, mode: Mode = "offline", folder: str | Path | None = None) -> None:
        super().__init__()
        if mode not in ("offline", "online"):
            raise ConfigError(f"the mode of W&B must be 'offline' or 'online'; got {mode!r}. Take one of them.")
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        try:
            self._library: Any = importlib.import_module("wandb")
        except ImportError as error:
            raise MissingExtraError("wandb", "wandb", "Tracking with W&B") from error
        self.project, self.mode = project, mode
        self.folder = Path(folder or "").expanduser().absolute()
        self._run: Any = None

    @classmethod
    def at(cls, where: str, folder: Path) -> Self:
        """A run below a folder, the study's where none is named; WANDB_PROJECT and WANDB_MODE may name project and mode."""
        mode = cast(Mode, os.environ.get("WANDB_MODE") or "offline")
        return cls(os.environ.get("WANDB_PROJECT") or "mfsearch", mode, where or folder)

    def open(self, record: Record) -> int:
        """Begin the run, or go on with it; how many points it has, which offline are none."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._run = self._library.init(
            project=self.project,
            id=record.id,
            name=record.study,
            config=record.settings,
            dir=str(self.folder),
            mode=self.mode,
            resume="allow" if self.mode == "online" else None,
            reinit="create_new",
            settings=self._library.Settings(console="off", silent=True, login_timeout=self.patience),
        )
        return int(self._run.step)

    def send(self, points: Sequence[Point]) -> None:
        """Log points, with the time when each evaluation ended."""
        for point in points:
            self._run.log({**point.curves(), "_timestamp": point.at}, step=point.step)

    def finish(self, record: Record) -> None:
        """Write the last verdict and why the study stopped into the summary, and end the run."""
        for verdict in record.verdicts[-1:]:
            self._run.summary.update({"judged/architecture": verdict.architecture, **verdict.curves()})
        self._run.summary.update({"stopped": record.stopped})
        self._run.finish()
