import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfsearch.errors import DataError
from mfsearch.records import Objective
from mfsearch.surrogate.warp import Scaling, ValueWarp

PERCENT, FRACTION, PLAIN = (ValueWarp(Objective(unit=unit)) for unit in ("percent", "fraction", "none"))


def test_accuracies_become_minus_log_error():
    assert PERCENT(90.0) == pytest.approx(math.log(10.0))
    assert FRACTION(0.9) == pytest.approx(math.log(10.0))
    np.testing.assert_allclose(PERCENT([70.0, 94.3]), -np.log([0.3, 0.057]))
    assert PERCENT(95.0) - PERCENT(90.0) == pytest.approx(PERCENT(50.0) - PERCENT(0.0))


def test_errors_below_half_a_point_are_one():
    assert PERCENT(99.5) == PERCENT(99.9) == PERCENT(100.0) == pytest.approx(-math.log(0.005))
    assert FRACTION(1.0) == pytest.approx(-math.log(0.005))


def test_a_minimised_percentage_is_an_error_already():
    error = ValueWarp(Objective("val_error", "minimise", "percent"))
    assert error(-10.0) == pytest.approx(PERCENT(90.0))
    assert error.inverse(error(-10.0)) == pytest.approx(-10.0)


def test_values_without_a_unit_are_left_alone():
    np.testing.assert_array_equal(PLAIN([-3.0, 1e6]), [-3.0, 1e6])
    np.testing.assert_array_equal(PLAIN.inverse([-3.0, 1e6]), [-3.0, 1e6])
    assert PLAIN.prior_sd is None and PERCENT.prior_sd == FRACTION.prior_sd == 0.4
    assert PLAIN.noise_variance(5.0, 0.3) == pytest.approx(0.09)


@given(st.floats(0.0, 99.5))
def test_the_inverse_gives_accuracies_back(value):
    assert PERCENT.inverse(PERCENT(value)) == pytest.approx(value, abs=1e-9)
    assert FRACTION.inverse(FRACTION(value / 100)) == pytest.approx(value / 100, abs=1e-11)


def test_intervals_stay_accuracies():
    assert PERCENT.inverse(-10.0) == 0.0
    assert 99.9 < PERCENT.inverse(10.0) <= 100.0


def test_noise_to_first_order_agrees_with_draws():
    draws = PERCENT(np.random.default_rng(0).normal(80.0, 0.3, 200_000))
    assert PERCENT.noise_variance(80.0, 0.3) == pytest.approx(draws.var(), rel=0.02)
    assert FRACTION.noise_variance(0.8, 0.003) == pytest.approx(PERCENT.noise_variance(80.0, 0.3))
    assert np.isnan(PERCENT.noise_variance(80.0, np.nan))


def test_levels_of_one_quantity_share_a_scale_and_others_do_not():
    values, levels = np.r_[1.0, 2.0, 3.0, 20.0, 10.0, 30.0], np.r_[0, 0, 0, 1, 2, 2]
    scaling = Scaling.fit(values, levels, groups=(0, 0, 1), prior_sd=(None, None, None))
    assert scaling.scale == pytest.approx((1.0, 1.0, np.std([10, 30], ddof=1)))
    assert scaling.centre == pytest.approx((2.0, 2.0, 20.0))
    np.testing.assert_allclose(scaling(values, levels), [-1, 0, 1, 18, -(0.5**0.5), 0.5**0.5])


def test_scale_within_levels_does_not_see_the_gap_between_them():
    values, levels = np.r_[0.0, 2.0, 100.0, 102.0], np.r_[0, 0, 1, 1]
    assert Scaling.fit(values, levels, (0, 0), (None, None)).scale[0] == pytest.approx(math.sqrt(2.0))


def test_few_observations_are_shrunk_to_the_prior_scale():
    assert Scaling.fit([2.0], [1], (0, 0), (0.4, 0.4)).scale == pytest.approx((0.4, 0.4))
    two = Scaling.fit([2.0, 2.0], [0, 0], (0,), (0.4,)).scale[0]
    assert two == pytest.approx(math.sqrt(3 * 0.16 / 4))
    many = np.random.default_rng(0).normal(0, 0.1, 2000)
    assert Scaling.fit(many, np.zeros(2000, int), (0,), (0.4,)).scale[0] == pytest.approx(0.1, rel=0.05)


def test_an_unknown_scale_is_pooled_from_what_is_known():
    scaling = Scaling.fit([0.0, 4.0, 9.0], [0, 0, 1], (0, 1), (None, None))
    assert scaling.scale[1] == scaling.scale[0] == pytest.approx(math.sqrt(8.0))
    assert Scaling.fit([5.0], [0], (0,), (None,)).scale == (1.0,)
    assert Scaling.fit([5.0, 5.0, 5.0], [0, 0, 0], (0,), (None,)).scale == (1.0,)
    assert Scaling.fit([], [], (0, 0), (None, None)) == Scaling((0.0, 0.0), (1.0, 1.0))


@given(st.floats(0.001, 1000.0), st.floats(-1000.0, 1000.0))
def test_standardised_values_do_not_depend_on_the_unit(factor, shift):
    values, levels = np.r_[1.0, 2.0, 5.0, 4.0], np.r_[0, 0, 0, 1]
    plain = Scaling.fit(values, levels, (0, 0), (None, None))
    other = Scaling.fit(values * factor + shift, levels, (0, 0), (None, None))
    np.testing.assert_allclose(plain(values, levels), other(values * factor + shift, levels), atol=1e-6)


def test_scaling_is_invertible_and_scales_variances():
    values, levels = np.r_[1.0, 2.0, 5.0, 4.0], np.r_[0, 0, 1, 1]
    scaling = Scaling.fit(values, levels, (0, 1), (None, None))
    np.testing.assert_allclose(scaling.inverse(scaling(values, levels), levels), values)
    np.testing.assert_allclose(scaling.variance([1.0, 1.0], [0, 1]), 1 / np.square(scaling.scale))
    np.testing.assert_allclose(scaling.inverse([0.0, 1.0], 1), [4.5, 4.5 + scaling.scale[1]])


@pytest.mark.parametrize(
    ("values", "levels", "prior", "message"),
    [
        ([1.0, 2.0], [0], (None,), r"two vectors of one length.*got \(2,\), \(1,\), 1 and 1"),
        ([1.0], [0], (None, None), r"1 and 2"),
        ([np.nan], [0], (None,), r"values must be finite and of levels 0 to 0"),
        ([1.0], [1], (None,), r"got \[1\.\] at levels \[1\]"),
    ],
)
def test_what_cannot_be_scaled(values, levels, prior, message):
    with pytest.raises(DataError, match=message):
        Scaling.fit(values, levels, (0,), prior)
