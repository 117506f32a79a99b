"""An independent implementation of the model in NumPy: scalar kernel functions, a loop over pairs, dense solves."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

from mfsearch.surrogate.cokriging import Hyperparameters, LevelNoise, ScoreMean
from mfsearch.surrogate.data import InputBlocks
from mfsearch.surrogate.kernel import CokrigingKernel

BLOCKS = InputBlocks(
    numeric=(0, 1),
    categorical=((2, 3, 4), (5, 6)),
    scores=(7, 8, 9),
    missing=(10,),
    trusted=(7, 9),
    structure=((11, 12), (13,)),
    capacity=(14, 15),
    outlook=16,
)


def matern(distance):
    r = math.sqrt(5.0) * distance
    return (1 + r + r * r / 3) * math.exp(-r)


@dataclass
class Textbook:
    """AR(1) co-kriging by its definition; `h` are the hyper-parameters as `model.hyperparameters` gives them."""

    h: dict
    blocks: InputBlocks
    levels: int
    constant_variance: float = 25.0
    C: np.ndarray = field(init=False)

    def __post_init__(self):
        rho = [None, *self.h["kernel.rho"]]
        self.C = np.zeros((self.levels, self.levels))
        for s in range(self.levels):
            for level in range(s + 1):
                self.C[s, level] = math.prod(rho[level + 1 : s + 1])

    def part(self, level, x, z):
        h, total = self.h, 0.0
        apart, spread = 0.0, 1.0
        if self.blocks.outlook is not None and level:
            here, there = (min(max(point[self.blocks.outlook], -2.0), 2.0) for point in (x, z))
            apart = ((here - there) / math.exp(h["kernel.log_outlook_lengthscale"][level - 1])) ** 2
            spread = math.exp(-h["kernel.fade"][level - 1] * (here + there))
        columns = [*self.blocks.scores, *self.blocks.missing]
        if columns:
            scales = np.exp(h["kernel.log_score_lengthscale"][level])
            distance = math.sqrt(apart + sum(((x[c] - z[c]) / s) ** 2 for c, s in zip(columns, scales, strict=True)))
            total += math.exp(h["kernel.log_score_variance"][level]) * matern(distance)
        if self.blocks.numeric or self.blocks.categorical:
            similar = math.exp(h["kernel.log_encoding_variance"][level])
            scales = np.exp(h["kernel.log_numeric_lengthscale"][level])
            numeric = sum(((x[c] - z[c]) / s) ** 2 for c, s in zip(self.blocks.numeric, scales, strict=True))
            if self.blocks.categorical:
                similar *= math.exp(-apart / 2) * matern(math.sqrt(numeric))
            else:
                similar *= matern(math.sqrt(apart + numeric))
            for group, weight in zip(self.blocks.categorical, h["kernel.log_choice_weight"][level], strict=True):
                if np.argmax(x[list(group)]) != np.argmax(z[list(group)]):
                    similar *= math.exp(-math.exp(weight))
            total += similar
        if self.blocks.structure and level == 0:
            distance = 0.0
            for group, length in zip(self.blocks.structure, h["kernel.log_structure_lengthscale"][0], strict=True):
                distance += sum((x[c] - z[c]) ** 2 for c in group) / math.exp(2 * length)
            total += math.exp(h["kernel.log_structure_variance"][0]) * matern(math.sqrt(distance))
        return spread * total

    def k(self, x, z):
        s, t = int(x[-1]), int(z[-1])
        total = 0.0
        for level in range(min(s, t) + 1):
            constant = self.constant_variance if level else 0.0
            total += self.C[s, level] * self.C[t, level] * (self.part(level, x, z) + constant)
        return total

    def K(self, A, B):
        return np.array([[self.k(a, b) for b in B] for a in A]).reshape(len(A), len(B))

    def mean(self, A):
        trusted = list(self.blocks.trusted)
        score = A[:, trusted].mean(1) if trusted else np.zeros(len(A))
        capacity = list(self.blocks.capacity)
        size = A[:, capacity].mean(1) if capacity else np.zeros(len(A))
        own = [np.full(len(A), self.h["mean.constant"]) + self.h["mean.slope"] * score]
        own += [growth * size for growth in np.atleast_1d(self.h["mean.growth"])]
        return np.array([sum(self.C[int(a[-1]), level] * mean[i] for level, mean in enumerate(own)) for i, a in enumerate(A)])

    def noise(self, A, jitter):
        return np.exp(self.h["noise.log_variance"])[A[:, -1].astype(int)] + jitter

    def posterior(self, X, y, Q, noise):
        """Mean and covariance at Q given y at X with noise variances."""
        weights = np.linalg.solve(self.K(X, X) + np.diag(noise), self.K(X, Q)).T
        return self.mean(Q) + weights @ (y - self.mean(X)), self.K(Q, Q) - weights @ self.K(X, Q)


@pytest.fixture
def textbook():
    return Textbook


@pytest.fixture
def blocks():
    return BLOCKS


@pytest.fixture
def draw():
    """draw(n, levels, seed): random inputs of BLOCKS with random levels, n x 18."""

    def inputs(n, levels, seed=0, level=None):
        rng = np.random.default_rng(seed)
        X = np.zeros((n, BLOCKS.width + 1))
        X[:, :2] = rng.uniform(size=(n, 2))
        for group in BLOCKS.categorical:
            X[np.arange(n), rng.choice(group, n)] = 1.0
        X[:, 7:10] = rng.standard_normal((n, 3))
        X[:, 10] = rng.uniform(size=n) < 0.2
        X[:, 11:14] = rng.integers(0, 4, (n, 3))
        X[:, 14:16] = rng.standard_normal((n, 2))
        X[:, 16] = 1.5 * rng.standard_normal(n)
        X[:, -1] = rng.integers(0, levels, n) if level is None else level
        return torch.from_numpy(X)

    return inputs


@pytest.fixture
def hyper():
    """hyper(blocks, levels, seed): hyper-parameters drawn around sensible values."""

    def make(blocks, levels, seed=0, constant_variance=25.0):
        parameters = Hyperparameters(
            CokrigingKernel(blocks, levels, constant_variance),
            ScoreMean(blocks.trusted, blocks.capacity, levels),
            LevelNoise(levels),
        )
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, parameter in parameters.named_parameters():
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
                if name == "kernel.rho":
                    parameter.add_(0.8)
                if name == "noise.log_variance":
                    parameter.sub_(3.0)
        return parameters

    return make
