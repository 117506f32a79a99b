from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mfsearch.allocation import POLICIES
from mfsearch.allocation.random_search import RandomSearch
from mfsearch.build import build_device, build_executor, build_policy, build_problem, build_trackers, has_gpu
from mfsearch.config import StudyConfig, load_config, presets
from mfsearch.errors import ConfigError, DataError, SpaceError
from mfsearch.execution.local import LocalExecutor
from mfsearch.execution.serial import SerialExecutor
from mfsearch.execution.virtual import VirtualExecutor
from mfsearch.fidelities.distillation import Distillation
from mfsearch.networks.counts import count_parameters
from mfsearch.records import Objective
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.tables.importing import import_nasbench201
from mfsearch.tracking import JsonLines, MLflow, TensorBoard, WandB

OWN = """
name: mine
space: nasbench201
task:
  use: digits
  train: 32
  epochs: 1
  val: 40
  test: 40
  network: {channels: 4, cells: 1, reduction: light}
ladder:
- {use: zero_cost, proxies: [params, flops]}
- {use: distillation, name: few, epochs: 1, loss: ce, signal: -train_loss, expected_seconds: 0.1}
- {use: distillation, name: full, epochs: 2, loss: ce, expected_seconds: 0.2}
"""


@pytest.fixture
def own(tmp_path: Path) -> StudyConfig:
    (tmp_path / "own.yaml").write_text(OWN)
    return load_config(tmp_path / "own.yaml")


CELLS = ["|none~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|", "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|"]


@pytest.fixture
def tables(home: Path, tmp_path: Path) -> Path:
    """A home with a table of two cells on the benchmark's three datasets."""
    names = ("cifar10-valid", "cifar10", "cifar100", "ImageNet16-120")
    columns = [f"{name}_{figure}" for name in names for figure in ("val_e12", "val_e200", "test_e200", "seconds_per_epoch")]
    lines = [",".join([cell, *(str(50 + i) for i in range(len(columns)))]) for cell in CELLS]
    (tmp_path / "small.csv").write_text("\n".join([",".join(["arch", *columns]), *lines, ""]))
    import_nasbench201(tmp_path, tmp_path / "small.csv", "nasbench201")
    return tmp_path


@pytest.mark.parametrize("name", presets())
def test_every_preset_builds(name: str, home: Path, tables: Path):
    home = tables if name.startswith("nasbench201") else home
    config = load_config(name, ["data=pictures.npz"] if name == "cifar10" else [])
    problem = build_problem(config, home)
    assert problem.name == (name if config.problem else "own")
    assert isinstance(build_executor(config, problem), VirtualExecutor if problem.virtual else SerialExecutor)
    assert build_policy(config).name in POLICIES


def test_objective_and_rule_of_the_config_hold(home: Path):
    config = load_config("branin", ["objective.signal=value", "objective.unit=none", "recommend=evaluated"])
    problem = build_problem(config, home)
    assert problem.objective == Objective("value", "maximise", "none")
    assert problem.recommend == "evaluated"


def test_a_problem_of_a_table_needs_the_table(tables: Path, tmp_path: Path):
    config = load_config("nasbench201-cifar100", ["problem.schedules=[12]"])
    assert [rung.name for rung in build_problem(config, tables).ladder] == ["e12"]
    with pytest.raises(ConfigError) as error:
        build_problem(config, tmp_path / "empty")
    assert str(error.value) == (
        "problem must be one of digits, cifar10, kd-table, measured, mfkd-nst240, mfkd-mobilenetv2, branin, currin, borehole, hartmann6; got "
        "'nasbench201-cifar100'. Choose one of them. A problem of a benchmark needs its table; import one with: mfsearch data import "
        "nasbench201 SOURCE."
    )
    with pytest.raises(ConfigError, match="Did you mean 'nasbench201-cifar10'"):
        build_problem(load_config("nasbench201-cifar10", ["problem=nasbench201-cifar1"]), tables)


