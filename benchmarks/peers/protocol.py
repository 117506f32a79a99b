"""What every adapter shares: JSON lines with `mfsearch bench`, which keeps the ledger, the cache and the recommendation.

An adapter is the program `<library>/adapter.py`, run by the Python of the library's own environment. It reads one start line and
then asks for one evaluation after the other; the bench answers each with its value, or ends the run when the budget is spent.
This file uses the standard library alone: the environments are other people's.

    in   {"start": {"method": "tpe", "parameters": [...], "resources": [12, 200], "seconds": [110.0, 1800.0], "seed": 1000,
                    "budget": 14400.0}}
    out  {"ready": {"library": "optuna", "version": "4.5.0"}}
    out  {"evaluate": {"config": {"edge_0": "none", ...}, "rung": 0}}
    in   {"result": {"value": 84.2, "seconds": 112.3, "repeat": false}}
    out  {"done": "why the library has nothing more to ask"}      (or an end of the stream from the bench: the budget is spent)
"""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TextIO


@dataclass(frozen=True)
class Parameter:
    """One axis of the search space.

    Attributes:
        name: Its name in a config.
        choices: Values of an unordered choice; None for a number.
        low: Lower bound of a number.
        high: Upper bound of a number.
    """

    name: str
    choices: Sequence[str] | None = None
    low: float = 0.0
    high: float = 1.0


@dataclass(frozen=True)
class Result:
    """What an evaluation gave.

    Attributes:
        value: What is maximised (accuracy in percent; minus the function on synthetic problems).
        seconds: Device seconds charged: 0 for a repeat, which is answered from the cache.
        repeat: Whether this architecture, or one that computes the same, was evaluated on this rung before.
    """

    value: float
    seconds: float
    repeat: bool


class Problem:
    """What a method is given: no more than a user of the library would know.

    Attributes:
        parameters: The space.
        resources: One a rung, rising, in the natural unit (epochs; for other ladders the rungs' costs).
        seconds: Mean device seconds of one evaluation, one a rung.
        seed: Seed of everything random.
        budget: Device seconds of the run.
        spent: Device seconds charged so far.
    """

    def __init__(self, start: Mapping[str, Any], lines: TextIO, out: TextIO) -> None:
        self.parameters: list[Parameter] = [Parameter(**entry) for entry in start["parameters"]]
        self.resources: list[float] = list(start["resources"])
        self.seconds: list[float] = list(start["seconds"])
        self.seed: int = start["seed"]
        self.budget: float = start["budget"]
        self.spent = 0.0
        self._lines, self._out = lines, out

    def evaluate(self, config: Mapping[str, Any], rung: int = -1) -> Result:
        """One evaluation on a rung (the target by default). Ends the process when the budget is spent."""
        known = {name: config[name] for name in (p.name for p in self.parameters)}
        plain = {name: str(v) if isinstance(v, str) else float(v) for name, v in known.items()}
        say(self._out, {"evaluate": {"config": plain, "rung": rung % len(self.resources)}})
        line = self._lines.readline()
        if not line:
            stop()
        result = Result(**json.loads(line)["result"])
        self.spent += result.seconds
        return result

    def rung(self, resource: float) -> int:
        """The rung nearest to a resource, as ratios go."""
        return min(range(len(self.resources)), key=lambda i: abs(math.log(self.resources[i] / resource)))

    def spacing(self) -> int:
        """The whole number that divides the target's resource down to the lowest rung in as many steps as the ladder has.

        16 for 12 and 200: 200 / 16 = 12.5, which libraries that cut to whole epochs take for 12.
        """
        steps = max(1, len(self.resources) - 1)
        return max(2, math.floor((self.resources[-1] / self.resources[0]) ** (1 / steps) + 1e-9))


def say(out: TextIO, message: Mapping[str, Any]) -> None:
    """One line."""
    out.write(json.dumps(message) + "\n")
    out.flush()


def stop() -> NoReturn:
    """End the process at once: libraries catch exceptions, and have threads that wait."""
    sys.stderr.flush()
    os._exit(0)


def main(library: str, version: str, methods: dict[str, Callable[[Problem], str | None]]) -> None:
    """Serve one run: each method drives its library, calls `problem.evaluate`, and returns why it ends, if it does."""
    # The library may print: what it says must not mix with the protocol.
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    first = sys.stdin.readline()
    if not first:
        say(out, {"methods": sorted(methods)})
        return
    start = json.loads(first)["start"]
    if start["method"] not in methods:
        say(out, {"error": f"{library} has no method {start['method']!r}; it has {', '.join(sorted(methods))}."})
        return
    say(out, {"ready": {"library": library, "version": version}})
    problem = Problem(start, sys.stdin, out)
    why = methods[start["method"]](problem)
    say(out, {"done": why or "the library ended"})
    stop()
