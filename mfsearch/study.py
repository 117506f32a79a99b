"""A study: a search space and a ladder go in, a budget is spent on them, an architecture comes out."""

from __future__ import annotations

import contextlib
import logging
import math
import tempfile
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

import mfsearch
from mfsearch.allocation.base import AbstractPolicy, Proposal
from mfsearch.allocation.cost_aware import CostAware
from mfsearch.allocation.recommendation import recommend
from mfsearch.allocation.view import Views
from mfsearch.budget import Ledger, budget_seconds
from mfsearch.errors import BudgetError, ConfigError, OvertakenError, SearchFailedError, StudyError
from mfsearch.execution.base import AbstractExecutor, Job, ended, failed
from mfsearch.execution.purchases import as_measurement, bought, evaluation_seed, given, made_ready, reserved
from mfsearch.execution.serial import SerialExecutor
from mfsearch.fidelities.base import AbstractEvaluation, AbstractFidelity, Context
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.records import (
    Architecture,
    EvaluationQuery,
    Measurement,
    Objective,
    Observation,
    Recommendation,
    ScoreQuery,
    Status,
)
from mfsearch.spaces.base import AbstractSearchSpace
from mfsearch.store.events import EventKind, told
from mfsearch.store.journal import Journal, Listener
from mfsearch.store.sql import EventStore
from mfsearch.store.state import StudyState
from mfsearch.surrogate.threads import one_thread

Rule = Literal["evaluated", "predicted"]

_LOG = logging.getLogger("mfsearch")
_HOPELESS = 6  # failures without a single success after which a study stops: the next one would fail too


