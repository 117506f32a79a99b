"""A real search with a real teacher in seconds, and what is left of it: the exported network does what the report says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from mfsearch.cli import main
from mfsearch.datasets.digits import cluttered_digits

DATA: dict[str, object] = {"train": 320, "epochs": 3, "val": 300, "test": 500}
CONFIG = """
space: nasbench201
task:
  use: digits
  train: 320
  epochs: 3
  val: 300
  test: 500
  network: {channels: 4, cells: 1, reduction: light}
  teacher: {channels: 8, cells: 1, reduction: light, feature_epochs: 1, training: {epochs: 3}}
constraints: ["params <= 5k"]
ladder:
- {use: zero_cost, name: proxies, proxies: [params, flops, synflow]}
- {use: distillation, name: few, epochs: 1, loss: nst, signal: -train_loss, expected_seconds: 0.2, teacher_seconds: 1.0}
- {use: distillation, name: full, epochs: 3, loss: kd, expected_seconds: 0.5, teacher_seconds: 1.0}
policy: {use: cost_aware, initial: 2}
budget: 6s
"""

# Runs where mfsearch cannot be imported: percent of pictures that the exported network gets right.
JUDGE = """
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "mfsearch":
            raise ImportError(name + " is not here")
sys.meta_path.insert(0, Blocked())
sys.path.insert(0, sys.argv[1])
import torch
from model import load
torch.set_num_threads(1)
images, labels = torch.load(sys.argv[2])
network = load()
with torch.inference_mode():
    chosen = torch.cat([network(part).argmax(1) for part in images.split(250)])
print(100.0 * (chosen == labels).double().mean().item())
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(CONFIG)
    return tmp_path


def call(*arguments: str) -> str:
    done = CliRunner().invoke(main, list(arguments))
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_real_search_leaves_a_network_that_does_what_was_reported(folder: Path):
    printed = call("run", "small.yaml", "--study", "small", "--json")
    outcome = json.loads(printed.splitlines()[-1])
    assert outcome["evaluated_at_target"]
    assert 0 < outcome["spent_seconds"] <= outcome["budget_seconds"] + 2.0
    assert f"  test accuracy       {outcome['test_accuracy']:.2f}%, computed once" in printed
    for line in ("teacher teacher", "score proxies", "evaluation few", "evaluation full", "optimiser"):
        assert f"\n    {line} " in printed
    report = json.loads(Path(outcome["report"]).with_suffix(".json").read_text())
    assert sum(line["seconds"] for line in report["spent"]) == pytest.approx(outcome["spent_seconds"])

    call("export", "small", "--out", "exported")
    data = cluttered_digits(0, None, **DATA)
    torch.save((data.test_images, data.test_labels), folder / "test.pt")
    for place in (Path(outcome["weights"]).parent, folder / "exported"):
        arguments = [sys.executable, "-I", "-c", JUDGE, str(place), str(folder / "test.pt")]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert float(done.stdout) == pytest.approx(outcome["test_accuracy"], abs=1e-9)

    # The next search finds the teacher made, pays nothing for it, and says what it had cost.
    again = call("run", "small.yaml", "--study", "again", "--json")
    line = next(line for line in again.splitlines() if "teacher teacher" in line)
    assert "0.0 s (cached, originally " in line


def test_two_workers_train_side_by_side(folder: Path):
    outcome = json.loads(call("run", "small.yaml", "--study", "pair", "--workers", "2", "--json").splitlines()[-1])
    assert outcome["evaluated_at_target"] and Path(outcome["weights"]).exists()
    # Both may run to the end of the budget.
    assert 0 < outcome["spent_seconds"] <= outcome["budget_seconds"] + 2 * 2.0
    report = json.loads(Path(outcome["report"]).with_suffix(".json").read_text())
    assert sum(line["seconds"] for line in report["spent"]) == pytest.approx(outcome["spent_seconds"])
