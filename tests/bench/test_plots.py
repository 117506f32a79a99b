from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mfsearch.bench.curves import NOTHING, Curve
from mfsearch.bench.plots import draw
from mfsearch.problems.base import Problem

FALLS = {s: Curve(np.array([60.0, 600.0 + s, 3600.0]), np.array([np.inf, 2.0 + s, 0.0]), (None, "a", "b")) for s in range(3)}


def test_a_picture_in_two_formats(tmp_path: Path, problem: Problem):
    svg, png = draw(tmp_path, problem, "branin", {"cost_aware": FALLS, "random": {0: NOTHING, 1: FALLS[1]}}, 7200.0)
    assert png.read_bytes().startswith(b"\x89PNG")
    text = svg.read_text()
    assert text.startswith("<?xml") and "</svg>" in text


def test_the_same_runs_give_the_same_picture(tmp_path: Path, problem: Problem):
    first, _ = draw(tmp_path, problem, "branin", {"cost_aware": FALLS}, 7200.0)
    before = first.read_bytes()
    again, _ = draw(tmp_path, problem, "branin", {"cost_aware": FALLS}, 7200.0)
    assert again.read_bytes() == before


@pytest.mark.parametrize("curve", [NOTHING, Curve(np.array([5.0]), np.array([0.0]), ("a",))], ids=["no answer", "no regret"])
def test_there_may_be_nothing_to_draw(tmp_path: Path, problem: Problem, curve: Curve):
    assert all(path.exists() for path in draw(tmp_path, problem, "branin", {"random": {0: curve}}, 10.0))


def test_many_methods_have_room(tmp_path: Path, problem: Problem):
    """Warnings are errors: a legend that leaves no room for the axes would be one."""
    curves = {f"some_library/{'long_' * 4}{i}": FALLS for i in range(40)}
    assert all(path.exists() for path in draw(tmp_path, problem, "branin", curves, 7200.0))
