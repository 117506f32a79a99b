"""The rung: what a predictor's file says of a task's students."""

from __future__ import annotations

import math
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from mfsearch.errors import ConfigError, DataError
from mfsearch.fidelities.base import Context
from mfsearch.fidelities.dass import SHIPPED, DaSS
from mfsearch.fidelities.live import LiveTask
from mfsearch.fidelities.told import Told
from mfsearch.fidelities.zero_cost import ZeroCost
from mfsearch.metaprediction.learning import Learned
from mfsearch.metaprediction.storage import About, read_predictor, write_predictor
from mfsearch.problems.digits import digits
from mfsearch.problems.kd_table import TABLE
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.tables.measured import read_measured

SPACE = NASBench201Space()
ABOUT = About("nasbench201", SPACE.layout.width, 64, ("params",), 8)


def write(path: Path, about: About = ABOUT) -> Path:
    torch.manual_seed(0)
    model = about.model()
    weights = {name: torch.randn_like(weight) / 8 for name, weight in model.named_parameters()}
    write_predictor(
        path, Learned(model, weights, {name: 0.01 * torch.ones_like(w) for name, w in weights.items()}, 1, math.nan), about
    )
    return path


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> LiveTask:
    home = tmp_path_factory.mktemp("home")
    rung = digits(home, train=64, epochs=3, val=100, test=100).ladder["proxies"]
    assert isinstance(rung, ZeroCost)
    return rung.live


def test_it_says_what_the_adapted_predictor_says(live: LiveTask, tmp_path: Path) -> None:
    context = Context(0, math.inf, tmp_path)
    rung = DaSS("dass", live, str(write(tmp_path / "some.safetensors")))
    (teacher,) = rung.resources
    teacher.prepare(context)
    cells = SPACE.sample(5, np.random.default_rng(0))
    found = rung.score(cells, context)
    assert (found.columns, rung.signal, rung.trusted) == (("dass",), "dass", (True,)) and found.seconds > 0
    learned, _ = read_predictor(tmp_path / "some.safetensors")
    told = Told(live, 64, ["params"])
    expected = 100 * learned.predict(told.students(cells, context), told.support)
    assert [row[0] for row in found.values] == pytest.approx(expected.tolist(), abs=1e-4)
    assert rung.score(cells[::-1], context).values[::-1] == tuple(pytest.approx(row, abs=1e-4) for row in found.values)


def test_a_predictor_of_another_space_is_refused(live: LiveTask, tmp_path: Path) -> None:
    path = write(tmp_path / "other.safetensors", About("resnet", 24, 64, (), 8))
    with pytest.raises(ConfigError, match="must be one for the space 'nasbench201'; .* is for 'resnet'"):
        DaSS("dass", live, str(path))
    with pytest.raises(ConfigError, match="role of rung 'dass' must be 'input' or 'level'; got 'output'"):
        DaSS("dass", live, str(path), role="output")  # type: ignore[arg-type]
    assert DaSS("dass", live, str(write(tmp_path / "own.safetensors")), role="level").role == "level"
    with pytest.raises(DataError, match="must be a file that 'mfsearch meta-train' wrote"):
        DaSS("dass", live, str(tmp_path / "nowhere"))


def test_the_one_that_ships_ranks_cells_by_what_they_reach_on_another_data_set(live: LiveTask, tmp_path: Path) -> None:
    """Against what 60 random cells really reached when they were distilled on digits; nothing of digits was learned from."""
    context = Context(0, math.inf, tmp_path)
    rung = DaSS("dass", live)
    for resource in rung.resources:
        resource.prepare(context)
    reached = read_measured(TABLE).figures("kd50", "val_accuracy")
    keys = [str(key) for key in np.random.default_rng(0).choice(list(reached)[:1000], 60, replace=False)]
    found = [row[0] for row in rung.score([SPACE.parse(key) for key in keys], context).values]
    figures = np.array(found, dtype=np.float64)
    assert np.isfinite(figures).all()
    assert spearmanr(figures, np.array([fmean(reached[key]) for key in keys])).statistic > 0.6
    card = read_predictor(SHIPPED)[1].card
    assert {"config", "tested on", "spearman"} <= set(card)
    assert "/" not in str(card["config"]["base"]["task"])  # no path of the machine that made it
