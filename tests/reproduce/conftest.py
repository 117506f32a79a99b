"""A small live experiment, run once: bright rows in place of pictures, forty cells whose accuracies are made up."""

from __future__ import annotations

from pathlib import Path

import bright_rows
import pytest

from mfsearch.reproduce.live import Setting, Size, live, prepare_table
from mfsearch.reproduce.verdict import Live
from mfsearch.spaces.nasbench201 import NASBench201Space

SIZE = Size({"train": 320, "val": 100, "test": 100, "epochs": 1}, 4, 1, 32, 2, 5, 2, 2)


@pytest.fixture(scope="session")
def live_setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    """Pictures and table lie in one folder; the table is imported."""
    data, home = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("home")
    bright_rows.write(data / "pictures.npz", 450, 150)
    lines = ["arch,cifar10-valid_seconds_per_epoch,cifar10-valid_val_e12,cifar10-valid_val_e200,cifar10_test_e200"]
    cells = NASBench201Space().enumerate()[5:6000:150]
    for number, cell in enumerate(cells):
        lines.append(f"{cell.key},10,{60 + 0.5 * number},{80 + 0.25 * number},{81 + 0.25 * number}")
    (data / "nasbench201.csv").write_text("\n".join(lines) + "\n")
    prepare_table(home, data, lambda line: None)
    return Setting(SIZE, home, data / "pictures.npz", seed=3)


@pytest.fixture(scope="session")
def said() -> list[str]:
    return []


@pytest.fixture(scope="session")
def live_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("live")


@pytest.fixture(scope="session")
def lived(live_setting: Setting, live_out: Path, said: list[str]) -> Live:
    return live(live_setting, live_out, said.append)
