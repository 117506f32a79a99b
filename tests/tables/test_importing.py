from __future__ import annotations

from pathlib import Path

import pytest

from mfsearch.errors import DataError
from mfsearch.tables.importing import IMPORTERS, import_nasbench201, kind_of
from mfsearch.tables.table import read_table

FIRST = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
SECOND = FIRST.replace("avg_pool_3x3", "none")


def test_the_kind_is_seen(tmp_path: Path):
    for name in ("a.csv", "b.csv.gz", "c.pth", "d.txt"):
        (tmp_path / name).touch()
    kinds = [kind_of(path) for path in (tmp_path, *(tmp_path / name for name in ("a.csv", "b.csv.gz", "c.pth")))]
    assert kinds == ["nats_bench", "csv", "csv", "pth"]
    assert set(kinds) == set(IMPORTERS)
    with pytest.raises(
        DataError, match=r"must be a NATS-Bench folder, a .pth file of NAS-Bench-201, or a .csv or .csv.gz file; got d.txt"
    ):
        kind_of(tmp_path / "d.txt")
    with pytest.raises(DataError, match="SOURCE must be a file or folder; there is no "):
        kind_of(tmp_path / "no.csv")


def test_scores_come_beside_and_counts_from_one_source(tmp_path: Path):
    (tmp_path / "a.csv").write_text(f"arch,flops_m,d_val_e1\n{FIRST},1,50\n{SECOND},2,60\n")
    (tmp_path / "z.csv").write_text(f"arch,flops,nwot\n{SECOND},9,1.5\n")
    about = import_nasbench201(tmp_path, tmp_path / "a.csv", "t", tmp_path / "z.csv", "mine")
    assert (about.source, about.kind, about.scores) == ("a.csv", "csv", {"flops": 2, "nwot": 1})
    assert [str(missing) for missing in about.missing] == [f"z.csv: no row of its own: 1 ({FIRST})"]
    assert read_table(tmp_path, "t").scores.to_pylist() == [
        {"architecture": FIRST, "dataset": None, "flops": 1.0, "nwot": None},
        {"architecture": SECOND, "dataset": None, "flops": 2.0, "nwot": None},
        {"architecture": SECOND, "dataset": "mine", "flops": None, "nwot": 1.5},
    ]


def test_counts_of_the_scores_are_taken_where_the_table_has_none(tmp_path: Path):
    (tmp_path / "a.csv").write_text(f"arch,d_val_e1\n{FIRST},50\n")
    (tmp_path / "z.csv").write_text(f"arch,flops\n{FIRST},9\n")
    assert import_nasbench201(tmp_path, tmp_path / "a.csv", "t", tmp_path / "z.csv").scores == {"flops": 1}


def test_the_shared_files(data: Path, tmp_path: Path):
    about = import_nasbench201(tmp_path, data / "nasbench201.csv.gz", "t", data / "nasbench201_zero_cost_cifar10.csv.gz")
    assert (about.architectures, about.finals, len(about.scores)) == (15_625, 125_000, 13)
    assert [(missing.what, missing.count) for missing in about.missing] == [
        ("nasbench201_zero_cost_cifar10.csv.gz: no row of its own", 6_180)
    ]
