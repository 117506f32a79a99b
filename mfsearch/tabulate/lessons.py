"""What a predictor learns from: many small tasks, each a part of a data set with a teacher of its own, and students distilled from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, Literal

import numpy as np
from pydantic import Field, JsonValue, model_validator

from mfsearch.config import Component, Section, StudyConfig
from mfsearch.errors import ConfigError
from mfsearch.metaprediction.learning import MetaRecipe

Group = Literal["learn", "validate", "test"]
GROUPS: Final[tuple[Group, ...]] = ("learn", "validate", "test")
_DRAWS = 1_000  # tries to find a task that is none of the others


class ClassesConfig(Section):
    """Which classes a task has.

    Attributes:
        total: Classes of the data set.
        each: Numbers of classes of a task, one of them drawn.
        held_out: Classes that no task to learn from has, and every other one has as far as there is room.
    """

    total: int = Field(ge=2)
    each: tuple[int, ...] = Field(strict=False, min_length=1)
    held_out: tuple[int, ...] = Field(default=(), strict=False)

    @model_validator(mode="after")
    def _possible(self) -> ClassesConfig:
        known = set(range(self.total))
        if not set(self.held_out) <= known or len(set(self.held_out)) < len(self.held_out):
            raise ValueError(f"held_out must be numbers from 0 to {self.total - 1}, each once; got {list(self.held_out)}")
        if min(self.each) < 2 or max(self.each) > self.total - len(self.held_out):
            raise ValueError(
                f"each must be from 2 to the {self.total - len(self.held_out)} classes that are not held out; got {list(self.each)}"
            )
        return self


class CountsConfig(Section):
    """How many tasks: to learn from, to choose the episode by, and to judge by, once."""

    learn: int = Field(default=16, ge=1)
    validate_by: int = Field(default=3, ge=0, alias="validate")
    test: int = Field(default=6, ge=0)


class FurtherConfig(Section):
    """Further tasks to learn from, of another kind.

    Attributes:
        learn: How many.
        vary: In place of `vary` of the others.
        each: In place of `classes: each`; None: the same.
    """

    learn: int = Field(ge=1)
    vary: Mapping[str, list[JsonValue]] = Field(strict=False)
    each: tuple[int, ...] | None = Field(default=None, strict=False, min_length=1)


class RecipeConfig(Section):
    """How the predictor learns; see `mfsearch.metaprediction.learning.MetaRecipe`."""

    episodes: int = Field(default=MetaRecipe.episodes, ge=1)
    queries: int = Field(default=MetaRecipe.queries, ge=1)
    learning_rate: float = Field(default=MetaRecipe.learning_rate, gt=0, strict=False)
    inner_rate: float = Field(default=MetaRecipe.inner_rate, gt=0, strict=False)
    validate_every: int = Field(default=MetaRecipe.validate_every, ge=1)
    width: int = Field(default=MetaRecipe.width, ge=1)


class MetaConfig(Section):
    """All that a predictor is made from.

    Attributes:
        base: What the tasks have in common: space, task and ladder, as a search has them; the last rung labels the students, score rungs
            are what the predictor is compared with.
        classes: Which classes a task has.
        vary: Options of the data set -> values, one of which is drawn for each task.
        teachers: Options of the teacher, likewise.
        students: Of each task, at random.
        tasks: How many.
        further: Tasks to learn from besides; more of them leave the others as they are.
        scores: Scores that the predictor is told; those that are not free make it slow.
        recipe: How it learns.
        seed: Of tasks, students and learning.
    """

    base: StudyConfig
    classes: ClassesConfig
    vary: Mapping[str, list[JsonValue]] = Field(default_factory=dict, strict=False)
    teachers: Mapping[str, list[JsonValue]] = Field(default_factory=dict, strict=False)
    students: int = Field(default=40, ge=4)
    tasks: CountsConfig = CountsConfig()
    further: tuple[FurtherConfig, ...] = Field(default=(), strict=False)
    scores: tuple[str, ...] = Field(default=("params", "flops"), strict=False)
    recipe: RecipeConfig = RecipeConfig()
    seed: int = Field(default=0, ge=0, lt=2**31)

    @model_validator(mode="after")
    def _described(self) -> MetaConfig:
        if self.base.space is None or self.base.task is None:
            raise ValueError("base must have a space, a task and a ladder; it names a problem. Write them out")
        for name, values in chain(self.vary.items(), self.teachers.items(), *(kind.vary.items() for kind in self.further)):
            if not values:
                raise ValueError(f"what is drawn for {name!r} must be a list of one or more values; got none")
        for kind in self.further:
            self.with_kind(kind)  # its classes must be possible, too
        return self

    def with_kind(self, kind: FurtherConfig) -> MetaConfig:
        """The same with the data of further tasks of a kind."""
        classes = self.classes if kind.each is None else ClassesConfig(**{**self.classes.model_dump(), "each": kind.each})
        return self.model_copy(update={"vary": kind.vary, "classes": classes})

    @property
    def learning(self) -> MetaRecipe:
        """How the predictor learns."""
        return MetaRecipe(**self.recipe.model_dump(), seed=self.seed)


@dataclass(frozen=True)
class Lesson:
    """One task.

    Attributes:
        name: Such as `learn-03`.
        group: What it is for.
        config: A search's config: its table holds the students.
    """

    name: str
    group: Group
    config: StudyConfig


def lessons(config: MetaConfig) -> list[Lesson]:
    """All tasks of a config; no two have the same data and teacher.

    Raises:
        ConfigError: If there are not so many different ones.
    """
    counts = {"learn": config.tasks.learn, "validate": config.tasks.validate_by, "test": config.tasks.test}
    parts: list[tuple[Group, int, int, MetaConfig]] = [(group, 0, counts[group], config) for group in GROUPS]
    first = config.tasks.learn
    for kind in config.further:
        parts.append(("learn", first, first + kind.learn, config.with_kind(kind)))
        first += kind.learn
    found: list[Lesson] = []
    seen: set[str] = set()
    rng = np.random.default_rng([config.seed, 0])
    for group, start, stop, kinds in parts:
        for number in range(start, stop):
            for _ in range(_DRAWS):
                task = _drawn(kinds, group, rng)
                if str(task) not in seen:
                    break
            else:
                raise ConfigError(
                    f"the tasks must all differ; {len(found)} were found, and no other one in {_DRAWS} draws. Vary more, or ask for fewer tasks."
                )
            seen.add(str(task))
            own = {"task": task, "seed": config.seed + 1 + len(found)}
            found.append(Lesson(f"{group}-{number:02d}", group, config.base.model_copy(update=own)))
    return found


def _drawn(config: MetaConfig, group: Group, rng: np.random.Generator) -> Component:
    assert config.base.task is not None  # checked with the config
    chosen = {name: values[int(rng.integers(len(values)))] for name, values in config.vary.items()}
    teacher: dict[str, Any] = {name: values[int(rng.integers(len(values)))] for name, values in config.teachers.items()}
    options = dict(config.base.task.options)
    before = options.get("teacher", {})
    merged: dict[str, Any] = {**(before if isinstance(before, Mapping) else {}), **teacher}
    return config.base.task.model_copy(
        update={"options": {**options, **chosen, "classes": _classes(config.classes, group, rng), "teacher": merged}}
    )


def _classes(config: ClassesConfig, group: Group, rng: np.random.Generator) -> list[int]:
    """Drawn classes in ascending order."""
    size = config.each[int(rng.integers(len(config.each)))]
    held_out = [int(number) for number in rng.permutation(config.held_out)]
    others = [int(number) for number in rng.permutation([n for n in range(config.total) if n not in config.held_out])]
    return sorted(others[:size] if group == "learn" else [*held_out, *others][:size])
