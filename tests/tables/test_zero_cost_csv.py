from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest

from mfsearch.errors import DataError
from mfsearch.tables.zero_cost_csv import read_zero_cost_csv

FIRST = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
SECOND = FIRST.replace("avg_pool_3x3", "none")


@pytest.fixture
def write(tmp_path: Path):
    def file(text: str) -> Path:
        (tmp_path / "z.csv").write_text(text)
        return tmp_path / "z.csv"

    return file


def test_a_column_a_score(write):
    read = read_zero_cost_csv(write(f"arch,nwot,flops\n{FIRST},1.5,9\n{SECOND},,8\n"), "mine", leave_out=["flops"])
    assert read.scores.to_pylist() == [{"architecture": FIRST, "dataset": "mine", "nwot": 1.5}]
    assert read.missing == ()


def test_damage_is_named(write):
    read = read_zero_cost_csv(write(f"arch,a,b\n{FIRST},1,x\nno cell,1,1\n{FIRST},2,2\n{SECOND},nan,3\n"), "mine")
    assert [(row["a"], row["b"]) for row in read.scores.to_pylist()] == [(1.0, None), (None, 3.0)]
    assert set(read.missing) == {
        ("z.csv: no cell of NAS-Bench-201", "line 3: 'no cell'"),
        ("z.csv: a cell for the second time", "line 4"),
        ("z.csv: no number in 'b'", "line 2"),
        ("z.csv: no number in 'a'", "line 5"),
    }


def test_other_files_are_refused(write):
    with pytest.raises(DataError, match=r"z.csv must have the column\(s\) arch"):
        read_zero_cost_csv(write("a\n1\n"), "mine")
    with pytest.raises(DataError, match="must have a column for each score beside 'arch'; it has none"):
        read_zero_cost_csv(write(f"arch\n{FIRST}\n"), "mine")
    with pytest.raises(DataError, match="must not be called 'dataset'"):
        read_zero_cost_csv(write(f"arch,dataset\n{FIRST},1\n"), "mine")
    with pytest.raises(DataError, match="must have cells of NAS-Bench-201 in the column 'arch'; it has none"):
        read_zero_cost_csv(write("arch,a\nx,1\n"), "mine")


def test_the_proxies_of_the_benchmark(data: Path):
    read = read_zero_cost_csv(data / "nasbench201_zero_cost_cifar10.csv.gz", "cifar10")
    assert read.missing == () and len(read.scores) == 9445 and len(read.scores.column_names) == 15
    with gzip.open(data / "nasbench201_zero_cost_cifar10.csv.gz", "rt") as file:
        expected = {row["arch"]: row for row in csv.DictReader(file)}
    for row in read.scores.to_pylist()[::97]:
        source = expected[row.pop("architecture")]
        assert row.pop("dataset") == "cifar10"
        assert row == {name: float(source[name]) for name in row}
