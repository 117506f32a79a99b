from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from mfsearch.proxies import PROXIES
from mfsearch.proxies.scoring import score


def scores(case: Any, names: list[str], seed: int = 0) -> dict[str, float | None]:
    return dict(score(case.fresh, [PROXIES[name] for name in names], case.images, case.labels, seed, case.teacher()))


def test_scores_are_those_of_the_proxies_alone(case: Any) -> None:
    together = scores(case, list(PROXIES))
    for name, proxy in PROXIES.items():
        assert together[name] == pytest.approx(proxy.compute(case.probe()), rel=1e-6), name


def test_order_and_company_do_not_matter(case: Any) -> None:
    assert scores(case, list(PROXIES)) == scores(case, list(reversed(PROXIES)))
    assert scores(case, ["jacov"])["jacov"] == scores(case, list(PROXIES))["jacov"]


def test_the_seed_decides(case: Any) -> None:
    assert scores(case, ["synflow", "nwot"], seed=5) == scores(case, ["synflow", "nwot"], seed=5)
    assert scores(case, ["synflow"], seed=5) != scores(case, ["synflow"], seed=6)


def test_global_generator_is_put_back(case: Any) -> None:
    before = torch.random.get_rng_state()
    scores(case, ["synflow"])
    assert torch.equal(before, torch.random.get_rng_state())


def test_undefined_scores_are_missing(disconnected: Any) -> None:
    found = scores(disconnected, list(PROXIES))
    assert {name for name, figure in found.items() if figure is not None} == {"params", "flops", "l2_norm"}
    assert found["params"] is not None and math.isfinite(found["params"])


def test_without_a_teacher_there_is_nothing_to_compare_with(case: Any) -> None:
    assert score(case.network, [PROXIES["diswot"]], case.images, case.labels, 0) == {"diswot": None}
