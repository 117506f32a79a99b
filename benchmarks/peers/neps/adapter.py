"""NePS (neural-pipeline-search, the Freiburg AutoML group's library), through its ask-and-tell interface.

Methods, each with the library's default settings unless it says otherwise:

- `random`, `random_low`: its random search on the target and on the lowest rung; the control.
- `bo`, `bo_low`: its Bayesian optimisation on the target and on the lowest rung: as many uniform configurations as there are
  parameters, then a Gaussian process with a categorical kernel and log noisy expected improvement.
- `hyperband`, `asha`: eta 3, uniform sampling. Fidelity: the ladder's lowest to its highest resource (12 to 200 epochs).
- `hyperband_eta16`: Hyperband with the eta that makes its rungs the ladder's own; for 12 and 200 this is 16 (200 / 16 = 12.5, and
  an integer fidelity cuts it to 12).
- `priorband` (Mallik et al., NeurIPS 2023): Hyperband that samples uniformly, from a prior and around the best, eta 3. The prior is
  what a user would state without having seen a result: `nor_conv_3x3` on every edge of NAS-Bench-201, the middle of the range of
  every number, and nothing for other choices. The docs name no best confidence; it is "medium", as in their example of
  multi-fidelity with priors: half of the mass on the stated choice, a standard deviation of half the range for numbers. It is
  knowledge that the other methods are not given.

Left out: ifBO. Its surrogate's weights are in no package: the first use downloads them.

The space is the library's `SearchSpace` of `HPOCategorical` and `HPOFloat`, into which it turns the `PipelineSpace` of its docs
for all of these methods. The docs' form goes through a `set` of the choices, so that their order depends on the hash seed of the
process; here the order is drawn from the run's seed, and the rest is the same.

What to know when reading its figures:

- NePS spaces rungs from the top: eta 3 gives 22, 66 and 200 epochs of 12 to 200, rounded to 12, 200 and 200: two of three rungs cost
  the target's full price, and going from 66 to 200 is a repeat, which is free. Brackets: 9-3-1, 3-1 and 3 (at 200 at once); with
  eta 16: 16-1, then 2 at 200 at once.
- `asha` counts a rung without what it has promoted, and promotes the best as soon as eta are left: with one worker, from the third
  configuration on, each new one is followed by a promotion (22, 20 and 18 on the three rungs of a test), not one promotion in three.
- The initial design of `bo` is drawn anew at each ask: twice as many as needed, sorted by the first parameter, and the first half
  kept. So it holds the lower part of the first parameter's range, or the choices that happen to be first.
- `bo` does not leave out what it has seen: it may ask for paid cells again, which the bench answers for free. After `PATIENCE`
  repeats in a row the adapter says that it is done.
- `bo` takes seconds an ask, more as results come in (20 restarts from 256 points): `bo_low`, which asks often, is slow.
- Seeds: NePS draws from the global generators only (its docs), which are seeded before the optimiser is made.
- NePS minimises, so it is told minus the value.
"""

from __future__ import annotations

import logging
import os
import random
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any

# NePS imports its plots, and these write a cache of fonts.
os.environ.setdefault("MPLCONFIGDIR", os.path.join(tempfile.gettempdir(), "matplotlib"))

import neps
import numpy as np
import torch
from neps.optimizers import algorithms
from protocol import Parameter, Problem, main

PATIENCE = 200
"""Repeats in a row that end a run."""

FIDELITY = "resource"
"""Name of the fidelity in the space."""

PRIOR = "nor_conv_3x3"
"""The choice that PriorBand's prior states where it is among the choices."""


def parameter(p: Parameter, seed: int, prior: bool) -> neps.HPOCategorical | neps.HPOFloat:
    """One axis, with the stated prior or without."""
    if p.choices is None:
        stated: dict[str, Any] = {"prior": (p.low + p.high) / 2, "prior_confidence": "medium"} if prior else {}
        return neps.HPOFloat(p.low, p.high, **stated)
    stated = {"prior": PRIOR, "prior_confidence": "medium"} if prior and PRIOR in p.choices else {}
    return neps.HPOCategorical(random.Random(seed).sample(list(p.choices), len(p.choices)), **stated)


def fidelity(problem: Problem) -> neps.HPOInteger | neps.HPOFloat:
    """The lowest to the highest resource; whole numbers where the resources are."""
    low, high = problem.resources[0], problem.resources[-1]
    if float(low).is_integer() and float(high).is_integer():
        return neps.HPOInteger(int(low), int(high), is_fidelity=True)
    # A hair below the lowest resource: NePS cuts the quotient of two logarithms, which may fall short of a whole number.
    return neps.HPOFloat(low * (1 - 1e-9), high, is_fidelity=True)


def search(
    problem: Problem,
    algorithm: Callable[..., Any],
    *,
    rung: int | None = None,
    prior: bool = False,
    matched: bool = False,
) -> str:
    """Ask, evaluate and tell; on one rung, or where `rung` is None on the rung nearest to the fidelity that is asked for."""
    torch.set_num_threads(1)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    random.seed(problem.seed)
    np.random.seed(problem.seed % 2**32)
    torch.manual_seed(problem.seed)
    elements: dict[str, Any] = {p.name: parameter(p, problem.seed, prior) for p in problem.parameters}
    if rung is None:
        elements[FIDELITY] = fidelity(problem)
    optimizer = neps.AskAndTell(algorithm(neps.SearchSpace(elements), **({"eta": problem.spacing()} if matched else {})))
    repeats = 0
    while repeats < PATIENCE:
        trial = optimizer.ask()
        result = problem.evaluate(trial.config, problem.rung(trial.config[FIDELITY]) if rung is None else rung)
        optimizer.tell(trial, -result.value)
        repeats = repeats + 1 if result.repeat else 0
    return f"{PATIENCE} repeats in a row"


if __name__ == "__main__":
    main(
        "neps",
        version("neural-pipeline-search"),
        {
            "random": partial(search, algorithm=algorithms.random_search, rung=-1),
            "random_low": partial(search, algorithm=algorithms.random_search, rung=0),
            "bo": partial(search, algorithm=algorithms.bayesian_optimization, rung=-1),
            "bo_low": partial(search, algorithm=algorithms.bayesian_optimization, rung=0),
            "hyperband": partial(search, algorithm=algorithms.hyperband),
            "hyperband_eta16": partial(search, algorithm=algorithms.hyperband, matched=True),
            "asha": partial(search, algorithm=algorithms.asha),
            "priorband": partial(search, algorithm=algorithms.priorband, prior=True),
        },
    )
