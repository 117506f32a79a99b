from __future__ import annotations

from typing import Any

from mfsearch.bench.markdown import to_markdown
from mfsearch.records import Objective


def line(method: str, regret: float | None, **more: Any) -> dict[str, Any]:
    return {
        "method": method,
        "problem": "p",
        "seeds": 3,
        "first_seed": 7,
        "budget_seconds": 7200.0,
        "recommend": "predicted",
        "unanswered": 0,
        "test_mean": None,
        "test_std": None,
        "regret_mean": regret,
        "regret_std": 0.25,
        "regret_median": 0.5,
        "regret_iqr": [0.25, None],
        "relative_improvement": None,
        "seconds_to_regret": {"2": 1200.4, "1": 20_000.0, "0.5": None},
        "difference": None,
        "ask_seconds_median": 0.0123,
        "run_seconds_median": 2.0,
        **more,
    }


def text(*rows: dict[str, Any]) -> str:
    return to_markdown(rows, objective=Objective(), about="Costs are means.", machine="a machine", command="mfsearch bench p")


def test_lowest_regret_first_and_missing_last():
    difference = {"from": "a", "regret_mean": 0.5, "interval": [-0.1, 1.0]}
    made = text(line("a", 1.0), line("c", None, unanswered=2), line("b", 0.5, difference=difference))
    table = [row for row in made.splitlines() if row.startswith("| `")]
    assert [row.split("`")[1] for row in table] == ["b", "a", "c"]
    assert table[0] == (
        "| `b` | 0.500 ± 0.250 | 0.500 (0.250 to -) | +0.500 [-0.100, +1.000] | 1,200 s | 20,000 s | - | 0.012 s | 2.0 s |"
    )
    assert "| - ± 0.250 (2 of 3 runs have no answer) |" in table[2]


def test_what_the_figures_mean_is_said():
    made = text(line("a", 1.0))
    for words in (
        "Costs are means.",
        "a machine",
        "    mfsearch bench p",
        "Seeds 7 to 9",
        "rule `predicted`",
        "in points",
        "simulated",
    ):
        assert words in made
    assert "test accuracy" not in made


def test_test_accuracy_is_shown_where_there_is_one():
    made = text(line("a", 1.0, test_mean=94.3, test_std=0.1, relative_improvement=8.2))
    assert "| 94.30 ± 0.10 | +8.20% |" in made


def test_every_point_has_its_table():
    made = text(line("a", 1.0), line("a", 2.0, budget_seconds=3600.0, anytime=True))
    assert "## After 2 h 00 min\n" in made
    assert "## After 1 h 00 min (an earlier point of the same runs)\n" in made
