"""From names to objects: the only place that turns what a config says into what a study runs on."""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mfsearch.allocation import POLICIES
from mfsearch.allocation.base import AbstractPolicy
from mfsearch.config import Component, StudyConfig
from mfsearch.datasets import DATASETS
from mfsearch.errors import ConfigError
from mfsearch.execution.base import AbstractExecutor
from mfsearch.execution.local import LocalExecutor
from mfsearch.execution.ray_cluster import RayExecutor
from mfsearch.execution.serial import SerialExecutor
from mfsearch.execution.virtual import VirtualExecutor
from mfsearch.fidelities import FIDELITIES
from mfsearch.fidelities.base import AbstractFidelity
from mfsearch.fidelities.distillation import Distillation, judge
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.fidelities.live import LiveTask
from mfsearch.problems import PROBLEMS
from mfsearch.problems.base import Problem
from mfsearch.problems.tabular import found
from mfsearch.records import Architecture, Json, Objective, Task
from mfsearch.spaces import SPACES
from mfsearch.spaces.base import AbstractSearchSpace
from mfsearch.spaces.constrained import ConstrainedSpace, Constraint, Measure
from mfsearch.tracking import TRACKERS, Tracker


def build_problem(config: StudyConfig, home: Path, allow_code: bool = False) -> Problem:
    """The problem of a config, with the config's objective, rule and constraints.

    Args:
        config: What to search.
        home: Folder for teachers and data.
        allow_code: Whether `use: package.module:Class` is admitted.

    Raises:
        ConfigError: If a name or an option is unknown, or code is named and not allowed.
        SpaceError: If a constraint cannot be read, or nothing satisfies it.
    """
    if config.problem is None:
        problem = _own_problem(config, home, allow_code)
    else:
        offered = {"home": home, "threads": config.execution.threads, "make_space": partial(_space, allow_code=allow_code)}
        offered |= {"data": config.data} if config.data else {}
        problem = _make("problem", config.problem, _problems(config.problem.use, home), allow_code, Problem, offered)
    if config.objective is not None:
        problem = replace(problem, objective=Objective(**config.objective.model_dump()))
    if config.recommend is not None:
        problem = replace(problem, recommend=config.recommend)
    if config.constraints:
        constraints = [Constraint.parse(text) for text in config.constraints]
        problem = replace(problem, space=ConstrainedSpace(problem.space, constraints, _measures(problem.space, problem.task)))
    return problem


def build_policy(config: StudyConfig, allow_code: bool = False) -> AbstractPolicy:
    """The policy of a config.

    Raises:
        ConfigError: If its name or an option is unknown, or code is named and not allowed.
    """
    policy: AbstractPolicy = _make("policy", config.policy, POLICIES, allow_code, AbstractPolicy, {})
    return policy


def build_executor(config: StudyConfig, problem: Problem) -> AbstractExecutor:
    """Where the evaluations run; sets the number of torch's threads.

    Raises:
        ConfigError: If the executor does not fit the problem, or the number of workers, or a Ray cluster cannot be reached.
        MissingExtraError: If it needs Ray, which is not installed.
    """
    execution = config.execution
    real = "ray" if execution.ray_address else "local" if execution.workers > 1 or execution.memory is not None else "serial"
    name = execution.executor or ("virtual" if problem.virtual else real)
    if (name == "virtual") is not problem.virtual:
        costs, fitting = ("simulated", "'virtual'") if problem.virtual else ("measured", "'serial', 'local' or 'ray'")
        raise ConfigError(
            f"execution.executor must be {fitting} for {problem.name!r}, whose costs are {costs}; got {name!r}. Leave it out."
        )
    if name != "ray" and (given := [key for key in ("ray_address", "gpus_per_rung") if getattr(execution, key)]):
        hint = "Leave it out." if problem.virtual else "Take 'ray'."
        raise ConfigError(f"execution.{given[0]} must be left out unless execution.executor is 'ray'; it is {name!r}. {hint}")
    torch.set_num_threads(execution.threads)
    if name == "virtual":
        return VirtualExecutor(execution.workers)
    if name == "local":
        gpus = _gpus() if build_device(config) == "cuda" else ()
        return LocalExecutor(execution.workers, execution.clock, execution.threads, gpus, execution.memory)
    if name == "ray":
        return _on_ray(config, problem)
    if execution.workers > 1 or execution.memory is not None:
        raise ConfigError(
            f"execution.executor 'serial' has one worker, without a limit of memory; got {execution.workers} workers and memory "
            f"{execution.memory}. Take 'local'."
        )
    return SerialExecutor(execution.clock)


