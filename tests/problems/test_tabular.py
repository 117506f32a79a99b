"""Problems of small tables made here, and of the shared files against what a plain reading of them says."""

from __future__ import annotations

import csv
import gzip
import math
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mfsearch.allocation import POLICIES
from mfsearch.errors import ConfigError, DataError
from mfsearch.execution.virtual import VirtualExecutor
from mfsearch.fidelities.base import AbstractScore, Context
from mfsearch.problems.base import Problem
from mfsearch.problems.tabular import NOTES, found, tabular
from mfsearch.study import Study
from mfsearch.tables.importing import import_nasbench201

# Two classes of two cells, and one of one. Node 1 of X1 and X2 is the input: what the last node takes from either is the same.
X1 = "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|"
X2 = "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|nor_conv_3x3~2|"
Y1 = X1.replace("nor_conv_3x3", "avg_pool_3x3")
Y2 = X2.replace("nor_conv_3x3", "avg_pool_3x3")
Z = "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|"
Lines = list[tuple[Any, ...]]

Import = Callable[..., Path]


@pytest.fixture
def put(tmp_path: Path) -> Import:
    """A home with a table of these columns and lines, and of these scores."""

    def write(
        head: str, lines: Lines, scores: str = "", score_lines: Lines | None = None, name: str = "t", **options: Any
    ) -> Path:
        (tmp_path / "a.csv").write_text("\n".join([head, *(",".join(map(str, line)) for line in lines), ""]))
        if scores:
            (tmp_path / "z.csv").write_text("\n".join([scores, *(",".join(map(str, line)) for line in score_lines or ()), ""]))
        import_nasbench201(tmp_path, tmp_path / "a.csv", name, tmp_path / "z.csv" if scores else None, **options)
        return tmp_path

    return write


HEAD = "index,arch,d-valid_val_e2,d-valid_val_e9,d_test_e9,d-valid_seconds_per_epoch"
PLAIN: Lines = [
    (4, X2, 10, 20, 30, 1),
    (1, X1, 11, 21, 31, 2),
    (2, Y2, 12, 22, 32, 3),
    (3, Y1, 13, 29, 33, 4),
    (0, Z, 14, 24, 34, 5),
]


def figures(problem: Problem, tmp_path: Path) -> dict[str, list[float]]:
    """Representative -> value and cost on each rung, truth and test."""
    context = Context(0, 1e9, tmp_path)
    assert problem.oracle is not None and problem.oracle.test is not None
    rows = {}
    for a in problem.space.enumerate() or []:
        rows[a.key] = [problem.oracle.truth(a), problem.oracle.test(a)]
        for rung in problem.ladder.evaluations:
            rows[a.key] += [rung.evaluate(a, context).values["val_accuracy"], rung.expected_cost(a)]
    return rows


def test_a_class_has_the_figures_of_its_lowest_index(put: Import, tmp_path: Path):
    problem = tabular(put(HEAD, PLAIN), "t", "d")
    assert figures(problem, tmp_path) == {
        Z: [24.0, 34.0, 14.0, 10.0, 24.0, 45.0],
        X1: [21.0, 31.0, 11.0, 4.0, 21.0, 18.0],
        Y2: [22.0, 32.0, 12.0, 6.0, 22.0, 27.0],
    }
    assert problem.oracle is not None
    for one, other in ((X1, X2), (Y2, Y1)):  # any member may be asked for
        a, b = problem.space.parse(one), problem.space.parse(other)
        assert problem.oracle.truth(a) == problem.oracle.truth(b)
        assert [rung.expected_cost(a) for rung in problem.ladder] == [rung.expected_cost(b) for rung in problem.ladder]
    assert [rung.name for rung in problem.ladder] == ["e2", "e9"]
    assert (problem.name, problem.virtual, problem.recommend) == ("t-d", True, "predicted")
    assert problem.oracle is not None
    assert (problem.oracle.optimum, problem.oracle.span) == (29.0, 9.0)  # of all rows
    assert problem.description == f"d of table 't' (a.csv): 5 cells in 3 classes. {NOTES}"


