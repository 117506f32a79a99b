"""What the default policy does, step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from botorch.optim.optimize import optimize_acqf_discrete

from mfsearch.acquisition.knowledge_gradient import DiscreteKnowledgeGradient
from mfsearch.allocation.base import State
from mfsearch.allocation.belief import Belief
from mfsearch.allocation.cost_aware import CostAware
from mfsearch.allocation.features import REFERENCE
from mfsearch.errors import ConfigError
from mfsearch.execution.virtual import VirtualExecutor
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.records import Architecture, EvaluationQuery, ScoreQuery
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.study import Study

RNG = np.random.default_rng


@pytest.fixture
def members(space: NASBench201Space) -> list[Architecture]:
    return list({a.key: a for a in space.sample(120, RNG(0))}.values())[:100]


def warm(make: Callable[..., State], members: list[Architecture], low: int = 12, full: int = 0, **more: object) -> State:
    seen = [(a, "low") for a in members[:low]] + [(a, "full") for a in members[:full]]
    return make(seen=seen, scored=members, memory={"grown_at": low + full}, **more)


def test_first_scores_at_random(make: Callable[..., State]) -> None:
    (query,) = CostAware().propose(make(), 1, RNG(0)).queries
    assert isinstance(query, ScoreQuery)
    assert (query.rung, len(query.architectures)) == ("proxies", REFERENCE)
    (poor,) = CostAware(start_share=0.01).propose(make(total=100.0), 1, RNG(0)).queries
    assert isinstance(poor, ScoreQuery)
    assert len(poor.architectures) == 10  # a hundredth of 100 s at 0.1 s each


def test_first_evaluations_at_random_at_the_lowest_level(make: Callable[..., State], members: list[Architecture]) -> None:
    queries = CostAware(initial=4).propose(make(scored=members), 2, RNG(0)).queries
    assert [(q.architecture, q.rung) for q in queries if isinstance(q, EvaluationQuery)] == [(a, "low") for a in members[:2]]


def test_trusted_scores_stand_for_half_of_the_first_evaluations(make: Callable[..., State], members: list[Architecture]) -> None:
    """They tell good from bad already; without scores, and with scores of which nothing is known, there are four."""

    proxies, *rungs = make().ladder
    untold = type("Untold", (type(proxies),), {"trusted": (False, False)})()

    def random_runs(state: State) -> int:
        reason = "at random: the surrogate needs a beginning"
        queries = CostAware().propose(state, 9, RNG(0)).queries
        return sum(isinstance(q, EvaluationQuery) and q.why["reason"] == reason for q in queries)

    assert random_runs(make(scored=members)) == 2
    assert random_runs(make(scored=members, ladder=FidelityLadder([untold, *rungs]))) == 4
    assert random_runs(make(ladder=FidelityLadder(rungs))) == 4


def test_scores_that_lead_nowhere_are_followed_by_two_more_random_runs(
    make: Callable[..., State], members: list[Architecture]
) -> None:
    """The first two runs are random, the next two were led to; where neither beats the random ones, so are the fifth and sixth."""
    by_value = sorted(members, key=lambda a: a.genotype.count("nor_conv_3x3"))
    worst, best = by_value[:4], by_value[-4:]

    def at_random(first: list[Architecture], **options: int) -> bool:
        state = make(seen=[(a, "low") for a in first], scored=members, memory={"grown_at": len(first)})
        (query,) = CostAware(**options).propose(state, 1, RNG(0)).queries
        return isinstance(query, EvaluationQuery) and query.why["reason"] == "at random: the surrogate needs a beginning"

    assert at_random(best[:2] + worst[:2]) and at_random(best[:2] + worst[:3])
    assert not at_random(best[:2] + worst[:4])
    assert not at_random(worst[:2] + best[:2]) and not at_random([worst[0], worst[1], worst[2], best[0]])
    assert not at_random(best[:2] + worst[:1])  # two are awaited
    assert not at_random(best[:2] + worst[:2], initial=2)


def test_the_pool_grows_by_neighbours_of_the_promising(
    make: Callable[..., State], members: list[Architecture], space: NASBench201Space
) -> None:
    state = make(seen=[(a, "low") for a in members[:12]], scored=members)
    (query,) = CostAware(grow_share=1.0).propose(state, 1, RNG(0)).queries
    assert isinstance(query, ScoreQuery)
    assert len(query.architectures) == 40
    known = {a.key for a in members}
    assert not known & {a.key for a in query.architectures}
    adjacent = {n.key for a in members for n in space.neighbours(a)}
    assert {a.key for a in query.architectures} <= adjacent
    grown = np.mean([a.genotype.count("nor_conv_3x3") for a in query.architectures])
    assert grown > np.mean([a.genotype.count("nor_conv_3x3") for a in members]) + 0.7


def test_the_pool_does_not_grow_for_more_than_its_share_of_what_evaluations_cost(
    make: Callable[..., State], members: list[Architecture]
) -> None:
    state = make(seen=[(a, "low") for a in members[:50]], scored=members)  # 50 s; 40 more scores are 4 s
    assert isinstance(CostAware(grow_share=0.081).propose(state, 1, RNG(0)).queries[0], ScoreQuery)
    assert isinstance(CostAware(grow_share=0.079).propose(state, 1, RNG(0)).queries[0], EvaluationQuery)
    later = replace(state, memory={"grown_at": 2})  # 48 s of them since the last growth
    assert isinstance(CostAware(grow_share=0.081).propose(later, 1, RNG(0)).queries[0], EvaluationQuery)


def test_one_already_evaluated_is_looked_at_again_only_where_that_is_allowed(
    make: Callable[..., State], members: list[Architecture], target_ladder: FidelityLadder
) -> None:
    """Nothing else is left at the target: every architecture of the pool was evaluated there."""
    few = members[:12]
    state = make(seen=[(a, "full") for a in few], scored=few, ladder=target_ladder, memory={"grown_at": 12})
    policy = CostAware(grow_every=0)
    assert not policy.propose(state, 1, RNG(0)).queries
    mean, _ = Belief(state).mean_variance(few, 0)
    best, worst = few[int(mean.argmax())], few[int(mean.argmin())]
    again = replace(state, repeatable=frozenset({(best.key, "full"), (worst.key, "full")}))
    (query,) = policy.propose(again, 1, RNG(0)).queries
    assert isinstance(query, EvaluationQuery)
    assert query.architecture == best
    assert str(query.why["reason"]).startswith("once more, with another seed")


def test_the_choice_is_the_best_gain_per_second(make: Callable[..., State], members: list[Architecture]) -> None:
    """Recomputed by BoTorch's own discrete optimiser over every candidate of both levels."""
    state = warm(make, members, low=12, full=3)
    policy = CostAware(insurance=0, reserve=0.0)
    (query,) = policy.propose(state, 1, RNG(0)).queries
    assert isinstance(query, EvaluationQuery)
    belief = Belief(state)
    acquisition = DiscreteKnowledgeGradient(
        belief.model, belief.inputs(members, 1)
    )  # fewer than the 250 likely optima: all of them
    best = (-1.0, "", "")
    for level, (rung, cost) in enumerate((("low", 1.0), ("full", 10.0))):
        open = [a for a in members if (a.key, rung) not in state.excluded]
        X = belief.inputs(open, level)
        chosen, value = optimize_acqf_discrete(acquisition, q=1, choices=X)
        place = int((chosen == X).all(1).nonzero()[0])
        best = max(best, (float(value) / cost, rung, open[place].key))
    assert (query.rung, query.architecture.key) == best[1:]
    assert float(str(query.why["gain_per_second"])) == pytest.approx(best[0], rel=1e-6)
    torch.testing.assert_close(torch.tensor(float(str(query.why["cost"]))), torch.tensor({"low": 1.0, "full": 10.0}[query.rung]))


