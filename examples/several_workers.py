"""Two evaluations at a time, each in a process of its own: what is free gets the next proposal at once.

Functions of a worker stand at the top of the file, and what must not run again in every worker stands behind the last `if`. With
MFSEARCH_SMOKE=1 it ends after a few seconds.
"""

import math
import os
import time

from mfsearch import Architecture, BoxSpace, Context, LocalExecutor, Objective, Study, fidelity

SMOKE = os.environ.get("MFSEARCH_SMOKE") == "1"
SPACE = BoxSpace("waves", {"x": (-3.0, 3.0), "y": (-3.0, 3.0)})


def height(architecture: Architecture, detail: int) -> float:
    """A hilly landscape, between -1 and 1; the finest hills are seen with much detail alone."""
    x, y = (float(str(gene)) for gene in architecture.genotype)
    return sum(math.cos(2**k * x) * math.cos(2**k * y) / 2**k for k in range(detail)) / 2


@fidelity(cost=0.05, signal="height")
def rough(architecture: Architecture, context: Context) -> float:
    time.sleep(0.05)
    return height(architecture, detail=1)


@fidelity(cost=0.5, signal="height")
def exact(architecture: Architecture, context: Context) -> float:
    time.sleep(0.5)
    return height(architecture, detail=4)


if __name__ == "__main__":
    study = Study(
        SPACE,
        [rough, exact],
        budget="4s" if SMOKE else "30s",
        objective=Objective("height", unit="none"),
        executor=LocalExecutor(workers=2, memory=32.0),
    )
    best = study.run()
    assert best is not None
    print(f"recommended: {best.architecture.key}, height {best.mean:.3f}")
    print(f"spent {study.ledger.spent:.1f} s of two workers on {len(study.state.observations)} evaluations")
