from __future__ import annotations

import subprocess
import sys

import mfsearch


def test_the_package_runs_as_the_command():
    done = subprocess.run([sys.executable, "-m", "mfsearch", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"mfsearch, version {mfsearch.__version__}\n"
