"""Seconds of one ask: `cost_aware` against BoTorch's multi-fidelity knowledge gradient, on the same data in the same process.

    python benchmarks/ask_latency.py [--sizes 100,300,600] [--repeats 3] [--threads 1] [--skip-botorch] [--botorch-repeats 3]
                                     [--kinds botorch,botorch_discrete,botorch_costs] [--out benchmarks/results/ask_latency.json]

Three levels and six scores on all 6,466 classes of NAS-Bench-201, every one a candidate; values and scores are a synthetic
function of the cell, so that no table is needed. One ask is the fit of the surrogate and the choice of the next evaluation:

- `cold`: nothing is remembered, neither hyper-parameters nor encodings: what a resumed study's first ask takes;
- `refit`: as in a run when the hyper-parameters are due, starting from those found with 85% of the data, an ask before with one observation less;
- `between`: as in a run otherwise, most asks of a long one: conditioned on the new data alone;
- `run`: the mean ask of a run from one fit to the next: the hyper-parameters are due at the first, and the data grow by one an ask until they
  are due again;
- `botorch`: SingleTaskMultiFidelityGP, its default fit, qMultiFidelityKnowledgeGradient with 8 fantasies, projected to the target,
  by `optimize_acqf` with 4 restarts and 64 raw samples over the unit cube and the fidelity. As `botorch_costs` it is weighed by
  the inverse cost, and the current value is optimised first, as in BoTorch's tutorial; ours does so always.
  BoTorch's does not have to find a class near its optimal point;
- `botorch_discrete`: the same model and fit, and BoTorch's acquisition for lists: qMultiFidelityMaxValueEntropy by
  `optimize_acqf_discrete` over all classes at all three levels, as ours. It has no knowledge gradient for them: each candidate
  would need an optimisation of its own.

`--threads` is torch's number for BoTorch; a study asks within one thread whatever torch's number is, and so it does here. Every
repeat has its own data. Peak memory is the process's, after ours and before BoTorch's part; imports are in it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import resource
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from botorch.acquisition.analytic import PosteriorMean
from botorch.acquisition.cost_aware import InverseCostWeightedUtility
from botorch.acquisition.fixed_feature import FixedFeatureAcquisitionFunction
from botorch.acquisition.knowledge_gradient import qMultiFidelityKnowledgeGradient
from botorch.acquisition.max_value_entropy_search import qMultiFidelityMaxValueEntropy
from botorch.acquisition.utils import project_to_target_fidelity
from botorch.fit import fit_gpytorch_mll
from botorch.models.cost import AffineFidelityCostModel
from botorch.models.gp_regression_fidelity import SingleTaskMultiFidelityGP
from botorch.optim.optimize import optimize_acqf, optimize_acqf_discrete
from gpytorch.mlls import ExactMarginalLogLikelihood
from numpy.typing import NDArray

from mfsearch.allocation.base import Proposal, State
from mfsearch.allocation.cost_aware import CostAware
from mfsearch.allocation.features import Features
from mfsearch.fidelities.base import Context
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.fidelities.tabular import TabularEvaluation, TabularScores
from mfsearch.records import Architecture, EvaluationQuery, Json, Objective, Observation, Status
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.surrogate.cost import CostModel
from mfsearch.surrogate.threads import one_thread
from mfsearch.surrogate.warp import ValueWarp

OUT = Path(__file__).parent / "results" / "ask_latency.json"
LEVELS = {"low": (0.6, 100.0, 0.80), "middle": (0.25, 300.0, 0.95), "full": (0.15, 1700.0, 1.0)}
"""Rung -> share of the observations, seconds of an evaluation, correlation with the target."""
SCORES = {"flops": 0.5, "params": 0.45, "synflow": 0.75, "nwot": 0.75, "jacov": 0.7, "grad_norm": 0.3}
"""Score -> correlation with the target."""
EARLIER = 0.85  # of the observations: with the rest of them, hyper-parameters are due
FANTASIES, RESTARTS, RAW_SAMPLES = 8, 4, 64
CHUNK = 512  # choices scored at once
GROWTH = 1.15  # that much more data, and hyper-parameters are due
WAYS = ("cold", "refit", "between", "run")
KINDS = ("botorch", "botorch_discrete", "botorch_costs")


@dataclass(frozen=True)
class Sample:
    """One repeat's data.

    Attributes:
        state: With n observations; nothing is remembered.
        earlier: The same with the first 85% of them.
    """

    state: State
    earlier: State


def field(encodings: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """A random function of cells with main effects and interactions of edges, standardised; n x d to n."""
    width = encodings.shape[1]
    main, pairs = rng.standard_normal(width), 0.3 * rng.standard_normal((width, width))
    values: NDArray[np.float64] = np.asarray(encodings @ main + ((encodings @ pairs) * encodings).sum(1), dtype=np.float64)
    return (values - float(values.mean())) / float(values.std())


def sample(space: NASBench201Space, size: int, seed: int) -> Sample:
    """Data of one repeat: random cells on every level, in random order."""
    rng = np.random.default_rng([size, seed])
    cells = space.enumerate()
    encodings = space.encode(cells)
    target = field(encodings, rng)

    def near(correlation: float) -> NDArray[np.float64]:
        return correlation * target + math.sqrt(1 - correlation**2) * field(encodings, rng)

    columns = np.stack([near(correlation) for correlation in SCORES.values()], axis=1)
    rows = {cell.key: tuple(row) for cell, row in zip(cells, columns.tolist(), strict=True)}
    rungs = []
    for name, (_, seconds, correlation) in LEVELS.items():
        accuracy = 100 - np.exp(2.2 - 0.5 * near(correlation))
        values = {cell.key: value for cell, value in zip(cells, accuracy.tolist(), strict=True)}
        rungs.append(TabularEvaluation(name, values, {cell.key: seconds for cell in cells}))
    ladder = FidelityLadder([TabularScores("proxies", tuple(SCORES), rows), *rungs])
    counts = [int(share * size) for share, _, _ in LEVELS.values()]
    counts[0] += size - sum(counts)
    pairs = [(cells[i], r) for r, n in zip(rungs, counts, strict=True) for i in rng.choice(len(cells), n, replace=False)]
    order = [pairs[i] for i in rng.permutation(len(pairs))]
    context = Context(0, math.inf, Path("unused"))
    done = [
        Observation(
            EvaluationQuery(cell, rung.name, id=i),
            Status.OK,
            LEVELS[rung.name][1],
            rung.evaluate(cell, context).values["val_accuracy"],
        )
        for i, (cell, rung) in enumerate(order)
    ]
    costs = CostModel.fit({rung.name: [(LEVELS[rung.name][1],) * 2] * 3 for rung in rungs})
    spent = sum(o.seconds for o in done)
    # The first hundred scored are the reference of the normal scores: at random, as in a run.
    bought = [cells[i] for i in rng.permutation(len(cells))]
    state = State(
        space=space,
        ladder=ladder,
        objective=Objective(),
        observations=done,
        pending=[],
        scores={"proxies": {cell.key: rows[cell.key] for cell in bought}},
        architectures={cell.key: cell for cell in bought},
        free=0.5 * spent,
        total=1.5 * spent,
        cost=lambda a, rung: costs.mean(rung, ladder[rung].expected_cost(a)),
        p95=lambda a, rung: costs.p95(rung, ladder[rung].expected_cost(a)),
        excluded=frozenset((o.query.architecture.key, o.query.rung) for o in done),
        rule="predicted",
    )
    return Sample(state, replace(state, observations=done[: int(EARLIER * size)]))


def propose(policy: CostAware, state: State, memory: Mapping[str, Json]) -> Proposal:
    """One ask, as a study makes it; it must be for an evaluation."""
    with one_thread():
        proposal = policy.propose(replace(state, memory=memory), 1, np.random.default_rng(0))
    assert len(proposal.queries) == 1 and isinstance(proposal.queries[0], EvaluationQuery), proposal.reason
    assert "gain_per_second_by_rung" in proposal.queries[0].why, "the knowledge gradient of every level must have been taken"
    return proposal


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Wall and processor seconds of a call."""
    wall, processor = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - processor


