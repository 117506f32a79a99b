"""The budget and its books: what was charged, what is set aside, what is left.

All figures are device seconds: busy time summed over executor slots. At every moment
`spent + committed <= total`, where `committed` is the sum of the limits of what runs: whatever the running evaluations do,
the budget holds (up to the seconds that stopping one takes).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from mfsearch.errors import BudgetError
from mfsearch.units import format_seconds, parse_duration


class ChargeKind(StrEnum):
    """The lines of the books."""

    SCORE = "score"
    EVALUATION = "evaluation"
    TEACHER = "teacher"
    OPTIMISER = "optimiser"


@dataclass(frozen=True, slots=True)
class Charge:
    """One entry: what was paid for, how many of it, and the device seconds."""

    kind: ChargeKind
    seconds: float
    rung: str = ""
    count: int = 1


@dataclass(frozen=True, slots=True)
class Reservation:
    """What is set aside for one evaluation: the 95th percentile of its cost, and the limit at which it is stopped."""

    seconds: float
    limit: float


def parse_budget(text: str, current: float = 0.0) -> tuple[float, str | None]:
    """Device seconds of a budget, and the device that it names.

    Args:
        text: A duration, or `+` and a duration, which adds to `current`.
        current: Total budget so far, in seconds.

    Raises:
        BudgetError: If it cannot be read or is not positive.
    """
    duration = parse_duration(text)
    return (current if text.lstrip().startswith("+") else 0.0) + duration.seconds, duration.device


def budget_seconds(budget: str | float, current: float = 0.0) -> float:
    """Device seconds of a budget as users of the Python API write it: a duration (see `parse_budget`), or seconds.

    Raises:
        BudgetError: If it cannot be read or is not positive and finite.
    """
    if isinstance(budget, str):
        return parse_budget(budget, current)[0]
    if not 0 < budget < math.inf:
        raise BudgetError(f"a budget must be positive and finite; got {budget} s. Write for example '30min'.")
    return float(budget)


@dataclass
class Ledger:
    """The books of one study.

    Attributes:
        total: Device seconds of the whole budget.
        charges: Everything paid, in order.
        reservations: What runs, by evaluation id.
        spent: Device seconds paid.
    """

    total: float
    charges: list[Charge] = field(default_factory=list)
    reservations: dict[int, Reservation] = field(default_factory=dict)
    spent: float = field(default=0.0, init=False)

    @property
    def committed(self) -> float:
        """Most device seconds that what runs now may still take."""
        return sum(reservation.limit for reservation in self.reservations.values())

    @property
    def free(self) -> float:
        """Device seconds that are neither spent nor promised to what runs; not negative."""
        return max(0.0, self.total - self.spent - self.committed)

    def reserve(self, id: int, expected: float, p95: float, slots: int = 1, longest: float = math.inf) -> Reservation:
        """Set the 95th percentile of the expected cost aside (less if less is free), and grant the limit.

        The limit is the reservation plus the free budget, which evaluations that run side by side share by slots.

        Args:
            id: The evaluation.
            expected: Its expected cost in device seconds.
            p95: 95th percentile of its cost in device seconds.
            slots: Executor slots.
            longest: The limit at most.

        Raises:
            BudgetError: If the expected cost exceeds what is free: nothing starts that cannot be paid for.
        """
        free = self.free
        if expected > free:
            raise BudgetError(
                f"an evaluation must be affordable; it is expected to take {format_seconds(expected)} and {format_seconds(free)} are left. "
                "Raise the budget with 'mfsearch resume STUDY --budget +1h'."
            )
        seconds = min(max(p95, expected), free)
        reservation = Reservation(min(seconds, longest), min(seconds + (free - seconds) / slots, longest))
        self.reservations[id] = reservation
        return reservation

    def settle(self, id: int, charge: Charge) -> None:
        """Replace a reservation with what was measured."""
        del self.reservations[id]
        self.charge(charge)

    def charge(self, charge: Charge) -> None:
        """Enter a charge.

        Raises:
            BudgetError: If its seconds are negative or not a number.
        """
        if not charge.seconds >= 0:
            raise BudgetError(f"a charge must not be negative; got {charge.seconds} s for {charge.kind} {charge.rung}.")
        self.charges.append(charge)
        self.spent += charge.seconds

    def lines(self) -> Mapping[tuple[ChargeKind, str], Charge]:
        """The books by kind and rung: seconds and counts added up, in order of first appearance."""
        lines: dict[tuple[ChargeKind, str], Charge] = {}
        for charge in self.charges:
            key = (charge.kind, charge.rung)
            before = lines.get(key, Charge(charge.kind, 0.0, charge.rung, 0))
            lines[key] = Charge(charge.kind, before.seconds + charge.seconds, charge.rung, before.count + charge.count)
        return lines
