from __future__ import annotations

import json
from pathlib import Path

KEYS = {
    "study",
    "architecture",
    "value",
    "test_accuracy",
    "evaluated_at_target",
    "spent_seconds",
    "budget_seconds",
    "observations",
    "report",
    "weights",
}


def test_a_run_prints_its_answer(call):
    done = call("run", "branin", "--budget", "40s", "--policy", "random")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("Recommended architecture\n")
    assert "  spent               " in done.stdout
    assert "mfsearch resume branin-" in done.stdout
    # One line an evaluation, where standard error is no terminal.
    assert sum(" in " in line and "#" in line for line in done.stderr.splitlines()) >= 4
    assert "embedded default" not in done.output


def test_json_is_the_last_line(call):
    done = call("run", "branin", "--budget", "40s", "--policy", "random", "--json", "--seed", "3", "--study", "mine")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found) >= KEYS
    assert (found["study"], found["budget_seconds"], found["test_accuracy"], found["weights"]) == ("mine", 40.0, None, None)
    assert Path(found["report"]).is_file()


def test_flags_and_overrides_reach_the_study(call, tmp_path: Path):
    (tmp_path / "mine.yaml").write_text("problem: branin\npolicy: random\nbudget: 40s\n")
    done = call("run", "mine.yaml", "--seed", 4, "--set", "max_retries=3", "--workers", 2, "--out", "there")
    assert done.exit_code == 0, done.output
    assert "mfsearch report mine-" in done.stdout
    report = json.loads((tmp_path / "there" / "report.json").read_text())
    assert (report["settings"]["seed"], report["settings"]["max_retries"]) == (4, 3)
    assert report["configuration"]["execution"]["workers"] == 2


def test_two_runs_have_two_names(call):
    names = [
        json.loads(call("run", "branin", "--budget", "30s", "--policy", "random", "--json").stdout.splitlines()[-1])["study"]
        for _ in range(2)
    ]
    assert names[0].removesuffix("-1") == names[1].removesuffix("-2")


def test_gpu_hours_are_accepted(call):
    done = call("run", "branin", "--budget", "0.01gpu-hours", "--policy", "random")
    assert done.exit_code == 0, done.output
    assert sum("simulated device seconds" in line for line in done.stderr.splitlines()) == 1


def test_a_run_without_config_says_so_before_it_begins(call, monkeypatch):
    # The default is a real search of minutes: here it ends at once, because its budget pays for nothing.
    done = call("run", "--budget", "0.1s")
    assert done.exit_code == 2
    assert "embedded default 'digits', real distillation on scikit-learn's digits" in done.stderr
    assert "mfsearch config show" in done.stderr


def test_a_warm_start_is_taken_over(call, finished: str):
    done = call("run", "branin", "--budget", "30s", "--policy", "random", "--seed", 1, "--warm-start", finished)
    assert done.exit_code == 0, done.output
    assert "observations from mine" in done.stderr


def test_a_run_is_tracked(call, tmp_path: Path):
    done = call(
        "run", "branin", "--budget", "20s", "--policy", "random", "--study", "mine", "--track", "jsonl", "--track", "tensorboard"
    )
    assert done.exit_code == 0, done.output
    folder = tmp_path / "mfsearch-out" / "mine"
    lines = (folder / "events.jsonl").read_text().splitlines()
    assert len(list(folder.glob("tensorboard/mine-*/events.out.tfevents.*"))) == 1
    done = call("resume", "mine", "--budget", "+20s", "--track", "jsonl", "--track", "tensorboard=runs")
    assert done.exit_code == 0, done.output
    assert len((folder / "events.jsonl").read_text().splitlines()) > len(lines)
    assert len(list(tmp_path.glob("runs/mine-*/events.out.tfevents.*"))) == 1
