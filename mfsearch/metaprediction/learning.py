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

LEVEL = 0.1
"""What all students of a task are missed by alike counts this much: a search compares students of one teacher."""
REGRESSION = ("linear", "near")
"""Weights that are solved for, and not learned any further: there are as many of them as students to learn from."""
WHOLE = 0.5
"""Rate of the last constant to begin with: the step then makes up for all that the teacher itself is missed by."""


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
        inner_rate: Rate of the inner step to begin with, of every weight of the network but the last constant.
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
        """N accuracies of a teacher's students, as fractions, each the same in whatever company."""
        weights = self.weights if self.rates is None else adapted(self.model, self.weights, self.rates, support)
        alone = (students[i : i + 1] for i in range(len(students)))  # a product of matrices rounds by their shape
        with torch.no_grad():
            return torch.cat([support.accuracy.new_empty(0), *(predicted(self.model, weights, one, support) for one in alone)])


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
        say: Told before the first episode and now and then: episode, mean squared error in units of the spread within a task (NaN before
            the first), mean correlation on the validation tasks.

    Raises:
        DataError: If there is no task, or the error is not finite.
    """
    if not tasks:
        raise DataError("meta-training needs at least one task to learn from; got none.")
    first, learners = tasks[0].students, sum(len(task.students) for task in tasks)
    with torch.random.fork_rng():
        torch.manual_seed(recipe.seed)
        model = Predictor(first.encodings.shape[1], first.signatures.shape[1], first.scores.shape[1], recipe.width, learners)
    model = model.to(first.encodings.dtype)
    others = model.begin([task.students for task in tasks], [task.accuracies for task in tasks])
    weights = {name: weight.detach().clone().requires_grad_() for name, weight in model.named_parameters()}
    rates = {name: torch.full_like(weight, recipe.inner_rate) for name, weight in weights.items()}
    for name in REGRESSION:  # sums of many terms, which one step would move all at once
        rates[name] = torch.full_like(weights[name], recipe.inner_rate / max(1, weights[name].numel()))
    rates["last.bias"] = torch.full_like(weights["last.bias"], WHOLE)
    rates = {name: rate.requires_grad_() for name, rate in rates.items()}
    network = [weight for name, weight in weights.items() if name not in REGRESSION]
    optimiser = torch.optim.Adam([*network, *(rates.values() if recipe.adapt else ())], lr=recipe.learning_rate)
    draws = torch.Generator().manual_seed(recipe.seed)

    def learned(episode: int) -> Learned:
        kept = {name: weight.detach().clone() for name, weight in weights.items()}
        steps = {name: rate.detach().clone() for name, rate in rates.items()} if recipe.adapt else None
        return Learned(model, kept, steps, episode, math.nan)

    def judged(episode: int, missed: float) -> Learned:
        now = learned(episode)
        now = replace(now, validation=float(np.mean([correlation(now, task) for task in validation])))
        say(episode, missed, now.validation)
        return now

    best = judged(0, math.nan) if validation else None
    for episode in range(1, recipe.episodes + 1):
        errors = []
        for task, regression in zip(tasks, others, strict=True):
            rows = torch.randperm(len(task.students), generator=draws)[: recipe.queries]
            at: Weights = {**weights, **regression}
            at = adapted(model, at, rates, task.support) if recipe.adapt else at
            found = predicted(model, at, task.students[rows], task.support)
            errors.append(error(model, found, task.accuracies[rows], LEVEL))
        total = torch.stack(errors).mean()
        if not bool(torch.isfinite(total)):
            raise DataError(f"the error of meta-training must be finite; in episode {episode} it is not. Lower the rates.")
        optimiser.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if best is not None and (episode % recipe.validate_every == 0 or episode == recipe.episodes):
            now = judged(episode, float(total.detach()))
            best = now if now.validation > best.validation else best
    return best or learned(recipe.episodes)


def correlation(found: Learned, task: MetaTask) -> float:
    """Spearman's rank correlation of predictions with accuracies."""
    return rank_correlation(found.predict(task.students, task.support).numpy(), task.accuracies.numpy())


def rank_correlation(x: NDArray[Any], y: NDArray[Any]) -> float:
    """Spearman's, of n figures each; 0 where either does not vary."""
    return float(spearmanr(x, y).statistic) if np.ptp(x) > 0 and np.ptp(y) > 0 else 0.0
