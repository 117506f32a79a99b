# ruff: noqa: I001 (the names are public: each import says so by its alias)
"""Types of the public interface: what `__init__.py` imports on first use."""

from mfsearch.allocation.base import (
    AbstractPolicy as AbstractPolicy,
    Proposal as Proposal,
    State as State,
)
from mfsearch.allocation.cost_aware import CostAware as CostAware
from mfsearch.allocation.random_search import RandomSearch as RandomSearch
from mfsearch.errors import (
    BudgetError as BudgetError,
    ConfigError as ConfigError,
    DataError as DataError,
    EvaluationError as EvaluationError,
    InterruptedSearchError as InterruptedSearchError,
    LimitReachedError as LimitReachedError,
    MfsearchError as MfsearchError,
    MissingExtraError as MissingExtraError,
    SearchFailedError as SearchFailedError,
    SpaceError as SpaceError,
    StorageError as StorageError,
    OvertakenError as OvertakenError,
    StudyError as StudyError,
    UsageError as UsageError,
)
from mfsearch.execution.local import LocalExecutor as LocalExecutor
from mfsearch.execution.serial import SerialExecutor as SerialExecutor
from mfsearch.execution.virtual import VirtualExecutor as VirtualExecutor
from mfsearch.fidelities.base import (
    AbstractEvaluation as AbstractEvaluation,
    AbstractScore as AbstractScore,
    Context as Context,
)
from mfsearch.fidelities.function import (
    fidelity as fidelity,
    score as score,
)
from mfsearch.fidelities.ladder import FidelityLadder as FidelityLadder
from mfsearch.problems.base import (
    Oracle as Oracle,
    Problem as Problem,
)
from mfsearch.records import (
    Architecture as Architecture,
    EvaluationQuery as EvaluationQuery,
    Measurement as Measurement,
    Objective as Objective,
    Observation as Observation,
    Recommendation as Recommendation,
    ScoreQuery as ScoreQuery,
    Scores as Scores,
    Status as Status,
    Task as Task,
)
from mfsearch.spaces.base import AbstractSearchSpace as AbstractSearchSpace
from mfsearch.spaces.box import BoxSpace as BoxSpace
from mfsearch.spaces.nasbench201 import NASBench201Space as NASBench201Space
from mfsearch.spaces.resnet import ResNetSpace as ResNetSpace
from mfsearch.spaces.table import TableSpace as TableSpace
from mfsearch.store.sql import EventStore as EventStore
from mfsearch.study import Study as Study

__version__: str
__all__: list[str]
