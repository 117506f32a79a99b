"""Successive halving (Jamieson and Talwalkar, AISTATS 2016) and Hyperband (Li et al., JMLR 2018) over a ladder's evaluations.

Rungs are separate runs: 12 and 200 epochs are two schedules, and nothing of the first is left to go on from. A promotion is
charged in full.
"""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mfsearch.allocation.base import AbstractPolicy, Proposal, State
from mfsearch.allocation.history import Runs, evaluation_rungs, mean_costs
from mfsearch.allocation.options import at_least
from mfsearch.errors import ConfigError
from mfsearch.records import Architecture, EvaluationQuery, Json

_ROUND_OFF = 1e-9


@dataclass(frozen=True)
class Bracket:
    """One bracket: how many architectures are evaluated on which rung.

    Attributes:
        first: Rung where it begins, 0 for the ladder's cheapest evaluation.
        sizes: Number of architectures on that rung and on each above, the target last.
    """

    first: int
    sizes: tuple[int, ...]


def ratios(costs: Sequence[float], eta: float | None) -> list[float]:
    """How many times fewer architectures each rung above the lowest gets.

    Args:
        costs: Expected seconds of each rung.
        eta: The same everywhere; None: as many times fewer as they are dearer, so that each rung costs the same.
    """
    return [max(dear / cheap, 1.0) if eta is None else eta for cheap, dear in itertools.pairwise(costs)]


def sizes(n: float, steps: Sequence[float]) -> tuple[int, ...]:
    """Numbers of architectures of a bracket that begins with n: each step keeps the best 1/ratio, at least one."""
    found = [max(1, math.floor(n + _ROUND_OFF))]
    for place in range(len(steps)):
        found.append(max(1, math.floor(found[0] / math.prod(steps[: place + 1]) + _ROUND_OFF)))
    return tuple(found)


def largest(money: float, costs: Sequence[float], steps: Sequence[float]) -> tuple[int, ...]:
    """Sizes of the largest bracket that the money pays for, one architecture on each rung at least, whatever it costs."""
    low, high = 1, max(1, int(money / costs[0]))
    while low < high:
        middle = (low + high + 1) // 2
        if sum(n * cost for n, cost in zip(sizes(middle, steps), costs, strict=True)) <= money:
            low = middle
        else:
            high = middle - 1
    return sizes(low, steps)


class AbstractBrackets(AbstractPolicy):
    """Runs one bracket after the other, each rung of it to the end before the next.

    A query remembers its bracket in `why`, the memory holds the sizes of the current one.
    """

    def __init__(self, eta: float | None) -> None:
        if eta is not None and not eta > 1:
            raise ConfigError(f"policy {self.name}: eta must be above 1, or left out; got {eta}.")
        self.eta = eta

    @abstractmethod
    def plan(self, number: int, costs: Sequence[float], free: float, total: float) -> Bracket:
        """The bracket of a number.

        Args:
            number: 0 for the first.
            costs: Expected seconds of an average architecture on each evaluation rung.
            free: Device seconds left (`State.left`).
            total: Device seconds of the whole budget.
        """

    def propose(self, state: State, n: int, rng: np.random.Generator) -> Proposal:
        """The next queries of the current bracket, or the first of the next one."""
        runs = [Runs(state, rung) for rung in evaluation_rungs(self.name, state)]
        number, bracket = _remembered(state)
        if bracket is not None:
            chosen, waits = self._within(state, runs, number, bracket, n, rng)
            if chosen:
                return Proposal(chosen, state.memory)
            if waits:
                return Proposal(reason="waits for the rung to be complete")
            number += 1
        costs = mean_costs(state, [run.rung for run in runs], rng)
        bracket = self.plan(number, costs, state.left, state.total)
        chosen, _ = self._within(state, runs, number, bracket, n, rng)
        memory: dict[str, Json] = {"bracket": number, "first": bracket.first, "sizes": list(bracket.sizes)}
        return Proposal(chosen, memory, "" if chosen else "nothing new is affordable")

    def _within(
        self, state: State, runs: list[Runs], number: int, bracket: Bracket, n: int, rng: np.random.Generator
    ) -> tuple[list[EvaluationQuery], bool]:
        """What the bracket wants now, and whether it waits for results."""
        bottom = runs[bracket.first]
        begun = {q.architecture.key: q.architecture for q in bottom.queries if q.why.get("bracket") == number and _starts(q)}
        missing = bracket.sizes[0] - len(begun)
        if missing > 0 and (drawn := bottom.fresh(min(n, missing), rng)):
            return [_query(a, bottom.rung, f"drawn at random for bracket {number + 1}", number) for a in drawn], False
        if any(query.architecture.key in begun for query in bottom.running):
            return [], True
        cohort = [a for key, a in begun.items() if key in bottom.values]
        for below, above, size in zip(runs[bracket.first :], runs[bracket.first + 1 :], bracket.sizes[1:], strict=False):
            ranked = sorted(cohort, key=lambda a: -below.values[a.key])
            promoted: list[Architecture] = []
            wanted: list[EvaluationQuery] = []
            running = {query.architecture.key for query in above.running}
            waits = False
            for place, a in enumerate(ranked, start=1):
                if len(promoted) + len(wanted) == size:
                    break
                if a.key in above.values or a.key in running:  # an earlier bracket may have sent it there
                    promoted.append(a)
                    waits = waits or a.key in running
                elif above.open(a):
                    reason = f"number {place} of {len(ranked)} on {below.rung} in bracket {number + 1}"
                    wanted.append(_query(a, above.rung, reason, number, promoted=True))
            if wanted:
                return wanted[:n], False
            if waits:
                return [], True
            cohort = promoted
        return [], False


