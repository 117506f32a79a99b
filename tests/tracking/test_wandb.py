from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bowl import bowl
from wandb.proto.wandb_internal_pb2 import Record

from mfsearch.errors import ConfigError, MissingExtraError
from mfsearch.study import Study
from mfsearch.tracking.wandb import WandB


def records(folder: Path) -> Iterator[Record]:
    """What an offline run wrote: a log of LevelDB's form (blocks of 32 KiB, a header of 7 bytes before each part of a record)."""
    (path,) = folder.glob("run-*.wandb")
    data, place, parts = path.read_bytes(), 7, b""
    while place < len(data):
        if 32_768 - place % 32_768 < 7:
            place += 32_768 - place % 32_768
            continue
        length, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        parts += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):  # whole, or the last part
            yield Record.FromString(parts)
            parts = b""


def items(update: Any) -> dict[str, Any]:
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in update}


def agrees(folder: Path, study: Study) -> list[Record]:
    found = list(records(folder))
    rows = [items(record.history.item) for record in found if record.WhichOneof("record_type") == "history"]
    told = [event.at for event in study.store.events("bowl") if event.kind.value == "told"]
    assert [(row["_step"], row["_timestamp"]) for row in rows] == list(enumerate(told))
    spent = 0.0
    for row, observation in zip(rows, study.state.observations, strict=True):
        rung = observation.query.rung.replace("!", "_")
        spent += observation.seconds
        assert (row[f"seconds/{rung}"], row["spent_seconds"]) == (observation.seconds, pytest.approx(spent))
        assert row.get(f"value/{rung}") == observation.values.get("loss")
    return found


def folders(folder: Path) -> list[Path]:
    return sorted((folder / "wandb").glob("offline-run-*"))


def test_an_offline_run_is_written(tmp_path: Path):
    with WandB("searches", folder=tmp_path / "here") as tracker:
        study = bowl(tmp_path, tracker)
        study.run()
        best = study.recommend()
        assert best is not None
        study.judge(best.architecture, {"test_accuracy": 91.5})
    (folder,) = folders(tmp_path / "here")
    found = agrees(folder, study)
    (run,) = [record.run for record in found if record.WhichOneof("record_type") == "run"]
    assert (run.project, run.display_name) == ("searches", "bowl")
    assert {"space": "line", "seed": 0, "budget_seconds": 40.0}.items() <= items(run.config.update).items()
    summary: dict[str, Any] = {}
    for record in found:
        summary |= items(record.summary.update)
    assert summary["judged/test_accuracy"] == 91.5
    assert (summary["judged/architecture"], summary["stopped"]) == (best.architecture.key, study.state.stopped)
    assert found[-1].WhichOneof("record_type") in ("exit", "footer", "final", "telemetry")


def test_a_resumed_study_writes_the_whole_run_anew(tmp_path: Path):
    bowl(tmp_path, WandB("searches", folder=tmp_path)).run()
    study = bowl(tmp_path, WandB("searches", folder=tmp_path), resume=True, budget="+10s")
    study.run()
    first, second = folders(tmp_path)
    # offline-run-TIME-ID, and a number where two begin within a second
    assert first.name.split("-")[3] == second.name.split("-")[3]
    agrees(second, study)


@pytest.mark.faults
def test_a_folder_that_cannot_be_made_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "file").touch()
    assert bowl(tmp_path, WandB("searches", folder=tmp_path / "file" / "runs")).run() is not None
    (record,) = [record for record in caplog.records if record.name == "mfsearch" and record.levelno >= logging.WARNING]
    assert "W&B must take what it tracks; got NotADirectoryError" in record.getMessage()


def test_modes():
    with pytest.raises(ConfigError, match="the mode of W&B must be 'offline' or 'online'; got 'of'. Take one of them."):
        WandB("searches", "of")  # type: ignore[arg-type]


def test_without_wandb_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(MissingExtraError, match=r"Tracking with W&B needs wandb, .* pip install 'mfsearch\[wandb\]'"):
        WandB("searches")
