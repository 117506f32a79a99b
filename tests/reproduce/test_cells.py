from __future__ import annotations

from pathlib import Path

import pytest

from mfsearch.problems.mfkd import nst240
from mfsearch.reproduce.cells import CONTENDERS, HOURS, REFERENCE, summarise, to_markdown, trial, trials
from mfsearch.reproduce.trials import Trial


@pytest.mark.parametrize("contender", CONTENDERS)
def test_every_answer_is_judged_after_200_epochs(mfkd_home: Path, contender: str) -> None:
    found = trial(Trial(str(mfkd_home), "table", contender, 1))
    oracle = nst240(mfkd_home, ("nst1", "e200")).oracle
    assert oracle is not None
    truth = {oracle.regret(a) for a in nst240(mfkd_home).space.enumerate() or []}
    assert found["regret"] and {regret for _, regret in found["regret"]} <= truth
    moments = [seconds for seconds, _ in found["regret"]]
    assert moments == sorted(moments) and moments[-1] <= found["spent"] <= HOURS * 3600


def test_what_nst_does_not_touch_is_run_once(mfkd_home: Path) -> None:
    given = trials(mfkd_home, [0])
    assert {t.contender for t in given if t.setting == "table"} == set(CONTENDERS)
    assert {t.contender for t in given if t.setting == "own"} == {"MF-KD as published", "MF-ASC", "cost_aware with NST"}


def test_the_summary_counts_the_whole_budget_where_an_answer_never_stays_good() -> None:
    steps = {REFERENCE: [[100.0, 3.0], [500.0, 0.1]], "MF-ASC": [[50.0, 0.0], [60.0, 2.0]]}
    results = [
        {"setting": "table", "contender": name, "seed": seed, "regret": own, "spent": 900.0}
        for name, own in steps.items()
        for seed in (4, 5)
    ]
    ours, other = summarise(results)
    assert (ours.seconds, ours.never, ours.final, ours.sooner) == ((500.0, 500.0), 0, (0.1, 0.1), None)
    assert (other.seconds, other.never, other.final) == ((86400.0, 86400.0), 2, (2.0, 2.0))
    assert other.to_json()["sooner"] == [-85900.0, -85900.0, -85900.0]
    text = to_markdown([ours, other])
    assert "| cost_aware without NST | 500 | 500 | 0 of 2 |  | 0.100 (0.000) |" in text
    assert "| MF-ASC | 86,400 | 86,400 | 2 of 2 | -85,900 [-85,900, -85,900] | 2.000 (0.000) |" in text
