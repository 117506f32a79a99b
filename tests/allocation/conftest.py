"""States to decide in, small and with a known answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import pytest

from mfsearch.allocation.base import State
from mfsearch.fidelities.base import AbstractEvaluation, AbstractScore, Context
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.records import Architecture, EvaluationQuery, Measurement, Objective, Observation, Scores, Status
from mfsearch.spaces.nasbench201 import NASBench201Space


class Proxy(AbstractScore):
    """Counts 3x3 convolutions (trusted) and skips."""

    name, signal = "proxies", "convs"

    def __init__(self, price: float = 0.1, role: Literal["input", "level"] = "input") -> None:
        self.price, self.role = price, role

    @property
    def columns(self) -> tuple[str, ...]:
        return ("convs", "skips")

    @property
    def trusted(self) -> tuple[bool, ...]:
        return (True, False)

    def expected_cost(self, architecture: Architecture) -> float:
        return self.price

    def score(self, architectures: Sequence[Architecture], context: Context) -> Scores:
        rows = tuple((convs(a), float(a.genotype.count("skip_connect"))) for a in architectures)
        return Scores(self.columns, rows, self.price * len(rows))


class Rung(AbstractEvaluation):
    """Accuracy that rises with the 3x3 convolutions, by 3 points each from 60%."""

    signal = "val_accuracy"

    def __init__(self, name: str, cost: float, deterministic: bool = False) -> None:
        self.name, self.cost, self.deterministic = name, cost, deterministic

    def expected_cost(self, architecture: Architecture) -> float:
        return self.cost

    def evaluate(self, architecture: Architecture, context: Context) -> Measurement:
        return Measurement({"val_accuracy": 60.0 + 3.0 * convs(architecture)}, self.cost)


def convs(architecture: Architecture) -> float:
    return float(architecture.genotype.count("nor_conv_3x3"))


@pytest.fixture(scope="session")
def space() -> NASBench201Space:
    return NASBench201Space()


@pytest.fixture
def table_ladder() -> FidelityLadder:
    """Rungs whose target is a table: what was observed there is what is sought."""
    return FidelityLadder([Proxy(), Rung("low", 1.0), Rung("full", 10.0, deterministic=True)])


@pytest.fixture
def target_ladder() -> FidelityLadder:
    """Nothing but scores below the target."""
    return FidelityLadder([Proxy(), Rung("full", 10.0)])


@pytest.fixture
def level_ladder() -> FidelityLadder:
    """A score that is the lowest level of the co-kriging."""
    return FidelityLadder([Proxy(role="level"), Rung("low", 1.0), Rung("full", 10.0)])


@pytest.fixture
def make(space: NASBench201Space) -> Callable[..., State]:
    """Builds a state from (architecture, rung) pairs that were observed."""

    def build(
        seen: Sequence[tuple[Architecture, str]] = (),
        scored: Sequence[Architecture] = (),
        ladder: FidelityLadder | None = None,
        free: float = 1000.0,
        **more: object,
    ) -> State:
        ladder = ladder or FidelityLadder([Proxy(), Rung("low", 1.0), Rung("full", 10.0)])
        observations = [
            Observation(EvaluationQuery(a, rung, id=i), Status.OK, 1.0, 60.0 + 3.0 * convs(a) - (5.0 if rung == "low" else 0.0))
            for i, (a, rung) in enumerate(seen)
        ]
        rows = {a.key: (convs(a), float(a.genotype.count("skip_connect"))) for a in scored}
        fields: dict[str, object] = {
            "space": space,
            "ladder": ladder,
            "objective": Objective(),
            "observations": observations,
            "pending": [],
            "scores": {"proxies": rows} if rows else {},
            "architectures": {a.key: a for a in [*scored, *(a for a, _ in seen)]},
            "free": free,
            "total": 1000.0,
            "cost": lambda a, rung: ladder[rung].expected_cost(a),
            "p95": lambda a, rung: 1.2 * ladder[rung].expected_cost(a),
            "excluded": frozenset((a.key, rung) for a, rung in seen),
            **more,
        }
        return State(**fields)  # type: ignore[arg-type]

    return build
