"""What every rung must do. Subclass `EvaluationContract` or `ScoreContract`, name it Test..., and say how to make one."""

from __future__ import annotations

import math
import pickle
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mfsearch.errors import LimitReachedError
from mfsearch.execution.base import value_of
from mfsearch.fidelities.base import AbstractEvaluation, AbstractFidelity, AbstractScore, Context
from mfsearch.records import Architecture, Objective


def _context(folder: Path, name: str = "work", seed: int = 1, limit: float = math.inf) -> Context:
    workdir = folder / name
    workdir.mkdir(exist_ok=True)
    return Context(seed, limit, workdir)


def _prepared(rung: AbstractFidelity, folder: Path) -> None:
    for resource in rung.resources:
        resource.prepare(_context(folder, "shared"))


class EvaluationContract(ABC):
    """A finite value at a price, repeatable, stopped when it must be, with files only where they belong."""

    @abstractmethod
    def make(self, home: Path) -> tuple[AbstractEvaluation, Sequence[Architecture], Objective]:
        """The rung, a few architectures for it, and the objective of its study; `home` is for caches."""

    @property
    def stops(self) -> bool:
        """Whether it checks its limit; one that takes no time need not."""
        return True

    def test_finite_value_and_cost(self, tmp_path: Path) -> None:
        """The signal is there and finite, expected and measured costs are not negative."""
        rung, architectures, objective = self.make(tmp_path / "home")
        _prepared(rung, tmp_path)
        for a in architectures:
            assert 0.0 <= rung.expected_cost(a) < math.inf
            measurement = rung.evaluate(a, _context(tmp_path))
            assert math.isfinite(value_of(measurement.values, rung.signal, objective))
            assert measurement.seconds is None or 0.0 <= measurement.seconds < math.inf
            assert all(path.is_relative_to(tmp_path / "work") for path in measurement.artifacts.values())

    def test_same_seed_same_value(self, tmp_path: Path) -> None:
        """Evaluated again with the same seed, also by a copy in another process: the same figures."""
        rung, architectures, _ = self.make(tmp_path / "home")
        _prepared(rung, tmp_path)
        copy = pickle.loads(pickle.dumps(rung))
        first, again = (each.evaluate(architectures[0], _context(tmp_path, name)) for each, name in ((rung, "a"), (copy, "b")))
        assert first.values == again.values

    def test_writes_only_in_its_workdir(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither the current folder nor anything beside the work folder changes once its resources are ready."""
        rung, architectures, _ = self.make(tmp_path / "home")
        _prepared(rung, tmp_path)
        rung.evaluate(architectures[0], _context(tmp_path))  # what is drawn or loaded once may go to the caches
        (tmp_path / "here").mkdir()
        monkeypatch.chdir(tmp_path / "here")
        context = _context(tmp_path, "other")
        before = {path for path in tmp_path.rglob("*") if path.is_file()}
        rung.evaluate(architectures[0], context)
        new = {path for path in tmp_path.rglob("*") if path.is_file()} - before
        assert all(path.is_relative_to(context.workdir) for path in new)

    def test_obeys_its_limit(self, tmp_path: Path) -> None:
        """With no time left it stops by itself."""
        rung, architectures, _ = self.make(tmp_path / "home")
        _prepared(rung, tmp_path)
        if self.stops:
            clock: Callable[[], float] = lambda: 1.0  # noqa: E731 - a clock that says that a second has gone by
            context = Context(1, 0.5, tmp_path, elapsed=clock)
            with pytest.raises(LimitReachedError):
                rung.evaluate(architectures[0], context)


class ScoreContract(ABC):
    """One row an architecture, one figure a column, deterministic, whatever the order."""

    @abstractmethod
    def make(self, home: Path) -> tuple[AbstractScore, Sequence[Architecture]]:
        """The rung, and a few architectures for it; `home` is for caches."""

    def test_rows_and_columns(self, tmp_path: Path) -> None:
        """Shape, finite or missing figures, costs that are not negative, one trust a column."""
        rung, architectures = self.make(tmp_path / "home")
        _prepared(rung, tmp_path)
        scores = rung.score(architectures, _context(tmp_path))
        assert scores.columns == rung.columns
        assert len(rung.trusted) == len(rung.columns) >= 1
        assert [len(row) for row in scores.values] == [len(rung.columns)] * len(architectures)
        assert all(figure is None or math.isfinite(figure) for row in scores.values for figure in row)
        assert 0.0 <= scores.seconds < math.inf
        assert all(rung.expected_cost(a) >= 0.0 for a in architectures)

    def test_deterministic_in_any_company(self, tmp_path: Path) -> None:
        """Another order, another seed, a copy in another process: the same figures. Scores are bought once."""
        rung, architectures = self.make(tmp_path / "home")
        _prepared(rung, tmp_path)
        forward = rung.score(architectures, _context(tmp_path, seed=1)).values
        copy = pickle.loads(pickle.dumps(rung))
        backward = copy.score(list(architectures)[::-1], _context(tmp_path, seed=2)).values
        assert forward == backward[::-1]
