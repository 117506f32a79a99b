"""Other libraries, by a small one of the standard library alone: real processes, a real environment, the real protocol."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mfsearch.bench.methods import parse_methods
from mfsearch.bench.peers import Library, libraries
from mfsearch.bench.run import Run, run
from mfsearch.errors import ConfigError, SearchFailedError
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.fidelities.tabular import TabularEvaluation
from mfsearch.problems.base import Oracle, Problem
from mfsearch.records import Architecture, Objective
from mfsearch.spaces.constrained import ConstrainedSpace, Constraint
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.spaces.subset import SubsetSpace

PROTOCOL = Path(__file__).parents[2] / "benchmarks" / "peers" / "protocol.py"
ADAPTER = """
import random, sys
from protocol import main

def draw(problem, rng):
    return {p.name: rng.choice(p.choices) if p.choices else rng.uniform(p.low, p.high) for p in problem.parameters}

def chance(problem):
    print("libraries print")
    rng = random.Random(problem.seed)
    while True:
        config = draw(problem, rng)
        first = problem.evaluate(config, problem.rung(13.0))
        again = problem.evaluate(config, problem.rung(11.0))
        assert again.repeat and again.seconds == 0.0 and again.value == first.value

def three(problem):
    rng = random.Random(problem.seed)
    for _ in range(3):
        problem.evaluate(draw(problem, rng))
    return "three are enough"

def stubborn(problem):
    config = draw(problem, random.Random(problem.seed))
    while True:
        problem.evaluate(config)

def broken(problem):
    problem.evaluate(draw(problem, random.Random(0)))
    raise RuntimeError("a bug of the library")

