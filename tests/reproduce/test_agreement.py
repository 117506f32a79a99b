"""Against scipy, on every resample drawn out in full."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from mfsearch.reproduce.agreement import RESAMPLES, agreement, coefficients, gain, interval, paired_difference, resamples

ORACLES: dict[str, Callable[..., Any]] = {"spearman": stats.spearmanr, "kendall": stats.kendalltau, "pearson": stats.pearsonr}


@pytest.fixture
def columns() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    x = rng.normal(size=40)
    return np.round(x, 1), np.round(x + rng.normal(size=40), 1)  # with ties


def test_every_resample_is_what_scipy_says_of_its_rows(columns):
    x, y = columns
    weights = resamples(40, seed=5)[:30]
    found = coefficients(x, y, weights)
    for row, weight in enumerate(weights):
        drawn = np.repeat(np.arange(40), weight.astype(int))
        for name, oracle in ORACLES.items():
            assert found[name][row] == pytest.approx(oracle(x[drawn], y[drawn])[0], abs=1e-12), (name, row)


def test_the_interval_is_the_bootstraps(columns):
    x, y = columns
    found = agreement(x, y)
    for name, oracle in ORACLES.items():
        assert found[name].value == pytest.approx(oracle(x, y)[0], abs=1e-12)
        result = stats.bootstrap(
            (x, y),
            lambda a, b, own=oracle: own(a, b)[0],
            paired=True,
            vectorized=False,
            n_resamples=1000,
            method="percentile",
            rng=1,
        )
        assert found[name].low == pytest.approx(result.confidence_interval.low, abs=0.05)
        assert found[name].high == pytest.approx(result.confidence_interval.high, abs=0.05)


def test_a_gain_is_paired(columns):
    x, y = columns
    better = x + 0.9 * (y - x)
    found = gain(better, x, y)["spearman"]
    assert found.value == pytest.approx(stats.spearmanr(better, y)[0] - stats.spearmanr(x, y)[0])
    assert 0 < found.low < found.value < found.high
    nothing = gain(x, x, y)["kendall"]
    assert (nothing.value, nothing.low, nothing.high) == (0.0, 0.0, 0.0)


def test_columns_that_do_not_vary_have_no_coefficient():
    found = agreement(np.ones(10), np.arange(10.0))
    assert all(math.isnan(figure.value) and math.isnan(figure.low) for figure in found.values())
    assert found["spearman"].to_json() == [None, None, None]
    assert found["spearman"].shown(".3f", ".2f") == "undefined"


def test_resamples_draw_as_many_rows_as_there_are():
    weights = resamples(7)
    assert weights.shape == (RESAMPLES + 1, 7) and (weights.sum(1) == 7).all() and (weights[0] == 1).all()
    assert interval(np.r_[0.5, np.linspace(0, 1, 1001)]).low == pytest.approx(0.025)


def test_a_paired_difference_has_the_interval_of_its_differences():
    """Of 400 normal differences: the mean, and 1.96 standard errors either way; what all pairs share does not matter."""
    rng = np.random.default_rng(0)
    shared, own = rng.normal(0, 1000, 400), rng.normal(3, 2, 400)
    found = paired_difference((shared + own).tolist(), shared.tolist())
    error = own.std(ddof=1) / 20
    assert found.value == pytest.approx(own.mean())
    assert (found.low, found.high) == pytest.approx((own.mean() - 1.96 * error, own.mean() + 1.96 * error), abs=0.1 * error * 2)
    assert paired_difference([5.0, 6.0], [3.0, 4.0]).shown("+.0f", "+.0f") == "+2 [+2, +2]"
