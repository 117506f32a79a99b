"""Asynchronous successive halving, query by query."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mfsearch.allocation.asha import ASHA
from mfsearch.allocation.base import State
from mfsearch.errors import ConfigError
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.records import Architecture, EvaluationQuery
from mfsearch.spaces.nasbench201 import NASBench201Space

RNG = np.random.default_rng


@pytest.fixture
def ranked(space: NASBench201Space) -> list[Architecture]:
    """Seven architectures, best first, no two alike in value."""
    of = {a.genotype.count("nor_conv_3x3"): a for a in space.enumerate()}
    return [of[count] for count in sorted(of, reverse=True)]


def asked(policy: ASHA, state: State, n: int = 1) -> list[tuple[str, str]]:
    return [(q.architecture.key, q.rung) for q in policy.propose(state, n, RNG(0)).queries if isinstance(q, EvaluationQuery)]


def test_a_third_is_promoted(make: Callable[..., State], ranked: list[Architecture]) -> None:
    policy = ASHA(eta=3.0)
    below = [(a, "low") for a in reversed(ranked[:6])]
    assert asked(policy, make(seen=below[:2]))[0][1] == "low"  # a third of two is nobody
    assert asked(policy, make(seen=below[:3])) == [(ranked[3].key, "full")]
    promoted = [*below[:3], (ranked[3], "full")]
    assert asked(policy, make(seen=promoted))[0][1] == "low"
    # Of six, two may go: with four promoted before, the best two are still to come.
    assert asked(policy, make(seen=[*below, (ranked[3], "full")]), 3)[:2] == [(ranked[0].key, "full"), (ranked[1].key, "full")]
    waiting = make(seen=below[:3], pending=[EvaluationQuery(ranked[3], "full")])
    assert asked(policy, waiting)[0][1] == "low"  # never waits


def test_rates_follow_the_costs(make: Callable[..., State], space: NASBench201Space) -> None:
    """The target costs ten times as much: one in ten goes up."""
    some = list({a.key: a for a in space.sample(20, RNG(3))}.values())
    assert asked(ASHA(), make(seen=[(a, "low") for a in some[:9]]))[0][1] == "low"
    assert asked(ASHA(), make(seen=[(a, "low") for a in some[:10]]))[0][1] == "full"


def test_a_promotion_that_is_too_dear_widens_the_base(make: Callable[..., State], ranked: list[Architecture]) -> None:
    seen = [(a, "low") for a in ranked[:3]]
    assert asked(ASHA(3.0), make(seen=seen, free=5.0))[0][1] == "low"
    nothing = ASHA(3.0).propose(make(seen=seen, free=0.5), 1, RNG(0))
    assert (list(nothing.queries), nothing.reason) == ([], "nothing new is affordable")


def test_errors(make: Callable[..., State]) -> None:
    with pytest.raises(ConfigError, match="policy asha: eta must be above 1, or left out; got 0.5."):
        ASHA(eta=0.5)
    with pytest.raises(ConfigError, match="policy asha must have 2 evaluation rungs or more; got full."):
        ASHA().propose(make(ladder=FidelityLadder([make().ladder.target])), 1, RNG(0))
