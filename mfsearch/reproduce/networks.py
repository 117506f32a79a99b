"""How soon the best of 100 MobileNetV2-like networks is found: `mfsearch reproduce mfkd search networks`.

The question of MF-KD's first version (Trofimov et al., 2020): device seconds until the best network has been trained on all
data. Two protocols: `honest` searches validation accuracy and has found the best by it; `test` does both by test accuracy, as a
search must not, since the best network by that column is another one.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import torch

from mfsearch.allocation.base import AbstractPolicy, Proposal, State
from mfsearch.allocation.cost_aware import CostAware
from mfsearch.allocation.gp import GP
from mfsearch.allocation.random_search import RandomSearch
from mfsearch.errors import DataError
from mfsearch.execution.virtual import VirtualExecutor
from mfsearch.problems.base import Problem
from mfsearch.problems.mfkd import FLOPS, mobilenetv2
from mfsearch.records import Status
from mfsearch.reproduce.agreement import Interval, paired_difference
from mfsearch.reproduce.trials import Result, Trial
from mfsearch.reproduce.two_step import TwoStep
from mfsearch.study import Study

PROTOCOLS: Final[dict[str, Literal["val", "test"]]] = {"honest": "val", "test": "test"}
"""Protocol -> the accuracy that is searched, and by which the best network is the best."""


@dataclass(frozen=True)
class Contender:
    """Who searches.

    Attributes:
        rungs: Of the ladder, the target last.
        policy: Makes a new policy.
    """

    rungs: tuple[str, ...]
    policy: Callable[[], AbstractPolicy]


CONTENDERS: Final[dict[str, Contender]] = {
    "random": Contender(("full",), RandomSearch),
    "gp": Contender(("full",), GP),
    "gp, from 2": Contender(("full",), functools.partial(GP, initial=2)),
    "gp of the authors": Contender(("full",), TwoStep),
    "two steps, nst9": Contender(("nst9", "full"), functools.partial(TwoStep, low="nst9")),
    "cost_aware, no ladder": Contender(("full",), CostAware),
    "cost_aware, nst": Contender(("nst27", "nst9", "nst3", "full"), CostAware),
    "cost_aware, kd": Contender(("kd27", "kd9", "kd3", "full"), CostAware),
    "gp, flops": Contender((FLOPS, "full"), functools.partial(GP, proxies=True)),
    "cost_aware, flops alone": Contender((FLOPS, "full"), CostAware),
    "cost_aware, flops and nst": Contender((FLOPS, "nst27", "nst9", "nst3", "full"), CostAware),
    "cost_aware, flops and kd": Contender((FLOPS, "kd27", "kd9", "kd3", "full"), CostAware),
    "cost_aware, flops, nst and kd": Contender((FLOPS, "nst27", "kd27", "nst9", "kd9", "nst3", "kd3", "full"), CostAware),
}
REFERENCE: Final = "gp"


class _Until(AbstractPolicy):
    """Another policy, until one architecture has been evaluated at the target."""

    name = "until_found"

    def __init__(self, policy: AbstractPolicy, rung: str, key: str) -> None:
        self._policy, self._wanted = policy, (rung, key)

    def propose(self, state: State, n: int, rng: np.random.Generator) -> Proposal:
        """What the other proposes; nothing once it is found."""
        if any((o.query.rung, o.query.architecture.key) == self._wanted for o in state.observations if o.status is Status.OK):
            return Proposal(reason="found")
        return self._policy.propose(state, n, rng)


def trial(given: Trial) -> Result:
    """One search: `seconds` until the best is found, null where it ends before, and the runs on each rung."""
    contender = CONTENDERS[given.contender]
    problem = _problem(given.home, contender.rungs, PROTOCOLS[given.setting])
    space, target = problem.space, problem.ladder.target
    everything = space.enumerate() or []
    oracle = problem.oracle
    assert oracle is not None
    best = max(everything, key=oracle.truth).key
    # A budget that pays for every network: what is asked is when, not whether.
    budget = 1.01 * sum(rung.expected_cost(a) for a in everything for rung in problem.ladder.evaluations)
    with tempfile.TemporaryDirectory(prefix="mfsearch-reproduce-") as folder, torch.random.fork_rng(devices=[]):
        torch.manual_seed(given.seed)
        study = Study(
            space,
            problem.ladder,
            budget,
            objective=problem.objective,
            policy=_Until(contender.policy(), target.name, best),
            seed=given.seed,
            executor=VirtualExecutor(),
            recommend="predicted",
            workdir=Path(folder),
        )
        study.run()
        study.store.close()
    runs = [o.query.rung for o in study.state.observations]
    found = any(o.query.architecture.key == best and o.query.rung == target.name for o in study.state.observations)
    return {
        "seconds": study.ledger.spent if found else None,
        "runs": {rung.name: runs.count(rung.name) for rung in problem.ladder.evaluations},
    }


@functools.cache
def _problem(home: str, rungs: tuple[str, ...], target: Literal["val", "test"]) -> Problem:
    return mobilenetv2(Path(home), rungs, target)


def trials(home: Path, seeds: Sequence[int]) -> list[Trial]:
    """Every protocol and contender, seed by seed.

    Raises:
        DataError: If the table was not imported.
    """
    for contender in CONTENDERS.values():
        _problem(str(home), contender.rungs, "val")
    return [Trial(str(home), protocol, name, seed) for seed in seeds for protocol in PROTOCOLS for name in CONTENDERS]


@dataclass(frozen=True)
class Line:
    """What the trials of a contender come to, in device seconds.

    Attributes:
        protocol: One of `PROTOCOLS`.
        contender: One of `CONTENDERS`.
        seconds: Of every trial, by seed.
        ahead: Mean of the reference's seconds less its own, with a 95% interval, paired by seed; None of the reference itself.
        runs: Mean number of runs on each rung.
    """

    protocol: str
    contender: str
    seconds: tuple[float, ...]
    ahead: Interval | None
    runs: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """Mean, standard deviation and median in place of the seconds of every trial."""
        own = np.array(self.seconds)
        return {
            "protocol": self.protocol,
            "contender": self.contender,
            "trials": len(own),
            "seconds_mean": float(own.mean()),
            "seconds_std": float(own.std(ddof=1)) if len(own) > 1 else None,
            "seconds_median": float(np.median(own)),
            "ahead_of_gp": None if self.ahead is None else self.ahead.to_json(),
            "runs_mean": dict(self.runs),
        }


def summarise(results: Sequence[Result], seed: int = 0) -> list[Line]:
    """A line for each protocol and contender.

    Raises:
        DataError: If a search ended without the best network.
    """
    lines = []
    for protocol in PROTOCOLS:
        own: dict[str, dict[int, Result]] = {name: {} for name in CONTENDERS}
        for result in results:
            if result["setting"] == protocol:
                if result["seconds"] is None:
                    raise DataError(
                        f"every search must find the best network; {result['contender']}, seed {result['seed']} did not. Was a row lost?"
                    )
                own[result["contender"]][result["seed"]] = result
        reference = own[REFERENCE]
        for name, runs in own.items():
            seconds = tuple(run["seconds"] for run in runs.values())
            ahead = None
            if name != REFERENCE:
                ahead = paired_difference([reference[s]["seconds"] for s in runs], seconds, seed)
            rungs = [rung for rung in CONTENDERS[name].rungs if rung != FLOPS]
            means = {rung: float(np.mean([run["runs"][rung] for run in runs.values()])) for rung in rungs}
            lines.append(Line(protocol, name, seconds, ahead, means))
    return lines


def to_markdown(lines: Sequence[Line]) -> str:
    """A table for each protocol, with what they are."""
    texts = [
        "## MobileNetV2-like networks: seconds until the best is found",
        "",
        f"Simulated device seconds of the measurements, {len(lines[0].seconds)} trials. *Ahead* is the mean of `{REFERENCE}` less its own, "
        "with a 95% bootstrap interval, paired by seed.",
        "",
    ]
    said = {
        "honest": "Searched by validation accuracy, until the best by validation accuracy is trained on all data:",
        "test": "Searched by test accuracy, until the best by test accuracy is (as a search must not):",
    }
    for protocol in PROTOCOLS:
        texts += [
            said[protocol],
            "",
            "| contender | mean | standard deviation | median | ahead | runs on each rung |",
            "|---|---|---|---|---|---|",
        ]
        for line in (own for own in lines if own.protocol == protocol):
            figures = line.to_json()
            spread = "" if figures["seconds_std"] is None else f"{figures['seconds_std']:,.0f}"
            ahead = "" if line.ahead is None else line.ahead.shown("+,.0f", "+,.0f")
            runs = ", ".join(f"{name} {count:.1f}" for name, count in line.runs.items())
            texts.append(
                f"| {line.contender} | {figures['seconds_mean']:,.0f} | {spread} | {figures['seconds_median']:,.0f} | {ahead} | {runs} |"
            )
        texts.append("")
    return "\n".join(texts)
