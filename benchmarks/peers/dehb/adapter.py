"""DEHB (Awad, Mallik and Hutter, IJCAI 2021): differential evolution in Hyperband's brackets, through its ask/tell interface.

Its methods:

- `dehb`: the space as the docs recommend (ConfigSpace), eta 3, all default.
- `dehb_eta16`: the same with the eta that makes DEHB's fidelities the ladder's own rungs.
- `dehb_vector`, `dehb_vector_eta16`: the docs' other way, without ConfigSpace: DEHB works in the unit cube, and the caller maps
  each coordinate to the parameter, here a choice by equal parts (what DEHB's own mapping means to do; see the first trap).

DEHB has no random search.

What to know when reading its figures:

- With ConfigSpace, DEHB 0.1.2 writes choice i of n as i / n and reads it back by comparing with `arange(0, 1, 1 / n)`, whose
  fourth entry for n = 5 is 0.6000000000000001: the fourth of five choices (on NAS-Bench-201 the 3x3 convolution) is read as the
  third. The initial populations hold it nowhere, mutation reaches it. The vector methods are without this, and otherwise the
  same.
- With eta 3, resources of 12 to 200 give fidelities 22.2, 66.7 and 200, rounded to the rungs 12, 200 and 200: two of the three
  cost the target's full price, and going from 66.7 to 200 is a repeat, which is free. Brackets: 9-3-1, 3-1 and 3 at 200 at
  once. With eta 16: 16-1 at 12.5 (rounded to 12) and 200, then 2 at 200 at once.
- Configurations are promoted in the first round of brackets only. Later, each rung evolves its own population with mutants of
  the best of the rung below: what it evaluates on the target is then, for the most part, new to every rung.
- Choices are ordered intervals for DEHB: their order matters, and it is the space's.
- A child may equal its parent or anything before: a repeat for the bench, free. A population that has converged asks for
  nothing else, for ever: after `PATIENCE` repeats in a row, the adapter says that it is done.
- DEHB minimises, so it is told minus the value; only ranks matter to it.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import version
from typing import Any

from ConfigSpace import CategoricalHyperparameter, ConfigurationSpace, Float
from dehb import DEHB
from loguru import logger
from protocol import Parameter, Problem, main

PATIENCE = 2000
"""Repeats in a row that end a run: some hundred brackets without a new configuration."""


def space(problem: Problem) -> ConfigurationSpace:
    """Choices as categorical, numbers as float parameters."""
    built = ConfigurationSpace(seed=problem.seed)
    for p in problem.parameters:
        built.add(Float(p.name, (p.low, p.high)) if p.choices is None else CategoricalHyperparameter(p.name, list(p.choices)))
    return built


def decode(parameters: Sequence[Parameter], vector: Sequence[float]) -> Mapping[str, Any]:
    """A point of the unit cube as a configuration."""
    config: dict[str, Any] = {}
    for p, x in zip(parameters, vector, strict=True):
        if p.choices is None:
            config[p.name] = p.low + (p.high - p.low) * float(x)
        else:
            config[p.name] = p.choices[min(int(x * len(p.choices)), len(p.choices) - 1)]
    return config


def evolve(problem: Problem, *, vector: bool = False, matched: bool = False) -> str:
    """Ask, evaluate and tell."""
    warnings.simplefilter("ignore")
    # A hair below the lowest resource where eta fits exactly: DEHB takes the logarithms' quotient, cut to a whole number.
    lowest = problem.resources[0] * (1 - 1e-9) if matched else problem.resources[0]
    with tempfile.TemporaryDirectory() as folder:
        dehb = DEHB(
            cs=None if vector else space(problem),
            dimensions=len(problem.parameters),
            min_fidelity=lowest,
            max_fidelity=problem.resources[-1],
            n_workers=1,
            seed=problem.seed,
            save_freq="end",
            output_path=folder,
            log_level="CRITICAL",
            **({"eta": problem.spacing()} if matched else {}),
        )
        # Its log file goes with the folder; `save_freq` "end" never comes, as nothing else is to be written.
        logger.remove()
    repeats = 0
    while repeats < PATIENCE:
        job = dehb.ask()
        config = decode(problem.parameters, job["config"]) if vector else job["config"]
        result = problem.evaluate(config, problem.rung(job["fidelity"]))
        dehb.tell(job, {"fitness": -result.value, "cost": result.seconds})
        repeats = repeats + 1 if result.repeat else 0
    return f"DEHB asked for {PATIENCE} repeats in a row: its populations have converged"


if __name__ == "__main__":
    main(
        "dehb",
        version("dehb"),
        {
            "dehb": evolve,
            "dehb_eta16": partial(evolve, matched=True),
            "dehb_vector": partial(evolve, vector=True),
            "dehb_vector_eta16": partial(evolve, vector=True, matched=True),
        },
    )
