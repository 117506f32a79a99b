from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from mfsearch.errors import ConfigError, DataError
from mfsearch.reproduce.trials import Trial, run_trials

# Only what a module holds finds its way into another process.
work = asdict


def some(count: int) -> list[Trial]:
    return [Trial("nowhere", "a setting", name, seed) for seed in range(count) for name in ("one", "other")]


def test_a_stopped_series_goes_on(tmp_path: Path) -> None:
    path, said = tmp_path / "trials.jsonl", list[str]()
    first = run_trials(some(1), work, path, 2, said.append)
    with path.open("a") as file:
        file.write('{"setting": "a set')  # a stop in the middle of a line
    after = run_trials(some(2), work, path, 1, said.append)
    assert after[:2] == first
    assert [(line["contender"], line["seed"]) for line in after] == [
        ("one", 0),
        ("other", 0),
        ("one", 1),
        ("other", 1),
    ]
    assert "2 of 4 trials are finished already: going on with the rest." in said
    assert [json.loads(line)["seed"] for line in path.read_text().splitlines()] == [0, 0, 1, 1]
    assert "nowhere" not in path.read_text()  # no folder of a machine in what is published


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    run_trials(some(1), work, path, 1, print)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(["x,y", *lines]) + "\n")
    with pytest.raises(DataError, match="one finished trial a line; line 1 is none"):
        run_trials(some(1), work, path, 1, print)
    path.write_text("somebody's only line")
    with pytest.raises(DataError, match="it holds something else"):
        run_trials(some(1), work, path, 1, print)
    assert path.read_text() == "somebody's only line"
    path.write_text("\n".join(lines).replace('"mfsearch": "', '"mfsearch": "9.') + "\n")
    with pytest.raises(ConfigError, match=r"line 1 is of 9\..*Use another --out"):
        run_trials(some(1), work, path, 1, print)
