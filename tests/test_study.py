"""A study end to end: asking, telling, failing, stopping."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mfsearch.allocation.base import Proposal, State
from mfsearch.allocation.cost_aware import CostAware
from mfsearch.allocation.random_search import RandomSearch
from mfsearch.budget import ChargeKind
from mfsearch.errors import BudgetError, ConfigError, SearchFailedError, StudyError
from mfsearch.execution.virtual import VirtualExecutor
from mfsearch.fidelities.base import AbstractEvaluation, Context
from mfsearch.records import Architecture, EvaluationQuery, Measurement, Objective, Status
from mfsearch.spaces.box import BoxSpace
from mfsearch.store.sql import EventStore
from mfsearch.study import Study

SPACE = BoxSpace("line", {"x": (0.0, 1.0), "y": (0.0, 1.0)})
NONE = Objective("value", unit="none")


class Rung(AbstractEvaluation):
    """A parabola with its top at (0.3, 0.7)."""

    signal = "value"

    def __init__(
        self, name: str = "full", cost: float = 10.0, body: Callable[[Architecture, Context], float] | None = None
    ) -> None:
        self.name, self.cost, self.body = name, cost, body

    def expected_cost(self, architecture: Architecture) -> float:
        return self.cost

    def evaluate(self, architecture: Architecture, context: Context) -> Measurement:
        if self.body:
            return Measurement({"value": self.body(architecture, context)}, self.cost)
        x, y = (float(str(gene)) for gene in architecture.genotype)
        return Measurement({"value": -((x - 0.3) ** 2) - (y - 0.7) ** 2 + (0.1 * x if self.cost < 10 else 0.0)}, self.cost)


def study(*rungs: Rung, budget: float = 200.0, **more: object) -> Study:
    options: dict[str, object] = {"objective": NONE, "executor": VirtualExecutor(), "policy": RandomSearch(), **more}
    return Study(SPACE, list(rungs or [Rung()]), budget, **options)  # type: ignore[arg-type]


def test_the_budget_is_spent_and_never_more() -> None:
    s = study(budget=105.0)
    found = s.run()
    assert found is not None
    assert (s.ledger.spent, len(s.state.observations)) == (100.0, 10)
    assert s.state.stopped


def test_cost_aware_finds_the_top() -> None:
    s = study(Rung("low", 1.0), Rung("full", 10.0), budget=200.0, policy=CostAware(), recommend="predicted")
    found = s.run()
    assert found is not None
    x, y = (float(str(gene)) for gene in found.architecture.genotype)
    assert math.hypot(x - 0.3, y - 0.7) < 0.03
    assert {o.query.rung for o in s.state.observations} == {"low", "full"}


def test_evaluated_rule_ends_with_an_evaluated_architecture() -> None:
    s = study(Rung("low", 1.0), Rung("full", 50.0), budget=75.0, policy=CostAware())
    found = s.run()
    assert found is not None
    assert found.evaluated_at_target
    assert found.observation is not None
    assert found.observation.query.rung == "full"
    poor = study(Rung("low", 1.0), Rung("full", 50.0), budget=20.0, policy=CostAware()).run()
    assert poor is not None
    assert not poor.evaluated_at_target


def test_ask_and_tell() -> None:
    s = study(budget=50.0)
    (query,) = s.ask()
    assert s.ledger.committed == 50.0
    observation = s.tell(query, 0.5, seconds=12.0)
    assert (observation.status, observation.value, s.ledger.spent) == (Status.OK, 0.5, 12.0)
    with pytest.raises(StudyError, match="must be running to be told; evaluation 0 is not"):
        s.tell(query, 0.5, seconds=12.0)
    (query,) = s.ask()
    with pytest.raises(ConfigError, match="must know the device seconds"):
        s.tell(query, 0.5)
    assert s.tell(query, RuntimeError("no"), seconds=1.0).status is Status.FAILED
    (again,) = s.ask()  # the failed one, with a new seed
    assert again.architecture == query.architecture
    assert again.seed != query.seed


def test_minimised_and_fractional_objectives() -> None:
    s = study(objective=Objective("value", "minimise", "none"))
    (query,) = s.ask()
    assert s.tell(query, 0.5, seconds=1.0).value == -0.5
    found = s.recommend()
    assert found is not None
    assert found.mean == pytest.approx(0.5, abs=0.2)
    assert found.interval[0] < found.mean < found.interval[1]
    fraction = study(objective=Objective("value", unit="fraction"))
    (query,) = fraction.ask()
    assert fraction.tell(query, 93.0, seconds=1.0).status is Status.FAILED  # percent, where a fraction was promised


def test_failures_cost_their_time_are_repeated_and_do_not_end_the_study() -> None:
    def moody(a: Architecture, context: Context) -> float:
        if float(str(a.genotype[0])) < 0.5:
            raise RuntimeError("no luck")
        return float(str(a.genotype[0]))

    s = study(Rung(body=moody), budget=100.0)
    found = s.run()
    assert found is not None
    failed = [o for o in s.state.observations if o.status is Status.FAILED]
    assert failed
    assert all(o.message == "RuntimeError: no luck" for o in failed)
    for o in failed:
        tries = [q.query.seed for q in s.state.observations if q.query.architecture == o.query.architecture]
        assert len(tries) == len(set(tries)) == 2  # max_retries 1, with a new seed


def test_nothing_but_failures_stops_and_says_so() -> None:
    def broken(a: Architecture, context: Context) -> float:
        return math.nan

    s = study(Rung(body=broken), budget=1000.0)
    with pytest.raises(
        SearchFailedError,
        match=r"all 6 evaluations failed, the last at rung 'full' with: the signal 'value' must be finite; got nan",
    ):
        s.run()


def test_a_budget_that_buys_nothing() -> None:
    with pytest.raises(BudgetError, match="must pay for at least one evaluation; 5.0 s of 5.0 s are left"):
        study(budget=5.0).run()


def test_live_clock_charges_the_optimiser_and_stops_a_hanging_rung(tmp_path: Path) -> None:
    class Live(Rung):
        def evaluate(self, architecture: Architecture, context: Context) -> Measurement:
            time.sleep(60 if len(slept) == 3 else 0.2)
            slept.append(1)
            return Measurement({"value": 1.0})

    slept: list[int] = []
    s = Study(SPACE, [Live(cost=0.2)], 3.0, objective=NONE, policy=RandomSearch(), workdir=tmp_path)
    began = time.monotonic()
    s.run()
    assert time.monotonic() - began < 6.0
    lines = s.ledger.lines()
    assert lines[ChargeKind.OPTIMISER, ""].seconds > 0
    assert [o.status for o in s.state.observations] == [Status.OK] * 3 + [Status.CUT]
    assert 3.0 <= s.ledger.spent <= 5.0


def test_same_seed_same_run_and_other_seed_other_run() -> None:
    def asked(seed: int) -> list[str]:
        s = study(Rung("low", 1.0), Rung("full", 10.0), budget=60.0, policy=CostAware(), seed=seed)
        s.run()
        return [f"{o.query.rung} {o.query.architecture.key} {o.query.seed}" for o in s.state.observations]

    assert asked(3) == asked(3)
    assert asked(3) != asked(4)


class OneThreeTimes(RandomSearch):
    """One architecture, as often as it may be."""

    def propose(self, state: State, n: int, rng: np.random.Generator) -> Proposal:
        if not state.observations:
            return super().propose(state, 1, rng)
        return Proposal([EvaluationQuery(state.architectures[key], rung) for key, rung in state.repeatable])


def test_a_rung_of_several_seeds_is_evaluated_with_another_one_each_time() -> None:
    failed: list[int] = []

    def fails_once(architecture: Architecture, context: Context) -> float:
        if s.state.observations and not failed:
            failed.append(context.seed)
            raise RuntimeError("out of memory")
        return float(context.seed)

    rung = Rung(body=fails_once)
    rung.seeds = 3
    s = study(rung, budget=300.0, policy=OneThreeTimes())
    s.run()
    seeds = [o.query.seed for o in s.state.observations]
    assert [o.status for o in s.state.observations] == [Status.OK, Status.FAILED, Status.OK, Status.OK]
    assert len({o.query.architecture.key for o in s.state.observations}) == 1
    assert len(set(seeds)) == 4


def test_more_budget_goes_on() -> None:
    store = EventStore()
    first = study(budget=50.0, store=store, name="a")
    first.run()
    again = study(budget="+30s", store=store, name="a", resume=True)  # type: ignore[arg-type]
    again.run()
    assert (again.ledger.total, again.ledger.spent, len(again.state.observations)) == (80.0, 80.0, 8)
    with pytest.raises(BudgetError, match="must cover what is spent"):
        again.extend("10s")


def test_another_ladder_is_refused() -> None:
    store = EventStore()
    study(store=store, name="a")
    with pytest.raises(StudyError, match="must be resumed with the ladder it was started with"):
        study(Rung("other"), store=store, name="a", resume=True)


def test_warm_start() -> None:
    s = study()
    place = SPACE.sample(1, np.random.default_rng(0))[0]
    assert s.give("elsewhere", [(place, "full", {"value": 0.0}), (place, "unknown", {"value": 0.0})]) == 1
    assert (s.ledger.spent, len(s.state.observations)) == (0.0, 1)
    with pytest.raises(ConfigError, match="must hold observations of full; it holds none"):
        s.give("elsewhere", [(place, "unknown", {"value": 0.0})])
    with pytest.raises(ConfigError, match="must be finite"):
        s.give("elsewhere", [(place, "full", {"value": math.nan})])


@pytest.mark.parametrize(
    ("option", "message"), [({"recommend": "best"}, "recommend must be"), ({"max_retries": -1}, "max_retries must be")]
)
def test_options_are_checked(option: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        study(**option)  # type: ignore[arg-type]
    with pytest.raises(BudgetError, match="must have a budget"):
        Study(SPACE, [Rung()])
