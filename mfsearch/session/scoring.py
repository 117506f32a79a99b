"""Scores of architectures that a user names, without a search."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mfsearch.errors import ConfigError
from mfsearch.fidelities.base import Context
from mfsearch.fidelities.dass import DaSS
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.fidelities.live import LiveTask
from mfsearch.fidelities.zero_cost import ZeroCost
from mfsearch.problems.base import Problem

Progress = Callable[[float, str], None]


def with_proxies(problem: Problem, proxies: Sequence[str], home: Path) -> Problem:
    """The problem with these zero-cost proxies of its networks in place of its own scores.

    Raises:
        ConfigError: If it trains no networks, or a proxy is unknown.
    """
    rung = ZeroCost("proxies", proxies, _live(problem, "proxies", home))
    return replace(problem, ladder=FidelityLadder([rung, *problem.ladder.evaluations]))


def with_dass(problem: Problem, predictor: str | None, home: Path) -> Problem:
    """The problem with a predictor's figure beside its scores; None: that of the one that ships.

    Raises:
        ConfigError: If it trains no networks, or the predictor is one for another space.
        DataError: If the file is no predictor.
    """
    own = [rung for rung in problem.ladder.scores if not isinstance(rung, DaSS)]
    rung = DaSS("dass", _live(problem, "predictions", home), predictor)
    return replace(problem, ladder=FidelityLadder([*own, rung, *problem.ladder.evaluations]))


def _live(problem: Problem, what: str, home: Path) -> LiveTask:
    if problem.task is None:
        raise ConfigError(
            f"{what} must be of networks; {problem.name!r} builds none. Name a --problem that trains some, such as digits."
        )
    return LiveTask(problem.space, problem.task, home)


def drawn(problem: Problem, n: int, seed: int) -> list[str]:
    """Keys of n random architectures of the problem's space, each once where it has so many; the same ones for the same seed."""
    rng = np.random.default_rng(seed)
    everything = problem.space.enumerate()
    if everything is not None:
        return [everything[int(row)].key for row in rng.permutation(len(everything))[:n]]
    return [architecture.key for architecture in problem.space.sample(n, rng)]


def score(
    problem: Problem,
    texts: Sequence[str],
    seed: int = 0,
    device: str = "cpu",
    progress: Progress = lambda fraction, text: None,
) -> list[dict[str, Any]]:
    """The problem's scores, one row for each architecture: its key and a figure a column, None where it is missing.

    Args:
        problem: Whose score rungs are used.
        texts: Architectures, as the problem's space writes them.
        seed: Seed of the rungs.
        device: torch device string.
        progress: Called with (fraction of a rung done, short text).

    Raises:
        SpaceError: If a text is no architecture of the problem's space.
        ConfigError: If the problem has no scores, or no architecture is given.
    """
    if not problem.ladder.scores:
        raise ConfigError(
            f"problem {problem.name!r} must have score rungs; it has none. Name another with --problem, such as digits."
        )
    if not texts:
        raise ConfigError("architectures must be given to be scored; got none. Name some, or draw them with --random N.")
    architectures = [problem.space.parse(text) for text in texts]
    rows: list[dict[str, Any]] = [{"architecture": architecture.key} for architecture in architectures]
    with tempfile.TemporaryDirectory() as folder:
        context = Context(seed, math.inf, Path(folder), device, progress=progress)
        for rung in problem.ladder.scores:
            for resource in rung.resources:
                resource.prepare(context)
            scores = rung.score(architectures, context)
            for row, figures in zip(rows, scores.values, strict=True):
                row |= dict(zip(scores.columns, figures, strict=True))
    return rows
