"""The network that predicts, and its adaptation to a teacher.

Source: Lee, An, Kim and Hwang, "Meta-prediction Model for Distillation-Aware NAS on Unseen Datasets", ICLR 2023 (arXiv 2305.16948). Scores
of the untrained networks as further inputs, signatures relative to the teacher's, and the regression that the network adds to are ours.
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

RIDGE = 10.0
"""Of the regression to begin with: variance of what it leaves over that of a linear coefficient; accuracies and scores in units of their spread."""
NEAR = 10.0
"""Of the regression to begin with: prior variance of what depends on the neighbourhood, beside the linear part, in the same units."""
STRAY = 4.0
"""Standard deviations from the usual beyond which a score counts no further."""


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
    """Accuracies, as fractions, from encodings, signatures and scores: a regression on encodings and scores, and a network's correction.

    The regression is x w + sum_i v_i exp(-|e - e_i|^2 / V - |s - s_i|^2 / (4 p)), with x = (e, s) an encoding about what is usual and
    standardised scores, V the total variance of encodings, and students that were learned from as anchors (e_i, s_i).

    Args:
        encoded: Columns d of the encodings.
        channels: Channels C of the signatures.
        scores: Columns p of the scores.
        width: Width of what each input is embedded in, and of the layer before the last.
        anchors: Their number m.

    Attributes:
        centre: Of encodings and scores, d + p; 0 until `begin`.
        unit: Of the scores, p; 1 until then.
        reach: Total variance V of the encodings, a scalar; 1 until then.
        anchors: m x (d + p), as x is; 0 until then.
        level: Of the accuracies, a scalar; 0 until then.
        scale: Of the accuracies within a task, a scalar; 1 until then. Errors are in its units: a task's students differ by little.
    """

    centre: Tensor
    unit: Tensor
    reach: Tensor
    anchors: Tensor
    level: Tensor
    scale: Tensor

    def __init__(self, encoded: int, channels: int, scores: int = 0, width: int = 64, anchors: int = 0) -> None:
        super().__init__()
        self._encoded = encoded
        self.of_student, self.of_teacher = _Functional(channels, width), _Functional(channels, width)
        self.of_encoding = nn.Sequential(nn.Linear(encoded, width), nn.ReLU(), nn.Linear(width, width))
        self.hidden = nn.Linear(3 * width + scores, width)
        self.last = nn.Linear(width, 1)
        self.linear = nn.Parameter(torch.zeros(encoded + scores))
        self.near = nn.Parameter(torch.zeros(anchors))
        self.register_buffer("centre", torch.zeros(encoded + scores))
        self.register_buffer("unit", torch.ones(scores))
        self.register_buffer("reach", torch.ones(()))
        self.register_buffer("anchors", torch.zeros(anchors, encoded + scores))
        self.register_buffer("level", torch.zeros(()))
        self.register_buffer("scale", torch.ones(()))

    @torch.no_grad()
    def begin(self, students: Sequence[Students], accuracies: Sequence[Tensor]) -> list[dict[str, Tensor]]:
        """Take units from some tasks, and what differs within each of them as the regression; the network adds nothing yet.

        Such a start ranks the students of other tasks of the kind; from random weights that has to be learned first.

        Args:
            students: Of each task; as many in all as there are anchors.
            accuracies: Theirs.

        Returns:
            For each task (where there are several) the regression's weights as the other tasks alone have them: what it misses there is
            what it will miss on a new one.
        """
        encodings, scores = torch.cat([some.encodings for some in students]), torch.cat([some.scores for some in students])
        self.unit = _spread(scores)
        self.centre = torch.cat([encodings.mean(0), scores.mean(0)])
        self.reach = _some(encodings.var(0, correction=0).sum())
        self.level = torch.cat(list(accuracies)).mean()
        self.scale = torch.stack([_spread(some) for some in accuracies]).mean()
        self.anchors = torch.cat([self._standard(some) for some in students])
        sizes = [len(some) for some in students]
        whole = self._regression(sizes, accuracies, None)
        self.linear.copy_(whole["linear"])
        self.near.copy_(whole["near"])
        self.last.weight.zero_()
        self.last.bias.zero_()
        return [self._regression(sizes, accuracies, task) for task in range(len(sizes))] if len(sizes) > 1 else [whole]

    def _regression(self, sizes: Sequence[int], accuracies: Sequence[Tensor], left_out: int | None) -> dict[str, Tensor]:
        """`linear` and `near`, fitted to the tasks that the anchors are of, but one."""
        kept = torch.cat([torch.full((n,), task != left_out) for task, n in enumerate(sizes)])
        others = [n for task, n in enumerate(sizes) if task != left_out]
        anchors = self.anchors[kept]
        covariance = (anchors @ anchors.T + NEAR * self._nearness(anchors)[:, kept]).double()
        y = torch.cat([(a - a.mean()) / _spread(a) for task, a in enumerate(accuracies) if task != left_out]).double()
        noise = RIDGE * torch.eye(len(y), dtype=torch.float64, device=y.device)
        centred = _within(_within(covariance, others).T, others)
        found = _within(torch.linalg.solve(centred + noise, y), others).to(anchors.dtype)
        near = torch.zeros_like(self.near)
        near[kept] = NEAR * found
        return {"linear": anchors.T @ found, "near": near}

    def forward(self, students: Students, teacher: Tensor) -> Tensor:
        """N predictions for n students of a teacher with a signature of 1 x C x h x w."""
        standard = self._standard(students)
        embedded = torch.cat(
            [
                self.of_student(students.signatures),
                self.of_teacher(teacher).expand(len(students), -1),
                self.of_encoding(students.encodings),
                standard[:, self._encoded :],
            ],
            dim=1,
        )
        correction = self.last(torch.tanh(self.hidden(embedded))).squeeze(-1)
        predicted: Tensor = standard @ self.linear + self._nearness(standard) @ self.near + correction
        return self.level + self.scale * predicted

    def _standard(self, students: Students) -> Tensor:
        """Encodings and scores, n x (d + p), about what is usual."""
        usual, scores = self.centre[: self._encoded], self.centre[self._encoded :]
        told = ((students.scores - scores) / self.unit).clamp(-STRAY, STRAY)
        return torch.cat([students.encodings - usual, told], dim=1)

    def _nearness(self, standard: Tensor) -> Tensor:
        """To the anchors, n x m."""
        d, p = self._encoded, len(self.unit)
        apart = _squared(standard[:, :d], self.anchors[:, :d]) / self.reach
        return torch.exp(-apart - _squared(standard[:, d:], self.anchors[:, d:]) / (4 * max(1, p)))


def _within(rows: Tensor, sizes: Sequence[int]) -> Tensor:
    """Rows (of a matrix, or entries of a vector) less their mean over the task; tasks have these sizes."""
    return torch.cat([part - part.mean(0) for part in torch.split(rows, list(sizes))])


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
    return _some((figures - figures.mean(0)).square().mean(0).sqrt())


def _some(figures: Tensor) -> Tensor:
    """Figures, and 1 where they are none to divide by."""
    return torch.where(figures > 1e-9, figures, torch.ones_like(figures))


def _squared(a: Tensor, b: Tensor) -> Tensor:
    """Squared distances, n x m."""
    return (a.square().sum(1)[:, None] + b.square().sum(1) - 2 * a @ b.T).clamp_min(0)


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


def error(model: Predictor, predictions: Tensor, accuracies: Tensor, level: float = 1.0) -> Tensor:
    """Mean squared error in units of the accuracies' spread within a task, a scalar; what all miss by alike counts so many times."""
    missed = (predictions - accuracies) / model.scale
    return missed.square().mean() - (1 - level) * missed.mean().square()
