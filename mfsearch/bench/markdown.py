"""The summary as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mfsearch.bench.summary import THRESHOLDS
from mfsearch.records import Objective
from mfsearch.units import format_seconds


def to_markdown(summary: Sequence[Mapping[str, Any]], *, objective: Objective, about: str, machine: str, command: str) -> str:
    """The tables of a summary, lowest mean regret first.

    Args:
        summary: As `summarise` gives it, not empty.
        objective: Gives the unit.
        about: The problem's description, with what its figures mean.
        machine: Where the runs were computed.
        command: What was called.
    """
    first = summary[0]
    unit = {"percent": "points", "fraction": "a fraction", "none": "its own unit"}[objective.unit]
    lines = [
        f"# {first['problem']}, {format_seconds(first['budget_seconds'])}",
        "",
        f"{about}",
        "",
        f"Seeds {first['first_seed']} to {first['first_seed'] + first['seeds'] - 1}; rule `{first['recommend']}`. Regret is that of the recommended "
        f"architecture's true `{objective.signal}`, in {unit}. ± is the standard deviation over runs, in brackets are the quartiles. The "
        f"difference is this method's mean regret minus that of `{_base(summary)}`, with its 95% interval (unpaired bootstrap, 10,000 "
        "resamples). *Stays within* is the median of the seconds from which the recommendation stays within that regret until the end; a "
        "dash: the median run does not.",
        "",
        f"Costs are simulated: seconds are those that the problem charges. Decisions and runs were timed on {machine}; recommending is free "
        "and part of the run's time.",
        "",
        f"    {command}",
    ]
    for seconds in dict.fromkeys(row["budget_seconds"] for row in summary):
        rows = [row for row in summary if row["budget_seconds"] == seconds]
        note = " (an earlier point of the same runs)" if rows[0].get("anytime") else ""
        lines += ["", f"## After {format_seconds(seconds)}{note}", "", *_table(rows)]
    return "\n".join(lines) + "\n"


def _table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    tested = any(row["test_mean"] is not None for row in rows)
    head = ["method", "mean regret", "median regret", "difference"]
    head += ["test accuracy", "over a random architecture"] if tested else []
    head += [f"stays within {t}" for t in THRESHOLDS] + ["one decision", "run"]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for row in sorted(rows, key=lambda row: (row["regret_mean"] is None, row["regret_mean"])):
        low, high = row["regret_iqr"]
        cells = [
            f"`{row['method']}`",
            _spread(row["regret_mean"], row["regret_std"]) + _silent(row),
            f"{_figure(row['regret_median'])} ({_figure(low)} to {_figure(high)})",
            _interval(row["difference"]),
        ]
        if tested:
            gain = row["relative_improvement"]
            cells += [_spread(row["test_mean"], row["test_std"], 2), "-" if gain is None else f"{gain:+.2f}%"]
        cells += [_seconds(row["seconds_to_regret"][t]) for t in THRESHOLDS]
        cells += [_seconds(row["ask_seconds_median"], 3), _seconds(row["run_seconds_median"], 1)]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def _base(summary: Sequence[Mapping[str, Any]]) -> str:
    return str(next((row["difference"]["from"] for row in summary if row["difference"]), summary[0]["method"]))


def _silent(row: Mapping[str, Any]) -> str:
    return f" ({row['unanswered']} of {row['seeds']} runs have no answer)" if row["unanswered"] else ""


def _figure(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _spread(mean: float | None, sd: float | None, digits: int = 3) -> str:
    return _figure(mean, digits) + ("" if sd is None else f" ± {sd:.{digits}f}")


def _interval(difference: Mapping[str, Any] | None) -> str:
    if difference is None:
        return "-"
    low, high = difference["interval"]
    return f"{difference['regret_mean']:+.3f} [{low:+.3f}, {high:+.3f}]"


def _seconds(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:,.{digits}f} s"
