from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import pandas  # type: ignore[import-untyped]
import pytest

from mfsearch.errors import ConfigError, MissingExtraError
from mfsearch.records import Status
from mfsearch.report.frame import observations_frame, observations_table, scores_frame, scores_table, write_table
from mfsearch.report.views import improvements
from mfsearch.store.events import Event, EventKind
from mfsearch.store.state import StudyState


def plain(value: Any) -> Any:
    """A cell as the state has it: what is missing is None."""
    return None if value is None or value is pandas.NaT or (isinstance(value, float) and math.isnan(value)) else value


def agrees(frame: Any, state: StudyState, tolerance: float = 0.0) -> None:
    rows = [{name: plain(cell) for name, cell in row.items()} for row in frame.to_dict("records")]
    assert len(rows) == len(state.observations)
    for place, (row, o) in enumerate(zip(rows, state.observations, strict=True)):
        query = o.query
        assert (row["observation"], row["evaluation"], row["architecture"]) == (place, query.id, query.architecture.key)
        assert (row["rung"], row["seed"], row["status"], row["message"] or "") == (query.rung, query.seed, o.status, o.message)
        assert (row["value"], row["noise"], row["seconds"]) == (o.value, o.noise, o.seconds)
        figures = {name.removeprefix("figure."): cell for name, cell in row.items() if name.startswith("figure.")}
        assert {name: cell for name, cell in figures.items() if cell is not None} == dict(o.values)
        assert row["expected_seconds"] == state.expected.get(query.id)
        assert pandas.Timestamp(row["told_at"]).timestamp() == pytest.approx(state.told_at[place], abs=1e-6)
        assert json.loads(row["why"]) == dict(query.why) and row["reason"] == query.why.get("reason")
        assert row["origin"] == query.why.get("origin")
        assert (json.loads(row["extras"]), json.loads(row["artifacts"])) == (dict(o.extras), dict(o.artifacts))
    spent = {o.query.id: spent for spent, o in improvements(state)}
    assert {row["evaluation"]: row["spent_seconds"] for row in rows if row["evaluation"] in spent} == spent


def test_a_frame_is_what_the_state_says(history):
    row = {"architecture": "w", "rung": "full", "value": 9.0, "values": {"val_accuracy": 9.0}}
    history.add(EventKind.GIVEN, origin="old.csv", observations=[row])
    frame = observations_frame(history.state)
    agrees(frame, history.state)
    assert frame.iloc[-1][["seconds", "spent_seconds", "origin"]].tolist() == [0.0, 0.0, "old.csv"]
    types = {name: str(kind) for name, kind in frame.dtypes.items()}
    assert types["told_at"] == "datetime64[us, UTC]"
    assert (types["evaluation"], types["seed"], types["figure.val_accuracy"]) == ("int64", "int64", "float64")


def test_times_are_those_of_the_events(history):
    told = [event.at for event in history.events if event.kind is EventKind.TOLD]
    assert history.state.told_at == told and all(told)


def test_scores_are_another_frame(history):
    frame = scores_frame(history.state)
    assert frame["architecture"].tolist() == list(history.state.scores["proxies"])
    assert [plain(cell) for cell in frame["proxies.params"]] == [1.0, 2.0, None]
    joined = observations_frame(history.state).merge(frame, on="architecture", how="left")
    assert plain(joined.iloc[1]["proxies.params"]) == 2.0


def test_files_are_read_back(history, tmp_path: Path):
    table = observations_table(history.state)
    agrees(pandas.read_parquet(write_table(table, tmp_path / "new" / "o.parquet")), history.state)
    agrees(pandas.read_csv(write_table(table, tmp_path / "o.CSV")), history.state)
    scores = pandas.read_csv(write_table(scores_table(history.state), tmp_path / "s.csv"))
    assert [plain(cell) for cell in scores["proxies.params"]] == [1.0, 2.0, None]


def test_a_study_without_observations(new_history):
    state = new_history().state
    assert observations_table(state).num_rows == scores_table(state).num_rows == 0
    assert observations_frame(state)["value"].dtype == float


def test_long_studies_take_seconds(new_history, tmp_path: Path):
    state = new_history().state
    for number in range(20_000):
        query = {
            "id": number,
            "architecture": f"a{number % 5000}",
            "rung": "few",
            "seed": number,
            "why": {"reason": "test", "gain": 0.5},
        }
        query |= {"reserved": 1.0, "limit": 1.0, "expected": 1.0}
        state.apply(Event(state.events, EventKind.ASKED, {"queries": [query], "memory": {}, "optimiser_seconds": 0.0}, 1.0))
        told = {"id": number, "status": Status.OK.value, "seconds": 1.0, "value": -0.5, "noise": None, "message": ""}
        told |= {"values": {"train_loss": 0.5, "val_accuracy": 60.0}, "extras": {"curve": [1.0, 0.5]}, "artifacts": {}}
        state.apply(Event(state.events, EventKind.TOLD, told, 2.0))
    began = time.process_time()
    path = write_table(observations_table(state), tmp_path / "o.parquet")
    assert time.process_time() - began < 5
    assert len(pandas.read_parquet(path)) == 20_000


def test_files_that_cannot_be_written(history, tmp_path: Path):
    table = observations_table(history.state)
    with pytest.raises(
        ConfigError, match=r"a table must be a file that ends in \.parquet or \.csv; got '.*o\.xlsx'\. Name it so\."
    ):
        write_table(table, tmp_path / "o.xlsx")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"a table must be writable; got .*file/o\.csv: .*Name another file\."):
        write_table(table, tmp_path / "file" / "o.csv")


def test_without_pandas_it_says_what_to_install(history, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"A data frame needs pandas, .* pip install 'mfsearch\[pandas\]'"):
        observations_frame(history.state)


def test_the_page_lists_the_columns(history):
    page = (Path(__file__).resolve().parents[2] / "docs" / "tracking.md").read_text(encoding="utf-8")
    listed = page.partition("| column | type | is |")[2].partition("\n\n")[0].splitlines()[2:]
    named = {line.split("`")[1]: line.split(" | ")[1].split(",")[0] for line in listed}
    schema = observations_table(history.state).schema
    found = {field.name: str(field.type).split("[")[0] for field in schema if not field.name.startswith("figure.")}
    assert {**found, "figure.NAME": "double"} == named
