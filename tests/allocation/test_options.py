"""Options are named in the error."""

from __future__ import annotations

import math

import pytest

from mfsearch.allocation.options import a_share, at_least
from mfsearch.errors import ConfigError


def test_counts() -> None:
    at_least("walk", 1, steps=1, legs=2.5)
    for wrong in (0, math.nan):
        with pytest.raises(ConfigError, match=f"policy walk: legs must be 1 or more; got {wrong}."):
            at_least("walk", 1, steps=3, legs=wrong)


def test_shares() -> None:
    a_share("walk", half=0.5, all=1.0, unset=None)
    for wrong in (0.0, 1.5, -1.0, math.nan):
        with pytest.raises(ConfigError, match="policy walk: half must be above 0 and at most 1; got"):
            a_share("walk", half=wrong)
