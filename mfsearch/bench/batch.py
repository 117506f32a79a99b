"""Many runs, on several processes; what is finished is kept, so that a stopped batch goes on where it was."""

from __future__ import annotations

import functools
import os
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa

import mfsearch
from mfsearch.bench.methods import Method, parse_options
from mfsearch.bench.run import oracle_of, run
from mfsearch.bench.trace import about, described, read, to_table, write
from mfsearch.build import build_problem
from mfsearch.config import Component, StudyConfig
from mfsearch.errors import ConfigError, InterruptedSearchError, MfsearchError, SearchFailedError
from mfsearch.execution.processes import each_in_a_process
from mfsearch.problems.base import Problem
from mfsearch.study import Rule
from mfsearch.units import format_seconds


@dataclass(frozen=True)
class Plan:
    """What is to be run.

    Attributes:
        problem: Name of a problem, with options after a colon as those of methods.
        methods: Who searches.
        budget: Device seconds of every run.
        seeds: Seeds of every method.
        rule: `evaluated` or `predicted`.
        out: Folder for all results.
        home: Folder of tables.
    """

    problem: str
    methods: Sequence[Method]
    budget: float
    seeds: Sequence[int]
    rule: Rule
    out: Path
    home: Path

    def tasks(self) -> list[tuple[Method, int]]:
        """Every run, seed by seed, so that an early look compares all methods."""
        return [(method, seed) for seed in self.seeds for method in self.methods]

    def shard(self, method: Method, seed: int) -> Path:
        """File of one run."""
        return self.out / "runs" / f"{quote(method.label, safe='=')}-{seed}.parquet"


@dataclass(frozen=True)
class _Task:
    """One run, and what its file says that it depends on."""

    plan: Plan
    method: Method
    seed: int
    fingerprint: Mapping[str, Any]


@functools.cache
def load_problem(written: str, home: Path) -> Problem:
    """A problem by name, with options after a colon; built once a process.

    Raises:
        ConfigError: If there is no such problem, or it knows no truth or has real costs.
    """
    name, _, options = written.partition(":")
    parsed = parse_options(options, written)
    # A name that no config could hold is left to `build_problem`, whose message lists the problems.
    component = Component.model_construct(use=name, options=parsed)
    problem = build_problem(StudyConfig(problem=component), home)
    oracle_of(problem)
    return problem


def fingerprint(plan: Plan, method: Method) -> dict[str, Any]:
    """All that a run depends on besides its seed; runs are compared and gone on with only where it agrees."""
    problem = load_problem(plan.problem, plan.home)
    oracle = oracle_of(problem)
    ladder = method.ladder(problem.ladder)
    resolved = method.on(ladder)
    return {
        "problem": plan.problem,
        "ladder": [rung.name for rung in ladder],
        "truth": [oracle.optimum, oracle.span],
        "budget_seconds": plan.budget,
        "recommend": plan.rule,
        "policy": resolved.policy,
        "options": dict(resolved.options),
        "mfsearch": mfsearch.__version__,
    }


def run_batch(plan: Plan, jobs: int, say: Callable[[str], None]) -> pa.Table:
    """Run what is missing; all rows of the plan, methods in its order, written to `runs.parquet` as well.

    Args:
        plan: What is to be run.
        jobs: Processes, one thread each. Results do not depend on it.
        say: Told every run that ends.

    Raises:
        ConfigError: If runs of another plan lie in the folder, or the problem or a method cannot be used.
        SearchFailedError: If a run failed; the others are finished and kept.
        InterruptedSearchError: On Ctrl-C or SIGTERM; what is finished is kept.
    """
    prints = {method.label: fingerprint(plan, method) for method in plan.methods}
    for method in plan.methods:
        method.on(
            method.ladder(load_problem(plan.problem, plan.home).ladder)
        ).build()  # a wrong option is found before anything runs
    (plan.out / "runs").mkdir(exist_ok=True)
    missing = [(m, seed) for m, seed in plan.tasks() if not _finished(plan.shard(m, seed), prints[m.label])]
    if kept := len(plan.tasks()) - len(missing):
        say(f"{kept} of {len(plan.tasks())} runs are finished already: going on with the rest.")
    failures = _run_missing(plan, missing, prints, jobs, say) if missing else []
    if failures:
        raise SearchFailedError(
            f"{len(failures)} of {len(plan.tasks())} runs failed, the first with: {failures[0]} What is finished is kept in {plan.out}; run "
            "the same command again for what is missing, or leave the method out."
        )
    return _merge(plan, prints)