def ours(data: Sample) -> dict[str, tuple[float, float]]:
    """Wall and processor seconds of one ask, each way."""
    size = len(data.state.observations)
    found = {"cold": timed(partial(propose, CostAware(grow_every=0), data.state, {}))}
    policy = CostAware(grow_every=0)
    earlier = propose(policy, data.earlier, {}).memory
    before = replace(data.state, observations=data.state.observations[:-1])
    propose(policy, before, {**earlier, "fitted_at": len(before.observations)})  # the ask before, of an evaluation that has ended
    asked: list[Proposal] = []
    found["refit"] = timed(lambda: asked.append(propose(policy, data.state, earlier)))
    assert asked[0].memory["fitted_at"] == size, "the hyper-parameters must have been due"
    found["between"] = timed(partial(propose, policy, data.state, asked[0].memory))
    return found


def cycle(data: State, size: int) -> tuple[float, float]:
    """Wall and processor seconds of the mean ask from `size` observations until the hyper-parameters are due again.

    Args:
        data: With `GROWTH` times as many observations.
        size: Number of observations at the first ask.
    """
    policy = CostAware(grow_every=0)
    earlier = propose(policy, replace(data, observations=data.observations[: int(EARLIER * size)]), {}).memory
    numbers = range(size, len(data.observations))
    fits = []

    def asks() -> None:
        memory = earlier
        for known in numbers:
            memory = propose(policy, replace(data, observations=data.observations[:known]), memory).memory
            fits.append(memory["fitted_at"] == known)

    wall, processor = timed(asks)
    assert fits[0] and not any(fits[1:]), "one fit, and then none until the data have grown"
    return wall / len(numbers), processor / len(numbers)


