"""Zero-cost proxies as a rung."""

from __future__ import annotations

import math
import pickle
from pathlib import Path

import pytest

from mfsearch.errors import ConfigError, LimitReachedError
from mfsearch.fidelities.base import Context
from mfsearch.fidelities.live import LiveTask
from mfsearch.fidelities.zero_cost import ZeroCost
from mfsearch.problems.digits import digits
from mfsearch.spaces.nasbench201 import NASBench201Space

SPACE = NASBench201Space()
GOOD = SPACE.parse("|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|")
POOR = SPACE.parse("|avg_pool_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_1x1~2|")
CUT_OFF = SPACE.parse("|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|none~0|none~1|none~2|")


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> LiveTask:
    problem = digits(tmp_path_factory.mktemp("home"), train=64, epochs=3, val=100, test=100)
    rung = problem.ladder["proxies"]
    assert isinstance(rung, ZeroCost)
    return rung.live


def context(folder: Path, limit: float = math.inf) -> Context:
    return Context(0, limit, folder)


def test_scores_rank_and_repeat(live: LiveTask, tmp_path: Path) -> None:
    rung = ZeroCost("proxies", ["params", "synflow", "nwot"], live)
    first, again = rung.score([GOOD, POOR], context(tmp_path)), rung.score([POOR, GOOD], context(tmp_path))
    assert first.columns == ("params", "synflow", "nwot")
    assert first.values[0] == again.values[1]  # neither the order nor the company matters
    good, poor = first.values
    assert all(a is not None and b is not None and a > b for a, b in zip(good, poor, strict=True))
    assert first.seconds > 0


def test_a_wider_teacher_is_compared_with_in_the_students_skeleton(live: LiveTask, tmp_path: Path) -> None:
    """The teacher's cell is its own nearest student, and any other is further away."""
    assert live.teacher_recipe.channels == 16 and live.task.network["channels"] == 8
    assert live.teacher_recipe.operations == GOOD.genotype
    own, poor = ZeroCost("diswot", ["diswot"], live).score([GOOD, POOR], context(tmp_path)).values
    assert own[0] == pytest.approx(0.0, abs=1e-6) and poor[0] is not None and poor[0] < -1e-3


def test_closed_forms_are_those_of_the_network(live: LiveTask, tmp_path: Path) -> None:
    rung = ZeroCost("free", ["params", "flops"], live)
    scores = rung.score([GOOD], context(tmp_path))
    network = SPACE.build(GOOD, live.task)
    assert scores.values[0][0] == sum(p.numel() for p in network.parameters() if p.requires_grad)
    assert (scores.seconds, rung.expected_cost(GOOD)) == (0.0, 0.0)


def test_undefined_scores_are_missing_not_nan(live: LiveTask, tmp_path: Path) -> None:
    row = ZeroCost("proxies", ["params", "synflow", "nwot", "grad_norm"], live).score([CUT_OFF], context(tmp_path)).values[0]
    assert all(figure is None or math.isfinite(figure) for figure in row)
    assert row[0] is not None
    assert row[1] is None


def test_price_trust_and_limit(live: LiveTask, tmp_path: Path) -> None:
    rung = ZeroCost("proxies", ["params", "synflow", "snip"], live, seconds_per_proxy=0.01)
    assert rung.expected_cost(GOOD) == pytest.approx(0.02)
    assert rung.trusted == (True, True, False)
    with pytest.raises(LimitReachedError):
        rung.score([GOOD] * 50, context(tmp_path, limit=0.0))


def test_it_can_be_sent_to_another_process(live: LiveTask, tmp_path: Path) -> None:
    rung = ZeroCost("proxies", ["params", "synflow"], live)
    copy = pickle.loads(pickle.dumps(rung))
    assert copy.score([GOOD], context(tmp_path)).values == rung.score([GOOD], context(tmp_path)).values


@pytest.mark.parametrize(
    ("proxies", "wrong"),
    [([], "got none"), (["params", "magic"], "got magic"), (["params", "params"], "each once; got params, params")],
)
def test_names_are_checked(live: LiveTask, proxies: list[str], wrong: str) -> None:
    with pytest.raises(ConfigError, match=wrong):
        ZeroCost("proxies", proxies, live)
