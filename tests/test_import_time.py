"""`import mfsearch` and `mfsearch --help` stay light."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

HEAVY = ("torch", "botorch", "gpytorch", "scipy", "sklearn", "sqlalchemy")
HELP = "from mfsearch.cli import main; main(['--help'], standalone_mode=False)"


@pytest.mark.parametrize("code", ["import mfsearch; mfsearch.__version__", HELP], ids=["import", "help"])
def test_nothing_heavy_is_imported(code: str):
    script = f"import sys\n{code}\nprint('heavy:', [name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "heavy: []"


def test_help_is_quick():
    def seconds() -> float:
        """CPU time of one call: what it costs, however busy the machine is."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", HELP], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(5)) < 0.5
