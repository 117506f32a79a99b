"""Building a table: architectures on several processes, shards as they come, and going on after a stop."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Final

from mfsearch.build import build_device
from mfsearch.errors import ConfigError, InterruptedSearchError, SearchFailedError
from mfsearch.execution.processes import each_in_a_process
from mfsearch.fidelities.base import Context
from mfsearch.tables.measured import Measured, MeasuredAbout, MeasuredRow, merged, read_measured, to_rows, write_measured
from mfsearch.tabulate.measure import Setting, Task, describe, load, measure
from mfsearch.tabulate.plan import Planned, around, sampled
from mfsearch.units import format_seconds

SHARD: Final = 16
"""Architectures a shard. The last one is written anew with every architecture, so that a stop loses no more than what runs."""
TABLE: Final = "table.parquet"


@dataclass(frozen=True)
class Order:
    """What a table is to hold.

    Attributes:
        setting: How it is measured.
        out: Folder of shards and table.
        architectures: Size of the random sample.
        best: How many of its best get all their neighbours measured as well; 0 for none.
        jobs: Processes.
    """

    setting: Setting
    out: Path
    architectures: int
    best: int = 0
    jobs: int = 1

    def __post_init__(self) -> None:
        if self.architectures < 1 or self.best < 0 or self.jobs < 1:
            raise ConfigError(
                f"architectures and jobs must be 1 or more, and best 0 or more; got {self.architectures}, {self.jobs} and {self.best}."
            )


def build_table(order: Order, say: Callable[[str], None]) -> Measured:
    """Measure what is missing, and write all of it as `table.parquet`.

    Args:
        order: What it is to hold. More architectures later go on from those that are there.
        say: Told every architecture that is done.

    Raises:
        ConfigError: If the folder holds shards of another config, or the space has too few architectures.
        SearchFailedError: If an architecture cannot be measured at all, or a process ends.
        InterruptedSearchError: On Ctrl-C or SIGTERM; what is finished is kept.
    """
    (order.out / "shards").mkdir(parents=True, exist_ok=True)
    space = load(order.setting).space
    sample = sampled(space, order.architectures, order.setting.config.seed)
    _prepare(order.setting, say)
    about = describe(order.setting)
    _measure(order, about, [Planned(architecture, "sample") for architecture in sample], say)
    if order.best:
        table = _whole(order.out)
        best = [space.parse(key) for key in best_of(table, {a.key for a in sample})[: order.best]]
        _measure(order, about, [Planned(a, "neighbour") for a in around(space, best, {a.key for a in sample})], say)
    table = _whole(order.out)
    write_measured(order.out / TABLE, table)
    return table


def extend_table(base: Measured, order: Order, say: Callable[[str], None]) -> Measured:
    """Measure, on the architectures of a table, the rungs of a config that the table lacks, and write all of it as `table.parquet`.

    Args:
        base: The table. What its rungs shared stays at the price it had then.
        order: Config, folder and processes; the sample is the table's.
        say: Told every architecture that is done.

    Raises:
        ConfigError: If the config differs from the table's in more than rungs that the table lacks, or lacks none, or the folder holds
            shards of another config.
        SearchFailedError: If an architecture cannot be measured at all, or a process ends.
        InterruptedSearchError: On Ctrl-C or SIGTERM; what is finished is kept.
    """
    whole = describe(order.setting, prepared=False)
    new = tuple(rung.name for rung in whole.rungs if rung not in base.about.rungs)
    _check_extension(base.about, whole, new)  # before a teacher is paid for
    (order.out / "shards").mkdir(parents=True, exist_ok=True)
    _prepare(order.setting, say)
    whole = replace(whole, shared={**describe(order.setting).shared, **base.about.shared})
    groups = dict(zip(base.rows["architecture"].to_pylist(), base.rows["group"].to_pylist(), strict=True))
    space = load(order.setting).space
    planned = [Planned(space.parse(key), group) for key, group in groups.items()]
    order = replace(order, setting=replace(order.setting, only=new))
    _measure(order, whole, planned, say)
    table = merged([("the table", Measured(whole, base.rows)), ("what is new", _whole(order.out))])
    machines = tuple(dict.fromkeys([*base.about.machines, *whole.machines]))
    table = replace(table, about=replace(whole, machines=machines))
    write_measured(order.out / TABLE, table)
    return table


def _check_extension(had: MeasuredAbout, whole: MeasuredAbout, new: Sequence[str]) -> None:
    lost = [rung.name for rung in had.rungs if rung not in whole.rungs]
    if lost:
        raise ConfigError(
            f"a config that adds rungs to a table must have the table's as they are; {', '.join(lost)} differ. Mend 'ladder:'."
        )
    if not new:
        raise ConfigError(
            f"a config that adds rungs to a table must have one that it lacks; all of {', '.join(r.name for r in had.rungs)} are there."
        )
    for key in ("problem", "space", "task", "seed"):
        if had.config.get(key) != whole.config.get(key):
            raise ConfigError(f"a config that adds rungs to a table must have its {key}; it has another. Mend '{key}:'.")
    if had.objective != whole.objective or had.clock != whole.clock:
        raise ConfigError("a config that adds rungs to a table must have its objective and clock; it has others. Mend them.")


def best_of(table: Measured, among: set[str]) -> list[str]:
    """Keys of the architectures that have a value at the target, by the mean over their seeds, best first."""
    target = table.about.rungs[-1]
    sign = -1.0 if table.about.objective.direction == "minimise" else 1.0
    means = {key: sign * fmean(found) for key, found in table.figures(target.name, table.about.objective.signal).items()}
    return sorted((key for key in means if key in among), key=lambda key: (-means[key], key))


def _prepare(setting: Setting, say: Callable[[str], None]) -> None:
    """Teachers and the like, before the processes need them."""
    device = build_device(setting.config)
    for resource in load(setting).ladder.resources:
        with tempfile.TemporaryDirectory() as folder:
            if resource.expected_cost() > 0:
                say(f"Preparing the {resource.name}.")
            resource.prepare(Context(setting.config.seed, math.inf, Path(folder), device))


def _measure(order: Order, about: MeasuredAbout, planned: Sequence[Planned], say: Callable[[str], None]) -> None:
    shards = _Shards(order.out, about)
    missing = [one for one in planned if one.architecture.key not in shards.known]
    if len(missing) < len(planned):
        say(f"{len(planned) - len(missing)} of {len(planned)} architectures ({planned[0].group}) are measured already.")
    try:
        tasks = [Task(order.setting, one) for one in missing]
        with closing(each_in_a_process(measure, tasks, order.jobs)) as done:
            for number, (task, rows) in enumerate(done, start=1):
                if isinstance(rows, str):
                    raise SearchFailedError(f"{task.planned.architecture.key} must be measurable; {rows}")
                shards.add(rows)
                say(f"[{number}/{len(missing)}] {task.planned.architecture.key}: {_told(rows)}")
    except BrokenExecutor:
        raise SearchFailedError(
            f"a process ended before its architecture was measured: was there too little memory? What is finished is kept in {order.out}. "
            "Run the same command again, with fewer --jobs."
        ) from None
    except KeyboardInterrupt:
        raise InterruptedSearchError(
            f"interrupted; {len(shards.known)} architectures are kept in {order.out}. Run the same command again to go on."
        ) from None


def _told(rows: Sequence[MeasuredRow]) -> str:
    failures = [row for row in rows if row.status != "ok"]
    wrong = f", failed on {failures[0].rung}: {failures[0].message}" if failures else ""
    return f"took {format_seconds(math.fsum(row.seconds for row in rows))}{wrong}"


class _Shards:
    """The shards of a folder, and the one that is being filled."""

    def __init__(self, out: Path, about: MeasuredAbout) -> None:
        self._folder = out / "shards"
        self._about = about
        held = [(path, read_measured(path)) for path in shard_files(out)]
        self.known = {key for _, shard in held for key in shard.architectures}
        if held:
            merged([("this config", Measured(about, held[0][1].rows.slice(0, 0))), *((p.name, shard) for p, shard in held)])
        self._rows: list[MeasuredRow] = []
        self._number = 1 + max((int(path.stem) for path, _ in held), default=-1)

    def add(self, rows: Sequence[MeasuredRow]) -> None:
        """Keep the rows of one architecture."""
        self._rows += rows
        self.known.add(rows[0].architecture)
        write_measured(self._folder / f"{self._number:05d}.parquet", Measured(self._about, to_rows(self._rows)))
        if len({row.architecture for row in self._rows}) == SHARD:
            self._rows, self._number = [], self._number + 1


def shard_files(out: Path) -> list[Path]:
    """Shards in the order in which they were written."""
    return sorted(path for path in (out / "shards").glob("*.parquet") if path.stem.isdigit())


def _whole(out: Path) -> Measured:
    return merged([(path.name, read_measured(path)) for path in shard_files(out)])
