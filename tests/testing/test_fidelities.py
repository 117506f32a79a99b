"""Every rung of every ready-made problem under the contracts of rungs."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from mfsearch.fidelities.base import AbstractEvaluation, AbstractScore
from mfsearch.problems import PROBLEMS
from mfsearch.problems.base import Problem
from mfsearch.records import Architecture, Objective
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.tables.measured import Measured, MeasuredAbout, MeasuredRow, MeasuredRung, to_rows, write_measured
from mfsearch.testing.fidelities import EvaluationContract, ScoreContract
from tests.mfkd_files import fill

SMALL = {"train": 64, "epochs": 3, "val": 100, "test": 100}
"""Settings that make the live problem a matter of a second an epoch; its rungs are otherwise as they ship."""


FILES = tempfile.TemporaryDirectory(prefix="mfsearch-tests-")  # what some problems read, for as long as this module is there


def pictures() -> str:
    """Rows of noise and ten classes in the shape of CIFAR-10."""
    path = Path(FILES.name) / "noise.npz"
    if not path.exists():
        rng, labels = np.random.default_rng(0), np.arange(1_500) % 10
        images = rng.integers(0, 256, (1_500, 32, 32, 3), dtype=np.uint8)
        np.savez(path, x_train=images[:1_000], y_train=labels[:1_000], x_test=images[1_000:], y_test=labels[1_000:])
    return str(path)


def table() -> Path:
    """Ten cells on a score and two evaluation rungs."""
    path = Path(FILES.name) / "table.parquet"
    if not path.exists():
        scores = MeasuredRung("scores", "score", "nwot", columns=("params", "nwot"), trusted=(True, True), capacity=(True, False))
        few = MeasuredRung("few", "evaluation", "-train_loss", resource=3.0, shared=("teacher",))
        rungs = (scores, few, MeasuredRung("full", "evaluation", "val_accuracy", resource=50.0))
        rows = []
        for i, cell in enumerate(NASBench201Space().enumerate()[:10]):
            figures = ({"params": float(i), "nwot": 2.0 * i}, {"train_loss": 1.0 / (i + 1)}, {"val_accuracy": 50.0 + i})
            for rung, row in zip(rungs, figures, strict=True):
                rows.append(MeasuredRow(cell.key, "sample", rung.name, None, "ok", 1.0, None, row))
        about = MeasuredAbout({"space": "nasbench201"}, rungs, Objective(), {"teacher": 5.0}, ("here",), "cpu")
        write_measured(path, Measured(about, to_rows(rows)))
    return path


def mfkd() -> Path:
    """A home with small tables like those of MF-KD's authors."""
    home = Path(FILES.name) / "mfkd"
    if not home.exists():
        home.mkdir()
        fill(home)
    return home


def problem(name: str, home: Path) -> Problem:
    if name == "cifar10":
        return PROBLEMS[name](home, data=pictures(), size="small")
    if name == "measured":
        return PROBLEMS[name](path=table(), make_space=lambda component: NASBench201Space())
    if name == "kd-table":
        return PROBLEMS[name](make_space=lambda component: NASBench201Space())
    if name == "mfkd-nst240":
        return PROBLEMS[name](mfkd(), rungs=["nst1", "nst3", "e12", "e200"])
    if name == "mfkd-mobilenetv2":
        return PROBLEMS[name](mfkd(), rungs=["nokd27", "nst3", "full"])
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
