"""The head to head as tables and plots: reads the benches that `scripts/peers` left in a folder.

    python benchmarks/peers/compare.py DIR

Writes DIR/table.md, DIR/summary.json and DIR/plot-DATASET/anytime.svg. A figure at so many hours is that of runs with just this budget
where there are such, else an earlier point of longer ones. What no run got to is left open. The control compares methods that should
be the same one: were an adapter or the bench unfair to a library, they would differ.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from mfsearch.bench.batch import load_problem
from mfsearch.bench.curves import NOTHING, Curve, read_curves
from mfsearch.bench.plots import draw
from mfsearch.bench.run import oracle_of
from mfsearch.bench.statistics import difference_interval, median_ratio_interval, quantile
from mfsearch.bench.trace import about, read
from mfsearch.problems.base import Problem
from mfsearch.store.location import home

HOURS = (1, 4, 12, 24)
BOUNDS = (2.0, 1.0, 0.5)
OURS, WITHOUT = "cost_aware", "cost_aware, no scores"
NATS = "nasbench201-"
SAME = {
    "random search, 200 epochs": ("random", "optuna/random", "smac/random", "syne_tune/random", "neps/random", "ax/sobol"),
    "random search, 12 epochs": (
        "random_low",
        "optuna/random_low",
        "smac/random_low",
        "syne_tune/random_low",
        "neps/random_low",
        "ax/sobol_low",
    ),
    "Hyperband, factor 16": ("hyperband:eta=16", "neps/hyperband_eta16"),
}
"""Methods that should be the same one, ours first."""

Runs = Mapping[int, Curve]


@dataclass
class Line:
    """One method on one dataset.

    Attributes:
        at: Hours -> its runs up to there, by seed.
        asks: Median wall seconds of one decision, one a run.
    """

    at: dict[int, Runs]
    asks: list[float]

    @property
    def longest(self) -> int:
        """The longest budget that was run, in hours."""
        return max(self.at)


def benches(folder: Path) -> Iterator[tuple[str, Path]]:
    """Problem as written and folder of every finished bench."""
    for path in sorted(folder.glob("*/runs.parquet")):
        any_print = next(iter(about(read(path))["methods"].values()))
        yield any_print["problem"], path.parent


def collect(folder: Path) -> dict[str, dict[str, Line]]:
    """Dataset -> method -> line."""
    found: dict[str, dict[str, Line]] = {}
    exact: set[tuple[str, str, int]] = set()
    for written, path in benches(folder):
        if not written.startswith(NATS):
            continue
        dataset = written.partition(":")[0].removeprefix(NATS)
        table = read(path / "runs.parquet")
        described = about(table)
        curves = read_curves(table, load_problem(written, home()))
        for method in described["methods"]:
            # A run whose budget paid for nothing has no row, and counts all the same.
            paid = curves.get(method, {})
            runs = {run["seed"]: paid.get(run["seed"], NOTHING) for run in described["runs"] if run["method"] == method}
            budget = round(described["methods"][method]["budget_seconds"] / 3600)
            label = _label(written, method)
            line = found.setdefault(dataset, {}).setdefault(label, Line({}, []))
            for hours in HOURS:
                if hours == budget:
                    exact.add((dataset, label, hours))
                    line.at[hours] = runs
                elif hours < budget and (dataset, label, hours) not in exact and hours not in line.at:
                    line.at[hours] = {seed: curve.until(hours * 3600.0) for seed, curve in runs.items()}
            line.asks += [run["ask_seconds"] for run in described["runs"] if run["method"] == method]
    return found


def _label(written: str, method: str) -> str:
    return WITHOUT if method == OURS and ":" in written else method


def summary(problem: Problem, lines: Mapping[str, Line]) -> list[dict[str, Any]]:
    """One object a method: its figures at every budget, and against `cost_aware`."""
    rows = []
    for method, line in lines.items():
        row: dict[str, Any] = {"method": method, "ask_seconds_median": median(line.asks), "at": {}}
        for hours, runs in sorted(line.at.items()):
            regret = [curve.final for curve in runs.values()]
            whole = all(map(math.isfinite, regret))
            test = oracle_of(problem).test
            answers = [problem.space.parse(curve.answer) for curve in runs.values() if curve.answer]
            ours = [curve.final for curve in lines[OURS].at[hours].values()]
            difference = difference_interval(ours, regret) if whole and method != OURS else None
            row["at"][str(hours)] = {
                "seeds": len(runs),
                "unanswered": sum(not math.isfinite(r) for r in regret),
                "regret_mean": float(np.mean(regret)) if whole else None,
                "regret_se": float(np.std(regret, ddof=1) / math.sqrt(len(regret))) if whole and len(regret) > 1 else None,
                "regret_median": _finite(float(quantile(np.array(regret), 0.5))),
                "test_mean": float(np.mean([test(a) for a in answers])) if test and whole else None,
                "minus_ours": None if difference is None else [difference[0], *difference[1]],
            }
        # All runs are looked at for equally long: the Kaplan-Meier median is then the median with "not reached" as the largest.
        whole_runs = line.at[line.longest].values()
        row["hours"] = line.longest
        row["seconds_to_regret"] = {
            f"{bound:g}": _finite(float(quantile(np.array([c.stays(bound) for c in whole_runs]), 0.5))) for bound in BOUNDS
        }
        row["reached"] = {f"{bound:g}": sum(math.isfinite(c.stays(bound)) for c in whole_runs) for bound in BOUNDS}
        rows.append(row)
    return sorted(rows, key=_rank_at("4"))


def ratios(lines: Mapping[str, Line], bound: float = 0.5) -> list[dict[str, Any]]:
    """How many times sooner the median run of `cost_aware` stays within a bound than that of each peer, the best peer first.

    Looked at for equally long: a peer that had one hour, against the runs of `cost_aware` that had one.
    """
    found = []
    for method, line in lines.items():
        if "/" not in method:
            continue
        ours, theirs = ([curve.stays(bound) for curve in lines[m].at[line.longest].values()] for m in (OURS, method))
        point, (low, high) = median_ratio_interval(ours, theirs)
        if math.isfinite(point):
            found.append({"peer": method, "hours": line.longest, "ratio": point, "interval": [_finite(low), _finite(high)]})
    return sorted(found, key=lambda row: float(row["ratio"]))


def to_markdown(dataset: str, rows: Sequence[Mapping[str, Any]], faster: Sequence[Mapping[str, Any]]) -> str:
    """The table of one dataset, lowest regret first."""
    seeds = sorted({figures["seeds"] for row in rows for figures in row["at"].values()})
    head = ["method", *(f"{hours} h" for hours in HOURS), *(f"test, {hours} h" for hours in HOURS)]
    head += [f"within {bound:g} from" for bound in BOUNDS] + ["one ask"]
    text = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for row in rows:
        cells = [f"`{row['method']}`"]
        figures = [row["at"].get(str(hours)) for hours in HOURS]
        cells += ["" if f is None else _regret(f) for f in figures]
        cells += ["" if f is None or f["test_mean"] is None else f"{f['test_mean']:.2f}" for f in figures]
        for bound in BOUNDS:
            seconds = row["seconds_to_regret"][f"{bound:g}"]
            cells.append(
                "never" if seconds is None and row["hours"] == HOURS[-1] else "" if seconds is None else f"{seconds:,.0f} s"
            )
        cells.append(f"{row['ask_seconds_median']:.3f} s")
        text.append(f"| {' | '.join(cells)} |")
    lines = [f"## {dataset}, {' to '.join(str(n) for n in seeds)} seeds", "", *text, ""]
    for row in faster[:5]:
        low, high = ("never" if end is None else f"{end:.1f}" for end in row["interval"])
        lines.append(
            f"Within 0.5 points `{OURS}` is {row['ratio']:.1f} times sooner than `{row['peer']}` (95% bootstrap [{low}, {high}], "
            f"{row['hours']} h each)."
        )
    behind = [
        f"`{row['method']}` at {hours} h"
        for row in rows
        for hours, figures in row["at"].items()
        if row["method"] not in (OURS, WITHOUT) and figures["minus_ours"] and figures["minus_ours"][1] <= 0
    ]
    lines.append(f"Not shown to be behind `{OURS}`: {', '.join(behind) or 'none'}.")
    return "\n".join(lines) + "\n"


def control(lines: Mapping[str, Line]) -> list[dict[str, Any]]:
    """Methods that should be the same one: mean regret, and its difference from that of ours."""
    rows = []
    for name, methods in SAME.items():
        for method in (method for method in methods if method in lines and methods[0] in lines):
            for hours in sorted(set(lines[method].at) & set(lines[methods[0]].at)):
                own, other = ([curve.final for curve in lines[m].at[hours].values()] for m in (methods[0], method))
                if not all(map(math.isfinite, [*own, *other])):
                    continue
                row: dict[str, Any] = {"control": name, "method": method, "hours": hours, "seeds": len(other)}
                row["regret_mean"] = float(np.mean(other))
                if method != methods[0]:
                    point, ends = difference_interval(own, other)
                    row["minus_ours"] = [point, *ends]
                rows.append(row)
    return rows


def control_markdown(dataset: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """A line a method, a column an hour: mean regret, and the difference from the first of its kind with its interval."""
    text = [
        f"### {dataset}, control",
        "",
        f"| method | {' | '.join(f'{hours} h' for hours in HOURS)} |",
        f"|---|{'---|' * len(HOURS)}",
    ]
    found = {(row["control"], row["method"], row["hours"]): row for row in rows}
    for name, method in dict.fromkeys((row["control"], row["method"]) for row in rows):
        cells = []
        for hours in HOURS:
            row = found.get((name, method, hours))
            cells.append("" if row is None else f"{row['regret_mean']:.2f}{_apart(row)}")
        text.append(f"| {name}: `{method}` | {' | '.join(cells)} |")
    apart = [row for row in rows if "minus_ours" in row and not row["minus_ours"][1] <= 0 <= row["minus_ours"][2]]
    compared = sum("minus_ours" in row for row in rows)
    return "\n".join([*text, "", f"{len(apart)} of {compared} intervals do not hold zero; one in twenty would by chance."]) + "\n"


def _apart(row: Mapping[str, Any]) -> str:
    return (
        ""
        if "minus_ours" not in row
        else f" ({row['minus_ours'][0]:+.2f} [{row['minus_ours'][1]:+.2f}, {row['minus_ours'][2]:+.2f}])"
    )


def elsewhere(name: str, folders: Sequence[tuple[str, Path]]) -> tuple[list[dict[str, Any]], str]:
    """A problem that needs no data of others, with its scores and without: a row a method, lowest median first, and the table."""
    curves: dict[str, Runs] = {}
    asks: dict[str, list[float]] = {}
    for written, path in folders:
        table = read(path / "runs.parquet")
        described = about(table)
        for method, runs in read_curves(table, load_problem(written, home())).items():
            label = _label(written, method)
            curves[label] = runs
            asks[label] = [run["ask_seconds"] for run in described["runs"] if run["method"] == method]
            if label == OURS:
                budget = described["methods"][method]["budget_seconds"]
    ours = [curve.final for curve in curves[OURS].values()]
    rows = []
    for label, runs in curves.items():
        regret = [curve.final for curve in runs.values()]
        within = np.array([curve.stays(0.5) for curve in runs.values()])
        row: dict[str, Any] = {"method": label, "seeds": len(runs), "ask_seconds_median": median(asks[label])}
        row |= {"regret_median": float(quantile(np.array(regret), 0.5)), "regret_mean": float(np.mean(regret))}
        row["regret_sd"] = float(np.std(regret, ddof=1)) if len(regret) > 1 else 0.0
        row["seconds_to_half"] = _finite(float(quantile(within, 0.5)))
        if label != OURS:
            point, ends = difference_interval(ours, regret)
            row["minus_ours"] = [point, *ends]
        rows.append(row)
    rows.sort(key=lambda row: float(row["regret_median"]))
    seeds = max(row["seeds"] for row in rows)
    text = [
        f"## {name}, {budget:,.0f} simulated seconds, {seeds} seeds",
        "",
        "| method | median | mean ± SD | minus ours | within 0.5 from | one ask |",
    ]
    text.append(f"|{'---|' * 6}")
    for row in rows:
        point, low, high = row.get("minus_ours", (0.0, 0.0, 0.0))
        apart = f"{point:+.4f} [{low:+.4f}, {high:+.4f}]" if "minus_ours" in row else ""
        within = "-" if row["seconds_to_half"] is None else f"{row['seconds_to_half']:,.0f} s"
        figures = f"{row['regret_median']:.4f} | {row['regret_mean']:.4f} ± {row['regret_sd']:.4f} | {apart} | {within}"
        text.append(f"| `{row['method']}` | {figures} | {row['ask_seconds_median']:.3f} s |")
    return rows, "\n".join(text) + "\n"


def best_of_each(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The lines of the plot: ours, and of every library the method with the lowest regret after half of the longest time."""
    first: dict[str, str] = {}
    for row in sorted(rows, key=_rank_at("12")):
        first.setdefault(row["method"].partition("/")[0] if "/" in row["method"] else row["method"], row["method"])
    return [method for method in first.values() if "/" in method or method in (OURS, WITHOUT)]


