"""SMAC3 (Lindauer et al., JMLR 2022), through the ask/tell interface of its facades, which every intensifier used here supports.

Methods (on the target rung; `_low`: on the lowest one):

- `random`, `random_low`: RandomFacade. Its own first configuration is the space's default, which in ConfigSpace is the first
  choice of every parameter (on NAS-Bench-201 a cell of nothing but "none"); as this method is the control, one random
  configuration (`RandomInitialDesign`) takes its place. SMAC never proposes one configuration twice.
- `blackbox`, `blackbox_low`: BlackBoxFacade, a Gaussian process (Hamming kernel on choices, Matern on numbers) with expected
  improvement, all default. Its default initial design is a Sobol sequence of 8 configurations a parameter.
- `blackbox_init10`, `blackbox_init10_low`: the same with an initial design of 10 configurations.
- `mf_hyperband`: MultiFidelityFacade, a random forest with Hyperband, all default (eta 3). Its default initial design is 10
  random configurations a parameter: until they are used up, Hyperband's brackets are filled from them and not from the model.
- `mf_hyperband_init10`: the same with an initial design of 10 configurations.
- `mf_hyperband_eta16`: the default design, with the eta that makes SMAC's stages the ladder's own rungs.

The docs recommend CategoricalHyperparameter for unordered choices, Float for numbers, `deterministic=True` for a target function
without noise (otherwise incumbents are evaluated again with other seeds), and the multi-fidelity facade for epochs.

What to know when reading its figures:

- `n_trials` does not end an ask/tell run: it only caps the initial design at a quarter of it (`max_ratio` 0.25, the default),
  and the design of 10 too. See `trials` for what results. A run of the black box
  therefore belongs to its budget; those of random search and Hyperband on 12 and 200 epochs were the same for 1, 4 and 12 hours.
- With eta 3, resources of 12 to 200 give stages at 22.2, 66.7 and 200, rounded to the rungs 12, 200 and 200: two stages cost
  the target's full price, and a promotion from 66.7 to 200 is a repeat, which is free. Brackets: 9-3-1, 5-1 (3 stages, 2
  stages) and 3 configurations at 200 at once. With eta 16: 16-1 at 12.5 (rounded to 12) and 200, then 2 at 200 at once.
- The random forest learns from the highest stage that has one trial (`min_trials` 1, the default): soon from few trials at 200.
- The black box refits after every trial, the forest after eight (`retrain_after`, the facades' defaults).
- Configurations that differ but compute the same network are repeats for the bench: free, and SMAC learns from them as if they
  were new. It cannot stall, as it proposes no configuration twice; when 16 random tries find none that is new, it ends.
- The same seed repeats under the same PYTHONHASHSEED only: where none is set, the adapter starts itself again with 0.
- SMAC minimises, so it is told minus the value. Its log transform scales costs to their range first: the sign does no harm.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

from ConfigSpace import CategoricalHyperparameter, ConfigurationSpace, Float
from protocol import Problem, main
from smac import BlackBoxFacade, MultiFidelityFacade, RandomFacade, Scenario
from smac.facade.abstract_facade import AbstractFacade
from smac.initial_design import RandomInitialDesign
from smac.main.exceptions import ConfigurationSpaceExhaustedException
from smac.runhistory import TrialValue
from threadpoolctl import threadpool_limits

LOW, TARGET = 0, -1
SILENT = 50
"""Logging level."""


def space(problem: Problem) -> ConfigurationSpace:
    """Choices as categorical, numbers as float parameters."""
    built = ConfigurationSpace(seed=problem.seed)
    for p in problem.parameters:
        built.add(Float(p.name, (p.low, p.high)) if p.choices is None else CategoricalHyperparameter(p.name, list(p.choices)))
    return built


def trials(problem: Problem, rung: int) -> int:
    """Twice as many as the budget pays for at the rung's mean cost: repeats are free, and some configurations cost less.

    What results on NAS-Bench-201's CIFAR-10 (about 110 s at 12 epochs, 1,800 s at 200): on the lowest rung and for Hyperband
    some 65 trials for one hour and 260 for four, so an initial design of 16 for one hour, and of the full 48 (black box) or
    60 (multi-fidelity) from four hours on. On the target rung 4, 16, 48 and 96 trials for 1, 4, 12 and 24 hours: a design of
    1, 4, 12 and 24, and with `init10` 1, 4, 10 and 10.
    """
    return max(1, math.ceil(2 * problem.budget / problem.seconds[rung]))


def scenario(problem: Problem, rung: int, folder: str, **budgets: float) -> Scenario:
    """The run's settings: a deterministic function and one worker."""
    return Scenario(
        space(problem),
        output_directory=Path(folder),
        deterministic=True,
        n_trials=trials(problem, rung),
        seed=problem.seed,
        n_workers=1,
        **budgets,
    )


