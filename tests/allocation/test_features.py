"""Normal scores against a frozen reference, and the inputs they become."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import norm, spearmanr
from sklearn.linear_model import Ridge
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from mfsearch.allocation.base import State
from mfsearch.allocation.features import REFERENCE, UNPROVEN, Features, Imputation, NormalScore, Size, odd_ones_out, scored
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.fidelities.tabular import TabularScores
from mfsearch.spaces.nasbench201 import NASBench201Space


def test_a_normal_sample_keeps_its_quantiles() -> None:
    sample = np.random.default_rng(0).normal(5.0, 2.0, 4000)
    score = NormalScore(sample)
    points = np.array([2.0, 4.0, 5.0, 6.0, 8.0])
    np.testing.assert_allclose(score(points), (points - 5.0) / 2.0, atol=0.1)
    heavy = np.exp(3 * sample)  # any monotone transformation gives the same scores
    np.testing.assert_allclose(NormalScore(heavy)(heavy), score(sample), atol=1e-9)


def test_mid_ranks_of_ties_and_the_textbook_formula() -> None:
    reference = np.array([1.0, 2.0, 2.0, 3.0])
    np.testing.assert_allclose(NormalScore(reference)(reference), norm.ppf([0.125, 0.5, 0.5, 0.875]))


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=50, unique=True), st.lists(st.floats(-1e7, 1e7), min_size=2, max_size=20)
)
def test_monotone_finite_and_bounded_everywhere(reference: list[float], points: list[float]) -> None:
    z = NormalScore(np.array(reference))(np.sort(points))
    assert np.isfinite(z).all()
    assert (np.diff(z) >= -1e-9).all()
    assert (np.abs(z) <= 4.0).all()


def test_beyond_the_reference_better_still_looks_better() -> None:
    score = NormalScore(np.arange(100.0))
    inside, above, far = score(np.array([99.0, 104.0, 110.0]))
    assert inside < above < far


def test_missing_scores_are_filled_with_an_indicator(make: Callable[..., State], space: NASBench201Space) -> None:
    members = space.sample(5, np.random.default_rng(0))
    state = make(scored=members)
    broken = dict(state.scores["proxies"])
    broken[members[1].key] = (None, 2.0)
    state = make(scored=members, scores={"proxies": broken})
    features = Features(state)
    X = features(members)
    d = space.layout.width
    assert X.shape == (5, d + 4)
    np.testing.assert_array_equal(X[:, :d], space.encode(members))
    complete = X[[0, 2, 3, 4], d : d + 2]
    moments = complete.T @ complete / 4 + 0.1 * np.eye(2)
    np.testing.assert_allclose(X[1, d], X[1, d + 1] * moments[0, 1] / moments[1, 1], atol=1e-12)
    np.testing.assert_array_equal(X[:, d + 2 :], [[0, 0], [1, 0], [0, 0], [0, 0], [0, 0]])
    assert features.blocks.trusted == (d,)
    unknown = space.sample(8, np.random.default_rng(1))[7]
    np.testing.assert_array_equal(features([unknown])[0, d:], [0, 0, 1, 1])


def test_the_reference_is_frozen(make: Callable[..., State], space: NASBench201Space) -> None:
    members = list({a.key: a for a in space.sample(3 * REFERENCE, np.random.default_rng(0))}.values())
    first, everything = make(scored=members[:REFERENCE]), make(scored=members)
    np.testing.assert_array_equal(Features(first)(members[:REFERENCE]), Features(everything)(members[:REFERENCE]))
    z = Features(everything)(members)[:, space.layout.width]
    raw = [a.genotype.count("nor_conv_3x3") for a in members]
    assert spearmanr(z, raw).statistic > 0.999


def test_the_pool_is_what_the_first_rung_has_scored(make: Callable[..., State], space: NASBench201Space) -> None:
    """Others may be left out of, where they are not worth their price."""
    members = space.sample(4, np.random.default_rng(0))
    state = make(seen=[(members[3], "low")], scored=members[:2])
    assert list(scored(state)) == [a.key for a in members[:2]]
    rungs = [TabularScores(name, ["nwot"], {}) for name in ("proxies", "late")]
    ladder = FidelityLadder([*rungs, *state.ladder.evaluations])
    rows = {a.key: (1.0,) for a in members}
    partly = make(scored=members, ladder=ladder, scores={"proxies": rows, "late": {members[0].key: (1.0,)}})
    assert list(scored(partly)) == [a.key for a in members]


def test_what_one_rung_lacks_another_makes_likely(make: Callable[..., State], space: NASBench201Space) -> None:
    """Also where a rung is not looked at: then of all architectures alike."""
    members = list({a.key: a for a in space.sample(200, np.random.default_rng(0))}.values())[: REFERENCE + 1]
    rungs = [TabularScores(name, [name], {}, trusted=(name,), free=()) for name in ("a", "b")]
    ladder = FidelityLadder([*rungs, *make().ladder.evaluations])
    rng = np.random.default_rng(1)
    a = {m.key: (float(rng.normal()),) for m in members}
    b = {key: (row[0] + 0.3 * float(rng.normal()),) for key, row in list(a.items())[:REFERENCE]}
    d = space.layout.width
    X = Features(make(scored=members, ladder=ladder, scores={"a": a, "b": b}))(members)
    z = X[:REFERENCE, d : d + 2]
    likely = X[-1, d] * (z[:, 0] @ z[:, 1]) / (z[:, 0] @ z[:, 0] + 0.1 * REFERENCE)
    assert X[-1, d + 1] == pytest.approx(likely) and list(X[-1, d + 2 :]) == [0, 1]
    masked = Features(make(scored=members, ladder=ladder, scores={"a": a, "b": b}, memory={UNPROVEN: ["b"]}))(members)
    slope = (z[:, 0] @ z[:, 1]) / (z[:, 0] @ z[:, 0] + 0.1 * REFERENCE)
    np.testing.assert_allclose(masked[:, d + 1], slope * X[:, d])
    assert (masked[:, d + 3] == 1).all() and (masked[:, : d + 1] == X[:, : d + 1]).all()


def test_who_agrees_with_nobody_is_no_judge() -> None:
    rng = np.random.default_rng(0)
    quality = rng.normal(size=100)
    good = quality[:, None] + 0.7 * rng.normal(size=(100, 3))
    noise = rng.normal(size=(100, 2))
    assert odd_ones_out(good) == [False] * 3
    assert odd_ones_out(np.c_[good, noise]) == [False, False, False, True, True]
    assert odd_ones_out(np.c_[good[:, :2], -quality]) == [False, False, True]
    assert odd_ones_out(np.c_[good[:, 0], noise]) == [False] * 3, "where hardly any agree, nobody can say who is right"
    assert odd_ones_out(np.c_[good[:, 0], noise[:, 0]]) == [False] * 2
    few = np.c_[good, noise].copy()
    few[39:, 0] = np.nan
    assert odd_ones_out(few) == [False] * 5, "too few complete rows to tell"


def test_an_odd_one_out_is_an_input_but_not_trusted(make: Callable[..., State], space: NASBench201Space) -> None:
    members = list({a.key: a for a in space.sample(200, np.random.default_rng(0))}.values())[:REFERENCE]
    rng = np.random.default_rng(1)
    judges = TabularScores("judges", ["a", "b", "c"], {}, trusted=("a", "b", "c"), free=())
    odd = TabularScores("odd", ["d"], {}, trusted=("d",), free=())
    ladder = FidelityLadder([judges, odd, *make().ladder.evaluations])
    quality = [float(a.genotype.count("nor_conv_3x3")) for a in members]
    told = {a.key: tuple(q + 0.5 * rng.normal(size=3)) for a, q in zip(members, quality, strict=True)}
    d = space.layout.width
    for noisy, trusted in ((True, (d, d + 1, d + 2)), (False, (d, d + 1, d + 2, d + 3))):
        said = {a.key: (float(rng.normal()) if noisy else q,) for a, q in zip(members, quality, strict=True)}
        blocks = Features(make(scored=members, ladder=ladder, scores={"judges": told, "odd": said})).blocks
        assert blocks.trusted == trusted and blocks.scores == (d, d + 1, d + 2, d + 3)


def test_what_is_missing_is_what_the_other_scores_make_likely() -> None:
    rng = np.random.default_rng(0)
    covariance = np.array([[1.0, 0.8, 0.3], [0.8, 1.0, 0.1], [0.3, 0.1, 1.0]])
    reference = rng.multivariate_normal(np.zeros(3), covariance, 4000)
    rows = np.array([[2.0, np.nan, -1.0], [np.nan, 1.0, np.nan], [np.nan] * 3, [0.5, 0.6, 0.7]])
    filled = Imputation(reference)(rows)
    moments = covariance + 0.1 * np.eye(3)  # the textbook's conditional mean, one gap at a time
    first = float(moments[1, [0, 2]] @ np.linalg.inv(moments[np.ix_([0, 2], [0, 2])]) @ np.array([2.0, -1.0]))
    np.testing.assert_allclose(filled[0], [2.0, first, -1.0], atol=0.05)
    np.testing.assert_allclose(filled[1], [moments[0, 1] / 1.1, 1.0, moments[2, 1] / 1.1], atol=0.05)
    np.testing.assert_array_equal(filled[2], 0.0)
    np.testing.assert_array_equal(filled[3], rows[3])


def test_a_reference_that_says_nothing_of_correlations_leaves_gaps_at_the_average() -> None:
    gaps = np.array([[1.0, np.nan]])
    np.testing.assert_array_equal(Imputation(np.full((50, 2), np.nan))(gaps), [[1.0, 0.0]])
    np.testing.assert_array_equal(Imputation(np.array([[0.3, 0.2]]))(gaps), [[1.0, 0.0]])


def test_a_size_is_the_ridge_that_is_best_by_leaving_one_out() -> None:
    rng = np.random.default_rng(3)
    X = rng.integers(0, 2, (50, 8)).astype(np.float64)
    y = X @ rng.standard_normal(8) + 0.5 * rng.standard_normal(50)
    errors = {}
    for ridge in (0.1, 1.0, 10.0, 100.0):
        errors[ridge] = np.mean((y - cross_val_predict(Ridge(alpha=ridge), X, y, cv=LeaveOneOut())) ** 2)
    best = min(errors, key=lambda ridge: errors[ridge])

    def halved(scores: NDArray[np.float64]) -> NDArray[np.float64]:
        return scores / 2 - 1

    size = Size(X, y, halved(y), halved)
    assert size.explained == pytest.approx(1 - errors[best] / y.var(), abs=1e-9)
    new = rng.integers(0, 2, (20, 8)).astype(np.float64)
    expected = halved(Ridge(alpha=best).fit(X, y).predict(new))
    np.testing.assert_allclose(size(new, expected + 100), expected, atol=1e-9)
    left_out = np.abs(y - cross_val_predict(Ridge(alpha=best), X, y, cv=LeaveOneOut())) / 2
    for share, believed in ((2.9, True), (3.1, False)):
        given = expected + share * 1.4826 * np.median(left_out)
        np.testing.assert_allclose(size(new, given), given if believed else expected, atol=1e-9)
    noise = rng.standard_normal(50)
    assert Size(X, noise, noise, np.positive).explained < 0.2
    constant = Size(X, np.ones(50), np.zeros(50), lambda scores: scores - 1)
    assert constant.explained == 1.0
    np.testing.assert_allclose(constant(new, np.zeros(20)), 0.0)


def test_a_size_that_does_not_follow_from_the_architecture_is_none(make: Callable[..., State], space: NASBench201Space) -> None:
    """And of one that does, what does not follow is left out: a true one and noise, then the true one with noise on every tenth."""
    cells, rng = list({a.key: a for a in space.sample(150, np.random.default_rng(1))}.values()), np.random.default_rng(2)
    true = np.array([sum("conv" in str(o) for o in a.genotype) for a in cells], dtype=np.float64)
    spoilt = np.where(np.arange(len(cells)) % 10 == 0, rng.permutation(true), true)
    noise = rng.standard_normal(len(cells))
    ladder = FidelityLadder(
        [TabularScores("proxies", ("params", "flops"), {}, free=("params", "flops")), *make().ladder.evaluations]
    )

    def features(first: object, second: object, known: int) -> Features:
        rows = {a.key: (float(x), float(y)) for a, x, y in zip(cells[:known], first, second, strict=False)}  # type: ignore[call-overload]
        return Features(replace(make(scored=cells[:known], ladder=ladder), scores={"proxies": rows}))

    behind = space.layout.width + 4  # two scores and their indicators
    assert features(true, noise, 120).blocks.capacity == (behind,)
    assert features(true, noise, 30).blocks.capacity == (behind, behind + 1)  # of thirty it cannot be told
    found = features(spoilt, true, 120)
    assert found.blocks.capacity == (behind, behind + 1)
    X = found(cells[:120])
    assert np.corrcoef(X[:, behind], true[:120])[0, 1] > 0.95 > np.corrcoef(spoilt[:120], true[:120])[0, 1]
