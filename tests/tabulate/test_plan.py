from __future__ import annotations

import pytest

from mfsearch.errors import ConfigError
from mfsearch.spaces.box import BoxSpace
from mfsearch.spaces.nasbench201 import NASBench201Space
from mfsearch.spaces.table import TableSpace
from mfsearch.tabulate.plan import around, sampled

SPACE = NASBench201Space()


def test_a_sample_is_distinct_and_begins_a_larger_one():
    few, many = sampled(SPACE, 50, 3), sampled(SPACE, 400, 3)
    assert many[:50] == few and len({a.key for a in many}) == 400
    assert sampled(SPACE, 50, 4) != few
    line = BoxSpace("line", {"x": (0.0, 1.0)})
    assert sampled(line, 300, 0)[:20] == sampled(line, 20, 0)


def test_all_there_is_can_be_asked_for_and_no_more():
    table = TableSpace("t", {str(i): (float(i),) for i in range(9)})
    assert {a.key for a in sampled(table, 9, 0)} == {str(i) for i in range(9)}
    with pytest.raises(ConfigError, match="at most 9, which is all there are; got 10"):
        sampled(table, 10, 0)


def test_around_the_best_lie_their_neighbours():
    best = sampled(SPACE, 2, 0)
    known = {SPACE.neighbours(best[0])[0].key}
    found = around(SPACE, best, known)
    every = {n.key for a in best for n in SPACE.neighbours(a)}
    assert {a.key for a in found} == every - known and len(found) == len(every) - 1
    assert found[0] == SPACE.neighbours(best[0])[1]
