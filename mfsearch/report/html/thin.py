"""Which points of a large study are drawn: a browser on a phone draws some thousands, and no reader tells more apart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from mfsearch.report.html.text import counted

MOST: Final = 1000
"""Points of one rung that a chart draws."""


def thinned(count: int, keep: Iterable[int] = (), most: int = MOST) -> list[int]:
    """Places of the points to draw, ascending: all of them where there are few.

    Args:
        count: How many points there are.
        keep: Places that are drawn in any case, first come first kept.
        most: How many may be drawn.

    Returns:
        At most `most` places: those to keep, the first and the last, and others evenly spaced.
    """
    if count <= most:
        return list(range(count))
    chosen = dict.fromkeys([*(place for place in keep if 0 <= place < count), 0, count - 1])
    chosen = dict.fromkeys(list(chosen)[:most])
    rest = [place for place in range(count) if place not in chosen]
    more = most - len(chosen)
    spaced = ((np.arange(more) + 0.5) * len(rest) / max(1, more)).astype(int)
    return sorted([*chosen, *(rest[i] for i in spaced.tolist())])


def said(shown: int, all_of_them: int, what: str = "evaluation", best: bool = False) -> str:
    """The sentence that says how many are drawn; empty where all are.

    Args:
        shown: How many are drawn.
        all_of_them: How many there are.
        what: What they are, one of them.
        best: Whether the best are among those drawn.
    """
    if shown >= all_of_them:
        return ""
    which = "the best, and others evenly spaced" if best else "evenly spaced"
    return f"{shown:,} of {counted(all_of_them, what)} drawn: {which}. All are counted."
