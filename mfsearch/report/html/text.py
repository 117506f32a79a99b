"""Words and figures for a page: escaped, shortened, with their units."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from mfsearch.records import Objective

LONGEST = 160
"""Characters of an outside string that a hover text or a table shows."""

_WRAP = 64
_SPELLED = {"val": "validation", "acc": "accuracy"}


def shortened(value: object, most: int = LONGEST) -> str:
    """Any text on one line, of at most so many characters."""
    line = " ".join(str(value).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def safe(value: object, most: int | None = None) -> str:
    """Any text so that HTML shows it as it is; shortened where a length is given."""
    return escape(str(value) if most is None else shortened(value, most))


def drawn(value: object, most: int = LONGEST) -> str:
    """Any text so that a chart shows it as it is: charts read a few tags and entities, but no quotes."""
    return escape(shortened(value, most), quote=False)


def hover(lines: Mapping[str, object]) -> str:
    """A hover text: a line for each label with its text, long ones wrapped; an empty label stands for none, empty texts are left out."""
    shown = []
    for label, value in lines.items():
        if value in ("", None):
            continue
        text = shortened(f"{label}: {value}" if label else value, 2 * LONGEST)
        shown += [escape(part, quote=False) for part in textwrap.wrap(text, _WRAP)]
    return "<br>".join(shown)


def signal_words(signal: str) -> str:
    """The name of a measured figure in words: `-val_accuracy` is validation accuracy."""
    return " ".join(_SPELLED.get(word, word) for word in shortened(signal.removeprefix("-"), 40).split("_"))


def axis_words(objective: Objective, signal: str) -> str:
    """The title of an axis for a figure, escaped, with its unit where one is known: the objective's, and that of other accuracies beside one."""
    name = signal.removeprefix("-")
    same = name == objective.signal or (name.endswith("accuracy") and objective.signal.endswith("accuracy"))
    unit = objective.unit if same else "none"
    return drawn(signal_words(signal)) + {"percent": " (%)", "fraction": " (fraction)"}.get(unit, "")


@dataclass(frozen=True, slots=True)
class Clock:
    """A unit of device time.

    Attributes:
        seconds: How many seconds one of it has.
        name: `seconds`, `minutes` or `hours`.
    """

    seconds: float
    name: str

    def __call__(self, seconds: float) -> float:
        """Device seconds in this unit."""
        return seconds / self.seconds

    def axis(self, what: str) -> str:
        """The title of an axis."""
        return f"{what} ({self.name})"


def clock_for(seconds: float) -> Clock:
    """The unit in which so many device seconds read well."""
    if seconds < 600:
        return Clock(1.0, "seconds")
    return Clock(60.0, "minutes") if seconds < 7200 else Clock(3600.0, "hours")


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun: `1 evaluation`, `20,000 evaluations`."""
    noun, _, rest = one.partition(" ")  # the first word is the one that has a plural: evaluations at kd
    return f"{number:,} {one if number == 1 else many or f'{noun}s {rest}'.rstrip()}"
