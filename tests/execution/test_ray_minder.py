"""A minder without Ray: it is an ordinary object."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from evaluations import job

from mfsearch.execution.ray_minder import Minder
from mfsearch.execution.worker import WorkerSetting, packed
from mfsearch.records import Status


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A minder changes where its process is and looks for modules."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    yield tmp_path / "there"


def test_news_of_one_evaluation_after_the_other(elsewhere: Path):
    minder = Minder(WorkerSetting(threads=1, gpu=""), str(elsewhere), [*sys.path, "/modules/of/the/main/process"])
    assert minder.where() == socket.gethostname()
    assert Path.cwd() == elsewhere and sys.path[-1] == "/modules/of/the/main/process"

    def news(what: str) -> list[tuple[str, Any]]:
        one = job(what, elsewhere)
        return [item for some in minder.run(packed(one), one.query, one.limit) for item in some]

    try:
        told = news("nap:1.3")
        assert [kind for kind, _ in told] == ["progress", "beat", "done"]
        assert told[0][1] == (0.5, "half way") and told[1][1] == pytest.approx(1.0, abs=0.25)
        assert told[2][1].status is Status.OK and told[2][1].values["pid"] != os.getpid()
        ((_, lost),) = news("leave:3")
        assert lost.status is Status.LOST and "ended with exit code 3" in lost.message
        ((_, seen),) = news("see")
        assert (seen.status, seen.extras["gpus"]) == (Status.OK, "")
    finally:
        minder._worker.end()


def test_a_folder_that_is_not_there_is_left_alone(elsewhere: Path):
    before = Path.cwd()
    Minder(WorkerSetting(), "/nowhere/at/all", [])
    assert Path.cwd() == before
