from __future__ import annotations

from typing import Any, cast

import pytest

from mfsearch.allocation.base import AbstractPolicy, Proposal, State
from mfsearch.records import Architecture, Objective

CHEAP, DEAR = Architecture("toy", (0,), "cheap"), Architecture("toy", (1,), "dear")


def state(free: float) -> State:
    """A state of which only costs and money matter."""
    cost = {"cheap": 1.0, "dear": 5.0}
    return State(
        space=cast(Any, None),
        ladder=cast(Any, None),
        objective=Objective(),
        observations=(),
        pending=(),
        scores={},
        architectures={},
        free=free,
        total=10.0,
        cost=lambda architecture, rung: cost[architecture.key],
        p95=lambda architecture, rung: 100.0,
    )


@pytest.mark.parametrize(
    ("free", "cheap", "dear"), [(0.5, False, False), (1.0, True, False), (4.99, True, False), (5.0, True, True)]
)
def test_the_expected_cost_decides_what_is_affordable(free: float, cheap: bool, dear: bool):
    assert state(free).affordable(CHEAP, "full") == cheap
    assert state(free).affordable(DEAR, "full") == dear


def test_an_empty_proposal_means_stop():
    assert not Proposal().queries and dict(Proposal().memory) == {}


def test_a_half_written_policy_cannot_be_made():
    with pytest.raises(TypeError, match="propose"):
        type("Half", (AbstractPolicy,), {"name": "half"})()
