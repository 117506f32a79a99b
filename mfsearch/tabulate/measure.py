"""One architecture on every rung of a ladder: what a process of a table's building does."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import platform
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch

from mfsearch.build import build_device, build_problem
from mfsearch.config import StudyConfig
from mfsearch.errors import ConfigError, MfsearchError
from mfsearch.execution.base import Job
from mfsearch.execution.purchases import evaluation_seed
from mfsearch.execution.serial import SerialExecutor
from mfsearch.fidelities.base import AbstractEvaluation, AbstractScore, Context
from mfsearch.problems.base import Problem
from mfsearch.records import Architecture, EvaluationQuery, Recommendation, Status
from mfsearch.spaces import SPACES
from mfsearch.tables.measured import MeasuredAbout, MeasuredRow, MeasuredRung
from mfsearch.tabulate.plan import Planned


@dataclass(frozen=True)
class Setting:
    """How a table is measured; it can be sent to another process.

    Attributes:
        config: Space, task and ladder; its seed is the table's, its `execution` says on which device and by which clock.
        home: Folder of teachers and data.
        seeds: Runs of every evaluation rung; None for as many as the rung itself says.
        allow_code: Whether code named in the config may run.
        only: Names of the rungs that are measured; None for all.
    """

    config: StudyConfig
    home: Path
    seeds: int | None = None
    allow_code: bool = False
    only: tuple[str, ...] | None = None

    def runs(self, rung: AbstractEvaluation) -> int:
        """How often every architecture is measured there."""
        return self.seeds or rung.seeds


@dataclass(frozen=True)
class Task:
    """One architecture to be measured."""

    setting: Setting
    planned: Planned


def load(setting: Setting) -> Problem:
    """The problem of a setting; built once a process."""
    return _load(setting.config.model_dump_json(), setting.home, setting.allow_code)


def describe(setting: Setting, prepared: bool = True) -> MeasuredAbout:
    """What a table of this setting says of itself.

    Args:
        setting: What is measured.
        prepared: Whether shared resources have been prepared: their price is then part of it.
    """
    problem, execution = load(setting), setting.config.execution
    rungs, shared = [], {}
    for rung in problem.ladder:
        resources = tuple(resource.name for resource in rung.resources)
        if isinstance(rung, AbstractScore):
            rungs.append(
                MeasuredRung(
                    rung.name, "score", rung.signal, 1, None, rung.columns, rung.trusted, rung.capacity, shared=resources
                )
            )
        elif isinstance(rung, AbstractEvaluation):
            rungs.append(MeasuredRung(rung.name, "evaluation", rung.signal, setting.runs(rung), rung.resource, shared=resources))
    with tempfile.TemporaryDirectory() as folder:
        for resource in problem.ladder.resources if prepared else ():
            shared[resource.name] = resource.prepare(
                Context(0, math.inf, Path(folder), build_device(setting.config))
            ).original_seconds
    kept = setting.config.model_dump(mode="json", include={"problem", "space", "task", "ladder", "constraints", "seed"})
    kept["space"] = kept["space"] or _space_of(problem)
    if kept["task"] and "path" in kept["task"]:
        kept["task"]["path"] = Path(kept["task"]["path"]).name  # where it lay is nobody's business, and differs between machines
    return MeasuredAbout(
        kept, tuple(rungs), problem.objective, shared, (_machine(build_device(setting.config)),), execution.clock
    )


def _space_of(problem: Problem) -> dict[str, str]:
    """A ready-made problem's space, as a config names it.

    Raises:
        ConfigError: If no config can name it, so that its table could not be searched.
    """
    ready = SPACES.get(problem.space.name)
    if ready is None or type(ready()) is not type(problem.space):
        raise ConfigError(
            f"a table must be of a space that a config can name, one of {', '.join(SPACES)}; {problem.name!r} has {problem.space.name!r}. "
            "Write the config with a 'space' of its own."
        )
    return {"use": problem.space.name}


def measure(task: Task) -> list[MeasuredRow] | str:
    """All rows of one architecture; what went wrong where nothing can be measured at all."""
    setting, architecture = task.setting, task.planned.architecture
    try:
        problem, device = load(setting), build_device(setting.config)
        _warm_up(problem, architecture, device)
        with tempfile.TemporaryDirectory(prefix="mfsearch-table-") as folder:
            rows = []
            for rung in problem.ladder:
                if setting.only is not None and rung.name not in setting.only:
                    continue
                if isinstance(rung, AbstractScore):
                    rows.append(_scored(task, rung, Path(folder), device))
                elif isinstance(rung, AbstractEvaluation):
                    for attempt in range(setting.runs(rung)):
                        seed = evaluation_seed(setting.config.seed, architecture.key, rung.name, attempt)
                        rows.append(_evaluated(task, problem, rung, seed, Path(folder) / f"{rung.name}-{attempt}", device))
            return rows
    except MfsearchError as error:
        return str(error)


@functools.cache
def _load(config: str, home: Path, allow_code: bool) -> Problem:
    return build_problem(StudyConfig.model_validate_json(config), home, allow_code)


_warm: set[int] = set()


def _warm_up(problem: Problem, architecture: Architecture, device: str) -> None:
    """Once a process: data and teacher are read and libraries compile, which must not be charged to whoever comes first."""
    if id(problem) in _warm:
        return
    _warm.add(id(problem))
    evaluations = sorted(problem.ladder.evaluations, key=lambda rung: rung.expected_cost(architecture))
    cheapest = {rung.name: rung for rung in [*evaluations[:1], *[rung for rung in evaluations if rung.resources][:1]]}
    with tempfile.TemporaryDirectory(prefix="mfsearch-table-") as folder, contextlib.suppress(Exception):
        for score in problem.ladder.scores:
            score.score([architecture], Context(0, math.inf, Path(folder), device))
        for rung in cheapest.values():
            rung.evaluate(architecture, Context(0, math.inf, Path(folder), device))


def _scored(task: Task, rung: AbstractScore, folder: Path, device: str) -> MeasuredRow:
    watch = SerialExecutor(task.setting.config.execution.clock).stopwatch()
    key, group = task.planned.architecture.key, task.planned.group
    try:
        scores = rung.score([task.planned.architecture], Context(task.setting.config.seed, math.inf, folder, device, watch))
    except Exception as error:  # what one architecture does must not end the others
        return MeasuredRow(key, group, rung.name, None, "failed", watch(), f"{type(error).__name__}: {error}"[:500])
    return MeasuredRow(
        key, group, rung.name, None, "ok", scores.seconds, None, dict(zip(scores.columns, scores.values[0], strict=True))
    )


def _evaluated(task: Task, problem: Problem, rung: AbstractEvaluation, seed: int, folder: Path, device: str) -> MeasuredRow:
    executor = SerialExecutor(task.setting.config.execution.clock)
    architecture, group = task.planned.architecture, task.planned.group
    query = EvaluationQuery(architecture, rung.name, seed)
    executor.submit(Job(query, rung, problem.objective, math.inf, folder, device))
    (seen,) = executor.collect()
    if seen.status is not Status.OK:
        return MeasuredRow(architecture.key, group, rung.name, seed, "failed", seen.seconds, (seen.message or "")[:500])
    figures: dict[str, float | None] = dict(seen.values)
    figures |= {name: float(extra) for name, extra in seen.extras.items() if isinstance(extra, int | float)}
    curves = {name: [float(str(x)) for x in extra] for name, extra in seen.extras.items() if isinstance(extra, list)}
    if problem.judge is not None and "weights" in seen.artifacts:
        # Measured here, never looked at by a search: the table's problem hands it to the oracle alone.
        judged = problem.judge(Recommendation(architecture, seen.value or 0.0, (0.0, 0.0), rung is problem.ladder.target, seen))
        figures |= judged
    return MeasuredRow(architecture.key, group, rung.name, seed, "ok", seen.seconds, None, figures, curves)


def _machine(device: str) -> str:
    """What it was measured on, in a few words."""
    name = torch.cuda.get_device_name() if device == "cuda" else _processor()
    return f"{name}, torch {torch.__version__}, Python {platform.python_version()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{named[0] if named else platform.machine()}, {os.cpu_count()} cores"
