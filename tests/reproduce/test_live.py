from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mfsearch.errors import ConfigError, DataError, InterruptedSearchError
from mfsearch.networks.nasbench201 import NASBench201Network
from mfsearch.reproduce.live import SIZES, Setting, describe, live, prepare_table, sized
from mfsearch.reproduce.verdict import Live
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.store.sql import EventStore
from mfsearch.store.state import StudyState
from mfsearch.tables.table import table_names


def states(out: Path) -> dict[str, StudyState]:
    store = EventStore(f"sqlite:///{out / 'studies.db'}")
    found = {name: StudyState.replay(store.events(name), NASBench201Space().parse) for name in store.names()}
    store.close()
    return found


def test_both_searches_train_the_same_random_cells_and_follow_the_schedule(lived: Live, live_out: Path, said: list[str]):
    histories = states(live_out)
    assert list(histories) == ["nst", "ce"]
    for loss, state in histories.items():
        rungs = [o.query.rung for o in state.observations]
        assert rungs == [f"{loss}1"] * 5 + ["e12"] * 4, "the warm-up, nested, and two that the bound chose"
        keys = [o.query.architecture.key for o in state.observations]
        assert keys[5:7] == keys[:2] and not set(keys[7:]) & set(keys[5:7])
        assert [cell.key for cell in lived.cells] == keys[:5]
    assert [line.startswith("teacher") for line in said].count(True) == 1, "the labels alone need none"
    assert len(said) == 1 + 2 * 9


def test_what_is_finished_is_not_run_again(lived: Live, live_setting: Setting, live_out: Path):
    lines: list[str] = []
    assert live(live_setting, live_out, lines.append).to_json() == lived.to_json()
    assert lines == []
    with pytest.raises(ConfigError, match="must hold searches of this setting; it holds others"):
        live(replace(live_setting, beta=1.0), live_out, lines.append)


def test_a_stopped_search_goes_on_to_the_same_end(lived: Live, live_setting: Setting, tmp_path: Path):
    lines: list[str] = []

    def stop(line: str) -> None:
        lines.append(line)
        if len(lines) == 4:
            raise KeyboardInterrupt

    with pytest.raises(InterruptedSearchError, match="what is finished is kept in .* Run the same command again to go on."):
        live(live_setting, tmp_path, stop)
    found = live(live_setting, tmp_path, lines.append)
    assert len([line for line in lines if line.startswith("[")]) == 18
    assert [(cell.key, cell.found, cell.reached) for cell in found.cells] == [
        (cell.key, cell.found, cell.reached) for cell in lived.cells
    ]


def test_the_settings_are_those_of_the_paper_or_smaller(live_setting: Setting):
    task = replace(live_setting, size=SIZES["cuda"]).task
    teacher = task.teacher
    assert teacher["operations"] == ["nor_conv_3x3", "none", "nor_conv_3x3", "skip_connect", "none", "skip_connect"]
    assert (teacher["channels"], teacher["cells"], task.network["channels"], task.network["cells"]) == (16, 5, 16, 5)
    assert isinstance(teacher["training"], dict) and teacher["training"]["epochs"] == 200
    assert (SIZES["cuda"].low, SIZES["cuda"].high) == (100, 20), "the paper's warm-up"
    network = NASBench201Network(("nor_conv_1x1",) * 6, 3, 10, 4, 5, "residual")
    maps = network.forward_features(torch.zeros(2, 3, 32, 32))[1:-2]  # without stem, pooled vector, logits
    assert len(maps) == 17 and "over 17 maps" in describe(replace(live_setting, size=SIZES["cuda"]), "here")


def test_another_number_of_cells(monkeypatch: pytest.MonkeyPatch):
    assert (sized("cpu", 20).low, sized("cpu", 20).high, sized("cpu").low) == (20, 4, 60)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="--device must be there; got cuda, and torch finds none. Take cpu."):
        sized("cuda")


def test_the_table_is_imported_once_or_asked_for(live_setting: Setting, tmp_path: Path):
    said: list[str] = []
    prepare_table(tmp_path, live_setting.data.parent, said.append)
    assert said == ["Importing nasbench201.csv as table nasbench201."] and table_names(tmp_path) == ["nasbench201"]
    prepare_table(tmp_path, tmp_path, said.append)
    assert len(said) == 1
    with pytest.raises(DataError, match="Run: mfsearch data import nasbench201 SOURCE"):
        prepare_table(tmp_path / "other", tmp_path, said.append)