def _run_missing(
    plan: Plan,
    missing: Sequence[tuple[Method, int]],
    prints: Mapping[str, Mapping[str, Any]],
    jobs: int,
    say: Callable[[str], None],
) -> list[str]:
    failures: list[str] = []
    tasks = [_Task(plan, method, seed, prints[method.label]) for method, seed in missing]
    try:
        with closing(each_in_a_process(_work, tasks, jobs)) as done:
            for number, (task, message) in enumerate(done, start=1):
                if message.startswith("failed"):
                    failures.append(f"{task.method.label}, seed {task.seed}: {message.removeprefix('failed: ')}")
                say(f"[{number}/{len(missing)}] {task.method.label}, seed {task.seed}: {message}")
    except BrokenExecutor:
        raise SearchFailedError(
            f"a process of the bench ended before its run did: was there too little memory? What is finished is kept in {plan.out}. "
            "Run the same command again, with fewer --jobs."
        ) from None
    except KeyboardInterrupt:
        raise InterruptedSearchError(
            f"interrupted; {sum(plan.shard(m, s).exists() for m, s in plan.tasks())} of {len(plan.tasks())} runs are kept in {plan.out}. "
            "Run the same command again to go on."
        ) from None
    return failures


def _work(task: _Task) -> str:
    """One run to its shard; what to say of it. Errors are text: not every exception survives the way between processes."""
    plan, method, seed = task.plan, task.method, task.seed
    try:
        done = run(load_problem(plan.problem, plan.home), method, seed, plan.budget, plan.rule)
    except MfsearchError as error:
        return f"failed: {error}"
    except Exception as error:
        if os.environ.get("MFSEARCH_DEBUG"):
            traceback.print_exc()
        return f"failed: {type(error).__name__}: {' '.join(str(error).split())}."
    figures = {"method": method.label, "seed": seed} | {k: v for k, v in asdict(done).items() if k != "rows"}
    table = to_table(method.label, seed, done.rows, {"fingerprint": task.fingerprint, "run": figures})
    write(plan.shard(method, seed), table)
    answer = "" if done.rows and done.rows[-1].recommended else ", no answer: the budget pays for no evaluation"
    return f"{len(done.rows)} charges, took {format_seconds(done.run_seconds)}{answer}"


def _finished(path: Path, expected: Mapping[str, Any]) -> bool:
    if not path.exists():
        return False
    found = about(path).get("fingerprint", {})
    if differing := sorted(key for key in {*found, *expected} if found.get(key) != expected.get(key)):
        key = differing[0]
        raise ConfigError(
            f"the folder for results must hold runs of the same plan; {path.name} has {key} {found.get(key)!r} instead of "
            f"{expected.get(key)!r}. Use another --out."
        )
    return True


def _merge(plan: Plan, prints: Mapping[str, Mapping[str, Any]]) -> pa.Table:
    shards = [plan.shard(method, seed) for method in plan.methods for seed in plan.seeds]
    everything = {"methods": dict(prints), "runs": [about(shard)["run"] for shard in shards]}
    table = described(pa.concat_tables([read(shard).replace_schema_metadata(None) for shard in shards]), everything)
    write(plan.out / "runs.parquet", table)
    return table
