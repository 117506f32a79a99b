"""Problems made of imported tables: a search among cells that somebody has trained, in simulated seconds.

A dataset of a table is a problem where it has validation accuracies. `X-valid`, where there is one, is X trained on a part of its
training set and validated on the rest: the search of X looks at that, and its test accuracy is X's own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from mfsearch.errors import ConfigError, DataError
from mfsearch.fidelities.base import AbstractFidelity
from mfsearch.fidelities.ladder import FidelityLadder
from mfsearch.fidelities.tabular import TabularEvaluation, TabularScores
from mfsearch.problems.base import LookUp, Oracle, Problem
from mfsearch.records import Objective
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.tables.about import About
from mfsearch.tables.importing import IMPORTERS
from mfsearch.tables.table import BenchmarkTable, column, read_about, read_table, table_names

DEFAULT_SCORES: Final = ("flops", "params", "synflow", "nwot", "jacov", "grad_norm")
FREE: Final = ("flops", "params")
NOTES: Final = (
    "Target values are means over 2-3 seeds charged as one run, costs are the table's training seconds without validation, "
    "GPU-hours are the benchmark's own."
)
SECONDS_PER_SCORE: Final = 0.2
_VALID: Final = "-valid"
_T = TypeVar("_T")


def problem_name(table: str, dataset: str) -> str:
    """What the problem of a dataset is called."""
    return f"{table}-{dataset.lower()}"


def found(home: Path) -> dict[str, Callable[..., Problem]]:
    """Every problem of the imported tables, by name: `<table>-<dataset>` in lower case. Tables that cannot be read have none."""
    problems: dict[str, Callable[..., Problem]] = {}
    for table in table_names(home):
        try:
            about = read_about(home, table)
        except DataError:
            continue  # `mfsearch data list` says what is wrong with it
        for dataset in searchable(about):
            problems[problem_name(table, dataset)] = partial(tabular, table=table, dataset=dataset)
    return problems


def searchable(about: About) -> list[str]:
    """Datasets of a table of cells that can be searched, sorted; not those that are only what another one is searched with."""
    if about.kind not in IMPORTERS:
        return []
    names = {
        name.removesuffix(_VALID) if "test" in about.datasets.get(name.removesuffix(_VALID), {}) else name
        for name in about.datasets
    }
    return sorted(name for name in names if _search_dataset(about, name) is not None)


def tabular(
    home: Path,
    table: str,
    dataset: str,
    proxies: Sequence[str] | None = None,
    schedules: Sequence[int] | None = None,
) -> Problem:
    """The problem of one dataset of a table.

    A class of equal cells has the figures of its member with the lowest index that has all of them; nothing is averaged. A score
    that the class's own representative lacks is that of the lowest-index member with a row.

    Args:
        home: Folder that holds `tables/`.
        table: Name of the table.
        dataset: Name of the dataset, in any case.
        proxies: Scores of the lowest rung, an empty list for none; None for those of `DEFAULT_SCORES` that the table has.
        schedules: Epochs of the evaluation rungs; None for all that the table has, ascending. The last is the target.

    Raises:
        DataError: If there is no such table, or it cannot be read, or lacks what the problem needs.
        ConfigError: If a score or schedule is not in the table.
    """
    read = read_table(home, table)
    about = read.about
    dataset = _named(about, dataset)
    search = _search_dataset(about, dataset)
    if search is None:
        raise DataError(
            f"dataset {dataset!r} of table {table!r} must have validation accuracies; it has none. Import a table that has."
        )
    rungs = _schedules(about, search, schedules)
    columns = {n: column(read.results, search, "val", n) for n in rungs}
    complete = set.intersection(*(set(values) & set(seconds) for values, seconds in columns.values()))
    cells = [cell for cell in _order(read.results) if cell in complete]
    if not cells:
        raise DataError(
            f"dataset {search!r} of table {table!r} must have accuracy and training seconds after "
            f"{', '.join(map(str, rungs))} epochs for some cell; it has none. Import a table that has."
        )
    space = NASBench201Space(cells)
    leader = {member.key: a.key for a in space.enumerate() for member in space.members(a)}
    test = column(read.results, dataset, "test", rungs[-1])[0]
    ladder: list[AbstractFidelity] = []
    used, origin = _score_columns(read, dataset, proxies)
    if used:
        rows = _of_class(_score_rows(read.scores, space, used, origin), leader)
        ladder.append(TabularScores("proxies", used, rows, free=FREE, seconds_per_score=SECONDS_PER_SCORE))
    shared = {n: (_of_class(values, leader), _of_class(seconds, leader)) for n, (values, seconds) in columns.items()}
    ladder += [TabularEvaluation(f"e{n}", values, seconds, resource=float(n)) for n, (values, seconds) in shared.items()]
    target = [columns[rungs[-1]][0][cell] for cell in cells]  # of every row, also those that no class is represented by
    truth, tested = LookUp(shared[rungs[-1]][0]), LookUp(_of_class(test, leader))
    return Problem(
        name=problem_name(table, dataset),
        space=space,
        ladder=FidelityLadder(ladder),
        objective=Objective("val_accuracy", "maximise", "percent"),
        virtual=True,
        recommend="predicted",
        oracle=Oracle(max(target), max(target) - min(target), truth, tested if test else None),
        description=_description(about, table, dataset, len(space.enumerate()), len(cells), origin),
    )


def _of_class(column: Mapping[str, _T], leader: Mapping[str, str]) -> dict[str, _T]:
    """For every cell, what its class's representative has."""
    return {cell: column[first] for cell, first in leader.items() if first in column}


