from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from mfsearch.report.html.thin import MOST, said, thinned


@given(st.integers(0, 5000), st.lists(st.integers(-3, 5005), max_size=60), st.integers(2, 300))
def test_at_most_so_many_with_those_to_keep_first_and_last(count: int, keep: list[int], most: int):
    places = thinned(count, keep, most)
    assert places == sorted(set(places)) and all(0 <= place < count for place in places)
    assert len(places) == min(count, most)
    wanted = list(dict.fromkeys([*(k for k in keep if 0 <= k < count), *((0, count - 1) if count else ())]))
    assert set(wanted[:most]) <= set(places)


def test_the_others_are_evenly_spaced():
    places = thinned(100_000)
    gaps = [b - a for a, b in itertools.pairwise(places)][1:-1]
    assert len(places) == MOST and max(gaps) - min(gaps) <= 2


def test_what_is_left_out_is_said():
    assert said(10, 10) == ""
    assert said(10, 20_000) == "10 of 20,000 evaluations drawn: evenly spaced. All are counted."
    assert (
        said(1, 2, "architecture", best=True)
        == "1 of 2 architectures drawn: the best, and others evenly spaced. All are counted."
    )
