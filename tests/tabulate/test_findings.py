"""What is estimated is compared with what the figures were drawn from, and with scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from mfsearch.records import Objective
from mfsearch.tables.measured import Measured, MeasuredAbout, MeasuredRow, MeasuredRung, to_rows
from mfsearch.tabulate.findings import findings, seconds_of_one

RUNGS = (
    MeasuredRung("proxies", "score", "size", columns=("size", "noise")),
    MeasuredRung("few", "evaluation", "-train_loss", seeds=1),
    MeasuredRung("full", "evaluation", "val_accuracy", seeds=3),
)


def table(n: int = 400, seeds: int = 3, between: float = 4.0, within: float = 2.0) -> tuple[Measured, np.ndarray]:
    rng = np.random.default_rng(0)
    truth = rng.normal(70, between, n)
    runs = truth[:, None] + rng.normal(0, within, (n, seeds))
    rows = []
    for i in range(n):
        scores = {"size": float(truth[i] + rng.normal(0, 3)), "noise": None if i % 2 else float(rng.normal())}
        rows.append(MeasuredRow(f"a{i}", "sample", "proxies", None, "ok", 0.5, None, scores))
        low = {"train_loss": float(-truth[i] + rng.normal(0, 1)), "val_accuracy": float(rng.uniform(0, 100))}
        rows.append(MeasuredRow(f"a{i}", "sample", "few", 0, "ok", 1.0, None, low))
        for k in range(seeds):
            rows.append(MeasuredRow(f"a{i}", "sample", "full", k, "ok", 10.0, None, {"val_accuracy": float(runs[i, k])}))
    about = MeasuredAbout({}, RUNGS, Objective(), {}, ("here",), "cpu")
    return Measured(about, to_rows(rows)), runs


def test_seed_noise_is_told_from_differences_between_architectures():
    measured, runs = table()
    target = findings(measured)[-1]
    assert (target.rung, target.figure, target.signal, target.architectures) == ("full", "val_accuracy", True, 400)
    assert target.spread_all is not None and target.spread_half is not None
    assert target.spread_all.within == pytest.approx(math.sqrt(runs.var(1, ddof=1).mean()), rel=1e-12)
    assert target.spread_all.between == pytest.approx(4.0, rel=0.1)
    assert target.spread_all.noise_share == pytest.approx(0.25, rel=0.25)
    assert target.spread_half.between < target.spread_all.between


def test_a_run_of_the_target_is_never_compared_with_itself():
    measured, runs = table()
    target = findings(measured)[-1]
    others = (runs.sum(1, keepdims=True) - runs) / 2
    expected = np.mean([stats.spearmanr(runs[:, k], others[:, k]).statistic for k in range(3)])
    assert target.all is not None
    assert target.all.value == pytest.approx(expected, rel=1e-9)
    assert target.all.low < expected < target.all.high
    alone = findings(table(seeds=1)[0])[-1]
    assert alone.all is None and alone.spread_all is not None and math.isnan(alone.spread_all.within)


def test_every_figure_that_could_be_a_signal_is_ranked_against_the_targets_mean():
    measured, runs = table()
    found = {(f.rung, f.figure): f for f in findings(measured)}
    assert list(found) == [
        ("proxies", "size"), ("proxies", "noise"), ("few", "-train_loss"), ("few", "val_accuracy"), ("full", "val_accuracy"),
    ]  # fmt: skip
    means = runs.mean(1)
    sizes = [measured.figures("proxies", "size")[f"a{i}"][0] for i in range(400)]
    size, loss = found["proxies", "size"], found["few", "-train_loss"]
    assert size.all is not None and size.half is not None and loss.all is not None
    assert size.all.value == pytest.approx(stats.spearmanr(sizes, means).statistic, rel=1e-9)
    better = np.argsort(-means)[:200]
    assert size.half.value == pytest.approx(stats.spearmanr(np.array(sizes)[better], means[better]).statistic, rel=1e-9)
    assert loss.all.value > 0.8, "less loss is better"
    assert found["proxies", "noise"].architectures == 200 and size.spread_all is None
    assert [f.signal for f in found.values()] == [True, False, True, False, True]
    assert [f.seconds for f in found.values()] == [0.5, 0.5, 1.0, 1.0, 10.0]
    assert seconds_of_one(measured) == pytest.approx(0.5 + 1.0 + 30.0)


def test_three_architectures_are_too_few_to_correlate():
    assert {f.all for f in findings(table(3)[0])} == {None}
