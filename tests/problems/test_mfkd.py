from __future__ import annotations

import csv
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from scipy.stats import spearmanr

from mfsearch.errors import ConfigError, DataError
from mfsearch.fidelities.base import AbstractEvaluation, Context
from mfsearch.problems.base import Problem
from mfsearch.problems.mfkd import mobilenetv2, nst240
from mfsearch.records import Architecture
from mfsearch.tables.importing import import_mfkd, import_nasbench201

CONTEXT = Context(0, float("inf"), Path("unused"))


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def looked_up(problem: Problem, rung: str, architecture: Architecture) -> tuple[float, float]:
    found = problem.ladder[rung]
    assert isinstance(found, AbstractEvaluation)
    measured = found.evaluate(architecture, CONTEXT)
    assert measured.seconds is not None
    return measured.values[found.signal], measured.seconds


def test_cells_have_the_figures_of_both_files(mfkd_home: Path):
    problem = nst240(mfkd_home, rungs=["nst1", "nst3", "e12", "e200"])
    plain = {row["arch"]: row for row in rows(mfkd_home / "plain.csv")}
    nst = {(row["arch"], row["epoch"]): row for row in rows(mfkd_home / "nst.csv")}
    assert [rung.name for rung in problem.ladder] == ["nst1", "nst3", "e12", "e200"] and problem.virtual
    members = problem.space.enumerate()
    assert members is not None and len(members) == 30  # these cells compute different functions
    assert problem.oracle is not None and problem.oracle.test is not None
    for a in members[::7]:
        own = plain[a.key]
        assert looked_up(problem, "nst1", a) == pytest.approx((float(nst[a.key, "1"]["train_acc"]), 1.5 * 10.0))
        assert looked_up(problem, "nst3", a) == pytest.approx((float(nst[a.key, "3"]["train_acc"]), 3 * 1.5 * 10.0))
        assert looked_up(problem, "e12", a) == pytest.approx((float(own["cifar100_val_e12"]), 120.0))
        assert problem.oracle.truth(a) == float(own["cifar100_val_e200"]) and problem.oracle.test(a) == float(
            own["cifar100_test_e200"]
        )
        assert len(problem.space.neighbours(a)) >= 1
    own_seconds = nst240(mfkd_home, rungs=["nst2", "e12"], signal="val", seconds="own")
    first = members[0]
    assert looked_up(own_seconds, "nst2", first) == pytest.approx((float(nst[first.key, "2"]["x-valid_acc"]), 10.0))
    assert own_seconds.oracle is not None and own_seconds.oracle.truth(first) == float(plain[first.key]["cifar100_val_e12"])


def test_equal_cells_are_one_candidate(data: Path, tmp_path: Path):
    import_mfkd(tmp_path, "mfkd-nst240", data / "nasbench201_nst_cifar100.csv.gz")
    with pytest.raises(
        DataError, match="needs table 'nb', which was not imported. Run: mfsearch data import nasbench201 SOURCE --name nb"
    ):
        nst240(tmp_path, table="nb")
    import_nasbench201(tmp_path, data / "nasbench201.csv.gz", "nb")
    problem = nst240(tmp_path, table="nb")
    members = problem.space.enumerate()
    assert (
        members is not None
        and len(members) == 194
        and problem.description.startswith("228 cells of NAS-Bench-201 in 194 classes")
    )
    assert problem.oracle is not None and problem.oracle.optimum == pytest.approx(72.7733, abs=1e-3)


def test_networks_have_the_figures_of_the_file(mfkd_home: Path):
    problem = mobilenetv2(mfkd_home, rungs=["nokd27", "nst3", "full"])
    members = problem.space.enumerate()
    assert members is not None and len(members) == 12 and problem.oracle is not None
    by = {(row["method"], row["training_data_divisor"], row["stage0_channels"]): row for row in rows(mfkd_home / "networks.csv")}
    for a in members:
        channels = a.key.partition("x")[0]
        own = by["nst", "3", channels]
        assert looked_up(problem, "nst3", a) == pytest.approx((float(own["valid_acc"]), float(own["seconds"])))
        assert problem.oracle.truth(a) == float(by["nokd", "1", channels]["valid_acc"])
    encoded = problem.space.encode(members)
    np.testing.assert_allclose(encoded[:, 0], np.log((8 + 4 * np.arange(12)) / 8) / np.log(52 / 8))
    others = mobilenetv2(mfkd_home, rungs=["full"], target="test")
    assert others.oracle is not None and others.oracle.optimum == 40 + 2.0 * 11 + 1 and others.objective.signal == "test_accuracy"


def test_operations_are_a_free_score(mfkd_home: Path):
    problem = mobilenetv2(mfkd_home)
    members = problem.space.enumerate()
    assert members is not None and [rung.name for rung in problem.ladder] == ["flops", "nst27", "nst9", "nst3", "full"]
    (rung,) = problem.ladder.scores
    scores = rung.score(members, CONTEXT)
    assert (scores.seconds, rung.trusted, rung.capacity) == (0.0, (True,), (True,))
    channels, repeats = (int(figure) for figure in members[4].key.split("x"))
    first = 27 * 32 + 2 * 32 + 11 * 32 + (32 + 2) * channels
    assert scores.values[4][0] == 1024 * (first + (repeats - 1) * (11 * channels + (channels + 2) * channels)) + 100 * channels


def test_what_operations_say_of_the_authors_networks(data: Path, tmp_path: Path):
    """The figures of docs/reproduce-mfkd.md."""
    import_mfkd(tmp_path, "mfkd-mobilenetv2", data / "mfkd_mobilenetv2_cifar100.csv.gz")
    said: list[tuple[Literal["val", "test"], float, int]] = [("val", 0.775, 1), ("test", 0.697, 5)]
    for target, spearman, place in said:
        problem = mobilenetv2(tmp_path, target=target)
        members = problem.space.enumerate()
        assert members is not None and problem.oracle is not None
        scores = np.array([row[0] for row in problem.ladder.scores[0].score(members, CONTEXT).values], dtype=float)
        truth = np.array([problem.oracle.truth(a) for a in members])
        assert spearmanr(scores, truth).statistic == pytest.approx(spearman, abs=5e-4)
        assert (scores >= scores[np.argmax(truth)]).sum() == place


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (nst240, {"rungs": []}, "rungs must be some of nst1 to nst12, e12, e200, cheapest first, a plain one last; got none"),
        (nst240, {"rungs": ["e12", "nst1"]}, "cheapest first, a plain one last; got e12, nst1"),
        (nst240, {"signal": "test"}, "signal must be train or val, and seconds table or own; got 'test' and 'table'"),
        (
            mobilenetv2,
            {"rungs": ["nst27"]},
            "rungs must be some of full, kd27, kd3, kd9, nokd27, nst27, nst3, nst9, 'full' last, with 'flops' first or not at all; got nst27",
        ),
        (mobilenetv2, {"rungs": ["x9", "full"]}, "'full' last, with 'flops' first or not at all; got x9, full"),
        (mobilenetv2, {"rungs": ["nst27", "flops", "full"]}, "'flops' first or not at all; got nst27, flops, full"),
        (mobilenetv2, {"rungs": ["flops"]}, "not at all; got flops"),
        (mobilenetv2, {"rungs": []}, "not at all; got none"),
        (mobilenetv2, {"target": "train"}, "target must be val or test; got 'train'"),
    ],
)
def test_wrong_options_are_refused(mfkd_home: Path, make, options, message):
    with pytest.raises(ConfigError, match=message):
        make(mfkd_home, **({"rungs": ["nst1", "e12"]} if make is nst240 else {"rungs": ["full"]}) | options)