def _on_ray(config: StudyConfig, problem: Problem) -> RayExecutor:
    execution, rungs = config.execution, [rung.name for rung in problem.ladder.evaluations]
    for rung in execution.gpus_per_rung:
        if rung not in rungs:
            raise ConfigError(
                f"execution.gpus_per_rung must name rungs that evaluate, {', '.join(rungs)}; got {rung!r}. {_hint(rung, rungs)}"
            )
    shares = dict.fromkeys(rungs, 0.0) if execution.device == "cpu" else execution.gpus_per_rung
    return RayExecutor(execution.workers, execution.clock, execution.threads, execution.ray_address, shares, execution.memory)


def _gpus() -> list[str]:
    """The GPUs that this process sees, by the names that CUDA_VISIBLE_DEVICES has for them."""
    given = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return given or [str(number) for number in range(torch.cuda.device_count())]


def build_device(config: StudyConfig) -> str:
    """Device of rungs that train, as torch calls it.

    Raises:
        ConfigError: If it is a GPU and there is none.
    """
    wanted = config.execution.device
    if wanted == "cuda" and not has_gpu():
        raise ConfigError("execution.device must be there; got 'cuda', and torch finds none. Write 'auto' or 'cpu'.")
    return "cuda" if wanted != "cpu" and has_gpu() else "cpu"


def build_trackers(written: Sequence[str], folder: Path) -> list[Tracker]:
    """Where a study is written to while it runs.

    Args:
        written: `KIND` or `KIND=WHERE`, each.
        folder: The study's, for what names no place.

    Raises:
        ConfigError: If a kind is unknown, or a place is named by nothing.
        MissingExtraError: If the library of a kind is not installed.
    """
    made = []
    for text in written:
        kind, equals, where = text.partition("=")
        if kind not in TRACKERS or (equals and not where):
            hint = f"Leave the '=' out for a place in {folder}." if kind in TRACKERS else _hint(kind, TRACKERS)
            raise ConfigError(f"a tracker must be KIND or KIND=WHERE, of the kinds {', '.join(TRACKERS)}; got {text!r}. {hint}")
        made.append(TRACKERS[kind](where, folder))
    return made


def has_gpu() -> bool:
    """Whether torch finds a CUDA device."""
    return torch.cuda.is_available()


def _problems(use: str, home: Path) -> Mapping[str, Callable[..., Problem]]:
    """Ready-made problems, and those of the tables that were imported.

    Raises:
        ConfigError: If `use` is none of them, nor code.
    """
    known = {**found(home), **PROBLEMS}
    if ":" not in use and use not in known:
        raise ConfigError(
            f"problem must be one of {', '.join(known)}; got {use!r}. {_hint(use, known)} "
            "A problem of a benchmark needs its table; import one with: mfsearch data import nasbench201 SOURCE."
        )
    return known


def _own_problem(config: StudyConfig, home: Path, allow_code: bool) -> Problem:
    """Space, task and ladder as the config lists them."""
    if config.space is None:
        raise ConfigError("a config must name a 'problem', or a 'space' and a 'ladder'; got no 'space'. Add one.")
    space = _space(config.space, allow_code)
    task = None if config.task is None else _task(config.task, config.data, home)
    offered: dict[str, Any] = {"space": space, "task": task, "home": home}
    if task is not None:
        offered["live"] = LiveTask(space, task, home, config.execution.threads)
    rungs: list[AbstractFidelity] = []
    for index, component in enumerate(config.ladder):
        named = component.model_copy(update={"options": {"name": component.use, **component.options}})
        wants_name = "name" in _parameters(_find(f"ladder.{index}", component, FIDELITIES, allow_code))
        rungs.append(
            _make(f"ladder.{index}", named if wants_name else component, FIDELITIES, allow_code, AbstractFidelity, offered)
        )
    for rung in rungs:
        if isinstance(rung, Distillation):
            rung.check_continues(rungs)
    verdict = None if task is None else partial(judge, offered["live"])
    return Problem(config.name or "own", space, FidelityLadder(rungs), Objective(), task, judge=verdict)


