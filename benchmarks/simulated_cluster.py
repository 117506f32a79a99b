"""What many devices find together: a search on 1 to 256 simulated ones, on the virtual clock.

    python benchmarks/simulated_cluster.py run [--problem nasbench201-cifar10] [--hours 24,240] [--workers 1,4,16,64,256]
        [--methods cost_aware,asha] [--first-seed 1000] [--seeds 10] [--jobs 2] --out ROWS.jsonl
    python benchmarks/simulated_cluster.py table ROWS.jsonl

`--hours` are GPU-hours of the whole budget, whatever the number of devices. Scores are bought by the main process, one after the other, before
the devices begin; their seconds are charged, but no device is busy with them. A row of JSON a run:

- `busy`: device seconds of evaluations as a share of devices times the time from the first start to the last end; `busy_until_last_start`:
  the same until the last evaluation starts, without the end at which devices run dry;
- `makespan`: simulated seconds from the first start to the last end;
- `stays`, `touches`: device seconds (scores, and what ran until then, whether it had ended or not) from which the recommendation stays within
  0.5 points of regret, and at which it is within for the first time; null where it is not; `clock_stays`: seconds of the simulated clock.

Rule `predicted`. What is there is not run again.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mfsearch.bench.methods import parse_methods
from mfsearch.bench.recorder import Recorder
from mfsearch.bench.run import oracle_of
from mfsearch.budget import ChargeKind
from mfsearch.build import build_problem
from mfsearch.config import Component, StudyConfig
from mfsearch.execution.virtual import VirtualExecutor
from mfsearch.store.events import Event, EventKind
from mfsearch.store.location import home
from mfsearch.store.state import StudyState
from mfsearch.study import Study

WITHIN = 0.5
KEYS = ("problem", "method", "hours", "workers", "seed")


class Clock:
    """Starts and ends of evaluations on the simulated clock, and what is recommended after each end."""

    def __init__(self, executor: VirtualExecutor, recorder: Recorder) -> None:
        self._executor, self._recorder = executor, recorder
        self._running: dict[int, float] = {}
        self.spans: dict[int, tuple[float, float]] = {}
        self.seen: list[tuple[float, float, str | None]] = []  # device seconds, simulated seconds, recommendation

    def __call__(self, event: Event, state: StudyState) -> None:
        """A study's listener."""
        now = self._executor.now
        if event.kind is EventKind.ASKED:
            self._running.update({query["id"]: now for query in event.payload["queries"]})
        elif event.kind is EventKind.TOLD:
            self.spans[event.payload["id"]] = (self._running.pop(event.payload["id"]), now)
            bought = sum(charge.seconds for charge in state.ledger.charges if charge.kind is not ChargeKind.EVALUATION)
            used = (
                bought
                + sum(end - start for start, end in self.spans.values())
                + sum(now - start for start in self._running.values())
            )
            self.seen.append((used, now, self._recorder.rows[-1].recommended))


def run(setting: Mapping[str, Any]) -> dict[str, Any]:
    """One search."""
    torch.set_num_threads(1)
    problem = build_problem(StudyConfig(problem=Component(use=setting["problem"])), home())
    (method,) = parse_methods(setting["method"])
    policy = method.on(problem.ladder).build()
    executor, recorder = VirtualExecutor(setting["workers"]), Recorder(problem, policy, "predicted")
    clock = Clock(executor, recorder)
    study = Study(
        problem.space,
        problem.ladder,
        3600.0 * setting["hours"],
        objective=problem.objective,
        policy=policy,
        seed=setting["seed"],
        executor=executor,
        recommend="predicted",
        listeners=[recorder, clock],
    )
    answer = study.run()
    oracle, sign = oracle_of(problem), problem.objective.sign
    known: dict[str | None, float] = {None: math.inf}
    for key in {key for _, _, key in clock.seen if key}:
        known[key] = oracle.regret(problem.space.parse(key), sign)
    inside = [known[key] <= WITHIN + 1e-9 for _, _, key in clock.seen]
    outside = max((i for i, one in enumerate(inside) if not one), default=-1)
    stays = clock.seen[outside + 1] if outside + 1 < len(inside) else None
    touches = next((seen for seen, one in zip(clock.seen, inside, strict=True) if one), None)
    spans = np.array(list(clock.spans.values()))
    first, last_start, end = spans[:, 0].min(), spans[:, 0].max(), spans[:, 1].max()
    until = float(np.clip(np.minimum(spans[:, 1], last_start) - spans[:, 0], 0, None).sum())
    return {
        **setting,
        "regret": oracle.regret(answer.architecture, sign) if answer else None,
        "evaluations": len(spans),
        "busy": float((spans[:, 1] - spans[:, 0]).sum() / (setting["workers"] * (end - first))),
        "busy_until_last_start": float(until / (setting["workers"] * (last_start - first))) if last_start > first else None,
        "makespan": float(end - first),
        "stays": stays and stays[0],
        "clock_stays": stays and stays[1],
        "touches": touches and touches[0],
    }


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Markdown: a line a method, budget and number of devices."""
    lines = [
        "| method | GPU-hours | devices | seeds | busy | until the last start | device seconds to stay within 0.5, median "
        "| of those of one device | hours on the clock | regret, mean (SE) |",
        "|" + "---|" * 10,
    ]
    groups: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["method"], row["hours"], row["workers"]), []).append(row)

    def median(group: Sequence[Mapping[str, Any]], key: str) -> float:
        return float(np.median([math.inf if row[key] is None else row[key] for row in group]))

    for (method, hours, workers), group in sorted(groups.items()):
        one = groups.get((method, hours, 1))
        stays, regrets = median(group, "stays"), [row["regret"] for row in group]
        shares = [np.mean([row[key] or math.nan for row in group]) for key in ("busy", "busy_until_last_start")]
        against = f"{stays / median(one, 'stays'):.2f}" if one and math.isfinite(stays) else "-"
        spread = f" ({np.std(regrets, ddof=1) / len(regrets) ** 0.5:.3f})" if len(regrets) > 1 else ""
        lines.append(
            f"| `{method}` | {hours:g} | {workers} | {len(group)} | {shares[0]:.1%} | {shares[1]:.1%} | "
            f"{f'{stays:,.0f}' if math.isfinite(stays) else 'never'} | {against} | {median(group, 'makespan') / 3600:.2f} | "
            f"{np.mean(regrets):.3f}{spread} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["run", "table"])
    parser.add_argument("rows", nargs="?", type=Path)
    parser.add_argument("--problem", default="nasbench201-cifar10")
    parser.add_argument("--hours", default="24,240")
    parser.add_argument("--workers", default="1,4,16,64,256")
    parser.add_argument("--methods", default="cost_aware,asha")
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    path = options.rows or options.out
    if path is None:
        parser.error("name a file for the rows: --out ROWS.jsonl")
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    if options.what == "run":
        done = {tuple(row[key] for key in KEYS) for row in rows}
        settings = [
            dict(zip(KEYS, (options.problem, method, float(hours), int(workers), options.first_seed + seed), strict=True))
            for seed in range(options.seeds)
            for hours in options.hours.split(",")
            for workers in options.workers.split(",")
            for method in options.methods.split(",")
        ]
        missing = [setting for setting in settings if tuple(setting.values()) not in done]
        with ProcessPoolExecutor(options.jobs) as pool, path.open("a") as file:
            for number, future in enumerate(as_completed([pool.submit(run, setting) for setting in missing]), 1):
                rows.append(future.result())
                file.write(json.dumps(rows[-1]) + "\n")
                file.flush()
                print(f"[{number}/{len(missing)}] {rows[-1]}", flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
