from __future__ import annotations

import json
import os
from pathlib import Path

import bright_rows
import pytest
from click.testing import CliRunner

from mfsearch.build import build_problem
from mfsearch.cli import main
from mfsearch.config import load_config
from mfsearch.errors import ConfigError
from mfsearch.fidelities.distillation import Distillation

DATA = os.environ.get("MFSEARCH_DATA")


def test_the_full_setting_is_the_benchmarks_own(home: Path):
    problem = build_problem(load_config("cifar10", ["data=somewhere"]), home)
    assert problem.task is not None and problem.task.network == {"channels": 16, "cells": 5, "reduction": "residual"}
    assert problem.task.options["path"] == "somewhere"
    assert [rung.name for rung in problem.ladder] == ["proxies", "nst", "kd"]
    nst, kd = problem.ladder.evaluations
    assert isinstance(nst, Distillation) and isinstance(kd, Distillation)
    assert (nst.training.epochs, kd.training.epochs, kd.training.batch, kd.training.precision) == (3, 50, 256, "auto")
    cells = problem.space.enumerate()
    assert cells is not None and all(0 < nst.expected_cost(cell) < kd.expected_cost(cell) for cell in cells[::500])


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ([], "problem 'cifar10' must be told where its files lie; got no 'data'. Nothing is downloaded: give --set data=FOLDER"),
        (["data=x", "problem.size=huge"], "size must be one of full, small; got 'huge'"),
    ],
)
def test_what_is_wrong_is_said(overrides: list[str], message: str, home: Path):
    with pytest.raises(ConfigError, match=message):
        build_problem(load_config("cifar10", overrides), home)


def search(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    monkeypatch.setenv("MFSEARCH_STORAGE", f"sqlite:///{tmp_path / 'studies.db'}")
    monkeypatch.chdir(tmp_path)
    words = ["run", "cifar10", "--set", f"data={path}", "--set", "problem.size=small", "--budget", "40s", "--json"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    answer: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return answer


def test_the_small_setting_searches_on_a_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Bright rows in place of pictures: every rung, the teacher, and the verdict on the test set."""
    bright_rows.write(tmp_path / "rows.npz", 1_500, 500)
    answer = search(tmp_path / "rows.npz", tmp_path, monkeypatch)
    assert answer["evaluated_at_target"] is True
    assert 20 < float(str(answer["test_accuracy"])) <= 100 and float(str(answer["spent_seconds"])) < 42


@pytest.mark.skipif(DATA is None, reason="needs MFSEARCH_DATA")
def test_it_searches_on_real_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    answer = search(Path(str(DATA)) / "cifar10_jpeg_5000_1000.npz", tmp_path, monkeypatch)
    assert answer["evaluated_at_target"] is True and 12 < float(str(answer["test_accuracy"])) < 60