def drive(problem: Problem, build: Callable[[str], AbstractFacade], rung: int | None) -> str:
    """Ask, evaluate and tell, on one rung or (None) on the one the trial's budget says."""
    warnings.simplefilter("ignore")
    threadpool_limits(limits=1)
    # The folder takes what SMAC writes when it starts; with save=False it writes nothing later.
    with tempfile.TemporaryDirectory() as folder:
        smac = build(folder)
    while True:
        try:
            trial = smac.ask()
        except (StopIteration, ConfigurationSpaceExhaustedException):
            return "SMAC finds no configuration that it has not proposed yet"
        result = problem.evaluate(trial.config, problem.rung(trial.budget) if rung is None else rung)
        smac.tell(trial, TrialValue(cost=-result.value, time=result.seconds), save=False)


def random(problem: Problem, *, rung: int) -> str:
    def build(folder: str) -> AbstractFacade:
        setup = scenario(problem, rung, folder)
        return RandomFacade(setup, initial_design=RandomInitialDesign(setup, n_configs=1), logging_level=SILENT, overwrite=True)

    return drive(problem, build, rung)


def blackbox(problem: Problem, *, rung: int, initial: int | None = None) -> str:
    def build(folder: str) -> AbstractFacade:
        setup = scenario(problem, rung, folder)
        design = BlackBoxFacade.get_initial_design(setup, n_configs=initial)
        return BlackBoxFacade(setup, initial_design=design, logging_level=SILENT, overwrite=True)

    return drive(problem, build, rung)


def mf_hyperband(problem: Problem, *, matched: bool = False, initial: int | None = None) -> str:
    def build(folder: str) -> AbstractFacade:
        # A hair below the lowest resource where eta fits exactly: SMAC takes the logarithms' quotient, cut to a whole number.
        lowest = problem.resources[0] * (1 - 1e-9) if matched else problem.resources[0]
        setup = scenario(problem, LOW, folder, min_budget=lowest, max_budget=problem.resources[-1])
        return MultiFidelityFacade(
            setup,
            initial_design=MultiFidelityFacade.get_initial_design(setup, n_configs=initial),
            intensifier=MultiFidelityFacade.get_intensifier(setup, **({"eta": problem.spacing()} if matched else {})),
            logging_level=SILENT,
            overwrite=True,
        )

    return drive(problem, build, None)


if __name__ == "__main__":
    # Its local search walks through a set of configurations, whose order hangs on the hash of strings: without a fixed one, the
    # same seed does not repeat. Python takes it at its start only, so the program starts itself again (nothing is read yet).
    if not os.environ.get("PYTHONHASHSEED", "random").isdigit():
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, "PYTHONHASHSEED": "0"})
    main(
        "smac",
        version("smac"),
        {
            "random": partial(random, rung=TARGET),
            "random_low": partial(random, rung=LOW),
            "blackbox": partial(blackbox, rung=TARGET),
            "blackbox_low": partial(blackbox, rung=LOW),
            "blackbox_init10": partial(blackbox, rung=TARGET, initial=10),
            "blackbox_init10_low": partial(blackbox, rung=LOW, initial=10),
            "mf_hyperband": mf_hyperband,
            "mf_hyperband_init10": partial(mf_hyperband, initial=10),
            "mf_hyperband_eta16": partial(mf_hyperband, matched=True),
        },
    )
