"""The surrogate of a state, in the user's units."""

from __future__ import annotations

import os
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from scipy.stats import norm, spearmanr

from mfsearch.allocation.base import State
from mfsearch.allocation.belief import Belief
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.problems.tabular import tabular
from mfsearch.records import Architecture, EvaluationQuery
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.tables.importing import import_nasbench201


def truth(a: Architecture) -> float:
    return 60.0 + 3.0 * a.genotype.count("nor_conv_3x3")


@pytest.fixture
def members(space: NASBench201Space) -> list[Architecture]:
    return list({a.key: a for a in space.sample(120, np.random.default_rng(0))}.values())


@pytest.fixture
def belief(make: Callable[..., State], members: list[Architecture]) -> Belief:
    seen = [(a, "low") for a in members[:25]] + [(a, "full") for a in members[20:28]]
    return Belief(make(seen=seen, scored=members))


def test_predictions_follow_the_truth(belief: Belief, members: list[Architecture]) -> None:
    held_out = members[40:]
    mean, variance = belief.mean_variance(held_out, 1)
    assert spearmanr(mean, [truth(a) for a in held_out]).statistic > 0.9
    assert (variance > 0).all()


def test_a_difference_knows_what_two_have_in_common(
    make: Callable[..., State], members: list[Architecture], table_ladder: FidelityLadder
) -> None:
    """The oracle: the joint posterior; at a table's target what was observed there is known, and what was not has its own noise."""
    seen = [(a, "low") for a in members[:25]] + [(a, "full") for a in members[20:28]]
    pair = [members[22], members[60]]
    belief = Belief(make(seen=seen, scored=members))
    for level in (0, 1):
        joint: Any = cast(Any, belief.model.posterior(belief.inputs(pair, level))).distribution
        covariance = joint.covariance_matrix.detach().numpy()
        mean, spread = belief.difference(pair[0], pair[1], level)
        assert mean == pytest.approx(float(joint.mean[0] - joint.mean[1]))
        assert spread == pytest.approx(np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]), rel=1e-6)
    exact = Belief(make(seen=seen, scored=members, ladder=table_ladder))
    means, variances = exact.mean_variance(pair, 1)
    assert exact.difference(pair[1], pair[0], 1) == pytest.approx((means[1] - means[0], np.sqrt(variances[1])), rel=1e-6)


def test_a_score_may_be_the_lowest_level(
    make: Callable[..., State], members: list[Architecture], level_ladder: FidelityLadder
) -> None:
    """Few runs tell what the scores of the others mean; what was not scored is told by its encoding."""
    seen = [(a, "low") for a in members[:3]] + [(a, "full") for a in members[3:6]]
    state = make(seen=seen, scored=members[:90], ladder=level_ladder)
    belief = Belief(state)
    blocks = belief.model.parameters_of.kernel.blocks
    assert (belief.model.levels, blocks.scores, blocks.missing) == (3, (), ())
    assert int((belief.model.train_X[:, -1] == 0).sum()) == 90
    for part, least in ((members[6:90], 0.9), (members[90:], 0.7)):
        mean, _ = belief.mean_variance(part, 2)
        assert spearmanr(mean, [truth(a) for a in part]).statistic > least
    assert belief.memory["fitted_at"] == 6


def test_of_many_scores_the_first_and_the_best_count_as_a_level(
    make: Callable[..., State], space: NASBench201Space, level_ladder: FidelityLadder
) -> None:
    many = list({a.key: a for a in space.sample(500, np.random.default_rng(1))}.values())[:400]
    state = make(seen=[(a, "low") for a in many[:3]], scored=many, ladder=level_ladder)
    belief = Belief(state)
    counted = belief.model.train_X[:, -1] == 0
    assert int(counted.sum()) == 200
    best = sorted((a.genotype.count("nor_conv_3x3") for a in many[100:]), reverse=True)[:100]
    values = belief.model.train_Y[counted][100:, 0]
    levels, counts = values.unique(return_counts=True)
    assert counts.tolist() == [best.count(convs) for convs in sorted(set(best))]
    assert bool((levels.diff() > 0).all())


def test_shown_is_in_the_users_unit_with_an_honest_interval(belief: Belief, members: list[Architecture]) -> None:
    hits = 0
    for a in members[40:80]:
        centre, (low, high) = belief.shown(a, 1)
        assert 0.0 <= low < centre < high <= 100.0
        hits += low <= truth(a) <= high
    assert hits >= 36


def test_pending_queries_lose_their_variance_and_keep_their_mean(belief: Belief, members: list[Architecture]) -> None:
    a = members[60]
    before_mean, before_variance = belief.mean_variance([a], 1)
    belief.assume([EvaluationQuery(a, "full")])
    mean, variance = belief.mean_variance([a], 1)
    assert mean == pytest.approx(before_mean)
    assert variance < 0.5 * before_variance


def test_improvement_prefers_the_better_and_is_never_negative(belief: Belief, members: list[Architecture]) -> None:
    gains = belief.improvement(members, range(40, 100))
    assert (gains >= 0).all()
    values = np.array([truth(a) for a in members[40:100]])
    assert values[np.argmax(gains)] == values.max()


def test_improvement_before_the_first_target_run_ranks_by_mean(make: Callable[..., State], members: list[Architecture]) -> None:
    belief = Belief(make(seen=[(a, "low") for a in members[:10]], scored=members))
    mean, _ = belief.mean_variance(members, 1)
    np.testing.assert_array_equal(np.argsort(belief.improvement(members, range(len(members)))), np.argsort(mean))


