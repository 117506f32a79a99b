from __future__ import annotations

from pathlib import Path

import platformdirs
import pytest

from mfsearch.store.location import default_storage, home


def test_the_environment_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MFSEARCH_HOME", str(tmp_path))
    assert home() == tmp_path
    assert default_storage() == f"sqlite:///{tmp_path}/mfsearch.db"
    monkeypatch.setenv("MFSEARCH_STORAGE", "postgresql://somewhere/studies")
    assert default_storage() == "postgresql://somewhere/studies"


def test_without_it_the_system_does(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("MFSEARCH_HOME")
    assert home() == Path(platformdirs.user_data_dir("mfsearch"))


def test_a_relative_home_does_not_move_with_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MFSEARCH_HOME", "here")
    assert home() == tmp_path / "here"
