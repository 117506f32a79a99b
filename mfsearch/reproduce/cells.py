"""Searches among the cells that have NST runs: `mfsearch reproduce mfkd search cells`.

MF-KD as published (Trofimov et al., 2020): an epoch of NST below twelve plain ones, a random warm-up of 100 and 20 runs,
co-kriging, the upper confidence bound on the twelve; 200 epochs only to report. Beside it MF-ASC, random search, and
`cost_aware` on ladders with NST rungs and without, up to 200 epochs.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from mfsearch.bench.curves import Curve
from mfsearch.bench.methods import parse_methods
from mfsearch.bench.run import run
from mfsearch.problems.base import Problem
from mfsearch.problems.mfkd import nst240
from mfsearch.reproduce.agreement import Interval, paired_difference
from mfsearch.reproduce.trials import Result, Trial
from mfsearch.study import Rule

HOURS: Final = 24.0
"""Budget of every search, simulated."""
WITHIN: Final = 0.2
"""Points of regret that are to be reached."""
SETTINGS: Final = ("table", "own")
"""Seconds of NST runs: 1.5 of the table's an epoch, or those of their own GPU."""


@dataclass(frozen=True)
class Contender:
    """Who searches.

    Attributes:
        rungs: Of the ladder; where the last is no run of 200 epochs, these are never made.
        method: As `mfsearch bench` names it.
        rule: `evaluated` for what is published, which answers with the best that was seen on its last rung.
    """

    rungs: tuple[str, ...]
    method: str
    rule: Rule


CONTENDERS: Final[dict[str, Contender]] = {
    "MF-KD as published": Contender(("nst1", "e12"), "mfkd_published", "evaluated"),
    "MF-ASC": Contender(("nst1", "e12"), "mfasc_published", "evaluated"),
    "random, 12 epochs": Contender(("e12",), "random", "evaluated"),
    "random, 200 epochs": Contender(("e200",), "random", "evaluated"),
    "cost_aware without NST": Contender(("e12", "e200"), "cost_aware", "predicted"),
    "cost_aware with NST": Contender(("nst1", "nst3", "nst12", "e12", "e200"), "cost_aware", "predicted"),
}
REFERENCE: Final = "cost_aware without NST"


def trial(given: Trial) -> Result:
    """One search: `regret` after 200 epochs (points of validation accuracy) of its answer, at every moment when that changes."""
    contender = CONTENDERS[given.contender]
    problem = _problem(given.home, contender.rungs, "own" if given.setting == "own" else "table")
    (method,) = parse_methods(contender.method)
    rows = run(problem, method, given.seed, HOURS * 3600, contender.rule).rows
    oracle = problem.oracle
    assert oracle is not None
    spent, steps, answer = 0.0, [], None
    for row in rows:
        spent += row.seconds
        if row.recommended is not None and row.recommended != answer:
            answer = row.recommended
            steps.append([spent, oracle.regret(problem.space.parse(answer))])
    return {"regret": steps, "spent": spent}


@functools.cache
def _problem(home: str, rungs: tuple[str, ...], seconds: Literal["table", "own"]) -> Problem:
    """The cells with these rungs, judged by what they reach after 200 epochs whatever the last rung is."""
    whole = nst240(Path(home), ("nst1", "e200"), seconds=seconds)
    return replace(nst240(Path(home), rungs, seconds=seconds), oracle=whole.oracle)


def trials(home: Path, seeds: Sequence[int]) -> list[Trial]:
    """Every setting and contender, seed by seed; what the seconds of NST runs do not touch is run once.

    Raises:
        DataError: If a table was not imported.
    """
    for contender in CONTENDERS.values():
        _problem(str(home), contender.rungs, "table")
    wanted = [(s, name) for s in SETTINGS for name, own in CONTENDERS.items() if s == "table" or own.rungs[0].startswith("nst")]
    return [Trial(str(home), setting, name, seed) for seed in seeds for setting, name in wanted]