def test_constraints_hold(own: StudyConfig, home: Path):
    config = own.model_copy(update={"constraints": ("params <= 3k", "flops > 0")})
    problem = build_problem(config, home)
    for architecture in problem.space.sample(50, np.random.default_rng(0)):
        assert count_parameters([str(g) for g in architecture.genotype], 1, 10, channels=4, cells=1, reduction="light") <= 3000


def test_constraints_need_measures(home: Path):
    with pytest.raises(SpaceError, match="has no measures"):
        build_problem(load_config("branin", ["constraints=['params <= 1M']"]), home)


def test_a_ladder_of_ones_own(own: StudyConfig, home: Path):
    problem = build_problem(own, home)
    assert problem.name == "mine"
    assert isinstance(problem.space, NASBench201Space)
    assert problem.task is not None
    assert (problem.task.dataset, problem.task.input_shape, problem.task.classes) == ("digits", (1, 16, 16), 10)
    assert problem.task.network == {"channels": 4, "cells": 1, "reduction": "light"}
    assert [rung.name for rung in problem.ladder] == ["zero_cost", "few", "full"]
    assert isinstance(problem.ladder.target, Distillation)
    assert not problem.virtual
    assert problem.judge is not None


def change(config: StudyConfig, tmp_path: Path, old: str, new: str) -> StudyConfig:
    (tmp_path / "changed.yaml").write_text(OWN.replace(old, new))
    return load_config(tmp_path / "changed.yaml", allow_code=True)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("space: nasbench201", "space: nasbench20", "space must be one of .*; got 'nasbench20'. Did you mean 'nasbench201'"),
        ("use: digits", "use: digit", "task must be one of digits.*; got 'digit'. Did you mean 'digits'"),
        ("use: zero_cost", "use: zerocost", r"ladder\.0 must be one of .*; got 'zerocost'. Did you mean 'zero_cost'"),
        ("epochs: 2,", "epoks: 2,", r"ladder\.2: options of 'distillation' must be usable; .*epo.*It knows name, epochs"),
        ("proxies: [params, flops]", "proxies: [parms]", "proxies must be some of .*; got parms"),
        ("  network: {channels: 4, cells: 1, reduction: light}", "  network: 4", r"task\.network must be a mapping; got 4"),
        (
            "space: nasbench201",
            "space: collections:OrderedDict",
            "space: 'collections:OrderedDict' must make a AbstractSearchSpace; it made",
        ),
        ("space: nasbench201", "space: nowhere:Space", "space: 'nowhere:Space' must be importable; No module named 'nowhere'"),
        ("space: nasbench201", "space: math:pi", "space: 'math:pi' must be a class or function; got a float"),
    ],
)
def test_what_a_config_may_get_wrong(own: StudyConfig, home: Path, tmp_path: Path, old: str, new: str, message: str):
    with pytest.raises(ConfigError, match=message):
        build_problem(change(own, tmp_path, old, new), home, allow_code=True)


def test_an_unknown_option_of_the_data_is_refused(own: StudyConfig, home: Path, tmp_path: Path):
    with pytest.raises(DataError, match="got pictures"):
        build_problem(change(own, tmp_path, "train: 32", "pictures: 32"), home)


def test_rungs_that_train_need_a_task(home: Path, tmp_path: Path):
    (tmp_path / "x.yaml").write_text(
        "space: nasbench201\nladder:\n- {use: distillation, name: full, epochs: 1, loss: ce, expected_seconds: 1.0}\n"
    )
    with pytest.raises(
        ConfigError, match=r"ladder\.0: 'distillation' trains networks; it needs a 'task', and the config has none"
    ):
        build_problem(load_config(tmp_path / "x.yaml"), home)


