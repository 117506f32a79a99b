"""The values that flow through a study: frozen, comparable, written to JSON without loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Literal, TypeAlias

from mfsearch.errors import ConfigError

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
Gene: TypeAlias = "str | int | float | bool | None"

Direction = Literal["maximise", "minimise"]
Unit = Literal["percent", "fraction", "none"]


@dataclass(frozen=True, slots=True)
class Architecture:
    """A point of a search space.

    Attributes:
        space: Name of the space it belongs to.
        genotype: The choices that define it, in the space's own order.
        key: The canonical string (NAS-Bench-201's own strings, JSON for hyper-parameters); `space.parse(key)` gives the
            architecture back. Two architectures are equal when space and key are.
    """

    space: str
    genotype: tuple[Gene, ...] = field(compare=False)
    key: str


@dataclass(frozen=True, slots=True)
class InputLayout:
    """What the columns of an encoding mean, so that a kernel can be chosen for each.

    Attributes:
        numeric: Columns in [0, 1] where distance means something.
        categorical: Groups of one-hot columns, one group a choice.
        structure: Groups of columns that count what the whole architecture is made of, such as operations or paths; those of a
            group are alike. What they say adds to what the others say; they cannot be the only ones.
    """

    numeric: tuple[int, ...] = ()
    categorical: tuple[tuple[int, ...], ...] = ()
    structure: tuple[tuple[int, ...], ...] = ()

    @property
    def width(self) -> int:
        """Number of columns of the encoding."""
        return len(self.numeric) + sum(len(group) for group in (*self.categorical, *self.structure))


@dataclass(frozen=True, slots=True)
class Objective:
    """What the search wants: which measured figure, in which unit, and whether more of it is better.

    Attributes:
        signal: Name of the measured figure, as fidelities report it in `Measurement.values`.
        direction: `maximise` or `minimise`. Inside a study the *value* is always maximised; `shown` turns it back.
        unit: `percent` (0 to 100), `fraction` (0 to 1) or `none`. Only accuracies (percent, fraction) get the log-error warp.
    """

    signal: str = "val_accuracy"
    direction: Direction = "maximise"
    unit: Unit = "percent"

    def __post_init__(self) -> None:
        if self.direction not in ("maximise", "minimise"):
            raise ConfigError(f"objective direction must be 'maximise' or 'minimise'; got {self.direction!r}.")
        if self.unit not in ("percent", "fraction", "none"):
            raise ConfigError(f"objective unit must be 'percent', 'fraction' or 'none'; got {self.unit!r}.")

    @property
    def sign(self) -> float:
        """+1 when the figure is maximised, -1 when it is minimised."""
        return 1.0 if self.direction == "maximise" else -1.0

    def oriented(self, signal: str, figure: float) -> float:
        """A measured figure as a value, of which more is better.

        Args:
            signal: Its name. The objective's own figure has the objective's direction; another one is turned around by a leading minus.
            figure: As measured.
        """
        if signal.removeprefix("-") == self.signal:
            return self.sign * figure
        return -figure if signal.startswith("-") else figure

    def shown(self, value: float) -> float:
        """A value (maximised) as the figure that the user knows."""
        return self.sign * value


@dataclass(frozen=True, slots=True)
class Task:
    """What a candidate is trained for: data set with its recipe, input shape, classes, teacher recipe.

    Attributes:
        dataset: Name in `mfsearch.datasets`.
        input_shape: (channels, height, width).
        classes: Number of classes.
        options: Arguments of the data set's builder (seed of the recipe, folder, sizes).
        network: Arguments of the space's `build` (channels, cells a stage, reduction).
        teacher: Arguments of the teacher's recipe; empty where there is none.
    """

    dataset: str
    input_shape: tuple[int, int, int]
    classes: int
    options: Mapping[str, Json] = field(default_factory=dict)
    network: Mapping[str, Json] = field(default_factory=dict)
    teacher: Mapping[str, Json] = field(default_factory=dict)


class Status(StrEnum):
    """How an evaluation ended."""

    OK = "ok"
    FAILED = "failed"  # raised, ran out of memory, or returned a value that is not finite
    LOST = "lost"  # the process that ran it is gone
    CUT = "cut"  # stopped at its time limit


@dataclass(frozen=True, slots=True)
class ScoreQuery:
    """Buy a score rung for architectures that do not have it yet."""

    architectures: tuple[Architecture, ...]
    rung: str


@dataclass(frozen=True, slots=True)
class EvaluationQuery:
    """Evaluate one architecture on one rung.

    Attributes:
        architecture: What to evaluate.
        rung: Name of the rung.
        seed: Seed of everything random in the evaluation.
        why: Figures that decided (value of information, expected cost, alternatives); JSON.
        id: Number of the evaluation in its study; -1 until the study has stored it.
    """

    architecture: Architecture
    rung: str
    seed: int = 0
    why: Mapping[str, Json] = field(default_factory=dict, compare=False)
    id: int = -1


@dataclass(frozen=True, slots=True)
class Scores:
    """What a score rung returns for n architectures.

    Attributes:
        columns: Names of the k scores.
        values: One tuple of k figures an architecture; None where a score is missing.
        seconds: Device seconds of all of them together.
    """

    columns: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Measurement:
    """What an evaluation returns.

    Attributes:
        values: The measured figures by name (`val_accuracy` in the objective's unit, `train_loss`, ...).
        seconds: Device seconds that it took; None lets the executor's clock say.
        noise: Standard deviation of the signal where it is known, in the signal's unit.
        extras: Anything else worth keeping (learning curves, ...); JSON.
        artifacts: Files that were written, by role (`weights`).
    """

    values: Mapping[str, float]
    seconds: float | None = None
    noise: float | None = None
    extras: Mapping[str, Json] = field(default_factory=dict)
    artifacts: Mapping[str, Path] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Observation:
    """An evaluation that has ended.

    Attributes:
        query: What was asked.
        status: How it ended.
        seconds: Device seconds charged.
        value: The signal, oriented so that more is better; None unless `status` is ok.
        noise: Standard deviation of the signal where it is known.
        values: All measured figures.
        message: Why it failed, or empty.
        extras: Whatever else the fidelity returned.
        artifacts: Files written, by role, as strings.
    """

    query: EvaluationQuery
    status: Status
    seconds: float
    value: float | None = None
    noise: float | None = None
    values: Mapping[str, float] = field(default_factory=dict)
    message: str = ""
    extras: Mapping[str, Json] = field(default_factory=dict)
    artifacts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What a study answers.

    Attributes:
        architecture: The recommended architecture.
        mean: Posterior mean of its value at the target rung, in the objective's unit and the user's orientation.
        interval: 95% posterior interval, likewise.
        evaluated_at_target: Whether it was evaluated at the target rung.
        observation: Its observation at the highest rung it was evaluated at, if any.
    """

    architecture: Architecture
    mean: float
    interval: tuple[float, float]
    evaluated_at_target: bool
    observation: Observation | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """What the surrogate expects of an evaluation that it was not shown, against what came out; all in the figure's own unit.

    Attributes:
        evaluation: Its number in the study.
        rung: Where it was made.
        measured: What came out.
        expected: Median of what the surrogate expects, given all other evaluations.
        interval: 95% interval of what it expects to be measured, noise included.
        z: (measured - expected) in standard deviations of that expectation, where more is better.
    """

    evaluation: int
    rung: str
    measured: float
    expected: float
    interval: tuple[float, float]
    z: float


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """How far a study's surrogate can be trusted.

    Attributes:
        correlations: Lower rung -> learned correlation of one evaluation there with the target, noise included.
        checks: One for every evaluation that the surrogate is given.
    """

    correlations: Mapping[str, float]
    checks: tuple[Check, ...]
