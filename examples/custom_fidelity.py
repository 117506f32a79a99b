"""Two fidelities of one's own: a small network of scikit-learn, trained for a few passes or for many.

Costs are measured: the search spends real seconds of this machine. With MFSEARCH_SMOKE=1 it ends after a few.
"""

import os
import warnings

from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from mfsearch import Architecture, BoxSpace, Context, Objective, Study, fidelity

SMOKE = os.environ.get("MFSEARCH_SMOKE") == "1"
SPACE = BoxSpace("mlp", {"log10_learning_rate": (-4.0, -1.0), "log2_width": (2.0, 6.0), "log10_decay": (-6.0, 0.0)})
IMAGES, LABELS = load_digits(return_X_y=True)
TRAIN_X, VAL_X, TRAIN_Y, VAL_Y = train_test_split(IMAGES / 16.0, LABELS, test_size=0.4, random_state=0)


def accuracy(architecture: Architecture, context: Context, passes: int) -> float:
    """Share of the validation pictures that are classified right after some passes over the training data."""
    rate, width, decay = (float(str(gene)) for gene in architecture.genotype)
    network = MLPClassifier(
        (round(2**width),), learning_rate_init=10**rate, alpha=10**decay, max_iter=passes, random_state=context.seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a rung stops before the end on purpose
        network.fit(TRAIN_X, TRAIN_Y)
    return float(network.score(VAL_X, VAL_Y))


@fidelity(cost=0.1, signal="accuracy")
def glance(architecture: Architecture, context: Context) -> float:
    return accuracy(architecture, context, passes=3)


@fidelity(cost=1.0, signal="accuracy")
def full(architecture: Architecture, context: Context) -> float:
    return accuracy(architecture, context, passes=40)


if __name__ == "__main__":
    study = Study(SPACE, [glance, full], budget="4s" if SMOKE else "40s", objective=Objective("accuracy", unit="fraction"))
    best = study.run()
    assert best is not None
    print(f"recommended: {best.architecture.key}")
    print(f"accuracy {best.mean:.3f}, 95% interval {best.interval[0]:.3f} to {best.interval[1]:.3f}")
    for (kind, rung), charge in study.ledger.lines().items():
        print(f"{f'{kind} {rung}'.strip()}: {charge.count} in {charge.seconds:.1f} s")
