"""The books: they add up whatever happens, and never promise what is not there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfsearch.budget import Charge, ChargeKind, Ledger, parse_budget
from mfsearch.errors import BudgetError


def test_parse_budget_sets_or_adds() -> None:
    assert parse_budget("4gpu-hours") == (14_400.0, "gpu")
    assert parse_budget("90min", current=10.0) == (5_400.0, None)
    assert parse_budget("+1.5 cpu-hours", current=100.0) == (5_500.0, "cpu")


@pytest.mark.parametrize("text", ["-5min", "0s", "+0min", "4gpu-hurs", "many", "", "nan h", "inf h"])
def test_parse_budget_refuses(text: str) -> None:
    with pytest.raises(BudgetError):
        parse_budget(text)


def test_limit_is_reservation_plus_free_budget() -> None:
    ledger = Ledger(100.0)
    ledger.charge(Charge(ChargeKind.TEACHER, 20.0, "teacher"))
    reservation = ledger.reserve(0, expected=5.0, p95=8.0)
    assert (reservation.seconds, reservation.limit) == (8.0, 80.0)
    assert ledger.free == 0.0
    ledger.settle(0, Charge(ChargeKind.EVALUATION, 6.0, "full"))
    assert (ledger.spent, ledger.committed, ledger.free) == (26.0, 0.0, 74.0)


def test_nothing_starts_that_cannot_be_paid() -> None:
    ledger = Ledger(10.0)
    with pytest.raises(BudgetError, match=r"must be affordable; it is expected to take 12 s and 10 s are left"):
        ledger.reserve(0, expected=12.0, p95=20.0)
    assert ledger.reserve(0, expected=9.0, p95=20.0).seconds == 10.0  # less than the 95th percentile may be left


def test_slots_share_the_free_budget() -> None:
    ledger = Ledger(100.0)
    first = ledger.reserve(0, 10.0, 10.0, slots=2)
    second = ledger.reserve(1, 10.0, 10.0, slots=2)
    assert first.limit + second.limit <= 100.0
    assert first.limit == 55.0


def test_charges_must_be_numbers() -> None:
    for seconds in (-1.0, float("nan")):
        with pytest.raises(BudgetError, match="must not be negative"):
            Ledger(1.0).charge(Charge(ChargeKind.SCORE, seconds))


def test_lines_add_up() -> None:
    ledger = Ledger(100.0)
    for charge in (
        Charge(ChargeKind.SCORE, 1.0, "proxies", 40),
        Charge(ChargeKind.EVALUATION, 5.0, "full"),
        Charge(ChargeKind.SCORE, 2.0, "proxies", 2),
    ):
        ledger.charge(charge)
    assert ledger.lines()[ChargeKind.SCORE, "proxies"] == Charge(ChargeKind.SCORE, 3.0, "proxies", 42)
    assert sum(line.seconds for line in ledger.lines().values()) == ledger.spent


_STEP = st.tuples(st.sampled_from(["reserve", "settle", "charge"]), st.floats(0.0, 50.0), st.floats(0.0, 2.0))


@given(total=st.floats(1.0, 1000.0), slots=st.integers(1, 8), steps=st.lists(_STEP, max_size=60))
def test_never_promises_more_than_the_total(total: float, slots: int, steps: list[tuple[str, float, float]]) -> None:
    """Whatever the sequence: spent + committed stays within the total as long as evaluations respect their limits."""
    ledger, paid = Ledger(total), 0.0
    for number, (what, seconds, share) in enumerate(steps):
        if what == "reserve" and len(ledger.reservations) < slots and seconds <= ledger.free:
            ledger.reserve(number, seconds, seconds * 1.5, slots)
        elif what == "settle" and ledger.reservations:
            id, reservation = next(iter(ledger.reservations.items()))
            cost = min(share, 1.0) * reservation.limit
            ledger.settle(id, Charge(ChargeKind.EVALUATION, cost, "full"))
            paid += cost
        elif what == "charge" and seconds <= ledger.free:
            ledger.charge(Charge(ChargeKind.OPTIMISER, seconds))
            paid += seconds
        assert ledger.spent + ledger.committed <= total * (1 + 1e-9) + 1e-9
    assert ledger.spent == pytest.approx(paid)
    assert ledger.spent == pytest.approx(sum(line.seconds for line in ledger.lines().values()))
