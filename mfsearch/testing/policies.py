"""What every policy must do. Subclass `PolicyContract`, name it Test..., and say how to make one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from mfsearch.allocation.base import AbstractPolicy
from mfsearch.execution.virtual import VirtualExecutor
from mfsearch.fidelities.base import AbstractEvaluation, AbstractFidelity, AbstractScore, Context
from mfsearch.records import Architecture, Measurement, Scores, Status
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.study import Study


class Counted(AbstractScore):
    """Number of 3x3 convolutions, under the name `params`; ten a second."""

    name, signal = "proxies", "params"

    @property
    def columns(self) -> tuple[str, ...]:
        """One."""
        return ("params",)

    @property
    def trusted(self) -> tuple[bool, ...]:
        """More is better."""
        return (True,)

    def expected_cost(self, architecture: Architecture) -> float:
        """A tenth of a second."""
        return 0.1

    def score(self, architectures: Sequence[Architecture], context: Context) -> Scores:
        """Count."""
        rows = tuple((float(a.genotype.count("nor_conv_3x3")),) for a in architectures)
        return Scores(self.columns, rows, 0.1 * len(rows))


class Graded(AbstractEvaluation):
    """Accuracy rises with the convolutions; the cheap rung is biased."""

    signal = "val_accuracy"

    def __init__(self, name: str, cost: float, bias: float) -> None:
        self.name, self.cost, self.bias = name, cost, bias

    def expected_cost(self, architecture: Architecture) -> float:
        """Constant."""
        return self.cost

    def evaluate(self, architecture: Architecture, context: Context) -> Measurement:
        """60% and 4 points a convolution; those that every tenth seed brings to a fall are failures."""
        if context.seed % 10 == 0:
            raise RuntimeError("one seed in ten fails")
        count = architecture.genotype.count("nor_conv_3x3") - 0.5 * architecture.genotype.count("none")
        return Measurement({"val_accuracy": 60.0 + 4.0 * count - self.bias}, self.cost)


class PolicyContract(ABC):
    """Within the budget, no repeats, deterministic, and better than nothing."""

    @abstractmethod
    def make(self) -> AbstractPolicy:
        """A fresh policy."""

    def _study(self, budget: float = 800.0, seed: int = 0, workers: int = 1) -> Study:
        ladder: list[AbstractFidelity] = [Counted(), Graded("low", 5.0, 5.0), Graded("full", 40.0, 0.0)]
        return Study(NASBench201Space(), ladder, budget, policy=self.make(), seed=seed, executor=VirtualExecutor(workers))

    def test_spends_the_budget_and_no_more(self) -> None:
        """Several seeds and budgets: the books never exceed the total, and something is recommended."""
        for seed, budget in ((0, 800.0), (1, 900.0)):
            study = self._study(budget, seed)
            found = study.run()
            assert found is not None
            assert study.ledger.spent <= budget
            assert study.state.stopped

    def test_asks_nothing_twice(self) -> None:
        """An architecture that came back ok from a rung is not sent there again, nor is a score bought twice."""
        study = self._study()
        study.run()
        done = [(o.query.architecture.key, o.query.rung) for o in study.state.observations if o.status is Status.OK]
        assert len(done) == len(set(done))

    def test_same_seed_same_decisions(self) -> None:
        """A fresh policy object decides the same."""
        runs = []
        for _ in range(2):
            study = self._study(800.0, seed=3)
            study.run()
            runs.append([(o.query.architecture.key, o.query.rung, o.query.seed) for o in study.state.observations])
        assert runs[0] == runs[1]

    def test_parallel_devices(self) -> None:
        """With several devices no evaluation runs twice at the same time, and the budget holds."""
        study = self._study(800.0, workers=4)
        study.run()
        assert study.ledger.spent <= 800.0
        done = [(o.query.architecture.key, o.query.rung) for o in study.state.observations if o.status is Status.OK]
        assert len(done) == len(set(done))

    def test_explains_itself(self) -> None:
        """Every evaluation says why."""
        study = self._study(800.0)
        study.run()
        assert all(o.query.why.get("reason") for o in study.state.observations)
