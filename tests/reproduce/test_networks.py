from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mfsearch.errors import DataError
from mfsearch.problems.mfkd import mobilenetv2
from mfsearch.reproduce.networks import CONTENDERS, PROTOCOLS, REFERENCE, _problem, summarise, to_markdown, trial, trials
from mfsearch.reproduce.trials import Trial
from mfsearch.tables.importing import import_mfkd


@pytest.mark.parametrize("contender", CONTENDERS)
def test_every_contender_finds_the_best_and_stops_there(mfkd_home: Path, contender: str) -> None:
    found = trial(Trial(str(mfkd_home), "honest", contender, 3))
    assert found == trial(Trial(str(mfkd_home), "honest", contender, 3))
    problem = mobilenetv2(mfkd_home, CONTENDERS[contender].rungs)
    costs = {rung.name: rung.expected_cost((problem.space.enumerate() or [])[0]) for rung in problem.ladder}
    assert found["seconds"] == pytest.approx(sum(costs[name] * count for name, count in found["runs"].items()))
    assert 1 <= found["runs"]["full"] <= 12


def test_random_search_takes_half_of_all_runs_on_average(mfkd_home: Path) -> None:
    """The place of one of 12 in a random order: 6.5 on average, standard deviation 3.45."""
    runs = [trial(Trial(str(mfkd_home), "honest", "random", seed))["runs"]["full"] for seed in range(30)]
    assert abs(np.mean(runs) - 6.5) < 3 * 3.45 / np.sqrt(30)


def test_the_protocols_look_for_different_networks(data: Path, tmp_path: Path) -> None:
    """In the authors' own file the best by validation accuracy takes 2,841 s, the best by test accuracy 2,339 s."""
    import_mfkd(tmp_path, "mfkd-mobilenetv2", data / "mfkd_mobilenetv2_cifar100.csv.gz")
    best = {protocol: _problem(str(tmp_path), ("full",), PROTOCOLS[protocol]) for protocol in PROTOCOLS}
    for protocol, seconds in (("honest", 2840.64), ("test", 2339.2)):
        oracle = best[protocol].oracle
        assert oracle is not None
        found = max(best[protocol].space.enumerate() or [], key=oracle.truth)
        assert best[protocol].ladder.target.expected_cost(found) == pytest.approx(seconds)
    assert trial(Trial(str(tmp_path), "honest", "random", 0)) != trial(Trial(str(tmp_path), "test", "random", 0))


def test_the_summary_is_of_paired_trials(mfkd_home: Path) -> None:
    given = trials(mfkd_home, [5, 6])
    assert len(given) == 2 * len(PROTOCOLS) * len(CONTENDERS)
    results = [
        {
            "setting": t.setting,
            "contender": t.contender,
            "seed": t.seed,
            "seconds": 100.0 * t.seed + (0 if t.contender == REFERENCE else 30 * t.seed),
            "runs": dict.fromkeys(CONTENDERS[t.contender].rungs, 2),
        }
        for t in given
    ]
    lines = summarise(results)
    assert [(line.protocol, line.contender) for line in lines] == [(p, c) for p in PROTOCOLS for c in CONTENDERS]
    line = lines[0].to_json()
    assert (line["trials"], line["seconds_mean"], line["seconds_median"]) == (2, 715.0, 715.0)
    assert line["ahead_of_gp"] == [-165.0, -180.0, -150.0]
    text = to_markdown(lines)
    assert "| random | 715 | 92 | 715 | -165 [-180, -150] | full 2.0 |" in text
    results[0]["seconds"] = None
    with pytest.raises(DataError, match="random, seed 5 did not"):
        summarise(results)
