"""Evaluations from an Optuna study (`pip install 'mfsearch[optuna]'`), read through Optuna itself."""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from mfsearch.errors import DataError, MissingExtraError, SpaceError
from mfsearch.problems.base import Problem
from mfsearch.records import Architecture
from mfsearch.store.schema import shown

_RANGE: Mapping[str, float] = {"percent": 100.0, "fraction": 1.0}


def shown_study(source: str) -> str:
    """`STORAGE#STUDY` for readers: without the storage's password."""
    storage, mark, study = source.partition("#")
    return f"{shown(storage) if '://' in storage else storage}{mark}{study}"


def read_trials(source: str, problem: Problem) -> list[tuple[Architecture, str, Mapping[str, float]]]:
    """Completed trials of an Optuna study, as `Study.give` takes them.

    The parameters of a trial are the architecture: hyper-parameters by name, or one parameter or user attribute `architecture`, its key.
    The user attribute `rung` names the rung, the target where there is none. The trial's value is the figure that the rung's
    signal names; it is turned around where the study's direction is not that of the figure.

    Args:
        source: `STORAGE#STUDY`: a database URL, or the path of a journal file; the study may be left out where there is one.
        problem: Gives the space, and what rungs call their figures.

    Raises:
        MissingExtraError: If Optuna is not installed.
        DataError: If there is no such study, it has several objectives, or a value cannot be used.
        SpaceError: If a trial's parameters are no architecture of the space.
    """
    try:
        optuna: Any = importlib.import_module("optuna")
    except ImportError as error:
        raise MissingExtraError("Optuna", "optuna", "A warm start from an Optuna study") from error
    study, name = _load(optuna, source)
    if len(study.directions) != 1:
        raise DataError(
            f"warm start: an Optuna study must have one objective; {name} has {len(study.directions)}. Write a CSV file of the one you mean."
        )
    upwards = study.direction == optuna.study.StudyDirection.MAXIMIZE
    rungs = {rung.name: rung for rung in problem.ladder.evaluations}
    rows: list[tuple[Architecture, str, Mapping[str, float]]] = []
    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,)):
        where = f"trial {trial.number} of {name}"
        rung = str(trial.user_attrs.get("rung", problem.ladder.target.name))
        architecture = _architecture(trial.params, trial.user_attrs, problem, where)
        figures = {}
        if rung in rungs:
            signal = rungs[rung].signal
            value = trial.value if upwards else -trial.value
            # What the figure of a value is: `oriented` turns it around, or leaves it.
            figure = value * problem.objective.oriented(signal, 1.0)
            _check(figure, signal.removeprefix("-"), problem, where)
            figures = {signal.removeprefix("-"): figure}
        rows.append((architecture, rung, figures))
    return rows


def _load(optuna: Any, source: str) -> tuple[Any, str]:
    """The study, and what it is called in messages."""
    storage, _, name = source.partition("#")
    try:
        if "://" in storage:
            database = make_url(storage)
            path = database.database if database.get_backend_name() == "sqlite" else None
        else:
            path = storage
        # Optuna would make an empty one.
        if path is not None and not Path(path).is_file():
            raise DataError(f"warm start: the storage of an Optuna study must be there; got {storage!r}. Check the path.")
        kept: Any = storage
        if "://" not in storage:
            kept = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(storage))
        names = optuna.get_all_study_names(kept)
        if (name or len(names) != 1) and name not in names:
            raise DataError(
                f"warm start: an Optuna study must be STORAGE#STUDY; {shown_study(storage)} has {', '.join(names) or 'none'}; got {name!r}. "
                "Name one of them."
            )
        study = optuna.load_study(study_name=name or names[0], storage=kept)
    except ArgumentError as error:
        raise DataError(
            f"warm start: the storage of an Optuna study must be a database URL, or a journal file; got {storage!r}. Write for "
            "example optuna:sqlite:///optuna.db#STUDY."
        ) from error
    except DataError:
        raise
    except Exception as error:  # of the database's, its driver's, or Optuna's own
        cause = " ".join(str(error).split()).rstrip(".")[:300]
        raise DataError(
            f"warm start: an Optuna study must be readable; got {shown_study(source)}: {cause}. Check the storage."
        ) from error
    return study, f"Optuna study {study.study_name!r}"


def _architecture(parameters: Mapping[str, Any], attributes: Mapping[str, Any], problem: Problem, where: str) -> Architecture:
    key = parameters.get("architecture", attributes.get("architecture"))
    try:
        return problem.space.canonical(problem.space.parse(str(key) if key is not None else json.dumps(dict(parameters))))
    except SpaceError as error:
        raise SpaceError(f"warm start: {where}: {error}") from error


def _check(figure: float, name: str, problem: Problem, where: str) -> None:
    """Check that a figure can be what it is called.

    Raises:
        DataError: If it cannot.
    """
    most = _RANGE.get(problem.objective.unit, math.inf) if name == problem.objective.signal else math.inf
    if not math.isfinite(figure) or (most < math.inf and not 0 <= figure <= most):
        unit = f"{name} from 0 to {most:g}" if most < math.inf else f"finite {name}"
        raise DataError(
            f"warm start: {where}: its value must be a {unit}; it stands for {figure:g}. Write a CSV file of what was measured."
        )
