"""Learning rates against torch's own schedulers, and against the definition."""

import pytest
import torch

from mfsearch.distillation.schedule import SCHEDULES, rate


def torchs(scheduler, steps, **options):
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = scheduler(optimiser, **options)
    rates = []
    for _ in range(steps):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        schedule.step()
    return rates


def test_cosine_is_torchs():
    expected = torchs(torch.optim.lr_scheduler.CosineAnnealingLR, 20, T_max=20)
    assert [rate("cosine", step, 20) for step in range(20)] == pytest.approx(expected)


def test_warmup_rises_in_a_straight_line_and_ends_at_one():
    for schedule in SCHEDULES:
        rates = [rate(schedule, step, 40, warmup=0.25) for step in range(40)]
        assert rates[:9] == pytest.approx([(step + 1) / 10 for step in range(9)])
        assert rates[10] == 1.0 and max(rates) == 1.0 and min(rates) > 0


def test_wsd_stays_and_falls_to_nothing():
    rates = [rate("wsd", step, 50, decay=0.2) for step in range(50)]
    assert rates[:41] == [1.0] * 41
    assert rates[40:] == pytest.approx([(50 - step) / 10 for step in range(40, 50)])
    assert [rate("wsd", step, 5, decay=0.0) for step in range(5)] == [1.0] * 5


def test_until_it_decays_a_run_is_the_beginning_of_a_longer_one():
    """What lets a higher rung go on from a lower one; a cosine of another length differs from its second step on."""
    short, long = ([rate("wsd", step, steps, decay=0.2) for step in range(40)] for steps in (50, 500))
    assert short == long
    assert rate("cosine", 5, 50) != rate("cosine", 5, 500)
