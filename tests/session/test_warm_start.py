from __future__ import annotations

from pathlib import Path

import pytest

from mfsearch.build import build_problem
from mfsearch.config import StudyConfig
from mfsearch.errors import ConfigError, DataError, SpaceError, StudyError
from mfsearch.problems.base import Problem
from mfsearch.session.run import start
from mfsearch.session.warm_start import read_warm_start
from mfsearch.store.sql import EventStore


@pytest.fixture
def problem(branin: StudyConfig, home: Path) -> Problem:
    return build_problem(branin, home)


@pytest.fixture
def key(problem: Problem) -> str:
    box = problem.space
    low = box.decode([[0.5, 0.5]])  # type: ignore[arg-type]
    return low[0].key


def written(path: Path, *rows: str) -> str:
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return str(path)


def quoted(key: str) -> str:
    return '"' + key.replace('"', '""') + '"'


def test_a_file_gives_figures_by_the_names_of_signals(tmp_path: Path, problem: Problem, key: str):
    rung = problem.ladder.target
    source = written(
        tmp_path / "w.csv", "architecture,rung,value,other", f"{quoted(key)},{rung.name},1.5,", f"{quoted(key)},{rung.name},,2"
    )
    rows = read_warm_start(source, problem, EventStore())
    assert [(a.key, name, dict(values)) for a, name, values in rows] == [
        (key, rung.name, {rung.signal.removeprefix("-"): 1.5}),
        (key, rung.name, {"other": 2.0}),
    ]


def test_a_study_gives_what_succeeded(branin: StudyConfig, storage: str, problem: Problem):
    outcome = start(branin, name="first", storage=storage)
    rows = read_warm_start("first", problem, EventStore(storage))
    assert len(rows) == outcome.observations
    assert {a.space for a, _, _ in rows} == {problem.space.name}


def test_a_study_that_is_not_there(problem: Problem):
    with pytest.raises(StudyError, match="no study is called 'nobody'"):
        read_warm_start("nobody", problem, EventStore())


def test_what_a_file_may_lack(tmp_path: Path, problem: Problem, key: str):
    target = problem.ladder.target.name
    with pytest.raises(DataError, match=r"a warm start must be a readable CSV file; got .*none\.csv: .*\. Check the path\."):
        read_warm_start(str(tmp_path / "none.csv"), problem, EventStore())
    with pytest.raises(DataError, match=r"must have the columns architecture and rung; it lacks rung"):
        read_warm_start(written(tmp_path / "a.csv", "architecture,value"), problem, EventStore())
    with pytest.raises(DataError, match=r"b\.csv:2: value must be a finite number; got 'x'"):
        read_warm_start(
            written(tmp_path / "b.csv", "architecture,rung,value", f"{quoted(key)},{target},x"), problem, EventStore()
        )
    with pytest.raises(DataError, match="got 'inf'"):
        read_warm_start(
            written(tmp_path / "b.csv", "architecture,rung,value", f"{quoted(key)},{target},inf"), problem, EventStore()
        )
    with pytest.raises(SpaceError, match=r"warm start: .*c\.csv:2: a point must be a JSON object"):
        read_warm_start(written(tmp_path / "c.csv", "architecture,rung,value", f"nonsense,{target},1"), problem, EventStore())
    with pytest.raises(ConfigError, match=r"must hold evaluations of .*; it holds none"):
        read_warm_start(
            written(tmp_path / "d.csv", "architecture,rung,value", f"{quoted(key)},elsewhere,1"), problem, EventStore()
        )