def test_what_a_second_look_at_one_already_evaluated_is_worth(belief: Belief, members: list[Architecture]) -> None:
    """By quadrature: condition on the outcome, and see which of the two that matter is then ahead."""
    mean, _ = belief.mean_variance(members, 1)
    first, second, *rest = sorted(range(20, 28), key=lambda i: -mean[i])
    gains = belief.improvement(members, [first, second, *rest])
    nodes, weights = np.polynomial.hermite_e.hermegauss(201)
    for place, rival, gain in ((first, second, gains[0]), (second, first, gains[1]), (rest[0], first, gains[2])):
        X, both = belief.inputs([members[place]], 1), belief.inputs([members[place], members[rival]], 1)
        own_mean, own_variance = belief.model.mean_variance(X)
        spread = (own_variance + belief.model.noise[1]).sqrt()
        best = [
            float(belief.model.condition_on_observations(X, (own_mean + z * spread)[:, None]).mean_variance(both)[0].max())
            for z in nodes
        ]
        expected = np.average(best, weights=weights) - mean[[place, rival]].max()
        assert gain == pytest.approx(expected, abs=2e-4)
    assert gains[0] > 0


def test_a_target_worth_several_seeds_begins_with_more_noise(make: Callable[..., State], members: list[Architecture]) -> None:
    seen = [(a, "low") for a in members[:12]] + [(members[0], "full")]
    once, often = make(seen=seen, scored=members), make(seen=seen, scored=members)
    often.ladder.target.seeds = 3
    noise = [float(Belief(state).model.noise[1]) for state in (once, often)]
    assert noise[1] > 2 * noise[0]


def test_memory_makes_the_next_belief_the_same(make: Callable[..., State], members: list[Architecture]) -> None:
    seen = [(a, "low") for a in members[:20]]
    first = Belief(make(seen=seen, scored=members))
    again = Belief(make(seen=seen, scored=members, memory=first.memory), fit=False)
    np.testing.assert_array_equal(first.mean_variance(members, 1)[0], again.mean_variance(members, 1)[0])
    assert again.memory["fitted_at"] == 20


def test_a_useless_level_is_noticed(make: Callable[..., State], members: list[Architecture]) -> None:
    state = make(seen=[(a, "low") for a in members[:30]] + [(a, "full") for a in members[:12]], scored=members)
    assert not Belief(state).useless(0, 0.2)
    shuffled = np.random.default_rng(1).permutation(np.array([o.value or 0.0 for o in state.observations[:30]]))
    noisy = [
        type(o)(o.query, o.status, o.seconds, float(shuffled[i]) if i < 30 else o.value) for i, o in enumerate(state.observations)
    ]
    blind = Belief(make(scored=members, observations=noisy))
    assert abs(blind.model.correlation(0)) < abs(Belief(state).model.correlation(0))


def test_at_a_deterministic_target_what_was_observed_is_known(
    make: Callable[..., State], members: list[Architecture], table_ladder: FidelityLadder
) -> None:
    seen = [(a, "low") for a in members[:25]] + [(a, "full") for a in members[20:28]]
    noisy = Belief(make(seen=seen, scored=members))
    exact = Belief(make(seen=seen, scored=members, ladder=table_ladder))
    for a in members[20:28]:
        centre, (low, high) = exact.shown(a, 1)
        assert centre == pytest.approx(truth(a), abs=1e-6)
        assert high - low < 1e-3
    unseen = members[40:50]
    means, variances = exact.mean_variance(unseen, 1)
    before, narrower = noisy.mean_variance(unseen, 1)
    assert means == pytest.approx(before)
    assert variances == pytest.approx(narrower + noisy.model.noise[1].item())  # the noise is a part of what is sought


def test_an_observed_row_has_nothing_more_to_tell_and_an_unseen_one_all_of_its_own(
    make: Callable[..., State], members: list[Architecture], table_ladder: FidelityLadder
) -> None:
    seen = [(a, "low") for a in members[:25]] + [(a, "full") for a in members[20:28]]
    belief = Belief(make(seen=seen, scored=members, ladder=table_ladder))
    best = max(members[20:28], key=truth)
    (other,) = [a for a in members[40:] if a.genotype.count("nor_conv_3x3") == best.genotype.count("nor_conv_3x3")][:1]
    gradient = belief.gradient([best, other])
    mean, variance = belief.mean_variance([best, other], 1)
    distance, spread = mean[1] - mean[0], np.sqrt(variance[1])
    z = -abs(distance) / spread
    expected = spread * (norm.pdf(z) + z * norm.cdf(z))  # expected improvement of a known line and an unknown one
    assert belief.gains(gradient, [other], 1)[0] == pytest.approx(expected, rel=1e-6)


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shared table, imported."""
    if "MFSEARCH_DATA" not in os.environ:
        pytest.skip("MFSEARCH_DATA is not set")
    home, data = tmp_path_factory.mktemp("tables"), Path(os.environ["MFSEARCH_DATA"])
    import_nasbench201(home, data / "nasbench201.csv.gz", "nasbench201", data / "nasbench201_zero_cost_cifar10.csv.gz")
    return home


@pytest.mark.parametrize(("low", "high"), [(60, 6), (120, 12), (200, 30)])
@pytest.mark.parametrize("dataset", ["cifar10", "cifar100"])
def test_intervals_cover_what_was_held_out(imported: Path, dataset: str, low: int, high: int) -> None:
    """95% intervals at the target, noise included, after a random design; means over 12 designs."""
    script = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "nasbench201_coverage.py"))
    problem = tabular(imported, "nasbench201", dataset)
    overall, better = np.mean([script["coverage"](problem, low, high, seed) for seed in range(12)], axis=0)
    assert 0.90 <= overall <= 0.98
    assert 0.90 <= better <= 0.98
