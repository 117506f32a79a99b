"""The ladder: rungs in order of cost, the target last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mfsearch.errors import ConfigError
from mfsearch.fidelities.base import AbstractEvaluation, AbstractFidelity, AbstractResource, AbstractScore


class FidelityLadder:
    """Rungs 0..R-1, cheapest first; the last is the target. The evaluation rungs are the levels 0..L-1 of the co-kriging.

    Raises:
        ConfigError: If there is no evaluation rung, the last rung is none, or two rungs share a name.
    """

    def __init__(self, rungs: Sequence[AbstractFidelity]) -> None:
        self.rungs = tuple(rungs)
        names = [rung.name for rung in self.rungs]
        if not self.rungs:
            raise ConfigError("a ladder must have at least one rung; got none. Put the target fidelity into 'ladder:'.")
        if doubles := sorted({name for name in names if names.count(name) > 1}):
            raise ConfigError(f"rungs of a ladder must have different names; got {', '.join(doubles)} more than once.")
        if not isinstance(self.rungs[-1], AbstractEvaluation):
            raise ConfigError(
                f"a ladder must end with the target fidelity, an evaluation; got the score {names[-1]!r} last. "
                "Put the fidelity that decides at the end of 'ladder:'."
            )
        self.levels: tuple[AbstractFidelity, ...] = tuple(rung for rung in self.rungs if rung.role == "level")
        self.evaluations = tuple(rung for rung in self.rungs if isinstance(rung, AbstractEvaluation))
        self.scores = tuple(rung for rung in self.rungs if isinstance(rung, AbstractScore))
        self.inputs = tuple(rung for rung in self.scores if rung.role == "input")
        self._by_name = dict(zip(names, self.rungs, strict=True))

    def __len__(self) -> int:
        return len(self.rungs)

    def __iter__(self) -> Iterator[AbstractFidelity]:
        return iter(self.rungs)

    def __getitem__(self, name: str) -> AbstractFidelity:
        try:
            return self._by_name[name]
        except KeyError:
            raise ConfigError(f"no rung is called {name!r}; this ladder has {', '.join(self._by_name)}.") from None

    @property
    def target(self) -> AbstractEvaluation:
        """The fidelity that decides."""
        return self.evaluations[-1]

    def level(self, name: str) -> int:
        """Place of a rung among the levels, 0 for the lowest."""
        return self.levels.index(self[name])

    @property
    def resources(self) -> tuple[AbstractResource, ...]:
        """What must be prepared before the first use, each once."""
        return tuple({resource.key: resource for rung in self.rungs for resource in rung.resources}.values())
