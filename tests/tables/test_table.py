from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mfsearch.errors import DataError
from mfsearch.tables import table as module
from mfsearch.tables.table import RESULTS, Piece, column, read_about, read_table, table_names, table_path, write_table

A, B = "cell a", "cell b"


def scores(**columns: list[Any]) -> pa.Table:
    return pa.table({"architecture": pa.array(columns.pop("architecture", [A])), "dataset": pa.array(["d"]), **columns})


def test_what_is_written_is_read(tmp_path: Path, rows):
    first = rows({"architecture": A, "epoch": 3, "accuracy": 30.0}, {"architecture": A, "loss": 0.5})
    second = rows({"architecture": B, "index": None, "seconds": None, "seeds": None})
    pieces = [Piece(first, scores(nwot=[1.5]), (("no file", "2"),)), Piece(second)]
    about = write_table(tmp_path, "t", "csv", "a.csv", pieces)
    read = read_table(tmp_path, "t")
    assert read.about == about == read_about(tmp_path, "t")
    assert (about.kind, about.source, about.architectures, about.finals, about.curve_rows) == ("csv", "a.csv", 2, 2, 1)
    assert (about.datasets, about.scores) == ({"cifar10": {"val": {12: 2}}}, {"nwot": 1})
    assert [str(missing) for missing in about.missing] == ["no file: 1 (2)"]
    assert read.results.schema.equals(RESULTS)
    assert read.results.equals(pa.concat_tables([first.slice(1), second]))
    assert read_table(tmp_path, "t", curves=True).results.num_rows == 3
    assert read.scores.to_pylist() == [{"architecture": A, "dataset": "d", "nwot": 1.5}]
    assert table_names(tmp_path) == ["t"]
    assert sorted(path.name for path in (tmp_path / "tables").iterdir()) == ["t.parquet", "t.scores.parquet"]


def test_curves_are_read_only_when_they_are_asked_for(tmp_path: Path, rows, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_BUFFER_ROWS", 2)
    pieces = [Piece(rows({"architecture": str(n), "epoch": 1}, {"architecture": str(n)})) for n in range(5)]
    write_table(tmp_path, "t", "csv", "a", pieces)
    file = pq.ParquetFile(tmp_path / "tables" / "t.parquet")
    assert [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)] == [1, 1, 1, 1, 1, 5]
    assert read_table(tmp_path, "t").results["epoch"].unique().to_pylist() == [12]
    assert len(read_table(tmp_path, "t", curves=True).results) == 10


def test_accuracies_that_only_some_have_are_named(tmp_path: Path, rows):
    piece = Piece(rows({"architecture": A}, {"architecture": B}, {"architecture": B, "split": "test"}))
    about = write_table(tmp_path, "t", "csv", "a", [piece])
    assert [str(missing) for missing in about.missing] == ["no cifar10 test accuracy after 12 epochs: 1 (cell a)"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"accuracy": 100.5}, "accuracy must lie in [0, 100] percent; got 100.5 in 1 row(s) of a.csv, first ("),
        ({"accuracy": -1.0}, "accuracy must lie in [0, 100] percent; got -1.0"),
        ({"accuracy": math.nan}, "accuracy must lie in [0, 100] percent; got nan"),
        ({"loss": math.inf}, "loss must be finite; got inf"),
        ({"seconds": 0.0}, "seconds must be positive and finite; got 0.0"),
        ({"seconds": math.inf}, "seconds must be positive and finite; got inf"),
        ({"epoch": 0}, "epoch must lie in [1, schedule]; got 0"),
        ({"epoch": 13}, "epoch must lie in [1, schedule]; got 13"),
        ({"seeds": 0}, "seeds must be at least 1; got 0"),
        ({"accuracy": None}, "a row must have an accuracy or a loss; got None"),
        ({"dataset": ""}, "dataset must be given; got "),
        ({"architecture": ""}, "architecture must be given; got "),
        ({}, "a row must come once; got ("),
    ],
)
def test_rows_that_cannot_be_are_refused_and_nothing_is_left(tmp_path: Path, rows, change: dict[str, Any], message: str):
    with pytest.raises(DataError) as error:
        write_table(tmp_path, "t", "csv", "a.csv", [Piece(rows({}, change))])
    assert message in str(error.value) and "a.csv" in str(error.value)
    assert list((tmp_path / "tables").iterdir()) == []


def test_an_architecture_comes_in_one_piece(tmp_path: Path, rows, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "_BUFFER_ROWS", 1)
    with pytest.raises(DataError, match="an architecture must come once; got 'cell a' twice in a"):
        write_table(
            tmp_path, "t", "csv", "a", [Piece(rows({"architecture": A})), Piece(rows({"architecture": A, "split": "test"}))]
        )


def test_a_table_holds_something(tmp_path: Path, rows):
    with pytest.raises(
        DataError, match=r"must hold at least one final result; got none from a. Missing or damaged: no file: 1 \(x\)"
    ):
        write_table(tmp_path, "t", "csv", "a", [Piece(missing=(("no file", "x"),)), Piece(rows({"epoch": 3}))])


