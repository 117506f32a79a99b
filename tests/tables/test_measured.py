from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mfsearch.errors import DataError
from mfsearch.records import Objective
from mfsearch.tables.measured import (
    Measured,
    MeasuredAbout,
    MeasuredRow,
    MeasuredRung,
    merged,
    read_measured,
    to_rows,
    write_measured,
)

RUNGS = (
    MeasuredRung("proxies", "score", "nwot", columns=("flops", "nwot"), trusted=(False, True), capacity=(True, False)),
    MeasuredRung("few", "evaluation", "-train_loss", resource=1.0, shared=("teacher",)),
    MeasuredRung("full", "evaluation", "val_accuracy", seeds=2, resource=50.0, shared=("teacher",)),
)
ABOUT = MeasuredAbout({"space": "nasbench201"}, RUNGS, Objective(), {"teacher": 10.0}, ("a machine",), "cpu")


def rows(key: str, accuracy: float) -> list[MeasuredRow]:
    return [
        MeasuredRow(key, "sample", "proxies", None, "ok", 0.1, figures={"flops": 2.0, "nwot": None}),
        MeasuredRow(key, "sample", "few", 5, "ok", 1.0, None, {"train_loss": 0.5}, {"train_loss_curve": [0.5]}),
        MeasuredRow(key, "sample", "full", 6, "ok", 9.0, None, {"val_accuracy": accuracy, "train_loss": 0.25}),
        MeasuredRow(key, "sample", "full", 7, "failed", 3.0, "EvaluationError: diverged"),
    ]


def shard(*keys: str) -> Measured:
    return Measured(ABOUT, to_rows([row for key in keys for row in rows(key, 70.0)]))


def test_a_table_is_read_as_it_was_written(tmp_path: Path):
    written = shard("a", "b")
    write_measured(tmp_path / "t.parquet", written)
    read = read_measured(tmp_path / "t.parquet")
    assert read.about == ABOUT and read.rows.equals(written.rows)
    assert list(tmp_path.iterdir()) == [tmp_path / "t.parquet"], "nothing is left beside it"
    # Anybody's reader sees plain columns.
    plain = pq.read_table(tmp_path / "t.parquet").to_pylist()
    assert plain[2]["rung"] == "full" and plain[2]["val_accuracy"] == 70.0 and plain[1]["train_loss_curve"] == [0.5]


def test_figures_are_by_architecture_without_what_failed():
    table = shard("b", "a")
    assert table.architectures == ["b", "a"]
    assert table.figures("full", "val_accuracy") == {"b": [70.0], "a": [70.0]}
    assert table.figures("full", "seconds") == {"b": [9.0], "a": [9.0]}
    assert table.figures("proxies", "nwot") == {} == table.figures("full", "unheard_of")


def test_shards_become_one_table():
    other = Measured(replace(ABOUT, machines=("another",)), to_rows([*rows("c", 60.0)][2:]))
    whole = merged([("0", shard("a", "b")), ("1", other)])
    assert whole.architectures == ["a", "b", "c"] and len(whole.rows) == 10
    assert whole.about.machines == ("a machine", "another")
    with pytest.raises(DataError, match="a purchase must come once; got a on"):
        merged([("0", shard("a")), ("1", shard("a"))])
    foreign = Measured(replace(ABOUT, config={"space": "other"}), to_rows(rows("d", 1.0)))
    with pytest.raises(DataError, match="shards of one table must be measured alike; 1 and 0 differ in config"):
        merged([("0", shard("a")), ("1", foreign)])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rung": "other"}, "rung must be one of proxies, few, full; got 'other' for a on other"),
        ({"status": "lost"}, "status must be ok or failed; got 'lost'"),
        ({"seconds": -1.0}, "seconds must not be negative; got -1.0"),
        ({"seconds": float("nan")}, "seconds must be finite"),
        ({"figures": {"val_accuracy": float("inf")}}, "val_accuracy must be finite; got inf for a on full"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, Any], message: str, tmp_path: Path):
    broken = [*rows("a", 70.0)[:2], replace(rows("a", 70.0)[2], **change)]
    write_measured(tmp_path / "t.parquet", Measured(ABOUT, to_rows(broken)))
    with pytest.raises(DataError, match=message):
        read_measured(tmp_path / "t.parquet")


def test_what_is_no_table_is_refused(tmp_path: Path):
    path = tmp_path / "t.parquet"
    with pytest.raises(DataError, match="must be a readable Parquet file"):
        read_measured(path)
    path.write_bytes(b"PAR1 nothing")
    with pytest.raises(DataError, match="must be a readable Parquet file"):
        read_measured(path)
    pq.write_table(pa.table({"x": [1]}), path)
    with pytest.raises(DataError, match="must say where it comes from"):
        read_measured(path)
    write_measured(path, shard("a"))
    table = pq.read_table(path)
    held = json.loads(table.schema.metadata[b"mfsearch.measured"])
    for change, message in [({"format": 9}, "must have format 1; .* has 9"), ({"rungs": []}, "description .* must be whole")]:
        pq.write_table(table.replace_schema_metadata({"mfsearch.measured": json.dumps(held | change)}), path)
        with pytest.raises(DataError, match=message):
            read_measured(path)
    pq.write_table(table.drop_columns(["seconds"]).replace_schema_metadata(table.schema.metadata), path)
    with pytest.raises(DataError, match="must have a column seconds of double"):
        read_measured(path)
