"""The pictures of docs/concepts.md, drawn with the package's own surrogate and policy.

    python docs/figures.py [FOLDER]

Writes `cokriging.svg`, `gain.svg` and `budget.svg`; the same on every call. Nothing is trained: the first two show a curve of one variable whose
two levels cost 1 and 10 simulated seconds, the third a search of the table that ships.
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("svg")
import matplotlib.pyplot as plt

from mfsearch import Architecture, BoxSpace, EvaluationQuery, Objective, Proposal, Study, VirtualExecutor, fidelity
from mfsearch.allocation.base import AbstractPolicy, State
from mfsearch.allocation.belief import Belief
from mfsearch.allocation.view import view
from mfsearch.bench.methods import parse_methods
from mfsearch.bench.run import run
from mfsearch.build import build_problem
from mfsearch.config import Component, StudyConfig

SPACE = BoxSpace("line", {"x": (0.0, 1.0)})
LOW, HIGH = np.linspace(0.02, 0.98, 17), (0.05, 0.32, 0.62, 0.95)
BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#555555"


def truth(x: float) -> float:
    """What the target measures."""
    return math.sin(7 * x) * (1 - 0.4 * x) + 0.8 * x


def rough(x: float) -> float:
    """What the cheap level measures: less, and with a bend of its own."""
    return 0.7 * truth(x) - 0.5 + 0.15 * math.cos(11 * x)


@fidelity(cost=1.0, signal="value", simulated=True)
def cheap(architecture: Architecture, context: object) -> float:
    """The level that costs a second."""
    return rough(float(str(architecture.genotype[0])))


@fidelity(cost=10.0, signal="value", simulated=True)
def target(architecture: Architecture, context: object) -> float:
    """The level that costs ten."""
    return truth(float(str(architecture.genotype[0])))


class Listed(AbstractPolicy):
    """Evaluates what it is told to."""

    name = "listed"

    def __init__(self, queries: Sequence[tuple[float, str]]) -> None:
        self.queries = [EvaluationQuery(at(x), rung, why={"reason": "listed"}) for x, rung in queries]

    def propose(self, state: State, n: int, rng: np.random.Generator) -> Proposal:
        """The next of the list."""
        done = len(state.observations) + len(state.pending)
        return Proposal(self.queries[done : done + n], reason="the list has ended")


def at(x: float) -> Architecture:
    """The point of the line."""
    return SPACE.architecture((x,))


def belief(low: Sequence[float]) -> Belief:
    """What is believed after looks at the cheap level and four at the target."""
    listed = Listed([(x, "cheap") for x in low] + [(x, "target") for x in HIGH])
    ladder = [cheap, target] if low else [target]
    study = Study(
        SPACE,
        ladder,
        budget=1e4,
        objective=Objective("value", unit="none"),
        policy=listed,
        executor=VirtualExecutor(),
        recommend="evaluated",
    )
    study.run()
    return Belief(view(study.state, SPACE, study.ladder))


def cokriging(folder: Path) -> None:
    """The posterior at the target, from its own four runs and with seventeen of the cheap level."""
    grid = [at(x) for x in np.linspace(0, 1, 201)]
    x = np.array([float(str(a.genotype[0])) for a in grid])
    figure, axes = plt.subplots(1, 2, figsize=(8, 3.4), sharey=True, layout="constrained")
    for axis, low in zip(axes, ((), LOW.tolist()), strict=True):
        known = belief(low)
        shown = [known.shown(a, 1 if low else 0) for a in grid]
        axis.fill_between(
            x, [s[1][0] for s in shown], [s[1][1] for s in shown], color=BLUE, alpha=0.2, lw=0, label="95% interval"
        )
        axis.plot(x, [s[0] for s in shown], color=BLUE, label="posterior mean")
        axis.plot(x, [truth(v) for v in x], color=GREY, ls="--", lw=1, label="truth")
        axis.plot(HIGH, [truth(v) for v in HIGH], "o", color=BLUE, label="target, 10 s each")
        if low:
            axis.plot(low, [rough(v) for v in low], "x", color=ORANGE, label="cheap level, 1 s each")
        axis.set(xlabel="x", title="four runs of the target" if not low else "and seventeen of a cheaper level")
    axes[0].set_ylabel("value")
    figure.legend(*axes[1].get_legend_handles_labels(), fontsize=8, loc="outside lower center", ncols=5)
    figure.savefig(folder / "cokriging.svg", metadata={"Date": None})
    plt.close(figure)


def gain(folder: Path) -> None:
    """Knowledge gradient per simulated second of the next query, on both levels."""
    grid = [at(x) for x in np.linspace(0, 1, 201)]
    known = belief(LOW[::3].tolist())
    gradient = known.gradient(grid)
    figure, axis = plt.subplots(figsize=(6, 2.8), layout="constrained")
    for level, (cost, name, colour) in enumerate(((1.0, "cheap level, 1 s", ORANGE), (10.0, "target, 10 s", BLUE))):
        gains = known.gains(gradient, grid, level, list(range(len(grid)))) / cost
        axis.plot(np.linspace(0, 1, 201), gains, color=colour, label=name)
    axis.set(xlabel="x", ylabel="expected gain per second\n(standard deviations)", ylim=(0, None))
    axis.legend(fontsize=8)
    figure.savefig(folder / "gain.svg", metadata={"Date": None})
    plt.close(figure)


def budget(folder: Path) -> None:
    """Seconds by rung, and regret of the answer, in one search of the table that ships."""
    with tempfile.TemporaryDirectory() as home:
        problem = build_problem(StudyConfig(problem=Component(use="kd-table", options={})), Path(home))
    (method,) = parse_methods("cost_aware")
    rows = run(problem, method, 0, 130.0, "predicted").rows
    oracle = problem.oracle
    if oracle is None:
        raise SystemExit("kd-table must have an oracle.")
    paid = np.cumsum([row.seconds for row in rows])
    figure, (above, below) = plt.subplots(2, 1, figsize=(6, 4), sharex=True, layout="constrained", height_ratios=(3, 2))
    names = list(dict.fromkeys(row.rung or row.kind for row in rows if row.seconds))
    spent = [np.cumsum([row.seconds if (row.rung or row.kind) == name else 0.0 for row in rows]) for name in names]
    above.stackplot(
        paid, spent, labels=names, step="post", colors=["#999999", "#e69f00", "#56b4e9", "#009e73", "#0072b2", "#cc79a7"]
    )
    above.set(ylabel="seconds spent", xlim=(0, 130))
    above.legend(fontsize=8, loc="upper left")
    regret = [np.nan if row.recommended is None else oracle.regret(problem.space.parse(row.recommended)) for row in rows]
    below.step(paid, regret, where="post", color="black")
    below.set(xlabel="simulated seconds of the budget", ylabel="regret, points", ylim=(0, None))
    figure.savefig(folder / "budget.svg", metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    mpl.rcParams.update({"svg.hashsalt": "mfsearch", "axes.spines.top": False, "axes.spines.right": False, "font.size": 9})
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("images")
    for draw in (cokriging, gain, budget):
        draw(out)
