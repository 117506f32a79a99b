"""A ladder that is measured in a second: four rungs of tiny networks on few digits."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfsearch.config import StudyConfig, load_config

SMALL = """
space: nasbench201
task:
  use: digits
  train: 32
  epochs: 2
  val: 40
  test: 40
  network: {channels: 4, cells: 1, reduction: light}
  teacher: {channels: 4, feature_epochs: 0, training: {epochs: 1, batch: 16}}
ladder:
- {use: zero_cost, name: proxies, proxies: [params, synflow]}
- {use: training, name: few, epochs: 1, batch: 16, expected_seconds: 0.1, signal: -train_loss, validate: true, keep_weights: false}
- {use: distillation, name: full, epochs: 2, batch: 16, loss: kd, expected_seconds: 0.2, teacher_seconds: 1.0, seeds: 2}
execution: {clock: cpu}
"""


@pytest.fixture
def config(tmp_path: Path) -> StudyConfig:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return load_config(path)
