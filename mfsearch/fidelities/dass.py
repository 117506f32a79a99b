"""DaSS as a rung: the accuracy that a student will reach with its teacher, predicted before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

from mfsearch.errors import ConfigError
from mfsearch.fidelities.base import AbstractResource, AbstractScore, Context
from mfsearch.fidelities.live import LiveTask
from mfsearch.fidelities.teacher import TeacherResource
from mfsearch.fidelities.told import Told
from mfsearch.metaprediction.learning import Learned
from mfsearch.metaprediction.storage import About, read_predictor
from mfsearch.records import Architecture, Scores

COLUMN = "dass"
SHIPPED: Final = Path(__file__).with_name("dass.safetensors")
"""A predictor for small NAS-Bench-201 cells, learned from parts of CIFAR-10; `docs/metaprediction.md` is its model card."""


class DaSS(AbstractScore):
    """Predicted accuracy of the distilled student, in percent of the validation pictures.

    Source: Lee, An, Kim and Hwang, "Meta-prediction Model for Distillation-Aware NAS on Unseen Datasets", ICLR 2023 (arXiv 2305.16948).

    Args:
        name: Name of the rung.
        live: The task; its teacher is made before the first prediction.
        predictor: A file that `mfsearch meta-train` wrote; None: the one that ships.
        expected_seconds: Device seconds that one architecture is expected to take.
        teacher_seconds: Those of making the teacher.
        role: `input`, an input of the surrogate like any score, or `level`, the lowest level of the co-kriging.

    Raises:
        DataError: If the file is no predictor.
        ConfigError: If it was made for another space, or the role is unknown.
    """

    def __init__(
        self,
        name: str,
        live: LiveTask,
        predictor: str | None = None,
        expected_seconds: float = 0.01,
        teacher_seconds: float = 0.0,
        role: Literal["input", "level"] = "input",
    ) -> None:
        if role not in ("input", "level"):
            raise ConfigError(f"role of rung {name!r} must be 'input' or 'level'; got {role!r}. Mend 'ladder:'.")
        self.name = name
        self.live = live
        self.signal = COLUMN
        self.role = role
        self.expected_seconds, self.teacher_seconds = expected_seconds, teacher_seconds
        self._path = SHIPPED if predictor is None else Path(predictor).expanduser()
        if self._about.space != live.space.name:
            raise ConfigError(
                f"the predictor of rung {name!r} must be one for the space {live.space.name!r}; {self._path} is for {self._about.space!r}. "
                "Train one: mfsearch meta-train."
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """The prediction."""
        return (COLUMN,)

    @property
    def trusted(self) -> tuple[bool, ...]:
        """It rises with accuracy."""
        return (True,)

    @property
    def resources(self) -> tuple[AbstractResource, ...]:
        """The teacher, whose weights the students begin with."""
        return (TeacherResource(self.live, self.teacher_seconds),)

    def expected_cost(self, architecture: Architecture) -> float:
        """Device seconds for one architecture."""
        return self.expected_seconds

    def score(self, architectures: Sequence[Architecture], context: Context) -> Scores:
        """Predict architectures, one row each.

        Raises:
            LimitReachedError: From `context.check()`, between two architectures.
        """
        began = context.elapsed()
        with self.live.limited_threads():
            found = self._learned.predict(self._told.students(architectures, context), self._told.support)
        rows = tuple((100 * prediction,) for prediction in found.tolist())
        return Scores(self.columns, rows, context.elapsed() - began)

    @cached_property
    def _file(self) -> tuple[Learned, About]:
        return read_predictor(self._path)

    @property
    def _learned(self) -> Learned:
        return self._file[0]

    @property
    def _about(self) -> About:
        return self._file[1]

    @cached_property
    def _told(self) -> Told:
        return Told(self.live, self._about.channels, self._about.scores)
