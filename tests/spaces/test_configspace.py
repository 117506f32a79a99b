from __future__ import annotations

import json

import numpy as np
import pytest
from ConfigSpace import (
    Categorical,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    Float,
    ForbiddenAndConjunction,
    ForbiddenEqualsClause,
    Integer,
    OrdinalHyperparameter,
)

from mfsearch.errors import SpaceError
from mfsearch.spaces.configspace import ConfigSpaceAdapter


def mixed() -> ConfigurationSpace:
    space = ConfigurationSpace(name="mixed")
    optimiser = Categorical("optimiser", ["sgd", "adam"])
    rate = Float("rate", (1e-4, 1.0), log=True, default=1e-2)
    layers = Integer("layers", (1, 4), default=2)
    size = OrdinalHyperparameter("size", ["small", "middle", "large"])
    momentum = Float("momentum", (0.0, 0.9), default=0.3)
    flavour = Categorical("flavour", ["plain", "nesterov", "heavy"])
    space.add(optimiser, rate, layers, size, momentum, flavour, Constant("epochs", 5))
    space.add(EqualsCondition(momentum, optimiser, "sgd"), EqualsCondition(flavour, optimiser, "sgd"))
    space.add(ForbiddenAndConjunction(ForbiddenEqualsClause(size, "large"), ForbiddenEqualsClause(layers, 4)))
    return space


SPACE = ConfigSpaceAdapter(mixed())
ADAM = {"optimiser": "adam", "rate": 1e-2, "layers": 2, "size": "middle", "epochs": 5}
SGD = ADAM | {"optimiser": "sgd", "momentum": 0.45, "flavour": "heavy"}


def columns(values: dict[str, object]) -> dict[str, list[float]]:
    """The encoding split by hyper-parameter, whatever their order."""
    row, start, found = SPACE.encode([SPACE.architecture(values)])[0].tolist(), 0, {}
    widths = {"optimiser": 2, "rate": 1, "layers": 1, "size": 1, "momentum": 2, "flavour": 3, "epochs": 0}
    for name in SPACE._parameters:
        found[name] = row[start : start + widths[name]]
        start += widths[name]
    assert start == len(row)
    return found


def test_encoding_by_hand() -> None:
    adam, sgd = columns(ADAM), columns(SGD)
    assert adam["rate"] == pytest.approx([0.5])
    assert adam["size"] == [0.5]
    assert 0 < adam["layers"][0] < columns(ADAM | {"layers": 3})["layers"][0] < 1
    assert adam["momentum"] == [0, 0] and adam["flavour"] == [0, 0, 0]
    assert sgd["momentum"] == pytest.approx([0.5, 1])
    assert sorted(sgd["flavour"]) == [0, 0, 1] and sgd["optimiser"] == adam["optimiser"][::-1]
    assert len(SPACE.layout.categorical) == 2 and SPACE.layout.width == 10


def test_numeric_order_is_kept() -> None:
    rates = [columns(ADAM | {"rate": rate})["rate"][0] for rate in (1e-4, 1e-3, 1e-2, 1e-1, 1.0)]
    np.testing.assert_allclose(rates, np.linspace(0, 1, 5), atol=1e-12)


def test_samples_obey_conditions_and_clauses() -> None:
    for architecture in SPACE.sample(200, np.random.default_rng(0)):
        values = json.loads(architecture.key)
        assert ("momentum" in values) == ("flavour" in values) == (values["optimiser"] == "sgd")
        assert not (values["size"] == "large" and values["layers"] == 4)
        assert SPACE.values(architecture) == values
        assert SPACE.parse(architecture.key).genotype == architecture.genotype


def test_sampling_leaves_the_callers_space_alone() -> None:
    theirs, untouched = mixed(), mixed()
    theirs.seed(1)
    untouched.seed(1)
    ConfigSpaceAdapter(theirs).sample(3, np.random.default_rng(0))
    assert theirs.sample_configuration() == untouched.sample_configuration()
    assert SPACE.sample(0, np.random.default_rng(0)) == []


def test_neighbours_change_one_thing_and_its_consequences() -> None:
    found = [json.loads(n.key) for n in SPACE.neighbours(SPACE.architecture(ADAM))]
    assert len(found) == 7  # optimiser; rate, layers and size down and up
    switched = next(values for values in found if values["optimiser"] == "sgd")
    assert switched == ADAM | {"optimiser": "sgd", "momentum": 0.3, "flavour": "plain"}
    assert sorted(values["layers"] for values in found if values["layers"] != 2) == [1, 3]
    assert sorted(round(np.log10(values["rate"]), 6) for values in found if values["rate"] != 1e-2) == [-2.4, -1.6]
    back = [json.loads(n.key) for n in SPACE.neighbours(SPACE.architecture(SGD))]
    assert ADAM in back
    assert {values["flavour"] for values in back if "flavour" in values} == {"plain", "nesterov", "heavy"}


def test_neighbours_leave_out_what_is_forbidden() -> None:
    architecture = SPACE.architecture(ADAM | {"layers": 4})
    assert {n.genotype[list(SPACE._parameters).index("size")] for n in SPACE.neighbours(architecture)} == {"small", "middle"}


def test_finite_spaces_are_listed() -> None:
    space = ConfigurationSpace(name="finite")
    a, b, c = Categorical("a", ["x", "y"]), Integer("b", (1, 3)), Categorical("c", [True, False])
    space.add(a, b, c)
    space.add(EqualsCondition(b, a, "y"), ForbiddenAndConjunction(ForbiddenEqualsClause(c, False), ForbiddenEqualsClause(a, "x")))
    found = ConfigSpaceAdapter(space).enumerate()
    assert found is not None
    expected = [{"a": "x", "c": True}] + [{"a": "y", "b": b, "c": c} for b in (1, 2, 3) for c in (True, False)]
    assert sorted(json.dumps(json.loads(n.key), sort_keys=True) for n in found) == sorted(
        json.dumps(e, sort_keys=True) for e in expected
    )
    assert SPACE.enumerate() is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "a configuration must be a JSON object; got '{'"),
        ("[]", "a configuration must be a JSON object; got '[]'"),
        (json.dumps(ADAM | {"decay": 1}), "a hyper-parameter must be one of"),
        (json.dumps(ADAM | {"rate": 2.0}), "ConfigSpace says:"),
        (json.dumps(ADAM | {"layers": 1.5}), "ConfigSpace says:"),
        (json.dumps(ADAM | {"momentum": 0.1}), "ConfigSpace says:"),
        (json.dumps(SGD | {"size": "large", "layers": 4}), "ConfigSpace says:"),
        (json.dumps({"optimiser": "adam"}), "ConfigSpace says:"),
    ],
)
def test_wrong_configurations_say_why(text: str, message: str) -> None:
    with pytest.raises(SpaceError) as error:
        SPACE.parse(text)
    assert message in str(error.value)


def test_wrong_spaces_say_why() -> None:
    with pytest.raises(SpaceError, match="must have something to choose; 'fixed' has constants only"):
        ConfigSpaceAdapter(ConfigurationSpace(name="fixed", space={"a": 1}))
    space = ConfigurationSpace(name="tuples")
    space.add(Categorical("sizes", [(1, 2), (3, 4)]))
    with pytest.raises(SpaceError, match=r"choices of 'sizes' must be strings, numbers, booleans or None; got \(1, 2\)"):
        ConfigSpaceAdapter(space)
