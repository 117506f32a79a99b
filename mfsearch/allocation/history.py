"""What a policy reads out of a state about one rung: what came back from it, what runs, what may still be sent there."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace

import numpy as np

from mfsearch.allocation.base import State
from mfsearch.errors import ConfigError
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.records import Architecture, EvaluationQuery, Status

_ROUNDS = 100  # draws of a batch: in a small space nearly everything may be evaluated already
_COST_SAMPLE = 64


class Runs:
    """The history of one rung.

    Args:
        state: What is known.
        rung: Name of an evaluation rung.

    Attributes:
        values: Value of each architecture that came back ok, by key, in the order in which they did.
        running: Evaluations under way there.
        queries: Every evaluation ever sent there, ended ones first, each in order; repeats are not left out.
    """

    def __init__(self, state: State, rung: str) -> None:
        self.rung = rung
        self._state = state
        ended = [o for o in state.observations if o.query.rung == rung]
        self.values = {o.query.architecture.key: o.value for o in ended if o.status is Status.OK and o.value is not None}
        self.running = [query for query in state.pending if query.rung == rung]
        self.queries = [*(o.query for o in ended), *self.running]
        self._closed = {query.architecture.key for query in self.running}
        self._closed |= {o.query.architecture.key for o in ended if o.status in (Status.OK, Status.CUT)}

    def asked(self, architecture: Architecture) -> bool:
        """Whether it may not be sent there (again): it was, it is under way, or it failed too often."""
        return architecture.key in self._closed or (architecture.key, self.rung) in self._state.excluded

    def open(self, architecture: Architecture) -> bool:
        """Whether it may be sent there, and the free budget covers that."""
        return not self.asked(architecture) and self._state.affordable(architecture, self.rung)

    def fresh(self, n: int, rng: np.random.Generator, taken: Container[str] = ()) -> list[Architecture]:
        """Up to n different open architectures drawn at random, none with a key in `taken`.

        Where few are left that draws do not hit, they are picked from the list of a space that has one.
        """
        found: dict[str, Architecture] = {}
        for _ in range(_ROUNDS if n else 0):
            for a in self._state.space.sample(4 * n, rng):
                if len(found) < n and a.key not in taken and self.open(a):
                    found[a.key] = a
            if len(found) == n:
                return list(found.values())
        left = [a for a in self._state.space.enumerate() or () if a.key not in found and a.key not in taken and self.open(a)]
        found.update((left[i].key, left[i]) for i in rng.permutation(len(left))[: n - len(found)])
        return list(found.values())


def evaluation_rung(policy: str, state: State, name: str) -> str:
    """Name of an evaluation rung of the ladder; the target's where it is empty.

    Raises:
        ConfigError: If the ladder has no such evaluation.
    """
    known = [rung.name for rung in state.ladder.evaluations]
    if name and name not in known:
        raise ConfigError(f"policy {policy}: rung must be an evaluation of the ladder, {' or '.join(known)}; got {name!r}.")
    return name or state.ladder.target.name


def evaluation_rungs(policy: str, state: State, least: int = 2) -> list[str]:
    """Names of the ladder's evaluation rungs, cheapest first.

    Raises:
        ConfigError: If there are fewer than `least`.
    """
    names = [rung.name for rung in state.ladder.evaluations]
    if len(names) < least:
        raise ConfigError(
            f"policy {policy} must have {least} evaluation rungs or more; got {', '.join(names)}. Add a cheaper one to the ladder."
        )
    return names


def mean_costs(state: State, rungs: Sequence[str], rng: np.random.Generator) -> list[float]:
    """Expected device seconds of an average architecture on each rung, over one random sample."""
    drawn = state.space.sample(_COST_SAMPLE, rng)
    return [max(float(np.mean([state.cost(a, rung) for a in drawn])), 1e-9) for rung in rungs]


def through(state: State, rungs: Sequence[str], memory: str = "model") -> State:
    """The state as if the ladder had these rungs only; its memory is what the policy keeps under one key.

    A model of part of a ladder must not leave its hyper-parameters where that of the whole would look for them.
    """
    kept = state.memory.get(memory)
    return replace(
        state,
        ladder=FidelityLadder([state.ladder[name] for name in rungs]),
        observations=[o for o in state.observations if o.query.rung in rungs],
        pending=[query for query in state.pending if query.rung in rungs],
        memory=kept if isinstance(kept, dict) else {},
    )


def queries(architectures: Sequence[Architecture], rung: str, reason: str) -> list[EvaluationQuery]:
    """One query an architecture, all for one reason."""
    return [EvaluationQuery(a, rung, why={"reason": reason}) for a in architectures]
