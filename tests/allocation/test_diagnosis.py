"""What is said of the surrogate, against models that really were not shown the evaluation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from mfsearch.allocation.base import State
from mfsearch.allocation.belief import Belief
from mfsearch.allocation.diagnosis import diagnose
from mfsearch.records import Objective, Status
from mfsearch.spaces.nasbench201 import NASBench201Space


@pytest.fixture
def state(make: Callable[..., State], space: NASBench201Space) -> State:
    members = list({a.key: a for a in space.sample(60, np.random.default_rng(0))}.values())[:40]
    made = make(seen=[(a, "low") for a in members[:14]] + [(a, "full") for a in members[8:16]], scored=members)
    return replace(made, observations=[replace(o, query=replace(o.query, id=i)) for i, o in enumerate(made.observations)])


def test_every_evaluation_is_checked_once_in_order(state: State) -> None:
    found = diagnose(state, Belief(state))
    assert [c.evaluation for c in found.checks] == list(range(22))
    for check, observation in zip(found.checks, state.observations, strict=True):
        assert check.rung == observation.query.rung
        assert check.measured == pytest.approx(observation.value)
        assert check.interval[0] < check.expected < check.interval[1]
        # The interval holds what came out just where its standardised error says so.
        assert (abs(check.z) <= norm.ppf(0.975)) == (check.interval[0] <= check.measured <= check.interval[1])


def test_correlations_are_the_models(state: State) -> None:
    belief = Belief(state)
    found = diagnose(state, belief)
    assert found.correlations == {"low": belief.model.correlation(0)}


def test_what_is_running_is_no_check(state: State) -> None:
    running = replace(state.observations[0].query, id=99, rung="full")
    found = diagnose(replace(state, pending=[running]), Belief(replace(state, pending=[running])))
    assert len(found.checks) == 22


def test_failures_are_no_checks(state: State) -> None:
    failed = replace(state.observations[3], status=Status.FAILED, value=None)
    observations = [failed if o.query.id == 3 else o for o in state.observations]
    found = diagnose(replace(state, observations=observations), Belief(replace(state, observations=observations)))
    assert 3 not in {c.evaluation for c in found.checks} and len(found.checks) == 21


def test_minimised_figures_are_shown_as_the_user_knows_them(state: State) -> None:
    objective = Objective("val_accuracy", direction="minimise", unit="none")
    turned = [replace(o, value=-o.value if o.value is not None else None) for o in state.observations]
    turned_state = replace(state, objective=objective, observations=turned)
    found = diagnose(turned_state, Belief(turned_state))
    for check, observation in zip(found.checks, turned, strict=True):
        assert observation.value is not None
        assert check.measured == pytest.approx(-observation.value)
        assert check.interval[0] <= check.expected <= check.interval[1]
        if abs(check.z) > 1e-6:
            assert np.sign(check.z) == -np.sign(check.measured - check.expected)  # less is better