@dataclass(frozen=True)
class Line:
    """What the searches of a contender come to.

    Attributes:
        setting: One of `SETTINGS`.
        contender: One of `CONTENDERS`.
        seconds: Of every search, from which its regret stays within 0.2 points; the whole budget where it does not.
        never: How many do not.
        final: Regret of every search at the end, points.
        sooner: Mean of the seconds of `cost_aware` without NST less its own, with a 95% interval, paired by seed.
    """

    setting: str
    contender: str
    seconds: tuple[float, ...]
    never: int
    final: tuple[float, ...]
    sooner: Interval | None

    def to_json(self) -> dict[str, Any]:
        """Means, standard deviations and medians."""
        seconds, final = np.array(self.seconds), np.array(self.final)
        several = len(final) > 1
        return {
            "setting": self.setting,
            "contender": self.contender,
            "searches": len(final),
            "seconds_mean": float(seconds.mean()),
            "seconds_median": float(np.median(seconds)),
            "never": self.never,
            "regret_mean": float(final.mean()),
            "regret_std": float(final.std(ddof=1)) if several else None,
            "sooner": None if self.sooner is None else self.sooner.to_json(),
        }


def summarise(results: Sequence[Result], seed: int = 0) -> list[Line]:
    """A line for each setting and contender that was run."""
    found: dict[tuple[str, str], dict[int, Curve]] = {}
    for result in results:
        moments = np.array(result["regret"], dtype=np.float64).reshape(-1, 2)
        curve = Curve(moments[:, 0], moments[:, 1], ())
        found.setdefault((result["setting"], result["contender"]), {})[result["seed"]] = curve
    budget = HOURS * 3600
    reached = {key: {s: min(curve.stays(WITHIN), budget) for s, curve in runs.items()} for key, runs in found.items()}
    lines = []
    for (setting, name), runs in found.items():
        own = reached[setting, name]
        reference = reached["table", REFERENCE]
        sooner = None if name == REFERENCE else paired_difference([reference[s] for s in own], list(own.values()), seed)
        never = sum(seconds == budget for seconds in own.values())
        lines.append(Line(setting, name, tuple(own.values()), never, tuple(curve.final for curve in runs.values()), sooner))
    return lines


def to_markdown(lines: Sequence[Line]) -> str:
    """A table for each setting, with what they are."""
    texts = [
        "## Cells of NAS-Bench-201 with NST runs, CIFAR-100",
        "",
        f"{len(lines[0].final)} searches of {HOURS:g} simulated hours each. Regret: validation accuracy after 200 epochs of the best cell of "
        f"the pool, less that of the answer, in points. *Within {WITHIN}*: seconds from which the regret stays there, the whole budget "
        f"where it does not (*never*). *Sooner* is the mean of `{REFERENCE}` less its own, with a 95% bootstrap interval, paired by seed. What "
        "is published answers with the best cell that it saw after twelve epochs; `cost_aware` with the best posterior mean.",
        "",
    ]
    said = {
        "table": "Seconds of NST are 1.5 of the table's an epoch:",
        "own": "Seconds of NST are those of their own GPU (raw; another one than the table's):",
    }
    for setting in SETTINGS:
        texts += [
            said[setting],
            "",
            f"| contender | within {WITHIN}, mean | median | never | sooner | regret at the end (standard deviation) |",
            "|---|---|---|---|---|---|",
        ]
        for line in (own for own in lines if own.setting == setting):
            figures = line.to_json()
            spread = "" if figures["regret_std"] is None else f" ({figures['regret_std']:.3f})"
            sooner = "" if line.sooner is None else line.sooner.shown("+,.0f", "+,.0f")
            texts.append(
                f"| {line.contender} | {figures['seconds_mean']:,.0f} | {figures['seconds_median']:,.0f} | {line.never} of {len(line.final)} "
                f"| {sooner} | {figures['regret_mean']:.3f}{spread} |"
            )
        texts.append("")
    return "\n".join(texts)
