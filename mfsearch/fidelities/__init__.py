"""The rungs of a ladder."""

from __future__ import annotations

from mfsearch.fidelities.base import AbstractFidelity
from mfsearch.fidelities.dass import DaSS
from mfsearch.fidelities.distillation import Distillation
from mfsearch.fidelities.training import Training
from mfsearch.fidelities.zero_cost import ZeroCost

FIDELITIES: dict[str, type[AbstractFidelity]] = {
    "zero_cost": ZeroCost,
    "dass": DaSS,
    "distillation": Distillation,
    "training": Training,
}
"""Those that a config can make; functions and classes of one's own are rungs too."""
