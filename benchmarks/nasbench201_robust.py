"""What `cost_aware` loses on NAS-Bench-201 (CIFAR-100) when a rung lies: scores or 12-epoch values that mislead.

    python benchmarks/nasbench201_robust.py run [--first-seed 1000] [--seeds 20] [--variants NAME,...] [--jobs 2]
    python benchmarks/nasbench201_robust.py table

Every variant is the problem of the imported table with one thing changed, by the run's own seed; prices stay what they are.
At 12 GPU-hours, against `no_proxies` (the ladder without its scores):

- `random_proxies`: every score of every class is a random number;
- `misleading_proxies`: the best tenth of the classes (by the truth) have each other's scores at random, all others their own, so
  that scores are right about the worse ones and say nothing where it matters.

At 24 GPU-hours, against `gp_target` (the Gaussian process with expected improvement on the target alone, policy `gp`):

- `permuted_low`: the 12-epoch value of a class is that of another class at random.

Regret is the distance of the recommended class's validation accuracy to the table's best, in points; rule `predicted`. One JSON
row a run in benchmarks/results/nasbench201_robust.jsonl, figures only; what is there is not run again. Needs an imported table
(`mfsearch data import nasbench201 SOURCE --proxies CSV`).
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mfsearch.allocation.base import AbstractPolicy
from mfsearch.allocation.belief import Belief
from mfsearch.allocation.cost_aware import CostAware
from mfsearch.allocation.gp import GP
from mfsearch.allocation.view import view
from mfsearch.bench.statistics import difference_interval
from mfsearch.errors import MfsearchError
from mfsearch.execution.virtual import VirtualExecutor
from mfsearch.fidelities.base import AbstractEvaluation, AbstractFidelity, AbstractScore, Context
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.problems.base import Problem
from mfsearch.problems.tabular import tabular
from mfsearch.records import Architecture, Measurement, Scores
from mfsearch.store.events import Event
from mfsearch.store.location import home
from mfsearch.store.state import StudyState
from mfsearch.study import Study

ROWS = Path(__file__).parent / "results" / "nasbench201_robust.jsonl"
TABLE, DATASET = "nasbench201", "cifar100"
BEST = 0.1  # of the classes: those among which misleading scores are permuted
STREAM = 201  # of the random numbers that spoil a rung: not those of the search

Row = dict[str, Any]


@dataclass(frozen=True)
class Variant:
    """One line of the comparison.

    Attributes:
        hours: Budget in GPU-hours.
        reference: The variant whose regret it is compared with; empty for a reference itself.
        allowed: Most points by which the 95% interval of the difference may reach above that.
    """

    hours: float
    reference: str = ""
    allowed: float = math.inf


VARIANTS = {
    "no_proxies": Variant(12),
    "random_proxies": Variant(12, "no_proxies", 0.3),
    "misleading_proxies": Variant(12, "no_proxies", 0.3),
    "gp_target": Variant(24),
    "permuted_low": Variant(24, "gp_target", 0.8),
}


class PermutedEvaluation(AbstractEvaluation):
    """A rung that charges for the architecture it is asked for, and tells another one's figures.

    Args:
        rung: The true one.
        other: Architecture's key -> the one whose figures it gets.
    """

    def __init__(self, rung: AbstractEvaluation, other: Mapping[str, Architecture]) -> None:
        self.name, self.signal, self.deterministic = rung.name, rung.signal, rung.deterministic
        self._rung, self._other = rung, other

    def expected_cost(self, architecture: Architecture) -> float:
        """The architecture's own."""
        return self._rung.expected_cost(architecture)

    def evaluate(self, architecture: Architecture, context: Context) -> Measurement:
        """The other one's figures in the architecture's own time."""
        own = self._rung.evaluate(architecture, context)
        return Measurement(self._rung.evaluate(self._other[architecture.key], context).values, own.seconds)


class ReplacedScore(AbstractScore):
    """A score rung with other figures at the same price.

    Args:
        rung: The true one.
        rows: Architecture's key -> its figures.
    """

    def __init__(self, rung: AbstractScore, rows: Mapping[str, tuple[float | None, ...]]) -> None:
        self.name, self.signal = rung.name, rung.signal
        self._rung, self._rows = rung, rows

    @property
    def columns(self) -> tuple[str, ...]:
        """As the true rung's."""
        return self._rung.columns

    @property
    def trusted(self) -> tuple[bool, ...]:
        """As the true rung's: nobody knows that they lie."""
        return self._rung.trusted

    @property
    def capacity(self) -> tuple[bool, ...]:
        """As the true rung's."""
        return self._rung.capacity

    def expected_cost(self, architecture: Architecture) -> float:
        """As the true rung's."""
        return self._rung.expected_cost(architecture)

    def score(self, architectures: Sequence[Architecture], context: Context) -> Scores:
        """Look up; one row an architecture, for the true rung's seconds."""
        seconds = self._rung.score(architectures, context).seconds
        return Scores(self.columns, tuple(self._rows[a.key] for a in architectures), seconds)


