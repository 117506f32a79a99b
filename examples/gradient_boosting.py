"""Hyper-parameters of a gradient boosting model, with part of the training rows as the cheap rung; the space is described with ConfigSpace.

Costs are measured: the search spends real seconds of this machine, 2 minutes of them. With MFSEARCH_SMOKE=1 it ends after a few.
Needs the extra `mfsearch[configspace]`.
"""

import os

from ConfigSpace import ConfigurationSpace, Float, Integer
from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split

from mfsearch import Architecture, Context, Objective, Study, fidelity
from mfsearch.spaces.configspace import ConfigSpaceAdapter

SMOKE = os.environ.get("MFSEARCH_SMOKE") == "1"
SPACE = ConfigSpaceAdapter(
    ConfigurationSpace(
        seed=0,
        space=[
            Float("learning_rate", (0.01, 1.0), log=True),
            Integer("max_leaf_nodes", (4, 64), log=True),
            Integer("min_samples_leaf", (2, 60), log=True),
            Float("l2_regularization", (1e-6, 10.0), log=True),
        ],
    )
)
X, Y = load_digits(return_X_y=True)
TRAIN_X, VAL_X, TRAIN_Y, VAL_Y = train_test_split(X, Y, test_size=0.4, random_state=0)


def accuracy(architecture: Architecture, context: Context, rows: int, trees: int) -> float:
    """Share of the validation rows that are classified right after training on the first rows."""
    model = HistGradientBoostingClassifier(max_iter=trees, random_state=context.seed, **SPACE.values(architecture))
    model.fit(TRAIN_X[:rows], TRAIN_Y[:rows])
    return float(model.score(VAL_X, VAL_Y))


@fidelity(cost=0.3, signal="accuracy")
def fifth(architecture: Architecture, context: Context) -> float:
    return accuracy(architecture, context, len(TRAIN_X) // 5, trees=5 if SMOKE else 30)


@fidelity(cost=2.0, signal="accuracy")
def all_rows(architecture: Architecture, context: Context) -> float:
    return accuracy(architecture, context, len(TRAIN_X), trees=5 if SMOKE else 60)


if __name__ == "__main__":
    study = Study(SPACE, [fifth, all_rows], budget="8s" if SMOKE else "2min", objective=Objective("accuracy", unit="fraction"))
    best = study.run()
    assert best is not None
    print(f"recommended: {best.architecture.key}")
    print(f"accuracy {best.mean:.3f}, 95% interval {best.interval[0]:.3f} to {best.interval[1]:.3f}")
    for (kind, rung), charge in study.ledger.lines().items():
        print(f"{f'{kind} {rung}'.strip()}: {charge.count} in {charge.seconds:.1f} s")
