"""Every example runs, quickly, in a folder of its own, and logs no error."""

from __future__ import annotations

import logging
import runpy
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, caplog):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MFSEARCH_SMOKE", "1")
    runpy.run_path(str(path), run_name="__main__")
    assert "recommended: {" in capsys.readouterr().out
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_there_are_examples():
    assert len(EXAMPLES) >= 2
