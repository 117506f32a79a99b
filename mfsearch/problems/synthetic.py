"""Multi-fidelity test functions with known optima, on the virtual clock: low fidelity 1 s, high fidelity 10 s.

| function | domain | optimum sought | forms of both fidelities |
|---|---|---|---|
| Branin | [-5, 10] x [0, 15] | minimum | Dong, Song, Wang et al. 2015, doi 10.1007/s00158-014-1213-9 |
| Currin | [0, 1]^2 | maximum | Xiong, Qian and Wu 2013, doi 10.1080/00401706.2012.723572 |
| Borehole | eight physical variables | maximum (of the flow) | Xiong, Qian and Wu 2013 |
| Hartmann-6 | [0, 1]^6 | minimum | Park, Haftka and Kim 2016, doi 10.1007/s00158-016-1550-y |
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mfsearch.fidelities.base import Context
from mfsearch.fidelities.function import FunctionFidelity
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.problems.base import Oracle, Problem
from mfsearch.records import Architecture, Direction, Objective
from mfsearch.spaces.box import BoxSpace

Point = tuple[float, ...]
LOW_SECONDS, HIGH_SECONDS = 1.0, 10.0


def branin_high(x: Point) -> float:
    """Branin's function minus 22.5 x2."""
    return _branin(*x) - 22.5 * x[1]


def branin_low(x: Point) -> float:
    """Branin's function at 0.7 x, bent by a parabola in x1."""
    return _branin(0.7 * x[0], 0.7 * x[1]) - 15.75 * x[1] + 20.0 * (0.9 + x[0]) ** 2 - 50.0


def _branin(x: float, y: float) -> float:
    valley = y - 5.1 * x * x / (4 * math.pi**2) + 5 * x / math.pi - 6
    return valley**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def currin_high(x: Point) -> float:
    """Currin's exponential function."""
    a, b = x
    rise = 1.0 if b <= 1e-8 else 1.0 - math.exp(-0.5 / b)
    return rise * (2300 * a**3 + 1900 * a**2 + 2092 * a + 60) / (100 * a**3 + 500 * a**2 + 4 * a + 20)


def currin_low(x: Point) -> float:
    """The mean of four points 0.05 away on both axes, the second held at 0 from below."""
    a, b = x
    corners = [(a + da, max(b + db, 0.0)) for da in (0.05, -0.05) for db in (0.05, -0.05)]
    return sum(map(currin_high, corners)) / 4


def borehole_high(x: Point) -> float:
    """Flow of water through a borehole, m^3 a year."""
    return _borehole(x, 2 * math.pi, 1.0)


def borehole_low(x: Point) -> float:
    """The same formula with 5 for 2 pi and 1.5 for 1."""
    return _borehole(x, 5.0, 1.5)


def _borehole(x: Point, a: float, b: float) -> float:
    rw, r, tu, hu, tl, hl, length, kw = x
    ring = math.log(r / rw)
    return a * tu * (hu - hl) / (ring * (b + 2 * length * tu / (ring * rw**2 * kw) + tu / tl))


_A = np.array([[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]])
_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def hartmann6_high(x: Point) -> float:
    """Hartmann's function of six variables, shifted and scaled."""
    exponents = -(_A * (np.array(x) - _P) ** 2).sum(1)
    return float(-(2.58 + np.array([1.0, 1.2, 3.0, 3.2]) @ np.exp(exponents)) / 1.94)


def hartmann6_low(x: Point) -> float:
    """Other weights, and the exponential replaced by the ninth power of its tangent."""
    exponents = -(_A * (np.array(x) - _P) ** 2).sum(1)
    bent = (math.exp(-4 / 9) * (1 + (exponents + 4) / 9)) ** 9
    return float(-(2.58 + np.array([0.5, 0.5, 2.0, 4.0]) @ bent) / 1.94)


@dataclass(frozen=True)
class _Function:
    """A function with its domain, and where its best and worst values lie (found by differential evolution, 1e-8)."""

    name: str
    bounds: Mapping[str, tuple[float, float]]
    high: Callable[[Point], float]
    low: Callable[[Point], float]
    direction: Direction
    best: Point
    worst: Point


_FUNCTIONS = (
    _Function(
        "branin",
        {"x1": (-5.0, 10.0), "x2": (0.0, 15.0)},
        branin_high,
        branin_low,
        "minimise",
        (-3.7860887526, 15.0),
        (-5.0, 0.0),
    ),
    _Function(
        "currin",
        {"x1": (0.0, 1.0), "x2": (0.0, 1.0)},
        currin_high,
        currin_low,
        "maximise",
        (0.2166666692, 0.0),
        (0.0, 1.0),
    ),
    _Function(
        "borehole",
        {
            "rw": (0.05, 0.15),
            "r": (100.0, 50_000.0),
            "tu": (63_070.0, 115_600.0),
            "hu": (990.0, 1110.0),
            "tl": (63.1, 116.0),
            "hl": (700.0, 820.0),
            "length": (1120.0, 1680.0),
            "kw": (9855.0, 12_045.0),
        },
        borehole_high,
        borehole_low,
        "maximise",
        (0.15, 100.0, 115_600.0, 1110.0, 116.0, 700.0, 1120.0, 12_045.0),
        (0.05, 50_000.0, 63_070.0, 990.0, 63.1, 820.0, 1680.0, 9855.0),
    ),
    _Function(
        "hartmann6",
        {f"x{i}": (0.0, 1.0) for i in range(1, 7)},
        hartmann6_high,
        hartmann6_low,
        "minimise",
        (0.2016895099, 0.1500106954, 0.4768739610, 0.2753324259, 0.3116516270, 0.6573005280),
        (1.0, 1.0, 0.0, 1.0, 1.0, 1.0),
    ),
)


@dataclass(frozen=True)
class _At:
    """A function of points as a function of architectures, which can be sent to another process."""

    function: Callable[[Point], float]

    def __call__(self, architecture: Architecture, context: Context | None = None) -> float:
        return self.function(tuple(float(str(gene)) for gene in architecture.genotype))


def _problem(function: _Function) -> Problem:
    objective = Objective("value", function.direction, "none")

    rungs = [
        FunctionFidelity("low", _At(function.low), LOW_SECONDS, "value", simulated=True, noise=0.0),
        FunctionFidelity("high", _At(function.high), HIGH_SECONDS, "value", simulated=True, noise=0.0),
    ]
    best = function.high(function.best)
    return Problem(
        name=function.name,
        space=BoxSpace(function.name, function.bounds),
        ladder=FidelityLadder(rungs),
        objective=objective,
        virtual=True,
        recommend="predicted",
        oracle=Oracle(best, abs(best - function.high(function.worst)), _At(function.high)),
        description=f"Test function {function.name}, two fidelities, costs simulated (1 s and 10 s).",
    )


def branin(home: Path) -> Problem:
    """Branin's function, 2 variables, minimised. Nothing is kept in `home`."""
    return _problem(_FUNCTIONS[0])


def currin(home: Path) -> Problem:
    """Currin's function, 2 variables, maximised. Nothing is kept in `home`."""
    return _problem(_FUNCTIONS[1])


def borehole(home: Path) -> Problem:
    """The borehole's flow, 8 variables, maximised. Nothing is kept in `home`."""
    return _problem(_FUNCTIONS[2])


def hartmann6(home: Path) -> Problem:
    """Hartmann's function, 6 variables, minimised. Nothing is kept in `home`."""
    return _problem(_FUNCTIONS[3])