def inputs_of(state: State, architectures: Sequence[Architecture]) -> NDArray[np.float64]:
    """Inputs in the unit cube without the fidelity, n x d."""
    X = Features(state)(architectures)
    scores = slice(X.shape[1] - 2 * len(SCORES), X.shape[1] - len(SCORES))
    X[:, scores] = X[:, scores] / 8 + 0.5  # normal scores lie in [-4, 4]
    return X


def botorchs(data: Sample, seed: int, kind: str) -> tuple[float, float]:
    """Wall seconds of BoTorch's fit, and of its choice, on the same observations and inputs."""
    state = data.state
    names = list(LEVELS)
    X = inputs_of(state, [o.query.architecture for o in state.observations])
    fidelity = [names.index(o.query.rung) / (len(names) - 1) for o in state.observations]
    inputs = torch.from_numpy(np.c_[X, fidelity])
    values = ValueWarp(state.objective)(np.array([o.value for o in state.observations], dtype=np.float64))
    width = inputs.shape[1]
    torch.manual_seed(seed)
    began = time.perf_counter()
    model = SingleTaskMultiFidelityGP(inputs, torch.from_numpy(values)[:, None], data_fidelities=[width - 1])
    fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
    fitted = time.perf_counter()
    project = partial(project_to_target_fidelity, target_fidelities={width - 1: 1.0}, d=width)
    if kind == "botorch_discrete":
        cells = torch.from_numpy(inputs_of(state, list(state.architectures.values())))
        choices = [torch.cat([cells, cells.new_full((len(cells), 1), i / (len(names) - 1))], -1) for i in range(len(names))]
        entropy = qMultiFidelityMaxValueEntropy(model, choices[-1], project=project)
        with torch.no_grad():
            optimize_acqf_discrete(entropy, q=1, choices=torch.cat(choices), max_batch_size=CHUNK)
        return fitted - began, time.perf_counter() - fitted
    bounds = torch.stack([torch.zeros(width), torch.ones(width)]).double()
    more: dict[str, Any] = {}
    if kind == "botorch_costs":
        at_target = FixedFeatureAcquisitionFunction(PosteriorMean(model), d=width, columns=[width - 1], values=[1.0])
        _, more["current_value"] = optimize_acqf(at_target, bounds[:, :-1], q=1, num_restarts=RESTARTS, raw_samples=RAW_SAMPLES)
        seconds = [seconds for _, seconds, _ in LEVELS.values()]
        price = AffineFidelityCostModel(
            {width - 1: (seconds[-1] - seconds[0]) / seconds[-1]}, fixed_cost=seconds[0] / seconds[-1]
        )
        more["cost_aware_utility"] = InverseCostWeightedUtility(price)
    gradient = qMultiFidelityKnowledgeGradient(
        model,
        num_fantasies=FANTASIES,
        project=project,
        **more,
    )
    optimize_acqf(gradient, bounds, q=1, num_restarts=RESTARTS, raw_samples=RAW_SAMPLES)
    return fitted - began, time.perf_counter() - fitted


