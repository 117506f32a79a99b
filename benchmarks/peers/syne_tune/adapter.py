"""Syne Tune, by ask and tell: its schedulers are driven in this process, one trial at a time, without its Tuner and its backends.

The space is `choice` for choices and `uniform` for numbers, as the docs have it; everything else is the library's default.

random, random_low    RandomSearch on the last and on the first rung: the control.
cqr, cqr_low          CQR, conformal quantile regression: 5 random trials, then the best of a sample of 2,000 configurations.
rea, rea_low          REA, regularised evolution: population 100, 10 candidates for a parent. The first 100 trials are random, so
                      that 4 GPU-hours on the last rung never leave random search.
asha                  ASHA: `grace_period` and `max_t` are the ladder's ends, `reduction_factor` is 3, `brackets` is 1.
bohb                  BOHB: the same with a kernel density for new configurations.
asha_eta16            ASHA with `reduction_factor` the ratio of the resources (200 / 12 = 16.7, which is also that of the costs): the
                      library's rungs are then exactly the ladder's ends, and one trial in 16.7 is continued.

MOBSTER and Hyper-Tune are not in this version: 0.14 moved them to its legacy modules, and 0.15 removed those.

Rungs. The library's own are at 12, 36 and 108 of 200 epochs; a trial reports there and at the end. Rounded to a ladder of 12 and 200,
36 is 12 and 108 is 200: so a trial has to be in the best third twice with the same value of 12 epochs, and is then paid for 200 epochs
in full. What the library decides at 108 has no effect on the cost. `on_trial_result` and `on_trial_remove` are called as its Tuner
calls them; its AskTellScheduler does not announce trials (`on_trial_add`), which these schedulers need, and is used for the others.

Traps, left as they are:
- The rule is the stopping one: a trial is judged once, when it reports, against those before it. The first at a rung always goes on,
  whatever it is (here: to 200 epochs at once); so does each that is better than all before it, even where `reduction_factor` is far
  above their number; and a trial once stopped never comes back. The second goes on only if it is at least as good as the first.
- BOHB is random until 47 trials are known, with 6 parameters: the density of the good needs more points than parameters, and gets
  max(6, 15%) of them. And it has one model of each trial's last value, epochs mixed, not one a rung as in the paper.
- RandomSearch takes `random_seed` and draws from numpy's global generator; so do parts of all the others. It is seeded here too, with
  another number: with the same one, ASHA and BOHB draw some of their first configurations twice.
- Nothing keeps a sampler from configurations that it has seen: new trials that repeat a paid cell are free, and are told again. For
  cqr_low that is nearly half of what it asks in 4 GPU-hours (and each ask fits five boosted models), for bohb most in 16, where the
  copies also fill the rungs that a new trial is compared with. Neither stalls: both have chance in what they ask.
"""

import logging
import os
import warnings
from collections.abc import Callable
from datetime import datetime
from functools import partial
from importlib.metadata import version
from typing import Any

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
# CQR imports a module that imports huggingface_hub (hence its line in requirements.txt); nothing is to be fetched.
os.environ["HF_HUB_OFFLINE"] = os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import numpy as np
from protocol import Problem, main
from syne_tune.backend.trial_status import Trial
from syne_tune.config_space import Domain, choice, uniform
from syne_tune.optimizer.baselines import ASHA, BOHB, CQR, REA, RandomSearch
from syne_tune.optimizer.scheduler import SchedulerDecision
from syne_tune.optimizer.schedulers.ask_tell_scheduler import AskTellScheduler

METRIC, RESOURCE = "value", "resource"


def quiet() -> None:
    logging.disable(logging.WARNING)
    warnings.filterwarnings("ignore")


def seed(problem: Problem) -> None:
    """Seed numpy's global generator, with a number other than the one that the library's own generators get."""
    np.random.seed(np.random.SeedSequence(problem.seed).generate_state(1)[0])


def space(problem: Problem) -> dict[str, Domain]:
    return {p.name: uniform(p.low, p.high) if p.choices is None else choice(list(p.choices)) for p in problem.parameters}


def single_fidelity(problem: Problem, rung: int, build: Callable[..., Any]) -> None:
    """Every trial on one rung."""
    quiet()
    seed(problem)
    scheduler = AskTellScheduler(build(space(problem), do_minimize=False, random_seed=problem.seed))
    while True:
        trial = scheduler.ask()
        scheduler.tell(trial, {METRIC: problem.evaluate(trial.config, rung).value})


def multi_fidelity(problem: Problem, build: Callable[..., Any], two_rungs: bool = False) -> None:
    """Trials that report at the library's rungs until it stops them; evaluated anew where that is another rung of the ladder."""
    quiet()
    seed(problem)
    lowest, highest = problem.resources[0], problem.resources[-1]
    scheduler = build(
        space(problem),
        metric=METRIC,
        time_attr=RESOURCE,
        grace_period=lowest,
        max_t=highest,
        do_minimize=False,
        random_seed=problem.seed,
        **({"reduction_factor": highest / lowest} if two_rungs else {}),
    )
    # A level that is the highest but for rounding is the highest.
    below = sorted(level for level, _ in scheduler.brackets[0].rungs if level < 0.999 * highest)
    number = 0
    while True:
        trial = Trial(number, scheduler.suggest().config, datetime.now())
        number += 1
        scheduler.on_trial_add(trial)
        at, value = -1, 0.0
        for level in [*below, highest]:
            if problem.rung(level) != at:
                at = problem.rung(level)
                value = problem.evaluate(trial.config, at).value
            # At the highest level the answer is always to stop.
            if scheduler.on_trial_result(trial, {METRIC: value, RESOURCE: level}) == SchedulerDecision.STOP:
                break
        scheduler.on_trial_remove(trial)


SINGLE = {
    "random": partial(RandomSearch, metrics=[METRIC]),
    "cqr": partial(CQR, metric=METRIC),
    "rea": partial(REA, metric=METRIC),
}

if __name__ == "__main__":
    main(
        "syne_tune",
        version("syne-tune"),
        {
            **{name: partial(single_fidelity, rung=-1, build=build) for name, build in SINGLE.items()},
            **{f"{name}_low": partial(single_fidelity, rung=0, build=build) for name, build in SINGLE.items()},
            "asha": partial(multi_fidelity, build=ASHA),
            "asha_eta16": partial(multi_fidelity, build=ASHA, two_rungs=True),
            "bohb": partial(multi_fidelity, build=BOHB),
        },
    )
