"""Meta-training: tables of students, a predictor that learns from them, and what it is worth on tasks that it has not seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from mfsearch.build import build_device
from mfsearch.errors import DataError
from mfsearch.fidelities.base import Context
from mfsearch.fidelities.distillation import Distillation
from mfsearch.fidelities.told import Told
from mfsearch.metaprediction.learning import Learned, MetaRecipe, MetaTask, correlation, meta_train, rank_correlation
from mfsearch.metaprediction.signature import noise
from mfsearch.metaprediction.storage import About, write_predictor
from mfsearch.networks.base import AbstractFeatureNetwork
from mfsearch.tables.measured import Measured
from mfsearch.tabulate.building import Order, build_table
from mfsearch.tabulate.lessons import Lesson, MetaConfig, lessons
from mfsearch.tabulate.measure import Setting, load

PREDICTOR: Final = "predictor.safetensors"


@dataclass(frozen=True, eq=False)
class Lecture:
    """A task with its students labelled.

    Attributes:
        lesson: What it is.
        task: What the predictor learns from it.
        scores: Score -> its figures, n, NaN where undefined; what the predictor is compared with.
    """

    lesson: Lesson
    task: MetaTask
    scores: dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Verdict:
    """Rank correlations with the distilled accuracy on the tasks that were held back.

    Attributes:
        tasks: Names.
        of: Predictor or score -> a Spearman correlation a task.
    """

    tasks: tuple[str, ...]
    of: dict[str, tuple[float, ...]]


def meta_training(
    config: MetaConfig, home: Path, out: Path, jobs: int, allow_code: bool, say: Callable[[str], None]
) -> tuple[Path, Verdict]:
    """Label the students, learn, judge, and write predictor and model card.

    Args:
        config: What is learned from.
        home: Folder of teachers and data.
        out: Folder of the tasks' tables, the predictor and its card; what is there already is gone on with.
        jobs: Processes that train students.
        allow_code: Whether code named in the config may run.
        say: Told what is done.

    Returns:
        The predictor's file, and how it ranks the students of tasks that it has not seen.

    Raises:
        ConfigError: If the tasks cannot be built.
        DataError: If the ladder does not end in a distillation, or learning fails.
        InterruptedSearchError: On Ctrl-C or SIGTERM; what is labelled is kept.
    """
    lectures, channels = given(config, home, out, jobs, allow_code, say)
    found = learn(lectures, config.learning, say)
    verdict = Verdict((), {})
    if any(one.lesson.group == "test" for one in lectures):
        without = learn(lectures, replace(config.learning, adapt=False))
        verdict = compare(found, without, lectures)
    first = lectures[0].task.students
    space = config.base.space
    assert space is not None  # checked with the config
    width, anchors = config.learning.width, len(found.model.anchors)
    about = About(space.use, first.encodings.shape[1], channels, config.scores, width, anchors, _card(config, verdict))
    write_predictor(out / PREDICTOR, found, about)
    return out / PREDICTOR, verdict


def given(
    config: MetaConfig, home: Path, out: Path, jobs: int, allow_code: bool, say: Callable[[str], None]
) -> tuple[list[Lecture], int]:
    """All tasks with their students labelled; what is missing is measured.

    Args:
        config: What is learned from.
        home: Folder of teachers and data.
        out: Folder of the tasks' tables; what is there already is gone on with.
        jobs: Processes that train students.
        allow_code: Whether code named in the config may run.
        say: Told what is done.

    Returns:
        The tasks, and the channels of the widest last map, which all signatures are filled up to.

    Raises:
        ConfigError: If the tasks cannot be built.
        DataError: If the ladder does not end in a distillation.
        InterruptedSearchError: On Ctrl-C or SIGTERM; what is labelled is kept.
    """
    planned = lessons(config)
    settings = [Setting(lesson.config, home, None, allow_code) for lesson in planned]
    Told(_target(settings[0]).live, 0, config.scores)  # what it would refuse, it refuses before anything is trained
    measured = []
    for number, (lesson, setting) in enumerate(zip(planned, settings, strict=True), start=1):
        say(f"Task {number} of {len(planned)}, {lesson.name}.")
        measured.append((setting, build_table(Order(setting, out / "tasks" / lesson.name, config.students, 0, jobs), say)))
    channels = max(_channels(setting, table) for setting, table in measured)
    parts = zip(planned, measured, strict=True)
    return [lecture(lesson, setting, table, channels, config.scores) for lesson, (setting, table) in parts], channels


def learn(lectures: Sequence[Lecture], recipe: MetaRecipe, say: Callable[[str], None] = lambda text: None) -> Learned:
    """A predictor of the tasks to learn from, its episode chosen on those to validate by; the tasks to judge by are not looked at.

    Args:
        lectures: Tasks of any group.
        recipe: How.
        say: Told now and then how far it is.

    Raises:
        DataError: If there is no task to learn from, or the error is not finite.
    """
    parts = {group: [one.task for one in lectures if one.lesson.group == group] for group in ("learn", "validate")}
    return meta_train(parts["learn"], recipe, parts["validate"], lambda *seen: say(_progress(*seen)))


def compare(found: Learned, without: Learned, lectures: Sequence[Lecture]) -> Verdict:
    """The predictor, the same without the step on the teacher, every score, and the scores' least-squares combination.

    The combination is fitted on the tasks that are learned from, scores and accuracies standardised within each task.
    """
    tested = [one for one in lectures if one.lesson.group == "test"]
    learned = [one for one in lectures if one.lesson.group == "learn"]
    of: dict[str, tuple[float, ...]] = {
        "dass": tuple(correlation(found, one.task) for one in tested),
        "dass without adaptation": tuple(correlation(without, one.task) for one in tested),
    }
    names = list(lectures[0].scores)
    if names:
        X = np.concatenate([_standard(one.scores, names) for one in learned])
        y = np.concatenate([_unit(one.task.accuracies.numpy()) for one in learned])
        weights, *_ = np.linalg.lstsq(X, y, rcond=None)
        of["least squares of the scores"] = tuple(
            rank_correlation(_standard(one.scores, names) @ weights, one.task.accuracies.numpy()) for one in tested
        )
        for name in names:
            of[name] = tuple(rank_correlation(_last(one.scores[name]), one.task.accuracies.numpy()) for one in tested)
    return Verdict(tuple(one.lesson.name for one in tested), of)


def lecture(lesson: Lesson, setting: Setting, table: Measured, channels: int, scores: Sequence[str]) -> Lecture:
    """A task whose students are measured.

    Args:
        lesson: The task.
        setting: How its students were measured.
        table: What they reached.
        channels: Channels that signatures are filled up to.
        scores: What the predictor is told.

    Raises:
        DataError: If the ladder does not end in a distillation with a teacher, the teacher was not made, or a network has more channels.
    """
    target = table.about.rungs[-1]
    labels = {key: fmean(found) / 100 for key, found in table.figures(target.name, table.about.objective.signal).items()}
    problem = load(setting)
    students = [problem.space.parse(key) for key in labels]
    live = _target(setting).live
    context = Context(lesson.config.seed, math.inf, Path(), build_device(lesson.config))
    with live.limited_threads():
        told = Told(live, channels, scores)
        task = MetaTask(lesson.name, told.students(students, context), torch.tensor(list(labels.values())), told.support)
    columns = {
        column: np.array([next(iter(figures.get(key, ())), None) for key in labels], dtype=np.float64)
        for rung in table.about.rungs
        if rung.kind == "score"
        for column in rung.columns
        for figures in [table.figures(rung.name, column)]
    }
    return Lecture(lesson, task, columns)


def _target(setting: Setting) -> Distillation:
    target = load(setting).ladder.target
    if not isinstance(target, Distillation) or not target.learns_from_teacher:
        raise DataError(
            f"the last rung must train students with a teacher for a predictor to learn from; {target.name!r} does not. "
            "Let the ladder end with 'use: distillation'."
        )
    return target


def _channels(setting: Setting, table: Measured) -> int:
    """Channels of the widest last map, of the teacher and of the students that were labelled."""
    problem, live = load(setting), _target(setting).live
    picture = noise(live.task.input_shape)
    students = (live.network(problem.space.parse(key), 0) for key in table.architectures)
    networks = (live.teacher.outputs.network, *students)
    return max(len(one.eval().forward_features(picture)[-3][0]) for one in networks if isinstance(one, AbstractFeatureNetwork))


def _standard(scores: dict[str, NDArray[np.float64]], names: Sequence[str]) -> NDArray[np.float64]:
    return np.stack([_unit(np.sign(x) * np.log1p(np.abs(x))) for x in (_last(scores[name]) for name in names)], axis=1)


def _last(figures: NDArray[np.float64]) -> NDArray[np.float64]:
    """An undefined score ranks last."""
    return np.where(np.isnan(figures), np.nanmin(figures) if np.isfinite(figures).any() else 0.0, figures)


def _unit(x: NDArray[Any]) -> NDArray[np.float64]:
    spread = float(np.std(x))
    centred: NDArray[np.float64] = np.asarray(x - np.mean(x), dtype=np.float64)
    return centred / spread if spread > 0 else centred


def _progress(episode: int, missed: float, reached: float) -> str:
    if not episode:
        return f"The regression alone: correlation on the validation tasks {reached:.3f}."
    return (
        f"Episode {episode}: error {missed:.3f} (1: the spread within a task), correlation on the validation tasks {reached:.3f}."
    )


def _card(config: MetaConfig, verdict: Verdict) -> dict[str, Any]:
    """Model card: what was learned from, and how well it ranks what it has not seen."""
    made = config.model_dump(mode="json", by_alias=True, exclude={"base": {"data", "name", "budget", "execution", "policy"}})
    made["base"]["task"].pop("path", None)  # where the pictures lay is nobody's business
    return {
        "config": made,
        "tested on": list(verdict.tasks),
        "spearman": {name: list(found) for name, found in verdict.of.items()},
    }
