"""How long the commands and a decision take on a large study.

    python benchmarks/scale.py [--observations 20000] [--storage URL] [--folder DIR]

Writes a study of hartmann6 with so many observations, nine of ten of them on the lower rungs, as `mfsearch run` would have
stored it, then times `mfsearch status`, `report` and `resume` as processes of their own (of `resume`: until its first evaluation starts, and
until a few evaluations more have ended), and one ask of `cost_aware` with and without a fit. Costs are simulated. One JSON object on standard output.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from mfsearch.allocation.cost_aware import CostAware
from mfsearch.allocation.view import view
from mfsearch.build import build_problem
from mfsearch.config import load_config
from mfsearch.execution.base import value_of
from mfsearch.execution.virtual import VirtualExecutor
from mfsearch.fidelities.base import AbstractEvaluation, Context
from mfsearch.records import EvaluationQuery, Observation, Status
from mfsearch.store.events import Event, EventKind, asked, told
from mfsearch.store.sql import EventStore
from mfsearch.study import Study


def write(url: str, folder: Path, observations: int) -> float:
    """Store the study "large"; its budget in seconds."""
    config = load_config("hartmann6", [])
    problem = build_problem(config, folder)
    rungs = [cast(AbstractEvaluation, rung) for rung in problem.ladder.evaluations]
    lower = 0.9 / (len(rungs) - 1)
    counts = [round(lower * observations)] * (len(rungs) - 1)
    counts.append(observations - sum(counts))
    order = np.random.default_rng(0).permutation(np.repeat(np.arange(len(rungs)), counts))
    drawn = problem.space.sample(observations, np.random.default_rng(1))
    spent = sum(rungs[place].expected_cost(architecture) for place, architecture in zip(order, drawn, strict=True))
    study = Study(
        problem.space,
        problem.ladder,
        2 * spent,
        objective=problem.objective,
        policy=CostAware(),
        name="large",
        store=EventStore(url),
        executor=VirtualExecutor(),
        recommend=problem.recommend,
        workdir=folder / "out" / "evaluations",
        config=config.model_dump(mode="json"),
    )
    events = []
    for id, (place, architecture) in enumerate(zip(order, drawn, strict=True)):
        rung = rungs[place]
        cost = rung.expected_cost(architecture)
        query = EvaluationQuery(architecture, rung.name, seed=id, why={"reason": "drawn at random"}, id=id)
        measured = rung.evaluate(architecture, Context(id, float("inf"), folder))
        value = value_of(measured.values, rung.signal, problem.objective)
        seen = Observation(query, Status.OK, cost, value, measured.noise, dict(measured.values))
        entry = {"queries": [asked(query, cost, 2 * spent, cost)], "memory": {}, "optimiser_seconds": 0.01, "repeat": False}
        events += [
            Event(2 * id + 1, EventKind.ASKED, entry, time.time()),
            Event(2 * id + 2, EventKind.TOLD, told(seen), time.time()),
        ]
    study.store.extend("large", events)
    study.store.close()
    return spent


def command(*words: str, environment: dict[str, str], folder: Path) -> float:
    """Seconds of an `mfsearch` command."""
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "mfsearch", *words], env=environment, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return time.monotonic() - began


def decisions(url: str, folder: Path) -> dict[str, float]:
    """Median seconds of an ask that fits and of one that does not."""
    config = load_config("hartmann6", [])
    problem = build_problem(config, folder)
    study = Study(problem.space, problem.ladder, name="large", policy=CostAware(), store=EventStore(url), resume=True, join=True)
    state, policy, found = view(study.state, problem.space, problem.ladder), CostAware(), dict[str, list[float]]()
    memory: Any = {}
    for number in range(7):
        began = time.monotonic()
        proposal = policy.propose(replace(state, memory=memory), 1, np.random.default_rng(number))
        kind = "ask_nothing_known_seconds" if number == 0 else "ask_seconds"
        found.setdefault(kind, []).append(time.monotonic() - began)
        memory = proposal.memory
    study.journal.leave()
    return {kind: round(statistics.median(seconds), 3) for kind, seconds in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--observations", type=int, default=20_000)
    parser.add_argument("--storage")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        url = options.storage or f"sqlite:///{folder}/studies.db"
        environment = {**os.environ, "MFSEARCH_HOME": str(folder / "home"), "MFSEARCH_STORAGE": url, "OMP_NUM_THREADS": "1"}
        spent = write(url, folder, options.observations)
        found: dict[str, Any] = {"observations": options.observations, "machine": platform.processor() or platform.machine()}
        began = 0.0
        for words in (("status", "large"), ("report", "large"), ("resume", "large", "--budget", f"{spent + 20:.1f}s")):
            began = time.time()
            found[f"{words[0]}_seconds"] = round(command(*words, environment=environment, folder=folder), 2)
        new = EventStore(url).events("large", after=2 * options.observations)
        started = [event.at for event in new if event.kind is EventKind.ASKED]
        found |= {"resume_first_seconds": round(started[0] - began, 2), "resume_evaluations": len(started)}
        print(json.dumps({**found, **decisions(url, folder)}))


if __name__ == "__main__":
    main()