def _rank_at(hours: str) -> Callable[[Mapping[str, Any]], float]:
    def rank(row: Mapping[str, Any]) -> float:
        regret: float | None = row["at"].get(hours, {}).get("regret_mean")
        return math.inf if regret is None else regret

    return rank


def _regret(figures: Mapping[str, Any]) -> str:
    if figures["regret_mean"] is None:
        return f"{figures['unanswered']} without"
    return f"{figures['regret_mean']:.3f} ({figures['regret_se'] or 0.0:.3f})"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    everything: dict[str, Any] = {}
    text = []
    for dataset, lines in collect(folder).items():
        problem = load_problem(NATS + dataset, home())
        rows, same = summary(problem, lines), control(lines)
        faster = ratios(lines)
        everything[dataset] = {"methods": rows, "sooner": faster, "control": same}
        text += [to_markdown(dataset, rows, faster), control_markdown(dataset, same)]
        hours = lines[OURS].longest
        lasting = [row for row in rows if hours in lines[row["method"]].at]
        chosen = {method: lines[method].at[hours] for method in best_of_each(lasting)}
        target = folder / f"plot-{dataset}"
        target.mkdir(exist_ok=True)
        draw(target, problem, NATS + dataset, chosen, hours * 3600.0)
    others: dict[str, list[tuple[str, Path]]] = {}
    for written, path in benches(folder):
        if not written.startswith(NATS):
            others.setdefault(written.partition(":")[0], []).append((written, path))
    for name, folders in others.items():
        everything[name], table = elsewhere(name, folders)
        text.append(table)
    (folder / "summary.json").write_text(json.dumps(everything, indent=1, allow_nan=False) + "\n")
    (folder / "table.md").write_text("\n".join(text))
    print("\n".join(text))


if __name__ == "__main__":
    main()
