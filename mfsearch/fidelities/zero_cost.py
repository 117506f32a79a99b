"""The lowest rung: scores of untrained networks, from one minibatch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor, nn

from mfsearch.errors import ConfigError
from mfsearch.fidelities.base import AbstractScore, Context
from mfsearch.fidelities.live import LiveTask
from mfsearch.proxies import PROXIES
from mfsearch.proxies.minibatch import minibatch
from mfsearch.proxies.reference import Reference
from mfsearch.proxies.scoring import score
from mfsearch.records import Architecture, Scores


class ZeroCost(AbstractScore):
    """Zero-cost proxies of untrained networks.

    Those that the space knows in closed form (parameters, operations) are free. The others share one network, one minibatch
    and their forward and backward passes. All architectures see the same minibatch and the same seed: scores are bought once
    and must be comparable.

    Args:
        name: Name of the rung.
        proxies: Names in `mfsearch.proxies.PROXIES`.
        live: The task whose networks are scored.
        seconds_per_proxy: Device seconds that each proxy that is not free is expected to take on one architecture.
        seed: Seed of minibatch and initialisation.

    Raises:
        ConfigError: If there is no proxy, or an unknown one, or one twice.
    """

    def __init__(
        self, name: str, proxies: Sequence[str], live: LiveTask, seconds_per_proxy: float = 0.005, seed: int = 0
    ) -> None:
        if not proxies or len(set(proxies)) < len(proxies) or (unknown := sorted(set(proxies) - set(PROXIES))):
            wrong = ", ".join(unknown) if proxies and len(set(proxies)) == len(proxies) else ", ".join(proxies) or "none"
            raise ConfigError(f"proxies must be some of {', '.join(PROXIES)}, each once; got {wrong}. Mend 'ladder: proxies:'.")
        self.name = name
        self.live = live
        self.signal = proxies[0]
        self.seed = seed
        self.seconds_per_proxy = seconds_per_proxy
        self._proxies = tuple(PROXIES[proxy] for proxy in proxies)
        self._reference: Reference | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The proxies."""
        return tuple(proxy.name for proxy in self._proxies)

    @property
    def trusted(self) -> tuple[bool, ...]:
        """Those that are known to rise with accuracy."""
        return tuple(proxy.trusted for proxy in self._proxies)

    @property
    def capacity(self) -> tuple[bool, ...]:
        """Those that count what a network is made of."""
        return tuple(proxy.free for proxy in self._proxies)

    def expected_cost(self, architecture: Architecture) -> float:
        """Device seconds for one architecture: nothing for what only counts."""
        return self.seconds_per_proxy * sum(not proxy.free for proxy in self._proxies)

    def score(self, architectures: Sequence[Architecture], context: Context) -> Scores:
        """Score architectures, one row each; None where a score is undefined, as for a cell that its input does not cross.

        Raises:
            LimitReachedError: From `context.check()`, between two architectures.
        """
        began = context.elapsed()
        rows = []
        with self.live.limited_threads():
            for done, architecture in enumerate(architectures):
                context.check()
                context.progress(done / len(architectures), f"{self.name}: {done} of {len(architectures)}")
                rows.append(self.row(architecture, context.device))
        seconds = context.elapsed() - began if any(not proxy.free for proxy in self._proxies) else 0.0
        return Scores(self.columns, tuple(rows), seconds)

    def _teacher(self, device: str) -> Reference | None:
        """The teacher's cell in the students' skeleton, as a teacher of another width could not be compared with; untrained."""
        if not any(proxy.teacher for proxy in self._proxies):
            return None
        if self._reference is None:
            live, data = self.live, self.live.data
            skeleton: dict[str, Any] = {k: v for k, v in live.task.network.items() if k in ("channels", "cells", "reduction")}
            network = replace(live.teacher_recipe, **skeleton).network(data.input_shape[0], data.classes)
            self._reference = Reference(network, *self._minibatch(device), self.seed)
        return self._reference

    def _minibatch(self, device: str) -> tuple[Tensor, Tensor]:
        """What all architectures are shown."""
        data = self.live.data
        images, labels = minibatch(data.train_images[0], data.train_labels[0], self.seed)
        return images.to(device), labels.to(device)

    def row(self, architecture: Architecture, device: str, network: nn.Module | None = None) -> tuple[float | None, ...]:
        """Scores of one architecture, of its untrained network where the caller has it: its batch-norm statistics move, its weights do not."""
        live = self.live
        figures: dict[str, float | None] = dict(live.space.counts(architecture, live.task))
        rest = [proxy for proxy in self._proxies if proxy.name not in figures]
        if rest:
            images, labels = self._minibatch(device)
            figures.update(
                score(
                    lambda: live.space.build(architecture, live.task) if network is None else network,
                    rest,
                    images,
                    labels,
                    self.seed,
                    self._teacher(device),
                )
            )
        return tuple(figures[proxy.name] for proxy in self._proxies)
