from __future__ import annotations

from pathlib import Path

import pytest

from mfsearch.allocation import POLICIES
from mfsearch.allocation.cost_aware import CostAware
from mfsearch.bench.methods import METHODS, Method, parse_methods, parse_options
from mfsearch.errors import ConfigError
from mfsearch.fidelities.function import FunctionFidelity
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.problems.base import Problem

LADDER = FidelityLadder([FunctionFidelity(f"e{n}", lambda a, c: 1.0, float(n)) for n in (12, 200)])


@pytest.mark.parametrize("label", METHODS)
def test_every_label_is_a_policy_with_options_that_it_knows(label: str):
    (method,) = parse_methods(label)
    built = method.on(LADDER).build()
    assert built.name == METHODS[label][0] in POLICIES


def test_low_and_target_are_rungs_of_the_problem(problem: Problem):
    method = Method("x", "random", {"rung": "low"})
    assert method.on(LADDER).options == {"rung": "e12"}
    assert Method("x", "random", {"rung": "target"}).on(LADDER).options == {"rung": "e200"}
    assert Method("x", "random", {"rung": "e200"}).on(LADDER).options == {"rung": "e200"}
    assert method.on(problem.ladder).options == {"rung": "low"}, "a rung of that name is meant"


def test_options_are_part_of_the_label():
    first, second = parse_methods("cost_aware:insurance=0;reserve=0.1, random_low")
    assert (first.label, first.policy, first.options) == (
        "cost_aware:insurance=0;reserve=0.1",
        "cost_aware",
        {"insurance": 0, "reserve": 0.1},
    )
    assert second == Method("random_low", "random", {"rung": "low"})
    built = first.build()
    assert isinstance(built, CostAware)
    assert (built.insurance, built.reserve) == (0, 0.1)


def test_any_policy_is_a_method():
    assert parse_methods("ranked:by=params")[0] == Method("ranked:by=params", "ranked", {"by": "params"})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cost_awar", "a method must be one of .*; got 'cost_awar'. Did you mean 'cost_aware'?"),
        ("xyz", "got 'xyz'. Choose one of them."),
        (" ,", "--methods must name at least one method; got none. Write for example cost_aware,random."),
        ("random,random", "--methods must name every method once; got random more than once."),
        ("random:rung", "options must be NAME=VALUE, separated by semicolons; got 'rung' in 'random:rung'. Mend it."),
        ("random:rung=.nan", "options must be plain finite values"),
    ],
)
def test_slips_are_one_line(text: str, message: str):
    with pytest.raises(ConfigError, match=message.replace("?", r"\?")) as caught:
        parse_methods(text)
    assert "\n" not in str(caught.value)


def test_an_unknown_option_is_named():
    with pytest.raises(ConfigError, match="policy: options of 'cost_aware' must be usable; .*insuranse"):
        parse_methods("cost_aware:insuranse=0")[0].build()


def test_a_method_may_do_without_rungs():
    every, one, two = parse_methods("cost_aware,random_low:without=e12,cost_aware:without=[e12, e50];reserve=0.1")
    full = FidelityLadder([FunctionFidelity(f"e{n}", lambda a, c: 1.0, float(n)) for n in (12, 50, 200)])
    assert [[rung.name for rung in method.ladder(full)] for method in (every, one, two)] == [
        ["e12", "e50", "e200"],
        ["e50", "e200"],
        ["e200"],
    ]
    assert one.on(one.ladder(full)).options == {"rung": "e50"}, "its first rung is the first that it has"
    assert two.options == {"reserve": 0.1}, "a policy knows nothing of it"
    assert [method.label for method in (one, two)] == ["random_low:without=e12", "cost_aware:without=[e12, e50];reserve=0.1"]


@pytest.mark.parametrize("rung", ["e200", "e7"])
def test_what_it_cannot_do_without_is_named(rung: str):
    (method,) = parse_methods(f"random:without={rung}")
    with pytest.raises(ConfigError, match=f"a method can do without e12; got {rung} in 'random:without={rung}'. Mend it."):
        method.ladder(LADDER)
    with pytest.raises(
        ConfigError, match="can do without no rung, for the target is the only one; got e12 in 'random:without=e12'. Mend it."
    ):
        parse_methods("random:without=e12")[0].ladder(FidelityLadder(LADDER.rungs[-1:]))
    with pytest.raises(ConfigError, match="without must be the name of a rung, or a list of such; got 12"):
        parse_methods("random:without=12")


def test_options_may_be_lists():
    assert parse_options("proxies=[];schedules=[12, 200]", "x") == {"proxies": [], "schedules": [12, 200]}
    assert parse_options("", "x") == {}


def test_the_home_is_no_option(tmp_path: Path):
    with pytest.raises(ConfigError, match="must be NAME=VALUE"):
        parse_options(f"={tmp_path}", "x")