class Study:
    """Spends a budget on a space and a ladder, one query at a time.

    Args:
        space: Where to search.
        ladder: How to judge: rungs (or a sequence of them), cheapest first, the target last.
        budget: Device time, such as `4gpu-hours` or `90min`; a number is seconds. With `resume`, the stored budget unless given.
        objective: What is searched.
        policy: Decides; `CostAware()` unless given.
        seed: Seed of everything random.
        name: Name in the store; unique unless given.
        store: Where the history is kept; in memory unless given.
        executor: Where evaluations run; one after the other in this process unless given.
        recommend: `evaluated` or `predicted`: which architectures may be recommended.
        max_retries: How often a failed evaluation is repeated, with a new seed.
        workdir: Folder for the files of evaluations; a temporary one unless given.
        device: torch device string for rungs that train.
        config: Anything JSON that should be stored with the study.
        listeners: Called with every event after it is stored, and the state after it.
        progress: Called with (evaluation id, fraction done, text) by rungs that report it.
        resume: Go on with the stored study of this name; its stored settings hold (seed, rule, objective, retries).
        join: With `resume`: other processes may work on the study, before and after; they share its database alone.

    Raises:
        StudyError: If the name exists (without `resume`), or does not (with it), or has another space, ladder or policy, or
            another process works on the study (without `join`).
        BudgetError: If the budget cannot be read.
    """

    def __init__(
        self,
        space: AbstractSearchSpace,
        ladder: FidelityLadder | Sequence[AbstractFidelity],
        budget: str | float | None = None,
        *,
        objective: Objective | None = None,
        policy: AbstractPolicy | None = None,
        seed: int = 0,
        name: str | None = None,
        store: EventStore | None = None,
        executor: AbstractExecutor | None = None,
        recommend: Rule = "evaluated",
        max_retries: int = 1,
        workdir: Path | None = None,
        device: str = "cpu",
        config: Mapping[str, Any] | None = None,
        listeners: Sequence[Listener] = (),
        progress: Callable[[int, float, str], None] = lambda id, fraction, text: None,
        resume: bool = False,
        join: bool = False,
    ) -> None:
        self.space = space
        self.ladder = ladder if isinstance(ladder, FidelityLadder) else FidelityLadder(ladder)
        self._views = Views(self.space, self.ladder)
        self.policy = policy or CostAware()
        self.store = store or EventStore()
        self.executor = executor or SerialExecutor()
        self.name = name or f"study-{uuid.uuid4().hex[:8]}"
        self.device = device
        self.progress = progress
        self._stop_reason = ""
        if recommend not in ("evaluated", "predicted"):
            raise ConfigError(f"recommend must be 'evaluated' or 'predicted'; got {recommend!r}.")
        if max_retries < 0:
            raise ConfigError(f"max_retries must be 0 or more; got {max_retries}.")
        fixed = {
            "space": space.name,
            "ladder": [{"name": r.name, "kind": r.kind, "role": r.role, "signal": r.signal} for r in self.ladder],
            "policy": self.policy.name,
        }
        if resume:
            self.journal = Journal(self.store, self.name, space.parse, listeners, slots=self.executor.slots, join=join)
            self.journal.check(fixed)
            self._bury(self.journal.orphans())
            if budget is not None:
                self.extend(budget)
        else:
            if budget is None:
                raise BudgetError("a study must have a budget; got none. Write for example budget='30min'.")
            objective = objective or Objective()
            settings = {
                **fixed,
                "version": mfsearch.__version__,
                "seed": seed,
                "budget_seconds": budget_seconds(budget),
                "objective": {"signal": objective.signal, "direction": objective.direction, "unit": objective.unit},
                "recommend": recommend,
                "max_retries": max_retries,
                "charge_optimiser": not self.executor.virtual,
                "virtual": self.executor.virtual,
                "workdir": str(workdir or Path(tempfile.gettempdir()) / "mfsearch" / self.name),
                "config": dict(config or {}),
            }
            self.journal = Journal(self.store, self.name, space.parse, listeners, settings, self.executor.slots)

    @property
    def state(self) -> StudyState:
        """Everything known."""
        return self.journal.state

    @property
    def seed(self) -> int:
        """Seed of everything random."""
        return int(self.state.settings["seed"])

    @property
    def objective(self) -> Objective:
        """What is searched."""
        return Objective(**self.state.settings["objective"])

    @property
    def rule(self) -> Rule:
        """Which architectures may be recommended."""
        return cast(Rule, self.state.settings["recommend"])

    @property
    def ledger(self) -> Ledger:
        """The books."""
        return self.state.ledger

    @property
    def workdir(self) -> Path:
        """Folder for the files of evaluations."""
        return Path(self.state.settings["workdir"])

    def extend(self, budget: str | float) -> None:
        """Set the total budget anew; `+30min` adds to it.

        Raises:
            BudgetError: If it cannot be read, or is less than what is spent.
        """
        total = budget_seconds(budget, self.ledger.total)
        if total < self.ledger.spent:
            raise BudgetError(
                f"the budget must cover what is spent, {self.ledger.spent:.1f} s; got {total:.1f} s. Add with '+30min'."
            )
        if total != self.ledger.total:
            self.journal.write(EventKind.BUDGET, {"total": total})

    def give(self, origin: str, observations: Sequence[tuple[Architecture, str, Mapping[str, float]]]) -> int:
        """Add observations from elsewhere, free of charge (warm start).

        Args:
            origin: Where they come from, for the record.
            observations: (architecture, rung, measured figures) each; rungs that the ladder lacks are left out.

        Returns:
            How many were taken.

        Raises:
            ConfigError: If none of them belongs to a rung of this ladder, or a figure cannot be used.
        """
        rows = given(observations, self.ladder, self.objective, origin)
        self.journal.write(EventKind.GIVEN, {"origin": origin, "observations": rows})
        return len(rows)

    def prepare(self) -> None:
        """Make what rungs share (teachers) ready, and charge it.

        Raises:
            BudgetError: If it costs more than what is left.
        """
        if not self.ladder.resources:
            return
        self.journal.enter()
        with self.journal.turn():
            self.journal.sync()
            for resource in self.ladder.resources:
                if any(ready.key == resource.key for ready in self.state.prepared):
                    # Paid already: only a cache that was emptied meanwhile makes this cost time, and that is not charged twice.
                    resource.prepare(self._context(0))
                else:
                    self.journal.write(EventKind.PREPARED, made_ready(resource, self._context(0)))

    def ask(self, n: int = 1) -> list[EvaluationQuery]:
        """Decide what to evaluate next, buying scores on the way; at most n queries, none when the search has ended.

        The queries count as running, with their cost set aside, until they are told.
        """
        self.journal.enter()
        while True:
            with contextlib.suppress(OvertakenError), self.journal.turn():  # decided without what others wrote: anew
                self.journal.sync()
                self._bury(self.journal.orphans())
                return self._decide(n)

    def tell(
        self, query: EvaluationQuery, result: Measurement | Mapping[str, float] | float | Exception, seconds: float | None = None
    ) -> Observation:
        """Report how an evaluation that was asked ended.

        Args:
            query: As `ask` gave it.
            result: What was measured (a number stands for the rung's signal), or the exception that it raised.
            seconds: Device seconds it took; those of the measurement unless given.

        Raises:
            StudyError: If the query is not running: it was told already, or never asked.
            ConfigError: If nobody says how long it took.
        """
        if query.id not in self.state.pending:
            raise StudyError(f"an evaluation must be running to be told; evaluation {query.id} is not. Ask for a new one.")
        rung = cast(AbstractEvaluation, self.ladder[query.rung])
        took = seconds if seconds is not None else getattr(result, "seconds", None)
        if took is None or not 0 <= took < math.inf:
            raise ConfigError(f"tell must know the device seconds; got {took}. Write study.tell(query, value, seconds=...).")
        if isinstance(result, Exception):
            done = failed(Job(query, rung, self.objective, math.inf, self.workdir), result, took)
        else:
            done = ended(Job(query, rung, self.objective, math.inf, self.workdir), as_measurement(result, rung), took)
        self._tell(done)
        return done

    def run(self) -> Recommendation | None:
        """Search until the budget is spent or nothing is left; the recommendation, or None where nothing was evaluated.

        Raises:
            SearchFailedError: If nothing but failures comes back.
            BudgetError: If the budget cannot pay for what rungs share, or for any evaluation.
        """
        self.prepare()
        try:
            with self.executor:
                while True:
                    while (free := self.executor.free_slots) and (queries := self.ask(free)):
                        for query in queries:
                            self.executor.submit(self._job(query))
                    try:
                        observations = self.executor.collect()
                    except KeyboardInterrupt:
                        self._bury(self.journal.mine())
                        raise
                    for observation in observations:
                        self._tell_unless_buried(observation)
                    if not observations and not self.journal.wait(lambda: self._bury(self.journal.orphans())):
                        break
                    self._check_hope()
            if self.state.stopped != self._stop_reason:  # else another process has said so
                self.journal.write(EventKind.STOPPED, {"reason": self._stop_reason})
        finally:
            self.journal.leave()
        if not self.state.observations:
            left = f"{self.ledger.free:.1f} s of {self.ledger.total:.1f} s are left and the cheapest rung costs more"
            raise BudgetError(f"the budget must pay for at least one evaluation; {left}. Raise --budget.")
        return self.recommend()

    def recommend(self) -> Recommendation | None:
        """The answer as of now; None where nothing was evaluated yet."""
        with one_thread():
            return recommend(self._views(self.state), self.rule)

    def judge(self, architecture: Architecture, figures: Mapping[str, float]) -> None:
        """Record figures of a recommended architecture that the search never saw (test accuracy)."""
        self.journal.write(EventKind.JUDGED, {"architecture": architecture.key, "figures": dict(figures)})

    def _decide(self, n: int) -> list[EvaluationQuery]:
        queries = self._repeats(n)
        while not queries:
            elapsed = self.executor.stopwatch()
            with one_thread():
                proposal = self.policy.propose(self._views(self.state), n, np.random.default_rng([self.seed, self.state.step]))
            scores = [query for query in proposal.queries if isinstance(query, ScoreQuery)]
            chosen = [query for query in proposal.queries if isinstance(query, EvaluationQuery)]
            if scores:
                self._buy(scores, proposal, elapsed())
            elif chosen:
                return self._start(chosen[:n], proposal.memory, elapsed())
            else:
                self._stop_reason = proposal.reason or "nothing affordable is left to evaluate"
                return []
        return queries

    def _repeats(self, n: int) -> list[EvaluationQuery]:
        chosen = [query for query in self.state.requeued if self._views(self.state).affordable(query.architecture, query.rung)][
            :n
        ]
        return self._start(chosen, {}, 0.0, repeat=True) if chosen else []

    def _start(
        self, queries: Sequence[EvaluationQuery], memory: Mapping[str, Any], optimiser_seconds: float, repeat: bool = False
    ) -> list[EvaluationQuery]:
        spent = optimiser_seconds if self.state.settings["charge_optimiser"] else 0.0
        view = self._views(self.state)
        entries = reserved(queries, self.ladder, view.cost, view.p95, self.state, self.journal.slots(), spent)
        if not entries:
            self._stop_reason = "the time to decide used up what was left"
            return []
        decided = {"memory": dict(memory), "optimiser_seconds": optimiser_seconds, "repeat": repeat, "by": self.journal.member}
        self.journal.write(EventKind.ASKED, {"queries": entries, **decided})
        return [self.state.pending[int(entry["id"])] for entry in entries]

    def _buy(self, queries: Sequence[ScoreQuery], proposal: Proposal, optimiser_seconds: float) -> None:
        batches = [bought(query, self.ladder[query.rung], self._context(self.seed)) for query in queries]
        # One event for the whole proposal: a crash in between must not leave half of it behind.
        self.journal.write(
            EventKind.SCORED, {"scores": batches, "memory": dict(proposal.memory), "optimiser_seconds": optimiser_seconds}
        )

    def _job(self, query: EvaluationQuery) -> Job:
        return Job(
            query,
            cast(AbstractEvaluation, self.ladder[query.rung]),
            self.objective,
            self.ledger.reservations[query.id].limit,
            self.workdir / f"{query.id:06d}",
            self.device,
            lambda elapsed: self.store.beat(self.name, query.id, elapsed),
            lambda fraction, text: self.progress(query.id, fraction, text),
            self.state.files_of(query.architecture),
        )

    def _context(self, seed: int) -> Context:
        folder = self.workdir / "shared"
        folder.mkdir(parents=True, exist_ok=True)
        return Context(
            seed, self.ledger.free, folder, self.device, self.executor.stopwatch(), lambda f, text: self.progress(-1, f, text)
        )

    def _tell(self, observation: Observation) -> None:
        payload = told(observation)
        pair = (observation.query.architecture.key, observation.query.rung)
        if observation.status is Status.FAILED:
            failures = self.state.failures.get(pair, 0) + 1
            if failures <= int(self.state.settings["max_retries"]):
                payload["retry"] = {"seed": evaluation_seed(self.seed, *pair, self.state.attempts(pair) + 1)}
        elif observation.status is Status.LOST:
            payload["retry"] = {"seed": observation.query.seed}  # nothing speaks against it: the same evaluation again
        self.journal.write(EventKind.TOLD, payload)

    def _bury(self, queries: Sequence[EvaluationQuery]) -> None:
        """Whatever has lost its process: charge it up to its last heartbeat, and repeat it."""
        for query in queries:
            seconds = 0.0 if self.state.settings["virtual"] else self.store.last_beat(self.name, query.id)
            with contextlib.suppress(OvertakenError):  # another process was quicker
                self._tell(Observation(query, Status.LOST, seconds, message="its process ended before it did"))

    def _tell_unless_buried(self, observation: Observation) -> None:
        try:
            self._tell(observation)
        except OvertakenError:
            _LOG.warning("Evaluation %d came too late: it was taken for lost, and is repeated.", observation.query.id)

    def _check_hope(self) -> None:
        bad = [o for o in self.state.observations if o.status is Status.FAILED]
        if len(bad) >= _HOPELESS and not any(o.status is Status.OK for o in self.state.observations):
            self.journal.write(EventKind.STOPPED, {"reason": f"all {len(bad)} evaluations failed"})
            raise SearchFailedError(
                f"all {len(bad)} evaluations failed, the last at rung {bad[-1].query.rung!r} with: {bad[-1].message.rstrip('.')}. "
                f"Mend the fidelity, then 'mfsearch resume {self.name}'."
            )
