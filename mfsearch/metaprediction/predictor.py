"""The network that predicts, and its adaptation to a teacher.

Source: Lee, An, Kim and Hwang, "Meta-prediction Model for Distillation-Aware NAS on Unseen Datasets", ICLR 2023 (arXiv 2305.16948). Scores
of the untrained networks as further inputs, and signatures relative to the teacher's, are ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad
from torch.nn import functional

from mfsearch.errors import DataError

Weights = Mapping[str, Tensor]


@dataclass(frozen=True, eq=False)
class Students:
    """What the predictor is told of n architectures.

    Attributes:
        encodings: n x d.
        signatures: n x C x h x w, relative to the teacher's.
        scores: n x p; no columns where none are used.
    """

    encodings: Tensor
    signatures: Tensor
    scores: Tensor

    def __post_init__(self) -> None:
        if not len(self.encodings) == len(self.signatures) == len(self.scores):
            raise DataError(
                "students must have as many encodings as signatures and scores; "
                f"got {len(self.encodings)}, {len(self.signatures)} and {len(self.scores)}."
            )

    def __len__(self) -> int:
        return len(self.encodings)

    def __getitem__(self, rows: Tensor | slice) -> Students:
        """Some of them."""
        return Students(self.encodings[rows], self.signatures[rows], self.scores[rows])


@dataclass(frozen=True, eq=False)
class Support:
    """The teacher: itself an architecture with a known accuracy, and what the predictor adapts to.

    Attributes:
        itself: What is told of any architecture, n = 1.
        accuracy: Its accuracy, as a fraction, a scalar.
    """

    itself: Students
    accuracy: Tensor

    def __post_init__(self) -> None:
        if len(self.itself) != 1 or self.accuracy.dim():
            raise DataError(
                f"a support must be one teacher with one accuracy; got {len(self.itself)} and {self.accuracy.numel()}."
            )


class Predictor(nn.Module):
    """Accuracies, as fractions, from encodings, signatures and scores.

    Args:
        encoded: Columns d of the encodings.
        channels: Channels C of the signatures.
        scores: Columns p of the scores.
        width: Width of what each input is embedded in, and of the layer before the last.

    Attributes:
        unit: Of the scores, p; 1 until `standardise`.
        level: Of the accuracies, a scalar; 0 until then.
        scale: Of the accuracies within a task, a scalar; 1 until then. Errors are in its units: a task's students differ by little.
    """

    unit: Tensor
    level: Tensor
    scale: Tensor

    def __init__(self, encoded: int, channels: int, scores: int = 0, width: int = 64) -> None:
        super().__init__()
        self.of_student, self.of_teacher = _Functional(channels, width), _Functional(channels, width)
        self.of_encoding = nn.Sequential(nn.Linear(encoded, width), nn.ReLU(), nn.Linear(width, width))
        self.hidden = nn.Linear(3 * width + scores, width)
        self.last = nn.Linear(width, 1)
        self.register_buffer("unit", torch.ones(scores))
        self.register_buffer("level", torch.zeros(()))
        self.register_buffer("scale", torch.ones(()))

    def standardise(self, scores: Sequence[Tensor], accuracies: Sequence[Tensor]) -> None:
        """Take the spread of some tasks' scores, and level and spread of their accuracies, as units; what does not vary keeps its own."""
        self.unit = _spread(torch.cat(list(scores)))
        self.level = torch.cat(list(accuracies)).mean()
        self.scale = torch.stack([_spread(some) for some in accuracies]).mean()

    def forward(self, students: Students, teacher: Tensor) -> Tensor:
        """N predictions for n students of a teacher with a signature of 1 x C x h x w."""
        embedded = torch.cat(
            [
                self.of_student(students.signatures),
                self.of_teacher(teacher).expand(len(students), -1),
                self.of_encoding(students.encodings),
                students.scores / self.unit,
            ],
            dim=1,
        )
        predicted: Tensor = self.last(torch.tanh(self.hidden(embedded))).squeeze(-1)
        return self.level + self.scale * predicted


class _Functional(nn.Module):
    """Two 3x3 convolutions with stride 2, and a global mean: n x C x h x w to n x width."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, width, 3, stride=2, padding=1)
        self.second = nn.Conv2d(width, width, 3, stride=2, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        embedded: Tensor = functional.relu(self.second(functional.relu(self.first(maps)))).mean((2, 3))
        return embedded


def _spread(figures: Tensor) -> Tensor:
    """Standard deviation over the first axis; 1 where there is none."""
    found = (figures - figures.mean(0)).square().mean(0).sqrt()
    return torch.where(found > 1e-9, found, torch.ones_like(found))


def adapted(model: Predictor, weights: Weights, rates: Weights, support: Support) -> dict[str, Tensor]:
    """Weights after one step down the squared error at the teacher, each with a rate of its own.

    Differentiable in weights and rates to second order: what is learned across tasks are weights from which this step helps.

    Args:
        model: Whose function it is; its own weights do not matter.
        weights: By name.
        rates: By name, in the weights' shapes.
        support: The teacher.
    """

    def missed(at: Weights) -> Tensor:
        return error(model, predicted(model, at, support.itself, support), support.accuracy)

    steps = grad(missed)(dict(weights))
    return {name: weight - rates[name] * steps[name] for name, weight in weights.items()}


def predicted(model: Predictor, weights: Weights, students: Students, support: Support) -> Tensor:
    """N accuracies of students, as fractions, with these weights; nothing is adapted."""
    found: Tensor = functional_call(model, dict(weights), (students, support.itself.signatures))
    return found


def error(model: Predictor, predictions: Tensor, accuracies: Tensor) -> Tensor:
    """Mean squared error in units of the accuracies' spread within a task, a scalar."""
    return ((predictions - accuracies) / model.scale).square().mean()
