from __future__ import annotations

import json
from pathlib import Path

import pytest

from mfsearch.tables.measured import read_measured

SMALL = """
space: nasbench201
task: {use: digits, train: 32, epochs: 1, val: 40, test: 40, network: {channels: 4, cells: 1, reduction: light}}
ladder:
- {use: zero_cost, name: proxies, proxies: [params]}
- {use: training, name: full, epochs: 1, batch: 16, expected_seconds: 0.1}
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL)
    return path


def test_a_pilot_says_what_a_table_would_cost_and_be_worth(call, small: Path, tmp_path: Path):
    out = tmp_path / "out"
    done = call("table", "build", str(small), "--out", str(out), "--pilot", "--architectures", "5", "--jobs", "2", "--json")
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["architectures"] == 5 and found["seconds_each"] > 0 and found["table"] == str(out / "table.parquet")
    figures = {row["figure"]: row for row in found["findings"]}
    assert set(figures) == {"params", "-train_loss", "train_accuracy", "val_accuracy"}
    assert figures["val_accuracy"]["spread_all"]["within"] >= 0, "three seeds each"
    # What is there is not measured again.
    again = call("table", "build", str(small), "--out", str(out), "--pilot", "--architectures", "5")
    assert "5 of 5 architectures (sample) are measured already." in again.stderr
    lines = again.stdout.splitlines()
    assert lines[0].split()[:2] == ["rung", "figure"] and any(line.startswith("full     val_accuracy *") for line in lines)
    assert any("1,000 of them take" in line for line in lines) and any("Seed variance of the target" in line for line in lines)
    config = tmp_path / "search.yaml"
    config.write_text(f"problem: {{use: measured, path: {out / 'table.parquet'}}}\nbudget: 1min\n")
    answer = json.loads(call("run", str(config), "--json").stdout.splitlines()[-1])
    assert answer["architecture"] in read_measured(out / "table.parquet").architectures and 0 <= answer["value"] <= 100


def test_help_names_the_command(call):
    assert "--pilot" in call("table", "build", "--help").stdout


def test_a_rung_is_added_to_a_table(call, small: Path, tmp_path: Path):
    call("table", "build", str(small), "--out", str(tmp_path / "a"), "--architectures", "2")
    longer = tmp_path / "longer.yaml"
    longer.write_text(SMALL.replace("- {use: training", "- {use: zero_cost, name: late, proxies: [nwot]}\n- {use: training"))
    done = call(
        "table", "build", str(longer), "--from", str(tmp_path / "a" / "table.parquet"), "--out", str(tmp_path / "b"), "--json"
    )
    assert json.loads(done.stdout.splitlines()[-1])["architectures"] == 2
    assert set(read_measured(tmp_path / "b" / "table.parquet").figures("late", "nwot")) == set(
        read_measured(tmp_path / "a" / "table.parquet").architectures
    )
    wrong = call(
        "table", "build", str(longer), "--from", str(tmp_path / "a" / "table.parquet"), "--out", str(tmp_path / "b"), "--pilot"
    )
    assert wrong.exit_code == 2 and "--from takes the architectures of its table" in wrong.stderr
