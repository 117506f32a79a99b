"""Every example runs, quickly, in a folder and a process of its own, and logs no error."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mfsearch.store.events import EventKind
from mfsearch.store.sql import EventStore

EXAMPLES = sorted((Path(__file__).resolve().parents[1] / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(path: Path, tmp_path: Path):
    environment = {**os.environ, "MFSEARCH_SMOKE": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, str(path)], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "recommended: {" in done.stdout
    assert not re.search("error|exception", done.stderr, re.IGNORECASE), done.stderr


def test_there_are_examples():
    assert len(EXAMPLES) >= 3


def test_jobs_of_a_cluster_share_a_study(tmp_path: Path):
    """The batch script as SLURM would run it, two tasks of an array at once; only the scheduler is missing."""
    script = EXAMPLES[0].parent / "slurm" / "search.sbatch"
    (tmp_path / "mfsearch").write_text(f'#!/bin/sh\nexec {sys.executable} -m mfsearch "$@"\n')
    (tmp_path / "mfsearch").chmod(0o755)
    (tmp_path / "mine.yaml").write_text("problem: hartmann6\npolicy: {use: random}\n")
    storage = f"sqlite:///{tmp_path}/studies.db"
    shared = {
        **os.environ,
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "MFSEARCH_STORAGE": storage,
        "SLURM_ARRAY_JOB_ID": "77",
        "SLURM_ARRAY_TASK_MIN": "0",
    }
    tasks = [
        subprocess.Popen(
            ["bash", str(script), "mine.yaml", "30min"],
            cwd=tmp_path,
            env={**shared, "SLURM_ARRAY_TASK_ID": str(task)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for task in (0, 1)
    ]
    said = [task.communicate(timeout=300)[0] for task in tasks]
    assert [task.returncode for task in tasks] == [0, 0], said
    store = EventStore(storage)
    assert store.names() == ["slurm-77"]
    ended = [event.payload["id"] for event in store.events("slurm-77") if event.kind is EventKind.TOLD]
    assert len(ended) == len(set(ended)) > 100
    assert store.members("slurm-77") == []
    store.close()
