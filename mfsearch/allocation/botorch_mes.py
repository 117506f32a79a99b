"""BoTorch's own multi-fidelity parts as a policy: SingleTaskMultiFidelityGP with qMultiFidelityMaxValueEntropy.

The opponent of choice for whoever would assemble a search from the library. It gets what `cost_aware` gets: encodings, normal
scores of the proxies, the warp of accuracies, expected costs of each architecture, and a pool; model, fit and acquisition are
BoTorch's, with their defaults.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from botorch.acquisition.cost_aware import InverseCostWeightedUtility
from botorch.acquisition.max_value_entropy_search import qMultiFidelityMaxValueEntropy
from botorch.exceptions.errors import ModelFittingError
from botorch.fit import fit_gpytorch_mll
from botorch.models.deterministic import DeterministicModel
from botorch.models.gp_regression_fidelity import SingleTaskMultiFidelityGP
from gpytorch.mlls import ExactMarginalLogLikelihood
from gpytorch.utils.warnings import NumericalWarning
from numpy.typing import NDArray
from torch import Tensor

from mfsearch.allocation.base import AbstractPolicy, Proposal, State
from mfsearch.allocation.candidates import around
from mfsearch.allocation.features import Features, scored
from mfsearch.allocation.history import Runs, queries
from mfsearch.allocation.kept import Kept
from mfsearch.allocation.options import at_least
from mfsearch.allocation.proxies import first_scores
from mfsearch.errors import ConfigError
from mfsearch.records import Architecture, EvaluationQuery, Json
from mfsearch.surrogate.warp import ValueWarp

_GROWTH = 1.1  # hyper-parameters are fitted anew whenever the data have grown by this factor
_STEPS = 75  # of L-BFGS
_CHUNK = 50
_MAXIMA = 500  # architectures over which maxima are drawn
_FANTASIES = 4  # for evaluations that run meanwhile; BoTorch's 16 make parallel asks four times as slow
_CENTRES = 5
_SCORE_RANGE = 8.0  # normal scores are clipped at -4 and 4


class BoTorchMES(AbstractPolicy):
    """Max-value entropy search per second over all evaluation rungs that measure the target's quantity.

    The fidelity of a rung is its place among them, from 0 to the target's 1. Shares of epochs would say that 12 and 200 are
    nearly as far apart as 0 and 200, which on two rungs is the same model, and on other ladders mean nothing; what a rung costs
    enters the utility, not the kernel.

    Args:
        pool: Random architectures that are scored first, for at most half of the budget: the candidates. Without scores on the
            ladder as many are drawn anew at each step, or the space is taken whole where it lists no more, and the neighbours
            of the best are added.
        low: Random evaluations on the lowest rung before the model decides.
        high: Random evaluations at the target before the model decides.
        candidates: Most architectures a rung whose entropy is computed: those of the highest mean plus standard deviation.
    """

    name = "botorch_mes"

    def __init__(self, pool: int = 1000, low: int = 8, high: int = 2, candidates: int = 300) -> None:
        at_least(self.name, 1, pool=pool, low=low, candidates=candidates)
        at_least(self.name, 0, high=high)
        self.pool, self.low, self.high, self.candidates = pool, low, high, candidates
        self._kept = Kept()

    def propose(self, state: State, n: int, rng: np.random.Generator) -> Proposal:
        """Scores of the pool, a random design, then the most information about the maximum per second."""
        wanted = state.ladder.target.signal
        runs = [Runs(state, rung.name) for rung in state.ladder.evaluations if rung.signal == wanted]
        if len(runs) < 2:
            raise ConfigError(
                f"policy {self.name} must have two evaluation rungs of the target's signal, {wanted!r}, or more; got {len(runs)}. "
                "Add a cheaper one to the ladder."
            )
        if state.ladder.scores and (first := first_scores(state, state.ladder.scores, self.pool, rng)):
            return Proposal(first, reason="scores of the pool, at random")
        for rung, size in ((runs[0], self.low), (runs[-1], self.high)):
            missing = min(n, size - len(rung.values) - len(rung.running))
            if missing > 0:
                drawn = [a for a in scored(state).values() if rung.open(a)] if state.ladder.scores else rung.fresh(missing, rng)
                if drawn:
                    return Proposal(queries(drawn[:missing], rung.rung, "at random: the model needs a beginning"), state.memory)
        if sum(len(rung.values) for rung in runs) < 2:
            waits = any(rung.running for rung in runs)
            return Proposal(reason="waits for the first values" if waits else "nothing new is affordable")
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            torch.manual_seed(int(rng.integers(2**31)))
            # Jitter on a covariance is no news to a search; everything else still is.
            warnings.simplefilter("ignore", NumericalWarning)
            return self._informed(state, runs, n, rng)

    def _informed(self, state: State, runs: Sequence[Runs], n: int, rng: np.random.Generator) -> Proposal:
        inputs = _Inputs(Features(state, self._kept), len(runs))
        model, memory = _fitted(state, runs, inputs)
        members = self._candidates(state, runs, rng)
        upper = _upper(model, inputs(members, len(runs) - 1))
        order = [int(i) for i in np.argsort(-upper, kind="stable")]
        maxima = inputs([members[i] for i in order[:_MAXIMA]], len(runs) - 1)
        chosen: list[EvaluationQuery] = []
        pending = [inputs([q.architecture for q in rung.running], level) for level, rung in enumerate(runs) if rung.running]
        while len(chosen) < n:
            taken = {(q.architecture.key, q.rung) for q in chosen}
            pairs: list[tuple[Architecture, int]] = []
            for level, rung in enumerate(runs):
                open = (members[i] for i in order if (members[i].key, rung.rung) not in taken and rung.open(members[i]))
                pairs += [(a, level) for a, _ in zip(open, range(self.candidates), strict=False)]
            if not pairs:
                break
            X = torch.cat([inputs([a], level) for a, level in pairs])
            seconds = [state.cost(a, runs[level].rung) for a, level in pairs]
            acquisition = qMultiFidelityMaxValueEntropy(
                model,
                maxima,
                num_fantasies=_FANTASIES,
                X_pending=torch.cat(pending) if pending else None,
                cost_aware_utility=InverseCostWeightedUtility(_Seconds(X, seconds)),
                project=inputs.project,
            )
            with torch.no_grad():
                gains = torch.cat([acquisition(part) for part in torch.split(X.unsqueeze(1), _CHUNK)])
            architecture, level = pairs[best := int(gains.argmax())]
            why: dict[str, Json] = {
                "reason": "most information about the maximum per second",
                "gain_per_second": float(gains[best]),
            }
            chosen.append(EvaluationQuery(architecture, runs[level].rung, why=why))
            pending.append(X[best : best + 1])
        return Proposal(chosen, memory, "" if chosen else "nothing new is affordable")

    def _candidates(self, state: State, runs: Sequence[Runs], rng: np.random.Generator) -> list[Architecture]:
        if state.ladder.scores:
            return list(scored(state).values())
        everything = state.space.enumerate()
        if everything is not None and len(everything) <= self.pool:
            return everything
        found = {a.key: a for a in state.space.sample(self.pool, rng)}
        for rung in runs:
            for key in sorted(rung.values, key=lambda key: -rung.values[key])[:_CENTRES]:
                centre = state.architectures[key]
                found.update((a.key, a) for a in [centre, *around(state.space, centre, rng)])
        return list(found.values())


class _Inputs:
    """Rows for BoTorch: features scaled to the unit cube, the fidelity last."""

    def __init__(self, features: Features, levels: int) -> None:
        self._features, self._levels = features, levels
        self.width = features.blocks.width

    def __call__(self, architectures: Sequence[Architecture], level: int) -> Tensor:
        """Inputs of n architectures on a rung, n x (d+1)."""
        X = self._features(architectures)
        blocks = self._features.blocks
        scores, counts = list(blocks.scores), [column for group in blocks.structure for column in group]
        X[:, scores] = X[:, scores] / _SCORE_RANGE + 0.5
        X[:, counts] = np.minimum(X[:, counts] / max(1, len(blocks.categorical)), 1.0)  # one or so a choice
        return torch.from_numpy(np.c_[X, np.full(len(X), level / (self._levels - 1))])

    @staticmethod
    def project(X: Tensor) -> Tensor:
        """The same architectures at the target, ... x (d+1)."""
        return torch.cat([X[..., :-1], torch.ones_like(X[..., -1:])], -1)


class _Seconds(DeterministicModel):
    """The expected seconds of every candidate, by its row of inputs."""

    _num_outputs = 1

    def __init__(self, X: Tensor, seconds: Sequence[float]) -> None:
        super().__init__()
        self._known = {row.tobytes(): max(cost, 1e-9) for row, cost in zip(X.numpy(), seconds, strict=True)}

    def forward(self, X: Tensor) -> Tensor:
        """Seconds of rows ... x (d+1), ... x 1."""
        rows = X.reshape(-1, X.shape[-1]).numpy()
        return torch.tensor([self._known[row.tobytes()] for row in rows], dtype=X.dtype).reshape(*X.shape[:-1], 1)


def _fitted(state: State, runs: Sequence[Runs], inputs: _Inputs) -> tuple[SingleTaskMultiFidelityGP, dict[str, Json]]:
    """The model of everything known, and what the next step begins from."""
    parts = [inputs([state.architectures[key] for key in rung.values], level) for level, rung in enumerate(runs) if rung.values]
    values = ValueWarp(state.objective)([value for rung in runs for value in rung.values.values()])
    model = SingleTaskMultiFidelityGP(torch.cat(parts), torch.from_numpy(values)[:, None], data_fidelities=[inputs.width])
    parameters, fitted_at = state.memory.get("parameters"), state.memory.get("fitted_at")
    known = isinstance(parameters, Mapping) and isinstance(fitted_at, int) and _load(model, parameters)
    if not (known and isinstance(fitted_at, int) and fitted_at <= len(values) < math.ceil(_GROWTH * fitted_at)):
        try:
            fit_gpytorch_mll(
                ExactMarginalLogLikelihood(model.likelihood, model),
                optimizer_kwargs={"options": {"maxiter": _STEPS}},
                max_attempts=2,
            )
        except ModelFittingError:
            model.eval()  # with what it began from
        fitted_at = len(values)
    model.eval()
    kept: dict[str, Json] = {name: parameter.tolist() for name, parameter in model.named_parameters()}
    return model, {"parameters": kept, "fitted_at": fitted_at}


def _load(model: SingleTaskMultiFidelityGP, values: Mapping[str, Json]) -> bool:
    """Set the model's parameters; False, and nothing is set, where they are of another shape."""
    own = dict(model.named_parameters())
    given = {name: torch.tensor(value, dtype=torch.float64) for name, value in values.items()}
    if {name: p.shape for name, p in own.items()} != {name: t.shape for name, t in given.items()}:
        return False
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(given[name])
    return True


def _upper(model: SingleTaskMultiFidelityGP, X: Tensor) -> NDArray[np.float64]:
    """Posterior mean plus one standard deviation, n x (d+1), n."""
    found = []
    with torch.no_grad():
        for part in torch.split(X, 4 * _CHUNK):
            posterior = model.posterior(part)
            found.append((posterior.mean + posterior.variance.sqrt())[:, 0])
    figures: NDArray[np.float64] = torch.cat(found).numpy()
    return figures
