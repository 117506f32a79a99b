from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest

from mfsearch.errors import DataError
from mfsearch.tables.importing import import_mfkd
from mfsearch.tables.mfkd_csv import read_mobilenetv2_csv, read_nst_csv
from mfsearch.tables.table import read_table

FIRST = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
SECOND = FIRST.replace("avg_pool_3x3", "none")
NST = "arch,epoch,train_acc,x-valid_acc,x-test_acc,train_loss,train_time_s"
NETWORKS = "method,training_data_divisor,valid_acc,test_acc,seconds,stage0_channels,stage0_repeats,stage1_channels,stage1_repeats"


@pytest.fixture
def write(tmp_path: Path):
    def file(text: str) -> Path:
        (tmp_path / "m.csv").write_text(text)
        return tmp_path / "m.csv"

    return file


def test_a_run_is_its_epochs_in_order(write):
    (piece,) = read_nst_csv(write(f"{NST}\n{FIRST},2,20,21,22,-3,5\n{FIRST},1,10,11,12,4,6\n"))
    rows = piece.results.to_pylist()
    assert {row["split"] for row in rows} == {"train", "val", "test"} and piece.missing == ()
    val = [row for row in rows if row["split"] == "val"]
    assert [(r["epoch"], r["accuracy"], r["seconds"], r["schedule"], r["dataset"]) for r in val] == [
        (1, 11.0, 6.0, 2, "cifar100"),
        (2, 21.0, 11.0, 2, "cifar100"),
    ]
    assert [row["loss"] for row in rows if row["split"] == "train"] == [4.0, -3.0]


def test_what_cannot_be_used_is_named(write):
    lines = [
        f"{FIRST},1,10,11,12,4,6",
        f"{FIRST},2,20,,122,4,",
        f"{SECOND},1,1,1,1,1,1",
        "no cell,1,1,1,1,1,1",
        f"{FIRST},2,1,1,1,1,1",
        f"{FIRST},x,1,1,1,1,1",
    ]
    (piece,) = read_nst_csv(write("\n".join([NST, *lines]) + "\n"))
    last = [row for row in piece.results.to_pylist() if row["epoch"] == 2]
    assert [(row["split"], row["accuracy"], row["seconds"]) for row in last] == [("train", 20.0, None)]
    assert set(piece.missing) == {
        ("m.csv: no number in 'epoch'", "line 7"),
        ("m.csv: no epoch", "line 7"),
        ("m.csv: no cell of NAS-Bench-201", "line 5: 'no cell'"),
        ("m.csv: an epoch for the second time", "line 6"),
        ("m.csv: fewer than 2 epochs", SECOND),
        ("m.csv: 'x-test_acc' outside [0, 100]", FIRST),
    }


def test_networks_are_called_by_their_stages(write):
    text = f"{NETWORKS}\nnokd,1,60,61,100,16,1,32,2\nnst,27,20,21,9,16,1,32,2\nnst,27,1,1,1,16,1,32,2\nnst,x,1,1,1,16,1,32,2\nnst,9,1,1,1,16,0,32,2\n"
    (piece,) = read_mobilenetv2_csv(write(text))
    rows = piece.results.to_pylist()
    assert [(r["architecture"], r["dataset"], r["split"], r["accuracy"], r["seconds"]) for r in rows] == [
        ("16x1 32x2", "cifar100-nokd-1", "val", 60.0, 100.0),
        ("16x1 32x2", "cifar100-nokd-1", "test", 61.0, 100.0),
        ("16x1 32x2", "cifar100-nst-27", "val", 20.0, 9.0),
        ("16x1 32x2", "cifar100-nst-27", "test", 21.0, 9.0),
    ]
    assert piece.scores.to_pylist() == [
        {"architecture": "16x1 32x2", "dataset": None}
        | {"stage0_channels": 16.0, "stage0_repeats": 1.0, "stage1_channels": 32.0, "stage1_repeats": 2.0}
    ]
    assert ("m.csv: a network for the second time", "line 4") in piece.missing
    assert {("m.csv: no method, divisor or stages", f"line {line}") for line in (5, 6)} <= set(piece.missing)


@pytest.mark.parametrize("read", [read_nst_csv, read_mobilenetv2_csv])
def test_other_files_are_refused(write, read):
    with pytest.raises(DataError, match=r"m.csv must have the column\(s\) .* its columns begin a"):
        list(read(write("a\n1\n")))
    head = NST if read is read_nst_csv else NETWORKS
    with pytest.raises(DataError, match="it has none. Name another file"):
        list(read(write(head + "\n" + ",".join(["x"] * len(head.split(","))) + "\n")))


def test_the_authors_runs(tmp_path: Path, data: Path):
    about = import_mfkd(tmp_path, "mfkd-nst240", data / "nasbench201_nst_cifar100.csv.gz")
    assert (about.architectures, about.kind) == (240, "mfkd-nst240")
    assert [(m.what, m.count) for m in about.missing if " val " in m.what] == [("no cifar100 val accuracy after 12 epochs", 12)]
    with gzip.open(data / "nasbench201_nst_cifar100.csv.gz", "rt") as file:
        source = {(row["arch"], int(row["epoch"])): row for row in csv.DictReader(file)}
    rows = read_table(tmp_path, "mfkd-nst240", curves=True).results.to_pylist()
    columns = {"train": "train_acc", "val": "x-valid_acc", "test": "x-test_acc", "valtest": "ori-test_acc"}
    for row in rows[::53]:
        own = [source[row["architecture"], epoch] for epoch in range(1, row["epoch"] + 1)]
        assert row["accuracy"] == float(own[-1][columns[row["split"]]])
        if row["seconds"] is not None:
            assert row["seconds"] == pytest.approx(np.sum([float(epoch["train_time_s"]) for epoch in own]))


def test_the_authors_networks(tmp_path: Path, data: Path):
    about = import_mfkd(tmp_path, "mfkd-mobilenetv2", data / "mfkd_mobilenetv2_cifar100.csv.gz")
    assert (about.architectures, about.finals, about.missing) == (100, 2 * 31 * 100, ())
    table = read_table(tmp_path, "mfkd-mobilenetv2")
    best = max(
        (row for row in table.results.to_pylist() if (row["dataset"], row["split"]) == ("cifar100-nokd-1", "test")),
        key=lambda row: row["accuracy"],
    )
    assert best["accuracy"] == 70.30
    assert len(table.scores.column_names) == 2 + 16
