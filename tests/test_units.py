from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfsearch.errors import BudgetError
from mfsearch.units import Duration, format_seconds, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds", "device"),
    [
        ("4gpu-hours", timedelta(hours=4).total_seconds(), "gpu"),
        ("90min", timedelta(minutes=90).total_seconds(), None),
        ("1.5 gpu-days", timedelta(days=1.5).total_seconds(), "gpu"),
        ("2 cpu-hours", timedelta(hours=2).total_seconds(), "cpu"),
        ("2 CPU_Hours", timedelta(hours=2).total_seconds(), "cpu"),
        (" 0.5 gpu hour ", 1800.0, "gpu"),
        ("1e3s", 1000.0, None),
        (".5m", 30.0, None),
    ],
)
def test_reads(text: str, seconds: float, device: str | None):
    assert parse_duration(text) == Duration(seconds, device)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("4gpu-hurs", "Did you mean 4gpu-hours?"),
        ("4 tpu-hours", "the unit of a duration must be"),
        ("-3min", "a duration must be positive and finite; got '-3min'"),
        ("0s", "a duration must be positive and finite"),
        ("1e999h", "a duration must be positive and finite"),
        ("90", "a duration must name its unit; got '90'"),
        ("", "a duration must be a number and a unit; got ''"),
        ("soon", "a duration must be a number and a unit; got 'soon'"),
        ("nan h", "a duration must be a number and a unit"),
    ],
)
def test_refuses(text: str, message: str):
    with pytest.raises(BudgetError, match="Write for example 4gpu-hours") as caught:
        parse_duration(text)
    assert message in str(caught.value)


@given(st.text(max_size=40))
def test_any_text_is_a_positive_duration_or_a_budget_error(text: str):
    try:
        seconds = parse_duration(text).seconds
    except BudgetError:
        return
    assert 0 < seconds < float("inf")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"), (4.21, "4.2 s"), (42.0, "42 s"), (42.5, "42.5 s"), (59.96, "1 min 00 s"), (200, "3 min 20 s"),
        (3599.7, "1 h 00 min"), (14700, "4 h 05 min"), (183600, "2 d 3 h"), (-200, "-3 min 20 s"),
    ],
)  # fmt: skip
def test_shows(seconds: float, text: str):
    assert format_seconds(seconds) == text
