"""What a study has measured as tables: one row an evaluation, one row a scored architecture; Arrow, pandas, Parquet, CSV."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import csv, parquet

from mfsearch.errors import ConfigError, MissingExtraError
from mfsearch.records import Observation
from mfsearch.report.views import known_at
from mfsearch.store.state import StudyState

_ENDINGS = (".parquet", ".csv")


def observations_table(state: StudyState) -> pa.Table:
    """One row an evaluation that has ended, in the order in which they ended.

    | column | type | is |
    |---|---|---|
    | `observation` | int64 | its place, from 0: the step of trackers |
    | `evaluation` | int64 | its number, as reports and logs show it |
    | `architecture` | string | key of the architecture |
    | `rung` | string | where it was evaluated |
    | `seed` | int64 | of everything random in it; 0 where it was given |
    | `status` | string | `ok`, `failed`, `lost` or `cut` |
    | `value` | double | what is maximised: the rung's figure, a loss turned around; null unless `ok` |
    | `noise` | double | standard deviation of the value, where it is known |
    | `figure.NAME` | double | every measured figure, in its own unit; null where the evaluation has none |
    | `seconds` | double | device seconds charged; 0 where it was given |
    | `expected_seconds` | double | device seconds expected when it was asked; null where it was given |
    | `spent_seconds` | double | device seconds of the whole study when it was known; 0 where it was given |
    | `told_at` | timestamp, microseconds, UTC | when it was stored |
    | `reason` | string | why it was asked, in words |
    | `origin` | string | where it was given from; null where it was asked |
    | `why` | string | all figures that decided; a JSON object |
    | `message` | string | why it failed, or empty |
    | `extras` | string | whatever else the fidelity returned; a JSON object |
    | `artifacts` | string | files by role; a JSON object |
    """
    done = state.observations
    names = dict.fromkeys(name for o in done for name in o.values)
    columns: dict[str, Any] = {
        "observation": pa.array(range(len(done)), pa.int64()),
        "evaluation": pa.array([o.query.id for o in done], pa.int64()),
        "architecture": _text(o.query.architecture.key for o in done),
        "rung": _text(o.query.rung for o in done),
        "seed": pa.array([o.query.seed for o in done], pa.int64()),
        "status": _text(o.status.value for o in done),
        "value": _doubles(o.value for o in done),
        "noise": _doubles(o.noise for o in done),
        **{f"figure.{name}": _doubles(o.values.get(name) for o in done) for name in names},
        "seconds": _doubles(o.seconds for o in done),
        "expected_seconds": _doubles(state.expected.get(o.query.id) for o in done),
        "spent_seconds": _doubles(known_at(state)),
        "told_at": pa.array([round(at * 1e6) for at in state.told_at], pa.timestamp("us", "UTC")),
        "reason": _text(_word(o, "reason") for o in done),
        "origin": _text(_word(o, "origin") for o in done),
        "why": _text(_json(o.query.why) for o in done),
        "message": _text(o.message for o in done),
        "extras": _text(_json(o.extras) for o in done),
        "artifacts": _text(_json(o.artifacts) for o in done),
    }
    return pa.table(columns)


def scores_table(state: StudyState) -> pa.Table:
    """One row a scored architecture, in order of appearance: `architecture`, and `RUNG.SCORE` for every score, null where it is missing."""
    keys = [key for key in state.architectures if any(key in known for known in state.scores.values())]
    columns: dict[str, Any] = {"architecture": _text(keys)}
    for rung, names in state.score_columns.items():
        known = state.scores.get(rung, {})
        for place, name in enumerate(names):
            columns[f"{rung}.{name}"] = _doubles(known[key][place] if key in known else None for key in keys)
    return pa.table(columns)


def observations_frame(state: StudyState) -> Any:
    """The columns of `observations_table` as a `pandas.DataFrame`.

    Raises:
        MissingExtraError: If pandas is not installed.
    """
    return _frame(observations_table(state))


def scores_frame(state: StudyState) -> Any:
    """The columns of `scores_table` as a `pandas.DataFrame`.

    Raises:
        MissingExtraError: If pandas is not installed.
    """
    return _frame(scores_table(state))


def check_ending(path: Path) -> Path:
    """Check that a table can be written to a file of this name.

    Raises:
        ConfigError: If it ends neither in `.parquet` nor in `.csv`.
    """
    if path.suffix.lower() not in _ENDINGS:
        raise ConfigError(f"a table must be a file that ends in {' or '.join(_ENDINGS)}; got {str(path)!r}. Name it so.")
    return path


def write_table(table: pa.Table, path: Path) -> Path:
    """Write Parquet or CSV, as the file's name ends; its absolute path.

    Raises:
        ConfigError: If it ends otherwise, or cannot be written.
    """
    path = check_ending(path.expanduser().absolute())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        (parquet.write_table if path.suffix.lower() == ".parquet" else csv.write_csv)(table, path)
    except OSError as error:
        raise ConfigError(f"a table must be writable; got {path}: {error}. Name another file.") from error
    return path


def _frame(table: pa.Table) -> Any:
    try:
        importlib.import_module("pandas")  # which Arrow imports by itself, and says less
    except ImportError as error:
        raise MissingExtraError("pandas", "pandas", "A data frame") from error
    return table.to_pandas()


def _doubles(figures: Iterable[float | None]) -> pa.Array:
    return pa.array([None if figure is None else float(figure) for figure in figures], pa.float64())


def _text(words: Iterable[str | None]) -> pa.Array:
    return pa.array(list(words), pa.string())


def _word(observation: Observation, name: str) -> str | None:
    word = observation.query.why.get(name)
    return None if word is None else str(word)


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(dict(value), ensure_ascii=False) if value else "{}"
