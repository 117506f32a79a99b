"""What a bench leaves in its folder, apart from the runs: the summary, the tables, the plots."""

from __future__ import annotations

import json
import os
import platform
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from mfsearch.bench.batch import Plan, load_problem
from mfsearch.bench.curves import NOTHING, Curve, read_curves
from mfsearch.bench.markdown import to_markdown
from mfsearch.bench.summary import summarise
from mfsearch.bench.trace import about
from mfsearch.problems.base import Problem

Draw = Callable[[Path, Problem, str, Mapping[str, Mapping[int, Curve]], float], object]


def write_results(plan: Plan, table: pa.Table, points: Sequence[float], draw: Draw) -> list[dict[str, Any]]:
    """Write `summary.json`, `table.md` and the plots; the summary.

    Args:
        plan: What was run.
        table: All rows, as `run_batch` returns them.
        points: Earlier moments at which the runs are looked at as well, in device seconds.
        draw: Writes the plots.
    """
    problem = load_problem(plan.problem, plan.home)
    read = read_curves(table, problem)
    # A run whose budget paid for nothing has no row, and counts all the same.
    curves = {m.label: {seed: read.get(m.label, {}).get(seed, NOTHING) for seed in plan.seeds} for m in plan.methods}
    summary = summarise(
        problem,
        curves,
        about(table)["runs"],
        name=plan.problem,
        budget=plan.budget,
        rule=plan.rule,
        points=points,
    )
    (plan.out / "summary.json").write_text(json.dumps(summary, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    text = to_markdown(
        summary, objective=problem.objective, about=problem.description, machine=machine(), command=_command(plan, points)
    )
    (plan.out / "table.md").write_text(text, encoding="utf-8")
    draw(plan.out, problem, plan.problem, curves, plan.budget)
    return summary


def machine() -> str:
    """Where this runs, in a few words."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, one thread a run"


def _command(plan: Plan, points: Sequence[float]) -> str:
    words = ["mfsearch", "bench", plan.problem, "--methods", ",".join(method.label for method in plan.methods)]
    words += ["--budget", _duration(plan.budget), "--seeds", str(len(plan.seeds)), "--first-seed", str(plan.seeds[0])]
    words += ["--recommend", plan.rule]
    words += ["--at", ",".join(map(_duration, points))] if points else []
    return shlex.join([*words, "--out", "DIR"])


def _duration(seconds: float) -> str:
    hours = f"{seconds / 3600:g}"
    return f"{hours}gpu-hours" if float(hours) * 3600 == seconds else f"{seconds:.15g}s"
