"""The warm-up of fixed schedules, and what they may cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from mfsearch.allocation.base import State
from mfsearch.allocation.mfkd import MFKD
from mfsearch.allocation.schedule import WARM_UP, AbstractSchedule, memory
from mfsearch.errors import ConfigError
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.records import EvaluationQuery, Observation, Status
from mfsearch.spaces.nasbench201 import NASBench201Space

RNG = np.random.default_rng


@pytest.mark.parametrize(
    ("total", "expected"),
    [
        (1000.0, (100, 20)),  # 300 s as published
        (300.0, (40, 8)),  # 120 s are 0.4 of it
        (30.0, (2, 1)),  # 12 s: one high run, and what is left for low ones
        (20.0, (8, 0)),  # 8 s: no room for a high run
        (1.0, (1, 0)),
    ],
)
def test_scaled_to_a_share(make: Callable[..., State], total: float, expected: tuple[int, int]) -> None:
    state = make(total=total)
    policy = MFKD(share=0.4)
    assert policy.planned(state, *policy.pair(state), RNG(0)) == expected
    assert MFKD().planned(state, *policy.pair(state), RNG(0)) == (100, 20)


def test_the_plan_is_kept(make: Callable[..., State]) -> None:
    state = make(total=300.0, memory={"warm_up": [7, 3]})
    policy = MFKD(share=0.4)
    assert policy.planned(state, *policy.pair(state), RNG(0)) == (7, 3)


def test_within_the_share(make: Callable[..., State], space: NASBench201Space) -> None:
    some = space.enumerate()[:9]
    why = {"reason": WARM_UP}
    state = replace(
        make(total=100.0),
        observations=[
            Observation(EvaluationQuery(some[0], "low", why=why), Status.OK, 12.5, 60.0),
            Observation(EvaluationQuery(some[1], "low"), Status.OK, 50.0, 60.0),  # no part of the warm-up
        ],
        pending=[EvaluationQuery(some[2], "full", why=why)],
    )
    policy = MFKD(share=0.4)  # 40 s, of which 12.5 are spent and 10 under way
    assert policy.within(state, some[3:], "full") == some[3:4]
    assert policy.within(state, some, "low") == some
    assert MFKD().within(state, some, "full") == some


def test_rungs_by_name(make: Callable[..., State], space: NASBench201Space) -> None:
    low, full = make().ladder.evaluations
    top = type(full)("top", 100.0)  # type: ignore[call-arg]
    state = make(ladder=FidelityLadder([low, full, top]))

    def names(rungs: Sequence[str] = ()) -> list[str]:
        return [runs.rung for runs in MFKD(rungs=rungs).pair(state)]

    assert names() == ["full", "top"]
    assert names(["low", "top"]) == ["low", "top"]
    for wrong in (["top", "low"], ["low", "absent"]):
        with pytest.raises(
            ConfigError, match="policy mfkd: rungs must be two evaluations of the ladder, low, full, top, the low"
        ):
            names(wrong)


def test_believes_through_the_two_rungs_and_no_scores(make: Callable[..., State], space: NASBench201Space) -> None:
    some = list({a.key: a for a in space.sample(20, RNG(0))}.values())
    state = make(seen=[(a, "low") for a in some[:8]], scored=some)
    policy = MFKD()
    view, belief = policy.believe(state, *policy.pair(state))
    assert [rung.name for rung in view.ladder] == ["low", "full"]
    assert belief.inputs(some, 1).shape == (len(some), 76)
    kept = memory((3, 1), belief)
    assert set(kept) == {"warm_up", "model"}
    assert memory((3, 1)) == {"warm_up": [3, 1]}


def test_options_are_checked() -> None:
    assert issubclass(MFKD, AbstractSchedule)
    for options, message in (
        ({"low": 0}, "low must be 1 or more; got 0"),
        ({"beta": -1.0}, "beta must be 0 or more; got -1.0"),
        ({"share": 2.0}, "share must be above 0 and at most 1; got 2.0"),
        ({"rungs": ["low"]}, "rungs must be two names, the low rung and the high one; got ['low']"),
    ):
        with pytest.raises(ConfigError) as error:
            MFKD(**options)
        assert message in str(error.value)
