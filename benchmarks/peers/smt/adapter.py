"""SMT (Surrogate Modeling Toolbox): the classical multi-fidelity co-kriging, AR(1), with expected improvement.

SMT's package holds the model (`smt.applications.MFK`, the recursive form of Le Gratiet) but no multi-fidelity optimiser: its `EGO` is
single-fidelity. The loop below is MFEGO of SMT's authors (Meliani, Bartoli et al. 2019, DOI 10.2514/6.2019-3236; also MF-SEGO of
their separate package smt-optim), written anew:

`mfk`
    1. Design: 10 architectures of an optimised Latin hypercube on the lowest rung, the first 3 of them on every other rung (nested).
    2. MFK is trained on all rungs, with one noise variance a rung (`eval_noise`), so that it does not interpolate.
    3. Where: the maximum of the expected improvement on the target over 2,000 random architectures and the neighbours of the three
       best predicted ones. The incumbent is the best prediction (not the best value, which is noisy) among those seen on the target.
    4. Which rung: the k that maximises s2red(k) / cost(k)^2. s2red(k) is the part of the target's variance at that place which goes
       once the rungs up to k are known, i.e. the sum over i <= k of rung i's own variance times the squared rho of the rungs above;
       cost(k) is the mean seconds of the rungs 0 to k together. Rungs already evaluated at that place are no choice.
    5. The place is evaluated on all rungs up to k where it was not yet, which keeps the design nested.
    The rule favours low rungs (with seconds 1 to 16, cost(1)^2 is 289 times cost(0)^2): in practice a place gets its low rung first
    and the target after it, mostly at once.

Choices: of SMT's kernels for mixed variables MFK takes the continuous relaxation alone, a Gaussian kernel on one-hot columns with a
length scale each. It is given these columns directly, which is the same model without the relaxation done anew in each likelihood.

What differs from SMT's defaults, for time: 2 starts of COBYLA (which SMT takes with noise) a rung instead of 12;
hyperparameters are fitted anew when the observations have grown by a tenth, and kept between; beyond 300 observations on a rung the
training set holds those seen on the rungs above, the best 100 and a random rest, and places left out are proposed no more. The
noise starts at 1e-2 of the variance instead of at its lower bound, from where COBYLA does not leave.

Repeats cannot stall it: a place seen on the target is never a candidate again.
"""

from __future__ import annotations

import warnings
from importlib.metadata import version

import numpy as np
from protocol import Problem, main
from scipy.stats import norm
from smt.applications import MFK
from smt.sampling_methods import LHS

LOW, HIGH = 10, 3
CANDIDATES = 2000
CAP, BEST = 300, 100

Point = tuple[float, ...]


class Space:
    """Points: a tuple with the index of each choice, and each number scaled to [0, 1]."""

    def __init__(self, problem: Problem) -> None:
        self.parameters = problem.parameters
        self.sizes = [0 if p.choices is None else len(p.choices) for p in problem.parameters]

    def point(self, unit: np.ndarray) -> Point:
        """From coordinates in [0, 1]."""
        return tuple(float(min(int(u * k), k - 1)) if k else float(u) for u, k in zip(unit, self.sizes, strict=True))

    def config(self, point: Point) -> dict[str, str | float]:
        """In the problem's own terms."""
        return {
            p.name: p.low + v * (p.high - p.low) if p.choices is None else p.choices[int(v)]
            for p, v in zip(self.parameters, point, strict=True)
        }

    def columns(self, points: list[Point]) -> np.ndarray:
        """One-hot columns for a choice, one column for a number."""
        x = np.array(points)
        return np.hstack([np.eye(k)[x[:, i].astype(int)] if k else x[:, [i]] for i, k in enumerate(self.sizes)])

    def neighbours(self, point: Point, rng: np.random.Generator) -> list[Point]:
        """Every change of one choice; for numbers 50 small steps."""
        out = [(*point[:i], float(v), *point[i + 1 :]) for i, k in enumerate(self.sizes) for v in range(k) if v != point[i]]
        for _ in range(50 if 0 in self.sizes else 0):
            step = rng.normal(0.0, rng.choice([0.01, 0.1]), len(point))
            out.append(
                tuple(v if k else float(np.clip(v + s, 0.0, 1.0)) for v, s, k in zip(point, step, self.sizes, strict=True))
            )
        return out


class KeptMFK(MFK):
    """MFK with given length scales: as its option `theta0` they can not differ between the rungs (rows are taken for columns)."""

    kept: np.ndarray | None = None

    def _check_param(self) -> None:
        super()._check_param()
        if self.kept is not None:
            self._theta0 = self.kept.copy()


