"""How the learning rate goes over a training run."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

Schedule: TypeAlias = Literal["cosine", "wsd"]
SCHEDULES: tuple[Schedule, ...] = ("cosine", "wsd")


def rate(schedule: Schedule, step: int, steps: int, warmup: float = 0.0, decay: float = 0.2) -> float:
    """The factor of the learning rate at a step.

    Sources: Loshchilov and Hutter, ICLR 2017 (one half cosine); Hu et al., arXiv 2404.06395 (warm-up, stable, decay: until it decays, a
    run is the beginning of any longer one).

    Args:
        schedule: `cosine` falls to 0 along half a cosine, `wsd` stays at 1 and falls to 0 in a straight line at the end.
        step: 0 for the first.
        steps: Number of steps of the run.
        warmup: Share of the steps over which the rate rises in a straight line.
        decay: For `wsd`, share of the steps over which it falls.

    Returns:
        Between 0 and 1; above 0 at every step.
    """
    rising = warmup * steps
    if step + 1 < rising:
        return (step + 1) / rising
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * max(0.0, step - rising) / (steps - rising)))
    falling = decay * steps
    return min(1.0, (steps - step) / falling) if falling > 0 else 1.0
