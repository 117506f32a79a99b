"""mfsearch: Bayesian multi-fidelity optimisation for architecture search.

What stands here is the public interface; a name is imported when it is first used, so that `import mfsearch` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_homes = {
    "mfsearch.allocation.base": ("AbstractPolicy", "Proposal", "State"),
    "mfsearch.allocation.cost_aware": ("CostAware",),
    "mfsearch.allocation.random_search": ("RandomSearch",),
    "mfsearch.errors": (
        "BudgetError",
        "ConfigError",
        "DataError",
        "EvaluationError",
        "InterruptedSearchError",
        "LimitReachedError",
        "MfsearchError",
        "MissingExtraError",
        "SearchFailedError",
        "SpaceError",
        "StorageError",
        "OvertakenError",
        "StudyError",
        "UsageError",
    ),
    "mfsearch.execution.local": ("LocalExecutor",),
    "mfsearch.execution.serial": ("SerialExecutor",),
    "mfsearch.execution.virtual": ("VirtualExecutor",),
    "mfsearch.fidelities.base": ("AbstractEvaluation", "AbstractScore", "Context"),
    "mfsearch.fidelities.function": ("fidelity", "score"),
    "mfsearch.fidelities.ladder": ("FidelityLadder",),
    "mfsearch.problems.base": ("Oracle", "Problem"),
    "mfsearch.records": (
        "Architecture",
        "EvaluationQuery",
        "Measurement",
        "Objective",
        "Observation",
        "Recommendation",
        "ScoreQuery",
        "Scores",
        "Status",
        "Task",
    ),
    "mfsearch.spaces.base": ("AbstractSearchSpace",),
    "mfsearch.spaces.box": ("BoxSpace",),
    "mfsearch.spaces.nasbench201": ("NASBench201Space",),
    "mfsearch.spaces.resnet": ("ResNetSpace",),
    "mfsearch.spaces.table": ("TableSpace",),
    "mfsearch.store.sql": ("EventStore",),
    "mfsearch.study": ("Study",),
}
_module = {name: module for module, names in _homes.items() for name in names}

__all__ = ["__version__", *sorted(_module)]


def __getattr__(name: str) -> Any:
    if name not in _module:
        raise AttributeError(f"module 'mfsearch' has no attribute {name!r}")
    value = getattr(importlib.import_module(_module[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