class SuccessiveHalving(AbstractBrackets):
    """The budget in equal brackets; in each, many begin on the lowest rung and the best 1/eta go on to the next.

    A bracket is as large as its part of the budget allows; with what is left at the end, a smaller one begins.

    Args:
        eta: Rate of selection. None: the ratio of the rungs' costs, so that a bracket spends the same on each of its rungs.
        brackets: Number of brackets that the budget is divided into.
    """

    name = "successive_halving"

    def __init__(self, eta: float | None = None, brackets: int = 1) -> None:
        super().__init__(eta)
        at_least(self.name, 1, brackets=brackets)
        self.brackets = brackets

    def plan(self, number: int, costs: Sequence[float], free: float, total: float) -> Bracket:
        """The largest that its part of the budget pays for."""
        return Bracket(0, largest(min(free, total / self.brackets), costs, ratios(costs, self.eta)))


class Hyperband(AbstractBrackets):
    """Brackets that begin on the lowest rung, on the next one, ..., at the target, over and over.

    With L rungs, the bracket that passes s + 1 of them begins with ceil(L / (s + 1) eta^s) architectures. One that the rest
    of the budget cannot pay for is made smaller.

    Args:
        eta: Rate of selection. None: the ratio of the rungs' costs, in place of eta^s the ratio over s of them. The paper's
            rungs are spaced by its eta, which is 3; a ladder's need not be.
    """

    name = "hyperband"

    def __init__(self, eta: float | None = None) -> None:
        super().__init__(eta)

    def plan(self, number: int, costs: Sequence[float], free: float, total: float) -> Bracket:
        """The next in turn."""
        rungs = len(costs)
        first = number % rungs
        steps = ratios(costs, self.eta)[first:]
        n = math.ceil(rungs / (len(steps) + 1) * math.prod(steps) - _ROUND_OFF)
        wanted = sizes(n, steps)
        return Bracket(first, min(wanted, largest(free, costs[first:], steps)))


def _remembered(state: State) -> tuple[int, Bracket | None]:
    number, first, counts = (state.memory.get(name) for name in ("bracket", "first", "sizes"))
    if not (isinstance(number, int) and isinstance(first, int) and isinstance(counts, list)):
        return 0, None
    return number, Bracket(first, tuple(count for count in counts if isinstance(count, int)))


def _starts(query: EvaluationQuery) -> bool:
    return not query.why.get("promoted")


def _query(architecture: Architecture, rung: str, reason: str, number: int, promoted: bool = False) -> EvaluationQuery:
    why: dict[str, Json] = {"reason": reason, "bracket": number, **({"promoted": True} if promoted else {})}
    return EvaluationQuery(architecture, rung, why=why)
