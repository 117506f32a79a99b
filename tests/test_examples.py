"""Every example runs, quickly, in a folder and a process of its own, and logs no error."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

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
