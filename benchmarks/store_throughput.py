"""Many processes on one study: what the store costs them, next to Optuna's RDB storage on the same kind of database.

    python benchmarks/store_throughput.py --optuna PYTHON [--workers 8] [--evaluations 2000] [--database URL]

So many processes ask and tell so many evaluations each, on one study, of a function that takes no time, decided by random search. PYTHON is the
interpreter of an environment with Optuna (and psycopg, for PostgreSQL). URL is an empty PostgreSQL database for each of the two in turn (its tables
are dropped in between); without it, SQLite files in a temporary folder. Afterwards the histories are checked: as many observations as evaluations
began, every one once. One JSON object a storage on standard output: wall seconds, evaluations a second, medians of an ask and of a tell.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import create_engine, text

from mfsearch.allocation.random_search import RandomSearch
from mfsearch.execution.virtual import VirtualExecutor
from mfsearch.fidelities.function import FunctionFidelity
from mfsearch.records import Architecture, Objective, Status
from mfsearch.spaces.box import BoxSpace
from mfsearch.store.sql import EventStore
from mfsearch.study import Study

NAME = "throughput"
OPTUNA = """
import json, sys, time
import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
url, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
sampler = optuna.samplers.RandomSampler(seed=seed)
study = optuna.create_study(study_name="throughput", storage=url, sampler=sampler, load_if_exists=True)
asks, tells = [], []
for _ in range(count):
    began = time.perf_counter()
    trial = study.ask()
    x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
    asked = time.perf_counter()
    study.tell(trial, x + y)
    asks.append(asked - began)
    tells.append(time.perf_counter() - asked)
print(json.dumps([asks, tells]))
"""
OPTUNA_COUNT = """
import collections, json, sys
import optuna

trials = optuna.load_study(study_name="throughput", storage=sys.argv[1]).get_trials()
print(json.dumps([len(trials), sum(t.state.name == "COMPLETE" for t in trials), len({t.number for t in trials})]))
"""


def total(architecture: Architecture, context: object) -> float:
    return sum(float(str(gene)) for gene in architecture.genotype)


def study(url: str, budget: float | None = None) -> Study:
    return Study(
        BoxSpace("square", {"x": (0.0, 1.0), "y": (0.0, 1.0)}),
        [FunctionFidelity("sum", total, 1.0, signal="value", simulated=True)],
        budget,
        objective=Objective("value", unit="none"),
        policy=RandomSearch(),
        seed=1,
        name=NAME,
        store=EventStore(url),
        executor=VirtualExecutor(),
        resume=budget is None,
        join=True,
    )


def work(url: str, count: int) -> None:
    """One process of ours: ask, tell, and time both."""
    own = study(url)
    asks, tells = [], []
    while len(asks) < count:
        began = time.perf_counter()
        queries = own.ask()
        asked = time.perf_counter()
        if not queries:
            continue
        own.tell(queries[0], total(queries[0].architecture, None), seconds=1.0)
        asks.append(asked - began)
        tells.append(time.perf_counter() - asked)
    own.journal.leave()
    print(json.dumps([asks, tells]))


def check(url: str) -> list[int]:
    """Events of ours: asked, told well, architectures."""
    state = study(url).state
    ok = [o for o in state.observations if o.status is Status.OK]
    times = Counter(o.query.id for o in state.observations)
    assert set(times.values()) == {1} and state.ledger.spent == sum(o.seconds for o in state.observations)
    return [state.asked, len(ok), len({o.query.architecture.key for o in ok})]


def measure(storage: str, url: str, options: argparse.Namespace) -> dict[str, Any]:
    """Run the workers of one storage; what they took."""
    if storage == "mfsearch":
        study(url, 10.0 * options.workers * options.evaluations).store.close()
        words = [[sys.executable, __file__, "--work", url, "--evaluations", str(options.evaluations)]] * options.workers
    else:
        words = [[options.optuna, "-c", OPTUNA, url, str(options.evaluations), str(n)] for n in range(options.workers)]
        subprocess.run([options.optuna, "-c", OPTUNA, url, "0", "0"], check=True, capture_output=True)
    began = time.monotonic()
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in words]
    said = [json.loads(process.communicate()[0].splitlines()[-1]) for process in processes]
    wall = time.monotonic() - began
    if storage == "mfsearch":
        counts = check(url)
    else:
        counts = json.loads(
            subprocess.run([options.optuna, "-c", OPTUNA_COUNT, url], check=True, capture_output=True, text=True).stdout
        )
    asks, tells = ([seconds for one in said for seconds in one[kind]] for kind in (0, 1))
    return {
        "storage": storage,
        "database": url.partition(":")[0].partition("+")[0],
        "workers": options.workers,
        "evaluations": options.workers * options.evaluations,
        "begun_completed_distinct": counts,
        "wall_seconds": round(wall, 1),
        "per_second": round(len(asks) / wall, 1),
        "ask_median_ms": round(1e3 * statistics.median(asks), 2),
        "ask_95_ms": round(1e3 * float(np.quantile(asks, 0.95)), 2),
        "tell_median_ms": round(1e3 * statistics.median(tells), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--optuna", metavar="PYTHON")
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--evaluations", type=int, default=2000)
    parser.add_argument("--database", metavar="URL")
    parser.add_argument("--work", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        return work(options.work, options.evaluations)
    with tempfile.TemporaryDirectory() as folder:
        for storage in ("mfsearch", "optuna") if options.optuna else ("mfsearch",):
            url = options.database or f"sqlite:///{Path(folder)}/{storage}.db"
            if options.database:
                url = url.replace("postgresql://", "postgresql+psycopg://")
                with create_engine(url).begin() as connection:
                    connection.execute(text("DROP SCHEMA public CASCADE"))
                    connection.execute(text("CREATE SCHEMA public"))
            print(json.dumps(measure(storage, url, options)), flush=True)


if __name__ == "__main__":
    main()
