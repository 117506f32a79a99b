"""Networks that are really trained: the task with its data and teacher, as rungs share them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mfsearch.datasets import DATASETS
from mfsearch.datasets.base import ImageData
from mfsearch.distillation.teacher import Teacher, TeacherFiles, TeacherRecipe, load_teacher
from mfsearch.distillation.trainer import TrainingRecipe
from mfsearch.errors import ConfigError
from mfsearch.records import Architecture, Json, Task
from mfsearch.spaces.base import AbstractSearchSpace


@dataclass(frozen=True)
class LiveTask:
    """A task whose data and teacher are loaded when they are first needed, once a process. It can be pickled.

    Attributes:
        space: Builds the networks.
        task: Data set, networks, teacher.
        home: Folder of caches; `data` and `teachers` are made in it.
        threads: Threads of one evaluation on the CPU. Networks this small gain nothing from a second, and with one the
            same seed gives the same figures on any number of cores.
    """

    space: AbstractSearchSpace
    task: Task
    home: Path
    threads: int = 1

    @property
    def data(self) -> ImageData:
        """The pictures.

        Raises:
            ConfigError: If no such data set is known, or its shape is not the task's.
            DataError: If its options are wrong.
        """
        data = _data(self.task.dataset, json.dumps(dict(self.task.options), sort_keys=True), self.home / "data")
        if (data.input_shape, data.classes) != (self.task.input_shape, self.task.classes):
            raise ConfigError(
                f"task must have the data's shape {data.input_shape} and {data.classes} classes; "
                f"got {self.task.input_shape} and {self.task.classes}. Mend 'task:'."
            )
        return data

    def data_on(self, device: str) -> ImageData:
        """The pictures on a torch device, moved there once a process.

        Raises:
            ConfigError: As `data`.
            DataError: As `data`.
        """
        return self.data if device == "cpu" else _moved(_Held(self.data), device)

    @property
    def teacher_recipe(self) -> TeacherRecipe:
        """The teacher's recipe, from `task.teacher`; what that leaves out is the recipe's default.

        Raises:
            ConfigError: If a setting is unknown.
        """
        settings = dict(self.task.teacher)
        training = settings.pop("training", {})
        if not isinstance(training, Mapping):
            raise ConfigError(f"'training' of the teacher must be a mapping; got {training!r}. Mend 'task: teacher:'.")
        _check_known("teacher", settings, TeacherRecipe)
        _check_known("teacher: training", training, TrainingRecipe)
        values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in settings.items()}
        defaults: dict[str, Any] = {"epochs": TeacherRecipe().training.epochs}
        return TeacherRecipe(**values, training=TrainingRecipe(**(defaults | dict(training))))

    @property
    def teacher_files(self) -> TeacherFiles:
        """Where the teacher is kept."""
        return TeacherFiles(self.home / "teachers", self.teacher_recipe.key(self.data.key))

    @property
    def teacher(self) -> Teacher:
        """The teacher, which must have been made.

        Raises:
            DataError: If it was not, or is damaged.
        """
        return _teacher(self.teacher_recipe, _Held(self.data), self.teacher_files)

    def network(self, architecture: Architecture, seed: int) -> nn.Module:
        """An untrained network, its weights drawn from the seed; torch's global generator is left as it was."""
        with torch.random.fork_rng(devices=[]):  # networks are made on the processor
            torch.default_generator.manual_seed(seed)
            return self.space.build(architecture, self.task)

    @contextmanager
    def limited_threads(self) -> Iterator[None]:
        """Within, torch computes with `threads` threads."""
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)


class _Held:
    """Data as an argument that does not count in a cache's key: the files' names hold its hash already."""

    def __init__(self, data: ImageData) -> None:
        self.data = data

    def __hash__(self) -> int:
        return hash(self.data.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held) and other.data.key == self.data.key


@lru_cache(maxsize=2)
def _data(name: str, options: str, folder: Path) -> ImageData:
    if name not in DATASETS:
        raise ConfigError(f"dataset must be one of {', '.join(DATASETS)}; got {name!r}. Change 'task: dataset:'.")
    return DATASETS[name](folder=folder, **json.loads(options))


@lru_cache(maxsize=2)
def _moved(held: _Held, device: str) -> ImageData:
    return held.data.to(device)


@lru_cache(maxsize=2)
def _teacher(recipe: TeacherRecipe, held: _Held, files: TeacherFiles) -> Teacher:
    return load_teacher(recipe, held.data, files)


def _check_known(what: str, settings: Mapping[str, Json], recipe: type) -> None:
    known = [entry.name for entry in fields(recipe)]
    if unknown := sorted(set(settings) - set(known)):
        raise ConfigError(
            f"settings of the {what} must be among {', '.join(known)}; got {', '.join(unknown)}. Mend 'task: teacher:'."
        )
