from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import pytest
from bowl import bowl
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from mfsearch.errors import MissingExtraError
from mfsearch.records import Status
from mfsearch.report.views import figure_of
from mfsearch.study import Study
from mfsearch.tracking.tensorboard import TensorBoard


def read(folder: Path) -> EventAccumulator:
    (run,) = folder.iterdir()
    found = EventAccumulator(str(run), size_guidance={"scalars": 0, "tensors": 0})
    found.Reload()
    return found


def scalars(found: EventAccumulator, name: str) -> list[tuple[int, Any]]:
    return [(event.step, event.tensor_proto.float_val[0]) for event in found.Tensors(name)]


def agrees(found: EventAccumulator, study: Study) -> None:
    observations = study.state.observations
    assert [step for step, _ in scalars(found, "spent_seconds")] == list(range(len(observations)))
    for rung, tag in (("rough cut", "rough cut"), ("exact!", "exact_")):
        here = [(step, o) for step, o in enumerate(observations) if o.query.rung == rung]
        good = [(step, figure_of(study.state, o)) for step, o in here if o.status is Status.OK]
        assert scalars(found, f"value/{tag}") == [(step, pytest.approx(figure)) for step, figure in good]
        assert scalars(found, f"seconds/{tag}") == [(step, pytest.approx(o.seconds)) for step, o in here]


def test_its_own_reader_finds_everything(tmp_path: Path):
    with TensorBoard(tmp_path / "runs") as tracker:
        study = bowl(tmp_path, tracker)
        study.run()
        best = study.recommend()
        assert best is not None
        study.judge(best.architecture, {"test_accuracy": 91.5})
    found = read(tmp_path / "runs")
    agrees(found, study)
    told = [event.at for event in study.store.events("bowl") if event.kind.value == "told"]
    assert [event.wall_time for event in found.Tensors("spent_seconds")] == told
    assert scalars(found, "best")[-1][1] == pytest.approx(best.observation.values["loss"] if best.observation else None)
    assert scalars(found, "judged/test_accuracy") == [(len(told), 91.5)]
    assert (
        found.Tensors("judged/architecture/text_summary")[0].tensor_proto.string_val[0].decode() == f"`{best.architecture.key}`"
    )
    assert b"| seed | 0 |" in found.Tensors("settings/text_summary")[0].tensor_proto.string_val[0]
    content = found.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    settings = HParamsPluginData.FromString(content).session_start_info.hparams
    assert (settings["space"].string_value, settings["budget_seconds"].number_value) == ("line", 40.0)


def test_a_resumed_study_goes_on_in_the_same_run(tmp_path: Path):
    bowl(tmp_path, TensorBoard(tmp_path / "runs")).run()
    bowl(tmp_path, resume=True, budget="+10s").run()  # not followed
    study = bowl(tmp_path, TensorBoard(tmp_path / "runs"), resume=True, budget="+10s")
    study.run()
    agrees(read(tmp_path / "runs"), study)
    assert len(read(tmp_path / "runs").Tensors("settings/text_summary")) == 1


def test_a_folder_that_cannot_be_made_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    (tmp_path / "file").touch()
    assert bowl(tmp_path, TensorBoard(tmp_path / "file" / "runs")).run() is not None
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.getMessage().startswith("TensorBoard must take what it tracks; got NotADirectoryError:")


def test_without_tensorboard_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(MissingExtraError, match=r"Tracking with TensorBoard .* pip install 'mfsearch\[tensorboard\]'"):
        TensorBoard("runs")
