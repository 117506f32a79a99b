"""Ax through its Client API, one trial at a time, with the generation strategies that the Client itself chooses.

`default`, `default_low`
    No setting but the seed: the centre of the space, then Sobol points up to 5 trials, then the modular BoTorch model (a Gaussian
    process; expected improvement, noisy, in logarithm), on the target alone or on the lowest rung alone.
`sobol`, `sobol_low`
    The Client's "random_search", a scrambled Sobol sequence: the control. Without the centre, which would be the first trial of
    every run.

Choices are unordered choice parameters, numbers are float ranges, as the docs say.

Multi-fidelity is left out. The Client's parameters have no fidelity, and its strategies never choose an acquisition function that
has one; Ax's older interface accepts a fidelity for a numeric range alone, and its maintainers say in their issues that discrete
fidelities are not supported (#979) and that they do not use or recommend this part (#2514). The Client's early stopping needs the
values of a trial that goes on, where here each rung is an evaluation of its own.

Traps:
    - The first trial of `default` is the same in every run: the centre takes the middle entry of each list of choices.
    - The model's node draws again when it repeats an arm, and gives up after a few draws: the run then ends with this as its reason.
      Architectures that compute the same are different arms, and are answered from the cache for nothing.
    - `sobol` may repeat an arm, which costs nothing.
    - The Client sets its seed anew before each proposal; the Sobol sequence has a seed of its own. Both are the run's.
    - Optimising over choices takes seconds a proposal, more with each observation: `default_low` is slow on a large budget.
"""

from __future__ import annotations

import logging
import warnings
from importlib.metadata import version
from typing import Any

import torch
from ax.api.client import Client
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig
from ax.exceptions.generation_strategy import GenerationStrategyRepeatedPoints
from protocol import Parameter, Problem, main


def parameter(p: Parameter) -> ChoiceParameterConfig | RangeParameterConfig:
    if p.choices is None:
        return RangeParameterConfig(name=p.name, bounds=(p.low, p.high), parameter_type="float")
    return ChoiceParameterConfig(name=p.name, values=list(p.choices), parameter_type="str", is_ordered=False)


def search(problem: Problem, rung: int, **generation: Any) -> str:
    """The Client's loop on one rung."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.manual_seed(problem.seed)
    client = Client(random_seed=problem.seed)
    client.configure_experiment(parameters=[parameter(p) for p in problem.parameters])
    client.configure_optimization(objective="value")
    client.configure_generation_strategy(initialization_random_seed=problem.seed, **generation)
    while True:
        try:
            trials = client.get_next_trials(max_trials=1)
        except GenerationStrategyRepeatedPoints:
            return "Ax proposes nothing but arms that it has already tried"
        for trial, config in trials.items():
            client.complete_trial(trial_index=trial, raw_data={"value": problem.evaluate(config, rung).value})


def default(problem: Problem) -> str:
    return search(problem, -1)


def default_low(problem: Problem) -> str:
    return search(problem, 0)


def sobol(problem: Problem) -> str:
    return search(problem, -1, method="random_search", initialize_with_center=False)


def sobol_low(problem: Problem) -> str:
    return search(problem, 0, method="random_search", initialize_with_center=False)


if __name__ == "__main__":
    methods = {"default": default, "default_low": default_low, "sobol": sobol, "sobol_low": sobol_low}
    main("ax", version("ax-platform"), methods)
