from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd  # type: ignore[import-untyped]
import pytest
from scipy.stats import kendalltau, pearsonr, spearmanr

from mfsearch.errors import SearchFailedError
from mfsearch.problems.tabular import tabular
from mfsearch.reproduce.live import Setting
from mfsearch.reproduce.verdict import FIGURES, LOSSES, Live, summarise, to_markdown
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.store.sql import EventStore
from mfsearch.store.state import StudyState
from mfsearch.study import Study


def test_agreement_is_with_the_tables_own_test_accuracy(lived: Live, live_setting: Setting):
    table = pd.read_csv(live_setting.data.parent / "nasbench201.csv").set_index("arch")
    reached = [cell.reached for cell in lived.cells]
    assert reached == table.loc[[cell.key for cell in lived.cells], "cifar10_test_e200"].to_list()
    for loss in LOSSES:
        for figure in FIGURES:
            column = [cell.found[loss][figure] for cell in lived.cells]
            for name, oracle in (("spearman", spearmanr), ("kendall", kendalltau), ("pearson", pearsonr)):
                if np.std(column) > 0:
                    assert lived.agreement[loss][figure][name].value == pytest.approx(oracle(column, reached).statistic)
    for figure, found in lived.gain.items():
        ours, theirs = (lived.agreement[loss][figure]["pearson"].value for loss in LOSSES)
        assert found["pearson"].value == pytest.approx(ours - theirs, nan_ok=True)


def test_an_answer_is_the_best_twelve_epochs_that_were_paid_for(lived: Live, live_out: Path):
    store = EventStore(f"sqlite:///{live_out / 'studies.db'}")
    for loss, answer in lived.answers.items():
        state = StudyState.replay(store.events(loss), NASBench201Space().parse)
        high = {o.query.architecture.key: o.value for o in state.observations if o.query.rung == "e12"}
        assert high[answer.key] == max(value for value in high.values() if value is not None)
        assert answer.looked_up == pytest.approx(4 * 120.0), "twelve epochs of ten seconds"
        trained = [o.seconds for o in state.observations if o.query.rung != "e12"]
        teacher = sum(prepared.seconds for prepared in state.prepared)
        assert answer.trained == pytest.approx(sum(trained) + teacher)
        assert (teacher > 0) == (loss == "nst")
    store.close()


def test_tables_for_people(lived: Live):
    text = to_markdown(lived, "some pictures")
    assert text.startswith("## An epoch of NST") and "with labels alone: some pictures." in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 9 + 2 + 2 + 2 + 5
    assert all("+" not in line.replace("\\|+\\|", "") for line in rows[-5:]), "a cell's bars are escaped"
    json.dumps(lived.to_json(), allow_nan=False)


def test_too_few_cells_are_no_comparison(live_setting: Setting):
    table = tabular(live_setting.home, "nasbench201", "cifar10", proxies=[], schedules=[12, 200])
    empty = {loss: Study(table.space, table.ladder, 1e6, objective=table.objective) for loss in LOSSES}
    with pytest.raises(SearchFailedError, match="at least 3 cells must be trained with every loss; 0 were"):
        summarise(empty, table)