def test_a_class_has_the_scores_of_its_lowest_index_with_a_row(put: Import, tmp_path: Path):
    lines = [(cell, 5 * i, i) for i, cell in enumerate((X2, Y1, Y2), start=1)]
    home = put(HEAD + ",params_m", [(*line, line[0] / 10) for line in PLAIN], "arch,nwot,params", lines, proxies_dataset="d")
    problem = tabular(home, "t", "d")
    rung = problem.ladder["proxies"]
    assert isinstance(rung, AbstractScore)
    assert rung.columns == ("params", "nwot")
    scores = rung.score(problem.space.enumerate() or [], Context(0, 1e9, tmp_path))
    assert scores.values == ((0.0, None), (0.1, 5.0), (0.2, 15.0))  # Z has no row; X1's is X2's; Y2 has its own
    assert scores.seconds == pytest.approx(0.6)
    assert "of its own" not in problem.description
    assert [rung.name for rung in tabular(home, "t", "d", proxies=[]).ladder] == ["e2", "e9"]


def test_scores_of_another_dataset_are_taken_and_it_is_said(put: Import):
    problem = tabular(put(HEAD, PLAIN, "arch,nwot,zen", [(Z, 1, 2)], proxies_dataset="other"), "t", "d", proxies=["zen", "nwot"])
    assert problem.ladder.scores[0].columns == ("zen", "nwot")
    assert "d has no zen, nwot of its own and takes those of other." in problem.description


def test_every_dataset_with_validation_accuracies_is_a_problem(put: Import, tmp_path: Path):
    columns = ["d-valid_val_e2", "d_test_e2", "Big-9_val_e2", "Big-9_test_e2", "lone-valid_val_e2", "blind_test_e2"]
    seconds = [f"{name}_seconds_per_epoch" for name in ("d-valid", "Big-9", "lone-valid", "blind")]
    put(",".join(["arch", *columns, *seconds]), [(X1, *range(1, 11)), (Y1, *range(11, 21))], name="one")
    put("arch,d_val_e3,d_seconds_per_epoch", [(X1, 1, 1), (Y1, 2, 2)], name="two")
    problems = found(tmp_path)
    assert sorted(problems) == ["one-big-9", "one-d", "one-lone-valid", "two-d"]
    for name, make in problems.items():
        assert make(tmp_path).name == name
    assert found(tmp_path / "nothing") == {}
    oracle = problems["two-d"](tmp_path).oracle
    assert oracle is not None and oracle.test is None
    assert tabular(tmp_path, "one", "BIG-9").name == "one-big-9"
    (tmp_path / "tables" / "two.parquet").write_bytes(b"damaged")
    assert "two-d" not in found(tmp_path)


def test_cells_with_a_figure_missing_are_not_in_the_space(put: Import, tmp_path: Path):
    lines = [(0, Z, "", 24, 34, 5), (1, X1, 11, 21, "", 2), (2, Y1, 12, 22, 32, ""), (3, Y2, 13, 29, 33, 4)]
    problem = tabular(put(HEAD, lines), "t", "d")
    assert [a.key for a in problem.space.enumerate() or []] == [X1, Y2]
    assert problem.oracle is not None and problem.oracle.test is not None
    assert math.isnan(problem.oracle.test(problem.space.parse(X1)))
    assert len(tabular(tmp_path, "t", "d", schedules=[9]).space.enumerate() or []) == 3


def test_what_cannot_be_a_problem(put: Import, tmp_path: Path):
    home = put(HEAD, PLAIN)
    with pytest.raises(DataError, match="a dataset must be one of d; got 'x'. Choose one of them."):
        tabular(home, "t", "x")
    with pytest.raises(ConfigError, match="schedules must be some of 2, 9, ascending; got 9, 2. Mend them."):
        tabular(home, "t", "d", schedules=[9, 2])
    with pytest.raises(ConfigError, match="proxies must be some of none, for the table has none, each once; got nwot"):
        tabular(home, "t", "d", proxies=["nwot"])
    with pytest.raises(DataError, match="a table must have been imported; got 'u', there are: t"):
        tabular(home, "u", "d")
    put("arch,d_test_e2", [(X1, 1)], name="blind")
    with pytest.raises(DataError, match="dataset 'd' of table 'blind' must have validation accuracies; it has none"):
        tabular(home, "blind", "d")
    put("arch,d_val_e2", [(X1, 1)], name="free")
    with pytest.raises(DataError, match="must have accuracy and training seconds after 2 epochs for some cell; it has none"):
        tabular(home, "free", "d")


