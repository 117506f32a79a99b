from __future__ import annotations

import math

import numpy as np
import pytest

from mfsearch.errors import SpaceError
from mfsearch.records import Architecture, Task
from mfsearch.spaces.box import BoxSpace
from mfsearch.spaces.constrained import ConstrainedSpace, Constraint
from mfsearch.spaces.nasbench201 import NASBench201Space

WHOLE = NASBench201Space()
TASK = Task("cifar10", (3, 32, 32), 10)


def params(architecture: Architecture) -> float:
    return WHOLE.parameters(architecture, TASK)


def flops(architecture: Architecture) -> float:
    return WHOLE.flops(architecture, TASK)


def constrained(*constraints: str) -> ConstrainedSpace:
    return ConstrainedSpace(WHOLE, [Constraint.parse(c) for c in constraints], {"params": params, "flops": flops})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("params <= 1.5M", Constraint("params", "<=", 1.5e6)),
        ("flops<50M", Constraint("flops", "<", 5e7)),
        (" latency >= 20k ", Constraint("latency", ">=", 2e4)),
        ("flops > 1e-1G", Constraint("flops", ">", 1e8)),
        ("x1 > -.5", Constraint("x1", ">", -0.5)),
    ],
)
def test_parse(text: str, expected: Constraint) -> None:
    constraint = Constraint.parse(text)
    assert (constraint.measure, constraint.comparison) == (expected.measure, expected.comparison)
    assert constraint.bound == pytest.approx(expected.bound, rel=1e-12)
    assert str(Constraint.parse(str(constraint))) == str(constraint)


@pytest.mark.parametrize(
    "text", ["params", "params = 1M", "params <= ", "1M >= params", "params <= 1.5 M M", "params <= 1,5M", ""]
)
def test_what_is_no_constraint_is_refused(text: str) -> None:
    with pytest.raises(SpaceError) as error:
        Constraint.parse(text)
    assert f"must read '<measure> <operator> <number>', with <, <=, >= or >; got {text!r}" in str(error.value)
    assert "Write for example 'params <= 1.5M'" in str(error.value)


def test_unknown_suffixes_are_refused() -> None:
    with pytest.raises(SpaceError, match=r"may end with k, M or G; got 'MB' in 'params <= 3MB'\. Write for example"):
        Constraint.parse("params <= 3MB")


@pytest.mark.parametrize(("comparison", "below", "at", "above"), [
    ("<", True, False, False), ("<=", True, True, False), (">", False, False, True), (">=", False, True, True),
])  # fmt: skip
def test_bounds_belong_where_they_say(comparison: str, below: bool, at: bool, above: bool) -> None:
    constraint = Constraint.parse(f"x {comparison} 2")
    assert (constraint.holds(1), constraint.holds(2), constraint.holds(3)) == (below, at, above)
    assert not constraint.holds(math.nan)


def test_sampling_listing_and_walking_stay_inside() -> None:
    space = constrained("params <= 0.4M", "flops >= 20M")

    def inside(architecture: Architecture) -> bool:
        return params(architecture) <= 4e5 and flops(architecture) >= 2e7

    listed = space.enumerate()
    assert listed == [architecture for architecture in WHOLE.enumerate() if inside(architecture)]
    drawn = space.sample(300, np.random.default_rng(0))
    assert len(drawn) == 300 and all(map(inside, drawn))
    neighbours = space.neighbours(drawn[0])
    assert neighbours == [architecture for architecture in WHOLE.neighbours(drawn[0]) if inside(architecture)]
    assert 0 < len(neighbours) < len(WHOLE.neighbours(drawn[0]))


def test_the_rest_is_the_wholes() -> None:
    space = constrained("params <= 0.4M")
    architecture = space.sample(1, np.random.default_rng(1))[0]
    assert (space.name, space.layout) == (WHOLE.name, WHOLE.layout)
    assert (space.encode([architecture]) == WHOLE.encode([architecture])).all()
    assert space.parse(architecture.key) == space.canonical(architecture) == architecture
    assert not space.continuous


def test_a_box_stays_continuous() -> None:
    box = BoxSpace("box", {"x": (0, 1)})
    space = ConstrainedSpace(box, [Constraint.parse("x < 0.1")], {"x": lambda a: float(str(a.genotype[0]))})
    assert space.continuous and space.enumerate() is None
    assert max(box.encode(space.sample(50, np.random.default_rng(0)))) < 0.1
    assert [space.feasible(a) for a in space.decode(np.array([[0.05], [0.5]]))] == [True, False]


def test_nothing_feasible_says_what_there_is() -> None:
    with pytest.raises(SpaceError) as error:
        constrained("params <= 10k")
    message = str(error.value)
    assert "some architecture of 'nasbench201' must satisfy params <= 10000; none of 20," in message
    assert "Loosen the constraints: a sample has params from " in message


def test_unknown_measures_are_refused() -> None:
    with pytest.raises(
        SpaceError, match=r"a constraint of 'nasbench201' must be on flops or params; got 'latency < 5'\. Write for example"
    ):
        constrained("latency < 5")


def test_each_architecture_is_measured_once() -> None:
    calls: list[str] = []

    def counting(architecture: Architecture) -> float:
        calls.append(architecture.key)
        return params(architecture)

    space = ConstrainedSpace(WHOLE, [Constraint.parse("params <= 1M")], {"params": counting})
    space.enumerate()
    space.sample(100, np.random.default_rng(0))
    assert len(calls) == len(set(calls)) == 6466
