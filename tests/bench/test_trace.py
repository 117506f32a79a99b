from __future__ import annotations

from pathlib import Path

import pandas as pd  # type: ignore[import-untyped]
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mfsearch.bench.trace import SCHEMA, Row, about, read, to_table, write
from mfsearch.errors import DataError

ROWS = [
    Row(0, "teacher", "teacher", None, 1, 3.0, None),
    Row(1, "score", "proxies", None, 100, 80.0, None),
    Row(2, "evaluation", "e12", "|a~0|", 1, 120.5, "|a~0|"),
]


def test_a_table_is_what_other_tools_read(tmp_path: Path):
    write(tmp_path / "x.parquet", to_table("cost_aware", 7, ROWS, {"run": {"seed": 7}}))
    frame = pd.read_parquet(tmp_path / "x.parquet")
    assert list(frame) == ["method", "seed", "step", "kind", "rung", "architecture", "count", "seconds", "recommended"]
    assert frame["seconds"].sum() == 203.5
    assert frame["architecture"].isna().tolist() == [True, True, False]
    assert set(frame["method"]) == {"cost_aware"} and set(frame["seed"]) == {7}
    assert about(tmp_path / "x.parquet") == {"run": {"seed": 7}} == about(read(tmp_path / "x.parquet"))


def test_an_empty_run_is_a_table_too(tmp_path: Path):
    write(tmp_path / "x.parquet", to_table("random", 0, [], {}))
    assert read(tmp_path / "x.parquet").num_rows == 0


def test_a_stop_while_writing_leaves_no_half_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def stopped(table: pa.Table, path: Path, **options: object) -> None:
        path.write_bytes(b"PAR1 half")
        raise KeyboardInterrupt

    monkeypatch.setattr(pq, "write_table", stopped)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "x.parquet", to_table("random", 0, ROWS, {}))
    assert not (tmp_path / "x.parquet").exists()


@pytest.mark.parametrize("reader", [read, about])
def test_damaged_files_are_named(tmp_path: Path, reader):
    (tmp_path / "x.parquet").write_bytes(b"nonsense")
    with pytest.raises(
        DataError, match="x.parquet must be a Parquet file of runs; it cannot be read .* Delete it and run again."
    ):
        reader(tmp_path / "x.parquet")


def test_other_tables_are_refused(tmp_path: Path):
    pq.write_table(pa.table({"seed": [1]}), tmp_path / "x.parquet")
    with pytest.raises(DataError, match=f"must have the columns {', '.join(SCHEMA.names)}; got seed. Delete it."):
        read(tmp_path / "x.parquet")