def test_scores_are_checked(tmp_path: Path, rows):
    with pytest.raises(DataError, match="score nwot must be finite; got inf"):
        write_table(tmp_path, "t", "csv", "a", [Piece(rows({}), scores(nwot=[math.inf]))])
    with pytest.raises(DataError, match=r"a row must come once; got \(cell a, d\) 2 times"):
        write_table(tmp_path, "t", "csv", "a", [Piece(rows({}), scores(nwot=[1.0])), Piece(scores=scores(zen=[1.0]))])


def test_a_failed_import_keeps_the_old_table(tmp_path: Path, rows):
    write_table(tmp_path, "t", "csv", "old", [Piece(rows({}), scores(nwot=[1.0]))])
    with pytest.raises(DataError):
        write_table(tmp_path, "t", "csv", "new", [Piece(rows({"accuracy": 101.0}))])
    assert read_table(tmp_path, "t").about.source == "old"


def test_an_import_without_scores_takes_the_old_ones_away(tmp_path: Path, rows):
    write_table(tmp_path, "t", "csv", "old", [Piece(rows({}), scores(nwot=[1.0]))])
    write_table(tmp_path, "t", "csv", "new", [Piece(rows({}))])
    assert len(read_table(tmp_path, "t").scores) == 0
    assert not (tmp_path / "tables" / "t.scores.parquet").exists()


def test_scores_of_another_import_are_refused(tmp_path: Path, rows):
    write_table(tmp_path, "t", "csv", "a", [Piece(rows({}), scores(nwot=[1.0]))])
    write_table(tmp_path, "u", "csv", "a", [Piece(rows({}), scores(nwot=[2.0]))])
    folder = tmp_path / "tables"
    (folder / "u.scores.parquet").replace(folder / "t.scores.parquet")
    with pytest.raises(DataError, match="must hold the scores of table 't'; it is another import's"):
        read_table(tmp_path, "t")
    (folder / "t.scores.parquet").unlink()
    with pytest.raises(DataError, match="the scores of table 't' must be readable"):
        read_table(tmp_path, "t")


def test_damage_is_noticed(tmp_path: Path, rows):
    write_table(tmp_path, "t", "csv", "a", [Piece(rows(*({"architecture": str(n), "accuracy": n / 7} for n in range(500))))])
    path = table_path(tmp_path, "t")
    whole = path.read_bytes()
    for start in (4, 900, len(whole) // 2):
        path.write_bytes(whole[:start] + bytes(byte ^ 255 for byte in whole[start : start + 4]) + whole[start + 4 :])
        with pytest.raises(DataError, match="Import it again"):
            read_table(tmp_path, "t")
    path.write_bytes(whole[:-20])
    with pytest.raises(DataError, match="table 't' must be a readable Parquet file"):
        read_about(tmp_path, "t")


def test_other_parquet_files_are_refused(tmp_path: Path):
    path = table_path(tmp_path, "t")
    path.parent.mkdir()
    pq.write_table(pa.table({"a": [1]}), path)
    with pytest.raises(DataError, match="table 't' must have been written by mfsearch"):
        read_table(tmp_path, "t")


def test_names(tmp_path: Path):
    with pytest.raises(DataError, match="a table must have been imported; got 'no', there are: none. Run: mfsearch data import"):
        read_table(tmp_path, "no")
    for name in ("", "../x", "A", "a b", "x.scores", "-a"):
        with pytest.raises(DataError, match="a table's name must be lower-case letters"):
            table_path(tmp_path, name)


def test_the_hash_is_of_the_content(tmp_path: Path, rows):
    digests = {
        name: write_table(tmp_path, name, "csv", name, [Piece(rows(change))]).digest
        for name, change in {"a": {}, "b": {}, "c": {"accuracy": 60.1}, "d": {"split": "test"}, "e": {"seconds": None}}.items()
    }
    assert digests["a"] == digests["b"]
    assert len(set(digests.values())) == 4


def test_a_column_is_one_epoch_of_one_split(rows):
    more: list[dict[str, Any]] = [
        {"schedule": 12, "epoch": 3, "accuracy": 20.0, "seconds": 8.0},
        {"split": "test", "accuracy": 61.0},
        {"dataset": "other", "accuracy": 1.0},
        {"architecture": B, "accuracy": None, "loss": 0.5},
        {"architecture": B, "split": "test", "accuracy": 50.0, "seconds": None},
    ]
    table = rows(*({"architecture": A, **changes} for changes in ({}, *more)))
    assert column(table, "cifar10", "val", 12) == ({A: 60.0}, {A: 80.0, B: 80.0})
    assert column(table, "cifar10", "val", 12, 3) == ({A: 20.0}, {A: 8.0})
    assert column(table, "cifar10", "test", 12) == ({A: 61.0, B: 50.0}, {A: 80.0})
    assert column(table, "cifar10", "val", 200) == ({}, {})
