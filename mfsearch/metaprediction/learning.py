"""Learning across tasks: weights from which one step on a teacher leads to good predictions of its students."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr
from torch import Tensor

from mfsearch.errors import DataError
from mfsearch.metaprediction.predictor import Predictor, Students, Support, Weights, adapted, error, predicted


@dataclass(frozen=True, eq=False)
class MetaTask:
    """A data set with a teacher, and students that were distilled from it.

    Attributes:
        name: Of data set and teacher.
        students: n of them.
        accuracies: What they reached, as fractions, n.
        support: The teacher.
    """

    name: str
    students: Students
    accuracies: Tensor
    support: Support

    def __post_init__(self) -> None:
        if len(self.students) != len(self.accuracies):
            raise DataError(
                f"task {self.name!r} must have an accuracy a student; got {len(self.accuracies)} for {len(self.students)}."
            )


@dataclass(frozen=True)
class MetaRecipe:
    """How the predictor learns; the defaults are those of DaSS.

    Attributes:
        episodes: Steps of the optimiser; each averages over all tasks.
        queries: Students of each task in an episode, drawn anew.
        learning_rate: Adam's, of weights and inner rates.
        inner_rate: Rate of the inner step to begin with, of every weight.
        adapt: Whether there is an inner step; without it the teacher's accuracy is not used.
        validate_every: Episodes between two looks at the validation tasks; the best of these is kept.
        width: Of the predictor.
        seed: Of the first weights and of the draws.
    """

    episodes: int = 1000
    queries: int = 50
    learning_rate: float = 5e-4
    inner_rate: float = 0.005
    adapt: bool = True
    validate_every: int = 20
    width: int = 64
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Learned:
    """A predictor as it was learned.

    Attributes:
        model: Its function.
        weights: Before any teacher is known, by name.
        rates: Of the inner step, by name; None where there is none.
        episode: When these were found.
        validation: Mean Spearman correlation on the validation tasks; NaN without any.
    """

    model: Predictor
    weights: Weights
    rates: Weights | None
    episode: int
    validation: float

    def predict(self, students: Students, support: Support) -> Tensor:
        """N accuracies of a teacher's students, as fractions."""
        weights = self.weights if self.rates is None else adapted(self.model, self.weights, self.rates, support)
        with torch.no_grad():
            return predicted(self.model, weights, students, support)


def meta_train(
    tasks: Sequence[MetaTask],
    recipe: MetaRecipe,
    validation: Sequence[MetaTask] = (),
    say: Callable[[int, float, float], None] = lambda episode, missed, reached: None,
) -> Learned:
    """Learn from tasks.

    Args:
        tasks: To learn from, all with encodings and scores of the same columns.
        recipe: How.
        validation: Tasks by which the episode is chosen; without any the last one's weights are kept.
        say: Told now and then: episode, mean squared error in units of the spread within a task, mean correlation on the validation tasks.

    Raises:
        DataError: If there is no task, or the error is not finite.
    """
    if not tasks:
        raise DataError("meta-training needs at least one task to learn from; got none.")
    first = tasks[0].students
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        model = Predictor(first.encodings.shape[1], first.signatures.shape[1], first.scores.shape[1], recipe.width)
    model = model.to(first.encodings.dtype)
    model.standardise([task.students.scores for task in tasks], [task.accuracies for task in tasks])
    weights = {name: weight.detach().clone().requires_grad_() for name, weight in model.named_parameters()}
    rates = {name: torch.full_like(weight, recipe.inner_rate).requires_grad_() for name, weight in weights.items()}
    optimiser = torch.optim.Adam([*weights.values(), *(rates.values() if recipe.adapt else ())], lr=recipe.learning_rate)
    draws = torch.Generator().manual_seed(recipe.seed)

    def learned(episode: int) -> Learned:
        kept = {name: weight.detach().clone() for name, weight in weights.items()}
        steps = {name: rate.detach().clone() for name, rate in rates.items()} if recipe.adapt else None
        return Learned(model, kept, steps, episode, math.nan)

    best: Learned | None = None
    for episode in range(1, recipe.episodes + 1):
        errors = []
        for task in tasks:
            rows = torch.randperm(len(task.students), generator=draws)[: recipe.queries]
            at = adapted(model, weights, rates, task.support) if recipe.adapt else weights
            errors.append(error(model, predicted(model, at, task.students[rows], task.support), task.accuracies[rows]))
        total = torch.stack(errors).mean()
        if not bool(torch.isfinite(total)):
            raise DataError(f"the error of meta-training must be finite; in episode {episode} it is not. Lower the rates.")
        optimiser.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if validation and (episode % recipe.validate_every == 0 or episode == recipe.episodes):
            now = learned(episode)
            now = replace(now, validation=float(np.mean([correlation(now, task) for task in validation])))
            say(episode, float(total.detach()), now.validation)
            if best is None or now.validation > best.validation:
                best = now
    return best or learned(recipe.episodes)


def correlation(found: Learned, task: MetaTask) -> float:
    """Spearman's rank correlation of predictions with accuracies."""
    return rank_correlation(found.predict(task.students, task.support).numpy(), task.accuracies.numpy())


def rank_correlation(x: NDArray[Any], y: NDArray[Any]) -> float:
    """Spearman's, of n figures each; 0 where either does not vary."""
    return float(spearmanr(x, y).statistic) if np.ptp(x) > 0 and np.ptp(y) > 0 else 0.0
