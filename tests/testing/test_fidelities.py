"""Every rung of every ready-made problem under the contracts of rungs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from mfsearch.fidelities.base import AbstractEvaluation, AbstractScore
from mfsearch.problems import PROBLEMS
from mfsearch.problems.base import Problem
from mfsearch.records import Architecture, Objective
from mfsearch.testing.fidelities import EvaluationContract, ScoreContract

SMALL = {"train": 64, "epochs": 3, "val": 100, "test": 100}
"""Settings that make the live problem a matter of a second an epoch; its rungs are otherwise as they ship."""


def problem(name: str, home: Path) -> Problem:
    return PROBLEMS[name](home, **(SMALL if name == "digits" else {}))


def rungs(kind: str) -> list[tuple[str, str]]:
    found = [(name, rung) for name in PROBLEMS for rung in problem(name, Path("unused")).ladder]
    return [(name, rung.name) for name, rung in found if rung.kind == kind]


@pytest.mark.parametrize(("name", "rung"), rungs("evaluation"))
class TestEveryEvaluation(EvaluationContract):
    @pytest.fixture(autouse=True)
    def _named(self, name: str, rung: str) -> None:
        self.name, self.rung = name, rung

    @property
    def stops(self) -> bool:
        return not problem(self.name, Path("unused")).virtual

    def make(self, home: Path) -> tuple[AbstractEvaluation, Sequence[Architecture], Objective]:
        made = problem(self.name, home)
        rung = made.ladder[self.rung]
        assert isinstance(rung, AbstractEvaluation)
        return rung, made.space.sample(1, np.random.default_rng(0)), made.objective


@pytest.mark.parametrize(("name", "rung"), rungs("score"))
class TestEveryScore(ScoreContract):
    @pytest.fixture(autouse=True)
    def _named(self, name: str, rung: str) -> None:
        self.name, self.rung = name, rung

    def make(self, home: Path) -> tuple[AbstractScore, Sequence[Architecture]]:
        made = problem(self.name, home)
        rung = made.ladder[self.rung]
        assert isinstance(rung, AbstractScore)
        return rung, made.space.sample(5, np.random.default_rng(0))