def _space(component: Component, allow_code: bool) -> AbstractSearchSpace:
    space: AbstractSearchSpace = _make("space", component, SPACES, allow_code, AbstractSearchSpace, {})
    return space


def _task(component: Component, path: str | None, home: Path) -> Task:
    """The task of a data set: `network` and `teacher` are the task's, the other options the data set's."""
    if component.use not in DATASETS:
        raise ConfigError(f"task must be one of {', '.join(DATASETS)}; got {component.use!r}. {_hint(component.use, DATASETS)}")
    own = {"network", "teacher"}
    options = {key: value for key, value in component.options.items() if key not in own}
    options |= {"path": path} if path else {}
    parts: dict[str, Mapping[str, Json]] = {}
    for key in own:
        value = component.options.get(key, {})
        if not isinstance(value, Mapping):
            raise ConfigError(f"task.{key} must be a mapping; got {value!r}. Write its settings below it.")
        parts[key] = value
    data = DATASETS[component.use](folder=home / "data", **options)
    return Task(component.use, data.input_shape, data.classes, options, **parts)


def _measures(space: AbstractSearchSpace, task: Task | None) -> dict[str, Measure]:
    """What constraints may be on: figures of the networks that the space knows in closed form."""
    if task is None:
        return {}
    (sample,) = space.sample(1, np.random.default_rng(0))
    return {name: partial(_count, space, task, name) for name in space.counts(sample, task)}


def _count(space: AbstractSearchSpace, task: Task, name: str, architecture: Architecture) -> float:
    return space.counts(architecture, task)[name]


def _make(
    key: str,
    component: Component,
    registry: Mapping[str, Callable[..., Any]],
    allow_code: bool,
    kind: type[Any],
    offered: Mapping[str, Any],
) -> Any:
    """Build a component: with its options, and with whatever is offered that its builder has a parameter for."""
    builder = _find(key, component, registry, allow_code)
    parameters = _parameters(builder)
    given = {name: value for name, value in offered.items() if name in parameters}
    if missing := [name for name, p in parameters.items() if name == "live" and name not in given and p.default is p.empty]:
        raise ConfigError(
            f"{key}: {component.use!r} trains networks; it needs a 'task', and the config has none ({', '.join(missing)}). Add 'task:'."
        )
    try:
        made = builder(**given, **component.options)
    except (TypeError, ValueError) as error:
        known = ", ".join(name for name in parameters if name not in given)
        raise ConfigError(
            f"{key}: options of {component.use!r} must be usable; {error}. It knows {known or 'no options'}."
        ) from error
    if not isinstance(made, kind):
        raise ConfigError(f"{key}: {component.use!r} must make a {kind.__name__}; it made a {type(made).__name__}. Name another.")
    return made


def _find(key: str, component: Component, registry: Mapping[str, Callable[..., Any]], allow_code: bool) -> Callable[..., Any]:
    module, colon, name = component.use.partition(":")
    if not colon:
        if module not in registry:
            raise ConfigError(f"{key} must be one of {', '.join(registry)}; got {module!r}. {_hint(module, registry)}".rstrip())
        return registry[module]
    if not allow_code:
        raise ConfigError(
            f"{key} names code, {component.use!r}, which is refused. Pass --allow-code if you trust where it comes from."
        )
    if (here := os.getcwd()) not in sys.path:
        sys.path.insert(0, here)  # as 'python -m' does: a user's own module lies beside the config
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{key}: {component.use!r} must be importable; {error}. Install it, or mend the name.") from error
    if not callable(found):
        raise ConfigError(f"{key}: {component.use!r} must be a class or function; got a {type(found).__name__}. Name another.")
    builder: Callable[..., Any] = found
    return builder


def _parameters(builder: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Parameters by name, those that take whatever comes left out; none where Python cannot tell."""
    try:
        signature = inspect.signature(builder)
    except ValueError:
        return {}
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return {name: p for name, p in signature.parameters.items() if p.kind not in kinds}


def _hint(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"Did you mean {close[0]!r}?" if close else "Choose one of them."
