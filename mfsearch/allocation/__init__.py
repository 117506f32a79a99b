"""Policies: which query next."""

from mfsearch.allocation.asha import ASHA
from mfsearch.allocation.base import AbstractPolicy
from mfsearch.allocation.botorch_mes import BoTorchMES
from mfsearch.allocation.cost_aware import CostAware
from mfsearch.allocation.evolution import RegularisedEvolution
from mfsearch.allocation.gp import GP
from mfsearch.allocation.halving import Hyperband, SuccessiveHalving
from mfsearch.allocation.local_search import LocalSearch
from mfsearch.allocation.mfasc import MFASC
from mfsearch.allocation.mfkd import MFKD
from mfsearch.allocation.random_search import RandomSearch
from mfsearch.allocation.ranked import Ranked

POLICIES: dict[str, type[AbstractPolicy]] = {
    "cost_aware": CostAware,
    "random": RandomSearch,
    "ranked": Ranked,
    "regularised_evolution": RegularisedEvolution,
    "local_search": LocalSearch,
    "successive_halving": SuccessiveHalving,
    "hyperband": Hyperband,
    "asha": ASHA,
    "mfkd": MFKD,
    "mfasc": MFASC,
    "gp": GP,
    "botorch_mes": BoTorchMES,
}
