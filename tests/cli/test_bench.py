from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd  # type: ignore[import-untyped]
import pytest

RANDOM = ["bench", "branin", "--methods", "random,random_low", "--budget", "22s", "--seeds", "2", "--out", "found"]


def test_a_bench_from_the_command_line(call, tmp_path: Path):
    done = call(*RANDOM, "--first-seed", "4", "--at", "12s", "--jobs", "2", "--json")
    assert done.exit_code == 0, done.output
    answer = json.loads(done.stdout.splitlines()[-1])
    out = tmp_path / "found"
    assert answer == {"out": str(out), "summary": json.loads((out / "summary.json").read_text())}
    assert {path.name for path in out.iterdir()} == {
        *("runs", "runs.parquet", "summary.json", "table.md", "anytime.svg", "anytime.png")
    }
    assert done.stdout.startswith((out / "table.md").read_text())
    assert done.stderr.count("charges, took") == 4
    assert set(pd.read_parquet(out / "runs.parquet")["seed"]) == {4, 5}
    assert {one["recommend"] for one in answer["summary"]} == {"predicted"}, "the problem's own rule"

    again = call(*RANDOM, "--first-seed", "4", "--jobs", "2")
    assert again.exit_code == 0
    assert "4 of 4 runs are finished already" in again.stderr
    other = call(*RANDOM, "--first-seed", "4", "--recommend", "evaluated")
    assert other.exit_code == 2
    assert "has recommend 'predicted' instead of 'evaluated'. Use another --out." in other.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--budget", "4gpu-hurs"], "Did you mean 4gpu-hours?"),
        (["--at", "5s,22s"], "--at must name points before the end of the budget, 22s; got 5s,22s."),
        (["--at", "soon"], "a duration must be a number and a unit; got 'soon'"),
        (["--methods", "randon"], "Did you mean 'random'?"),
        (["--methods", "random:rung"], "options must be NAME=VALUE"),
        (["--out", "file/there"], "Name another with --out."),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_slips_are_one_line(call, tmp_path: Path, arguments: list[str], message: str):
    (tmp_path / "file").touch()
    done = call(*RANDOM, *arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stderr.startswith("Error: ") and len(done.stderr.splitlines()) == 1


def test_a_problem_must_know_its_truth(call):
    done = call("bench", "digits", *RANDOM[2:])
    assert done.exit_code == 2
    assert "bench must have a problem with simulated costs and known truth; got 'digits'" in done.stderr


def test_without_matplotlib_it_says_what_to_install(call, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "mfsearch.bench.plots", None)
    done = call(*RANDOM)
    assert done.exit_code == 2
    assert "mfsearch bench needs matplotlib, which is not installed. Run: pip install 'mfsearch[bench]'" in done.stderr


def test_a_problem_is_enough(call, tmp_path: Path):
    done = call("bench", "branin", "--seeds", "1", "--jobs", "2")
    assert done.exit_code == 0, done.output
    summary = json.loads((tmp_path / "bench-branin" / "summary.json").read_text())
    assert [one["method"] for one in summary] == [
        *("cost_aware", "cost_aware:without=low", "random", "evolution", "asha", "mfkd_scaled")
    ]
    assert {one["budget_seconds"] for one in summary} == {200.0}, "twenty runs of ten seconds"


@pytest.mark.parametrize("inherited", [signal.SIG_DFL, signal.SIG_IGN])
def test_an_interrupt_keeps_what_is_finished(tmp_path: Path, inherited: signal.Handlers):
    """Ctrl-C reaches the whole group of processes, as from a terminal; a shell's background jobs start with it ignored."""
    command = [sys.executable, "-m", "mfsearch", "bench", "branin", "--methods", "random", "--budget", "40s", "--seeds", "500"]
    done = subprocess.Popen(
        [*command, "--jobs", "2", "--out", str(tmp_path / "found")],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, inherited),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "MFSEARCH_HOME": str(tmp_path)},
    )
    try:
        deadline = time.monotonic() + 120
        while not list(tmp_path.glob("found/runs/random-*.parquet")) and time.monotonic() < deadline and done.poll() is None:
            time.sleep(0.05)
        os.killpg(done.pid, signal.SIGINT)
        _, stderr = done.communicate(timeout=60)
    finally:
        if done.poll() is None:
            os.killpg(done.pid, signal.SIGKILL)
            done.communicate()
    assert done.returncode == 130, stderr
    kept = list(tmp_path.glob("found/runs/random-*.parquet"))
    assert 0 < len(kept) < 500
    assert f"{len(kept)} of 500 runs are kept in {tmp_path / 'found'}. Run the same command again to go on." in stderr
    assert "Traceback" not in stderr


def test_help_of_the_comparison_and_of_its_subcommand(call):
    shown = call("bench", "--help").output
    assert "--methods" in shown and "setup-peers" in shown
    assert "[NAMES]" in call("bench", "setup-peers", "--help").output


def test_libraries_that_are_not_there(call, tmp_path: Path):
    found = call("bench", "setup-peers", "optuna", "--peers", str(tmp_path / "none"))
    assert found.exit_code == 2 and "there is no folder" in found.stderr
    (tmp_path / "coin").mkdir()
    (tmp_path / "coin" / "adapter.py").write_text("")
    found = call("bench", "setup-peers", "optuna", "--peers", str(tmp_path))
    assert found.exit_code == 2 and "libraries with an adapter are coin; got optuna" in found.stderr
