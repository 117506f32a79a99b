"""A small bench on Branin's function, run once; rows made by hand for everything else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from mfsearch.bench.batch import Plan, run_batch
from mfsearch.bench.methods import parse_methods
from mfsearch.bench.trace import Row, to_table
from mfsearch.problems.base import Problem
from mfsearch.problems.synthetic import branin

Runs = dict[str, dict[int, Sequence[tuple[float, str | None]]]]


@pytest.fixture(scope="session")
def problem() -> Problem:
    return branin(Path("unused"))


@pytest.fixture
def tested(problem: Problem) -> Problem:
    """Branin with a test accuracy: its first variable, plus 5, in percent."""
    assert problem.oracle is not None
    return replace(problem, oracle=replace(problem.oracle, test=lambda a: 5.0 + float(str(a.genotype[0]))))


@pytest.fixture(scope="session")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    methods = parse_methods("random_low,random")
    out, home = tmp_path_factory.mktemp("bench"), tmp_path_factory.mktemp("home")
    return Plan("branin", methods, 25.0, (3, 4), "predicted", out, home)


@pytest.fixture(scope="session")
def said() -> list[str]:
    return []


@pytest.fixture(scope="session")
def table(plan: Plan, said: list[str]) -> pa.Table:
    """All rows of the small bench."""
    return run_batch(plan, 2, said.append)


@pytest.fixture
def rows() -> Callable[[Runs], pa.Table]:
    """Builds a table of rows from method -> seed -> (seconds, recommended)."""

    def build(runs: Runs) -> pa.Table:
        tables = [
            to_table(method, seed, [Row(i, "evaluation", "high", "x", 1, s, key) for i, (s, key) in enumerate(run)], {})
            for method, seeds in runs.items()
            for seed, run in seeds.items()
        ]
        return pa.concat_tables([table.replace_schema_metadata(None) for table in tables])

    return build
