from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap

from mfsearch.bench.statistics import difference_interval, median_ratio_interval, quantile

INF = np.inf


@pytest.mark.parametrize("n", [1, 2, 5, 8])
@pytest.mark.parametrize("q", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_finite_quantiles_are_numpys(n: int, q: float):
    values = np.random.default_rng(n).normal(size=(n, 3))
    np.testing.assert_allclose(quantile(values, q), np.quantile(values, q, axis=0), rtol=1e-12)


@pytest.mark.parametrize(
    ("values", "q", "expected"),
    [
        ([1.0, 2.0, INF], 0.5, 2.0),
        ([1.0, INF, INF], 0.5, INF),
        ([1.0, 2.0, INF, INF], 0.5, INF),
        ([1.0, 2.0, INF, INF], 0.25, 1.75),
        ([INF], 0.5, INF),
    ],
)
def test_a_quantile_is_infinite_where_it_touches_an_infinity(values: list[float], q: float, expected: float):
    assert quantile(np.array(values), q) == expected


def test_the_interval_is_scipys():
    rng = np.random.default_rng(0)
    ours, others = rng.exponential(0.1, 50), rng.exponential(0.3, 40)
    mean, (low, high) = difference_interval(ours.tolist(), others.tolist())
    theirs = bootstrap(
        (others, ours), lambda a, b, axis: a.mean(axis) - b.mean(axis), method="percentile", n_resamples=20_000, rng=rng
    ).confidence_interval
    assert mean == pytest.approx(others.mean() - ours.mean())
    assert low == pytest.approx(theirs.low, abs=0.005)
    assert high == pytest.approx(theirs.high, abs=0.005)


def test_the_same_samples_have_the_same_interval():
    assert difference_interval([1.0, 2.0], [3.0, 5.0]) == difference_interval([1.0, 2.0], [3.0, 5.0])
    assert difference_interval([1.0], [3.0]) == (2.0, (2.0, 2.0))


def test_the_interval_of_a_ratio_of_medians_is_scipys():
    rng = np.random.default_rng(0)
    ours, others = rng.lognormal(1.0, 0.4, 25), rng.lognormal(3.0, 0.4, 31)
    ratio, (low, high) = median_ratio_interval(ours.tolist(), others.tolist())
    theirs = bootstrap(
        (others, ours),
        lambda a, b, axis: np.median(a, axis) / np.median(b, axis),
        method="percentile",
        n_resamples=20_000,
        rng=rng,
    ).confidence_interval
    assert ratio == pytest.approx(np.median(others) / np.median(ours))
    assert low == pytest.approx(theirs.low, rel=0.02)
    assert high == pytest.approx(theirs.high, rel=0.02)


def test_a_ratio_of_medians_where_some_runs_never_get_there():
    ratio, (low, high) = median_ratio_interval([1.0, 2.0, 3.0], [30.0, 40.0, INF, INF])
    assert (ratio, high) == (INF, INF)
    assert 10.0 <= low < INF
    assert np.isnan(median_ratio_interval([1.0, INF, INF], [INF])[0])
    assert np.isnan(median_ratio_interval([INF], [INF])[1]).all()
