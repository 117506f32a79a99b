"""What every executor must do. Subclass `ExecutorContract`, name it Test..., and say how to make one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from mfsearch.execution.base import AbstractExecutor, Job
from mfsearch.fidelities.base import AbstractEvaluation, Context
from mfsearch.records import Architecture, EvaluationQuery, Measurement, Objective, Status

OBJECTIVE = Objective("value", unit="none")


class Scripted(AbstractEvaluation):
    """Does what the key of an architecture says: returns its length, raises, or returns something useless."""

    name, signal = "scripted", "value"

    def expected_cost(self, architecture: Architecture) -> float:
        """A hundredth of a second."""
        return 0.01

    def evaluate(self, architecture: Architecture, context: Context) -> Measurement:
        """Follow the script."""
        (context.workdir / "trace").write_text(architecture.key)
        if architecture.key == "raise":
            raise RuntimeError("as scripted")
        if architecture.key == "memory":
            raise MemoryError("as scripted")
        if architecture.key == "nan":
            return Measurement({"value": float("nan")}, 0.01)
        if architecture.key == "nothing":
            return Measurement({}, 0.01)
        return Measurement({"value": float(len(architecture.key))}, 0.01)


class ExecutorContract(ABC):
    """Every job that goes in comes out once, whatever happens inside."""

    @abstractmethod
    def make(self) -> AbstractExecutor:
        """A fresh executor."""

    def _run(self, folder: Path, *keys: str, limit: float = 30.0) -> dict[str, tuple[Status, float | None, str]]:
        executor, left = self.make(), list(enumerate(keys))
        ends: dict[str, tuple[Status, float | None, str]] = {}
        while len(ends) < len(keys):
            while left and executor.free_slots:
                id, key = left.pop(0)
                query = EvaluationQuery(Architecture("scripted", (key,), key), "scripted", id=id)
                executor.submit(Job(query, Scripted(), OBJECTIVE, limit, folder / str(id)))
            for o in executor.collect():
                assert o.query.architecture.key not in ends, "an evaluation came back twice"
                assert 0.0 <= o.seconds < limit
                ends[o.query.architecture.key] = (o.status, o.value, o.message)
        assert executor.free_slots == executor.slots
        return ends

    def test_everything_comes_back_once(self, tmp_path: Path) -> None:
        """More jobs than slots: all return, each with its own value and folder."""
        keys = ["x" * n for n in range(1, 8)]
        ends = self._run(tmp_path, *keys)
        assert {key: end[1] for key, end in ends.items()} == {key: float(len(key)) for key in keys}
        assert sorted(path.read_text() for path in tmp_path.glob("*/trace")) == keys

    def test_failures_are_observations(self, tmp_path: Path) -> None:
        """An exception, no memory, a figure that is not finite, no figure: failed, with a message; the rest goes on."""
        ends = self._run(tmp_path, "raise", "memory", "nan", "nothing", "good")
        assert ends["good"][:2] == (Status.OK, 4.0)
        for key, words in (
            ("raise", "as scripted"),
            ("memory", "MemoryError"),
            ("nan", "must be finite"),
            ("nothing", "must contain the signal"),
        ):
            status, value, message = ends[key]
            assert (status, value) == (Status.FAILED, None)
            assert words in message

    def test_an_idle_executor_has_nothing(self) -> None:
        """Collecting without a job returns at once."""
        executor = self.make()
        assert executor.collect() == []
        assert 1 <= executor.free_slots == executor.slots
