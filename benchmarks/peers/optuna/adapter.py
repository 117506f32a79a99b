"""Optuna 5.0.0: random search, TPE, a Gaussian process, and TPE with the two stopping rules.

How it is driven: `study.ask` with fixed distributions (a `CategoricalDistribution` a choice, a `FloatDistribution` a number),
`trial.report` and `trial.should_prune` at the checkpoints below, `study.tell`, one trial at a time, in memory. Nothing but seeds,
the study's name and the resources is set unless it is said here.

Methods of one fidelity (`NAME` asks for the last rung, `NAME_low` for rung 0):

random            `RandomSampler`: the control.
tpe               `TPESampler()`: the library's default sampler. Since 5.0.0 its default (`multivariate=None`) is the multivariate
                  TPE where there is one objective; up to 4.x it was the independent one.
tpe_multivariate  `TPESampler(multivariate=True)`, the better one by the docs. In 5.0.0 it asks for exactly what `tpe` does.
tpe_independent   `TPESampler(multivariate=False)`: one density a parameter, the default up to 4.x.
gp                `GPSampler()`: Matern 5/2, log expected improvement. Needs torch and scipy.

Methods of several fidelities (`TPESampler()` each; the first ten trials are random, under Hyperband the first ten of a bracket):

tpe_hyperband      `HyperbandPruner`, default reduction factor 3: on 12 and 200 epochs three brackets, whose first decisions fall
                   at 12, 36 and 108 epochs. A hash of study name and trial number draws the bracket: the name holds the seed.
tpe_halving        `SuccessiveHalvingPruner` (asynchronous halving), default factor 4: decisions at 12, 48 and 192 epochs.
tpe_halving_eta16  The same with the whole part of the cost ratio of neighbouring rungs (200 / 12: 16): one decision, at 12.

Checkpoints: the pruner's own spacing below the top, each rounded to the nearest rung. On 12 and 200 epochs 36 and 48 round to 12:
the value of 12 epochs is reported again (a free repeat) and has to pass a second selection. A third of the trials of Hyperband's
first bracket passes twice (about 1 in 9 is promoted), of its second once (1 in 3); factor 4 promotes about 1 in 16, as
`tpe_halving_eta16` does by a single selection. A checkpoint that rounds to the last rung is merged with the end of the trial:
the evaluation is paid in full by then, nothing is left to stop, and the trial is complete. Hyperband's last bracket therefore
never stops a trial: fresh configurations go to 200 epochs, and pay 12 epochs on the way like every other trial (an adapter is not
told the bracket).

Traps:

- Both pruners decide at once and cannot resume a trial. With fewer than `reduction_factor` values at a decision the best so far
  is promoted, so the first trial always is, whatever it is worth, in Hyperband the first of every bracket; after it every new
  record is. Up to 31 trials factor 16 promotes records (and their repeats) only, and a good trial stopped early never comes back.
  This is the library's behaviour (`bootstrap_count` at its default 0) and is left as it is.
- The ten random trials to begin with are the default of TPE and GP: with fewer evaluations (the last rung in 4 h: 6) `tpe` and
  `gp` are `random`, configuration by configuration where the seed is the same.
- TPE under a pruner ranks each complete trial above each stopped one: a poor first trial stays among the good ones until there
  are more complete trials than places (a tenth of the trials, at most 25).
- Samplers propose what is paid already: Optuna does not remove duplicates, as an objective may be noisy. A repeat is answered
  from the cache and told like any trial (its maintainers' advice), which moves the densities; no run seen stalled. Repeats on
  CIFAR-10, seed 0, architectures that compute the same included: `random_low` 19 of 146 answers in 4 h; `tpe_low` 37 of 143
  (at most 5 in a row), 476 of 1144 in 24 h (7 in a row); `gp_low` 4 of 112; `tpe_halving_eta16` 429 of 802 in 24 h (47 in a
  row); `tpe_independent_low` 315 of 434 in 4 h (49 in a row) and 1852 of 2115 by 9.8 h (87 in a row). By then an ask takes
  0.2 s for the trials piled up: 24 h take many minutes.
- `gp_low` asks slowly: 1 s with 300 trials.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable

# Before numpy and torch are imported, as the docs of GPSampler ask.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.pruners import BasePruner, HyperbandPruner, SuccessiveHalvingPruner
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.trial import TrialState
from protocol import Problem, main

HYPERBAND_FACTOR = 3  # HyperbandPruner's default
HALVING_FACTOR = 4  # SuccessiveHalvingPruner's default
FINE = 100  # steps in the lowest resource where resources are no whole numbers: Optuna counts steps in integers


def space(problem: Problem) -> dict[str, BaseDistribution]:
    return {
        p.name: FloatDistribution(p.low, p.high) if p.choices is None else CategoricalDistribution(list(p.choices))
        for p in problem.parameters
    }


def create_study(problem: Problem, sampler: BaseSampler, pruner: BasePruner | None = None) -> optuna.Study:
    # HyperbandPruner draws brackets from the name: without the seed in it they would differ from run to run.
    name = f"seed-{problem.seed}"
    return optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner, study_name=name)


def single(make: Callable[[int], BaseSampler], rung: int) -> Callable[[Problem], None]:
    """A sampler on one rung, from a function of the seed."""

    def run(problem: Problem) -> None:
        study = create_study(problem, make(problem.seed))
        distributions = space(problem)
        while True:
            trial = study.ask(distributions)
            study.tell(trial, problem.evaluate(trial.params, rung).value)

    return run


def step_size(problem: Problem) -> float:
    """Resource of one of Optuna's steps: 1 where all resources are whole numbers."""
    whole = all(r >= 1 and float(r).is_integer() for r in problem.resources)
    return 1.0 if whole else problem.resources[0] / FINE