class LowWatch:
    """Listens to a study, and knows when its lowest evaluation rung was last paid for.

    Attributes:
        last: Runs at the target until then, seconds spent up to and with it; None where it was never paid for.
    """

    def __init__(self, low: str, target: str) -> None:
        self._low, self._target = low, target
        self._seen = 0
        self._at_target = 0
        self.last: tuple[int, float] | None = None

    def __call__(self, event: Event, state: StudyState) -> None:
        """Take note of what was observed since the last event."""
        for observation in state.observations[self._seen :]:
            self._seen += 1
            self._at_target += observation.query.rung == self._target
            if observation.query.rung == self._low:
                self.last = (self._at_target, state.ledger.spent)


@cache
def problem() -> Problem:
    """CIFAR-100 of the imported table, read once a process."""
    return tabular(home(), TABLE, DATASET)


def build(variant: str, seed: int) -> tuple[FidelityLadder, AbstractPolicy]:
    """The ladder of a variant, spoilt by this seed, and the policy that searches it."""
    whole = problem()
    scores, low, target = whole.ladder.scores[0], whole.ladder.evaluations[0], whole.ladder.target
    cells = whole.space.enumerate()
    assert cells is not None and whole.oracle is not None and isinstance(scores, AbstractScore)
    rng = np.random.default_rng([seed, STREAM])
    rungs: list[AbstractFidelity] = list(whole.ladder)
    if variant == "no_proxies":
        rungs = [rung for rung in rungs if rung is not scores]
    elif variant == "random_proxies":
        figures = rng.standard_normal((len(cells), len(scores.columns))).tolist()
        rungs[0] = ReplacedScore(scores, {cell.key: tuple(row) for cell, row in zip(cells, figures, strict=True)})
    elif variant == "misleading_proxies":
        own = scores.score(cells, Context(0, math.inf, Path("unused"))).values
        rows = {cell.key: row for cell, row in zip(cells, own, strict=True)}
        best = sorted(cells, key=lambda cell: -whole.oracle.truth(cell))[: int(BEST * len(cells))]  # type: ignore[union-attr]
        rows |= {best[i].key: rows[best[int(j)].key] for i, j in enumerate(rng.permutation(len(best)))}
        rungs[0] = ReplacedScore(scores, rows)
    elif variant == "permuted_low":
        other = {cells[i].key: cells[int(j)] for i, j in enumerate(rng.permutation(len(cells)))}
        rungs = [PermutedEvaluation(low, other) if rung is low else rung for rung in rungs]
    else:
        rungs = [target]
    return FidelityLadder(rungs), GP() if variant == "gp_target" else CostAware()


def one(variant: str, seed: int) -> Row:
    """One search, and its verdict."""
    torch.set_num_threads(1)
    oracle = problem().oracle
    assert oracle is not None and oracle.test is not None
    ladder, policy = build(variant, seed)
    low, target = ladder.evaluations[0].name, ladder.target.name
    watch = LowWatch(low, target)
    began = time.process_time()
    study = Study(
        problem().space,
        ladder,
        3600.0 * VARIANTS[variant].hours,
        objective=problem().objective,
        policy=policy,
        seed=seed,
        executor=VirtualExecutor(),
        recommend="predicted",
        listeners=[watch],
    )
    found = study.run()
    assert found is not None
    row: Row = {
        "variant": variant,
        "seed": seed,
        "gpu_hours": VARIANTS[variant].hours,
        "regret": oracle.regret(found.architecture),
        "test_accuracy": oracle.test(found.architecture),
        "target_runs": sum(o.query.rung == target for o in study.state.observations),
        "low_runs": sum(o.query.rung == low for o in study.state.observations) if low != target else 0,
        "scored": sum(len(known) for known in study.state.scores.values()),
        "spent_share": study.ledger.spent / study.ledger.total,
        "processor_seconds": time.process_time() - began,
    }
    if isinstance(policy, CostAware):
        belief = Belief(view(study.state, study.space, ladder))
        row |= {
            "low_last_paid_after_target_runs": watch.last[0] if watch.last else None,
            "low_last_paid_at_spent_share": watch.last[1] / study.ledger.total if watch.last else None,
            "low_correlation_with_target": belief.model.correlation(0),
            "low_useless": belief.useless(0, policy.useless),
        }
    return row


