"""Every registered policy under the policy contract."""

from __future__ import annotations

from typing import Any

import pytest

from mfsearch.allocation import POLICIES
from mfsearch.allocation.base import AbstractPolicy
from mfsearch.testing.policies import PolicyContract

# Smaller than the defaults where these would take minutes: the contract is the same.
OPTIONS: dict[str, dict[str, Any]] = {
    "botorch_mes": {"pool": 100, "candidates": 10, "low": 60, "high": 6},
    "mfasc": {"candidates": 100},
}


@pytest.mark.parametrize("name", POLICIES)
class TestEveryPolicy(PolicyContract):
    @pytest.fixture(autouse=True)
    def _named(self, name: str) -> None:
        self.name = name

    def make(self) -> AbstractPolicy:
        return POLICIES[self.name](**OPTIONS.get(self.name, {}))
