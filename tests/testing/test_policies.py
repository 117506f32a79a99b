"""Every registered policy under the policy contract."""

from __future__ import annotations

import pytest

from mfsearch.allocation import POLICIES
from mfsearch.allocation.base import AbstractPolicy
from mfsearch.testing.policies import PolicyContract


@pytest.mark.parametrize("name", POLICIES)
class TestEveryPolicy(PolicyContract):
    @pytest.fixture(autouse=True)
    def _named(self, name: str) -> None:
        self.name = name

    def make(self) -> AbstractPolicy:
        return POLICIES[self.name]()
