"""One run: one method, one seed, one budget, on the virtual clock."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from mfsearch.bench.methods import Method
from mfsearch.bench.peers import Peer
from mfsearch.bench.recorder import Recorder
from mfsearch.bench.trace import Row
from mfsearch.errors import BudgetError, ConfigError
from mfsearch.execution.virtual import VirtualExecutor
from mfsearch.problems.base import Oracle, Problem
from mfsearch.store.sql import EventStore
from mfsearch.study import Rule, Study


@dataclass(frozen=True)
class Run:
    """What one run left.

    Attributes:
        rows: One a charge.
        asks: Number of decisions.
        ask_seconds: Median wall seconds of one decision; 0 where there was none.
        run_seconds: Wall seconds of the run, recommendations included.
    """

    rows: Sequence[Row]
    asks: int
    ask_seconds: float
    run_seconds: float


def oracle_of(problem: Problem) -> Oracle:
    """The truth by which a problem's runs are judged.

    Raises:
        ConfigError: If it has none, or its costs are measured.
    """
    if not problem.virtual or problem.oracle is None:
        raise ConfigError(
            f"bench must have a problem with simulated costs and known truth; got {problem.name!r}. Take branin, hartmann6, or one of an "
            "imported table (mfsearch data import)."
        )
    return problem.oracle


def run(problem: Problem, method: Method, seed: int, budget: float, rule: Rule) -> Run:
    """Run one search; it depends on its arguments alone.

    Args:
        problem: What is searched, with simulated costs.
        method: Who searches.
        seed: Seed of everything random.
        budget: Device seconds.
        rule: `evaluated` or `predicted`.

    Raises:
        MfsearchError: If the policy cannot work on this problem, or nothing but failures comes back.
    """
    began = time.perf_counter()
    problem = replace(problem, ladder=method.ladder(problem.ladder))
    policy = method.on(problem.ladder).build()
    recorder = Recorder(problem, policy, rule)
    store = EventStore()
    with tempfile.TemporaryDirectory(prefix="mfsearch-bench-") as folder, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)  # libraries that a policy is made of may draw from the global generator
        study = Study(
            problem.space,
            problem.ladder,
            budget,
            objective=problem.objective,
            policy=policy,
            seed=seed,
            store=store,
            executor=VirtualExecutor(),
            recommend=rule,
            workdir=Path(folder),
            listeners=[recorder],
        )
        try:
            answer = study.run()
        except BudgetError:
            if study.state.observations:
                raise
            answer = None  # what this method begins with costs more than there is: it has no answer, and that is a result
        finally:
            if isinstance(policy, Peer):
                policy.close()
    store.close()
    if answer is not None:
        recorder.conclude(answer.architecture.key)
    ask = statistics.median(recorder.asks) if recorder.asks else 0.0
    return Run(recorder.rows, len(recorder.asks), ask, time.perf_counter() - began)
