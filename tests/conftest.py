"""What every test starts from: one thread, fixed seeds, a home of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import settings
from postgres import Server, installed

from tests.mfkd_files import fill

os.environ.setdefault("OMP_NUM_THREADS", "1")  # for the processes that tests start
torch.set_num_threads(1)

# Shared machines stall now and then: an example may take long, but must always be the same one.
settings.register_profile("mfsearch", deadline=None, derandomize=True)
settings.load_profile("mfsearch")


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for the whole session, so that a teacher is trained once."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def _start(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MFSEARCH_HOME", str(home))
    monkeypatch.delenv("MFSEARCH_STORAGE", raising=False)
    torch.manual_seed(0)
    np.random.seed(0)


@pytest.fixture(scope="session")
def data() -> Path:
    """Folder of the reference data."""
    if "MFSEARCH_DATA" not in os.environ:
        pytest.skip("needs the reference data in MFSEARCH_DATA")
    return Path(os.environ["MFSEARCH_DATA"])


@pytest.fixture(scope="session")
def mfkd_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with small tables like those of MF-KD's authors."""
    return fill(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server."""
    if not installed():
        pytest.skip("needs PostgreSQL: apt-get install postgresql")
    server = Server()
    yield server
    server.remove()


@pytest.fixture
def fault(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Notes a line of the table of faults: fault, what was injected, observations before and after, seconds charged, message."""

    def note(name: str, injected: str, before: int, after: int, seconds: float, message: str) -> None:
        line = [name, injected, str(before), str(after), f"{seconds:.2f}", " ".join(message.split())]
        request.node.user_properties.append(("fault", line))

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table of faults, where tests noted some."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    lines = [line for report in reports for key, line in report.user_properties if key == "fault"]
    if lines:
        terminalreporter.section("faults")
        terminalreporter.line(
            "| fault | what was injected | completed before | completed in the end | seconds charged | message |"
        )
        terminalreporter.line("|---|---|---|---|---|---|")
        for line in sorted(lines):
            terminalreporter.line(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |")
