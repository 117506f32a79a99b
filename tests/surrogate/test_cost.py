import math

import numpy as np
import pytest
from scipy import stats

from mfsearch.errors import DataError
from mfsearch.surrogate.cost import CostModel


def test_before_any_data_the_expected_cost_and_about_twice_that():
    model = CostModel()
    assert model.mean("full", 100.0) == 100.0
    assert 150.0 < model.p95("full", 100.0) < 250.0
    assert model.mean("full", 0.0) == 0.0


def test_ratios_of_one_leave_the_mean_alone_and_are_soon_exact():
    model = CostModel()
    for n, expected in enumerate((10.0, 25.0, 7.3, 1e4), start=1):
        model.update("table", expected, expected)
        assert model.mean("table", 40.0) == pytest.approx(40.0, rel=1e-12)
        if n >= 3:
            assert model.mean("table", 40.0) == model.p95("table", 40.0) == 40.0
        else:
            assert model.p95("table", 40.0) > 40.0


def test_a_constant_factor_is_learned_exactly():
    model = CostModel.fit({"slow": [(1.0, 3.0), (2.0, 6.0), (5.0, 15.0)]})
    assert model.mean("slow", 10.0) == pytest.approx(30.0)
    assert model.p95("slow", 10.0) == pytest.approx(30.0)
    assert model.mean("other", 10.0) == 10.0


def test_a_deterministic_rung_that_varies_after_all_is_uncertain_again():
    model = CostModel.fit({"r": [(1.0, 1.0)] * 3})
    model.update("r", 1.0, 4.0)
    assert model.p95("r", 1.0) > model.mean("r", 1.0) > 1.0


@pytest.mark.parametrize("sd", [0.1, 0.8])
def test_mean_and_percentile_of_lognormal_costs(sd):
    rng = np.random.default_rng(0)
    expected = rng.uniform(1, 100, 3000)
    ratio = rng.lognormal(math.log(1.7), sd, 3000)
    model = CostModel.fit({"r": list(zip(expected, expected * ratio, strict=True))})
    truth = stats.lognorm(sd, scale=1.7)
    assert model.mean("r", 10.0) == pytest.approx(10 * truth.mean(), rel=0.05)
    assert model.p95("r", 10.0) == pytest.approx(10 * truth.ppf(0.95), rel=0.06)


def test_the_percentile_covers_from_the_first_evaluations_on():
    rng = np.random.default_rng(1)
    covered = []
    for _ in range(400):
        ratios = rng.lognormal(rng.normal(0, 0.3), 0.3, 6)
        model = CostModel.fit({"r": [(1.0, ratio) for ratio in ratios[:-1]]})
        covered.append(ratios[-1] <= model.p95("r", 1.0))
    assert 0.91 <= np.mean(covered) <= 0.99


def test_the_order_of_measurements_does_not_matter():
    pairs = [(1.0, 1.5), (10.0, 9.0), (3.0, 7.0), (2.0, 2.1)]
    one, other = CostModel.fit({"r": pairs}), CostModel.fit({"r": pairs[::-1]})
    assert one.mean("r", 5.0) == pytest.approx(other.mean("r", 5.0), rel=1e-12)
    assert one.p95("r", 5.0) == pytest.approx(other.p95("r", 5.0), rel=1e-12)


def test_a_cost_wrongly_expected_to_be_nothing_is_learned():
    model = CostModel.fit({"r": [(0.0, 2.0)] * 5})
    assert model.mean("r", 0.0) == pytest.approx(2.0)
    free = CostModel.fit({"r": [(0.0, 0.0)] * 5})
    assert free.mean("r", 0.0) == free.p95("r", 0.0) == 0.0


@pytest.mark.parametrize(("expected", "measured"), [(-1.0, 1.0), (1.0, -1.0), (math.inf, 1.0), (1.0, math.nan)])
def test_figures_that_are_no_seconds(expected, measured):
    with pytest.raises(DataError, match="device seconds must be finite and not negative"):
        CostModel().update("r", expected, measured)
