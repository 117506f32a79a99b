from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mfsearch.errors import DataError
from mfsearch.tables.nasbench201_csv import read_nasbench201_csv
from mfsearch.tables.table import Piece

FIRST = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
SECOND = FIRST.replace("avg_pool_3x3", "none")
THIRD = FIRST.replace("avg_pool_3x3", "nor_conv_3x3")
HEAD = "index,arch,flops_m,params_m,my-data_val_e12,my-data_val_e200,my-data_test_e200,my-data_seconds_per_epoch\n"


def piece(path: Path) -> Piece:
    (only,) = read_nasbench201_csv(path)
    return only


@pytest.fixture
def write(tmp_path: Path):
    def file(*lines: str, head: str = HEAD) -> Path:
        path = tmp_path / "t.csv"
        path.write_text(head + "".join(f"{line}\n" for line in lines))
        return path

    return file


def figures(results: pa.Table, **where: object) -> list[dict[str, Any]]:
    for name, wanted in where.items():
        results = results.filter(pc.equal(results[name], wanted))
    return results.to_pylist()


def test_any_dataset_and_any_schedule(write):
    read = piece(write(f"1,{SECOND},2,0.2,50,70,71,3", f"0,{FIRST},1,0.1,40,60,61,2", head=HEAD))
    assert read.missing == ()
    assert len(read.results) == 6
    assert figures(read.results, schedule=200, split="val") == [
        {
            "index": index,
            "architecture": cell,
            "dataset": "my-data",
            "schedule": 200,
            "epoch": 200,
            "split": "val",
            "accuracy": accuracy,
            "loss": None,
            "seconds": seconds,
            "seeds": None,
        }
        for index, cell, accuracy, seconds in ((0, FIRST, 60.0, 400.0), (1, SECOND, 70.0, 600.0))
    ]
    assert [row["seconds"] for row in figures(read.results, schedule=12)] == [24.0, 36.0]
    assert read.scores.to_pylist() == [
        {"architecture": FIRST, "dataset": None, "flops": 1.0, "params": 0.1},
        {"architecture": SECOND, "dataset": None, "flops": 2.0, "params": 0.2},
    ]


def test_what_is_missing_or_damaged_is_named_and_the_rest_is_used(write):
    read = piece(
        write(
            f"0,{FIRST},1,0.1,101,,61,0", f"x,{SECOND},2,,oops,70,71,3", "2,|none~0|,1,1,1,1,1,1", f"3,{FIRST},1,1,1,1,1,1", "4,a"
        )
    )
    held = [(row["architecture"] == FIRST, row["split"], row["schedule"], row["accuracy"]) for row in read.results.to_pylist()]
    assert held == [(False, "val", 200, 70.0), (True, "test", 200, 61.0), (False, "test", 200, 71.0)]
    assert figures(read.results, architecture=SECOND)[0]["index"] is None
    assert figures(read.results, architecture=FIRST)[0]["seconds"] is None
    assert set(read.missing) == {
        ("t.csv: lines without 8 columns", "4,a"),
        ("t.csv: no number in 'index'", "line 3"),
        ("t.csv: no cell of NAS-Bench-201", "line 4: '|none~0|'"),
        ("t.csv: a cell for the second time", "line 5"),
        ("t.csv: 'my-data_val_e12' outside [0, 100]", FIRST),
        ("t.csv: no number in 'my-data_val_e12'", "line 3"),
        ("t.csv: 'my-data_seconds_per_epoch' not positive", "1 line(s)"),
    }


def test_columns_that_are_not_there_are_null(write):
    read = piece(write(f"{THIRD},55", head="arch,d_val_e7\n"))
    (row,) = read.results.to_pylist()
    assert (row["index"], row["seconds"], row["schedule"], row["accuracy"]) == (None, None, 7, 55.0)
    assert len(read.scores) == 0


def test_other_files_are_refused(write):
    with pytest.raises(DataError, match=r"t.csv must have the column\(s\) arch"):
        piece(write("1", head="a\n"))
    with pytest.raises(
        DataError, match="must have columns named <dataset>_<split>_e<epochs>, such as cifar10_test_e200; it has none"
    ):
        piece(write(FIRST, head="arch\n"))
    with pytest.raises(DataError, match="must have cells of NAS-Bench-201 in the column 'arch'; it has none"):
        piece(write("x,1", head="arch,d_val_e1\n"))


def test_the_benchmark(data: Path):
    read = piece(data / "nasbench201.csv.gz")
    assert read.missing == ()
    results = read.results
    (first,) = figures(results, index=0, dataset="cifar10-valid", split="val", schedule=12)
    assert (first["architecture"], round(first["accuracy"], 3)) == (FIRST, 63.364)
    (final,) = figures(results, index=0, dataset="cifar10", split="test", schedule=200)
    assert final["accuracy"] == 85.8633
    for dataset, best in (("cifar10", 94.37), ("cifar100", 73.51)):
        assert round(max(row["accuracy"] for row in figures(results, dataset=dataset, split="test", schedule=200)), 2) == best
    with gzip.open(data / "nasbench201.csv.gz", "rt") as file:
        expected = {row["arch"]: row for row in csv.DictReader(file)}
    for row in figures(results, dataset="cifar100", split="val", schedule=200)[::11]:
        source = expected[row["architecture"]]
        assert row["accuracy"] == float(source["cifar100_val_e200"])
        assert row["seconds"] == 200 * float(source["cifar100_seconds_per_epoch"])