def test_early_looks_at_the_target(make: Callable[..., State], members: list[Architecture]) -> None:
    state = warm(make, members, free=900.0)  # a tenth is spent
    (query,) = CostAware(insurance=4).propose(state, 1, RNG(0)).queries
    assert isinstance(query, EvaluationQuery)
    assert query.rung == "full"
    (dear,) = CostAware(insurance=4, insurance_share=0.001, reserve=0.0).propose(state, 1, RNG(0)).queries
    assert isinstance(dear, EvaluationQuery)
    assert dear.rung == "low"


@pytest.mark.parametrize("rule", ["predicted", "evaluated"])
def test_what_runs_does_not_hasten_the_end(rule: str, make: Callable[..., State], members: list[Architecture]) -> None:
    """Promises to what runs are mostly given back: three of four devices that have just begun are no reason to look at the target."""
    alone = warm(make, members, free=990.0, rule=rule)
    promised = warm(make, members, free=200.0, held=790.0, rule=rule)
    (query,), (same,) = (CostAware().propose(state, 1, RNG(0)).queries for state in (alone, promised))
    assert isinstance(query, EvaluationQuery) and isinstance(same, EvaluationQuery)
    assert (same.architecture, same.rung, same.why["reason"]) == (query.architecture, query.rung, query.why["reason"])
    assert same.rung == "low"


