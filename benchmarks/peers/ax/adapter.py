"""Ax through its Client API."""
from __future__ import annotations
import logging, warnings
from ax.api.client import Client
from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig
import torch
from protocol import Problem, main

def search(problem: Problem, rung: int, **generation) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(problem.seed)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    client = Client(random_seed=problem.seed)
    client.configure_experiment([
        RangeParameterConfig(p.name, bounds=(p.low, p.high), parameter_type="float") if p.choices is None
        else ChoiceParameterConfig(p.name, values=list(p.choices), parameter_type="str", is_ordered=False) for p in problem.parameters])
    client.configure_optimization(objective="accuracy")
    client.configure_generation_strategy(initialization_random_seed=problem.seed, **generation)
    while True:
        for trial, config in client.get_next_trials(max_trials=1).items():
            client.complete_trial(trial, {"accuracy": problem.evaluate(config, rung).value})

if __name__ == "__main__":
    main("ax", "1.3.1", {"default": lambda p: search(p, -1), "default_low": lambda p: search(p, 0), "sobol": lambda p: search(p, -1, method="random_search", initialize_with_center=False),"sobol_low": lambda p: search(p, 0, method="random_search", initialize_with_center=False)})