main("coin", "1.0", {"chance": chance, "three": three, "stubborn": stubborn, "broken": broken})
"""


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapters")
    shutil.copy(PROTOCOL, folder)
    (folder / "coin").mkdir()
    (folder / "coin" / "adapter.py").write_text(ADAPTER)
    (folder / "coin" / "requirements.txt").write_text("# nothing\npip\n")
    return folder


@pytest.fixture(scope="module")
def coin(adapters: Path, tmp_path_factory: pytest.TempPathFactory) -> Library:
    library = libraries(adapters, tmp_path_factory.mktemp("home"))["coin"]
    with pytest.raises(ConfigError, match="Run: mfsearch bench setup-peers coin"):
        library.versions()
    said: list[str] = []
    library.set_up(said.append)
    assert said == [f"coin: pip, into {library.environment}"]
    return library


@pytest.fixture(scope="module")
def cells() -> Problem:
    space = NASBench201Space()
    accuracy = {a.key: 50.0 + 5.0 * a.genotype.count("nor_conv_3x3") for a in space.enumerate()}
    rungs = [TabularEvaluation(f"e{n}", accuracy, dict.fromkeys(accuracy, float(n)), resource=float(n)) for n in (12, 200)]
    oracle = Oracle(80.0, 30.0, lambda a: accuracy[a.key], None)
    return Problem("cells", space, FidelityLadder(rungs), Objective(), virtual=True, recommend="predicted", oracle=oracle)


def skips(architecture: Architecture) -> float:
    return float(architecture.genotype.count("skip_connect"))


def search(coin: Library, problem: Problem, method: str, seed: int = 0, budget: float = 500.0) -> Run:
    (parsed,) = parse_methods(f"coin/{method}", coin.folder.parent, coin.environment.parents[1])
    return run(problem, parsed, seed, budget, "predicted")


def test_a_library_searches_cells_and_repeats_are_free(coin: Library, cells: Problem):
    done = search(coin, cells, "chance")
    assert {row.rung for row in done.rows} == {"e12"}
    assert [row.seconds for row in done.rows] == [12.0] * (500 // 12)
    assert len({row.architecture for row in done.rows}) == len(done.rows)
    assert done.rows[-1].recommended is not None
    assert [r.architecture for r in search(coin, cells, "chance").rows] == [r.architecture for r in done.rows]
    assert [r.architecture for r in search(coin, cells, "chance", seed=1).rows] != [r.architecture for r in done.rows]


def test_a_library_searches_a_part_of_the_cells(coin: Library, cells: Problem):
    """Of what it cannot know to be missing, the nearest that was measured is evaluated."""
    everything = cells.space.enumerate()
    assert everything is not None
    few = [a.key for a in everything[::40]]
    done = search(coin, replace(cells, space=SubsetSpace(cells.space, few)), "chance")
    assert {row.architecture for row in done.rows} <= set(few) and len(done.rows) > 20
    assert done.rows[-1].recommended in few


def test_a_library_searches_a_box(coin: Library, problem: Problem):
    done = search(coin, problem, "three", budget=100.0)
    assert [(row.rung, row.seconds) for row in done.rows] == [(problem.ladder.target.name, 10.0)] * 3


def test_a_library_that_ends_or_goes_round_in_circles_ends_the_run(coin: Library, cells: Problem):
    assert len(search(coin, cells, "three", budget=5000.0).rows) == 3
    assert len(search(coin, cells, "stubborn", budget=5000.0).rows) == 1


def test_a_library_that_breaks_is_named_with_what_it_said(coin: Library, cells: Problem):
    with pytest.raises(
        SearchFailedError, match=r"coin, broken: its process .* ended with 1 .*RuntimeError: a bug of the library"
    ):
        search(coin, cells, "broken", budget=5000.0)


def test_what_cannot_be_compared(coin: Library, cells: Problem, tmp_path: Path):
    folder, home = coin.folder.parent, coin.environment.parents[1]
    with pytest.raises(ConfigError, match="a library must be one of coin; got 'coins'. Did you mean 'coin'?"):
        parse_methods("coins/three", folder, home)
    with pytest.raises(ConfigError, match="coin has the methods broken, chance, stubborn, three; got 'free'"):
        parse_methods("coin/free", folder, home)
    with pytest.raises(ConfigError, match="its variants are methods of their own"):
        parse_methods("coin/three:n=3", folder, home)
    with pytest.raises(ConfigError, match="Run this in a checkout of the project, or give --peers DIR"):
        parse_methods("coin/three", tmp_path / "none", home)
    (method,) = parse_methods("coin/three", folder, home)
    assert set(method.options) == {"pip"}, "the versions of what the requirements name are part of a run's fingerprint"
    odd = replace(cells, space=ConstrainedSpace(cells.space, [Constraint.parse("skips <= 1")], {"skips": skips}))
    with pytest.raises(ConfigError, match="cells of NAS-Bench-201 or a box"):
        run(odd, method, 0, 500.0, "predicted")


def test_other_requirements_need_another_environment(coin: Library, tmp_path: Path):
    shutil.copytree(coin.folder.parent, tmp_path / "adapters")
    changed = Library("coin", tmp_path / "adapters" / "coin", coin.environment)
    assert changed.versions()["pip"]
    (changed.folder / "requirements.txt").write_text("pip>=1\n")
    with pytest.raises(ConfigError, match="for its requirements of today"):
        changed.versions()
    (changed.folder / "requirements.txt").write_text("no-such-library-anywhere==0\n")
    broken = Library("coin", changed.folder, tmp_path / "environment")
    with pytest.raises(SearchFailedError, match="no-such-library-anywhere"):
        broken.set_up(lambda line: None)


@pytest.mark.peers
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", sorted(path.parent.name for path in PROTOCOL.parent.glob("*/adapter.py")))
def test_every_method_of_every_library_searches(name: str, cells: Problem, problem: Problem, tmp_path: Path):
    """Installs the library; cells and a box, twice with the same seed."""
    library = libraries(PROTOCOL.parent, tmp_path)[name]
    library.set_up(print)
    for method in library.methods():
        (parsed,) = parse_methods(f"{name}/{method}", PROTOCOL.parent, tmp_path)
        for space, budget in ((cells, 650.0), (problem, 45.0)):
            first, again = (run(space, parsed, 1, budget, "predicted").rows for _ in range(2))
            assert first, (method, space.name)
            assert [(r.architecture, r.rung) for r in first] == [(r.architecture, r.rung) for r in again], (method, space.name)
