"""Runs on Branin, whose costs are simulated, in a folder of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfsearch.config import StudyConfig, load_config


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def storage(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'studies.db'}"


@pytest.fixture
def branin() -> StudyConfig:
    return load_config("branin", ["policy=random", "budget=40s"])