def _named(about: About, dataset: str) -> str:
    """The table's own spelling of a dataset."""
    if dataset in about.datasets:
        return dataset
    for name in about.datasets:
        if name.lower() == dataset.lower() or name.lower() == dataset.lower() + _VALID:
            return name if name.lower() == dataset.lower() else name[: -len(_VALID)]
    raise DataError(f"a dataset must be one of {', '.join(searchable(about))}; got {dataset!r}. Choose one of them.")


def _search_dataset(about: About, dataset: str) -> str | None:
    """Where the validation accuracies are that a search of this dataset looks at."""
    for name in (dataset + _VALID, dataset):
        if any(about.datasets.get(name, {}).get("val", {}).values()):
            return name
    return None


def _schedules(about: About, search: str, wanted: Sequence[int] | None) -> list[int]:
    known = sorted(n for n, count in about.datasets[search]["val"].items() if count)
    if wanted is None:
        return known
    if not wanted or list(wanted) != sorted(set(wanted)) or not set(wanted) <= set(known):
        raise ConfigError(
            f"schedules must be some of {', '.join(map(str, known))}, ascending; got {', '.join(map(str, wanted)) or 'none'}. Mend them."
        )
    return list(wanted)


def _order(results: pa.Table) -> list[str]:
    """All cells, in the order of the benchmark's numbers; those without a number last, as they come."""
    names, numbers = results["architecture"].to_pylist(), results["index"].to_pylist()
    number = dict(zip(reversed(names), reversed(numbers), strict=True))
    return sorted(dict.fromkeys(names), key=lambda cell: (number[cell] is None, number[cell] or 0))


def _score_columns(read: BenchmarkTable, dataset: str, wanted: Sequence[str] | None) -> tuple[list[str], dict[str, str | None]]:
    """Scores of the lowest rung, and the dataset that each was computed on (None: any)."""
    known = list(read.about.scores)
    if wanted is not None and (not set(wanted) <= set(known) or len(set(wanted)) < len(wanted)):
        raise ConfigError(
            f"proxies must be some of {', '.join(known) or 'none, for the table has none'}, each once; got {', '.join(wanted)}. Mend them."
        )
    used = [name for name in (DEFAULT_SCORES if wanted is None else wanted) if name in known]
    origin: dict[str, str | None] = {}
    for name in used:
        held = read.scores.filter(pc.is_valid(read.scores[name]))["dataset"].unique().to_pylist()
        # Its own figures first, then those that hold for every dataset, then whatever there is.
        own = [other for other in (dataset, dataset + _VALID, None) if other in held]
        origin[name] = own[0] if own else min(held)
    return used, origin


def _score_rows(
    scores: pa.Table, space: NASBench201Space, columns: list[str], origin: Mapping[str, str | None]
) -> dict[str, tuple[float | None, ...]]:
    """Representative's key -> figures. Columns that were measured together are taken from the same member's row."""
    rows: dict[str, list[float | None]] = {a.key: [None] * len(columns) for a in space.enumerate()}
    for free in (True, False):
        for dataset in {origin[name] for name in columns if (name in FREE) is free}:
            group = [i for i, name in enumerate(columns) if (name in FREE) is free and origin[name] == dataset]
            own = scores.filter(pc.is_null(scores["dataset"]) if dataset is None else pc.equal(scores["dataset"], dataset))
            figures = zip(*(own[columns[i]].to_pylist() for i in group), strict=True)
            held = dict(zip(own["architecture"].to_pylist(), figures, strict=True))
            for representative in space.enumerate():
                for member in space.members(representative):
                    row = held.get(member.key)
                    if row is not None and any(figure is not None for figure in row):
                        for i, figure in zip(group, row, strict=True):
                            rows[representative.key][i] = figure
                        break
    return {key: tuple(figures) for key, figures in rows.items()}


def _description(about: About, table: str, dataset: str, classes: int, cells: int, origin: Mapping[str, str | None]) -> str:
    """What every result should carry with it."""
    foreign = {name: other for name, other in origin.items() if other not in (None, dataset, dataset + _VALID)}
    others = ", ".join(sorted({str(other) for other in foreign.values()}))
    scores = f" {dataset} has no {', '.join(foreign)} of its own and takes those of {others}." if foreign else ""
    return f"{dataset} of table {table!r} ({about.source}): {cells:,} cells in {classes:,} classes.{scores} {NOTES}"