def test_a_problem_travels(put: Import):
    problem = tabular(put(HEAD, PLAIN), "t", "d")
    copy = pickle.loads(pickle.dumps(problem))
    assert copy.space.enumerate() == problem.space.enumerate()
    assert copy.oracle.truth(copy.space.parse(X1)) == 21.0


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with the table of the shared files, its columns renamed: nothing depends on a dataset's name."""
    if "MFSEARCH_DATA" not in os.environ:
        pytest.skip("needs the reference data in MFSEARCH_DATA")
    data, home = Path(os.environ["MFSEARCH_DATA"]), tmp_path_factory.mktemp("shared")
    with gzip.open(data / "nasbench201.csv.gz", "rt") as file:
        head, rest = file.readline(), file.read()
    (home / "a.csv").write_text(head.replace("cifar10", "SVHN-x") + rest)
    proxies = data / "nasbench201_zero_cost_cifar10.csv.gz"
    import_nasbench201(home, home / "a.csv", "mine", proxies, "SVHN-x")
    import_nasbench201(home, data / "nasbench201.csv.gz", "nasbench201", proxies)
    return home


@pytest.mark.parametrize(("name", "search", "test"), [("cifar10", "cifar10-valid", 94.37), ("cifar100", "cifar100", 73.51)])
def test_the_benchmark(shared: Path, tmp_path: Path, name: str, search: str, test: float):
    assert sorted(found(shared)) == ["mine-svhn-x", "mine-svhn-x0", "nasbench201-cifar10", "nasbench201-cifar100"]
    problem = found(shared)[f"nasbench201-{name}"](shared)
    folder = Path(os.environ["MFSEARCH_DATA"])
    with gzip.open(folder / "nasbench201.csv.gz", "rt") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: int(row["index"]))
    with gzip.open(folder / "nasbench201_zero_cost_cifar10.csv.gz", "rt") as file:
        proxies = {row["arch"]: row for row in csv.DictReader(file)}
    classes: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        classes.setdefault(row["isomorph"], []).append(row)
    first = [members[0] for members in classes.values()]
    cells = problem.space.enumerate() or []
    assert [a.key for a in cells] == [row["arch"] for row in first]
    assert problem.oracle is not None and problem.oracle.test is not None
    assert problem.oracle.optimum == max(float(row[f"{search}_val_e200"]) for row in rows)
    assert round(max(float(row[f"{name}_test_e200"]) for row in rows), 2) == test
    for rung, epochs in (("e12", 12), ("e200", 200)):
        evaluation = problem.ladder.evaluations[problem.ladder.level(rung)]
        measured = [evaluation.evaluate(a, Context(0, 1e9, tmp_path)) for a in cells[::37]]
        assert [m.values["val_accuracy"] for m in measured] == [float(row[f"{search}_val_e{epochs}"]) for row in first[::37]]
        np.testing.assert_allclose(
            [m.seconds or 0 for m in measured], [epochs * float(row[f"{search}_seconds_per_epoch"]) for row in first[::37]]
        )
    assert [problem.oracle.test(a) for a in cells[::37]] == [float(row[f"{name}_test_e200"]) for row in first[::37]]
    scored = problem.ladder.scores[0].score(cells, Context(0, 1e9, tmp_path)).values
    expected: list[tuple[float | None, ...]] = []
    for members in classes.values():
        scores_row = next((proxies[member["arch"]] for member in members if member["arch"] in proxies), None)
        measured_scores = tuple(
            None if scores_row is None else float(scores_row[score]) for score in ("synflow", "nwot", "jacov", "grad_norm")
        )
        expected.append((float(members[0]["flops_m"]), float(members[0]["params_m"]), *measured_scores))
    assert list(scored) == expected
    assert sum(row[2] is None for row in scored) == 181
    assert ("takes those of cifar10" in problem.description) is (name == "cifar100")


def test_a_table_with_another_prefix_is_searched_in_the_same_way(shared: Path):
    found_by = []
    for name in ("nasbench201-cifar10", "mine-svhn-x"):
        problem = found(shared)[name](shared)
        study = Study(
            problem.space,
            problem.ladder,
            "20min",
            objective=problem.objective,
            policy=POLICIES["cost_aware"](),
            executor=VirtualExecutor(),
            recommend="predicted",
            seed=3,
        )
        recommendation = study.run()
        assert recommendation is not None
        found_by.append((recommendation.architecture.key, len(study.state.observations), study.state.ledger.spent))
    assert found_by[0] == found_by[1]
    assert found_by[0][1] >= 4
