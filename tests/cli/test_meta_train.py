from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.tabulate.test_meta import TEXT

NEEDED = ["--set", "tasks.learn=1", "--set", "tasks.validate=0", "--set", "tasks.test=1"]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    labels = np.arange(400) % 5
    images = np.random.default_rng(0).integers(0, 256, (400, 8, 8, 3), dtype=np.uint8)
    np.savez(tmp_path / "noise.npz", x_train=images[:300], y_train=labels[:300], x_test=images[300:], y_test=labels[300:])
    path = tmp_path / "meta.yaml"
    path.write_text(TEXT)
    return path


def test_it_trains_and_says_what_it_is_worth(call, config: Path, tmp_path: Path):
    command = ["meta-train", str(config), "--out", str(tmp_path / "out"), "--set", f"base.data={tmp_path / 'noise.npz'}", *NEEDED]
    found = json.loads(call(*command, "--json").stdout.splitlines()[-1])
    assert found["tasks"] == ["test-00"] and Path(found["predictor"]).is_file()
    assert set(found["spearman"]) >= {"dass", "params", "synflow"}
    again = call(*command)
    assert "4 of 4 architectures (sample) are measured already." in again.stderr
    assert any(line.startswith("dass ") for line in again.stdout.splitlines())
    assert again.stdout.splitlines()[-1] == f"Predictor: {tmp_path / 'out' / 'predictor.safetensors'}"


def test_a_wrong_config_is_said(call, config: Path, tmp_path: Path):
    done = call("meta-train", str(config), "--out", str(tmp_path / "out"), "--set", "studnets=3")
    assert done.exit_code == 2
    assert "Did you mean 'students'?" in done.stderr
