"""The number of threads within and afterwards."""

from __future__ import annotations

import pytest
import torch

from mfsearch.surrogate.threads import one_thread


def test_one_thread_within_and_as_before_afterwards() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with pytest.raises(RuntimeError, match="passed on"), one_thread():
            assert torch.get_num_threads() == 1
            raise RuntimeError("passed on")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
