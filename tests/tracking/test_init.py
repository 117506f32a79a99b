from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from mfsearch import tracking
from mfsearch.store.journal import AbstractFollower


def test_every_kind_is_public_and_follows(tmp_path: Path):
    made = {kind: make("", tmp_path) for kind, make in tracking.TRACKERS.items()}
    assert all(isinstance(tracker, AbstractFollower) for tracker in made.values())
    assert {type(tracker).__name__ for tracker in made.values()} == set(tracking.__all__) - {"TRACKERS", "Tracker"}
    assert list(tmp_path.iterdir()) == []  # nothing is written before there is a study


def test_none_of_the_libraries_is_imported_unasked():
    code = "import sys, mfsearch.tracking; print([n for n in ('tensorboard', 'mlflow', 'wandb') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
