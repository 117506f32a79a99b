"""Several evaluations at a time, on the nodes of a Ray cluster (`pip install 'mfsearch[ray]'`).

Here is decided which worker gets which job, and what becomes of it when a worker or its node is gone; what goes on at a worker is the
business of its `Minder`.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from mfsearch.errors import ConfigError
from mfsearch.execution.base import AbstractExecutor, Job
from mfsearch.execution.ray_minder import Minder, News
from mfsearch.execution.ray_session import RaySession, one_line
from mfsearch.execution.serial import SerialExecutor
from mfsearch.execution.worker import Task, WorkerSetting, packed
from mfsearch.records import Observation, Status

_QUEUE: Final = 60.0  # seconds that a job may wait for room before no more are taken, so that it gets its turn
_ALONE: Final = 600.0  # seconds that nothing runs before it is asked whether anything ever will
_STARTS: Final = 5  # workers in a row that may fail to start


class RayExecutor(AbstractExecutor):
    """Workers on the nodes of a Ray cluster, one evaluation each; a free one gets the next proposal at once.

    A worker that dies, alone or with its node, is replaced where there is room: its evaluation counts as lost, is charged up to its last
    heartbeat, and is repeated by the study; Ray itself repeats nothing. Evaluations write into `job.workdir`: on several machines, it and
    MFSEARCH_HOME must be in a folder that all of them share, under one path, and all must have the same mfsearch. Rungs travel by pickle.

    A Ray session that this program has connected already is used, and left as it is.

    Args:
        workers: How many evaluations run side by side. Those that find no room on the cluster wait for it, free of charge.
        clock: `wall` charges wall seconds, `cpu` the processor seconds of the worker.
        threads: CPU threads of one worker; it takes so many CPUs of its node.
        address: HOST:PORT of a cluster that this machine is a node of, or `auto` for the one that runs here; None starts one, of this
            machine alone, that ends with the executor.
        gpus_per_rung: Rung -> how many GPUs an evaluation takes: whole ones, or a part of one. Rungs that are not named take one where the
            cluster has any. What takes one gets the device `cuda`, all else `cpu`, whatever the study names: here need be no GPU.
        memory: GiB of address space of one worker; None: no limit.

    Raises:
        MissingExtraError: If Ray is not installed.
        ConfigError: If a number is impossible, the cluster cannot be reached, or none of its nodes is large enough.
    """

    def __init__(
        self,
        workers: int,
        clock: Literal["wall", "cpu"] = "wall",
        threads: int = 1,
        address: str | None = None,
        gpus_per_rung: Mapping[str, float] | None = None,
        memory: float | None = None,
    ) -> None:
        if workers < 1 or threads < 1 or (memory is not None and memory <= 0):
            raise ConfigError(f"workers, threads and memory must be positive; got {workers}, {threads} and {memory}.")
        self._shares = dict(gpus_per_rung or {})
        for rung, share in self._shares.items():
            if not (0 <= share <= 1 or (share > 1 and float(share).is_integer())):
                raise ConfigError(
                    f"GPUs of a rung must be a part of one, or whole ones; got {share} for {rung!r}. Write for example 0.5."
                )
        self._session = RaySession(address, workers * threads)
        self._ray = self._session.ray
        self._workers, self._clock = workers, clock
        self._setting = WorkerSetting(clock, threads, memory=memory)
        self._seats: list[_Seat] = []
        self._waiting: list[_Errand] = []
        self._failures = 0
        self._session.connect()
        try:
            for share in set(self._shares.values()) or {self._share("")}:
                self._session.check_room(threads, share)
        except ConfigError:
            self.close()
            raise

    @property
    def virtual(self) -> bool:
        """Never: the clock is real."""
        return False

    def stopwatch(self) -> Callable[[], float]:
        """Seconds of the chosen clock, of this process."""
        return SerialExecutor(self._clock).stopwatch()

    @property
    def slots(self) -> int:
        """The workers."""
        return self._workers

    @property
    def free_slots(self) -> int:
        """Workers without an evaluation; none where one has waited long for room, until it has some."""
        if self._waited() > _QUEUE:
            return 0
        return self._workers - len(self._waiting) - sum(seat.job is not None for seat in self._seats)

    def submit(self, job: Job) -> None:
        """Take a job; it begins where there is room.

        Raises:
            ConfigError: If the rung cannot be sent to another process, or the cluster cannot be reached any more.
        """
        self._session.connect()
        share = self._share(job.fidelity.name)
        job = replace(job, workdir=job.workdir.absolute(), device="cuda" if share else "cpu")
        packed(job)
        # What is sent is pickled by Ray's own means, for which classes of the script that runs need not be found on the other side.
        self._waiting.append(_Errand(job, self._ray.cloudpickle.dumps(Task.of(job)), share, time.monotonic()))
        self._deal()

    def collect(self) -> list[Observation]:
        """Wait for the first to end; heartbeats and progress are handed on meanwhile.

        Raises:
            ConfigError: If workers do not start, or no node is left that an evaluation fits on.
        """
        while self._waiting or any(seat.job for seat in self._seats):
            self._deal()
            talking = [seat for seat in self._seats if seat.job or not seat.ready]
            self._ray.wait([seat.news for seat in talking], timeout=1.0)
            told, _ = self._ray.wait([seat.news for seat in talking], num_returns=len(talking), timeout=0)
            heard = [seat for seat in talking if any(seat.news is one for one in told)]
            if ended := [seen for seat in heard if (seen := self._hear(seat)) is not None]:
                return ended
        return []

    def close(self) -> None:
        """End what runs; the session, too, if it is ours."""
        for seat in list(self._seats):
            self._drop(seat)
        self._waiting.clear()
        self._session.disconnect()

    def _share(self, rung: str) -> float:
        if (share := self._shares.get(rung)) is not None:
            return float(share)
        return 1.0 if any(node.get("GPU", 0.0) >= 1.0 for node in self._session.nodes()) else 0.0

    def _waited(self) -> float:
        """Seconds since the oldest job that has no worker yet came, or could have begun."""
        return time.monotonic() - self._waiting[0].since if self._waiting else 0.0

    def _deal(self) -> None:
        """Give jobs to idle workers, end workers that are in the way, and ask for those that lack."""
        for seat in [seat for seat in self._seats if seat.ready and not seat.job]:
            errand = next((errand for errand in self._waiting if errand.share == seat.share), None)
            if errand is not None:
                self._waiting.remove(errand)
                seat.begin(errand)
            elif self._waiting:
                self._drop(seat)
        wanted = Counter(errand.share for errand in self._waiting)
        coming = Counter(seat.share for seat in self._seats if not seat.ready)
        if lacking := wanted - coming:
            surplus = coming - wanted
            for seat in [seat for seat in self._seats if not seat.ready]:
                if surplus[seat.share] > 0:
                    surplus[seat.share] -= 1
                    self._drop(seat)
            self._seats += [self._seat(share) for share in lacking.elements()]
        if self._waited() > _ALONE and not any(seat.job for seat in self._seats):
            self._session.check_room(self._setting.threads, self._waiting[0].share)

    def _seat(self, share: float) -> _Seat:
        actor = self._ray.remote(Minder).options(
            num_cpus=self._setting.threads, num_gpus=share, max_restarts=0, max_task_retries=0, scheduling_strategy="SPREAD"
        )
        setting = self._setting if share else replace(self._setting, gpu="")
        made = actor.remote(setting, os.getcwd(), sys.path)
        return _Seat(made, share, made.where.remote())

    def _hear(self, seat: _Seat) -> Observation | None:
        """Read the news of a worker; the observation where its job has ended."""
        try:
            if not seat.ready:
                seat.node, seat.ready = self._ray.get(seat.news), True
                self._failures = 0
                return None
            return seat.take(self._ray.get(next(seat.news)))
        except self._ray.exceptions.RayError as error:
            self._drop(seat)
            if seat.job is not None:
                text = f"its worker on node {seat.node} was lost after its heartbeat at {seat.seconds:.1f} s: {one_line(error)}"
                return Observation(seat.job.query, Status.LOST, seat.seconds, message=text)
            self._failures += 1
            if self._failures >= _STARTS:
                raise ConfigError(
                    f"workers must start on the Ray cluster; {_STARTS} in a row did not, the last with: {one_line(error).rstrip('.')}. "
                    "Install the same mfsearch on every node."
                ) from error
            return None

    def _drop(self, seat: _Seat) -> None:
        self._seats.remove(seat)
        if self._session.connected:
            self._ray.kill(seat.actor)


@dataclass(frozen=True)
class _Errand:
    """A job that waits, as it travels."""

    job: Job
    task: bytes
    share: float
    since: float


@dataclass(eq=False)
class _Seat:
    """An actor on some node, or on its way there."""

    actor: Any
    share: float
    news: Any
    ready: bool = False
    node: str = ""
    job: Job | None = None
    seconds: float = 0.0

    def begin(self, errand: _Errand) -> None:
        """Start a job."""
        self.job, self.seconds = errand.job, 0.0
        self.news = self.actor.run.remote(errand.task, errand.job.query, errand.job.limit)

    def take(self, news: News) -> Observation | None:
        """Hand on what a worker tells; the observation where its job has ended."""
        assert self.job is not None
        for kind, what in news:
            if kind == "beat":
                self.seconds = what
                self.job.beat(what)
            elif kind == "progress":
                self.job.progress(*what)
            else:
                self.job = None
                seen: Observation = what
                return seen
        return None