def test_the_last_part_goes_to_the_target(make: Callable[..., State], members: list[Architecture]) -> None:
    for free in (240.0, 11.0):
        (query,) = CostAware(insurance=0).propose(warm(make, members, full=1, free=free), 1, RNG(0)).queries
        assert isinstance(query, EvaluationQuery)
        assert (query.rung, query.why["reason"]) == ("full", "the last part of the budget goes to the target")
    (query,) = CostAware(insurance=0).propose(warm(make, members, full=1, free=11.0, rule="predicted"), 1, RNG(0)).queries
    assert isinstance(query, EvaluationQuery)
    assert query.why["reason"] == "most information about the optimum per second"


def test_nothing_that_cannot_be_paid(make: Callable[..., State], members: list[Architecture]) -> None:
    (query,) = CostAware().propose(warm(make, members, free=5.0), 1, RNG(0)).queries
    assert isinstance(query, EvaluationQuery)
    assert query.rung == "low"
    # With a trained architecture in hand, lower rungs that can no longer lead to another one are not paid for.
    for state in (warm(make, members, free=5.0, full=1), warm(make, members, free=0.5)):
        nothing = CostAware().propose(state, 1, RNG(0))
        assert (list(nothing.queries), nothing.reason) == ([], "no evaluation that could change the answer is affordable")


def test_parallel_queries_differ_and_regard_each_other(make: Callable[..., State], members: list[Architecture]) -> None:
    queries = CostAware().propose(warm(make, members, full=2), 5, RNG(0)).queries
    assert len({(q.architecture.key, q.rung) for q in queries if isinstance(q, EvaluationQuery)}) == 5


def test_same_state_same_proposal(make: Callable[..., State], members: list[Architecture]) -> None:
    state = warm(make, members)
    used = CostAware()
    used.propose(warm(make, members, low=30), 1, RNG(0))  # what a policy saw before must not matter
    assert used.propose(state, 1, RNG(0)).queries == CostAware().propose(state, 1, RNG(0)).queries


@pytest.mark.parametrize(("option", "value"), [("reserve", 1.5), ("useless", -0.1), ("initial", -1), ("grow_by", -3)])
def test_options_are_checked(option: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"{option} must be"):
        CostAware(**{option: value})  # type: ignore[arg-type]


def test_the_first_target_run_is_judged_with_a_second_one(make: Callable[..., State], members: list[Architecture]) -> None:
    """Alone it only places the level; the gain of both is that of the second one, given the first, for the price of two."""
    state = warm(make, members, low=12)
    belief = Belief(state)
    gradient = belief.gradient(members)
    query = CostAware._pair(state, belief, gradient, members, list(range(30)), 1, 1000.0)
    assert query is not None
    assert (query.architecture, query.rung) == (members[0], "full")
    assert query.why["cost"] == 20.0
    given = DiscreteKnowledgeGradient(belief.model, belief.inputs(members, 1), belief.inputs(members[:1], 1))
    assert query.why["gain"] == pytest.approx(belief.gains(given, members[1:30], 1).max())
    assert query.why["gain"] > belief.gains(belief.gradient(members), members[:1], 1)[0]
    assert CostAware._pair(state, belief, gradient, members, list(range(30)), 1, 15.0) is None  # no room for two


def test_prices_count_among_architectures_where_little_is_left(make: Callable[..., State], members: list[Architecture]) -> None:
    gains, prices = np.array([0.3, 0.5, 0.4]), [1.0, 9.0, 2.0]
    for slack, best in ((5e4, 1), (5.0, 2), (5e-5, 0), (None, 1)):  # 5 s: 0.050, 0.036, 0.057 a second
        query, rivals = CostAware._query(gains, prices, members, [3, 4, 5], 1, make(), "", slack)
        assert query.architecture == members[3 + best]
        assert query.why["gain_per_second"] == gains[best] / prices[best]  # between rungs, the price counts in full
        assert rivals["best"][0]["score"] == pytest.approx(gains[best] / (1 if slack is None else prices[best] + slack))  # type: ignore[index, call-overload]


