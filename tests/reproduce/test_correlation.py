"""The published figures from the authors' files; scipy on a small table; nothing where there is nothing."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from mfsearch.errors import DataError
from mfsearch.reproduce.correlation import Line, correlations, to_markdown
from mfsearch.tables.importing import import_mfkd, import_nasbench201

# Recomputed from the authors' files with another library (pandas and scipy): Pearson, Spearman, Kendall; mean seconds.
NETWORKS = {
    ("nokd", 27): (0.11, 0.12, 0.09, 89),
    ("nokd", 9): (0.46, 0.43, 0.30, 210),
    ("nokd", 3): (0.86, 0.86, 0.69, 573),
    ("kd", 27): (0.34, 0.36, 0.23, 90),
    ("kd", 9): (0.60, 0.60, 0.43, 211),
    ("kd", 3): (0.92, 0.90, 0.74, 577),
    ("nst", 27): (0.43, 0.44, 0.30, 156),
    ("nst", 9): (0.60, 0.62, 0.44, 337),
    ("nst", 3): (0.80, 0.80, 0.62, 878),
    ("attention", 27): (0.58, 0.55, 0.39, 114),
    ("hint", 9): (0.48, 0.49, 0.34, 246),
    ("similarity", 3): (0.79, 0.78, 0.61, 679),
    ("pkt", 3): (0.41, 0.45, 0.31, 602),
    ("correlation", 9): (0.46, 0.43, 0.30, 247),
    ("crd", 9): (0.45, 0.42, 0.30, 491),
    ("vid", 3): (-0.22, -0.13, -0.09, 755),
}


def one(lines: list[Line], source: str, part: str, signal: str, group: str = "all") -> Line:
    (found,) = [line for line in lines if (line.source, line.part, line.signal, line.group) == (source, part, signal, group)]
    return found


@pytest.fixture(scope="module")
def published(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Line]]:
    home = tmp_path_factory.mktemp("home")
    import_nasbench201(home, data / "nasbench201.csv.gz", "nasbench201")
    import_mfkd(home, "mfkd-nst240", data / "nasbench201_nst_cifar100.csv.gz")
    import_mfkd(home, "mfkd-mobilenetv2", data / "mfkd_mobilenetv2_cifar100.csv.gz")
    return correlations(home)


def test_the_authors_cells(published: dict[str, list[Line]]):
    lines = published["nst240"]
    last, plain = one(lines, "nst", "12 epochs", "test"), one(lines, "plain", "12 epochs", "test")
    assert (last.n, plain.n) == (240, 240)
    assert round(last.found["spearman"].value, 3) == 0.923 and round(plain.found["spearman"].value, 3) == 0.860
    assert last.ahead is not None
    ahead = last.ahead["spearman"]
    assert ahead.value == pytest.approx(0.0632, abs=1e-4) and 0 < ahead.low < ahead.value < ahead.high < 0.15
    first = one(lines, "nst", "1 epoch", "train").found["spearman"]
    assert round(first.value, 3) == 0.784 and round(one(lines, "nst", "3 epochs", "train").found["spearman"].value, 3) == 0.876
    assert one(lines, "nst", "5 epochs", "val").n == 228
    assert one(lines, "nst", "5 epochs", "test", "best 30%").n == 72


def test_the_authors_networks(published: dict[str, list[Line]]):
    for (method, divisor), (pearson, spearman, kendall, seconds) in NETWORKS.items():
        line = one(published["mobilenetv2"], method, f"1/{divisor} of the data", "val")
        found = [line.found[name].value for name in ("pearson", "spearman", "kendall")]
        assert found == pytest.approx([pearson, spearman, kendall], abs=0.0062), (method, divisor)
        assert line.seconds == pytest.approx(seconds, abs=0.6)


def test_shuffled_accuracies_agree_with_nothing(tmp_path: Path, data: Path):
    """The authors' file once more, each cell with the curve of another one."""
    with gzip.open(data / "nasbench201_nst_cifar100.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    cells = list(dict.fromkeys(row["arch"] for row in rows))
    other = dict(zip(cells, np.random.default_rng(1).permutation(cells), strict=True))
    with open(tmp_path / "shuffled.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(row | {"arch": other[row["arch"]]} for row in rows)
    import_nasbench201(tmp_path, data / "nasbench201.csv.gz", "nasbench201")
    import_mfkd(tmp_path, "mfkd-nst240", tmp_path / "shuffled.csv")
    lines = [line for line in correlations(tmp_path)["nst240"] if line.source == "nst" and line.group == "all"]
    assert len(lines) == 36
    for line in lines:
        assert abs(line.found["spearman"].value) < 0.2 and line.found["spearman"].low < 0 < line.found["spearman"].high


def test_coefficients_are_those_of_scipy(mfkd_home: Path):
    found = correlations(mfkd_home)
    line = one(found["nst240"], "nst", "2 epochs", "val")
    nst = list(csv.DictReader((mfkd_home / "nst.csv").read_text().splitlines()))
    plain = {row["arch"]: row for row in csv.DictReader((mfkd_home / "plain.csv").read_text().splitlines())}
    pairs = [(float(row["x-valid_acc"]), float(plain[row["arch"]]["cifar100_test_e200"])) for row in nst if row["epoch"] == "2"]
    x, y = np.array(pairs).T
    assert line.n == 30 and line.seconds == 10.0
    assert line.found["spearman"].value == pytest.approx(stats.spearmanr(x, y)[0])
    assert line.found["kendall"].value == pytest.approx(stats.kendalltau(x, y)[0])
    short = [float(plain[row["arch"]]["cifar100_val_e12"]) for row in nst if row["epoch"] == "2"]
    assert line.ahead is not None
    assert line.ahead["spearman"].value == pytest.approx(stats.spearmanr(x, y)[0] - stats.spearmanr(short, y)[0])
    best = one(found["nst240"], "nst", "2 epochs", "val", "best 30%")
    top = np.argsort(-y, kind="stable")[:9]
    assert best.n == 9 and best.found["pearson"].value == pytest.approx(stats.pearsonr(x[top], y[top])[0])


def test_what_is_not_imported_is_said(tmp_path: Path, mfkd_home: Path):
    with pytest.raises(DataError, match="must be imported first; neither is. Run: mfsearch data import mfkd-nst240 SOURCE"):
        correlations(tmp_path)
    with pytest.raises(DataError, match="there is no 'other'. Import it: mfsearch data import nasbench201 SOURCE"):
        correlations(mfkd_home, "other")
    import_mfkd(tmp_path, "mfkd-mobilenetv2", mfkd_home / "networks.csv")
    assert list(correlations(tmp_path)) == ["mobilenetv2"]


def test_markdown(mfkd_home: Path):
    text = to_markdown(correlations(mfkd_home))
    assert "| nst | 3 epochs | val | all | 30 |" in text and "| nokd | 1/27 of the data | val | all | 12 |" in text
