"""Scores of architectures that a user names, without a search."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mfsearch.errors import ConfigError
from mfsearch.fidelities.base import Context
from mfsearch.problems.base import Problem


def score(problem: Problem, texts: Sequence[str], seed: int = 0, device: str = "cpu") -> list[dict[str, Any]]:
    """The problem's scores, one row for each architecture: its key and a figure a column, None where it is missing.

    Raises:
        SpaceError: If a text is no architecture of the problem's space.
        ConfigError: If the problem has no scores.
    """
    if not problem.ladder.scores:
        raise ConfigError(
            f"problem {problem.name!r} must have score rungs; it has none. Name another with --problem, such as digits."
        )
    architectures = [problem.space.parse(text) for text in texts]
    rows: list[dict[str, Any]] = [{"architecture": architecture.key} for architecture in architectures]
    with tempfile.TemporaryDirectory() as folder:
        context = Context(seed, math.inf, Path(folder), device)
        for rung in problem.ladder.scores:
            for resource in rung.resources:
                resource.prepare(context)
            scores = rung.score(architectures, context)
            for row, figures in zip(rows, scores.values, strict=True):
                row |= dict(zip(scores.columns, figures, strict=True))
    return rows
