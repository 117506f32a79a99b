"""How the last runs at the target are spent."""

from __future__ import annotations

import pytest

from mfsearch.allocation.last_runs import LastRuns, cost, rate
from mfsearch.records import Architecture, EvaluationQuery, Json


def query(rung: str, rate: float, cost: float) -> EvaluationQuery:
    why: dict[str, Json] = {"reason": "most information", "gain": rate * cost, "cost": cost, "gain_per_second": rate}
    return EvaluationQuery(Architecture("space", (), rung), rung, why=why)


def end(left: float, made: int = 0) -> LastRuns:
    return LastRuns.of([100.0] * 50, left, made)


def test_runs_are_counted_in_the_order_in_which_they_would_be_made() -> None:
    assert LastRuns.of([100.0, 80.0, 120.0], 250.0, 2) == LastRuns(2, 70.0, 2)
    assert LastRuns.of([100.0, 80.0], 500.0, 0) == LastRuns(2, 320.0, 0)
    assert LastRuns.of([100.0], 99.0, 0) == LastRuns(0, 99.0, 0)
    assert LastRuns.of([100.0, 200.0, 10.0], 250.0, 0) == LastRuns(1, 150.0, 0)
    assert LastRuns.of([], 99.0, 0) == LastRuns(0, 99.0, 0)


@pytest.mark.parametrize(
    ("left", "made", "low", "high", "chosen"),
    [
        (350.0, 0, 5.0, 1.0, "low"),  # gains most, and fits into the 50 seconds that three runs leave over
        (350.0, 0, 1.0, 5.0, "full"),  # the target's turn
        (310.0, 0, 5.0, 1.0, "full"),  # the lower run would cost the third of three
        (310.0, 0, 10.0, 1.0, "low"),  # and is worth it
        (210.0, 0, 5.0, 1.0, "low"),  # two alone compare little: the lower level decides
        (210.0, 1, 5.0, 1.0, "full"),  # the second and third
        (510.0, 0, 5.0, 1.0, "low"),  # five or four
        (410.0, 0, 5.0, 1.0, "full"),
        (90.0, 3, 5.0, 1.0, "low"),  # none left to lose
    ],
)
def test_a_lower_run_that_costs_one_of_the_last_at_the_target(
    left: float, made: int, low: float, high: float, chosen: str
) -> None:
    found = [query("low", low, 20.0), query("full", high, 100.0)]
    taken = end(left, made).choose(found, "full")
    assert taken.rung == chosen
    assert ("would cost" in str(taken.why["reason"])) == (chosen == "full" and low > high)


def test_where_the_target_is_out_of_question_rates_decide() -> None:
    found = [query("low", 1.0, 20.0), query("middle", 2.0, 40.0)]
    assert end(310.0).choose(found, "full") is found[1]
    assert (rate(found[1]), cost(found[1])) == (2.0, 40.0)


def test_it_is_told_as_json() -> None:
    assert end(350.0, 2).to_json() == {"affordable": 3, "over_seconds": 50.0, "made": 2}
