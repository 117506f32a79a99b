"""Evaluations from elsewhere: another study of the same database, a CSV file, or an Optuna study.

A CSV file has the columns `architecture` and `rung`, and `value` (the figure that the rung's signal names, as it is measured:
an accuracy in the objective's unit, a loss as a loss) or columns named after figures; empty cells are figures that are missing.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from pathlib import Path

from mfsearch.errors import ConfigError, DataError, SpaceError
from mfsearch.problems.base import Problem
from mfsearch.records import Architecture, Status
from mfsearch.session.optuna_trials import read_trials, shown_study
from mfsearch.store.sql import EventStore
from mfsearch.store.state import StudyState

_OPTUNA = "optuna:"

Rows = list[tuple[Architecture, str, Mapping[str, float]]]


def origin_of(source: str) -> str:
    """What a study remembers of a source: the source, without a password in it."""
    return _OPTUNA + shown_study(source.removeprefix(_OPTUNA)) if source.startswith(_OPTUNA) else source


def read_warm_start(source: str, problem: Problem, store: EventStore) -> Rows:
    """Evaluations of a study or file, as `Study.give` takes them.

    Args:
        source: Name of a study, a path that ends in `.csv`, or `optuna:STORAGE#STUDY`.
        problem: Gives the space, and what rungs call their figures.
        store: Where studies are.

    Raises:
        StudyError: If there is no such study.
        DataError: If the file or storage cannot be read, lacks a column, or holds a figure that is none.
        MissingExtraError: If it is of Optuna, which is not installed.
        SpaceError: If an architecture is not of the space.
    """
    if source.startswith(_OPTUNA):
        rows = read_trials(source.removeprefix(_OPTUNA), problem)
    else:
        rows = _from_file(Path(source), problem) if source.lower().endswith(".csv") else _from_study(source, problem, store)
    names = [rung.name for rung in problem.ladder.evaluations]
    if not any(rung in names for _, rung, _ in rows):
        raise ConfigError(
            f"warm start: {origin_of(source)} must hold evaluations of {', '.join(names)}; it holds none. Name another study or file."
        )
    return rows


def _from_study(name: str, problem: Problem, store: EventStore) -> Rows:
    state = StudyState.replay(store.events(name))
    return [
        (_parse(o.query.architecture.key, problem, f"study {name!r}"), o.query.rung, o.values)
        for o in state.observations
        if o.status is Status.OK
    ]


def _from_file(path: Path, problem: Problem) -> Rows:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            lines = [(reader.line_num, row) for row in reader]
            columns = reader.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"a warm start must be a readable CSV file; got {path}: {error}. Check the path.") from error
    if missing := {"architecture", "rung"} - set(columns):
        raise DataError(
            f"{path}: a warm start must have the columns architecture and rung; it lacks {', '.join(sorted(missing))}. "
            "Name them in the first line."
        )
    signals = {rung.name: rung.signal.removeprefix("-") for rung in problem.ladder.evaluations}
    rows: Rows = []
    for number, row in lines:
        rung, where = (row["rung"] or "").strip(), f"{path}:{number}"
        figures = {}
        for column in columns:
            written = row[column]
            if column not in ("architecture", "rung") and isinstance(written, str) and written.strip():
                figures[signals.get(rung, column) if column == "value" else column] = _number(written, column, where)
        rows.append((_parse(row["architecture"] or "", problem, where), rung, figures))
    return rows


def _number(text: str, column: str, where: str) -> float:
    try:
        figure = float(text)
    except ValueError:
        figure = math.nan
    if not math.isfinite(figure):
        raise DataError(f"{where}: {column} must be a finite number; got {text!r}. Mend it, or leave the cell empty.")
    return figure


def _parse(key: str, problem: Problem, where: str) -> Architecture:
    try:
        return problem.space.canonical(problem.space.parse(key))
    except SpaceError as error:
        raise SpaceError(f"warm start: {where}: {error}") from error