class Model:
    """MFK on the rungs' observations, with its hyperparameters kept between two fits."""

    def __init__(self, space: Space, seed: int) -> None:
        self.space, self.seed = space, seed
        self.fitted = 0
        self.theta: np.ndarray | None = None
        self.noise: list[float] = []

    def train(self, data: list[dict[Point, float]]) -> None:
        """On minus the values: SMT minimises."""
        count = sum(map(len, data))
        if self.theta is None or count >= 1.1 * self.fitted:
            self._train(data, {"hyper_opt": "Cobyla", "eval_noise": True, "noise0": [1e-2], "n_start": 1})
            # COBYLA may step over SMT's bounds by a rounding; a start outside of them would be put elsewhere.
            self.fitted, self.theta = count, np.clip(self.mfk.optimal_theta, 1.001e-6, 19.99)
            self.noise = [float(np.ravel(n)[0]) for n in self.mfk.optimal_noise_all]
        else:
            self._train(data, {"hyper_opt": "NoOp", "noise0": [[n] for n in self.noise]}, self.theta)

    def _train(self, data: list[dict[Point, float]], options: dict, theta: np.ndarray | None = None) -> None:
        width = self.space.columns([next(iter(data[0]))]).shape[1]
        self.mfk = KeptMFK(xlimits=np.array([[0.0, 1.0]] * width), print_global=False, seed=self.seed, **options)
        self.mfk.kept = theta
        for rung, seen in enumerate(data):
            name = rung if rung < len(data) - 1 else None
            self.mfk.set_training_values(self.space.columns(list(seen)), -np.array(list(seen.values())), name=name)
        self.mfk.train()

    def mean(self, points: list[Point]) -> np.ndarray:
        """On the target."""
        return self.mfk.predict_values(self.space.columns(points)).ravel()

    def variances(self, points: list[Point]) -> tuple[np.ndarray, np.ndarray]:
        """Of the target (points), and its reduction by the rungs up to each one (points x rungs)."""
        total, rho2 = self.mfk.predict_variances_all_levels(self.space.columns(points))
        own, factor = np.array(total), np.ones_like(total)
        for i in range(total.shape[1] - 1, 0, -1):
            own[:, i] -= rho2[i - 1] * total[:, i - 1]
            factor[:, :i] *= np.reshape(rho2[i - 1], (-1, 1))
        return np.maximum(total[:, -1], 0.0), np.cumsum(np.maximum(own, 0.0) * factor, axis=1)


def capped(data: list[dict[Point, float]], rng: np.random.Generator) -> list[dict[Point, float]]:
    """At most CAP observations a rung: those seen above, the best, and a random rest."""
    kept: list[dict[Point, float]] = []
    above: set[Point] = set()
    for seen in reversed(data):
        if len(seen) > CAP:
            order = sorted(seen, key=lambda p: -seen[p])
            first = list(dict.fromkeys([p for p in seen if p in above] + order[:BEST]))
            chosen = set(first)
            rest = [p for p in seen if p not in chosen]
            take = rng.permutation(len(rest))[: max(CAP - len(first), 0)]
            seen = {p: seen[p] for p in first + [rest[i] for i in take]}
        kept.insert(0, seen)
        above |= set(seen)
    return kept


def mfk(problem: Problem) -> str:
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(problem.seed)
    space = Space(problem)
    rungs = len(problem.resources)
    costs = np.cumsum(problem.seconds)
    data: list[dict[Point, float]] = [{} for _ in range(rungs)]

    def evaluate(point: Point, top: int) -> None:
        for rung in range(top + 1):
            if point not in data[rung]:
                data[rung][point] = problem.evaluate(space.config(point), rung).value

    unit = LHS(xlimits=np.array([[0.0, 1.0]] * len(space.sizes)), criterion="ese", seed=problem.seed)(LOW)
    for i, row in enumerate(unit):
        evaluate(space.point(row), rungs - 1 if i < HIGH else 0)
    model = Model(space, problem.seed)
    while True:
        train = capped(data, rng)
        model.train(train)
        low = list(train[0])
        leaders = [low[i] for i in np.argsort(model.mean(low))[:3]]
        pool = [space.point(u) for u in rng.random((CANDIDATES, len(space.sizes)))]
        pool += low + [n for leader in leaders for n in space.neighbours(leader, rng)]
        pool = [p for p in dict.fromkeys(pool) if p not in data[-1] and (p in train[0] or p not in data[0])]
        if not pool:
            return "no architecture among the candidates is left to evaluate"
        variance, reduction = model.variances(pool)
        deviation = np.sqrt(np.maximum(variance, 1e-12))
        gain = model.mean(list(train[-1])).min() - model.mean(pool)
        improvement = gain * norm.cdf(gain / deviation) + deviation * norm.pdf(gain / deviation)
        best = int(np.argmax(improvement))
        ratio = reduction[best] / costs**2
        ratio[[pool[best] in seen for seen in data]] = -1.0
        evaluate(pool[best], int(np.argmax(ratio)))


if __name__ == "__main__":
    main("smt", version("smt"), {"mfk": mfk})
