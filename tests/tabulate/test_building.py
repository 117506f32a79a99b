from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mfsearch.build import build_problem
from mfsearch.config import Component, StudyConfig
from mfsearch.errors import ConfigError, DataError
from mfsearch.study import Study
from mfsearch.tables.measured import read_measured
from mfsearch.tabulate.building import SHARD, TABLE, Order, build_table, extend_table, shard_files
from mfsearch.tabulate.measure import Setting, load
from mfsearch.tabulate.plan import sampled


def test_a_table_is_built_gone_on_with_and_searched(config: StudyConfig, home: Path, tmp_path: Path):
    order = Order(Setting(config, home), tmp_path / "out", 3, jobs=2)
    said: list[str] = []
    first = build_table(order, said.append)
    wanted = [a.key for a in sampled(load(order.setting).space, 3, 0)]
    assert set(first.architectures) == set(wanted) and len(first.rows) == 12
    assert [path.name for path in shard_files(order.out)] == ["00000.parquet"]

    # More of them, and the neighbours of the best: what is there is kept to the byte.
    before = shard_files(order.out)[0].read_bytes()
    more = build_table(replace(order, architectures=SHARD - 2, best=0), said.append)
    assert "3 of 14 architectures (sample) are measured already." in said
    assert shard_files(order.out)[0].read_bytes() == before and len(shard_files(order.out)) == 2
    assert more.rows.slice(0, len(first.rows)).equals(first.rows.cast(more.rows.schema))
    assert read_measured(order.out / TABLE).rows.equals(more.rows)

    # It is a problem: searched in simulated seconds, judged by what the search never saw.
    chosen = StudyConfig(problem=Component(use="measured", options={"path": str(order.out / TABLE)}))
    problem = build_problem(chosen, home)
    assert problem.oracle is not None and problem.oracle.test is not None
    study = Study(problem.space, problem.ladder, 2 * more.about.shared["teacher"] + 100, objective=problem.objective)
    answer = study.run()
    assert answer is not None and answer.architecture.key in more.architectures
    true = sum(more.figures("full", "val_accuracy")[answer.architecture.key]) / 2
    assert problem.oracle.regret(answer.architecture) == problem.oracle.optimum - true
    assert problem.oracle.optimum == max(sum(v) / 2 for v in more.figures("full", "val_accuracy").values())


def test_the_neighbours_of_the_best_are_marked(config: StudyConfig, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    order = Order(Setting(config, home), tmp_path / "out", 2, best=1, jobs=2)
    space = load(order.setting).space
    few = space.neighbours(sampled(space, 1, 0)[0])[:2]
    monkeypatch.setattr(type(space), "neighbours", lambda self, architecture: few)  # two of some twenty: the test is to be short
    table = build_table(order, lambda line: None)
    groups = dict(zip(table.rows["architecture"].to_pylist(), table.rows["group"].to_pylist(), strict=True))
    assert [groups[key] for key in table.architectures].count("sample") == 2
    assert {key for key, group in groups.items() if group == "neighbour"} == {a.key for a in few}


def test_a_folder_is_of_one_config(config: StudyConfig, home: Path, tmp_path: Path):
    order = Order(Setting(config, home), tmp_path / "out", 1)
    build_table(order, lambda line: None)
    with pytest.raises(DataError, match="differ in rungs. Take another folder"):
        build_table(replace(order, architectures=2, setting=Setting(config, home, 3)), lambda line: None)


def test_an_impossible_order_is_refused(config: StudyConfig, home: Path, tmp_path: Path):
    with pytest.raises(ConfigError, match="must be 1 or more, and best 0 or more; got 0, 1 and 0"):
        Order(Setting(config, home), tmp_path, 0)
    with pytest.raises(ConfigError, match="at most 6,466"):
        build_table(Order(Setting(config, home), tmp_path, 7000), lambda line: None)


def test_a_rung_comes_later(config: StudyConfig, home: Path, tmp_path: Path):
    base = build_table(Order(Setting(config, home), tmp_path / "first", 3), lambda line: None)
    assert config.ladder is not None
    new = Component(use="zero_cost", options={"name": "late", "proxies": ["nwot"]})
    longer = config.model_copy(update={"ladder": (config.ladder[0], new, *config.ladder[1:])})
    order = Order(Setting(longer, home), tmp_path / "second", 1, jobs=2)
    said: list[str] = []
    table = extend_table(base, order, said.append)
    assert [rung.name for rung in table.about.rungs] == ["proxies", "late", "few", "full"]
    assert table.architectures == base.architectures and len(table.rows) == len(base.rows) + 3
    assert table.rows.slice(0, len(base.rows)).select(base.rows.column_names).equals(base.rows)
    assert set(table.figures("late", "nwot")) == set(base.architectures)
    assert table.about.shared == base.about.shared, "the teacher costs what it did"
    # What is there is not measured again, and the table may be built in one go as well.
    said.clear()
    assert (
        extend_table(base, order, said.append).rows.equals(table.rows)
        and "3 of 3 architectures (sample) are measured already." in said
    )
    whole = build_table(Order(Setting(longer, home), tmp_path / "whole", 3), lambda line: None)
    assert whole.figures("late", "nwot") == table.figures("late", "nwot")
    assert read_measured(order.out / TABLE).about == table.about


def test_only_rungs_may_be_added(config: StudyConfig, home: Path, tmp_path: Path):
    base = build_table(Order(Setting(config, home), tmp_path / "first", 1), lambda line: None)
    assert config.ladder is not None

    def extended(**changed: object) -> None:
        order = Order(Setting(config.model_copy(update=changed), home), tmp_path / "second", 1)
        extend_table(base, order, said.append)

    said: list[str] = []
    with pytest.raises(ConfigError, match="must have one that it lacks; all of proxies, few, full are there"):
        extended()
    with pytest.raises(ConfigError, match="must have the table's as they are; proxies differ"):
        extended(ladder=config.ladder[1:])
    late = Component(use="zero_cost", options={"name": "late", "proxies": ["nwot"]})
    with pytest.raises(ConfigError, match="must have its seed; it has another. Mend 'seed:'"):
        extended(ladder=(late, *config.ladder), seed=5)
    assert not said and not (tmp_path / "second").exists(), "no teacher was trained, and nothing is left behind"
