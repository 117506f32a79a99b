"""Calls of the command line in a folder, with a home and a database of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mfsearch.cli import main

Call = Callable[..., Result]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MFSEARCH_STORAGE", f"sqlite:///{tmp_path / 'studies.db'}")
    monkeypatch.delenv("MFSEARCH_DEBUG", raising=False)
    return lambda *arguments: CliRunner().invoke(main, [str(argument) for argument in arguments], prog_name="mfsearch")


@pytest.fixture
def finished(call: Call) -> str:
    """Name of a finished study on Branin."""
    done = call("run", "branin", "--budget", "40s", "--policy", "random", "--study", "mine")
    assert done.exit_code == 0, done.output
    return "mine"
