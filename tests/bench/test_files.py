from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
from click.testing import CliRunner

from mfsearch.bench.batch import Plan
from mfsearch.bench.files import write_results
from mfsearch.cli import main


def test_summary_table_and_plots(plan: Plan, table: pa.Table, tmp_path: Path):
    drawn: list[tuple[object, ...]] = []
    mine = replace(plan, out=tmp_path)
    summary = write_results(mine, table, [10.0], lambda *arguments: drawn.append(arguments))
    assert json.loads((tmp_path / "summary.json").read_text()) == summary
    assert [(one["method"], one["budget_seconds"]) for one in summary] == [
        (method, seconds) for seconds in (25.0, 10.0) for method in ("random_low", "random")
    ]
    assert len(drawn) == 1 and drawn[0][0] == tmp_path
    text = (tmp_path / "table.md").read_text()
    assert text.startswith("# branin, 25 s\n")
    assert "costs simulated (1 s and 10 s)" in text, "the problem's own notes"
    (command,) = (line for line in text.splitlines() if line.startswith("    mfsearch bench "))
    assert CliRunner().invoke(main, [*shlex.split(command)[1:], "--help"]).exit_code == 0
    assert "--budget 25s --seeds 2 --first-seed 3 --recommend predicted --at 10s" in command


def test_a_run_without_rows_counts(plan: Plan, table: pa.Table, tmp_path: Path):
    mine = replace(plan, out=tmp_path, seeds=(3, 4, 5))
    summary = write_results(mine, table, [], lambda *arguments: None)
    assert [(one["seeds"], one["unanswered"], one["regret_mean"]) for one in summary] == [(3, 1, None)] * 2
