"""A study's summary as Markdown: the answer first, then what it cost, then why."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mfsearch.records import Objective
from mfsearch.report.agreement import contribution
from mfsearch.report.answer import useless_rungs
from mfsearch.report.views import show_figure
from mfsearch.units import format_seconds

_ACTIVE = re.compile(r"([\\`*_\[\]<>|~#&$])")


def text(value: object) -> str:
    """Any text so that Markdown, in a table too, shows it as it is, on one line."""
    return _ACTIVE.sub(r"\\\1", " ".join(str(value).split()))


def code(value: object) -> str:
    """Any text as code, on one line."""
    line = " ".join(str(value).split())
    runs = [len(run) for run in re.findall("`+", line)]
    fence = "`" * (max(runs, default=0) + 1)
    # A line must not touch its fence with a backtick of its own.
    pad = " " if line.startswith("`") or line.endswith("`") else ""
    return f"{fence}{pad}{line}{pad}{fence}"


def cell(value: object) -> str:
    """Any text as code in a table, where a pipe ends the cell even in code."""
    return code(value).replace("|", "\\|")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> str:
    """A Markdown table; its cells are written as they are, columns in `right` to the right."""
    rule = ["---:" if i in right else "---" for i in range(len(head))]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *rows])


def to_markdown(summary: Mapping[str, Any]) -> str:
    """The report of `summarise`'s object."""
    sections = [
        f"# {text(summary['study'])}",
        _answer(summary),
        _spent(summary),
        _best(summary),
        _rungs(summary),
        _contributed(summary),
        _failures(summary),
        _why(summary),
        _made_with(summary),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _objective(summary: Mapping[str, Any]) -> Objective:
    return Objective(**summary["objective"])


def _answer(summary: Mapping[str, Any]) -> str:
    answer, name, objective = summary["answer"], summary["study"], _objective(summary)
    budget = summary["budget"]
    simulated = " (simulated device time)" if budget["simulated"] else ""
    cost = f"{format_seconds(budget['spent_seconds'])} of {format_seconds(budget['total_seconds'])}{simulated}"
    if answer is None:
        return f"There is nothing to recommend yet. Spent: {cost}.\n\nNext: `mfsearch resume {name}`."
    low, high = answer["interval"]
    expected = f"{show_figure(objective, answer['expected'])}, 95% interval {show_figure(objective, low)} to {show_figure(objective, high)}"
    lines = [f"**Recommended architecture:** {code(answer['architecture'])}", ""]
    if answer["evaluated_at_target"]:
        lines.append(
            f"- {text(objective.signal)}, measured at {code(summary['target'])}: **{show_figure(objective, answer['value'])}**"
        )
        lines.append(f"- {text(objective.signal)}, expected by the surrogate: {expected}")
    else:
        lines.append(f"- {text(objective.signal)}, expected by the surrogate: **{expected}**")
        where = f"its highest rung is {code(answer['rung'])}" if answer["rung"] else "it was not evaluated at all"
        lines.append(f"- not evaluated at the target {code(summary['target'])}: {where}")
    if answer["test_accuracy"] is not None:
        lines.append(f"- test accuracy, computed once: **{answer['test_accuracy']:.2f}%**")
    lines += [
        f"- {text(key.replace('_', ' '))}: {value:.5g}"
        for key, value in answer["judged"].items()
        if key != "test_accuracy" and value is not None
    ]
    lines.append(f"- spent: {cost}")
    if summary["stopped"]:
        lines.append(f"- the search ended because {text(summary['stopped'])}")
    lines += [f"- not worth its cost: {text(sentence)}" for sentence in useless_rungs(summary)]
    if summary.get("about"):
        lines.append(f"- what was searched: {text(summary['about'])}")
    return (
        "\n".join(lines)
        + f"\n\nNext: `mfsearch export {name} --out DIR`, or `mfsearch resume {name} --budget +10min` to search on."
    )


def _spent(summary: Mapping[str, Any]) -> str:
    rows = [
        [
            text(line["line"]),
            cell(line["rung"]) if line["rung"] else "",
            str(line["count"]),
            f"{line['seconds']:.1f}",
            text(line["note"]),
        ]
        for line in summary["spent"]
    ]
    budget = summary["budget"]
    rows.append(["**total**", "", "", f"**{budget['spent_seconds']:.1f}**", f"of {budget['total_seconds']:.1f}"])
    return "## What was spent\n\n" + table(["line", "rung", "count", "seconds", ""], rows, right=(2, 3))


def _best(summary: Mapping[str, Any]) -> str:
    if not summary["best_so_far"]:
        return ""
    objective, total = _objective(summary), summary["budget"]["total_seconds"]
    rows = [
        [
            f"{row['spent_seconds']:.1f}",
            f"{100 * row['spent_seconds'] / total:.0f}%",
            show_figure(objective, row["figure"]),
            str(row["evaluation"]),
            cell(row["architecture"]),
        ]
        for row in summary["best_so_far"]
    ]
    return "## Best so far against budget\n\n" + table(
        ["seconds spent", "of budget", text(objective.signal), "evaluation", "architecture"], rows, right=(0, 1, 2, 3)
    )


def _rungs(summary: Mapping[str, Any]) -> str:
    rows = []
    for rung in summary["rungs"]:
        counts = [str(rung.get(key, "")) for key in ("ok", "failed", "cut", "lost", "running")]
        rows.append([cell(rung["rung"]), rung["kind"], cell(rung["signal"]) if rung["kind"] != "score" else "", *counts])
    head = ["rung", "kind", "signal", "ok", "failed", "cut", "lost", "running"]
    return "## Evaluations by rung\n\n" + table(head, rows, right=range(3, 8))


def _contributed(summary: Mapping[str, Any]) -> str:
    target = summary["target"]
    rows = []
    for found in summary["contributions"]:
        *numbers, agreement = contribution(found, target)
        rows.append([cell(found["rung"]), *numbers, text(agreement)])
    if not rows:
        return ""
    return "## What each rung contributed\n\n" + table(
        ["rung", "architectures", "charged", "of all", f"ranks like {text(target)} (Spearman)"], rows, right=(1, 2, 3)
    )


def _failures(summary: Mapping[str, Any]) -> str:
    rows = [
        [str(e["evaluation"]), cell(e["rung"]), e["status"], f"{e['seconds']:.1f}", cell(e["architecture"]), text(e["message"])]
        for e in summary["evaluations"]
        if e["status"] != "ok"
    ]
    if not rows:
        return ""
    return "## Failures\n\n" + table(["evaluation", "rung", "status", "seconds", "architecture", "message"], rows, right=(0, 3))


def _why(summary: Mapping[str, Any]) -> str:
    if not summary["evaluations"]:
        return ""
    objective = _objective(summary)
    signals = {rung["rung"]: rung["signal"].removeprefix("-") for rung in summary["rungs"]}
    rows = [
        [
            str(e["evaluation"]),
            cell(e["rung"]),
            show_figure(objective, e["figure"], signals[e["rung"]]),
            f"{e['seconds']:.1f}",
            cell(e["architecture"]),
            text(reason(e["why"])),
        ]
        for e in summary["evaluations"]
    ]
    head = ["evaluation", "rung", "figure", "seconds", "architecture", "why"]
    return "## Why each was evaluated\n\n" + table(head, rows, right=(0, 2, 3))


def reason(why: Mapping[str, Any]) -> str:
    """The reason in words, where the policy gave one, and the figures that decided; on one line. `mfsearch why` says all of it."""
    words = [str(why["reason"])] if "reason" in why else []
    told = {key: value for key, value in why.items() if key not in ("reason", "decision")}
    figures = ", ".join(f"{key.replace('_', ' ')} {_short(value)}" for key, value in told.items())
    return ": ".join([*words, figures]) if figures else "".join(words)


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return "(" + ", ".join(f"{key} {_short(item)}" for key, item in value.items()) + ")"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _made_with(summary: Mapping[str, Any]) -> str:
    settings = "\n".join(f"- {text(key)}: {code(value)}" for key, value in summary["settings"].items())
    environment = "\n".join(f"- {text(key)}: {code(value)}" for key, value in summary["environment"].items())
    config = json.dumps(summary["configuration"], indent=2, ensure_ascii=False)
    fence = "`" * (max(3, 1 + max((len(run) for run in re.findall("`+", config)), default=0)))
    return f"## Configuration\n\n{settings}\n\n{fence}json\n{config}\n{fence}\n\n## Environment\n\n{environment}"