def test_a_small_budget_is_not_spent_on_random_evaluations(make: Callable[..., State], members: list[Architecture]) -> None:
    first = CostAware(initial=4, initial_share=0.3).propose(make(scored=members, free=8.0, total=10.0), 9, RNG(0))
    assert len(first.queries) == 3  # three of one second each in three tenths of 10 s
    poor = CostAware(initial=4, initial_share=0.3).propose(make(scored=members, free=4.0, total=4.0), 9, RNG(0))
    assert len(poor.queries) == 2


def test_a_useless_rung_is_remembered_with_when_it_was_found(make: Callable[..., State], members: list[Architecture]) -> None:
    state = warm(make, members, low=30, full=12, free=400.0)
    strict = CostAware(useless=1.0)  # whatever is not perfect is useless
    told = strict.propose(state, 1, RNG(0))
    correlation = Belief(state).model.correlation(0)
    assert told.memory["useless"] == {"low": {"since_seconds": 600.0, "correlation": pytest.approx(correlation)}}
    assert all(isinstance(q, EvaluationQuery) and q.rung == "full" for q in told.queries)
    later = strict.propose(replace(state, free=300.0, memory=told.memory), 1, RNG(0))
    assert later.memory["useless"] == told.memory["useless"]
    assert CostAware(useless=0.0).propose(replace(state, memory=told.memory), 1, RNG(0)).memory["useless"] == {}


def test_a_score_that_is_a_level_is_bought_for_the_pool_and_never_evaluated(
    space: NASBench201Space, level_ladder: FidelityLadder
) -> None:
    study = Study(space, level_ladder, 150.0, recommend="evaluated", executor=VirtualExecutor())
    answer = study.run()
    assert answer is not None and answer.evaluated_at_target
    assert answer.architecture.genotype.count("nor_conv_3x3") >= 5
    assert len(study.state.scores["proxies"]) > 100
    assert {o.query.rung for o in study.state.observations} == {"low", "full"}


@pytest.mark.parametrize(("free", "ends"), [(15.0, False), (11.5, False), (10.5, True)])
def test_the_end_begins_where_only_the_last_run_is_left(
    make: Callable[..., State], members: list[Architecture], free: float, ends: bool
) -> None:
    """A full run costs 10 seconds, a low one 1: while one of each is affordable, a low one may still come first."""
    state = warm(make, members, low=12)
    state = replace(state, rule="evaluated", free=free, total=1000.0, p95=state.cost)
    (query,) = CostAware(insurance=0, reserve=0.0).propose(state, 1, RNG(0)).queries
    assert isinstance(query, EvaluationQuery)
    assert (query.why["reason"] == "the last part of the budget goes to the target") is ends


def test_a_lower_run_does_not_cost_one_of_the_last_at_the_target(make: Callable[..., State], members: list[Architecture]) -> None:
    """Runs cost 1 and 10 seconds; the lower one gains more per second here, but not ten times as much."""

    def asked(free: float, **more: object) -> tuple[str, str]:
        (query,) = CostAware().propose(warm(make, members, low=20, full=6, free=free, **more), 1, RNG(0)).queries
        assert isinstance(query, EvaluationQuery)
        rates = query.why["gain_per_second_by_rung"]
        assert isinstance(rates, dict)
        assert 1 < float(str(rates["low"])) / float(str(rates["full"])) < 10
        return query.rung, str(query.why["reason"])

    assert asked(30.5, rule="predicted") == ("full", "what gains more would cost one of the last runs at the target")
    assert asked(31.5, rule="predicted")[0] == "low"  # three runs leave it over
    assert asked(305.0, rule="predicted")[0] == "low"  # of thirty nobody counts


def test_under_the_rule_evaluated_the_end_is_as_it_was(make: Callable[..., State], members: list[Architecture]) -> None:
    (query,) = CostAware(reserve=0.0).propose(warm(make, members, low=20, full=6, free=30.5, rule="evaluated"), 1, RNG(0)).queries
    assert isinstance(query, EvaluationQuery)
    assert query.rung == "low"
