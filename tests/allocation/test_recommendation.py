"""The two rules of recommendation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from mfsearch.allocation.base import State
from mfsearch.allocation.belief import Belief
from mfsearch.allocation.recommendation import recommend
from mfsearch.records import Architecture
from mfsearch.spaces.nasbench201 import NASBench201Space


@pytest.fixture
def members(space: NASBench201Space) -> list[Architecture]:
    drawn = list({a.key: a for a in space.sample(200, np.random.default_rng(0))}.values())
    return sorted(drawn, key=lambda a: a.genotype.count("nor_conv_3x3"))


def test_nothing_known(make: Callable[..., State]) -> None:
    assert recommend(make(), "evaluated") is None


def test_evaluated_is_the_best_evaluated_at_the_target(make: Callable[..., State], members: list[Architecture]) -> None:
    seen = [(a, "low") for a in members[::10]] + [(a, "full") for a in members[20:140:20]]
    found = recommend(make(seen=seen, scored=members), "evaluated")
    assert found is not None
    assert found.evaluated_at_target
    assert found.architecture.genotype.count("nor_conv_3x3") == members[120].genotype.count("nor_conv_3x3")
    assert found.observation is not None
    assert found.observation.query.rung == "full"
    assert found.interval[0] < found.mean < found.interval[1]


def test_of_several_runs_the_best_is_the_one_to_keep(make: Callable[..., State], members: list[Architecture]) -> None:
    state = make(seen=[(a, "low") for a in members[::10]] + [(members[120], "full")] * 3, scored=members)
    values = [70.0, 72.0, 71.0]
    runs = [replace(o, value=values[i - 20]) if o.query.rung == "full" else o for i, o in enumerate(state.observations)]
    found = recommend(replace(state, observations=runs), "evaluated")
    assert found is not None
    assert found.observation is not None
    assert found.observation.value == 72.0


def test_without_a_target_run_the_highest_rung_decides_and_says_so(
    make: Callable[..., State], members: list[Architecture]
) -> None:
    found = recommend(make(seen=[(a, "low") for a in members[::10]], scored=members), "evaluated")
    assert found is not None
    assert not found.evaluated_at_target
    assert found.observation is not None
    assert found.observation.query.rung == "low"


def test_predicted_may_be_anything_that_was_scored(make: Callable[..., State], members: list[Architecture]) -> None:
    seen = [(a, "low") for a in members[:150:6]] + [(a, "full") for a in members[:150:15]]
    found = recommend(make(seen=seen, scored=members), "predicted")
    assert found is not None
    assert found.architecture.genotype.count("nor_conv_3x3") >= members[150].genotype.count("nor_conv_3x3")


@pytest.mark.parametrize(("spread", "tried"), [(0.3, True), (0.1, False)])
def test_a_prediction_must_be_ahead_of_what_was_evaluated_by_more_than_a_little(
    make: Callable[..., State], members: list[Architecture], monkeypatch: pytest.MonkeyPatch, spread: float, tried: bool
) -> None:
    """Half a standard deviation of the difference; before anything was evaluated at the target there is nothing to be ahead of."""
    seen = [(a, "low") for a in members[:150:6]]
    full = [(a, "full") for a in members[:150:15]]
    monkeypatch.setattr(Belief, "difference", lambda *_: (0.1, spread))
    found = recommend(make(seen=[*seen, *full], scored=members), "predicted")
    assert found is not None and found.evaluated_at_target is tried
    if tried:
        best = max(full, key=lambda pair: pair[0].genotype.count("nor_conv_3x3"))[0]
        assert found.architecture.genotype.count("nor_conv_3x3") == best.genotype.count("nor_conv_3x3")
    before = recommend(make(seen=seen, scored=members), "predicted")
    assert before is not None and not before.evaluated_at_target
