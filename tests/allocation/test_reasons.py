from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mfsearch.allocation.base import State
from mfsearch.allocation.belief import Belief
from mfsearch.allocation.cost_aware import CostAware
from mfsearch.allocation.reasons import contest, explained
from mfsearch.records import Architecture, EvaluationQuery, Objective
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.store.events import dump

RNG = np.random.default_rng


@pytest.fixture
def members(space: NASBench201Space) -> list[Architecture]:
    return list({a.key: a for a in space.sample(120, RNG(0))}.values())[:100]


@pytest.fixture
def state(make: Callable[..., State], members: list[Architecture]) -> State:
    seen = [(a, "low") for a in members[:12]] + [(a, "full") for a in members[:3]]
    return make(seen=seen, scored=members, memory={"grown_at": 15}, rule="predicted")


def proposed(state: State, n: int = 1, **options: Any) -> list[dict[str, Any]]:
    return [dict(q.why) for q in CostAware(**options).propose(state, n, RNG(0)).queries if isinstance(q, EvaluationQuery)]


def test_a_contest_names_the_best_first(members: list[Architecture]) -> None:
    scores = np.array([0.1, 0.5, 0.5, 0.2, 0.3])
    told = contest(members, [9, 8, 7, 6, 5], scores, 2 * scores, 3 * scores)
    assert told["considered"] == 5
    rows: Any = told["best"]
    assert [row["architecture"] for row in rows] == [members[i].key for i in (8, 7, 5, 6)]
    assert rows[0] == {"architecture": members[8].key, "gain": 1.5, "cost": 1.0, "score": 0.5}
    short: Any = contest(members, [9], scores[:1], scores[:1])["best"]
    assert short == [{"architecture": members[9].key, "gain": None, "cost": 0.1, "score": 0.1}]


def test_a_choice_by_information_names_every_rung_and_the_next_best(state: State) -> None:
    (why,) = proposed(state, insurance=0, reserve=0.0)
    decision = why["decision"]
    assert (decision["rule"], decision["pool"]) == ("information", 100)
    assert decision["slack_seconds"] == pytest.approx(0.05 * state.free)
    assert set(decision["rungs"]) == {"low", "full"} == set(why["gain_per_second_by_rung"])
    for row in [*decision["rungs"].values(), *decision["alternatives"]]:
        assert row["score"] == pytest.approx(row["gain"] / (row["cost"] + decision["slack_seconds"]), rel=1e-6)
    rungs = [row["rung"] for row in decision["alternatives"]]
    (leading,) = {rung for rung in rungs if rungs.count(rung) == 3}
    assert decision["rungs"][leading]["gain"] == why["gain"]
    assert max(why["gain_per_second_by_rung"].values()) == why["gain_per_second"]


def test_the_end_and_the_early_look_are_told_by_what_decided_there(state: State, members: list[Architecture]) -> None:
    (last,) = proposed(replace(state, rule="evaluated", free=200.0), insurance=0)
    assert (last["decision"]["rule"], set(last["decision"]["rungs"])) == ("improvement", {"full"})
    assert "gain_per_second_by_rung" not in last
    (early,) = proposed(replace(state, free=600.0))
    decision = early["decision"]
    assert (decision["rule"], decision["slack_seconds"]) == ("mean", 0.0)
    scores = [decision["rungs"]["full"]["score"], *(row["score"] for row in decision["alternatives"])]
    assert scores == sorted(scores, reverse=True)
    mean, _ = Belief(replace(state, free=600.0)).mean_variance(members, 2 - 1)
    assert scores[0] == pytest.approx(max(m for m, a in zip(mean, members, strict=True) if (a.key, "full") not in state.excluded))


def test_posterior_and_incumbent_are_in_the_studys_unit(state: State, members: list[Architecture]) -> None:
    (why,) = proposed(state, insurance=0, reserve=0.0)
    posterior = why["decision"]["posterior"]
    low, high = posterior["interval"]
    assert 0 < low < posterior["mean"] < high < 100
    assert posterior["sd"] == pytest.approx((high - low) / 3.919928)
    best = max(state.observations[12:], key=lambda o: o.value or 0.0)
    assert why["decision"]["incumbent"] == {"evaluation": best.query.id, "figure": best.value}
    query = EvaluationQuery(members[20], "low", why={"reason": "x"})
    told = contest(members, [20], np.ones(1), np.ones(1))
    loss = replace(state, objective=Objective("val_accuracy", "minimise", "none"))
    turned: Any = explained(query, {"low": told}, loss, Belief(loss), "mean", 100).why["decision"]
    assert turned["incumbent"]["figure"] == -float(best.value or 0.0)
    assert turned["posterior"]["interval"][0] < turned["posterior"]["interval"][1] < 0


def test_what_runs_is_named_and_what_was_decided_just_before_is_counted(state: State, members: list[Architecture]) -> None:
    running = replace(state, pending=[EvaluationQuery(members[50], "full", id=15), EvaluationQuery(members[51], "low", id=16)])
    told = [why["decision"] for why in proposed(running, 3, insurance=0, reserve=0.0)]
    assert [(d["pending"], d["beside"]) for d in told] == [([15, 16], 0), ([15, 16], 1), ([15, 16], 2)]


def test_rungs_that_were_left_out_say_why(state: State, make: Callable[..., State], members: list[Architecture]) -> None:
    seen = [(a, "low") for a in members[:30]] + [(a, "full") for a in members[:12]]
    (why,) = proposed(make(seen=seen, scored=members, memory={"grown_at": 42}, rule="predicted"), useless=1.0)
    assert why["decision"]["rungs"]["low"] == {"left_out": "it was found useless"}
    (poor,) = proposed(replace(state, free=5.0), insurance=0)
    assert poor["decision"]["rungs"]["full"] == {"left_out": "nothing that is open there was affordable"}


def test_a_pair_is_told_with_its_own_gain(make: Callable[..., State], members: list[Architecture]) -> None:
    state = make(seen=[(a, "low") for a in members[:12]], scored=members, memory={"grown_at": 12}, rule="predicted")
    (why,) = proposed(state, insurance=0)
    pair = why["decision"]["rungs"]["full"]["pair"]
    assert pair["cost"] == 20.0
    assert why["gain_per_second_by_rung"]["full"] == pytest.approx(pair["gain"] / 20.0, rel=1e-6)
    assert pair["gain"] > why["decision"]["rungs"]["full"]["gain"]


def test_it_is_small_however_long_the_keys(state: State, members: list[Architecture]) -> None:
    (why,) = proposed(state, insurance=0, reserve=0.0)
    assert len(dump(why)) < 2000
    assert json.loads(dump(why)) == why
    long = [replace(a, key="x" * 700 + str(i)) for i, a in enumerate(members[:4])]
    told = contest(long, [0, 1, 2, 3], np.arange(4.0), np.ones(4), np.ones(4))
    query = EvaluationQuery(members[20], "low", why={"reason": "x", "gain": 1 / 3})
    cut = explained(query, {"low": told}, state, Belief(state), "information", 4)
    decision: Any = cut.why["decision"]
    assert (cut.why["gain"], decision["alternatives"]) == (0.33333333, [])
    assert len(dump(cut.why)) < 2000
