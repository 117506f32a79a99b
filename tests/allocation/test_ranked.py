"""Rank once, evaluate in that order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mfsearch.allocation.base import State
from mfsearch.allocation.ranked import Ranked
from mfsearch.errors import ConfigError
from mfsearch.records import EvaluationQuery, ScoreQuery
from mfsearch.spaces.nasbench201 import NASBench201Space

RNG = np.random.default_rng


def test_scores_everything_first(make: Callable[..., State]) -> None:
    (query,) = Ranked(by="convs").propose(make(), 1, RNG(0)).queries
    assert isinstance(query, ScoreQuery)
    assert len(query.architectures) == 6466
    (some,) = Ranked(by="convs", pool=500).propose(make(), 1, RNG(0)).queries
    assert isinstance(some, ScoreQuery)
    assert 300 < len(some.architectures) <= 500


def test_then_the_best_first(make: Callable[..., State], space: NASBench201Space) -> None:
    everything = space.enumerate()
    best = max(everything, key=lambda a: a.genotype.count("nor_conv_3x3"))
    state = make(scored=everything)
    first, second = Ranked(by="convs").propose(state, 2, RNG(0)).queries
    assert isinstance(first, EvaluationQuery)
    assert isinstance(second, EvaluationQuery)
    assert first.architecture == best
    assert first.why["reason"] == "rank 1 by convs"
    (next_one,) = Ranked(by="convs").propose(make(seen=[(best, "full")], scored=everything), 1, RNG(0)).queries
    assert isinstance(next_one, EvaluationQuery)
    assert next_one.architecture == second.architecture


def test_unknown_score(make: Callable[..., State]) -> None:
    with pytest.raises(ConfigError, match="must rank by a score of the ladder; got 'params', it has convs, skips"):
        Ranked().propose(make(), 1, RNG(0))
