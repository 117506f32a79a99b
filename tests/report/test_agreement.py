"""What each rung contributed, against pandas and the charges themselves."""

from __future__ import annotations

import pandas as pd  # type: ignore[import-untyped]
import pytest

from mfsearch.bench.batch import load_problem
from mfsearch.budget import ChargeKind
from mfsearch.report.agreement import FEWEST, contribution, contributions
from mfsearch.report.views import DOUBT
from mfsearch.store.state import StudyState
from mfsearch.study import Study


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> StudyState:
    problem = load_problem("kd-table", tmp_path_factory.mktemp("home"))
    study = Study(problem.space, problem.ladder, 200.0, objective=problem.objective, seed=2)
    study.run()
    return StudyState.replay(study.store.events(study.name))


def test_agreement_is_what_pandas_finds(state: StudyState) -> None:
    rows = [(o.query.architecture.key, o.query.rung, o.value) for o in state.observations]
    values = pd.DataFrame(rows, columns=["architecture", "rung", "value"]).pivot_table(
        index="architecture", columns="rung", values="value", aggfunc="mean"
    )
    proxies, nst1, nst3 = contributions(state)
    assert [found["rung"] for found in (proxies, nst1, nst3)] == ["proxies", "nst1", "nst3"]
    for found in (nst1, nst3):
        both = values[[found["rung"], "kd50"]].dropna() if found["rung"] in values else values[:0]
        theirs = both.corr("spearman").iloc[0, 1] if len(both) >= FEWEST else None
        assert found["both"] == len(both) and found["agreement"] == {"-train_loss": pytest.approx(theirs)}
    scores = pd.DataFrame(state.scores["proxies"], index=list(proxies["agreement"])).T
    both = scores.join(values["kd50"], how="inner").dropna()
    assert proxies["both"] == len(both) >= FEWEST and proxies["architectures"] == len(scores)
    for column, found in proxies["agreement"].items():
        assert found == pytest.approx(both[column].astype(float).corr(both["kd50"], method="spearman"))


def test_seconds_are_the_charges_without_the_teachers(state: StudyState) -> None:
    lines = {rung: charge.seconds for (kind, rung), charge in state.ledger.lines().items() if kind is not ChargeKind.TEACHER}
    for found in contributions(state):
        assert found["seconds"] == pytest.approx(lines.get(found["rung"], 0.0))
        assert found["share"] == pytest.approx(found["seconds"] / state.ledger.spent)
    words = contribution(contributions(state)[0], "kd50")
    assert words[0].isdigit() and "synflow" in words[3] and words[3].endswith("measured at kd50, too")


def test_too_few_are_named_as_that() -> None:
    found = {"in_doubt": False, "architectures": 3, "seconds": 2.0, "share": 0.1, "both": 2, "agreement": {"synflow": None}}
    assert contribution(found, "full") == ("3", "2.0 s", "10%", "too few, or too equal, over the 2 measured at full, too")
    doubted = contribution({**found, "in_doubt": True, "agreement": {"late": 0.5}}, "full")[3]
    assert doubted == f"{DOUBT}; late 0.50 over the 2 measured at full, too"
