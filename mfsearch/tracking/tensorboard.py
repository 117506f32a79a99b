"""Curves in TensorBoard (`pip install 'mfsearch[tensorboard]'`)."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from mfsearch.errors import MissingExtraError
from mfsearch.tracking.base import AbstractTracker, Point, Record, safe


class TensorBoard(AbstractTracker):
    """Scalars, settings as hyper-parameters and as text, verdicts at the end: `tensorboard --logdir FOLDER` shows them.

    Args:
        folder: Holds a folder for each study.

    Raises:
        MissingExtraError: If TensorBoard is not installed.
    """

    service = "TensorBoard"

    def __init__(self, folder: str | Path) -> None:
        super().__init__()
        try:
            self._library: Any = importlib.import_module("torch.utils.tensorboard")
            self._summary: Any = importlib.import_module("torch.utils.tensorboard.summary")
            self._loader: Any = importlib.import_module("tensorboard.backend.event_processing.event_file_loader")
        except ImportError as error:
            raise MissingExtraError("TensorBoard", "tensorboard", "Tracking with TensorBoard") from error
        self.folder = Path(folder).expanduser().absolute()
        self._writer: Any = None

    @classmethod
    def at(cls, where: str, folder: Path) -> Self:
        """Curves in a folder; `tensorboard` in the study's folder where none is named."""
        return cls(where or folder / "tensorboard")

    def open(self, record: Record) -> int:
        """Begin another file of events; how many points the earlier ones have."""
        folder = self.folder / f"{safe(record.study).replace('/', '_')}-{record.id[:8]}"
        steps = [step for path in sorted(folder.glob("events.out.tfevents.*")) for step in self._steps(path)]
        self._writer = self._library.SummaryWriter(str(folder))
        if not steps:
            rows = [f"| {name} | {str(value).replace('|', '/')} |" for name, value in record.settings.items()]
            self._writer.add_text("settings", "\n".join(["| setting | value |", "|---|---|", *rows]))
            for summary in self._summary.hparams(record.settings, {"best": 0.0}):
                self._writer.file_writer.add_summary(summary)
        return max(steps, default=-1) + 1

    def send(self, points: Sequence[Point]) -> None:
        """Write scalars, and see that they reach the file."""
        for point in points:
            for name, figure in point.curves().items():
                self._writer.add_scalar(name, figure, point.step, point.at, new_style=True)
        self._writer.flush()

    def finish(self, record: Record) -> None:
        """Write the last verdict and why the study stopped, and close the file."""
        if record.stopped:
            self._writer.add_text("stopped", record.stopped, len(record.points))
        for verdict in record.verdicts[-1:]:
            self._writer.add_text("judged/architecture", f"`{verdict.architecture}`", verdict.step, verdict.at)
            for name, figure in verdict.curves().items():
                self._writer.add_scalar(name, figure, verdict.step, verdict.at, new_style=True)
        self._writer.close()

    def _steps(self, path: Path) -> list[int]:
        """Steps of the curve that every point has."""
        events = self._loader.EventFileLoader(str(path)).Load()
        return [event.step for event in events if any(value.tag == "spent_seconds" for value in event.summary.value)]
