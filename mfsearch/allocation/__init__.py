"""Policies: which query next."""

from mfsearch.allocation.base import AbstractPolicy
from mfsearch.allocation.cost_aware import CostAware
from mfsearch.allocation.random_search import RandomSearch
from mfsearch.allocation.ranked import Ranked

POLICIES: dict[str, type[AbstractPolicy]] = {"cost_aware": CostAware, "random": RandomSearch, "ranked": Ranked}