def peak_gibibytes() -> float:
    """Largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)


def main() -> None:
    """Time ours for every size, then BoTorch's; print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="100,300,600", help="numbers of observations, separated by commas")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="torch's number of threads")
    parser.add_argument("--skip-botorch", action="store_true")
    parser.add_argument("--botorch-repeats", type=int, help="those of BoTorch's part; as many as --repeats unless given")
    parser.add_argument("--kinds", default="botorch,botorch_discrete", help=f"of BoTorch's asks: {', '.join(KINDS)}")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(options.threads)
    sizes = [int(size) for size in options.sizes.split(",")]
    space = NASBench201Space()
    ours(sample(space, 60, 0))  # what is slow once in a process is no part of an ask
    machine = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"
    results: dict[str, dict[str, object]] = json.loads(options.out.read_text()) if options.out.exists() else {}
    medians: dict[tuple[int, str], float] = {}

    def record(size: int, figures: Mapping[str, object]) -> None:
        results.setdefault(f"{size} observations, {options.threads} threads", {}).update(figures)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(
            json.dumps(dict(sorted(results.items(), key=lambda item: int(item[0].split()[0]))), indent=1) + "\n"
        )

    print("| observations | ours | median s | slowest s | processor s | peak GiB |\n|---|---|---|---|---|---|")
    for size in sizes:
        runs = [
            {**ours(sample(space, size, repeat)), "run": cycle(sample(space, int(GROWTH * size), repeat).state, size)}
            for repeat in range(options.repeats)
        ]
        peak = peak_gibibytes()
        figures: dict[str, object] = {"repeats": options.repeats, "peak_gibibytes": peak, "machine": machine}
        for way in WAYS:
            wall, processor = np.array([run[way] for run in runs]).T
            figures[way] = {"seconds": wall.tolist(), "processor_seconds": processor.tolist(), "median": float(np.median(wall))}
            print(
                f"| {size} | {way} | {np.median(wall):.3f} | {wall.max():.3f} | {np.median(processor):.3f} | {peak:.2f} |",
                flush=True,
            )
            medians[size, way] = float(np.median(wall))
        record(size, figures)
    if options.skip_botorch:
        return
    print(
        "\n| observations | BoTorch's | fit s | choice s | both, median s | times ours (refit) | (between) | (run) |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    for size, kind in product(sizes, options.kinds.split(",")):
        repeats = options.botorch_repeats or options.repeats
        parts = np.array([botorchs(sample(space, size, repeat), repeat, kind) for repeat in range(repeats)])
        both = float(np.median(parts.sum(1)))
        fit, choice = np.median(parts, axis=0)
        parted = {"fit": parts[:, 0].tolist(), "choice": parts[:, 1].tolist()}
        times = {way: both / medians[size, way] for way in WAYS[1:]}
        record(size, {kind: {**parted, "median": both, "ratio": times}})
        print(
            f"| {size} | {kind} | {fit:.1f} | {choice:.1f} | {both:.1f} | {' | '.join(f'{times[way]:.0f}' for way in times)} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