def run_all(options: argparse.Namespace) -> None:
    """Every missing run, side by side in processes."""
    unknown = sorted(set(options.variants.split(",")) - set(VARIANTS))
    if unknown:
        sys.exit(f"--variants must be some of {', '.join(VARIANTS)}; got {', '.join(unknown)}. Mend them.")
    try:
        problem()  # whether there is a table is told once, and read once where processes are forked
    except MfsearchError as error:
        sys.exit(str(error))
    have = {(row["variant"], row["seed"], row["gpu_hours"]) for row in read(options.rows)}
    missing = [
        (variant, seed)
        for seed in range(options.first_seed, options.first_seed + options.seeds)
        for variant in options.variants.split(",")
        if (variant, seed, VARIANTS[variant].hours) not in have
    ]
    options.rows.parent.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(options.jobs) as workers:
        for future in as_completed([workers.submit(one, *job) for job in missing]):
            row = future.result()
            with options.rows.open("a") as file:
                file.write(json.dumps(row) + "\n")
            runs = f"{row['low_runs']} + {row['target_runs']} runs, {row['processor_seconds']:.0f} s"
            print(
                f"{row['variant']} {row['seed']}: regret {row['regret']:.2f}, test {row['test_accuracy']:.2f}, {runs}", flush=True
            )


def read(path: Path) -> list[Row]:
    """All rows so far."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def table(path: Path) -> None:
    """Regret by variant, differences from the reference with their 95% bootstrap intervals, and what became of the low rung."""
    rows = read(path)
    own = {name: [row for row in rows if row["variant"] == name] for name in VARIANTS}
    regrets = {name: [float(row["regret"]) for row in found] for name, found in own.items()}
    print("| variant | GPU-hours | seeds | regret, mean (SD) | median | test accuracy | low + target runs |")
    print("|---|---|---|---|---|---|---|")
    for name, found in own.items():
        if found:
            values = np.array(regrets[name])
            spread = f"{values.mean():.2f} ({values.std(ddof=1) if len(values) > 1 else math.nan:.2f}) | {np.median(values):.2f}"
            test, low, high = (np.mean([row[key] for row in found]) for key in ("test_accuracy", "low_runs", "target_runs"))
            print(f"| {name} | {found[0]['gpu_hours']:g} | {len(found)} | {spread} | {test:.2f} | {low:.1f} + {high:.1f} |")
    print("\n| difference of mean regrets | points | 95% interval | upper bound allowed | held |\n|---|---|---|---|---|")
    for name, variant in VARIANTS.items():
        if variant.reference and regrets[name] and regrets[variant.reference]:
            mean, (low, high) = difference_interval(regrets[variant.reference], regrets[name])
            held = "yes" if high <= variant.allowed else "no"
            print(f"| {name} - {variant.reference} | {mean:+.2f} | [{low:+.2f}, {high:+.2f}] | {variant.allowed} | {held} |")
    print(
        "\n| 12 epochs, of | found useless | correlation, median | last paid after target runs, median (range) | share of budget |"
    )
    print("|---|---|---|---|---|")
    for name, found in own.items():
        paid = [row for row in found if row.get("low_last_paid_at_spent_share") is not None]
        if paid:
            runs = [row["low_last_paid_after_target_runs"] for row in paid]
            share = [row["low_last_paid_at_spent_share"] for row in paid]
            useless = f"{sum(row['low_useless'] for row in paid)} of {len(paid)}"
            correlation = np.median([row["low_correlation_with_target"] for row in paid])
            when = f"{np.median(runs):g} ({min(runs)}-{max(runs)}) | {np.median(share):.2f} ({min(share):.2f}-{max(share):.2f})"
            print(f"| {name} | {useless} | {correlation:.2f} | {when} |")


def main() -> None:
    """Parse and go."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run")
    run.add_argument("--first-seed", type=int, default=1000)
    run.add_argument("--seeds", type=int, default=20)
    run.add_argument("--variants", default=",".join(VARIANTS))
    run.add_argument("--jobs", type=int, default=2)
    commands.add_parser("table")
    parser.add_argument("--rows", type=Path, default=ROWS)
    options = parser.parse_args()
    if options.command == "run":
        run_all(options)
    else:
        table(options.rows)


if __name__ == "__main__":
    main()
