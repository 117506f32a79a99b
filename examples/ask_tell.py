"""Ask and tell: the search says what to evaluate, and something else evaluates it (here a formula, elsewhere a cluster).

Nothing is trained and the seconds are made up: this shows the protocol. With MFSEARCH_SMOKE=1 it ends sooner.
"""

import os

from mfsearch import Architecture, BoxSpace, Objective, Study, VirtualExecutor, fidelity

SMOKE = os.environ.get("MFSEARCH_SMOKE") == "1"
SPACE = BoxSpace("plane", {"x": (-2.0, 2.0), "y": (-1.0, 3.0)})


def rosenbrock(architecture: Architecture, shift: float = 0.0) -> float:
    """Rosenbrock's valley, with its least value 0 at (1, 1) where nothing is shifted."""
    x, y = (float(str(gene)) + shift for gene in architecture.genotype)
    return (1 - x) ** 2 + 100 * (y - x**2) ** 2


@fidelity(cost=1.0, signal="loss")
def rough(architecture: Architecture, context: object) -> float:
    return rosenbrock(architecture, shift=0.1)


@fidelity(cost=10.0, signal="loss")
def exact(architecture: Architecture, context: object) -> float:
    return rosenbrock(architecture)


if __name__ == "__main__":
    # With the virtual clock the search's own seconds are not charged, only those that are told.
    study = Study(
        SPACE,
        [rough, exact],
        budget="30s" if SMOKE else "5min",
        objective=Objective("loss", direction="minimise", unit="none"),
        executor=VirtualExecutor(workers=2),
    )
    while queries := study.ask(2):
        for query in queries:
            try:
                loss = rosenbrock(query.architecture, shift=0.1 if query.rung == "rough" else 0.0)
            except ArithmeticError as error:
                study.tell(query, error, seconds=1.0)  # recorded, and tried once more with another seed
            else:
                study.tell(query, loss, seconds=1.0 if query.rung == "rough" else 10.0)
    best = study.recommend()
    assert best is not None
    print(f"recommended: {best.architecture.key}, loss {best.mean:.3g}")
    print(f"spent {study.ledger.spent:.0f} s of {study.ledger.total:.0f} s on {len(study.state.observations)} evaluations")
