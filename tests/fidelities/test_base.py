from __future__ import annotations

import math
import pickle
from pathlib import Path

import pytest

from mfsearch.errors import LimitReachedError
from mfsearch.fidelities.base import AbstractEvaluation, AbstractScore, Context
from mfsearch.records import Measurement, Scores


class Depth(AbstractScore):
    name = "depth"
    signal = "depth"

    @property
    def columns(self):
        return ("depth", "width")

    def expected_cost(self, architecture):
        return 0.0

    def score(self, architectures, context):
        return Scores(self.columns, tuple((1.0, None) for _ in architectures), 0.0)


class Full(AbstractEvaluation):
    name = "full"
    signal = "val_accuracy"

    def expected_cost(self, architecture):
        return 1.0

    def evaluate(self, architecture, context):
        return Measurement({"val_accuracy": 50.0})


def test_check_stops_after_the_limit_and_says_both_figures(tmp_path: Path):
    seconds = 0.0
    context = Context(seed=0, limit=2.0, workdir=tmp_path, elapsed=lambda: seconds)
    seconds = 2.0
    context.check()  # the limit itself may be used up
    seconds = 2.25
    with pytest.raises(LimitReachedError) as caught:
        context.check()
    assert str(caught.value) == "stopped after 2.2 s: the limit was 2.0 s."


def test_a_context_brings_its_own_stopwatch(tmp_path: Path):
    context = Context(seed=0, limit=math.inf, workdir=tmp_path)
    first, second = context.elapsed(), context.elapsed()
    assert 0 <= first <= second < 60
    context.check()
    context.progress(0.5, "half way")


def test_kinds_and_roles_follow_from_the_base():
    assert (Depth().kind, Depth().role, Full().kind, Full().role) == ("score", "input", "evaluation", "level")


def test_a_score_trusts_no_column_and_needs_no_resource_unless_it_says_so():
    assert Depth().trusted == (False, False)
    assert Depth().resources == Full().resources == ()


def test_a_fidelity_travels_between_processes():
    assert pickle.loads(pickle.dumps(Full())).name == "full"


@pytest.mark.parametrize("base", [AbstractScore, AbstractEvaluation])
def test_a_half_written_fidelity_cannot_be_made(base):
    with pytest.raises(TypeError, match="abstract"):
        type("Half", (base,), {"name": "half", "signal": "x"})()