def pruned(make: Callable[[int, int], BasePruner], factor: Callable[[Problem], int]) -> Callable[[Problem], None]:
    """TPE with a pruner, `make(lowest step, highest step)`, whose decisions are spaced by a factor."""

    def run(problem: Problem) -> None:
        unit = step_size(problem)
        lowest, highest = (round(r / unit) for r in (problem.resources[0], problem.resources[-1]))
        last = len(problem.resources) - 1
        checkpoints: list[tuple[int, int]] = []
        step = lowest
        while step < highest and problem.rung(step * unit) < last:
            checkpoints.append((step, problem.rung(step * unit)))
            step *= factor(problem)
        study = create_study(problem, TPESampler(seed=problem.seed), make(lowest, highest))
        distributions = space(problem)
        while True:
            trial = study.ask(distributions)
            for step, rung in checkpoints:
                trial.report(problem.evaluate(trial.params, rung).value, step)
                if trial.should_prune():
                    study.tell(trial, state=TrialState.PRUNED)
                    break
            else:
                value = problem.evaluate(trial.params, last).value
                trial.report(value, highest)
                study.tell(trial, value)

    return run


def cost_factor(problem: Problem) -> int:
    """Whole part of the (geometric mean) ratio of neighbouring resources."""
    steps = max(1, len(problem.resources) - 1)
    # The small number is for roots of exact powers that come out below.
    return max(2, int((problem.resources[-1] / problem.resources[0]) ** (1 / steps) + 1e-9))


def hyperband(lowest: int, highest: int) -> BasePruner:
    return HyperbandPruner(min_resource=lowest, max_resource=highest)


def halving(lowest: int, highest: int) -> BasePruner:
    return SuccessiveHalvingPruner(min_resource=lowest)


def halving_by_cost(problem: Problem) -> None:
    factor = cost_factor(problem)
    pruned(lambda low, high: SuccessiveHalvingPruner(min_resource=low, reduction_factor=factor), lambda _: factor)(problem)


SAMPLERS: dict[str, Callable[[int], BaseSampler]] = {
    "random": lambda seed: RandomSampler(seed=seed),
    "tpe": lambda seed: TPESampler(seed=seed),
    "tpe_multivariate": lambda seed: TPESampler(seed=seed, multivariate=True),
    "tpe_independent": lambda seed: TPESampler(seed=seed, multivariate=False),
    "gp": lambda seed: GPSampler(seed=seed),
}

METHODS: dict[str, Callable[[Problem], None]] = {
    **{name: single(make, -1) for name, make in SAMPLERS.items()},
    **{f"{name}_low": single(make, 0) for name, make in SAMPLERS.items()},
    "tpe_hyperband": pruned(hyperband, lambda _: HYPERBAND_FACTOR),
    "tpe_halving": pruned(halving, lambda _: HALVING_FACTOR),
    "tpe_halving_eta16": halving_by_cost,
}

if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", module=r"optuna\b")
    main("optuna", optuna.__version__, METHODS)