def test_code_runs_where_it_is_allowed_and_only_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "my_own_policy.py").write_text("from mfsearch.allocation.random_search import RandomSearch as Mine\n")
    (tmp_path / "x.yaml").write_text("problem: branin\npolicy: my_own_policy:Mine\n")
    monkeypatch.chdir(tmp_path)
    config = load_config(tmp_path / "x.yaml", allow_code=True)
    with pytest.raises(ConfigError, match=r"policy names code, 'my_own_policy:Mine', which is refused. Pass --allow-code"):
        build_policy(config)
    assert isinstance(build_policy(config, allow_code=True), RandomSearch)


def test_executors_fit_the_problem(home: Path, own: StudyConfig):
    branin, live = load_config("branin", ["execution.workers=3"]), build_problem(own, home)
    problem = build_problem(branin, home)
    assert build_executor(branin, problem).slots == 3
    with pytest.raises(
        ConfigError, match=r"execution\.executor must be 'virtual' for 'branin', whose costs are simulated; got 'serial'"
    ):
        build_executor(load_config("branin", ["execution.executor=serial"]), problem)
    with pytest.raises(
        ConfigError,
        match=r"execution\.executor must be 'serial', 'local' or 'ray' for 'mine', whose costs are measured; got 'virtual'",
    ):
        build_executor(load_config("branin", ["execution.executor=virtual"]), live)
    with pytest.raises(ConfigError, match=r"execution\.executor 'serial' has one worker.*; got 2 workers and memory None\. Take"):
        build_executor(load_config("branin", ["execution.workers=2", "execution.executor=serial"]), live)
    for overrides in (["execution.workers=2"], ["execution.executor=local"], ["execution.memory=8"]):
        local = build_executor(load_config("digits", overrides), live)
        assert isinstance(local, LocalExecutor) and local.free_slots == local.slots == (2 if "workers" in overrides[0] else 1)


def test_the_real_executor_sets_clock_and_threads(home: Path, own: StudyConfig):
    problem = build_problem(own, home)
    config = load_config("digits", ["execution.threads=2", "execution.clock=cpu"])
    try:
        executor = build_executor(config, problem)
        assert isinstance(executor, SerialExecutor)
        assert (executor.clock, torch.get_num_threads()) == ("cpu", 2)
    finally:
        torch.set_num_threads(1)


def test_the_device_is_one_that_is_there(monkeypatch: pytest.MonkeyPatch):
    assert has_gpu() == torch.cuda.is_available()
    config = load_config("digits")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert build_device(config) == "cpu"
    with pytest.raises(ConfigError, match=r"execution\.device must be there; got 'cuda', and torch finds none"):
        build_device(load_config("digits", ["execution.device=cuda"]))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert build_device(config) == "cuda"
    assert build_device(load_config("digits", ["execution.device=cpu"])) == "cpu"


def test_trackers_are_named_by_kind_and_place(tmp_path: Path):
    log, other, runs = build_trackers(["jsonl", "jsonl=a=b.jsonl", f"tensorboard={tmp_path / 'runs'}"], tmp_path)
    assert isinstance(log, JsonLines) and log.path == tmp_path / "events.jsonl"
    assert isinstance(other, JsonLines) and other.path.name == "a=b.jsonl"
    assert isinstance(runs, TensorBoard) and runs.folder == tmp_path / "runs"
    (mlflow, wandb) = build_trackers(["mlflow", "wandb"], tmp_path)
    assert isinstance(mlflow, MLflow) and mlflow.uri == f"sqlite:///{tmp_path}/mlflow.db"
    assert isinstance(wandb, WandB) and (wandb.folder, wandb.mode) == (tmp_path, "offline")


@pytest.mark.parametrize(
    ("text", "remedy"), [("tensorbord", "Did you mean 'tensorboard'"), ("", "Choose one"), ("jsonl=", "Leave the '=' out")]
)
def test_trackers_that_are_none(text: str, remedy: str, tmp_path: Path):
    with pytest.raises(
        ConfigError, match=f"a tracker must be KIND or KIND=WHERE, of the kinds jsonl, .*; got '{text}'. {remedy}"
    ):
        build_trackers([text], tmp_path)
